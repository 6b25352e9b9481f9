"""The write-ahead log of a spool, read without SQLite: is it whole, and where do its pages lie?

SQLite ends a damaged log at the first frame whose checksum is wrong, and says nothing: every later
commit is gone. The frames themselves are still there.
Source: sqlite.org/fileformat2.html, "The Write-Ahead Log".
"""

import os
import struct
from collections import Counter
from pathlib import Path
from typing import NamedTuple

HEADER_BYTES, FRAME_BYTES = 32, 24
_MAGIC = 0x377F0682  # with 1 added the checksums are of big-endian words
_HEADER = struct.Struct(">8I")  # magic, version, page size, number, two salts, two checksums
_FRAME = struct.Struct(">6I")  # page, pages after a commit or 0, two salts, two checksums
# Longer than any log but one that somebody's open reader has kept from ending.
_MOST_BYTES = 16 << 20

Sums = tuple[int, int]


class Frame(NamedTuple):
    """One page that a commit wrote."""

    page: int
    commits: bool  # the last one of its commit
    offset: int  # of the page, in the file


def is_damaged(path: Path, page_bytes: int) -> bool:
    """Return whether commits lie behind a frame that SQLite would stop at.

    The last commit may be cut short by a power cut: not damage, as nothing was acknowledged. But
    when it was begun, the one before was on the disk, whole. Nor is it damage where the database
    holds them already: a log begins its next round only then, and may be cut short in its header.

    Raises:
        OSError: the file cannot be read.
    """
    if not path.exists() or path.stat().st_size > _MOST_BYTES:
        return False
    log = path.read_bytes()
    count = _count(len(log), page_bytes)
    if not count:
        return False
    salts = _newest_salts(log[:HEADER_BYTES], [_frame(log, i, page_bytes) for i in range(count)])
    later = range(_whole_frames(log, page_bytes), count)
    suspect = sum(_is_commit(log, i, salts, page_bytes) for i in later) > 1
    return suspect and not _is_in_database(path, page_bytes)


def frames(file: int, page_bytes: int) -> list[Frame]:
    """Return the frames up to the last commit, damaged ones between them left out.

    Args:
        file: a descriptor of the log.
        page_bytes: of a page.

    Raises:
        OSError: the file cannot be read.
    """
    step = FRAME_BYTES + page_bytes
    places = range(HEADER_BYTES, os.fstat(file).st_size - step + 1, step)
    heads = [os.pread(file, FRAME_BYTES, at) for at in places]
    salts = _newest_salts(os.pread(file, HEADER_BYTES, 0), heads)
    found, committed = [], 0
    for at, head in zip(places, heads, strict=True):
        page, pages, *rest = _FRAME.unpack(head)
        if tuple(rest[:2]) == salts:
            found.append(Frame(page, pages != 0, at + FRAME_BYTES))
            committed = len(found) if pages else committed
    return found[:committed]


def _is_in_database(path: Path, page_bytes: int) -> bool:
    """Return whether the database holds each page as the log has it last."""
    database = path.with_name(path.name.removesuffix("-wal"))
    with database.open("rb") as pages, path.open("rb") as log:
        latest = {frame.page: frame.offset for frame in frames(log.fileno(), page_bytes)}
        return all(
            os.pread(log.fileno(), page_bytes, offset)
            == os.pread(pages.fileno(), page_bytes, (page - 1) * page_bytes)
            for page, offset in latest.items()
        )


def _count(size: int, page_bytes: int) -> int:
    return max(0, size - HEADER_BYTES) // (FRAME_BYTES + page_bytes)


def _whole_frames(log: bytes, page_bytes: int) -> int:
    """Count the frames that SQLite would read."""
    header = log[:HEADER_BYTES]
    magic, _, size, _, *salts = _HEADER.unpack(header)[:6]
    if not _is_header(header) or size != page_bytes:
        return 0
    sums = _HEADER.unpack(header)[6:]
    count = _count(len(log), page_bytes)
    for i in range(count):
        frame = _frame(log, i, page_bytes)
        sums = _sums(frame[:8] + frame[FRAME_BYTES:], sums, magic & 1)
        if _FRAME.unpack_from(frame)[2:] != (*salts, *sums):
            return i
    return count


def _is_header(header: bytes) -> bool:
    magic, *_, sum1, sum2 = _HEADER.unpack(header)
    return magic & ~1 == _MAGIC and _sums(header[:-8], (0, 0), magic & 1) == (sum1, sum2)


def _is_commit(log: bytes, i: int, salts: Sums, page_bytes: int) -> bool:
    """Return whether a frame ends a commit and fits the one before it, as it says itself."""
    frame = _frame(log, i, page_bytes)
    _, pages, salt1, salt2, *sums = _FRAME.unpack_from(frame)
    if not (pages and (salt1, salt2) == salts and i):
        return False
    before = _FRAME.unpack_from(_frame(log, i - 1, page_bytes))[4:]
    text = frame[:8] + frame[FRAME_BYTES:]
    return tuple(sums) in (_sums(text, before, 0), _sums(text, before, 1))


def _frame(log: bytes, i: int, page_bytes: int) -> bytes:
    at = HEADER_BYTES + i * (FRAME_BYTES + page_bytes)
    return log[at : at + FRAME_BYTES + page_bytes]


def _newest_salts(header: bytes, heads: list[bytes]) -> Sums:
    """Return the salts of the log's present round; frames of older ones may lie behind it."""
    if len(header) == HEADER_BYTES and _is_header(header):
        return _HEADER.unpack(header)[4:6]
    seen = Counter(_FRAME.unpack_from(head)[2:4] for head in heads)
    return seen.most_common(1)[0][0] if seen else (0, 0)


def _sums(text: bytes, sums: Sums, big_endian: int) -> Sums:
    sum1, sum2 = sums
    for word1, word2 in struct.iter_unpack(">2I" if big_endian else "<2I", text):
        sum1 = (sum1 + word1 + sum2) & 0xFFFFFFFF
        sum2 = (sum2 + word2 + sum1) & 0xFFFFFFFF
    return sum1, sum2
