"""What is lost while the inverter held back, by the cause: what a string would have given then."""

from __future__ import annotations  # array[float] is not a type for Python 3.11 while it runs

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence

from server.roof import cells
from server.roof.columns import HELD, Columns
from server.roof.rows import CAUSES, DOUBTFUL, SLOT_S, Limit
from server.roof.shade import CLEAR, Judged, Seen

_STEPS = 150  # of 1 % of what is usual
_DAY_CLASSES = 6
_LOW = 150  # tenths of a degree
_LOWEST = 0.1  # of the rows that were held back: others are learned from with the sun as high
_HEIGHT = 50
_LEAST_OF_HEIGHT = 100
_MOSTLY_FREE = 0.2
_BESIDE, _FAR = 3, 72  # rows
_SHINES = 0.6  # of a clear sky: where so much is not all, the sun is out


class Sky:
    """How much of the clear sky there is where a string was not held back, by kinds of days.

    The inverter holds back where there is more light than it takes: what would have come is the
    mean of what comes at other times when there is at least so much. All beside what is usual with
    the sun as high.
    """

    def __init__(self, columns: Columns, seen: Seen, held: Sequence[int]) -> None:
        self._columns, self._seen = columns, seen
        self._usual = _by_height(columns, seen)
        low = max(_LOW, cells.quantile((columns.elevations[row] for row in held), _LOWEST))
        self._kinds = [_kind(columns, seen, day) for day in range(len(columns.days))]
        self._clear = array("i")  # rows, rising
        steps = [[0] * _STEPS for _ in range(_DAY_CLASSES + 1)]
        for day, kind in enumerate(self._kinds):
            self._take_day(columns.rows_of(day), low, steps[kind], steps[_DAY_CLASSES])
        self._means = [_means_above(of_kind) for of_kind in steps]

    def _take_day(self, rows: range, low: float, own: list[int], every: list[int]) -> None:
        """Take the clear rows of a day, and count the steps of those with the sun high enough."""
        part = slice(rows.start, rows.stop)
        pairs = zip(self._seen.ratios[part], self._columns.elevations[part], strict=True)
        for row, (ratio, elevation) in enumerate(pairs, rows.start):
            if ratio >= 0:
                usual = self._usual[elevation // _HEIGHT]
                if ratio >= CLEAR * usual:
                    self._clear.append(row)
                if elevation > low:
                    step = min(_STEPS - 1, int(100 * ratio / usual))
                    every[step] += 1
                    if own is not every:
                        own[step] += 1

    def _at(self, row: int) -> float:
        return self._usual[self._columns.elevations[row] // _HEIGHT]

    def ratio(self, row: int, power: int) -> float:
        """Return what each W of a clear kWp would have been, where so much of it was taken."""
        clear_w = self._seen.clear_w[row]
        own = self._of_day(row)
        clear = self._at(row) if own is None else own
        part = power / (clear * clear_w) if clear_w else 1.0
        kind = self._kinds[self._columns.day_of[row]]
        if part >= _SHINES:
            return clear * max(part, 1.0)
        return clear * self._above(kind, part)

    def _above(self, kind: int, part: float) -> float:
        step = min(_STEPS - 1, max(0, int(100 * part)))
        own = self._means[kind][step]
        return own if own is not None else self._means[_DAY_CLASSES][step] or 1.0

    def _of_day(self, row: int) -> float | None:
        """Return the ratio of clear moments just before it was held back, and just after.

        Haze differs from day to day; what is usual hardly knows the noons at which it was always
        held back.
        """
        rows, ratios = self._columns.rows_of(self._columns.day_of[row]), self._seen.ratios
        begin, end = max(rows.start, row - _FAR), min(rows.stop, row + _FAR)
        at = bisect_left(self._clear, row)
        before, after = self._clear[max(0, at - _BESIDE) : at], self._clear[at : at + _BESIDE]
        near = [
            (min(abs(one - row) for one in side), cells.quantile([ratios[n] for n in side], 0.5))
            for side in (before, after)
            if len(side) == _BESIDE and begin <= side[0] and side[-1] < end
        ]
        if not near:
            return None
        weight = sum(1 / far for far, _ in near)
        return sum(level / far for far, level in near) / weight


def _by_height(columns: Columns, seen: Seen) -> list[float]:
    """Return the ratio under a clear sky for each 5 degrees of the sun's height."""
    values = [array("f") for _ in range(900 // _HEIGHT + 1)]
    held = [0] * len(values)
    for ratio, elevation in zip(seen.ratios, columns.elevations, strict=True):
        if ratio >= 0:
            values[elevation // _HEIGHT].append(ratio)
        elif ratio == HELD:
            held[elevation // _HEIGHT] += 1
    found: list[float] = []
    for own, count in zip(values, held, strict=True):
        known = len(own) >= _LEAST_OF_HEIGHT and count <= _MOSTLY_FREE * len(own)
        found.append(cells.quantile(own, cells.QUANTILE) if known else seen.usual.level)
    return found


def _kind(columns: Columns, seen: Seen, day: int) -> int:
    rows = columns.rows_of(day)
    known = [
        ratio / seen.usual.level for ratio in seen.ratios[rows.start : rows.stop] if ratio >= 0
    ]
    if len(known) < 12:
        return _DAY_CLASSES
    return min(_DAY_CLASSES - 1, int(_DAY_CLASSES * cells.quantile(known, 0.75)))


def _means_above(steps: list[int]) -> list[float | None]:
    means: list[float | None] = []
    count, total = 0, 0.0
    for step in range(_STEPS - 1, -1, -1):
        count += steps[step]
        # Clear is clear: how much that was, the day itself says.
        total += steps[step] * (1.0 if step >= 100 * CLEAR else (step + 0.5) / 100)
        means.append(total / count if count >= 5 else None)
    return means[::-1]


def limits_of(
    columns: Columns, seen: Seen, held: bytearray, levels: Mapping[int, Judged], since: int
) -> list[Limit]:
    """Return a string's limited rows from the day with this index on, with what each lost."""
    powers = columns.powers[seen.string]
    rows = [
        row
        for row in range(columns.starts[since], len(held))
        if held[row] and held[row] != DOUBTFUL and powers[row] >= 0
    ]
    sky = Sky(columns, seen, rows) if rows else None
    found = []
    for row in rows:
        number = cells.bin_of(columns.azimuths[row], columns.elevations[row])
        judged = levels.get(number)
        shade = min(1.0, judged.performance) if judged and judged.state == "shaded" else 1.0
        lost = None
        if sky is not None and seen.clear_w[row] > 0:
            could = sky.ratio(row, powers[row]) * seen.clear_w[row] * shade
            lost = round(max(0.0, could - powers[row]))
        bucket_s = columns.slots[row] * SLOT_S
        found.append(Limit(bucket_s, seen.string, CAUSES[held[row] - 1], lost))
    return found
