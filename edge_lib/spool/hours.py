"""Delivered readings by the hour, to compare with a server that may have lost some.

Every function runs inside its caller's lock, the writing ones inside its transaction. An hour is
counted since 1970, UTC.
"""

import sqlite3

from edge_lib.spool import meta
from edge_lib.spool.kinds import SAMPLES, Kind
from edge_lib.spool.meta import SETTLED
from edge_lib.spool.rows import HOUR_US, enqueue

# No server takes a sample of another time, so a delivered one that claims it is damaged.
_EARLIEST_US, _END_US = 1_262_304_000_000_000, 4_102_444_800_000_000  # 2010, 2100


def delivered(db: sqlite3.Connection, kind: Kind = SAMPLES) -> dict[int, tuple[int, int]]:
    """Return, for each hour, how many delivered samples are kept, and the sum of their us in it."""
    sql = (
        "SELECT ts_us / :hour_us, count(*), sum(ts_us % :hour_us)"
        " FROM delivered JOIN samples USING (id) WHERE typeof(ts_us) = 'integer'"
        " AND ts_us >= :earliest_us AND ts_us < :end_us GROUP BY 1"
    )
    span = {"hour_us": HOUR_US, "earliest_us": _EARLIEST_US, "end_us": _END_US}
    rows = db.execute(kind.sql(sql), span).fetchall()
    return {hour: (count, sum_us) for hour, count, sum_us in rows}


def requeue(db: sqlite3.Connection, hour: int, kind: Kind = SAMPLES) -> int:
    """Put an hour's delivered samples back into the queue; return their number."""
    sql = "SELECT id FROM samples JOIN delivered USING (id) WHERE ts_us >= ? AND ts_us < ?"
    ids = db.execute(kind.sql(sql), (hour * HOUR_US, (hour + 1) * HOUR_US)).fetchall()
    db.executemany(kind.sql("DELETE FROM delivered WHERE id = ?"), ids)
    for (row_id,) in ids:
        enqueue(db, row_id, kind)
    return len(ids)


def settled_key(kind: Kind) -> str:
    """Return what the names in ``meta`` of a kind's settled hours begin with."""
    return f"{kind.prefix}{SETTLED}"


def settled(db: sqlite3.Connection, kind: Kind = SAMPLES) -> dict[int, str]:
    """Return the hours that differ for good, with what the server had when that was found."""
    found = meta.under(db, settled_key(kind)).items()
    return {int(hour): str(value) for hour, value in found if hour.isdecimal() and hour.isascii()}


def settle(db: sqlite3.Connection, hours: dict[int, str], kind: Kind = SAMPLES) -> None:
    """Replace the hours that differ for good."""
    key = settled_key(kind)
    for known in meta.under(db, key):
        meta.remove(db, f"{key}{known}")
    for hour, value in hours.items():
        meta.put(db, f"{key}{hour:d}", value)
