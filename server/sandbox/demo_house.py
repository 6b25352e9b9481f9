"""The demo's house: one life, whose past is sent as history and whose present its meters serve."""

import copy
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from edge_lib.clock import Clock
from edge_lib.dongle.decode import decode
from edge_lib.p1.framing import Framer
from edge_lib.p1.telegram import parse
from edge_lib.shared.timestamps import format_ts
from edge_lib.simulator.grid_meter import MeteredHousehold, MeterView
from edge_lib.simulator.p1_shapes import telegram
from edge_lib.simulator.profiles import LATITUDE_DEG, STRINGS

Sample = dict[str, Any]  # as the API takes and returns it; so is a reading of the grid meter
HISTORY_STEP = timedelta(minutes=1)


def roof_options(zone: str) -> list[str]:
    """Return what its owner tells ``server.site set`` of a house in this IANA zone."""
    standard = min(
        datetime(2026, month, 1, tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()
        for month in (1, 7)
    )
    east_deg = (standard / timedelta(hours=1) * 15 + 180) % 360 - 180
    options = [f"--latitude={LATITUDE_DEG}", f"--longitude={east_deg:g}"]
    for number, (plane, name) in enumerate(zip(STRINGS, ("South", "West"), strict=True), 1):
        mounted = f"{plane.tilt_deg:.0f},{plane.azimuth_deg:.0f},{plane.kwp:g},{name}"
        options += ["--string", f"{number}:{mounted}"]
    return options


class DemoHouse:
    """A house of some days; a source for ``FakeDongle`` and for its P1 meter."""

    def __init__(self, clock: Clock, zone: tzinfo, days: int):
        self._clock = clock
        self._born = (clock.now() - timedelta(days=days)).replace(second=0, microsecond=0)
        self._lock = threading.Lock()  # dongle and P1 meter are read by threads of their own
        self._young = MeteredHousehold(self._born, tz=zone)
        self._house = copy.deepcopy(self._young)
        self._house.advance(clock.now())

    def words(self) -> dict[int, int]:
        """Return the registers as they are now."""
        with self._lock:
            self._house.advance(self._clock.now())
            return self._house.words()

    def grid_meter(self) -> MeterView:
        """Return what the P1 meter shows now."""
        with self._lock:
            self._house.advance(self._clock.now())
            return self._house.grid_meter()

    def refused(self) -> list[tuple[int, int]]:
        """Refuse nothing."""
        return []

    def history(self, device_id: str, until: datetime) -> Iterator[tuple[Sample, Sample]]:
        """Live the past a second time, the same as the first.

        Yields:
            For each minute a sample, which counts for the minute that follows it, and what the P1
            meter said at the same moment. The last minute ends by ``until``.
        """
        house, at = copy.deepcopy(self._young), self._born
        while at + HISTORY_STEP <= until:
            house.advance(at)
            about = {"device_id": device_id, "ts": format_ts(at.astimezone(UTC))}
            # The document's numbers are the wire addresses plus one.
            values = decode({address + 1: word for address, word in house.words().items()}).values
            sample = {**about, "interval_s": HISTORY_STEP.total_seconds(), **values}
            (frame,) = Framer().feed(telegram(house.grid_meter()))
            yield sample, {**about, **parse(frame, at).values}
            at += HISTORY_STEP
