"""What the spool keeps beyond the queue: delivered readings, for a while.

Every function runs inside its caller's lock, the writing ones inside its transaction.
"""

import sqlite3
from collections.abc import Iterable

from edge_lib.shared.sample import TsSource
from edge_lib.spool import rows
from edge_lib.spool.kinds import P1, SAMPLES, Kind
from edge_lib.spool.rows import HOUR_US, NUMBERED, Row

# What an hour may delete: three times what it adds at the shortest period, so a backlog's expiry
# never stalls a poll, and a clock gone wrong cannot take the whole reserve at once.
EXPIRED_PER_HOUR = {SAMPLES: 2000, P1: 10_000}
# A damaged id may name a sample that still waits: that one stays.
_DELIVERED = "SELECT id FROM delivered WHERE id NOT IN (SELECT id FROM queue)"


def settle(
    db: sqlite3.Connection, acked: Iterable[int], hour: int, keep: bool, kind: Kind = SAMPLES
) -> None:
    """Write down what was delivered in an hour since 1970; without ``keep`` delete it."""
    # Unknown (0) in a process that has stored nothing yet.
    hour = hour or newest_hour(db) or newest_hour(db, kind)
    ids = [(i,) for i in acked]
    db.executemany(kind.sql("DELETE FROM queue WHERE id = ?"), ids)
    if keep:
        sql = kind.sql("INSERT OR REPLACE INTO delivered (id, hour) VALUES (?, ?)")
        db.executemany(sql, [(i, hour) for (i,) in ids])
    else:
        db.executemany(kind.sql("DELETE FROM samples WHERE id = ?"), ids)


def expire(db: sqlite3.Connection, before_hour: int, kind: Kind = SAMPLES) -> None:
    """Delete readings that were delivered before an hour, one batch of them."""
    sql = f"{_DELIVERED} AND hour < ? ORDER BY id LIMIT ?"
    _delete(db, sql, (before_hour, EXPIRED_PER_HOUR[kind]), kind)


def expire_early(db: sqlite3.Connection, n: int, kind: Kind = SAMPLES) -> int:
    """Delete the ``n`` oldest delivered readings, to make room; return how many there were."""
    return _delete(db, f"{_DELIVERED} ORDER BY id LIMIT ?", (n,), kind)


def _delete(db: sqlite3.Connection, sql: str, args: tuple[int, ...], kind: Kind) -> int:
    ids = db.execute(kind.sql(sql), args).fetchall()
    db.executemany(kind.sql("DELETE FROM samples WHERE id = ?"), ids)
    db.executemany(kind.sql("DELETE FROM delivered WHERE id = ?"), ids)
    return len(ids)


def number_above(db: sqlite3.Connection, above_id: int) -> None:
    """Let a new file's ids begin above one: a late receipt must name nothing new."""
    for table in NUMBERED:
        known = db.execute("SELECT 1 FROM sqlite_sequence WHERE name = ?", (table,)).fetchall()
        if above_id and not known:
            db.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, above_id))


def newest_hour(db: sqlite3.Connection, kind: Kind = SAMPLES) -> int:
    """Return the hour of the newest reading with a time to trust; 0 without one."""
    found = db.execute(
        kind.sql(f"{rows.SELECT} WHERE ts_src <> ? ORDER BY id DESC"), (int(TsSource.PROVISIONAL),)
    )
    newest = next(filter(Row.intact, (Row._make((*row, kind)) for row in found)), None)
    return newest.ts_us // HOUR_US if newest else 0
