"""The server: its certificate, disk, backup and answers."""

from datetime import datetime, timedelta
from typing import Any

from server.alerts.evidence import Server
from server.alerts.rules.rule import CRITICAL, WARNING, Finding, Outcome, Rule

CERT_DAYS, OWN_CERT_DAYS, LAST_DAYS = 14.0, 30.0, 3.0
FREE_SHARE, FREE_BYTES = 0.10, 5e9
LATE = timedelta(hours=48)


def _cert(seen: Server, _: frozenset[str]) -> Outcome:
    known = [seen.front.cert_days if seen.front else None, seen.edges_cert_days]
    if not (found := [days for days in known if days is not None]):
        return None
    days = min(found)
    if days >= (OWN_CERT_DAYS if seen.front and seen.front.is_own_ca else CERT_DAYS):
        return []
    severity = CRITICAL if days < LAST_DAYS else None
    return [Finding(values={"days": max(0, int(days))}, severity=severity)]


def _server_disk(seen: Server, _: frozenset[str]) -> Outcome:
    disk = seen.jobs.get("doctor", {}).get("disk")
    if not isinstance(disk, dict):
        return None
    try:
        free, size = float(disk["free_bytes"]), float(disk["size_bytes"])
    except (KeyError, TypeError, ValueError):
        return None
    if size <= 0:
        return None
    if free >= FREE_SHARE * size and free >= FREE_BYTES:
        return []
    return [Finding(values={"free_gb": round(free / 1e9, 1), "pct": round(100 * free / size)})]


def _of_job(name: str, seen: Server) -> Outcome:
    if name not in seen.jobs:
        return None
    job = seen.jobs[name]
    at = job_time(job)
    is_late = at is None or seen.now - at > LATE
    if not is_late and job.get("result") == "ok":
        return []
    result = "late" if is_late else str(job.get("result"))
    return [Finding(values={"last": at.isoformat() if at else "", "result": result})]


def _backup(seen: Server, _: frozenset[str]) -> Outcome:
    found = _of_job("backup", seen)
    if not found or found[0].values["result"] == "late":
        return found
    # Of one by hand the unit knows nothing, so nobody is sent to look there.
    return [found[0]._replace(values=found[0].values | {"by_hand": _is_by_hand(seen)})]


def _is_by_hand(seen: Server) -> bool:
    return seen.jobs["backup"].get("by_hand") is True


def _doctor(seen: Server, _: frozenset[str]) -> Outcome:
    return _of_job("doctor", seen)


def job_time(job: Any) -> datetime | None:
    """Return when a job last ran by what it wrote down; None: that cannot be read."""
    try:
        at = datetime.fromisoformat(str(job["time"]))
    except (KeyError, TypeError, ValueError):
        return None
    return at if at.tzinfo else None


def _queries_5xx(seen: Server, _: frozenset[str]) -> Outcome:
    if seen.errors_5xx is None:
        return None
    return [Finding(values={"count": seen.errors_5xx})] if seen.errors_5xx > 0 else []


OF_SERVER = (
    Rule("cert", WARNING, 3600, 3600, "front", _cert, replays=False),
    Rule("server_disk", WARNING, 900, 900, "front", _server_disk, replays=False),
    Rule("backup", WARNING, 900, 300, "front", _backup, replays=False),
    Rule("doctor", WARNING, 900, 300, "front", _doctor, replays=False),
    Rule("queries_5xx", WARNING, 600, 900, "front", _queries_5xx, replays=False),
)
