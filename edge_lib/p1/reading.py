"""What the reader of a meter returns, and what it counts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

from edge_lib.p1.telegram import MonthPeak, Told


class Reading(NamedTuple):
    """What the meter told at one moment.

    Attributes:
        values: by the names of ``shared/p1_reading``, in range; ``power_w`` is always there, what
            the meter does not tell is absent. Without device_id, ts, boot, seq, ts_src.
        at: when the telegram's end arrived, by this machine's wall clock.
        boottime_us: the same moment on ``Clock.boottime_us``.
        peaks: the months' peaks that the same telegram lists; () where none.
        doubts: what was left out since it cannot be read or cannot be true, in words.
    """

    values: dict[str, Any]
    at: datetime
    boottime_us: int
    peaks: tuple[MonthPeak, ...] = ()
    doubts: tuple[str, ...] = ()

    @classmethod
    def of(cls, told: Told, at: datetime, boottime_us: int) -> Self:
        """Return what was told at that moment."""
        return cls(told.values, at, boottime_us, told.peaks, told.doubts)


@dataclass
class Counts:
    """Telegrams, or answers, since the start: those that could be read, and those that could not.

    Bad are damaged ones, ones that were cut short or have no CRC, and ones that say nothing.
    """

    good: int = 0
    bad: int = 0
