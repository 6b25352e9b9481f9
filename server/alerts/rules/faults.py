"""What the inverter itself says is wrong: its fault words, and its running state.

One episode a word, not a bit: the bits of one trouble come in bundles and flap.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import NamedTuple

from server.alerts.evidence import Evidence
from server.alerts.hours import Minute, held_since
from server.alerts.rules.rule import CRITICAL, INFO, WARNING, Again, Finding, Outcome, Rule

GRID = 13052
STATE = 13000  # in place of a word: the running state names a fault that no word does
ALARMS = frozenset({13050, 13068, 13070, 13078})
PERMANENT = frozenset({13060, 13064})
STOPPED = frozenset({0x5500, 0x0100, 0x2500, 0x1700, 0x1500, 0x0004})
WARNS = 0x9100
OFF_GRID = 0x1000
NOT_PRODUCING = STOPPED | {0x1400, 0x0008, 0x8000, 0x0001, 0x1300, 0x0002, 0x1111, 0x0200}
_WORD = re.compile(r"([0-9]{5})=([0-9A-F]{1,8})")


class Told(NamedTuple):
    """What one reading tells: the words that are set, with their bits."""

    words: tuple[tuple[int, int], ...]

    def bits(self, word: int) -> int:
        """Return the bits of a word; 0: none is set."""
        return next((bits for number, bits in self.words if number == word), 0)


@cache
def parsed(faults: str) -> Told:
    """Return what the field ``faults`` of a sample tells."""
    return Told(tuple((int(word), int(bits, 16)) for word, bits in _WORD.findall(faults)))


def _state(minute: Minute) -> int | None:
    return minute.state_last


def _words_of(minute: Minute) -> Iterator[int]:
    for text in minute.faults:
        for word, _ in parsed(text).words:
            yield word


def word_since(seen: Evidence, word: int) -> datetime | None:
    """Return since when a word is set without a reading that lacks it; None: it is not.

    Of the minute in which it began it counts from the last reading on: others may lack it.
    """
    newest = seen.fresh
    if newest is None or not newest.faults_last or not parsed(newest.faults_last).bits(word):
        return None
    since = held_since(seen.hours, lambda minute: word in _words_of(minute))
    (first, *_) = seen.hours.since(since.replace(second=0, microsecond=0)) if since else [newest]
    is_whole = first.faults and all(parsed(text).bits(word) for text in first.faults)
    return first.first_ts if is_whole else first.last_ts


def state_since(seen: Evidence, states: frozenset[int]) -> datetime | None:
    """Return since when the inverter has been in one of these states; None: it is not."""
    newest = seen.fresh
    if newest is None or _state(newest) not in states:
        return None
    since = held_since(seen.hours, lambda minute: bool(states & set(minute.states)))
    (first, *_) = seen.hours.since(since.replace(second=0, microsecond=0)) if since else [newest]
    return first.first_ts if states >= set(first.states) else first.last_ts


def _bits(seen: Evidence, word: int) -> int:
    """Return all bits of a word that the newest minute knows."""
    found = 0
    for text in seen.fresh.faults if seen.fresh else ():
        found |= parsed(text).bits(word)
    return found


def _is_known(seen: Evidence) -> bool:
    """Return whether the newest reading can tell: from now, and with words or a state."""
    newest = seen.fresh
    return newest is not None and not (newest.faults_last is None and newest.state_last is None)


def _set_words(seen: Evidence) -> list[int]:
    text = seen.fresh.faults_last if seen.fresh else None
    return [word for word, _ in parsed(text).words] if text else []


def _of_words(seen: Evidence, words: list[int], severity: str | None) -> list[Finding]:
    state = seen.fresh.state_last if seen.fresh else None
    found = []
    for word in words:
        grave = CRITICAL if word in PERMANENT or state in NOT_PRODUCING else severity
        values = {"word": word, "bits": _bits(seen, word), "state": state}
        found.append(Finding(word_since(seen, word), values, str(word), grave))
    return found


def _fault_word(seen: Evidence, _: frozenset[str]) -> Outcome:
    if not _is_known(seen):
        return None
    words = _set_words(seen)
    faults = [word for word in words if word not in ALARMS and word != GRID]
    found = _of_words(seen, faults, None)
    if not words and (since := state_since(seen, STOPPED)):
        state = seen.fresh.state_last if seen.fresh else None
        values = {"word": STATE, "bits": 0, "state": state}
        found.append(Finding(since, values, str(STATE), CRITICAL))
    return found


def _alarm_word(seen: Evidence, _: frozenset[str]) -> Outcome:
    if not _is_known(seen):
        return None
    words = _set_words(seen)
    found = [
        finding._replace(severity=None)
        for finding in _of_words(seen, [word for word in words if word in ALARMS], None)
    ]
    if not words and (since := state_since(seen, frozenset({WARNS}))):
        values = {"word": STATE, "bits": 0, "state": WARNS}
        found.append(Finding(since, values, str(STATE)))
    return found


def _grid_trip(seen: Evidence, _: frozenset[str]) -> Outcome:
    if not _is_known(seen):
        return None
    if GRID not in _set_words(seen):
        return []
    values = {"word": GRID, "bits": _bits(seen, GRID)}
    return [Finding(word_since(seen, GRID), values, str(GRID))]


def _off_grid(seen: Evidence, _: frozenset[str]) -> Outcome:
    if seen.fresh is None or seen.fresh.state_last is None:
        return None
    since = state_since(seen, frozenset({OFF_GRID}))
    return [Finding(since)] if since else []


OF_HOUSE = (
    Rule("fault_word", WARNING, 60, 600, "measured", _fault_word),
    Rule("alarm_word", WARNING, 600, 1800, "measured", _alarm_word),
    Rule("grid_trip", INFO, 60, 900, "measured", _grid_trip, again=Again(3, 86_400)),
    Rule("off_grid", WARNING, 60, 300, "measured", _off_grid),
)
