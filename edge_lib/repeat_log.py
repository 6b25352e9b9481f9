"""Logs a failure that goes on without flooding: first, every 15 minutes, and its end."""

import logging

from edge_lib.clock import Clock


class RepeatLog:
    """The log lines of one thing that may fail again and again. For one thread."""

    def __init__(self, log: logging.Logger, clock: Clock, every_s: float = 900.0):
        self._log, self._clock, self._every_s = log, clock, every_s
        self._next_s: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}
        self._count = 0

    def failed(
        self,
        event: str,
        reason: str,
        level: int = logging.WARNING,
        exc_info: BaseException | None = None,
        **fields: object,
    ) -> None:
        """Count a failure; log it if this reason is new or was last logged 15 minutes ago.

        Args:
            event: what failed.
            reason: its name; each has its own 15 minutes.
            level: of the line.
            exc_info: what was raised, where its traceback must be logged.
            fields: more for the line.
        """
        self._count += 1
        self._unsaid[reason] = self._unsaid.get(reason, 0) + 1
        now_s = self._clock.monotonic_s()
        if now_s < self._next_s.get(reason, now_s):
            return
        self._next_s[reason] = now_s + self._every_s
        fields |= {"reason": reason, "count": self._unsaid.pop(reason)}
        self._log.log(level, event, extra=fields, exc_info=exc_info)

    def recovered(self, event: str) -> None:
        """Log once that it works again, with the number of all failures since it last did."""
        if not self._count:
            return
        self._log.info(event, extra={"failures": self._count, "reasons": sorted(self._next_s)})
        self._next_s.clear()
        self._unsaid.clear()
        self._count = 0
