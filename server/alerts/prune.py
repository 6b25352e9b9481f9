"""Lets go of messages that nobody will look at again: once an hour, those of more than a year ago.

Episodes stay: they are the history of the house. What waits stays, and so do the messages of an
episode that goes on, and the last success of each channel. How many messages there were is kept in
one row for each channel, since ``/metrics`` counts them, and a counter must not fall.
"""

from datetime import datetime, timedelta

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function
from psycopg2.extras import Json

from server.alerts.messages import outbox_id

KEPT = timedelta(days=400)
_MINUTE = 7  # of the hour
_OLD = """
DELETE FROM sungrow_alert_outbox AS box
 WHERE created_at < %s AND NOT body ? 'pruned'
   AND coalesce(delivered_at, given_up_at, dropped_at) IS NOT NULL
   AND NOT EXISTS (SELECT FROM sungrow_alerts AS a WHERE a.id = box.alert_id AND closed_at IS NULL)
   AND delivered_at IS DISTINCT FROM (SELECT max(delivered_at) FROM sungrow_alert_outbox AS other
                                       WHERE other.channel = box.channel)
RETURNING channel, delivered_at IS NOT NULL, given_up_at IS NOT NULL, dropped_at IS NOT NULL
"""
_NOTE = """
INSERT INTO sungrow_alert_outbox (id, channel, event, n, body, created_at, not_before, dropped_at)
VALUES (%(id)s, %(channel)s, 'digest', 0, %(body)s, %(now)s, %(now)s, %(now)s)
ON CONFLICT (id) DO UPDATE SET body = excluded.body
"""


def old(cursor: Cursor, now: datetime) -> int:
    """Delete old messages, if it is time for that; return how many."""
    if now.minute != _MINUTE:
        return 0
    cursor.execute(_OLD, (now - KEPT,))
    gone = cursor.fetchall()
    for channel in sorted({row[0] for row in gone}):
        of_channel = [row[1:] for row in gone if row[0] == channel]
        _count(cursor, channel, [sum(kind) for kind in zip(*of_channel, strict=True)], now)
    return len(gone)


def _count(cursor: Cursor, channel: str, counts: list[int], now: datetime) -> None:
    """Add to how many were delivered, given up and dropped."""
    row_id = outbox_id("pruned", channel)
    cursor.execute("SELECT body -> 'pruned' FROM sungrow_alert_outbox WHERE id = %s", (row_id,))
    known = (cursor.fetchone() or ([0, 0, 0],))[0]
    body = Json({"pruned": [a + b for a, b in zip(known, counts, strict=True)]})
    cursor.execute(_NOTE, {"id": row_id, "channel": channel, "body": body, "now": now})
