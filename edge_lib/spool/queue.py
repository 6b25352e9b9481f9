"""The queue: what waits, in which order, and how much.

Every function runs inside its caller's lock. ``acked``: delivered, but not yet written down.
"""

import json
import sqlite3
from collections.abc import Collection
from typing import NamedTuple

from edge_lib.shared.fields import Reading
from edge_lib.spool.kinds import SAMPLES, Kind
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
    """A reading, as JSON, and the id under which the spool keeps it among those of its kind."""

    id: int
    text: str

    @property
    def sample(self) -> Reading:
        """The reading; optional fields that were null are absent."""
        reading: Reading = json.loads(self.text)
        return reading


class Counts(NamedTuple):
    """How much waits of one kind: to be sent, parked, with a time that is provisional."""

    depth: int
    parked: int
    oldest_unsent_ts: str | None
    provisional: int


def rows(
    db: sqlite3.Connection, sql: str, n: int, acked: Collection[int], kind: Kind = SAMPLES
) -> list[Row]:
    """Return ``n`` rows of OLDEST or NEWEST."""
    found = db.execute(kind.sql(sql), (n + len(acked),)).fetchall()
    return [Row._make((*row, kind)) for row in found if row[0] not in acked][:n]


def one(db: sqlite3.Connection, row_id: int, kind: Kind = SAMPLES) -> Row | None:
    """Return a row that waits; None if none with that id does."""
    found = db.execute(kind.sql(_ONE), (row_id,)).fetchall()
    return Row._make((*found[0], kind)) if found else None


def waiting(db: sqlite3.Connection, ids: Collection[int], kind: Kind = SAMPLES) -> set[int]:
    """Return those of the ids that wait."""
    sql = kind.sql("SELECT id FROM queue WHERE id IN (SELECT value FROM json_each(?))")
    return {row_id for (row_id,) in db.execute(sql, (json.dumps(list(ids)),)).fetchall()}


def begin_to_count(db: sqlite3.Connection, kind: Kind = SAMPLES) -> None:
    """Count the queue, and from now on with each change: once in a connection, before ``counts``.

    To count a month's backlog again for each batch of it took a quarter of the time of sending it.
    The count is in memory, for this connection alone; a transaction rolled back takes it back too.
    """
    ((queued,),) = db.execute(kind.sql("SELECT count(*) FROM queue")).fetchall()
    made = kind.sql("CREATE TEMP TABLE queued AS SELECT CAST(? AS INTEGER) AS count")
    db.execute(made, (queued,))
    for trigger in _COUNTING:
        db.execute(kind.sql(trigger))


def counts(db: sqlite3.Connection, acked: Collection[int], kind: Kind = SAMPLES) -> Counts:
    """Count what waits."""
    sql = (
        "SELECT (SELECT count FROM queued), (SELECT count(*) FROM parked),"
        " (SELECT count(*) FROM samples WHERE ts_src = 2)"
    )
    ((queued, parked, provisional),) = db.execute(kind.sql(sql)).fetchall()
    first = rows(db, OLDEST, 1, acked, kind)
    ts = ts_text(first[0].ts_us) if first and first[0].intact() else None
    return Counts(queued - len(acked), parked, ts, provisional)
