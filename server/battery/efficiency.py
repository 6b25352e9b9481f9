"""Round trip and standby, found together by ways from full to full. Pure functions.

The battery ends where it began, by physics: what went in beyond what came out was lost on the way,
or drawn by the pack itself: E_in = E_out / RTE + k * days.
"""

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from server.battery.least_squares import Plane, plane
from server.battery.rows import Window

LEAST_WINDOWS, LEAST_DAYS = 60, 90
W_OF_KWH_A_DAY = 1000 / 24
_LEAST_KWH = 0.5  # a top-up says nothing about the efficiency
_ROUNDING_KWH = 0.3
_OUTLIER = 5.0  # times the median distance
_PLAUSIBLE_RTE, _PLAUSIBLE_W = (0.6, 1.005), (-5.0, 300.0)


class Efficiency(NamedTuple):
    """What is kept each way, and what the pack draws; with standard errors."""

    round_trip: float
    round_trip_se: float
    standby_w: float
    standby_se: float
    covariance: float  # of round trip and standby
    n: int
    from_s: float
    to_s: float

    @property
    def eta(self) -> float:
        """What is kept each way, taken as alike: only the product can be known."""
        return math.sqrt(self.round_trip)


def usable(windows: Sequence[Window]) -> list[Window]:
    """Return the windows that the efficiency can be found by."""
    return [one for one in windows if one.kind == "full_full" and _is_sound(one)]


def _is_sound(one: Window) -> bool:
    """Return whether in and out belong to one battery: a glitch of a counter moves every fit."""
    most = 2 * one.discharge_kwh + 2 * one.days + _ROUNDING_KWH
    least = 0.95 * one.discharge_kwh - _ROUNDING_KWH
    return one.discharge_kwh >= _LEAST_KWH and least <= one.charge_kwh <= most


def span_days(windows: Sequence[Window]) -> float:
    """Return how many days these windows, rising, reach over."""
    return (windows[-1].to_s - windows[0].from_s) / 86_400 if windows else 0.0


def fit(windows: Sequence[Window]) -> Efficiency | None:
    """Return efficiency and standby by these windows; None if too few, or not plausible."""
    rows = usable(windows)
    if len(rows) < LEAST_WINDOWS or span_days(rows) < LEAST_DAYS:
        return None
    found = plane([_point(one) for one in rows])
    if found is None:
        return None
    off = [abs(one.charge_kwh - found.a * one.discharge_kwh - found.b * one.days) for one in rows]
    most = _OUTLIER * max(median(off), 0.05)
    kept = [one for one, far in zip(rows, off, strict=True) if far <= most]
    found = plane([_point(one) for one in kept])
    if found is None or len(kept) < LEAST_WINDOWS or found.a <= 0:
        return None
    made = _of_plane(found, kept)
    is_plausible = _PLAUSIBLE_RTE[0] <= made.round_trip <= _PLAUSIBLE_RTE[1]
    return made if is_plausible and _PLAUSIBLE_W[0] <= made.standby_w <= _PLAUSIBLE_W[1] else None


def _point(one: Window) -> tuple[float, float, float]:
    return one.discharge_kwh, one.days, one.charge_kwh


def _of_plane(found: Plane, rows: Sequence[Window]) -> Efficiency:
    rte = 1 / found.a
    per_watt = rte**0.5 * W_OF_KWH_A_DAY
    return Efficiency(
        round_trip=rte,
        round_trip_se=rte * rte * found.a_var**0.5,
        standby_w=found.b * per_watt,
        standby_se=found.b_var**0.5 * per_watt,
        covariance=-rte * rte * per_watt * found.covariance,
        n=len(rows),
        from_s=min(one.from_s for one in rows),
        to_s=max(one.to_s for one in rows),
    )


def closure_pct(windows: Sequence[Window], found: Efficiency) -> float | None:
    """Return what these windows leave unexplained, in percent of what was charged."""
    rows = usable(windows)
    charged = sum(one.charge_kwh for one in rows)
    if charged <= 0:
        return None
    out = sum(one.discharge_kwh for one in rows)
    stood = found.standby_w * found.eta / W_OF_KWH_A_DAY * sum(one.days for one in rows)
    return 100 * (charged * found.round_trip - out - stood) / charged
