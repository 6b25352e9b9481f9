"""Opens the spool, in whatever state its file is: checked, moved aside if it is damaged, made anew.

Holds the lock from the first success on, through every closing and opening in between.
"""

import errno
import logging
import os
from pathlib import Path

from edge_lib.clock import Clock
from edge_lib.spool import file, wal
from edge_lib.spool.database import Spool
from edge_lib.spool.errors import SpoolDamaged, SpoolError, SpoolFailing, SpoolInUse
from edge_lib.spool.recovery import quarantine
from edge_lib.spool.reserve import Ballast

# The same trouble so often, while another file can be written and this one is said to be whole:
# then the file is to blame, whatever the check says. A bad sector, for one.
STRIKES = 3
FORGIVEN_S = 60.0  # after the last of them
# No poll follows another faster (POLL_INTERVAL_S), so a boot has no more of them than that.
POLL_US = 5_000_000

# What no disk mends that comes back.
_SETTINGS = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)

log = logging.getLogger("sungrow.edge.spool")


class Opener:
    """What is known of the spool's file between two openings.

    Attributes:
        asides: damaged spools whose readings are still to be brought over.
    """

    def __init__(self, path: Path, keep_days: float, clock: Clock, ballast: Ballast):
        self._path, self._keep_days, self._clock = path, keep_days, clock
        self._ballast = ballast
        self._lock: int | None = None
        self._was_ours: bool | None = None  # None: not looked yet
        self._suspect: str | None = None
        self._strikes, self._last_strike_s = 0, 0.0
        self.asides: list[Path] = []

    def open(self, above_id: int) -> Spool:
        """Open the spool, another one in its place if it is damaged.

        Args:
            above_id: see ``Spool``.

        Raises:
            SpoolBusy, SpoolFull, SpoolFailing, SpoolDamaged, SpoolError: see there.
        """
        try:
            self._look_around()
            if self._lock is None:
                self._lock = file.lock(self._path)
            file.claim(self._path)
            reason = self._damage()
        except OSError as error:  # the folder itself cannot be looked into
            kind = SpoolError if error.errno in _SETTINGS else SpoolFailing
            raise kind(f"SPOOL_PATH: {self._path}: {error.strerror}") from error
        if reason:
            self._set_aside(reason)
        return Spool(self._path, self._keep_days, locked=True, above_id=above_id)

    def open_read_only(self) -> Spool | None:
        """Open it only to look into it; None if not even that is possible."""
        if self._lock is None:
            return None
        try:
            if not self._path.exists():
                return None
            return Spool(self._path, self._keep_days, locked=True, read_only=True)
        except (SpoolError, OSError):
            return None

    def blame(self, error: SpoolError) -> None:
        """Count a failure that may be the file's fault: not one of the whole disk."""
        by_file = isinstance(error, SpoolDamaged | SpoolFailing) and type(error) is not SpoolInUse
        if by_file and self._ballast.disk_works():
            self._suspect = str(error)
            self._strikes += 1
            self._last_strike_s = self._clock.monotonic_s()

    def forgive(self) -> None:
        """Take note that it works, for some time already."""
        if self._clock.monotonic_s() > self._last_strike_s + FORGIVEN_S:
            self._strikes = 0

    def last_seqs(self, boot: str, *, known: bool) -> list[int]:
        """Return what a boot's numbers may have reached in the files that are not open.

        Where they do not tell, it is more than can have been: a hole in the numbers is seen by the
        server, a number given twice is not.

        Args:
            boot: whose.
            known: False: the spool itself could not tell.
        """
        seqs = [_last_seq(aside, boot) for aside in self.asides]
        if known and None not in seqs:
            return seqs
        return [self._clock.boottime_us() // POLL_US]

    def close(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _look_around(self) -> None:
        """See what an earlier run of the program left, before this one leaves anything."""
        if self._was_ours is None:
            self.asides = quarantine.unsalvaged(self._path)
            self._was_ours = Path(f"{self._path}.lock").exists()

    def _damage(self) -> str | None:
        """Say why the file must go, if it must."""
        if quarantine.is_half_aside(self._path):
            return "its log was moved aside already"
        suspect, self._suspect = self._suspect, None
        found = file.damage(self._path, thorough=suspect is not None)
        if found and not self._was_ours:
            raise SpoolError(f"SPOOL_PATH: {self._path} is no spool, and is left alone: {found}")
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


def _last_seq(aside: Path, boot: str) -> int | None:
    try:
        if wal.is_damaged(Path(f"{aside}-wal"), file.PAGE_SIZE_BYTES):
            return None
        with Spool(aside, locked=True, read_only=True) as spool:
            return spool.last_seq(boot) if spool.tells_all() else None
    except (SpoolError, OSError):
        return None
