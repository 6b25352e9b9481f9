"""A batch in the database: its samples, stored once each, and its parts, all or nothing.

All samples go in by one call. Those whose key is taken are compared with what stands there: the
same values make a duplicate, other values a conflict, of which nothing is stored. A sample of a
time that ``server.forget`` deleted counts as a duplicate.
"""

import json
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from edge_lib.shared.sample import NAMES, extra
from server.api.batch_parts import Parts
from server.database import deletions
from server.database.pool import Database, DatabaseAway, query

_TS = NAMES.index("ts")
_KNOWN = frozenset(NAMES)
_FIELDS = tuple(name for name in NAMES if name != "device_id")  # as sungrow_reading has them


class Verdict(NamedTuple):
    """What became of a batch: two counts, and the indexes of the samples in conflict."""

    inserted: int
    duplicates: int
    conflicts: list[int]


def store(db: Database, device_id: str, samples: list[dict], batch: Parts) -> Verdict:
    """Store samples and parts in one transaction.

    Args:
        db: where.
        device_id: whose.
        samples: checked, with ``ts`` as a time and an ``interval_s``.
        batch: the parts.
    """
    first = _first_by_time(samples)
    has_parts = any(batch.rows.values())
    # Samples alone, as nearly always, are one statement, which is a transaction by itself.
    with db.transaction() if has_parts else db.statements() as cursor:
        if has_parts:
            gone = deletions.shared(cursor, device_id, [*first, *batch.moments()])
            batch.without(gone).store(cursor, device_id)
        inserted, forgotten_count = insert(cursor, device_id, list(first.values()))
        if inserted == len(samples):
            return Verdict(inserted, 0, [])
        if inserted == len(first):
            standing = {ts: _values(sample) for ts, sample in first.items()}
        else:
            standing = _standing(cursor, device_id, list(first), forgotten_count)
    conflicts = [index for index, sample in enumerate(samples) if _differs(sample, standing)]
    return Verdict(inserted, len(samples) - inserted - len(conflicts), conflicts)


def _first_by_time(samples: list[dict]) -> dict[datetime, dict]:
    """Return the first sample of each key, by rising time.

    The order is for the database: two writers that lock the same rows in one order cannot deadlock.
    """
    first: dict[datetime, dict] = {}
    for sample in samples:
        first.setdefault(sample["ts"], sample)
    return dict(sorted(first.items()))


def insert(cursor: Cursor, device_id: str, samples: list[dict]) -> tuple[int, int]:
    """Store samples (as for ``store``, by rising and distinct times) whose time is free.

    Returns:
        How many, and how many more are of a forgotten time.
    """
    if not samples:
        return 0, 0
    readings = f"{{{','.join(map(_reading, samples))}}}"
    cursor.execute(query("samples-insert"), {"device_id": device_id, "readings": readings})
    return cursor.fetchone()


def _reading(sample: dict) -> str:
    """Return a sample as an element of an array of rows.

    The database reads that several times as fast as a statement with so many values in it.
    """
    fields, row = _form(frozenset(sample) & _KNOWN)
    more = extra(sample)
    values = [
        "" if value is None else _quoted(value) if type(value) is str else value
        for value in map(sample.get, fields)
    ]
    return row % (*values, _quoted(json.dumps(more)) if more else "")


@lru_cache
def _form(named: frozenset[str]) -> tuple[tuple[str, ...], str]:
    """Return the fields that have these names, and how they become a row; all others are null."""
    fields = tuple(name for name in _FIELDS if name in named)
    places = ["%s" if name in named else "" for name in _FIELDS]
    return fields, f'"({",".join(places)},%s)"'


def _quoted(text: str) -> str:
    """Return a text as it stands in a row that is itself between quotes."""
    return _escaped(f'"{_escaped(text)}"')


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"")


def _standing(
    cursor: Cursor, device_id: str, times: list[datetime], forgotten_count: int
) -> dict[datetime, tuple]:
    key = {"device_id": device_id, "ts": times, "first": times[0], "last": times[-1]}
    cursor.execute(query("samples-by-key"), key)
    standing = {row[_TS]: row for row in cursor.fetchall()}
    if len(standing) < len(times) - forgotten_count:
        # Taken a moment ago, and gone: somebody deletes at the same time. A resend settles it.
        raise DatabaseAway("rows vanished while they were compared")
    return standing


def _values(sample: dict) -> tuple:
    """Return the values in the order of the columns."""
    return (*map(sample.get, NAMES), extra(sample))


def _differs(sample: dict, standing: dict[datetime, tuple]) -> bool:
    other = standing.get(sample["ts"])
    if other is None:  # of a forgotten time
        return False
    # Whole numbers and floats of one value are equal in Python as they are in the columns' types.
    one = _values(sample)
    return one[:-1] != other[:-1] or _plain(one[-1]) != _plain(other[-1])


def _plain(fields: dict | None) -> dict:
    # Numbers as jsonb has them, exact in decimal: it gives 1e300 back as a whole number of 301
    # digits. And null is the same as absent, as it is for the fields that have a column.
    return {
        name: Decimal(str(value)) if type(value) in (int, float) else value
        for name, value in (fields or {}).items()
        if value is not None
    }
