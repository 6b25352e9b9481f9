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
from edge_lib.shared.fields import Reading
from edge_lib.spool import file, gaps, hours, meter, parked, readings, reports, retime, rows
from edge_lib.spool.attempts import OK, Attempts, Strict
from edge_lib.spool.database import Database
from edge_lib.spool.errors import SpoolFailing
from edge_lib.spool.kinds import P1, SAMPLES, Kind
from edge_lib.spool.queue import Counts, Spooled
from edge_lib.spool.readings import UndecodedReading, UnfitReading
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
        self._counts: dict[Kind, Counts] = {}
        self._kinds: tuple[Kind, ...] = (SAMPLES,)
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

    def put(self, sample: Reading, boottime_us: int, kind: Kind = SAMPLES) -> Reading:
        """Store one checked reading in one commit; in memory, while the disk takes none.

        Args:
            sample: with ``ts``, ``boot``, ``seq`` and ``ts_src``; one whose time is provisional is
                held back until ``retime``.
            boottime_us: the time since the boot at which it was taken.
            kind: of reading.

        Returns:
            The reading as stored: ``ts`` moved by microseconds where the spool held it already.
        """
        row = self._attempts.put(readings.of_kind(kind, sample, boottime_us))
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

    def park_unfit(self, reading: Reading, reason: str, boottime_us: int, kind: Kind) -> None:
        """Store a reading that breaks its contract, and the reason."""
        row = readings.of_kind(kind, reading, boottime_us).row
        self._attempts.put(UnfitReading(row, reason))

    def last_seq(self, boot: str, kind: Kind = SAMPLES) -> int:
        """Return the last number of this boot's polls, or more where that is not known."""
        found = self._attempts.run(lambda db: (db.last_seq(boot, kind), db.knows_seqs(kind)), None)
        seq, known = found or (0, False)
        last = max([seq, *self._attempts.opener.last_seqs(boot, known=known, kind=kind)])
        if found and not known:
            self._attempts.run(lambda db: db.last_seq_at_most(boot, last, kind), None)
        return last

    def retime(self, boot: str, began_us: int) -> int:
        """Correct every provisional time and queue the readings, now that the clock is right.

        Args:
            boot: the present one.
            began_us: its start: wall time - boottime.

        Returns:
            How many were corrected. Committed in chunks, so that polls go on in between.
        """
        return self._attempts.run_in_turns(
            lambda db: retime.retime(db.writing, boot, began_us, db.kinds), 0
        )

    def kinds(self) -> tuple[Kind, ...]:
        """Return the kinds of which it holds something; as last known, while it cannot be read."""
        self._kinds = self._attempts.run(lambda db: db.kinds, self._kinds)
        return self._kinds

    # The queue and the receipts

    def oldest(self, n: int, kind: Kind = SAMPLES) -> list[Spooled]:
        """Return the readings that wait longest, in the order of their arrival."""
        found: list[Spooled] = self._attempts.run(lambda db: db.oldest(n, kind), [])
        self._handed_out([row.id for row in found])
        return found

    def newest(self, n: int, kind: Kind = SAMPLES) -> list[Spooled]:
        """Return the latest readings that wait, in the order of their arrival."""
        found: list[Spooled] = self._attempts.run(lambda db: db.newest(n, kind), [])
        self._handed_out([row.id for row in found])
        return found

    def delivered(self, ids: Collection[int], kind: Kind = SAMPLES) -> None:
        """Accept the server's proof; it is remembered until it can be written down."""
        self._attempts.delivered(ids, kind)

    def counts(self, kind: Kind = SAMPLES) -> Counts:
        """Count what waits in the spool; as last known, while it cannot be read."""
        last = self._counts.get(kind, Counts(0, 0, None, 0))
        self._counts[kind] = counts = self._attempts.run(lambda db: db.counts(kind), last)
        return counts

    # Parked readings

    def park(self, reasons: dict[int, str], kind: Kind = SAMPLES) -> None:
        """Put readings aside that the server will never take: ``{id: reason}``.

        Raises:
            SpoolFailing: not now; they are offered again, and will be refused again.
        """
        self._must(lambda db: db.park(reasons, kind))

    def release(self, ids: Collection[int], decode: parked.Decode | None = None) -> int:
        """Put parked readings back into the queue, decoded again; return their number.

        Raises:
            SpoolFailing: not now.
        """
        return self._must(lambda db: db.release(ids, decode))

    def unreported_parked(self, n: int, kind: Kind = SAMPLES) -> list[dict[str, Any]]:
        """Return the oldest parked readings that the server does not know."""
        found: list[parked.Parked] = self._read(lambda db: parked.unreported(db, n, kind), [])
        self._handed_out([row.id for row in found])
        return [row.shown() for row in found]

    def parked_reported(self, ids: Collection[int], kind: Kind = SAMPLES) -> None:
        """Note that the server has them; if that fails, they are sent again."""
        self._write(lambda db: parked.reported(db, ids, kind))

    # Bookkeeping

    def note_gap(self, gap: gaps.Gap, cause: str, kind: Kind = SAMPLES) -> None:
        """Write down that something is amiss with a span of time; the log alone, if that fails."""
        self._write(lambda db: gaps.note(db, gap, cause, kind))

    def unreported_gaps(self, n: int, kind: Kind = SAMPLES) -> list[dict[str, Any]]:
        """Return the oldest gaps that the server does not know."""
        found: list[dict[str, Any]] = self._read(lambda db: gaps.unreported(db, n, kind), [])
        self._handed_out([gap["id"] for gap in found])
        return found if kind is SAMPLES else [{"kind": kind.name, **gap} for gap in found]

    def gaps_reported(self, ids: Collection[int], kind: Kind = SAMPLES) -> None:
        """Note that the server has them; if that fails, they are sent again."""
        self._write(lambda db: gaps.reported(db, ids, kind))

    def begin_slot(
        self, boot: str, slot_us: int, before_seq: int = 0, kind: Kind = SAMPLES
    ) -> Slot:
        """Return what was counted in a quarter hour so far; nothing, while that is not known."""
        nothing = Slot(boot, slot_us, 0, {}, kind=kind)
        return self._read(lambda db: reports.begun(db, boot, slot_us, before_seq, kind), nothing)

    def write_slot(self, slot: Slot) -> bool:
        """Write a quarter hour's counts down; False: not now."""
        return self._wrote(lambda db: reports.write(db, slot))

    def slots_since(self, first_us: int, kind: Kind = SAMPLES) -> list[Slot]:
        """Return the counts from a time on."""
        return self._read(lambda db: reports.since(db, first_us, kind), [])

    def boots_since(self, first_us: int, but: str) -> int | None:
        """Return of how many boots but that one there are counts from a time on; None: not now."""
        return self._read(lambda db: reports.boots_since(db, first_us, but), None)

    def unreported_slots(self, n: int, kind: Kind = SAMPLES) -> list[Slot]:
        """Return the oldest counts that the server does not know, or not as they are now."""
        return self._read(lambda db: reports.unacknowledged(db, n, kind), [])

    def slots_reported(self, slots: Collection[Slot], keep: int, kind: Kind = SAMPLES) -> None:
        """Note that the server has these counts, and keep some; if that fails, they are resent."""
        self._write(lambda db: reports.acknowledge(db, slots, keep, kind))

    def meter_serial(self) -> str | None:
        """Return whose grid meter was seen, "" for an unread number; None: no meter, or not now."""
        return self._read(meter.serial, None)

    def note_meter(self, of_serial: str | None) -> bool:
        """Write down whose meter was seen, or that none was; False: not now."""
        return self._wrote(lambda db: meter.note(db, of_serial))

    # Delivered readings by the hour

    def delivered_hours(self, kind: Kind = SAMPLES) -> dict[int, tuple[int, int]]:
        """Return, by the hour since 1970, the number and the sum of times of what was delivered.

        Raises:
            SpoolFailing: not now; so do the three below.
        """
        self._must(Database.flush)
        return self._must(lambda db: db.read(lambda table: hours.delivered(table, kind)))

    def requeue_hour(self, hour: int, kind: Kind = SAMPLES) -> int:
        """Put an hour's delivered readings back into the queue; return their number."""
        return self._must(lambda db: db.write(lambda table: hours.requeue(table, hour, kind)))

    def settled_hours(self, kind: Kind = SAMPLES) -> dict[int, str]:
        """Return the hours that differ from the server's for good, and its numbers then."""
        return self._must(lambda db: db.read(lambda table: hours.settled(table, kind)))

    def settle_hours(self, settled: dict[int, str], kind: Kind = SAMPLES) -> None:
        """Replace the hours that differ from the server's for good."""
        self._must(lambda db: db.write(lambda table: hours.settle(table, settled, kind)))

    # The whole

    def figures(self) -> dict[str, Any]:
        """Return the health file's figures of the spool."""
        attempts, kinds = self._attempts, self.kinds()
        counts = {kind: self.counts(kind) for kind in kinds}
        used = self._read(file.usage, None)
        self._thinned = self._read(
            lambda db: sum(gaps.thinned(db, kind) for kind in kinds), self._thinned
        )
        self._damaged = self._read(soundness.count, self._damaged)
        oldest = [c.oldest_unsent_ts for c in counts.values() if c.oldest_unsent_ts]
        waiting = {kind: c.depth + c.provisional for kind, c in counts.items()}
        figures = {
            "spool_count": sum(waiting.values()) + len(attempts.buffer),
            "oldest_unsent_ts": min(oldest, default=None),
            "parked_count": sum(c.parked for c in counts.values()),
            "spool_state": attempts.state,
            "spool_bytes": used.used_bytes if used else None,
            "spool_limit_bytes": file.LIMIT_BYTES,
            "disk_free_bytes": attempts.reserve.free_bytes(),
            "ring_count": len(attempts.buffer),
            "thinned_count": self._thinned + attempts.buffer.thinned(),
            "damaged_count": self._damaged,
            "unsalvaged_spools": len(attempts.opener.asides),
            "salvaged_count": self._salvager.totals["salvaged"],
            "unreadable_count": self._salvager.totals["unreadable"],
        }
        if P1 in kinds:  # of the numbers above, so many are of the grid meter
            figures |= {"p1_spool_count": waiting[P1], "p1_parked_count": counts[P1].parked}
        return figures

    def salvage(self) -> None:
        """Bring readings of damaged spools over, for a second at most. For one thread.

        Also search some of the present one for what damage has left there.
        """
        until_s = self._clock.monotonic_s() + SALVAGE_S
        salvages = bool(self._attempts.opener.asides)
        while self._attempts.state == OK:
            more = self._salvager.step(self._attempts.opener.asides, self._write)
            if not more or self._clock.monotonic_s() >= until_s:
                break
        if self._attempts.state == OK:
            if salvages:
                self._attempts.run(Database.look_for_kinds, None)
            self._salvager.mend(self._write, self.kinds)

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
