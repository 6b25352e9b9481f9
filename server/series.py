"""``GET /v1/series``: history in buckets of local time, for a day, a month, a year, or all of it.

Hours come from ``sungrow_5min``, days and months from ``sungrow_local_daily``; both are exact from
the commit of a sample on, so nothing here waits for a background job.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, jsonify, request

from server import asked
from server.answers import Refused, place, readable_device

blueprint = Blueprint("series", __name__)
MINIMUM_KWH = 0.05  # below it a share says nothing, and is null


class Frame(NamedTuple):
    """A frame of history: what it spans, and its buckets."""

    query: str
    unit: str
    span: Callable[[date], tuple[date, date]]  # the first local date, and the first one after it


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


FRAMES = {
    "day": Frame("series-hours", "hour", lambda d: (d, d + timedelta(days=1))),
    "month": Frame(
        "series-days", "day", lambda d: (d.replace(day=1), _next_month(d.replace(day=1)))
    ),
    "year": Frame("series-days", "month", lambda d: (date(d.year, 1, 1), date(d.year + 1, 1, 1))),
    "all": Frame("series-days", "month", lambda _: (asked.FIRST_DATE, asked.LAST_DATE)),
}


@blueprint.get("/v1/series")
def series() -> Response:
    """Give the buckets of a frame that hold samples.

    Raises:
        Refused: 401, 403; 422 no such frame, or a bad date.
        DatabaseAway: 503.
    """
    device_id = readable_device()
    name, frame = _frame()
    zone = _zone(device_id)
    now = datetime.now(UTC)
    first, end = frame.span(_date(name) or now.astimezone(zone).date())
    rows = current_app.extensions["db"].rows(
        frame.query, _range(device_id, frame, first, end, zone)
    )
    buckets = [_bucket(row, frame.unit, zone, now) for row in rows]
    return jsonify(device_id=device_id, frame=name, timezone=zone.key, series=buckets)


def _frame() -> tuple[str, Frame]:
    name = request.args.get("frame")
    if name not in FRAMES:
        kind = "missing" if name is None else "enum"
        raise Refused(422, [place("query", "frame", msg=f"one of {', '.join(FRAMES)}", type=kind)])
    return name, FRAMES[name]


def _date(frame: str) -> date | None:
    if frame == "all" and "date" in request.args:
        raise asked.wrong("date", "frame=all takes no date", "date")
    return asked.day("date")


def _zone(device_id: str) -> ZoneInfo:
    rows = current_app.extensions["db"].rows("device-timezone", {"device_id": device_id})
    return ZoneInfo(rows[0]["timezone"])


def _range(device_id: str, frame: Frame, first: date, end: date, zone: ZoneInfo) -> dict:
    limits = (first, end)
    if frame.unit == "hour":
        limits = tuple(_midnight(day, zone) for day in limits)
    return {
        "device_id": device_id,
        "timezone": zone.key,
        "unit": frame.unit,
        "first": limits[0],
        "end": limits[1],
    }


def _bucket(row: dict, unit: str, zone: ZoneInfo, now: datetime) -> dict:
    start, end = _limits(row.pop("start"), unit, zone)
    covered_s = row.pop("covered_s")
    elapsed_s = (min(end, now) - start).total_seconds()
    return {
        "bucket": start.astimezone(zone).isoformat(),
        **row,
        "coverage": min(1.0, covered_s / elapsed_s) if elapsed_s > 0 else None,
        **_shares(row),
    }


def _limits(start: date | datetime, unit: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Give the first moment of a bucket, UTC, and the first one after it."""
    if unit == "hour":
        return _clock_hour(start, zone)
    after = start + timedelta(days=1) if unit == "day" else _next_month(start)
    return _midnight(start, zone), _midnight(after, zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    # Where a day has two midnights the first counts, where it has none the moment of the change.
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _clock_hour(hour: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    # Where a clock changes by half an hour (Lord Howe Island, twice a year), an hour lacks its
    # first half or its last: those of its minutes are left at which the clock shows them.
    shown = [
        minute
        for minute in range(0, 60, 5)
        if (hour + timedelta(minutes=minute)).astimezone(zone).minute == minute
    ] or [0, 55]
    return hour + timedelta(minutes=shown[0]), hour + timedelta(minutes=shown[-1] + 5)


def _shares(row: dict) -> dict:
    """Give self-sufficiency and self-consumption, 0 to 1; null under ``MINIMUM_KWH``."""
    house = row["solar_to_house_kwh"] + row["battery_to_house_kwh"] + row["grid_to_house_kwh"]
    solar = row["solar_to_house_kwh"] + row["solar_to_battery_kwh"] + row["solar_to_grid_kwh"]
    return {
        "self_sufficiency": _remainder(row["grid_to_house_kwh"], house),
        "self_consumption": _remainder(row["solar_to_grid_kwh"], solar),
    }


def _remainder(part: float, whole: float) -> float | None:
    if whole < MINIMUM_KWH:
        return None
    return min(1.0, max(0.0, 1 - part / whole))
