"""Straight lines through quarter hours: least squares, Theil-Sen, and the intervals of both."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from statistics import median
from typing import NamedTuple

from server.referee import figures
from server.referee.figures import Figure
from server.referee.pairs import Point
from server.referee.resampling import drawn

LEAST_POINTS, LEAST_SPREAD_W = 8, 300.0
# Beyond both, the two ways of fitting disagree.
_ODD_GAIN, _ODD_OFFSET_W = 0.002, 3.0
_RESAMPLES, _MOST_POINTS = 300, 400
_LEAST_DAYS, _MONTH_DAYS = 7, 30.0


class Line(NamedTuple):
    """meter = gain * P1 + offset, W of one direction."""

    gain: float
    offset_w: float


class Fit(NamedTuple):
    """The figures of one direction; ``line`` is the one to compute with.

    ``robust`` is Theil-Sen's where it says something else: then some quarter hours are odd.
    """

    line: Line | None
    gain: Figure
    offset: Figure
    robust: tuple[Figure, Figure] | None


class _Moments(NamedTuple):
    n: float
    x: float
    y: float
    xx: float
    xy: float


def fit(blocks: Sequence[Sequence[Point]]) -> Fit:
    """Return what the points say; the interval comes from drawing whole blocks of them."""
    points = [point for block in blocks for point in block]
    if not _is_enough(points):
        return _nothing(len(points))
    moments = [_moments(block) for block in blocks if block]
    line = _least_squares(moments)
    if line is None:
        return _nothing(len(points))
    lines = [one for some in drawn(moments, _RESAMPLES) if (one := _least_squares(some))]
    n = len(points)
    gain = figures.known(line.gain, n, "", figures.percentiles(one.gain for one in lines))
    offsets = figures.percentiles(one.offset_w for one in lines)
    offset = figures.known(line.offset_w, n, "W", offsets)
    return Fit(line, gain, offset, _robust(points, gain, offset))


def drift(blocks: Sequence[Sequence[Point]], offset_w: float) -> Figure:
    """Return by how much the gain rises in 30 days, of one block a day."""
    gains = [one for block in blocks if (one := _gain(block, offset_w))]
    if len(gains) < _LEAST_DAYS:
        return figures.unknown(figures.NOT_ENOUGH, "in 30 days", len(gains))
    first = gains[0].day
    gains = [one._replace(day=one.day - first) for one in gains]
    whole = _least_squares([_weighted(one) for one in gains])
    if whole is None:
        return figures.unknown(figures.NOT_ENOUGH, "in 30 days", len(gains))
    others = (_least_squares([_weighted(one) for one in some]) for some in drawn(gains, _RESAMPLES))
    slopes = figures.percentiles(one.gain * _MONTH_DAYS for one in others if one)
    return figures.known(whole.gain * _MONTH_DAYS, len(gains), "in 30 days", slopes)


def theil_sen(points: Sequence[Point]) -> Line:
    """Return the line of the median slope; of many points, of as many spread over all of them."""
    rising = sorted((point.p1_w, point.meter_w) for point in points)
    if len(rising) > _MOST_POINTS:
        rising = [rising[n * len(rising) // _MOST_POINTS] for n in range(_MOST_POINTS)]
    slopes = (
        (y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(rising, 2) if x2 - x1 > 1
    )
    gain = median(slopes)
    return Line(gain, median(y - gain * x for x, y in rising))


def _is_enough(points: Sequence[Point]) -> bool:
    if len(points) < LEAST_POINTS:
        return False
    # Not the one highest point alone: two that are high.
    rising = sorted(point.p1_w for point in points)
    return rising[-2] - rising[0] >= LEAST_SPREAD_W


def _nothing(n: int) -> Fit:
    gain, offset = (figures.unknown(figures.NOT_ENOUGH, unit, n) for unit in ("", "W"))
    return Fit(None, gain, offset, None)


def _robust(points: Sequence[Point], gain: Figure, offset: Figure) -> tuple[Figure, Figure] | None:
    line = theil_sen(points)
    is_other = _is_outside(line.gain, gain, _ODD_GAIN)
    is_other = is_other or _is_outside(line.offset_w, offset, _ODD_OFFSET_W)
    if not is_other:
        return None
    n = len(points)
    return figures.known(line.gain, n, ""), figures.known(line.offset_w, n, "W")


def _is_outside(value: float, figure: Figure, by: float) -> bool:
    value_ls, low, high = figure.value, figure.low, figure.high
    if value_ls is None or low is None or high is None:
        return False
    return abs(value - value_ls) > by and not low <= value <= high


def _moments(points: Iterable[Point]) -> _Moments:
    rows = [(p.n, p.n * p.p1_w, p.n * p.meter_w, p.p1_w, p.meter_w) for p in points]
    return _Moments(
        sum(n for n, *_ in rows),
        sum(nx for _, nx, *_ in rows),
        sum(ny for _, _, ny, *_ in rows),
        sum(nx * x for _, nx, _, x, _ in rows),
        sum(nx * y for _, nx, _, _, y in rows),
    )


def _least_squares(blocks: Sequence[_Moments]) -> Line | None:
    n, x, y, xx, xy = (sum(column) for column in zip(*blocks, strict=True))
    below = n * xx - x * x
    if below <= 1e-9 * n * xx:
        return None
    gain = (n * xy - x * y) / below
    return Line(gain, (y - gain * x) / n)


class _DayGain(NamedTuple):
    day: float
    gain: float
    weight: float


def _gain(block: Sequence[Point], offset_w: float) -> _DayGain | None:
    weight = sum(p.n * p.p1_w**2 for p in block)
    if not block or weight <= 0:
        return None
    gain = sum(p.n * p.p1_w * (p.meter_w - offset_w) for p in block) / weight
    return _DayGain(sum(p.ts for p in block) / len(block) / 86_400, gain, weight)


def _weighted(one: _DayGain) -> _Moments:
    w, x, y = one.weight, one.day, one.gain
    return _Moments(w, w * x, w * y, w * x * x, w * x * y)
