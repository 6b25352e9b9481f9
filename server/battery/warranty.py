"""The sheet of the warranty: what a claim needs. Pure functions."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from server.battery import epochs, exposure, figures
from server.battery.measure import YEAR_S, Model
from server.battery.result import WARRANTY, Figure, none, reason_of, shown
from server.battery.rows import Exposure, Settings

_YEAR_DAYS = 365.25


def sheet(
    model: Model, settings: Settings, exposures: Sequence[Exposure], capacity: Figure
) -> dict[str, Any]:
    """Return the sheet; what the owner did not set is null."""
    found = {
        **_ages(model, settings),
        **_energy(model, settings),
        "capacity_pct": _capacity(settings, capacity),
        **_temperatures(settings, exposures),
        "days_offline": Figure(float(offline_days(model)), method="days without any reading"),
    }
    ends = _ends_on(settings)
    missing = Figure() if settings.installed else none("not_set")
    return {
        "installed": settings.installed.isoformat() if settings.installed else None,
        "years": settings.warranty_years,
        "ends_on": ends.isoformat() if ends else None,
        "mwh": settings.warranty_mwh,
        "capacity_pct": settings.warranty_capacity_pct,
        "t_min_c": settings.warranty_t_min_c,
        "t_max_c": settings.warranty_t_max_c,
        "modules": settings.modules,
        "capacity_kwh": settings.capacity_kwh,
        "figures": {name: shown(found[name], unit) for name, unit in WARRANTY.items()},
        **reason_of(missing),
    }


def _ends_on(settings: Settings) -> date | None:
    if settings.installed is None or settings.warranty_years is None:
        return None
    whole = int(settings.warranty_years)
    first = settings.installed
    # Of 29 February a year later is 1 March.
    is_leap_day = (first.month, first.day) == (2, 29)
    start = (
        date(first.year + whole, 3, 1) if is_leap_day else first.replace(year=first.year + whole)
    )
    return start + timedelta(days=round((settings.warranty_years - whole) * _YEAR_DAYS))


def _ages(model: Model, settings: Settings) -> dict[str, Figure]:
    today = datetime.fromtimestamp(model.now_s, model.zone or UTC).date()
    if settings.installed is None:
        return {"age_years": none("not_set"), "years_left": none("not_set")}
    age = Figure((today - settings.installed).days / _YEAR_DAYS)
    ends = _ends_on(settings)
    left = Figure((ends - today).days / _YEAR_DAYS) if ends else none("not_set")
    return {"age_years": age, "years_left": left}


def _energy(model: Model, settings: Settings) -> dict[str, Figure]:
    total = figures.lifetime_kwh(model)
    if total is None:
        return dict.fromkeys(("mwh_used", "mwh_runs_out_years"), none("no_counters"))
    used = Figure(total[1] / 1000, method="discharged, lifetime counter")
    return {"mwh_used": used, "mwh_runs_out_years": _runs_out(model, settings, total[1] / 1000)}


def _runs_out(model: Model, settings: Settings, used_mwh: float) -> Figure:
    if settings.warranty_mwh is None:
        return none("not_set")
    by_day = epochs.days_kwh(model.digests, model.borders_s)
    days = [by_day.get(one.day.isoformat()) for one in model.recent()]
    rate_mwh = sum(one[1] for one in days if one is not None) / 1000
    known = sum(one is not None for one in days)
    if known < YEAR_S / 86_400 * 0.9:
        return none("too_short", months=int(known / 30.44), needed=12)
    if rate_mwh <= 0:
        return none("no_throughput")
    return Figure((settings.warranty_mwh - used_mwh) / rate_mwh, method="at last year's rate")


def _capacity(settings: Settings, capacity: Figure) -> Figure:
    if not isinstance(capacity.value, float):
        return capacity
    if not settings.capacity_kwh:
        return none("no_capacity_set")
    low, value, high = (
        None if one is None else 100 * one / settings.capacity_kwh
        for one in (capacity.low, capacity.value, capacity.high)
    )
    return capacity._replace(value=value, low=low, high=high)


def _temperatures(settings: Settings, exposures: Sequence[Exposure]) -> dict[str, Figure]:
    limits = settings.warranty_t_min_c, settings.warranty_t_max_c
    cold, hot = exposure.outside_hours(exposures, *limits)
    has_any = any(row.temp_band is not None for row in exposures)
    return {
        "hours_too_cold": _hours(cold, limits[0], has_any),
        "hours_too_hot": _hours(hot, limits[1], has_any),
    }


def _hours(hours: float | None, limit: float | None, has_any: bool) -> Figure:
    if limit is None:
        return none("not_set")
    if not has_any or hours is None:
        return none("no_temperature")
    return Figure(hours, method="hours in bands of temperature that lie outside, all of them known")


def offline_days(model: Model) -> int:
    """Return the days between the first and the last reading without any."""
    known = [one.day for one in model.digests if one.covered_s > 0]
    return (known[-1] - known[0]).days + 1 - len(known) if known else 0
