"""The spool: every reading on disk before anything else happens to it, until the server proved it.

One SQLite connection behind one lock, shared by the poll and the upload thread. A reading exists
from its commit on (``put``, ``park_words``) and then never leaves but by a proof (``delivered``) or
to ``parked``. ``schema.sql`` says what is kept where; ``spool_file`` owns the file,
``spool_row`` and ``spool_parked`` the rows, ``spool_keep`` what stays after delivery,
``spool_boots`` the polls' numbers, ``spool_sound`` which row of bookkeeping is believed,
``spool_time`` the correction of provisional times. Every method raises SpoolError when SQLite
fails: the attempt is rolled back, nothing is lost.
"""

import math
import os
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from edge_lib.spool import boots, file, gaps, parked, queue, retention, upgrade
from edge_lib.spool import retime as spool_time
from edge_lib.spool import rows as spool_row
from edge_lib.spool.errors import SpoolBusy, SpoolDamaged, SpoolError, sqlite_errors
from edge_lib.spool.file import transaction
from edge_lib.spool.gaps import Gap
from edge_lib.spool.queue import Counts, Spooled
from edge_lib.spool.rows import HOUR_US, PROVISIONAL, Reading, Row
from edge_lib.spool.turns import Turns

__all__ = ["Counts", "Spool", "SpoolBusy", "SpoolError", "Spooled"]

# So many receipts are worth a commit of their own; fewer ride in the next reading's.
ACKS_WORTH_A_COMMIT = 50
# ``boots`` is brought up to date after so many readings, and before any is deleted.
COVER_EVERY = 1000


class Spool(Turns):
    """The spool at a path, opened; made on first use. Use it from any thread."""

    def __init__(
        self,
        path: str | os.PathLike,
        keep_days: float = 7.0,
        *,
        locked: bool = False,
        read_only: bool = False,
        above_id: int = 0,
    ):
        """Open the spool.

        Args:
            path: the file; its directory must exist.
            keep_days: how long delivered samples stay, counted from delivery in hours; 0 = not.
            locked: the caller holds the lock.
            read_only: look into it only, on a disk that takes nothing; receipts stay in memory.
            above_id: a new file gives ids above this one, which an earlier file may have given.

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
                undo.callback(os.close, file.lock(Path(path)))
            with sqlite_errors():
                connect = file.connect_read_only if read_only else file.connect
                self._db = connect(Path(path))
            undo.callback(self._db.close)
            if read_only:
                with sqlite_errors():
                    upgrade.stand_in_if_former(self._db)
            with self._beginning() as db:
                uncovered = boots.Uncovered(db)
                self._seqs, self._tells_all = uncovered.seqs, uncovered.is_all
                if not read_only:
                    boots.begin(db, uncovered)
                    retention.number_above(db, above_id)
                self._hour = retention.newest_hour(db)
            self._release_all = undo.pop_all()

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, sample: dict, boottime_us: int) -> dict:
        """Store one checked sample, in one commit.

        Args:
            sample: with ``ts``, ``boot``, ``seq`` and ``ts_src``; one with ``ts_src`` 2 is held
                back until ``retime``.
            boottime_us: the time since the boot at which it was taken.

        Returns:
            The sample as stored: ``ts`` moved by microseconds where the spool held it already.
        """
        return self.put_all([spool_row.reading(sample, boottime_us)])[0].sample()

    def put_all(self, readings: Sequence[Reading], gap: Gap | None = None) -> list[Row]:
        """Store readings in their order, in one commit, and with them a gap that they left.

        Returns:
            The samples among them as stored.
        """
        with self._commit([reading.row for reading in readings]) as db:
            if gap:
                gaps.note(db, gap)
            return [row for reading in readings if (row := _insert(db, reading))]

    def oldest(self, n: int) -> list[Spooled]:
        """Return the ``n`` samples that wait longest to be sent, in the order of their arrival."""
        return self._queued(queue.OLDEST, n)

    def newest(self, n: int) -> list[Spooled]:
        """Return the ``n`` latest samples that wait to be sent, in the order of their arrival."""
        return self._queued(queue.NEWEST, n)[::-1]

    def delivered(self, ids: Collection[int]) -> None:
        """Take the server's proof that it has these samples; they are not offered again.

        A few wait for the next reading's commit. A crash before it offers them again, and the
        server counts them as duplicates. Ids that do not wait to be sent change nothing.
        """
        with self._reading() as db:
            self._acked |= queue.waiting(db, ids)
            if len(self._acked) >= ACKS_WORTH_A_COMMIT:
                self._flush()

    def park(self, reasons: dict[int, str]) -> None:
        """Put samples aside that the server will never take: ``{id: reason}``."""
        with self._writing() as db:
            for row_id, reason in reasons.items():
                found = queue.one(db, row_id)
                if found and row_id not in self._acked:
                    parked.park_row(db, found, reason)

    def park_words(
        self,
        words: dict[int, int],
        reason: str,
        ts: datetime,
        boot: str,
        seq: int,
        boottime_us: int,
        ts_src: int,
    ) -> None:
        """Keep a poll that could be no sample: its words by document number, and the reason."""
        row = spool_row.new(ts, boot, seq, boottime_us, ts_src)
        self.put_all([Reading(row, words, reason)])

    def release(self, ids: Collection[int], decode: parked.Decode | None = None) -> int:
        """Put parked readings back in the queue, under their own time, boot and seq.

        Args:
            ids: their ``id`` in ``parked``.
            decode: ``{document number: word}`` -> the fields of a sample (``device_id`` included,
                times, boot and seq not), or None if it is still no sample; for polls kept as words.

        Returns:
            How many went; those that are still no sample, or damaged, stay.
        """
        with self._writing() as db:
            rows = [parked.release(db, i, decode) for i in ids]
            released = [row for row in rows if row is not None]
            for row in released:
                self._seqs[row.boot] = max(row.seq, self._seqs.get(row.boot, 0))
        return len(released)

    def last_seq(self, boot: str) -> int:
        """Return the last number of this boot's polls, 0 before the first, whatever was deleted."""
        with self._reading() as db:
            return max(self._seqs.get(boot, 0), boots.covered_seq(db, boot))

    def tells_all(self) -> bool:
        """Return whether ``last_seq`` can be relied on: no row that told of numbers was damaged."""
        return self._tells_all

    def last_seq_at_most(self, boot: str, seq: int) -> None:
        """Take note of what the last number of a boot can have been, where nothing here tells."""
        if not self.read_only:
            self.apply(lambda db: boots.cover_at_least(db, boot, seq))
            self._tells_all = True

    def retime(self, boot: str, offset_us: int) -> int:
        """Correct every provisional time and queue the samples, now that the clock is right.

        Args:
            boot: the present one.
            offset_us: its start: wall time - boottime.

        Returns:
            How many were corrected. Committed in chunks, so that polls go on in between.
        """
        return spool_time.retime(self._writing, boot, offset_us)

    def figures(self) -> dict:
        """Return what the health file tells of the spool: see ``Store.figures``."""
        counts = self.counts()
        return {
            "spool_count": counts.depth + counts.provisional,
            "oldest_unsent_ts": counts.oldest_unsent_ts,
            "parked_count": counts.parked,
        }

    def counts(self) -> Counts:
        """Count what waits."""
        with self._reading() as db:
            if not self._counting:
                queue.begin_to_count(db)
                self._counting = True
            return queue.counts(db, self._acked)

    def close(self, *, write: bool = True) -> None:
        """Commit the receipts that wait, if told to, and let go. What comes later fails."""
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

    def _beginning(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._reading() if self.read_only else self._writing()

    @contextmanager
    def _commit(self, rows: Sequence[Row]) -> Iterator[sqlite3.Connection]:
        """The readings' commit; receipts that wait and the hour's housekeeping ride in it."""
        with self._lock:
            seqs = dict(self._seqs)
            for row in rows:
                seqs[row.boot] = max(row.seq, seqs.get(row.boot, 0))
            hour = rows[-1].ts_us // HOUR_US if rows[-1].ts_src != PROVISIONAL else self._hour
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


def _insert(db: sqlite3.Connection, reading: Reading) -> Row | None:
    if reading.words is None:
        return spool_row.insert(db, reading.row)
    parked.park_words(db, reading.row, reading.reason, reading.words)
    return None
