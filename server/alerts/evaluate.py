"""Judges all rules, and writes the episodes and their messages in one transaction.

A run that comes late takes the minutes that it missed one by one, as they were known then: what
began and ended meanwhile is told with its true times.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection  # noqa: N812  types, not functions
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from server.alerts import messages, notices, outside, rules
from server.alerts.book import Book
from server.alerts.evidence import Evidence, Outside, Server
from server.alerts.gather import found_on_return, gather
from server.alerts.hop import Recovery, recovery
from server.alerts.judge import judge
from server.alerts.ledger import Ledger
from server.alerts.messages import Known
from server.alerts.notices import Calendar
from server.alerts.options import Options, options_of
from server.alerts.past import Past
from server.alerts.rules.hops import NO_DATA
from server.alerts.settings import Settings
from server.alerts.states import SERVER, Episode, Timing, step
from server.alerts.texts import Fault, Writer

log = logging.getLogger("sungrow.alerts.evaluate")
_MINUTE = timedelta(minutes=1)
LONGEST_CATCH_UP = timedelta(hours=24)
CATCH_UP_S = 20.0  # the unit has 55, which the delivery needs, too
AWAY = timedelta(minutes=3)  # shorter, and no house was silent for long


def evaluate(
    connection: Connection,
    now: datetime,
    settings: Settings,
    seen: Outside | None = None,
    away_since: datetime | None = None,
) -> list[str]:
    """Judge all rules at a moment; write what changed, and what has to be told.

    Args:
        connection: to the database, not in autocommit; what is written is committed.
        now: the moment.
        settings: of the alerts.
        seen: what is outside of the database; None: look around now.
        away_since: since when the database was away, which answers again now.

    Returns:
        The rules that could not be asked, since they have a bug.
    """
    seen = seen or outside.look(settings)
    seen.database_away_since = away_since
    return run(connection, now, options_of(settings), seen)


def run(connection: Connection, now: datetime, options: Options, seen: Outside) -> list[str]:
    """Do as ``evaluate``, with what it has read of the settings."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")  # to compile these plans takes longer than they do
        houses = gather(cursor, now)
        book = Book(cursor, [one.house.device_id for one in houses], now)
        away = seen.database_away_since
        if away and now - away >= AWAY:
            book.database_was_away(away, now)
        elif since := book.missed_since:
            _catch_up(cursor, book, houses, since, options)
        server = Server(now, (), seen.front, seen.jobs, seen.errors_5xx)
        server.edges_cert_days = _least_cert_days(houses)
        judge_all(book, server, houses, options)
        book.save()
        tell(cursor, book, houses, options)
        book.save()
        book.ran(channel.name for channel in options.channels)
    return sorted(set(book.failed))


def _catch_up(
    cursor: Cursor, book: Book, houses: Sequence[Evidence], since: datetime, options: Options
) -> None:
    """Judge the minutes that no run has seen, by what of them is stored.

    As far as there is time for that: a run that takes too long is ended, and so would be the next.
    """
    since = max(since, book.now - LONGEST_CATCH_UP)
    first = since.replace(second=0, microsecond=0) + _MINUTE
    past = Past(cursor, [one.house for one in houses], first, book.now)
    until_s = time.monotonic() + CATCH_UP_S
    for moment, evidence in past.minutes():
        if time.monotonic() > until_s:
            log.warning("minutes not judged", extra={"first": moment, "last": book.now})
            return
        judge_all(book, Server(moment), evidence, options, replays_only=True)


def judge_all(
    book: Ledger,
    server: Server,
    houses: Sequence[Evidence],
    options: Options,
    replays_only: bool = False,
) -> None:
    """Let all rules speak of a moment, and note what changes."""
    is_back = book.database_is_back(server.now)
    judged = judge(server, houses, book.going_on, options.off, is_back, book.failed)
    wanted = [one for one in judged if one.rule.replays or not replays_only]
    book.note(step(book.going_on, book.lately(), wanted, server.now, Timing(options.for_s)))


def _least_cert_days(houses: Iterable[Evidence]) -> float | None:
    told = (one.report.told.get("cert_days") for one in houses if one.report and one.is_reporting)
    return min((float(days) for days in told if days is not None), default=None)


def tell(cursor: Cursor, book: Ledger, houses: Sequence[Evidence], options: Options) -> None:
    """Write what has to be told at the moment of the run."""
    calendar = Calendar(book.zone, options.quiet)
    upgrading = frozenset(
        one.house.device_id
        for one in houses
        if one.report and one.is_reporting and one.report.told.get("upgrading")
    )
    writer = _writer(book, houses, options)
    if book.keeps_texts:
        book.renote(_worded(cursor, book, writer, list(book.to_be_told())))
    told = notices.tell(book.to_be_told(), book.now, calendar, book.silences, upgrading)
    book.renote(told.episodes)
    for notice in told.notices:
        known = _known(cursor, book, notice.episodes)
        sent = list(messages.rows_of(notice, options, writer, known, book.now))
        book.send(sent)
        if notice.event == notices.OPENED:
            channels = sorted({row.channel for row in sent})
            book.renote(one.noted(channels=channels) for one in notice.episodes)
    at = notices.digest_at(book.now, calendar)
    if at and options.channels and not book.has_digest(at, options):
        in_it = notices.digest(book.all_known(), at)
        known = _known(cursor, book, in_it)
        book.send(messages.digest_rows(in_it, at, options, writer, known))
        book.renote(in_it)


def _worded(
    cursor: Cursor, book: Ledger, writer: Writer, episodes: Sequence[Episode]
) -> Iterator[Episode]:
    """Return episodes with title and text, as people read them."""
    known = _known(cursor, book, episodes)
    for one in episodes:
        told = messages.told_of(one, writer, known, book.now)
        yield one.noted(title=told.title, text=told.text)


def _writer(book: Ledger, houses: Sequence[Evidence], options: Options) -> Writer:
    names = {one.house.device_id: one.house.name or one.house.device_id for one in houses}
    zones = {one.house.device_id: one.house.zone for one in houses} | {SERVER: book.zone}
    for episode in book.all_known():
        zones.setdefault(episode.device_id, book.zone)
    every = (*rules.OF_SERVER, *rules.OF_HOUSE)
    limits = {rule.name: rule.for_s for rule in every} | dict(options.for_s)
    return Writer(options.language, names, zones, limits)


def _known(cursor: Cursor, book: Ledger, episodes: Iterable[Episode]) -> Known:
    faults: dict[int | None, Sequence[Fault]] = {}
    recoveries: dict[int | None, Recovery] = {}
    for one in episodes:
        values = one.detail.get("values", {})
        if "word" in values:
            faults[one.id] = book.faults(values)
        if one.rule == NO_DATA.name and one.closed_at:
            found = found_on_return(cursor, one.device_id, one.since, one.closed_at, book.now)
            recoveries[one.id] = recovery(found)
    return Known(faults, recoveries)
