"""Readings in memory, for as long as the spool takes none: bounded, in order, thinned when full."""

from collections.abc import Sequence

from edge_lib.spool.gaps import Gap
from edge_lib.spool.kinds import P1, SAMPLES, Kind
from edge_lib.spool.readings import Reading

MOST = 2880  # four hours of a reading each five seconds; about 5 MB
# Once the grid meter's wait there too, half as many more. They are thinned first, down to a few,
# since its counters tell the energy of whatever was left out.
FEW_P1 = 100


class MemoryBuffer:
    """The readings that wait for the spool. For one thread at a time.

    Attributes:
        gaps: what was thinned of each kind and is not yet in the spool.
    """

    def __init__(self, most: int = MOST, few_p1: int = FEW_P1):
        self._most, self._few_p1 = most, few_p1
        self._most_of_both = most + most // 2
        self._p1 = 0  # so many are of the grid meter
        self._readings: list[Reading] = []
        self.gaps: dict[Kind, Gap] = {}

    def __len__(self) -> int:
        return len(self._readings)

    def add(self, reading: Reading) -> bool:
        """Add one; True: there was no room, and every second one of one kind before it went.

        Energy counters go on through what is left, and neither the oldest nor the newest is lost.
        """
        if reading.row.kind is P1:
            self._p1 += 1
            self._most = self._most_of_both
        full = len(self._readings) >= self._most
        if full:
            self._thin(P1 if self._p1 > self._few_p1 else SAMPLES)
        self._readings.append(reading)
        return full

    def thinned(self) -> int:
        """Count what was thinned and is not yet in the spool."""
        return sum(gap.readings for gap in self.gaps.values())

    def first(self, n: int) -> Sequence[Reading]:
        """Return the ``n`` that came first."""
        return self._readings[:n]

    def drop(self, n: int) -> None:
        """Drop the ``n`` that came first, and of the gaps: they are in the spool."""
        self._p1 -= sum(reading.row.kind is P1 for reading in self._readings[:n])
        del self._readings[:n]
        self.gaps = {}

    def _thin(self, kind: Kind) -> None:
        own = [i for i, reading in enumerate(self._readings) if reading.row.kind is kind]
        gone = set(own[1::2])
        for i in sorted(gone):
            ts_us = self._readings[i].row.ts_us
            gap = self.gaps.get(kind) or Gap(ts_us, ts_us, 0)
            self.gaps[kind] = gap.with_one_at(ts_us)
        self._readings = [one for i, one in enumerate(self._readings) if i not in gone]
        if kind is P1:
            self._p1 -= len(gone)
