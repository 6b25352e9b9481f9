"""A TLS-terminating proxy before the real server that harms most requests, in many ways.

The ways are in ``faults``. Which one a request meets is decided by a seeded die, for the first
request of a connection before its TLS handshake begins, since some ways harm that. ``rule`` lets a
test answer in the server's place: a stand-in for a server that is broken in one point.
"""

import contextlib
import json
import random
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable

from server.sandbox import Certificate
from tests.chaos.faults import BEFORE_TLS, FAULTS, pass_on
from tests.chaos.http_message import Message, read_message

Rule = Callable[[dict], tuple[int, dict] | None]


class FaultProxy:
    """Listens on a free port of localhost; use it as a context.

    Args:
        upstream: host and port of the server, plain HTTP.
        certificate: for localhost.
        share: of the requests that are harmed; may be changed at any time.
        seed: of the die.

    Attributes:
        counts: harmed requests by the name of the harm; ``unharmed`` and ``server_away`` beside.
        trapped: connections to the place that every redirect names; must stay 0.
        rule: gets the content of a batch, gives a status and content, or None to let it pass.
    """

    def __init__(
        self,
        upstream: tuple[str, int],
        certificate: Certificate,
        share: float = 0.75,
        seed: int = 1,
    ):
        self.upstream, self.share = upstream, share
        self.counts: Counter[str] = Counter()
        self.trapped = 0
        self.rule: Rule = lambda _: None
        self.stopping = threading.Event()
        self.former: dict[str, bytes] = {}  # by token: the last true answer
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.cert, certificate.key)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._trap = socket.create_server(("127.0.0.1", 0))
        self.port, self.trap_port = (s.getsockname()[1] for s in (self._listener, self._trap))
        self._open: set[socket.socket] = set()
        self._late: set[threading.Thread] = set()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def requests(self) -> int:
        """Return how many requests there were, those that died in the handshake included."""
        return sum(n for name, n in self.counts.items() if name != "server_away")

    @property
    def harmed(self) -> int:
        return self.requests - self.counts["unharmed"]

    def __enter__(self) -> "FaultProxy":
        for listener, take in ((self._listener, self._serve), (self._trap, self._spring)):
            threading.Thread(target=self._accept_loop, args=(listener, take), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for listener in (self._listener, self._trap):
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            for peer in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(peer, socket.SHUT_RDWR)
        self.settle()

    def settle(self) -> None:
        """Wait until every delayed delivery has been made."""
        while self._late:
            with contextlib.suppress(KeyError):
                self._late.pop().join()

    def later(self, seconds: float, deliver: Callable[[], object]) -> None:
        """Deliver after some seconds, whether the client is still there or not."""

        def run() -> None:
            self.stopping.wait(seconds)
            deliver()

        thread = threading.Thread(target=run)
        thread.start()
        with self._lock:
            self._late = {t for t in self._late if t.is_alive()} | {thread}

    def count(self, name: str) -> None:
        with self._lock:
            self.counts[name] += 1

    def _accept_loop(self, listener: socket.socket, take: Callable[..., None]) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                threading.Thread(target=take, args=(peer,), daemon=True).start()

    def _spring(self, peer: socket.socket) -> None:
        self.trapped += 1
        peer.close()

    def _serve(self, peer: socket.socket) -> None:
        first = self._choose(BEFORE_TLS | FAULTS)
        peer.settimeout(30)
        with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as ends:
            ends.callback(peer.close)
            if first in BEFORE_TLS:
                self.count(first)
                BEFORE_TLS[first](peer)
                return
            peer = self._context.wrap_socket(peer, server_side=True, do_handshake_on_connect=False)
            ends.callback(peer.close)
            with self._lock:
                self._open.add(peer)
            ends.callback(self._open.discard, peer)
            peer.do_handshake()
            self._converse(peer, first)

    def _converse(self, peer: ssl.SSLSocket, name: str) -> None:
        with peer.makefile("rb") as stream:
            while (request := read_message(stream)) is not None:
                self.count(name)
                fault = FAULTS.get(name, pass_on)
                if not fault(Exchange(self, peer, request)) or self.stopping.is_set():
                    return
                name = self._choose(FAULTS)

    def _choose(self, ways: dict) -> str:
        with self._lock:
            harmed = self._dice.random() < self.share
            return self._dice.choice(list(ways)) if harmed else "unharmed"

    def roll(self, low: float, high: float) -> float:
        """Return a number of the seeded die."""
        with self._lock:
            return self._dice.uniform(low, high)


class Exchange:
    """One request, and what a fault can do with it."""

    def __init__(self, proxy: FaultProxy, peer: ssl.SSLSocket, request: Message):
        self.proxy, self.peer, self.request = proxy, peer, request
        batch = request.json()
        self.batch = batch if isinstance(batch, dict) else {}
        self.batch_id = self.batch.get("batch_id", "none")
        self.size = len(self.batch.get("samples", ()))

    def forward(self, request: Message | None = None) -> Message:
        """Hand the request to the server; a 502 where it does not answer."""
        ruled = self.proxy.rule(self.batch) if self.batch else None
        if ruled is not None:
            return Message.answer(*ruled)
        try:
            answer = self._ask(request or self.request)
        except OSError:
            answer = None
        if answer is None:
            self.proxy.count("server_away")
            return Message.answer(502, b"<h1>Bad Gateway</h1>", {"Content-Type": "text/html"})
        return answer

    def former(self) -> bytes | None:
        """Return the last true answer to this client, and remember nothing."""
        return self.proxy.former.get(self.request.headers.get("authorization", ""))

    def remember(self, answer: Message) -> None:
        self.proxy.former[self.request.headers.get("authorization", "")] = answer.raw

    def send(self, data: bytes) -> None:
        self.peer.sendall(data)

    def send_below_tls(self, data: bytes) -> None:
        socket.socket.send(self.peer, data)

    def answer(self, status: int, content: object = b"", headers: dict | None = None) -> bool:
        """Answer in the server's place, and keep the connection."""
        self.send(Message.answer(status, content, headers).raw)
        return True

    def reset(self) -> None:
        """Make the connection end with a TCP reset when it is closed."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    def wait_until_gone(self, most_s: float = 20.0) -> None:
        """Wait until the client has hung up."""
        self.peer.settimeout(most_s)
        while self.peer.recv(65_536):
            pass

    def verdict(self, **changes: object) -> bytes:
        """Return the content that would be the proof of this batch, with changes."""
        proof = {"batch_id": self.batch_id, "inserted": self.size, "duplicates": 0, "conflicts": []}
        return json.dumps(proof | changes).encode()

    def _ask(self, request: Message) -> Message | None:
        with socket.create_connection(self.proxy.upstream, 20) as upstream:
            upstream.sendall(request.raw)
            with upstream.makefile("rb") as stream:
                return read_message(stream)
