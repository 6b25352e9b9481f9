"""``GET /v1/roof/day``: what each string would give on a day, beside what ``/v1/strings`` has.

Made when it is asked for, of what the last night found and of the digests of the days before.
"""

from flask import Blueprint, Response, current_app

from server.api import query_args
from server.api.responses import json_answer
from server.api.roof import result_of
from server.database.pool import Row

blueprint = Blueprint("roof_day", __name__)


@blueprint.get("/v1/roof/day")
def roof_day() -> Response:
    """Return the five minutes of a local day: by a clear sky, as usual, and what held it back.

    Raises:
        Refused: 401, 403; 422 a bad date, or one of another century.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("date")
    database = current_app.extensions["db"]
    day = query_args.house_day(database, device_id)
    query_args.refuse_unknown_sun("date", day.day)
    found = result_of(device_id)
    series: list[Row] = []
    if found["computed_at"]:
        from server.api import roof_curve  # here: who never asks does without the analysis

        series = roof_curve.of_day(database, device_id, found, day)
    return json_answer(
        device_id=device_id,
        **day.label(),
        **{name: found[name] for name in ("reason", "reason_text", "reason_values")},
        series=series,
    )
