"""A copy of the spool for another disk, and its readings brought back from one.

A copy is whole, whatever the service does meanwhile. To restore replaces nothing: the copy is laid
beside the spool like one that was damaged, and at its next start the service brings over what the
spool lacks. The server has some of it already, and knows it again.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from edge_lib import spool_aside, spool_file, spool_schema
from edge_lib.spool_errors import SpoolError

LEAVE_FREE_BYTES = 64 << 20  # what a copy must leave on its disk: the spool may lie there too
_COUNTS = "SELECT (SELECT count(*) FROM samples), (SELECT count(*) FROM queue)"


class Copied(NamedTuple):
    """How many readings a copy holds, and how many of them wait to be delivered."""

    readings: int
    waiting: int


class BackupError(Exception):
    """No copy was made, or it is none; the text says why."""


def backup(spool: Path, target: Path) -> Copied:
    """Copy the spool to ``target``, which is replaced at once or not at all.

    Raises:
        BackupError: there is no spool, or no room.
        OSError, sqlite3.Error: one of the two disks fails.
    """
    if not spool.exists():
        raise BackupError(f"{spool} does not exist: the service has not run yet")
    if not target.name or target.is_dir():
        raise BackupError(f"{target} is no file; example: backup /mnt/usb/spool.db")
    if not target.parent.is_dir():
        raise BackupError(
            f"the folder {target.parent} does not exist; create it, or mount the disk"
        )
    size_bytes = sum(part.stat().st_size for part in spool.parent.glob(f"{spool.name}*"))
    free_bytes = shutil.disk_usage(target.parent).free
    if free_bytes < size_bytes + LEAVE_FREE_BYTES:
        raise BackupError(
            f"{target.parent} has {free_bytes >> 20} MB free; "
            f"{(size_bytes + LEAVE_FREE_BYTES) >> 20} MB are needed"
        )
    new = target.with_name(f".{target.name}.new")
    try:
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        with (
            closing(spool_file.connect_read_only(spool)) as source,
            closing(sqlite3.connect(new)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # else it would be two files
        copied = look(new)
        _flush(new)
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
    return copied


def restore(spool: Path, copy: Path) -> Copied:
    """Lay a copy beside the spool, for the service to take it over at its next start.

    Raises:
        BackupError: the file is no whole copy of a spool.
        OSError: one of the two disks fails.
    """
    if not copy.is_file():
        raise BackupError(f"{copy} is no file")
    copied = look(copy)
    owner = spool.parent.stat()
    new = spool.with_name(".restored.new")
    try:
        shutil.copyfile(copy, new)
        new.chmod(0o600)
        os.chown(new, owner.st_uid, owner.st_gid)
        _flush(new)
        spool_aside.join(spool, new)
    finally:
        new.unlink(missing_ok=True)
    return copied


def look(copy: Path) -> Copied:
    """Check a copy and count what it holds.

    Raises:
        BackupError: it is no whole copy of a spool.
    """
    try:
        with closing(sqlite3.connect(f"{copy.resolve().as_uri()}?mode=ro", uri=True)) as db:
            found = db.execute("PRAGMA integrity_check(1)").fetchall()[0][0]
            if found == "ok" and not spool_schema.is_fresh(db, copy):
                return Copied(*db.execute(_COUNTS).fetchall()[0])
    except (sqlite3.Error, SpoolError) as error:
        raise BackupError(f"{copy} is no copy of a spool: {error}") from error
    raise BackupError(f"{copy} is no copy of a spool: {'empty' if found == 'ok' else found}")


def _flush(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
