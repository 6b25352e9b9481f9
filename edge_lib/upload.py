"""Delivers the spool: one batch a step, and nothing leaves the queue without a proof (``verdict``).

Whatever answers in our server's place, and whatever our server answers in a bad moment, keeps all:
it is sent again later. The thread ``upload`` runs the steps; the poll thread may set ``facts``, and
any thread may call ``abort``.
"""

import gzip
import json
import logging
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from edge_lib import VERSION
from edge_lib.clock import Clock
from edge_lib.config import UploadConfig
from edge_lib.https import Answer, HttpsClient, HttpsError
from edge_lib.repeat import RepeatLog
from edge_lib.reports import Reports, Slot
from edge_lib.sample import FUTURE_SLACK, parse_ts
from edge_lib.server_time import ServerTime
from edge_lib.spool import Spool, Spooled
from edge_lib.verdict import Proof, UploadRefused, UploadRetry, Verdicts, http_date, proof, retry

INGEST, HEALTH = "/v1/ingest", "/health"
MAX_PARKED = 100  # parked ones reported with one batch: they may be longer than samples
MAX_EARLY = 1000  # rows left out that a step reads at most to find others behind them
PROBE_S = 60.0  # between two questions for the server's time
FIRST_BACKOFF_S = 1.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOR_A_HUMAN = ("http_401", "http_403", "http_404", "redirect", "held", "tls", "ca_file", "url")

log = logging.getLogger("sungrow.edge.upload")


class Batch(NamedTuple):
    """What goes into one request."""

    batch_id: str
    rows: list[Spooled]
    parked: list[dict]
    facts: dict | None
    gaps: Sequence[dict] = ()
    slots: Sequence[Slot] = ()
    now: Mapping[str, object] = MappingProxyType({})  # what the newest report adds

    def body(self) -> bytes:
        """Give the gzip'd JSON; the same batch gives the same bytes."""
        of_parked = ("boot", "seq", "ts", "reason", "content")
        content = {"batch_id": self.batch_id, "samples": [row.sample for row in self.rows]}
        if self.facts is not None:
            content["device"] = self.facts
        if self.parked:
            content["parked"] = [{key: entry[key] for key in of_parked} for entry in self.parked]
        if self.gaps:
            of_gap = ("from_ts", "to_ts", "cause", "count")
            content["gaps"] = [{key: entry[key] for key in of_gap} for entry in self.gaps]
        if self.slots:
            content["reports"] = [slot.content() for slot in self.slots]
            content["reports"][-1] |= self.now
        # str: a row that the disk has damaged may hold bytes, and must not stop the others.
        text = json.dumps(content, separators=(",", ":"), default=str)
        return gzip.compress(text.encode(), 6, mtime=0)


class Uploader:
    """The upload's state between its steps."""

    def __init__(
        self,
        config: UploadConfig,
        spool: Spool,
        clock: Clock,
        client: HttpsClient | None = None,
        jitter: Callable[[], float] = random.random,
        reports: Reports | None = None,
    ):
        """Prepare; nothing is sent yet. ``jitter`` gives numbers from 0 to 1."""
        self._reports = reports
        self._config, self._spool, self._clock, self._jitter = config, spool, clock, jitter
        self._client = client or HttpsClient(config.ingest_url, config.token, config.ca_file)
        self._repeat, self._early_log = RepeatLog(log, clock), RepeatLog(log, clock)
        self._server_time, self._no_time_log = ServerTime(clock), RepeatLog(log, clock)
        self._verdicts = Verdicts()
        self._size = config.batch_size
        self._early: dict[int, float] = {}  # id -> monotonic seconds at which to offer it again
        self._newest_turn = False  # that of the last full batch
        # What a hold began with, and nothing else, is tried again: another batch might be clean by
        # chance and end the hold, again and again.
        self._held: list[Spooled] = []
        self._held_bad = 0  # so many of them were refused when the hold began
        self._facts: dict | None = None
        self._facts_known: dict | None = None  # the same object as above: acknowledged
        self._probe_s = clock.monotonic_s()
        self._wait_s = config.upload_interval_s
        self.failures = 0  # in a row
        self.last_success: datetime | None = None
        self.last_error: str | None = None  # of the failures in a row
        # The server's verdicts since the start; where an answer was lost, the next one says twice.
        self.counts = {"inserted_count": 0, "duplicate_count": 0, "conflict_count": 0}

    @property
    def facts(self) -> dict | None:
        """The device's facts; those set last are sent until the server has acknowledged them."""
        return self._facts

    @facts.setter
    def facts(self, facts: dict) -> None:
        self._facts = {**facts, "edge_version": VERSION}

    def upload_once(self) -> bool:
        """Send one batch, if there is anything to send, and act on the answer.

        Every failure of the network and of the server is dealt with here: logged, counted in
        ``failures``, and turned into a longer ``next_wait_s``.

        Returns:
            Whether more is waiting, so that the next step should follow at once.

        Raises:
            SpoolError: the spool cannot be read or written; what was sent will be sent again.
        """
        try:
            return self._step()
        except UploadRetry as failure:
            self._failed(failure)
            return False

    def next_wait_s(self) -> float:
        """Give the seconds to wait before the next step, unless more is waiting."""
        return self._wait_s

    def abort(self) -> None:
        """End the request under way at once, for good: the program ends."""
        self._client.abort()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _step(self) -> bool:
        size = self._size
        batch = self._next_batch(size)
        if len(batch.rows) < size and self._place_provisional():
            batch = self._next_batch(size)
        if batch.facts is None and not any((batch.rows, batch.parked, batch.gaps, batch.slots)):
            return self._probe_clock()
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = self._hear(lambda: self._client.post(INGEST, batch.body(), headers))
        try:
            proven = proof(answer, batch.batch_id, len(batch.rows), self._clock.now())
        except UploadRefused as refusal:
            return self._refused(batch, refusal, answer)
        self._count(proven)
        self._delivered(batch, proven.conflicts)
        return len(batch.rows) == size

    def _next_batch(self, size: int) -> Batch:
        rows = self._next_rows(size)
        # A batch of one goes alone: nothing else can then be what is too large about it.
        room = 0 if size == 1 and rows else min(size, MAX_PARKED)
        parked = self._spool.unreported_parked(room) if room else []
        gaps = self._spool.unreported_gaps(room) if room else []
        facts = None if self._facts is self._facts_known else self._facts
        slots = self._reports.due(room) if room and self._reports else []
        now = self._about_the_spool() if slots else {}
        return Batch(uuid.uuid4().hex, rows, parked, facts, gaps, slots, now)

    def _about_the_spool(self) -> dict:
        counts = self._spool.counts()
        return {
            "waiting": counts.depth + counts.provisional,
            "oldest_unsent_ts": counts.oldest_unsent_ts,
            "parked": counts.parked,
            "clock": "synchronised" if self._clock.synchronised() else "unknown",
        }

    def _next_rows(self, size: int) -> list[Spooled]:
        now_s = self._clock.monotonic_s()
        self._early = {row: due_s for row, due_s in self._early.items() if due_s > now_s}
        held = self._due(self._held) if self._verdicts.holding else []
        if held:
            return held[:size]
        most = size + min(len(self._early), MAX_EARLY)
        oldest = self._spool.oldest(most)
        rows = self._due(oldest)[:size]
        if len(rows) == size:
            return self._in_turn(rows, most)
        return rows or (self._due(self._spool.newest(size)) if oldest else [])

    def _in_turn(self, oldest: list[Spooled], most: int) -> list[Spooled]:
        """Give as many of the newest in place of the oldest, every second time.

        So a backlog does not hide the present. The turn changes with each attempt, delivered or
        not: what blocks one end of the queue does not block the other.
        """
        self._newest_turn = not self._newest_turn
        newest = self._due(self._spool.newest(most))[-len(oldest) :] if self._newest_turn else []
        return newest if len(newest) == len(oldest) else oldest

    def _due(self, rows: list[Spooled]) -> list[Spooled]:
        return [row for row in rows if row.id not in self._early]

    def _delivered(self, batch: Batch, conflicts: frozenset[int]) -> None:
        if conflicts:
            self._verdicts.add(len(batch.rows) - len(conflicts), len(conflicts))
        elif batch.rows:
            self._verdicts.clean(len(batch.rows))
        if not self._verdicts.holding:
            self._park(batch, dict.fromkeys(conflicts, "conflict"))
        self._spool.delivered([row.id for i, row in enumerate(batch.rows) if i not in conflicts])
        self._acknowledged(batch)
        if self._verdicts.holding:
            self._held, self._held_bad = [batch.rows[i] for i in conflicts], 0
            raise UploadRetry("held", "too many conflicts: they are held, not parked")
        self._succeeded()

    def _count(self, proven: Proof) -> None:
        numbers = (proven.inserted, proven.duplicates, len(proven.conflicts))
        for name, number in zip(self.counts, numbers, strict=True):
            self.counts[name] += number

    def _acknowledged(self, batch: Batch) -> None:
        """Note that the server has what travelled beside the samples."""
        if batch.parked:
            self._spool.parked_reported([entry["id"] for entry in batch.parked])
        if batch.gaps:
            self._spool.gaps_reported([entry["id"] for entry in batch.gaps])
        if batch.slots:
            self._reports.acknowledged(batch.slots)
        if batch.facts is not None:
            self._facts_known = batch.facts

    def _refused(self, batch: Batch, refusal: UploadRefused, answer: Answer) -> bool:
        """Park, leave out or halve; True: the rest may go at once."""
        if refusal.too_large:
            count = len(batch.rows) + len(batch.parked) + len(batch.gaps)
            return self._halve(min(self._size, count), answer)
        self._leave_out([batch.rows[i] for i in refusal.early], answer)
        if refusal.refused:
            self._judge(batch, len(refusal.refused))
            self._park(batch, refusal.refused)
        return True

    def _judge(self, batch: Batch, refused: int) -> None:
        """Count refusals.

        Raises:
            UploadRetry: they are too many: none is parked.
        """
        held = self._verdicts.holding
        if held and len(batch.rows) == len(self._held) and refused < self._held_bad:
            self._verdicts.mended(len(batch.rows), refused)
        else:
            self._verdicts.add(0, refused)
        if not self._verdicts.holding:
            return
        if not held:
            self._held, self._held_bad = batch.rows, refused
        raise UploadRetry("held", "too many samples refused: all are held, none is parked")

    def _halve(self, count: int, answer: Answer) -> bool:
        if count <= 1:
            raise retry(answer, self._clock.now())
        self._size = count // 2
        log.info("batch halved", extra={"size": self._size})
        return True

    def _leave_out(self, rows: list[Spooled], answer: Answer) -> None:
        """Offer these again when the server's clock has come near; not before a minute is over."""
        server_now = http_date(answer.headers.get("Date")) or self._clock.now()
        for row in rows:
            ahead = parse_ts(row.sample["ts"]) - FUTURE_SLACK - server_now
            wait_s = max(PROBE_S, ahead.total_seconds())
            self._early[row.id] = self._clock.monotonic_s() + wait_s
        if rows:
            self._early_log.failed(
                "readings left out: the server says that they lie in the future",
                "ts_in_future",
                level=logging.ERROR,
                samples=len(self._early),
                hint="compare the clocks of both machines",
            )

    def _park(self, batch: Batch, reasons: Mapping[int, str]) -> None:
        if not reasons:
            return
        self._spool.park({batch.rows[i].id: reason for i, reason in reasons.items()})
        log.warning("parked", extra={"samples": len(reasons), "first": reasons[min(reasons)]})

    def _hear(self, exchange: Callable[[], Answer]) -> Answer:
        """Give the answer, and its Date to the clock."""
        try:
            answer = exchange()
        except HttpsError as error:
            raise UploadRetry(error.reason, str(error)) from error
        date = http_date(answer.headers.get("Date"))
        if date is not None:
            self._clock.confirm(date)
            self._server_time.hear(date)
        return answer

    def _probe_clock(self) -> bool:
        """Ask the server for its time, once a minute, while nobody else has told it."""
        now_s = self._clock.monotonic_s()
        if self._clock.synchronised() or now_s < self._probe_s:
            return False
        self._probe_s = now_s + PROBE_S
        self._hear(lambda: self._client.get(HEALTH))
        return self._began_us() is not None

    def _place_provisional(self) -> bool:
        """Give the readings from before the clock was right their times, and so queue them."""
        began_us = self._began_us()
        if began_us is None or not self._spool.counts().provisional:
            return False
        placed = self._spool.retime(self._clock.boot(), began_us)
        if self._clock.synchronised():
            log.info("clock synchronised: provisional readings queued", extra={"samples": placed})
        else:
            self._no_time_log.failed(
                "no time server heard: times are taken from the server's answers",
                "clock",
                hint="make a time server reachable",
            )
        return True

    def _began_us(self) -> int | None:
        """Give the wall time of the boot's start in microseconds, once that is known."""
        if not self._clock.synchronised():
            return self._server_time.began_us()
        return (self._clock.now() - EPOCH) // timedelta(microseconds=1) - self._clock.boottime_us()

    def _succeeded(self) -> None:
        self._repeat.recovered("upload works again")
        # Slowly back up: a limit of the server that stays would else cost every second request.
        self._size = min(self._size + 1, self._config.batch_size)
        self.failures, self._wait_s = 0, self._config.upload_interval_s
        self.last_error = None
        self.last_success = self._clock.now()

    def _failed(self, failure: UploadRetry) -> None:
        self.failures += 1
        self.last_error = f"{failure.reason}: {failure}"
        doubled_s = FIRST_BACKOFF_S * 2 ** min(self.failures - 1, 20)
        backoff_s = min(doubled_s, self._config.max_backoff_s) * (0.5 + 0.5 * self._jitter())
        self._wait_s = backoff_s if failure.retry_after_s is None else failure.retry_after_s
        self._repeat.failed(
            "upload failed",
            failure.reason,
            level=logging.ERROR if failure.reason.startswith(FOR_A_HUMAN) else logging.WARNING,
            detail=str(failure),
            wait_s=round(self._wait_s, 1),
        )
