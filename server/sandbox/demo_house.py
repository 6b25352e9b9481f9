"""The demo's house: one life, whose past is sent as history and whose present the dongle serves."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from edge_lib.clock import Clock
from edge_lib.dongle.decode import decode
from edge_lib.shared.timestamps import format_ts
from edge_lib.simulator.household import Household

Sample = dict[str, Any]  # as the API takes and returns it
HISTORY = timedelta(days=21)
HISTORY_STEP = timedelta(minutes=1)


class DemoHouse:
    """A house that is three weeks old; a source for ``FakeDongle``."""

    def __init__(self, clock: Clock, zone: tzinfo):
        self._clock = clock
        self._born = (clock.now() - HISTORY).replace(second=0, microsecond=0)
        self._young = Household(self._born, tz=zone)
        self._house = copy.deepcopy(self._young)
        self._house.advance(clock.now())

    def words(self) -> dict[int, int]:
        """Return the registers as they are now."""
        self._house.advance(self._clock.now())
        return self._house.words()

    def refused(self) -> list[tuple[int, int]]:
        """Refuse nothing."""
        return []

    def history(self, device_id: str, until: datetime) -> Iterator[Sample]:
        """Live the past a second time, the same as the first; yield a sample of each minute.

        Each counts for the minute that follows it; the last one ends by ``until``.
        """
        house, at = copy.deepcopy(self._young), self._born
        while at + HISTORY_STEP <= until:
            house.advance(at)
            # The document's numbers are the wire addresses plus one.
            values = decode({address + 1: word for address, word in house.words().items()}).values
            yield {
                "device_id": device_id,
                "ts": format_ts(at.astimezone(UTC)),
                "interval_s": HISTORY_STEP.total_seconds(),
                **values,
            }
            at += HISTORY_STEP
