"""Gap records: readings that were thinned, a clock that was set, until the server knows of it.

The functions that take a connection run inside their caller's lock, the writing ones inside its
transaction.
"""

import sqlite3
from collections.abc import Collection
from typing import NamedTuple

from edge_lib.spool_row import ts_text

THINNED, CLOCK_STEP = "thinned", "clock_step"


class Gap(NamedTuple):
    """So many readings from one time to another (microseconds since 1970) that were given up.

    When a clock was set, none: the span is then what it skipped or went through twice.
    """

    from_us: int
    to_us: int
    count: int

    def with_one_at(self, ts_us: int) -> "Gap":
        """Give the gap with one more reading in it."""
        return Gap(min(self.from_us, ts_us), max(self.to_us, ts_us), self.count + 1)


def note(db: sqlite3.Connection, gap: Gap, cause: str = THINNED) -> None:
    """Write a gap down; one that the server cannot know yet grows instead, if they touch."""
    sql = (
        "SELECT id, from_us, to_us, count FROM gaps"
        " WHERE acknowledged = 0 AND cause = ? AND from_us <= ? AND to_us >= ?"
    )
    for gap_id, from_us, to_us, count in db.execute(
        sql, (cause, gap.to_us, gap.from_us)
    ).fetchall():
        gap = Gap(min(from_us, gap.from_us), max(to_us, gap.to_us), count + gap.count)
        db.execute("DELETE FROM gaps WHERE id = ?", (gap_id,))
    db.execute(
        "INSERT INTO gaps (from_us, to_us, cause, count) VALUES (?, ?, ?, ?)",
        (gap.from_us, gap.to_us, cause, gap.count),
    )


def is_there(db: sqlite3.Connection, from_us: int, cause: str) -> bool:
    """Tell whether a gap that begins there is noted."""
    sql = "SELECT 1 FROM gaps WHERE from_us = ? AND cause = ?"
    return bool(db.execute(sql, (from_us, cause)).fetchall())


def unreported(db: sqlite3.Connection, n: int) -> list[dict]:
    """Give the oldest ``n`` that the server does not have."""
    sql = "SELECT id, from_us, to_us, cause, count FROM gaps WHERE acknowledged = 0 ORDER BY id"
    return [
        {"id": i, "from_ts": ts_text(a), "to_ts": ts_text(b), "cause": cause, "count": count}
        for i, a, b, cause, count in db.execute(f"{sql} LIMIT ?", (n,)).fetchall()
    ]


def reported(db: sqlite3.Connection, ids: Collection[int]) -> None:
    """Note that the server has them."""
    db.executemany("UPDATE gaps SET acknowledged = 1 WHERE id = ?", [(i,) for i in ids])


def thinned(db: sqlite3.Connection) -> int:
    """Count the readings that were ever thinned."""
    sql = "SELECT coalesce(sum(count), 0) FROM gaps WHERE cause = ?"
    return db.execute(sql, (THINNED,)).fetchall()[0][0]
