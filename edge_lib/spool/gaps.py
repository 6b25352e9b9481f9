"""Gap records: readings that were thinned, a clock that was set, until the server knows of it.

The functions that take a connection run inside their caller's lock, the writing ones inside its
transaction. A record that grows is another one from then on, with an id of its own: so a receipt
never covers more than what was sent.
"""

import re
import sqlite3
from collections.abc import Collection
from typing import Any, NamedTuple

from edge_lib.spool.kinds import KINDS, SAMPLES, Kind
from edge_lib.spool.recovery import soundness
from edge_lib.spool.recovery.soundness import Table, is_count
from edge_lib.spool.rows import is_time, next_id, ts_text

THINNED, CLOCK_STEP = "thinned", "clock_step"
_CAUSE = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)  # as the server has it


class Gap(NamedTuple):
    """So many readings from one time to another (microseconds since 1970) that were given up.

    When a clock was set, none: the span is then what it skipped or went through twice.
    """

    from_us: int
    to_us: int
    readings: int

    def with_one_at(self, ts_us: int) -> "Gap":
        """Return the gap with one more reading in it."""
        return Gap(min(self.from_us, ts_us), max(self.to_us, ts_us), self.readings + 1)


def _fits(from_us: object, to_us: object, cause: object, readings: object) -> bool:
    times = is_time(from_us) and is_time(to_us) and from_us <= to_us
    return times and type(cause) is str and bool(_CAUSE.fullmatch(cause)) and is_count(readings)


def _table(kind: Kind) -> Table:
    return Table(
        kind.sql("gaps"),
        kind.sql("SELECT id, from_us, to_us, cause, count, crc FROM gaps"),
        kind.sql("DELETE FROM gaps WHERE id = ?"),
        _fits,
    )


GAPS = {kind: _table(kind) for kind in KINDS}


def note(db: sqlite3.Connection, gap: Gap, cause: str = THINNED, kind: Kind = SAMPLES) -> None:
    """Write a gap down; one that the server cannot know yet grows instead, if they touch."""
    where = "WHERE acknowledged IS NOT crc AND cause = ? AND from_us <= ? AND to_us >= ?"
    args = (cause, gap.to_us, gap.from_us)
    for gap_id, from_us, to_us, _, readings in soundness.rows(db, GAPS[kind], where, args):
        gap = Gap(min(from_us, gap.from_us), max(to_us, gap.to_us), readings + gap.readings)
        db.execute(GAPS[kind].delete, (gap_id,))
    insert(db, next_id(db, "gaps", kind), gap, cause, kind=kind)


def insert(
    db: sqlite3.Connection,
    gap_id: int,
    gap: Gap,
    cause: str,
    known: bool = False,
    kind: Kind = SAMPLES,
) -> None:
    """Write a gap down under an id; ``known``: the server has it."""
    values = (gap.from_us, gap.to_us, cause, gap.readings)
    crc = GAPS[kind].checksum(*values)
    sql = (
        "INSERT INTO gaps (id, from_us, to_us, cause, count, acknowledged, crc)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
    )
    db.execute(kind.sql(sql), (gap_id, *values, crc if known else 0, crc))


def is_there(db: sqlite3.Connection, gap: Gap, cause: str, kind: Kind = SAMPLES) -> bool:
    """Return whether a gap is noted already, alone or merged with others."""
    where = "WHERE cause = ? AND from_us <= ? AND to_us >= ?"
    return bool(soundness.rows(db, GAPS[kind], where, (cause, gap.from_us, gap.to_us)))


def unreported(db: sqlite3.Connection, n: int, kind: Kind = SAMPLES) -> list[dict[str, Any]]:
    """Return the oldest ``n`` that the server does not have."""
    where = "WHERE acknowledged IS NOT crc ORDER BY id LIMIT ?"
    return [
        {"id": i, "from_ts": ts_text(a), "to_ts": ts_text(b), "cause": cause, "count": count}
        for i, a, b, cause, count in soundness.rows(db, GAPS[kind], where, (n,))
    ]


def reported(db: sqlite3.Connection, ids: Collection[int], kind: Kind = SAMPLES) -> None:
    """Note that the server has them."""
    sql = kind.sql("UPDATE gaps SET acknowledged = crc WHERE id = ?")
    db.executemany(sql, [(i,) for i in ids])


def thinned(db: sqlite3.Connection, kind: Kind = SAMPLES) -> int:
    """Count the readings that were ever thinned."""
    found = soundness.rows(db, GAPS[kind], "WHERE cause = ?", (THINNED,))
    return sum(readings for *_, readings in found)
