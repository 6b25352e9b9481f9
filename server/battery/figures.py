"""The figures of use: cycles, energy, efficiency, standby, limits. Pure functions."""

from collections.abc import Callable
from statistics import median
from typing import TypedDict

from server.battery import efficiency, epochs
from server.battery.least_squares import Z95
from server.battery.measure import YEAR_S, Model
from server.battery.result import Figure, none
from server.battery.rows import Digest, Settings
from server.battery.year import Year

_CLOSURE_S = 90 * 86_400
_LEAST_CYCLES = 5.0
_HOURS = 8766.0
_COUNTER = "lifetime counters"


def of_use(model: Model, found: Year, settings: Settings) -> dict[str, Figure]:
    """Return them by name."""
    return {
        **_energy(model, settings),
        **_of_efficiency(model),
        "converter_round_trip_pct": _converter(model, settings),
        "standby_at_rest_w": _at_rest(found, settings),
        **_limits(found, model),
    }


class _Span(TypedDict):
    from_s: float
    to_s: float


def last_year(model: Model) -> _Span:
    """Return the last 365 days, for a figure."""
    return {"from_s": model.now_s - YEAR_S, "to_s": model.now_s}


def lifetime_kwh(model: Model) -> tuple[float, float] | None:
    """Return what was charged and discharged, with what was counted before the first reading.

    The counters of another inverter go on where the one before ended.
    """
    first = next((one for one in model.digests if one.first_charge_kwh is not None), None)
    if first is None:
        return None
    days = epochs.days_kwh(model.digests, model.borders_s).values()
    return (
        (first.first_charge_kwh or 0.0) + sum(day[0] for day in days),
        (first.first_discharge_kwh or 0.0) + sum(day[1] for day in days),
    )


def _energy(model: Model, settings: Settings) -> dict[str, Figure]:
    names = ("charged_kwh", "discharged_kwh", "charged_kwh_year", "discharged_kwh_year")
    total = lifetime_kwh(model)
    if total is None:
        missing = none("no_counters")
        return dict.fromkeys((*names, "full_cycles", "full_cycles_year"), missing)
    by_day = epochs.days_kwh(model.digests, model.borders_s)
    days = [by_day[one.day.isoformat()] for one in model.recent() if one.day.isoformat() in by_day]
    year = sum(day[0] for day in days), sum(day[1] for day in days)
    life, since = Figure(method=_COUNTER), Figure(method=_COUNTER, **last_year(model))
    found = {
        name: about._replace(value=kwh)
        for name, kwh, about in zip(names, (*total, *year), (life, life, since, since), strict=True)
    }
    for name, kwh in (("full_cycles", total[1]), ("full_cycles_year", year[1])):
        if settings.capacity_kwh:
            method = "discharged / nominal capacity"
            about = since if name == "full_cycles_year" else life
            found[name] = about._replace(value=kwh / settings.capacity_kwh, method=method)
        else:
            found[name] = none("no_capacity_set")
    return found


def why_no_efficiency(model: Model) -> Figure:
    """Return why there is none."""
    if not any(anchor.kind == "full" for anchor in model.anchors):
        return none("never_full") if has_grid(model) else none("no_grid_meter")
    ways = efficiency.usable([one for one in model.windows if one.epoch == model.epoch])
    if len(ways) < efficiency.LEAST_WINDOWS:
        return none("too_few_windows", len(ways), n=len(ways), needed=efficiency.LEAST_WINDOWS)
    days = efficiency.span_days(ways)
    if days < efficiency.LEAST_DAYS:
        return none("too_short", len(ways), months=int(days / 30.44), needed=3)
    return none("not_plausible", len(ways))


def has_grid(model: Model) -> bool:
    """Return whether anything measured where energy went."""
    return any(one.solar_to_battery_kwh is not None for one in model.digests)


def _of_efficiency(model: Model) -> dict[str, Figure]:
    found = model.found()
    if found is None:
        missing = why_no_efficiency(model)
        names = ("round_trip_pct", "standby_w", "standby_kwh_year", "closure_pct")
        return dict.fromkeys(names, missing)
    method = "least squares over ways from full to full"
    about = Figure(n=found.n, from_s=found.from_s, to_s=found.to_s, method=method)

    def with_bounds(value: float, low: float, high: float) -> Figure:
        return about._replace(value=value, low=low, high=high)

    off_pct, off_w = 100 * Z95 * found.round_trip_se, Z95 * found.standby_se
    pct, watts = 100 * found.round_trip, found.standby_w
    low_w, high_w = max(0.0, watts - off_w), watts + off_w
    kwh = _HOURS / 1000
    return {
        "round_trip_pct": with_bounds(pct, pct - off_pct, min(100.0, pct + off_pct)),
        "standby_w": with_bounds(max(0.0, watts), low_w, high_w),
        "standby_kwh_year": with_bounds(max(0.0, watts) * kwh, low_w * kwh, high_w * kwh),
        "closure_pct": _closure(model, found),
    }


def _closure(model: Model, found: efficiency.Efficiency) -> Figure:
    since = model.now_s - _CLOSURE_S
    ways = [one for one in model.windows if one.epoch == model.epoch and one.from_s >= since]
    value = efficiency.closure_pct(ways, found)
    if value is None:
        return none("no_throughput")
    n = len(efficiency.usable(ways))
    return Figure(value, n=n, from_s=since, to_s=model.now_s, method="energy in - out - lost")


def _converter(model: Model, settings: Settings) -> Figure:
    days = model.recent()
    into = _total(days, lambda one: one.solar_to_battery_kwh)
    into += _total(days, lambda one: one.grid_to_battery_kwh)
    out = _total(days, lambda one: one.battery_to_house_kwh)
    out += _total(days, lambda one: one.battery_to_grid_kwh)
    if not has_grid(model):
        return none("no_grid_meter")
    if not settings.capacity_kwh:
        return none("no_capacity_set")
    if into < _LEAST_CYCLES * settings.capacity_kwh:
        return none("no_throughput")
    off = 100 * settings.capacity_kwh / into  # what may be stored more at one end than at the other
    value = 100 * out / into
    method = "battery to house and grid / solar and grid to battery"
    return Figure(
        value, value - off, value + off, len(days), model.now_s - YEAR_S, model.now_s, method
    )


def _total(days: list[Digest], of: Callable[[Digest], float | None]) -> float:
    return sum(of(one) or 0.0 for one in days)


def _at_rest(found: Year, settings: Settings) -> Figure:
    rests = found.tally.rests
    if not settings.capacity_kwh:
        return none("no_capacity_set")
    if not rests:
        return none("no_rest")
    watts = [10 * settings.capacity_kwh * points / hours for hours, points in rests]
    method = "how the state of charge fell in 12 hours without power"
    return Figure(median(watts), n=len(rests), from_s=found.from_s, to_s=found.to_s, method=method)


def _limits(found: Year, model: Model) -> dict[str, Figure]:
    about = Figure(method="the largest seen", **last_year(model))
    seen = {
        "charge_limit_w": found.limits.charge_w,
        "discharge_limit_w": found.limits.discharge_w,
    }
    return {
        name: about._replace(value=watts) if watts else none("no_throughput")
        for name, watts in seen.items()
    }
