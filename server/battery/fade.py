"""How the capacity falls, and what that makes of the end of the warranty. Pure functions."""

from collections.abc import Sequence
from typing import NamedTuple

from server.battery.least_squares import Z95, Line, line, median_slope
from server.battery.rows import Window

YEAR_S = 365.25 * 86_400
LEAST_MONTHS, LEAST_EVENTS = 12, 20
FORECAST_MONTHS = 24
_SIGMAS = 2.0
_OUTLIER = 5.0


class Fade(NamedTuple):
    """A line through capacities over the years since ``from_s``; the slope in percent a year."""

    line: Line
    root: Line | None  # over the square root of years since ``born_s``
    from_s: float
    to_s: float
    born_s: float

    @property
    def pct_year(self) -> float:
        """What it loses a year, in percent of the capacity at the start."""
        return -100 * self.line.slope / self.line.start

    @property
    def pct_year_se(self) -> float:
        """The standard error of that."""
        return 100 * self.line.slope_se / self.line.start

    def at(self, at_s: float) -> tuple[float, float]:
        """Return the capacity on the line at a moment, and its standard error."""
        years = (at_s - self.from_s) / YEAR_S
        return self.line.at(years), self.line.se_at(years)


def months_between(from_s: float, to_s: float) -> float:
    """Return months of 30.44 days."""
    return (to_s - from_s) / YEAR_S * 12


def fit(windows: Sequence[Window], from_s: float, born_s: float | None) -> Fade | None:
    """Return the fade by these windows, which are of one epoch; None if they lie on no line."""
    points = [
        ((one.to_s - from_s) / YEAR_S, one.capacity_kwh)
        for one in windows
        if one.capacity_kwh is not None
    ]
    found = _guarded(points)
    if found is None or found.start <= 0:
        return None
    born = born_s if born_s is not None and born_s <= from_s else from_s
    shift = (from_s - born) / YEAR_S
    roots = [((years + shift) ** 0.5, kwh) for years, kwh in points if years + shift >= 0]
    return Fade(found, line(roots), from_s, max(one.to_s for one in windows), born)


def _guarded(points: Sequence[tuple[float, float]]) -> Line | None:
    """Return the line without points that lie far from the one that half of them agree on."""
    slope = median_slope(points)
    if slope is None:
        return line(points)
    flat = sorted(y - slope * x for x, y in points)
    start = flat[len(flat) // 2]
    off = sorted(abs(value - start) for value in flat)
    most = _OUTLIER * max(off[len(off) // 2], 0.002 * abs(start))
    return line([(x, y) for x, y in points if abs(y - slope * x - start) <= most])


def forecast(fade: Fade, at_s: float) -> dict[str, tuple[float, float, float]]:
    """Return value, low and high of the capacity at a moment, by ``line`` and by ``root``."""
    found = {"line": _widened(fade.line, (at_s - fade.from_s) / YEAR_S)}
    if fade.root is not None:
        found["root"] = _widened(fade.root, ((at_s - fade.born_s) / YEAR_S) ** 0.5)
    return found


def _widened(found: Line, x: float) -> tuple[float, float, float]:
    value, off = found.at(x), _SIGMAS * found.se_at(x)
    return value, value - off, value + off


def interval(value: float, se: float) -> tuple[float, float]:
    """Return where the truth lies by 95 %."""
    return value - Z95 * se, value + Z95 * se
