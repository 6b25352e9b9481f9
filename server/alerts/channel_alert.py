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
        said = _body(settings, outbox.OPENED) | detail | {"since": now.isoformat()}
        _tell(cursor, settings, outbox.New(channel, opened[0], outbox.OPENED, 0, said), now)


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
        times = {"since": closed[1].isoformat(), "until": now.isoformat()}
        said = _body(settings, outbox.RESOLVED) | detail | times
        _tell(cursor, settings, outbox.New(channel, closed[0], outbox.RESOLVED, 0, said), now)


def _body(settings: Settings, event: str) -> dict[str, Any]:
    return own_texts.body(RULE, "warning", event, settings.site_url)


def _tell(cursor: Cursor, settings: Settings, about: outbox.New, now: datetime) -> None:
    body = {**about.body, "alert_ids": [about.alert_id]}
    for other in settings.channels:
        if other != about.channel:
            outbox.add(cursor, about._replace(channel=other, body=body), now)
