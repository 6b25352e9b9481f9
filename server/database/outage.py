"""Logs trouble that goes on without flooding: at its start, every 15 minutes with a count, its end.

The edge has its like in ``edge_lib.repeat_log``, for one thread and an edge's clock.
"""

import logging
import threading
import time

EVERY_S = 900.0
CALM_S = 5.0  # where some succeed while others fail, it is not over


class Outage:
    """The log lines of one thing that fails again and again; safe to share between threads.

    Args:
        log: where the lines go.
        what: what is away.
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
        """Count a failure; log it where the last line of its kind is 15 minutes old, or none.

        Args:
            kind: each kind has its own 15 minutes.
            level: of the line.
            ends: whether a success of anything else says that this one is over.
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
        """Log once that it is back, when nothing has failed for some seconds."""
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
