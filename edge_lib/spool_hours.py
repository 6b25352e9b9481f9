"""Delivered samples by the hour, to compare with a server that may have lost some. For ``Spool``.

Every function runs inside its caller's lock, the writing ones inside its transaction. An hour is
counted since 1970, UTC.
"""

import sqlite3

from edge_lib.spool_row import HOUR_US

_SETTLED = "settled:"


def delivered(db: sqlite3.Connection) -> dict[int, tuple[int, int]]:
    """Give, for each hour, how many delivered samples are kept, and the sum of their us in it."""
    sql = (
        "SELECT ts_us / :hour_us, count(*), sum(ts_us % :hour_us)"
        " FROM delivered JOIN samples USING (id) GROUP BY 1"
    )
    rows = db.execute(sql, {"hour_us": HOUR_US}).fetchall()
    return {hour: (count, sum_us) for hour, count, sum_us in rows}


def requeue(db: sqlite3.Connection, hour: int) -> int:
    """Put an hour's delivered samples back into the queue; give their number."""
    sql = "SELECT id FROM samples JOIN delivered USING (id) WHERE ts_us >= ? AND ts_us < ?"
    ids = db.execute(sql, (hour * HOUR_US, (hour + 1) * HOUR_US)).fetchall()
    db.executemany("DELETE FROM delivered WHERE id = ?", ids)
    db.executemany("INSERT INTO queue VALUES (?)", ids)
    return len(ids)


def settled(db: sqlite3.Connection) -> dict[int, str]:
    """Give the hours that differ for good, with what the server had when that was found."""
    rows = db.execute("SELECT key, value FROM meta WHERE key LIKE 'settled:%'").fetchall()
    return {int(key.removeprefix(_SETTLED)): value for key, value in rows}


def settle(db: sqlite3.Connection, hours: dict[int, str]) -> None:
    """Replace the hours that differ for good."""
    db.execute("DELETE FROM meta WHERE key LIKE 'settled:%'")
    rows = [(f"{_SETTLED}{hour:d}", value) for hour, value in hours.items()]
    db.executemany("INSERT INTO meta VALUES (?, ?)", rows)
