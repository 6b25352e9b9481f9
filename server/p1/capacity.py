"""``GET /v1/p1/capacity``: the quarter hours that one pays by, and what may still be drawn."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, request

from server.api.query_args import readable_device, wrong
from server.api.responses import json_answer
from server.database.pool import Database, Row
from server.p1 import history, months, peaks
from server.p1.history import QUARTER, Meter
from server.p1.latest import AHEAD

blueprint = Blueprint("p1_capacity", __name__)
_FRESH = timedelta(seconds=60)
_MOST_FLOOR_W = 100_000.0


@blueprint.get("/v1/p1/capacity")
def capacity() -> Response:
    """Return the peak of a month with all that it consists of, the year's mean, and the present.

    Raises:
        Refused: 401, 403; 422 no such month or floor.
        DatabaseAway: 503.
    """
    device_id, database = readable_device("month", "floor_w"), current_app.extensions["db"]
    floor_w, now = _floor_w(), history.now()
    meter = history.meter(database, device_id)
    running = now.astimezone(meter.zone).date().replace(day=1)
    month = _month(running)
    first, end = history.month_span(month, meter.zone)
    quarters = history.quarters(database, meter, first, end)
    best = peaks.highest(quarters)
    remembered = current_app.extensions["p1_peaks"]
    year = months.twelve(database, meter, month, next(iter(best), None), now, remembered)
    days = peaks.days(quarters, _span(meter, first, end, now))
    return json_answer(
        device_id=device_id,
        timezone=meter.zone.key,
        month=f"{month:%Y-%m}",
        peak=peaks.written(best[0], meter.zone) if best else None,
        measured_quarters=sum(day["measured_quarters"] for day in days),
        missing_quarters=sum(day["missing_quarters"] for day in days),
        quarters=[peaks.written(quarter, meter.zone) for quarter in best[: peaks.MOST]],
        days=days,
        hours=peaks.hours(quarters, meter.zone),
        meter=peaks.by_the_meter(year[-1], quarters, meter.zone),
        year=peaks.year(year, meter.zone, floor_w),
        live=_live(database, meter, year[-1], floor_w, now) if month == running else None,
    )


def _month(running: date) -> date:
    text = request.args.get("month")
    found = running if text is None else history.month_named(text)
    if found is None:
        raise wrong("month", "a month like 2026-03", "date")
    return found


def _floor_w() -> float:
    text = request.args.get("floor_w")
    if text is None:
        return peaks.FLOORS["Flanders"]
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= _MOST_FLOOR_W:
        raise wrong("floor_w", f"watts from 0 to {_MOST_FLOOR_W:.0f}", "out_of_range")
    return found


def _span(meter: Meter, first: datetime, end: datetime, now: datetime) -> peaks.Span:
    """Return what of a month is over, from the quarter hour of the meter's first reading on."""
    if meter.first_ts is None:
        return peaks.Span(first, first, meter.zone)
    begun = first + max((meter.first_ts - first) // QUARTER, 0) * QUARTER
    return peaks.Span(begun, min(end, now), meter.zone)


def _live(
    database: Database, meter: Meter, peak: peaks.MonthPeak, floor_w: float, now: datetime
) -> Row | None:
    parameters = {"device_id": meter.device_id, "latest": now + AHEAD}
    found = database.rows("p1-running-quarter", parameters)
    if not found or not _is_of_now(found[0], meter.zone, now):
        return None
    return peaks.live(found[0], peak, meter.zone, floor_w)


def _is_of_now(reading: Row, zone: ZoneInfo, now: datetime) -> bool:
    ts: datetime = reading["ts"]
    months = {moment.astimezone(zone).strftime("%Y-%m") for moment in (ts, now)}
    return now - ts <= _FRESH and len(months) == 1
