"""What would have fired in the past: how thresholds are judged. Changes nothing.

Every minute is judged as it would have been then, by what had arrived until then. Rules that need
what the edge said of itself, or the server's own look around, cannot be judged again.
"""

import argparse
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection  # noqa: N812  types, not functions
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from server import cli
from server.alerts import evaluate, rules
from server.alerts.book import faults_of
from server.alerts.evidence import Server
from server.alerts.gather import house_of, rows
from server.alerts.ledger import Ledger
from server.alerts.messages import Row
from server.alerts.notices import WEEK
from server.alerts.options import Channel, Options, options_of
from server.alerts.past import Past
from server.alerts.settings import Settings
from server.alerts.states import Episode
from server.alerts.texts import Fault
from server.database import migrations
from server.database.connection import one_row

PHONE = Channel("phone")
_USUALLY = timedelta(days=30)
_PRUNED_EVERY = timedelta(hours=1)


class Message(NamedTuple):
    """A message that somebody would have had."""

    at: datetime
    row: Row


class Replayed(NamedTuple):
    """What would have been.

    Attributes:
        episodes: that were open at some time, in the order in which they began.
        messages: to a phone, in the order in which they would have come.
        minutes: that were judged.
    """

    episodes: list[Episode]
    messages: list[Message]
    minutes: int


def cannot_be_replayed() -> list[str]:
    """Return the rules that say nothing of the past."""
    every = (*rules.OF_SERVER, *rules.OF_HOUSE)
    return [*(rule.name for rule in every if not rule.replays), rules.DATABASE, rules.CHANNEL]


def replay(
    connection: Connection,
    first: datetime,
    end: datetime,
    options: Options,
    device_ids: Sequence[str] | None = None,
    by_ts: bool = False,
) -> Replayed:
    """Judge the past from a moment on and before another, and return what would have been told.

    Args:
        connection: to the database; nothing is written.
        first: the first moment.
        end: the end.
        options: of the alerts; the messages are those of one phone.
        device_ids: of these houses; None: of all.
        by_ts: as if each reading had arrived at once: for history that was imported.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute("SET LOCAL jit = off")  # to compile these plans takes longer than they do
        asked = {"now": end, "device_ids": None if device_ids is None else list(device_ids)}
        houses = [house_of(row) for row in rows(cursor, "alerts-houses", asked)]
        (known,) = rows(cursor, "alerts-run", {"now": end})
        rehearsal = Rehearsal(cursor, first, ZoneInfo(known["timezone"]))
        first = first.replace(second=0, microsecond=0)
        phone = options._replace(channels=(PHONE,))
        past = Past(cursor, houses, first, end, by_ts)
        minutes = _live_again(cursor, rehearsal, past, phone)
    episodes = [*rehearsal.over, *rehearsal.lately(), *rehearsal.going_on.values()]
    opened = sorted((one for one in episodes if one.opened_at), key=lambda one: one.since)
    return Replayed(opened, rehearsal.messages, minutes)


def _live_again(cursor: Cursor, rehearsal: "Rehearsal", past: Past, options: Options) -> int:
    count = 0
    for moment, evidence in past.minutes():
        rehearsal.begin(moment)
        evaluate.judge_all(rehearsal, Server(moment), evidence, options, replays_only=True)
        rehearsal.save()
        evaluate.tell(cursor, rehearsal, evidence, options)
        count += 1
    return count


class Rehearsal(Ledger):
    """The episodes of a replay, in memory."""

    keeps_texts = False

    def __init__(self, cursor: Cursor, now: datetime, zone: ZoneInfo):
        super().__init__(now, zone)
        self._cursor = cursor
        self._numbers = itertools.count(1)
        self._digests: set[date] = set()
        self._pruned = now
        self.over: list[Episode] = []  # what nobody looks at again
        self.messages: list[Message] = []

    def begin(self, now: datetime) -> None:
        """Go on to a moment."""
        self.now = now
        self.past += self.ended
        self.ended = []
        if now - self._pruned >= _PRUNED_EVERY:
            self._pruned = now
            old = [one for one in self.past if one.closed_at and one.closed_at < now - WEEK]
            self.over += old
            self.past = [one for one in self.past if one not in old]

    def save(self) -> None:
        """Number new episodes."""
        self._gone = []
        self.ended = [self._numbered(one) for one in self.ended]
        self.going_on = {i: self._numbered(one) for i, one in self.going_on.items()}

    def _numbered(self, episode: Episode) -> Episode:
        return episode if episode.id else episode._replace(id=next(self._numbers))

    def send(self, sent: Iterable[Row]) -> None:
        """Keep messages."""
        self.messages += (Message(max(self.now, row.not_before), row) for row in sent)

    def has_digest(self, at: datetime, options: Options) -> bool:
        """Return whether that morning's digest was written; it is asked once a morning."""
        del options
        known = at.date() in self._digests
        self._digests.add(at.date())
        return known

    def faults(self, values: Mapping[str, Any]) -> list[Fault]:
        """Return what the fault word in the values of an episode means."""
        return faults_of(self._cursor, values)


def command(settings: Settings, arguments: argparse.Namespace) -> None:
    """Print what would have been told between ``--from`` and ``--to``; by default, of 30 days."""
    end = arguments.end or datetime.now(UTC)
    first = arguments.first or end - _USUALLY
    if first >= end:
        raise cli.Refused("--from must be before --to, which is now unless it is given")
    devices = [arguments.device] if arguments.device else None
    options = options_of(settings)
    with migrations.connect(settings.database_url) as connection:
        found = replay(connection, first, end, options, devices, arguments.at_once)
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT timezone FROM sungrow_site")
            zone = ZoneInfo(one_row(cursor)[0])
    for line in lines(found, zone):
        print(line)


def lines(found: Replayed, zone: ZoneInfo) -> Iterator[str]:
    """Return what a replay prints: messages, how often each rule fired, and which cannot speak."""
    for message in found.messages:
        at = message.at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        yield f"{at}  {message.row.event:<8}  {message.row.body['title']}"
    yield ""
    fired = Counter(episode.rule for episode in found.episodes)
    for rule, count in sorted(fired.items()):
        yield f"{rule}: {count}"
    yield (
        f"{len(found.messages)} messages and {len(found.episodes)} episodes in "
        f"{found.minutes} minutes"
    )
    yield f"cannot be replayed: {', '.join(cannot_be_replayed())}"
