"""The spool as the two threads see it. No reading is refused, whatever the disk does.

``keeper`` holds what is written and what waits in memory; this is the interface, with the figures
for the health file and the salvage of damaged spools. Methods raise no SpoolError unless they say
so; the words of ``Spool`` hold where nothing else is said.
"""

import logging
import sqlite3
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from edge_lib.clock import Clock
from edge_lib.spool import file, gaps
from edge_lib.spool import rows as spool_row
from edge_lib.spool.database import Counts, Spool, Spooled
from edge_lib.spool.errors import SpoolFailing
from edge_lib.spool.keeper import OK, Keeper
from edge_lib.spool.recovery import quarantine, soundness
from edge_lib.spool.recovery.mend import Mender
from edge_lib.spool.recovery.salvage import Salvage
from edge_lib.spool.rows import MOST_ID, Reading

T = TypeVar("T")
SALVAGE_S = 1.0  # of each upload step

log = logging.getLogger("sungrow.edge.store")


class Store:
    """The spool, or what stands in for it. Use it from any thread."""

    def __init__(self, path: Path, keep_days: float, clock: Clock):
        """Open the spool; a disk that fails does not keep it from starting.

        Raises:
            SpoolBusy: another process has it.
            SpoolError: the settings or the owner of the files are wrong.
        """
        self._path, self._clock = path, clock
        self._keeper = Keeper(path, keep_days, clock)
        self._counts = Counts(0, 0, None, 0)
        self._thinned = self._damaged = 0
        self._mender = Mender(clock)
        self._salvage: Salvage | None = None
        self._salvaged = quarantine.salvaged(path)

    def put(self, sample: dict, boottime_us: int) -> dict:
        """Store one checked sample; keep it in memory, as it is, while the spool takes none."""
        row = self._keeper.keep(spool_row.reading(sample, boottime_us))
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
        """Keep a poll that could be no sample."""
        row = spool_row.new(ts, boot, seq, boottime_us, ts_src)
        self._keeper.keep(Reading(row, words, reason))

    def oldest(self, n: int) -> list[Spooled]:
        """Return the samples that wait longest; none while the spool cannot be read."""
        rows = self._keeper.ask(lambda spool: spool.oldest(n), [])
        return self._given(rows, [row.id for row in rows])

    def newest(self, n: int) -> list[Spooled]:
        """Return the latest samples that wait."""
        rows = self._keeper.ask(lambda spool: spool.newest(n), [])
        return self._given(rows, [row.id for row in rows])

    def delivered(self, ids: Collection[int]) -> None:
        """Take the server's proof; it is remembered until it can be written down."""
        self._keeper.delivered(ids)

    def park(self, reasons: dict[int, str]) -> None:
        """Put samples aside that the server will never take.

        Raises:
            SpoolFailing: not now; they are offered again, and will be refused again.
        """
        self._must(lambda spool: spool.park(reasons))

    def unreported_parked(self, n: int) -> list[dict]:
        """Return the oldest parked readings that the server does not know."""
        entries = self._keeper.ask(lambda spool: spool.unreported_parked(n), [])
        return self._given(entries, [entry["id"] for entry in entries])

    def parked_reported(self, ids: Collection[int]) -> None:
        """Note that the server has them; if that fails, they are sent again."""
        self._keeper.ask(lambda spool: spool.parked_reported(ids), None)

    def note_gap(self, gap: gaps.Gap, cause: str) -> None:
        """Write down that something is amiss with a span of time; the log alone, if that fails."""
        self._keeper.ask(lambda spool: spool.note_gap(gap, cause), None)

    def unreported_gaps(self, n: int) -> list[dict]:
        """Return the oldest gaps that the server does not know."""
        entries = self._keeper.ask(lambda spool: spool.unreported_gaps(n), [])
        return self._given(entries, [entry["id"] for entry in entries])

    def gaps_reported(self, ids: Collection[int]) -> None:
        """Note that the server has them; if that fails, they are sent again."""
        self._keeper.ask(lambda spool: spool.gaps_reported(ids), None)

    def last_seq(self, boot: str) -> int:
        """Return the last number of this boot's polls, or more where that is not known."""
        found = self._keeper.ask(lambda spool: (spool.last_seq(boot), spool.tells_all()), None)
        seq, known = found or (0, False)
        last = max([seq, *self._keeper.opener.last_seqs(boot, known=known)])
        if found and not known:
            self._keeper.ask(lambda spool: spool.last_seq_at_most(boot, last), None)
        return last

    def meter_serial(self) -> str | None:
        """Return whose grid meter was seen; None: nobody's, or the spool cannot be read now."""
        return self._keeper.ask(lambda spool: spool.meter_serial(), None)

    def note_meter(self, of_serial: str | None) -> bool:
        """Write down whose meter was seen; False: not now."""
        return self._keeper.ask(lambda spool: spool.note_meter(of_serial), otherwise=False)

    def retime(self, boot: str, began_us: int) -> int:
        """Correct every provisional time; polls go on in between."""
        return self._keeper.ask_in_turns(lambda spool: spool.retime(boot, began_us), 0)

    def delivered_hours(self) -> dict[int, tuple[int, int]]:
        """Return the numbers of each hour's delivered samples.

        Raises:
            SpoolFailing: not now; so do the three below.
        """
        return self._must(lambda spool: spool.delivered_hours())

    def requeue_hour(self, hour: int) -> int:
        """Put an hour's delivered samples back into the queue; return their number."""
        return self._must(lambda spool: spool.requeue_hour(hour))

    def settled_hours(self) -> dict[int, str]:
        """Return the hours that differ from the server's for good, and its numbers then."""
        return self._must(lambda spool: spool.settled_hours())

    def settle_hours(self, hours: dict[int, str]) -> None:
        """Replace the hours that differ from the server's for good."""
        self._must(lambda spool: spool.settle_hours(hours))

    def counts(self) -> Counts:
        """Count what waits in the spool; as last known, while it cannot be read."""
        self._counts = self._keeper.ask(lambda spool: spool.counts(), self._counts)
        return self._counts

    def look(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Return what some reading work gives; ``otherwise`` if it cannot be done now."""
        return self._keeper.ask(lambda spool: spool.look(work), otherwise)

    def apply(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Do some writing work in one transaction; ``otherwise`` as above: nothing was done."""
        return self._keeper.ask(lambda spool: spool.apply(work), otherwise)

    def figures(self) -> dict:
        """Return what the health file tells of the spool."""
        counts, ring = self.counts(), self._keeper.ring
        used = self.look(file.usage, None)
        self._thinned = self.look(gaps.thinned, self._thinned)
        self._damaged = self.look(soundness.count, self._damaged)
        gap = ring.gap
        return {
            "spool_count": counts.depth + counts.provisional + len(ring),
            "oldest_unsent_ts": counts.oldest_unsent_ts,
            "parked_count": counts.parked,
            "spool_state": self._keeper.state,
            "spool_bytes": used.used_bytes if used else None,
            "spool_limit_bytes": file.LIMIT_BYTES,
            "disk_free_bytes": self._keeper.ballast.free_bytes(),
            "ring_count": len(ring),
            "thinned_count": self._thinned + (gap.readings if gap else 0),
            "damaged_count": self._damaged,
            "unsalvaged_spools": len(self._keeper.opener.asides),
            "salvaged_count": self._salvaged["salvaged"],
            "unreadable_count": self._salvaged["unreadable"],
        }

    def salvage(self) -> None:
        """Bring readings of damaged spools over, for a second at most. For one thread.

        Also look through some of the present one, for what damage has left there.
        """
        until_s = self._clock.monotonic_s() + SALVAGE_S
        while self._keeper.state == OK and self._salvage_step():
            if self._clock.monotonic_s() >= until_s:
                break
        if self._keeper.state == OK:
            self._mender.step(lambda work: self.apply(work, None))

    def close(self) -> None:
        """Write what can be written and let go of the file."""
        if self._salvage:
            self._salvage.close()
        self._keeper.close()

    def _must(self, work: Callable[[Spool], T]) -> T:
        done = self._keeper.ask(lambda spool: [work(spool)], None)
        if done is None:
            raise SpoolFailing("the spool cannot do this now; it is tried again")
        return done[0]

    def _given(self, entries: list[T], ids: list[int]) -> list[T]:
        given = (one for one in ids if one < MOST_ID)  # the others are the work of damage
        self._keeper.highest_id = max([self._keeper.highest_id, *given])
        return entries

    def _salvage_step(self) -> bool:
        asides = self._keeper.opener.asides
        if self._salvage is None:
            if not asides:
                return False
            self._salvage = self._begin_salvage(asides[0])
        if self._salvage and self._salvage.step(lambda work: self.apply(work, None)):
            return True
        asides.pop(0)
        if self._salvage:
            self._end_salvage(self._salvage)
            self._salvage = None
        return bool(asides)

    @staticmethod
    def _begin_salvage(aside: Path) -> Salvage | None:
        try:
            return Salvage(aside)
        except OSError:
            log.exception("damaged spool cannot be read", extra={"aside": aside.name})
            return None

    def _end_salvage(self, done: Salvage) -> None:
        done.close()
        counts = {"salvaged": done.salvaged, "unreadable": done.unreadable}
        self._salvaged = {name: self._salvaged[name] + counts[name] for name in counts}
        try:
            quarantine.note_salvaged(done.aside, **counts)
        except OSError as error:
            log.warning("salvage will be repeated", extra={"reason": str(error)})
        log.warning("damaged spool salvaged", extra={"aside": done.aside.name, **counts})
