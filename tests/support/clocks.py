"""Time as a test wants it: a clock that stands, a clock that can be put forward, and when it is.

Of another kind are those of a whole process that is started in a world of its own:
``tests/support/fast_edge.py`` (all goes faster) and ``tests/chaos/crash_world.py`` (threads take
turns, and time jumps to whose turn is next).
"""

from datetime import UTC, datetime, timedelta

from edge_lib.clock import AGREEMENT, Clock

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
BOOT, EARLIER, FIRST = "b" * 32, "a" * 32, "9" * 32


class FakeClock(Clock):
    """Stands until it is moved; boots, is set and is known to be right as told.

    Args:
        began: the wall time at which no time has passed yet.
        boot: the number of the boot.
        passed_s: how much time has passed.
        booted_s: when the machine was booted, in time that has passed.
    """

    def __init__(
        self,
        began: datetime = START,
        boot: str = BOOT,
        passed_s: float = 0.0,
        booted_s: float = 0.0,
    ):
        super().__init__()
        self.passed_s, self.booted_s = passed_s, booted_s
        self.right, self.wrong_by = True, timedelta(0)  # of the wall clock
        self.heard: list[datetime] = []  # from servers
        self._began, self._name = began, boot

    def pass_s(self, seconds: float) -> None:
        self.passed_s += seconds

    def reboot(self, boot: str) -> None:
        self._name, self.booted_s = boot, self.passed_s - 20

    def boot(self) -> str:
        return self._name

    def now(self) -> datetime:
        passed = self._began + timedelta(seconds=self.passed_s)
        return passed.astimezone(UTC) + self.wrong_by

    def monotonic_s(self) -> float:
        return self.passed_s - self.booted_s

    def boottime_us(self) -> int:
        return int(self.monotonic_s() * 1e6)

    def synchronised(self) -> bool:
        return self.right

    def confirm(self, server_date: datetime) -> bool:
        self.heard.append(server_date)
        self.right = self.right or abs(server_date - self.now()) <= AGREEMENT
        return self.right


class SkippingClock(Clock):
    """The machine's clocks, set ``back``; they go on, and ``skip`` makes time pass at once."""

    def __init__(self, back: timedelta = timedelta(0)):
        super().__init__()
        self.skipped_s, self.right = 0.0, True
        self._back = back

    def skip(self, seconds: float) -> bool:
        """Stand in for a wait, too: nobody asked to stop meanwhile."""
        self.skipped_s += max(0.0, seconds)
        return False

    def now(self) -> datetime:
        return super().now() - self._back + timedelta(seconds=self.skipped_s)

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.skipped_s

    def boottime_us(self) -> int:
        return super().boottime_us() + int(self.skipped_s * 1e6)

    def synchronised(self) -> bool:
        return self.right
