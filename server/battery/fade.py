"""How the capacity falls, and what that makes of the end of the warranty. Pure functions."""

from collections.abc import Sequence
from statistics import pstdev
from typing import NamedTuple

from server.battery.least_squares import Z95, Line, line, median_slope, plane
from server.battery.rows import Window

YEAR_S = 365.25 * 86_400
LEAST_MONTHS, LEAST_EVENTS = 12, 20
FORECAST_MONTHS = 24
_SIGMAS = 2.0
_OUTLIER = 5.0
_LEAST_SPREAD_C = 2.0


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


class _Point(NamedTuple):
    years: float
    kwh: float
    temp_c: float | None


def fit(windows: Sequence[Window], from_s: float, born_s: float | None) -> Fade | None:
    """Return the fade by these windows, which are of one epoch; None if they lie on no line."""
    points = [
        _Point((one.to_s - from_s) / YEAR_S, one.capacity_kwh, one.temp_c)
        for one in windows
        if one.capacity_kwh is not None
    ]
    points, least_se = _as_warm(_without_outliers(points))
    found = line([(one.years, one.kwh) for one in points])
    if found is None or found.start <= 0:
        return None
    found = found._replace(slope_se=max(found.slope_se, least_se))
    born = born_s if born_s is not None and born_s <= from_s else from_s
    shift = (from_s - born) / YEAR_S
    roots = [((one.years + shift) ** 0.5, one.kwh) for one in points if one.years + shift >= 0]
    return Fade(found, line(roots), from_s, max(one.to_s for one in windows), born)


def _without_outliers(points: Sequence[_Point]) -> list[_Point]:
    """Return the points that lie near the line that half of them agree on."""
    slope = median_slope([(one.years, one.kwh) for one in points])
    if slope is None:
        return list(points)
    flat = sorted(one.kwh - slope * one.years for one in points)
    start = flat[len(flat) // 2]
    off = sorted(abs(value - start) for value in flat)
    most = _OUTLIER * max(off[len(off) // 2], 0.002 * abs(start))
    return [one for one in points if abs(one.kwh - slope * one.years - start) <= most]


def _as_warm(points: list[_Point]) -> tuple[list[_Point], float]:
    """Return the points as if all had been as warm, and the least standard error of a slope.

    A cold battery gives less: without this a winter at the end would look like age. Only where the
    effect is clear and time and temperature do not go together.
    """
    known = [one for one in points if one.temp_c is not None]
    if len(known) < LEAST_EVENTS:
        return points, 0.0
    temps = [one.temp_c or 0.0 for one in known]
    middle = [sum(column) / len(known) for column in zip(*known, strict=True)]
    found = plane([(one[0] - middle[0], one[2] - middle[2], one[1] - middle[1]) for one in known])
    if found is None or pstdev(temps) < _LEAST_SPREAD_C or found.b < _SIGMAS * found.b_var**0.5:
        return points, 0.0
    warm = [
        one._replace(kwh=one.kwh - found.b * ((one.temp_c or 0.0) - middle[2])) for one in known
    ]
    return warm, float(found.a_var**0.5)


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
