"""Computes again what triggers keep beside the readings, after some were deleted or corrected.

The arithmetic of five minutes and of the edge's numbers stays where it is, in the triggers of
``sungrow_samples`` and ``p1_samples``: what remains is inserted once more, into a temporary table
that carries copies of them. Local days are then summed from their five minutes. Where readings are
gone of which the rollups still tell (an old chunk was dropped), the rollups stay.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.database.connection import one_row
from server.database.pool import query

FOREVER = ("-infinity", "infinity")
NEVER = ("infinity", "infinity")


class Kind(NamedTuple):
    """The tables of a kind of readings; its statements are those of the samples, with its names."""

    name: str
    readings: str
    five_minutes: str
    days: str
    cut: str  # the query that sums days
    reaches: timedelta  # how far behind it a reading changes what the next one stands for

    def query(self, name: str) -> str:
        """Return the statement of ``sql/queries/NAME.sql`` for this kind."""
        return self.of(query(name))

    def of(self, statement: str) -> str:
        """Return a statement about samples as one about this kind."""
        names = zip(SAMPLE[1:4], self[1:4], strict=True)
        for sample_name, name in names:
            statement = statement.replace(sample_name, name)
        return statement.replace("'sample'", f"'{self.name}'")


SAMPLE = Kind(
    "sample", "sungrow_samples", "sungrow_5min", "sungrow_local_daily", "days-cut", timedelta(0)
)
P1 = Kind("p1", "p1_samples", "p1_5min", "p1_local_daily", "p1-days-cut", timedelta(minutes=1))
KINDS = (SAMPLE, P1)
_DELETED = (
    "DELETE FROM sungrow_5min WHERE device_id = %(device_id)s AND bucket >= %(first)s"
    " AND bucket < %(end)s AND sungrow_slot(bucket) <> ALL (%(slots)s::timestamptz[])",
    "DELETE FROM sungrow_seqs WHERE device_id = %(device_id)s AND kind = 'sample'"
    " AND slot >= %(first)s AND slot < %(end)s AND slot <> ALL (%(slots)s::timestamptz[])",
)
# Of the inverter alone, so they stay where the grid meter's readings are taken account of again.
_DELETED_FAULTS = (
    "DELETE FROM sungrow_fault_5min WHERE device_id = %(device_id)s AND bucket >= %(first)s"
    " AND bucket < %(end)s AND sungrow_slot(bucket) <> ALL (%(slots)s::timestamptz[])"
)
_DELETED_STRINGS = _DELETED_FAULTS.replace("sungrow_fault_5min", "sungrow_strings_5min")
_DELETED_DAYS = (
    "DELETE FROM sungrow_local_daily WHERE device_id = %(device_id)s AND bucket >= %(first_day)s"
    " AND bucket <= %(last_day)s AND bucket <> ALL (%(days)s::date[])"
)
_ADDED = (
    "INSERT INTO pg_temp.sungrow_again SELECT * FROM sungrow_samples"
    " WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s"
    " AND sungrow_slot(ts) <> ALL (%(slots)s::timestamptz[])"
)
# server.nightly takes account of these days again, whatever comes of this.
_MARKED = (
    "UPDATE sungrow_nightly SET seen = NULL WHERE device_id = %(device_id)s"
    " AND day >= %(first_day)s AND day <= %(last_day)s"
)
# The house is joined of both kinds, so it is made again with either.
_HOUSE = (
    "SELECT sungrow_house_make_span(%(device_id)s, %(first)s, %(end)s, %(slots)s::timestamptz[])"
)
_DELETED_HOUSE_DAYS = _DELETED_DAYS.replace("sungrow_local_daily", "sungrow_house_daily")
_COPY = "CREATE TEMPORARY TABLE sungrow_again (LIKE sungrow_samples) ON COMMIT DROP"
_TRIGGERS = (
    "SELECT format('CREATE TRIGGER %I AFTER INSERT ON pg_temp.sungrow_again"
    " REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION %s(%L)',"
    " tgname, tgfoid::regproc, 'sample') FROM pg_trigger"
    " WHERE tgrelid = 'sungrow_samples'::regclass AND tgnewtable = 'new_samples'"
    " ORDER BY tgname"
)


class Days(NamedTuple):
    """Whole local days, and the time from ``first`` on and before ``end`` that they last.

    Infinities are words of SQL.
    """

    first_day: date | str
    last_day: date | str
    zone: str
    first: datetime | str
    end: datetime | str


class Rebuilt(NamedTuple):
    """What a rebuild of some days did: readings that count, days kept in whole or part."""

    readings: int
    kept: list[date]


def lock(cursor: Cursor, device_id: str) -> None:
    """Keep all others from storing readings of the device until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(sungrow_device_lock(%s))", (device_id,))


def rebuild(cursor: Cursor, device_id: str, first: datetime, end: datetime) -> None:
    """Compute again whatever the readings of this time have part in, though little may be left.

    All in the transaction of ``cursor``; nobody else stores readings of the device meanwhile.

    Args:
        cursor: of the transaction in which the readings were changed.
        device_id: whose.
        first: the beginning of the time.
        end: the first moment after it.
    """
    lock(cursor, device_id)
    for kind in KINDS:
        start: datetime | str = first
        while days := next_days(cursor, kind, device_id, start, end + kind.reaches):
            rebuild_days(cursor, kind, device_id, days, (first, end))
            start = days.end


def next_days(
    cursor: Cursor, kind: Kind, device_id: str, first: datetime | str, end: datetime | str
) -> Days | None:
    """Return the next whole days, a week at most, that hold anything of this time."""
    cursor.execute(kind.query("days-next"), {"device_id": device_id, "first": first, "end": end})
    found = cursor.fetchone()
    return Days(*found) if found else None


def rebuild_days(
    cursor: Cursor,
    kind: Kind,
    device_id: str,
    days: Days,
    shrink: tuple[datetime | str, datetime | str],
) -> Rebuilt:
    """Compute some days again; ``lock`` is held.

    Args:
        cursor: of a transaction, which may change readings too.
        kind: of the readings.
        device_id: whose.
        days: as ``next_days`` gave them.
        shrink: the time from its first on and before its second in which rollups may come to
            count fewer readings than they did; ``FOREVER``, ``NEVER``. Elsewhere these are kept.
    """
    asked = {"device_id": device_id, **days._asdict()}
    bounds = {"shrink_first": shrink[0], "shrink_end": shrink[1]}
    cursor.execute(kind.query("rollups-kept"), asked | bounds)
    asked["slots"], asked["days"], kept, samples = one_row(cursor)
    for statement in _DELETED:
        cursor.execute(kind.of(statement), asked)
    if kind is SAMPLE:
        cursor.execute(_DELETED_FAULTS, asked)
        cursor.execute(_DELETED_STRINGS, asked)
    _make_copy(cursor, kind)
    cursor.execute(kind.of(_ADDED), asked)
    cursor.execute("DROP TABLE pg_temp.sungrow_again")
    cut(cursor, kind, asked)
    cursor.execute(_HOUSE, asked)
    cursor.execute(_MARKED, asked)
    return Rebuilt(samples, kept)


def cut(cursor: Cursor, kind: Kind, days: Mapping[str, object]) -> int:
    """Sum local days from their five minutes; return their number.

    Args:
        cursor: of a transaction that has the lock of the device.
        kind: of the readings.
        days: ``device_id``, the fields of ``Days``, and ``days``: those that stay as they are.
    """
    cursor.execute(kind.of(_DELETED_DAYS), days)
    cursor.execute(query(kind.cut), days)
    count = cursor.rowcount
    cursor.execute(_DELETED_HOUSE_DAYS, days)
    cursor.execute(query("house-days-cut"), days)
    return count


def _make_copy(cursor: Cursor, kind: Kind) -> None:
    cursor.execute(kind.of(_COPY))
    cursor.execute(kind.of(_TRIGGERS))
    for (statement,) in cursor.fetchall():
        cursor.execute(statement)
