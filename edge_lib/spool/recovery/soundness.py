"""Rows of the spool's own bookkeeping: believed by their checksum, or set aside.

``boots``, ``reports``, ``gaps`` and ``meta`` steer polls and uploads, so a row that is not what was
written must steer nothing and stop nothing. These tables are read through ``rows`` alone, inside
its caller's lock.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeGuard

from edge_lib.spool import rows as samples
from edge_lib.spool.errors import SpoolDamaged

log = logging.getLogger("sungrow.edge.spool")


class ReadOnly(sqlite3.Connection):
    """A connection that cannot set anything aside; damaged rows are passed over."""


class Table(NamedTuple):
    """One table of bookkeeping.

    Attributes:
        select: its rowid, the columns that the checksum covers, and the checksum.
        delete: one row, by its rowid.
        fits: whether these columns hold what this version can work with.
        lost: what else must be done when a row is set aside.
    """

    name: str
    select: str
    delete: str
    fits: Callable[..., bool]
    lost: Callable[[sqlite3.Connection], None] = lambda _: None

    def checksum(self, *values: object) -> int:
        """Return the checksum of a row, which no other table's row and no other type has."""
        return samples.checksum(self.name, *(f"{type(v).__name__} {v}" for v in values))

    def is_sound(self, values: Sequence[object], crc: object) -> bool:
        """Return whether the columns are what was written."""
        return crc == self.checksum(*values) and self.fits(*values)


def rows(
    db: sqlite3.Connection, table: Table, where: str = "", args: Sequence[object] = ()
) -> list[tuple[Any, ...]]:
    """Return the rows that are as they were written: rowid and columns. Set the others aside.

    Args:
        db: the spool.
        table: which one.
        where: the rest of the query, from WHERE on.
        args: its parameters.
    """
    while True:
        found = db.execute(f"{table.select} {where}", args).fetchall()
        damaged = [row for row in found if not table.is_sound(row[1:-1], row[-1])]
        if damaged and not isinstance(db, ReadOnly):
            set_aside(db, table, damaged)  # and again: they had taken the place of others
            continue
        return [row[:-1] for row in found if row not in damaged]


def set_aside(db: sqlite3.Connection, table: Table, damaged: list[tuple[Any, ...]]) -> None:
    """Move rows out of everybody's way; what is left of them stays, and is logged.

    Raises:
        SpoolDamaged: the tree in which they lie is damaged.
    """
    for row in damaged:
        keep(db, table.name, row[1:])
        table.lost(db)
        if not db.execute(table.delete, row[:1]).rowcount:
            raise SpoolDamaged(f"a row of {table.name} that was read is not found by its id")


def keep(db: sqlite3.Connection, name: str, values: Sequence[object]) -> None:
    """Keep what is left of a damaged row."""
    content = json.dumps(values, default=repr)
    # First: after a crash in between it is there twice, not gone.
    db.execute("INSERT INTO damaged (of, content) VALUES (?, ?)", (name, content))
    log.warning("damaged row set aside", extra={"table": name, "content": content})


def count(db: sqlite3.Connection) -> int:
    """Return how many rows were ever set aside."""
    ((found,),) = db.execute("SELECT count(*) FROM damaged").fetchall()
    return int(found)


def is_count(value: object, most: int = 2**53) -> TypeGuard[int]:
    """Return whether a value is a whole number from 0 on, no greater than makes sense."""
    return type(value) is int and 0 <= value <= most
