"""The spool's parked readings: what can be no sample, kept with its reason.

The functions that take a connection run inside their caller's lock and transaction.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Collection
from typing import NamedTuple

from edge_lib.spool.errors import SpoolDamaged
from edge_lib.spool.recovery.soundness import is_count
from edge_lib.spool.rows import Row, checksum, insert, is_time, next_id, pack, ts_text, whole

DAMAGED = "checksum"  # the row is not what was written: it stays where it is
MISSING = "missing"  # queued, but the row itself is gone
_NO_CRC = -1  # what ``reported`` says of a row that damage has left without one

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
        """Return whether the row is what was written."""
        return self.crc == checksum(*self[1:8])

    def is_reported(self) -> bool:
        """Return whether the server has it."""
        return self.reported == (_NO_CRC if self.crc is None else self.crc)

    def shown(self) -> dict:
        """Return ``id, boot, seq, ts, reason, content, reported``; damage shows as None or text.

        ``content`` is the sample, or ``{"words": {register number as text: word}}``.
        """
        shown = self._readable() if self.releasable() else self._damaged()
        return {"id": self.id, **shown, "reported": self.is_reported()}

    def releasable(self) -> bool:
        """Return whether the reading itself is whole."""
        if not self.intact() or self.reason in (DAMAGED, MISSING):
            return False
        # A checksum of texts takes '5' for 5 and 'None' for None.
        texts = all(type(value) is str for value in (self.boot, self.reason, self.content))
        numbers = all(type(value) is int for value in (self.seq, self.boottime_us, self.ts_src))
        return texts and numbers and is_time(self.ts_us)

    def words(self) -> dict[int, int] | None:
        """Return the words of a poll that could not be decoded, by document number."""
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
        known = self.intact() and type(self.reason) is str
        return {
            "boot": self.boot if type(self.boot) is str else None,
            "seq": self.seq if is_count(self.seq) else None,
            "ts": None,
            "reason": self.reason if known else DAMAGED,
            "content": None if self.content is None else str(self.content),
        }


def park_damaged(db: sqlite3.Connection, row: Row) -> None:
    """Move a sample aside that is not what was written, and say so: its medium is failing."""
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
    # A reason may quote what a server sent, and half a surrogate pair is no UTF-8.
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
        if row.releasable():
            return row.seq
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
