"""A table of readings of one kind: what is stored in it, and what is there already."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from psycopg2.errors import RaiseException
from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function
from psycopg2.extras import execute_values

from edge_lib.shared.fields import Kind
from server.database import deletions
from server.database.deletions import Forgotten
from server.database.pool import DatabaseAway, Row, query

Values = tuple[Any, ...]  # of a row, in the order of its columns
_MOST_SHAPES = 64


class Shape(NamedTuple):
    """What all rows have in common that report the same fields, as those of a batch mostly do."""

    row: str  # as PostgreSQL writes one, with %s or %d for each value
    values: Callable[[Row], Values]  # returns them in that order
    texts: list[str]


class Verdict(NamedTuple):
    """What became of a list of readings: two counts, and the indexes of those in conflict."""

    inserted: int
    duplicates: int
    conflicts: list[int]

    def counts(self) -> tuple[int, int, int]:
        """Return how many there were of each."""
        return self.inserted, self.duplicates, len(self.conflicts)


class ReadingTable:
    """The table that holds the readings of one kind."""

    def __init__(self, kind: Kind, insert: str, by_key: str, came_later: tuple[str, ...] = ()):
        """Know the table's columns.

        Args:
            kind: of its readings.
            insert: the statement for a text of rows, one a line.
            by_key: the query of ``sql/queries`` that returns the rows of some keys.
            came_later: fields whose columns came by a later file of ``sql/``, in the order in which
                they came. A row is told by the place of its values, and such a column is at the
                end of the table.
        """
        self.kind = kind
        self.columns = (
            *(name for name in kind.names if name not in came_later),
            *("extra", "received_at"),
            *came_later,
        )
        self._statement = insert
        self._by_key = by_key
        self._ts = kind.names.index("ts")
        self._shape = lru_cache(_MOST_SHAPES)(self._shape_of)

    def store(
        self, cursor: Cursor, device_id: str, readings: list[Row], gone: Forgotten
    ) -> Verdict:
        """Store readings once each, by one statement.

        Those whose key is taken are compared with what is there: the same values make a
        duplicate, other values a conflict, of which nothing is stored. A reading of a forgotten
        time counts as a duplicate.

        Args:
            cursor: of a transaction.
            device_id: whose.
            readings: checked, with ``ts`` as a time, in any order.
            gone: what is forgotten of their time.
        """
        wanted = gone.others(first_by_time(readings))
        inserted = self.insert(cursor, wanted.values())
        return self._verdict(cursor, device_id, readings, wanted, inserted)

    def store_alone(self, cursor: Cursor, device_id: str, readings: list[Row]) -> Verdict | None:
        """Store readings as ``store`` does, by one message that is a transaction by itself.

        Args:
            cursor: in autocommit.
            device_id: whose.
            readings: checked, with ``ts`` as a time, in any order; at least one.

        Returns:
            None if a part of their time is forgotten: then nothing is stored.
        """
        wanted = first_by_time(readings)
        first, last = next(iter(wanted)), next(reversed(wanted))
        lock = deletions.lock_unforgotten(cursor, device_id, first, last)
        try:
            inserted = self.insert(cursor, wanted.values(), lock)
        except RaiseException:
            return None
        return self._verdict(cursor, device_id, readings, wanted, inserted)

    def _verdict(
        self,
        cursor: Cursor,
        device_id: str,
        readings: list[Row],
        wanted: dict[datetime, Row],
        inserted: int,
    ) -> Verdict:
        if inserted == len(readings):
            return Verdict(inserted, 0, [])
        if inserted == len(wanted):
            standing = {ts: self.values(reading) for ts, reading in wanted.items()}
        else:
            standing = self.standing(cursor, device_id, list(wanted))
        conflicts = [index for index, one in enumerate(readings) if self.differs(one, standing)]
        return Verdict(inserted, len(readings) - inserted - len(conflicts), conflicts)

    def insert(self, cursor: Cursor, readings: Iterable[Row], before: str = "") -> int:
        """Store readings, by rising and distinct keys, whose key is free.

        Args:
            cursor: where.
            readings: which.
            before: a statement for the same message, which goes first.

        Returns:
            How many.
        """
        lines = "\n".join(self._lines(readings))
        if not lines:
            return 0
        execute_values(cursor, before.replace("%", "%%") + self._statement, [(lines,)])
        return cursor.rowcount

    def standing(
        self, cursor: Cursor, device_id: str, times: list[datetime]
    ) -> dict[datetime, Values]:
        """Return what is stored at these rising times of a device.

        Raises:
            DatabaseAway: not all of them are there.
        """
        key = {"device_id": device_id, "ts": times, "first": times[0], "last": times[-1]}
        cursor.execute(query(self._by_key), key)
        standing = {row[self._ts]: row for row in cursor.fetchall()}
        if len(standing) < len(times):
            # Taken a moment ago, and gone: somebody deletes at the same time. A resend settles it.
            raise DatabaseAway("rows vanished while they were compared")
        return standing

    def values(self, reading: Row) -> Values:
        """Return the values of a reading as the database returns them."""
        return (*map(reading.get, self.kind.names), self.kind.unknown(reading))

    def differs(self, reading: Row, standing: dict[datetime, Values]) -> bool:
        """Return whether something else is stored at the reading's time."""
        other = standing.get(reading["ts"])
        if other is None:  # of a forgotten time
            return False
        # Whole numbers and floats of one value are equal in Python as they are in the columns'
        # types.
        one = self.values(reading)
        return one[:-1] != other[:-1] or _plain(one[-1]) != _plain(other[-1])

    def _lines(self, readings: Iterable[Row]) -> Iterator[str]:
        """Yield readings as PostgreSQL writes a row: ``(home-1,2026-05-05 20:00:00Z,75.5,,...)``.

        What is null is left out of it. A time, a ``device_id`` and a number need no quotes, and no
        value has a line of its own: JSON writes the end of one as two characters.
        """
        names: tuple[str, ...] = ()
        for reading in readings:
            told = reading
            if None in reading.values():
                told = {name: value for name, value in reading.items() if value is not None}
            if more := self.kind.unknown(reading):
                told = {**told, "extra": _quoted(json.dumps(more))}
            if (own := tuple(told)) != names:
                names, shape = own, self._shape(own)
            if shape.texts:
                told = told | {name: _quoted(told[name]) for name in shape.texts}
            yield shape.row % shape.values(told)

    def _shape_of(self, names: tuple[str, ...]) -> Shape:
        told = {"extra", *self.kind.names}.intersection(names)
        # JSON may say 3 as 3.0; and now is when the transaction began, as received_at has it by
        # itself.
        written = dict.fromkeys(told, "%s") | dict.fromkeys(
            told.intersection(self.kind.whole), "%d"
        )
        written["received_at"] = "now"
        return Shape(
            f"({','.join(written.get(name, '') for name in self.columns)})",
            itemgetter(*(name for name in self.columns if name in told)),
            [name for name in self.kind.texts if name in told],
        )


def first_by_time(readings: Iterable[Row]) -> dict[datetime, Row]:
    """Return the first reading of each key, by rising time.

    The order is for the database: two writers that lock the same rows in one order cannot deadlock.
    """
    first: dict[datetime, Row] = {}
    for reading in readings:
        first.setdefault(reading["ts"], reading)
    return {ts: first[ts] for ts in sorted(first)}


@lru_cache(256)  # a house's readings say the same few texts
def _quoted(text: str) -> str:
    """Return a text as a value in a row: as in CSV, where a backslash escapes too."""
    field = io.StringIO()
    csv.writer(field, escapechar="\\", lineterminator="").writerow([text])
    return field.getvalue()


def _plain(fields: Row | None) -> Row:
    # Numbers as jsonb has them, exact in decimal: it gives 1e300 back as a whole number of 301
    # digits. And null is the same as absent, as it is for the fields that have a column.
    return {
        name: Decimal(str(value)) if type(value) in (int, float) else value
        for name, value in (fields or {}).items()
        if value is not None
    }
