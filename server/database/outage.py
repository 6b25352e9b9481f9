"""Log lasting trouble without flooding: its start, every 15 minutes with a count, and its end.

``edge_lib.repeat_log`` does the same for one thread, by the edge's clock.
"""

import logging
import threading
import time

EVERY_S = 900.0
CALM_S = 5.0  # while some succeed and others fail, it is not over


class Outage:
    """The log lines of one thing that fails again and again; thread-safe.

    Args:
        log: where the lines go.
        what: its name.
    """

    def __init__(self, log: logging.Logger, what: str):
        self._log, self._what = log, what
        self._lock = threading.Lock()
        self._next_s: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}
        self._began_s: float | None = None
        self._last_s = 0.0
        self._count = 0

    def failed(self, kind: str, level: int, ends: bool = True, **fields: object) -> None:
        """Count a failure; log it if the last line of its kind is 15 minutes old, or there is none.

        Args:
            kind: each kind has its own 15 minutes.
            level: of the line.
            ends: whether the success of anything else means that this one is over.
            fields: more for the line.
        """
        now_s = time.monotonic()
        with self._lock:
            if ends:
                self._began_s = now_s if self._began_s is None else self._began_s
                self._last_s, self._count = now_s, self._count + 1
            unsaid = self._unsaid.get(kind, 0) + 1
            is_due = now_s >= self._next_s.get(kind, now_s)
            self._unsaid[kind] = 0 if is_due else unsaid
            if is_due:
                self._next_s[kind] = now_s + EVERY_S
        if is_due:
            self._log.log(level, "%s away", self._what, extra={**fields, "count": unsaid})

    def succeeded(self) -> None:
        """Log once that it is back, as soon as nothing has failed for some seconds."""
        if self._began_s is None:
            return
        now_s = time.monotonic()
        with self._lock:
            if self._began_s is None or now_s < self._last_s + CALM_S:
                return
            fields = {"failures": self._count, "after_s": round(self._last_s - self._began_s)}
            self._began_s, self._count = None, 0
            self._next_s.clear()
            self._unsaid.clear()
        self._log.info("%s back", self._what, extra=fields)
