"""The spool: every reading, until the server has proved that it has it, whatever the disk does.

The one type that the threads and the commands know: thread -> ``Spool`` -> a function of one table.
Each method decides what happens while the disk fails: most then do nothing and return what is
known, a few raise SpoolFailing. Use it from any thread.
"""

import sqlite3
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from edge_lib.clock import Clock
from edge_lib.shared.sample import Sample
from edge_lib.spool import file, gaps, hours, meter, parked, readings, reports, retime, rows
from edge_lib.spool.attempts import OK, Attempts, Strict
from edge_lib.spool.database import Database
from edge_lib.spool.errors import SpoolFailing
from edge_lib.spool.queue import Counts, Spooled
from edge_lib.spool.readings import UndecodedReading
from edge_lib.spool.recovery import soundness
from edge_lib.spool.recovery.salvager import Salvager
from edge_lib.spool.reports import Slot
from edge_lib.spool.rows import MOST_ID

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
SALVAGE_S = 1.0  # of each upload step


class Spool:
    """The spool at a path; made on first use."""

    def __init__(
        self, path: Path, keep_days: float, clock: Clock, attempts: type[Attempts] = Attempts
    ):
        """Open the spool; a disk that fails does not keep the service from starting.

        Args:
            path: the file; its directory must exist.
            keep_days: how long delivered samples stay; 0 = not.
            clock: of this machine.
            attempts: what to do about trouble.

        Raises:
            SpoolBusy: another process has it.
            SpoolError: the settings or the owner of the files are wrong.
        """
        self._clock = clock
        self._attempts = attempts(path, keep_days, clock)
        self._salvager = Salvager(path, clock)
        self._counts = Counts(0, 0, None, 0)
        self._thinned = self._damaged = 0

    @classmethod
    def strict(cls, path: Path, keep_days: float = 7.0) -> Self:
        """Open the spool for a command: methods raise SpoolError where the service would wait.

        Raises:
            SpoolBusy: another process has it.
            SpoolError: the file cannot be used; the message names SPOOL_PATH.
        """
        return cls(path, keep_days, Clock(), Strict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Readings

    def put(self, sample: Sample, boottime_us: int) -> Sample:
        """Store one checked sample in one commit; in memory, while the disk takes none.

        Args:
            sample: with ``ts``, ``boot``, ``seq`` and ``ts_src``; one whose time is provisional is
                held back until ``retime``.
            boottime_us: the time since the boot at which it was taken.

        Returns:
            The sample as stored: ``ts`` moved by microseconds where the spool held it already.
        """
        row = self._attempts.put(readings.of_sample(sample, boottime_us))
        return row.sample() if row else sample

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
        """Store a poll that cannot be decoded: its words by document number, and the reason."""
        row = rows.new(ts, boot, seq, boottime_us, ts_src)
        self._attempts.put(UndecodedReading(row, words, reason))

    def last_seq(self, boot: str) -> int:
        """Return the last number of this boot's polls, or more where that is not known."""
        found = self._attempts.run(lambda db: (db.last_seq(boot), db.knows_seqs()), None)
        seq, known = found or (0, False)
        last = max([seq, *self._attempts.opener.last_seqs(boot, known=known)])
        if found and not known:
            self._attempts.run(lambda db: db.last_seq_at_most(boot, last), None)
        return last

    def retime(self, boot: str, began_us: int) -> int:
        """Correct every provisional time and queue the samples, now that the clock is right.

        Args:
            boot: the present one.
            began_us: its start: wall time - boottime.

        Returns:
            How many were corrected. Committed in chunks, so that polls go on in between.
        """
        return self._attempts.run_in_turns(lambda db: retime.retime(db.writing, boot, began_us), 0)

    # The queue and the receipts

    def oldest(self, n: int) -> list[Spooled]:
        """Return the samples that wait longest, in the order of their arrival."""
        found: list[Spooled] = self._attempts.run(lambda db: db.oldest(n), [])
        self._handed_out([row.id for row in found])
        return found

    def newest(self, n: int) -> list[Spooled]:
        """Return the latest samples that wait, in the order of their arrival."""
        found: list[Spooled] = self._attempts.run(lambda db: db.newest(n), [])
        self._handed_out([row.id for row in found])
        return found

    def delivered(self, ids: Collection[int]) -> None:
        """Accept the server's proof; it is remembered until it can be written down."""
        self._attempts.delivered(ids)

    def counts(self) -> Counts:
        """Count what waits in the spool; as last known, while it cannot be read."""
        self._counts = self._attempts.run(Database.counts, self._counts)
        return self._counts

    # Parked readings

    def park(self, reasons: dict[int, str]) -> None:
        """Put samples aside that the server will never take: ``{id: reason}``.

        Raises:
            SpoolFailing: not now; they are offered again, and will be refused again.
        """
        self._must(lambda db: db.park(reasons))

    def release(self, ids: Collection[int], decode: parked.Decode | None = None) -> int:
        """Put parked readings back into the queue, decoded again; return their number.

        Raises:
            SpoolFailing: not now.
        """
        return self._must(lambda db: db.release(ids, decode))

    def unreported_parked(self, n: int) -> list[dict[str, Any]]:
        """Return the oldest parked readings that the server does not know."""
        found: list[parked.Parked] = self._read(lambda db: parked.unreported(db, n), [])
        self._handed_out([row.id for row in found])
        return [row.shown() for row in found]

    def parked_reported(self, ids: Collection[int]) -> None:
        """Note that the server has them; if that fails, they are sent again."""
        self._write(lambda db: parked.reported(db, ids))

    # Bookkeeping

    def note_gap(self, gap: gaps.Gap, cause: str) -> None:
        """Write down that something is amiss with a span of time; the log alone, if that fails."""
        self._write(lambda db: gaps.note(db, gap, cause))

    def unreported_gaps(self, n: int) -> list[dict[str, Any]]:
        """Return the oldest gaps that the server does not know."""
        found: list[dict[str, Any]] = self._read(lambda db: gaps.unreported(db, n), [])
        self._handed_out([gap["id"] for gap in found])
        return found

    def gaps_reported(self, ids: Collection[int]) -> None:
        """Note that the server has them; if that fails, they are sent again."""
        self._write(lambda db: gaps.reported(db, ids))

    def begin_slot(self, boot: str, slot_us: int, before_seq: int = 0) -> Slot:
        """Return what was counted in a quarter hour so far; nothing, while that is not known."""
        nothing = Slot(boot, slot_us, 0, {})
        return self._read(lambda db: reports.begun(db, boot, slot_us, before_seq), nothing)

    def write_slot(self, slot: Slot) -> bool:
        """Write a quarter hour's counts down; False: not now."""
        return self._wrote(lambda db: reports.write(db, slot))

    def slots_since(self, first_us: int) -> list[Slot]:
        """Return the counts from a time on."""
        return self._read(lambda db: reports.since(db, first_us), [])

    def unreported_slots(self, n: int) -> list[Slot]:
        """Return the oldest counts that the server does not know, or not as they are now."""
        return self._read(lambda db: reports.unacknowledged(db, n), [])

    def slots_reported(self, slots: Collection[Slot], keep: int) -> None:
        """Note that the server has these counts, and keep some; if that fails, they are resent."""
        self._write(lambda db: reports.acknowledge(db, slots, keep))

    def meter_serial(self) -> str | None:
        """Return whose grid meter was seen, "" for an unread number; None: no meter, or not now."""
        return self._read(meter.serial, None)

    def note_meter(self, of_serial: str | None) -> bool:
        """Write down whose meter was seen, or that none was; False: not now."""
        return self._wrote(lambda db: meter.note(db, of_serial))

    # Delivered samples by the hour

    def delivered_hours(self) -> dict[int, tuple[int, int]]:
        """Return, by the hour since 1970, the number and the sum of times of what was delivered.

        Raises:
            SpoolFailing: not now; so do the three below.
        """
        self._must(Database.flush)
        return self._must(lambda db: db.read(hours.delivered))

    def requeue_hour(self, hour: int) -> int:
        """Put an hour's delivered samples back into the queue; return their number."""
        return self._must(lambda db: db.write(lambda table: hours.requeue(table, hour)))

    def settled_hours(self) -> dict[int, str]:
        """Return the hours that differ from the server's for good, and its numbers then."""
        return self._must(lambda db: db.read(hours.settled))

    def settle_hours(self, settled: dict[int, str]) -> None:
        """Replace the hours that differ from the server's for good."""
        self._must(lambda db: db.write(lambda table: hours.settle(table, settled)))

    # The whole

    def figures(self) -> dict[str, Any]:
        """Return the health file's figures of the spool."""
        counts, attempts = self.counts(), self._attempts
        used = self._read(file.usage, None)
        self._thinned = self._read(gaps.thinned, self._thinned)
        self._damaged = self._read(soundness.count, self._damaged)
        gap = attempts.buffer.gap
        return {
            "spool_count": counts.depth + counts.provisional + len(attempts.buffer),
            "oldest_unsent_ts": counts.oldest_unsent_ts,
            "parked_count": counts.parked,
            "spool_state": attempts.state,
            "spool_bytes": used.used_bytes if used else None,
            "spool_limit_bytes": file.LIMIT_BYTES,
            "disk_free_bytes": attempts.reserve.free_bytes(),
            "ring_count": len(attempts.buffer),
            "thinned_count": self._thinned + (gap.readings if gap else 0),
            "damaged_count": self._damaged,
            "unsalvaged_spools": len(attempts.opener.asides),
            "salvaged_count": self._salvager.totals["salvaged"],
            "unreadable_count": self._salvager.totals["unreadable"],
        }

    def salvage(self) -> None:
        """Bring readings of damaged spools over, for a second at most. For one thread.

        Also search some of the present one for what damage has left there.
        """
        until_s = self._clock.monotonic_s() + SALVAGE_S
        while self._attempts.state == OK:
            more = self._salvager.step(self._attempts.opener.asides, self._write)
            if not more or self._clock.monotonic_s() >= until_s:
                break
        if self._attempts.state == OK:
            self._salvager.mend(self._write)

    def close(self) -> None:
        """Write what can be written and let go of the file."""
        self._salvager.close()
        self._attempts.close()

    def _read(self, work: Work[T], otherwise: T) -> T:
        return self._attempts.run(lambda database: database.read(work), otherwise)

    def _write(self, work: Work[T]) -> T | None:
        return self._attempts.run(lambda database: database.write(work), None)

    def _wrote(self, work: Work[object]) -> bool:
        return self._write(lambda db: [work(db)]) is not None

    def _must(self, work: Callable[[Database], T]) -> T:
        done = self._attempts.run(lambda database: [work(database)], None)
        if done is None:
            raise SpoolFailing("the spool cannot do this now; it is tried again")
        return done[0]

    def _handed_out(self, ids: list[int]) -> None:
        sound = (one for one in ids if one < MOST_ID)  # the others are the work of damage
        self._attempts.highest_id = max([self._attempts.highest_id, *sound])
