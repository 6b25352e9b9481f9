"""Episodes: how what the rules say becomes ``pending``, ``open``, ``clearing`` and over. Pure.

A rule that cannot tell, or that is muted since a hop before it is broken, changes nothing: it
neither opens nor closes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from server.alerts.rules.rule import INFO, SEVERITIES, WARNING, Finding, Outcome, Rule

PENDING, OPEN, CLEARING, CLOSED = "pending", "open", "clearing", "closed"
FLAPS, FLAPPING_S = 3, 3600.0  # more openings than that within the hour: it comes and goes
SERVER = ""  # in place of a device: what belongs to no house
Instance = tuple[str, str, str]  # device, rule, key


class Episode(NamedTuple):
    """One time that a rule was broken; as a row of ``sungrow_alerts``.

    ``detail`` holds ``values`` (as last seen), ``well_since`` while it clears, and what ``notices``
    notes of who was told.
    """

    device_id: str
    rule: str
    key: str
    severity: str
    state: str
    since: datetime
    last_true_at: datetime
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    detail: Mapping[str, Any] = {}
    repeats: int = 0
    flaps: int = 0
    id: int | None = None

    @property
    def instance(self) -> Instance:
        """Return what only one episode can have at a time."""
        return self.device_id, self.rule, self.key

    @property
    def is_open(self) -> bool:
        """Return whether it is going on, and was not merely seen."""
        return self.state in (OPEN, CLEARING)

    @property
    def is_flapping(self) -> bool:
        """Return whether it comes and goes."""
        return self.flaps > FLAPS

    def noted(self, **notes: Any) -> "Episode":
        """Return it with these notes in its detail; None takes one out."""
        detail = {**self.detail, **notes}
        return self._replace(detail={k: v for k, v in detail.items() if v is not None})


class Judged(NamedTuple):
    """What a rule says of a house at a moment; ``outcome`` None: unknown, or muted."""

    rule: Rule[Any]
    device_id: str
    outcome: Outcome


class Timing(NamedTuple):
    """How long rules have to hold, where that is not their default."""

    for_s: Mapping[str, float] = {}

    def of(self, rule: Rule[Any]) -> timedelta:
        """Return how long a rule has to hold."""
        return timedelta(seconds=self.for_s.get(rule.name, rule.for_s))


def step(
    going_on: Mapping[Instance, Episode],
    past: Sequence[Episode],
    judged: Iterable[Judged],
    now: datetime,
    timing: Timing = Timing(),  # noqa: B008  nobody changes it
) -> dict[Instance, Episode | None]:
    """Return what changes at this moment: episodes as they are now; None: a pending one is gone.

    Args:
        going_on: all that are not closed.
        past: what was closed in the last week.
        judged: what the rules say.
        now: the moment.
        timing: the owner's limits.
    """
    changed: dict[Instance, Episode | None] = {}
    for rule, device_id, outcome in judged:
        if outcome is None:
            continue
        found = {(device_id, rule.name, finding.key): finding for finding in outcome}
        ending = [
            episode
            for instance, episode in going_on.items()
            if instance[:2] == (device_id, rule.name) and instance not in found
        ]
        for instance, finding in found.items():
            episode = going_on.get(instance)
            lately = [one for one in past if one.instance == instance]
            changed[instance] = _seen(rule, instance, finding, episode, lately, now, timing)
        for episode in ending:
            changed[episode.instance] = _well(rule, episode, now)
    return {
        i: episode
        for i, episode in changed.items()
        if episode != going_on.get(i, episode) or i not in going_on or episode is None
    }


def _seen(
    rule: Rule[Any],
    instance: Instance,
    finding: Finding,
    episode: Episode | None,
    past: Sequence[Episode],
    now: datetime,
    timing: Timing,
) -> Episode:
    severity = finding.severity or rule.severity
    notes = {"values": dict(finding.values), "amount": finding.amount or None, "well_since": None}
    if episode is None or _is_stale(rule, episode, now):
        since = min(finding.since or now, now)
        number = episode.id if episode else None
        begun = Episode(*instance, severity, PENDING, since, now, id=number).noted(**notes)
    else:
        since = min(episode.since, finding.since or episode.since)
        if episode.state == PENDING and finding.since:
            since = finding.since  # what has arrived late may say that it began later
        begun = episode._replace(since=since, last_true_at=now).noted(**notes)
    if begun.is_open:
        reopened = begun.state == CLEARING
        worse = max(severity, begun.severity, key=SEVERITIES.index)
        return begun._replace(state=OPEN, severity=worse).noted(
            returns=begun.detail.get("returns", 0) + reopened or None
        )
    if (finding.proven or now) - begun.since < timing.of(rule):
        return begun._replace(severity=severity)
    return _opened(rule, begun._replace(severity=severity), past, now)


def _is_stale(rule: Rule[Any], episode: Episode, now: datetime) -> bool:
    """Return whether a pending one may have been well since it was last seen."""
    unseen = now - episode.last_true_at
    return episode.state == PENDING and unseen > timedelta(seconds=rule.patience_s)


def _opened(rule: Rule[Any], episode: Episode, past: Sequence[Episode], now: datetime) -> Episode:
    hour = now - timedelta(seconds=FLAPPING_S)
    flaps = 1 + sum(1 for one in past if one.opened_at and one.opened_at > hour)
    severity = episode.severity
    if rule.again and severity == INFO and _has_come_often(rule, past, now):
        severity = WARNING
    return episode._replace(state=OPEN, opened_at=now, flaps=flaps, severity=severity)


def _has_come_often(rule: Rule[Any], past: Sequence[Episode], now: datetime) -> bool:
    if rule.again is None:
        return False
    begin = now - timedelta(seconds=rule.again.within_s)
    opened = [one.opened_at for one in past if one.opened_at and one.opened_at > begin]
    if not rule.again.by_days:
        return len(opened) + 1 >= rule.again.times
    return len({at.date() for at in opened} | {now.date()}) >= rule.again.times


def _well(rule: Rule[Any], episode: Episode, now: datetime) -> Episode | None:
    if episode.state == PENDING:
        return None
    noted = episode.detail.get("well_since")
    well_since = datetime.fromisoformat(noted) if noted else now
    # What comes and goes is over only once it has been well for an hour.
    clear_s = max(rule.clear_s, FLAPPING_S) if episode.is_flapping else rule.clear_s
    if now - well_since >= timedelta(seconds=clear_s):
        ended = max(well_since, episode.since)
        return episode._replace(state=CLOSED, closed_at=ended).noted(well_since=None)
    return episode._replace(state=CLEARING).noted(well_since=well_since.isoformat())
