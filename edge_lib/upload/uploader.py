"""Delivers the spool: one batch a step, and nothing leaves the queue without a proof (``receipt``).

Whatever answers in our server's place, and whatever our server answers in a bad moment, keeps all:
it is sent again later. The thread ``upload`` runs the steps; the poll thread may set ``facts``, and
any thread may call ``abort``.
"""

import logging
import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from edge_lib import VERSION
from edge_lib.best_effort import BestEffort
from edge_lib.clock import Clock
from edge_lib.config import UploadConfig
from edge_lib.poll_counts import PollCounts
from edge_lib.repeat_log import RepeatLog
from edge_lib.shared.timestamps import to_us
from edge_lib.spool.queue import Spooled
from edge_lib.spool.spool import Spool
from edge_lib.upload.batch import Batch, new_batch
from edge_lib.upload.cancellable import HttpsError
from edge_lib.upload.https import Answer, HttpsClient
from edge_lib.upload.receipt import Proof, UploadRefused, UploadRetry, http_date, proof, retry
from edge_lib.upload.selection import BatchSelection
from edge_lib.upload.server_time import ServerTime

INGEST, HEALTH = "/v1/ingest", "/health"
MAX_PARKED = 100  # parked ones reported with one batch: they may be longer than samples
PROBE_S = 60.0  # between two requests for the server's time
FIRST_BACKOFF_S = 1.0
FOR_A_HUMAN = ("http_401", "http_403", "http_404", "redirect", "held", "tls", "ca_file", "url")

Facts = dict[str, Any]
T = TypeVar("T")

log = logging.getLogger("sungrow.edge.upload")


class Uploader:
    """The upload's state between its steps."""

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
        self._poll_counts = counts
        self._config, self._spool, self._clock, self._jitter = config, spool, clock, jitter
        self._client = client or HttpsClient(config.ingest_url, config.token, config.ca_file)
        self._selection, self._size = BatchSelection(spool, clock), config.batch_size
        self._ahead: Batch | None = None
        self._repeat, self._best_effort = RepeatLog(log, clock), BestEffort(log, clock)
        self._server_time, self._no_time_log = ServerTime(clock), RepeatLog(log, clock)
        self._facts: Facts | None = None
        self._facts_known: Facts | None = None  # the same object as above: acknowledged
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
        return self._facts

    @facts.setter
    def facts(self, facts: Facts | None) -> None:
        self._facts = None if facts is None else {**facts, "edge_version": VERSION}

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
        size = self._size
        batch = self._next_batch(size)
        if len(batch.rows) < size and self._best_effort.run(
            "times", self._place_provisional, False
        ):
            batch = self._next_batch(size)
        if batch.facts is None and not any((batch.rows, batch.parked, batch.gaps, batch.slots)):
            return self._probe_clock()
        answer = self._exchange(lambda: self._post(batch))
        try:
            proven = proof(answer, batch.batch_id, len(batch.rows), self._clock.now())
        except UploadRefused as refusal:
            return self._refused(batch, refusal, answer)
        self._count(proven)
        self._delivered(batch, proven.conflicts)
        return len(batch.rows) == size

    def _post(self, batch: Batch) -> Answer:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        return self._client.post(INGEST, batch.body(), headers, lambda: self._look_ahead(batch))

    def _next_batch(self, size: int) -> Batch:
        batch = self._prepared(size) or new_batch(self._selection.rows(size))
        rows = batch.rows
        # A batch of one goes alone: nothing else can then be what is too large about it.
        room = 0 if size == 1 and rows else min(size, MAX_PARKED)
        facts = None if self._facts is self._facts_known else self._facts
        parked = self._beside("parked", self._spool.unreported_parked, room)
        gaps = self._beside("gaps", self._spool.unreported_gaps, room)
        slots = self._beside("reports", self._poll_counts.due, room) if self._poll_counts else []
        now: dict[str, Any] = {}
        if slots:
            now = self._best_effort.run("figures", self._about_the_spool, now)
        if not any((parked, facts, gaps, slots)):
            return batch
        return Batch(batch.batch_id, rows, parked, facts, gaps, slots, now)

    def _beside(self, part: str, read: Callable[[int], list[T]], room: int) -> list[T]:
        """Return what is to travel beside the samples; they go without it rather than not."""
        return self._best_effort.run(part, lambda: read(room), []) if room else []

    def _prepared(self, size: int) -> Batch | None:
        """Return the batch made ready while the last one was under way, if it still fits."""
        batch, self._ahead = self._ahead, None
        return batch if batch and len(batch.rows) == size and not self._selection.holding else None

    def _look_ahead(self, batch: Batch) -> None:
        """Make the next batch of a backlog ready while the server is at work on this one.

        It shares no reading with this one, so it goes next, whatever the answer to this one is.
        """
        if not self._selection.holding and len(batch.rows) == self._size == self._config.batch_size:
            self._ahead = self._best_effort.run(
                "ahead", lambda: self._prepare_after(batch.rows), None
            )

    def _prepare_after(self, rows: list[Spooled]) -> Batch | None:
        following = self._selection.rows_after(rows)
        if not following:
            return None
        ahead = new_batch(following)
        return ahead._replace(packed=ahead.body())

    def _about_the_spool(self) -> dict[str, Any]:
        counts = self._spool.counts()
        return {
            "waiting": counts.depth + counts.provisional,
            "oldest_unsent_ts": counts.oldest_unsent_ts,
            "parked": counts.parked,
            "clock": "synchronised" if self._clock.synchronised() else "unknown",
        }

    def _delivered(self, batch: Batch, conflicts: frozenset[int]) -> None:
        self._selection.stored(batch.rows, conflicts)
        if not self._selection.holding:
            self._park(batch, dict.fromkeys(conflicts, "conflict"))
        self._spool.delivered([row.id for i, row in enumerate(batch.rows) if i not in conflicts])
        self._acknowledged(batch)
        if self._selection.holding:
            raise UploadRetry("held", "too many conflicts: they are held, not parked")
        self._succeeded()

    def _count(self, proven: Proof) -> None:
        numbers = (proven.inserted, proven.duplicates, len(proven.conflicts))
        for name, number in zip(self.counts, numbers, strict=True):
            self.counts[name] += number

    def _acknowledged(self, batch: Batch) -> None:
        """Note that the server has what travelled beside the samples, and just that."""
        if batch.facts is not None:
            self._facts_known = batch.facts
        parked, gaps = ([entry["id"] for entry in part] for part in (batch.parked, batch.gaps))
        if parked:
            self._best_effort.run("parked", lambda: self._spool.parked_reported(parked), None)
        if gaps:
            self._best_effort.run("gaps", lambda: self._spool.gaps_reported(gaps), None)
        if self._poll_counts and batch.slots:
            counts = self._poll_counts
            self._best_effort.run("reports", lambda: counts.acknowledged(batch.slots), None)

    def _refused(self, batch: Batch, refusal: UploadRefused, answer: Answer) -> bool:
        """Park, leave out or halve; True: the rest may go at once."""
        if refusal.too_large:
            count = len(batch.rows) + len(batch.parked) + len(batch.gaps)
            return self._halve(min(self._size, count), answer)
        server_now = http_date(answer.headers.get("Date")) or self._clock.now()
        self._selection.leave_out([batch.rows[i] for i in refusal.early], server_now)
        if refusal.refused:
            self._selection.refused(batch.rows, len(refusal.refused))
            if self._selection.holding:
                raise UploadRetry("held", "too many samples refused: all are held, none is parked")
            self._park(batch, refusal.refused)
        return True

    def _halve(self, count: int, answer: Answer) -> bool:
        if count <= 1:
            raise retry(answer, self._clock.now())
        self._size = count // 2
        log.info("batch halved", extra={"size": self._size})
        return True

    def _park(self, batch: Batch, reasons: Mapping[int, str]) -> None:
        if not reasons:
            return
        self._spool.park({batch.rows[i].id: reason for i, reason in reasons.items()})
        log.warning("parked", extra={"samples": len(reasons), "first": reasons[min(reasons)]})

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
        waited = self._spool.counts().provisional > 0
        placed = self._spool.retime(self._clock.boot(), began_us) if waited else 0
        if self._poll_counts:
            counts = self._poll_counts
            self._best_effort.run("reports", lambda: counts.place(began_us), None)
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
