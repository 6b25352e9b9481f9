"""Many connections that never finish their requests, and whether the server still answers others.

    .venv/bin/python -m tests.chaos.slowloris https://solar.example.org --token TOKEN [--ca FILE]

A third of them stops within the header, a third within a body, a third drips a body, a byte a
second. Meanwhile empty batches are sent, each over a connection of its own.
"""

import argparse
import contextlib
import http.client
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

PATIENCE_S = 10
DRIP_S = 1.0
_HALF_HEADER = "POST /v1/ingest HTTP/1.1\r\nHost: {host}\r\nX-Slow: "
_HALF_BODY = (
    "POST /v1/ingest HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
    'Content-Length: 100000\r\n\r\n{{"samples"'
)


class Target:
    """The server, as its URL names it, and a token that may write."""

    def __init__(self, url: str, token: str, ca: Path | None):
        parts = urlsplit(url)
        self.host, self.netloc, self.token = parts.hostname, parts.netloc, token
        self.trust = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
        self.port = parts.port or (443 if self.trust else 80)

    def connect(self) -> socket.socket:
        """Return a connection, TLS where the URL is ``https``."""
        plain = socket.create_connection((self.host, self.port), timeout=PATIENCE_S)
        return self.trust.wrap_socket(plain, server_hostname=self.host) if self.trust else plain

    def ingest(self) -> int:
        """Send an empty batch; return the status."""
        kind = http.client.HTTPSConnection if self.trust else http.client.HTTPConnection
        more = {"context": self.trust} if self.trust else {}
        client = kind(self.host, self.port, timeout=PATIENCE_S, **more)
        with contextlib.closing(client):
            headers = {"Authorization": f"Bearer {self.token}"}
            client.request("POST", "/v1/ingest", json.dumps({"samples": []}), headers)
            return client.getresponse().status


@contextlib.contextmanager
def slow_clients(target: Target, count: int) -> Iterator[None]:
    """Hold ``count`` unfinished requests open, and let a third of them drip."""
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        opened = []
        for number in range(count):
            client = stack.enter_context(target.connect())
            form = _HALF_BODY if number % 3 else _HALF_HEADER
            client.sendall(form.format(host=target.netloc, token=target.token).encode())
            opened.append(client)
        dripping = threading.Thread(target=_drip, args=(opened[2::3], stop))
        dripping.start()
        try:
            yield
        finally:
            stop.set()
            dripping.join()


def _drip(clients: list[socket.socket], stop: threading.Event) -> None:
    while not stop.wait(DRIP_S):
        for client in clients:
            with contextlib.suppress(OSError):  # the front had enough of it: that is its task
                client.sendall(b"a")


def answered(target: Target, count: int) -> list[float]:
    """Send ``count`` batches; return the seconds of each that was answered by 200."""
    taken = []
    for _ in range(count):
        begun = time.monotonic()
        with contextlib.suppress(OSError, http.client.HTTPException):
            if target.ingest() == 200:
                taken.append(time.monotonic() - begun)
    return taken


def main(argv: list[str]) -> int:
    """Run it; 0 where every batch was answered."""
    parser = argparse.ArgumentParser(description="Slow clients against the server.")
    parser.add_argument("url")
    parser.add_argument("--token", required=True)
    parser.add_argument("--ca", type=Path)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--batches", type=int, default=20)
    given = parser.parse_args(argv)
    target = Target(given.url, given.token, given.ca)
    with slow_clients(target, given.connections):
        taken = answered(target, given.batches)
    slowest = f"{max(taken):.2f} s" if taken else "none"
    print(
        f"{given.connections} slow connections open: {len(taken)} of {given.batches} batches "
        f"answered, the slowest in {slowest}"
    )
    return 0 if len(taken) == given.batches else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
