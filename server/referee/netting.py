"""Whether the utility's meter nets its three phases, and what that is worth.

Where one phase exports what another imports at the same moment, a meter that nets counts nothing;
one that counts each phase for itself counts both. The inverter has no part in this.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from server.referee import energy, figures
from server.referee.figures import Figure
from server.referee.resampling import BLOCK_S, blocks, drawn
from server.referee.rows import QUARTER_S, Day

_EACH_S, _LONGEST_S, _COVERED_S = 5.0, 60.0, 840.0
_LEAST_KWH, _RESAMPLES, _WIDEST = 0.1, 200, 0.5
_JOULES = 3.6e6  # of a kWh


class Sums(NamedTuple):
    """Import of some quarter hours, kWh: by the sum of the phases, and of each for itself.

    The second three are of those in which the meter's counter is known, too.
    """

    netted: float = 0.0
    apart: float = 0.0
    quarters: int = 0
    netted_then: float = 0.0
    apart_then: float = 0.0
    counted_then: float = 0.0


def sums(day: Day) -> dict[float, Sums]:
    """Return the sums of a day by blocks; none where the meter does not tell its phases."""
    counted = {one.ts: energy.between(one, other) for one, other in pairwise(day.marks)}
    found: dict[float, list[Sums]] = defaultdict(list)
    for start, (covered_s, netted, apart) in _integrals(day).items():
        if covered_s < _COVERED_S or not day.first_s <= start < day.end_s:
            continue
        by_counter = counted.get(start)
        then = (netted, apart, by_counter.imported) if by_counter else (0.0, 0.0, 0.0)
        found[start // BLOCK_S].append(Sums(netted, apart, 1, *then))
    return {block: merged(some) for block, some in found.items()}


def merged(some: Sequence[Sums]) -> Sums:
    """Return the sums of several blocks as one."""
    return Sums(*(sum(column) for column in zip(*some, strict=True)))


def find(days: Sequence[Mapping[float, Sums]], has_phases: bool) -> dict[str, Figure]:
    """Return how much more it would be by phases, and whether the counter nets: 0 yes, 1 no."""
    found = blocks(days, merged)
    if not found:
        reason = figures.NOT_ENOUGH if has_phases else figures.NO_PHASES
        return {
            "phases_apart": figures.unknown(reason, "kWh"),
            "netting": figures.unknown(reason, ""),
        }
    whole = merged(found)
    more = figures.known(whole.apart - whole.netted, whole.quarters, "kWh")
    return {"phases_apart": more, "netting": _netting(whole, found)}


def _netting(whole: Sums, found: Sequence[Sums]) -> Figure:
    share = _share(whole)
    interval = figures.percentiles(
        one for some in drawn(found, _RESAMPLES) if (one := _share(merged(some))) is not None
    )
    if share is None or interval is None or interval[1] - interval[0] > _WIDEST:
        return figures.unknown(figures.NOT_ENOUGH, "", whole.quarters)
    return figures.known(share, whole.quarters, "", interval)


def _share(of: Sums) -> float | None:
    """Return how much of what the phases differ by the counter counted."""
    between = of.apart_then - of.netted_then
    return (of.counted_then - of.netted_then) / between if between >= _LEAST_KWH else None


def _integrals(day: Day) -> dict[float, tuple[float, float, float]]:
    """Return of each quarter hour for how long it is covered, and both imports, kWh.

    A row stands for the time since the one before, at most a minute; one in five seconds will do.
    """
    ts = day.p1.ts
    if not day.p1.phases or len(ts) < 2:
        return {}
    step = max(1, int(_EACH_S * (len(ts) - 1) / max(ts[-1] - ts[0], 1.0)))
    found: dict[float, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    before = ts[0]
    for at, *watts in zip(ts[::step], *(phase[::step] for phase in day.p1.phases), strict=True):
        stands_s, before = min(at - before, _LONGEST_S), at
        total = found[at // QUARTER_S * QUARTER_S]
        total[0] += stands_s
        total[1] += max(sum(watts), 0.0) * stands_s / _JOULES
        total[2] += sum(w for w in watts if w > 0) * stands_s / _JOULES
    return {start: (one, other, third) for start, (one, other, third) in found.items()}
