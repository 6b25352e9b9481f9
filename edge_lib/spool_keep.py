"""What the spool keeps beyond the queue: delivered samples for a while, and each boot's numbers.

Every function runs inside its caller's lock, the writing ones inside its transaction.
"""

import sqlite3
from collections.abc import Iterable

from edge_lib.spool_parked import DAMAGED
from edge_lib.spool_row import HOUR_US, PROVISIONAL, Row

# What an hour may delete: three times what it adds at the shortest period, so a backlog's expiry
# never stalls a poll, and a clock gone wrong cannot take the whole reserve at once.
EXPIRED_PER_HOUR = 2000


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
    sql = "SELECT id FROM delivered WHERE hour < ? ORDER BY id LIMIT ?"
    ids = db.execute(sql, (before_hour, EXPIRED_PER_HOUR)).fetchall()
    db.executemany("DELETE FROM samples WHERE id = ?", ids)
    db.executemany("DELETE FROM delivered WHERE id = ?", ids)


def expire_early(db: sqlite3.Connection, n: int) -> int:
    """Delete the ``n`` oldest delivered samples, to make room; give how many there were."""
    ids = db.execute("SELECT id FROM delivered ORDER BY id LIMIT ?", (n,)).fetchall()
    db.executemany("DELETE FROM samples WHERE id = ?", ids)
    db.executemany("DELETE FROM delivered WHERE id = ?", ids)
    return len(ids)


def number_above(db: sqlite3.Connection, above_id: int) -> None:
    """Let a new file's ids begin above one: a late receipt must name nothing new."""
    for table in ("samples", "parked", "gaps"):
        known = db.execute("SELECT 1 FROM sqlite_sequence WHERE name = ?", (table,)).fetchall()
        if above_id and not known:
            db.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, above_id))


def newest_hour(db: sqlite3.Connection) -> int:
    """Give the hour of the newest sample with a time to trust; 0 without one."""
    sql = "SELECT ts_us FROM samples WHERE ts_src <> ? ORDER BY id DESC LIMIT 1"
    found = db.execute(sql, (PROVISIONAL,)).fetchall()
    return found[0][0] // HOUR_US if found else 0


def uncovered_seqs(db: sqlite3.Connection) -> dict[str, int]:
    """Give each boot's last number among the samples that ``boots`` does not cover yet."""
    sql = "SELECT value FROM meta WHERE key = 'covered_id'"
    covered = db.execute(sql).fetchall()
    sql = "SELECT * FROM samples WHERE id > ? ORDER BY id"
    seqs: dict[str, int] = {}
    # One by one: after a salvage they may be a whole spool.
    for row in db.execute(sql, covered[0] if covered else (0,)):
        if Row(*row).intact():
            boot, seq = row[2:4]
            seqs[boot] = max(seq, seqs.get(boot, 0))
    return seqs


def cover(db: sqlite3.Connection, seqs: dict[str, int]) -> None:
    """Write down each boot's last number, before samples that tell it may be deleted."""
    cover_more(db, seqs)
    db.execute(
        "INSERT OR REPLACE INTO meta"
        " SELECT 'covered_id', seq FROM sqlite_sequence WHERE name = 'samples'"
    )


def covered_seq(db: sqlite3.Connection, boot: str) -> int:
    """Give the last number of a boot as ``boots`` and ``parked`` know it, else 0."""
    found = db.execute("SELECT last_seq FROM boots WHERE boot = ?", (boot,)).fetchall()
    sql = "SELECT max(seq) FROM parked WHERE boot = ? AND reason <> ?"
    found += db.execute(sql, (boot, DAMAGED)).fetchall()
    return max(seq or 0 for (seq,) in found)


def cover_more(db: sqlite3.Connection, seqs: dict[str, int]) -> None:
    """Write down numbers that boots have reached, as another file tells them."""
    db.executemany(
        "INSERT INTO boots VALUES (?, ?)"
        " ON CONFLICT (boot) DO UPDATE SET last_seq = max(last_seq, excluded.last_seq)",
        seqs.items(),
    )
