"""What the battery holds from full to empty: by energy, not by what the BMS believes. Pure."""

import math
import random
from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.battery.efficiency import W_OF_KWH_A_DAY, Efficiency
from server.battery.least_squares import bootstrap, quartiles
from server.battery.rows import Window

LEAST_EVENTS = 6  # fewer give no interval
LEAST_FOR_VALUE = 3  # and fewer than these no number
GAIN = 0.02  # known class of such meters; it cancels in ratios and trends, not in kWh
STEP = 0.2  # so much more or less, and it is another battery
_AROUND = 4  # windows on each side that must agree on a step


class Capacity(NamedTuple):
    """The median of some windows; ``low`` and ``high`` without the gain of the meters."""

    value: float
    low: float | None
    high: float | None
    q1: float
    q3: float
    n: int
    from_s: float
    to_s: float


def of_window(window: Window, found: Efficiency) -> Window:
    """Return the window with its capacity, by energy that went and standby that was drawn."""
    return window._replace(capacity_kwh=_kwh(window, found.round_trip, found.standby_w))


def _kwh(window: Window, round_trip: float, standby_w: float) -> float | None:
    if window.kind == "full_full":
        return None
    eta = math.sqrt(round_trip)
    fallen = window.discharge_kwh / eta - window.charge_kwh * eta
    fallen += standby_w / W_OF_KWH_A_DAY * window.days
    return fallen if window.kind == "full_empty" else -fallen


def median_of(windows: Sequence[Window], found: Efficiency) -> Capacity | None:
    """Return the median capacity; None of fewer than three windows, no interval of fewer than six.

    The interval is a bootstrap over the windows, each time with another efficiency and standby out
    of what those may be.
    """
    values = [window.capacity_kwh for window in windows if window.capacity_kwh is not None]
    if len(values) < LEAST_FOR_VALUE:
        return None
    value = median(values)
    span = min(window.from_s for window in windows), max(window.to_s for window in windows)
    if len(values) < LEAST_EVENTS:
        return Capacity(value, None, None, *quartiles(values), len(values), *span)

    def resampled(indices: list[int], dice: random.Random) -> float:
        round_trip, standby_w = _drawn(found, dice)
        return median(_kwh(windows[n], round_trip, standby_w) or 0.0 for n in indices)

    low, high = bootstrap(len(windows), resampled)
    return Capacity(
        value, min(low, value), max(high, value), *quartiles(values), len(values), *span
    )


def _drawn(found: Efficiency, dice: random.Random) -> tuple[float, float]:
    """Return a round trip and a standby that may be, with what they share."""
    first, second = dice.gauss(0, 1), dice.gauss(0, 1)
    round_trip = found.round_trip + found.round_trip_se * first
    if found.round_trip_se <= 0:
        return found.round_trip, found.standby_w
    along = found.covariance / found.round_trip_se
    rest = max(0.0, found.standby_se**2 - along**2) ** 0.5
    return round_trip, found.standby_w + along * first + rest * second


def by_year(windows: Sequence[Window], zone: ZoneInfo) -> dict[tuple[int, int], list[Window]]:
    """Return the windows by local year of their ends and epoch."""
    years: dict[tuple[int, int], list[Window]] = {}
    for window in windows:
        key = datetime.fromtimestamp(window.to_s, zone).year, window.epoch
        years.setdefault(key, []).append(window)
    return years


def step_s(windows: Sequence[Window]) -> float | None:
    """Return when the capacity changed by more than a fifth from one window to the next.

    Args:
        windows: of one kind and one epoch, with their capacities, rising.
    """
    best: tuple[float, float] | None = None
    for n in range(_AROUND, len(windows) - _AROUND + 1):
        before = [one.capacity_kwh or 0.0 for one in windows[n - _AROUND : n]]
        after = [one.capacity_kwh or 0.0 for one in windows[n : n + _AROUND]]
        middle = median(before), median(after)
        if min(middle) <= 0:
            continue
        change = abs(middle[1] / middle[0] - 1)
        # All of them have to agree: one odd window makes no new battery.
        apart = min(after) > max(before) or max(after) < min(before)
        if apart and change > STEP and (best is None or change > best[0]):
            best = change, (windows[n - 1].to_s + windows[n].from_s) / 2
    return best[1] if best else None
