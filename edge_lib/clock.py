"""Every clock of the edge, and whether the wall clock can be believed. Nobody else reads one.

A Pi has no battery-backed clock: after a power cut it wakes up in the past. So intervals run on the
monotonic clock, each reading keeps the time since the boot beside the wall time, and ``boot``
distinguishes one boot from the next. Needs no privilege and may be called from any thread. Tests
inject an object with the same methods.
"""

import os
import re
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

KERNEL_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# systemd-timesyncd touches this file with each answer of a time server.
TIMESYNC_FILE = Path("/run/systemd/timesync/synchronized")
# How far the ``Date`` of an answer may lie off; it is cut to the second and some time on its way.
AGREEMENT = timedelta(seconds=2)
# Less than that is how a time server corrects a clock that drifts.
STEP = timedelta(seconds=1)

_BOOT = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Clock:
    """The machine's clocks. The arguments exist for tests."""

    def __init__(
        self,
        boot_id_file: Path = KERNEL_BOOT_ID,
        timesync_file: Path = TIMESYNC_FILE,
        environ: Mapping[str, str] = os.environ,
    ):
        self._boot = _kernel_boot(boot_id_file) or _kept_boot(environ.get("RUNTIME_DIRECTORY"))
        self._timesync_file = timesync_file
        self._known_good = False

    def now(self) -> datetime:
        """Return the wall time: aware, UTC, microseconds. It may jump."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds that never jump, for intervals; their zero means nothing."""
        return time.monotonic()

    def boottime_us(self) -> int:
        """Return microseconds since the machine's boot, suspended time included. Never jumps."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def boot(self) -> str:
        """Return 32 hex digits: the same through a boot of the machine, another one after it."""
        return self._boot

    def synchronised(self) -> bool:
        """Return whether the wall time is known to be right.

        Once known it stays known to this process: a clock that was right drifts by a second or two
        a day at most, and an outage must not turn good times into provisional ones.
        """
        self._known_good = self._known_good or self.source() is not None
        return self._known_good

    def source(self) -> str | None:
        """Return what on this machine set the wall clock right; None: nothing is known to have."""
        # Not the kernel (adjtimex), which the unit's ProtectClock forbids: where another time
        # daemon runs, the server's answers confirm the clock.
        return "systemd-timesyncd" if self._timesyncd_has_set_it() else None

    def confirm(self, server_date: datetime) -> bool:
        """Compare with the ``Date`` of a verified TLS answer, aware.

        Returns:
            Whether they agree within 2 s; if so, the clock counts as synchronised from now on.
        """
        agrees = abs(self.now() - server_date) <= AGREEMENT
        self._known_good = self._known_good or agrees
        return agrees

    def _timesyncd_has_set_it(self) -> bool:
        try:
            touched_s = self._timesync_file.stat().st_mtime
        except OSError:
            return False
        # In a container /run may outlive the boot; a file from before it proves nothing.
        booted = self.now() - timedelta(microseconds=self.boottime_us())
        return touched_s >= booted.timestamp()


class StepWatch:
    """Notices when the wall clock is set although it counted as right. For one thread."""

    def __init__(self) -> None:
        self._booted: datetime | None = None

    def step(self, now: datetime, boottime_us: int, synchronised: bool) -> timedelta | None:
        """Compare with the last call; both clocks read at one moment.

        Returns:
            How far the wall clock was set; None: not, or it did not count as right before.
        """
        booted = now - timedelta(microseconds=boottime_us)
        before, self._booted = self._booted, booted if synchronised else None
        if before is None or not synchronised or abs(booted - before) <= STEP:
            return None
        return booted - before


def _kernel_boot(file: Path) -> str | None:
    try:
        boot = file.read_text().strip().replace("-", "")
    except OSError:  # hidden by ProcSubset=pid
        return None
    return boot if _BOOT.fullmatch(boot) else None


def _kept_boot(runtime_directory: str | None) -> str:
    """Return the boot's number kept in a directory that a boot empties, or a new one.

    Without the directory each start of the program counts as a boot: order and corrections then
    hold within a start only, and nothing is lost by it.
    """
    boot = secrets.token_hex(16)
    if not runtime_directory:
        return boot
    kept = Path(runtime_directory.split(":")[0], "boot")
    try:
        return _kernel_boot(kept) or _keep(kept, boot)
    except OSError:
        return boot


def _keep(file: Path, boot: str) -> str:
    # Through a second name, so that a crash never leaves half a number.
    written = file.with_name(f"boot.{boot}")
    written.write_text(boot)
    written.replace(file)
    return boot
