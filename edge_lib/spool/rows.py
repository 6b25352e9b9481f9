"""A reading as a row of the spool: packing, checksum, and the one INSERT. No lock, no transaction.

The functions that take a connection run inside their caller's transaction.
"""

import json
import sqlite3
import zlib
from datetime import datetime
from typing import NamedTuple, TypeGuard

from edge_lib.shared.fields import Reading
from edge_lib.shared.sample import TsSource
from edge_lib.shared.timestamps import format_ts, from_us, to_us
from edge_lib.spool.kinds import KINDS, SAMPLES, Kind

HOUR_US = 3_600_000_000

# Beyond that an id, like a time, is the work of damage.
MOST_ID = 2**53
_END_US = 253_402_300_800_000_000  # the year 10000, which no datetime reaches
_HELD = frozenset({"ts", "boot", "seq", "ts_src"})  # by the columns
SELECT = "SELECT id, ts_us, boot, seq, boottime_us, ts_src, payload, crc FROM samples"
INSERT = (
    "INSERT INTO samples (id, ts_us, boot, seq, boottime_us, ts_src, payload, crc)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


class Row(NamedTuple):
    """One row of ``samples``, or of another kind's table. A damaged one may hold anything."""

    id: int
    ts_us: int
    boot: str
    seq: int
    boottime_us: int
    ts_src: int
    payload: str
    crc: int
    kind: Kind = SAMPLES  # known by the table; the checksum covers it

    def intact(self) -> bool:
        """Return whether the row is what was written."""
        return self.crc == checksum(*self.kind.seal, *self[:7])

    def sealed(self) -> "Row":
        """Return the row with the checksum that belongs to it."""
        return self._replace(crc=checksum(*self.kind.seal, *self[:7]))

    def sample(self) -> Reading:
        """Return the reading; optional fields that were null are absent."""
        return whole(self.payload, self.ts_us, self.boot, self.seq, self.ts_src)

    def text(self) -> str:
        """Return the reading as JSON."""
        return text(self.payload, self.ts_us, self.boot, self.seq, self.ts_src)


def checksum(*values: object) -> int:
    """Return the CRC-32 of values of any type; None and 'None' need not differ."""
    return zlib.crc32("\0".join(map(str, values)).encode(errors="backslashreplace"))


def new(
    ts: datetime,
    boot: str,
    seq: int,
    boottime_us: int,
    ts_src: int,
    payload: str = "",
    kind: Kind = SAMPLES,
) -> Row:
    """Return a row that is not stored yet: without id and crc."""
    # int(): SQLite would store 5.0 as 5, and the checksum would not fit it.
    return Row(0, to_us(ts), boot, int(seq), int(boottime_us), int(ts_src), payload, 0, kind)


def is_time(value: object) -> TypeGuard[int]:
    """Return whether a value can be microseconds since 1970."""
    return type(value) is int and 0 <= value < _END_US


def ts_text(ts_us: int) -> str:
    """Write microseconds since 1970 as the contract's ``ts``."""
    return format_ts(from_us(ts_us))


def pack(reading: Reading, kind: Kind = SAMPLES) -> str:
    """Write what the columns do not hold as compact JSON, without nulls that may as well be absent.

    Raises:
        ValueError: a NaN or an infinity, which no checked sample holds.
    """
    kept = {
        name: value
        for name, value in reading.items()
        if name not in _HELD and (value is not None or name in kind.required)
    }
    return json.dumps(kept, separators=(",", ":"), allow_nan=False)


def text(payload: str, ts_us: int, boot: str, seq: int, ts_src: int) -> str:
    """Return a whole reading as JSON; the values are those of an intact row."""
    # As text: to read and write the JSON of each again was half of the work on a backlog.
    columns = f'"ts":"{ts_text(ts_us)}","boot":"{boot}","seq":{seq},"ts_src":{ts_src}'
    return f"{payload[:-1]},{columns}}}"


def whole(payload: str, ts_us: int, boot: str, seq: int, ts_src: int) -> Reading:
    """Put a reading together again."""
    reading: Reading = json.loads(text(payload, ts_us, boot, seq, ts_src))
    return reading


def insert(db: sqlite3.Connection, row: Row) -> Row:
    """Store a reading, queued unless its time is provisional, under an id and a crc of its own.

    A commit that failed may have reached the disk all the same: where the log could not be cut, the
    next opening finds it whole. So a reading that is there already is not stored again.

    Returns:
        The row as stored: ``ts_us`` moved on until no other of its kind has it.
    """
    there = _already_there(db, row)
    if there:
        return there
    kind = row.kind
    new_id = next_id(db, "samples", kind)  # here, because the checksum covers it
    row = row._replace(id=new_id, ts_us=free_ts(db, row.ts_us, new_id, kind)).sealed()
    db.execute(kind.sql(INSERT), row[:8])
    if row.ts_src != TsSource.PROVISIONAL:
        enqueue(db, row.id, kind)
    return row


def enqueue(db: sqlite3.Connection, row_id: int, kind: Kind) -> None:
    """Let a reading wait to be sent."""
    db.execute(kind.sql("INSERT OR IGNORE INTO queue (id) VALUES (?)"), (row_id,))


def at(db: sqlite3.Connection, where: str, args: tuple[object, ...], kind: Kind) -> list[Row]:
    """Return rows, whatever state they are in; ``where`` is the rest of the query."""
    found = db.execute(kind.sql(f"{SELECT} {where}"), args).fetchall()
    return [Row._make((*values, kind)) for values in found]


def next_id(db: sqlite3.Connection, table: str, kind: Kind = SAMPLES) -> int:
    """Return the id of a table's next row: above every id ever used, as far as it knows.

    Queried instead of left to AUTOINCREMENT, which a damaged counter would bring to its end.
    """
    used = db.execute(_COUNTED, (kind.sql(table), MOST_ID)).fetchall()
    used += db.execute(kind.sql(_HIGHEST[table]), (MOST_ID,)).fetchall()
    return 1 + max(highest or 0 for (highest,) in used)


_COUNTED = (
    "SELECT max(seq) FROM sqlite_sequence WHERE name = ? AND typeof(seq) = 'integer' AND seq < ?"
)
_HIGHEST = {
    "samples": "SELECT max(id) FROM samples WHERE id < ?",
    "parked": "SELECT max(id) FROM parked WHERE id < ?",
    "gaps": "SELECT max(id) FROM gaps WHERE id < ?",
}
# All tables with AUTOINCREMENT, by their names.
NUMBERED = {kind.sql(table): (table, kind) for kind in KINDS for table in _HIGHEST}


def _already_there(db: sqlite3.Connection, row: Row) -> Row | None:
    """Return the same reading where the spool holds it, at its time or moved on from there."""
    ts_us = row.ts_us
    while found := at(db, "WHERE ts_us = ?", (ts_us,), row.kind):
        there = found[0]
        if (there.boot, there.seq) == (row.boot, row.seq) and there.intact():
            return there
        ts_us += 1
    return None


def free_ts(db: sqlite3.Connection, ts_us: int, row_id: int, kind: Kind) -> int:
    """Return the first microsecond from ``ts_us`` on that no reading but ``row_id`` holds."""
    taken = kind.sql("SELECT 1 FROM samples WHERE ts_us = ? AND id <> ?")
    while db.execute(taken, (ts_us, row_id)).fetchall():
        ts_us += 1
    return ts_us
