"""The lag by single edges: what both meters show as one clean step, timed on both sides.

Where two meters are read at fixed times of one clock, the top of a correlation lies beside the
true lag, by up to half the time between two rows. But an edge lies somewhere between two rows of
the one and between two polls of the other, and no place is likelier than another. So each edge
allows some lags and excludes all others, and many of them leave little, however both are read.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from math import exp, log
from typing import NamedTuple

from server.referee import figures
from server.referee.figures import Figure
from server.referee.resampling import drawn
from server.referee.rows import Series

LEAST_W, LEAST_EDGES = 150.0, 30
_STILL_W, _CALM_S, _LONGEST_S = 30.0, 10.0, 12.0
_LIKE = 0.35  # how much of its size the same edge may differ by on the other meter
_RESAMPLES = 200
_GRID_S, _GRID_REACH = 0.05, 40  # the lags that are compared, on both sides of the mean
_STRAY = 0.02  # how likely an edge is that is none of both


class Edge(NamedTuple):
    """A rise or fall between two moments, with calm before and after."""

    first_s: float
    last_s: float
    rise_w: float


class Match(NamedTuple):
    """An edge on both meters, at ``ts``: lags within ``outer_s`` of ``later_s`` are possible.

    The last ``slope_s`` of them are ever less likely.
    """

    ts: float
    later_s: float
    outer_s: float
    slope_s: float


def edges(p1: Series) -> list[Edge]:
    """Return the clean edges of a day of P1 rows."""
    ts, w = p1
    moving = [k for k in range(len(w) - 1) if not -_STILL_W < w[k + 1] - w[k] < _STILL_W]
    found = []
    for first, last in _runs(moving):
        edge = Edge(ts[first], ts[last], w[last] - w[first])
        small = max(2 * _STILL_W, 0.1 * abs(edge.rise_w))
        if abs(edge.rise_w) > LEAST_W and edge.last_s - edge.first_s <= _LONGEST_S:
            before = w[bisect_left(ts, edge.first_s - _CALM_S) : first + 1]
            after = w[last : bisect_right(ts, edge.last_s + _CALM_S)]
            if max(before) - min(before) < small and max(after) - min(after) < small:
                found.append(edge)
    return found


def matches(found: Sequence[Edge], meter: Series, about_s: float, sign: float) -> Iterator[Match]:
    """Return the edges that the inverter's meter shows too, later by about ``about_s``."""
    ts, w = meter
    for edge in found:
        middle = (edge.first_s + edge.last_s) / 2 + about_s
        at = bisect_left(ts, middle)
        if not 0 < at < len(ts):
            continue
        p1_s = edge.last_s - edge.first_s
        reach = (p1_s + ts[at] - ts[at - 1]) / 2 + 2.0
        same = []
        for k in range(max(1, bisect_left(ts, middle - 2 * reach)), len(ts)):
            if ts[k - 1] > middle + 2 * reach:
                break
            if abs(sign * (w[k] - w[k - 1]) - edge.rise_w) < _LIKE * abs(edge.rise_w):
                same.append(((ts[k - 1] + ts[k]) / 2 - middle, ts[k] - ts[k - 1]))
        if len(same) == 1 and abs(same[0][0]) <= reach:
            ((later_s, poll_s),) = same
            yield Match(edge.first_s, later_s + about_s, (p1_s + poll_s) / 2, min(p1_s, poll_s))


def likeliest(blocks: Sequence[Sequence[Match]]) -> Figure | None:
    """Return the lag that agrees best with all edges; None of too few."""
    found = [match for block in blocks for match in block]
    if len(found) < LEAST_EDGES:
        return None
    middle_s = sum(match.later_s for match in found) / len(found)
    lags = [middle_s + n * _GRID_S for n in range(-_GRID_REACH, _GRID_REACH + 1)]
    logs = [_likelihoods(block, lags) for block in blocks if block]
    interval = figures.percentiles(_mean(lags, some) for some in drawn(logs, _RESAMPLES))
    return figures.known(_mean(lags, logs), len(found), "s", interval)


def _likelihoods(block: Sequence[Match], lags: Sequence[float]) -> list[float]:
    """Return the logarithm of how likely each lag is."""
    total = [0.0] * len(lags)
    for _, later_s, outer_s, slope_s in block:
        for k, lag_s in enumerate(lags):
            share = (outer_s - abs(lag_s - later_s)) / slope_s
            if share < 1.0:
                total[k] += log(max(share, _STRAY))
    return total


def _mean(lags: Sequence[float], logs: Sequence[Sequence[float]]) -> float:
    """Return the mean lag, each weighted by how likely it is."""
    total = [sum(column) for column in zip(*logs, strict=True)]
    most = max(total)
    weights = [exp(one - most) for one in total]
    return sum(x * y for x, y in zip(lags, weights, strict=True)) / sum(weights)


def _runs(moving: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Return first and last row of each run of rows that move."""
    first = None
    for k, following in zip(moving, [*moving[1:], None], strict=False):
        first = k if first is None else first
        if following != k + 1:
            yield first, k + 1
            first = None
