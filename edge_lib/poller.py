"""One poll: words from the inverter, decoded, checked, and in the spool before it returns.

Nothing that the inverter or the dongle does comes out of ``poll_once`` as an exception: a poll that
fails is counted and logged; one whose words make no sample is parked with them.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from edge_lib.best_effort import BestEffort
from edge_lib.clock import Clock, StepWatch
from edge_lib.config import DongleConfig
from edge_lib.device import Device
from edge_lib.dongle.advice import Failure
from edge_lib.dongle.decode import decode, is_silent
from edge_lib.dongle.inverter import Inverter, InverterError, next_delay_s
from edge_lib.dongle.lock import DongleLock
from edge_lib.poll_counts import PollCounts
from edge_lib.repeat_log import RepeatLog
from edge_lib.shared.fields import EARLIEST, ReadingError
from edge_lib.shared.sample import SAMPLE, Sample, TsSource
from edge_lib.shared.timestamps import format_ts, to_us
from edge_lib.spool.gaps import CLOCK_STEP, Gap
from edge_lib.spool.spool import Spool

log = logging.getLogger("sungrow.edge.poll")
MOST_INTERVAL_S = 60.0  # between two polls; what is longer is a gap
NO_SAMPLE = "no_sample"  # the reason of a poll whose words make none


class Reading(NamedTuple):
    """One poll, decoded and checked."""

    sample: Sample
    problems: tuple[str, ...]  # why it is not a sample; () if it is one
    doubts: tuple[str, ...]  # values out of range, so null


class Kept(NamedTuple):
    """A poll whose reading is stored, as a sample or parked; the bookkeeping goes by it."""

    seq: int
    ts: datetime
    boottime_us: int
    ts_src: TsSource
    problems: tuple[str, ...]
    doubts: tuple[str, ...]


def reading(
    words: dict[int, int], ts: datetime, about: Mapping[str, object], *, meter_seen: bool = False
) -> Reading:
    """Decode the words of a poll at ``ts``, and check what comes of them.

    Args:
        words: as for ``decode``.
        ts: when they were read, by this machine's clock.
        about: ``device_id``, and what else the sample holds of its poll.
        meter_seen: an earlier poll of this inverter has shown a grid meter.
    """
    decoded = decode(words, meter_seen=meter_seen)
    sample = SAMPLE.in_order({"ts": format_ts(ts), **decoded.values, **about})
    return Reading(sample, decoded.problems or _problems(sample, ts), decoded.doubts)


def _problems(sample: Sample, now: datetime) -> tuple[str, ...]:
    if (
        sample.get("ts_src") == TsSource.PROVISIONAL
    ):  # a clock that begins in 1970 makes no reading wrong
        sample, now = {**sample, "ts": format_ts(EARLIEST)}, EARLIEST
    try:
        SAMPLE.check(sample, now)
    except ReadingError as error:
        return (str(error),)
    return ()


class Poller:
    """The poll thread's state between its polls.

    Attributes:
        seq: the number of the last poll that was answered, counted within a boot.
        device: what is known of the inverter.
        failures: polls without an answer, in a row.
        polls: all of them since the start.
        failed_polls: those of them without an answer.
        last_success: when a poll last made a sample; None before the first.
        last_sample: that sample.
        last_failure: why the last one made none; None if it did.
    """

    def __init__(
        self,
        config: DongleConfig,
        inverter: Inverter,
        lock: DongleLock,
        spool: Spool,
        clock: Clock,
        counts: PollCounts | None = None,
        least_seq: int = 0,
        meter_silent_since: datetime | None = None,
    ):
        """Prepare.

        Args:
            config: of the dongle.
            inverter: reads it.
            lock: of the dongle.
            spool: keeps the readings.
            clock: of this machine.
            counts: counts the polls.
            least_seq: this boot's last number as known from outside the spool.
            meter_silent_since: as the program's last run knew it.
        """
        self._config, self._inverter, self._lock = config, inverter, lock
        self._spool, self._clock, self._counts = spool, clock, counts
        # A number used twice would hide a loss; a hole shows it.
        self.seq = max(spool.last_seq(clock.boot()), least_seq)
        self._failed, self._unfit, self._doubted = (RepeatLog(log, clock) for _ in range(3))
        self._best_effort = BestEffort(log, clock)
        self._steps = StepWatch()
        self._sampled_s: float | None = None  # when the poll before began, if it made a sample
        self.device = Device(spool, clock, meter_silent_since)
        self.failures = self.polls = self.failed_polls = 0
        self.last_success: datetime | None = None
        self.last_sample: Sample | None = None
        self.last_failure: Failure | None = None

    def poll_once(self) -> None:
        """Poll, decode, store; only then the bookkeeping, each part of which may fail alone.

        Raises:
            SpoolError: the reading could not be stored.
        """
        try:
            words = self._read_words()
        except InverterError as error:
            if error.reason != "stopped":
                self._fail(error)
            return
        self.polls += 1
        kept = self._store(words, self._clock.now(), self._clock.boottime_us())
        self.failures, self.last_failure = 0, None
        if kept.problems:
            self.last_failure = Failure(NO_SAMPLE, "; ".join(kept.problems))
        else:
            self.last_success = self._clock.now()
        for step, work in (
            ("facts", lambda: self.device.learn(words, kept.ts)),
            ("counts", lambda: self._count(kept)),
            ("clock", lambda: self._watch_steps(kept)),
            ("log", lambda: self._log(kept)),
        ):
            self._best_effort.run(step, work, None)

    @property
    def last_error(self) -> str | None:
        """Why the last poll made no sample, its reason first; None if it did."""
        return str(self.last_failure) if self.last_failure else None

    def day_so_far(self) -> dict[str, Any]:
        """Return the counts of the day UTC so far, where any are kept."""
        nothing: dict[str, Any] = {}
        counts = self._counts
        return (
            self._best_effort.run("day so far", counts.day_so_far, nothing) if counts else nothing
        )

    def next_poll_s(self, started_s: float) -> float:
        """Return the monotonic time of the next poll, after one that began at ``started_s``.

        The period counts from the first request on the wire, which a slow connect may delay; after
        a stall nothing is made up for.
        """
        started_s = max(started_s, self._inverter.first_request_s)
        return started_s + max(self._config.poll_interval_s, next_delay_s(self.failures))

    def close(self) -> None:
        """Hang up, and let other commands talk to the dongle."""
        self._inverter.close()
        self._lock.release()

    def _fail(self, error: InverterError) -> None:
        self.failures += 1
        self.polls += 1
        self.failed_polls += 1
        self.last_failure, self._sampled_s = Failure.of(error), None
        if self._counts:
            counts = self._counts
            self._best_effort.run("counts", lambda: counts.polled(error.reason), None)
        self._failed.failed("poll failed", error.reason, detail=str(error))

    def _count(self, kept: Kept) -> None:
        # One whose time is provisional is counted where its time will be, by the spool itself.
        if self._counts and kept.ts_src == TsSource.SYNCHRONISED:
            self._counts.polled(ts=kept.ts, seq=kept.seq)

    def _read_words(self) -> dict[int, int]:
        if not self._lock.acquire():
            raise InverterError("locked", "another command of this machine talks to the dongle")
        words = self._inverter.read_words()
        if is_silent(words):
            raise InverterError("inverter_off", "the dongle answers, but with zeros alone")
        if self._best_effort.run("device", lambda: self.device.recognise(words), otherwise=False):
            log.warning("another inverter answers", extra={"serial": self.device.serial})
            self._inverter.forget_unit()
        return words

    def _store(self, words: dict[int, int], ts: datetime, boottime_us: int) -> Kept:
        source = TsSource.SYNCHRONISED if self._clock.synchronised() else TsSource.PROVISIONAL
        number = self.seq + 1
        sample, problems, doubts = reading(
            words, ts, self._about(number, source), meter_seen=self.device.meter_seen
        )
        if problems:
            self._spool.park_words(
                words, "; ".join(problems), ts, self._clock.boot(), number, boottime_us, source
            )
        else:
            self._spool.put(sample, boottime_us)
            self.last_sample = sample
        self.seq = number  # only now: a number that is not on disk would be a hole
        self._sampled_s = None if problems else self._inverter.first_request_s
        return Kept(number, ts, boottime_us, source, problems, doubts)

    def _log(self, kept: Kept) -> None:
        if kept.doubts:
            detail = "; ".join(kept.doubts)
            self._doubted.failed("values stored as null", "out_of_range", detail=detail)
        else:
            self._doubted.recovered("all values in range again")
        if kept.problems:
            reason = "; ".join(kept.problems)
            self._unfit.failed("reading parked", NO_SAMPLE, logging.ERROR, detail=reason)
        else:
            self._unfit.recovered("readings are samples again")
        self._failed.recovered("poll works again")

    def _watch_steps(self, kept: Kept) -> None:
        step = self._steps.step(kept.ts, kept.boottime_us, kept.ts_src == TsSource.SYNCHRONISED)
        if step is not None:
            begins_us, ends_us = sorted((to_us(kept.ts - step), to_us(kept.ts)))
            self._spool.note_gap(Gap(begins_us, ends_us, 0), CLOCK_STEP)
            step_s = round(step.total_seconds(), 3)
            log.warning("the wall clock was set", extra={"step_s": step_s})

    def _interval_s(self) -> float:
        """Return the seconds from the start of the poll before to the start of this one.

        Where the one before made no sample, or was long ago, it is the poll's own period: the rest
        is a gap.
        """
        period_s = self._config.poll_interval_s
        if self._sampled_s is None:
            return period_s
        passed_s = round(self._inverter.first_request_s - self._sampled_s, 1)
        return max(period_s, passed_s) if passed_s <= MOST_INTERVAL_S else period_s

    def _about(self, seq: int, ts_src: TsSource) -> dict[str, Any]:
        return {
            "device_id": self._config.device_id,
            "interval_s": self._interval_s(),
            "boot": self._clock.boot(),
            "seq": seq,
            "ts_src": int(ts_src),
        }
