"""``GET /v1/states``: what the inverter said of itself (``running_state``), and from when to when.

From the readings, so it is for some days at a time. A time without readings is in none of them.
"""

from flask import Blueprint, Response, current_app

from edge_lib.shared.timestamps import format_ts
from server.api import query_args
from server.api.responses import json_answer

blueprint = Blueprint("states", __name__)
MOST_DAYS = 8


@blueprint.get("/v1/states")
def states() -> Response:
    """Return the states from ``from`` on and before ``to``: times, or local dates.

    Raises:
        Refused: 401, 403; 422 no such range, or more than 8 days.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("from", "to")
    database = current_app.extensions["db"]
    zone = query_args.house_zone(database, device_id)
    first, end = query_args.local_range(zone, MOST_DAYS)
    rows = database.rows("states-list", {"device_id": device_id, "first": first, "end": end})
    found = [
        {
            "state": row["state"],
            "start": format_ts(row["from_ts"]),
            "end": format_ts(row["to_ts"]),
            "duration_s": (row["to_ts"] - row["from_ts"]).total_seconds(),
        }
        for row in rows
    ]
    return json_answer(device_id=device_id, timezone=zone.key, states=found)
