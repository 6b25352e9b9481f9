"""Every token of the settings, with where it is kept: for ``server.tokens`` and ``doctor``."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.env import secret, secret_file
from server.auth import token_file
from server.auth.token_uses import ID_DIGITS

LIVE_TOKENS = 2  # of one device: the one in use, and the next one
NAMES = {"device": "DEVICE_TOKENS", "read": "READ_TOKENS"}
P1 = "p1"  # the kind of a token of a device's P1 meter


class Known(NamedTuple):
    """One token: its digest, what it is for, its file (None: the environment itself), its day.

    The day on which it was made is None if nobody wrote it down.
    """

    digest: bytes
    kind: str
    devices: list[str]
    is_plain: bool
    file: Path | None
    made: date | None

    @property
    def id(self) -> str:
        """Its name for people."""
        return self.digest.hex()[:ID_DIGITS]


def known(env: Mapping[str, str]) -> list[Known]:
    """Return every token of the settings in their order, the oldest of a file first.

    Raises:
        ConfigError: a list is malformed, its file cannot be read, or it is given in both forms.
    """
    found: dict[tuple[str, bytes], Known] = {}
    for whose, name in NAMES.items():
        file, content = secret_file(env, name), text(env, name)
        entries, made = token_file.entries(name, content), token_file.made(content)
        for entry in entries:
            kind, digest = P1 if entry.is_p1 else whose, entry.digest
            fresh = Known(digest, kind, [], entry.is_plain, file, made.get(digest))
            token = found.setdefault((kind, digest), fresh)
            if (device_id := entry.device_id) not in token.devices:
                token.devices.append(device_id)
    return list(found.values())


def setting(kind: str) -> str:
    """Return the setting that holds the tokens of a kind."""
    return NAMES["device" if kind == P1 else kind]


def text(env: Mapping[str, str], name: str) -> str:
    """Return the text of a list; empty where its file is still to be made.

    Raises:
        ConfigError: it cannot be read, or is given in both forms.
    """
    file = secret_file(env, name)
    if file is not None and not file.exists():  # the first token makes it
        return ""
    return secret(env, name) or ""
