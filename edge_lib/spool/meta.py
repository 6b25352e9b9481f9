"""What the spool remembers under a name. Runs inside its caller's lock, and transaction."""

import sqlite3

from edge_lib.spool.kinds import KINDS
from edge_lib.spool.recovery import soundness
from edge_lib.spool.recovery.soundness import Table

COVERED, SETTLED = "covered_id", "settled:"  # see ``boots`` and ``hours``; after a kind's prefix
META = Table(
    "meta",
    "SELECT rowid, key, value, crc FROM meta",
    "DELETE FROM meta WHERE rowid = ?",
    lambda key, value: type(key) is str and type(value) in (int, str),
)


def get(db: sqlite3.Connection, key: str) -> int | str | None:
    """Return what is kept under a name; None: nothing, or nothing that can be believed."""
    found = soundness.rows(db, META, "WHERE key = ?", (key,))
    value: int | str | None = found[-1][2] if found else None
    return value


def under(db: sqlite3.Connection, prefix: str) -> dict[str, int | str]:
    """Return all whose names begin so, by the rest of their names."""
    found = soundness.rows(db, META)
    return {key[len(prefix) :]: value for _, key, value in found if key.startswith(prefix)}


def put(db: sqlite3.Connection, key: str, value: int | str) -> None:
    """Keep something under a name, in place of what is there."""
    remove(db, key)
    db.execute("INSERT INTO meta VALUES (?, ?, ?)", (key, value, META.checksum(key, value)))


def is_portable(key: str) -> bool:
    """Return whether what is kept under a name means the same in another spool."""
    own = (f"{kind.prefix}{name}" for kind in KINDS for name in (COVERED, SETTLED))
    return not key.startswith(tuple(own))


def remove(db: sqlite3.Connection, key: str) -> None:
    """Forget what is kept under a name."""
    db.execute("DELETE FROM meta WHERE key = ?", (key,))
