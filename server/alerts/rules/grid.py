"""The grid's voltage and frequency, as the inverter measures them."""

from server.alerts.evidence import Evidence
from server.alerts.hours import held_since
from server.alerts.rules.rule import INFO, WARNING, Again, Finding, Outcome, Rule

MEAN_S = 600  # standards judge the mean of ten minutes; so it holds for that long from the start
LEAST_MINUTES = 8
HIGH_V, HIGH_CLEAR_V = 251.0, 249.0  # inverters trip at 253 V, 230 V + 10 %
LOW_V, LOW_CLEAR_V = 207.0, 209.0  # 230 V - 10 %
LIVE_V = 50.0  # below it there is no grid: a power cut, which has a rule of its own
LOW_HZ, HIGH_HZ = 49.7, 50.3  # the register has steps of 0.1 Hz


def _mean_v(seen: Evidence) -> float | None:
    minutes = [minute for minute in seen.last(MEAN_S) if minute.grid_v_n]
    if seen.fresh is None or len(minutes) < LEAST_MINUTES:
        return None
    return sum(m.grid_v_sum for m in minutes) / sum(m.grid_v_n for m in minutes)


def _grid_v_high(seen: Evidence, open_keys: frozenset[str]) -> Outcome:
    mean = _mean_v(seen)
    if mean is None:
        return None
    limit = HIGH_CLEAR_V if open_keys else HIGH_V
    return [Finding(values={"volts": round(mean, 1), "limit": HIGH_V})] if mean > limit else []


def _grid_v_low(seen: Evidence, open_keys: frozenset[str]) -> Outcome:
    mean = _mean_v(seen)
    if mean is None or mean < LIVE_V:
        return None
    limit = LOW_CLEAR_V if open_keys else LOW_V
    return [Finding(values={"volts": round(mean, 1), "limit": LOW_V})] if mean < limit else []


def _grid_f(seen: Evidence, _: frozenset[str]) -> Outcome:
    newest = seen.fresh
    if newest is None or newest.hz_min is None or newest.hz_max is None:
        return None
    if newest.hz_max < 40:  # no grid, or the inverter sleeps
        return None
    high = held_since(seen.hours, lambda m: m.hz_min is not None and m.hz_min >= HIGH_HZ)
    if high:
        return [Finding(high, {"hz": newest.hz_max, "limit": HIGH_HZ})]
    low = held_since(seen.hours, lambda m: m.hz_max is not None and 40 < m.hz_max <= LOW_HZ)
    return [Finding(low, {"hz": newest.hz_min, "limit": LOW_HZ})] if low else []


OF_HOUSE = (
    Rule(
        "grid_v_high",
        INFO,
        MEAN_S,
        1800,
        "measured",
        _grid_v_high,
        again=Again(3, 7 * 86_400, True),
    ),
    Rule("grid_v_low", WARNING, 0, 1800, "measured", _grid_v_low),
    Rule("grid_f", INFO, 60, 300, "measured", _grid_f),
)
