"""A house that two meters look at: the utility's is right, the inverter's as wrong as it is told.

Loads switch on and off on three phases, clouds pass over the panels, and a battery on phase 1
follows three seconds late. The utility's meter is read once a second and its counters are exact to
the Wh; the inverter's is polled each five seconds, and shows what was ``lag_s`` earlier.
"""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from math import floor, pi, sin
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.referee.rows import QUARTER_S, Counters, Day, Mark, Series, Telegrams

RATE = 4  # moments a second; lags are multiples of one
_POLL_S, _BATTERY_W, _BATTERY_KWH, _DELAY = 5.0, 2500.0, 5.0, 3 * RATE


class Meter(NamedTuple):
    """What is wrong with the inverter's meter; ``sees``: what it counts each phase by."""

    gain: float = 1.0
    offset_w: float = 0.0
    lag_s: float = 0.0
    sign: int = 1
    drift_a_day: float = 0.0
    sees: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise_w: float = 8.0
    silent_h: tuple[tuple[float, float], ...] = ()  # hours of each day without a sample
    p1_silent_h: tuple[tuple[float, float], ...] = ()
    reset_h: float | None = None  # of the first day: its counters begin again at 0
    clock_off_s: float = 0.0  # of the utility's meter
    p1_s: float = 1.0  # from one of its rows to the next


class Sample(NamedTuple):
    ts: float
    meter_w: float | None
    ac_w: float
    import_kwh: float
    export_kwh: float


class Row(NamedTuple):
    ts: float
    w: float
    phases: tuple[float, float, float]
    import_kwh: float
    export_kwh: float
    clock_s: float


class TwoMeters:
    """The house, day by day; its days begin at local midnights."""

    def __init__(
        self,
        meter: Meter,
        seed: int = 1,
        *,
        days: int = 1,
        zone: str = "UTC",
        first: date = date(2026, 6, 1),
        hours: float | None = None,
        quiet: bool = False,
    ):
        self._chance = random.Random(seed)
        self._meter, self._quiet = meter, quiet
        local = ZoneInfo(zone)
        begins = [
            datetime(d.year, d.month, d.day, tzinfo=local).astimezone(UTC).timestamp()
            for d in (first + timedelta(days=n) for n in range(days + 1))
        ]
        if hours is not None:
            begins[-1] = begins[-2] + hours * 3600
        self._dates = [first + timedelta(days=n) for n in range(days)]
        self.bounds = list(pairwise(begins))
        self.rows: list[Row] = []
        self.samples: list[Sample] = []
        self._stored_kwh = 1.0
        self._counted = [4000.0, 9000.0, 4100.0, 8900.0]  # P1, then the inverter's
        self._tail: list[list[float]] = []
        for n, (begin, end) in enumerate(self.bounds):
            self._live(n, begin, round((end - begin) * RATE))

    def _live(self, number: int, begin: float, moments: int) -> None:
        loads = [self._load(moments) for _ in range(3)]
        ac = self._inverter(loads, moments)
        loads[0] = [load - own for load, own in zip(loads[0], ac, strict=True)]
        self._read(number, begin, loads, ac)

    def _load(self, moments: int) -> list[float]:
        chance, change = self._chance, [0.0] * (moments + 1)
        change[0] = 80.0
        for _ in range(0 if self._quiet else round(90 * moments / (86_400 * RATE))):
            at = chance.randrange(moments)
            lasts = round(RATE * chance.choice((9, 30, 90, 400, 1500)) * chance.uniform(0.5, 2))
            watts = chance.choice((120, 400, 900, 2000)) * chance.uniform(0.7, 1.3)
            change[at] += watts
            change[min(at + lasts, moments)] -= watts
        return list(accumulate(change[:moments]))

    def _inverter(self, loads: list[list[float]], moments: int) -> list[float]:
        """Return its AC power: the sun as clouds let it, and a battery that follows the house."""
        chance, found = self._chance, []
        cloud = sky = 0.8
        house = [sum(three) for three in zip(*loads, strict=True)]
        sun, charge, empty = 0.0, 0.0, self._stored_kwh
        step = 1 / (RATE * 3600 * 1000)
        for n in range(moments):
            if n % RATE == 0:
                if n % (RATE * 40) == 0:
                    sky = chance.uniform(0.2, 1.0)
                cloud += (sky - cloud) / 12
                hour = n / RATE / 3600
                sun = 0.0 if self._quiet else 6000 * cloud * max(0.0, sin(pi * (hour - 6) / 14))
                want = sun - house[max(0, n - _DELAY)]
                room = _BATTERY_W if empty < _BATTERY_KWH else 0.0
                charge = max(-(_BATTERY_W if empty > 0 else 0.0), min(room, want))
                if self._quiet:
                    charge = 0.0
            empty += charge * step
            found.append(sun - charge)
        self._stored_kwh = empty
        return found

    def _read(self, number: int, begin: float, loads: list[list[float]], ac: list[float]) -> None:
        meter, chance = self._meter, self._chance
        net = [sum(three) for three in zip(*loads, strict=True)]
        gain = meter.gain + meter.drift_a_day * number
        seen = [
            meter.sign
            * (gain * sum(b * p for b, p in zip(meter.sees, three, strict=True)) + meter.offset_w)
            for three in zip(*loads, strict=True)
        ]
        totals = self._count(net, seen, number)
        # What a lag reaches into of the day before.
        back = 60 * RATE
        tail = self._tail or [[seen[0]] * back, [ac[0]] * back]
        self._tail = [seen[-back:], ac[-back:]]
        seen, ac = tail[0] + seen, tail[1] + ac
        end = len(net) / RATE
        at = chance.randrange(round(meter.p1_s * RATE)) / RATE
        while at < end:
            n = int(at * RATE)
            if not _within(at, meter.p1_silent_h):
                phases = (loads[0][n], loads[1][n], loads[2][n])
                counted = (floor(totals[k][n] * 1000) / 1000 for k in (0, 1))
                ts = begin + at
                self.rows.append(Row(ts, net[n], phases, *counted, ts + meter.clock_off_s))
            at += meter.p1_s
        at = chance.randrange(round(_POLL_S * RATE)) / RATE
        while at < end:
            n = int(at * RATE)
            then = int((at - meter.lag_s) * RATE) + back
            if not _within(at, meter.silent_h) and then < len(seen):
                counted = (floor(totals[k][n] * 10) / 10 for k in (2, 3))
                shown = seen[then] + chance.gauss(0, meter.noise_w)
                self.samples.append(Sample(begin + at, round(shown), round(ac[then]), *counted))
            at += _POLL_S

    def _count(self, net: list[float], seen: list[float], number: int) -> list[list[float]]:
        hour = self._meter.reset_h
        reset_at = round(hour * 3600 * RATE) if hour is not None and number == 0 else None
        found = []
        for k, watts in enumerate((net, net, seen, seen)):
            side = -1 if k % 2 else 1
            per = side / (RATE * 3600 * 1000)
            total, counted = self._counted[k], []
            for n, w in enumerate(watts):
                if k > 1 and n == reset_at:
                    total = 0.0
                if w * side > 0:
                    total += w * per
                counted.append(total)
            self._counted[k] = total
            found.append(counted)
        return found

    def powers(self) -> Iterator[Day]:
        return self.days(0.0)

    def days(self, lag_s: float) -> Iterator[Day]:
        """Return the days as the database gives them, shifted by so much."""
        times, polls = [row.ts for row in self.rows], [one.ts for one in self.samples]
        for day, (begin, end) in zip(self._dates, self.bounds, strict=True):
            rows = self.rows[bisect_left(times, begin - 60) : bisect_left(times, end + 60)]
            chosen = self.samples[
                bisect_left(polls, begin + lag_s) : bisect_left(polls, end + lag_s)
            ]
            yield Day(
                day,
                begin,
                end,
                Series(
                    [s.ts - lag_s for s in chosen if s.meter_w is not None],
                    [s.meter_w for s in chosen if s.meter_w is not None],
                ),
                Series([s.ts - lag_s for s in chosen], [s.ac_w for s in chosen]),
                Telegrams(
                    [r.ts for r in rows],
                    [r.w for r in rows],
                    tuple([r.phases[k] for r in rows] for k in range(3)),
                ),
                tuple(
                    self._mark(begin + n * QUARTER_S, times, polls)
                    for n in range(round((end - begin) / QUARTER_S) + 1)
                ),
            )

    def _mark(self, ts: float, times: list[float], polls: list[float]) -> Mark:
        before, after = bisect_right(times, ts) - 1, bisect_left(times, ts)
        poll = bisect_right(polls, ts) - 1
        near = [
            self.rows[n] if 0 <= n < len(times) and abs(times[n] - ts) <= 900 else None
            for n in (before, after)
        ]
        sample = self.samples[poll] if poll >= 0 and ts - polls[poll] <= 60 else None
        return Mark(
            ts,
            *(
                row and Counters(row.ts, row.import_kwh, row.export_kwh, row.clock_s)
                for row in near
            ),
            sample and Counters(sample.ts, sample.import_kwh, sample.export_kwh),
        )


def _within(at: float, hours: tuple[tuple[float, float], ...]) -> bool:
    return any(first <= at / 3600 < end for first, end in hours)
