"""Upgrades a spool of schema 2, which knew samples alone, or 1: its bookkeeping had no checksums.

In place and in one transaction, so that a crash leaves the one schema or the other. Samples, their
queue and what is parked stay where they are. A row of schema 1's bookkeeping is believed where it
makes sense; the others go to ``damaged``.
"""

import logging
import re
import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

from edge_lib.spool import boots, gaps, hours, meta, reports, schema
from edge_lib.spool.gaps import GAPS, Gap
from edge_lib.spool.kinds import P1, SAMPLES
from edge_lib.spool.recovery import soundness

log = logging.getLogger("sungrow.edge.spool")

_BOOT = re.compile(r"[0-9A-Fa-f]{1,32}", re.ASCII)


class Books(NamedTuple):
    """The rows of bookkeeping of a spool of schema 1."""

    boots: list[tuple[Any, ...]]
    meta: list[tuple[Any, ...]]
    reports: list[tuple[Any, ...]]
    gaps: list[tuple[Any, ...]]


def take_over(db: sqlite3.Connection, found: int) -> None:
    """Turn schema ``found``, one of ``schema.BEFORE``, into the present one, in a transaction."""
    counts = _take_over_1(db) if found == 1 else {}  # then it is schema 2
    # What an older version brought over of a spool of this one, in which it stood for other rows.
    meta.remove(db, boots.covered(P1))
    for hour in meta.under(db, hours.settled_key(P1)):
        meta.remove(db, f"{hours.settled_key(P1)}{hour}")
    for statement in schema.statements_3():
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {schema.SCHEMA:d}")
    log.info("spool taken over from an older schema", extra={"schema": found, **counts})


def stand_in_if_former(db: sqlite3.Connection) -> None:
    """Let an older spool that may not be written look like one of the present schema, from here."""
    found = db.execute("PRAGMA user_version").fetchall()[0][0]
    if found not in schema.BEFORE:
        return
    books = _read(db) if found == 1 else None
    statements = [*(schema.statements_2() if books else ()), *schema.statements_3()]
    for statement in statements:
        if "INDEX" not in statement.split("(")[0]:
            db.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
    if books:
        _fill(db, books)


def _take_over_1(db: sqlite3.Connection) -> dict[str, int]:
    """Turn schema 1 into schema 2; return how many rows of each table there were."""
    books = _read(db)
    last_gap_id = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'gaps'").fetchall()
    for name in Books._fields:
        db.execute(f"DROP TABLE {name}")
    for statement in schema.statements_2():
        db.execute(statement)
    _fill(db, books)
    db.execute("DELETE FROM sqlite_sequence WHERE name = 'gaps'")
    db.executemany("INSERT INTO sqlite_sequence VALUES ('gaps', ?)", last_gap_id)
    db.execute("UPDATE parked SET reported = crc WHERE reported = 1")
    return {name: len(rows) for name, rows in books._asdict().items()}


def is_boot(boot: object, last_seq: object) -> bool:
    """Return whether a row without a checksum, of whatever table, is one of ``boots``."""
    is_name = type(boot) is str and _BOOT.fullmatch(boot)
    return bool(is_name) and boots.BOOTS[SAMPLES].fits(boot, last_seq)


def _read(db: sqlite3.Connection) -> Books:
    return Books(
        db.execute("SELECT boot, last_seq FROM boots").fetchall(),
        db.execute("SELECT key, value FROM meta").fetchall(),
        db.execute("SELECT boot, slot_us, content, acknowledged FROM reports").fetchall(),
        db.execute("SELECT id, from_us, to_us, cause, count, acknowledged FROM gaps").fetchall(),
    )


def _fill(db: sqlite3.Connection, books: Books) -> None:
    takers: tuple[Callable[..., bool], ...] = (_take_boot, _take_meta, _take_report, _take_gap)
    for name, rows, take in zip(Books._fields, books, takers, strict=True):
        for row in rows:
            if not take(db, *row):
                soundness.keep(db, name, row)


def _take_boot(db: sqlite3.Connection, boot: Any, last_seq: Any) -> bool:
    fits = is_boot(boot, last_seq)
    if fits:
        boots.insert(db, boot, last_seq)
    return fits


def _take_meta(db: sqlite3.Connection, key: Any, value: Any) -> bool:
    fits = meta.META.fits(key, value)
    if fits:
        meta.put(db, key, value)
    return fits


def _take_report(db: sqlite3.Connection, boot: object, slot_us: object, *rest: Any) -> bool:
    content, acknowledged = rest
    slot = reports.read(boot, slot_us, content)
    if slot:
        reports.insert(db, slot, known=acknowledged == 1)
    return slot is not None


def _take_gap(db: sqlite3.Connection, gap_id: int, *rest: Any) -> bool:
    *values, acknowledged = rest
    fits = GAPS[SAMPLES].fits(*values)
    if fits:
        from_us, to_us, cause, count = values
        gap = Gap(from_us, to_us, count)
        gaps.insert(db, gap_id, gap, cause, known=acknowledged == 1)
    return fits
