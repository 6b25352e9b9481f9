"""The spool's tables: made from ``schema.sql``, and recognised by it."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from edge_lib.shared.flush import flush_names
from edge_lib.spool.errors import SpoolDamaged, SpoolError

SCHEMA = 3
BEFORE = (2, 1)  # ``upgrade`` makes each the next one
SCHEMA_FILE = Path(__file__).with_name("schema.sql")
# What schema 1 has not, or otherwise; what schema 2 has not begins with ``P1``.
NEW_2 = ("boots", "damaged", "gaps", "meta", "reports")
P1 = "p1_"


def create(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file."""
    script = (
        f"BEGIN IMMEDIATE;\n{SCHEMA_FILE.read_text()}\nPRAGMA user_version = {SCHEMA:d};\nCOMMIT;"
    )
    db.executescript(script)
    flush_names(path.parent)  # a power cut may otherwise take the new file's name with it


def version(db: sqlite3.Connection, path: Path) -> int | None:
    """Return the schema of the file, ``SCHEMA`` or one of ``BEFORE``; None: it is a new one.

    Raises:
        SpoolDamaged: its number is impossible.
        SpoolError: it is one of a newer version, or another program's.
    """
    found = db.execute("PRAGMA user_version").fetchall()[0][0]
    tables, ours = _tables(db), _own_tables()
    if found == 0 and not tables:
        return None
    # Of those that two have, both have the same, but for schema 1's bookkeeping.
    second = {name: text for name, text in ours.items() if not name.startswith(P1)}
    first = {name: text for name, text in second.items() if name not in NEW_2}
    for known, texts, names in (
        (SCHEMA, ours, set(ours)),
        (2, second, set(second)),
        (1, first, {*second} - {"damaged"}),
    ):
        is_whole = all(tables.get(name) == text for name, text in texts.items())
        if found == known and len(names & tables.keys()) > len(names) / 2:
            if is_whole:
                return known
            raise SpoolDamaged(f"SPOOL_PATH: {path}: its tables are not as they were made")
        if is_whole and names == tables.keys() and _is_flipped(found, known):
            raise SpoolDamaged(f"SPOOL_PATH: {path}: its header is damaged (schema {found})")
    if found > SCHEMA:
        raise SpoolError(
            f"SPOOL_PATH: {path} was written by a newer version (schema {found}, this one knows "
            f"{SCHEMA}): upgrade the edge, or move the file away"
        )
    raise SpoolError(f"SPOOL_PATH: {path} is another program's database")


def statements_2() -> list[str]:
    """Return the statements that make the tables of ``NEW_2``."""
    return [text for name, text in _statements() if name in NEW_2]


def statements_3() -> list[str]:
    """Return the statements that make what schema 2 has not: tables, then their indexes."""
    return [text for name, text in _statements() if name.startswith(P1)]


def _statements() -> list[tuple[str, str]]:
    with closing(_model()) as db:
        sql = (
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
            " ORDER BY type = 'index', name"
        )
        return db.execute(sql).fetchall()


def _is_flipped(found: int, known: int) -> bool:
    # Of our own tables only damage leaves such a number: one bit, or noise.
    return (found ^ known).bit_count() == 1 or not 0 <= found < 1000


def _own_tables() -> dict[str, list[str]]:
    with closing(_model()) as db:
        return _tables(db)


def _model() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.executescript(SCHEMA_FILE.read_text())
    return db


def _tables(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the text of each table and index, in pieces, without comments, which may change."""
    found = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {str(name): re.sub("--.*", "", str(sql)).split() for name, sql in found}
