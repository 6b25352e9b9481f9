"""The real edge as a process of its own."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server import sandbox
from tests.bench.servers import DEVICE, TOKEN
from tests.support.edge_env import edge_env


class Edge:
    """One that runs; its spool, its health file and its log lie in ``folder``."""

    def __init__(self, folder: Path, process: subprocess.Popen):
        self.folder, self.process = folder, process

    def health(self) -> dict:
        """Return what it last said of itself; {} if that was nothing yet."""
        path = self.folder / "health.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def until(self, name: str, least: int, most_s: float = 60.0) -> None:
        """Wait until a number of its health file has come so far."""
        alive = self.process.poll
        sandbox.wait_until(
            lambda: alive() is not None or self.health().get(name, 0) >= least, most_s
        )
        assert self.health().get(name, 0) >= least, self.last_words()

    def last_words(self) -> str:
        """Return the end of its log."""
        return (self.folder / "edge.log").read_text()[-2000:]

    def stop(self) -> None:
        """End it as systemd does."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(15) == 0, self.last_words()


@contextmanager
def running(
    folder: Path, dongle_port: int, server: sandbox.Gunicorn, *program: str, **settings: str
) -> Iterator[Edge]:
    """Start it (``edge.py``, or ``program``) on that dongle and that server; killed in the end."""
    whose = {"url": server.url, "device_id": DEVICE, "token": TOKEN}
    given = edge_env(folder, server.certificate.ca, dongle_port=dongle_port, **whose, **settings)
    env = sandbox.environment(**given)
    argv = [sys.executable, *(program or ["edge.py"])]
    with (folder / "edge.log").open("w") as log:
        process = sandbox.spawn(argv, env, "KILL", cwd=sandbox.ROOT, stderr=log)
    try:
        yield Edge(folder, process)
    finally:
        process.kill()
        process.wait()
