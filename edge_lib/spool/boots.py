"""The last number of each boot's polls, so that none is ever used twice.

``boots`` knows it of all samples up to ``covered_id``, whatever was deleted since; the samples
after it hold their own. Where a row of ``boots`` was damaged there is no ``covered_id``, until the
next opening has read every sample. Every function runs inside its caller's lock, the writing
ones inside its transaction.
"""

import sqlite3

from edge_lib.spool import meta, parked
from edge_lib.spool.meta import COVERED
from edge_lib.spool.recovery import soundness
from edge_lib.spool.recovery.soundness import Table, is_count
from edge_lib.spool.rows import Row, next_id

# No poll follows another faster (POLL_INTERVAL_S), so a boot has no more of them than that.
FASTEST_POLL_US = 5_000_000

BOOTS = Table(
    "boots",
    "SELECT rowid, boot, last_seq, crc FROM boots",
    "DELETE FROM boots WHERE rowid = ?",
    lambda boot, last_seq: type(boot) is str and is_count(last_seq),
    lambda db: meta.remove(db, COVERED),
)


class Uncovered:
    """What the samples know that ``boots`` does not.

    Attributes:
        seqs: each boot's last number among them.
        is_all: whether they and ``boots`` know every number that was used.
    """

    def __init__(self, db: sqlite3.Connection):
        """Read them; every sample, where ``boots`` cannot be trusted to cover any."""
        self.seqs: dict[str, int] = {}
        covered = _covered(db)
        last: Row | None = None
        # One by one: after a salvage they may be a whole spool.
        found = db.execute("SELECT * FROM samples WHERE id > ? ORDER BY id", (covered or 0,))
        for last in map(Row._make, found):
            if last.intact():
                self.seqs[last.boot] = max(last.seq, self.seqs.get(last.boot, 0))
        self.is_all = covered is not None or _is_last_given(db, last)


def _covered(db: sqlite3.Connection) -> int | None:
    ((count,),) = db.execute("SELECT count(*) FROM boots").fetchall()
    if len(soundness.rows(db, BOOTS)) < count:
        return None
    covered = meta.get(db, COVERED)
    return covered if is_count(covered) else None


def _is_last_given(db: sqlite3.Connection, last: Row | None) -> bool:
    """Return whether no sample was stored after this one: its number is its boot's highest."""
    last_id = next_id(db, "samples") - 1
    return last_id == 0 if last is None else last.intact() and last.id == last_id


def begin(db: sqlite3.Connection, uncovered: Uncovered) -> None:
    """Write down what the samples know, at an opening."""
    cover_more(db, uncovered.seqs)
    if uncovered.is_all:
        _put_covered(db)


def cover(db: sqlite3.Connection, seqs: dict[str, int]) -> None:
    """Write down each boot's last number, before samples that hold it may be deleted."""
    cover_more(db, seqs)
    if meta.get(db, COVERED) is not None:
        _put_covered(db)


def cover_at_least(db: sqlite3.Connection, boot: str, seq: int) -> None:
    """Write down a number that no poll of this boot can exceed, where nothing more is known."""
    cover_more(db, {boot: seq})
    _put_covered(db)


def cover_more(db: sqlite3.Connection, seqs: dict[str, int]) -> None:
    """Write down numbers that boots have reached, as another file knows them."""
    for boot, seq in seqs.items():
        known = _written(db, boot)
        if known is None or known < seq:
            db.execute("DELETE FROM boots WHERE boot = ?", (boot,))
            insert(db, boot, seq)


def insert(db: sqlite3.Connection, boot: str, last_seq: int) -> None:
    """Add a boot of which nothing is written yet."""
    values = (boot, last_seq, BOOTS.checksum(boot, last_seq))
    db.execute("INSERT INTO boots VALUES (?, ?, ?)", values)


def covered_seq(db: sqlite3.Connection, boot: str) -> int:
    """Return the last number of a boot as ``boots`` and ``parked`` know it, else 0."""
    return max(_written(db, boot) or 0, parked.last_seq(db, boot))


def _written(db: sqlite3.Connection, boot: str) -> int | None:
    found = soundness.rows(db, BOOTS, "WHERE boot = ?", (boot,))
    return max((last_seq for *_, last_seq in found), default=None)


def _put_covered(db: sqlite3.Connection) -> None:
    meta.put(db, COVERED, next_id(db, "samples") - 1)
