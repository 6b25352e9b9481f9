"""The last number of each boot's polls, so that none is ever used twice.

``boots`` knows it of all samples up to ``covered_id``, whatever was deleted since; the samples
after it hold their own. Where a row of ``boots`` was damaged there is no ``covered_id``, until the
next opening has read every sample. Every function runs inside its caller's lock, the writing
ones inside its transaction.
"""

import sqlite3

from edge_lib.spool import meta, parked, rows
from edge_lib.spool.kinds import KINDS, SAMPLES, Kind
from edge_lib.spool.meta import COVERED
from edge_lib.spool.recovery import soundness
from edge_lib.spool.recovery.soundness import Table, is_count
from edge_lib.spool.rows import Row, next_id


def covered(kind: Kind) -> str:
    """Return the name in ``meta`` of what ``boots`` covers of a kind."""
    return f"{kind.prefix}{COVERED}"


def _table(kind: Kind) -> Table:
    return Table(
        kind.sql("boots"),
        kind.sql("SELECT rowid, boot, last_seq, crc FROM boots"),
        kind.sql("DELETE FROM boots WHERE rowid = ?"),
        lambda boot, last_seq: type(boot) is str and is_count(last_seq),
        lambda db: meta.remove(db, covered(kind)),
    )


BOOTS = {kind: _table(kind) for kind in KINDS}


class Uncovered:
    """What the readings know that ``boots`` does not.

    Attributes:
        seqs: each boot's last number among them.
        is_all: whether they and ``boots`` know every number that was used.
    """

    def __init__(self, db: sqlite3.Connection, kind: Kind = SAMPLES):
        """Read them; every one, where ``boots`` cannot be trusted to cover any."""
        self.seqs: dict[str, int] = {}
        known_id = _covered(db, kind)
        last: Row | None = None
        # One by one: after a salvage they may be a whole spool.
        sql = kind.sql(f"{rows.SELECT} WHERE id > ? ORDER BY id")
        for values in db.execute(sql, (known_id or 0,)):
            last = Row._make((*values, kind))
            if last.intact():
                self.seqs[last.boot] = max(last.seq, self.seqs.get(last.boot, 0))
        self.is_all = known_id is not None or _is_last_given(db, last, kind)


def _covered(db: sqlite3.Connection, kind: Kind) -> int | None:
    ((count,),) = db.execute(kind.sql("SELECT count(*) FROM boots")).fetchall()
    if len(soundness.rows(db, BOOTS[kind])) < count:
        return None
    last_id = meta.get(db, covered(kind))
    return last_id if is_count(last_id) else None


def _is_last_given(db: sqlite3.Connection, last: Row | None, kind: Kind) -> bool:
    """Return whether nothing was stored after this one: its number is its boot's highest."""
    last_id = next_id(db, "samples", kind) - 1
    return last_id == 0 if last is None else last.intact() and last.id == last_id


def begin(db: sqlite3.Connection, uncovered: Uncovered, kind: Kind = SAMPLES) -> None:
    """Write down what the readings know, at an opening."""
    cover_more(db, uncovered.seqs, kind)
    if uncovered.is_all:
        _put_covered(db, kind)


def cover(db: sqlite3.Connection, seqs: dict[str, int], kind: Kind = SAMPLES) -> None:
    """Write down each boot's last number, before readings that hold it may be deleted."""
    cover_more(db, seqs, kind)
    if meta.get(db, covered(kind)) is not None:
        _put_covered(db, kind)


def cover_at_least(db: sqlite3.Connection, boot: str, seq: int, kind: Kind = SAMPLES) -> None:
    """Write down a number that no poll of this boot can exceed, where nothing more is known."""
    cover_more(db, {boot: seq}, kind)
    _put_covered(db, kind)


def cover_more(db: sqlite3.Connection, seqs: dict[str, int], kind: Kind = SAMPLES) -> None:
    """Write down numbers that boots have reached, as another file knows them."""
    for boot, seq in seqs.items():
        known = _written(db, boot, kind)
        if known is None or known < seq:
            db.execute(kind.sql("DELETE FROM boots WHERE boot = ?"), (boot,))
            insert(db, boot, seq, kind)


def insert(db: sqlite3.Connection, boot: str, last_seq: int, kind: Kind = SAMPLES) -> None:
    """Add a boot of which nothing is written yet."""
    values = (boot, last_seq, BOOTS[kind].checksum(boot, last_seq))
    db.execute(kind.sql("INSERT INTO boots VALUES (?, ?, ?)"), values)


def covered_seq(db: sqlite3.Connection, boot: str, kind: Kind = SAMPLES) -> int:
    """Return the last number of a boot as ``boots`` and ``parked`` know it, else 0."""
    return max(_written(db, boot, kind) or 0, parked.last_seq(db, boot, kind))


def _written(db: sqlite3.Connection, boot: str, kind: Kind) -> int | None:
    found = soundness.rows(db, BOOTS[kind], "WHERE boot = ?", (boot,))
    return max((last_seq for *_, last_seq in found), default=None)


def _put_covered(db: sqlite3.Connection, kind: Kind) -> None:
    meta.put(db, covered(kind), next_id(db, "samples", kind) - 1)
