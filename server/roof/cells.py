"""The bins of the sun's position: what a string gave in each, of what a clear sky would give."""

from __future__ import annotations  # array[float] is not a type for Python 3.11 while it runs

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from server.roof.columns import Columns

ROW_BINS = 40  # numbers of bins for each step of azimuth; 36 are used
QUANTILE = 0.9  # of a bin: what it gives when the sky is clear
_OF_BINS = 0.75  # of all bins: what is usual
_CUT_OFF = 0.05
_OF_BEST = 0.85  # bright edges of clouds add to the sun
LEAST_N = 12
SOME_N = 4
LEAST_DAYS = 3
_LOW_BINS = 6  # below 15 degrees the air decides how much is left of the beam
_LEAST_OF_USUAL = 0.6


class Cell:
    """What was seen in a bin."""

    __slots__ = ("_level", "days", "held", "last_day", "values")

    def __init__(self) -> None:
        self.values = array("f")
        self.days = 0
        self.held = 0  # rows with light that the inverter did not take
        self.last_day = -1
        self._level: float | None = None

    def enough(self) -> bool:
        """Return whether that is enough to say anything."""
        return len(self.values) >= LEAST_N and self.days >= LEAST_DAYS

    def some(self) -> bool:
        """Return whether that is enough beside bins of which more is known."""
        return len(self.values) >= SOME_N and self.days >= LEAST_DAYS

    def cut_off(self) -> bool:
        """Return whether the inverter held back so often that the best moments are missing."""
        return self.held > _CUT_OFF * (self.held + len(self.values))

    def level(self) -> float:
        """Return the quantile; the first to ask, when all values are there, has it sorted out."""
        if self._level is None:
            self._level = quantile(self.values, QUANTILE) if self.values else 0.0
        return self._level


class Usual(NamedTuple):
    """What is usual: of all bins, and how much of it is left in those of a step of elevation."""

    level: float
    of_row: list[float]  # <= 1, by the step

    def at(self, number: int) -> float:
        """Return what the bin with this number would give without shade."""
        return self.level * self.of_row[number % ROW_BINS]


def bin_of(azimuth: int, elevation: int) -> int:
    """Return the number of a bin, of tenths of a degree."""
    return azimuth // 50 * ROW_BINS + elevation // 25


def edges(number: int) -> tuple[float, float]:
    """Return the lower edges of a bin in degrees."""
    return number // ROW_BINS * 5.0, number % ROW_BINS * 2.5


def middle(number: int) -> tuple[int, int]:
    """Return the middle of a bin in tenths of a degree."""
    return number // ROW_BINS * 50 + 25, number % ROW_BINS * 25 + 12


def neighbours(number: int) -> list[int]:
    """Return the eight bins around; north is beside itself."""
    azimuth, elevation = divmod(number, ROW_BINS)
    return [
        (azimuth + a) % 72 * ROW_BINS + elevation + e
        for a in (-1, 0, 1)
        for e in (-1, 0, 1)
        if (a or e) and 0 <= elevation + e < 36
    ]


def groups(numbers: Iterable[int]) -> list[set[int]]:
    """Return the bins in groups of neighbours."""
    left, found = set(numbers), []
    while left:
        edge, group = [left.pop()], set()
        while edge:
            number = edge.pop()
            group.add(number)
            near = [other for other in neighbours(number) if other in left]
            left.difference_update(near)
            edge.extend(near)
        found.append(group)
    return found


def numbers_of(columns: Columns) -> array[int]:
    """Return the bin of each row."""
    return array("h", map(bin_of, columns.azimuths, columns.elevations))


def of_days(
    columns: Columns, numbers: array[int], ratios: array[float], days: Iterable[int]
) -> dict[int, Cell]:
    """Return the bins that were seen on these days."""
    found: dict[int, Cell] = {}
    for day in days:
        rows = columns.rows_of(day)
        part = slice(rows.start, rows.stop)
        for number, ratio in zip(numbers[part], ratios[part], strict=True):
            if ratio == -1:
                continue
            cell = found.get(number)
            if cell is None:
                cell = found[number] = Cell()
            if ratio < 0:
                cell.held += 1
                continue
            cell.values.append(ratio)
            if cell.last_day != day:
                cell.last_day = day
                cell.days += 1
    return found


def usual_of(found: dict[int, Cell], best: float) -> Usual | None:
    """Return what is usual by all bins; None where no bin was seen often enough.

    ``best`` is the most that the string ever gave for a while, of a clear sky: where most bins saw
    no sun yet, what they gave is not what is usual.
    """
    levels = {
        number: cell.level()
        for number, cell in found.items()
        if cell.enough() and not cell.cut_off()
    }
    if not levels:
        return None
    level = max(quantile(levels.values(), _OF_BINS), _OF_BEST * best)
    of_row = [1.0] * ROW_BINS
    for step in range(_LOW_BINS):
        row = [value for number, value in levels.items() if number % ROW_BINS == step]
        best = quantile(row, QUANTILE) / level if row else 1.0
        of_row[step] = min(1.0, max(_LEAST_OF_USUAL, best))
    return Usual(level, of_row)


def quantile(values: Iterable[float], part: float) -> float:
    """Return the quantile, between two values as the distance says."""
    ordered = sorted(values)
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def weighed_quantile(
    values: Sequence[float], faint: Sequence[tuple[float, float]], part: float
) -> float:
    """Return the quantile of values, and of others that have a weight of less than 1.

    What weighs next to nothing changes next to nothing. All together have to weigh 1 at least.
    """
    if not faint:
        return quantile(values, part)
    # From above, the quantile is the mean of the row that begins here.
    begin = (1 - part) * (len(values) + sum(weight for _, weight in faint) - 1)
    highest = sorted(values)[-int(begin + 2) :]
    least = highest[0] if len(highest) > begin + 1 else -math.inf
    pairs = [(value, 1.0) for value in highest] + [one for one in faint if one[0] >= least]
    at = found = 0.0
    for value, weight in sorted(pairs, reverse=True):
        found += value * max(0.0, min(at + weight, begin + 1) - max(at, begin))
        at += weight
        if at > begin + 1:
            break
    return found
