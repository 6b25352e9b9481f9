"""The file of pairing codes: each logs one browser in with a read token, once, for a while.

A line a code: ``sha256$HEX 2026-11-28T23:15:00Z sha256$HEX``: the code, its end, the token. The
code itself is in the link that ``server.tokens new --read --link`` prints, and nowhere else. That
it is used up the database knows (``sungrow_pairings``), so that of two browsers at once one wins.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.timestamps import format_ts, parse_ts
from server.auth import token_file

GOOD_FOR = timedelta(minutes=15)
_LINE = re.compile(r"sha256\$([0-9a-f]{64}) (\S+) sha256\$([0-9a-f]{64})", re.ASCII)


class Pairing(NamedTuple):
    """One code and the token that it stands for, by digests; and until when it is good."""

    code: bytes
    end: datetime
    token: bytes


def digest(code: str) -> bytes:
    """Return what is kept of a code."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()


def add(path: Path, code: str, token: bytes, now: datetime) -> Pairing:
    """Write down one more code, and leave out those that have ended.

    Raises:
        OSError: the file cannot be replaced.
    """
    made = Pairing(digest(code), now + GOOD_FOR, token)
    with token_file.locked(path):
        kept = [one for one in read(path) if one.end > now]
        token_file.replace(path, "".join(map(_line, [*kept, made])))
    return made


def read(path: Path) -> list[Pairing]:
    """Return the codes of the file; none where there is no file. Other lines are passed over.

    Raises:
        OSError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return []
    return list(_pairings(text.splitlines()))


def _pairings(lines: Iterable[str]) -> Iterable[Pairing]:
    for line in lines:
        if match := _LINE.fullmatch(line):
            try:
                end = parse_ts(match[2])
            except ValueError:
                continue
            yield Pairing(bytes.fromhex(match[1]), end, bytes.fromhex(match[3]))


def _line(one: Pairing) -> str:
    return f"sha256${one.code.hex()} {format_ts(one.end)} sha256${one.token.hex()}\n"
