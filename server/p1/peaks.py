"""What one pays by the highest quarter hour of each month. Pure.

Flanders takes the mean of the peaks of twelve months, each of at least 2.5 kW.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.database.pool import Row
from server.p1.history import QUARTER, Quarter

FLOORS = {"Flanders": 2500.0}
MONTHS = 12
MOST = 10
AGREES_W = 10.0
_SETTLES = timedelta(seconds=60)  # a meter needs some seconds to say that it has a new peak


class Span(NamedTuple):
    """The part of a month that is over, and of which the meter could tell."""

    first: datetime
    end: datetime
    zone: ZoneInfo


class MonthPeak(NamedTuple):
    """The peak of a month: by our quarter hours, and by the meter itself.

    Attributes:
        month: its first day.
        slot: the start of our highest quarter hour, and its mean import; None: none is known.
        avg_power_w: the latter.
        meter_w: the meter's peak, None if it does not say.
        meter_ts: the end of its quarter hour, by the meter's clock.
        meter_true_ts: the same by ours.
        judged_ts: what the meter says includes the quarter hours that ended before.
    """

    month: date
    slot: datetime | None
    avg_power_w: float | None
    meter_w: float | None
    meter_ts: datetime | None
    meter_true_ts: datetime | None
    judged_ts: datetime | None

    def watts(self) -> float | None:
        """Return what counts: the meter's, which the grid operator reads, else ours."""
        return self.avg_power_w if self.meter_w is None else self.meter_w


def written(quarter: Quarter | None, zone: ZoneInfo) -> Row | None:
    """Return a quarter hour as the API shows it."""
    if quarter is None:
        return None
    return {
        "from": local(quarter.slot, zone),
        "to": local(quarter.slot + QUARTER, zone),
        "avg_power_w": round(quarter.avg_power_w),
        "estimated": quarter.estimated,
    }


def local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    """Write a moment with the offset of its zone."""
    return None if moment is None else moment.astimezone(zone).isoformat()


def highest(quarters: Sequence[Quarter]) -> list[Quarter]:
    """Return the highest quarter hours, the highest first, of equal ones the first."""
    return sorted(quarters, key=lambda quarter: (-quarter.avg_power_w, quarter.slot))


def days(quarters: Sequence[Quarter], span: Span) -> list[Row]:
    """Return the highest quarter hour of each local day of the span, and how many there are."""
    of_day: dict[date, list[Quarter]] = {}
    possible: dict[date, int] = {}
    moment = span.first
    while moment + QUARTER <= span.end:
        day = moment.astimezone(span.zone).date()
        possible[day] = possible.get(day, 0) + 1
        moment += QUARTER
    for quarter in quarters:
        of_day.setdefault(quarter.slot.astimezone(span.zone).date(), []).append(quarter)
    return [
        _day(day, highest(of_day.get(day, [])), count, span.zone) for day, count in possible.items()
    ]


def _day(day: date, quarters: list[Quarter], possible: int, zone: ZoneInfo) -> Row:
    nothing = dict.fromkeys(("from", "to", "avg_power_w", "estimated"))
    return {
        "date": day.isoformat(),
        **((written(quarters[0], zone) if quarters else None) or nothing),
        "measured_quarters": len(quarters),
        "missing_quarters": possible - len(quarters),
    }


def hours(quarters: Sequence[Quarter], zone: ZoneInfo) -> list[Row]:
    """Return the highest quarter hour that began in each hour of the clock."""
    peaks: dict[int, float] = {}
    for quarter in quarters:
        hour = quarter.slot.astimezone(zone).hour
        peaks[hour] = max(quarter.avg_power_w, peaks.get(hour, 0.0))
    return [
        {"hour": hour, "avg_power_w": round(peaks[hour]) if hour in peaks else None}
        for hour in range(24)
    ]


def by_the_meter(peak: MonthPeak, quarters: Sequence[Quarter], zone: ZoneInfo) -> Row | None:
    """Return the month's peak by the meter, and whether ours agrees; None: it does not say."""
    if peak.meter_w is None:
        return None
    ours = peak.avg_power_w
    return {
        "peak_w": round(peak.meter_w),
        "peak_ts": local(peak.meter_ts, zone),
        "difference_w": None if ours is None else round(peak.meter_w - ours),
        "agreement": _agreement(peak, peak.meter_w, {quarter.slot for quarter in quarters}),
    }


def _agreement(peak: MonthPeak, meter_w: float, measured: set[datetime]) -> str | None:
    if peak.slot is None or peak.avg_power_w is None:
        return "not_measured"
    if abs(meter_w - peak.avg_power_w) <= AGREES_W:
        return "agrees"
    if meter_w < peak.avg_power_w:
        is_newer = peak.judged_ts and peak.slot + QUARTER + _SETTLES > peak.judged_ts
        return None if is_newer else "boundary_missed"
    if peak.meter_true_ts and _slot_before(peak.meter_true_ts) not in measured:
        return "not_measured"
    return "boundary_missed"


def _slot_before(end: datetime) -> datetime:
    """Return the start of the quarter hour that ends at about this moment."""
    half = QUARTER / 2
    since_hour = timedelta(minutes=end.minute, seconds=end.second, microseconds=end.microsecond)
    return end - since_hour + QUARTER * ((since_hour + half) // QUARTER) - QUARTER


def year(months: Sequence[MonthPeak], zone: ZoneInfo, floor_w: float) -> Row:
    """Return the twelve months that end with the last one, and the mean of what they count."""
    rows, billed = [], []
    for peak in months:
        watts = peak.watts()
        counts = None if watts is None else max(watts, floor_w)
        if counts is not None:
            billed.append(counts)
        is_meters = peak.meter_w is not None
        end = peak.meter_ts if is_meters else peak.slot and peak.slot + QUARTER
        rows.append(
            {
                "month": f"{peak.month:%Y-%m}",
                "peak_w": None if watts is None else round(watts),
                "peak_ts": local(end, zone),
                "source": None if watts is None else ("meter" if is_meters else "quarters"),
                "billed_w": None if counts is None else round(counts),
            }
        )
    return {
        "months": rows,
        "known_months": len(billed),
        "mean_w": round(sum(billed) / len(billed)) if billed else None,
        "floor_w": floor_w,
        "floor": next((name for name, watts in FLOORS.items() if watts == floor_w), None),
    }


def live(running: Row, peak: MonthPeak, zone: ZoneInfo, floor_w: float) -> Row | None:
    """Return how much may still be drawn in the running quarter hour; None: that is not known.

    Args:
        running: the newest reading, and what was imported since its quarter hour began.
        peak: of the running month.
        zone: of the house.
        floor_w: what is paid for in any case.
    """
    used_wh, ts, until = running["used_wh"], running["ts"], running["slot"] + QUARTER
    if used_wh is None:
        return None
    limit_w = max(floor_w, peak.avg_power_w or 0.0, peak.meter_w or 0.0)
    left_h, whole_h = (until - ts) / timedelta(hours=1), QUARTER / timedelta(hours=1)
    power_w = running["import_power_w"]
    goes_on_wh = None if power_w is None else used_wh + power_w * left_h
    return {
        "ts": local(ts, zone),
        "from": local(running["slot"], zone),
        "until": local(until, zone),
        "power_w": _round(running["power_w"]),
        "used_wh": round(used_wh, 1),
        "demand_w": _round(running["demand_w"]),
        "limit_w": round(limit_w),
        "may_draw_w": max(0, int((limit_w * whole_h - used_wh) / left_h)),
        "projected_w": None if goes_on_wh is None else round(goes_on_wh / whole_h),
    }


def _round(value: float | None) -> int | None:
    return None if value is None else round(value)
