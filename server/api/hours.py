"""``GET /v1/hours``: how many readings of each hour are here, for an edge to compare with its own.

A server that was restored from yesterday's backup lacks readings that the edge has delivered. Count
and sum of the times show the difference without a list of all of them.
"""

from datetime import datetime, timedelta

from flask import Blueprint, Response, current_app

from server.api.query_args import moment, one_of, readable_device, wrong
from server.api.responses import json_answer
from server.database.parts import KINDS

blueprint = Blueprint("hours", __name__)
LONGEST = timedelta(days=60)


@blueprint.get("/v1/hours")
def hours() -> Response:
    """Return the UTC hours that hold readings; ``from`` and ``to`` are moved down to full hours.

    ``kind=p1`` asks for those of the grid meter.

    Raises:
        Refused: 401, 403; 422 malformed times or kind, or more than 60 days between them.
        DatabaseAway: 503.
    """
    device_id = readable_device("from", "to", "kind")
    first, end = _range()
    name = {"sample": "samples-hours", "p1": "p1-hours"}[one_of("kind", KINDS)]
    parameters = {"device_id": device_id, "first": first, "end": end}
    rows = current_app.extensions["db"].rows(name, parameters)
    counts = [{**row, "hour": f"{row['hour']:%Y-%m-%dT%H:%M:%SZ}"} for row in rows]
    return json_answer(device_id=device_id, hours=counts)


def _range() -> tuple[datetime, datetime]:
    first, end = (
        moment(name).replace(minute=0, second=0, microsecond=0) for name in ("from", "to")
    )
    if end < first:
        raise wrong("to", "is before from", "range")
    if end - first > LONGEST:
        raise wrong("to", f"at most {LONGEST.days} days after from", "range")
    return first, end
