"""The queue: what waits, in which order, and how much.

Every function runs inside its caller's lock. ``acked``: delivered, but not yet written down.
"""

import json
import sqlite3
from collections.abc import Collection
from typing import NamedTuple

from edge_lib.shared.sample import Sample
from edge_lib.spool.rows import Row, ts_text

_QUEUED = (
    "SELECT queue.id, ts_us, boot, seq, boottime_us, ts_src, payload, crc"
    " FROM queue LEFT JOIN samples ON samples.id = queue.id"
)
OLDEST = f"{_QUEUED} ORDER BY queue.id LIMIT ?"
NEWEST = f"{_QUEUED} ORDER BY queue.id DESC LIMIT ?"
_ONE = f"{_QUEUED} WHERE queue.id = ?"
_COUNTING = (
    "CREATE TEMP TRIGGER queued_more AFTER INSERT ON main.queue"
    " BEGIN UPDATE queued SET count = count + 1; END",
    "CREATE TEMP TRIGGER queued_less AFTER DELETE ON main.queue"
    " BEGIN UPDATE queued SET count = count - 1; END",
)


class Spooled(NamedTuple):
    """A sample, as JSON, and the id under which the spool keeps it."""

    id: int
    text: str

    @property
    def sample(self) -> Sample:
        """The sample; optional fields that were null are absent."""
        sample: Sample = json.loads(self.text)
        return sample


class Counts(NamedTuple):
    """How much waits: samples to be sent, parked readings, samples whose time is provisional."""

    depth: int
    parked: int
    oldest_unsent_ts: str | None
    provisional: int


def rows(db: sqlite3.Connection, sql: str, n: int, acked: Collection[int]) -> list[Row]:
    """Return ``n`` rows of OLDEST or NEWEST."""
    found = db.execute(sql, (n + len(acked),)).fetchall()
    return [Row(*row) for row in found if row[0] not in acked][:n]


def one(db: sqlite3.Connection, row_id: int) -> Row | None:
    """Return a row that waits; None if none with that id does."""
    found = db.execute(_ONE, (row_id,)).fetchall()
    return Row(*found[0]) if found else None


def waiting(db: sqlite3.Connection, ids: Collection[int]) -> set[int]:
    """Return those of the ids that wait."""
    sql = "SELECT id FROM queue WHERE id IN (SELECT value FROM json_each(?))"
    return {row_id for (row_id,) in db.execute(sql, (json.dumps(list(ids)),)).fetchall()}


def begin_to_count(db: sqlite3.Connection) -> None:
    """Count the queue, and from now on with each change: once in a connection, before ``counts``.

    To count a month's backlog again for each batch of it took a quarter of the time of sending it.
    The count is in memory, for this connection alone; a transaction rolled back takes it back too.
    """
    ((queued,),) = db.execute("SELECT count(*) FROM queue").fetchall()
    db.execute("CREATE TEMP TABLE queued AS SELECT CAST(? AS INTEGER) AS count", (queued,))
    for trigger in _COUNTING:
        db.execute(trigger)


def counts(db: sqlite3.Connection, acked: Collection[int]) -> Counts:
    """Count what waits."""
    sql = (
        "SELECT (SELECT count FROM queued), (SELECT count(*) FROM parked),"
        " (SELECT count(*) FROM samples WHERE ts_src = 2)"
    )
    ((queued, parked, provisional),) = db.execute(sql).fetchall()
    first = rows(db, OLDEST, 1, acked)
    ts = ts_text(first[0].ts_us) if first and first[0].intact() else None
    return Counts(queued - len(acked), parked, ts, provisional)
