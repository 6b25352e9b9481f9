"""``GET /v1/gaps``: the times without readings, each with its cause as far as edge and server know.

The database finds the causes (``sql/functions/sungrow_gap_list.sql``).
"""

from flask import Blueprint, Response, current_app

from edge_lib.shared.timestamps import format_ts
from server.api import query_args
from server.api.responses import json_answer
from server.database.parts import KINDS
from server.database.pool import Row

blueprint = Blueprint("gaps", __name__)
MOST_DAYS = 400


@blueprint.get("/v1/gaps")
def gaps() -> Response:
    """Return the gaps from ``from`` on and before ``to``: times, or local dates.

    Raises:
        Refused: 401, 403; 422 no such range or kind, or more than 400 days.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("from", "to", "kind")
    database = current_app.extensions["db"]
    zone = query_args.house_zone(database, device_id)
    first, end = query_args.local_range(zone, MOST_DAYS)
    asked = {"device_id": device_id, "kind": query_args.one_of("kind", KINDS)}
    rows = database.rows("gaps-list", asked | {"first": first, "end": end})
    return json_answer(device_id=device_id, timezone=zone.key, gaps=[_gap(r) for r in rows])


def _gap(row: Row) -> Row:
    return {
        "start": format_ts(row["from_ts"]),
        "end": format_ts(row["to_ts"]),
        "cause": row["cause"],
        "duration_s": row["duration_s"],
        "running": row["running"],
    }
