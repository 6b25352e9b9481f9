"""Readings from the lines of a CSV file, as PostgreSQL's COPY writes the table of P1-Edge-VPS.

Each line is read by itself, so that one that is broken costs no other. Pure, but for the file.
"""

import csv
import re
from collections.abc import Iterator
from datetime import datetime
from typing import TextIO

from edge_lib.shared.fields import ReadingError
from edge_lib.shared.p1_reading import P1
from server.database.p1_samples import with_times
from server.database.pool import Row

COPY = (
    "COPY (SELECT device_id, ts, power_w, import_power_w, energy_import_kwh, energy_export_kwh"
    " FROM p1_samples ORDER BY ts) TO STDOUT CSV HEADER"
)
_LONGEST = 8192
_NEEDED = ("ts", "power_w")
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
# What PostgreSQL writes in its own style, ISO: 2026-07-30 00:00:00.123456+00
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)(?:(Z)|([+-]\d\d)(?::?(\d\d))?)", re.ASCII
)


class BadLine(ValueError):
    """A line is not a reading; the text says why."""


class NotThatTable(ValueError):
    """The first line does not name the columns that are needed; the text says what does."""


def numbered(file: TextIO) -> Iterator[tuple[int, str]]:
    """Return the lines of a file with their numbers, from 1; of an endless one its beginning."""
    number = 0
    while line := file.readline(_LONGEST):
        number += 1
        yield number, line
        while not line.endswith("\n") and line:
            line = file.readline(_LONGEST)


class Table:
    """The columns of a file, by its first line.

    Attributes:
        unknown: names of columns that are none of a reading's, and are left out.
    """

    def __init__(self, header: str):
        """Read the first line.

        Raises:
            NotThatTable: it does not name the columns.
        """
        self._columns = _cells(header.removeprefix("\ufeff"))
        for name in _NEEDED:
            if name not in self._columns or len(set(self._columns)) < len(self._columns):
                raise NotThatTable(f"its first line does not name the column {name}; {_HOW}")
        self.unknown = [name for name in self._columns if name not in P1.names]

    def reading(self, line: str, now: datetime) -> Row:
        """Return the reading of a line, checked, with every time as one.

        ``device_id`` is what the file calls the meter; it is absent where the file does not say.

        Raises:
            BadLine: there is none.
        """
        if len(line) >= _LONGEST:
            raise BadLine(f"longer than {_LONGEST} characters")
        cells = _cells(line)
        if len(cells) != len(self._columns):
            raise BadLine(f"{len(cells)} columns, not {len(self._columns)}")
        pairs = zip(self._columns, cells, strict=True)
        told = {name: _value(name, cell) for name, cell in pairs if cell and name in P1.names}
        reading: Row = {"power_w": None, "device_id": "unnamed"} | told
        try:
            reading["ts"] = P1.check(reading, now)
        except ReadingError as error:
            raise BadLine(str(error)) from error
        if "device_id" not in told:
            del reading["device_id"]
        return with_times(reading)


_HOW = f'write the file with: psql -c "{COPY}"'


def _cells(line: str) -> list[str]:
    try:
        rows = list(csv.reader([line], strict=True))
    except csv.Error as error:
        raise BadLine(f"not CSV: {error}") from error
    return rows[0] if rows else []


def _value(name: str, cell: str) -> str | int | float:
    if name == "ts" or name in P1.times:
        return _rfc3339(name, cell)
    if name == "device_id" or name in P1.texts:
        return cell
    if _WHOLE.fullmatch(cell):
        return int(cell)
    if _NUMBER.fullmatch(cell):
        return float(cell)
    raise BadLine(f"{name}: {cell[:40]!a} is not a number")


def _rfc3339(name: str, cell: str) -> str:
    found = _TIME.fullmatch(cell)
    if found is None:
        raise BadLine(f"{name}: {cell[:40]!a} is not a time like 2026-07-30 00:00:00+00")
    day, time, zulu, hours, minutes = found.groups()
    return f"{day}T{time}{zulu or f'{hours}:{minutes or 0:0>2}'}"
