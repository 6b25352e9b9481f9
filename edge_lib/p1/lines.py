"""The two lines on which raw telegrams come: a TCP connection and a serial port."""

import contextlib
import fcntl
import os
import select
import socket
import termios
from typing import Protocol

from edge_lib.clock import Clock
from edge_lib.p1.connect import connect
from edge_lib.p1.errors import P1Error
from edge_lib.p1_config import SERIAL, P1Source

_READ_BYTES = 4096


class Line(Protocol):
    """Where bytes come from."""

    @property
    def is_open(self) -> bool:
        """Whether it is open, as far as this side knows."""

    def open(self) -> None:
        """Open it.

        Raises:
            P1Error: it cannot be.
        """

    def receive(self, within_s: float) -> bytes:
        """Return what comes within that time; b"": nothing.

        Raises:
            P1Error: it has ended.
        """

    def close(self) -> None:
        """Close it; without effect on one that is closed."""


def line_to(source: P1Source, clock: Clock) -> Line:
    """Return the line to a meter that sends raw telegrams; it is not open yet."""
    if source.kind == SERIAL:
        return SerialLine(source.path, source.dsmr2)
    return TcpLine(source.host, source.port, clock)


class TcpLine:
    """A serial port served over TCP, by ser2net or a dongle."""

    def __init__(self, host: str, port: int, clock: Clock) -> None:
        self._host, self._port, self._clock = host, port, clock
        self._socket: socket.socket | None = None
        self._spoke = False

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as this side knows."""
        return self._socket is not None

    def open(self) -> None:
        """Connect."""
        self._socket, self._spoke = connect(self._host, self._port, self._clock), False

    def receive(self, within_s: float) -> bytes:
        """Return what comes within that time; b"": nothing."""
        if self._socket is None:
            raise P1Error("reset", "the connection is not open")
        self._socket.settimeout(max(within_s, 0.001))
        try:
            data = self._socket.recv(_READ_BYTES)
        except TimeoutError:
            return b""
        except OSError as error:
            raise P1Error("reset", str(error)) from error
        if not data:
            # ser2net hangs up at once on everybody but the first.
            reason = "reset" if self._spoke else "refused"
            raise P1Error(reason, "the other side hung up")
        self._spoke = True
        return data

    def close(self) -> None:
        """Hang up."""
        if self._socket:
            self._socket.close()
            self._socket = None


class SerialLine:
    """A P1 cable. To open it raises DTR and RTS, which lets the meter speak."""

    def __init__(self, path: str, dsmr2: bool) -> None:
        self._path, self._dsmr2 = path, dsmr2
        self._fd = -1

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return self._fd >= 0

    def open(self) -> None:
        """Open the port for this process alone, and forget what it had received before."""
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(self._fd, termios.TIOCEXCL)
            termios.tcsetattr(self._fd, termios.TCSANOW, _attributes(self._dsmr2))
            termios.tcflush(self._fd, termios.TCIFLUSH)
        except (OSError, termios.error) as error:
            self.close()
            number, text = error.args[:2]
            cause = OSError(number, text)  # of the subclass that goes with the number
            raise P1Error("device", f"{self._path}: {cause}") from cause

    def receive(self, within_s: float) -> bytes:
        """Return what comes within that time; b"": nothing."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        if not poll.poll(max(within_s, 0.0) * 1000):
            return b""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise P1Error("device", f"{self._path}: {error}") from error
        if not data:
            raise P1Error("device", f"{self._path} has been unplugged")
        return data

    def close(self) -> None:
        """Let the port go."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):  # unplugged
                os.close(self._fd)
            self._fd = -1


def _attributes(dsmr2: bool) -> list[int | list[bytes | int]]:
    """Return the port's setting: raw; 115200 8N1, or 9600 7E1 without the parity bit."""
    control = termios.CREAD | termios.CLOCAL
    if dsmr2:
        inputs, speed = termios.IGNBRK | termios.ISTRIP, termios.B9600
        control |= termios.CS7 | termios.PARENB
    else:
        inputs, speed = termios.IGNBRK, termios.B115200
        control |= termios.CS8
    characters: list[bytes | int] = [b"\0"] * 32  # as many as termios knows
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    return [inputs, 0, control, 0, speed, speed, characters]
