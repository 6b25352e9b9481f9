"""Which tables a spool has: made from ``spool_schema.sql``, and known again by them."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from edge_lib.spool_errors import SpoolDamaged, SpoolError

SCHEMA = 1
SCHEMA_FILE = Path(__file__).with_name("spool_schema.sql")


def create(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file."""
    script = (
        f"BEGIN IMMEDIATE;\n{SCHEMA_FILE.read_text()}\nPRAGMA user_version = {SCHEMA:d};\nCOMMIT;"
    )
    db.executescript(script)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)  # a power cut may otherwise take the new file's name with it
    finally:
        os.close(directory)


def is_fresh(db: sqlite3.Connection, path: Path) -> bool:
    """Tell whether the file is a new one.

    Raises:
        SpoolDamaged: its number is impossible.
        SpoolError: it is one of a newer version, or another program's.
    """
    version = db.execute("PRAGMA user_version").fetchall()[0][0]
    if version == SCHEMA:
        return False
    tables = _tables(db)
    if version == 0 and not tables:
        return True
    if tables == _own_tables() and _is_flipped(version):
        raise SpoolDamaged(f"SPOOL_PATH: {path}: its header is damaged (schema {version})")
    if version > SCHEMA:
        raise SpoolError(
            f"SPOOL_PATH: {path} was written by a newer version (schema {version}, this one knows "
            f"{SCHEMA}): upgrade the edge, or move the file away"
        )
    raise SpoolError(f"SPOOL_PATH: {path} is another program's database")


def _is_flipped(version: int) -> bool:
    # Of our own tables only damage leaves such a number: one bit, or noise.
    return (version ^ SCHEMA).bit_count() == 1 or not 0 <= version < 1000


def _own_tables() -> list:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA_FILE.read_text())
        return _tables(db)


def _tables(db: sqlite3.Connection) -> list:
    return db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
