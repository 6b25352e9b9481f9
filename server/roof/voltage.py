"""Where a string is held above the voltage at which it would give most: the inverter holds back.

That shows a limit that nobody set here. What a string's voltage usually is at a power is learned by
month, because it falls by 0.3 % for each degree that the modules are warmer.
"""

from __future__ import annotations  # array[int] is not a type for Python 3.11 while it runs

from array import array

from server.roof.cells import quantile
from server.roof.columns import Columns
from server.roof.rows import CAUSES

VOLTAGE = 1 + CAUSES.index("voltage")
_ABOVE = 1.08
_CLASSES = 12  # of power, up to the most that the string gave
_LEAST_CLASS = 1  # below, the voltage may be anything
_RISE = 1.03  # from one class to the next: more light raises it by 2 % of its logarithm
_LEAST_N = 20


def limited(columns: Columns, string: int) -> bytearray:
    """Return a byte for each row: 0, or the number of the cause why it says nothing.

    A class of power in which the inverter nearly always held back has no usual voltage of its own:
    it is not taken above what the class below allows.
    """
    found = bytearray(columns.causes)
    powers, voltages = columns.powers[string], columns.voltages[string]
    most = max(powers, default=0) + 1
    months = [day.year * 12 + day.month for day in columns.days]
    classes: dict[tuple[int, int], list[int]] = {}
    for row, (power, volt) in enumerate(zip(powers, voltages, strict=True)):
        number = power * _CLASSES // most
        if number >= _LEAST_CLASS and not found[row] and volt > 0:
            classes.setdefault((months[columns.day_of[row]], number), []).append(volt)
    usual = _usual(classes)
    for row, (power, volt) in enumerate(zip(powers, voltages, strict=True)):
        number = power * _CLASSES // most
        if number >= _LEAST_CLASS and not found[row]:
            level = usual.get((months[columns.day_of[row]], number))
            if level is not None and volt > _ABOVE * level:
                found[row] = VOLTAGE
    return found


def _usual(classes: dict[tuple[int, int], list[int]]) -> dict[tuple[int, int], float]:
    usual: dict[tuple[int, int], float] = {}
    for month, number in sorted(classes):
        values = classes[month, number]
        below = usual.get((month, number - 1))
        if len(values) < _LEAST_N:
            level = below
        else:
            level = quantile(values, 0.5)
            if below is not None:
                level = min(level, _RISE * below)
        if level is not None:
            usual[month, number] = level
    return usual


def flagged(rows: bytearray) -> array[int]:
    """Return the rows that are limited."""
    return array("i", [row for row, cause in enumerate(rows) if cause])
