"""One JSON object a log line on stderr: ``ts``, ``level``, ``logger``, ``event``, then fields.

``log.info("uploaded", extra={"count": 12})`` prints ``"event": "uploaded", "count": 12``. JSON
escapes line breaks, so nothing that a peer sends can forge a line. Edge and server both use it.

Where stderr is systemd's journal each line begins with its priority (``<4>``, see sd-daemon(3)),
which the journal takes off: so ``journalctl -p warning`` finds them.

A thread that logs never waits for a reader: a pipe that nobody empties, a stopped terminal
and a log file on a disk that hangs hold up the thread ``log`` alone, which writes the lines.
"""

import contextlib
import fcntl
import json
import logging
import os
import threading
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime

STDOUT_FD, STDERR_FD = 1, 2
MOST_WAITING = 1000  # lines
DRAIN_S = 1.0  # for the last lines, when the program ends
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def priority(level: int, fd: int = STDERR_FD) -> str:
    """Return what a line of this level begins with on ``fd``: "" unless that is the journal."""
    journal = os.environ.get("JOURNAL_STREAM")
    if not journal:
        return ""
    try:
        stream = os.fstat(fd)
    except OSError:  # closed
        return ""
    # The variable alone proves nothing: children inherit it, whatever becomes of their stderr.
    if journal != f"{stream.st_dev}:{stream.st_ino}":
        return ""
    return f"<{next((number for least, number in _PRIORITIES if level >= least), 7)}>"


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        ts = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "ts": ts.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {k: v for k, v in vars(record).items() if k not in _BUILT_IN and k not in line}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Stderr:
    """A text stream onto stderr whose ``write`` never blocks; lines leave whole and in order.

    Lines that find ``MOST_WAITING`` before them are dropped, and so are all after them until those
    have left; then one line says how many. A line that could not be written (a disk is full, the
    reader is gone) is counted in the same way, and reported before the next one that can be.
    """

    def __init__(self, most_waiting: int = MOST_WAITING):
        """Prepare; the thread starts with the first line of each process."""
        self._most = most_waiting
        self._full = False
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._begin()
        # gunicorn forks its workers: threads are not inherited, and what waits is the parent's.
        os.register_at_fork(after_in_child=self._begin)

    def write(self, text: str) -> None:
        """Queue a whole line, or count it as dropped."""
        with self._changed:
            self._full = self._full or len(self._waiting) >= self._most
            if self._full:
                self._dropped += 1
                return
            if self._dropped:
                self._log_dropped()
            self._waiting.append((text.encode(), 1))
            self._changed.notify_all()
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="log", daemon=True)
                thread.start()
                self._thread = thread

    def drain(self, within_s: float = DRAIN_S) -> None:
        """Wait until all is written, but no longer than that."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, within_s)

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[tuple[bytes, int]] = deque()  # a line, and how many it counts for
        self._full, self._dropped = False, 0
        self._begun = b""  # the rest of a line that is half written
        self._thread = None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                line, counts_for = self._waiting[0]
            written = self._put(line)
            with self._changed:
                self._waiting.popleft()
                if not written:
                    self._dropped += counts_for
                if self._full and not self._waiting:
                    self._full = False
                    self._log_dropped()
                self._changed.notify_all()

    def _log_dropped(self) -> None:
        fields = {"name": "sungrow.log", "levelname": "WARNING", "count": self._dropped}
        record = logging.makeLogRecord({**fields, "msg": "log lines dropped"})
        line = f"{priority(logging.WARNING)}{JsonFormatter().format(record)}\n"
        self._waiting.append((line.encode(), self._dropped))
        self._dropped = 0

    def _put(self, line: bytes) -> bool:
        """Write; False: nothing of the line has left."""
        self._begun += line
        with _alone():
            try:
                while self._begun:
                    self._begun = self._begun[os.write(STDERR_FD, self._begun) :]
            except OSError:
                if len(self._begun) < len(line):
                    return True  # its rest leaves before the next one
                self._begun = self._begun[: -len(line)]
                return False
        return True


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep the other processes on the same stderr from writing into a line.

    The kernel does so up to PIPE_BUF (4096 bytes); with a traceback a line is longer. The lock is
    the process's own, so it ends with it, however that ends.
    """
    try:
        fcntl.lockf(STDERR_FD, fcntl.LOCK_EX)
    except OSError:  # no such lock here: as it would be without
        yield
        return
    try:
        yield
    finally:
        fcntl.lockf(STDERR_FD, fcntl.LOCK_UN)


STDERR = Stderr()


class _Lines(logging.StreamHandler[Stderr]):
    def format(self, record: logging.LogRecord) -> str:
        return priority(record.levelno) + super().format(record)

    def close(self) -> None:
        self.stream.drain()  # logging closes every handler when the program ends
        super().close()


def handler() -> logging.Handler:
    """Return a handler that writes such lines to stderr."""
    lines = _Lines(STDERR)
    lines.setFormatter(JsonFormatter())
    return lines


def start(level: str) -> None:
    """Send every logger's lines from ``level`` on to stderr, each once."""
    logging.basicConfig(handlers=[handler()], level=level, force=True)
    for noisy in ("urllib3", "pyModbusTCP"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
