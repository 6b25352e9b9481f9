"""Finds what a server has lost after it had proved it, and queues it again.

A server that was restored from a backup lacks what came since, and does not know it. The spool
still holds it (``SPOOL_KEEP_DAYS``), so both sides compare, hour by hour, the number of readings of
a kind and the sum of their times. Where the edge holds more it sends the hour again; where that
changes nothing (conflicts, what was forgotten on purpose) the hour is settled, until the server's
numbers change. Runs in the thread ``upload``.
"""

import json
import logging
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from urllib.parse import quote

from edge_lib.clock import Clock
from edge_lib.shared.command_names import edge_command
from edge_lib.shared.timestamps import format_ts, from_us, parse_ts, to_us
from edge_lib.spool.errors import SpoolError
from edge_lib.spool.kinds import SAMPLES, Kind
from edge_lib.spool.rows import HOUR_US
from edge_lib.spool.spool import Spool
from edge_lib.upload.cancellable import HttpsError
from edge_lib.upload.https import HttpsClient
from edge_lib.upload.uploader import Uploader

NIGHTLY = time(3, 10, tzinfo=UTC)
SPREAD_S = 3600.0  # so that not all edges compare at once
AGAIN_S = 600.0  # after hours were queued, to see what became of them
RETRY_S = 900.0
MOST_HOURS = 14 * 24  # a request: the answer has to fit into what https takes

_LEFT_OUT = "the server says that they lie in the future; compare the clocks of both machines"

log = logging.getLogger("sungrow.edge.reconcile")


class ReconcileError(Exception):
    """The server did not answer, or not as it should; try again later."""


class Waiting(NamedTuple):
    """How many readings wait to be sent, and how many are parked."""

    depth: int
    parked: int


class Outcome(NamedTuple):
    """What came of comparing once and sending everything that waits.

    Attributes:
        queued: readings of hours in which the server lacked some.
        sent: readings that it has taken now, those that had waited before included.
        waiting: readings that still wait.
        parked: readings that it refused, and that were parked for it.
        reason: why some wait; empty if none does.
        missing: readings of hours in which it still lacks some; None: not known.
        settled: hours of which it keeps other numbers for good.
    """

    queued: int
    sent: int
    waiting: int
    parked: int
    reason: str
    missing: int | None
    settled: int

    def sentences(self) -> tuple[list[str], list[str]]:
        """Return what was done, and what is not as it should be."""
        done, wrong = [], []
        if not (self.waiting or self.parked):
            again = f"{self.queued} readings sent again"
            done.append(again if self.queued else "the server has all that was delivered")
        else:
            if self.queued:
                done.append(f"{self.queued} readings queued again: the server lacks some of them")
            done.append(f"{self.sent} readings sent")
        if self.settled:
            text = "hours that differ for good (readings in conflict, or deleted there on purpose)"
            done.append(f"{text}: {self.settled}")
        if self.waiting:
            text = "the service goes on trying: systemctl start sungrow-edge"
            wrong.append(f"{self.waiting} readings still wait ({self.reason}); {text}")
        if self.parked:
            see = edge_command("parked")
            wrong.append(f"{self.parked} readings were refused, and are parked; see: {see}")
        if self.missing is None:
            wrong.append(
                "the server did not answer again, so it may lack them still; run this again"
            )
        elif self.missing:
            wrong.append(f"the server still lacks some of {self.missing} readings; run this again")
        return done, wrong


class Reconciler:
    """Compares at the start, every night, and again after it queued something.

    Attributes:
        settled: the hours that differ from the server's for good, and its numbers, by kind.
    """

    def __init__(
        self,
        spool: Spool,
        client: HttpsClient,
        clock: Clock,
        device_id: str,
        spread: float | None = None,
    ):
        """Prepare; ``spread``, from 0 to 1, is where in the hour after ``NIGHTLY`` it compares."""
        self._spool, self._client, self._clock = spool, client, clock
        self._path = f"/v1/hours?device_id={quote(device_id)}"
        self._spread_s = SPREAD_S * (random.random() if spread is None else spread)  # noqa: S311
        self._due_s = clock.monotonic_s()
        # Hours queued again, with what the server had before.
        self._sent: dict[Kind, dict[int, str]] = {}
        self.settled: dict[Kind, dict[int, str]] = {}

    def step(self) -> bool:
        """Compare if it is time; True if readings were queued again."""
        if self._clock.monotonic_s() < self._due_s:
            return False
        try:
            queued = self.compare()
            wait_s = AGAIN_S if queued else self._until_night_s()
        except (ReconcileError, SpoolError) as error:
            log.warning("not compared with the server", extra={"reason": str(error)})
            queued, wait_s = 0, RETRY_S
        self._due_s = self._clock.monotonic_s() + wait_s
        return queued > 0

    def compare(self) -> int:
        """Compare all hours, and queue those again of which the server holds less.

        Returns:
            How many readings were queued.

        Raises:
            ReconcileError: the server did not answer; nothing is queued.
            SpoolError: the spool failed.
        """
        return sum(self._compare(kind) for kind in self._spool.kinds())

    def _compare(self, kind: Kind) -> int:
        ours = self._spool.delivered_hours(kind)
        theirs = {
            h: v
            for first, end in _spans(ours)
            for h, v in self._hours_of_the_server(first, end, kind).items()
        }
        differing = {
            h: _text(theirs.get(h, (0, 0))) for h in ours if _lacks(ours[h], theirs.get(h))
        }
        known, sent = self._spool.settled_hours(kind), self._sent.get(kind, {})
        settled = {h: v for h, v in differing.items() if v in (known.get(h), sent.get(h))}
        if settled != known:
            self._spool.settle_hours(settled, kind)
        self.settled[kind] = settled
        lost = {h: v for h, v in differing.items() if h not in settled}
        queued = sum(self._spool.requeue_hour(hour, kind) for hour in lost)
        self._sent[kind] = lost
        log.log(
            logging.WARNING if queued else logging.INFO,
            "compared with the server",
            extra={
                **({} if kind is SAMPLES else {"kind": kind.name}),
                "hours": len(ours),
                "queued_again": queued,
                "settled": len(settled),
            },
        )
        return queued

    def send_again(self, uploader: Uploader) -> Outcome:
        """Compare, send all that waits, and compare once more; for a command, without the service.

        Raises:
            ReconcileError: the server did not answer; nothing is queued.
            SpoolError: the spool failed.
        """
        queued = self.compare()
        settled, before = self._settled(), self._waiting()
        while uploader.upload_once():
            pass
        after = self._waiting()
        parked = after.parked - before.parked
        missing: int | None = 0
        if queued and not after.depth:
            try:
                missing = self.compare()
            except ReconcileError as error:
                log.warning("not compared again", extra={"reason": str(error)})
                missing = None
        return Outcome(
            queued,
            before.depth - after.depth - parked,
            after.depth,
            parked,
            (uploader.last_error or uploader.p1.error or _LEFT_OUT) if after.depth else "",
            missing,
            len(self._settled() - settled),
        )

    def _settled(self) -> set[tuple[Kind, int]]:
        return {(kind, hour) for kind, hours in self.settled.items() for hour in hours}

    def _waiting(self) -> Waiting:
        """Count what waits and what is parked of all kinds."""
        counts = [self._spool.counts(kind) for kind in self._spool.kinds()]
        return Waiting(sum(c.depth for c in counts), sum(c.parked for c in counts))

    def _hours_of_the_server(self, first: int, end: int, kind: Kind) -> dict[int, tuple[int, int]]:
        span = "".join(
            f"&{name}={quote(format_ts(from_us(hour * HOUR_US)))}"
            for name, hour in (("from", first), ("to", end))
        )
        if kind is not SAMPLES:
            span = f"{span}&kind={kind.name}"
        try:
            answer = self._client.get(self._path + span, authorised=True)
        except HttpsError as error:
            raise ReconcileError(str(error)) from error
        if answer.status != 200:
            raise ReconcileError(f"the server answered {answer.status} to /v1/hours")
        try:
            return {
                to_us(parse_ts(row["hour"])) // HOUR_US: (int(row["count"]), int(row["sum_us"]))
                for row in json.loads(answer.body)["hours"]
            }
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ReconcileError("what answered to /v1/hours is not our server") from error

    def _until_night_s(self) -> float:
        now = self._clock.now()
        night = datetime.combine(now.date(), NIGHTLY) + timedelta(seconds=self._spread_s)
        return ((night - now) % timedelta(days=1)).total_seconds()


def _spans(hours: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield ranges that hold the hours, each short enough for one request.

    What lies between two of them is left out: a damaged time may be centuries away.
    """
    in_order = sorted(hours)
    end = 0
    for hour in in_order:
        if hour >= end:
            end = min(hour + MOST_HOURS, in_order[-1] + 1)
            yield hour, end


def _lacks(ours: tuple[int, int], theirs: tuple[int, int] | None) -> bool:
    """Return whether the server lacks some: fewer, or as many of other times."""
    count, sum_us = theirs or (0, 0)
    return count < ours[0] or (count == ours[0] and sum_us != ours[1])


def _text(numbers: tuple[int, int]) -> str:
    return f"{numbers[0]} {numbers[1]}"
