"""Writes the messages. A module a language; only the one that is wanted is loaded.

The first line says what is wrong and in which house, in at most 80 characters: a lock screen shows
no more. Then since when, value and limit, what to do, and where to look.
"""

import importlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import ModuleType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from server.alerts.hop import Recovery
from server.alerts.plural import of_count
from server.alerts.states import CLOSED, SERVER, Episode
from server.alerts.texts.of_faults import meaning

LONGEST_TITLE = 80
ENGLISH = "en"  # of the table of faults, too
_SHORTEST_HOUSE = 12
_VARIANTS = {"no_data": "cause", "spool_disk": "state", "backup": "result"}
_COUNTS = ("count", "days", "waiting")  # of one a text may have a form of its own, KEY.one
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


class Fault(NamedTuple):
    """A bit that is set, with what it means; text None: nobody knows."""

    word: int
    bit: int | None
    code: int | None
    text: str | None
    advice: str | None


class Told(NamedTuple):
    """A message in two parts."""

    title: str
    text: str


class Writer:
    """Writes in one language.

    Args:
        language: en, nl, de or fr.
        names: what houses are called, by device.
        zones: in which zones their times are.
        for_s: how long rules have to hold.
    """

    def __init__(
        self,
        language: str,
        names: Mapping[str, str],
        zones: Mapping[str, ZoneInfo],
        for_s: Mapping[str, float],
    ):
        self._texts: ModuleType = importlib.import_module(f"server.alerts.texts.{language}")
        self._language = language
        self._names, self._zones, self._for_s = names, zones, for_s

    def opened(self, episode: Episode, now: datetime, faults: Sequence[Fault] = ()) -> Told:
        """Return the message about an episode that goes on."""
        faults = self._in_words(episode, faults)
        values = self._values(episode, now, faults)
        title = self._title(episode, values)
        lines = [self._word("since", time=self.clock(episode.device_id, episode.since))]
        lines += self._body(episode, values, faults)
        if episode.is_flapping:
            title = self._word("flapping", title=title)
            lines.append(self._word("flapped", count=episode.flaps))
        return Told(self.headline(episode.device_id, title), "\n".join(filter(None, lines)))

    def again(self, episode: Episode, now: datetime, faults: Sequence[Fault] = ()) -> Told:
        """Return the message about an episode that still goes on."""
        told = self.opened(episode, now, faults)
        values = self._values(episode, now, self._in_words(episode, faults))
        title = self._word("again", title=self._title(episode, values))
        return told._replace(title=self.headline(episode.device_id, title))

    def resolved(
        self, episode: Episode, faults: Sequence[Fault] = (), recovery: Recovery | None = None
    ) -> Told:
        """Return the message about an episode that is over."""
        until = episode.closed_at or episode.last_true_at
        faults = self._in_words(episode, faults)
        title = self._title(episode, self._values(episode, until, faults))
        lines = [self._span(episode, until)]
        if recovery:
            lines += self._recovered(recovery)
        if returns := episode.detail.get("returns"):
            lines.append(self._word("returned", count=returns))
        title = self._word("over", title=title)
        if recovery:
            seconds = (until - episode.since).total_seconds()
            cause = self._texts.RECOVERED[recovery.cause]
            title = self._word("back", duration=self.duration(seconds), cause=cause)
        return Told(self.headline(episode.device_id, title), "\n".join(lines))

    def line(self, episode: Episode, now: datetime, faults: Sequence[Fault] = ()) -> str:
        """Return an episode in one line of a digest."""
        until = episode.closed_at if episode.state == CLOSED else None
        faults = self._in_words(episode, faults)
        title = self._title(episode, self._values(episode, until or now, faults))
        begun = self.clock(episode.device_id, episode.since)
        ended = self._word("goes_on")
        if until:
            ended = self.duration((until - episode.since).total_seconds())
        return f"- {self.headline(episode.device_id, title)} ({begun}, {ended})"

    def digest(self, lines: Sequence[str]) -> Told:
        """Return the message of the morning."""
        title = self._word("digest", count=len(lines))
        return Told(title, "\n".join(lines))

    def and_more(self, told: Sequence[Told]) -> Told:
        """Return several messages of one house as one, the first of which has the title."""
        if len(told) == 1:
            return told[0]
        more = self._word("more", title="{}", count=len(told) - 1)
        room = LONGEST_TITLE - len(more) + 2
        title = more.replace("{}", _cut(told[0].title, room))
        rest = [f"{one.title}\n{one.text}" for one in told[1:]]
        return Told(title, "\n\n".join([told[0].text, *rest]))

    def headline(self, device_id: str, title: str) -> str:
        """Return house and verdict, in at most 80 characters."""
        house = self._word("server") if device_id == SERVER else self._names.get(device_id)
        house = " ".join((house or device_id).split())
        room = max(LONGEST_TITLE - len(title) - 2, _SHORTEST_HOUSE)
        return _cut(f"{_cut(house, room)}: {title}", LONGEST_TITLE)

    def clock(self, device_id: str, at: datetime) -> str:
        """Return a moment by the clock of the house, with its zone."""
        return at.astimezone(self._zones[device_id]).strftime("%Y-%m-%d %H:%M %Z")

    def duration(self, seconds: float) -> str:
        """Return a time span in two units at most."""
        days, hours, minutes, small = self._texts.UNITS
        whole = round(seconds)
        if whole < _MINUTE:
            return f"{whole} {small}"
        if whole < _HOUR:
            return f"{whole // _MINUTE} {minutes}"
        if whole < _DAY:
            rest = whole % _HOUR // _MINUTE
            return f"{whole // _HOUR} {hours}" + (f" {rest} {minutes}" if rest else "")
        rest = whole % _DAY // _HOUR
        return f"{whole // _DAY} {days}" + (f" {rest} {hours}" if rest else "")

    def _in_words(self, episode: Episode, faults: Sequence[Fault]) -> list[Fault]:
        """Return faults with their text and what to do in the owner's language."""
        state = episode.detail.get("values", {}).get("state")
        found = []
        for fault in faults:
            known = meaning(self._language, fault.code, state if fault.bit is None else None)
            if self._language == ENGLISH:
                advice = fault.advice or known.advice
                found.append(fault._replace(advice=advice))
            else:
                found.append(fault._replace(text=known.text or fault.text, advice=known.advice))
        return found

    def _values(self, episode: Episode, now: datetime, faults: Sequence[Fault]) -> dict[str, str]:
        given = dict(episode.detail.get("values", {}))
        for name in ("oldest", "last"):
            if given.get(name):
                moment = datetime.fromisoformat(given[name])
                given[name] = self.clock(episode.device_id, moment)
        age_s = max((now - episode.since).total_seconds(), 0.0)
        codes = [self._code(fault) for fault in faults]
        return {name: self._number(value) for name, value in given.items()} | {
            "age": self.duration(age_s),
            "for": self.duration(self._for_s.get(episode.rule, 0)),
            "codes": "; ".join(codes) or self._state(given),
        }

    def _number(self, value: Any) -> str:
        if isinstance(value, float):
            return f"{round(value, 1):.10g}".replace(".", str(self._texts.DECIMAL))
        return "?" if value is None else str(value)

    def _code(self, fault: Fault) -> str:
        if fault.text:
            return f"{fault.code} - {fault.text}" if fault.code is not None else fault.text
        if fault.code is not None:
            return self._word("unknown_code", code=fault.code)
        return self._word("unknown_bit", bit=fault.bit, number=fault.word)

    def _state(self, values: Mapping[str, Any]) -> str:
        state = values.get("state")
        return self._word("state", state=f"{state:04X}") if isinstance(state, int) else ""

    def _title(self, episode: Episode, values: Mapping[str, str]) -> str:
        return self._of(self._texts.TITLE, episode, values) or episode.rule

    def _body(
        self, episode: Episode, values: Mapping[str, str], faults: Sequence[Fault]
    ) -> list[str]:
        lines = [self._of(self._texts.DETAIL, episode, values)]
        lines += [f"{self._code(fault)}: {fault.advice}" for fault in faults if fault.advice]
        return [*lines, self._of(self._texts.TODO, episode, values)]

    def _of(self, texts: Mapping[str, str], episode: Episode, values: Mapping[str, str]) -> str:
        """Return the text of a rule, that of its variant before its own; "" where there is none."""
        given = episode.detail.get("values", {})
        variants = [str(given.get(_VARIANTS.get(episode.rule, ""), "")), episode.key]
        variants += [name for name, value in given.items() if value is True]
        if given.get("thinned"):
            variants.insert(0, "thinned")
        if 1 in (given.get(name) for name in _COUNTS):
            variants.append("one")
        keys = [*(f"{episode.rule}.{variant}" for variant in variants), episode.rule]
        found = next((texts[key] for key in keys if key in texts), "")
        return found.format_map(_Known(values)).strip()

    def _span(self, episode: Episode, until: datetime) -> str:
        return self._word(
            "from_to",
            since=self.clock(episode.device_id, episode.since),
            until=self.clock(episode.device_id, until),
            duration=self.duration((until - episode.since).total_seconds()),
        )

    def _recovered(self, recovery: Recovery) -> list[str]:
        lines = [self._texts.RECOVERY[recovery.cause]]
        lost = self._word("nothing_lost")
        if recovery.lost:
            lost = self._word("some_lost", count=recovery.lost)
        if recovery.delivered or recovery.lost:
            lines.append(self._word("delivered", count=recovery.delivered, lost=lost))
        if recovery.waiting:
            lines.append(self._word("waiting", count=recovery.waiting))
        return lines

    def _word(self, name: str, **values: Any) -> str:
        return of_count(self._texts.WORDS, name, values.get("count")).format_map(_Known(values))


class _Known(dict[str, Any]):
    """What a text may name; what is not known shows as a question mark."""

    def __missing__(self, _: str) -> str:
        return "?"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
