"""A byte proxy before a Modbus server: it breaks the wire on demand and notes each request.

Values are the server's business; this file knows frames, not registers. Each fault is a ``Fault``:
what goes out in place of the true answer, how it is cut, and what becomes of the connection.
"""

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

LISTEN = ("127.0.0.1", 0)


class Seen(NamedTuple):
    """A request as it came over the wire, with the monotonic times around it."""

    asked_s: float  # its last byte is here
    answered_s: float  # just before the last bytes of the answer go out
    connection: int  # counts the accepted connections from 1
    function: int
    address: int
    count: int


class Fault(NamedTuple):
    """A way to answer wrongly; the default one answers rightly."""

    name: str
    change: Callable[[bytes, bytes], bytes] = lambda answer, _former: answer
    before_s: float = 0.0
    piece: int = 0  # bytes at a time, 0 = all
    between_s: float = 0.0
    after: str = ""  # "close" or "reset" the connection


def _header(answer: bytes, **fields: int) -> bytes:
    names = ("transaction", "protocol", "length", "unit")
    values = dict(zip(names, struct.unpack(">HHHB", answer[:7]), strict=True)) | fields
    return struct.pack(">HHHB", *values.values()) + answer[7:]


def exception(code: int, function: int = 0x84) -> Fault:
    """An exception answer; code 0 was seen from real dongles though no document knows it."""
    body = bytes((function, code))
    return Fault(f"exception {code}", lambda a, _: _header(a, length=3)[:7] + body)


def short_exception(code: int, stray: bool = True, late_s: float = 0.0) -> Fault:
    """An exception whose header announces one byte too few; its code follows, or does not."""
    body = bytes((0x84, code))[: 1 + stray]
    return Fault(
        f"short exception {code}{'' if stray else ' without its code'}",
        lambda a, _: _header(a, length=2)[:7] + body,
        piece=8 if late_s else 0,
        between_s=late_s,
    )


def _payload(answer: bytes, payload: bytes) -> bytes:
    body = bytes((answer[7], len(payload))) + payload
    return _header(answer, length=1 + len(body))[:7] + body


SILENCE = Fault("silence", lambda _a, _f: b"")
HALF = Fault("half an answer", lambda a, _: a[: len(a) // 2])
SLOW = Fault("slow", before_s=0.15)
FRAGMENTS = Fault("fragments", piece=1, between_s=0.0005)
DRIP = Fault("drips for longer than the time limit", piece=1, between_s=0.1)
RESET = Fault("reset", lambda _a, _f: b"", after="reset")
RESET_HALFWAY = Fault("reset halfway", lambda a, _: a[:12], after="reset")
HANG_UP = Fault("hang up", lambda _a, _f: b"", after="close")
HANG_UP_AFTER = Fault("hang up after the answer", after="close")
FORMER = Fault("the former request's answer", lambda _a, former: former)
FORMER_FIRST = Fault("a late answer before the true one", lambda a, former: former + a)
TWICE = Fault("the answer twice", lambda a, _: a + a)
MISMATCHES = (
    FORMER,
    FORMER_FIRST,
    Fault("the former request's words under this one's id", lambda a, former: a[:2] + former[2:]),
    TWICE,
    Fault("wrong transaction", lambda a, _: _header(a, transaction=(a[0] << 8 | a[1]) ^ 1)),
    Fault("wrong protocol", lambda a, _: _header(a, protocol=7)),
    Fault("wrong unit", lambda a, _: _header(a, unit=a[6] + 1)),
    Fault("wrong function", lambda a, _: a[:7] + b"\x03" + a[8:]),
    Fault("exception of another function", exception(2, 0x83).change),
    Fault("exception, padded", lambda a, f: _header(exception(2).change(a, f) + b"\0", length=4)),
    Fault("byte count too big", lambda a, _: a[:8] + bytes((a[8] + 2,)) + a[9:]),
    Fault("byte count too small", lambda a, _: a[:8] + bytes((a[8] - 2,)) + a[9:]),
    Fault("byte count odd", lambda a, _: a[:8] + bytes((a[8] - 1,)) + a[9:]),
    Fault("more words than asked for", lambda a, _: _payload(a, a[9:] + b"\0\0")),
    Fault("fewer words than asked for", lambda a, _: _payload(a, a[9:-2])),
    Fault("padded frame", lambda a, _: _header(a + b"\0\0", length=len(a) - 4)),
    Fault("bytes behind the frame", lambda a, _: a + b"\0\0"),
    Fault("length 0", lambda a, _: _header(a, length=0)),
    Fault("length 1", lambda a, _: _header(a, length=1)),
    Fault("length 2", lambda a, _: _header(a, length=2)),
    Fault("length odd", lambda a, _: _header(a, length=len(a) - 7)),
    Fault("length 65535", lambda a, _: _header(a, length=65535)),
    Fault("no Modbus at all", lambda _a, _f: b"HTTP/1.1 400 Bad Request\r\n\r\n"),
)


def frame(peer: socket.socket) -> bytes:
    """Read one Modbus frame; b"" when the peer hangs up."""
    head = _exactly(peer, 6)
    return head + _exactly(peer, int.from_bytes(head[4:])) if head else b""


def _exactly(peer: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = peer.recv(size - len(got))
        if not more:
            return b""
        got += more
    return got


class WireProxy:
    """Listens on a free port; ``requests`` notes, ``once`` and ``always`` break.

    ``accepting`` False hangs up on each new connection; ``refuse()`` and ``listen()`` close and
    open the port itself.
    """

    def __init__(self, upstream: tuple[str, int], listen: tuple[str, int] = LISTEN) -> None:
        self.upstream = upstream
        self.requests: list[Seen] = []
        self.accepting = True
        self.accepted = 0
        self.most_open = 0
        self.faults: list[tuple[Fault, int | None, bool]] = []
        self._address = listen
        self._former = b""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.listen()

    @property
    def port(self) -> int:
        return self._address[1]

    def __enter__(self) -> "WireProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.refuse()
        with self._lock:
            for peer in self._open:
                with contextlib.suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def once(self, fault: Fault, address: int | None = None) -> None:
        """Answer the next request (that starts at this wire address) with the fault."""
        self.faults.append((fault, address, True))

    def always(self, fault: Fault, address: int | None = None) -> None:
        """Answer each request (that starts at this wire address) with the fault."""
        self.faults.append((fault, address, False))

    def listen(self) -> None:
        """Open the port."""
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._listener = socket.create_server(self._address, family=family)
        self._address = self._listener.getsockname()[:2]
        self._start(self._accept_loop, self._listener)

    def refuse(self) -> None:
        """Close the port: from now on a connect is refused."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def hang_up(self) -> None:
        """Close the connections that are open, as a dongle does to an idle client."""
        with self._lock:
            for peer in self._open:
                peer.shutdown(socket.SHUT_RDWR)

    def say(self, unasked: bytes) -> None:
        """Send bytes that answer nothing."""
        with self._lock:
            for peer in self._open:
                peer.sendall(unasked)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept_loop(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                self.accepted += 1
                if not self.accepting:
                    peer.close()
                    continue
                with self._lock:
                    self.most_open = max(self.most_open, 1 + sum(map(_alive, self._open)))
                    self._open.append(peer)
                self._start(self._serve, peer, self.accepted)

    def _serve(self, peer: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), socket.create_connection(self.upstream) as server:
            going = True
            while going and (request := frame(peer)):
                asked_s = time.monotonic()
                server.sendall(request)
                going = self._answer(peer, request, frame(server), number, asked_s)
        with self._lock:
            self._open.remove(peer)
        peer.close()

    def _answer(
        self, peer: socket.socket, request: bytes, answer: bytes, number: int, asked_s: float
    ) -> bool:
        """Send what the fault makes of the answer; False ends the connection."""
        function, address, count = struct.unpack(">BHH", request[7:12])
        fault = self._next_fault(address)
        changed = fault.change(answer, self._former or _header(answer, transaction=0xFFFE))
        self._former = answer
        self._stop.wait(fault.before_s)
        piece = fault.piece or max(len(changed), 1)
        starts = range(0, len(changed), piece)
        for start in starts[:-1]:
            peer.sendall(changed[start : start + piece])
            self._stop.wait(fault.between_s)
        seen = Seen(asked_s, time.monotonic(), number, function, address, count)
        self.requests.append(seen)
        peer.sendall(changed[starts[-1] :] if starts else b"")
        if fault.after == "reset":
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return not fault.after

    def _next_fault(self, address: int) -> Fault:
        for i, (fault, only, once) in enumerate(self.faults):
            if only in (None, address):
                if once:
                    del self.faults[i]
                return fault
        return Fault("none")


def _alive(peer: socket.socket) -> bool:
    """Return whether the peer still holds its end; its farewell may just be on the way."""
    poll = select.poll()
    poll.register(peer, select.POLLRDHUP)
    return not poll.poll(200)


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """Hold a port on which nobody listens."""
    with socket.socket() as held:
        held.bind(LISTEN)
        yield held.getsockname()[1]
