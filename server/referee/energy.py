"""Counters of both sides, and the energy that the fitted line does not explain."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from server.referee.fit import Line
from server.referee.pairs import Quarter
from server.referee.rows import QUARTER_S, Counters, Mark

_HOURS, _W_PER_KW = QUARTER_S / 3600, 1000.0
NEAR_S = 60.0  # how near readings have to be for a counter between them, and samples to each other
_MOST_KWH = 100.0  # of a quarter hour: a counter that rises by more has jumped
_SIGMAS, _LEAST_KWH = 3.0, 0.005
STEP_KWH = 0.1  # of the inverter's counters


class Energy(NamedTuple):
    """Import and export of one time, kWh."""

    imported: float
    exported: float

    def net(self) -> float:
        """Return import minus export."""
        return self.imported - self.exported


class Counted(NamedTuple):
    """What both sides counted in the same times, kWh.

    ``quarters`` is of how many quarter hours, ``seams`` how often it had to begin again.
    """

    p1: Energy
    inverter: Energy
    quarters: int
    seams: int


class Lines(NamedTuple):
    """The fitted lines of both directions, where there are any."""

    imported: Line | None
    exported: Line | None


class Held(NamedTuple):
    """A quarter hour: what the utility's meter counted, what the inverter's measured, kWh."""

    ts: float
    p1: Energy
    inverter: Energy


def between(first: Mark, last: Mark) -> Energy | None:
    """Return what the utility's meter counted; None where a counter is missing, fell or jumped."""
    one, other = _at(first), _at(last)
    return _rise(one, other) if one and other else None


def held(quarters: Sequence[Quarter], marks: Sequence[Mark]) -> list[Held]:
    """Return the quarter hours that samples cover, by counters, or else by the pairs' powers."""
    by_start = {one.ts: between(one, other) for one, other in pairwise(marks)}
    found = []
    for quarter in quarters:
        if quarter.longest_gap_s() <= NEAR_S:
            mean = _energy(quarter.p1_import, quarter.p1, quarter.n)
            mine = _energy(quarter.meter_import, quarter.meter, quarter.n)
            found.append(Held(quarter.ts, by_start.get(quarter.ts) or mean, mine))
    return found


def unexplained(found: Sequence[Held], lines: Lines) -> list[float]:
    """Return for each quarter hour the kWh beyond line and three sigma, with its sign."""
    rest = [one.inverter.net() - _expected(one.p1, lines) for one in found]
    if not rest:
        return []
    middle = median(rest)
    sigma = 1.4826 * median(abs(one - middle) for one in rest)
    usual = max(_SIGMAS * sigma, _LEAST_KWH)
    return [max(one - usual, 0.0) + min(one + usual, 0.0) for one in rest]


def counted(marks: Sequence[Mark]) -> Counted | None:
    """Return what both sides counted from the first to the last mark that both have.

    A quarter hour in which a counter fell or jumped is left out on both sides.
    """
    known = [
        (other, mine)
        for mark in marks
        if (other := _at(mark)) and (mine := mark.inverter) and mark.ts - mine.ts <= NEAR_S
        if mine.import_kwh is not None and mine.export_kwh is not None
    ]
    p1 = inverter = Energy(0.0, 0.0)
    quarters, seams, is_chain = 0, 0, False
    for (other_a, mine_a), (other_b, mine_b) in pairwise(known):
        rises = _rise(other_a, other_b), _rise(mine_a, mine_b)
        if rises[0] is None or rises[1] is None:
            is_chain = False
            continue
        seams += not is_chain
        quarters += round((other_b.ts - other_a.ts) / QUARTER_S)
        is_chain = True
        p1, inverter = _sum(p1, rises[0]), _sum(inverter, rises[1])
    return Counted(p1, inverter, quarters, seams) if seams else None


def _at(mark: Mark) -> Counters | None:
    """Return the counters of the utility's meter at the mark, between the readings around it."""
    one, other = mark.before, mark.after
    if one is None or other is None or max(mark.ts - one.ts, other.ts - mark.ts) > NEAR_S:
        return None
    if None in (one.import_kwh, one.export_kwh, other.import_kwh, other.export_kwh):
        return None
    share = (mark.ts - one.ts) / (other.ts - one.ts) if other.ts > one.ts else 0.0
    at = (
        (a or 0.0) + share * ((b or 0.0) - (a or 0.0))
        for a, b in ((one.import_kwh, other.import_kwh), (one.export_kwh, other.export_kwh))
    )
    return Counters(mark.ts, *at)


def _rise(one: Counters, other: Counters) -> Energy | None:
    rises = [
        (b or 0.0) - (a or 0.0)
        for a, b in ((one.import_kwh, other.import_kwh), (one.export_kwh, other.export_kwh))
    ]
    most = _MOST_KWH * max(1.0, (other.ts - one.ts) / QUARTER_S)
    # By less than a step it is the noise of subtracting.
    if not all(-1e-6 <= rise <= most for rise in rises):
        return None
    return Energy(max(rises[0], 0.0), max(rises[1], 0.0))


def _energy(imported: float, net: float, n: int) -> Energy:
    per = _HOURS / _W_PER_KW / n
    return Energy(imported * per, (imported - net) * per)


def _expected(p1: Energy, lines: Lines) -> float:
    """Return what the inverter's meter should have measured, kWh net."""
    imported = lines.imported or lines.exported
    exported = lines.exported or lines.imported
    if imported is None or exported is None:
        return p1.net()
    mostly_import = p1.imported >= p1.exported
    if lines.exported is None or (mostly_import and lines.imported):
        offset_w = imported.offset_w
    else:
        offset_w = -exported.offset_w
    measured = imported.gain * p1.imported - exported.gain * p1.exported
    return measured + offset_w * _HOURS / _W_PER_KW


def _sum(one: Energy, other: Energy) -> Energy:
    return Energy(one.imported + other.imported, one.exported + other.exported)
