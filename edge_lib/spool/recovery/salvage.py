"""Brings the readings of a damaged spool over into the new one, a slice at a time.

Each row is believed by its checksum alone. What is uncertain is sent again rather than lost: the
server knows what it has. May be broken off and begun again at any time.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.sample import TsSource
from edge_lib.spool import boots, parked, retention
from edge_lib.spool.database import Write
from edge_lib.spool.parked import Parked
from edge_lib.spool.recovery.pages import Cell, Pages
from edge_lib.spool.recovery.salvage_books import SalvagedBooks
from edge_lib.spool.rows import Row, checksum, insert

SLICE_ROWS = 200
SLICE_PAGES = 2000
MOST_BROKEN = 1000  # damaged rows that are parked, so that their rest can be seen

log = logging.getLogger("sungrow.edge.spool")


class Slice(NamedTuple):
    """What goes over in one transaction."""

    samples: list[tuple[Row, bool]]  # and whether it was delivered
    parked: list[Parked]
    others: Callable[[sqlite3.Connection], None] | None = None


class Ids:
    """A set of ids, a bit each."""

    def __init__(self) -> None:
        self._parts: dict[int, int] = {}

    def add(self, one: int) -> None:
        """Add one."""
        part, bit = divmod(one, 1024)
        self._parts[part] = self._parts.get(part, 0) | 1 << bit

    def __contains__(self, one: int) -> bool:
        part, bit = divmod(one, 1024)
        return bool(self._parts.get(part, 0) >> bit & 1)

    def count_without(self, other: "Ids") -> int:
        """Count those that another set lacks."""
        parts = self._parts.items()
        return sum((bits & ~other._parts.get(part, 0)).bit_count() for part, bits in parts)


class Salvage:
    """One damaged spool on its way over.

    Attributes:
        salvaged: readings that are in the new spool.
        unreadable: readings that the damaged one still names or holds, but not whole.
    """

    def __init__(self, aside: Path):
        """Begin.

        Raises:
            OSError: the file cannot be opened.
        """
        self.aside = aside
        self.salvaged = self.unreadable = 0
        self._pages = Pages(aside)
        self._slices = self._all_slices()
        self._pending: Slice | None = None
        self._queued, self._delivered = Ids(), Ids()
        self._found, self._broken = Ids(), Ids()
        self._remains: list[Row] = []
        self._books = SalvagedBooks()

    def step(self, write: Write) -> bool:
        """Bring one slice over; False: all is done.

        Args:
            write: into the new spool; where it cannot now, the same slice is tried again.
        """
        if self._pending is None:
            self._pending = next(self._slices, None)
            if self._pending is None:
                return False
        pending = self._pending
        count = write(lambda db: _bring(db, pending)) if any(pending) else 0
        if count is not None:
            self.salvaged += count
            self._pending = None
        return True

    def close(self) -> None:
        """Let go of the file."""
        self._pages.close()

    def _all_slices(self) -> Iterator[Slice]:
        yield from self._learn()
        yield from self._samples(lambda row: row.ts_src != TsSource.PROVISIONAL)
        # Only now: one whose time was corrected may lie here a second time, as it was before.
        yield from self._samples(lambda row: row.ts_src == TsSource.PROVISIONAL)
        self._broken_rows()
        yield Slice([], [], self._books.write)
        for remains in self._remains:
            yield Slice([], [_as_parked(remains)])

    def _learn(self) -> Iterator[Slice]:
        """Read what the other tables hold."""
        for cells in self._cells():
            found = []
            for rowid, values in cells:
                match values:
                    case None:
                        continue
                    case (None,):
                        self._queued.add(rowid)
                    case (None, int()):
                        self._delivered.add(rowid)
                    case (None, *_) if len(values) == 10:
                        found.append(Parked(rowid, *values[1:]))
                    case _:
                        self._books.take(rowid, values)
            yield Slice([], [row for row in found if row.intact()])

    def _samples(self, wanted: Callable[[Row], bool]) -> Iterator[Slice]:
        rows: list[tuple[Row, bool]] = []
        for cells in self._cells():
            for row in self._whole_rows(cells):
                if wanted(row) and row.id not in self._found:
                    self._found.add(row.id)
                    rows.append((row, row.id in self._delivered and row.id not in self._queued))
            while len(rows) >= SLICE_ROWS:
                yield Slice(rows[:SLICE_ROWS], [])
                del rows[:SLICE_ROWS]
            yield Slice([], [])
        yield Slice(rows, [])

    def _whole_rows(self, cells: list[Cell]) -> Iterator[Row]:
        for cell in cells:
            if cell.values is None or len(cell.values) != 8 or cell.values[0] is not None:
                continue
            row = Row(cell.rowid, *cell.values[1:])
            if row.intact():
                yield row
            elif row.id not in self._broken:
                self._broken.add(row.id)
                self._remains.append(row)
                del self._remains[MOST_BROKEN:]

    def _cells(self) -> Iterator[list[Cell]]:
        """Return the rows of all tables, those of some pages at a time."""
        cells: list[Cell] = []
        for numbers in self._pages.numbers:
            for number in numbers:
                cells.extend(self._pages.cells(number))
                if number % SLICE_PAGES == 0:
                    yield cells
                    cells = []
        yield cells

    def _broken_rows(self) -> None:
        """Count what is lost; keep of the damaged rows those that turned up nowhere else."""
        self._remains = [row for row in self._remains if row.id not in self._found]
        for named in (self._queued, self._delivered):
            for part, bits in named._parts.items():
                self._broken._parts[part] = self._broken._parts.get(part, 0) | bits
        self.unreadable = self._broken.count_without(self._found)


def _bring(db: sqlite3.Connection, part: Slice) -> int:
    """Store a slice, but what is there already; return how many samples are there now."""
    hour = retention.newest_hour(db)
    there = _numbers_there(
        db, [row for row, _ in part.samples if row.ts_src == TsSource.PROVISIONAL]
    )
    for row, delivered in part.samples:
        if (row.boot, row.seq) not in there and not _is_there(db, row):
            _adopt(db, row, hour if delivered else None)
    boots.cover_more(db, {row.boot: row.seq for row, _ in sorted(part.samples)})
    for one in part.parked:
        _adopt_parked(db, one)
    if part.others:
        part.others(db)
    return len(part.samples)


def _adopt(db: sqlite3.Connection, row: Row, delivered_hour: int | None) -> None:
    new_id = insert(db, row).id
    if delivered_hour is not None:
        db.execute("DELETE FROM queue WHERE id = ?", (new_id,))
        db.execute("INSERT INTO delivered VALUES (?, ?)", (new_id, delivered_hour))


def _is_there(db: sqlite3.Connection, row: Row) -> bool:
    sql = "SELECT 1 FROM samples WHERE ts_us = ? AND boot = ? AND seq = ?"
    return bool(db.execute(sql, row[1:4]).fetchall())


def _numbers_there(db: sqlite3.Connection, provisional: list[Row]) -> set[tuple[str, int]]:
    """Return those of the readings that came over before: their times may be corrected by now."""
    there: set[tuple[str, int]] = set()
    for boot in {row.boot for row in provisional}:
        seqs = [row.seq for row in provisional if row.boot == boot]
        sql = "SELECT boot, seq FROM samples WHERE boot = ? AND seq BETWEEN ? AND ?"
        there.update(db.execute(sql, (boot, min(seqs), max(seqs))).fetchall())
    return there


def _adopt_parked(db: sqlite3.Connection, row: Parked) -> None:
    known = row.is_reported() or row.reported == 1  # as schema 1 said it
    row = row._replace(reported=row.crc if known else 0)
    sql = "SELECT 1 FROM parked WHERE boot IS ? AND seq IS ? AND crc = ?"
    if not db.execute(sql, (row.boot, row.seq, row.crc)).fetchall():
        parked.add(db, row)


def _as_parked(row: Row) -> Parked:
    values = (*row[1:6], parked.DAMAGED, row.payload)
    return Parked(0, *values, checksum(*values), 0)
