"""``GET /p1/v1/series?frame=``: the history of a grid meter as P1-Edge-VPS shows it.

Its days and weeks are UTC's, its month is by weeks, and what came late or is running is missing;
ours are those of the house, and complete.
"""

from datetime import date, datetime

from flask import Blueprint, Response, current_app, request

from server.api.buckets import midnight, next_month
from server.api.errors import Refused
from server.api.responses import json_answer
from server.api.series_query import ALL, FRAMES, Frame
from server.database.pool import Row
from server.p1 import history
from server.p1.asking import house
from server.p1.latest import watts

blueprint = Blueprint("p1_series", __name__)
_PLACES = 6  # of an energy in kWh: a counter has three, and what is between two readings more


@blueprint.get("/p1/v1/series")
def series() -> Response:
    """Return the buckets of the current day, week, month or year, or all months.

    Raises:
        Refused: 401, 403, 422; 400 an unknown frame, or none.
        DatabaseAway: 503.
    """
    asked, database = house(), current_app.extensions["db"]
    name = request.args.get("frame", "")
    if name not in (*FRAMES, ALL):
        raise Refused(400, f"frame is one of {', '.join((*FRAMES, ALL))}")
    meter = history.meter(database, asked.device_id)
    frame, (first, end) = _span(name, meter)
    begin, stop = (midnight(day, meter.zone) for day in (first, end))
    found = history.rows(database, meter, frame.width, begin, stop)
    rows = [_written(row, meter) for row in found]
    return json_answer(device_id=asked.name, frame=name, series=rows)


def _span(name: str, meter: history.Meter) -> tuple[Frame, tuple[date, date]]:
    today = history.now().astimezone(meter.zone).date()
    if name != ALL:
        return FRAMES[name], FRAMES[name].span(today)
    first, last = (
        ts and ts.astimezone(meter.zone).date() for ts in (meter.first_ts, meter.last_ts)
    )
    return FRAMES["year"], (first or today, next_month(last or today))


def _written(row: Row, meter: history.Meter) -> Row:
    return {
        "bucket": local(row["start"], meter),
        "avg_power_w": watts(row["avg_power_w"]),
        "max_power_w": watts(row["max_power_w"]),
        "energy_import_kwh": _kwh(row["import_kwh"]),
        "energy_export_kwh": _kwh(row["export_kwh"]),
    }


def local(moment: datetime, meter: history.Meter) -> str:
    """Write the start of a bucket as P1-Edge-VPS does: with a blank, and here the local offset."""
    return moment.astimezone(meter.zone).isoformat(" ")


def _kwh(value: float | None) -> float | None:
    return None if value is None else round(value, _PLACES)
