"""One interval of the grid meter: its readings, checked, and in the spool before it returns.

As ``poller`` does it for the inverter; imported only where ``P1_SOURCE`` is set. The time of a
reading is the edge's own, the meter's clock is but one of its values.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Self

from edge_lib.best_effort import BestEffort
from edge_lib.clock import Clock, StepWatch
from edge_lib.p1.meter import P1Error, P1Meter, Reading
from edge_lib.p1_config import P1Config
from edge_lib.poll_counts import PollCounts
from edge_lib.repeat_log import RepeatLog
from edge_lib.shared import fields
from edge_lib.shared.fields import EARLIEST, ReadingError
from edge_lib.shared.p1_reading import P1
from edge_lib.shared.sample import TsSource
from edge_lib.shared.timestamps import format_ts, to_us
from edge_lib.spool import kinds
from edge_lib.spool.gaps import CLOCK_STEP, Gap
from edge_lib.spool.spool import Spool

log = logging.getLogger("sungrow.edge.p1")


class P1Poller:
    """The state of the thread ``p1`` between its intervals.

    Attributes:
        seq: the number of the last reading, counted within a boot.
        peaks: the months' peaks as the meter last listed them; None: it lists none.
        last_success: when a reading was last stored; None before the first.
        last_reading: that reading.
        polled: readings, and attempts without one, since the start.
        failed: those attempts.
    """

    def __init__(
        self,
        device_id: str,
        meter: P1Meter,
        interval_s: float,
        spool: Spool,
        clock: Clock,
        counts: PollCounts | None = None,
        least_seq: int = 0,
    ):
        """Prepare; nothing is opened yet. ``least_seq``: as known from outside the spool."""
        self._device_id, self._meter, self._interval_s = device_id, meter, interval_s
        self._spool, self._clock, self._counts = spool, clock, counts
        self._failed, self._unfit, self._doubted = (RepeatLog(log, clock) for _ in range(3))
        self._best_effort, self._steps = BestEffort(log, clock), StepWatch()
        self._until_s = clock.monotonic_s()
        self.seq = max(spool.last_seq(clock.boot(), kinds.P1), least_seq)
        self.peaks: list[dict[str, Any]] | None = None
        self.last_success: datetime | None = None
        self.last_reading: fields.Reading | None = None
        self.polled = self.failed = 0

    @classmethod
    def from_config(
        cls,
        config: P1Config,
        device_id: str,
        spool: Spool,
        clock: Clock,
        wait: Callable[[float], bool],
        counts: PollCounts,
        least_seq: int,
    ) -> Self:
        """Return it with the meter that the settings name."""
        meter = P1Meter(config, clock, wait)
        return cls(device_id, meter, config.interval_s, spool, clock, counts, least_seq)

    def next_until_s(self) -> float:
        """Return until when the next interval lasts; none is made up for that was missed."""
        now_s = self._clock.monotonic_s()
        self._until_s += self._interval_s
        if self._until_s <= now_s:
            self._until_s = now_s + self._interval_s
        return self._until_s

    def poll_once(self, until_s: float) -> None:
        """Read until then, and store; only then the bookkeeping, each part of which may fail alone.

        Raises:
            SpoolError: a reading could not be stored.
        """
        try:
            readings = self._meter.read(until_s)
        except P1Error as error:
            if error.reason != "stopped":
                self._fail(error)
            return
        for reading in readings:
            self._keep(reading)

    def state(self) -> dict[str, object]:
        """Return what the health file says of it."""
        return {
            "last_p1_ts": self.last_success,
            "last_p1_error": self._meter.last_error,
            "p1_failures": self._meter.failures,
            "p1_polled_count": self.polled,
            "p1_failed_count": self.failed,
            "p1_telegram_count": self._meter.good,
            "p1_bad_telegram_count": self._meter.bad,
            "last_p1": self.last_reading,
            "p1_seq": self.seq,
        }

    def close(self) -> None:
        """Hang up, and write down what was counted."""
        self._meter.close()

    def _keep(self, reading: Reading) -> None:
        synchronised = self._clock.synchronised()
        source = TsSource.SYNCHRONISED if synchronised else TsSource.PROVISIONAL
        about = {
            "device_id": self._device_id,
            "ts": format_ts(reading.at),
            "boot": self._clock.boot(),
            "seq": self.seq + 1,
            "ts_src": int(source),
        }
        values = P1.in_order({**reading.values, **about})
        problem = _problem(values, reading.at, synchronised=synchronised)
        if problem:
            self._spool.park_unfit(values, problem, reading.boottime_us, kinds.P1)
        else:
            self._spool.put(values, reading.boottime_us, kinds.P1)
            self.last_reading, self.last_success = values, reading.at
        self.seq += 1  # only now: a number that is not on disk would be a hole
        self.polled += 1
        if reading.peaks:
            peaks = [peak._asdict() for peak in reading.peaks]
            self.peaks = peaks if peaks != self.peaks else self.peaks
        self._best_effort.run("counts", lambda: self._count(reading, synchronised), None)
        self._best_effort.run("steps", lambda: self._watch_steps(reading, synchronised), None)
        self._log(reading, problem)

    def _count(self, reading: Reading, synchronised: bool) -> None:
        # One whose time is provisional is counted where its time will be, by the spool itself.
        if self._counts and synchronised:
            self._counts.polled(ts=reading.at, seq=self.seq)

    def _fail(self, error: P1Error) -> None:
        self.polled += 1
        self.failed += 1
        if self._counts:
            counts = self._counts
            self._best_effort.run("counts", lambda: counts.polled(error.reason), None)
        self._failed.failed("grid meter not read", error.reason, detail=str(error))

    def _log(self, reading: Reading, problem: str | None) -> None:
        if reading.doubts:
            detail = "; ".join(reading.doubts)
            self._doubted.failed("values of the grid meter left out", "doubts", detail=detail)
        else:
            self._doubted.recovered("all values of the grid meter make sense again")
        if problem:
            self._unfit.failed("P1 reading parked", "contract", logging.ERROR, detail=problem)
        else:
            self._unfit.recovered("P1 readings are stored again")
        self._failed.recovered("grid meter read again")

    def _watch_steps(self, reading: Reading, synchronised: bool) -> None:
        step = self._steps.step(reading.at, reading.boottime_us, synchronised)
        if step is not None:
            begins_us, ends_us = sorted((to_us(reading.at - step), to_us(reading.at)))
            self._spool.note_gap(Gap(begins_us, ends_us, 0), CLOCK_STEP, kinds.P1)


def _problem(values: Mapping[str, Any], now: datetime, *, synchronised: bool) -> str | None:
    if not synchronised:  # a clock that begins in 1970 makes no reading wrong
        values, now = {**values, "ts": format_ts(EARLIEST)}, EARLIEST
    try:
        P1.check(dict(values), now)
    except ReadingError as error:
        return str(error)
    return None
