"""HTTP clients that cost next to nothing beside a server: raw sockets, all of them in one thread.

The requests are bytes made beforehand; of an answer only its status and its length are looked at.
"""

import contextlib
import math
import re
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
GIVE_UP_S = 3
_PATIENCE_S = 30
_RECV_BYTES = 1 << 18


def request(
    method: str, path: str, token: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """Return the bytes of a request, for a connection that is kept unless ``headers`` say else."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(port: int, path: str, token: str) -> bytes:
    """Ask once; return the body of the answer."""
    with contextlib.closing(Connection(port)) as one, selectors.DefaultSelector() as selector:
        one.send(request("GET", path, token))
        selector.register(one.socket, selectors.EVENT_READ)
        while not one.has_answer():
            _ready(selector)
        return one.answer.partition(b"\r\n\r\n")[2]


def answers_per_s(port: int, streams: Sequence[Iterable[bytes]]) -> float:
    """Send each stream over a kept connection of its own, each request after the answer before.

    Raises:
        AssertionError: an answer is no 200, or none comes.
    """
    count, start_s = 0, time.perf_counter()
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for stream in streams:
            one, coming = stack.enter_context(contextlib.closing(Connection(port))), iter(stream)
            one.send(next(coming))
            selector.register(one.socket, selectors.EVENT_READ, (one, coming))
        while selector.get_map():
            for one, coming in _ready(selector):
                if one.has_answer():
                    count += 1
                    _go_on(selector, one, coming)
    return count / (time.perf_counter() - start_s)


def late_s(port: int, due: Sequence[tuple[float, bytes]]) -> list[float]:
    """Send each request when it is due, whatever became of those before, on a new connection.

    Once one has waited for longer than ``GIVE_UP_S`` no more are sent.

    Args:
        port: of the server.
        due: the seconds from now at which to send, rising, and what.

    Returns:
        For each the seconds from then to the end of its answer; infinite where it was not sent.

    Raises:
        AssertionError: an answer is no 200, or none comes.
    """
    late, start_s = [math.inf] * len(due), time.perf_counter()
    waiting: dict[int, Connection] = {}  # the oldest first
    coming = deque(enumerate(due))
    with selectors.DefaultSelector() as selector:
        while coming or waiting:
            now_s = time.perf_counter() - start_s
            if waiting and now_s - due[next(iter(waiting))][0] > GIVE_UP_S:
                coming.clear()
            while coming and coming[0][1][0] <= now_s:
                number, (_, text) = coming.popleft()
                one = waiting[number] = Connection(port)
                one.send(text)
                selector.register(one.socket, selectors.EVENT_READ, number)
            pause_s = coming[0][1][0] - now_s if coming else _PATIENCE_S
            for key, _ in selector.select(max(0, pause_s)):
                if waiting[key.data].has_answer():
                    selector.unregister(key.fileobj)
                    waiting.pop(key.data).close()
                    late[key.data] = time.perf_counter() - start_s - due[key.data][0]
    return late


def _go_on(selector: selectors.BaseSelector, one: "Connection", coming: Iterator[bytes]) -> None:
    following = next(coming, None)
    if following is None:
        selector.unregister(one.socket)
    else:
        one.send(following)


def _ready(selector: selectors.BaseSelector) -> list:
    found = selector.select(_PATIENCE_S)
    assert found, f"no answer within {_PATIENCE_S} s"
    return [key.data for key, _ in found]


class Connection:
    """A connection to a server on this machine, with one request under way at a time."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answer = b""

    def send(self, text: bytes) -> None:
        """Send a request."""
        self.answer = b""
        self.socket.sendall(text)

    def has_answer(self) -> bool:
        """Read what is there; tell whether the answer is complete.

        Raises:
            AssertionError: it is no 200, or breaks off.
        """
        piece = self.socket.recv(_RECV_BYTES)
        self.answer += piece
        head, end, body = self.answer.partition(b"\r\n\r\n")
        assert piece, f"the answer breaks off: {self.answer[:300]}"
        if not end:
            return False
        assert head.startswith(b"HTTP/1.1 200 "), self.answer[:300]
        return len(body) >= int(_LENGTH.search(head + b"\r\n")[1])

    def close(self) -> None:
        """Close it."""
        self.socket.close()
