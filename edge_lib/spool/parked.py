"""Parked readings: what makes no sample, or was refused, kept with its reason.

The functions that take a connection run inside their caller's lock and transaction.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from edge_lib.spool.errors import SpoolDamaged
from edge_lib.spool.kinds import KINDS, SAMPLES, Kind
from edge_lib.spool.recovery.soundness import is_count
from edge_lib.spool.rows import Row, checksum, insert, is_time, next_id, pack, ts_text

DAMAGED = "checksum"  # the row is not what was written: it stays where it is
MISSING = "missing"  # queued, but the row itself is gone
_NO_CRC = -1  # what ``reported`` says of a row that damage has left without one

Decode = Callable[[dict[int, int]], dict[str, Any] | None]

log = logging.getLogger("sungrow.edge.spool")


class Parked(NamedTuple):
    """One row of ``parked``, or of another kind's. A damaged one may hold anything, anywhere."""

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
    kind: Kind = SAMPLES  # known by the table; the checksum covers it

    def intact(self) -> bool:
        """Return whether the row is what was written."""
        return self.crc == checksum(*self.kind.seal, *self[1:8])

    def is_reported(self) -> bool:
        """Return whether the server has it."""
        return self.reported == (_NO_CRC if self.crc is None else self.crc)

    def shown(self) -> dict[str, Any]:
        """Return ``id, boot, seq, ts, reason, content, reported``; damage shows as None or text.

        And ``kind``, where it is another than a sample. ``content`` is the reading, or
        ``{"words": {register number as text: word}}``.
        """
        row = self.releasable()
        shown = self._readable(row) if row else self._damaged()
        kind = {} if self.kind is SAMPLES else {"kind": self.kind.name}
        return {"id": self.id, **kind, **shown, "reported": self.is_reported()}

    def releasable(self) -> Row | None:
        """Return the reading as a row of its kind, without an id; None: it is not whole."""
        if not self.intact() or self.reason in (DAMAGED, MISSING):
            return None
        # A checksum of texts takes '5' for 5 and 'None' for None.
        texts = all(type(value) is str for value in (self.boot, self.reason, self.content))
        numbers = all(type(value) is int for value in (self.seq, self.boottime_us, self.ts_src))
        if not (texts and numbers and is_time(self.ts_us)):
            return None
        return Row._make((0, *self[1:6], self.content, 0, self.kind))

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
    """Move a reading aside that is not what was written, and log it: the card may be failing."""
    log.error("damaged row parked", extra={"id": row.id, "boot": row.boot, "seq": row.seq})
    park_row(db, row, DAMAGED)


def park_row(db: sqlite3.Connection, row: Row, reason: str) -> None:
    """Move a reading out of the queue, whatever state its row is in.

    Raises:
        SpoolDamaged: the tree in which it lies is damaged.
    """
    kind = row.kind
    if row.payload is None:
        if db.execute(kind.sql(_INDEXED), (row.id,)).fetchall():
            raise SpoolDamaged("a reading that the index knows is not found by its id")
        reason = MISSING
    elif not row.intact():
        reason = DAMAGED
    park(db, row, reason, row.payload)
    gone = db.execute(kind.sql("DELETE FROM queue WHERE id = ?"), (row.id,)).rowcount
    gone += db.execute(kind.sql("DELETE FROM samples WHERE id = ?"), (row.id,)).rowcount
    if not gone:  # else it would be met, and parked, for ever
        raise SpoolDamaged("a row that was read is not found by its id")


# By the index alone: reads all of it, for what happens once in a card's life.
_INDEXED = "SELECT 1 FROM samples INDEXED BY samples_ts WHERE +id = ?"


def park_words(db: sqlite3.Connection, row: Row, reason: str, words: dict[int, int]) -> None:
    """Keep the words of a poll, once; of ``row`` only times, boot and seq count."""
    park_once(db, row, reason, json.dumps({"words": words}, separators=(",", ":")))


def park_once(db: sqlite3.Connection, row: Row, reason: str, content: str) -> None:
    """Add a reading that was never stored to ``parked``, once."""
    same = row.kind.sql("SELECT 1 FROM parked WHERE boot = ? AND seq = ? AND ts_us = ?")
    if db.execute(same, (row.boot, row.seq, row.ts_us)).fetchall():
        return  # by a commit that was said to have failed
    park(db, row, reason, content)


def park(db: sqlite3.Connection, row: Row, reason: str, content: str | None) -> None:
    """Add one row to ``parked``."""
    # A reason may quote what a server sent, and half a surrogate pair is not UTF-8.
    reason = reason.encode(errors="backslashreplace").decode()
    add(db, new(row, reason, content))


def new(row: Row, reason: str, content: str | None) -> Parked:
    """Return a row that is not stored yet: without an id."""
    values = (*row[1:6], reason, content)
    return Parked(0, *values, checksum(*row.kind.seal, *values), 0, row.kind)


def add(db: sqlite3.Connection, row: Parked) -> None:
    """Add one row as it is, under an id of its own, which no other kind's has either."""
    new_id = max(next_id(db, "parked", kind) for kind in KINDS)
    sql = row.kind.sql("INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    db.execute(sql, (new_id, *row[1:10]))


def last_seq(db: sqlite3.Connection, boot: str, kind: Kind = SAMPLES) -> int:
    """Return the highest number among the parked polls of a boot, 0 without any."""
    sql = "SELECT id FROM parked WHERE boot = ? AND typeof(seq) = 'integer' ORDER BY seq DESC"
    for key in db.execute(kind.sql(sql), (boot,)):
        [row] = at(db, "WHERE id = ?", key, kind)
        if sample := row.releasable():
            return sample.seq
    return 0


def rows(db: sqlite3.Connection, kind: Kind = SAMPLES) -> list[Parked]:
    """Return all of them, the oldest first."""
    return at(db, "ORDER BY id", (), kind)


def unreported(db: sqlite3.Connection, n: int, kind: Kind = SAMPLES) -> list[Parked]:
    """Return the oldest ``n`` that the server does not have."""
    where = "WHERE reported IS NOT coalesce(crc, ?) ORDER BY id LIMIT ?"
    return at(db, where, (_NO_CRC, n), kind)


def reported(db: sqlite3.Connection, ids: Collection[int], kind: Kind = SAMPLES) -> None:
    """Note that the server has them."""
    # No row ever changes, nor does another one get its id: what was sent is what is noted.
    sql = kind.sql("UPDATE parked SET reported = coalesce(crc, ?) WHERE id = ?")
    db.executemany(sql, [(_NO_CRC, i) for i in ids])


def release(
    db: sqlite3.Connection, parked_id: int, decode: Decode | None, kind: Kind = SAMPLES
) -> Row | None:
    """Turn a parked reading into one that waits again, under its own time, boot and seq.

    Returns:
        The stored reading's row; None if there is no such one, or it still makes none.
    """
    found = at(db, "WHERE id = ?", (parked_id,), kind)
    row = found[0].releasable() if found else None
    payload = _payload(row, decode) if row else None
    if row is None or payload is None:
        return None
    db.execute(kind.sql("DELETE FROM parked WHERE id = ?"), (parked_id,))
    return insert(db, row._replace(payload=payload))


def at(db: sqlite3.Connection, where: str, args: tuple[object, ...], kind: Kind) -> list[Parked]:
    """Return rows, whatever state they are in; ``where`` is the rest of the query."""
    found = db.execute(kind.sql(f"{_SELECT} {where}"), args).fetchall()
    return [Parked._make((*row, kind)) for row in found]


_SELECT = "SELECT * FROM parked"


def _payload(row: Row, decode: Decode | None) -> str | None:
    words = words_in(row.payload)
    if words is None:
        return row.payload
    fields = decode(words) if decode else None
    return None if fields is None else pack(fields)
