"""Where the samples belong that were taken before the clock was known to be right.

Each keeps the microseconds since its boot, so one number a boot places them all: the wall time at
which that boot began.
"""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from edge_lib.shared.sample import TsSource
from edge_lib.spool.parked import park_damaged
from edge_lib.spool.rows import Row, free_ts

# A machine takes longer than this from its last reading of one boot to the start of the next.
PAUSE_US = 1_000_000
# Rows of one transaction: a poll that wants to store its reading waits no longer than that.
CHUNK = 500

Turn = Callable[[], AbstractContextManager[sqlite3.Connection]]


class Run(NamedTuple):
    """The provisional samples of one boot, and what else the spool knows of that time."""

    boot: str
    first_us: int  # boottime of the first of them
    last_us: int  # and of the last
    began_us: int | None  # wall time of the boot's start, where another sample of it knows
    after_us: int | None  # wall time of the last trustworthy sample before them

    def with_one_at(self, boottime_us: int) -> "Run":
        """Return the run with one more sample in it."""
        first_us, last_us = min(self.first_us, boottime_us), max(self.last_us, boottime_us)
        return self._replace(first_us=first_us, last_us=last_us)


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


def retime(turn: Turn, boot: str, began_us: int) -> int:
    """Correct and queue all provisional samples, each chunk in a turn at the spool of its own.

    Args:
        turn: waits for the spool and begins a transaction on it.
        boot: the present one.
        began_us: its start, now known.
    """
    placed = places(_runs(turn), boot, began_us)
    moved = after_id = 0
    while True:
        with turn() as db:
            rows = _provisional(db, after_id)
            for row in rows:
                if row.intact():
                    _move(db, row, placed.get(row.boot, placed[boot]))
                    moved += 1
                else:
                    park_damaged(db, row)
        if not rows:
            return moved
        after_id = rows[-1].id


def _runs(turn: Turn) -> list[Run]:
    runs: dict[str, Run] = {}
    after_id = 0
    while True:
        with turn() as db:
            rows = _provisional(db, after_id)
            for row in filter(Row.intact, rows):
                known = runs.get(row.boot) or _begin(db, row)
                runs[row.boot] = known.with_one_at(row.boottime_us)
        if not rows:
            return list(runs.values())
        after_id = rows[-1].id


def _provisional(db: sqlite3.Connection, after_id: int) -> list[Row]:
    sql = "SELECT * FROM samples WHERE ts_src = 2 AND id > ? ORDER BY id LIMIT ?"
    return [Row(*row) for row in db.execute(sql, (after_id, CHUNK)).fetchall()]


def _begin(db: sqlite3.Connection, first: Row) -> Run:
    """Begin a boot's run with its first provisional sample."""
    # The same boot may have learnt the time later, and died before it corrected these.
    same = (
        "SELECT * FROM samples WHERE id > ? AND boot = ? AND ts_src IN (0, 1) ORDER BY id LIMIT 1"
    )
    sound = "SELECT * FROM samples WHERE id < ? AND ts_src <> 2 ORDER BY id DESC LIMIT 1"
    later = _intact(db.execute(same, (first.id, first.boot)).fetchall())
    before = _intact(db.execute(sound, (first.id,)).fetchall())
    return Run(
        first.boot,
        first.boottime_us,
        first.boottime_us,
        later.ts_us - later.boottime_us if later else None,
        before.ts_us if before else None,
    )


def _move(db: sqlite3.Connection, row: Row, place: Place) -> None:
    """Set the time of a provisional sample, and queue it."""
    ts_us = free_ts(db, place.began_us + row.boottime_us, row.id)
    row = row._replace(ts_us=ts_us, ts_src=int(place.ts_src)).sealed()
    sql = "UPDATE samples SET ts_us = ?, ts_src = ?, crc = ? WHERE id = ?"
    db.execute(sql, (row.ts_us, row.ts_src, row.crc, row.id))
    db.execute("INSERT OR IGNORE INTO queue VALUES (?)", (row.id,))


def _intact(found: list[tuple[Any, ...]]) -> Row | None:
    rows = [Row(*row) for row in found]
    return rows[0] if rows and rows[0].intact() else None
