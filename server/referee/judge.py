"""All of it, day by day: one pass for the lag, one for what depends on the shift."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from server.referee import edges, figures, lag, verdict
from server.referee.edges import Match
from server.referee.lag import Lag
from server.referee.resampling import BLOCK_S, blocks
from server.referee.rows import Day, Series
from server.referee.verdict import Gathered, Verdict

_MOVES_W = 50.0
ENOUGH_DAYS = 7  # that show clean edges: the lag is within some hundredths of a second then


class Source(Protocol):
    """Where the days come from, one after the other, as often as asked."""

    def powers(self) -> Iterator[Day]:
        """Return the days without their marks, nothing shifted; they may be in any order."""

    def days(self, shift_s: float) -> Iterator[Day]:
        """Return the days, their samples shifted by so much."""


class _First(NamedTuple):
    """What the first pass finds; ``problem``: why the two meters cannot be compared."""

    problem: str | None
    lag: Lag


def judge(source: Source, stored_lag_s: float) -> Verdict:
    """Return what the days show; without a lag of their own they are shifted by the stored one."""
    first = _first(source)
    lag_s, sign = first.lag.lag.value, first.lag.sign.value
    shift_s = stored_lag_s if lag_s is None else lag_s
    days = map(_measured, source.days(shift_s))
    gathered = [Gathered(day, sign or 1.0, shift_s) for day in days]
    return verdict.find(first.problem, first.lag, gathered)


def _first(source: Source) -> _First:
    by_day: list[dict[float, lag.Sums]] = []
    later: list[dict[float, list[Match]]] = []
    samples = polls = rows = timed = 0
    has_phases = False
    for day in map(_measured, source.powers()):
        samples += len(day.seen)
        polls += len(day.meter.ts)
        rows += len(day.p1.ts)
        has_phases = has_phases or bool(day.p1.phases)
        sums, after = _steps_of(day, Series(day.p1.ts, day.p1.w))
        by_day.append(sums)
        later.append(after)
        timed += bool(after)
        if timed >= ENOUGH_DAYS:
            break
    problems = (
        (not rows, figures.NO_P1),
        (not samples, figures.NO_INVERTER),
        (not polls, figures.NO_METER),
    )
    if problem := next((text for is_so, text in problems if is_so), None):
        return _First(problem, lag.Lag(*(figures.unknown(problem, unit) for unit in ("s", "", ""))))
    found = lag.find(blocks(by_day, lag.merged))
    found = _timed(found, later)
    if found.lag.reason == figures.NOT_ENOUGH and found.lag.n >= lag.LEAST_STEPS and has_phases:
        found = _by_phase(source) or found
    return _First(None, found)


def _measured(day: Day) -> Day:
    """Return the day; without the inverter's meter where that said 0 all day, and P1 did not.

    So does an inverter without a meter, or before it was installed.
    """
    if any(day.meter.w) or not any(abs(w) > _MOVES_W for w in day.p1.w):
        return day
    return day._replace(meter=Series([], []))


def _by_phase(source: Source) -> Lag | None:
    """Return the lag by the one phase that shows it best.

    Where one clamp is the wrong way round, the sum of all phases hides it.
    """
    sums: list[list[dict[float, lag.Sums]]] = [[], [], []]
    later: list[list[dict[float, list[Match]]]] = [[], [], []]
    timed = 0
    for day in map(_measured, source.powers()):
        for k, watts in enumerate(day.p1.phases):
            of_day, after = _steps_of(day, Series(day.p1.ts, watts))
            sums[k].append(of_day)
            later[k].append(after)
        timed += any(after[-1] for after in later if after)
        if timed >= ENOUGH_DAYS:
            break
    found = [
        _timed(lag.find(blocks(days, lag.merged)), after)
        for days, after in zip(sums, later, strict=True)
        if days
    ]
    known = [one for one in found if one.correlation.value is not None]
    best = max(known, key=lambda one: abs(one.correlation.value or 0.0), default=None)
    # Which way round the whole meter is cannot be said of one phase.
    return best and best._replace(sign=figures.unknown(figures.NOT_ENOUGH, "", best.sign.n))


def _steps_of(day: Day, p1: Series) -> tuple[dict[float, lag.Sums], dict[float, list[Match]]]:
    sums = lag.sums(lag.steps(day.meter), p1, BLOCK_S)
    about = lag.rough(list(sums.values()))
    after: dict[float, list[Match]] = {}
    if about:
        found = edges.edges(p1)
        for match in edges.matches(found, day.meter, *about):
            after.setdefault(match.ts // BLOCK_S, []).append(match)
    return sums, after


def _timed(found: Lag, later: list[dict[float, list[Match]]]) -> Lag:
    """Return the lag by single edges, where there are enough."""
    if found.lag.value is None:
        return found
    timed = edges.likeliest(blocks(later, lambda lists: [one for some in lists for one in some]))
    return found._replace(lag=timed) if timed else found
