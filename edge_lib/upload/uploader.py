"""Delivers the spool: one batch a step, and nothing leaves the queue without a proof (``receipt``).

Samples and, where there are any, the grid meter's readings (``meter_lane``) go in the same batch.

Whatever answers in our server's place, and whatever our server answers in a bad moment, keeps all:
it is sent again later. The thread ``upload`` runs the steps; the poll thread may set ``facts``, and
any thread may call ``abort``.
"""

import functools
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from edge_lib import VERSION
from edge_lib.best_effort import BestEffort
from edge_lib.clock import Clock
from edge_lib.config import UploadConfig
from edge_lib.poll_counts import PollCounts
from edge_lib.repeat_log import RepeatLog
from edge_lib.shared.timestamps import to_us
from edge_lib.spool.kinds import P1, SAMPLES, Kind
from edge_lib.spool.queue import Spooled
from edge_lib.spool.spool import Spool
from edge_lib.upload.batch import Batch, new_batch
from edge_lib.upload.beside import Beside, Facts
from edge_lib.upload.cancellable import HttpsError
from edge_lib.upload.condition import Condition
from edge_lib.upload.https import Answer, HttpsClient
from edge_lib.upload.meter_lane import P1Lane
from edge_lib.upload.receipt import (
    Named,
    Proof,
    UploadRefused,
    UploadRetry,
    http_date,
    proof,
    retry,
)
from edge_lib.upload.selection import BatchSelection
from edge_lib.upload.server_time import ServerTime

INGEST, HEALTH = "/v1/ingest", "/health"
PROBE_S = 60.0  # between two requests for the server's time
FIRST_BACKOFF_S = 1.0
FOR_A_HUMAN = ("http_401", "http_403", "http_404", "redirect", "held", "tls", "ca_file", "url")

log = logging.getLogger("sungrow.edge.upload")


class Uploader:
    """The upload's state between its steps.

    Attributes:
        p1: what of it is the grid meter's.
        poll_counts: count what was polled, by its kind.
        condition: what the edge reports of itself.
    """

    def __init__(
        self,
        config: UploadConfig,
        spool: Spool,
        clock: Clock,
        client: HttpsClient | None = None,
        jitter: Callable[[], float] = random.random,
        counts: PollCounts | None = None,
    ):
        """Prepare; nothing is sent yet. ``jitter`` returns numbers from 0 to 1."""
        self.p1 = P1Lane(spool, clock, config.max_backoff_s)
        self._config, self._spool, self._clock, self._jitter = config, spool, clock, jitter
        self._client = client or HttpsClient(config.ingest_url, config.token, config.ca_file)
        self._selection, self._size = BatchSelection(spool, clock), config.batch_size
        self._ahead: Batch | None = None
        self._repeat, self._best_effort = RepeatLog(log, clock), BestEffort(log, clock)
        self._server_time, self._no_time_log = ServerTime(clock), RepeatLog(log, clock)
        self.condition = Condition(spool, clock, self._client, config.token)
        self._beside = Beside(spool, clock, self.p1, self._best_effort, self.condition)
        self.poll_counts = self._beside.poll_counts
        if counts:
            self.poll_counts[SAMPLES] = counts
        self._probe_s = clock.monotonic_s()
        self._wait_s = config.upload_interval_s
        self.failures = 0  # in a row
        self.last_success: datetime | None = None
        self.last_error: str | None = None  # of the failures in a row
        # The server's verdicts since the start; where an answer was lost, its samples count again.
        self.counts = {"inserted_count": 0, "duplicate_count": 0, "conflict_count": 0}

    @property
    def facts(self) -> Facts | None:
        """The device's facts; those set last are sent until the server has acknowledged them."""
        return self._beside.facts

    @facts.setter
    def facts(self, facts: Facts | None) -> None:
        self._beside.facts = None if facts is None else {**facts, "edge_version": VERSION}

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
        """Return the seconds to wait before the next step, unless more is waiting."""
        return self._wait_s

    def abort(self) -> None:
        """End the request under way at once, for good: the program ends."""
        self._client.abort()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _step(self) -> bool:
        size, with_p1 = self._size, True
        if self.p1.is_used() and (self.p1.selection.holding or self._selection.holding):
            # Neither is to wait until the other's are taken.
            with_p1 = False
            self._send_p1_alone(size)
        batch = self._next_batch(size, with_p1)
        if batch.total() < size and self._best_effort.run("times", self._place_provisional, False):
            batch = self._next_batch(size, with_p1)
        if batch.facts is None and not any((batch.total(), batch.parked, batch.gaps, batch.slots)):
            return self._probe_clock()
        answer = self._exchange(lambda: self._post(batch))
        try:
            proven = self._proof(batch, answer)
        except UploadRefused as refusal:
            return self._refused(batch, refusal, answer)
        self._count(proven)
        self._delivered(batch, proven)
        return batch.total() == size or len(batch.p1_rows) >= max(1, size // 2)

    def _proof(self, batch: Batch, answer: Answer) -> Proof:
        counts = len(batch.rows), self._clock.now(), len(batch.p1_rows)
        return proof(answer, batch.batch_id, *counts)

    def _send_p1_alone(self, size: int) -> None:
        """Send the grid meter's readings in a batch of their own, if it is time."""
        rows = self.p1.rows(size)
        if not rows:
            return
        batch = new_batch([], rows)
        answer = self._exchange(lambda: self._post(batch))
        try:
            self._p1_delivered(batch, self._proof(batch, answer))
        except UploadRefused as refusal:
            self._refused(batch, refusal, answer)

    def _post(self, batch: Batch) -> Answer:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        return self._client.post(INGEST, batch.body(), headers, lambda: self._look_ahead(batch))

    def _next_batch(self, size: int, with_p1: bool) -> Batch:
        batch = self._prepared(size, with_p1) or self._chosen(size, with_p1)
        return self._beside.added_to(batch, size)

    def _chosen(self, size: int, with_p1: bool) -> Batch:
        p1_rows = self.p1.rows(self.p1.room(size)) if with_p1 else []
        room = size - len(p1_rows)
        rows = self._selection.rows(room) if room else []
        if with_p1 and not (rows or p1_rows):
            p1_rows = self.p1.rows(size)
        return new_batch(rows, p1_rows)

    def _prepared(self, size: int, with_p1: bool) -> Batch | None:
        """Return the batch made ready while the last one was under way, if it still fits."""
        batch, self._ahead = self._ahead, None
        fits = batch and batch.total() == size and (with_p1 or not batch.p1_rows)
        return batch if fits and not self._selection.holding else None

    def _look_ahead(self, batch: Batch) -> None:
        """Make the next batch of a backlog ready while the server is at work on this one.

        It shares no reading with this one, so it goes next, whatever the answer to this one is.
        """
        if not self._selection.holding and batch.total() == self._size == self._config.batch_size:
            self._ahead = self._best_effort.run("ahead", lambda: self._prepare_after(batch), None)

    def _prepare_after(self, batch: Batch) -> Batch | None:
        following = self._selection.rows_after(batch.rows) if batch.rows else []
        p1_rows = self.p1.selection.rows_after(batch.p1_rows) if batch.p1_rows else []
        if not (following or p1_rows):
            return None
        ahead = new_batch(following, p1_rows)
        return ahead._replace(packed=ahead.body())

    def _delivered(self, batch: Batch, proven: Proof) -> None:
        if batch.p1_rows:  # whatever becomes of them, the samples have their receipts
            note = functools.partial(self._p1_delivered, batch, proven)
            self._best_effort.run("p1", note, None)
        conflicts = proven.conflicts
        self._selection.stored(batch.rows, conflicts)
        if not self._selection.holding:
            self._park(batch.rows, dict.fromkeys(conflicts, "conflict"), SAMPLES)
        self._spool.delivered(_without(batch.rows, conflicts))
        self._beside.acknowledged(batch)
        if self._selection.holding:
            raise UploadRetry("held", "too many conflicts: they are held, not parked")
        self._succeeded()

    def _p1_delivered(self, batch: Batch, proven: Proof) -> None:
        if proven.p1 is None:
            self.p1.not_taken()
            return
        rows, conflicts, selection = batch.p1_rows, proven.p1.conflicts, self.p1.selection
        self.p1.proven(proven.p1, batch.peaks)
        selection.stored(rows, conflicts)
        if not selection.holding:
            self._park(rows, dict.fromkeys(conflicts, "conflict"), P1)
        self._spool.delivered(_without(rows, conflicts), P1)
        if selection.holding:
            self.p1.held()
        else:
            self.p1.succeeded()

    def _count(self, proven: Proof) -> None:
        numbers = (proven.inserted, proven.duplicates, len(proven.conflicts))
        for name, number in zip(self.counts, numbers, strict=True):
            self.counts[name] += number

    def _refused(self, batch: Batch, refusal: UploadRefused, answer: Answer) -> bool:
        """Park, leave out or halve; True: the rest may go at once."""
        if refusal.too_large:
            count = batch.total() + len(batch.parked) + len(batch.gaps)
            return self._halve(min(self._size, count), answer)
        server_now = http_date(answer.headers.get("Date")) or self._clock.now()
        if self._sort_out(batch.p1_rows, refusal.p1, server_now, P1):
            self.p1.held()
        if self._sort_out(batch.rows, refusal.samples, server_now, SAMPLES):
            raise UploadRetry("held", "too many samples refused: all are held, none is parked")
        return True

    def _sort_out(
        self, rows: Sequence[Spooled], named: Named, server_now: datetime, kind: Kind
    ) -> bool:
        """Leave out or park the readings that a 422 names; True: they must be held instead."""
        selection = self._selection if kind is SAMPLES else self.p1.selection
        selection.leave_out([rows[i] for i in named.early], server_now)
        if named.refused:
            selection.refused(rows, len(named.refused))
            if selection.holding:
                return True
            self._park(rows, named.refused, kind)
        return False

    def _halve(self, count: int, answer: Answer) -> bool:
        if count <= 1:
            raise retry(answer, self._clock.now())
        self._size = count // 2
        log.info("batch halved", extra={"size": self._size})
        return True

    def _park(self, rows: Sequence[Spooled], reasons: Mapping[int, str], kind: Kind) -> None:
        if not reasons:
            return
        self._spool.park({rows[i].id: reason for i, reason in reasons.items()}, kind)
        count = {"samples" if kind is SAMPLES else "p1_samples": len(reasons)}
        log.warning("parked", extra={**count, "first": reasons[min(reasons)]})

    def _exchange(self, exchange: Callable[[], Answer]) -> Answer:
        """Return the answer; its Date goes to the clock."""
        try:
            answer = exchange()
        except HttpsError as error:
            raise UploadRetry(error.reason, str(error)) from error
        date = http_date(answer.headers.get("Date"))
        if date is not None:
            self._clock.confirm(date)
            self._server_time.received(date)
        return answer

    def _probe_clock(self) -> bool:
        """Request the server's time, once a minute, while nothing else has confirmed the clock."""
        now_s = self._clock.monotonic_s()
        if self._clock.synchronised() or now_s < self._probe_s:
            return False
        self._probe_s = now_s + PROBE_S
        self._exchange(lambda: self._client.get(HEALTH))
        return self._began_us() is not None

    def _place_provisional(self) -> bool:
        """Set the times of readings from before the clock was right, and so queue them."""
        began_us = self._began_us()
        if began_us is None:
            return False
        waited = any(self._spool.counts(kind).provisional for kind in self._spool.kinds())
        placed = self._spool.retime(self._clock.boot(), began_us) if waited else 0
        for counts in self.poll_counts.values():
            self._best_effort.run("reports", functools.partial(counts.place, began_us), None)
        if not placed:  # none waited, or the disk takes nothing: what is queued goes all the same
            return False
        if self._clock.synchronised():
            log.info("clock synchronised: provisional readings queued", extra={"samples": placed})
        else:
            self._no_time_log.failed(
                "no time server: times are taken from the server's answers",
                "clock",
                hint="make a time server reachable",
            )
        return True

    def _began_us(self) -> int | None:
        """Return the wall time of the boot's start in microseconds, once that is known."""
        if not self._clock.synchronised():
            return self._server_time.began_us()
        return to_us(self._clock.now()) - self._clock.boottime_us()

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
        self.condition.failed("upload", self.last_error)
        doubled_s = FIRST_BACKOFF_S * 2 ** min(self.failures - 1, 20)
        backoff_s = min(doubled_s, self._config.max_backoff_s) * (0.5 + 0.5 * self._jitter())
        # To wait longer than requested harms no server; to wait too briefly, for days, would.
        self._wait_s = max(backoff_s, failure.retry_after_s or 0.0)
        self._repeat.failed(
            "upload failed",
            failure.reason,
            level=logging.ERROR if failure.reason.startswith(FOR_A_HUMAN) else logging.WARNING,
            detail=str(failure),
            wait_s=round(self._wait_s, 1),
        )


def _without(rows: Sequence[Spooled], conflicts: frozenset[int]) -> list[int]:
    return [row.id for i, row in enumerate(rows) if i not in conflicts]
