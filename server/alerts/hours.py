"""What a house measured in the last hours: minutes, and quarter hours before them. Pure.

Readings come in pieces: those of one minute that arrived in one minute. Pieces of the same minute
add up, in whatever order they arrive. So the past can be seen as it was known at any moment.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
KEPT = timedelta(hours=3)
FRESH = timedelta(minutes=3)
_SLOT = timedelta(minutes=5)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
COUNTERS = ("pv", "import", "export", "battery_charge", "battery_discharge")
Numbers = tuple[float | None, ...]


class Minute(NamedTuple):
    """What the readings of one minute say; None: nobody measured it.

    ``print_min`` and ``print_max`` are of a number that stands for all values that are never twice
    the same; ``print_fields`` says how many of these were there, ``print_alive`` how many not 0.
    ``string_w`` and ``string_v`` are of each string: least power, and greatest voltage.
    ``counters_first`` and ``counters_last`` are those of the first and last reading that has any,
    behind its time; they and ``ws``, energies by power, are known in a replay alone.
    """

    start: datetime
    n: int
    first_ts: datetime
    last_ts: datetime
    received_at: datetime
    pv_max: float
    volts_max: float | None
    states: tuple[int, ...]
    state_last: int | None
    faults: tuple[str, ...]
    faults_last: str | None
    grid_v_sum: float
    grid_v_n: int
    hz_min: float | None
    hz_max: float | None
    soc_min: float | None
    soc_max: float | None
    charge_wh: float
    power_min: float | None
    power_max: float | None
    temp_min: float | None
    temp_max: float | None
    inverter_temp: float | None
    grid_w_max: float | None
    may_charge: float | None
    may_discharge: float | None
    soh: float | None
    print_min: int | None
    print_max: int | None
    print_fields: int
    print_alive: int
    boots: tuple[str, ...]
    string_w: Numbers = ()
    string_v: Numbers = ()
    ws: Numbers = ()
    counters_first: Numbers | None = None
    counters_last: Numbers | None = None


class Quarter(NamedTuple):
    """A quarter hour of the lifetime counters, and of the energy by power; as ``COUNTERS``."""

    start: datetime
    kwh: Numbers
    counters_min: Numbers
    counters_max: Numbers


def least(one: float | None, other: float | None) -> float | None:
    """Return the smaller of two of which either may be unknown."""
    return other if one is None else one if other is None else min(one, other)


def most(one: float | None, other: float | None) -> float | None:
    """Return the larger of two of which either may be unknown."""
    return other if one is None else one if other is None else max(one, other)


def _each(function: Callable[..., float | None], one: Numbers, other: Numbers) -> Numbers:
    return tuple(function(a, b) for a, b in zip(one, other, strict=True))


def _first(
    choose: Callable[..., Numbers], one: Numbers | None, other: Numbers | None
) -> Numbers | None:
    return other if one is None else one if other is None else choose(one, other)


def _plus(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else one + other


def merged(one: Minute, other: Minute) -> Minute:
    """Return both pieces of a minute as one."""
    early, late = sorted((one, other), key=lambda piece: piece.last_ts)
    return Minute(
        start=one.start,
        n=one.n + other.n,
        first_ts=min(one.first_ts, other.first_ts),
        last_ts=late.last_ts,
        received_at=max(one.received_at, other.received_at),
        pv_max=max(one.pv_max, other.pv_max),
        volts_max=most(one.volts_max, other.volts_max),
        states=tuple(sorted({*one.states, *other.states})),
        state_last=early.state_last if late.state_last is None else late.state_last,
        faults=tuple(sorted({*one.faults, *other.faults})),
        faults_last=early.faults_last if late.faults_last is None else late.faults_last,
        grid_v_sum=one.grid_v_sum + other.grid_v_sum,
        grid_v_n=one.grid_v_n + other.grid_v_n,
        hz_min=least(one.hz_min, other.hz_min),
        hz_max=most(one.hz_max, other.hz_max),
        soc_min=least(one.soc_min, other.soc_min),
        soc_max=most(one.soc_max, other.soc_max),
        charge_wh=one.charge_wh + other.charge_wh,
        power_min=least(one.power_min, other.power_min),
        power_max=most(one.power_max, other.power_max),
        temp_min=least(one.temp_min, other.temp_min),
        temp_max=most(one.temp_max, other.temp_max),
        inverter_temp=most(one.inverter_temp, other.inverter_temp),
        grid_w_max=most(one.grid_w_max, other.grid_w_max),
        may_charge=most(one.may_charge, other.may_charge),
        may_discharge=most(one.may_discharge, other.may_discharge),
        soh=most(one.soh, other.soh),
        print_min=least(one.print_min, other.print_min),  # type: ignore[arg-type]
        print_max=most(one.print_max, other.print_max),  # type: ignore[arg-type]
        print_fields=min(one.print_fields, other.print_fields),
        print_alive=min(one.print_alive, other.print_alive),
        boots=tuple(sorted({*one.boots, *other.boots})),
        string_w=_each(least, one.string_w, other.string_w),
        string_v=_each(most, one.string_v, other.string_v),
        ws=_each(_plus, one.ws, other.ws),
        counters_first=_first(min, one.counters_first, other.counters_first),
        counters_last=_first(max, one.counters_last, other.counters_last),
    )


class Hours:
    """The minutes of the last three hours of a house, oldest first, as they come to be known."""

    def __init__(self, pieces: Iterable[Minute] = ()):
        self._starts: list[datetime] = []
        self._by_start: dict[datetime, Minute] = {}
        self.newest: Minute | None = None
        for piece in pieces:
            self.add(piece)

    def add(self, piece: Minute) -> None:
        """Take account of one piece."""
        if known := self._by_start.get(piece.start):
            piece = merged(known, piece)
        else:
            insort(self._starts, piece.start)
        self._by_start[piece.start] = piece
        if self.newest is None or piece.start >= self.newest.start:
            self.newest = piece

    def forget_before(self, moment: datetime) -> None:
        """Let go of minutes that began before; what is newest stays."""
        gone = bisect_left(self._starts, moment)
        if gone == len(self._starts):
            gone -= 1
        for start in self._starts[: max(gone, 0)]:
            del self._by_start[start]
        del self._starts[: max(gone, 0)]

    def since(self, moment: datetime) -> list[Minute]:
        """Return the minutes that began at this moment or later."""
        return [
            self._by_start[start] for start in self._starts[bisect_left(self._starts, moment) :]
        ]

    def backwards(self) -> Iterable[Minute]:
        """Return all minutes, the newest first."""
        return (self._by_start[start] for start in reversed(self._starts))


class Quarters:
    """The last day's counters by quarter hours, from the pieces of a replay.

    As ``sungrow_5min`` has them: of each five minutes the first reading and the last one, which a
    wrong reading between them does not change.
    """

    def __init__(self) -> None:
        self._slots: dict[datetime, tuple[Numbers, Numbers | None, Numbers | None]] = {}
        self._quarters: dict[datetime, Quarter] = {}

    def add(self, piece: Minute) -> None:
        """Take account of one piece."""
        slot = piece.start - (piece.start - _EPOCH) % _SLOT
        known = self._slots.get(slot)
        self._slots[slot] = (
            _each(_plus, known[0], piece.ws) if known else piece.ws,
            _first(min, known[1] if known else None, piece.counters_first),
            _first(max, known[2] if known else None, piece.counters_last),
        )
        start = piece.start - (piece.start - _EPOCH) % QUARTER
        self._quarters[start] = self._quarter(start)

    def since(self, moment: datetime) -> list[Quarter]:
        """Return the quarter hours that began at this moment or later, and let go of others."""
        for start in [start for start in self._quarters if start < moment]:
            del self._quarters[start]
        for slot in [slot for slot in self._slots if slot < moment]:
            del self._slots[slot]
        return [self._quarters[start] for start in sorted(self._quarters)]

    def _quarter(self, start: datetime) -> Quarter:
        kwh: Numbers = (None,) * len(COUNTERS)
        low: Numbers = kwh
        high: Numbers = kwh
        for number in range(3):
            if slot := self._slots.get(start + number * _SLOT):
                ws, first, last = slot
                kwh = _each(_plus, kwh, tuple(None if w is None else w / 3.6e6 for w in ws))
                for counters in filter(None, (first, last)):
                    known = tuple(value or None for value in counters[1:])
                    low, high = _each(least, low, known), _each(most, high, known)
        return Quarter(start, kwh, low, high)


def held_since(hours: Hours, holds: Callable[[Minute], bool]) -> datetime | None:
    """Return since when something holds in each minute up to the newest; None: it does not.

    A gap of more than ``FRESH`` ends it: nobody saw what was then.
    """
    since: datetime | None = None
    after: Minute | None = None
    for minute in hours.backwards():
        if not holds(minute) or (after and after.first_ts - minute.last_ts > FRESH):
            break
        since, after = minute.first_ts, minute
    return since
