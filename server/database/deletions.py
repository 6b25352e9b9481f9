"""Ranges of time whose readings were deleted permanently: make them, and keep them empty."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from edge_lib.shared.fields import EARLIEST
from server.database import nights, rollups
from server.database.connection import one_row
from server.database.pool import Row, query

# What is deleted with a range: each FROM ends with its WHERE.
_SAMPLES = (
    "FROM sungrow_samples WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s"
)
_PARKED = (
    "FROM sungrow_parked WHERE device_id = %(device_id)s"
    " AND coalesce(ts, received_at) >= %(first)s AND coalesce(ts, received_at) < %(end)s"
)
_GAPS = (
    "FROM sungrow_gaps WHERE device_id = %(device_id)s AND from_ts >= %(first)s AND to_ts < %(end)s"
)
_P1 = "FROM p1_samples WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s"
# Episodes that began and ended in it, or were last seen to hold in it; their messages follow.
_ALERTS = (
    "FROM sungrow_alerts WHERE device_id = %(device_id)s AND since >= %(first)s"
    " AND coalesce(closed_at, last_true_at) < %(end)s"
)
_TOLD = (
    "FROM sungrow_alert_outbox AS box WHERE alert_id IS NULL AND EXISTS"
    f" (SELECT {_ALERTS} AND box.body -> 'alert_ids' @> to_jsonb(id))"
    " AND coalesce(delivered_at, given_up_at, dropped_at) IS NOT NULL"
)
_PEAKS = (
    "FROM p1_month_peaks WHERE device_id = %(device_id)s"
    " AND coalesce(peak_ts, month) >= %(first)s AND coalesce(peak_ts, month) < %(end)s"
)
_DEVICES = (
    "SELECT device_id FROM sungrow_devices UNION SELECT device_id FROM sungrow_local_daily"
    " UNION SELECT device_id FROM p1_local_daily UNION SELECT device_id FROM p1_month_peaks"
    " UNION SELECT device_id FROM sungrow_parked UNION SELECT device_id FROM sungrow_gaps"
    " UNION SELECT device_id FROM sungrow_reports UNION SELECT device_id FROM sungrow_forgotten"
    " ORDER BY device_id"
)

_DELETED = (_SAMPLES, _PARKED, _GAPS, _P1, _ALERTS)


class Range(NamedTuple):
    """Time from ``first`` on and before ``end``."""

    first: datetime
    end: datetime

    def has(self, moment: datetime) -> bool:
        """Return whether the moment is in it."""
        return self.first <= moment < self.end


class Forgotten(NamedTuple):
    """The forgotten ranges of a device that may concern a batch."""

    ranges: tuple[Range, ...] = ()

    def has(self, *moments: datetime) -> bool:
        """Return whether one range holds all these moments."""
        return any(all(map(r.has, moments)) for r in self.ranges)

    def others(self, readings: dict[datetime, Row]) -> dict[datetime, Row]:
        """Return the readings, by time, of which no range holds the time."""
        if not self.ranges:  # as nearly always
            return readings
        return {ts: reading for ts, reading in readings.items() if not self.has(ts)}


def shared(cursor: Cursor, device_id: str, moments: Iterable[datetime]) -> Forgotten:
    """Return what is forgotten around these moments; nothing more is until the transaction ends.

    Args:
        cursor: of the transaction that stores what belongs to the moments.
        device_id: whose.
        moments: if there are none, nothing is queried.
    """
    times = sorted(moments)
    if not times:
        return Forgotten()
    values = {"device_id": device_id, "first": times[0], "last": times[-1]}
    cursor.execute(query("forgotten-ranges"), values)
    return Forgotten(tuple(Range(*row) for row in cursor.fetchall()))


def lock_unforgotten(cursor: Cursor, device_id: str, first: datetime, last: datetime) -> str:
    """Return the statement that does as ``shared``, but raises if a forgotten range touches these.

    It is for the message that stores the readings, and ends with a semicolon.
    """
    values = {"device_id": device_id, "first": first, "last": last}
    text: bytes = cursor.mogrify(query("lock-unforgotten"), values)
    return f"{text.decode()};\n"


class Deleted(NamedTuple):
    """What ``forget`` deleted, or would delete, and of which time."""

    range: Range
    samples: int
    parked: int
    gaps: int
    p1: int  # readings of the grid meter
    alerts: int


def devices(cursor: Cursor) -> list[str]:
    """Return every device of which the database knows anything."""
    cursor.execute(_DEVICES)
    return [device_id for (device_id,) in cursor.fetchall()]


def preview(
    cursor: Cursor, device_id: str, first: datetime | None, end: datetime | None
) -> Deleted | None:
    """Return what ``forget`` would delete with the same arguments; delete nothing."""
    found = _range(cursor, device_id, first, end)
    if found is None:
        return None
    values = {"device_id": device_id, "first": found.first, "end": found.end}
    return Deleted(found, *(_count(cursor, source, values) for source in _DELETED))


def forget(
    cursor: Cursor, device_id: str, first: datetime | None, end: datetime | None
) -> Deleted | None:
    """Delete what was measured in a range, rollups included, and remember the range.

    Args:
        cursor: of a transaction, whose commit makes it final.
        device_id: whose.
        first: None: from the beginning.
        end: None: everything stored. Future samples cannot be forgotten, so a later end is moved
            there.

    Returns:
        None if the range would begin after everything that is stored.
    """
    nights.wait(cursor, device_id)
    rollups.lock(cursor, device_id)
    found = _range(cursor, device_id, first, end)
    if found is None:
        return None
    values = {"device_id": device_id, "first": found.first, "end": found.end}
    allow_large_changes(cursor)
    _delete(cursor, _TOLD, values)
    counts = [_delete(cursor, source, values) for source in _DELETED]
    _delete(cursor, _PEAKS, values)
    cursor.execute(
        "INSERT INTO sungrow_forgotten (device_id, from_ts, to_ts)"
        " VALUES (%(device_id)s, %(first)s, %(end)s)"
        " ON CONFLICT (device_id, from_ts, to_ts) DO UPDATE SET forgotten_at = now()",
        values,
    )
    rollups.rebuild(cursor, device_id, *found)
    return Deleted(found, *counts)


def _range(
    cursor: Cursor, device_id: str, first: datetime | None, end: datetime | None
) -> Range | None:
    latest = _end(cursor, device_id)
    found = Range(first or EARLIEST, min(end or latest, latest))
    return found if found.first < found.end else None


def _count(cursor: Cursor, source: str, values: dict[str, object]) -> int:
    cursor.execute(f"SELECT count(*) {source}", values)
    (count,) = one_row(cursor)
    return int(count)


def _delete(cursor: Cursor, source: str, values: dict[str, object]) -> int:
    cursor.execute(f"DELETE {source}", values)
    return cursor.rowcount


def _end(cursor: Cursor, device_id: str) -> datetime:
    # A clock that ran ahead may have left samples of the near future.
    cursor.execute(
        "SELECT greatest(now(), (SELECT max(ts) FROM sungrow_samples WHERE device_id = %(device)s),"
        " (SELECT max(ts) FROM p1_samples WHERE device_id = %(device)s))",
        {"device": device_id},
    )
    latest: datetime = one_row(cursor)[0]
    return latest + timedelta(microseconds=1)


def allow_large_changes(cursor: Cursor) -> None:
    """Let this transaction unpack as many rows of TimescaleDB's compressed chunks as it needs."""
    # The setting exists only if its library is loaded.
    cursor.execute(
        "SELECT set_config(name, '0', true) FROM pg_settings"
        " WHERE name = 'timescaledb.max_tuples_decompressed_per_dml_transaction'"
    )
