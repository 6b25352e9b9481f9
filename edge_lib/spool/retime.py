"""Where the readings belong that were taken before the clock was known to be right.

Each keeps the microseconds since its boot, so one number a boot places them all: the wall time at
which that boot began.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from edge_lib.shared.sample import TsSource
from edge_lib.spool import rows
from edge_lib.spool.kinds import SAMPLES, Kind
from edge_lib.spool.parked import park_damaged
from edge_lib.spool.rows import Row, enqueue, free_ts

# A machine takes longer than this from its last reading of one boot to the start of the next.
PAUSE_US = 1_000_000
# Rows of one transaction: a poll that wants to store its reading waits no longer than that.
CHUNK = 500

Turn = Callable[[], AbstractContextManager[sqlite3.Connection]]


class Run(NamedTuple):
    """The provisional readings of one boot, and what else the spool knows of that time."""

    boot: str
    first_us: int  # boottime of the first of them
    last_us: int  # and of the last
    began_us: int | None  # wall time of the boot's start, where another reading of it knows
    after_us: int | None  # wall time of the last trustworthy reading before them

    def with_one_at(self, boottime_us: int) -> "Run":
        """Return the run with one more reading in it."""
        first_us, last_us = min(self.first_us, boottime_us), max(self.last_us, boottime_us)
        return self._replace(first_us=first_us, last_us=last_us)

    def joined(self, other: "Run") -> "Run":
        """Return the run with that of another kind of reading, of the same boot."""
        began_us = other.began_us if self.began_us is None else self.began_us
        after = [us for us in (self.after_us, other.after_us) if us is not None]
        run = self._replace(began_us=began_us, after_us=max(after, default=None))
        return run.with_one_at(other.first_us).with_one_at(other.last_us)


class Place(NamedTuple):
    """Wall time = boottime + ``began_us``."""

    began_us: int
    ts_src: TsSource


def places(runs: list[Run], boot: str, began_us: int) -> dict[str, Place]:
    """Return where each boot's samples belong.

    A boot that never knew the time keeps its order and spacing and is placed as late as possible:
    its last sample just before the next boot began, but none before what was trustworthy already.

    Args:
        runs: in the order of their boots; may or may not hold the present boot.
        boot: the present one.
        began_us: its start, now known.
    """
    placed = {boot: Place(began_us, TsSource.CORRECTED)}
    next_began_us = began_us
    for run in reversed([run for run in runs if run.boot != boot]):
        place = _place(run, next_began_us)
        placed[run.boot] = place
        next_began_us = place.began_us
    return placed


def _place(run: Run, next_began_us: int) -> Place:
    if run.began_us is not None:
        return Place(run.began_us, TsSource.CORRECTED)
    began_us = next_began_us - PAUSE_US - run.last_us
    if run.after_us is not None:
        began_us = max(began_us, run.after_us + PAUSE_US - run.first_us)
    return Place(began_us, TsSource.ESTIMATED)


def retime(turn: Turn, boot: str, began_us: int, kinds: Sequence[Kind] = (SAMPLES,)) -> int:
    """Correct and queue all provisional readings, each chunk in a turn at the spool of its own.

    Args:
        turn: waits for the spool and begins a transaction on it.
        boot: the present one.
        began_us: its start, now known.
        kinds: that the spool holds; those of one boot are placed together.
    """
    placed = places(_all_runs(turn, kinds), boot, began_us)
    return sum(_move_all(turn, placed, placed[boot], kind) for kind in kinds)


def _move_all(turn: Turn, placed: dict[str, Place], otherwise: Place, kind: Kind) -> int:
    moved = after_id = 0
    while True:
        with turn() as db:
            found = _provisional(db, after_id, kind)
            for row in found:
                if row.intact():
                    _move(db, row, placed.get(row.boot, otherwise))
                    moved += 1
                else:
                    park_damaged(db, row)
        if not found:
            return moved
        after_id = found[-1].id


def _all_runs(turn: Turn, kinds: Sequence[Kind]) -> list[Run]:
    """Return the runs of all kinds, each boot's joined, in the order of the boots."""
    all_runs: list[Run] = []
    for kind in kinds:
        at = 0  # none of this kind's next runs belongs before it
        for run in _runs(turn, kind):
            same = next((i for i, one in enumerate(all_runs) if one.boot == run.boot), None)
            if same is None:
                all_runs.insert(at, run)
                at += 1
            else:
                all_runs[same] = all_runs[same].joined(run)
                at = same + 1
    return all_runs


def _runs(turn: Turn, kind: Kind) -> list[Run]:
    runs: dict[str, Run] = {}
    after_id = 0
    while True:
        with turn() as db:
            found = _provisional(db, after_id, kind)
            for row in filter(Row.intact, found):
                known = runs.get(row.boot) or _begin(db, row)
                runs[row.boot] = known.with_one_at(row.boottime_us)
        if not found:
            return list(runs.values())
        after_id = found[-1].id


def _provisional(db: sqlite3.Connection, after_id: int, kind: Kind) -> list[Row]:
    where = "WHERE ts_src = 2 AND id > ? ORDER BY id LIMIT ?"
    return rows.at(db, where, (after_id, CHUNK), kind)


def _begin(db: sqlite3.Connection, first: Row) -> Run:
    """Begin a boot's run with its first provisional reading."""
    # The same boot may have learnt the time later, and died before it corrected these.
    same = "WHERE id > ? AND boot = ? AND ts_src IN (0, 1) ORDER BY id LIMIT 1"
    sound = "WHERE id < ? AND ts_src <> 2 ORDER BY id DESC LIMIT 1"
    later = _intact(rows.at(db, same, (first.id, first.boot), first.kind))
    before = _intact(rows.at(db, sound, (first.id,), first.kind))
    return Run(
        first.boot,
        first.boottime_us,
        first.boottime_us,
        later.ts_us - later.boottime_us if later else None,
        before.ts_us if before else None,
    )


def _move(db: sqlite3.Connection, row: Row, place: Place) -> None:
    """Set the time of a provisional reading, and queue it."""
    ts_us = free_ts(db, place.began_us + row.boottime_us, row.id, row.kind)
    row = row._replace(ts_us=ts_us, ts_src=int(place.ts_src)).sealed()
    sql = row.kind.sql("UPDATE samples SET ts_us = ?, ts_src = ?, crc = ? WHERE id = ?")
    db.execute(sql, (row.ts_us, row.ts_src, row.crc, row.id))
    enqueue(db, row.id, row.kind)


def _intact(found: list[Row]) -> Row | None:
    return found[0] if found and found[0].intact() else None
