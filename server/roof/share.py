"""What part of all power each string gives, beside the part that the model expects: by day.

Both see the same clouds, so it is independent of them. A string that falls behind at once (a
module, a connector, a nest) or slowly (dirt) shows within days.
"""

from __future__ import annotations  # array[float] is not a type for Python 3.11 while it runs

import math
from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from server.roof import cells
from server.roof.columns import Columns
from server.roof.shade import CLEAR, Judged, Seen, region_of

TELLING = 0.05  # of what it gives
TELLING_DAYS = 5
_SEASON = 0.08
_OF_TELLING, _NOISES = 0.7, 3.0
_LEAST_SIDE = 3
WINDOW = 7  # days
_LEAST_ROWS = 12  # an hour
_LEAST_W = 80.0  # of a clear kWp
_BASE_DAYS = 365
_TOLD_DAYS = 730  # events are those of a year, beside the year before
_RECENT_DAYS = 60
_LEAST_BASE = 30


class Day(NamedTuple):
    """A string's share of a day, of the rows that count."""

    day: int  # index
    share: float
    expected: float  # by the model alone
    log: float  # of what it gives by what the others give, beside the same of the model


class Change(NamedTuple):
    """A string that gives another part than usual."""

    kind: str  # step or drift
    first: int  # day's index
    last: int | None  # None: still
    value: float  # -0.06: 6 % less


def by_day(
    columns: Columns,
    numbers: array[int],
    strings: Sequence[Seen],
    maps: Sequence[Mapping[int, Judged]],
    held: Mapping[int, bytearray],
) -> dict[int, list[Day]]:
    """Return, of each string, two years' days with an hour of sun outside of the shade of any."""
    shaded = {number for judged in maps for number in region_of(judged)}
    found: dict[int, list[Day]] = {one.string: [] for one in strings}
    for day in columns.within(_TOLD_DAYS):
        rows = [
            row
            for row in columns.rows_of(day)
            if numbers[row] not in shaded and _counts(columns, strings, held, row)
        ]
        if len(rows) < _LEAST_ROWS:
            continue
        powers, expected = _sums(columns, strings, rows)
        whole = sum(powers)
        if whole > 0:
            for one, power, could in zip(strings, powers, expected, strict=True):
                share, part = min(0.999, max(power / whole, 0.001)), could / whole
                found[one.string].append(Day(day, share, part, _odds(share) - _odds(part)))
    return found


def _sums(
    columns: Columns, strings: Sequence[Seen], rows: Sequence[int]
) -> tuple[list[float], list[float]]:
    """Return what the strings gave in some rows, and what the model gives each of that."""
    sums, expected = [0.0] * len(strings), [0.0] * len(strings)
    for row in rows:
        powers = [columns.powers[one.string][row] for one in strings]
        could = [one.usual.level * one.clear_w[row] for one in strings]
        total, all_could = sum(powers), sum(could)
        for n, power in enumerate(powers):
            sums[n] += power
            expected[n] += total * could[n] / all_could
    return sums, expected


def _odds(share: float) -> float:
    return math.log(share / (1 - share))


def _counts(
    columns: Columns, strings: Sequence[Seen], held: Mapping[int, bytearray], row: int
) -> bool:
    shines = False
    for one in strings:
        if one.clear_w[row] < _LEAST_W or columns.powers[one.string][row] < 0:
            return False
        if held[one.string][row]:
            return False
        shines = shines or one.ratios[row] >= CLEAR * one.usual.level
    return shines


def base_of(days: Sequence[Day], last: int) -> float | None:
    """Return the usual logarithm: a year's median before the last two months, or the first half's.

    None where there are too few days.
    """
    before = [one.log for one in days if last - _BASE_DAYS <= one.day < last - _RECENT_DAYS]
    if len(before) < _LEAST_BASE:
        before = [one.log for one in days[: max(len(days) // 2, 7)]]
    return cells.quantile(before, 0.5) if len(before) >= 7 else None


def means(days: Sequence[Day], base: float) -> list[float]:
    """Return the middle of the last seven days with sun, beside what is usual; a logarithm.

    A day of which only a corner was seen in the sun may be far off: a mean would follow it.
    """
    logs = [one.log - base for one in days]
    return [cells.quantile(logs[max(0, n - WINDOW + 1) : n + 1], 0.5) for n in range(len(logs))]


def changes(days: Sequence[Day], base: float) -> list[Change]:
    """Return the times in which the share was off for five days: by 5 %, and out of its scatter.

    What changes by and by in less than a year may be the season, or a plane that is not quite what
    was set: that takes 8 %.
    """
    found: list[Change] = []
    smooth, begin = means(days, base), None
    slow = TELLING if days and days[-1].day - days[0].day > _BASE_DAYS else _SEASON
    for n in range(len(days) + 1):
        off = n < len(days) and abs(smooth[n]) > TELLING
        if off and begin is None:
            begin = n
        if begin is not None and (not off or (smooth[n] > 0) != (smooth[begin] > 0)):
            if n - begin >= TELLING_DAYS:
                one = _change(days, base, begin, n)
                if one.kind == "step" or max(map(abs, smooth[begin:n])) > slow:
                    found.append(one)
            begin = n if off else None
    return found


def _change(days: Sequence[Day], base: float, begin: int, end: int) -> Change:
    """Return when it began, and whether at once: which of step and line leaves less."""
    first = max(0, begin - 40)
    logs = [one.log - base for one in days[first:end]]
    step, rest = _best_step(logs)
    at_once = rest <= _rest_of_line(logs) and _stands_out(logs, step)
    kind, at = ("step", first + step) if at_once else ("drift", begin)
    value = math.exp(cells.quantile([one.log - base for one in days[begin:end]], 0.5)) - 1
    last = None if end == len(days) else days[end].day
    return Change(kind, days[at].day, last, value)


def _stands_out(logs: Sequence[float], step: int) -> bool:
    """Return whether the days on both sides of a step differ by more than they do by themselves."""
    sides = (logs[max(0, step - WINDOW) : step], logs[step : step + WINDOW])
    if min(map(len, sides)) < _LEAST_SIDE:
        return False
    before, after = (cells.quantile(side, 0.5) for side in sides)
    noise = cells.quantile([abs(b - a) for a, b in pairwise(logs)], 0.5)
    return abs(after - before) > max(_OF_TELLING * TELLING, _NOISES * noise)


def _best_step(logs: Sequence[float]) -> tuple[int, float]:
    """Return where two levels fit best (the same place as CUSUM's peak), and the squares left."""
    total, squares, before = sum(logs), sum(one * one for one in logs), 0.0
    best = (0, squares - total * total / len(logs))
    for n in range(1, len(logs)):
        before += logs[n - 1]
        after = total - before
        rest = squares - before * before / n - after * after / (len(logs) - n)
        best = min(best, (n, rest), key=lambda one: one[1])
    return best


def _rest_of_line(logs: Sequence[float]) -> float:
    count = len(logs)
    middle, mean = (count - 1) / 2, sum(logs) / count
    spread = sum((n - middle) ** 2 for n in range(count)) or 1.0
    slope = sum((n - middle) * (one - mean) for n, one in enumerate(logs)) / spread
    return sum((one - mean - slope * (n - middle)) ** 2 for n, one in enumerate(logs))
