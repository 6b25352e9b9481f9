"""Who has days computed again waits for a night of the house that is under way.

A night notes its days at its end: until then there may be nothing of them that could be marked, and
what it read before would stay. Who stores readings waits for nobody here.
"""

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

_BEGINS = (
    "SELECT pg_advisory_lock(hashtextextended(%s, 0)),"
    " pg_advisory_lock_shared(hashtextextended(%s, 0))"
)
# Whatever the days are, they are taken account of again.
_MARK = (
    "UPDATE sungrow_nightly SET seen = NULL WHERE job = %(job)s AND device_id = %(device_id)s"
    " AND (%(every_day)s OR day = (SELECT max(day) FROM sungrow_nightly"
    " WHERE job = %(job)s AND device_id = %(device_id)s))"
)
_WAITS = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def begin(cursor: Cursor, job: str, device_id: str) -> None:
    """Wait for who changes the house, and for another run of the job; until the session ends."""
    cursor.execute(_BEGINS, (f"nightly {job} {device_id}", f"nightly {device_id}"))


def wait(cursor: Cursor, device_id: str, job: str | None = None) -> None:
    """Wait for a job of the house that is under way, or all; none begins before the commit.

    To be called before ``rollups.lock``, for which readings wait.
    """
    name = f"nightly {job} {device_id}" if job else f"nightly {device_id}"
    cursor.execute(_WAITS, (name,))


def mark(cursor: Cursor, job: str, device_id: str, *, every_day: bool) -> None:
    """Have the next night take account of all days of a job again, or of the newest; ``wait``."""
    cursor.execute(_MARK, {"job": job, "device_id": device_id, "every_day": every_day})
