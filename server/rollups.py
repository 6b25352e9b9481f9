"""Computes anew what triggers keep beside the samples, after samples were deleted or corrected.

The arithmetic stays where it is, in the triggers of ``sungrow_samples``: what remains is inserted
once more, into a temporary table that carries copies of them.
"""

from datetime import datetime, timedelta

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

_KEPT = (
    "DELETE FROM sungrow_5min WHERE device_id = %(device_id)s"
    " AND bucket >= %(first)s AND bucket < %(end)s",
    "DELETE FROM sungrow_seqs WHERE device_id = %(device_id)s"
    " AND slot >= %(first)s AND slot < %(end)s",
    "DELETE FROM sungrow_local_daily WHERE device_id = %(device_id)s"
    " AND bucket >= %(first_day)s AND bucket <= %(last_day)s",
)
_SLICE = timedelta(days=7)  # a chunk's: so much is in the temporary table at once


def lock(cursor: Cursor, device_id: str) -> None:
    """Keep all others from storing samples of the device until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(sungrow_device_lock(%s))", (device_id,))


def rebuild(cursor: Cursor, device_id: str, first: datetime, end: datetime) -> None:
    """Compute anew whatever the samples of this time have part in.

    Only a sum over a whole local day can be right for that day, so the time is widened to such
    days. All in the transaction of ``cursor``; nobody else stores samples of the device meanwhile.

    Args:
        cursor: of the transaction in which the samples were changed.
        device_id: whose.
        first: the beginning of the time.
        end: the first moment after it.
    """
    lock(cursor, device_id)
    days = _whole_days(cursor, device_id, first, end)
    for statement in _KEPT:
        cursor.execute(statement, days)
    _make_copy(cursor)
    while start := _next_sample(cursor, days):
        slice_end = min(start + _SLICE, days["end"])
        cursor.execute(
            "INSERT INTO pg_temp.sungrow_again SELECT * FROM sungrow_samples"
            " WHERE device_id = %s AND ts >= %s AND ts < %s",
            (device_id, start, slice_end),
        )
        cursor.execute("TRUNCATE pg_temp.sungrow_again")
        days["first"] = slice_end
    cursor.execute("DROP TABLE pg_temp.sungrow_again")


def _whole_days(cursor: Cursor, device_id: str, first: datetime, end: datetime) -> dict:
    cursor.execute(
        "SELECT first_day, last_day, sungrow_midnight(first_day, zone) AS first,"
        "       sungrow_midnight(last_day + 1, zone) AS end"
        "  FROM (SELECT (%s AT TIME ZONE zone)::date AS first_day,"
        "               ((%s - interval '1 microsecond') AT TIME ZONE zone)::date AS last_day, zone"
        "          FROM (SELECT sungrow_timezone(%s) AS zone) AS site) AS days",
        (first, end, device_id),
    )
    names = [column.name for column in cursor.description]
    return {"device_id": device_id, **dict(zip(names, cursor.fetchone(), strict=True))}


def _next_sample(cursor: Cursor, days: dict) -> datetime | None:
    cursor.execute(
        "SELECT min(ts) FROM sungrow_samples"
        " WHERE device_id = %(device_id)s AND ts >= %(first)s AND ts < %(end)s",
        days,
    )
    return cursor.fetchone()[0]


def _make_copy(cursor: Cursor) -> None:
    cursor.execute("CREATE TEMPORARY TABLE sungrow_again (LIKE sungrow_samples) ON COMMIT DROP")
    cursor.execute(
        "SELECT format('CREATE TRIGGER %I AFTER INSERT ON pg_temp.sungrow_again"
        " REFERENCING NEW TABLE AS new_samples FOR EACH STATEMENT EXECUTE FUNCTION %s()',"
        " tgname, tgfoid::regproc) FROM pg_trigger"
        " WHERE tgrelid = 'sungrow_samples'::regclass AND tgnewtable = 'new_samples'"
        " ORDER BY tgname"
    )
    for (statement,) in cursor.fetchall():
        cursor.execute(statement)
