"""Counts that all workers of a server share, for ``/metrics``.

Each worker counts in a file of its own that nobody else writes, so no worker waits for another, not
even for one that stands still. A lock on the file says that its worker lives; a new worker goes on
in the file of a dead one, so no count goes with a worker, and there are no more files than there
ever were workers at a time. The sum of the files is what the server has done.
"""

import fcntl
import hashlib
import itertools
import logging
import mmap
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from psycopg2.extensions import parse_dsn

from edge_lib.env import ConfigError

log = logging.getLogger("sungrow.server.tally")
VERDICTS = ("inserted", "duplicate", "conflict")
OTHER = "other"  # requests for what is no endpoint
_STATUSES = range(100, 600)
_BYTES = 8


class Tally:
    """Counts requests by endpoint and status, and samples by verdict; safe between threads.

    Args:
        folder: where the files lie.
        endpoints: the paths that are counted apart.
    """

    def __init__(self, folder: Path, endpoints: Sequence[str]):
        """Take a file.

        Raises:
            ConfigError: no file can be made there.
        """
        self._folder, self._endpoints = folder, (*endpoints, OTHER)
        self._verdicts_at = len(self._endpoints) * len(_STATUSES)
        self._size = self._verdicts_at + len(VERDICTS)
        self._lock = threading.Lock()
        self._pid = os.getpid()
        try:
            self._counts: memoryview | None = self._take_file()
        except OSError as error:
            raise ConfigError(
                f"METRICS_TOKEN: cannot count in {folder}: {error}; give a folder that is the "
                "server's own; example: RUNTIME_DIRECTORY=/run/sungrow-server"
            ) from error

    def count(self, endpoint: str | None, status: int, verdicts: Sequence[int] | None) -> None:
        """Count a request, and the samples of an ingest in the order of ``VERDICTS``."""
        place = self._endpoints.index(endpoint if endpoint in self._endpoints else OTHER)
        with self._lock:
            if self._pid != os.getpid():
                self._after_fork()
            if self._counts is None:
                return
            if status in _STATUSES:
                self._counts[place * len(_STATUSES) + _STATUSES.index(status)] += 1
            for offset, number in enumerate(verdicts or ()):
                self._counts[self._verdicts_at + offset] += number

    def totals(self) -> tuple[dict[tuple[str, int], int], dict[str, int]]:
        """Give the requests by endpoint and status, and the samples by verdict, of all workers."""
        sums = [sum(counts) for counts in zip([0] * self._size, *self._files(), strict=True)]
        pairs = itertools.product(self._endpoints, _STATUSES)
        requests = {pair: count for pair, count in zip(pairs, sums, strict=False) if count}
        return requests, dict(zip(VERDICTS, sums[self._verdicts_at :], strict=True))

    def _files(self) -> Iterator[memoryview]:
        for number in itertools.count():
            try:
                content = (self._folder / str(number)).read_bytes()
            except FileNotFoundError:
                return
            # One that is just being made has no length yet.
            yield memoryview(content.ljust(self._size * _BYTES, b"\0")).cast("Q")

    def _after_fork(self) -> None:
        # Loaded before the workers were forked (gunicorn --preload): the file is the master's.
        self._pid = os.getpid()
        try:
            self._counts = self._take_file()
        except OSError:
            self._counts = None
            log.exception("this worker's requests are not counted")

    def _take_file(self) -> memoryview:
        """Give the counts of the first file that no living worker has."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        kept = self._folder.lstat()
        if not stat.S_ISDIR(kept.st_mode) or kept.st_uid != os.geteuid() or kept.st_mode & 0o077:
            raise PermissionError("it is not a folder of this user alone")
        for number in itertools.count():
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(self._folder / str(number), flags, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Room for all of it now: on a full disk a write to the map would be a SIGBUS.
                os.posix_fallocate(file, 0, self._size * _BYTES)
                # The map keeps a descriptor of its own, and with it the lock.
                return memoryview(mmap.mmap(file, self._size * _BYTES)).cast("Q")
            except BlockingIOError:
                continue
            finally:
                os.close(file)
        raise AssertionError("itertools.count() ended")


def of_server(run_dir: Path, database_url: str, endpoints: Sequence[str]) -> Tally:
    """Give the counts of all workers on this machine, of this user, that serve this database.

    Raises:
        ConfigError: no file can be made in ``run_dir``.
    """
    place = sorted(pair for pair in parse_dsn(database_url).items() if pair[0] != "password")
    name = hashlib.sha256(repr((place, tuple(endpoints))).encode()).hexdigest()[:16]
    return Tally(run_dir / f"sungrow-metrics-{os.geteuid()}-{name}", endpoints)
