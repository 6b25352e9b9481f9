"""The kinds of reading that a poll leaves in the spool; each knows its table.

The memory buffer, an attempt and the commit know no more of a reading than ``Reading`` says.
"""

import sqlite3
from typing import NamedTuple, Protocol

from edge_lib.shared.sample import Sample
from edge_lib.shared.timestamps import parse_ts
from edge_lib.spool import parked, rows
from edge_lib.spool.rows import Row


class Reading(Protocol):
    """One poll's reading, of any kind."""

    @property
    def row(self) -> Row:
        """The poll: boot, seq and times."""

    def insert(self, db: sqlite3.Connection) -> Row | None:
        """Store it, inside the caller's transaction; return a sample's row as stored."""


class SampleReading(NamedTuple):
    """A poll that makes a sample."""

    row: Row

    def insert(self, db: sqlite3.Connection) -> Row | None:
        """Store the sample, queued unless its time is provisional."""
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


def of_sample(sample: Sample, boottime_us: int) -> SampleReading:
    """Return the reading of a checked sample."""
    boot, seq, ts_src = (sample[name] for name in ("boot", "seq", "ts_src"))
    row = rows.new(parse_ts(sample["ts"]), boot, seq, boottime_us, ts_src, rows.pack(sample))
    return SampleReading(row)
