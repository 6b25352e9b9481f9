"""What all rules say at a moment, and which of them may not speak: those behind a broken hop.

database > front > line > edge > dongle > inverter > everything measured. A hop that was broken
mutes those behind it also while it clears: edges wait for minutes until they try again. What is
measured needs no muting: without a reading from now its rules know nothing, and with one they do;
but for a dongle that repeats itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from server.alerts import rules
from server.alerts.alone import alone
from server.alerts.evidence import Evidence, Server, Silence
from server.alerts.rules import hops
from server.alerts.rules.battery import JUMP, LINK
from server.alerts.rules.registers import FROZEN
from server.alerts.rules.rule import HOPS, Outcome, Rule
from server.alerts.states import SERVER, Episode, Instance, Judged

_MUTED = ("line", "edge", "dongle")  # places whose rules ask why nothing comes


class Muted(NamedTuple):
    """The first hop that is broken, as far as the server sees; "" where none is."""

    by: str = ""

    def has(self, place: str) -> bool:
        """Return whether the rules of a place are muted."""
        return bool(self.by) and place in _MUTED and HOPS.index(place) > HOPS.index(self.by)


def judge(
    server: Server,
    houses: Sequence[Evidence],
    going_on: Mapping[Instance, Episode],
    off: frozenset[str] = frozenset(),
    database_was_away: bool = False,
    failed: list[str] | None = None,
) -> Iterator[Judged]:
    """Return what every rule says that is not off.

    Args:
        server: the alerter's own look around; its ``houses`` are filled in here.
        houses: the evidence of each.
        going_on: episodes that are not closed.
        off: names of rules.
        database_was_away: until minutes ago; so nothing can have arrived.
        failed: gets the rules that have a bug; what they would say is unknown.
    """
    failed = [] if failed is None else failed
    open_keys = _open_keys(going_on)
    if rules.NIGHT_OFF in off:
        for seen in houses:
            seen.silent_nights = None
    server.houses = [_silence(seen, going_on) for seen in houses]
    muted = Muted("database" if database_was_away else "")
    for rule in rules.OF_SERVER:
        keys = open_keys.get((SERVER, rule.name), frozenset())
        outcome = None if muted.has(rule.hop) else _asked(rule, server, keys, failed)
        if rule.name in off:
            outcome = []
        yield Judged(rule, SERVER, outcome)
        if rule.name in HOPS and not muted.by and (outcome or keys):
            muted = Muted(rule.name)
    for seen in houses:
        yield from _of_house(seen, open_keys, off, muted, failed)


def _of_house(
    seen: Evidence,
    open_keys: Mapping[tuple[str, str], frozenset[str]],
    off: frozenset[str],
    muted: Muted,
    failed: list[str],
) -> Iterator[Judged]:
    device_id = seen.house.device_id
    # A dongle that repeats itself is a broken hop, too: what it shows is not what is.
    repeats = FROZEN.name not in off and bool(
        _asked(FROZEN, seen, frozenset(), failed) or open_keys.get((device_id, FROZEN.name))
    )
    for rule in rules.OF_HOUSE:
        keys = open_keys.get((device_id, rule.name), frozenset())
        outcome: Outcome = None
        is_muted = repeats and rule.hop == "measured" and rule is not FROZEN
        # What a battery says that is heard again is not a jump.
        is_muted |= rule.name == JUMP and bool(open_keys.get((device_id, LINK)))
        if rule.name in off:
            outcome = []
        elif not is_muted and not muted.has(rule.hop):
            outcome = _asked(rule, seen, keys, failed)
        if outcome and rule.hop == "measured":
            outcome = [one._replace(proven=seen.newest if one.since else None) for one in outcome]
        yield Judged(rule, device_id, outcome)


def _asked(rule: Rule[Any], seen: Any, keys: frozenset[str], failed: list[str]) -> Outcome:
    """Return what a rule says; None, unknown, where it has a bug: the others must be heard."""
    return alone(rule.name, lambda: rule.check(seen, keys), None, failed)


def _open_keys(going_on: Mapping[Instance, Episode]) -> dict[tuple[str, str], frozenset[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for episode in going_on.values():
        if episode.is_open:
            found.setdefault((episode.device_id, episode.rule), set()).add(episode.key)
    return {name: frozenset(keys) for name, keys in found.items()}


def _silence(seen: Evidence, going_on: Mapping[Instance, Episode]) -> Silence:
    """Return how a house looks to the judge of the line: one that was away proves nothing."""
    device_id = seen.house.device_id
    episode = going_on.get((device_id, hops.NO_DATA.name, ""))
    is_told = episode is not None and episode.is_open
    is_away = is_told or hops.is_usual_night(seen)
    return Silence(device_id, seen.newest, is_away, seen.is_reporting)
