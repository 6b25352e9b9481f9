"""Counts of polls by the quarter hour as rows of the spool, until the server has them.

The functions that take a connection run inside their caller's lock, the writing ones inside its
transaction.
"""

import json
import sqlite3
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from edge_lib.spool import parked
from edge_lib.spool import rows as readings
from edge_lib.spool.kinds import KINDS, SAMPLES, Kind
from edge_lib.spool.recovery import soundness
from edge_lib.spool.recovery.soundness import Table, is_count
from edge_lib.spool.rows import is_time, ts_text

SLOT_US = 15 * 60 * 1_000_000
_MOST = 2**31 - 1  # polls that the server takes for one quarter hour


class Slot(NamedTuple):
    """The counts of one quarter hour of one boot.

    ``last_seq`` is the number of the last reading among them: those after it are not counted yet.
    0: not known, or none. ``kind``: of what was polled.
    """

    boot: str
    slot_us: int
    polled: int
    failed: Mapping[str, int]
    last_seq: int = 0
    kind: Kind = SAMPLES

    def content(self) -> dict[str, Any]:
        """Return it as the contract has it."""
        slot = ts_text(self.slot_us)
        counts = {"boot": self.boot, "slot": slot, "polled": self.polled, "failed": self.failed}
        return counts if self.kind is SAMPLES else {"kind": self.kind.name, **counts}

    def text(self) -> str:
        """Return what the spool keeps of it beside its key."""
        counts: dict[str, Any] = {"polled": self.polled, "failed": self.failed}
        return json.dumps(counts | ({"seq": self.last_seq} if self.last_seq else {}))

    def row(self) -> tuple[str, int, str, int]:
        """Return it as a row: key, content and checksum."""
        values = (self.boot, self.slot_us, self.text())
        return (*values, REPORTS[self.kind].checksum(*values))


def read(boot: object, slot_us: object, content: object, kind: Kind = SAMPLES) -> Slot | None:
    """Return the counts of a row; None where it holds none."""
    if type(boot) is not str or type(content) is not str or not is_time(slot_us):
        return None
    try:
        counts = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if type(counts) is not dict:
        return None
    polled, failed, seq = counts.get("polled"), counts.get("failed"), counts.get("seq", 0)
    if not (is_count(polled, _MOST) and type(failed) is dict and is_count(seq)):
        return None
    if not all(is_count(count, _MOST) for count in failed.values()):
        return None
    return Slot(boot, slot_us, polled, failed, seq, kind)


def _table(kind: Kind) -> Table:
    return Table(
        kind.sql("reports"),
        kind.sql("SELECT rowid, boot, slot_us, content, crc FROM reports"),
        kind.sql("DELETE FROM reports WHERE rowid = ?"),
        lambda *values: read(*values) is not None,
    )


REPORTS = {kind: _table(kind) for kind in KINDS}


def write(db: sqlite3.Connection, slot: Slot) -> Slot:
    """Write the counts down, and return them; what is known of that quarter hour beyond them stays.

    Nothing is counted back. But a spool that is salvaged may know of the time before a restart.
    """
    kind = slot.kind
    known = _written(db, slot.boot, slot.slot_us, kind)
    if known is None:
        insert(db, slot)
        return slot
    slot = _joined(slot, known)
    boot, slot_us, content, crc = slot.row()
    sql = "UPDATE reports SET content = ?, crc = ? WHERE boot = ? AND slot_us = ?"
    db.execute(kind.sql(sql), (content, crc, boot, slot_us))
    return slot


def insert(db: sqlite3.Connection, slot: Slot, known: bool = False) -> None:
    """Add counts of a quarter hour of which nothing is written; ``known``: the server has them."""
    boot, slot_us, content, crc = slot.row()
    values = (boot, slot_us, content, crc if known else 0, crc)
    db.execute(slot.kind.sql("INSERT INTO reports VALUES (?, ?, ?, ?, ?)"), values)


def _joined(slot: Slot, known: Slot) -> Slot:
    reasons = {**known.failed, **slot.failed}
    failed = {why: max(known.failed.get(why, 0), slot.failed.get(why, 0)) for why in reasons}
    for one, other in ((slot, known), (known, slot)):
        if one.polled >= other.polled and failed == one.failed:
            return one
    # Which readings are among them is unknown now.
    return slot._replace(polled=max(known.polled, slot.polled), failed=failed, last_seq=0)


def begun(
    db: sqlite3.Connection, boot: str, slot_us: int, before_seq: int = 0, kind: Kind = SAMPLES
) -> Slot:
    """Return what was counted in a quarter hour so far.

    The program may have ended since it wrote that down, but the readings are in the spool; failures
    are written down one by one.

    Args:
        db: the spool.
        boot: whose polls.
        slot_us: the quarter hour's start.
        before_seq: leaves out the readings from this number on; 0: none.
        kind: of what was polled.
    """
    slot = _written(db, boot, slot_us, kind) or Slot(boot, slot_us, 0, {}, kind=kind)
    span = (boot, slot_us, slot_us + SLOT_US, slot.last_seq, before_seq or 2**63 - 1)
    found = [row.seq for row in readings.at(db, _SPAN, span, kind) if row.intact()]
    aside = parked.at(db, _SPAN, span, kind)
    found += [row.seq for row in aside if row.intact() and row.seq is not None]
    if slot.last_seq:
        polled = slot.polled + len(found)
    else:
        polled = max(slot.polled, sum(slot.failed.values()) + len(found))
    return slot._replace(polled=polled, last_seq=max([slot.last_seq, *found]))


_SPAN = "WHERE boot = ? AND ts_us >= ? AND ts_us < ? AND seq > ? AND seq < ?"


def unacknowledged(db: sqlite3.Connection, most: int, kind: Kind = SAMPLES) -> list[Slot]:
    """Return the oldest that the server does not have, or not as they are now."""
    where = "WHERE acknowledged IS NOT crc ORDER BY slot_us LIMIT ?"
    return _slots(soundness.rows(db, REPORTS[kind], where, (most,)), kind)


def since(db: sqlite3.Connection, first_us: int, kind: Kind = SAMPLES) -> list[Slot]:
    """Return all from a time on."""
    return _slots(soundness.rows(db, REPORTS[kind], "WHERE slot_us >= ?", (first_us,)), kind)


def boots_since(db: sqlite3.Connection, first_us: int, but: str) -> int:
    """Return of how many boots there are counts from a time on, but for that one."""
    count = "SELECT count(DISTINCT boot) FROM reports WHERE slot_us >= ? AND boot <> ?"
    (found,) = db.execute(count, (first_us, but)).fetchone()
    return int(found)


def acknowledge(
    db: sqlite3.Connection, slots: Collection[Slot], most: int, kind: Kind = SAMPLES
) -> None:
    """Note that the server has these counts, as they were sent: what came since is sent again.

    Of those that it has, ``most`` stay, for ``edge.py status``.
    """
    sql = kind.sql("UPDATE reports SET acknowledged = ? WHERE boot = ? AND slot_us = ?")
    db.executemany(sql, [(slot.row()[-1], slot.boot, slot.slot_us) for slot in slots])
    old = (
        "DELETE FROM reports WHERE acknowledged IS crc AND slot_us < (SELECT min(slot_us) FROM"
        " (SELECT slot_us FROM reports ORDER BY slot_us DESC LIMIT ?))"
    )
    db.execute(kind.sql(old), (most,))


def _written(db: sqlite3.Connection, boot: str, slot_us: int, kind: Kind) -> Slot | None:
    found = soundness.rows(db, REPORTS[kind], "WHERE boot = ? AND slot_us = ?", (boot, slot_us))
    return _slots(found[-1:], kind)[0] if found else None


def _slots(found: list[tuple[Any, ...]], kind: Kind) -> list[Slot]:
    slots = (read(boot, slot_us, content, kind) for _, boot, slot_us, content in found)
    return [slot for slot in slots if slot]
