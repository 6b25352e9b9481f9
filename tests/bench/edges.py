"""The real edge as a process of its own, and what it takes of the machine."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server import private
from tests.bench.servers import DEVICE, TOKEN

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Edge:
    """One that runs; its spool, its health file and its log lie in ``folder``."""

    def __init__(self, folder: Path, process: subprocess.Popen):
        self.folder, self.process = folder, process

    def health(self) -> dict:
        """Give what it last said of itself; {} if that was nothing yet."""
        path = self.folder / "health.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def until(self, name: str, least: int, most_s: float = 60.0) -> None:
        """Wait until a number of its health file has come so far."""
        alive = self.process.poll
        private.wait_until(
            lambda: alive() is not None or self.health().get(name, 0) >= least, most_s
        )
        assert self.health().get(name, 0) >= least, self.last_words()

    def last_words(self) -> str:
        """Give the end of its log."""
        return (self.folder / "edge.log").read_text()[-2000:]

    def cpu_s(self) -> float:
        """Give the processor's time that it has taken, that of threads which have ended as well."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / TICKS_PER_S

    def memory_mb(self) -> float:
        """Give its resident memory."""
        return memory_mb(self.process.pid)

    def peak_mb(self) -> float:
        """Give the most that its resident memory ever was."""
        return _kib(f"/proc/{self.process.pid}/status", "VmHWM") / 1024

    def stop(self) -> None:
        """End it as systemd does."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(15) == 0, self.last_words()


def memory_mb(pid: int) -> float:
    """Give the resident memory of a process, what it shares with others included."""
    # Not VmRSS: the kernel lets that one lag behind.
    return _kib(f"/proc/{pid}/smaps_rollup", "Rss") / 1024


def _kib(file: str, name: str) -> int:
    return int(re.search(rf"^{name}:\s+(\d+) kB", Path(file).read_text(), re.MULTILINE)[1])


@contextmanager
def running(
    folder: Path, dongle_port: int, server: private.Gunicorn, *program: str, **settings: str
) -> Iterator[Edge]:
    """Start it (``edge.py``, or ``program``) on that dongle and that server; killed in the end."""
    env = private.environment(
        SUNGROW_HOST="127.0.0.1",
        SUNGROW_PORT=str(dongle_port),
        DEVICE_ID=DEVICE,
        VPS_INGEST_URL=server.url,
        VPS_TOKEN=TOKEN,
        VPS_CA_FILE=str(server.certificate.ca),
        SPOOL_PATH=str(folder / "spool.db"),
        HEALTH_PATH=str(folder / "health.json"),
        **settings,
    )
    argv = [sys.executable, *(program or ["edge.py"])]
    with (folder / "edge.log").open("w") as log:
        process = private.spawn(argv, env, "KILL", cwd=private.ROOT, stderr=log)
    try:
        yield Edge(folder, process)
    finally:
        process.kill()
        process.wait()
