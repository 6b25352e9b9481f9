"""Readings in memory, for as long as the spool takes none: bounded, in order, thinned when full."""

from collections.abc import Sequence

from edge_lib.spool.gaps import Gap
from edge_lib.spool.readings import Reading

MOST = 2880  # four hours of a reading each five seconds; about 5 MB


class MemoryBuffer:
    """The readings that wait for the spool. For one thread at a time."""

    def __init__(self, most: int = MOST):
        self._most = most
        self._readings: list[Reading] = []
        self.gap: Gap | None = None  # what was thinned and is not yet in the spool

    def __len__(self) -> int:
        return len(self._readings)

    def add(self, reading: Reading) -> bool:
        """Add one; True: there was no room, and every second one before it went.

        Energy counters go on through what is left, and neither the oldest nor the newest is lost.
        """
        full = len(self._readings) >= self._most
        if full:
            self._thin()
        self._readings.append(reading)
        return full

    def first(self, n: int) -> Sequence[Reading]:
        """Return the ``n`` that came first."""
        return self._readings[:n]

    def drop(self, n: int) -> None:
        """Drop the ``n`` that came first, and of the gap: they are in the spool."""
        del self._readings[:n]
        self.gap = None

    def _thin(self) -> None:
        for reading in self._readings[1::2]:
            ts_us = reading.row.ts_us
            gap = self.gap or Gap(ts_us, ts_us, 0)
            self.gap = gap.with_one_at(ts_us)
        del self._readings[1::2]
