"""The reader of one grid meter: what is to be stored of it, interval by interval."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from edge_lib.clock import Clock
from edge_lib.p1.errors import P1Error
from edge_lib.p1_config import P1Config

__all__ = ["MonthPeak", "P1Error", "P1Meter", "Reading"]


class MonthPeak(NamedTuple):
    """The peak of a month that has ended (register 98.1.0); ``_asdict()`` is its JSON object.

    Both times are RFC 3339 with the offset of the meter's clock; ``month`` is the month's end.
    """

    month: str
    peak_ts: str
    peak_w: float


class Reading(NamedTuple):
    """What the meter told at one moment.

    Attributes:
        values: by the names of ``shared/p1_reading``, in range; ``power_w`` is always there, what
            the meter does not tell is absent. Without device_id, ts, boot, seq, ts_src.
        at: when the telegram's end arrived, by this machine's wall clock.
        boottime_us: the same moment on ``Clock.boottime_us``.
        peaks: the months' peaks that the same telegram lists, the oldest first; () where none.
        doubts: values that were left out since they cannot be true, in words.
    """

    values: dict[str, Any]
    at: datetime
    boottime_us: int
    peaks: tuple[MonthPeak, ...] = ()
    doubts: tuple[str, ...] = ()


class P1Meter:
    """One meter, over one lasting connection, under the lock of its address. For one thread.

    Attributes:
        good: telegrams (or answers) that could be read, since the start.
        bad: those that could not: damaged, cut short, without their CRC, no answer.
        failures: ``read`` calls that raised, in a row.
        last_error: why the last one did, as ``reason: text``; None if the last one did not.
    """

    def __init__(self, config: P1Config, clock: Clock, wait: Callable[[float], bool]) -> None:
        """Prepare; nothing is opened yet.

        Args:
            config: of the meter.
            clock: of this machine.
            wait: waits so many seconds (0 to 0.5); True means that the program is to stop. It is
                called at least every 0.5 s while ``read`` waits, so a watchdog can be fed by it.
        """

    def read(self, until_s: float) -> list[Reading]:
        """Read until that time of ``Clock.monotonic_s``; return what is to be stored, in order.

        Of a source of raw telegrams: the last good one of this interval, and the first of each
        quarter hour of the meter's clock that began in it. [] is not an error: a DSMR 2 meter
        speaks every 10 s, and after a failure the source is left alone for a while. Of a HomeWizard
        one answer, at the beginning; the call returns as soon as it is there.

        Ends at ``until_s`` or before, but for what cannot be cut short: a name that is looked up,
        and 5 s for a connect, 10 s for an answer.

        Raises:
            P1Error: nothing could be read; the connection is dropped, call again as usual.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Hang up, and let other commands read the meter."""
