"""A copy of the spool for another disk, and its readings brought back from one.

A copy is whole, whatever the service does meanwhile. To restore replaces nothing: the copy is laid
beside the spool like one that was damaged, and at its next start the service brings over what the
spool lacks. The server has some of it already, and recognises it.
"""

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.flush import flush_file
from edge_lib.spool import file, kinds, schema
from edge_lib.spool.errors import SpoolDamaged, SpoolError, sqlite_errors, text_of
from edge_lib.spool.recovery import quarantine

LEAVE_FREE_BYTES = 64 << 20  # what a copy must leave on its disk: the spool may lie there too
FULL_BYTES = 1 << 20  # with less, what SQLite could not do it could not do for want of room
_OF_THE_SPOOL = ("", "-wal", "-shm", ".lock", ".ballast")
_COUNTS = "SELECT (SELECT count(*) FROM samples), (SELECT count(*) FROM queue)"


class Copied(NamedTuple):
    """How many readings a copy holds, and how many of them wait to be delivered.

    ``damage`` says what is wrong with some of its rows, as it is with the spool's own; then the
    counts are None where they are not known.
    """

    readings: int | None
    waiting: int | None
    damage: str = ""


class BackupError(Exception):
    """No copy was made, or the file is not one; the text says why, and what to do."""


def backup(spool: Path, target: Path) -> Copied:
    """Copy the spool to ``target``, which is replaced at once or not at all.

    Raises:
        BackupError: there is no spool, or no room, or one of the two disks fails.
    """
    with _failures_of(target):
        if not spool.exists():
            raise BackupError(f"{spool} does not exist: the service has not run yet")
        _check_target(spool, target)
        _check_room(spool, target)
        new = target.with_name(f".{target.name}.new")
        try:
            _remove(new)
            new.touch(mode=0o600)
            with (
                closing(file.connect_read_only(spool)) as source,
                closing(sqlite3.connect(new)) as copy,
            ):
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # else it would be two files
            copied = check(new)
            flush_file(new)
            new.replace(target)
        finally:
            _remove(new)
    return copied


def restore(spool: Path, copy: Path) -> Copied:
    """Lay a copy beside the spool, for the service to take it over at its next start.

    Raises:
        BackupError: the file is not a whole copy of a spool, or one of the two disks fails.
    """
    with _failures_of(spool):
        if not copy.is_file():
            raise BackupError(f"{copy} is not a file")
        copied = check(copy)
        if not spool.parent.is_dir():
            raise BackupError(f"SPOOL_PATH: the folder {spool.parent} does not exist; create it")
        owner = spool.parent.stat()
        new = spool.with_name(".restored.new")
        try:
            shutil.copyfile(copy, new)
            new.chmod(0o600)
            os.chown(new, owner.st_uid, owner.st_gid)
            flush_file(new)
            quarantine.join(spool, new)
        finally:
            new.unlink(missing_ok=True)
    return copied


def check(copy: Path) -> Copied:
    """Check a copy and count what it holds.

    Raises:
        BackupError: not a whole copy of a spool. Single damaged rows do not make it less whole:
            each is known by its checksum.
    """
    try:
        uri = f"{copy.resolve().as_uri()}?mode=ro"
        with sqlite_errors(), closing(sqlite3.connect(uri, uri=True)) as db:
            found = db.execute("PRAGMA integrity_check(1)").fetchall()[0][0]
            damage = "" if found == "ok" else found
            try:
                if schema.version(db, copy) is None:
                    raise BackupError(f"{copy} is not a copy of a spool: it is empty")
            except SpoolDamaged as error:
                damage = damage or str(error)
            if not damage:
                return Copied(*_counts(db))
            return Copied(*_counts_as_far_as_known(db), damage)
    except SpoolError as error:
        raise BackupError(f"{copy} is not a copy of a spool: {error}") from error


def _counts_as_far_as_known(db: sqlite3.Connection) -> tuple[int | None, int | None]:
    try:
        return _counts(db)
    except sqlite3.Error:  # a tree is damaged, not a row
        return None, None


def _counts(db: sqlite3.Connection) -> tuple[int, int]:
    """Return how many readings of all kinds there are, and how many wait."""
    found = [db.execute(kind.sql(_COUNTS)).fetchall()[0] for kind in kinds.present(db)]
    return sum(readings for readings, _ in found), sum(waiting for _, waiting in found)


def _check_target(spool: Path, target: Path) -> None:
    folder = target.parent
    if target.is_dir():
        raise BackupError(f"{target} is a folder: name the file, as {target / spool.name}")
    if not folder.exists():
        raise BackupError(
            f"the folder {folder} does not exist: create it (mkdir -p {folder}), or mount the disk "
            "that it is on"
        )
    if not folder.is_dir():
        raise BackupError(f"{folder} is a file: name a file in a folder")
    of_the_spool = {f"{spool.name}{part}" for part in _OF_THE_SPOOL}
    if target.name in of_the_spool and folder.samefile(spool.parent):
        raise BackupError(f"{target} belongs to the spool itself: name another file")


def _check_room(spool: Path, target: Path) -> None:
    size_bytes = sum(part.stat().st_size for part in spool.parent.glob(f"{spool.name}*"))
    free_bytes = shutil.disk_usage(target.parent).free
    if free_bytes < size_bytes + LEAVE_FREE_BYTES:
        raise BackupError(
            f"{target.parent} has {free_bytes >> 20} MB free; "
            f"{(size_bytes + LEAVE_FREE_BYTES) >> 20} MB are needed"
        )


@contextmanager
def _failures_of(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(_sentence(error, target)) from error
    except sqlite3.Error as error:
        text = f"the copy failed: {text_of(error)}; what was there stays"
        if shutil.disk_usage(target.parent).free < FULL_BYTES:
            text = _full(target)
        raise BackupError(text) from error


def _sentence(error: OSError, target: Path) -> str:
    name = error.filename or target
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{name}: user {os.geteuid()} has no permission; run this as root"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(target)
    if error.errno == errno.EROFS:
        return f"{target.parent} is mounted read-only: name a folder on another disk"
    return f"{name}: {error.strerror}"


def _full(target: Path) -> str:
    return f"{target.parent} is full: make room, or name a folder on another disk"


def _remove(new: Path) -> None:
    """Leave nothing of a copy that was begun."""
    for part in ("", "-journal", "-wal", "-shm"):
        Path(f"{new}{part}").unlink(missing_ok=True)
