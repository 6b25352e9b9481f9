"""The spool: every reading on disk before anything else happens to it, until the server proved it.

One SQLite connection behind one lock, shared by the poll and the upload thread. A reading exists
from its commit on (``put``, ``park_words``) and then never leaves but by a proof (``delivered``) or
to ``parked``. ``spool_schema.sql`` says what is kept where; ``spool_file`` owns the file,
``spool_row`` and ``spool_parked`` the rows, ``spool_keep`` what stays after delivery,
``spool_time`` the correction of provisional times. Every method raises SpoolError when SQLite
fails: the attempt is rolled back, nothing is lost.
"""

import math
import os
import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from edge_lib import spool_file, spool_keep, spool_parked, spool_row, spool_time
from edge_lib.sample import parse_ts
from edge_lib.spool_file import SpoolBusy, SpoolError, sqlite_errors, transaction
from edge_lib.spool_row import HOUR_US, PROVISIONAL, Row

__all__ = ["Counts", "Spool", "SpoolBusy", "SpoolError", "Spooled"]

# So many receipts are worth a commit of their own; fewer ride in the next reading's.
ACKS_WORTH_A_COMMIT = 50
# ``boots`` is brought up to date after so many readings, and before any is deleted.
COVER_EVERY = 1000

_QUEUED = (
    "SELECT queue.id, ts_us, boot, seq, boottime_us, ts_src, payload, crc"
    " FROM queue LEFT JOIN samples ON samples.id = queue.id"
)
_OLDEST = f"{_QUEUED} ORDER BY queue.id LIMIT ?"
_NEWEST = f"{_QUEUED} ORDER BY queue.id DESC LIMIT ?"
_ONE = f"{_QUEUED} WHERE queue.id = ?"


class Spooled(NamedTuple):
    """A sample and the id under which the spool keeps it."""

    id: int
    sample: dict


class Counts(NamedTuple):
    """How much waits: samples to be sent, parked readings, samples whose time is provisional."""

    depth: int
    parked: int
    oldest_unsent_ts: str | None
    provisional: int


class Spool:
    """The spool at a path, opened; made on first use. Use it from any thread."""

    def __init__(self, path: str | os.PathLike, keep_days: float = 7.0):
        """Open the spool.

        Args:
            path: the file; its directory must exist.
            keep_days: how long delivered samples stay, counted from delivery in hours; 0 = not.

        Raises:
            SpoolBusy: another process has it open.
            SpoolError: the file cannot be used; the message names SPOOL_PATH.
        """
        self._keep_hours = math.ceil(keep_days * 24)
        self._lock = threading.Lock()
        self._acked: set[int] = set()  # delivered, but the commit that says so is to come
        self._expired: int | None = None  # the hour in which that was last done
        self._uncovered = 0
        with ExitStack() as undo:
            lock = spool_file.lock(Path(path))
            undo.callback(os.close, lock)
            self._db = spool_file.connect(Path(path))
            undo.callback(self._db.close)
            with transaction(self._db) as db:
                self._seqs = spool_keep.uncovered_seqs(db)
                spool_keep.cover(db, self._seqs)
                self._hour = spool_keep.newest_hour(db)
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
        new = spool_row.new(
            parse_ts(sample["ts"]),
            sample["boot"],
            sample["seq"],
            boottime_us,
            sample["ts_src"],
            spool_row.pack(sample),
        )
        with self._commit(new) as db:
            row = spool_row.insert(db, new)
        return row.sample()

    def oldest(self, n: int) -> list[Spooled]:
        """Give the ``n`` samples that wait longest to be sent, in the order of their arrival."""
        return self._queued(_OLDEST, n)

    def newest(self, n: int) -> list[Spooled]:
        """Give the ``n`` latest samples that wait to be sent, in the order of their arrival."""
        return self._queued(_NEWEST, n)[::-1]

    def delivered(self, ids: Collection[int]) -> None:
        """Take the server's proof that it has these samples; they are not offered again.

        A few wait for the next reading's commit. A crash before it offers them again, and the
        server counts them as duplicates. Ids that do not wait to be sent change nothing.
        """
        queued = "SELECT 1 FROM queue WHERE id = ?"
        with self._reading() as db:
            self._acked |= {i for i in ids if db.execute(queued, (i,)).fetchall()}
            if len(self._acked) >= ACKS_WORTH_A_COMMIT:
                self._flush()

    def park(self, reasons: dict[int, str]) -> None:
        """Put samples aside that the server will never take: ``{id: reason}``."""
        with self._writing() as db:
            for row_id, reason in reasons.items():
                found = db.execute(_ONE, (row_id,)).fetchall()
                if found and row_id not in self._acked:
                    spool_parked.park_row(db, Row(*found[0]), reason)

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
        with self._commit(row) as db:
            spool_parked.park_words(db, row, reason, words)

    def unreported_parked(self, n: int) -> list[dict]:
        """Give the oldest ``n`` parked readings that the server does not know: see ``parked``."""
        with self._reading() as db:
            return [row.shown() for row in spool_parked.unreported(db, n)]

    def parked_reported(self, ids: Collection[int]) -> None:
        """Note that the server has these parked readings, by their ``id``."""
        with self._writing() as db:
            db.executemany("UPDATE parked SET reported = 1 WHERE id = ?", [(i,) for i in ids])

    def parked(self) -> list[dict]:
        """Give all parked readings: ``id, boot, seq, ts, reason, content, reported``.

        ``content`` is the sample, ``{"words": {register number as text: word}}`` for a poll that
        could be none, and a text or None where the row is damaged (so is ``ts`` then).
        """
        with self._reading() as db:
            return [row.shown() for row in spool_parked.rows(db)]

    def release(self, ids: Collection[int], decode: spool_parked.Decode | None = None) -> int:
        """Put parked readings back in the queue, under their own time, boot and seq.

        Args:
            ids: their ``id`` in ``parked``.
            decode: ``{document number: word}`` -> the fields of a sample (``device_id`` included,
                times, boot and seq not), or None if it is still no sample; for polls kept as words.

        Returns:
            How many went; those that are still no sample, or damaged, stay.
        """
        with self._writing() as db:
            rows = [spool_parked.release(db, i, decode) for i in ids]
            released = [row for row in rows if row is not None]
            for row in released:
                self._seqs[row.boot] = max(row.seq, self._seqs.get(row.boot, 0))
        return len(released)

    def last_seq(self, boot: str) -> int:
        """Give the last number of this boot's polls, 0 before the first, whatever was deleted."""
        with self._reading() as db:
            return max(self._seqs.get(boot, 0), spool_keep.covered_seq(db, boot))

    def retime(self, boot: str, offset_us: int) -> int:
        """Correct every provisional time and queue the samples, now that the clock is right.

        Args:
            boot: the present one.
            offset_us: its start: wall time - boottime.

        Returns:
            How many were corrected. Committed in chunks, so that polls go on in between.
        """
        return spool_time.retime(self._writing, boot, offset_us)

    def counts(self) -> Counts:
        """Count what waits."""
        with self._reading() as db:
            sql = (
                "SELECT (SELECT count(*) FROM queue), (SELECT count(*) FROM parked),"
                " (SELECT count(*) FROM samples WHERE ts_src = 2)"
            )
            ((queued, parked, provisional),) = db.execute(sql).fetchall()
            first = self._unacked(_OLDEST, 1)
            ts = spool_row.ts_text(first[0].ts_us) if first and first[0].intact() else None
            return Counts(queued - len(self._acked), parked, ts, provisional)

    def close(self) -> None:
        """Commit the receipts that wait and let go of the file. What comes later fails."""
        with self._lock, self._release_all:
            if self._acked:
                self._flush()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, sqlite_errors():
            yield self._db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, transaction(self._db):
            yield self._db

    @contextmanager
    def _commit(self, new: Row) -> Iterator[sqlite3.Connection]:
        """One reading's commit; receipts that wait and the hour's housekeeping ride in it."""
        with self._lock:
            seqs = self._seqs | {new.boot: max(new.seq, self._seqs.get(new.boot, 0))}
            hour = new.ts_us // HOUR_US if new.ts_src != PROVISIONAL else self._hour
            expire = hour != self._expired
            deletes = expire or (self._acked and not self._keep_hours)
            cover = deletes or self._uncovered >= COVER_EVERY
            with transaction(self._db) as db:
                yield db
                if cover:
                    spool_keep.cover(db, seqs)
                if self._acked:
                    spool_keep.settle(db, self._acked, hour, keep=self._keep_hours > 0)
                if expire:
                    spool_keep.expire(db, hour - self._keep_hours)
            self._acked.clear()
            self._seqs = seqs
            self._hour = hour
            self._expired = hour
            self._uncovered = 0 if cover else self._uncovered + 1

    def _flush(self) -> None:
        with transaction(self._db) as db:
            spool_keep.cover(db, self._seqs)
            spool_keep.settle(db, self._acked, self._hour, keep=self._keep_hours > 0)
        self._acked.clear()

    def _queued(self, sql: str, n: int) -> list[Spooled]:
        """Give ``n`` samples; damaged ones are parked on the way, so that they block nothing."""
        with self._reading():
            while True:
                rows = self._unacked(sql, n)
                damaged = [row for row in rows if not row.intact()]
                if not damaged:
                    return [Spooled(row.id, row.sample()) for row in rows]
                with transaction(self._db) as db:
                    for row in damaged:
                        spool_parked.park_damaged(db, row)

    def _unacked(self, sql: str, n: int) -> list[Row]:
        rows = self._db.execute(sql, (n + len(self._acked),)).fetchall()
        return [Row(*row) for row in rows if row[0] not in self._acked][:n]
