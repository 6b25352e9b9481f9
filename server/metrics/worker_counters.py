"""Counts that all workers of a server share, for ``/metrics``.

Each worker counts in its memory and copies that to a file of its own, which nobody else writes; so
no worker waits for another, not even for one that hangs. A lock on the file says that its worker is
alive; a new worker continues the file of a dead one, so no count is lost with a worker, and there
are never more files than there were workers at one time. The sum of the files is what the server
has done. A file that somebody removes is made again by its worker.
"""

import contextlib
import fcntl
import hashlib
import itertools
import logging
import operator
import os
import stat
import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from psycopg2.extensions import parse_dsn

from edge_lib.shared.env import ConfigError

log = logging.getLogger("sungrow.server.worker_counters")
# Of readings by their kind; at the end of a file of counts.
VERDICTS = {
    "sample": ("inserted", "duplicate", "conflict"),
    "p1": ("inserted", "duplicate", "conflict", "parked"),
}
_VERDICTS = [(kind, verdict) for kind, verdicts in VERDICTS.items() for verdict in verdicts]
OTHER = "other"  # requests for anything else
_STATUSES = range(100, 600)
_BYTES = 8


class WorkerCounters:
    """Counts requests by endpoint and status, and readings by kind and verdict; thread-safe.

    Args:
        folder: of the files.
        endpoints: the paths that are counted separately.
    """

    def __init__(self, folder: Path, endpoints: Sequence[str]):
        """Take a file of counts.

        Raises:
            ConfigError: no file can be made there.
        """
        self._folder, self._endpoints = folder, (*endpoints, OTHER)
        self._verdicts_at = len(self._endpoints) * len(_STATUSES)
        self._counts = self._nothing()
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._is_written = True
        try:
            self._file: CounterFile | None = self._take_file()
        except OSError as error:
            raise ConfigError(
                f"METRICS_TOKEN: cannot count in {folder}: {error}; give a folder that is the "
                "server's own; example: RUNTIME_DIRECTORY=/run/sungrow-server"
            ) from error

    def count(
        self, endpoint: str | None, status: int, verdicts: Mapping[str, Sequence[int]]
    ) -> None:
        """Count a request, and the readings of an ingest.

        Args:
            endpoint: which; None: none of ours.
            status: of the answer.
            verdicts: by kind, how many there were of each, in the order of ``VERDICTS``.
        """
        row = self._endpoints.index(endpoint if endpoint in self._endpoints else OTHER)
        added = [
            (self._verdicts_at + _VERDICTS.index((kind, verdict)), number)
            for kind, numbers in verdicts.items()
            for verdict, number in zip(VERDICTS[kind], numbers, strict=False)
            if number  # nothing to write of the others
        ]
        if status in _STATUSES:
            added.append((row * len(_STATUSES) + _STATUSES.index(status), 1))
        with self._lock:
            if self._pid != os.getpid():
                self._begin_after_fork()
            for place, number in added:
                self._counts[place] += number
            self._write([place for place, _ in added])

    def totals(self) -> tuple[dict[tuple[str, int], int], dict[tuple[str, str], int]]:
        """Return what all workers counted: requests by endpoint and status; by kind and verdict."""
        with self._lock:
            if self._pid != os.getpid():
                self._begin_after_fork()
            self._write([])
            sums = [sum(counts) for counts in zip(self._counts, *self._others(), strict=True)]
        pairs = itertools.product(self._endpoints, _STATUSES)
        requests = {pair: count for pair, count in zip(pairs, sums, strict=False) if count}
        return requests, dict(zip(_VERDICTS, sums[self._verdicts_at :], strict=True))

    def _nothing(self) -> "array[int]":
        return array("Q", bytes((self._verdicts_at + len(_VERDICTS)) * _BYTES))

    def _write(self, places: Sequence[int]) -> None:
        """Copy the changed counts to the file; all of them, if the file is not complete."""
        try:
            if self._file is None or not self._file.is_in_place():
                self._file = self._take_file()
            elif not self._is_written or self._file.size() < len(self._counts) * _BYTES:
                self._file.put(self._counts.tobytes(), 0)
            else:
                for place in places:
                    self._file.put(self._counts[place : place + 1].tobytes(), place * _BYTES)
            self._is_written = True
        except OSError:
            # Nothing is lost while this worker lives: all is written as soon as possible.
            if self._is_written:
                log.exception("this worker's counts cannot be written")
            self._is_written = False

    def _others(self) -> Iterator["array[int]"]:
        with contextlib.suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if path.name.isdecimal() and not (self._file and path == self._file.path):
                    yield self._read(path)

    def _read(self, path: Path) -> "array[int]":
        # One that is just being made, or was truncated, is shorter.
        counts = self._nothing()
        size = len(counts) * _BYTES
        try:
            content = path.read_bytes()[:size].ljust(size, b"\0")
        except FileNotFoundError:
            return counts
        return array("Q", content)

    def _begin_after_fork(self) -> None:
        # Loaded before the workers were forked (gunicorn --preload): the file is the master's.
        self._pid = os.getpid()
        self._counts, self._file = self._nothing(), None
        self._write([])

    def _take_file(self) -> "CounterFile":
        """Take the first file that no living worker holds, and add its counts to ours."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = self._folder.lstat()
        if not stat.S_ISDIR(kept.st_mode) or kept.st_uid != os.geteuid() or kept.st_mode & 0o077:
            raise PermissionError("it is not a folder of this user alone")
        for number in itertools.count():
            with contextlib.suppress(BlockingIOError):
                file = CounterFile(self._folder / str(number))
                break
        # Room for all of it now, so that a full disk shows at the start.
        os.posix_fallocate(file.descriptor, 0, len(self._counts) * _BYTES)
        both = array("Q", map(operator.add, self._counts, self._read(file.path)))
        file.put(both.tobytes(), 0)
        self._counts = both
        return file


class CounterFile:
    """A file of counts, locked as long as this object lives; made if it is missing.

    Raises:
        BlockingIOError: another has it.
    """

    def __init__(self, path: Path):
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self.path, self.descriptor = path, os.open(path, flags, 0o600)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def __del__(self) -> None:
        # If it was inherited, the parent's lock stays.
        if (descriptor := getattr(self, "descriptor", None)) is not None:
            os.close(descriptor)

    def is_in_place(self) -> bool:
        """Return whether its path still leads to this file: nobody has removed or moved it."""
        try:
            return os.path.samestat(self.path.lstat(), os.fstat(self.descriptor))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def size(self) -> int:
        """Return its length in bytes."""
        return os.fstat(self.descriptor).st_size

    def put(self, content: bytes, offset: int) -> None:
        """Write at this place."""
        os.pwrite(self.descriptor, content, offset)


def of_server(run_dir: Path, database_url: str, endpoints: Sequence[str]) -> WorkerCounters:
    """Return the counts of all workers on this machine, of this user, that serve this database.

    Raises:
        ConfigError: no file can be made in ``run_dir``.
    """
    place = sorted(pair for pair in parse_dsn(database_url).items() if pair[0] != "password")
    name = hashlib.sha256(repr((place, tuple(endpoints))).encode()).hexdigest()[:16]
    return WorkerCounters(run_dir / f"sungrow-metrics-{os.geteuid()}-{name}", endpoints)
