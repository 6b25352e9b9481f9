"""``GET /v1/completeness``: what became of the readings of each local day; ``lost`` has to be 0.

The database counts (``sql/functions/sungrow_completeness_days.sql``); its views
``sungrow_completeness`` and ``p1_completeness`` have the same numbers.
"""

from datetime import date, timedelta

from flask import Blueprint, Response, current_app, request

from server.api.query_args import day, one_of, readable_device, wrong
from server.api.responses import json_answer
from server.database.parts import KINDS

blueprint = Blueprint("completeness", __name__)
MOST_DAYS = 400


@blueprint.get("/v1/completeness")
def completeness() -> Response:
    """Return the days from ``from`` to ``to`` (inclusive), or the one of ``date``, or today.

    Raises:
        Refused: 401, 403; 422 no such dates or kind, or more than 400 days.
        DatabaseAway: 503.
    """
    device_id = readable_device("date", "from", "to", "kind")
    first, last = _range()
    kind = one_of("kind", KINDS)
    parameters = {"device_id": device_id, "kind": kind, "first": first, "last": last}
    rows = current_app.extensions["db"].rows("completeness-days", parameters)
    timezone = {row.pop("timezone") for row in rows}.pop()
    days = [{**row, "date": row["date"].isoformat()} for row in rows]
    if kind == "sample":
        for row in days:
            del row["covered"]
    return json_answer(device_id=device_id, timezone=timezone, days=days)


def _range() -> tuple[date | None, date | None]:
    only, first, last = (day(name) for name in ("date", "from", "to"))
    if first is None and last is None:
        return only, only
    if "date" in request.args:
        raise wrong("date", "either date, or from and to", "range")
    if first is None or last is None:
        raise wrong("to" if first else "from", "is missing", "missing")
    if not timedelta(0) <= last - first < timedelta(days=MOST_DAYS):
        raise wrong("to", f"not before from, and at most {MOST_DAYS} days in all", "range")
    return first, last
