"""What can be seen outside of the database: the front by its public name, root's jobs, 5xx."""

import json
import re
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from server.alerts import wire
from server.alerts.evidence import Front, Outside
from server.alerts.settings import Settings
from server.alerts.wire import Url

_5XX = re.compile(
    r"^sungrow_http_requests_total\{[^}]*status=\"5\d\d\"[^}]*\} (\S+)$", re.MULTILINE
)
_LATELY_S = 600.0
_SECONDS_A_DAY = 86_400


def look(settings: Settings) -> Outside:
    """Return what can be seen now; what cannot be seen is unknown."""
    return Outside(
        front=_front(settings),
        jobs=jobs(settings.status_folder),
        errors_5xx=_errors_5xx(settings),
    )


def jobs(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return what the jobs of root wrote down, by their names."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # half-written, or not for us: unknown
        if isinstance(said, dict):
            found[path.stem] = said
    return found


def _front(settings: Settings) -> Front | None:
    if settings.site_url is None:
        return None
    own = settings.ca_file is not None
    url = _url(settings.site_url, "/health")
    trust = wire.trust_of(str(settings.ca_file) if own else None)
    try:
        answer = wire.call("GET", url, b"", {}, trust)
    except wire.Failed as failed:
        reason = failed.outcome.reason
        kind = "tls" if "certificate" in reason else "connection"
        return Front(kind, reason, None, own)
    days = _cert_days(url, trust)
    if answer.status >= 500 and not _is_health(answer.body):
        return Front("status", f"HTTP {answer.status}", days, own)
    return Front(None, "", days, own)


def _is_health(body: bytes) -> bool:
    """Return whether it is the server's own answer: ill, but there."""
    return wire.said(body).get("service") == "sungrow"


def _url(site: str, path: str) -> Url:
    parts = urlsplit(site)
    return Url(parts.scheme, parts.hostname or "", parts.port or 443, path)


def _cert_days(url: Url, trust: ssl.SSLContext) -> float | None:
    """Return how long the certificate is still good; None where it cannot be seen."""
    import socket

    try:
        with (
            socket.create_connection((url.host, url.port), timeout=wire.TIMEOUT_S) as plain,
            trust.wrap_socket(plain, server_hostname=url.host) as wrapped,
        ):
            found = wrapped.getpeercert() or {}
    except OSError:
        return None
    ends = found.get("notAfter")
    if not isinstance(ends, str):
        return None
    return (ssl.cert_time_to_seconds(ends) - time.time()) / _SECONDS_A_DAY


def _errors_5xx(settings: Settings) -> int | None:
    """Return the 5xx answers of the last minutes; None where ``/metrics`` cannot be asked.

    The count before is kept in a file beside the state file, since a run keeps nothing.
    """
    if settings.site_url is None or not settings.metrics_token:
        return None
    trust = wire.trust_of(str(settings.ca_file) if settings.ca_file else None)
    headers = {"Authorization": f"Bearer {settings.metrics_token}"}
    try:
        answer = wire.call("GET", _url(settings.site_url, "/metrics"), b"", headers, trust)
    except wire.Failed:
        return None
    if answer.status != 200:
        return None
    total = sum(float(count) for count in _5XX.findall(answer.body.decode(errors="replace")))
    return _risen(settings.state_path.with_name("errors.json"), total, datetime.now(UTC))


def _risen(path: Path, total: float, now: datetime) -> int | None:
    """Return by how much a counter has risen within ten minutes; None the first time."""
    try:
        known = [(float(at), float(count)) for at, count in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError):
        known = []
    at_s = now.timestamp()
    lately = [(at, count) for at, count in known if 0 <= at_s - at <= _LATELY_S and count <= total]
    try:
        path.write_text(json.dumps([*lately, (at_s, total)]))
    except OSError:
        return None
    return round(total - lately[0][1]) if lately else None
