"""The kinds of reading that a poll leaves in the spool; each knows its table.

The memory buffer, an attempt and the commit know no more of a reading than ``Reading`` says.
"""

import sqlite3
from typing import NamedTuple, Protocol

from edge_lib.shared import fields
from edge_lib.shared.timestamps import parse_ts
from edge_lib.spool import parked, rows
from edge_lib.spool.kinds import SAMPLES, Kind
from edge_lib.spool.rows import Row


class Reading(Protocol):
    """One poll's reading, of any kind."""

    @property
    def row(self) -> Row:
        """The poll: boot, seq and times."""

    def insert(self, db: sqlite3.Connection) -> Row | None:
        """Store it, inside the caller's transaction; return the row as stored, unless parked."""


class CheckedReading(NamedTuple):
    """A poll that makes a sample, or a reading of another kind."""

    row: Row

    def insert(self, db: sqlite3.Connection) -> Row | None:
        """Store it, queued unless its time is provisional."""
        return rows.insert(db, self.row)


class UndecodedReading(NamedTuple):
    """A poll whose register words cannot be decoded, and the reason."""

    row: Row
    words: dict[int, int]
    reason: str

    def insert(self, db: sqlite3.Connection) -> Row | None:
        """Park the words."""
        parked.park_words(db, self.row, self.reason, self.words)
        return None


class UnfitReading(NamedTuple):
    """A reading that breaks its contract, whole in its row, and the reason."""

    row: Row
    reason: str

    def insert(self, db: sqlite3.Connection) -> Row | None:
        """Park it."""
        parked.park_once(db, self.row, self.reason, self.row.payload)
        return None


def of_sample(sample: fields.Reading, boottime_us: int) -> CheckedReading:
    """Return the reading of a checked sample."""
    return of_kind(SAMPLES, sample, boottime_us)


def of_kind(kind: Kind, reading: fields.Reading, boottime_us: int) -> CheckedReading:
    """Return a checked reading, with ``ts``, ``boot``, ``seq`` and ``ts_src``."""
    boot, seq, ts_src = (reading[name] for name in ("boot", "seq", "ts_src"))
    ts, payload = parse_ts(reading["ts"]), rows.pack(reading, kind)
    return CheckedReading(rows.new(ts, boot, seq, boottime_us, ts_src, payload, kind))
