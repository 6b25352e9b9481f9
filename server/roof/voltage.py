"""Where a string is held above the voltage at which it would give most: the inverter holds back.

That shows a limit that nobody set here. What a string's voltage usually is at a power is learned by
month, because it falls by 0.3 % for each degree that the modules are warmer.
"""

from __future__ import annotations  # array[int] is not a type for Python 3.11 while it runs

import math
from array import array
from collections.abc import Mapping, Sequence

from server.roof.cells import quantile
from server.roof.columns import Columns
from server.roof.rows import CAUSES, DOUBTFUL

VOLTAGE = 1 + CAUSES.index("voltage")
_ABOVE = 1.08
_NOT_HELD = 1.03  # up to that, what was doubtful is evidence: 2 % of less power raises it by 3 %
_CLASSES = 12  # of power, up to the most that the string gave
_LEAST_CLASS = 1  # below, the voltage may be anything
_RISE = 0.02  # for each time that the light is e times as much
_WARMTH = 0.005  # what the warmth of one class more takes of it; 0.0075 on a roof without wind
_SPARE = 1.005
_LEAST_N = 20


def limited(columns: Columns, string: int) -> bytearray:
    """Return a byte for each row: 0, or the number of the cause why it says nothing.

    A class of power in which the inverter nearly always held back has no usual voltage of its own:
    it is not taken above what the classes below allow.
    """
    found = bytearray(columns.causes)
    powers, voltages = columns.powers[string], columns.voltages[string]
    most, months = max(powers, default=0) + 1, _months(columns)
    usual = _usual(_classes(powers, voltages, found, months, most))
    for month, part in months.items():
        bounds = [_bounds(usual, month, number) for number in range(_CLASSES)]
        rows = zip(powers[part], voltages[part], found[part], strict=True)
        for row, (power, volt, cause) in enumerate(rows, part.start):
            if not cause or cause == DOUBTFUL:
                free, most_v = bounds[power * _CLASSES // most if power > 0 else 0]
                if volt > most_v:
                    found[row] = VOLTAGE
                elif 0 < volt <= free:
                    found[row] = 0
    return found


def _classes(
    powers: array[int],
    voltages: array[int],
    held: bytearray,
    months: Mapping[int, slice],
    most: int,
) -> dict[tuple[int, int], array[int]]:
    """Return the voltages of the rows that were not held back, by month and class of power."""
    classes: dict[tuple[int, int], array[int]] = {}
    for month, part in months.items():
        own = [array("h") for _ in range(_CLASSES)]
        for power, volt, cause in zip(powers[part], voltages[part], held[part], strict=True):
            if volt > 0 and power > 0 and not cause:
                own[power * _CLASSES // most].append(volt)
        known = enumerate(own[_LEAST_CLASS:], _LEAST_CLASS)
        classes |= {(month, number): volts for number, volts in known if volts}
    return classes


def _bounds(usual: Mapping[tuple[int, int], float], month: int, number: int) -> tuple[float, float]:
    """Return up to which voltage a class of power is surely free, and above which it is held."""
    level = usual.get((month, max(number, _LEAST_CLASS)))
    if level is None:
        return 0.0, math.inf
    return _NOT_HELD * level, _ABOVE * level if number >= _LEAST_CLASS else math.inf


def _months(columns: Columns) -> dict[int, slice]:
    """Return the rows of each month; days rise."""
    months: dict[int, slice] = {}
    for index, day in enumerate(columns.days):
        rows, month = columns.rows_of(index), day.year * 12 + day.month
        first = months[month].start if month in months else rows.start
        months[month] = slice(first, rows.stop)
    return months


def _usual(classes: Mapping[tuple[int, int], Sequence[int]]) -> dict[tuple[int, int], float]:
    usual: dict[tuple[int, int], float] = {}
    allowed: dict[int, float] = {}  # of a month: by the classes so far, as in the light of class 1
    for month, number in sorted(classes):
        values = classes[month, number]
        rise = 1 + _RISE * math.log(number) - _WARMTH * number
        most = _SPARE * rise * allowed.get(month, math.inf)
        level = quantile(values, 0.5) if len(values) >= _LEAST_N else math.inf
        if level < most:
            # A class in which shade takes a part of the modules is lower: it allows no less.
            allowed[month] = max(allowed.get(month, 0.0), level / rise)
        if min(level, most) < math.inf:
            usual[month, number] = min(level, most)
    return usual


def flagged(rows: bytearray) -> array[int]:
    """Return the rows that are limited."""
    return array("i", [row for row, cause in enumerate(rows) if cause])
