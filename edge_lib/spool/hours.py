"""Delivered samples by the hour, to compare with a server that may have lost some.

Every function runs inside its caller's lock, the writing ones inside its transaction. An hour is
counted since 1970, UTC.
"""

import sqlite3

from edge_lib.spool import meta
from edge_lib.spool.meta import SETTLED
from edge_lib.spool.rows import HOUR_US

# No server takes a sample of another time, so a delivered one that claims it is damaged.
_EARLIEST_US, _END_US = 1_262_304_000_000_000, 4_102_444_800_000_000  # 2010, 2100


def delivered(db: sqlite3.Connection) -> dict[int, tuple[int, int]]:
    """Return, for each hour, how many delivered samples are kept, and the sum of their us in it."""
    sql = (
        "SELECT ts_us / :hour_us, count(*), sum(ts_us % :hour_us)"
        " FROM delivered JOIN samples USING (id) WHERE typeof(ts_us) = 'integer'"
        " AND ts_us >= :earliest_us AND ts_us < :end_us GROUP BY 1"
    )
    span = {"hour_us": HOUR_US, "earliest_us": _EARLIEST_US, "end_us": _END_US}
    rows = db.execute(sql, span).fetchall()
    return {hour: (count, sum_us) for hour, count, sum_us in rows}


def requeue(db: sqlite3.Connection, hour: int) -> int:
    """Put an hour's delivered samples back into the queue; return their number."""
    sql = "SELECT id FROM samples JOIN delivered USING (id) WHERE ts_us >= ? AND ts_us < ?"
    ids = db.execute(sql, (hour * HOUR_US, (hour + 1) * HOUR_US)).fetchall()
    db.executemany("DELETE FROM delivered WHERE id = ?", ids)
    db.executemany("INSERT OR IGNORE INTO queue VALUES (?)", ids)
    return len(ids)


def settled(db: sqlite3.Connection) -> dict[int, str]:
    """Return the hours that differ for good, with what the server had when that was found."""
    found = meta.under(db, SETTLED).items()
    return {int(hour): str(value) for hour, value in found if hour.isdecimal() and hour.isascii()}


def settle(db: sqlite3.Connection, hours: dict[int, str]) -> None:
    """Replace the hours that differ for good."""
    for known in meta.under(db, SETTLED):
        meta.remove(db, f"{SETTLED}{known}")
    for hour, value in hours.items():
        meta.put(db, f"{SETTLED}{hour:d}", value)
