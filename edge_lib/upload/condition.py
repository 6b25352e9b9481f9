"""What the edge reports of itself with its counts: its disk, its machine, what went wrong last.

The server's alerts go by it: a disk that fills, a certificate that ends, a Pi with a weak supply.
Asked for once a minute, by the upload's thread; an older server ignores it.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from edge_lib.clock import Clock
from edge_lib.shared.timestamps import to_us
from edge_lib.spool.spool import Spool
from edge_lib.upload.https import HttpsClient

# Written by install-edge while it is at work; an installer that was broken off leaves it behind.
UPGRADING = "upgrading"
UPGRADES_WITHIN_S = 1800.0
THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")  # of a Raspberry Pi
MOST_TEXT = 200
RECENT_S = 3600.0  # an error of before says nothing of now


class _Error(NamedTuple):
    text: str
    noted_s: float


class Condition:
    """Gathers it.

    Attributes:
        folder: where the marker of the installer lies; None: there is none.
    """

    def __init__(self, spool: Spool, clock: Clock, client: HttpsClient, secret: str):
        """Prepare; ``secret`` never leaves with a text."""
        self._spool, self._clock, self._client, self._secret = spool, clock, client, secret
        self._errors: dict[str, _Error] = {}
        self.folder: Path | None = None

    def failed(self, part: str, text: str) -> None:
        """Note why a ``poll`` or an ``upload`` failed."""
        text = text.replace(self._secret, "***")[:MOST_TEXT]
        self._errors[part] = _Error(text, self._clock.monotonic_s())

    def figures(self) -> dict[str, Any]:
        """Return it as a report has it."""
        spool = self._spool.figures()
        used, limit = spool["spool_bytes"], spool["spool_limit_bytes"]
        free = spool["disk_free_bytes"]
        return {
            "spool_state": spool["spool_state"],
            "spool_used_pct": None if used is None else round(100 * used / limit, 1),
            "disk_free_mb": None if free is None else free >> 20,
            "ring_count": spool["ring_count"],
            "thinned": spool["thinned_count"],
            "unsalvaged": spool["unsalvaged_spools"],
            "uptime_s": self._clock.boottime_us() // 1_000_000,
            "restarts_24h": self._restarts(),
            "last_poll_error": self._error("poll"),
            "last_upload_error": self._error("upload"),
            "cert_days": self._cert_days(),
            "throttled": _throttled(),
            "ip_failures": self._client.failed_addresses,
            "upgrading": self._is_upgrading(),
        }

    def _error(self, part: str) -> str | None:
        error = self._errors.get(part)
        is_recent = error and self._clock.monotonic_s() - error.noted_s < RECENT_S
        return error.text if error and is_recent else None

    def _restarts(self) -> int | None:
        if not self._clock.synchronised():
            return None
        # Each of the others ended in a restart; counts of the present one may not be written yet.
        since_us = to_us(self._clock.now() - timedelta(days=1))
        return self._spool.boots_since(since_us, self._clock.boot())

    def _cert_days(self) -> float | None:
        ends_s = self._client.certificate_ends_s
        return (
            None if ends_s is None else round((ends_s - self._clock.now().timestamp()) / 86400, 1)
        )

    def _is_upgrading(self) -> bool:
        if self.folder is None:
            return False
        try:
            began_s = (self.folder / UPGRADING).stat().st_mtime
        except OSError:
            return False
        return self._clock.now().timestamp() - began_s < UPGRADES_WITHIN_S


def _throttled() -> int | None:
    try:
        return int(THROTTLED.read_text(encoding="ascii"), 16)
    except (OSError, ValueError):
        return None
