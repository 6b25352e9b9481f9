"""The figures of health: capacity, fade, and whether the BMS tells the truth. Pure functions."""

from collections.abc import Sequence
from datetime import datetime, time
from statistics import median

from server.battery import fade
from server.battery.capacity import GAIN, LEAST_FOR_VALUE, Capacity
from server.battery.fade import Fade
from server.battery.figures import has_grid, last_year, why_no_efficiency
from server.battery.least_squares import Z95
from server.battery.measure import YEAR_S, Model
from server.battery.result import Figure, none
from server.battery.rows import Anchor, Settings, Window
from server.battery.year import reserve_pct

_MONTH_S = 30.44 * 86_400
_SHOWN_POINTS = 0.5  # how finely a state of health is taken


def of_health(model: Model, settings: Settings) -> dict[str, Figure]:
    """Return them by name."""
    line = fade_of(model, settings)
    down = model.of_kind("full_empty", model.now_s - YEAR_S)
    return {
        "capacity_kwh": of_windows(model, settings, down),
        "capacity_down_kwh": of_windows(model, settings, down),
        "capacity_up_kwh": of_windows(
            model, settings, model.of_kind("empty_full", model.now_s - YEAR_S)
        ),
        "capacity_first_kwh": _first(model, settings),
        "capacity_pct": _pct(model, settings, line),
        "fade_pct_year": _fade(model, settings, line),
        **_soh(model, settings, line),
        **_forecast(model, settings, line),
        **_since(model),
        "jump_at_empty_points": _jump(model),
    }


def of_windows(model: Model, settings: Settings, rows: Sequence[Window]) -> Figure:
    """Return the capacity by these windows, or why there is none."""
    found = model.median_of(rows)
    return with_gain(found) if found else why_none(model, settings, len(rows))


def with_gain(found: Capacity) -> Figure:
    """Return the figure, with the gain error of the meters in its interval."""
    low = found.low * (1 - GAIN) if found.low is not None else None
    high = found.high * (1 + GAIN) if found.high is not None else None
    method = f"median of energy between full and empty; meters +-{GAIN:.0%}"
    return Figure(found.value, low, high, found.n, found.from_s, found.to_s, method)


def why_none(model: Model, settings: Settings, n: int) -> Figure:
    """Return why there is no capacity, the nearest cause first."""
    if not any(one.max_soc_pct is not None for one in model.digests):
        return none("no_battery", n)
    if not any(one.last_charge_kwh is not None for one in model.digests):
        return none("no_counters", n)
    since = model.now_s - YEAR_S
    kinds = [one.kind for one in model.anchors if one.left_s >= since]
    if "full" not in kinds:
        return none("never_full" if has_grid(model) else "no_grid_meter", n)
    reserve = reserve_pct(model, settings)
    if kinds.count("reserve") > kinds.count("empty") and reserve is not None:
        return none("reserve", n, soc_pct=round(reserve))
    if "empty" not in kinds:
        return none("never_empty", n)
    if model.found() is None:
        return why_no_efficiency(model)
    return none("too_few_events", n, n=n, needed=LEAST_FOR_VALUE)


def fade_of(model: Model, settings: Settings) -> Fade | None:
    """Return the fade in the present epoch; None before 12 months and 20 events."""
    rows, from_s = model.of_kind("full_empty"), model.epoch_from_s
    if len(rows) < fade.LEAST_EVENTS or from_s is None:
        return None
    if fade.months_between(from_s, rows[-1].to_s) < fade.LEAST_MONTHS:
        return None
    return fade.fit(rows, from_s, _born_s(model, settings))


def _born_s(model: Model, settings: Settings) -> float | None:
    if settings.installed is None:
        return None
    return datetime.combine(settings.installed, time(12), model.zone).timestamp()


def _first(model: Model, settings: Settings) -> Figure:
    from_s = model.epoch_from_s
    if from_s is None or model.now_s - from_s < YEAR_S:
        return none("no_first_year") if from_s is not None else why_none(model, settings, 0)
    return of_windows(model, settings, model.of_kind("full_empty", from_s, from_s + YEAR_S))


def _why_no_fade(model: Model, settings: Settings, months: int) -> Figure:
    rows, from_s = model.of_kind("full_empty"), model.epoch_from_s
    if not rows or from_s is None:
        return why_none(model, settings, 0)
    known = fade.months_between(from_s, model.now_s)
    if known < months:
        return none("too_short", len(rows), months=int(known), needed=months)
    if len(rows) < fade.LEAST_EVENTS:
        return none("too_few_events", len(rows), n=len(rows), needed=fade.LEAST_EVENTS)
    known = fade.months_between(from_s, rows[-1].to_s)
    if known < months:
        return none("too_short", len(rows), months=int(known), needed=months)
    return none("not_plausible", len(rows))


def _fade(model: Model, settings: Settings, line: Fade | None) -> Figure:
    if line is None:
        return _why_no_fade(model, settings, fade.LEAST_MONTHS)
    low, high = fade.interval(line.pct_year, line.pct_year_se)
    method = "least squares over full to empty"
    return Figure(line.pct_year, low, high, line.line.n, line.from_s, line.to_s, method)


def _left(model: Model, line: Fade) -> tuple[float, float]:
    """Return the capacity now in percent of the first, and half its interval."""
    years = (model.now_s - line.from_s) / fade.YEAR_S
    return 100 - line.pct_year * years, Z95 * line.pct_year_se * years


def _pct(model: Model, settings: Settings, line: Fade | None) -> Figure:
    if line is None:
        return _why_no_fade(model, settings, fade.LEAST_MONTHS)
    value, off = _left(model, line)
    method = "now / at first, on the line of the fade"
    return Figure(value, value - off, value + off, line.line.n, line.from_s, model.now_s, method)


def _soh(model: Model, settings: Settings, line: Fade | None) -> dict[str, Figure]:
    told = [(one.last_s or 0.0, one.soh_pct) for one in model.digests if one.soh_pct is not None]
    if not told:
        names = ("soh_reported_pct", "soh_optimistic_points", "soh_verdict")
        return dict.fromkeys(names, none("no_soh"))
    last_s = told[-1][0]
    now = median(soh for at_s, soh in told if at_s > last_s - _MONTH_S)
    reported = Figure(now, to_s=last_s, method="as the battery reports it")
    if line is None:
        missing = _why_no_fade(model, settings, fade.LEAST_MONTHS)
        return {
            "soh_reported_pct": reported,
            "soh_optimistic_points": missing,
            "soh_verdict": missing,
        }
    # What happened before the first reading nobody measured: that much is believed.
    early = [soh for at_s, soh in told if line.from_s - 1 <= at_s < line.from_s + _MONTH_S]
    first = max(early, default=now)
    left, off = _left(model, line)
    value = now - first * left / 100
    about = Figure(n=line.line.n, from_s=line.from_s, to_s=model.now_s)
    word = "agrees" if abs(value) <= off + _SHOWN_POINTS else _word(value)
    about = about._replace(method="reported - what it reported at first x measured now / at first")
    return {
        "soh_reported_pct": reported,
        "soh_optimistic_points": about._replace(value=value, low=value - off, high=value + off),
        "soh_verdict": about._replace(value=word),
    }


def _word(points: float) -> str:
    return "optimistic" if points > 0 else "pessimistic"


def _forecast(model: Model, settings: Settings, line: Fade | None) -> dict[str, Figure]:
    names = {"line": "forecast_line_pct", "root": "forecast_root_pct"}
    if not settings.installed or not settings.warranty_years:
        return dict.fromkeys(names.values(), none("not_set"))
    known = fade.months_between(line.from_s, line.to_s) if line else 0.0
    if line is None or known < fade.FORECAST_MONTHS:
        missing = _why_no_fade(model, settings, fade.FORECAST_MONTHS)
        return dict.fromkeys(names.values(), missing)
    born_s = _born_s(model, settings) or line.from_s
    at_s = born_s + settings.warranty_years * fade.YEAR_S
    found = {name: none("not_plausible") for name in names.values()}
    for way, kwh in fade.forecast(line, at_s).items():
        value, low, high = (100 * one / line.line.start for one in kwh)
        method = f"at the end of the warranty, by a {way}; percent of the first capacity"
        found[names[way]] = Figure(value, low, high, line.line.n, line.from_s, at_s, method)
    return found


def _since(model: Model) -> dict[str, Figure]:
    return {
        "days_since_full": _days_since(model, "full", "never_full"),
        "days_since_empty": _days_since(model, "empty", "never_empty"),
    }


def _last(model: Model, kind: str) -> Anchor | None:
    return next((one for one in reversed(model.anchors) if one.kind == kind), None)


def _days_since(model: Model, kind: str, reason: str) -> Figure:
    last = _last(model, kind)
    if last is None:
        return none(reason if has_grid(model) else "no_grid_meter")
    days = max(0.0, model.now_s - last.left_s) / 86_400
    return Figure(days, to_s=last.left_s, method=last.evidence)


def _jump(model: Model) -> Figure:
    """Return how far the state of charge fell at empty, in the last 365 days."""
    jumps = [
        anchor.soc_after_pct - anchor.soc_before_pct
        for anchor in model.anchors
        if anchor.kind == "empty"
        and anchor.left_s >= model.now_s - YEAR_S
        and anchor.soc_after_pct is not None
        and anchor.soc_before_pct is not None
    ]
    if not jumps:
        return none("never_empty")
    return Figure(median(jumps), n=len(jumps), method="median at empty", **last_year(model))
