"""A private Redis, on a unix socket alone; it keeps nothing on disk."""

import shutil
import socket
from pathlib import Path

from server.sandbox.process import PrivateError, SocketServer, environment


class Redis(SocketServer):
    """A Redis on a unix socket that keeps nothing on disk."""

    def __init__(self, folder: Path):
        super().__init__(folder, "redis")
        self.socket = self.run_dir / "redis.sock"
        self.url = f"unix://{self.socket}"

    def start(self) -> None:
        """Start it, and return when it answers PING."""
        if (program := shutil.which("redis-server")) is None:
            raise PrivateError("no redis-server is installed; tests/run installs one")
        argv = [program, "--port", "0", "--unixsocket", self.socket, "--unixsocketperm", "700"]
        argv += ["--save", "", "--appendonly", "no", "--maxmemory", "64mb", "--dir", self.run_dir]
        self._launch(argv, environment(), self._answers, cwd="/", **self.account)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False
