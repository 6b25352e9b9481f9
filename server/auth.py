"""Who may: a device's token writes and reads its device, a read token reads the devices it names.

Only SHA-256 digests are kept, and a token is looked up by its own. How long that takes may tell how
far two digests agree; but nobody can choose the digest of a guess without inverting SHA-256, so it
brings no guess nearer to a token. A slow hash would protect nothing here (tokens are random, not
chosen by people) and cost every request.
"""

import hashlib
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from edge_lib.env import ConfigError, secret
from server import token_list

log = logging.getLogger("sungrow.server.auth")


class Caller(NamedTuple):
    """Whom a token stands for."""

    devices: tuple[str, ...]
    may_ingest: bool


class Tokens:
    """The tokens of ``DEVICE_TOKENS`` and ``READ_TOKENS``; a ``_FILE`` is read again on change."""

    def __init__(self, env: Mapping[str, str]):
        """Read both.

        Raises:
            ConfigError: malformed, or there is no device token at all.
        """
        self._env = dict(env)
        names = ("DEVICE_TOKENS_FILE", "READ_TOKENS_FILE")
        self._files = [Path(path) for name in names if (path := env.get(name, "").strip())]
        self._lock = threading.Lock()
        self._seen = self._signatures()
        self._callers = self._read()

    def caller(self, token: str) -> Caller | None:
        """Give the caller whose token this is; None for nobody's."""
        return self.known().get(self.digest(token))

    def devices(self) -> list[str]:
        """Give the devices that may write."""
        return sorted({who.devices[0] for who in self.known().values() if who.may_ingest})

    def known(self) -> Mapping[bytes, Caller]:
        """Give whom each token stands for, by its digest; another object after each change."""
        self._reread_if_changed()
        return self._callers

    @staticmethod
    def digest(token: str) -> bytes:
        """Give what is kept of a token."""
        return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()

    def _read(self) -> Mapping[bytes, Caller]:
        writers = _parse("DEVICE_TOKENS", secret(self._env, "DEVICE_TOKENS"))
        readers = _parse("READ_TOKENS", secret(self._env, "READ_TOKENS"))
        if not writers:
            raise ConfigError(f"DEVICE_TOKENS is missing; example: {token_list.EXAMPLE}")
        if any(len(devices) > 1 for devices in writers.values()):
            raise ConfigError("DEVICE_TOKENS: one token names two devices; give each its own")
        if writers.keys() & readers.keys():
            raise ConfigError("READ_TOKENS: a token is a device token too; use another")
        return {
            digest: Caller(tuple(devices), may_ingest)
            for tokens, may_ingest in ((writers, True), (readers, False))
            for digest, devices in tokens.items()
        }

    def _reread_if_changed(self) -> None:
        signatures = self._signatures()
        if signatures == self._seen:
            return
        with self._lock:
            if signatures == self._seen:
                return
            self._seen = signatures
            try:
                self._callers = self._read()
                log.info("tokens read again", extra={"count": len(self._callers)})
            except ConfigError:
                # Half-written or broken: the tokens that were good a moment ago stay good.
                log.exception("tokens not read again")

    def _signatures(self) -> list:
        return [_signature(path) for path in self._files]


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    # Not the time of writing: a chmod that makes a refused file good has to be seen as well.
    return status.st_ino, status.st_size, status.st_ctime_ns


def _parse(name: str, text: str | None) -> dict[bytes, list[str]]:
    tokens: dict[bytes, list[str]] = {}
    for digest, device_id, _ in token_list.entries(name, text or ""):
        devices = tokens.setdefault(digest, [])
        if device_id not in devices:
            devices.append(device_id)
    return tokens
