"""``GET /v1/envelope``: what the panels bring here on a clear day, by the house's own history.

``server.nightly`` computes it by the time UTC (``sungrow_envelope``); this is of a local day.
"""

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, current_app

from server.api import query_args
from server.api.responses import json_answer
from server.database.pool import Row

blueprint = Blueprint("envelope", __name__)
_SLOT = timedelta(minutes=5)
_KWH = _SLOT / timedelta(hours=1) / 1000  # of a watt


@blueprint.get("/v1/envelope")
def envelope() -> Response:
    """Return the five minutes of a local day, and their sums: of the day, and of its past part.

    Raises:
        Refused: 401, 403; 422 a bad date.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("date")
    database = current_app.extensions["db"]
    day = query_args.house_day(database, device_id)
    asked = {"device_id": device_id, "first": day.first, "end": day.end}
    rows = database.rows("envelope-day", asked)
    return json_answer(
        device_id=device_id,
        **day.label(),
        kwh=_kwh(rows, day.end),
        so_far_kwh=_kwh(rows, datetime.now(UTC)),
        series=[row | {"bucket": row["bucket"].astimezone(day.zone).isoformat()} for row in rows],
    )


def _kwh(rows: list[Row], until: datetime) -> float | None:
    """Return what is known to come until then; None where nothing is known of all that time."""
    parts = [
        row["pv_w"] * min(1.0, (until - row["bucket"]) / _SLOT)
        for row in rows
        if row["pv_w"] is not None and row["bucket"] < until
    ]
    return sum(parts) * _KWH if parts else None
