"""One boot of a machine whose wall clock the test moves: ``clock_child.py`` with an order on stdin.

The order is JSON: {"env", "boot", "began", "now_s", "booted_s", "plan", "shared", "sync_file"}. The
plan's entries are [at_s, "wall", seconds off], [at_s, "sync"], [at_s, "stop"] and [at_s, "die"].
Prints what ``crash_child.listen`` says, and ["poll", monotonic seconds of its first request].

Time is the world's (``crash_world``), but the wall clock is the machine's, set off by the preloaded
``shim/wall.c``: what OpenSSL and the libraries read is off by just as much.
"""

import functools
import json
import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from edge_lib.clock import Clock
from edge_lib.dongle.inverter import Inverter
from edge_lib.dongle.modbus_client import Wire
from tests.chaos.crash_child import listen, start
from tests.chaos.crash_world import NOWHERE, World, WorldClock, enter

CLOCK_REALTIME_COARSE = 5  # Source: linux/time.h; Python does not name it
SHARED = struct.Struct(
    "=qd"
)  # what the wall clock is off by (ns), and the true time (s since 1970)


class ShimWorld(World):
    """A world that keeps its time, and the wall clock's error, in memory shared with the test."""

    def __init__(self, order: dict):
        with Path(order["shared"]).open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 4096)
        self.began_s, self.booted_s = order["began"], order["booted_s"]
        self.sync_file = Path(order["sync_file"])
        self.off_s = 0.0
        super().__init__(order["now_s"], order["boot"], 0, 0)
        for at_s, what, *more in order["plan"]:
            action = functools.partial(getattr(self, what), *more)
            if at_s <= order["now_s"]:
                action()
            else:
                self.at(at_s, action)

    @property
    def now_s(self) -> float:
        return self._now_s

    @now_s.setter
    def now_s(self, now_s: float) -> None:
        self._now_s = now_s
        self.share()

    def wall(self, off_s: float) -> None:
        """Set the wall clock off."""
        self.off_s = off_s
        self.share()

    def sync(self) -> None:
        """Let a time server be heard, as timesyncd notes it: the wall clock is right now."""
        self.wall(0.0)
        self.sync_file.touch()
        os.utime(self.sync_file, (self.began_s + self.now_s,) * 2)

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def true_us(self) -> int:
        """Return the time that a reading should bear: a clock that was set is believed."""
        off_s = self.off_s if self.sync_file.exists() else 0.0
        return round((self.began_s + self.now_s + off_s) * 1e6)

    def share(self) -> None:
        """Tell the shim what it takes for the wall clock to show this world's time."""
        true_s = self.began_s + self.now_s
        wall_off_ns = int((true_s + self.off_s - _machine_s()) * 1e9)
        self._memory[: SHARED.size] = SHARED.pack(wall_off_ns, true_s)


def _machine_s() -> float:
    # This clock the shim leaves alone.
    return time.clock_gettime(CLOCK_REALTIME_COARSE)


class ShimClock(WorldClock):
    """The product's clock on this world's time; it finds out by itself whether it is right."""

    def __init__(self) -> None:
        Clock.__init__(self, NOWHERE, self.world.sync_file, {})

    def now(self) -> datetime:
        self.world.share()
        return datetime.now(UTC)

    def boottime_us(self) -> int:
        return round((self.world.now_s - self.world.booted_s) * 1e6)

    def synchronised(self) -> bool:
        return Clock.synchronised(self)


def listen_to_polls(now_s: Callable[[], float], say) -> None:
    """Say when each poll's first request went out."""
    read_words, read = Inverter.read_words, Wire.read
    first: list[float] = []

    def noting(self, *args, **kwargs):
        if first == [0.0]:
            first[0] = now_s()
            say("poll", first[0])
        return read(self, *args, **kwargs)

    def beginning(self, *args, **kwargs):
        first[:] = [0.0]
        return read_words(self, *args, **kwargs)

    Inverter.read_words, Wire.read = beginning, noting


def main() -> None:
    order = json.loads(sys.stdin.readline())
    world = ShimWorld(order)

    def say(*words: object) -> None:
        os.write(1, (json.dumps(words) + "\n").encode())

    enter(world, ShimClock)
    listen(world, say)
    listen_to_polls(lambda: world.now_s, say)
    say("exit", start(order["env"], say))


if __name__ == "__main__":
    main()
