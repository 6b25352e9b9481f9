"""The text of ``DEVICE_TOKENS`` and ``READ_TOKENS``, and the files that hold it.

Entries ``token:device_id`` or ``sha256$HEX:device_id``, by lines or commas; ``/p1`` behind the
device makes it a token of its P1 meter. A line that begins with ``# `` is a comment. What is
ambiguous is refused: a ``;``, a second ``:``. A file is replaced as a whole, so that a running
server reads the old one or the new one; comments, and whatever else is there, stay.
"""

import contextlib
import fcntl
import hashlib
import itertools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.env import ConfigError
from edge_lib.shared.fields import is_device_id
from edge_lib.shared.flush import flush_names

EXAMPLE = "DEVICE_TOKENS=s3cr3t-token:home-1"
NEW_MODE = 0o640
P1, WITH_P1 = "/p1", "DEVICE_TOKENS"
_DIGEST = re.compile(r"sha256\$([0-9a-f]{64})", re.IGNORECASE | re.ASCII)
_TOKEN = re.compile(r"(?!sha256\$)[\x21-\x7e]+", re.IGNORECASE | re.ASCII)
_NONE_LEFT = "# no token is left"
_MADE = re.compile(r"# made (\d{4}-\d\d-\d\d)", re.ASCII)
_COMMENT = re.compile(r"\s*#(\s.*)?", re.ASCII)


class Entry(NamedTuple):
    """One device of one token, by its ``name``: ``home-1``, or ``home-1/p1`` for its P1 meter."""

    digest: bytes
    name: str
    is_plain: bool

    @property
    def device_id(self) -> str:
        """The device."""
        return self.name.removesuffix(P1)

    @property
    def is_p1(self) -> bool:
        """Whether it is of the device's P1 meter alone."""
        return self.name.endswith(P1)


def is_token(text: str) -> bool:
    """Return whether this could be a token: printable ASCII without blanks."""
    return _TOKEN.fullmatch(text) is not None


def entries(name: str, text: str) -> list[Entry]:
    """Read a list of tokens.

    Raises:
        ConfigError: an entry is malformed; the text names its number and the setting.
    """
    found = []
    for number, piece in enumerate((p for line in text.split("\n") for p in _pieces(line)), 1):
        if problem := _problem(name, piece):
            # The entry itself may be a secret with a typo: not into the message.
            raise ConfigError(f"{name}: entry {number} {problem}; example: {EXAMPLE}")
        found.append(_entry(piece))
    return found


def made(text: str) -> dict[bytes, date]:
    """Return the days that comments name as those on which tokens were made, by digest."""
    days = {}
    lines = text.split("\n")
    for above, line in itertools.pairwise(lines):
        if (comment := _MADE.fullmatch(above.strip())) and (pieces := _pieces(line)):
            with contextlib.suppress(ValueError):  # looks like one, and is not a day
                days[_entry(pieces[0]).digest] = date.fromisoformat(comment[1])
    return days


def added(text: str, digest: bytes, names: list[str], day: date) -> str:
    """Return the text with one more token at its end, and the day on which it was made.

    ``names`` are those of its entries.
    """
    entries = "".join(f"sha256${digest.hex()}:{name}\n" for name in names)
    before = "\n".join(line for line in text.split("\n") if line.strip() != _NONE_LEFT)
    return f"{_whole_lines(before)}# made {day}\n{entries}"


def without(text: str, digest: bytes) -> str:
    """Return a text that ``entries`` could read without any entry of this token."""
    lines: list[str] = []
    for line in text.split("\n"):
        pieces = _pieces(line)
        kept = [piece for piece in pieces if _entry(piece).digest != digest]
        if kept == pieces:
            lines.append(line)
            continue
        if lines and _MADE.fullmatch(lines[-1].strip()):
            lines.pop()
        if kept:
            lines.append(",".join(kept))
    left = _whole_lines("\n".join(lines))
    # Not empty: a server waits before it takes a file as emptied on purpose.
    return left or f"{_NONE_LEFT}\n"


def _whole_lines(text: str) -> str:
    return f"{text.rstrip()}\n" if text.strip() else ""


def _pieces(line: str) -> list[str]:
    if _COMMENT.fullmatch(line):
        return []
    return [piece for piece in map(str.strip, line.split(",")) if piece]


def _problem(name: str, piece: str) -> str | None:
    """Return why this is not an entry of the setting ``name``; None if it is one."""
    token, _, device_id = piece.partition(":")
    if ";" in piece:
        return "contains a ';': entries are separated by commas or line breaks"
    if ":" in device_id:
        return (
            "has a second ':', which a token in plain text cannot contain; write such a one as "
            "sha256$ and the 64 hex digits of its SHA-256"
        )
    if device_id.endswith(P1) and name != WITH_P1 and is_device_id(device_id.removesuffix(P1)):
        return f"is a token of a P1 meter ({P1}), which belongs into {WITH_P1}"
    is_known = _DIGEST.fullmatch(token) or is_token(token)
    if not is_known or not is_device_id(device_id.removesuffix(P1)):
        return (
            "is not token:device_id, with a token of printable ASCII without blanks, or sha256$ "
            "and 64 hex digits (a comment begins with '# ')"
        )
    return None


def _entry(piece: str) -> Entry:
    token, _, name = piece.partition(":")
    if digest := _DIGEST.fullmatch(token):
        return Entry(bytes.fromhex(digest[1]), name, is_plain=False)
    return Entry(hashlib.sha256(token.encode()).digest(), name, is_plain=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one command at a time change the files of this folder."""
    # The folder, since the file itself is another one after each change.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def replace(path: Path, text: str) -> None:
    """Put ``text`` in the file's place; owner and mode stay. A new file is made for the folder's.

    Raises:
        OSError: it cannot be done; the file is as it was.
    """
    path = path.resolve()  # where it is a link, the link stays
    written = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            _take_over(file.fileno(), path)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)
    flush_names(path.parent)


def _take_over(file: int, path: Path) -> None:
    """Set owner and mode of the new file as the one at ``path`` has them."""
    try:
        model, mode = path.stat(), path.stat().st_mode & 0o7777
    except FileNotFoundError:
        # Made by root, it has to be readable by the server; whose folder that is, root has said.
        model, mode = path.parent.stat(), NEW_MODE
        if os.geteuid() != 0:
            os.fchmod(file, mode)
            return
    mine = os.fstat(file)
    if (mine.st_uid, mine.st_gid) != (model.st_uid, model.st_gid):
        os.fchown(file, model.st_uid, model.st_gid)
    os.fchmod(file, mode)
