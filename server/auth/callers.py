"""Who may what: a device's token writes and reads its device, a read token reads its devices.

A P1 token writes and reads what the P1 meter of one house tells, under ``/p1/``, and nothing else.

Only SHA-256 digests are kept, and a token is looked up by its own. How long that takes may tell how
far two digests agree; but nobody can choose the digest of a guess without inverting SHA-256, so it
brings no guess nearer to a token. A slow hash would protect nothing here (tokens are random, not
chosen by people) and cost every request.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.env import ConfigError, secret, secret_file
from server.auth import token_file
from server.auth.token_uses import TokenUses

log = logging.getLogger("sungrow.server.auth")
EMPTY_FOR_S = 2.0
_NAMES = ("DEVICE_TOKENS", "READ_TOKENS")
# By the digest of each token, whose it is: devices, as entries name them (``home-1/p1``).
TokenList = dict[bytes, list[str]]


class Caller(NamedTuple):
    """Whom a token stands for; ``is_p1``: the P1 meter of the one device alone."""

    devices: tuple[str, ...]
    may_ingest: bool
    is_p1: bool = False


class Tokens:
    """The tokens of ``DEVICE_TOKENS`` and ``READ_TOKENS``; a ``_FILE`` is read again on change."""

    def __init__(self, env: Mapping[str, str]):
        """Read both.

        Raises:
            ConfigError: malformed, or there is no device token at all.
        """
        self._env, self.uses = dict(env), TokenUses(env)
        self._files = {name: path for name in _NAMES if (path := secret_file(env, name))}
        self._lock = threading.Lock()
        self._seen = self._signatures()
        self._lists = {name: _parse(name, secret(self._env, name)) for name in _NAMES}
        self._empty_since_s: dict[str, float] = {}
        self._callers = _callers(self._lists)
        if not self.devices():  # a P1 token alone keeps no house
            raise ConfigError(f"DEVICE_TOKENS is missing; example: {token_file.EXAMPLE}")

    def caller(self, token: str) -> Caller | None:
        """Return the caller whose token this is; None for an unknown token."""
        digest = self.digest(token)
        found = self.known().get(digest)
        if found:
            self.uses.note(digest)
        return found

    def devices(self) -> list[str]:
        """Return the devices whose own edge may write."""
        writers = (who for who in self.known().values() if who.may_ingest and not who.is_p1)
        return sorted({who.devices[0] for who in writers})

    def houses(self) -> list[str]:
        """Return the devices of which anything may be written, if by a P1 token alone."""
        return sorted({who.devices[0] for who in self.known().values() if who.may_ingest})

    def known(self) -> Mapping[bytes, Caller]:
        """Return the caller of each token, by its digest; another object after each change."""
        signatures = self._signatures()
        if signatures != self._seen or self._is_due():
            with self._lock:
                if signatures != self._seen or self._is_due():
                    self._seen = signatures
                    self._read_again()
        return self._callers

    @staticmethod
    def digest(token: str) -> bytes:
        """Return what is kept of a token."""
        return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()

    def _read_again(self) -> None:
        lists = {name: self._list(name) for name in _NAMES}
        try:
            callers = _callers(lists)
        except ConfigError:
            log.exception("tokens not read again")
            return
        if lists != self._lists:
            log.info("tokens read again", extra={"count": len(callers)})
        self._lists, self._callers = lists, callers

    def _list(self, name: str) -> TokenList:
        """Return the tokens of this setting; if its file is empty for a moment, those from before.

        Replacing a file may empty it for a moment. A file that was emptied or deleted on purpose
        ends its tokens: when it is still empty some seconds later, they do end.
        """
        try:
            text = self._text(name)
            if text or not self._lists[name]:
                self._empty_since_s.pop(name, None)
                return _parse(name, text)
        except ConfigError:
            # Half-written or broken: the tokens that were valid a moment ago stay valid.
            log.exception("tokens not read again")
            return self._lists[name]
        now_s, about = time.monotonic(), {"file": str(self._files[name])}
        if now_s < self._empty_since_s.setdefault(name, now_s) + EMPTY_FOR_S:
            log.warning("file of tokens is empty: they end if it stays so", extra=about)
            return self._lists[name]
        log.warning("file of tokens is empty: they have ended", extra=about)
        return {}

    def _text(self, name: str) -> str | None:
        try:
            if name in self._files:
                self._files[name].stat()
        except FileNotFoundError:
            return None
        except OSError:
            pass  # reading it raises the error with its reason
        return secret(self._env, name)

    def _is_due(self) -> bool:
        ends_s = time.monotonic() - EMPTY_FOR_S
        return any(self._lists[n] and since <= ends_s for n, since in self._empty_since_s.items())

    def _signatures(self) -> list[tuple[int, int, int] | None]:
        return [_signature(path) for path in self._files.values()]


def _callers(lists: Mapping[str, TokenList]) -> Mapping[bytes, Caller]:
    writers, readers = (lists[name] for name in _NAMES)
    if any(len(devices) > 1 for devices in writers.values()):
        raise ConfigError(
            "DEVICE_TOKENS: one token names two devices, or a device and its P1 meter; give each "
            "its own"
        )
    if writers.keys() & readers.keys():
        raise ConfigError("READ_TOKENS: a token is a device token too; use another")
    return {
        digest: _caller(devices, may_ingest)
        for tokens, may_ingest in ((writers, True), (readers, False))
        for digest, devices in tokens.items()
    }


def _caller(names: list[str], may_ingest: bool) -> Caller:
    devices = tuple(name.removesuffix(token_file.P1) for name in names)
    return Caller(devices, may_ingest, is_p1=names[0].endswith(token_file.P1))


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    # Not the time of writing: a chmod that makes a file acceptable has to be noticed as well.
    return status.st_ino, status.st_size, status.st_ctime_ns


def _parse(name: str, text: str | None) -> TokenList:
    tokens: TokenList = {}
    for entry in token_file.entries(name, text or ""):
        names = tokens.setdefault(entry.digest, [])
        if entry.name not in names:
            names.append(entry.name)
    return tokens
