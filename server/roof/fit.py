"""Where the modules of a string look, by its own power: the most that each fortnight gave."""

from __future__ import annotations  # array[int] is not a type for Python 3.11 while it runs

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from server.plane import Plane
from server.roof import columns as all_days
from server.roof.columns import Columns
from server.roof.model import Facing
from server.roof.rows import Digest

DAYS = 365  # at most
LEAST_WINDOWS = 2
_WINDOW_DAYS = 14
_QUARTER = 3  # rows
_QUANTILE = 0.9
_LEAST_VALUES = 4
_LEAST_POINTS = 16  # of a window: four hours
_LONG_WINDOWS = 21  # ten months: then the seasons are in every window's own shape
_FREE, _FREE_SHORT = 0.95, 0.9  # how much the windows by themselves count
_CUT_OFF = 0.1
_OF_PEAK = 0.2
_LEAST_ELEVATION = 80  # tenths of a degree
_CLOUDED = 0.85  # of the first fit: such a point is not on the envelope
_BRIGHTER = 1.12  # and such a one saw the bright edge of a cloud
_TILTS = range(91)
_MUCH_BETTER, _NEAR_DEG = 2.0, 20.0

Point = tuple[int, int, int, int]  # azimuth, elevation (tenths), day of the year, W


class Fitted(NamedTuple):
    """An orientation, over so many days; the rest is what it leaves, as a part of all."""

    tilt_deg: float
    azimuth_deg: float
    days: int
    rest: float


def of_days(digests: Iterable[Digest], string: int) -> Fitted | None:
    """Return the orientation of a string; None where there are too few days for one."""
    gathered = all_days.gather(digests)
    if string not in gathered.powers:
        return None
    return of_columns(gathered, windows_of(gathered, string, bytearray(gathered.causes)))


def of_columns(columns: Columns, windows: Sequence[Sequence[Point]]) -> Fitted | None:
    """Return the same, by what ``windows_of`` returned."""
    if len(windows) < LEAST_WINDOWS:
        return None
    coarse = [window[::3] for window in windows]
    best = _search(coarse, range(5, 71, 10), range(0, 360, 15))
    best = _search(coarse, _near(best[0], 10, 5), _near(best[1], 15, 5))
    windows = [_envelope(window, Plane(*best)) for window in windows]
    best = _search(windows, _near(best[0], 10, 5), _near(best[1], 10, 5))
    windows = [_envelope(window, Plane(*best)) for window in windows]
    for reach, step in ((4, 2), (1, 1)):
        best = _search(windows, _near(best[0], reach, step), _near(best[1], reach, step))
    return Fitted(best[0], best[1] % 360, len(columns.within(DAYS)), rest_of(windows, Plane(*best)))


def rest_of_plane(windows: Sequence[Sequence[Point]], plane: Plane, fitted: Fitted) -> float:
    """Return what an orientation leaves unexplained of what ``fitted`` was made of."""
    best = Plane(fitted.tilt_deg, fitted.azimuth_deg)
    windows = [_envelope(window, best) for window in windows]
    return rest_of(windows, plane)


def mended(told: Plane, fitted: Fitted, rest: float) -> Plane:
    """Return what was set, or what the data say instead where that is near it and much better.

    A tilt 10 degrees off makes a bin that is grazed by the sun look lit in full shade. What is far
    from it is not taken: a tree in the mornings turns the fit, too.

    Args:
        told: the plane as it was set.
        fitted: what the data say.
        rest: what ``told`` leaves unexplained, as ``Fitted.rest``.
    """
    best = Plane(fitted.tilt_deg, fitted.azimuth_deg, told.kwp, told.name)
    if rest > _MUCH_BETTER * fitted.rest and _angle_deg(told, best) <= _NEAR_DEG:
        return best
    return told


def _angle_deg(one: Plane, other: Plane) -> float:
    """Return the angle between the directions in which two planes look."""
    turn = math.radians(one.azimuth_deg - other.azimuth_deg)
    tilts = math.radians(one.tilt_deg), math.radians(other.tilt_deg)
    flat = math.sin(tilts[0]) * math.sin(tilts[1]) * math.cos(turn)
    return math.degrees(math.acos(min(1.0, flat + math.cos(tilts[0]) * math.cos(tilts[1]))))


def rest_of(windows: Sequence[Sequence[Point]], plane: Plane) -> float:
    """Return the squares that a plane leaves, as a part.

    Most of it with the strength free in each window, for haze and dirt; the rest with one strength
    for all, since a plane too steep or turned too far shows in the seasons. The two err to opposite
    sides.
    """
    facing, left, whole = Facing(plane), 0.0, 0.0
    all_pp = all_pm = all_mm = 0.0
    for window in windows:
        pp = pm = mm = 0.0
        azimuths, elevations, numbers, powers = zip(*window, strict=True)
        cosines = facing.incidences(azimuths, elevations)
        clear_w = facing.clear_w_per_kwp(cosines, elevations, numbers)
        for power, could in zip(powers, clear_w, strict=True):
            pp += power * power
            pm += power * could
            mm += could * could
        if mm:
            # Each window counts alike: a bright summer says no more than a clear week of March.
            left += 1 - pm * pm / mm / pp
            whole += 1
            all_pp, all_pm, all_mm = all_pp + pp, all_pm + pm, all_mm + mm
    if not whole:
        return 1.0
    free = _FREE if len(windows) >= _LONG_WINDOWS else _FREE_SHORT
    return free * left / whole + (1 - free) * (1 - all_pm * all_pm / all_mm / all_pp)


def _search(
    windows: Sequence[Sequence[Point]], tilts: Iterable[int], azimuths: Sequence[int]
) -> tuple[int, int]:
    tried = [
        (rest_of(windows, Plane(tilt, azimuth % 360)), tilt, azimuth)
        for tilt in tilts
        if tilt in _TILTS
        for azimuth in azimuths
    ]
    return min(tried)[1:]


def _near(middle: int, reach: int, step: int) -> range:
    return range(middle - reach, middle + reach + 1, step)


def _envelope(window: Sequence[Point], plane: Plane) -> list[Point]:
    """Return the points without those from which clouds took light, or to which they added some."""
    facing = Facing(plane)
    ratios = [power / max(1.0, facing.w_per_kwp(a, e, n)) for a, e, n, power in window]
    usual = sorted(ratios)[int(0.7 * len(ratios))] if ratios else 0.0
    return [
        point
        for point, ratio in zip(window, ratios, strict=True)
        if _CLOUDED * usual < ratio < _BRIGHTER * usual
    ] or list(window)


def windows_of(columns: Columns, string: int, held: bytearray) -> list[list[Point]]:
    """Return the brightest moments of each fortnight of the last year.

    ``held``: a byte for each row, not 0 where the inverter held back.
    """
    found = []
    days = columns.within(DAYS)
    for begin in range(days.stop - _WINDOW_DAYS, days.start - _WINDOW_DAYS, -_WINDOW_DAYS):
        own = range(max(begin, days.start), begin + _WINDOW_DAYS)
        points = _points(columns, string, held, own)
        peak = max((point[3] for point in points), default=0)
        bright = [one for one in points if one[3] > _OF_PEAK * peak]
        if len(bright) >= _LEAST_POINTS:
            found.append(bright)
    return found


def _points(columns: Columns, string: int, held: bytearray, days: range) -> list[Point]:
    """Return the envelope of some days: for each quarter hour a moment of high power."""
    powers = columns.powers[string]
    quarters: dict[int, list[tuple[int, int]]] = {}
    for day in days:
        for row in columns.rows_of(day):
            if powers[row] > 0 and columns.elevations[row] > _LEAST_ELEVATION:
                quarter = columns.slots[row] % 288 // _QUARTER
                quarters.setdefault(quarter, []).append((powers[row], row))
    points = []
    for values in quarters.values():
        # Where the inverter held back, the best moments are missing: what is left is clouds.
        cut_off = sum(held[row] > 0 for _, row in values) > _CUT_OFF * len(values)
        if len(values) >= _LEAST_VALUES and not cut_off:
            power, row = sorted(values)[int(_QUANTILE * (len(values) - 1))]
            number = columns.days[columns.day_of[row]].timetuple().tm_yday
            points.append((columns.azimuths[row], columns.elevations[row], number, power))
    return points
