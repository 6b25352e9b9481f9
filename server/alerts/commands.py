"""The commands beside ``run``: ``list``, ``test`` and ``silence``."""

import argparse
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812  a type, not a function

from server.alerts import outbox, own_texts
from server.alerts.deliver import LIMITS
from server.alerts.gather import rows
from server.alerts.outcome import DELIVERED, LATER, UNSURE, Message
from server.alerts.run import utc_now
from server.alerts.settings import Settings
from server.cli import Refused
from server.database import migrations
from server.database.connection import connect

LONGEST = timedelta(days=30)
_WORDS = {LATER: "not delivered", UNSURE: "unclear, it may have arrived"}
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """Return a time on the command line: ``30m``, ``2h``, ``3d``."""
    match = re.fullmatch(r"([0-9]{1,4})([mhd])", text, re.ASCII)
    found = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta()
    if not timedelta() < found <= LONGEST:
        raise argparse.ArgumentTypeError("not like 30m, 2h or 3d, and at most 30d")
    return found


def _second(moment: datetime) -> str:
    """Return a moment as it is printed."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def silence(settings: Settings, arguments: argparse.Namespace) -> None:
    """Silence a house, or all of it, for a while; or end a silence.

    Raises:
        Refused: there is no such silence.
    """
    with _open(settings) as connection, connection, connection.cursor() as cursor:
        if arguments.end is not None:
            cursor.execute(
                "UPDATE sungrow_silences SET to_ts = greatest(from_ts, now())"
                " WHERE id = %s AND to_ts > now()",
                (arguments.end,),
            )
            if not cursor.rowcount:
                raise Refused(f"there is no silence {arguments.end} now; see: list")
            print(f"silence {arguments.end} ended")
            return
        until = utc_now() + arguments.duration
        cursor.execute(
            "INSERT INTO sungrow_silences (device_id, rule, to_ts, why) VALUES (%s, %s, %s, %s)"
            " RETURNING id",
            (None if arguments.all else arguments.device, arguments.rule, until, arguments.why),
        )
        id = (cursor.fetchone() or ("?",))[0]
        whose = "everything" if arguments.all else arguments.device
        print(f"silence {id}: {whose} until {_second(until)}")
        asked = {"now": utc_now(), "device_ids": None}
        known = [row["device_id"] for row in rows(cursor, "alerts-houses", asked)]
        if not arguments.all and arguments.device not in known:
            print(f"nothing is known of {whose} so far; there are: {', '.join(known) or 'none'}")


def show(settings: Settings) -> None:
    """Print what is open, what is silenced, and how the channels are."""
    with _open(settings) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT severity, device_id, rule, key, opened_at, detail ->> 'title'"
            "  FROM sungrow_alerts WHERE closed_at IS NULL AND opened_at IS NOT NULL ORDER BY 5"
        )
        found = cursor.fetchall()
        for severity, device_id, rule, key, opened_at, title in found:
            name = f"{rule} {key}".strip()
            print(f"{severity:<8} {_second(opened_at)} {device_id or 'server'} {name}: {title}")
        if not found:
            print("nothing is open")
        cursor.execute(
            "SELECT id, coalesce(device_id, 'everything'), coalesce(rule, 'all rules'), to_ts, why"
            "  FROM sungrow_silences WHERE to_ts > now() ORDER BY id"
        )
        for id, whose, rule, until, why in cursor.fetchall():
            print(f"silence  {id}: {whose}, {rule}, until {_second(until)}: {why}")
        for channel in settings.channels:
            broken = outbox.is_broken(cursor, channel)
            cursor.execute(
                "SELECT max(delivered_at), count(*) FILTER (WHERE delivered_at IS NULL"
                " AND given_up_at IS NULL AND dropped_at IS NULL)"
                " FROM sungrow_alert_outbox WHERE channel = %s",
                (channel,),
            )
            last, waiting = cursor.fetchone() or (None, 0)
            print(_channel(channel, broken, last, waiting))
    if not settings.channels:
        print("no channel is set up: see docs/alerts.md")


def _channel(name: str, broken: bool, last: datetime | None, waiting: int) -> str:
    when = f"last delivery {_second(last)}" if last else "nothing delivered yet"
    return f"channel  {name}: {when}, {waiting} waiting{', refuses messages' if broken else ''}"


def test(settings: Settings) -> None:
    """Send a test through every channel, at once.

    Raises:
        Refused: there is none, or one failed.
    """
    if not settings.channels:
        raise Refused("no channel is set up: see docs/alerts.md")
    failed = []
    with _open(settings) as connection:
        for name in settings.channels:
            outcome, note = _test_one(settings, connection, name)
            said = _WORDS.get(outcome, outcome)
            print(f"{name}: {said}{f': {note}' if note else ''}", flush=True)
            if outcome != DELIVERED:
                failed.append(name)
    if failed:
        raise Refused(f"not delivered by {', '.join(failed)}: see above")


def _test_one(settings: Settings, connection: Connection, name: str) -> tuple[str, str]:
    body: dict[str, Any] = own_texts.body("", "info", outbox.TEST, settings.site_url)
    language = settings.language
    body |= {"title": own_texts.text(language, "test"), "since": utc_now().isoformat()}
    body |= {"text": own_texts.text(language, "test_text")}
    with connection, connection.cursor() as cursor:
        new = outbox.New(name, None, outbox.TEST, 0, body)
        id = outbox.add(cursor, new, utc_now())
        if id is None:
            raise Refused("the test could not be stored")
        outbox.claim(cursor, id, utc_now())
    outcome = settings.targets.senders[name].send(Message(id, {**body, "id": id}))
    with connection, connection.cursor() as cursor:
        now = utc_now()
        if outcome.kind == DELIVERED:
            outbox.delivered(cursor, id, now, outcome.reason)
            outbox.wake(cursor, name, now)
        else:
            # Nobody wants a test later.
            outbox.drop(cursor, id, outcome.reason, now)
    return outcome.kind, outcome.reason


@contextmanager
def _open(settings: Settings) -> Iterator[Connection]:
    with closing(connect(settings.database_url, LIMITS, connect_timeout=5)) as connection:
        connection.autocommit = False
        with connection, connection.cursor() as cursor:
            migrations.refuse_not_current(cursor)
        yield connection
