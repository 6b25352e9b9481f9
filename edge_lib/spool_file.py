"""The spool's file: who may open it, how, and what a transaction on it is.

WAL with ``synchronous=FULL``: a commit survives a power cut (with NORMAL it does not, and neither
does the last commit of the DELETE journal). One process by ``flock``, one connection by design:
older SQLites may corrupt a WAL that two connections share.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = 1
SCHEMA_FILE = Path(__file__).with_name("spool_schema.sql")
# Measured over a reading's whole life (tests/bench/spool.py --page-size): a commit writes each page
# that it touches whole, so small pages write least.
PAGE_SIZE_BYTES = 512
# A megabyte of WAL between checkpoints: a flipped bit in the WAL drops all commits after it.
CHECKPOINT_PAGES = 2000
JOURNAL_LIMIT_BYTES = 1 << 20
BUSY_TIMEOUT_S = 5.0


class SpoolBusy(Exception):
    """Another process holds the spool."""


class SpoolError(Exception):
    """The spool could not do it; nothing of the attempt is stored, and the cause is attached."""


def lock(path: Path) -> int:
    """Take the spool's lock and give its descriptor; closing that lets go.

    Raises:
        SpoolBusy: another process has it.
        SpoolError: the directory is missing or closed to us.
    """
    if not path.parent.is_dir():
        raise SpoolError(f"SPOOL_PATH: the directory {path.parent} does not exist; create it")
    try:
        held = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SpoolError(f"SPOOL_PATH: cannot write {path}.lock: {error.strerror}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise SpoolBusy(f"another process holds the spool {path}") from error
    return held


def connect(path: Path) -> sqlite3.Connection:
    """Open the spool, made on first use; the caller holds the lock.

    Raises:
        SpoolError: no spool, one of a newer version, or not writable.
    """
    try:
        # Before SQLite opens it: closing a descriptor later would drop SQLite's own locks.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        db = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise SpoolError(f"SPOOL_PATH: cannot open {path}: {error}") from error
    try:
        _prepare(db, path)
    except sqlite3.Error as error:
        db.close()
        raise SpoolError(f"SPOOL_PATH: {path}: {error}") from error
    except SpoolError:
        db.close()
        raise
    return db


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open the spool to look into it while its service runs: reads, and never checkpoints.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", timeout=BUSY_TIMEOUT_S, uri=True)
    db.text_factory = _lenient_text
    return db


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


@contextmanager
def sqlite_errors() -> Iterator[None]:
    """Turn SQLite's errors into ``SpoolError``."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise SpoolError(f"the spool failed: {error} ({name})") from error


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.text_factory = _lenient_text
    version = _one(db, "PRAGMA user_version")
    if version > SCHEMA:
        raise SpoolError(
            f"SPOOL_PATH: {path} was written by a newer version (schema {version}, this one knows "
            f"{SCHEMA}): upgrade the edge, or move the file away"
        )
    fresh = version == 0
    if fresh and _one(db, "SELECT count(*) FROM sqlite_master"):
        raise SpoolError(f"SPOOL_PATH: {path} is another program's database")
    if fresh:  # both only before the first table
        db.execute(f"PRAGMA page_size = {PAGE_SIZE_BYTES:d}")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    if _one(db, "PRAGMA journal_mode = WAL") != "wal":
        raise SpoolError(f"SPOOL_PATH: {path}: this file system cannot hold a WAL")
    db.execute("PRAGMA synchronous = FULL")
    _one(db, f"PRAGMA journal_size_limit = {JOURNAL_LIMIT_BYTES:d}")
    _one(db, f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES:d}")
    if fresh:
        _create(db, path)


def _lenient_text(raw: bytes) -> str:
    # A damaged text must not make its neighbours unreadable; its row's checksum tells.
    return raw.decode(errors="backslashreplace")


def _create(db: sqlite3.Connection, path: Path) -> None:
    script = (
        f"BEGIN IMMEDIATE;\n{SCHEMA_FILE.read_text()}\nPRAGMA user_version = {SCHEMA:d};\nCOMMIT;"
    )
    db.executescript(script)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)  # a power cut may otherwise take the new file's name with it
    finally:
        os.close(directory)


def _one(db: sqlite3.Connection, sql: str) -> object:
    return db.execute(sql).fetchall()[0][0]
