"""One run: the rules, then what is due, then the ping that says that all of this went well."""

import logging
from contextlib import closing
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  types, not functions
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from server.alerts import clock_back, deadman, evaluate, outbox, prune, statefile
from server.alerts.deliver import LIMITS, Clock, deliver, said
from server.alerts.settings import Settings
from server.database import migrations
from server.database.connection import connect
from server.database.migrations import SchemaError

log = logging.getLogger("sungrow.alerts.run")
ANOTHER = "another run is at work: nothing to do"
STUCK = timedelta(minutes=30)
_LOCK = "sungrow alerts"


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def once(settings: Settings, clock: Clock = utc_now) -> int:
    """Do one run; return its exit status: 0 wherever the rules could be evaluated, else 1."""
    try:
        with closing(connect(settings.database_url, LIMITS, connect_timeout=5)) as connection:
            connection.autocommit = False
            if not _take_turn(connection):
                print(ANOTHER)
                return 0
            failed, problem = _all_of_it(connection, settings, clock)
            _end_turn(connection)
    except psycopg2.OperationalError as error:
        reason = said(error)
        log.error("the database does not answer", extra={"reason": reason})  # noqa: TRY400
        statefile.away(settings, reason, clock())
        deadman.ping(settings, f"the database does not answer: {reason}")
        return 1
    except (psycopg2.Error, SchemaError) as error:
        reason = said(error) if isinstance(error, psycopg2.Error) else str(error)
        log.exception("the rules could not be evaluated")
        deadman.ping(settings, reason)
        return 1
    deadman.ping(settings, "; ".join(filter(None, [*failed, problem])) or None)
    return 1 if failed else 0


def _take_turn(connection: Connection) -> bool:
    """Return whether no other run is at work; the lock ends with the connection at the latest."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (_LOCK,))
        return bool(_one(cursor))


def _end_turn(connection: Connection) -> None:
    """Let the next run begin at once: of the end of a connection the database learns later."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock_all()")


def _all_of_it(
    connection: Connection, settings: Settings, clock: Clock
) -> tuple[list[str], str | None]:
    """Evaluate and send; return rules that have a bug, and why messages reach nobody, if so."""
    with connection, connection.cursor() as cursor:
        migrations.refuse_not_current(cursor)
        cursor.execute("SELECT timezone FROM sungrow_site")
        zone_name = str(_one(cursor))
        clock_back.mend(cursor, clock())
    away_since = statefile.away_since(settings)
    statefile.back(settings, zone_name, clock())
    failed = evaluate.evaluate(connection, clock(), settings, away_since=away_since)
    failed += deliver(settings, clock, ZoneInfo(zone_name))
    with connection, connection.cursor() as cursor:
        prune.old(cursor, clock())
        since = outbox.stuck_since(cursor, clock() - STUCK)
    return failed, f"no channel has taken a message since {since.isoformat()}" if since else None


def _one(cursor: Cursor) -> object:
    row = cursor.fetchone()
    return row[0] if row else None
