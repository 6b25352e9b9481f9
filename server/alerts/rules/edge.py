"""The edge, by its own reports: what waits, its disk, its clock, its starts and its version."""

from datetime import timedelta

from server.alerts.evidence import REPORTS_COME, Evidence, Report
from server.alerts.rules.rule import CRITICAL, INFO, WARNING, Finding, Outcome, Rule

BACKLOG = timedelta(minutes=30)
USED_PCT, FREE_MB = 70.0, 500.0
RESTARTS = 3
EDGE_MINIMUM = (0, 1, 0)  # an older one sends no counts, by which hop and losses are judged


def _reports(seen: Evidence) -> list[Report]:
    """Return the counts that are from now, of both kinds of reading."""
    both = (seen.report, seen.p1_report)
    return [report for report in both if report and seen.now - report.received_at <= REPORTS_COME]


def _backlog(seen: Evidence, _: frozenset[str]) -> Outcome:
    reports = _reports(seen)
    if not reports:
        return None
    late = [
        (report, report.oldest_unsent_ts)
        for report in reports
        if report.waiting and report.oldest_unsent_ts
    ]
    late = [(report, oldest) for report, oldest in late if seen.now - oldest > BACKLOG]
    if all(report.clock not in (None, "synchronised") for report, _ in late):
        return []  # none, or they wait until the time is known: the rule clock says so
    count = sum(report.waiting for report, _ in late)
    oldest = min(oldest for _, oldest in late)
    return [Finding(values={"waiting": count, "oldest": oldest.isoformat()})]


def _spool_disk(seen: Evidence, _: frozenset[str]) -> Outcome:
    told = [report.told for report in _reports(seen) if report.told.get("spool_state") is not None]
    if not told:
        return None
    newest = told[0]
    state = str(newest["spool_state"])
    used, free = newest.get("spool_used_pct"), newest.get("disk_free_mb")
    thinned, held = newest.get("thinned_24h") or 0, newest.get("ring_count") or 0
    values = {"state": state, "used": used, "free_mb": free, "thinned": thinned, "memory": held}
    if state != "ok" or thinned > 0:
        return [Finding(values=values, severity=CRITICAL)]
    if (used or 0) > USED_PCT or (free is not None and free < FREE_MB) or held > 0:
        return [Finding(values=values)]
    return []


def _clock(seen: Evidence, _: frozenset[str]) -> Outcome:
    reports = [report for report in _reports(seen) if report.clock]
    if not reports:
        return None
    wrong = [report for report in reports if report.clock != "synchronised"]
    return [Finding(values={"waiting": sum(r.waiting for r in wrong)})] if wrong else []


def _restarts(seen: Evidence, _: frozenset[str]) -> Outcome:
    if seen.boots is None:
        return None
    restarts = seen.boots - 1
    if restarts < RESTARTS:
        return []
    told = seen.report.told if seen.report else {}
    values = {"restarts": restarts, "throttled": bool(told.get("throttled"))}
    return [Finding(values=values)]


def parsed(version: str) -> tuple[int, ...]:
    """Return the numbers of a version; anything else counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.split(".")[:3])


def _edge_version(seen: Evidence, _: frozenset[str]) -> Outcome:
    version = seen.house.edge_version
    if not version:
        return None
    if parsed(version) >= EDGE_MINIMUM:
        return []
    return [Finding(values={"version": version, "minimum": ".".join(map(str, EDGE_MINIMUM))})]


OF_HOUSE = (
    Rule("backlog", WARNING, 1800, 300, "edge", _backlog, replays=False),
    Rule("spool_disk", WARNING, 300, 600, "edge", _spool_disk, replays=False),
    Rule("clock", WARNING, 1800, 300, "edge", _clock, replays=False),
    Rule("restarts", WARNING, 0, 86_400, "edge", _restarts, is_event=True),
    Rule("edge_version", INFO, 3600, 3600, "edge", _edge_version, replays=False),
)
