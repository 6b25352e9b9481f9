"""``GET /v1/states``: what the inverter said of itself (``running_state``), and from when to when.

From the readings, so it is for some days at a time. A time without readings is in none of them.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app

from edge_lib.shared.timestamps import format_ts
from server.api import query_args
from server.api.responses import json_answer

blueprint = Blueprint("states", __name__)
MOST_DAYS = 8
_AN_HOUR = timedelta(hours=1)  # more or less in so many local days, where their clock changes


@blueprint.get("/v1/states")
def states() -> Response:
    """Return the states from ``from`` on and before ``to``: times, or local dates.

    Raises:
        Refused: 401, 403; 422 no such range, or more than 8 days.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("from", "to")
    database = current_app.extensions["db"]
    (site,) = database.rows("gaps-zone", {"device_id": device_id})
    first, end = _range(query_args.stored_zone(site["timezone"], device_id))
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
    return json_answer(device_id=device_id, timezone=site["timezone"], states=found)


def _range(zone: ZoneInfo) -> tuple[datetime, datetime]:
    first, end = (query_args.local_moment(name, zone) for name in ("from", "to"))
    if not timedelta(0) < end - first <= timedelta(days=MOST_DAYS) + _AN_HOUR:
        raise query_args.wrong("to", f"after from, by at most {MOST_DAYS} days", "range")
    return first, end
