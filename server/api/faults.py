"""``GET /v1/faults``: the inverter's faults, bit by bit, with what they mean and what to do.

The database makes episodes of them (``sql/functions/sungrow_fault_episodes.sql``).
"""

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, current_app, request

from edge_lib.shared.timestamps import format_ts
from server.api import query_args
from server.api.responses import json_answer
from server.database.pool import Row

blueprint = Blueprint("faults", __name__)
_USUAL = timedelta(days=30)


@blueprint.get("/v1/faults")
def faults() -> Response:
    """Return the faults from ``from`` on and before ``to``: times, or local dates.

    Raises:
        Refused: 401, 403; 422 no such range.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("from", "to")
    database = current_app.extensions["db"]
    (known,) = database.rows("faults-seen", {"device_id": device_id})
    zone = query_args.stored_zone(known["timezone"], device_id)
    end = query_args.local_moment("to", zone) if "to" in request.args else datetime.now(UTC)
    first = query_args.local_moment("from", zone) if "from" in request.args else end - _USUAL
    if first >= end:
        raise query_args.wrong("to", "after from", "range")
    asked = {"device_id": device_id, "first": first, "end": end}
    return json_answer(
        device_id=device_id,
        **{"from": format_ts(first), "to": format_ts(end)},
        can_tell=known["can_tell"],
        faults=[_fault(row) for row in database.rows("faults-list", asked)],
    )


def _fault(row: Row) -> Row:
    times = {name: row[name] and format_ts(row[name]) for name in ("from_ts", "to_ts", "last_ts")}
    return row | times
