"""The reader of one grid meter: what must be stored of it, interval by interval."""

from collections.abc import Callable
from typing import Protocol

from edge_lib.address_lock import AddressLock
from edge_lib.clock import Clock
from edge_lib.p1.errors import P1Error
from edge_lib.p1.homewizard import HomeWizard
from edge_lib.p1.raw_source import RawSource
from edge_lib.p1.reading import Counts, Reading
from edge_lib.p1.telegram import MonthPeak
from edge_lib.p1_config import SERIAL, TCP, P1Config

__all__ = ["MonthPeak", "P1Error", "P1Meter", "Reading"]

_BACK_OFF_S = (2.0, 5.0, 15.0, 30.0)
_SLICE_S = 0.5


class _Source(Protocol):
    def read(self, until_s: float) -> list[Reading]: ...

    def close(self) -> None: ...


class P1Meter:
    """One meter, over one lasting connection, under the lock of its address. For one thread.

    Attributes:
        failures: ``read`` calls that raised, since one returned a reading.
        last_error: why the last one did, as ``reason: text``; None if a reading has come since.
    """

    def __init__(self, config: P1Config, clock: Clock, wait: Callable[[float], bool]) -> None:
        """Prepare; nothing is opened yet.

        Args:
            config: of the meter.
            clock: of this machine.
            wait: waits so many seconds (0 to 0.5); True means that the program is to stop. It is
                called at least every 0.5 s while ``read`` waits, so a watchdog can be fed by it.
        """
        self._clock, self._wait = clock, wait
        self._counts = Counts()
        self._lock = AddressLock("p1", config.source.address)
        self._source: _Source
        if config.source.kind in (TCP, SERIAL):
            self._source = RawSource(config.source, clock, wait, self._counts)
        else:
            self._source = HomeWizard(config, clock, wait, self._counts)
        self._retry_s = float("-inf")
        self.failures = 0
        self.last_error: str | None = None

    @property
    def good(self) -> int:
        """Telegrams (or answers) that could be read, since the start."""
        return self._counts.good

    @property
    def bad(self) -> int:
        """Those that could not: damaged, cut short, without their CRC; answers that failed."""
        return self._counts.bad

    def read(self, until_s: float) -> list[Reading]:
        """Read until that time of ``Clock.monotonic_s``; return what must be stored, in order.

        Of a source of raw telegrams: the last good one of this interval, and the first of each
        quarter hour of the meter's clock that began in it. [] is not an error: a DSMR 2 meter
        speaks every 10 s, and after a failure the source is left alone for a while. Of a HomeWizard
        one answer, at the beginning; the call returns as soon as it is there.

        Ends at ``until_s`` or before, but for what cannot be cut short: a name that is looked up,
        5 s for a connect, and 10 s for a HomeWizard's answer. A caller waits for the rest.

        Raises:
            P1Error: nothing could be read; the connection is dropped. Call again as usual; reason
                ``stopped`` means no failure, but that the program is to stop.
        """
        if not self._is_due(until_s):
            return []
        try:
            if not self._lock.acquire():
                raise P1Error("locked", "another command of this machine reads the meter")
            readings = self._source.read(until_s)
        except P1Error as error:
            self._source.close()
            if error.reason != "stopped":
                self._failed(error)
            raise
        if readings:
            self.failures, self.last_error = 0, None
        return readings

    def close(self) -> None:
        """Hang up, and let other commands read the meter."""
        self._source.close()
        self._lock.release()

    def _failed(self, error: P1Error) -> None:
        self.failures += 1
        self.last_error = f"{error.reason}: {error}"
        pause_s = _BACK_OFF_S[min(self.failures, len(_BACK_OFF_S)) - 1]
        self._retry_s = self._clock.monotonic_s() + pause_s

    def _is_due(self, until_s: float) -> bool:
        """Wait until the source may be asked again, if that is within the time."""
        wake_s = min(self._retry_s, until_s)
        while (left_s := wake_s - self._clock.monotonic_s()) > 0:
            if self._wait(min(left_s, _SLICE_S)):
                return False
        return self._retry_s < until_s
