"""The spool's file: who may open it, how, and what a transaction on it is.

WAL with ``synchronous=FULL``: a commit survives a power cut (with NORMAL it does not, and neither
does the last commit of the DELETE journal). One process by ``flock``, one connection by design:
older SQLites may corrupt a WAL that two connections share.
"""

import errno
import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from edge_lib.spool import schema, upgrade, wal
from edge_lib.spool.errors import (
    SpoolBusy,
    SpoolDamaged,
    SpoolError,
    SpoolFailing,
    SpoolFull,
    kind_of,
    sqlite_errors,
    text_of,
)
from edge_lib.spool.recovery.soundness import ReadOnly

# Measured over a reading's whole life (tests/bench/spool.py --page-size): a commit writes each page
# that it touches whole, so small pages write least.
PAGE_SIZE_BYTES = 512
# A megabyte of WAL between checkpoints: a flipped bit in the WAL drops all commits after it.
CHECKPOINT_PAGES = 2000
JOURNAL_LIMIT_BYTES = 1 << 20
# Pages kept in memory: the system keeps the file itself, and a reading touches a few.
CACHE_KIB = 128
BUSY_TIMEOUT_S = 5.0
# What the spool may grow to: more than a year of readings. Receipts go on at the limit.
LIMIT_BYTES = 2 << 30

Files = tuple[tuple[int, int], ...]  # device and inode of each

log = logging.getLogger("sungrow.edge.spool")


def lock(path: Path) -> int:
    """Take the spool's lock and return its descriptor; closing that lets go.

    Raises:
        SpoolBusy: another process has it.
        SpoolFull, SpoolFailing: the disk does not let us.
        SpoolError: the directory is missing or closed to us.
    """
    if not path.parent.is_dir():
        raise SpoolError(f"SPOOL_PATH: the directory {path.parent} does not exist; create it")
    try:
        held = _open_ours(Path(f"{path}.lock"), os.O_RDWR | os.O_CREAT)
    except SpoolFailing:  # a read-only disk: what is there may be locked all the same
        held = _open_ours(Path(f"{path}.lock"), os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        if error.errno == errno.EIO:
            raise SpoolFailing(f"SPOOL_PATH: cannot lock {path}: {error.strerror}") from error
        raise SpoolBusy(f"another process holds the spool {path}") from error
    return held


def is_locked(path: Path) -> bool:
    """Return whether another process holds the spool; makes nothing and keeps nothing.

    Raises:
        OSError: its lock may not be read.
    """
    try:
        file = os.open(f"{path}.lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def claim(path: Path) -> None:
    """See that the files are ours to write, and make the first; SQLite must not have it open.

    Raises:
        SpoolFull, SpoolFailing: the disk does not let us.
        SpoolError: somebody else's; the message says whose.
    """
    log_file, index = Path(f"{path}-wal"), Path(f"{path}-shm")
    if index.exists() and path.exists() and not log_file.exists():
        log.error("the spool's -wal file was deleted, and its latest readings with it")
    # Closing a descriptor while SQLite has one would drop SQLite's own locks.
    os.close(_open_ours(path, os.O_RDWR | os.O_CREAT))
    for file in (log_file, index):
        if file.exists():
            os.close(_open_ours(file, os.O_RDWR))


def connect(path: Path) -> sqlite3.Connection:
    """Open the spool, made on first use; the caller holds the lock.

    Raises:
        SpoolFull, SpoolFailing, SpoolDamaged: see there.
        SpoolError: one of a newer version, another program's, or not ours.
    """
    claim(path)
    with ExitStack() as undo:
        try:
            db = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            undo.callback(db.close)
            _prepare(db, path)
        except sqlite3.Error as error:
            raise kind_of(error)(f"SPOOL_PATH: {path}: {text_of(error)}") from error
        except UnicodeDecodeError as error:
            raise SpoolDamaged(f"SPOOL_PATH: {path}: its tables' names are damaged") from error
        except OSError as error:
            raise SpoolFailing(f"SPOOL_PATH: {path}: {error}") from error
        undo.pop_all()
    return db


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open the spool only to read it, and never checkpoint.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    # A disk that takes nothing has no room for an index of the log: then as the last one left it,
    # or, after a clean end, without a log.
    log_left = Path(f"{path}-wal").exists()
    for way in ("", "&readonly_shm=1" if log_left else "&immutable=1"):
        db = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro{way}",
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
            factory=ReadOnly,
        )
        db.text_factory = _lenient_text
        try:
            _one(db, "PRAGMA schema_version")
        except sqlite3.Error as error:
            db.close()
            if way or not issubclass(kind_of(error), SpoolFailing):
                raise
        else:
            break
    return db


def damage(path: Path, thorough: bool) -> str | None:
    """Read the file through a connection of its own; return what is wrong with it, None: nothing.

    Args:
        path: the spool; nothing else has it open.
        thorough: compares the indexes with their tables, too.

    Raises:
        SpoolFull, SpoolFailing: it could not be read, which says nothing about it.
    """
    try:
        if not path.exists() or not path.stat().st_size:
            return None
        if wal.is_damaged(Path(f"{path}-wal"), PAGE_SIZE_BYTES):
            return "the -wal file is damaged"
    except OSError as error:
        raise SpoolFailing(f"cannot read {path}: {error.strerror}") from error
    try:
        with sqlite_errors(), closing(connect_read_only(path)) as db:
            found = _one(db, f"PRAGMA {'integrity' if thorough else 'quick'}_check(1)")
    except SpoolDamaged as error:
        return str(error)
    return None if found == "ok" else str(found)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit what the body does, or nothing of it. IMMEDIATE: an upgrade would not wait its turn.

    Raises:
        SpoolError: SQLite refused; rolled back.
    """
    with sqlite_errors():
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")


class Usage(NamedTuple):
    """What of the spool's file is used, bytes: in all, of it free, and until the limit."""

    used_bytes: int
    free_bytes: int
    left_bytes: int


def usage(db: sqlite3.Connection) -> Usage:
    """Measure the file, without its log."""
    names = ("page_size", "page_count", "freelist_count", "max_page_count")
    size, pages, free, most = (_one(db, f"PRAGMA {name}") for name in names)
    return Usage((pages - free) * size, free * size, (most - pages) * size)


def parts(path: Path) -> Files:
    """Return which files the names lead to: if others, what is written now is lost with them."""
    # Asked at each reading: a new path each time would make the table of interned names grow.
    found = (os.stat(f"{path}{part}") for part in ("", "-wal"))  # noqa: PTH116
    try:
        return tuple((one.st_dev, one.st_ino) for one in found)
    except OSError:
        return ()


def _open_ours(file: Path, flags: int) -> int:
    try:
        return os.open(file, flags, 0o600)
    except PermissionError as error:
        owner = f"it belongs to user {file.stat().st_uid}" if file.exists() else "no permission"
        raise SpoolError(
            f"SPOOL_PATH: cannot write {file}: {owner}, and the service runs as user "
            f"{os.geteuid()}: chown {os.geteuid()} it"
        ) from error
    except OSError as error:
        text = f"SPOOL_PATH: cannot write {file}: {error.strerror}"
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (SpoolFull if full else SpoolFailing)(text) from error


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.text_factory = _lenient_text
    found = schema.version(db, path)
    if found is None:  # both only before the first table
        db.execute(f"PRAGMA page_size = {PAGE_SIZE_BYTES:d}")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    if _one(db, "PRAGMA journal_mode = WAL") != "wal":
        raise SpoolError(f"SPOOL_PATH: {path}: this file system cannot hold a WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB:d}")
    _one(db, f"PRAGMA journal_size_limit = {JOURNAL_LIMIT_BYTES:d}")
    _one(db, f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES:d}")
    if found is None:
        schema.create(db, path)
    elif found in schema.BEFORE:
        with transaction(db):
            upgrade.take_over(db, found)
    _one(db, f"PRAGMA max_page_count = {LIMIT_BYTES // _one(db, 'PRAGMA page_size'):d}")


def _lenient_text(raw: bytes) -> str:
    # A damaged text must not make its neighbours unreadable; its row's checksum shows it.
    return raw.decode(errors="backslashreplace")


def _one(db: sqlite3.Connection, sql: str) -> Any:
    ((value,),) = db.execute(sql).fetchall()
    return value
