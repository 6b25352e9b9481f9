"""``GET /v1/gaps``: the times without readings, each with its cause as far as edge and server know.

All the reasoning is the database's: ``sungrow_gap_list`` of ``sql/0008_gaps.sql`` gives the same.
"""

from datetime import date, datetime, timedelta

from flask import Blueprint, Response, current_app, request

from edge_lib.sample import format_ts
from server import asked
from server.answers import readable_device
from server.sending import json_answer

blueprint = Blueprint("gaps", __name__)
MOST_DAYS = 400


@blueprint.get("/v1/gaps")
def gaps() -> Response:
    """Give the gaps from ``from`` on and before ``to``: two times, or two local dates.

    Raises:
        Refused: 401, 403; 422 no such range, or more than 400 days.
        DatabaseAway: 503.
    """
    device_id = readable_device()
    rows = current_app.extensions["db"].rows("gaps-list", {"device_id": device_id, **_range()})
    found = [_gap(row) for row in rows if row["cause"]]
    return json_answer(device_id=device_id, timezone=rows[0]["timezone"], gaps=found)


def _gap(row: dict) -> dict:
    return {
        "start": format_ts(row["from_ts"]),
        "end": format_ts(row["to_ts"]),
        "cause": row["cause"],
        "duration_s": row["duration_s"],
        "running": row["running"],
    }


def _range() -> dict[str, datetime | date | None]:
    days = all(len(request.args.get(name, "")) == len("2026-03-29") for name in ("from", "to"))
    read = asked.day if days else asked.moment
    first, end = read("from"), read("to")
    if not timedelta(0) < end - first <= timedelta(days=MOST_DAYS):
        raise asked.wrong("to", f"after from, by at most {MOST_DAYS} days", "range")
    times = dict.fromkeys(("from", "to", "from_day", "to_day"))
    return times | ({"from_day": first, "to_day": end} if days else {"from": first, "to": end})
