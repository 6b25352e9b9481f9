"""Who is silent, and which hop it is: the front, the line into the server, the edge and beyond."""

from datetime import timedelta

from server.alerts import sun
from server.alerts.evidence import Evidence, Server
from server.alerts.hop import verdict
from server.alerts.rules.rule import CRITICAL, WARNING, Finding, Outcome, Rule

SUSPECT = timedelta(minutes=3)  # silent for so long in all houses: it may be the line
SILENT_NIGHTS = 10  # of the last 14
AWAKE_ABOVE = 8.0  # degrees of the sun: then also a shaded roof has woken its inverter
WAKING_UP = timedelta(minutes=30)


def _front(seen: Server, _: frozenset[str]) -> Outcome:
    if seen.front is None:
        return None
    if seen.front.problem is None:
        return []
    newest = max((house.newest for house in seen.houses if house.newest), default=None)
    if newest and seen.now - newest <= SUSPECT:
        return None  # readings arrive: it is only from here that the front cannot be reached
    return [Finding(newest, values={"cause": seen.front.problem, "reason": seen.front.detail})]


def _line(seen: Server, _: frozenset[str]) -> Outcome:
    """Judge houses that nothing was known of: one that was away before proves nothing.

    Counts that come prove that the line is up: dongles may sleep in all houses at dusk.
    """
    known = [house.newest for house in seen.houses if house.newest and not house.is_away]
    if len(known) < 2 or any(house.is_reporting for house in seen.houses):
        return []
    newest = max(known)
    if seen.now - newest <= SUSPECT:
        return []
    return [Finding(newest, {"houses": len(known)})]


def is_usual_night(seen: Evidence) -> bool:
    """Return whether it is a night as most are: a dongle without a battery sleeps.

    It does so before it is dark, and wakes up after dawn.
    """
    if seen.silent_nights is None or seen.silent_nights < SILENT_NIGHTS or seen.house.has_battery:
        return False
    place = seen.house.place
    return place is not None and any(
        sun.elevation(seen.now - ago, place) < AWAKE_ABOVE for ago in (timedelta(), WAKING_UP)
    )


def _no_data(seen: Evidence, _: frozenset[str]) -> Outcome:
    if seen.newest is None:
        return []
    if seen.silent_s <= SUSPECT.total_seconds():
        return []
    if is_usual_night(seen):
        return None
    if seen.newest_received and seen.now - seen.newest_received <= SUSPECT:
        return None  # a backlog is being delivered
    values = {}
    if seen.knows_reports:
        found = verdict(seen)
        values = {"hop": found.hop, "cause": found.cause, "reason": found.reason}
    return [Finding(seen.newest, values, severity=WARNING if _is_dim(seen) else CRITICAL)]


def _is_dim(seen: Evidence) -> bool:
    """Return whether the sun brings nothing yet: at half past four in June nobody need wake up."""
    place = seen.house.place
    return place is not None and sun.elevation(seen.now, place) < AWAKE_ABOVE


def _never_seen(seen: Evidence, _: frozenset[str]) -> Outcome:
    if seen.newest is not None or seen.house.known_since is None:
        return []
    return [Finding(seen.house.known_since)]


def _p1_no_data(seen: Evidence, _: frozenset[str]) -> Outcome:
    if seen.p1_newest is None:
        return []
    if not (seen.is_reporting or seen.silent_s <= SUSPECT.total_seconds()):
        return None  # nothing comes from the edge at all
    if seen.now - seen.p1_newest <= SUSPECT:
        return []
    failed = seen.p1_report.failed if seen.p1_report else {}
    reason = max(failed, key=lambda name: failed[name], default="")
    return [Finding(seen.p1_newest, {"reason": reason})]


FRONT = Rule("front", CRITICAL, 300, 360, "front", _front, replays=False)
LINE = Rule("line", CRITICAL, 600, 300, "line", _line)
NO_DATA = Rule("no_data", CRITICAL, 600, 300, "edge", _no_data)
OF_SERVER = (FRONT, LINE)
OF_HOUSE = (
    NO_DATA,
    Rule("never_seen", WARNING, 86_400, 300, "edge", _never_seen, patience_s=86_400, replays=False),
    Rule("p1_no_data", WARNING, 600, 300, "dongle", _p1_no_data),
)
