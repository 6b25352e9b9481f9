"""The statements on the outbox, for one channel at a time; each caller has a transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function
from psycopg2.extras import Json

from server.alerts import rules

DUE_AGAIN = timedelta(minutes=2)  # should we die before we can say what became of it
OPENED, REPEATED, RESOLVED, TEST = "opened", "repeated", "resolved", "test"
# Why a message was dropped: the day has had enough of them.
BRAKED = "more than 20 messages within 24 hours"
_EVENTS = [rule.name for rule in (*rules.OF_SERVER, *rules.OF_HOUSE) if rule.is_event]
_WAITS = "delivered_at IS NULL AND given_up_at IS NULL AND dropped_at IS NULL"
_COLUMNS = "id::text, alert_id, event, body, created_at, attempts, unsure, refused_at"


class Row(NamedTuple):
    """A message that waits."""

    id: str
    alert_id: int | None
    event: str
    body: dict[str, Any]
    created_at: datetime
    attempts: int
    unsure: int
    refused_at: datetime | None

    @property
    def alert_ids(self) -> list[int]:
        """Return all episodes that it reports."""
        ids = self.body.get("alert_ids") or ([] if self.alert_id is None else [self.alert_id])
        return [int(one) for one in ids]


class Opening(NamedTuple):
    """The message that reported an episode first, in this channel."""

    id: str
    alert_ids: list[int]
    not_before: datetime
    waits: bool
    is_braked: bool


class New(NamedTuple):
    """A message that is not there yet."""

    channel: str
    alert_id: int | None
    event: str
    n: int
    body: dict[str, Any]


def add(cursor: Cursor, new: New, now: datetime) -> str | None:
    """Add a message, due at once; return its id, None where it is there already."""
    cursor.execute(
        "INSERT INTO sungrow_alert_outbox (channel, alert_id, event, n, body, created_at,"
        " not_before) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
        " RETURNING id::text",
        (new.channel, new.alert_id, new.event, new.n, Json(new.body), now, now),
    )
    row = cursor.fetchone()
    return row[0] if row else None


def rests(cursor: Cursor, channel: str, now: datetime) -> bool:
    """Return whether the channel has to be left alone: an attempt failed, or is under way."""
    cursor.execute(
        f"SELECT EXISTS (SELECT FROM sungrow_alert_outbox WHERE channel = %s AND {_WAITS}"  # noqa: S608
        " AND attempts > 0 AND not_before > %s)",
        (channel, now),
    )
    return bool(_one(cursor))


def is_broken(cursor: Cursor, channel: str) -> bool:
    """Return whether the channel has refused a message since it last took one."""
    cursor.execute(
        "SELECT coalesce((SELECT max(refused_at) FROM sungrow_alert_outbox"
        " WHERE channel = %s AND refused_at IS NOT NULL) > coalesce((SELECT max(delivered_at)"
        " FROM sungrow_alert_outbox WHERE channel = %s AND delivered_at IS NOT NULL),"
        " '-infinity'), false)",
        (channel, channel),
    )
    return bool(_one(cursor))


def first_due(cursor: Cursor, channel: str, now: datetime, is_probe: bool) -> Row | None:
    """Lock and return the first message that is due; for a probe, one that was tried least."""
    order = "attempts, position" if is_probe else "position"
    cursor.execute(
        f"SELECT {_COLUMNS} FROM sungrow_alert_outbox WHERE channel = %s AND {_WAITS}"  # noqa: S608
        f" AND not_before <= %s ORDER BY {order} LIMIT 1 FOR UPDATE SKIP LOCKED",
        (channel, now),
    )
    row = cursor.fetchone()
    return Row(*row) if row else None


def all_over(cursor: Cursor, alert_ids: Sequence[int]) -> bool:
    """Return whether none of these episodes goes on, or is one that happens at a moment."""
    cursor.execute(
        "SELECT NOT EXISTS (SELECT FROM sungrow_alerts WHERE id = ANY (%s)"
        " AND (closed_at IS NULL OR rule = ANY (%s)))",
        (list(alert_ids), list(_EVENTS)),
    )
    return bool(_one(cursor))


def closed_at(cursor: Cursor, alert_ids: Sequence[int]) -> datetime | None:
    """Return when the last of these episodes was over."""
    cursor.execute("SELECT max(closed_at) FROM sungrow_alerts WHERE id = ANY (%s)", (alert_ids,))
    found: datetime | None = _one(cursor)
    return found


def openings(cursor: Cursor, channel: str, alert_ids: Sequence[int]) -> list[Opening]:
    """Return the messages that reported one of these episodes to this channel first."""
    cursor.execute(
        f"SELECT id::text, body, alert_id, not_before, {_WAITS}, coalesce(error = %s, false)"  # noqa: S608
        "  FROM sungrow_alert_outbox WHERE channel = %s AND event = 'opened' AND (alert_id = ANY"
        " (%s) OR body -> 'alert_ids' @> ANY (SELECT to_jsonb(n) FROM unnest(%s) AS n))"
        " ORDER BY position",
        (BRAKED, channel, list(alert_ids), list(alert_ids)),
    )
    return [
        Opening(id, body.get("alert_ids") or [alert_id], not_before, waits, is_braked)
        for id, body, alert_id, not_before, waits, is_braked in cursor.fetchall()
    ]


def end_waits(cursor: Cursor, channel: str, alert_ids: Sequence[int]) -> bool:
    """Return whether a message about the end of one of these episodes waits."""
    cursor.execute(
        f"SELECT EXISTS (SELECT FROM sungrow_alert_outbox WHERE channel = %s AND {_WAITS}"  # noqa: S608
        " AND event = 'resolved' AND (alert_id = ANY (%s) OR body -> 'alert_ids' @> ANY (SELECT"
        " to_jsonb(n) FROM unnest(%s) AS n)))",
        (channel, list(alert_ids), list(alert_ids)),
    )
    return bool(_one(cursor))


def is_said_later(cursor: Cursor, channel: str, row: Row, now: datetime) -> bool:
    """Return whether a newer message that is due tells all these episodes again."""
    cursor.execute(
        f"SELECT EXISTS (SELECT FROM sungrow_alert_outbox WHERE channel = %s AND {_WAITS}"  # noqa: S608
        " AND event = 'repeated' AND not_before <= %s AND body -> 'alert_ids' @> %s"
        " AND position > (SELECT position FROM sungrow_alert_outbox WHERE id = %s))",
        (channel, now, Json(row.alert_ids), row.id),
    )
    return bool(_one(cursor))


def drop(cursor: Cursor, id: str, why: str, now: datetime) -> None:
    """Note that a message is no longer needed."""
    cursor.execute(
        "UPDATE sungrow_alert_outbox SET dropped_at = %s, error = %s WHERE id = %s", (now, why, id)
    )


def postpone(cursor: Cursor, id: str, until: datetime) -> None:
    """Let a message wait for another."""
    cursor.execute("UPDATE sungrow_alert_outbox SET not_before = %s WHERE id = %s", (until, id))


def rewrite(cursor: Cursor, id: str, body: dict[str, Any]) -> None:
    """Put another body in place of a message's own."""
    cursor.execute("UPDATE sungrow_alert_outbox SET body = %s WHERE id = %s", (Json(body), id))


def claim(cursor: Cursor, id: str, now: datetime) -> None:
    """Note that a message is being sent; it is due again soon, should we die meanwhile."""
    cursor.execute(
        "UPDATE sungrow_alert_outbox SET claimed_at = %s, attempts = attempts + 1, not_before = %s"
        " WHERE id = %s",
        (now, now + DUE_AGAIN, id),
    )


def delivered(cursor: Cursor, id: str, now: datetime, note: str) -> None:
    """Note that the channel took a message."""
    cursor.execute(
        "UPDATE sungrow_alert_outbox SET delivered_at = %s, error = %s WHERE id = %s",
        (now, note or None, id),
    )


def failed(
    cursor: Cursor, id: str, error: str, not_before: datetime, now: datetime | None, unsure: int
) -> None:
    """Note why a message could not be sent, and when to try again; ``now``: it was refused."""
    cursor.execute(
        "UPDATE sungrow_alert_outbox SET error = %s, not_before = %s, unsure = unsure + %s,"
        " refused_at = coalesce(%s, refused_at) WHERE id = %s",
        (error, not_before, unsure, now, id),
    )


def give_up(cursor: Cursor, id: str, now: datetime) -> None:
    """Note that a message is not tried again: the channel counts as broken."""
    cursor.execute(
        "UPDATE sungrow_alert_outbox SET given_up_at = %s, refused_at = %s WHERE id = %s",
        (now, now, id),
    )


def give_up_old(cursor: Cursor, channel: str, before: datetime, now: datetime) -> int:
    """End what has waited since before then in a channel that fails; return how many."""
    cursor.execute(
        f"UPDATE sungrow_alert_outbox SET given_up_at = %s, refused_at = %s,"  # noqa: S608
        " error = coalesce(error, %s)"
        f" WHERE channel = %s AND {_WAITS} AND created_at < %s AND EXISTS (SELECT FROM"
        f" sungrow_alert_outbox WHERE channel = %s AND {_WAITS} AND attempts > 0"
        " AND error IS NOT NULL AND created_at < %s)",
        (now, now, "the channel took nothing for 72 hours", channel, before, channel, before),
    )
    return cursor.rowcount


def took_since(cursor: Cursor, channel: str, since: datetime) -> bool:
    """Return whether the channel has taken anything since then."""
    cursor.execute(
        "SELECT EXISTS (SELECT FROM sungrow_alert_outbox WHERE channel = %s AND delivered_at > %s)",
        (channel, since),
    )
    return bool(_one(cursor))


def wake(cursor: Cursor, channel: str, now: datetime) -> None:
    """Let what failed in a channel be tried again at once."""
    cursor.execute(
        f"UPDATE sungrow_alert_outbox SET not_before = %s WHERE channel = %s AND {_WAITS}"  # noqa: S608
        " AND attempts > 0 AND not_before > %s",
        (now, channel, now),
    )


def taken_since(cursor: Cursor, channel: str, since: datetime) -> tuple[int, bool]:
    """Return how many messages the channel took since then, and whether one was the last."""
    cursor.execute(
        "SELECT count(*), coalesce(bool_or(body ? 'more'), false) FROM sungrow_alert_outbox"
        " WHERE channel = %s AND delivered_at > %s AND event <> 'test'",
        (channel, since),
    )
    count, said = cursor.fetchone() or (0, False)
    return count, said


def due_count(cursor: Cursor, channel: str, now: datetime) -> int:
    """Return how many messages are due."""
    cursor.execute(
        f"SELECT count(*) FROM sungrow_alert_outbox WHERE channel = %s AND {_WAITS}"  # noqa: S608
        " AND not_before <= %s",
        (channel, now),
    )
    count: int = _one(cursor)
    return count


def stuck_since(cursor: Cursor, before: datetime) -> datetime | None:
    """Return since when a message waits that no channel has taken; None: none since before then.

    What waits for the end of quiet hours has not been tried.
    """
    cursor.execute(
        "SELECT min(first) FROM (SELECT min(created_at) AS first FROM sungrow_alert_outbox"
        " WHERE event <> 'test' AND created_at > %s - interval '4 days'"
        " GROUP BY coalesce(alert_id::text, created_at::text), event, n"
        " HAVING bool_and(delivered_at IS NULL AND dropped_at IS NULL) AND bool_or(attempts > 0)"
        " AND bool_or(given_up_at IS NULL) AND min(created_at) < %s) AS stuck",
        (before, before),
    )
    found: datetime | None = _one(cursor)
    return found


def _one(cursor: Cursor) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None
