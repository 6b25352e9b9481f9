"""Meters at the end of a real line: a TCP port whose script is written by the test; pseudo-ttys."""

import contextlib
import os
import pty
import socket
import threading
from collections.abc import Callable

import pytest

from edge_lib.clock import Clock
from edge_lib.p1.meter import P1Error, P1Meter, Reading
from edge_lib.p1_config import p1_config

Script = Callable[[socket.socket, threading.Event], None]


class LineServer:
    """Serves each connection by a script, in a thread of its own."""

    def __init__(self, *scripts: Script) -> None:
        """Prepare; the last script serves every further connection, too."""
        self._scripts = list(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self._stop = threading.Event()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen)]

    def __enter__(self) -> "LineServer":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(script, connection))
            self._threads.append(thread)
            thread.start()

    def _serve(self, script: Script, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            script(connection, self._stop)


def sends(*pieces: bytes, every_s: float = 0.02, then_hang_up: bool = False) -> Script:
    """Return a script that sends these, one after the other, and then stays silent."""

    def script(connection: socket.socket, stop: threading.Event) -> None:
        for piece in pieces:
            if stop.wait(every_s):
                return
            connection.sendall(piece)
        if not then_hang_up:
            stop.wait()

    return script


def repeats(data: bytes, every_s: float = 0.05) -> Script:
    """Return a script that sends the same again and again."""

    def script(connection: socket.socket, stop: threading.Event) -> None:
        while not stop.wait(every_s):
            connection.sendall(data)

    return script


def answers(*answers: bytes, every_s: float = 0.0) -> Script:
    """Return a script that sends an answer of HTTP for each request, in any number of pieces."""
    queue = list(answers)

    def script(connection: socket.socket, stop: threading.Event) -> None:
        while True:
            request = b""
            while b"\r\n\r\n" not in request:
                got = connection.recv(4096)
                if not got:
                    return
                request += got
            answer = queue.pop(0) if len(queue) > 1 else queue[0]
            size = 1 if every_s else len(answer)
            for at in range(0, len(answer), size or 1):
                if every_s and stop.wait(every_s):
                    return
                connection.sendall(answer[at : at + size])
            if b"Connection: close" in answer:
                return

    return script


class Port:
    """A serial port: what is written to ``master`` comes out of the file ``path``."""

    def __init__(self) -> None:
        self.master, self._slave = pty.openpty()
        self.path = os.ttyname(self._slave)

    def __enter__(self) -> "Port":
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def send(self, data: bytes) -> None:
        os.write(self.master, data)

    def unplug(self) -> None:
        for fd in (self.master, self._slave):
            with contextlib.suppress(OSError):
                os.close(fd)


def meter(source: str, wait: Callable[[float], bool] | None = None, **more: str) -> P1Meter:
    """Return a reader of the meter that this setting names."""
    config = p1_config({"P1_SOURCE": source, **more})
    assert config is not None
    return P1Meter(config, Clock(), wait or threading.Event().wait)


def read_for(reader: P1Meter, seconds: float) -> list[Reading]:
    """Return what one call returns that may take so long."""
    return reader.read(Clock().monotonic_s() + seconds)


def failure(reader: P1Meter, seconds: float = 5.0) -> P1Error:
    """Return what one call raises that may take so long."""
    with pytest.raises(P1Error) as error:
        read_for(reader, seconds)
    assert reader.failures >= 1
    assert reader.last_error == f"{error.value.reason}: {error.value}"
    return error.value
