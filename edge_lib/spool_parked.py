"""The spool's parked readings: what can be no sample, kept with its reason.

The functions that take a connection run inside their caller's lock and transaction.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Collection
from typing import NamedTuple

from edge_lib.spool_row import Row, checksum, insert, pack, ts_text, whole

DAMAGED = "checksum"  # the row is not what was written: it stays where it is
MISSING = "missing"  # queued, but the row itself is gone

Decode = Callable[[dict[int, int]], dict | None]

log = logging.getLogger("sungrow.edge.spool")


class Parked(NamedTuple):
    """One row of ``parked``. A damaged one may hold anything, anywhere."""

    id: int
    ts_us: int | None
    boot: str | None
    seq: int | None
    boottime_us: int | None
    ts_src: int | None
    reason: str
    content: str | None
    crc: int
    reported: int

    def intact(self) -> bool:
        """Tell whether the row is what was written."""
        return self.crc == checksum(*self[1:8])

    def shown(self) -> dict:
        """Give ``id, boot, seq, ts, reason, content, reported``; damage shows as None or text.

        ``content`` is the sample, or ``{"words": {register number as text: word}}``.
        """
        shown = self._readable() if self.releasable() else self._damaged()
        return {"id": self.id, **shown, "reported": bool(self.reported)}

    def releasable(self) -> bool:
        """Tell whether the reading itself is whole."""
        return self.intact() and self.reason not in (DAMAGED, MISSING)

    def words(self) -> dict[int, int] | None:
        """Give the words of a poll that could not be decoded, by document number."""
        words = json.loads(self.content).get("words")
        return words and {int(number): word for number, word in words.items()}

    def _readable(self) -> dict:
        if self.words() is None:
            content = whole(self.content, self.ts_us, self.boot, self.seq, self.ts_src)
        else:
            content = json.loads(self.content)
        ts = ts_text(self.ts_us)
        poll = {"boot": self.boot, "seq": self.seq, "ts": ts}
        return poll | {"reason": self.reason, "content": content}

    def _damaged(self) -> dict:
        # Nothing here may spoil the JSON in which it travels to the server.
        return {
            "boot": self.boot if type(self.boot) is str else None,
            "seq": self.seq if type(self.seq) is int else None,
            "ts": None,
            "reason": self.reason if self.intact() else DAMAGED,
            "content": None if self.content is None else str(self.content),
        }


def park_damaged(db: sqlite3.Connection, row: Row) -> None:
    """Move a sample aside that is not what was written, and say so: its medium is failing."""
    log.error("damaged row parked", extra={"id": row.id, "boot": row.boot, "seq": row.seq})
    park_row(db, row, DAMAGED)


def park_row(db: sqlite3.Connection, row: Row, reason: str) -> None:
    """Move a sample out of the queue, whatever state its row is in."""
    if row.payload is None:
        reason = MISSING
    elif not row.intact():
        reason = DAMAGED
    park(db, row, reason, row.payload)
    db.execute("DELETE FROM queue WHERE id = ?", (row.id,))
    db.execute("DELETE FROM samples WHERE id = ?", (row.id,))


def park_words(db: sqlite3.Connection, row: Row, reason: str, words: dict[int, int]) -> None:
    """Keep the words of a poll, once; of ``row`` only times, boot and seq count."""
    same = "SELECT 1 FROM parked WHERE boot = ? AND seq = ? AND ts_us = ?"
    if db.execute(same, (row.boot, row.seq, row.ts_us)).fetchall():
        return  # by a commit that was said to have failed
    park(db, row, reason, json.dumps({"words": words}, separators=(",", ":")))


def park(db: sqlite3.Connection, row: Row, reason: str, content: str | None) -> None:
    """Add one row to ``parked``."""
    # A reason may quote what a server sent, and half a surrogate pair is no UTF-8.
    reason = reason.encode(errors="backslashreplace").decode()
    values = (*row[1:6], reason, content)
    db.execute(
        "INSERT INTO parked (ts_us, boot, seq, boottime_us, ts_src, reason, content, crc)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, checksum(*values)),
    )


def rows(db: sqlite3.Connection) -> list[Parked]:
    """Give all of them, the oldest first."""
    return [Parked(*row) for row in db.execute("SELECT * FROM parked ORDER BY id").fetchall()]


def unreported(db: sqlite3.Connection, n: int) -> list[Parked]:
    """Give the oldest ``n`` that the server does not have."""
    sql = "SELECT * FROM parked WHERE reported = 0 ORDER BY id LIMIT ?"
    return [Parked(*row) for row in db.execute(sql, (n,)).fetchall()]


def reported(db: sqlite3.Connection, ids: Collection[int]) -> None:
    """Note that the server has them."""
    db.executemany("UPDATE parked SET reported = 1 WHERE id = ?", [(i,) for i in ids])


def release(db: sqlite3.Connection, parked_id: int, decode: Decode | None) -> Row | None:
    """Make a parked reading a sample again, under its own time, boot and seq.

    Returns:
        The stored sample's row; None if there is no such reading, or it is still no sample.
    """
    found = db.execute("SELECT * FROM parked WHERE id = ?", (parked_id,)).fetchall()
    payload = _payload(Parked(*found[0]), decode) if found else None
    if payload is None:
        return None
    parked = Parked(*found[0])
    db.execute("DELETE FROM parked WHERE id = ?", (parked_id,))
    return insert(db, Row(0, *parked[1:6], payload, 0))


def _payload(parked: Parked, decode: Decode | None) -> str | None:
    if not parked.releasable():
        return None
    words = parked.words()
    if words is None:
        return parked.content
    fields = decode(words) if decode else None
    return None if fields is None else pack(fields)
