"""The ping that a service of somebody else misses when all here is dead: ``DEADMAN_URL``."""

import logging

from server.alerts import wire
from server.alerts.settings import Settings
from server.alerts.targets import read_url

log = logging.getLogger("sungrow.alerts.deadman")
_MOST_BYTES = 10_000


def ping(settings: Settings, failure: str | None) -> None:
    """Say that a run succeeded, or, to ``/fail``, why it did not; a failure is logged."""
    for number, given in enumerate(settings.deadman_urls, 1):
        url = read_url("DEADMAN_URL", given, "")
        if failure is not None:
            url = url._replace(path=f"{url.path.rstrip('/')}/fail")
        content = (failure or "ok").encode()[:_MOST_BYTES]
        trust = wire.trust_of(str(settings.ca_file) if settings.ca_file else None)
        try:
            status = wire.call("POST", url, content, {"Content-Type": "text/plain"}, trust).status
            reason = None if 200 <= status < 300 else f"status {status}"
        except wire.Failed as failed:
            reason = str(failed)
        if reason:
            log.warning("dead-man's ping failed", extra={"number": number, "reason": reason})
