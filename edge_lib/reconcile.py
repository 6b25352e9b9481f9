"""Finds what a server has lost after it had proved it, and queues it again.

A server that was restored from a backup lacks what came since, and nobody there knows. The spool
still holds it (``SPOOL_KEEP_DAYS``), so both sides compare, hour by hour, the number of samples and
the sum of their times. Where the edge holds more it sends the hour again; where that changes
nothing (conflicts, what was forgotten on purpose) the hour is settled, until the server's numbers
change. Runs in the thread ``upload``.
"""

import json
import logging
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from urllib.parse import quote

from edge_lib.clock import Clock
from edge_lib.https import HttpsClient, HttpsError
from edge_lib.sample import format_ts, parse_ts
from edge_lib.spool import Spool

NIGHTLY = time(3, 10, tzinfo=UTC)
SPREAD_S = 3600.0  # that not all edges ask at once
AGAIN_S = 600.0  # after hours were queued, to see what became of them
RETRY_S = 900.0
MOST_HOURS = 14 * 24  # a request: the answer has to fit into what https takes

log = logging.getLogger("sungrow.edge.reconcile")
_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ReconcileError(Exception):
    """The server could not be asked, or its answer is none; ask again later."""


class Reconciler:
    """Compares at the start, every night, and again after it queued something.

    Args:
        spread: a number from 0 to 1: where in the hour after ``NIGHTLY`` this edge asks.
    """

    def __init__(
        self,
        spool: Spool,
        client: HttpsClient,
        clock: Clock,
        device_id: str,
        spread: float | None = None,
    ):
        self._spool, self._client, self._clock = spool, client, clock
        self._path = f"/v1/hours?device_id={quote(device_id)}"
        self._spread_s = SPREAD_S * (random.random() if spread is None else spread)  # noqa: S311
        self._due_s = clock.monotonic_s()
        self._sent: dict[int, str] = {}  # hours queued again, with what the server had before

    def step(self) -> bool:
        """Compare if it is time; True if readings were queued again.

        Raises:
            SpoolError: the spool failed.
        """
        if self._clock.monotonic_s() < self._due_s:
            return False
        try:
            queued = self.compare()
            wait_s = AGAIN_S if queued else self._until_night_s()
        except ReconcileError as error:
            log.warning("not compared with the server", extra={"reason": str(error)})
            queued, wait_s = 0, RETRY_S
        self._due_s = self._clock.monotonic_s() + wait_s
        return queued > 0

    def compare(self) -> int:
        """Compare all hours, and queue those again of which the server holds less.

        Returns:
            How many readings were queued.

        Raises:
            ReconcileError: the server could not be asked; nothing is queued.
        """
        ours = self._spool.delivered_hours()
        theirs = {h: v for first, end in _spans(ours) for h, v in self._ask(first, end).items()}
        differing = {
            h: _text(theirs.get(h, (0, 0))) for h in ours if _lacks(ours[h], theirs.get(h))
        }
        known = self._spool.settled_hours()
        settled = {h: v for h, v in differing.items() if v in (known.get(h), self._sent.get(h))}
        if settled != known:
            self._spool.settle_hours(settled)
        lost = {h: v for h, v in differing.items() if h not in settled}
        queued = sum(self._spool.requeue_hour(hour) for hour in lost)
        self._sent = lost
        log.log(
            logging.WARNING if queued else logging.INFO,
            "compared with the server",
            extra={"hours": len(ours), "queued_again": queued, "settled": len(settled)},
        )
        return queued

    def _ask(self, first: int, end: int) -> dict[int, tuple[int, int]]:
        span = "".join(
            f"&{name}={quote(format_ts(_EPOCH + hour * _HOUR))}"
            for name, hour in (("from", first), ("to", end))
        )
        try:
            answer = self._client.get(self._path + span, authorised=True)
        except HttpsError as error:
            raise ReconcileError(str(error)) from error
        if answer.status != 200:
            raise ReconcileError(f"the server answered {answer.status} to /v1/hours")
        try:
            return {
                (parse_ts(row["hour"]) - _EPOCH) // _HOUR: (int(row["count"]), int(row["sum_us"]))
                for row in json.loads(answer.body)["hours"]
            }
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ReconcileError("what answered to /v1/hours is not our server") from error

    def _until_night_s(self) -> float:
        now = self._clock.now()
        night = datetime.combine(now.date(), NIGHTLY) + timedelta(seconds=self._spread_s)
        return ((night - now) % timedelta(days=1)).total_seconds()


def _spans(hours: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield ranges that cover the hours, each short enough for one request."""
    first, end = min(hours, default=0), max(hours, default=-1) + 1
    for start in range(first, end, MOST_HOURS):
        yield start, min(start + MOST_HOURS, end)


def _lacks(ours: tuple[int, int], theirs: tuple[int, int] | None) -> bool:
    """Tell whether the server lacks some: fewer, or as many of other times."""
    count, sum_us = theirs or (0, 0)
    return count < ours[0] or (count == ours[0] and sum_us != ours[1])


def _text(numbers: tuple[int, int]) -> str:
    return f"{numbers[0]} {numbers[1]}"
