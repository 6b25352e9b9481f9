"""What the nightly job ``roof`` writes: digests of days, bins of the map, limits, the result."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function
from psycopg2.extras import Json, execute_values

from server.roof import digest
from server.roof.rows import Digest, Found, Limit

_DAYS, _BINS, _LIMITS = "sungrow_roof_days", "sungrow_shade_bins", "sungrow_string_limits"
_RESULTS = "sungrow_roof_results"
_AT_ONCE = 100  # digests: less than a MB
_STEP_W = 10.0  # what was lost is an estimate: finer, and each night would write all of it again
_RESULT = (
    "INSERT INTO sungrow_roof_results (device_id, result) VALUES (%s, %s)"
    " ON CONFLICT (device_id) DO UPDATE SET computed_at = now(), result = excluded.result"
)
_PUT_DAYS = (
    "INSERT INTO sungrow_roof_days (device_id, day, digest) VALUES %s"
    " ON CONFLICT (device_id, day) DO UPDATE SET digest = excluded.digest"
)
_PUT_BINS = (
    "INSERT INTO sungrow_shade_bins (device_id, string, period, azimuth_deg, elevation_deg, n,"
    " days, performance, contrast, state, last_seen) VALUES %s"
)
_DROP_LIMITS = (
    "DELETE FROM sungrow_string_limits WHERE device_id = %s"
    " AND (bucket, string, cause)"
    " IN (SELECT * FROM unnest(%s::timestamptz[], %s::smallint[], %s::text[]))"
)
_LIMITS_THERE = (
    "SELECT extract(epoch FROM bucket)::bigint, string, cause, lost_w"
    " FROM sungrow_string_limits WHERE device_id = %s"
)
_PUT_LIMITS = (
    "INSERT INTO sungrow_string_limits (device_id, bucket, string, cause, lost_w) VALUES %s"
    " ON CONFLICT (device_id, bucket, string, cause) DO UPDATE SET lost_w = excluded.lost_w"
)


def remove(cursor: Cursor, device_id: str, *, result_too: bool = True) -> None:
    """Delete all that was computed of a roof; what its owner set stays."""
    for table in (_DAYS, _BINS, _LIMITS, *([_RESULTS] if result_too else [])):
        cursor.execute(f"DELETE FROM {table} WHERE device_id = %s", (device_id,))  # noqa: S608


def put_days(cursor: Cursor, device_id: str, made: Sequence[Digest], gone: Sequence[date]) -> None:
    """Store the digests of some days, and delete those of others."""
    cursor.execute(
        f"DELETE FROM {_DAYS} WHERE device_id = %s AND day = ANY (%s)",  # noqa: S608
        (device_id, list(gone)),
    )
    rows = [(device_id, one.day, digest.to_json(one)) for one in made]
    execute_values(cursor, _PUT_DAYS, rows)


def digests(cursor: Cursor, device_id: str) -> Iterator[Digest]:
    """Yield the digests of all days, in order, as they are read: few are in memory at a time."""
    kind = type(cursor)
    with cursor.connection.cursor("sungrow_roof_days", cursor_factory=kind) as streaming:
        streaming.itersize = _AT_ONCE
        streaming.execute(
            "SELECT digest FROM sungrow_roof_days WHERE device_id = %s ORDER BY day", (device_id,)
        )
        for (text,) in streaming:
            yield digest.from_json(text)


def write(cursor: Cursor, device_id: str, found: Found) -> None:
    """Store what was found out."""
    cursor.execute("DELETE FROM sungrow_shade_bins WHERE device_id = %s", (device_id,))
    execute_values(cursor, _PUT_BINS, [(device_id, *one) for one in found.bins])
    _write_limits(cursor, device_id, found.limits)
    cursor.execute(_RESULT, (device_id, Json(found.result)))


def _write_limits(cursor: Cursor, device_id: str, limits: Sequence[Limit]) -> None:
    """Make the limits of a device those that are wanted: most of them are there, as a rule."""
    wanted = {(one.bucket_s, one.string, one.cause): _rounded(one.lost_w) for one in limits}
    gone = []
    cursor.execute(_LIMITS_THERE, (device_id,))
    for *key, lost_w in cursor:
        if (known := tuple(key)) not in wanted:
            gone.append(known)
        elif wanted[known] == lost_w:
            del wanted[known]
    buckets = [_at(bucket_s) for bucket_s, _, _ in gone]
    strings, causes = [string for _, string, _ in gone], [cause for _, _, cause in gone]
    cursor.execute(_DROP_LIMITS, (device_id, buckets, strings, causes))
    rows = ((device_id, _at(key[0]), *key[1:], lost_w) for key, lost_w in wanted.items())
    execute_values(cursor, _PUT_LIMITS, rows, page_size=1000)


def _rounded(watts: float | None) -> float | None:
    return None if watts is None else _STEP_W * round(watts / _STEP_W)


def _at(moment_s: int) -> datetime:
    return datetime.fromtimestamp(moment_s, UTC)
