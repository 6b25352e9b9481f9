"""Turning points of a series, and the cycles within it (rainflow, ASTM E1049). Pure functions."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

HYSTERESIS_PCT = 2.0
BAND_PCT = 10
BANDS = 10


def turning_points(values: Iterable[float], hysteresis: float = 0.0) -> list[float]:
    """Return the first value, each end of a move of more than ``hysteresis``, and the last one.

    The last is the farthest of the move that had begun, and then where the series ended.
    """
    points: list[float] = []
    rising = True
    for value in values:
        if not points:
            points.append(value)
        elif len(points) > 1 and ((value > points[-1]) if rising else (value < points[-1])):
            points[-1] = value
        elif abs(value - points[-1]) > hysteresis:
            rising = value > points[-1]
            points.append(value)
    return points


def rainflow(points: Iterable[float]) -> Iterator[tuple[float, float]]:
    """Yield (range, count) of each cycle between turning points; count is 1 or 0.5.

    ASTM E1049-85, 5.4.4: while the last range is not smaller than the one before it, that is a
    cycle, a half one where it holds the beginning of the series. What is left counts half.
    """
    stack: list[float] = []
    for point in points:
        stack.append(point)
        while len(stack) >= 3:
            last, before = abs(stack[-1] - stack[-2]), abs(stack[-2] - stack[-3])
            if last < before:
                break
            if len(stack) == 3:
                yield before, 0.5
                del stack[0]
            else:
                yield before, 1.0
                del stack[-3:-1]
    for left, right in pairwise(stack):
        yield abs(right - left), 0.5


def by_depth(cycles: Iterable[tuple[float, float]]) -> list[float]:
    """Return how many cycles were so deep, in bands of ten points; deeper ones are in the last."""
    bands = [0.0] * BANDS
    for depth, count in cycles:
        bands[min(BANDS - 1, int(depth // BAND_PCT))] += count
    return bands


def equivalent(cycles: Iterable[tuple[float, float]]) -> float:
    """Return how many cycles of 100 points these are."""
    return sum(depth * count for depth, count in cycles) / 100
