"""The episodes of a run in memory, as they are known and as they change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from server.alerts import rules
from server.alerts.messages import Row
from server.alerts.notices import Silence
from server.alerts.options import Options
from server.alerts.states import CLOSED, PENDING, Episode, Instance
from server.alerts.texts import Fault

GRACE = timedelta(minutes=6)  # after the database was away edges take up to five to try again


class Ledger:
    """What is known of all episodes at a moment; how they are kept, its heirs say.

    Attributes:
        now: the moment of the run.
        zone: of the site.
        going_on: what is not closed.
        past: what was closed in the last week.
        ended: what was closed in this run.
        silences: what nobody wants to hear now.
        failed: rules that could not be asked, since they have a bug.
        keeps_texts: whether episodes hold title and text, as people read them.
    """

    keeps_texts = True

    def __init__(self, now: datetime, zone: ZoneInfo, episodes: Iterable[Episode] = ()):
        self.now, self.zone = now, zone
        known = list(episodes)
        self.going_on = {one.instance: one for one in known if one.state != CLOSED}
        self.past = [one for one in known if one.state == CLOSED]
        self.ended: list[Episode] = []
        self.silences: Sequence[Silence] = ()
        self.failed: list[str] = []
        self._gone: list[int] = []

    def database_is_back(self, moment: datetime) -> bool:
        """Return whether the database was away until minutes ago, as far as anybody noticed."""
        return any(
            one.rule == rules.DATABASE and one.closed_at and moment - one.closed_at < GRACE
            for one in self.past
        )

    def note(self, changes: Mapping[Instance, Episode | None]) -> None:
        """Take account of what has changed."""
        for instance, episode in changes.items():
            if episode is not None and episode.state != CLOSED:
                self.going_on[instance] = episode
                continue
            gone = self.going_on.pop(instance, None)
            if episode:
                self.ended.append(episode)
            elif gone and gone.id:
                self._gone.append(gone.id)

    def renote(self, episodes: Iterable[Episode]) -> None:
        """Take account of notes on episodes that are known and have their numbers."""
        for episode in episodes:
            if episode.state != CLOSED:
                self.going_on[episode.instance] = episode
                continue
            for known in (self.ended, self.past):
                known[:] = [episode if one.id == episode.id else one for one in known]

    def lately(self) -> list[Episode]:
        """Return what was closed in the last week."""
        return [*self.past, *self.ended]

    def to_be_told(self) -> Iterator[Episode]:
        """Return what is open, and what ended in this run, but what the delivery itself tells."""
        known = [*(one for one in self.going_on.values() if one.is_open), *self.ended]
        yield from (one for one in known if one.rule not in (rules.DATABASE, rules.CHANNEL))

    def all_known(self) -> Iterator[Episode]:
        """Return what is open, and what was closed in the last week."""
        yield from (one for one in self.going_on.values() if one.state != PENDING)
        yield from self.lately()

    def save(self) -> None:
        """Keep what has changed; new episodes get their numbers."""
        raise NotImplementedError

    def send(self, sent: Iterable[Row]) -> None:
        """Write messages; one that is there already is left as it is."""
        raise NotImplementedError

    def has_digest(self, at: datetime, options: Options) -> bool:
        """Return whether that morning's digest is written, in any channel."""
        raise NotImplementedError

    def faults(self, values: Mapping[str, Any]) -> list[Fault]:
        """Return what the fault word in the values of an episode means."""
        raise NotImplementedError
