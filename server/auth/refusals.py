"""The log lines of bad tokens: at most one a minute for a peer and reason, by all workers together.

They share a file of ``SLOTS`` slots in the runtime directory that systemd makes for the server: a
peer with a reason has one, by its digest, which holds when its last line was and how many requests
had none since. So neither the file nor the log grows with the number of peers: there are
``SLOTS`` lines a minute at most. Two peers that meet in a slot take turns. No worker waits for
another: where one holds the file at this very moment, the other's request has no line. Without
such a directory each worker counts for itself.
"""

import fcntl
import hashlib
import logging
import os
import struct
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from edge_lib.shared.env import text

log = logging.getLogger("sungrow.server.auth")
EVERY_S = 60.0
SLOTS = 64
_FILE = "refused-tokens"
_SLOT = struct.Struct("=8sdQ")  # the start of the digest, the time of its last line, how many since
_NOBODY = bytes(8)


class Refusals:
    """Logs that a token was refused; thread-safe."""

    def __init__(self, env: Mapping[str, str]):
        given = text(env, "RUNTIME_DIRECTORY", "").partition(":")[0]
        self._path = Path(given) / _FILE if given else None
        self._own = bytearray(SLOTS * _SLOT.size)
        self._lock = threading.Lock()

    def note(
        self, peer: str, part: str, reason: str, level: int, now_s: float | None = None
    ) -> None:
        """Log it, unless a line for this peer and reason is younger than a minute.

        Args:
            peer: its address.
            part: which part of the API was asked.
            reason: why it was refused; nothing of the token.
            level: of the line.
            now_s: monotonic time, which all processes share; None: now.
        """
        digest = hashlib.sha256(f"{reason}\0{peer}".encode("utf-8", "replace")).digest()
        count = self._count(digest[:8], time.monotonic() if now_s is None else now_s)
        if count:
            fields = {"peer": peer, "part": part, "reason": reason, "count": count}
            log.log(level, "token refused", extra=fields)

    def _count(self, key: bytes, now_s: float) -> int:
        """Return how many requests a line of now stands for; 0: no line is due."""
        at = int.from_bytes(key) % SLOTS * _SLOT.size
        with self._lock:
            if self._path:
                try:
                    return self._count_shared(at, key, now_s)
                except BlockingIOError:
                    return 0
                except OSError:  # somebody removed the folder, say
                    pass
            slot = bytes(self._own[at : at + _SLOT.size])
            self._own[at : at + _SLOT.size], count = _step(slot, key, now_s)
        return count

    def _count_shared(self, at: int, key: bytes, now_s: float) -> int:
        file = os.open(str(self._path), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            slot = os.pread(file, _SLOT.size, at).ljust(_SLOT.size, b"\0")
            new, count = _step(slot, key, now_s)
            os.pwrite(file, new, at)
        finally:
            os.close(file)  # which also gives up the lock
        return count


def _step(slot: bytes, key: bytes, now_s: float) -> tuple[bytes, int]:
    """Return the slot after one more request, and how many its line stands for; 0: no line."""
    known, last_s, count = _SLOT.unpack(slot)
    # A time that is ahead was before the last boot.
    is_due = known == _NOBODY or not 0 <= now_s - last_s < EVERY_S
    if not is_due and known != key:
        return slot, 0
    count = count + 1 if known == key else 1
    if not is_due:
        return _SLOT.pack(key, last_s, count), 0
    return _SLOT.pack(key, now_s, 0), count
