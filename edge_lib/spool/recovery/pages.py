"""The rows of a damaged spool, read page by page and not through its trees.

A lost page of a tree would take all rows below it along; here it costs what it holds itself. So a
file with a lost header, or half a file, yields what is left of it too. Nothing here believes what
it finds: a row's checksum decides, later.
Source: sqlite.org/fileformat2.html.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from edge_lib.spool import wal
from edge_lib.spool.file import PAGE_SIZE_BYTES

_MAGIC = b"SQLite format 3\0"
_TABLE_LEAF = 13
_MOST_BYTES = 1 << 20  # of a row: no reading is longer
_FIRST_HEADER = 100  # of page 1, before its tree
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


class Cell(NamedTuple):
    """One row of any table: its rowid and its columns, or None where it cannot be read."""

    rowid: int
    values: tuple[Any, ...] | None


class Pages:
    """The pages of a database and of its log, as of the log's last commit."""

    def __init__(self, path: Path):
        """Open both files.

        Raises:
            OSError: the database cannot be opened.
        """
        with ExitStack() as undo:
            self._file = os.open(path, os.O_RDONLY)
            undo.callback(os.close, self._file)
            self.size = _page_size(self._read(self._file, 0, _FIRST_HEADER))
            self._log: int | None = None
            self._newer: dict[int, int] = {}
            log = Path(f"{path}-wal")
            if log.exists():
                self._log = os.open(log, os.O_RDONLY)
                undo.callback(os.close, self._log)
                self._newer = {f.page: f.offset for f in wal.frames(self._log, self.size)}
            self.close = undo.pop_all().close
        whole = os.fstat(self._file).st_size // self.size
        self.numbers: list[Iterable[int]] = [
            range(1, whole + 1),
            sorted(n for n in self._newer if n > whole),
        ]
        self._free = self._free_pages()

    def page(self, number: int) -> bytes:
        """Return a page, counted from 1; b"" if it cannot be read."""
        offset = self._newer.get(number)
        if offset is None or self._log is None:
            return self._read(self._file, (number - 1) * self.size, self.size)
        return self._read(self._log, offset, self.size)

    def cells(self, number: int) -> Iterator[Cell]:
        """Return the rows of a page, if it is one of a table's leaves and in use."""
        page = self.page(number)
        at = _FIRST_HEADER if number == 1 else 0
        if number in self._free or len(page) < self.size or page[at] != _TABLE_LEAF:
            return
        count = int.from_bytes(page[at + 3 : at + 5])
        places = page[at + 8 : at + 8 + 2 * min(count, self.size // 2)]
        for (place,) in struct.iter_unpack(">H", places[: len(places) // 2 * 2]):
            try:
                length, after = _varint(page, place)
                rowid, after = _varint(page, after)
            except IndexError:
                continue
            yield Cell(rowid, self._values(page, after, length))

    def _values(self, page: bytes, at: int, length: int) -> tuple[Any, ...] | None:
        try:
            return _columns(self._payload(page, at, length))
        except (IndexError, struct.error):
            return None

    def _payload(self, page: bytes, at: int, length: int) -> bytes:
        """Put a row together: its part on the page, and its chain of overflow pages."""
        here = _local_bytes(length, self.size)
        text = page[at : at + here]
        following = int.from_bytes(page[at + here : at + here + 4]) if here < length else 0
        while len(text) < length <= _MOST_BYTES:
            overflow = self.page(following) if following else b""
            if len(overflow) < self.size:
                raise IndexError("the chain of overflow pages is broken")
            text += overflow[4:]
            following = int.from_bytes(overflow[:4])
        return text[:length]

    def _free_pages(self) -> set[int]:
        """Return the pages that nothing uses: what they hold was deleted."""
        free: set[int] = set()
        trunk = int.from_bytes(self.page(1)[32:36])
        while trunk and trunk not in free:
            free.add(trunk)
            page = self.page(trunk)
            count = min(int.from_bytes(page[4:8]), self.size // 4 - 2)
            leaves = page[8 : 8 + 4 * count]
            free.update(number for (number,) in struct.iter_unpack(">I", leaves))
            trunk = int.from_bytes(page[:4])
        return free

    @staticmethod
    def _read(file: int, offset: int, count: int) -> bytes:
        try:
            return os.pread(file, count, offset)
        except (OSError, OverflowError):  # a bad sector, or a damaged number
            return b""


def _page_size(header: bytes) -> int:
    size = int.from_bytes(header[16:18])
    whole = header.startswith(_MAGIC) and size in (512, 1024, 2048, 4096, 8192)
    return size if whole else PAGE_SIZE_BYTES


def _local_bytes(length: int, page_bytes: int) -> int:
    """Return how much of a row lies on its leaf; the page has no reserved bytes."""
    most = page_bytes - 35
    if length <= most:
        return length
    least = (page_bytes - 12) * 32 // 255 - 23
    some = least + (length - least) % (page_bytes - 4)
    return some if some <= most else least


def _columns(record: bytes) -> tuple[Any, ...]:
    head_bytes, at = _varint(record, 0)
    if head_bytes > len(record):
        raise IndexError("the head of the row is damaged")
    kinds = []
    while at < head_bytes:
        kind, at = _varint(record, at)
        kinds.append(kind)
    values = []
    for kind in kinds:
        value, at = _value(record, at, kind)
        values.append(value)
    return tuple(values)


def _value(record: bytes, at: int, kind: int) -> tuple[object, int]:
    if kind in (0, 8, 9):
        return {0: None, 8: 0, 9: 1}[kind], at
    if kind == 7:
        return struct.unpack_from(">d", record, at)[0], at + 8
    end = at + (_INTEGER_BYTES.get(kind) or max(0, kind - 12) // 2)
    raw = record[at:end]
    if len(record) < end:
        raise IndexError("the row is cut short")
    if kind in _INTEGER_BYTES:
        return int.from_bytes(raw, signed=True), end
    return (raw.decode(errors="backslashreplace") if kind % 2 else raw), end


def _varint(text: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(8):
        byte = text[at + i]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + i + 1
    return value << 8 | text[at + 8], at + 9
