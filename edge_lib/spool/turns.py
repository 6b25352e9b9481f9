"""Turns at the spool's one connection, and what needs no more than a turn. A part of ``Spool``."""

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TypeVar

from edge_lib.spool import gaps, meter
from edge_lib.spool import hours as spool_hours
from edge_lib.spool import parked as spool_parked
from edge_lib.spool.errors import sqlite_errors
from edge_lib.spool.file import transaction

T = TypeVar("T")


class Turns:
    """Parked readings, gaps and hours; the queue and the receipts are the business of ``Spool``."""

    _db: sqlite3.Connection
    _lock: threading.Lock

    def look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what some reading work gives; the other thread waits for it."""
        with self._reading() as db:
            return work(db)

    def apply(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some writing work in one transaction, and return what it gives."""
        with self._writing() as db:
            return work(db)

    def unreported_parked(self, n: int) -> list[dict]:
        """Return the oldest ``n`` parked readings that the server does not know: see ``parked``."""
        return self.look(lambda db: [row.shown() for row in spool_parked.unreported(db, n)])

    def parked_reported(self, ids: Collection[int]) -> None:
        """Note that the server has these parked readings, by their ``id``."""
        self.apply(lambda db: spool_parked.reported(db, ids))

    def note_gap(self, gap: gaps.Gap, cause: str) -> None:
        """Write down that something is amiss with a span of time."""
        self.apply(lambda db: gaps.note(db, gap, cause))

    def unreported_gaps(self, n: int) -> list[dict]:
        """Return ``n`` gaps that the server does not know: ``id, from_ts, to_ts, cause, count``."""
        return self.look(lambda db: gaps.unreported(db, n))

    def gaps_reported(self, ids: Collection[int]) -> None:
        """Note that the server has these gaps, by their ``id``."""
        self.apply(lambda db: gaps.reported(db, ids))

    def parked(self) -> list[dict]:
        """Return all parked readings: ``id, boot, seq, ts, reason, content, reported``.

        ``content`` is the sample, ``{"words": {register number as text: word}}`` for a poll that
        could be none, and a text or None where the row is damaged (so is ``ts`` then).
        """
        return self.look(lambda db: [row.shown() for row in spool_parked.rows(db)])

    def delivered_hours(self) -> dict[int, tuple[int, int]]:
        """Return, by the hour since 1970, the number and the sum of times of what was delivered."""
        self.flush()
        return self.look(spool_hours.delivered)

    def requeue_hour(self, hour: int) -> int:
        """Put an hour's delivered samples back into the queue; return their number."""
        return self.apply(lambda db: spool_hours.requeue(db, hour))

    def settled_hours(self) -> dict[int, str]:
        """Return the hours that differ from the server's for good, and its numbers then."""
        return self.look(spool_hours.settled)

    def settle_hours(self, hours: dict[int, str]) -> None:
        """Replace the hours that differ from the server's for good."""
        self.apply(lambda db: spool_hours.settle(db, hours))

    def meter_serial(self) -> str | None:
        """Return whose grid meter was seen, "" for an unread number; None: no meter was seen."""
        return self.look(meter.serial)

    def note_meter(self, of_serial: str | None) -> bool:
        """Write down whose meter was seen, or that none was; True: it is written."""
        self.apply(lambda db: meter.note(db, of_serial))
        return True

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, sqlite_errors():
            yield self._db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, transaction(self._db):
            yield self._db
