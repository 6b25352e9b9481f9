"""The continuous aggregates of the community edition, brought up to date at once.

Their policies (``sql/``) do it by themselves, minutes later. Only as far as these go: newer buckets
are not kept there yet, and one that a refresh adds would lack later samples until the policy runs.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  a type, not a function

from server.database.connection import one_row
from server.database.edition import edition

_AGGREGATES = (("sungrow_hourly", timedelta(hours=1)), ("sungrow_daily", timedelta(days=1)))
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def refresh(
    connection: Connection, first: datetime | None = None, end: datetime | None = None
) -> Iterator[str]:
    """Refresh the buckets that overlap the time from ``first`` on and before ``end``.

    None: from the first sample, up to now. Nothing on the other editions. The connection is left in
    autocommit.

    Yields:
        One line for each aggregate that will follow with its policy only, with the reason.
    """
    with connection, connection.cursor() as cursor:
        if edition(cursor) != "community":
            return
        if first is None:
            # If older samples were dropped, a refresh would drop what is known of them.
            cursor.execute("SELECT min(ts) FROM sungrow_samples")
            (first,) = one_row(cursor)
    if first is None:
        return
    connection.autocommit = True  # a refresh is a transaction of its own
    for name, width in _AGGREGATES:
        kept = _floor(datetime.now(UTC) - width, width)
        start = _floor(first, width)
        stop = min(_floor(end, width) + width, kept) if end else kept
        if start >= stop:
            continue
        try:
            with connection.cursor() as cursor:
                cursor.execute("CALL refresh_continuous_aggregate(%s, %s, %s)", (name, start, stop))
        except psycopg2.Error as error:
            yield f"{name} follows with its policy's next run: {' '.join(str(error).split())}"


def _floor(moment: datetime, width: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % width
