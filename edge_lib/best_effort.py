"""Runs what may fail without taking anything else along: a thread's step, bookkeeping beside it.

The one place that catches everything. What it catches is logged with its traceback, and if it goes
on, only now and then.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from edge_lib.clock import Clock
from edge_lib.repeat_log import RepeatLog

T = TypeVar("T")


class ExpectedError(Exception):
    """A failure that is not a bug: it is logged in one line, as this event."""

    event = "failed"


class BestEffort:
    """Steps of one thread that fail alone."""

    def __init__(self, log: logging.Logger, clock: Clock):
        self._repeat = RepeatLog(log, clock)

    def run(self, step: str, work: Callable[[], T], otherwise: T) -> T:
        """Return what some work returns; ``otherwise`` if it raises, whatever that is."""
        try:
            return work()
        except ExpectedError as error:
            reason = f"{step}: {type(error).__name__}"
            self._repeat.failed(error.event, reason, logging.CRITICAL, detail=str(error))
        except Exception as error:  # noqa: BLE001 - logged, with its traceback
            reason = f"{step}: {type(error).__name__}"
            self._repeat.failed("bug", reason, logging.ERROR, exc_info=error)
        return otherwise
