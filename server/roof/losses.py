"""What is lost: to shade, and while a string was dead. To limits: ``held.py``."""

from __future__ import annotations  # array[float] is not a type for Python 3.11 while it runs

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from server.roof import evidence
from server.roof.columns import Columns
from server.roof.shade import Judged, Seen

_DEAD = 0.05
_NOTHING_W = 2
_OTHER_LIVES = 0.2
DEAD_ROWS = 6  # half an hour
_LIGHT_W = 100.0  # of a clear kWp: enough light to live on


class Lost(NamedTuple):
    """Lost energy by row."""

    rows: Sequence[int]
    watts: Sequence[float]

    def kwh_since(self, columns: Columns, day: int) -> float:
        """Return the sum from this day (its index) on."""
        begin = bisect_left(self.rows, columns.starts[day])
        return sum(map(columns.kwh, self.rows[begin:], self.watts[begin:]))

    def by_month(self, columns: Columns) -> dict[str, float]:
        """Return the sums, by 2026-11."""
        months: dict[str, float] = {}
        for row, watts in zip(self.rows, self.watts, strict=True):
            month = f"{columns.days[columns.day_of[row]]:%Y-%m}"
            months[month] = months.get(month, 0.0) + columns.kwh(row, watts)
        return months


def beside(
    columns: Columns, numbers: array[int], seen: Seen, twin: Seen, region: set[int]
) -> Lost | None:
    """Return what shade took, by another string on the same plane; exact, whatever the weather."""
    own, other = columns.powers[seen.string], columns.powers[twin.string]
    both, twins = 0, 0
    for row, number in enumerate(numbers):
        if number not in region and seen.ratios[row] >= 0 and twin.ratios[row] >= 0:
            both += own[row]
            twins += other[row]
    if not twins:
        return None
    factor = both / twins
    rows = [
        row
        for row, number in enumerate(numbers)
        if number in region and own[row] >= 0 and other[row] >= 0 and twin.ratios[row] >= 0
    ]
    return Lost(rows, [factor * other[row] - own[row] for row in rows])


def alone(
    columns: Columns,
    numbers: array[int],
    seen: Seen,
    judged: Mapping[int, Judged],
    sky: evidence.Sky,
) -> Lost:
    """Return what shade took at least: only where the sun shone just before or just after."""
    shaded = {number for number, one in judged.items() if one.state == "shaded"}
    weather = evidence.Weather(columns, sky, [])
    rows, watts = [], []
    for one in evidence.passes(columns, numbers, seen.ratios, seen.usual, range(len(columns.days))):
        if one.number not in shaded or 2 not in weather.key(one)[1:3]:
            continue
        for row in range(one.first, one.last + 1):
            power = columns.powers[seen.string][row]
            if seen.ratios[row] >= 0:
                rows.append(row)
                could = seen.usual.at(one.number) * seen.clear_w[row]
                watts.append(max(0.0, 0.95 * could - power))
    return Lost(rows, watts)


def dead_rows(columns: Columns, seen: Seen, others: Sequence[Seen], since: int) -> Lost:
    """Return where a string gave nothing for half an hour and more while another one lived.

    Args:
        columns: all days.
        seen: the string.
        others: the others.
        since: the index of the first day that is asked for.
    """
    rows: list[int] = []
    watts: list[float] = []
    run: list[tuple[int, float]] = []
    for row in _lit(columns, seen, others, range(columns.starts[since], len(seen.clear_w))):
        could = seen.usual.level * seen.clear_w[row]
        light = max(other.ratios[row] / other.usual.level for other in others)
        if columns.powers[seen.string][row] < _DEAD * could * min(1.0, light):
            run.append((row, could * min(1.0, light)))
            continue
        _end(run, rows, watts)
    _end(run, rows, watts)
    return Lost(rows, watts)


def _lit(columns: Columns, seen: Seen, others: Sequence[Seen], asked: range) -> Iterable[int]:
    """Yield the rows in which the string should live: in such light another one did."""
    powers, clear_w = columns.powers[seen.string], seen.clear_w
    limits = [(one.ratios, _OTHER_LIVES * one.usual.level) for one in others]
    for row in asked:
        if clear_w[row] < _LIGHT_W or powers[row] < 0 or columns.causes[row]:
            continue
        if any(ratios[row] > least for ratios, least in limits):
            yield row


def _end(run: list[tuple[int, float]], rows: list[int], watts: list[float]) -> None:
    if len(run) >= DEAD_ROWS:
        rows.extend(row for row, _ in run)
        watts.extend(watt for _, watt in run)
    run.clear()


def dead_since(columns: Columns, seen: Seen, others: Sequence[Seen]) -> int | None:
    """Return the row since which a string gives nothing up to now; None while it lives."""
    first, count = None, 0
    for row in _lit(columns, seen, others, range(len(seen.clear_w))[::-1]):
        could = seen.usual.level * seen.clear_w[row]
        light = max(other.ratios[row] / other.usual.level for other in others)
        if columns.powers[seen.string][row] >= _DEAD * could * min(1.0, light):
            break
        first, count = row, count + 1
    if first is None or count < DEAD_ROWS:
        return None
    # What was nothing before, in light too poor to say so, belongs to it.
    powers, begin = columns.powers[seen.string], columns.starts[columns.day_of[first]]
    while first > begin and 0 <= powers[first - 1] <= _NOTHING_W and seen.clear_w[first - 1] > 0:
        first -= 1
    return first
