"""Lines and medians with their intervals. Pure functions, stdlib alone."""

import math
import random
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

RESAMPLES = 400
_SEED = 21
Z95 = 1.96


class Line(NamedTuple):
    """y = start + slope * x, with the standard errors."""

    start: float
    slope: float
    start_se: float
    slope_se: float
    n: int
    middle: float  # mean of x: there the line is known best
    noise: float  # standard deviation of what is left

    def at(self, x: float) -> float:
        """Return y."""
        return self.start + self.slope * x

    def se_at(self, x: float) -> float:
        """Return the standard error of y there."""
        return math.hypot(self.noise / self.n**0.5, (x - self.middle) * self.slope_se)


class Plane(NamedTuple):
    """y = a * u + b * v, with the variances."""

    a: float
    b: float
    a_var: float
    b_var: float
    covariance: float
    n: int


def plane(points: Sequence[tuple[float, float, float]]) -> Plane | None:
    """Fit y = a * u + b * v to (u, v, y) by least squares; None where that is not unique."""
    n = len(points)
    uu = sum(u * u for u, _, _ in points)
    vv = sum(v * v for _, v, _ in points)
    uv = sum(u * v for u, v, _ in points)
    uy = sum(u * y for u, _, y in points)
    vy = sum(v * y for _, v, y in points)
    det = uu * vv - uv * uv
    if n < 3 or det <= 1e-9 * uu * vv:
        return None
    a, b = (vv * uy - uv * vy) / det, (uu * vy - uv * uy) / det
    noise = sum((y - a * u - b * v) ** 2 for u, v, y in points) / (n - 2)
    return Plane(a, b, noise * vv / det, noise * uu / det, -noise * uv / det, n)


def line(points: Sequence[tuple[float, float]]) -> Line | None:
    """Fit a line to (x, y) by least squares; None where that is not unique."""
    n = len(points)
    if n < 3:
        return None
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    xx = sum((x - mean_x) ** 2 for x, _ in points)
    if xx <= 0:
        return None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / xx
    start = mean_y - slope * mean_x
    noise = (sum((y - start - slope * x) ** 2 for x, y in points) / (n - 2)) ** 0.5
    start_se = noise * (1 / n + mean_x * mean_x / xx) ** 0.5
    return Line(start, slope, start_se, noise / xx**0.5, n, mean_x, noise)


def median_slope(points: Sequence[tuple[float, float]], most: int = 200) -> float | None:
    """Return the median of all slopes between two points (Theil and Sen), of about so many."""
    some = points[:: max(1, len(points) // most)]
    slopes = [
        (right[1] - left[1]) / (right[0] - left[0])
        for n, left in enumerate(some)
        for right in some[n + 1 :]
        if right[0] > left[0]
    ]
    return median(slopes) if slopes else None


def bootstrap(count: int, of: Callable[[list[int], random.Random], float]) -> tuple[float, float]:
    """Return where 95 % of ``of(resample)`` lie; a resample has as many indices as there are."""
    dice = random.Random(_SEED)  # noqa: S311  the same interval each night
    values = sorted(
        of([int(dice.random() * count) for _ in range(count)], dice) for _ in range(RESAMPLES)
    )
    return values[int(0.025 * RESAMPLES)], values[int(0.975 * RESAMPLES) - 1]


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the first and the third, as SQL's percentile_cont does."""
    ordered = sorted(values)

    def at(share: float) -> float:
        place = share * (len(ordered) - 1)
        n = int(place)
        right = ordered[min(n + 1, len(ordered) - 1)]
        return ordered[n] + (right - ordered[n]) * (place - n)

    return at(0.25), at(0.75)
