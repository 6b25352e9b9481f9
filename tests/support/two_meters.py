"""A house that two meters look at: the utility's is right, the inverter's as wrong as it is told.

Loads switch on and off on three phases, clouds pass over the panels, and a battery on phase 1
follows three seconds late. The utility's meter is read once a second and its counters are exact to
the Wh; the inverter's is polled each five seconds, and shows what was ``lag_s`` earlier.
"""

import random
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
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
    jitter_s: float = 0.0  # up to so much more, another time at each poll
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
        self._chance = random.Random(-seed)
        self._meter = meter
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
        self._counted = [4000.0, 9000.0, 4100.0, 8900.0]  # P1, then the inverter's
        self._tail: list[list[float]] = []
        moments = tuple(round((end - begin) * RATE) for begin, end in self.bounds)
        for n, (loads, ac) in enumerate(_lived(seed, moments, quiet)):
            self._read(n, self.bounds[n][0], loads, ac)

    def _read(self, number: int, begin: float, loads: list[array], ac: array) -> None:
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
        self._tail = [seen[-back:], list(ac[-back:])]
        seen, ac = tail[0] + seen, [*tail[1], *ac]
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
            late_s = meter.lag_s + chance.uniform(0, meter.jitter_s)
            then = int((at - late_s) * RATE) + back
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
                frozenset(int((s.ts - lag_s) // QUARTER_S) for s in chosen),
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


class Days:
    """Days made by hand, read as the house's are."""

    def __init__(self, *days: Day):
        self.made = days

    def powers(self):
        return iter(self.made)

    def days(self, _):
        return iter(self.made)


def _within(at: float, hours: tuple[tuple[float, float], ...]) -> bool:
    return any(first <= at / 3600 < end for first, end in hours)


@lru_cache(maxsize=2)
def _lived(seed: int, days: tuple[int, ...], quiet: bool) -> list[tuple[list[array], array]]:
    """Return what the phases draw, and what the inverter delivers, W, moment by moment."""
    chance, stored_kwh, lived = random.Random(seed), 1.0, []
    for moments in days:
        loads = [_load(chance, moments, quiet) for _ in range(3)]
        ac, stored_kwh = _inverter(chance, loads, 0.0 if quiet else 6000.0, stored_kwh)
        loads[0] = array("d", (load - own for load, own in zip(loads[0], ac, strict=True)))
        lived.append((loads, ac))
    return lived


def _load(chance: random.Random, moments: int, quiet: bool) -> array:
    change = [0.0] * (moments + 1)
    change[0] = 80.0
    for _ in range(0 if quiet else round(90 * moments / (86_400 * RATE))):
        at = chance.randrange(moments)
        lasts = round(RATE * chance.choice((9, 30, 90, 400, 1500)) * chance.uniform(0.5, 2))
        watts = chance.choice((120, 400, 900, 2000)) * chance.uniform(0.7, 1.3)
        change[at] += watts
        change[min(at + lasts, moments)] -= watts
    return array("d", accumulate(change[:moments]))


def _inverter(
    chance: random.Random, loads: list[array], peak_w: float, stored_kwh: float
) -> tuple[array, float]:
    """Return its AC power, the sun as clouds let it and a battery that follows the house."""
    found = array("d")
    cloud = sky = 0.8
    house = [sum(three) for three in zip(*loads, strict=True)]
    sun, charge = 0.0, 0.0
    step = 1 / (RATE * 3600 * 1000)
    for n in range(len(house)):
        if n % RATE == 0 and peak_w:
            if n % (RATE * 40) == 0:
                sky = chance.uniform(0.2, 1.0)
            cloud += (sky - cloud) / 12
            sun = peak_w * cloud * max(0.0, sin(pi * (n / RATE / 3600 - 6) / 14))
            want = sun - house[max(0, n - _DELAY)]
            most = _BATTERY_W if stored_kwh < _BATTERY_KWH else 0.0
            least = -_BATTERY_W if stored_kwh > 0 else 0.0
            charge = max(least, min(most, want))
        stored_kwh += charge * step
        found.append(sun - charge)
    return found, stored_kwh
