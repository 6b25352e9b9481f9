"""``GET /v1/hours``: how many samples of each hour are here, for an edge to compare with its own.

A server that was restored from yesterday's backup lacks readings that the edge has delivered. Count
and sum of the times show the difference without a list of all of them.
"""

from datetime import datetime, timedelta

from flask import Blueprint, Response, current_app

from server.api.errors import readable_device
from server.api.query_args import moment, wrong
from server.api.responses import json_answer

blueprint = Blueprint("hours", __name__)
LONGEST = timedelta(days=60)


@blueprint.get("/v1/hours")
def hours() -> Response:
    """Return the UTC hours that hold samples; ``from`` and ``to`` are moved down to full hours.

    Raises:
        Refused: 401, 403; 422 malformed times, or more than 60 days between them.
        DatabaseAway: 503.
    """
    device_id = readable_device()
    first, end = _range()
    parameters = {"device_id": device_id, "first": first, "end": end}
    rows = current_app.extensions["db"].rows("samples-hours", parameters)
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
