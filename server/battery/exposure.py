"""For how long the battery was how full, how warm and how busy. Pure functions over hours' sums."""

from collections.abc import Callable, Sequence
from typing import Any

from server.battery.result import Figure, none, reason_of
from server.battery.rows import RATE_EDGES, SOC_EDGES_PCT, TEMP_EDGES_C, Exposure

_MONTHS = 12  # of the map and the rates
_FULL_PCT, _LOW_PCT = 95, 10
_HOT_C, _COLD_C = 35, 5


def of_hours(rows: Sequence[Exposure]) -> dict[str, Any]:
    """Return hours by month, by state of charge and temperature, and by C-rate."""
    edges = {"soc_edges_pct": list(SOC_EDGES_PCT), "temp_edges_c": list(TEMP_EDGES_C)}
    if not rows:
        return {**edges, "heat_hours": [], "months": [], "rates": [], **reason_of(none("no_data"))}
    months = sorted({row.month for row in rows})
    last = [row for row in rows if row.month in months[-_MONTHS:]]
    has_temp = any(row.temp_band is not None for row in rows)
    missing = Figure() if has_temp else none("no_temperature")
    return {
        **edges,
        "heat_hours": _heat(last) if has_temp else [],
        "months": [_month(month, [row for row in rows if row.month == month]) for month in months],
        "rates": _rates(last),
        **reason_of(missing),
    }


def _heat(rows: Sequence[Exposure]) -> list[list[float]]:
    """Return hours[state of charge][temperature]."""
    hours = [[0.0] * len(TEMP_EDGES_C) for _ in SOC_EDGES_PCT]
    for row in rows:
        if row.temp_band is not None:
            hours[row.soc_band][row.temp_band] += row.seconds / 3600
    return [[round(value, 1) for value in line] for line in hours]


def _month(month: str, rows: Sequence[Exposure]) -> dict[str, Any]:
    full, low = SOC_EDGES_PCT.index(_FULL_PCT), SOC_EDGES_PCT.index(_LOW_PCT)
    hot, cold = TEMP_EDGES_C.index(_HOT_C), TEMP_EDGES_C.index(_COLD_C)
    warm = [row for row in rows if row.temp_band is not None]
    found = {
        "hours": _hours(rows, lambda row: True),  # noqa: ARG005
        "hours_full": _hours(rows, lambda row: row.soc_band >= full),
        "hours_low": _hours(rows, lambda row: row.soc_band < low),
        "hours_hot": _hours(warm, lambda row: (row.temp_band or 0) >= hot),
        "hours_cold_charging": _hours(
            warm, lambda row: (row.temp_band or 0) < cold and row.direction > 0
        ),
    }
    if not warm:
        found |= {"hours_hot": None, "hours_cold_charging": None}
    return {"month": month, **found}


def _hours(rows: Sequence[Exposure], counts: Callable[[Exposure], bool]) -> float | None:
    return round(sum(row.seconds for row in rows if counts(row)) / 3600, 1)


def _rates(rows: Sequence[Exposure]) -> list[dict[str, Any]]:
    known = [row for row in rows if row.rate_band is not None]
    if not known:
        return []
    return [
        {
            "from_rate": low,
            "to_rate": high,
            "hours_charging": _of_rate(known, band, 1),
            "hours_discharging": _of_rate(known, band, -1),
        }
        for band, (low, high) in enumerate(zip(RATE_EDGES, [*RATE_EDGES[1:], None], strict=True))
    ]


def _of_rate(rows: Sequence[Exposure], band: int, direction: int) -> float | None:
    return _hours(rows, lambda row: (row.rate_band, row.direction) == (band, direction))


def outside_hours(
    rows: Sequence[Exposure], low_c: float | None, high_c: float | None
) -> tuple[float | None, float | None]:
    """Return hours surely below and surely above these limits; None where there is no limit.

    Bands are coarse: a band counts where all of it is outside.
    """
    known = [row for row in rows if row.temp_band is not None]
    if not known:
        return None, None
    tops = [*TEMP_EDGES_C[1:], 1000]
    cold = None if low_c is None else _hours(known, lambda row: tops[row.temp_band or 0] <= low_c)
    hot = None
    if high_c is not None:
        hot = _hours(known, lambda row: TEMP_EDGES_C[row.temp_band or 0] >= high_c)
    return cold, hot
