"""One poll: words from the inverter, decoded, checked, and in the spool before it returns.

Nothing that the inverter or the dongle does comes out of ``poll_once`` as an exception: a poll that
gave no words is counted and logged; one whose words make no sample is parked with them.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from edge_lib.clock import Clock, StepWatch
from edge_lib.config import DongleConfig
from edge_lib.decode import decode, facts, is_silent
from edge_lib.dongle_lock import DongleLock
from edge_lib.inverter import Inverter, InverterError, next_delay_s
from edge_lib.repeat import RepeatLog
from edge_lib.reports import Reports
from edge_lib.sample import EARLIEST, SampleError, check, format_ts, in_order
from edge_lib.spool import Spool
from edge_lib.spool_gaps import CLOCK_STEP, Gap
from edge_lib.spool_row import ts_us
from edge_lib.store import Store

log = logging.getLogger("sungrow.edge.poll")
SYNCHRONISED, PROVISIONAL = 0, 2  # ts_src
NO_SAMPLE = "no_sample"  # the reason of a poll whose words make none


class Reading(NamedTuple):
    """What the words of one poll make."""

    sample: dict
    problems: tuple[str, ...]  # why it is no sample; () if it is one
    doubts: tuple[str, ...]  # values out of range, so null


def reading(words: dict[int, int], ts: datetime, about: Mapping[str, object]) -> Reading:
    """Decode the words of a poll at ``ts``, and check what comes of them.

    Args:
        words: as ``decode`` takes them.
        ts: when they were read, by this machine's clock.
        about: ``device_id``, and what else the sample says of its poll.
    """
    decoded = decode(words)
    sample = in_order({"ts": format_ts(ts), **decoded.values, **about})
    return Reading(sample, decoded.problems or _problems(sample, ts), decoded.doubts)


def _problems(sample: dict, now: datetime) -> tuple[str, ...]:
    if sample.get("ts_src") == PROVISIONAL:  # a clock that begins in 1970 makes no reading wrong
        sample, now = {**sample, "ts": format_ts(EARLIEST)}, EARLIEST
    try:
        check(sample, now)
    except SampleError as error:
        return (str(error),)
    return ()


class Poller:
    """The poll thread's state between its polls.

    Attributes:
        seq: the number of the last poll that gave words, counted within a boot.
        facts: what is known of the device; it grows (a meter shows by its first watt).
        failures: polls without words, in a row.
        polls: all of them since the start.
        failed_polls: those of them without words.
        last_success: when a poll last made a sample; None before the first.
        last_sample: that sample.
        last_error: why the last one made none; None if it did.
    """

    def __init__(
        self,
        config: DongleConfig,
        inverter: Inverter,
        lock: DongleLock,
        spool: Spool | Store,
        clock: Clock,
        reports: Reports | None = None,
        least_seq: int = 0,
    ):
        """Prepare; ``least_seq`` is this boot's last number as known from outside the spool."""
        self._config, self._inverter, self._lock = config, inverter, lock
        self._spool, self._clock, self._reports = spool, clock, reports
        # A number given twice would hide a loss; a hole tells of it.
        self.seq = max(spool.last_seq(clock.boot()), least_seq)
        self._failed, self._unfit, self._doubted = (RepeatLog(log, clock) for _ in range(3))
        self._steps = StepWatch()
        self.facts: dict = {}
        self.failures = self.polls = self.failed_polls = 0
        self.last_success: datetime | None = None
        self.last_sample: dict | None = None
        self.last_error: str | None = None

    def poll_once(self) -> None:
        """Poll, decode, store.

        Raises:
            SpoolError: the reading could not be stored.
        """
        try:
            words = self._read_words()
        except InverterError as error:
            if error.reason == "stopped":
                return
            self.failures += 1
            self.polls += 1
            self.failed_polls += 1
            self.last_error = f"{error.reason}: {error}"
            self._failed.failed("poll failed", error.reason, detail=str(error))
            self._count(error.reason)
            return
        self.polls += 1
        self._count(None)
        ts = self._clock.now()
        problems = self._store(words, ts, self._clock.boottime_us())
        self._learn(words, ts)
        self._failed.recovered("poll works again")
        self.failures, self.last_error = 0, None
        if problems:
            self.last_error = f"{NO_SAMPLE}: {'; '.join(problems)}"
        else:
            self.last_success = self._clock.now()

    def next_poll_s(self, started_s: float) -> float:
        """Give the monotonic time of the next poll, after one that began at ``started_s``.

        The period counts from the first request on the wire, which a slow connect may delay; after
        a stall nothing is made up for.
        """
        started_s = max(started_s, self._inverter.first_request_s)
        return started_s + max(self._config.poll_interval_s, next_delay_s(self.failures))

    def close(self) -> None:
        """Hang up, and let other commands talk to the dongle."""
        self._inverter.close()
        self._lock.release()

    def _count(self, failure: str | None) -> None:
        # Before the reading is stored: a quarter hour begins with the readings that it has.
        if self._reports:
            self._reports.polled(failure)

    def _read_words(self) -> dict[int, int]:
        if not self._lock.acquire():
            raise InverterError("locked", "another command of this machine talks to the dongle")
        words = self._inverter.read_words()
        if is_silent(words):
            raise InverterError("inverter_off", "the dongle answers, but with zeros alone")
        return words

    def _store(self, words: dict[int, int], ts: datetime, boottime_us: int) -> tuple[str, ...]:
        """Put the reading into the spool; return why it is no sample, () if it is one."""
        source = SYNCHRONISED if self._clock.synchronised() else PROVISIONAL
        self._watch_steps(ts, boottime_us, source)
        number = self.seq + 1
        sample, problems, doubts = reading(words, ts, self._about(number, source))
        if doubts:
            detail = "; ".join(doubts)
            self._doubted.failed("values stored as null", "out_of_range", detail=detail)
        else:
            self._doubted.recovered("all values in range again")
        if problems:
            reason = "; ".join(problems)
            self._spool.park_words(
                words, reason, ts, self._clock.boot(), number, boottime_us, source
            )
            self._unfit.failed("reading parked", NO_SAMPLE, logging.ERROR, detail=reason)
        else:
            self._spool.put(sample, boottime_us)
            self.last_sample = sample
            self._unfit.recovered("readings are samples again")
        self.seq = number  # only now: a number that is not on disk would be a hole
        return problems

    def _watch_steps(self, ts: datetime, boottime_us: int, ts_src: int) -> None:
        step = self._steps.step(ts, boottime_us, ts_src == SYNCHRONISED)
        if step is not None:
            step_s = round(step.total_seconds(), 3)
            log.warning("the wall clock was set", extra={"step_s": step_s})
            begins_us, ends_us = sorted((ts_us(ts - step), ts_us(ts)))
            self._spool.note_gap(Gap(begins_us, ends_us, 0), CLOCK_STEP)

    def _about(self, seq: int, ts_src: int) -> dict:
        return {
            "device_id": self._config.device_id,
            "interval_s": self._config.poll_interval_s,
            "boot": self._clock.boot(),
            "seq": seq,
            "ts_src": ts_src,
        }

    def _learn(self, words: dict[int, int], ts: datetime) -> None:
        # A block that was not read this time says nothing; a meter that was seen stays seen.
        known = {k: v for k, v in facts(words).items() if v is not None}
        if known.get("serial", self.facts.get("serial")) != self.facts.get("serial"):
            # Since when the server has to tell two inverters apart; a wrong clock does not know.
            known["since_ts"] = format_ts(ts) if self._clock.synchronised() else None
        for lasting in ("has_meter", "has_battery"):
            if self.facts.get(lasting):
                known.pop(lasting, None)
        self.facts = {**self.facts, **known}
