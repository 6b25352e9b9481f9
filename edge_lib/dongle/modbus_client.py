"""One Modbus connection that takes nothing on trust: pyModbusTCP's client, made strict.

Runs in the poll thread, for ``inverter``.
"""

import contextlib
import socket
import struct

from pyModbusTCP.client import ModbusClient
from pyModbusTCP.constants import (
    MB_EXCEPT_ERR,
    MB_SEND_ERR,
    MB_SOCK_CLOSE_ERR,
    MB_TIMEOUT_ERR,
    READ_INPUT_REGISTERS,
)

from edge_lib.clock import Clock

# For the code of an exception that announces one byte too few: it comes in the same segment.
_STRAY_BYTE_S = 0.1
_MOST_STRAYS = 16  # bytes behind an exception: enough for a second one
_HEADER_BYTES = 7
_REASONS = {MB_TIMEOUT_ERR: "timeout", MB_SEND_ERR: "reset", MB_SOCK_CLOSE_ERR: "reset"}
# Silence of the peer shows in the next request's time-out; these are for a longer poll interval.
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))


class InverterError(Exception):
    """This poll failed; the next one may not.

    ``reason`` is a short word for counting: unreachable, timeout, reset, mismatch, exception_N,
    stopped, or locked where another command of this machine talks to the dongle. The text names the
    block, its registers and the cause.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason

    def place(self, where: str) -> None:
        """Put before the text what was requested."""
        self.args = (f"{where}: {self}",)


class Refusal(InverterError):
    """The unit answered with an exception: the connection is sound, the request was not served.

    ``code`` is 0 where the unit sent none.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"exception_{code}", f"exception {code}")
        self.code = code


class Wire(ModbusClient):  # type: ignore[misc]  # an untyped base
    """pyModbusTCP's client, with what it leaves open closed.

    It compares transaction id, protocol and unit, and the byte count with the bytes that came. It
    does not look at the function of an answer, takes more words than were asked for, leaves what
    follows a frame in the socket, where it would be read as the next answer, and cannot distinguish
    a reset from a mismatch. Its time limit starts again with each byte, its transaction ids are
    random and may repeat, a name that does not resolve raises out of it, and a socket with the
    descriptor 0 counts as closed.

    Some WiNet-S firmware sends an exception of three bytes under a header that announces two. The
    third is its code, and is read as such. What follows is thrown away: it answers nothing, and the
    exception is valid without it. Source: sungrowlib (module M_WiNet-S_V01_V01_A), and the bytes in
    pymodbus#1924 and #2151.

    Attributes:
        sent_s: monotonic time at which the last request had left; -inf before the first.
    """

    def __init__(self, host: str, port: int, unit_id: int, timeout_s: float, clock: Clock) -> None:
        super().__init__(host, port, unit_id, timeout_s, auto_open=False, auto_close=False)
        self._clock = clock
        self._deadline_s = 0.0
        self._requests = 0
        self._answer = b""
        self._was_refused = False  # the last request
        self.sent_s = float("-inf")

    @property
    def is_open(self) -> bool:
        """Return whether there is a connection, as far as this side knows."""
        return self._sock.fileno() >= 0

    def connect(self) -> None:
        """Open the connection within the time limit; looking the name up comes on top of it."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise InverterError("unreachable", f"{self.host}: {error}") from error
        self._deadline_s = self._clock.monotonic_s() + self.timeout
        self._was_refused = False
        cause: OSError | None = None
        for i, (family, kind, protocol, _, address) in enumerate(found):
            share_s = (self._deadline_s - self._clock.monotonic_s()) / (len(found) - i)
            try:
                self._sock = socket.socket(family, kind, protocol)
                self._sock.settimeout(max(share_s, 0.01))
                self._sock.connect(address)
                self._tune()
            except OSError as error:
                self.close()
                cause = error
            else:
                return
        raise InverterError("unreachable", f"{self.host} port {self.port}: {cause}") from cause

    def _tune(self) -> None:
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, number in _KEEPALIVE:
            self._sock.setsockopt(socket.IPPROTO_TCP, option, number)

    def unread(self) -> bytes | None:
        """Return a byte that was not requested, b"" if the peer has hung up, None if all is quiet.

        What came behind an exception is thrown away first.
        """
        try:
            self._sock.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                if self._was_refused:
                    self._sock.recv(_MOST_STRAYS)
                return self._sock.recv(1, socket.MSG_PEEK)
            self._sock.settimeout(self.timeout)
        except OSError:
            return b""
        return None

    def read(self, address: int, count: int) -> list[int]:
        """Return ``count`` input registers from the wire address on.

        Raises:
            Refusal: The unit does not serve them; the next request may follow on this connection.
            InverterError: The connection cannot be trusted any more and must be dropped.
        """
        self._deadline_s = self._clock.monotonic_s() + self.timeout
        if self.unread():
            raise InverterError("mismatch", "bytes that were not requested")
        words: list[int] = self.read_input_registers(address, count)  # None where it failed
        refused = self.last_error == MB_EXCEPT_ERR
        if not words and not refused:
            text = f"{self.last_error_as_txt}, answer {self._answer.hex() or 'none'}"
            raise InverterError(_REASONS.get(self.last_error, "mismatch"), text)
        # The library's verdict is kept; what it did not compare is compared here.
        head = (READ_INPUT_REGISTERS, 2 * count)
        if refused:
            head = (READ_INPUT_REGISTERS | 0x80, self.last_except)
        if self._answer[7:9] != bytes(head) or (refused and len(self._answer) != 9):
            raise InverterError("mismatch", f"no answer to this request: {self._answer.hex()}")
        if refused:
            self._was_refused = True
            raise Refusal(self.last_except)
        if self.unread():
            raise InverterError("mismatch", "bytes behind the answer")
        return words

    def on_tx_rx(self, frame: bytes, is_tx: bool) -> None:
        """Keep the frame of the answer; the library calls this with each whole frame."""
        self._answer = b"" if is_tx else frame

    def _add_mbap(self, pdu: bytes) -> bytes:
        # Counted, so that a late answer's id cannot come again before 65,536 requests.
        self._requests = (self._requests + 1) & 0xFFFF
        frame: bytes = super()._add_mbap(pdu)
        self._transaction_id = self._requests
        return struct.pack(">H", self._requests) + frame[2:]

    def _send(self, frame: bytes) -> None:
        super()._send(frame)
        self.sent_s = self._clock.monotonic_s()

    def _recv_all(self, size: int) -> bytes:
        answer: bytes = super()._recv_all(size)
        if size == _HEADER_BYTES and self._was_refused:
            self._was_refused = False
            answer = self._without_strays(answer)
        # A body of one byte, and that an exception's: the header left out the code.
        if size == 1 and answer[0] & 0x80:
            answer += self._code_behind_the_frame()
        return answer

    def _without_strays(self, header: bytes) -> bytes:
        """Leave out what the dongle sent behind its last exception only after this request."""
        begin = struct.pack(">HH", self._requests, 0)  # transaction and protocol
        for _ in range(_MOST_STRAYS):
            if header.startswith(begin):
                break
            header = header[1:] + self._recv(1)
        return header

    def _code_behind_the_frame(self) -> bytes:
        deadline_s = self._deadline_s
        self._deadline_s = min(deadline_s, self._clock.monotonic_s() + _STRAY_BYTE_S)
        try:
            return self._recv(1)
        except InverterError:  # nothing more comes, or it comes too late
            return bytes(1)
        finally:
            self._deadline_s = deadline_s

    def _recv(self, size: int) -> bytes:
        # One deadline for the whole answer: a dongle that drips bytes must not stretch it.
        left_s = self._deadline_s - self._clock.monotonic_s()
        try:
            if left_s <= 0:
                raise TimeoutError
            self._sock.settimeout(left_s)
            received = self._sock.recv(size)
        except TimeoutError as error:
            raise InverterError("timeout", f"no answer within {self.timeout} s") from error
        except OSError as error:
            raise InverterError("reset", str(error)) from error
        if not received:
            raise InverterError("reset", "the dongle hung up")
        return received
