"""A batch in the database: its samples, stored once each, and its parts, all or nothing.

All samples go in by one statement. Those whose key is taken are compared with what is there:
the same values make a duplicate, other values a conflict, of which nothing is stored. A sample of a
time that ``server.forget`` deleted counts as a duplicate.
"""

import csv
import io
import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function
from psycopg2.extras import execute_values

from edge_lib.shared.sample import FIELDS, NAMES, extra
from server.database import deletions
from server.database.parts import Parts
from server.database.pool import Database, DatabaseAway, Row, query

_TS = NAMES.index("ts")
# A row is told by the place of its values. A field whose column came by a later file of sql/ is
# at the end of the table, so its name goes here, too.
_CAME_LATER: tuple[str, ...] = ()
COLUMNS = (
    *(name for name in NAMES if name not in _CAME_LATER),
    *("extra", "received_at"),
    *_CAME_LATER,
)
_WHOLE = tuple(field.name for field in FIELDS if field.integer)
_INSERT = (
    "INSERT INTO sungrow_samples SELECT (sample).* FROM (VALUES %s) AS batch (sample)"
    " ON CONFLICT (device_id, ts) DO NOTHING"
)
# A sample is one value, not forty: the database reads a row as text in a third of the time.
_TEMPLATE = "(%s::sungrow_samples)"
Values = tuple[Any, ...]  # of a row, in the order of its columns


class Verdict(NamedTuple):
    """What became of a batch: two counts, and the indexes of the samples in conflict."""

    inserted: int
    duplicates: int
    conflicts: list[int]


def store(db: Database, device_id: str, samples: list[Row], parts: Parts) -> Verdict:
    """Store samples and parts in one transaction.

    Args:
        db: where.
        device_id: whose.
        samples: checked, with ``ts`` as a time and an ``interval_s``.
        parts: what came beside them.
    """
    first = _first_by_time(samples)
    with db.transaction() as cursor:
        # In a statement of its own: the next ones see what was forgotten while this one waited.
        gone = deletions.shared(cursor, device_id, [*first, *parts.moments()])
        parts.without(gone).store(cursor, device_id)
        wanted = {ts: sample for ts, sample in first.items() if not gone.has(ts)}
        inserted = insert(cursor, wanted.values())
        if inserted == len(samples):
            return Verdict(inserted, 0, [])
        if inserted == len(wanted):
            standing = {ts: _values(sample) for ts, sample in wanted.items()}
        else:
            standing = _standing(cursor, device_id, list(wanted))
    conflicts = [index for index, sample in enumerate(samples) if _differs(sample, standing)]
    return Verdict(inserted, len(samples) - inserted - len(conflicts), conflicts)


def _first_by_time(samples: list[Row]) -> dict[datetime, Row]:
    """Return the first sample of each key, by rising time.

    The order is for the database: two writers that lock the same rows in one order cannot deadlock.
    """
    first: dict[datetime, Row] = {}
    for sample in samples:
        first.setdefault(sample["ts"], sample)
    return dict(sorted(first.items()))


def insert(cursor: Cursor, samples: Iterable[Row]) -> int:
    """Store samples (as for ``store``, by rising and distinct times) whose key is free.

    Returns:
        How many.
    """
    rows = _rows(samples)
    if not rows:
        return 0
    execute_values(cursor, _INSERT, rows, _TEMPLATE, page_size=len(rows))
    return cursor.rowcount


def _rows(samples: Iterable[Row]) -> list[tuple[str]]:
    """Return each sample as PostgreSQL writes a row: ``(home-1,2026-05-05 20:00:00Z,75.5,,...)``.

    That is CSV between parentheses, in which a backslash escapes too.
    """
    lines = io.StringIO()
    csv.writer(lines, escapechar="\\", lineterminator="\n").writerows(map(_row, samples))
    return [(f"({line})",) for line in lines.getvalue().splitlines()]


def _row(sample: Row) -> list[object]:
    """Return the values in the order in which the table has its columns."""
    more = extra(sample)
    # now is when the transaction began, as received_at has it by itself.
    values = {**sample, "extra": json.dumps(more) if more else None, "received_at": "now"}
    for name in _WHOLE:  # JSON may say 3 as 3.0
        if type(values.get(name)) is float:
            values[name] = int(values[name])
    return [*map(values.get, COLUMNS)]


def _standing(cursor: Cursor, device_id: str, times: list[datetime]) -> dict[datetime, Values]:
    key = {"device_id": device_id, "ts": times, "first": times[0], "last": times[-1]}
    cursor.execute(query("samples-by-key"), key)
    standing = {row[_TS]: row for row in cursor.fetchall()}
    if len(standing) < len(times):
        # Taken a moment ago, and gone: somebody deletes at the same time. A resend settles it.
        raise DatabaseAway("rows vanished while they were compared")
    return standing


def _values(sample: Row) -> Values:
    """Return the values in the order of the columns."""
    return (*map(sample.get, NAMES), extra(sample))


def _differs(sample: Row, standing: dict[datetime, Values]) -> bool:
    other = standing.get(sample["ts"])
    if other is None:  # of a forgotten time
        return False
    # Whole numbers and floats of one value are equal in Python as they are in the columns' types.
    one = _values(sample)
    return one[:-1] != other[:-1] or _plain(one[-1]) != _plain(other[-1])


def _plain(fields: Row | None) -> Row:
    # Numbers as jsonb has them, exact in decimal: it gives 1e300 back as a whole number of 301
    # digits. And null is the same as absent, as it is for the fields that have a column.
    return {
        name: Decimal(str(value)) if type(value) in (int, float) else value
        for name, value in (fields or {}).items()
        if value is not None
    }
