"""Dirt between two rains, beside the other strings; and clear noons from year to year."""

from __future__ import annotations  # array[float] is not a type for Python 3.11 while it runs

import math
import random
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from server.roof import cells
from server.roof.columns import Columns
from server.roof.evidence import SUNNY
from server.roof.shade import Seen

TELLING = 0.03  # a tooth of less is not told
YEARS = 2
_STEADY = 0.03
_BRIGHT_W = 350.0
_LEAST_ROWS = 6
_AROUND = 5  # days with a value, on each side of a cleaning
_LEAST_POINTS = 6
_TOOTH_DAYS = 120
_POWER_BY_LIGHT = 0.92  # with less light modules are cooler: 1 % less light is 0.92 % less power
_NOT_BACK = 0.5
_OF_RISE = 0.7  # it has to fall slowly by about as much as a cleaning adds
# A module's power falls by 0.38 % for each degree, its voltage by 0.30 %: the voltage tells how
# warm it is (the sheets of crystalline modules agree within a few hundredths).
_POWER_BY_VOLTAGE = 1.25
_YEAR_DAYS = 365
_NEAR_DAYS = 7
_LEAST_PAIRS = 20
_DRAWS = 200

Points = list[tuple[int, float]]  # (index of the day, logarithm)


def clear_noons(columns: Columns, seen: Seen) -> Points:
    """Return the logarithm of the ratio at steady clear noons, at one temperature."""
    level = seen.usual.level
    volts = columns.voltages[seen.string]
    found = []
    for day in range(len(columns.days)):
        values, before = [], 0.0
        rows = columns.rows_of(day)
        for row, ratio in enumerate(seen.ratios[rows.start : rows.stop], rows.start):
            steady = ratio >= SUNNY * level and abs(ratio - before) < _STEADY * ratio
            if steady and seen.clear_w[row] >= _BRIGHT_W and volts[row] > 0:
                values.append(math.log(ratio) - _POWER_BY_VOLTAGE * math.log(volts[row]))
            before = ratio
        if len(values) >= _LEAST_ROWS:
            found.append((day, cells.quantile(values, 0.5)))
    return found


class Dirt(NamedTuple):
    """How much less light than after the last cleaning."""

    part: float
    since: int  # index of the day of the cleaning
    rise: float  # by how much the cleaning was


def dirt(points: Points, noise: float, last: int) -> Dirt | None:
    """Return the tooth that is open now; None where no cleaning of 3 % was ever seen.

    Args:
        points: rising by day.
        noise: what a step must exceed beside, in logarithms.
        last: the index of the newest day, which may have had no sun.
    """
    cleanings = _cleanings(points, max(TELLING, noise))
    if not cleanings:
        return None
    at, rise = cleanings[-1]
    rise = math.exp(rise) - 1
    tooth = points[at:]
    if len(tooth) < _LEAST_POINTS:
        return Dirt(0.0, points[at][0], rise)
    slope = _slope(tooth)
    cleaned = (points[at - 1][0] + 1 + points[at][0]) / 2  # some time between two sunny days
    return Dirt(_of_light(slope * (last - cleaned)), points[at][0], rise)


def _cleanings(points: Points, least: float) -> list[tuple[int, float]]:
    """Return where the values rise at once: the first point after it, and by how much."""
    rises = {}
    for n in range(3, len(points) - 1):
        # Two on each side: with more, dirt of many days without sun would hide the cleaning.
        rise = (points[n][1] + points[n + 1][1] - points[n - 1][1] - points[n - 2][1]) / 2
        # Both of them above both: a day of which only a corner was seen in the sun is none.
        after, before = (points[n][1], points[n + 1][1]), (points[n - 1][1], points[n - 2][1])
        if rise >= 0.8 * least and min(after) - max(before) >= 0.5 * least:
            rises[n] = rise
    found: list[tuple[int, float]] = []
    for n, rise in rises.items():
        begin = found[-1][0] if found else 0
        tooth = [point for point in points[begin:n] if point[0] > points[n][0] - _TOOTH_DAYS]
        fell = -_slope(tooth) * (tooth[-1][0] - tooth[0][0]) if len(tooth) > 3 else 0.0
        clean = cells.quantile([value for _, value in tooth[:3]], 0.5)
        if fell < _OF_RISE * rise or points[n][1] < clean - _NOT_BACK * rise:
            continue  # with no way down before, or none back to where that began: not a cleaning
        if all(rise >= rises.get(n + by, 0.0) for by in range(-_AROUND, _AROUND + 1)):
            found.append((n, rise))
    return found


def _slope(points: Points) -> float:
    """Return the median of the slopes between all pairs (Theil and Sen): outliers do not matter."""
    slopes = [
        (b[1] - a[1]) / (b[0] - a[0])
        for n, a in enumerate(points)
        for b in points[n + 1 :]
        if b[0] - a[0] >= 3
    ]
    return cells.quantile(slopes, 0.5) if slopes else 0.0


def _of_light(log: float) -> float:
    return 1 - math.exp(min(0.0, log) / _POWER_BY_LIGHT)


def noise_of(points: Points) -> float:
    """Return how much neighbours differ: three times the median."""
    steps = [abs(b[1] - a[1]) for a, b in pairwise(points)]
    return 3 * cells.quantile(steps, 0.5) if steps else 0.0


class Trend(NamedTuple):
    """A year's change with its interval (95 %), as parts."""

    value: float
    low: float
    high: float
    years: float


def trend(columns: Columns, points: Points) -> Trend | None:
    """Return by how much a year changes what comes: the median of pairs a year apart.

    None below two years, or with fewer than 20 pairs.
    """
    if not points or (columns.days[-1] - columns.days[0]).days < YEARS * _YEAR_DAYS:
        return None
    at = {columns.days[day].toordinal(): value for day, value in points}
    rates = []
    for ordinal, value in at.items():
        for by in sorted(range(-_NEAR_DAYS, _NEAR_DAYS + 1), key=abs):
            later = at.get(ordinal + _YEAR_DAYS + by)
            if later is not None:
                rates.append((later - value) * _YEAR_DAYS / (_YEAR_DAYS + by))
                break
    if len(rates) < _LEAST_PAIRS:
        return None
    low, high = _interval(rates)
    years = (columns.days[-1] - columns.days[0]).days / _YEAR_DAYS
    return Trend(math.exp(cells.quantile(rates, 0.5)) - 1, low, high, years)


def _interval(rates: Sequence[float]) -> tuple[float, float]:
    """Return where medians of drawn months lie: neighbours saw the same weather."""
    chance = random.Random(22)  # noqa: S311 - the same answer each night
    blocks = [rates[n : n + 5] for n in range(0, len(rates), 5)]
    medians = [
        cells.quantile([one for _ in blocks for one in chance.choice(blocks)], 0.5)
        for _ in range(_DRAWS)
    ]
    return (
        math.exp(cells.quantile(medians, 0.025)) - 1,
        math.exp(cells.quantile(medians, 0.975)) - 1,
    )
