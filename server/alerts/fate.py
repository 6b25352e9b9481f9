"""What becomes of a message that is due: its episode may have changed since it was written."""

from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.alerts import names, outbox, own_texts
from server.alerts.outbox import OPENED, REPEATED, RESOLVED, TEST, Row

MOST_A_DAY = 20
_DAY = timedelta(days=1)
OVER = "over meanwhile: the message about its end says all"
SAID_LATER = "a newer message says that it goes on"
UNHEARD = "this channel was not told that it began"


class Context(NamedTuple):
    """Which channel, in which language, and the time."""

    channel: str
    language: str
    now: datetime
    zone: tzinfo
    site_url: str | None


def settle(cursor: Cursor, row: Row, about: Context) -> Row | None:
    """Return the message as it goes out; None where it does not, which is then noted."""
    if row.event in (OPENED, REPEATED):
        settled = _begun(cursor, row, about)
    elif row.event == RESOLVED:
        settled = row if _is_heard(cursor, row, about) else None
    else:
        settled = row
    return settled and _braked(cursor, settled, about)


def _begun(cursor: Cursor, row: Row, about: Context) -> Row | None:
    ids = row.alert_ids
    if not ids or not outbox.all_over(cursor, ids):
        # A channel that was away for hours shall not ring for each of them.
        is_old = row.event == REPEATED or about.channel != names.WEBHOOK
        if is_old and ids and outbox.is_said_later(cursor, about.channel, row, about.now):
            outbox.drop(cursor, row.id, SAID_LATER, about.now)
            return None
        return row
    if row.event == REPEATED or outbox.end_waits(cursor, about.channel, ids):
        outbox.drop(cursor, row.id, OVER, about.now)
        return None
    if row.body.get("until"):
        return row  # it was written when all was over, and says so
    # Nothing else will say that it is over.
    until = outbox.closed_at(cursor, ids) or about.now
    body = own_texts.past(row.body, until.astimezone(about.zone), about.language)
    outbox.rewrite(cursor, row.id, body)
    return row._replace(body=body)


def _is_heard(cursor: Cursor, row: Row, about: Context) -> bool:
    """Return whether the end of an episode can be told now: the channel knows that it began.

    Where nothing could be delivered before it was over, what waits is dropped, and the end alone is
    told: it says from when to when.
    """
    begun = outbox.openings(cursor, about.channel, row.alert_ids)
    for opening in begun:
        if not opening.waits:
            continue
        if outbox.all_over(cursor, opening.alert_ids):
            outbox.drop(cursor, opening.id, OVER, about.now)
        else:
            # That one reports others, too, and comes first.
            later = about.now + timedelta(seconds=30)
            outbox.postpone(cursor, row.id, max(opening.not_before, later))
            return False
    if all(opening.is_braked for opening in begun):
        outbox.drop(cursor, row.id, UNHEARD, about.now)
        return False
    return True


def _braked(cursor: Cursor, row: Row, about: Context) -> Row | None:
    if row.event == TEST:
        return row
    taken, is_said = outbox.taken_since(cursor, about.channel, about.now - _DAY)
    if taken < MOST_A_DAY or "more" in row.body:
        return row
    if is_said:
        outbox.drop(cursor, row.id, outbox.BRAKED, about.now)
        return None
    more = outbox.due_count(cursor, about.channel, about.now)
    body = own_texts.more(row.body, more, about.language, about.site_url)
    outbox.rewrite(cursor, row.id, body)
    return row._replace(body=body)
