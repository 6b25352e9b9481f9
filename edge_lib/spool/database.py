"""The spool's database: one connection behind one lock, its transactions, and the receipts.

A reading exists from its commit on (``put``) and then never leaves but by a proof (``delivered``)
or to ``parked``. ``schema.sql`` says what is kept where; ``file`` owns the file, and each table has
a module whose functions run in ``read`` or ``write``. Every method raises SpoolError when SQLite
fails: the attempt is rolled back, nothing is lost. Use it from any thread.
"""

import math
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, Self, TypeVar

from edge_lib.shared.sample import TsSource
from edge_lib.spool import boots, file, gaps, parked, queue, retention, upgrade
from edge_lib.spool.errors import SpoolDamaged, sqlite_errors
from edge_lib.spool.file import transaction
from edge_lib.spool.gaps import Gap
from edge_lib.spool.queue import Counts, Spooled
from edge_lib.spool.readings import Reading
from edge_lib.spool.rows import HOUR_US, Row

# So many receipts are worth a commit of their own; fewer ride in the next reading's.
ACKS_WORTH_A_COMMIT = 50
# ``boots`` is brought up to date after so many readings, and before any is deleted.
COVER_EVERY = 1000

T = TypeVar("T")


class Write(Protocol):
    """Runs a function in one transaction and returns what it returns; None: not now."""

    def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T | None:
        """Run it."""


class Database:
    """The database at a path, opened; made on first use."""

    def __init__(
        self,
        path: Path,
        keep_days: float = 7.0,
        *,
        locked: bool = False,
        read_only: bool = False,
        above_id: int = 0,
    ):
        """Open the database.

        Args:
            path: the file; its directory must exist.
            keep_days: how long delivered samples stay, counted from delivery in hours; 0 = not.
            locked: the caller holds the lock.
            read_only: for a disk that takes nothing; receipts stay in memory.
            above_id: a new file's ids begin above this one, which an earlier file may have used.

        Raises:
            SpoolBusy: another process has it open.
            SpoolError: the file cannot be used; the message names SPOOL_PATH.
        """
        self.read_only = read_only
        self.thrifty = False  # True: delivered samples are not kept, there is no room
        self._keep_hours = math.ceil(keep_days * 24)
        self._lock = threading.Lock()
        self._acked: set[int] = set()  # delivered, but the commit that says so is to come
        self._expired: int | None = None  # the hour in which that was last done
        self._uncovered = 0
        self._counting = False
        with ExitStack() as undo:
            if not locked:
                undo.callback(os.close, file.lock(path))
            with sqlite_errors():
                self._db = file.connect_read_only(path) if read_only else file.connect(path)
            undo.callback(self._db.close)
            if read_only:
                with sqlite_errors():
                    upgrade.stand_in_if_former(self._db)
            with self._reading() if read_only else self.writing() as db:
                uncovered = boots.Uncovered(db)
                self._seqs, self._knows_seqs = uncovered.seqs, uncovered.is_all
                if not read_only:
                    boots.begin(db, uncovered)
                    retention.number_above(db, above_id)
                self._hour = retention.newest_hour(db)
            self._release_all = undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what a reading function of a table returns; the other thread waits for it."""
        with self._reading() as db:
            return work(db)

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a writing function of a table in one transaction, and return what it returns."""
        with self.writing() as db:
            return work(db)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Wait for the other thread, and begin a transaction."""
        with self._lock, transaction(self._db):
            yield self._db

    def put(self, readings: Sequence[Reading], gap: Gap | None = None) -> list[Row]:
        """Store readings in their order, in one commit, and with them a gap that they left.

        Returns:
            The samples among them as stored.
        """
        with self._commit([reading.row for reading in readings]) as db:
            if gap:
                gaps.note(db, gap)
            return [row for reading in readings if (row := reading.insert(db))]

    def oldest(self, n: int) -> list[Spooled]:
        """Return the ``n`` samples that wait longest to be sent, in the order of their arrival."""
        return self._queued(queue.OLDEST, n)

    def newest(self, n: int) -> list[Spooled]:
        """Return the ``n`` latest samples that wait to be sent, in the order of their arrival."""
        return self._queued(queue.NEWEST, n)[::-1]

    def delivered(self, ids: Collection[int]) -> None:
        """Accept the server's proof that it has these samples; they are not offered again.

        A few wait for the next reading's commit. A crash before it offers them again, and the
        server counts them as duplicates. Ids that do not wait to be sent change nothing.
        """
        with self._reading() as db:
            self._acked |= queue.waiting(db, ids)
            if len(self._acked) >= ACKS_WORTH_A_COMMIT:
                self._flush()

    def park(self, reasons: dict[int, str]) -> None:
        """Put samples aside that the server will never take: ``{id: reason}``."""
        with self.writing() as db:
            for row_id, reason in reasons.items():
                found = queue.one(db, row_id)
                if found and row_id not in self._acked:
                    parked.park_row(db, found, reason)

    def release(self, ids: Collection[int], decode: parked.Decode | None = None) -> int:
        """Put parked readings back in the queue, under their own time, boot and seq.

        Args:
            ids: their ``id`` in ``parked``.
            decode: ``{document number: word}`` -> the fields of a sample (``device_id`` included,
                times, boot and seq not), or None if they still make none.

        Returns:
            How many went; those that still make no sample, or are damaged, stay.
        """
        with self.writing() as db:
            rows = [parked.release(db, i, decode) for i in ids]
            released = [row for row in rows if row is not None]
            for row in released:
                self._seqs[row.boot] = max(row.seq, self._seqs.get(row.boot, 0))
        return len(released)

    def last_seq(self, boot: str) -> int:
        """Return the last number of this boot's polls, 0 before the first, whatever was deleted."""
        with self._reading() as db:
            return max(self._seqs.get(boot, 0), boots.covered_seq(db, boot))

    def knows_seqs(self) -> bool:
        """Return whether ``last_seq`` can be relied on: no row that holds numbers was damaged."""
        return self._knows_seqs

    def last_seq_at_most(self, boot: str, seq: int) -> None:
        """Note what the last number of a boot can have been, where nothing here knows it."""
        if not self.read_only:
            self.write(lambda db: boots.cover_at_least(db, boot, seq))
            self._knows_seqs = True

    def counts(self) -> Counts:
        """Count what waits."""
        with self._reading() as db:
            if not self._counting:
                queue.begin_to_count(db)
                self._counting = True
            return queue.counts(db, self._acked)

    def close(self, *, write: bool = True) -> None:
        """Commit the receipts that wait, if ``write``, and let go. What comes later fails."""
        with self._lock, self._release_all:
            if write:
                self._flush()

    def flush(self) -> None:
        """Commit the receipts that wait."""
        with self._lock:
            self._flush()

    def unwritten(self) -> set[int]:
        """Return the receipts that no commit has written down, even after ``close``."""
        return set(self._acked)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, sqlite_errors():
            yield self._db

    @contextmanager
    def _commit(self, rows: Sequence[Row]) -> Iterator[sqlite3.Connection]:
        """The readings' commit; receipts that wait and the hour's housekeeping ride in it."""
        with self._lock:
            seqs = dict(self._seqs)
            for row in rows:
                seqs[row.boot] = max(row.seq, seqs.get(row.boot, 0))
            is_timed = rows[-1].ts_src != TsSource.PROVISIONAL
            hour = rows[-1].ts_us // HOUR_US if is_timed else self._hour
            expire = hour != self._expired
            deletes = expire or (self._acked and not self._keeps)
            cover = deletes or self._uncovered >= COVER_EVERY
            with transaction(self._db) as db:
                yield db
                if cover:
                    boots.cover(db, seqs)
                if self._acked:
                    retention.settle(db, self._acked, hour, self._keeps)
                if expire:
                    retention.expire(db, hour - self._keep_hours)
            self._acked.clear()
            self._seqs = seqs
            self._hour = hour
            self._expired = hour
            self._uncovered = 0 if cover else self._uncovered + len(rows)

    @property
    def _keeps(self) -> bool:
        return self._keep_hours > 0 and not self.thrifty

    def _flush(self) -> None:
        if self.read_only or not self._acked:
            return
        with transaction(self._db) as db:
            boots.cover(db, self._seqs)
            retention.settle(db, self._acked, self._hour, self._keeps)
        self._acked.clear()

    def _queued(self, sql: str, n: int) -> list[Spooled]:
        """Return ``n`` samples; damaged ones are parked on the way, so that they block nothing."""
        with self._reading() as db:
            while True:
                rows = queue.rows(db, sql, n, self._acked)
                if len(queue.waiting(db, [row.id for row in rows])) < len(rows):
                    raise SpoolDamaged("rows of the queue are not found by their ids")
                damaged = [row for row in rows if not row.intact()]
                if not damaged or self.read_only:
                    return [Spooled(row.id, row.text()) for row in rows if row not in damaged]
                with transaction(db):
                    for row in damaged:
                        parked.park_damaged(db, row)
