"""Who hears of an episode, when, and how often. Pure.

An opening is told once: a critical one at once, others not in quiet hours. A critical one is told
again after 1 h, 6 h and then daily at 08:00; a warning that goes on is in the digest of 08:00,
with what is only worth knowing, and what began and ended in the night.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.alerts import rules
from server.alerts.rules import hops
from server.alerts.rules.rule import CRITICAL, INFO, SEVERITIES
from server.alerts.states import CLEARING, CLOSED, Episode

OPENED, REPEATED, RESOLVED, DIGEST = "opened", "repeated", "resolved", "digest"
DIGEST_AT = time(8)
REPEATS_S = (3600, 6 * 3600)
DAILY_AFTER = timedelta(hours=12)
FRESHLY_TOLD = timedelta(hours=2)
WEEK = timedelta(days=7)
NO_DATA = hops.NO_DATA.name
_EVENTS = frozenset(rule.name for rule in (*rules.OF_SERVER, *rules.OF_HOUSE) if rule.is_event)


class Silence(NamedTuple):
    """When nobody wants to hear of what; None: of all."""

    device_id: str | None
    rule: str | None
    first: datetime
    end: datetime

    def covers(self, episode: Episode, now: datetime) -> bool:
        """Return whether it keeps an episode quiet now."""
        return (
            self.first <= now < self.end
            and self.device_id in (None, episode.device_id)
            and self.rule in (None, episode.rule)
        )


class Calendar(NamedTuple):
    """The owner's day: the site's zone, and the quiet hours in it."""

    zone: ZoneInfo
    quiet: tuple[time, time] | None = None

    def is_quiet(self, now: datetime) -> bool:
        """Return whether it is in the quiet hours, by the clock on the wall."""
        if self.quiet is None or self.quiet[0] == self.quiet[1]:
            return False
        begin, end = self.quiet
        at = now.astimezone(self.zone).time()
        return begin <= at < end if begin < end else at >= begin or at < end

    def quiet_until(self, now: datetime) -> datetime:
        """Return when the quiet hours end; now, if it is not quiet."""
        if not self.is_quiet(now) or self.quiet is None:
            return now
        local = now.astimezone(self.zone)
        day = local.date() + timedelta(days=local.time() >= self.quiet[1])
        return self.at(day, self.quiet[1]).astimezone(now.tzinfo)

    def at(self, day: date, clock: time) -> datetime:
        """Return a moment of a local day."""
        return datetime.combine(day, clock, self.zone)

    def day(self, now: datetime) -> date:
        """Return the local day."""
        return now.astimezone(self.zone).date()


class Notice(NamedTuple):
    """One thing to tell: about episodes of one house that changed at the same moment."""

    event: str
    episodes: tuple[Episode, ...]
    not_before: datetime
    n: int = 0

    @property
    def severity(self) -> str:
        """Return the gravest."""
        return max((e.severity for e in self.episodes), key=SEVERITIES.index, default=INFO)


class Told(NamedTuple):
    """What has to be told, and the episodes with the note of it."""

    notices: list[Notice]
    episodes: list[Episode]


def tell(
    episodes: Iterable[Episode],
    now: datetime,
    calendar: Calendar,
    silences: Sequence[Silence],
    upgrading: frozenset[str] = frozenset(),
) -> Told:
    """Return what has to be told now of episodes that are open, or were closed at this moment."""
    told: dict[tuple[str, str], list[Episode]] = {}
    noted = []
    for episode in episodes:
        if episode.severity == INFO:
            continue
        is_silent = episode.device_id in upgrading or any(
            silence.covers(episode, now) for silence in silences
        )
        event = _event(episode, now, calendar, is_silent)
        after = _noted(episode, event, now, calendar, is_silent)
        if after != episode:
            noted.append(after)
        if event:
            told.setdefault((event, episode.device_id), []).append(after)
    return Told([_notice(event, each, now, calendar) for (event, _), each in told.items()], noted)


def _event(episode: Episode, now: datetime, calendar: Calendar, is_silent: bool) -> str | None:
    is_told = "told_at" in episode.detail
    if episode.state == CLOSED:  # in a silence, too: who knows of it has to hear that it is over
        if is_told:
            return RESOLVED if episode.rule not in _EVENTS else None
        # It began and ended while nobody judged: else it would have been told.
        return OPENED if not is_silent and _could_be_told(episode, now, calendar) else None
    if is_silent or episode.state == CLEARING:  # well again, though not yet for long enough
        return None
    may_speak = episode.severity == CRITICAL or not calendar.is_quiet(now)
    if not may_speak:
        return None
    if not is_told:
        return OPENED
    return REPEATED if _is_due_again(episode, now, calendar) else None


def _could_be_told(episode: Episode, now: datetime, calendar: Calendar) -> bool:
    """Return whether an episode was open at a time at which it may be told, and may be now."""
    begin = episode.opened_at
    if episode.severity == CRITICAL:
        return True
    if begin is None or calendar.is_quiet(now):
        return False
    return not calendar.is_quiet(begin) or calendar.quiet_until(begin) < (episode.closed_at or now)


def _is_due_again(episode: Episode, now: datetime, calendar: Calendar) -> bool:
    worse = SEVERITIES.index(episode.severity) > SEVERITIES.index(episode.detail["told_severity"])
    worse = worse and episode.rule != NO_DATA  # the sun rose: that is nothing new
    more = int(episode.detail.get("amount", 0)) > int(episode.detail.get("told_amount", 0))
    told = int(episode.detail.get("told_repeats", 0))
    return worse or more or repeats_due(episode, now, calendar) > told


def repeats_due(episode: Episode, now: datetime, calendar: Calendar) -> int:
    """Return how often a critical episode should have been told again by now."""
    if episode.severity != CRITICAL or episode.rule in _EVENTS or episode.is_flapping:
        return 0
    first = datetime.fromisoformat(episode.detail["told_at"])
    due = sum(1 for after in REPEATS_S if now - first >= timedelta(seconds=after))
    day = calendar.day(first + DAILY_AFTER)
    morning = calendar.at(day, DIGEST_AT)
    if morning < first + DAILY_AFTER:
        morning = calendar.at(day + timedelta(days=1), DIGEST_AT)
    today = calendar.at(calendar.day(now), DIGEST_AT)
    last = today if now >= today else calendar.at(calendar.day(now) - timedelta(days=1), DIGEST_AT)
    return due + max(0, (last.date() - morning.date()).days + 1)


def _noted(
    episode: Episode, event: str | None, now: datetime, calendar: Calendar, is_silent: bool
) -> Episode:
    if event == OPENED:
        episode = episode.noted(told_at=now.isoformat(), told_repeats=0)
    elif event == REPEATED:
        due = repeats_due(episode, now, calendar)
        episode = episode._replace(repeats=episode.repeats + 1).noted(told_repeats=due)
    elif episode.state == CLOSED and "told_at" not in episode.detail and not is_silent:
        return episode.noted(untold=now.isoformat())
    amount = episode.detail.get("amount")
    if event in (OPENED, REPEATED):
        return episode.noted(told_severity=episode.severity, told_amount=amount)
    if episode.state == CLEARING:
        amount = None
    if int(episode.detail.get("told_amount", 0)) > int(amount or 0):
        # Some has left the last 24 hours: as much of it again would be news.
        episode = episode.noted(told_amount=amount)
    return episode


def _notice(event: str, episodes: list[Episode], now: datetime, calendar: Calendar) -> Notice:
    ordered = sorted(episodes, key=lambda e: (-SEVERITIES.index(e.severity), e.since, e.instance))
    first = ordered[0]
    is_urgent = any(e.severity == CRITICAL for e in ordered)
    not_before = now if is_urgent else calendar.quiet_until(now)
    return Notice(event, tuple(ordered), not_before, first.repeats if event == REPEATED else 0)


def digest_at(now: datetime, calendar: Calendar) -> datetime | None:
    """Return the moment of today's digest, once it is there; None before."""
    at = calendar.at(calendar.day(now), DIGEST_AT)
    at = calendar.quiet_until(at)
    return at if now >= at else None


def digest(episodes: Iterable[Episode], at: datetime) -> list[Episode]:
    """Return what the digest of a morning lists, with the note of it.

    Warnings that go on and were told a while ago; and once, what is only worth knowing, and what
    began and ended in the quiet hours: of the day before, or of the week, where nobody was there
    on the mornings in between.
    """
    begin = at - WEEK
    found = []
    for episode in episodes:
        if episode.opened_at is None or episode.opened_at > at:
            continue
        if episode.severity == INFO:
            is_in = episode.opened_at > begin and "digest" not in episode.detail
        elif episode.state == CLOSED:
            untold = _time(episode, "untold")
            is_new = "digest" not in episode.detail
            is_in = is_new and untold is not None and begin < untold <= at
        else:
            told_at = _time(episode, "told_at")
            is_old = told_at is not None and told_at < at - FRESHLY_TOLD
            goes_on = episode.state != CLEARING and episode.rule not in _EVENTS
            is_in = is_old and goes_on and episode.severity != CRITICAL
        if is_in:
            found.append(episode.noted(digest=at.isoformat()))
    return sorted(found, key=lambda e: (e.device_id, -SEVERITIES.index(e.severity), e.since))


def _time(episode: Episode, note: str) -> datetime | None:
    noted = episode.detail.get(note)
    return datetime.fromisoformat(noted) if noted else None
