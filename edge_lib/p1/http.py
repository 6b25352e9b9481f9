"""HTTP and HTTPS to one device of the house: bounded in time and size, ended when we are to stop.

``http.client`` over a socket of our own: so the deadline holds for the whole answer, however it
drips, and the name in the certificate may be another one than the host's.
"""

import contextlib
import http.client
import io
import ssl
from collections.abc import Callable, Mapping
from socket import socket
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from edge_lib.clock import Clock
from edge_lib.p1.connect import connect
from edge_lib.p1.errors import P1Error

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ANSWER_S = 10.0  # from the connection, or the request on a kept one, to the end of the answer
SLICE_S = 0.5
MOST_BYTES = 65_536

T = TypeVar("T")


class Answer(NamedTuple):
    """What the device answered."""

    status: int
    body: bytes


class LocalHttp:
    """Requests to one device, one at a time, over a connection that is kept while it lasts.

    Args:
        host: of the device.
        port: of its server.
        clock: for the deadline.
        wait: as for ``P1Meter``.
        context: TLS; None: plain HTTP.
        name: that its certificate must have.
    """

    def __init__(
        self,
        host: str,
        port: int,
        clock: Clock,
        wait: Callable[[float], bool],
        context: ssl.SSLContext | None = None,
        name: str = "",
    ) -> None:
        self._host, self._port, self._clock, self._wait = host, port, clock, wait
        self._context, self._name = context, name
        self._kept: http.client.HTTPConnection | None = None

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Send a request, and return the answer.

        One that meets a kept connection which the device has closed meanwhile is sent once more.

        Raises:
            P1Error: there was none.
        """
        kept, self._kept = self._kept, None
        if kept:
            cast(_Patient, kept.sock).begin()
            try:
                return self._exchange(kept, method, path, headers, body)
            except P1Error as error:
                if error.reason != "reset":
                    raise
        return self._exchange(self._connect(), method, path, headers, body)

    def close(self) -> None:
        """Hang up."""
        if self._kept:
            self._kept.close()
            self._kept = None

    def _connect(self) -> http.client.HTTPConnection:
        raw = connect(self._host, self._port, self._clock)
        patient = _Patient(raw, self._clock, self._wait)
        if self._context:
            try:
                patient.encrypt(self._context, self._name)
            except BaseException:
                patient.close()
                raise
        connection = http.client.HTTPConnection(self._host, self._port)
        connection.auto_open = 0
        connection.sock = cast(socket, patient)  # all of it that http.client uses
        return connection

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        try:
            answer = _answer(connection, method, path, headers, body)
        except P1Error:
            connection.close()
            raise
        if connection.sock:
            self._kept = connection
        return answer


def _answer(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> Answer:
    try:
        connection.request(method, path, body, dict(headers))
        with connection.getresponse() as response:
            content, missing = response.read(MOST_BYTES + 1), response.length
    except http.client.RemoteDisconnected as error:
        raise P1Error("reset", "it hung up without an answer") from error
    except (http.client.HTTPException, ValueError) as error:
        raise P1Error("mismatch", f"not an answer of HTTP: {type(error).__name__}") from error
    except OSError as error:
        raise P1Error("reset", str(error)) from error
    if len(content) > MOST_BYTES or missing:
        raise P1Error("mismatch", "the answer is too long or cut short")
    return Answer(response.status, content)


class _Patient:
    """A socket for ``http.client`` whose waits end at one deadline, or when we are to stop."""

    def __init__(self, raw: socket, clock: Clock, wait: Callable[[float], bool]) -> None:
        self._socket, self._clock, self._wait = raw, clock, wait
        self._readers, self._is_closed = 0, False
        self.begin()

    def begin(self) -> None:
        """Set the deadline of what follows."""
        self._deadline_s = self._clock.monotonic_s() + ANSWER_S

    def encrypt(self, context: ssl.SSLContext, name: str) -> None:
        """Speak TLS with a device whose certificate has this name."""
        try:
            tls = context.wrap_socket(
                self._socket, server_hostname=name, do_handshake_on_connect=False
            )
            self._socket = tls
            self.patiently(tls.do_handshake)
        except ssl.SSLCertVerificationError as error:
            raise P1Error("certificate", error.verify_message or str(error)) from error
        except (OSError, ValueError) as error:
            raise P1Error("tls", f"no TLS there: {error}") from error

    def patiently(self, call: Callable[[], T]) -> T:
        """Return what a call returns, which is repeated while the socket's slice of time runs out.

        Raises:
            P1Error: the deadline is over, or the program is to stop.
        """
        while (left_s := self._deadline_s - self._clock.monotonic_s()) > 0:
            if self._wait(0.0):
                raise P1Error("stopped", "the program is to stop")
            self._socket.settimeout(min(left_s, SLICE_S))
            with contextlib.suppress(TimeoutError):
                return call()
        raise P1Error("timeout", f"no answer within {ANSWER_S:.0f} s")

    def receive_into(self, buffer: "WriteableBuffer") -> int:
        """Read what has come."""
        return self.patiently(lambda: self._socket.recv_into(buffer))

    # The names that http.client uses.

    def sendall(self, data: bytes) -> None:
        """Send a request, which is short."""
        self._socket.settimeout(SLICE_S)
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise P1Error("timeout", "the request could not be sent") from error

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the answer, to be read."""
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Hang up, as soon as the answer has been read: http.client closes before it reads."""
        self._is_closed = True
        if not self._readers:
            self._socket.close()

    def reader_closed(self) -> None:
        """Note that an answer has been read."""
        self._readers -= 1
        if self._is_closed:
            self.close()


class _Reader(io.RawIOBase):
    """The receiving side of a socket as a file."""

    def __init__(self, patient: _Patient) -> None:
        self._patient = patient

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read what has come, at least one byte unless the other side has hung up."""
        return self._patient.receive_into(buffer)

    def close(self) -> None:
        """Be done with the answer."""
        if not self.closed:
            self._patient.reader_closed()
        super().close()
