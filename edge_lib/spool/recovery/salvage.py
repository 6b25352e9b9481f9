"""Brings the readings of a damaged spool over into the new one, a slice at a time.

Each row is believed by its checksum alone. What is uncertain is sent again rather than lost: the
server knows what it has. May be broken off and begun again at any time.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from edge_lib.shared.sample import TsSource
from edge_lib.spool import boots, parked, retention
from edge_lib.spool.database import Write
from edge_lib.spool.kinds import KINDS, P1, SAMPLES, Kind
from edge_lib.spool.parked import Parked
from edge_lib.spool.recovery.pages import Cell, Pages
from edge_lib.spool.recovery.salvage_books import SalvagedBooks
from edge_lib.spool.rows import Row, insert

SLICE_ROWS = 200
SLICE_PAGES = 2000
MOST_BROKEN = 1000  # damaged rows that are parked, so that their rest can be seen

log = logging.getLogger("sungrow.edge.spool")


class Slice(NamedTuple):
    """What goes over in one transaction."""

    readings: list[tuple[Row, bool]]  # of one kind; and whether it was delivered
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

    def add_all(self, other: "Ids") -> None:
        """Add those of another set."""
        for part, bits in other._parts.items():
            self._parts[part] = self._parts.get(part, 0) | bits

    def __contains__(self, one: int) -> bool:
        part, bit = divmod(one, 1024)
        return bool(self._parts.get(part, 0) >> bit & 1)

    def count_without(self, other: "Ids") -> int:
        """Count those that another set lacks."""
        parts = self._parts.items()
        return sum((bits & ~other._parts.get(part, 0)).bit_count() for part, bits in parts)


class _Ids(NamedTuple):
    """What is known of the ids of one kind's readings."""

    queued: Ids
    delivered: Ids
    found: Ids
    broken: Ids

    def unreadable(self) -> int:
        """Count those that are named somewhere, and were not found whole."""
        for named in (self.queued, self.delivered):
            self.broken.add_all(named)
        return self.broken.count_without(self.found)


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
        self._ids = {kind: _Ids(Ids(), Ids(), Ids(), Ids()) for kind in KINDS}
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
        yield from self._readings(lambda row: row.ts_src != TsSource.PROVISIONAL)
        # Only now: one whose time was corrected may lie here a second time, as it was before.
        yield from self._readings(lambda row: row.ts_src == TsSource.PROVISIONAL)
        self._broken_rows()
        yield Slice([], [], self._books.write)
        for remains in self._remains:
            yield Slice([], [parked.new(remains, parked.DAMAGED, remains.payload)])

    def _learn(self) -> Iterator[Slice]:
        """Read what the other tables hold."""
        for cells in self._cells():
            found = []
            for rowid, values in cells:
                if values is None or self._is_state(rowid, values):
                    continue
                if len(values) == 10 and values[0] is None:
                    found += [Parked._make((rowid, *values[1:], kind)) for kind in KINDS]
                else:
                    self._books.take(rowid, values)
            yield Slice([], [row for row in found if row.intact()])

    def _is_state(self, rowid: int, values: tuple[Any, ...]) -> bool:
        """Note that a reading waits or was delivered; False: the row says neither."""
        match values:
            case (None,):
                self._ids[SAMPLES].queued.add(rowid)
            case (None, int()):
                self._ids[SAMPLES].delivered.add(rowid)
            case (None, str()):
                self._ids[P1].queued.add(rowid)
            case (None, int(), str()):
                self._ids[P1].delivered.add(rowid)
            case _:
                return False
        return True

    def _readings(self, wanted: Callable[[Row], bool]) -> Iterator[Slice]:
        rows: dict[Kind, list[tuple[Row, bool]]] = {kind: [] for kind in KINDS}
        for cells in self._cells():
            for row in self._whole_rows(cells):
                ids = self._ids[row.kind]
                if wanted(row) and row.id not in ids.found:
                    ids.found.add(row.id)
                    delivered = row.id in ids.delivered and row.id not in ids.queued
                    rows[row.kind].append((row, delivered))
            for of_kind in rows.values():
                while len(of_kind) >= SLICE_ROWS:
                    yield Slice(of_kind[:SLICE_ROWS], [])
                    del of_kind[:SLICE_ROWS]
            yield Slice([], [])
        for of_kind in rows.values():
            yield Slice(of_kind, [])

    def _whole_rows(self, cells: list[Cell]) -> Iterator[Row]:
        for cell in cells:
            kind = _kind_of(cell.values)
            if kind is None or cell.values is None:
                continue
            row = Row._make((cell.rowid, *cell.values[1:8], kind))
            if row.intact():
                yield row
            elif row.id not in self._ids[kind].broken:
                self._ids[kind].broken.add(row.id)
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
        self._remains = [row for row in self._remains if row.id not in self._ids[row.kind].found]
        self.unreadable = sum(ids.unreadable() for ids in self._ids.values())


def _kind_of(values: tuple[Any, ...] | None) -> Kind | None:
    """Return of which kind of reading these columns are; None: of another table."""
    if values is None or values[:1] != (None,):
        return None
    return {8: SAMPLES, 9: P1}.get(len(values))


def _bring(db: sqlite3.Connection, part: Slice) -> int:
    """Store a slice, but what is there already; return how many readings are there now."""
    hour = max(retention.newest_hour(db, kind) for kind in KINDS)
    there = _numbers_there(
        db, [row for row, _ in part.readings if row.ts_src == TsSource.PROVISIONAL]
    )
    for row, delivered in part.readings:
        if (row.boot, row.seq) not in there and not _is_there(db, row):
            _adopt(db, row, hour if delivered else None)
    if part.readings:
        in_order = sorted(row[:4] for row, _ in part.readings)
        boots.cover_more(db, {boot: seq for _, _, boot, seq in in_order}, part.readings[0][0].kind)
    for one in part.parked:
        _adopt_parked(db, one)
    if part.others:
        part.others(db)
    return len(part.readings)


def _adopt(db: sqlite3.Connection, row: Row, delivered_hour: int | None) -> None:
    new_id = insert(db, row).id
    if delivered_hour is not None:
        db.execute(row.kind.sql("DELETE FROM queue WHERE id = ?"), (new_id,))
        sql = row.kind.sql("INSERT INTO delivered (id, hour) VALUES (?, ?)")
        db.execute(sql, (new_id, delivered_hour))


def _is_there(db: sqlite3.Connection, row: Row) -> bool:
    sql = row.kind.sql("SELECT 1 FROM samples WHERE ts_us = ? AND boot = ? AND seq = ?")
    return bool(db.execute(sql, row[1:4]).fetchall())


def _numbers_there(db: sqlite3.Connection, provisional: list[Row]) -> set[tuple[str, int]]:
    """Return those of the readings that came over before: their times may be corrected by now."""
    there: set[tuple[str, int]] = set()
    for boot, kind in {(row.boot, row.kind) for row in provisional}:
        seqs = [row.seq for row in provisional if row.boot == boot]
        sql = kind.sql("SELECT boot, seq FROM samples WHERE boot = ? AND seq BETWEEN ? AND ?")
        there.update(db.execute(sql, (boot, min(seqs), max(seqs))).fetchall())
    return there


def _adopt_parked(db: sqlite3.Connection, row: Parked) -> None:
    known = row.is_reported() or row.reported == 1  # as schema 1 said it
    row = row._replace(reported=row.crc if known else 0)
    sql = row.kind.sql("SELECT 1 FROM parked WHERE boot IS ? AND seq IS ? AND crc = ?")
    if not db.execute(sql, (row.boot, row.seq, row.crc)).fetchall():
        parked.add(db, row)
