"""Runs what may fail alone: a rule, a channel. A bug in one must not keep others from telling."""

import logging
from collections.abc import Callable
from typing import TypeVar

log = logging.getLogger("sungrow.alerts.alone")
T = TypeVar("T")


def alone(what: str, work: Callable[[], T], otherwise: T, failed: list[str]) -> T:
    """Return what some work returns; ``otherwise`` if it raises, which is logged and noted.

    Args:
        what: its name, for the log and for ``failed``.
        work: reaches no database: its errors have to end a transaction.
        otherwise: what to go on with.
        failed: gets the name.
    """
    try:
        return work()
    except Exception as error:
        log.exception("a bug", extra={"what": what})
        failed.append(f"{what}: {type(error).__name__}")
        return otherwise
