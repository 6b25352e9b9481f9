"""What is lost: to shade, and while a string was dead. To limits: ``held.py``."""

from __future__ import annotations  # array[float] is not a type for Python 3.11 while it runs

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from server.roof import cells, evidence
from server.roof.cells import LEAST_N
from server.roof.columns import Columns
from server.roof.shade import LEARNED_DAYS, Judged, Seen, doubtful, region_of

_DARKER = 0.97  # of what the twin gives: less is shade, beside shade
_EACH = 4  # of so many passes one tells how often the sun is out: thousands are more than enough
_SURE = 0.9  # the shape of the sky may err by so much
_LEAST_OF_HEIGHT = 2  # bins in the sun, to say what comes from that height
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
    columns: Columns, numbers: array[int], seen: Seen, twin: Seen, region: set[int], since: int
) -> Lost | None:
    """Return what shade took, by another string on the same plane; exact, whatever the weather.

    Args:
        columns: all days.
        numbers: the bin of each row.
        seen: the string.
        twin: the other one.
        region: the bins in which the sky alone says that there is shade. What is beside them is
            asked of the twin, since where the sun is seldom out the sky alone says little.
        since: the index of the first day that is asked for.
    """
    own, other = columns.powers[seen.string], columns.powers[twin.string]
    sums: dict[int, list[int]] = {}
    known = []
    for row in range(columns.starts[since], len(numbers)):
        a, b = seen.ratios[row], twin.ratios[row]
        if a < -1 or b < -1 or own[row] < 0 or other[row] < 0:
            continue
        if a == -1 and b >= 0 and numbers[row] not in region:
            continue  # nothing came while there was light: outside of shade a fault or snow
        known.append(row)
        of_bin = sums.setdefault(numbers[row], [0, 0, 0])
        of_bin[0] += own[row]
        of_bin[1] += other[row]
        of_bin[2] += 1
    factor = _factor(sums, region)
    if factor is None:
        return None
    wide = region | _darker(sums, factor, region)
    factor = _factor(sums, wide) or factor
    watts = {row: factor * other[row] - own[row] for row in known if numbers[row] in wide}
    for row, more in _low(columns, numbers, seen, twin, factor, wide, since):
        watts[row] = watts.get(row, 0.0) + more
    rows = sorted(watts)
    return Lost(rows, [watts[row] for row in rows])


def _low(
    columns: Columns,
    numbers: array[int],
    seen: Seen,
    twin: Seen,
    factor: float,
    wide: set[int],
    since: int,
) -> Iterator[tuple[int, float]]:
    """Yield what shade took with the sun lower than rows are kept for, at a row of each day.

    It does so where the first row or the last one is in the shade, too.
    """
    strings = seen.string, twin.string
    for day in range(since, len(columns.days)):
        rows = columns.rows_of(day)
        kwh = [columns.energy_kwh[k][day] if k in columns.energy_kwh else None for k in strings]
        if not rows or not all(kwh) or not {numbers[rows[0]], numbers[rows[-1]]} & wide:
            continue
        own, other = (
            whole / columns.kwh(rows[0], 1.0)
            - sum(max(0, watts) for watts in columns.powers[k][rows.start : rows.stop])
            for k, whole in zip(strings, kwh, strict=True)
            if whole
        )
        yield rows[0], factor * other - own


def _factor(sums: Mapping[int, Sequence[int]], region: set[int]) -> float | None:
    """Return what the string gives of what its twin gives, outside of the shade."""
    free = [pair for number, pair in sums.items() if number not in region]
    twins = sum(pair[1] for pair in free)
    return sum(pair[0] for pair in free) / twins if twins else None


def _darker(sums: Mapping[int, Sequence[int]], factor: float, region: set[int]) -> set[int]:
    """Return the bins that give less than the twin's, from one neighbour to the next."""
    dark = {
        number
        for number, (mine, theirs, count) in sums.items()
        if count >= LEAST_N and mine < _DARKER * factor * theirs
    }
    return {number for group in cells.groups(dark | region) if group & region for number in group}


def alone(
    columns: Columns,
    numbers: array[int],
    seen: Seen,
    judged: Mapping[int, Judged],
    since: int,
) -> Lost:
    """Return what shade took at least: the beam of the shaded bins alone, while the sun was out.

    How probable that is, other bins say for each pass by what the sky did around it. Bins beside
    the shade do not witness it: its edge goes through them.
    """
    shaded = {number for number, one in judged.items() if one.state == "shaded"}
    if not shaded:
        return Lost([], [])
    region = region_of(judged)
    recent = max(0, len(columns.days) - LEARNED_DAYS)
    days = range(min(since, recent), len(columns.days))
    asked = range(columns.starts[days.start], columns.starts[days.stop])
    no_witness = region | doubtful(seen.found, seen.usual)
    sky = evidence.sky_of(numbers, seen.ratios, seen.usual, no_witness, asked)
    weather = evidence.Weather(columns, sky, [])
    passes = list(evidence.passes(columns, numbers, seen.ratios, seen.usual, days))
    free = {number for number, one in judged.items() if number not in region and one.n >= LEAST_N}
    learned = (one for one in passes if one.number in free and one.day >= recent)
    some = islice(learned, 0, None, _EACH)
    shone = weather.shone(seen.ratios, seen.usual, some)
    rows, watts = [], []
    could = {number: _unshaded(number, seen, judged) for number in shaded}
    for one in passes:
        if one.number not in shaded or one.day < since:
            continue
        # Of each moment, since an obstacle's edge crosses bins; what came under clouds, too, is
        # not lost.
        part = _SURE * shone.get(weather.key(one), 0.0)
        counted = seen.grazed.get(one.number, 1.0)
        for row in range(one.first, one.last + 1):
            if seen.ratios[row] >= 0:
                less = could[one.number] - seen.ratios[row] / counted
                rows.append(row)
                watts.append(part * max(0.0, less) * seen.clear_w[row])
    return Lost(rows, watts)


def _unshaded(number: int, seen: Seen, judged: Mapping[int, Judged]) -> float:
    """Return what a shaded bin would give under a clear sky.

    Where nearly all bins of that height are in shade, they make it "usual" there to give less. What
    the clear ones give, in the middle, is not less for any shade.
    """
    usual, height = seen.usual, number % cells.ROW_BINS
    clear = [
        one.performance * usual.at(other)
        for other, one in judged.items()
        if other % cells.ROW_BINS == height and one.state == "clear" and other not in seen.grazed
    ]
    if len(clear) < _LEAST_OF_HEIGHT:
        return usual.at(number)
    return max(usual.at(number), min(usual.level, cells.quantile(clear, 0.5)))


def dead_rows(
    columns: Columns,
    numbers: array[int],
    seen: Seen,
    others: Sequence[Seen],
    region: set[int],
    since: int,
) -> Lost:
    """Return where a string gave nothing for half an hour and more while another one lived.

    Args:
        columns: all days.
        numbers: the bin of each row.
        seen: the string.
        others: the others.
        region: bins in shade: less than 0.1 A reads 0, so deep shade looks like a dead string.
        since: the index of the first day that is asked for.
    """
    rows: list[int] = []
    watts: list[float] = []
    run: list[tuple[int, float]] = []
    asked = range(columns.starts[since], len(numbers))
    for row in _lit(columns, numbers, seen, others, region, asked):
        light = _light(others, row)
        could = seen.usual.level * seen.clear_w[row]
        if columns.powers[seen.string][row] < _DEAD * could * light:
            run.append((row, could * light))
        elif run:
            _end(run, rows, watts)
    _end(run, rows, watts)
    return Lost(rows, watts)


def _lit(
    columns: Columns,
    numbers: array[int],
    seen: Seen,
    others: Sequence[Seen],
    region: set[int],
    asked: Iterable[int],
) -> Iterable[int]:
    """Yield the rows in which the string should live: out of shade, in light another one lived."""
    powers, clear_w = columns.powers[seen.string], seen.clear_w
    limits = [(one.ratios, _OTHER_LIVES * one.usual.level) for one in others]
    for row in asked:
        if clear_w[row] < _LIGHT_W or powers[row] < 0 or columns.causes[row]:
            continue
        if numbers[row] in region:
            continue
        for ratios, least in limits:
            if ratios[row] > least:
                yield row
                break


def _light(others: Sequence[Seen], row: int) -> float:
    """Return which part of a clear sky's light there is by the best of the others."""
    return min(1.0, max([other.ratios[row] / other.usual.level for other in others]))


def _end(run: list[tuple[int, float]], rows: list[int], watts: list[float]) -> None:
    if len(run) >= DEAD_ROWS:
        rows.extend(row for row, _ in run)
        watts.extend(watt for _, watt in run)
    run.clear()


def dead_since(
    columns: Columns,
    numbers: array[int],
    seen: Seen,
    others: Sequence[Seen],
    region: set[int],
) -> int | None:
    """Return the row since which a string gives nothing up to now; None while it lives."""
    first, count = None, 0
    asked = reversed(range(len(numbers)))
    for row in _lit(columns, numbers, seen, others, region, asked):
        could = seen.usual.level * seen.clear_w[row]
        if columns.powers[seen.string][row] >= _DEAD * could * _light(others, row):
            break
        first, count = row, count + 1
    if first is None or count < DEAD_ROWS:
        return None
    # What was nothing before, in light too poor to say so, belongs to it.
    powers, begin = columns.powers[seen.string], columns.starts[columns.day_of[first]]
    while first > begin and 0 <= powers[first - 1] <= _NOTHING_W and seen.clear_w[first - 1] > 0:
        first -= 1
    return first
