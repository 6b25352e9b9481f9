"""What this product promises: no reading is lost, none is refused."""

from server.alerts.evidence import Evidence
from server.alerts.rules.rule import CRITICAL, WARNING, Finding, Outcome, Rule


def _found(count: int | None) -> Outcome:
    if count is None:
        return None
    return [Finding(values={"count": count}, amount=count)] if count > 0 else []


def _parked(seen: Evidence, _: frozenset[str]) -> Outcome:
    return _found(seen.parked)


def _conflict(seen: Evidence, _: frozenset[str]) -> Outcome:
    return _found(seen.conflicts)


def _lost(seen: Evidence, _: frozenset[str]) -> Outcome:
    return _found(seen.lost)


_HOUR = 3600.0
OF_HOUSE = (
    Rule("parked", WARNING, 0, _HOUR, "edge", _parked, is_event=True, replays=False),
    Rule("conflict", WARNING, 0, _HOUR, "edge", _conflict, is_event=True, replays=False),
    # Looked at every quarter of an hour: the second look says that it is not only late.
    Rule("lost", CRITICAL, 840, _HOUR, "edge", _lost, True, patience_s=3600, replays=False),
)
