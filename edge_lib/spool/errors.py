"""What can go wrong with the spool, named by what would help: room, the disk, another file."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from edge_lib.best_effort import ExpectedError


class SpoolBusy(Exception):
    """Another process holds the spool."""


class SpoolError(ExpectedError):
    """The spool could not do it; nothing of the attempt is stored, and the cause is attached.

    When opening, and none of the three below: the settings or the owner are wrong.
    """

    event = "spool failed"


class SpoolFull(SpoolError):
    """No room: on the disk, or below the spool's own limit."""


class SpoolFailing(SpoolError):
    """The disk does not do what it should: an I/O error, read-only, locked. Open it again."""


class SpoolInUse(SpoolFailing):
    """Somebody else's transaction is in the way: an operator's shell, for one."""


class SpoolDamaged(SpoolError):
    """The file seems damaged. Only ``file.damage`` proves it: a dying disk acts alike."""


# SQLite's primary codes; what is in none of these cannot happen to a file that is whole.
_FULL = {sqlite3.SQLITE_FULL}
_IN_USE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FAILING = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_NOLFS,
}


@contextmanager
def sqlite_errors() -> Iterator[None]:
    """Turn SQLite's errors into the kinds of ``SpoolError``."""
    try:
        yield
    except sqlite3.Error as error:
        raise kind_of(error)(f"the spool failed: {text_of(error)}") from error
    except MemoryError as error:  # a damaged length
        raise SpoolDamaged("the spool failed: a row of impossible length") from error
    except UnicodeDecodeError as error:  # SQLite's own text, which quotes a damaged table's name
        raise SpoolDamaged("the spool failed: the names of its tables are damaged") from error


def kind_of(error: sqlite3.Error) -> type[SpoolError]:
    """Return what an error of SQLite means for the spool."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # closed
        return SpoolError
    kinds = ((_FULL, SpoolFull), (_IN_USE, SpoolInUse), (_FAILING, SpoolFailing))
    return next((kind for codes, kind in kinds if code & 0xFF in codes), SpoolDamaged)


def text_of(error: sqlite3.Error) -> str:
    """Return its text and its name."""
    return f"{error} ({getattr(error, 'sqlite_errorname', type(error).__name__)})"
