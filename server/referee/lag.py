"""How much later the inverter's meter shows a step than the utility's, and which way round.

Only steps count: a house that draws the same all night says nothing about time.
"""

from bisect import bisect_right
from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from server.referee import figures
from server.referee.figures import Figure
from server.referee.resampling import drawn
from server.referee.rows import Series

STEP_S, REACH_S = 0.5, 30.0
LAGS_S = tuple(n * STEP_S for n in range(round(-REACH_S / STEP_S), round(REACH_S / STEP_S) + 1))
LEAST_W, LEAST_STEPS, LEAST_R = 150.0, 50, 0.5
MOST_STEPS = 500  # of one day; of more, as many spread over the day
_LONGEST_POLL_S, _LONGEST_GAP_S = 60.0, 15.0
_RESAMPLES, _NEAR = 200, 12  # lags on both sides of the found one
_OFFSETS_S = tuple(-lag_s for lag_s in LAGS_S)


class Step(NamedTuple):
    """A rise or fall of the inverter's meter from one poll to the next."""

    before_s: float
    at_s: float
    rise_w: float


class Sums:
    """What the correlation at each lag is computed of; sums of parts are those of the whole."""

    def __init__(self) -> None:
        self.n = 0
        self.rise = self.rise2 = 0.0
        size = len(LAGS_S)
        self.p1, self.p1_2, self.both = [0.0] * size, [0.0] * size, [0.0] * size

    def add(self, step: Step, rises: Sequence[float]) -> None:
        """Add a step, with what P1 rose by at each lag."""
        rise = step.rise_w
        self.n += 1
        self.rise += rise
        self.rise2 += rise * rise
        p1, p1_2, both = self.p1, self.p1_2, self.both
        for index, other in enumerate(rises):
            p1[index] += other
            p1_2[index] += other * other
            both[index] += other * rise

    def correlation(self, index: int) -> float:
        """Return Pearson's r at the lag of that index; 0 where nothing moved."""
        n = self.n
        mine = n * self.rise2 - self.rise**2
        other = n * self.p1_2[index] - self.p1[index] ** 2
        if mine <= 0 or other <= 0:
            return 0.0
        return (n * self.both[index] - self.rise * self.p1[index]) / sqrt(mine * other)


class Lag(NamedTuple):
    """The lag, the correlation there, and which way round the meter is: 1, or -1 for reversed."""

    lag: Figure
    correlation: Figure
    sign: Figure


def steps(meter: Series) -> list[Step]:
    """Return the steps that count."""
    ts, w = meter
    found = [
        Step(ts[k - 1], ts[k], w[k] - w[k - 1])
        for k in range(1, len(ts))
        if abs(w[k] - w[k - 1]) > LEAST_W and 0 < ts[k] - ts[k - 1] <= _LONGEST_POLL_S
    ]
    if len(found) <= MOST_STEPS:
        return found
    return [found[n * len(found) // MOST_STEPS] for n in range(MOST_STEPS)]


def sums(found: Sequence[Step], p1: Series, block_s: float) -> dict[float, Sums]:
    """Return the sums of a day's steps, by blocks of so many seconds."""
    blocks: dict[float, Sums] = {}
    for step in found:
        after, before = _around(p1, step.at_s), _around(p1, step.before_s)
        if after and before:
            rises = [one - other for one, other in zip(after, before, strict=True)]
            blocks.setdefault(step.at_s // block_s, Sums()).add(step, rises)
    return blocks


def find(blocks: Sequence[Sums]) -> Lag:
    """Return what these blocks say; the interval comes from drawing them again and again."""
    whole = _total(blocks, range(len(LAGS_S)))
    if whole.n < LEAST_STEPS:
        return _nothing(figures.NOT_ENOUGH, whole.n)
    best = _best(whole, range(len(LAGS_S)))
    r = whole.correlation(best)
    if abs(r) < LEAST_R:
        return _nothing(figures.NOT_ENOUGH, whole.n)
    if best in (0, len(LAGS_S) - 1):
        return _nothing(figures.TOO_FAR, whole.n)
    near = range(max(1, best - _NEAR), min(len(LAGS_S) - 1, best + _NEAR + 1))
    others = [_total(some, near) for some in drawn(blocks, _RESAMPLES)]
    lags = figures.percentiles(_summit(one, _best(one, near)) for one in others)
    rs = figures.percentiles(one.correlation(best) for one in others)
    return Lag(
        figures.known(_summit(whole, best), whole.n, "s", lags),
        figures.known(r, whole.n, "", rs),
        figures.known(-1.0 if r < 0 else 1.0, whole.n, ""),
    )


def rough(blocks: Sequence[Sums]) -> tuple[float, float] | None:
    """Return lag and sign without an interval; None: not enough happened."""
    whole = _total(blocks, range(len(LAGS_S)))
    best = _best(whole, range(len(LAGS_S)))
    r = whole.correlation(best)
    if whole.n < LEAST_STEPS or abs(r) < LEAST_R:
        return None
    return _summit(whole, best), -1.0 if r < 0 else 1.0


def merged(blocks: Sequence[Sums]) -> Sums:
    """Return the sums of several blocks as one."""
    return _total(blocks, range(len(LAGS_S)))


def _nothing(reason: str, n: int) -> Lag:
    return Lag(*(figures.unknown(reason, unit, n) for unit in ("s", "", "")))


def _around(p1: Series, at_s: float) -> list[float] | None:
    """Return P1 at ``at_s`` minus each lag, between two rows on the line; None across a gap."""
    ts, w = p1
    index = bisect_right(ts, at_s - REACH_S) - 1
    if index < 0 or ts[-1] <= at_s + REACH_S:
        return None
    found = []
    begin, end, first_w, slope = 0.0, -1.0, 0.0, 0.0
    for offset_s in reversed(_OFFSETS_S):
        wanted = at_s + offset_s
        if wanted >= end:
            while ts[index + 1] <= wanted:
                index += 1
            begin, end, first_w = ts[index], ts[index + 1], w[index]
            if end - begin > _LONGEST_GAP_S:
                return None
            slope = (w[index + 1] - first_w) / (end - begin)
        found.append(first_w + slope * (wanted - begin))
    found.reverse()
    return found


def _best(whole: Sums, indexes: range) -> int:
    return max(indexes, key=lambda index: abs(whole.correlation(index)))


def _summit(whole: Sums, best: int) -> float:
    """Return the top of the parabola through the best lag and its two neighbours."""
    if not 0 < best < len(LAGS_S) - 1:
        return LAGS_S[best]
    left, top, right = (abs(whole.correlation(best + n)) for n in (-1, 0, 1))
    bend = left - 2 * top + right
    return LAGS_S[best] + (STEP_S * (left - right) / (2 * bend) if bend < 0 else 0.0)


def _total(blocks: Sequence[Sums], indexes: range) -> Sums:
    whole = Sums()
    whole.n = sum(one.n for one in blocks)
    whole.rise = sum(one.rise for one in blocks)
    whole.rise2 = sum(one.rise2 for one in blocks)
    for index in range(indexes.start - (indexes.start > 0), min(indexes.stop + 1, len(LAGS_S))):
        whole.p1[index] = sum(one.p1[index] for one in blocks)
        whole.p1_2[index] = sum(one.p1_2[index] for one in blocks)
        whole.both[index] = sum(one.both[index] for one in blocks)
    return whole
