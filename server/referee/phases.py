"""Which phases the inverter's meter sees: its power as a sum of the phases of the utility's meter.

The share by which a phase counts is 1 where it is seen, 0 where it is not, -1 where its clamp is
the wrong way round, and about -0.5 where clamp and voltage belong to different phases.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from server.referee import figures
from server.referee.figures import Figure
from server.referee.pairs import Pair
from server.referee.resampling import drawn
from server.referee.rows import Telegrams

_SIZE = 4  # three phases and a constant
_RESAMPLES, _WIDEST = 100, 0.5
LEAST_PAIRS = 500
Sums = list[float]  # the upper half of the normal equations, row by row, with the right side
SEEN, UNSEEN, REVERSED, ELSEWHERE, UNCLEAR = "seen", "unseen", "reversed", "elsewhere", "unclear"


class Phases(NamedTuple):
    """The share of each phase, and what that means: one of the constants above, or None."""

    shares: tuple[Figure, Figure, Figure]
    states: tuple[str | None, str | None, str | None]


def sums(found: Iterable[Pair], p1: Telegrams) -> Sums:
    """Return the sums of the calm pairs, and how many in front."""
    total = [0.0] * 14
    one, two, three = p1.phases
    for pair in found:
        if pair.is_calm:
            a, b, c, w = one[pair.row], two[pair.row], three[pair.row], pair.w
            for k, term in enumerate(
                (1.0, a, b, c, w, a * a, a * b, a * c, a * w, b * b, b * c, b * w, c * c, c * w)
            ):
                total[k] += term
    return total


def find(blocks: Sequence[Sums]) -> Phases:
    """Return the shares; the interval comes from drawing whole blocks."""
    n = round(sum(block[0] for block in blocks))
    shares = _solved(blocks) if n >= LEAST_PAIRS else None
    if shares is None:
        return nothing(figures.NOT_ENOUGH, n)
    others = [one for some in drawn(blocks, _RESAMPLES) if (one := _solved(some))]
    found = [_figure(share, n, [other[k] for other in others]) for k, share in enumerate(shares)]
    return Phases(
        (found[0], found[1], found[2]), (_state(found[0]), _state(found[1]), _state(found[2]))
    )


def merged(blocks: Sequence[Sums]) -> Sums:
    """Return the sums of several blocks as one."""
    return [sum(column) for column in zip(*blocks, strict=True)]


def nothing(reason: str, n: int = 0) -> Phases:
    """Return what is said where the phases cannot be told apart."""
    figure = figures.unknown(reason, "", n)
    return Phases((figure, figure, figure), (None, None, None))


def _figure(share: float, n: int, others: Sequence[float]) -> Figure:
    interval = figures.percentiles(others)
    if interval is None or interval[1] - interval[0] > _WIDEST:
        return figures.unknown(figures.NOT_ENOUGH, "", n)
    return figures.known(share, n, "", interval)


def _state(figure: Figure) -> str | None:
    share = figure.value
    if share is None:
        return None
    bounds = ((-0.75, REVERSED), (-0.3, ELSEWHERE), (-0.2, UNCLEAR), (0.2, UNSEEN), (0.75, UNCLEAR))
    return next((state for highest, state in bounds if share < highest), SEEN)


def _solved(blocks: Sequence[Sums]) -> list[float] | None:
    """Solve the normal equations by elimination; None where the phases never differ."""
    n, a, b, c, w, aa, ab, ac, aw, bb, bc, bw, cc, cw = merged(blocks)
    rows = [[aa, ab, ac, a, aw], [ab, bb, bc, b, bw], [ac, bc, cc, c, cw], [a, b, c, n, w]]
    for k in range(_SIZE):
        pivot = max(range(k, _SIZE), key=lambda row: abs(rows[row][k]))
        if abs(rows[pivot][k]) < 1e-9 * max(1.0, aa, bb, cc):
            return None
        rows[k], rows[pivot] = rows[pivot], rows[k]
        for row in range(_SIZE):
            if row != k:
                factor = rows[row][k] / rows[k][k]
                rows[row] = [x - factor * y for x, y in zip(rows[row], rows[k], strict=True)]
    return [rows[k][_SIZE] / rows[k][k] for k in range(3)]
