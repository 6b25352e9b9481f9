"""The tables of the result: capacity by year, depths, efficiency by month, jumps. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from statistics import median
from typing import Any

from server.battery import capacity, epochs, turning
from server.battery.health import why_none, with_gain
from server.battery.measure import Model
from server.battery.result import Figure, moment, none, reason_of, rounded
from server.battery.rows import Digest, Settings

_MOST_JUMPS = 200
_MOST_OFF_POINTS = 5.0  # between the ends of a month's span
_MOST_TRIMMED = 12  # days that such a span leaves out
_SOC_DOUBT_POINTS = 2.0
_LEAST_CYCLES = 5.0


def capacity_by_year(model: Model, settings: Settings) -> list[dict[str, Any]]:
    """Return a row for each local year and epoch that has any reading."""
    rows = [one for one in model.windows if one.kind == "full_empty" and one.capacity_kwh]
    by_year = capacity.by_year(rows, model.zone)
    years = {(one.day.year, _epoch(model, one)) for one in model.digests if one.covered_s > 0}
    return [_year(model, settings, key, by_year.get(key, [])) for key in sorted({*years, *by_year})]


def _epoch(model: Model, one: Digest) -> int:
    return sum(border <= (one.last_s or 0) for border in model.borders_s)


def _year(
    model: Model, settings: Settings, key: tuple[int, int], rows: list[Any]
) -> dict[str, Any]:
    found = model.efficiencies.get(key[1])
    made = capacity.median_of(rows, found) if found else None
    figure = with_gain(made) if made else why_none(model, settings, len(rows))
    return {
        "year": key[0],
        "epoch": key[1],
        "value": rounded(figure.value if isinstance(figure.value, float) else None),
        "low": rounded(figure.low),
        "high": rounded(figure.high),
        "n": len(rows),
        "q1": rounded(made.q1) if made else None,
        "q3": rounded(made.q3) if made else None,
        **reason_of(figure),
    }


def depth(model: Model) -> dict[str, Any]:
    """Return the cycles of the last 365 days by depth, in bands of ten points."""
    days = [one for one in model.recent() if one.turns]
    if not days:
        missing = reason_of(none("no_data"))
        return {"from": None, "to": None, "cycles": None, "bands": [], **missing}
    bands, cycles = [0.0] * turning.BANDS, 0.0
    for points in joined(days):
        found = list(turning.rainflow(points))
        cycles += turning.equivalent(found)
        bands = [one + other for one, other in zip(bands, turning.by_depth(found), strict=True)]
    step = turning.BAND_PCT
    return {
        "from": moment(days[0].first_s),
        "to": moment(days[-1].last_s),
        "cycles": round(cycles, 1),
        "bands": [
            {"from_pct": n * step, "to_pct": (n + 1) * step, "cycles": count}
            for n, count in enumerate(bands)
        ],
        **reason_of(Figure()),
    }


def joined(days: Sequence[Digest]) -> list[list[float]]:
    """Return the turning points of days that follow each other as one series, for each such run."""
    series: list[list[float]] = []
    before: Digest | None = None
    for one in days:
        if before is None or one.day - before.day > timedelta(days=1):
            series.append(list(one.turns))
        else:
            # A day's turning points are without its jumps, so that the next one begins elsewhere.
            shift = series[-1][-1] - one.turns[0]
            series[-1] += [point + shift for point in one.turns[1:]]
        before = one
    return [turning.turning_points(points, turning.HYSTERESIS_PCT) for points in series]


def efficiency_by_month(model: Model, settings: Settings) -> list[dict[str, Any]]:
    """Return what came out of what went in, for each local month, with the doubt of the ends."""
    by_day = epochs.days_kwh(model.digests, model.borders_s)
    months = groupby(model.digests, key=lambda one: one.day.isoformat()[:7])
    return [_month(month, list(days), by_day, settings.capacity_kwh) for month, days in months]


def _month(
    month: str,
    days: list[Digest],
    by_day: dict[str, tuple[float, float]],
    capacity_kwh: float | None,
) -> dict[str, Any]:
    kwh = [by_day.get(one.day.isoformat(), (0.0, 0.0)) for one in days]
    figure = _months_figure(days, kwh, capacity_kwh)
    flows = [one for one in days if one.solar_to_battery_kwh is not None]
    into = sum((one.solar_to_battery_kwh or 0) + (one.grid_to_battery_kwh or 0) for one in flows)
    out = sum((one.battery_to_house_kwh or 0) + (one.battery_to_grid_kwh or 0) for one in flows)
    enough = capacity_kwh and into >= _LEAST_CYCLES * capacity_kwh
    return {
        "month": month,
        "value": rounded(figure.value if isinstance(figure.value, float) else None),
        "low": rounded(figure.low),
        "high": rounded(figure.high),
        "charge_kwh": round(sum(one[0] for one in kwh), 2),
        "discharge_kwh": round(sum(one[1] for one in kwh), 2),
        "converter_value": rounded(100 * out / into) if enough else None,
        **reason_of(figure),
    }


def _months_figure(
    days: list[Digest], kwh: list[tuple[float, float]], capacity_kwh: float | None
) -> Figure:
    if not capacity_kwh:
        return none("no_capacity_set")
    span = _even_span(days)
    if span is None:
        return none("no_data")
    first, last, points = span
    charge = sum(one[0] for one in kwh[first : last + 1])
    discharge = sum(one[1] for one in kwh[first : last + 1])
    if charge < _LEAST_CYCLES * capacity_kwh:
        return none("no_throughput")
    stored, doubt = points * capacity_kwh / 100, _SOC_DOUBT_POINTS * capacity_kwh / 100
    low, value, high = (100 * discharge / (charge - stored + off) for off in (doubt, 0.0, -doubt))
    return Figure(value, low, high)


def _even_span(days: list[Digest]) -> tuple[int, int, float] | None:
    """Return the longest span of days whose ends are within five points: first, last, points."""
    for left_out in range(min(_MOST_TRIMMED, len(days) - 1) + 1):
        for first in range(left_out + 1):
            last = len(days) - 1 - left_out + first
            start, end = days[first].first_soc_pct, days[last].last_soc_pct
            if start is not None and end is not None and abs(end - start) <= _MOST_OFF_POINTS:
                return first, last, end - start
    return None


def jumps(model: Model) -> list[dict[str, Any]]:
    """Return the last jumps of the state of charge, rising."""
    found = [jump for one in model.digests for jump in one.jumps]
    return [
        {
            "at": moment(jump.at_s),
            "from_pct": round(jump.from_pct, 1),
            "to_pct": round(jump.to_pct, 1),
            "points": jump.points,
        }
        for jump in found[-_MOST_JUMPS:]
    ]


def soh_by_month(model: Model) -> list[dict[str, Any]]:
    """Return what the battery reported of its health, by month."""
    months = groupby(model.digests, key=lambda one: one.day.isoformat()[:7])
    told = (
        (month, [one.soh_pct for one in days if one.soh_pct is not None]) for month, days in months
    )
    return [{"month": month, "soh_pct": round(median(sohs), 1)} for month, sohs in told if sohs]
