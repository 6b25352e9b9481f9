"""Tells on the edge's own channels that the server has not answered for an hour, and when it does.

The second of two watchers: the server tells when the edge is silent, this when the server is. In a
thread of its own, and imported only where a channel is set: nothing of it is in the way of a
reading. Told once: what was told is kept beside the health file, over restarts. What a channel does
not take is tried again; nothing of its address reaches the log.
"""

import json
import logging
import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from edge_lib import VERSION
from edge_lib.clock import Clock
from edge_lib.repeat_log import RepeatLog
from edge_lib.shared.timestamps import format_ts, parse_ts
from edge_lib.upload.cancellable import reason_of
from edge_lib.upload.https import system_store
from edge_lib.upload.uploader import Uploader
from edge_lib.watch_config import WEBHOOK, Channel, is_private

LOOK_S = 30.0
SILENT_S = 3600.0
AGAIN_S = 300.0
TIMEOUTS_S = (5.0, 20.0)
OPENED, RESOLVED = "opened", "resolved"

log = logging.getLogger("sungrow.edge.watch")


class ServerWatch:
    """What it knows between two looks."""

    def __init__(
        self,
        channels: tuple[Channel, ...],
        device_id: str,
        uploader: Uploader,
        clock: Clock,
        path: Path,
        waiting: Callable[[], object],
    ):
        """Prepare; ``path``: where to keep what was told; ``waiting`` returns how much waits."""
        self._channels, self._device_id, self._uploader = channels, device_id, uploader
        self._clock, self._path, self._waiting = clock, path, waiting
        self._repeat = RepeatLog(log, clock)
        self._since, self._told = _kept(path)
        self._opened = self._since is not None
        self._since_s: float | None = None
        self._ended: datetime | None = None
        self._closed: set[str] = set()
        self._error = ""
        self._again_s = float("-inf")

    def step(self) -> None:
        """Look, and send what is due."""
        self._look()
        if self._opened and self._clock.monotonic_s() >= self._again_s:
            self._tell()

    def _look(self) -> None:
        now_s = self._clock.monotonic_s()
        if self._uploader.failures:
            self._error = self._uploader.last_error or self._error
            self._ended = None
            if self._since_s is None:
                self._since_s, self._since = now_s, self._since or self._clock.now()
            if not self._opened and now_s - self._since_s >= SILENT_S:
                self._opened = True
                self._keep()
        elif self._uploader.last_success:  # else nothing was tried yet
            self._since_s = None
            if self._opened:
                self._ended = self._ended or self._uploader.last_success
            else:
                self._since = None

    def _tell(self) -> None:
        """Send each channel what it lacks: one that never took the opening, the end alone."""
        event, had = (OPENED, self._told) if self._ended is None else (RESOLVED, self._closed)
        for channel in self._channels:
            if channel.name in had:
                continue
            if self._send(channel, event):
                had.add(channel.name)
                self._keep()
            else:
                self._again_s = self._clock.monotonic_s() + AGAIN_S
        if self._ended and len(self._closed) == len(self._channels):
            self._since, self._opened, self._ended = None, False, None
            self._told, self._closed = set(), set()
            self._path.unlink(missing_ok=True)

    def _send(self, channel: Channel, event: str) -> bool:
        try:
            _post(channel, self._message(event))
        except (requests.RequestException, OSError, ValueError) as error:
            # Not its text: that would hold the address, which is a secret.
            reason = _refusal(error) or reason_of(error)
            self._repeat.failed("alert not delivered", reason, channel=channel.name)
            return False
        log.info("alert delivered", extra={"channel": channel.name, "about": event})
        return True

    def _message(self, event: str) -> dict[str, Any]:
        since = self._since or self._clock.now()
        times = f"since {_minute(since)}"
        if event == OPENED:
            title = f"{self._device_id}: the server has not answered for an hour"
            text = (
                f"No upload was taken {times}: {self._error or 'no answer'}. {self._waiting()} "
                "readings wait here, none is lost. See whether the server runs and can be reached; "
                "sungrow-edge doctor says more."
            )
        else:
            title = f"{self._device_id}: the server answers again"
            until = self._ended or self._clock.now()
            text = (
                f"It did not answer from {_minute(since)} to {_minute(until)}. "
                "What waited here is being delivered."
            )
        return {
            "version": 1,
            "id": f"server-silent-{self._device_id}-{format_ts(since)}-{event}",
            "event": event,
            "device_id": self._device_id,
            "rule": "server_silent",
            "severity": "critical",
            "title": title,
            "text": text,
            "since": format_ts(since),
            "until": self._ended and format_ts(self._ended),
        }

    def _keep(self) -> None:
        """Write down what was told, so that a restart does not tell it again."""
        if self._since is None:
            return
        kept = {"since": format_ts(self._since), "told": sorted(self._told)}
        new = self._path.with_name(f".{self._path.name}.new")
        try:
            new.write_text(json.dumps(kept), encoding="utf-8")
            new.replace(self._path)
        except OSError as error:
            self._repeat.failed("not written down what was told", str(error.strerror))


def _kept(path: Path) -> tuple[datetime | None, set[str]]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return parse_ts(kept["since"]), {str(name) for name in kept["told"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None, set()


class _Refused(ValueError):
    """A channel did not take a message; the text is a name to count by."""


def _refusal(error: Exception) -> str | None:
    return str(error) if isinstance(error, _Refused) else None


def _post(channel: Channel, message: Mapping[str, Any]) -> None:
    """Send a message over TLS, or without it to a private address.

    Raises:
        _Refused: it was not taken.
        requests.RequestException: there was no answer.
    """
    url = channel.url
    if url.scheme == "http":
        _refuse_public(url.hostname or "", url.port or 80)
    host = url.netloc.rpartition("@")[2]
    headers = {"User-Agent": f"sungrow-edge/{VERSION}", "Idempotency-Key": message["id"]}
    content, path = (
        (message, url.path or "/")
        if channel.name == WEBHOOK
        else (_of_ntfy(url.path, message), "/")
    )
    session = requests.Session()
    session.trust_env = False
    session.verify = str(system_store())
    if url.username and url.password:
        session.auth = (url.username, url.password)
    elif url.username:
        headers["Authorization"] = f"Bearer {url.username}"
    target = f"{url.scheme}://{host}{path}{f'?{url.query}' if url.query else ''}"
    with (
        session,
        session.post(
            target,
            data=json.dumps(content).encode(),
            headers={**headers, "Content-Type": "application/json"},
            timeout=TIMEOUTS_S,
            allow_redirects=False,
            stream=True,
        ) as answer,
    ):
        if not 200 <= answer.status_code < 300:
            raise _Refused(f"http_{answer.status_code}")


def _of_ntfy(path: str, message: Mapping[str, Any]) -> dict[str, Any]:
    is_open = message["event"] == OPENED
    return {
        "topic": path.strip("/"),
        "title": message["title"],
        "message": message["text"],
        "priority": 5 if is_open else 3,
        "tags": ["red_circle" if is_open else "white_check_mark"],
    }


def _refuse_public(host: str, port: int) -> None:
    places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not all(is_private(str(place[4][0])) for place in places):
        raise _Refused("not_private")


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
