"""The real service in a world whose time stands still unless both its loops wait.

``edge.service`` runs as it is, threads and all, but one thread at a time: whoever waits hands over
to the one that is due next, and time jumps there. So a story of minutes takes a fraction of a
second, and takes the same way each time, which is what counting its system calls needs.
"""

import os
import random
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import edge
from edge_lib.clock import Clock
from edge_lib.spool import file

NOWHERE = Path("/nonexistent/file")
BEGAN = datetime(2026, 10, 24, 23, tzinfo=UTC)  # wall time of the world's second 0
SHORT_WAIT_S = 0.5  # pauses between requests: not worth a change of the thread
# Small enough for a checkpoint in the middle of a story.
CHECKPOINT_PAGES = 60


class World:
    """Time, whose turn it is, and what is to happen when."""

    def __init__(self, now_s: float, boot: str, wrong_by_s: float, right_from_s: float):
        self.now_s, self.boot = now_s, boot
        self.wrong_by_s, self.right_from_s = wrong_by_s, right_from_s
        self.stopping = False
        self._plan: list[tuple[float, Callable[[], None]]] = []
        self._due_s: dict[str, float] = {}
        self._running = ""
        self._turn = threading.Condition()

    def at(self, now_s: float, action: Callable[[], None]) -> None:
        """Plan something."""
        self._plan.append((now_s, action))
        self._plan.sort(key=lambda entry: entry[0])

    def stop(self) -> None:
        """Ask the service to stop, as systemd does."""
        self.stopping = True
        os.kill(os.getpid(), signal.SIGTERM)

    def true_us(self) -> int:
        """Return the microseconds since 1970, whatever the machine's clock says."""
        return round((BEGAN.timestamp() + self.now_s) * 1e6)

    def join(self, name: str) -> None:
        self._due_s[name] = self.now_s
        self._running = self._running or name

    def begin(self, name: str) -> None:
        with self._turn:
            self._turn.wait_for(lambda: self._running == name)

    def sleep(self, name: str, seconds: float) -> None:
        with self._turn:
            self._due_s[name] = self.now_s + seconds
            self._hand_over()
            self._turn.wait_for(lambda: self._running == name)

    def leave(self, name: str) -> None:
        with self._turn:
            del self._due_s[name]
            self._hand_over()

    def _hand_over(self) -> None:
        if not self._due_s:
            self._running = ""
            return
        name = min(self._due_s, key=lambda each: (self._due_s[each], each))
        while self._plan and self._plan[0][0] <= self._due_s[name]:
            at_s, action = self._plan.pop(0)
            self.now_s = max(self.now_s, at_s)
            action()
        self.now_s = max(self.now_s, self._due_s[name])
        self._running = name
        self._turn.notify_all()


class Inhabitant:
    """What lives in the present world."""

    world: World


class WorldClock(Inhabitant, Clock):
    """The machine's clock: wrong until its time comes."""

    def __init__(self) -> None:
        super().__init__(NOWHERE, NOWHERE, {})

    def now(self) -> datetime:
        wrong_s = 0.0 if self.synchronised() else self.world.wrong_by_s
        return BEGAN + timedelta(seconds=self.world.now_s + wrong_s)

    def monotonic_s(self) -> float:
        return self.world.now_s

    def boottime_us(self) -> int:
        return round(self.world.now_s * 1e6)

    def boot(self) -> str:
        return self.world.boot

    def synchronised(self) -> bool:
        return self.world.now_s >= self.world.right_from_s


class WorldEvent(Inhabitant, threading.Event):
    """Its wait passes the world's time, and the turn."""

    def wait(self, timeout: float | None = None) -> bool:
        if self.world.stopping:
            return super().wait()
        if timeout is not None and timeout < SHORT_WAIT_S:
            self.world.now_s += timeout
        else:
            self.world.sleep(threading.current_thread().name, timeout)
        return super().wait() if self.world.stopping else self.is_set()


class WorldThread(Inhabitant, threading.Thread):
    """Runs when it has the turn."""

    def __init__(self, target: Callable, args: tuple, name: str):
        super().__init__(target=target, args=args, name=name)
        self.world.join(name)

    def run(self) -> None:
        self.world.begin(self.name)
        try:
            super().run()
        finally:
            self.world.leave(self.name)


class WorldThreading:
    """What ``edge`` uses of ``threading``."""

    Thread, Event = WorldThread, WorldEvent


def enter(world: World, clock: type[Clock] = WorldClock) -> None:
    """Make ``edge`` live in this world, with this clock."""
    random.seed(1)
    file.CHECKPOINT_PAGES = CHECKPOINT_PAGES
    Inhabitant.world = world
    edge.Clock, edge.threading = clock, WorldThreading
