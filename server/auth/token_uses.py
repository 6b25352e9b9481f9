"""When each token was last used, to the minute, for ``server.tokens list``.

One empty file a token, whose time is that of the last use, in the runtime directory that systemd
makes for the server; so it begins again with each boot. Nothing else is kept.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.env import text

log = logging.getLogger("sungrow.server.token_uses")
ID_DIGITS = 12
_FOLDER, _SINCE = "token-uses", "since"
_EVERY_S = 60.0
_INSTALLED = "/run/sungrow-server"  # where a command that root runs has to look


class Known(NamedTuple):
    """Since when uses are noted, and the last one of each token by the start of its digest."""

    since: datetime
    last: dict[str, datetime]


class TokenUses:
    """Notes when tokens are used; thread-safe. Without a folder it notes nothing."""

    def __init__(self, env: Mapping[str, str]):
        given = text(env, "RUNTIME_DIRECTORY", "").partition(":")[0]
        self._folder = Path(given) / _FOLDER if given else None
        self._next_s: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def note(self, digest: bytes) -> None:
        """Note that the token of this digest is used now."""
        now_s = time.monotonic()
        if self._folder is None or now_s < self._next_s.get(digest, now_s):
            return
        with self._lock:
            self._next_s[digest] = now_s + _EVERY_S
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in (_SINCE, digest.hex()[:ID_DIGITS]):
                _touch(self._folder / name, anew=name != _SINCE)
        except OSError:
            log.exception("uses of tokens are not noted any more")
            self._folder = None


def known(env: Mapping[str, str]) -> Known | None:
    """Return what the server of this machine has noted; None if there is nothing."""
    folder = Path(text(env, "RUNTIME_DIRECTORY", _INSTALLED).partition(":")[0]) / _FOLDER
    try:
        times = {path.name: _time(path) for path in folder.iterdir()}
        return Known(times.pop(_SINCE), times)
    except (OSError, KeyError):
        return None


def _touch(path: Path, anew: bool) -> None:
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    if anew:
        os.utime(path, follow_symlinks=False)


def _time(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
