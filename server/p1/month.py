"""``GET /p1/v1/capacity/month/YYYY-MM``: the quarter hours of a month as P1-Edge-VPS has them."""

from flask import Blueprint, Response, current_app

from server.api.errors import Refused
from server.api.responses import json_answer
from server.p1 import history
from server.p1.asking import house
from server.p1.latest import watts
from server.p1.series import local

blueprint = Blueprint("p1_month", __name__)


@blueprint.get("/p1/v1/capacity/month/<month>")
def capacity(month: str) -> Response:
    """Return each quarter hour of a local month without a gap, and the highest.

    Raises:
        Refused: 401, 403, 422; 400 it is not a month.
        DatabaseAway: 503.
    """
    asked, database = house(), current_app.extensions["db"]
    day = history.month_named(month)
    if day is None:
        raise Refused(400, "the month is written like 2026-03")
    meter = history.meter(database, asked.device_id)
    found = history.quarters(database, meter, *history.month_span(day, meter.zone))
    peaks = [
        {"bucket": local(quarter.slot, meter), "avg_power_w": watts(quarter.avg_power_w)}
        for quarter in found
    ]
    # The first of several, as P1-Edge-VPS has it.
    peak = max(peaks, key=lambda one: one["avg_power_w"] or 0, default=None)
    return json_answer(
        month=month,
        device_id=asked.name,
        peaks=peaks,
        monthly_peak_w=peak and peak["avg_power_w"],
        monthly_peak_ts=peak and peak["bucket"],
    )
