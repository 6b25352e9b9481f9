"""A reserve file beside the spool: on a full disk even a receipt needs room to be written down.

Freed when the disk is full, made again when there is room for it and more.
"""

import os
from pathlib import Path

RESERVE_BYTES = 4 << 20
# With so much free the disk is not full: enough for the reserve and for half a day of readings.
ROOM_BYTES = RESERVE_BYTES + (8 << 20)
_PROBE_BYTES = 64 << 10


class Reserve:
    """The file ``spool.db.ballast``, there or not."""

    def __init__(self, spool_path: Path):
        self._path = Path(f"{spool_path}.ballast")

    def make(self) -> bool:
        """Make it unless it is there; False: there is no room, or the disk refuses."""
        try:
            if self._path.exists():
                return True
        except OSError:
            return False
        if self.free_bytes() < ROOM_BYTES:
            return False
        return self._write(self._path, RESERVE_BYTES)

    def free(self) -> bool:
        """Delete it, which frees its room; False: there was none."""
        return _remove(self._path)

    def free_bytes(self) -> int:
        """Return what the disk has left for us; 0 if that is not known."""
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return 0
        return disk.f_bavail * disk.f_frsize

    def disk_works(self) -> bool:
        """Return whether another file can be written beside the spool."""
        probe = self._path.with_suffix(".probe")
        worked = self._write(probe, _PROBE_BYTES)
        _remove(probe)
        return worked

    @staticmethod
    def _write(path: Path, count: int) -> bool:
        try:
            with path.open("wb") as file:
                path.chmod(0o600)
                os.posix_fallocate(file.fileno(), 0, count)
                os.fsync(file.fileno())
        except OSError:
            _remove(path)
            return False
        return True


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
