"""What the service reports to systemd: that it has started, lives, stops, and a line for people.

Each loop announces, by ``Pulse``, within what time its next beat comes. Only while all are in time
does the main thread feed systemd's watchdog, by ``Systemd``. Without systemd nothing is sent.
"""

import logging
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping

from edge_lib.clock import Clock
from edge_lib.repeat_log import RepeatLog

LOOK_S = 10.0  # as often as ``systemctl status`` gets a new line
SEND_TIMEOUT_S = 1.0
# What a step may take beyond its requests: names are looked up, a worn card writes.
POLL_SLACK_S, UPLOAD_SLACK_S = 60.0, 300.0

log = logging.getLogger("sungrow.edge.notify")


def steps_s(modbus_timeout_s: float, spool_keep_days: float) -> dict[str, float]:
    """Return how long a step of each loop may take with these settings and not count as a hang."""
    # A poll beats before each request; twenty limits are plenty for one and its connects.
    # One request of 30 s to compare each fortnight that the spool keeps, of samples and of P1.
    compare_s = 60 * (1 + spool_keep_days / 14)
    # The meter's reader beats while it waits; a HomeWizard takes 5 s to connect and 10 s to answer.
    return {
        "poll": POLL_SLACK_S + 20 * modbus_timeout_s,
        "p1": POLL_SLACK_S + 20,
        "upload": UPLOAD_SLACK_S + compare_s,
    }


class Pulse:
    """By when each loop is to beat again, on the monotonic clock; any thread may read it.

    Args:
        steps_s: for each loop's name, how long a step of it may take and not count as a hang.
    """

    def __init__(self, clock: Clock, steps_s: Mapping[str, float]):
        self._clock, self._steps_s = clock, dict(steps_s)
        self._due_s: dict[str, float] = {}

    def beat(self, name: str, wait_s: float = 0.0) -> None:
        """Say that the loop ``name`` waits so long now, and then does a step."""
        self._due_s[name] = self._clock.monotonic_s() + wait_s + self._steps_s[name]

    def late(self) -> set[str]:
        """Return the loops that should have beaten by now."""
        now_s = self._clock.monotonic_s()
        return {name for name, due_s in self._due_s.copy().items() if now_s > due_s}


class Systemd:
    """The service's side of ``sd_notify``; for the main thread.

    Args:
        environ: with ``NOTIFY_SOCKET`` and ``WATCHDOG_USEC``, where systemd has set them.
        status: returns the line for ``systemctl status``.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        clock: Clock,
        pulse: Pulse,
        status: Callable[[], str],
    ):
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        third_s = int(environ.get("WATCHDOG_USEC") or 0) / 3e6
        self._every_s = min(LOOK_S, third_s or LOOK_S)
        self._clock, self._pulse, self._status = clock, pulse, status
        self._next_s = float("-inf")
        self._hanging: set[str] = set()
        self._repeat = RepeatLog(log, clock)

    def ready(self) -> None:
        """Report that the spool is open and the loops run."""
        self._send("READY=1", "STATUS=started")

    def update(self) -> None:
        """Feed the watchdog if all loops are in time; to be called every second or so."""
        if self._clock.monotonic_s() < self._next_s:
            return
        self._next_s = self._clock.monotonic_s() + self._every_s
        late = self._pulse.late()
        self._log(late)
        if late:
            self._send(f"STATUS=the thread {' and '.join(sorted(late))} hangs")
        else:
            self._send("WATCHDOG=1", f"STATUS={self._status()}")

    def stopping(self) -> None:
        """Report that the service is about to end."""
        self._send("STOPPING=1", "STATUS=stopping")

    def _log(self, late: set[str]) -> None:
        for name in sorted(late - self._hanging):
            log.critical("a thread hangs", extra={"loop": name, "stack": _stack(name)})
        for name in sorted(self._hanging - late):
            log.warning("a thread goes on again", extra={"loop": name})
        self._hanging = late

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_systemd:
                to_systemd.settimeout(SEND_TIMEOUT_S)
                to_systemd.connect(self._address)
                to_systemd.send("\n".join(lines).encode())
            self._repeat.recovered("systemd can be notified again")
        except OSError as error:
            self._repeat.failed("systemd not notified", str(error))


def _stack(thread_name: str) -> list[str]:
    """Return where the thread is, outermost call first."""
    frames = sys._current_frames()
    found = [frames.get(one.ident or 0) for one in threading.enumerate() if one.name == thread_name]
    calls = traceback.extract_stack(found[0]) if found and found[0] else []
    return [f"{call.filename}:{call.lineno} {call.name}" for call in calls]
