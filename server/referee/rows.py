"""One day of both meters, as the referee takes it."""

from datetime import date
from typing import NamedTuple

QUARTER_S = 900


class Series(NamedTuple):
    """A power over time, by rising times; ``w`` is never null."""

    ts: list[float]
    w: list[float]


class Telegrams(NamedTuple):
    """The P1 rows that have a power, by rising times.

    ``phases`` has three lists, or none where the meter does not tell each phase of every row.
    """

    ts: list[float]
    w: list[float]
    phases: tuple[list[float], ...]


class Counters(NamedTuple):
    """Two counters at one moment, kWh, lifetime; ``clock_s`` is the meter's own time of it."""

    ts: float
    import_kwh: float | None
    export_kwh: float | None
    clock_s: float | None = None


class Mark(NamedTuple):
    """The counters around the beginning of a quarter hour.

    ``before`` and ``after`` are of the last P1 row up to it and the first one from it on,
    ``inverter`` of the last sample up to it.
    """

    ts: float
    before: Counters | None
    after: Counters | None
    inverter: Counters | None


class Day(NamedTuple):
    """What both sides said from ``first_s`` to before ``end_s``, a local day or a part of one.

    ``meter`` is the inverter's meter, ``ac`` the inverter's own power, positive = delivering; both
    by the times of the samples, which are shifted already where a lag was asked for; ``seen`` are
    the quarter hours that have any sample, counted from 1970. P1 rows reach a minute beyond both
    ends, and there is a mark at each end.
    """

    day: date
    first_s: float
    end_s: float
    meter: Series
    ac: Series
    seen: frozenset[int]
    p1: Telegrams
    marks: tuple[Mark, ...]
