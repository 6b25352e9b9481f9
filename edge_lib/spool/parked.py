"""Parked readings: what makes no sample, or was refused, kept with its reason.

The functions that take a connection run inside their caller's lock and transaction.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from edge_lib.spool.errors import SpoolDamaged
from edge_lib.spool.recovery.soundness import is_count
from edge_lib.spool.rows import Row, checksum, insert, is_time, next_id, pack, ts_text

DAMAGED = "checksum"  # the row is not what was written: it stays where it is
MISSING = "missing"  # queued, but the row itself is gone
_NO_CRC = -1  # what ``reported`` says of a row that damage has left without one

Decode = Callable[[dict[int, int]], dict[str, Any] | None]

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
        """Return whether the row is what was written."""
        return self.crc == checksum(*self[1:8])

    def is_reported(self) -> bool:
        """Return whether the server has it."""
        return self.reported == (_NO_CRC if self.crc is None else self.crc)

    def shown(self) -> dict[str, Any]:
        """Return ``id, boot, seq, ts, reason, content, reported``; damage shows as None or text.

        ``content`` is the sample, or ``{"words": {register number as text: word}}``.
        """
        row = self.releasable()
        shown = self._readable(row) if row else self._damaged()
        return {"id": self.id, **shown, "reported": self.is_reported()}

    def releasable(self) -> Row | None:
        """Return the reading as a sample's row, without an id; None: it is not whole."""
        if not self.intact() or self.reason in (DAMAGED, MISSING):
            return None
        # A checksum of texts takes '5' for 5 and 'None' for None.
        texts = all(type(value) is str for value in (self.boot, self.reason, self.content))
        numbers = all(type(value) is int for value in (self.seq, self.boottime_us, self.ts_src))
        if not (texts and numbers and is_time(self.ts_us)):
            return None
        return Row._make((0, *self[1:6], self.content, 0))

    def _readable(self, row: Row) -> dict[str, Any]:
        content = row.sample() if words_in(row.payload) is None else json.loads(row.payload)
        poll = {"boot": row.boot, "seq": row.seq, "ts": ts_text(row.ts_us)}
        return poll | {"reason": self.reason, "content": content}

    def _damaged(self) -> dict[str, Any]:
        # Nothing here may spoil the JSON in which it travels to the server.
        known = self.intact() and type(self.reason) is str
        return {
            "boot": self.boot if type(self.boot) is str else None,
            "seq": self.seq if is_count(self.seq) else None,
            "ts": None,
            "reason": self.reason if known else DAMAGED,
            "content": None if self.content is None else str(self.content),
        }


def words_in(content: str) -> dict[int, int] | None:
    """Return the words of a poll that could not be decoded, by document number."""
    words = json.loads(content).get("words")
    return words and {int(number): word for number, word in words.items()}


def park_damaged(db: sqlite3.Connection, row: Row) -> None:
    """Move a sample aside that is not what was written, and log it: the card may be failing."""
    log.error("damaged row parked", extra={"id": row.id, "boot": row.boot, "seq": row.seq})
    park_row(db, row, DAMAGED)


def park_row(db: sqlite3.Connection, row: Row, reason: str) -> None:
    """Move a sample out of the queue, whatever state its row is in.

    Raises:
        SpoolDamaged: the tree in which it lies is damaged.
    """
    if row.payload is None:
        if db.execute(_INDEXED, (row.id,)).fetchall():
            raise SpoolDamaged("a sample that the index knows is not found by its id")
        reason = MISSING
    elif not row.intact():
        reason = DAMAGED
    park(db, row, reason, row.payload)
    gone = db.execute("DELETE FROM queue WHERE id = ?", (row.id,)).rowcount
    gone += db.execute("DELETE FROM samples WHERE id = ?", (row.id,)).rowcount
    if not gone:  # else it would be met, and parked, for ever
        raise SpoolDamaged("a row that was read is not found by its id")


# By the index alone: reads all of it, for what happens once in a card's life.
_INDEXED = "SELECT 1 FROM samples INDEXED BY samples_ts WHERE +id = ?"


def park_words(db: sqlite3.Connection, row: Row, reason: str, words: dict[int, int]) -> None:
    """Keep the words of a poll, once; of ``row`` only times, boot and seq count."""
    same = "SELECT 1 FROM parked WHERE boot = ? AND seq = ? AND ts_us = ?"
    if db.execute(same, (row.boot, row.seq, row.ts_us)).fetchall():
        return  # by a commit that was said to have failed
    park(db, row, reason, json.dumps({"words": words}, separators=(",", ":")))


def park(db: sqlite3.Connection, row: Row, reason: str, content: str | None) -> None:
    """Add one row to ``parked``."""
    # A reason may quote what a server sent, and half a surrogate pair is not UTF-8.
    reason = reason.encode(errors="backslashreplace").decode()
    values = (*row[1:6], reason, content)
    add(db, Parked(0, *values, checksum(*values), 0))


def add(db: sqlite3.Connection, row: Parked) -> None:
    """Add one row as it is, under an id of its own."""
    values = (next_id(db, "parked"), *row[1:])
    db.execute("INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def last_seq(db: sqlite3.Connection, boot: str) -> int:
    """Return the highest number among the parked polls of a boot, 0 without any."""
    sql = "SELECT id FROM parked WHERE boot = ? AND typeof(seq) = 'integer' ORDER BY seq DESC"
    for key in db.execute(sql, (boot,)):
        row = Parked(*db.execute("SELECT * FROM parked WHERE id = ?", key).fetchall()[0])
        if sample := row.releasable():
            return sample.seq
    return 0


def rows(db: sqlite3.Connection) -> list[Parked]:
    """Return all of them, the oldest first."""
    return [Parked(*row) for row in db.execute("SELECT * FROM parked ORDER BY id").fetchall()]


def unreported(db: sqlite3.Connection, n: int) -> list[Parked]:
    """Return the oldest ``n`` that the server does not have."""
    sql = "SELECT * FROM parked WHERE reported IS NOT coalesce(crc, ?) ORDER BY id LIMIT ?"
    return [Parked(*row) for row in db.execute(sql, (_NO_CRC, n)).fetchall()]


def reported(db: sqlite3.Connection, ids: Collection[int]) -> None:
    """Note that the server has them."""
    # No row ever changes, nor does another one get its id: what was sent is what is noted.
    sql = "UPDATE parked SET reported = coalesce(crc, ?) WHERE id = ?"
    db.executemany(sql, [(_NO_CRC, i) for i in ids])


def release(db: sqlite3.Connection, parked_id: int, decode: Decode | None) -> Row | None:
    """Turn a parked reading into a sample again, under its own time, boot and seq.

    Returns:
        The stored sample's row; None if there is no such reading, or it still makes none.
    """
    found = db.execute("SELECT * FROM parked WHERE id = ?", (parked_id,)).fetchall()
    row = Parked(*found[0]).releasable() if found else None
    payload = _payload(row, decode) if row else None
    if row is None or payload is None:
        return None
    db.execute("DELETE FROM parked WHERE id = ?", (parked_id,))
    return insert(db, row._replace(payload=payload))


def _payload(row: Row, decode: Decode | None) -> str | None:
    words = words_in(row.payload)
    if words is None:
        return row.payload
    fields = decode(words) if decode else None
    return None if fields is None else pack(fields)
