"""From what the second pass gathers of each day to the figures."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from statistics import median
from typing import NamedTuple

from server.referee import clock, energy, figures, fit, netting, pairs, phases
from server.referee.energy import Held, Lines
from server.referee.figures import Figure
from server.referee.fit import Fit
from server.referee.lag import Lag
from server.referee.pairs import Pair, Point
from server.referee.phases import Phases
from server.referee.resampling import BLOCK_S, blocks
from server.referee.rows import QUARTER_S, Day, Series

IMPORT, EXPORT = 1, -1
_TOTALS = ("import", "import_p1", "export", "export_p1")


class DayVerdict(NamedTuple):
    """One day: energies in kWh, or None where nobody knows.

    The energies are of the quarter hours that both sides cover: as many as ``quarters_compared``.
    """

    date: date
    p1_import_kwh: float | None
    p1_export_kwh: float | None
    inverter_import_kwh: float | None
    inverter_export_kwh: float | None
    unexplained_kwh: float | None
    quarters: int
    quarters_compared: int
    quarters_without_inverter: int
    quarters_without_p1: int
    clock_s: float | None


class Verdict(NamedTuple):
    """Every figure by its name, how each phase is seen, and the days."""

    figures: dict[str, Figure]
    phases: tuple[str | None, str | None, str | None]
    days: list[DayVerdict]


class Gathered:
    """What the second pass keeps of a day; the points and sums by blocks, for the intervals."""

    def __init__(self, day: Day, sign: float, shift_s: float) -> None:
        meter = Series(day.meter.ts, [sign * w for w in day.meter.w])
        found = list(pairs.pairs(meter, day.p1))
        quarters = pairs.quarters(found, day.p1)
        first, end = (int(ts // QUARTER_S) for ts in (day.first_s, day.end_s))
        self.day = day.day
        self.quarters = set(range(first, max(end, first)))
        self.seen = day.seen
        self.seen_p1 = {int(ts // QUARTER_S) for ts in day.p1.ts}
        self.points = {side: _points(quarters, side) for side in (IMPORT, EXPORT)}
        self.held = energy.held(quarters, day.marks)
        self.marks = day.marks
        self.clock = clock.offsets(day.marks)
        self.has_ac = bool(day.ac.ts)
        self.loads_before = pairs.negative_loads(day.ac, day.p1, shift_s)
        self.loads_after = pairs.negative_loads(day.ac, day.p1, 0.0)
        self.netting = netting.sums(day)
        self.has_phases = bool(day.p1.phases)
        by_block: dict[float, list[Pair]] = defaultdict(list)
        if self.has_phases:
            for pair in found:
                by_block[pair.ts // BLOCK_S].append(pair)
        self.phases = {ts: phases.sums(some, day.p1) for ts, some in by_block.items()}


def find(problem: str | None, timed: Lag, days: Sequence[Gathered]) -> Verdict:
    """Return the verdict; ``problem`` is why the two meters cannot be compared, or None."""
    found: dict[str, Figure] = timed._asdict()
    lines, fits = _lines(days)
    drift = fit.drift([_all(day.points[IMPORT]) for day in days], _offset(lines))
    for name, one in fits.items():
        found |= {f"gain_{name}": one.gain, f"offset_{name}": one.offset}
        if one.robust:
            found |= {f"gain_{name}_robust": one.robust[0], f"offset_{name}_robust": one.robust[1]}
    found["drift_import"] = drift
    seen = _phases(days)
    found |= {f"phase_l{k}": figure for k, figure in enumerate(seen.shares, 1)}
    rest = _unexplained(days, lines)
    found["unexplained"] = _sum_of(rest)
    is_turned = (timed.sign.value or 1.0) < 0
    found |= _totals(days, is_turned)
    if problem:
        found = {name: figures.unknown(problem, one.unit) for name, one in found.items()}
        seen, rest = phases.nothing(problem), {}
    found |= _besides(days)
    return Verdict(found, seen.states, [_day(day, rest, problem) for day in days])


def _points(quarters: list[pairs.Quarter], side: int) -> dict[float, Sequence[Point]]:
    by_block: dict[float, list[Point]] = defaultdict(list)
    for quarter in quarters:
        if point := quarter.point(side):
            by_block[quarter.ts // BLOCK_S].append(point)
    return dict(by_block)


def _all(by_block: dict[float, Sequence[Point]]) -> Sequence[Point]:
    return _joined(list(by_block.values()))


def _joined(lists: Sequence[Sequence[Point]]) -> Sequence[Point]:
    return [one for some in lists for one in some]


def _lines(days: Sequence[Gathered]) -> tuple[Lines, dict[str, Fit]]:
    fits = {
        name: fit.fit(blocks([day.points[side] for day in days], _joined))
        for name, side in (("import", IMPORT), ("export", EXPORT))
    }
    return Lines(fits["import"].line, fits["export"].line), fits


def _offset(lines: Lines) -> float:
    return lines.imported.offset_w if lines.imported else 0.0


def _phases(days: Sequence[Gathered]) -> Phases:
    if not any(day.has_phases for day in days):
        return phases.nothing(figures.NO_PHASES)
    return phases.find(blocks([day.phases for day in days], phases.merged))


def _unexplained(days: Sequence[Gathered], lines: Lines) -> dict[float, float]:
    """Return the kWh of each quarter hour that the lines leave; none without a line."""
    if lines == Lines(None, None):
        return {}
    held: list[Held] = [one for day in days for one in day.held]
    return {one.ts: kwh for one, kwh in zip(held, energy.unexplained(held, lines), strict=True)}


def _sum_of(rest: dict[float, float]) -> Figure:
    if not rest:
        return figures.unknown(figures.NOT_ENOUGH, "kWh")
    return figures.known(sum(map(abs, rest.values())), len(rest), "kWh")


def _totals(days: Sequence[Gathered], is_turned: bool) -> dict[str, Figure]:
    """Return what the inverter counted more than the utility's meter, by the counters of both."""
    marks = [mark for day in days for mark in day.marks]
    counted = energy.counted(marks)
    if counted is None:
        nothing = figures.unknown(figures.NO_COUNTERS, "kWh")
        return dict.fromkeys([f"total_{name}" for name in _TOTALS], nothing)
    found: dict[str, Figure] = {}
    for side, name in enumerate(("import", "export")):
        p1 = counted.p1[side]
        more = counted.inverter[1 - side if is_turned else side] - p1
        # A counter in steps may be a step short at each of its two ends.
        within = energy.STEP_KWH * counted.seams
        interval = more - within, more + within
        found[f"total_{name}"] = figures.known(more, counted.quarters, "kWh", interval)
        found[f"total_{name}_p1"] = figures.known(p1, counted.quarters, "kWh")
    return found


def _besides(days: Sequence[Gathered]) -> dict[str, Figure]:
    """Return what does not depend on the inverter's meter."""
    n = sum(len(day.quarters) for day in days)
    missing = {
        "missing_inverter": sum(len(day.quarters - day.seen) for day in days),
        "missing_p1": sum(len(day.quarters - day.seen_p1) for day in days),
    }
    found = {"clock": clock.find([one for day in days for one in day.clock])}
    found |= {name: figures.known(count, n, "quarter hours") for name, count in missing.items()}
    found |= netting.find([day.netting for day in days], any(day.has_phases for day in days))
    for name in ("before", "after"):
        shares = [getattr(day, f"loads_{name}") for day in days]
        negative, of = sum(one for one, _ in shares), sum(of for _, of in shares)
        reason = figures.NO_P1 if any(day.has_ac for day in days) else figures.NO_AC
        found[f"negative_loads_{name}"] = (
            figures.known(negative / of, of, "") if of else figures.unknown(reason, "")
        )
    return found


def _day(day: Gathered, rest: dict[float, float], problem: str | None) -> DayVerdict:
    held = [] if problem else day.held
    kept = [abs(rest[one.ts]) for one in held if one.ts in rest]
    return DayVerdict(
        date=day.day,
        p1_import_kwh=_kwh([one.p1.imported for one in held]),
        p1_export_kwh=_kwh([one.p1.exported for one in held]),
        inverter_import_kwh=_kwh([one.inverter.imported for one in held]),
        inverter_export_kwh=_kwh([one.inverter.exported for one in held]),
        unexplained_kwh=_kwh(kept),
        quarters=len(day.quarters),
        quarters_compared=len(held),
        quarters_without_inverter=len(day.quarters - day.seen),
        quarters_without_p1=len(day.quarters - day.seen_p1),
        clock_s=round(median(day.clock), 3) if day.clock else None,
    )


def _kwh(parts: Sequence[float]) -> float | None:
    return round(sum(parts), 4) if parts else None
