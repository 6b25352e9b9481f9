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
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, Self, TypeVar

from edge_lib.shared.sample import TsSource
from edge_lib.spool import boots, file, gaps, parked, queue, retention, upgrade
from edge_lib.spool.errors import SpoolDamaged, sqlite_errors
from edge_lib.spool.file import transaction
from edge_lib.spool.gaps import Gap
from edge_lib.spool.kinds import SAMPLES, Kind, present
from edge_lib.spool.queue import Counts, Spooled
from edge_lib.spool.readings import Reading
from edge_lib.spool.rows import HOUR_US, Row

# So many receipts are worth a commit of their own; fewer ride in the next reading's.
ACKS_WORTH_A_COMMIT = 50
# ``boots`` is brought up to date after so many readings, and before any is deleted.
COVER_EVERY = 1000

T = TypeVar("T")
_NONE: Mapping[Kind, Gap] = MappingProxyType({})


class Write(Protocol):
    """Runs a function in one transaction and returns what it returns; None: not now."""

    def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T | None:
        """Run it."""


class _Kept:
    """What is known of the rows of one kind.

    Attributes:
        seqs: each boot's last number, as far as ``boots`` does not know it.
        knows_seqs: see ``Database.knows_seqs``.
        acked: delivered, but the commit that says so is to come.
        uncovered: so many were stored since ``boots`` was brought up to date.
        counting: whether the queue is being counted.
    """

    def __init__(self, seqs: dict[str, int], knows_seqs: bool):
        self.seqs, self.knows_seqs = seqs, knows_seqs
        self.acked: set[int] = set()
        self.uncovered, self.counting = 0, False


class Database:
    """The database at a path, opened; made on first use.

    Attributes:
        kinds: of which it holds something; of any other not a statement is made.
    """

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
        self._expired: int | None = None  # the hour in which that was last done
        self._kept: dict[Kind, _Kept] = {}
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
                for kind in present(db):
                    self._know(db, kind)
                if not read_only:
                    retention.number_above(db, above_id)
                self._hour = max(retention.newest_hour(db, kind) for kind in self.kinds)
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

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of which it holds something, samples first."""
        return tuple(self._kept)

    def look_for_kinds(self) -> None:
        """Find out whether it holds another kind by now, as after a salvage."""
        with self._reading() if self.read_only else self.writing() as db:
            for kind in present(db):
                self._know(db, kind)

    def put(self, readings: Sequence[Reading], gaps_left: Mapping[Kind, Gap] = _NONE) -> list[Row]:
        """Store readings in their order, in one commit, and with them the gaps that they left.

        Returns:
            Those among them that were not parked, as stored.
        """
        with self._commit([reading.row for reading in readings]) as db:
            for kind, gap in gaps_left.items():
                gaps.note(db, gap, kind=kind)
            return [row for reading in readings if (row := reading.insert(db))]

    def oldest(self, n: int, kind: Kind = SAMPLES) -> list[Spooled]:
        """Return the ``n`` readings that wait longest to be sent, in the order of their arrival."""
        return self._queued(queue.OLDEST, n, kind)

    def newest(self, n: int, kind: Kind = SAMPLES) -> list[Spooled]:
        """Return the ``n`` latest readings that wait to be sent, in the order of their arrival."""
        return self._queued(queue.NEWEST, n, kind)[::-1]

    def delivered(self, ids: Collection[int], kind: Kind = SAMPLES) -> None:
        """Accept the server's proof that it has these readings; they are not offered again.

        A few wait for the next reading's commit. A crash before it offers them again, and the
        server counts them as duplicates. Ids that do not wait to be sent change nothing.
        """
        if kind not in self._kept:  # of another file
            return
        with self._reading() as db:
            self._kept[kind].acked |= queue.waiting(db, ids, kind)
            if sum(len(kept.acked) for kept in self._kept.values()) >= ACKS_WORTH_A_COMMIT:
                self._flush()

    def remember(self, proven: Mapping[Kind, Collection[int]]) -> None:
        """Accept proofs that are handed over again to the next database."""
        for kind, ids in proven.items():
            if ids:
                self.delivered(ids, kind)

    def park(self, reasons: dict[int, str], kind: Kind = SAMPLES) -> None:
        """Put readings aside that the server will never take: ``{id: reason}``."""
        with self.writing() as db:
            for row_id, reason in reasons.items():
                found = queue.one(db, row_id, kind)
                if found and row_id not in self._acked(kind):
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
            rows = [parked.release(db, i, decode, kind) for i in ids for kind in self.kinds]
            released = [row for row in rows if row is not None]
            for row in released:
                seqs = self._kept[row.kind].seqs
                seqs[row.boot] = max(row.seq, seqs.get(row.boot, 0))
        return len(released)

    def last_seq(self, boot: str, kind: Kind = SAMPLES) -> int:
        """Return the last number of this boot's polls, 0 before the first, whatever was deleted."""
        if kind not in self._kept:
            return 0
        with self._reading() as db:
            return max(self._kept[kind].seqs.get(boot, 0), boots.covered_seq(db, boot, kind))

    def knows_seqs(self, kind: Kind = SAMPLES) -> bool:
        """Return whether ``last_seq`` can be relied on: no row that holds numbers was damaged."""
        return kind not in self._kept or self._kept[kind].knows_seqs

    def last_seq_at_most(self, boot: str, seq: int, kind: Kind = SAMPLES) -> None:
        """Note what the last number of a boot can have been, where nothing here knows it."""
        if not self.read_only:
            self.write(lambda db: boots.cover_at_least(db, boot, seq, kind))
            self._kept[kind].knows_seqs = True

    def counts(self, kind: Kind = SAMPLES) -> Counts:
        """Count what waits."""
        if kind not in self._kept:
            return Counts(0, 0, None, 0)
        with self._reading() as db:
            if not self._kept[kind].counting:
                queue.begin_to_count(db, kind)
                self._kept[kind].counting = True
            return queue.counts(db, self._acked(kind), kind)

    def close(self, *, write: bool = True) -> None:
        """Commit the receipts that wait, if ``write``, and let go. What comes later fails."""
        with self._lock, self._release_all:
            if write:
                self._flush()

    def flush(self) -> None:
        """Commit the receipts that wait."""
        with self._lock:
            self._flush()

    def unwritten(self) -> dict[Kind, set[int]]:
        """Return the receipts that no commit has written down, even after ``close``."""
        return {kind: set(kept.acked) for kind, kept in self._kept.items()}

    def _acked(self, kind: Kind) -> set[int]:
        return self._kept[kind].acked if kind in self._kept else set()

    def _know(self, db: sqlite3.Connection, kind: Kind) -> None:
        """Begin to work with a kind; runs inside a transaction, unless the file is read-only."""
        if kind in self._kept:
            return
        uncovered = boots.Uncovered(db, kind)
        if not self.read_only:
            boots.begin(db, uncovered, kind)
        self._kept[kind] = _Kept(uncovered.seqs, uncovered.is_all)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, sqlite_errors():
            yield self._db

    @contextmanager
    def _commit(self, rows: Sequence[Row]) -> Iterator[sqlite3.Connection]:
        """The readings' commit; receipts that wait and the hour's housekeeping ride in it."""
        with self._lock:
            is_timed = rows[-1].ts_src != TsSource.PROVISIONAL
            hour = rows[-1].ts_us // HOUR_US if is_timed else self._hour
            expire = hour != self._expired
            with self._undoing_new_kinds(), transaction(self._db) as db:
                seqs = self._with_seqs(db, rows)
                yield db
                covered = [kind for kind in seqs if self._is_to_cover(kind, expire)]
                for kind in covered:
                    boots.cover(db, seqs[kind], kind)
                for kind, kept in self._kept.items():
                    if kept.acked:
                        retention.settle(db, kept.acked, hour, self._keeps, kind)
                    if expire:
                        retention.expire(db, hour - self._keep_hours, kind)
            self._hour = self._expired = hour
            for kind, kept in self._kept.items():
                kept.acked.clear()
                kept.seqs = seqs[kind]
                count = sum(row.kind is kind for row in rows)
                kept.uncovered = 0 if kind in covered else kept.uncovered + count

    @contextmanager
    def _undoing_new_kinds(self) -> Iterator[None]:
        known = dict(self._kept)
        try:
            yield
        except BaseException:
            self._kept = known  # what the others know has not changed yet
            raise

    def _with_seqs(self, db: sqlite3.Connection, rows: Sequence[Row]) -> dict[Kind, dict[str, int]]:
        """Return the boots' last numbers as they are with these readings."""
        for row in rows:
            self._know(db, row.kind)
        seqs = {kind: dict(kept.seqs) for kind, kept in self._kept.items()}
        for row in rows:
            of_kind = seqs[row.kind]
            of_kind[row.boot] = max(row.seq, of_kind.get(row.boot, 0))
        return seqs

    def _is_to_cover(self, kind: Kind, expire: bool) -> bool:
        kept = self._kept[kind]
        deletes = expire or (kept.acked and not self._keeps)
        return bool(deletes or kept.uncovered >= COVER_EVERY)

    @property
    def _keeps(self) -> bool:
        return self._keep_hours > 0 and not self.thrifty

    def _flush(self) -> None:
        acked = {kind: kept for kind, kept in self._kept.items() if kept.acked}
        if self.read_only or not acked:
            return
        with transaction(self._db) as db:
            for kind, kept in acked.items():
                boots.cover(db, kept.seqs, kind)
                retention.settle(db, kept.acked, self._hour, self._keeps, kind)
        for kept in acked.values():
            kept.acked.clear()

    def _queued(self, sql: str, n: int, kind: Kind) -> list[Spooled]:
        """Return ``n`` readings; damaged ones are parked on the way, so that they block nothing."""
        if kind not in self._kept:
            return []
        with self._reading() as db:
            while True:
                rows = queue.rows(db, sql, n, self._acked(kind), kind)
                if len(queue.waiting(db, [row.id for row in rows], kind)) < len(rows):
                    raise SpoolDamaged("rows of the queue are not found by their ids")
                damaged = [row for row in rows if not row.intact()]
                if not damaged or self.read_only:
                    return [Spooled(row.id, row.text()) for row in rows if row not in damaged]
                with transaction(db):
                    for row in damaged:
                        parked.park_damaged(db, row)
