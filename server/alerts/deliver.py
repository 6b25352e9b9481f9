"""Sends what is due: claims a message, commits, sends it, and records what became of it."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta, tzinfo

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  types, not functions
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from server.alerts import channel_alert, fate, names, outbox
from server.alerts.alone import alone
from server.alerts.outbox import Row
from server.alerts.outcome import DELIVERED, REFUSED, UNSURE, Message, Outcome
from server.alerts.settings import Settings
from server.alerts.targets import Sender
from server.database.connection import connect, reason

log = logging.getLogger("sungrow.alerts.deliver")
PATIENCE_S = 40.0  # of all channels; the unit has 55
GIVE_UP = timedelta(hours=72)
PROBE = timedelta(hours=1)
_FIRST_WAIT_S, _LONGEST_WAIT_S = 30.0, 1800.0
# A receiver can tell a double by its id.
_WITH_IDS = (names.MAIL, names.WEBHOOK)
LIMITS = {
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    "jit": "off",
}
Clock = Callable[[], datetime]


def deliver(settings: Settings, clock: Clock, zone: tzinfo) -> list[str]:
    """Send what is due through every channel, all of them at once; return which have a bug.

    Raises:
        psycopg2.Error: the database went away.
    """
    errors: list[psycopg2.Error] = []
    failed: list[str] = []

    def one(name: str, sender: Sender) -> None:
        try:
            with closing(connect(settings.database_url, LIMITS, connect_timeout=5)) as connection:
                connection.autocommit = False
                _Channel(connection, name, sender, settings, clock, zone, failed).send_all()
        except psycopg2.Error as error:
            errors.append(error)

    senders = list(settings.targets.senders.items())
    threads = [
        threading.Thread(target=one, args=pair, name=pair[0], daemon=True) for pair in senders
    ]
    for thread in threads:
        thread.start()
    until_s = time.monotonic() + PATIENCE_S
    for thread in threads:
        thread.join(max(0.0, until_s - time.monotonic()))
        if thread.is_alive():  # an answer that drips has no end: the ping must not wait for it
            log.warning("channel left alone", extra={"channel": thread.name})
    if errors:
        raise errors[0]
    return failed


class _Channel:
    """One channel, in a thread and on a connection of its own."""

    def __init__(
        self,
        connection: Connection,
        name: str,
        sender: Sender,
        settings: Settings,
        clock: Clock,
        zone: tzinfo,
        failed: list[str],
    ):
        self._zone, self._failed = zone, failed
        self._connection, self._name, self._sender = connection, name, sender
        self._settings, self._clock = settings, clock
        self._until_s = time.monotonic() + PATIENCE_S / 2

    def send_all(self) -> None:
        """Send until nothing is due, or the channel fails."""
        self._give_up_old()
        while time.monotonic() < self._until_s and (found := self._claim()):
            row, message = found
            outcome = self._sent(message)
            with self._connection as connection, connection.cursor() as cursor:
                self._record(cursor, row, outcome)
            if outcome.kind != DELIVERED:
                break

    def _sent(self, message: Message) -> Outcome:
        """Send; what a channel has a bug for is tried again like any other failure."""
        otherwise = Outcome(UNSURE, "a bug: see the log")
        return alone(self._name, lambda: self._sender.send(message), otherwise, self._failed)

    def _claim(self) -> tuple[Row, Message] | None:
        """Return the next message, claimed and committed; None where nothing may be sent now."""
        while True:
            with self._connection as connection, connection.cursor() as cursor:
                now = self._clock()
                if outbox.rests(cursor, self._name, now):
                    return None
                is_probe = outbox.is_broken(cursor, self._name)
                row = outbox.first_due(cursor, self._name, now, is_probe)
                if row is None:
                    return None
                language, url = self._settings.language, self._settings.site_url
                about = fate.Context(self._name, language, now, self._zone, url)
                settled = fate.settle(cursor, row, about)
                if settled is not None:
                    outbox.claim(cursor, settled.id, now)
                    body = {**settled.body, "id": settled.id}
                    return settled, Message(settled.id, body, self._opening(cursor, settled))

    def _opening(self, cursor: Cursor, row: Row) -> str | None:
        if row.event not in (outbox.REPEATED, outbox.RESOLVED):
            return None
        begun = outbox.openings(cursor, self._name, row.alert_ids)
        return begun[0].id if begun else None

    def _record(self, cursor: Cursor, row: Row, outcome: Outcome) -> None:
        now = self._clock()
        if outcome.kind == DELIVERED:
            outbox.delivered(cursor, row.id, now, outcome.reason)
            channel_alert.mended(cursor, self._settings, self._name, now)
            return
        log.warning(
            "message not delivered",
            extra={"channel": self._name, "outcome": outcome.kind, "reason": outcome.reason},
        )
        is_refused, is_unsure = outcome.kind == REFUSED, outcome.kind == UNSURE
        wait = PROBE if is_refused else timedelta(seconds=self._wait_s(row, outcome))
        refused_at = now if is_refused else None
        outbox.failed(cursor, row.id, outcome.reason, now + wait, refused_at, int(is_unsure))
        is_own_fault = is_refused and self._is_its_own_fault(cursor, row)
        is_too_old = now - row.created_at >= GIVE_UP
        if is_own_fault or is_too_old:
            outbox.give_up(cursor, row.id, now)
        if is_too_old or (is_refused and not is_own_fault):
            channel_alert.broke(cursor, self._settings, self._name, outcome.reason, now)

    def _is_its_own_fault(self, cursor: Cursor, row: Row) -> bool:
        """Return whether a message is refused again by a channel that takes others."""
        return row.refused_at is not None and outbox.took_since(cursor, self._name, row.refused_at)

    def _wait_s(self, row: Row, outcome: Outcome) -> float:
        wait_s = min(_FIRST_WAIT_S * 2 ** min(row.attempts, 10), _LONGEST_WAIT_S)
        if outcome.kind == UNSURE and row.unsure and self._name not in _WITH_IDS:
            # It may have arrived twice; it must not be lost, but nobody shall hear it every minute.
            wait_s = _LONGEST_WAIT_S
        return float(max(outcome.retry_after_s, wait_s))

    def _give_up_old(self) -> None:
        with self._connection as connection, connection.cursor() as cursor:
            now = self._clock()
            count = outbox.give_up_old(cursor, self._name, now - GIVE_UP, now)
            if count:
                log.warning("messages given up", extra={"channel": self._name, "count": count})
                why = "it took nothing for 72 hours"
                channel_alert.broke(cursor, self._settings, self._name, why, now)


def said(error: psycopg2.Error) -> str:
    """Return why the database failed, in one line."""
    return " ".join(reason(error).split())
