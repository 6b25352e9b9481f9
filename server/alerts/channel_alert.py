"""The rule ``channel``: one that refuses what it is sent is told through the others, once."""

from datetime import datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function
from psycopg2.extras import Json

from server.alerts import outbox, own_texts
from server.alerts.settings import Settings

RULE = "channel"


def broke(cursor: Cursor, settings: Settings, channel: str, reason: str, now: datetime) -> None:
    """Open the episode of this channel, unless it is open, and tell the others."""
    if RULE in settings.off:
        return
    title, text = own_texts.channel_broken(channel, reason, settings.language)
    values = {"channel": channel, "reason": reason}
    detail = {"title": title, "text": text, "values": values}
    cursor.execute(
        "INSERT INTO sungrow_alerts (device_id, rule, key, severity, state, since, opened_at,"
        " last_true_at, detail) VALUES ('', %s, %s, 'warning', 'open', %s, %s, %s, %s)"
        " ON CONFLICT (device_id, rule, key) WHERE closed_at IS NULL DO NOTHING RETURNING id",
        (RULE, channel, now, now, now, Json(detail)),
    )
    opened = cursor.fetchone()
    if opened:
        _tell(cursor, settings, channel, opened[0], outbox.OPENED, detail, now, None)


def mended(cursor: Cursor, settings: Settings, channel: str, now: datetime) -> None:
    """Close the episode of this channel, if it is open, and tell the others."""
    title, text = own_texts.channel_mended(channel, settings.language)
    cursor.execute(
        "UPDATE sungrow_alerts SET state = 'closed', closed_at = %s WHERE device_id = ''"
        " AND rule = %s AND key = %s AND closed_at IS NULL RETURNING id, since",
        (now, RULE, channel),
    )
    closed = cursor.fetchone()
    if closed:
        detail = {"title": title, "text": text, "values": {"channel": channel}}
        _tell(cursor, settings, channel, closed[0], outbox.RESOLVED, detail, now, closed[1])


def _tell(
    cursor: Cursor,
    settings: Settings,
    channel: str,
    alert_id: int,
    event: str,
    detail: dict[str, Any],
    now: datetime,
    since: datetime | None,
) -> None:
    is_over = event == outbox.RESOLVED
    body = own_texts.body(RULE, "warning", event, settings.site_url) | detail
    body |= {"since": (since or now).isoformat(), "until": now.isoformat() if is_over else None}
    body["alert_ids"] = [alert_id]
    for other in settings.channels:
        if other != channel:
            outbox.add(cursor, other, alert_id, event, 0, body)
