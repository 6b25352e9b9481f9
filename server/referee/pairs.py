"""Samples and P1 rows of one moment, after the shift: by quarter hour, and by phase.

A line is fitted to calm moments alone, in which P1 hardly moved for some seconds. In the others a
sample may show what was before an edge and its row what was after it, and battery houses import
by day in little else than such spikes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from server.referee.rows import QUARTER_S, Series, Telegrams

FARTHEST_S = 15.0
_CALM_S, _CALM_W, _LEAST_CALM = 5.0, 100.0, 5
NEGATIVE_W = -50.0


class Pair(NamedTuple):
    """A sample, the place of the P1 row nearest to it, and whether P1 was calm around it.

    ``side``: 1 where it was calm and importing all the while, -1 exporting, 0 neither.
    """

    ts: float
    w: float
    row: int
    is_calm: bool
    side: int


class Point(NamedTuple):
    """The calm pairs of one direction in a quarter hour: how many, and both means."""

    ts: float
    n: int
    p1_w: float
    meter_w: float


class Quarter:
    """Sums over the pairs of a quarter hour, W; ``gap_s`` is the longest time between two."""

    def __init__(self, ts: float) -> None:
        self.ts = self._last_s = ts
        self.n, self.gap_s = 0, 0.0
        self.meter = self.meter_import = self.p1 = self.p1_import = 0.0
        self._calm = {1: [0, 0.0, 0.0], -1: [0, 0.0, 0.0]}  # import, export

    def add(self, pair: Pair, p1_w: float) -> None:
        """Add a pair; they come by rising times."""
        self.n += 1
        self.gap_s = max(self.gap_s, pair.ts - self._last_s)
        self._last_s = pair.ts
        self.meter += pair.w
        self.p1 += p1_w
        self.meter_import += max(pair.w, 0.0)
        self.p1_import += max(p1_w, 0.0)
        if pair.side:
            calm = self._calm[pair.side]
            calm[0] += 1
            calm[1] += p1_w
            calm[2] += pair.w

    def longest_gap_s(self) -> float:
        """Return the longest time without a pair, both ends of the quarter hour included."""
        return max(self.gap_s, self.ts + QUARTER_S - self._last_s)

    def point(self, side: int) -> Point | None:
        """Return the calm pairs of one direction, in which export counts positive, too."""
        n, p1_w, meter_w = self._calm[side]
        if n < _LEAST_CALM:
            return None
        return Point(self.ts, int(n), side * p1_w / n, side * meter_w / n)


def pairs(meter: Series, p1: Telegrams) -> Iterator[Pair]:
    """Return the samples that have a P1 row near enough."""
    times, watts = p1.ts, p1.w
    for ts, w in zip(*meter, strict=True):
        index = nearest(times, ts)
        if index is not None:
            first = max(bisect_left(times, ts - _CALM_S) - 1, 0)
            around = watts[first : bisect_right(times, ts + _CALM_S) + 1]
            low, high = min(around), max(around)
            is_calm = high - low <= _CALM_W
            # Not by the row alone, which may be one of before or after.
            side = (low > 0) - (high < 0) if is_calm else 0
            yield Pair(ts, w, index, is_calm, side)


def nearest(times: list[float], ts: float) -> int | None:
    """Return the index of the time nearest to ``ts``, the earlier on a tie; None: all are far."""
    after = bisect_left(times, ts)
    before = after - 1
    if after == len(times) or (before >= 0 and ts - times[before] <= times[after] - ts):
        after = before
    if after < 0 or abs(times[after] - ts) > FARTHEST_S:
        return None
    return after


def quarters(found: list[Pair], p1: Telegrams) -> list[Quarter]:
    """Return the quarter hours that have pairs."""
    by_start: dict[float, Quarter] = {}
    for pair in found:
        start = pair.ts // QUARTER_S * QUARTER_S
        quarter = by_start.get(start)
        if quarter is None:
            quarter = by_start[start] = Quarter(start)
        quarter.add(pair, p1.w[pair.row])
    return list(by_start.values())


def negative_loads(ac: Series, p1: Telegrams, shift_s: float) -> tuple[int, int]:
    """Return how many house loads (AC + P1) are well below 0, and of how many, ``shift_s`` off."""
    negative = n = 0
    for ts, w in zip(*ac, strict=True):
        index = nearest(p1.ts, ts + shift_s)
        if index is not None:
            n += 1
            negative += p1.w[index] + w < NEGATIVE_W
    return negative, n
