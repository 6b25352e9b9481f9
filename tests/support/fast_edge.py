"""``python tests/support/fast_edge.py SPEED START_S [COMMAND]``: the real edge in a faster world.

Everything is the product's own but time: its clocks count SPEED seconds for each one since START_S
(monotonic), and its waits are that much shorter. The wall clock began six hours back there, or as
many as HOURS_BACK says, so that it does not run into the future.
"""

import os
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import edge
from edge_lib.clock import Clock

SPEED, START_S = float(sys.argv[1]), float(sys.argv[2])
HOURS_BACK = float(os.environ.get("HOURS_BACK", "6"))
START = datetime.now(UTC) - timedelta(hours=HOURS_BACK, seconds=time.monotonic() - START_S)


class FastClock(Clock):
    """Runs ``SPEED`` times as fast, goes on across starts, and is known to be right."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self._fast_s())

    def monotonic_s(self) -> float:
        return self._fast_s()

    def boottime_us(self) -> int:
        return int(self._fast_s() * 1e6)

    def synchronised(self) -> bool:
        return True

    def _fast_s(self) -> float:
        return (time.monotonic() - START_S) * SPEED


class FastEvent(threading.Event):
    """Waits ``SPEED`` times shorter."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(None if timeout is None else timeout / SPEED)


class FastThreading:
    """What ``edge`` uses of ``threading``; the Event is the fast one."""

    Thread, Event = threading.Thread, FastEvent


def fast_stop_requested(within_s: float, stop_requested=edge._stop_requested) -> bool:
    """The main thread looks around as often as it does in a slow world."""
    return stop_requested(within_s / SPEED)


if __name__ == "__main__":
    edge.Clock, edge.threading = FastClock, FastThreading
    edge._stop_requested = fast_stop_requested
    sys.exit(edge.main(sys.argv[3:]))
