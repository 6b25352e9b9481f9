"""Readings of a file into the database, day by day; what is there already stays as it is."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import NamedTuple, TextIO

from psycopg2.extensions import connection as Connection  # noqa: N812  a type, not a function

from server.database import deletions, rollups
from server.database.p1_samples import TABLE
from server.database.pool import Row
from server.p1.csv_lines import BadLine, Table, numbered

_MOST_KEPT = 100_000  # readings in memory: two days at one in 2 s


class Read(NamedTuple):
    """A reading, and the number of its line."""

    number: int
    reading: Row


class Progress(NamedTuple):
    """How far it is: the newest day, and what became of the readings so far."""

    day: date
    inserted: int
    duplicates: int
    conflicts: int


class Lines:
    """The readings of a file, and what is wrong with its other lines.

    Attributes:
        bad: how many lines are not readings of this meter.
    """

    def __init__(
        self, file: TextIO, table: Table, meter: str | None, complain: Callable[..., None]
    ):
        """Read nothing yet.

        Args:
            file: behind its first line.
            table: what its first line says.
            meter: the name of the one to take; None: the first that the file names.
            complain: called with the number of each bad line, and why it is one.
        """
        self._file, self._table, self._meter, self._complain = file, table, meter, complain
        self.bad = 0

    def __iter__(self) -> Iterator[Read]:
        """Return the readings of the meter."""
        now = datetime.now(UTC)
        for number, line in numbered(self._file):
            try:
                reading = self._table.reading(line, now)
                self._refuse_others(reading)
            except BadLine as error:
                self.bad += 1
                self._complain(number + 1, str(error))
                continue
            yield Read(number + 1, reading)

    def _refuse_others(self, reading: Row) -> None:
        # Two meters in one house would be mixed beyond repair.
        name = reading.get("device_id")
        if name is None:  # the file does not tell them apart
            return
        self._meter = self._meter or name
        if name != self._meter:
            raise BadLine(f"of the meter {name}, not of {self._meter}; --meter chooses another")


def store(
    connection: Connection, device_id: str, lines: Lines, complain: Callable[..., None]
) -> Iterator[Progress]:
    """Store the readings of a file as those of a device, a day in one transaction.

    Args:
        connection: to the database.
        device_id: whose they are.
        lines: of the file.
        complain: called with the number of each line in conflict, and what that means.

    Yields:
        How far it is, after each day; the last one is the sum of all.
    """
    sums = [0, 0, 0]
    for day, readings in _days(lines):
        with connection, connection.cursor() as cursor:
            rollups.lock(cursor, device_id)
            deletions.allow_large_changes(cursor)
            rows = [{**read.reading, "device_id": device_id} for read in readings]
            gone = deletions.shared(cursor, device_id, (row["ts"] for row in rows))
            verdict = TABLE.store(cursor, device_id, rows, gone)
        for index in verdict.conflicts:
            complain(readings[index].number, "another reading of this time is stored already")
        counts = (verdict.inserted, verdict.duplicates, len(verdict.conflicts))
        sums = [one + more for one, more in zip(sums, counts, strict=True)]
        yield Progress(day, *sums)


def _days(lines: Lines) -> Iterator[tuple[date, list[Read]]]:
    """Return the readings by days; of a file that is not in order, a day may come several times."""
    kept: dict[date, list[Read]] = {}
    count = 0
    for read in lines:
        kept.setdefault(read.reading["ts"].date(), []).append(read)
        count += 1
        if count >= _MOST_KEPT:
            whole = sorted(kept)[:-1] or sorted(kept)
            for day in whole:
                count -= len(kept[day])
                yield day, kept.pop(day)
    for day in sorted(kept):
        yield day, kept[day]
