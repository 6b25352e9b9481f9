"""The panels: no power though the sun is up, and a day that brought next to nothing."""

from datetime import timedelta

from server.alerts import sun
from server.alerts.evidence import Evidence
from server.alerts.hours import Minute, held_since
from server.alerts.rules.faults import OFF_GRID
from server.alerts.rules.rule import INFO, WARNING, Finding, Outcome, Rule

SUN_ABOVE = 15.0  # degrees
NO_YIELD_S = 7200.0
LEAST_SHARE = 0.01  # of the inverter's nominal power; dark clouds leave more
VOLTS = 120.0  # the strings have their voltage, so there is light on them
RUNNING = frozenset(
    {0x0000, 0x0040, 0x0014, 0x0400, 0x0800, 0x4000, 0x8100, 0x0080, 0x8200, 0x9100}
)
FULL_PCT = 98.0
IDLE_GRID_W = 50.0
COLD_C = 3.0  # then it may be snow
LEAST_OF_BEST = 0.03


def _is_dark(minute: Minute, limit_w: float) -> bool:
    has_light = minute.volts_max is not None and minute.volts_max > VOLTS
    stands = minute.state_last is not None and minute.state_last not in RUNNING
    return minute.pv_max < limit_w and (has_light or stands)


def _is_explained(minute: Minute) -> bool:
    """Return whether nobody wants the power: battery full, or the export held at nothing."""
    if minute.state_last == OFF_GRID or (minute.soc_min is not None and minute.soc_min >= FULL_PCT):
        return True
    is_balanced = minute.grid_w_max is not None and minute.grid_w_max <= IDLE_GRID_W
    return is_balanced and (minute.power_min is None or minute.power_min > -IDLE_GRID_W)


def _no_yield(seen: Evidence, _: frozenset[str]) -> Outcome:
    place, nominal = seen.house.place, seen.house.nominal_w
    if place is None or not nominal or seen.fresh is None:
        return None
    limit_w = LEAST_SHARE * nominal
    if seen.fresh.pv_max >= limit_w:
        return []
    if sun.elevation(seen.now, place) < SUN_ABOVE:
        return None
    since = held_since(seen.hours, lambda m: _is_dark(m, limit_w) and not _is_explained(m))
    if since is None:
        return []
    risen = seen.now - timedelta(seconds=NO_YIELD_S)
    if sun.elevation(risen, place) < SUN_ABOVE:
        return None
    temperature = seen.fresh.inverter_temp
    if seen.fresh.temp_min is not None:
        temperature = seen.fresh.temp_min
    snow = temperature is not None and temperature < COLD_C
    values = {"watts": round(seen.fresh.pv_max), "limit": round(limit_w), "snow": snow}
    return [Finding(since, values)]


def _low_day(seen: Evidence, _: frozenset[str]) -> Outcome:
    if seen.sunset is None:
        return None if seen.fresh is None else []
    day = seen.sunset
    if day.best_kwh < 1 or day.kwh >= LEAST_OF_BEST * day.best_kwh:
        return []
    values = {"kwh": round(day.kwh, 2), "best": round(day.best_kwh, 1), "day": day.day.isoformat()}
    return [Finding(values=values, key=day.day.isoformat())]


OF_HOUSE = (
    Rule("no_yield", WARNING, NO_YIELD_S, 900, "measured", _no_yield),
    Rule("low_day", INFO, 0, 300, "measured", _low_day, is_event=True),
)
