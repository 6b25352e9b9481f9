"""``GET /v1/roof/day``: what each string would give on a day, beside what ``/v1/strings`` has.

Made when it is asked for, of what the last night found and of the digests of the days before.
"""

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, current_app

from server.api import buckets, query_args
from server.api.errors import readable_device
from server.api.responses import json_answer
from server.api.roof import result_of
from server.database.pool import Row

blueprint = Blueprint("roof_day", __name__)


@blueprint.get("/v1/roof/day")
def roof_day() -> Response:
    """Return the five minutes of a local day: by a clear sky, as usual, and what held it back.

    Raises:
        Refused: 401, 403; 422 a bad date.
        DatabaseAway: 503.
    """
    device_id = readable_device()
    database = current_app.extensions["db"]
    (site,) = database.rows("gaps-zone", {"device_id": device_id})
    zone = query_args.stored_zone(site["timezone"], device_id)
    day = query_args.day("date") or datetime.now(UTC).astimezone(zone).date()
    first, end = (buckets.midnight(one, zone) for one in (day, day + timedelta(days=1)))
    found = result_of(device_id)
    series: list[Row] = []
    if found["computed_at"]:
        from server.api import roof_curve  # here: who never asks does without the analysis

        series = roof_curve.of_day(database, device_id, found, day, zone)
    return json_answer(
        device_id=device_id,
        date=day.isoformat(),
        timezone=zone.key,
        **{name: at.astimezone(zone).isoformat() for name, at in (("from", first), ("to", end))},
        **{name: found[name] for name in ("reason", "reason_text", "reason_values")},
        series=series,
    )
