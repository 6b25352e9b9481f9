"""The server's clock was ahead, and was set back: what bears times of the future would wait for it.

A message that failed then would be tried again in days, an episode would neither open nor close,
and a channel would count as broken. So such times become now, once, before the rules are judged.
"""

import logging
from datetime import datetime, timedelta

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

log = logging.getLogger("sungrow.alerts.clock_back")
SLACK = timedelta(minutes=1)  # what clocks differ by, between here and the database
_SENT_AT = ("created_at", "claimed_at", "refused_at", "delivered_at", "given_up_at", "dropped_at")
_SEEN_AT = ("since", "opened_at", "last_true_at", "closed_at")
_NOTED_AT = ("told_at", "untold")


def mend(cursor: Cursor, now: datetime) -> bool:
    """Move times of the future to now, if the last run was later; return whether it was."""
    asked = {"now": now, "latest": now + SLACK}
    cursor.execute("SELECT FROM sungrow_alert_run WHERE finished_at > %(latest)s", asked)
    if cursor.fetchone() is None:
        return False
    log.warning("the clock was set back: times of the future are taken for now")
    # What waits is due, the quiet hours of the wrong time included: better at night than never.
    cursor.execute(
        "UPDATE sungrow_alert_outbox SET not_before = %(now)s WHERE not_before > %(latest)s"
        " AND greatest(created_at, claimed_at) > %(latest)s",
        asked,
    )
    _not_later(cursor, "sungrow_alert_outbox", _SENT_AT, asked)
    # What only began to be seen begins again.
    cursor.execute(
        "DELETE FROM sungrow_alerts WHERE state = 'pending' AND last_true_at > %(latest)s", asked
    )
    _not_later(cursor, "sungrow_alerts", _SEEN_AT, asked)
    cursor.execute(
        "UPDATE sungrow_alerts SET detail = detail - 'well_since'"
        " WHERE (detail ->> 'well_since')::timestamptz > %(latest)s",
        asked,
    )
    for name in _NOTED_AT:
        cursor.execute(
            "UPDATE sungrow_alerts SET detail = detail || jsonb_build_object(%(name)s, %(text)s)"
            " WHERE (detail ->> %(name)s)::timestamptz > %(latest)s",
            {**asked, "name": name, "text": now.isoformat()},
        )
    return True


def _not_later(
    cursor: Cursor, table: str, columns: tuple[str, ...], asked: dict[str, datetime]
) -> None:
    for column in columns:
        cursor.execute(
            f"UPDATE {table} SET {column} = %(now)s WHERE {column} > %(latest)s",  # noqa: S608
            asked,
        )
