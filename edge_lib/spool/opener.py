"""Opens the database, whatever state its file is in: checked, moved aside if damaged, made again.

Holds the lock from the first success on, through every closing and opening in between.
"""

import errno
import logging
import os
from pathlib import Path

from edge_lib.clock import Clock
from edge_lib.spool import file, wal
from edge_lib.spool.database import Database
from edge_lib.spool.errors import SpoolDamaged, SpoolError, SpoolFailing, SpoolInUse
from edge_lib.spool.kinds import SAMPLES, Kind
from edge_lib.spool.recovery import quarantine
from edge_lib.spool.reserve import Reserve

# The same trouble so often, while another file can be written and this one passes the check:
# then the file is to blame all the same. A bad sector, for one.
STRIKES = 3
FORGIVEN_S = 60.0  # after the last of them

# What no disk mends that comes back.
_SETTINGS = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)

log = logging.getLogger("sungrow.edge.spool")


class Opener:
    """What is known of the spool's file between two openings.

    Attributes:
        asides: damaged spools whose readings are still to be brought over.
    """

    def __init__(self, path: Path, keep_days: float, clock: Clock, reserve: Reserve):
        self._path, self._keep_days, self._clock = path, keep_days, clock
        self._reserve = reserve
        self._lock: int | None = None
        self._was_ours: bool | None = None  # None: not known yet
        self._suspect: str | None = None
        self._strikes, self._last_strike_s = 0, 0.0
        self.asides: list[Path] = []

    def open(self, above_id: int) -> Database:
        """Open the spool, another one in its place if it is damaged.

        Args:
            above_id: see ``Database``.

        Raises:
            SpoolBusy, SpoolFull, SpoolFailing, SpoolDamaged, SpoolError: see there.
        """
        try:
            self._note_what_is_there()
            if self._lock is None:
                self._lock = file.lock(self._path)
            file.claim(self._path)
            reason = self._damage()
        except OSError as error:  # the folder itself cannot be read
            kind = SpoolError if error.errno in _SETTINGS else SpoolFailing
            raise kind(f"SPOOL_PATH: {self._path}: {error.strerror}") from error
        if reason:
            self._set_aside(reason)
        return Database(self._path, self._keep_days, locked=True, above_id=above_id)

    def open_read_only(self) -> Database | None:
        """Open it only to read it; None if not even that is possible."""
        if self._lock is None:
            return None
        try:
            if not self._path.exists():
                return None
            return Database(self._path, self._keep_days, locked=True, read_only=True)
        except (SpoolError, OSError):
            return None

    def blame(self, error: SpoolError) -> None:
        """Count a failure that may be the file's fault: not one of the whole disk."""
        by_file = isinstance(error, SpoolDamaged | SpoolFailing) and type(error) is not SpoolInUse
        if by_file and self._reserve.disk_works():
            self._suspect = str(error)
            self._strikes += 1
            self._last_strike_s = self._clock.monotonic_s()

    def forgive(self) -> None:
        """Note that it works, and has for some time."""
        if self._clock.monotonic_s() > self._last_strike_s + FORGIVEN_S:
            self._strikes = 0

    def last_seqs(self, boot: str, *, known: bool, kind: Kind = SAMPLES) -> list[int]:
        """Return what a boot's numbers may have reached in the files that are not open.

        Where that is not known, it is more than can have been: the server sees a hole in the
        numbers, but not a number used twice.

        Args:
            boot: whose.
            known: False: the spool itself does not know it.
            kind: of reading.
        """
        seqs = [_last_seq(aside, boot, kind) for aside in self.asides]
        found = [seq for seq in seqs if seq is not None]
        if known and len(found) == len(seqs):
            return found
        return [self._clock.boottime_us() // kind.fastest_us]

    def close(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _note_what_is_there(self) -> None:
        """Note what an earlier run of the program left, before this one leaves anything."""
        if self._was_ours is None:
            self.asides = quarantine.unsalvaged(self._path)
            self._was_ours = Path(f"{self._path}.lock").exists()

    def _damage(self) -> str | None:
        """Return why the file must go; None: it need not."""
        if quarantine.is_half_aside(self._path):
            return "its log was moved aside already"
        suspect, self._suspect = self._suspect, None
        found = file.damage(self._path, thorough=suspect is not None)
        if found and not self._was_ours:
            raise SpoolError(f"SPOOL_PATH: {self._path} is not a spool, and is left alone: {found}")
        self._was_ours = True
        if not found and self._strikes >= STRIKES:
            found = f"{self._strikes} failures, and the disk works: {suspect}"
        return found

    def _set_aside(self, reason: str) -> None:
        try:
            aside = quarantine.set_aside(self._path, self._clock.boot())
        except OSError as error:
            raise SpoolFailing(f"the damaged spool cannot be moved aside: {error}") from error
        self.asides.append(aside)
        self._strikes = 0
        log.error("damaged spool moved aside", extra={"reason": reason, "aside": aside.name})


def _last_seq(aside: Path, boot: str, kind: Kind) -> int | None:
    try:
        if wal.is_damaged(Path(f"{aside}-wal"), file.PAGE_SIZE_BYTES):
            return None
        with Database(aside, locked=True, read_only=True) as database:
            return database.last_seq(boot, kind) if database.knows_seqs(kind) else None
    except (SpoolError, OSError):
        return None
