"""What the spool keeps beyond the queue: delivered samples, for a while.

Every function runs inside its caller's lock, the writing ones inside its transaction.
"""

import sqlite3
from collections.abc import Iterable

from edge_lib.shared.sample import TsSource
from edge_lib.spool.rows import HOUR_US, NUMBERED, Row

# What an hour may delete: three times what it adds at the shortest period, so a backlog's expiry
# never stalls a poll, and a clock gone wrong cannot take the whole reserve at once.
EXPIRED_PER_HOUR = 2000
# A damaged id may name a sample that still waits: that one stays.
_DELIVERED = "SELECT id FROM delivered WHERE id NOT IN (SELECT id FROM queue)"


def settle(db: sqlite3.Connection, acked: Iterable[int], hour: int, keep: bool) -> None:
    """Write down what was delivered in an hour since 1970; without ``keep`` delete it."""
    # Unknown (0) in a process that has stored nothing yet.
    hour = hour or newest_hour(db)
    ids = [(i,) for i in acked]
    db.executemany("DELETE FROM queue WHERE id = ?", ids)
    if keep:
        db.executemany(
            "INSERT OR REPLACE INTO delivered VALUES (?, ?)", [(i, hour) for (i,) in ids]
        )
    else:
        db.executemany("DELETE FROM samples WHERE id = ?", ids)


def expire(db: sqlite3.Connection, before_hour: int) -> None:
    """Delete samples that were delivered before an hour, one batch of them."""
    _delete(db, f"{_DELIVERED} AND hour < ? ORDER BY id LIMIT ?", (before_hour, EXPIRED_PER_HOUR))


def expire_early(db: sqlite3.Connection, n: int) -> None:
    """Delete the ``n`` oldest delivered samples, to make room."""
    _delete(db, f"{_DELIVERED} ORDER BY id LIMIT ?", (n,))


def _delete(db: sqlite3.Connection, sql: str, args: tuple[int, ...]) -> None:
    ids = db.execute(sql, args).fetchall()
    db.executemany("DELETE FROM samples WHERE id = ?", ids)
    db.executemany("DELETE FROM delivered WHERE id = ?", ids)


def number_above(db: sqlite3.Connection, above_id: int) -> None:
    """Let a new file's ids begin above one: a late receipt must name nothing new."""
    for table in NUMBERED:
        known = db.execute("SELECT 1 FROM sqlite_sequence WHERE name = ?", (table,)).fetchall()
        if above_id and not known:
            db.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, above_id))


def newest_hour(db: sqlite3.Connection) -> int:
    """Return the hour of the newest sample with a time to trust; 0 without one."""
    found = db.execute(
        "SELECT * FROM samples WHERE ts_src <> ? ORDER BY id DESC", (int(TsSource.PROVISIONAL),)
    )
    newest = next(filter(Row.intact, (Row(*row) for row in found)), None)
    return newest.ts_us // HOUR_US if newest else 0
