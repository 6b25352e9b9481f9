"""One figure of the answer, and why it may be missing."""

from collections.abc import Iterable
from typing import NamedTuple

NOT_ENOUGH = "not enough happened"
NO_METER = "the inverter has no grid meter"
NO_INVERTER = "no readings of the inverter"
NO_P1 = "no readings of the utility's meter"
NO_AC = "the inverter does not report its AC power"
NO_PHASES = "the utility's meter does not report three phases"
NO_COUNTERS = "a counter is missing"
NO_CLOCK = "the utility's meter does not report its time"
TOO_FAR = "the two differ by more than 30 s"
_DIGITS = 4


class Figure(NamedTuple):
    """A figure with its interval (95 %); ``value`` is None only with a ``reason``."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    unit: str
    reason: str | None

    def written(self) -> dict[str, object]:
        """Return it as the answer has it."""
        return self._asdict()


def known(value: float, n: int, unit: str, interval: tuple[float, float] | None = None) -> Figure:
    """Return a figure that is known; without an interval it is one that was counted."""
    low, high = interval or (value, value)
    return Figure(_short(value), _short(min(low, value)), _short(max(high, value)), n, unit, None)


def unknown(reason: str, unit: str, n: int = 0) -> Figure:
    """Return a figure that is not known, and why."""
    return Figure(None, None, None, n, unit, reason)


def percentiles(values: Iterable[float]) -> tuple[float, float] | None:
    """Return the middle 95 % of what resampling gave; None of nothing."""
    rising = sorted(values)
    if not rising:
        return None
    last = len(rising) - 1
    return rising[round(0.025 * last)], rising[round(0.975 * last)]


def _short(value: float) -> float:
    return round(value, _DIGITS) + 0.0  # never -0.0
