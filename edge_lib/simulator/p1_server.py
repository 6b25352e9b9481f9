"""Serves a simulated meter: raw telegrams by TCP, each second; a HomeWizard by HTTP, HTTPS."""

import contextlib
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self

from edge_lib.simulator.grid_meter import MeterView
from edge_lib.simulator.p1_shapes import data_v1, measurement_v2, telegram

TOKEN = "00112233445566778899AABBCCDDEEFF"  # noqa: S105 - of a meter that does not exist
EVERY_S = 1.0
FAULTS = {"bad_crc", "cut", "silence", "no_crc"}
_STOP_S = 1.0

View = Callable[[], MeterView]


class _Server(socketserver.ThreadingTCPServer):
    """Listens from ``start`` to ``stop``, which leaves no thread behind; a context too."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: Callable[..., Any], port: int) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.stopping = threading.Event()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._guard = threading.Lock()
        self._listening: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Listen, in a thread of its own."""
        self._listening = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._listening.start()

    def stop(self) -> None:
        """Hang up on everybody, and stop listening."""
        self.stopping.set()
        if self._listening:
            self.shutdown()
            self._listening.join(_STOP_S)
        self.server_close()
        with self._guard:
            open_ones = dict(self._connections)
        for thread, connection in open_ones.items():
            with contextlib.suppress(OSError):  # it may have ended by itself meanwhile
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(_STOP_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection, in its own thread, which ``stop`` knows."""
        with self._guard:
            self._connections[threading.current_thread()] = request
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._guard:
                del self._connections[threading.current_thread()]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client has hung up."""


class TelegramServer(_Server):
    """A meter behind ser2net.

    Attributes:
        faults: of ``FAULTS``, what is wrong with its telegrams; may be changed at any time.
        clock_off_s: how far the meter's clock is off; likewise.
    """

    def __init__(self, view: View, port: int = 0, every_s: float = EVERY_S) -> None:
        super().__init__(_TelegramHandler, port)
        self.view, self.every_s = view, every_s
        self.faults: set[str] = set()
        self.clock_off_s = 0.0

    def telegram(self) -> bytes:
        """Return what goes out now: with the faults; b"" where the meter is silent."""
        unknown = self.faults - FAULTS
        if unknown:
            raise ValueError(f"{sorted(unknown)} are not faults of a meter")
        data = telegram(self.view(), self.clock_off_s)
        if "bad_crc" in self.faults:
            data = data[:30] + bytes([data[30] ^ 1]) + data[31:]  # as a disturbed line does
        if "no_crc" in self.faults:
            data = data[:-6] + b"\r\n"
        if "cut" in self.faults:
            data = data[: len(data) // 2]
        return b"" if "silence" in self.faults else data


class _TelegramHandler(socketserver.BaseRequestHandler):
    server: TelegramServer

    def handle(self) -> None:
        """Send telegrams until either side hangs up."""
        while not self.server.stopping.wait(self.server.every_s):
            self.request.sendall(self.server.telegram())


class HomeWizardServer(_Server):
    """A HomeWizard P1 dongle: the API of version 1 by HTTP; by HTTPS that of version 2.

    Attributes:
        pair_after: so many requests for a token are refused before somebody presses the button.
        enabled: whether the local API of version 1 is switched on.
    """

    def __init__(
        self, view: View, port: int = 0, certificate: tuple[Path, Path] | None = None
    ) -> None:
        """Prepare.

        Args:
            view: shows the meter.
            port: to listen on; 0: a free one.
            certificate: PEM files of certificate and key; makes it a server of version 2.
        """
        super().__init__(_HomeWizardHandler, port)
        self.view, self.enabled, self.pair_after = view, True, 1
        self.context: ssl.SSLContext | None = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; the handshake is made by its own thread."""
        connection, address = super().get_request()
        if self.context:
            connection = self.context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address


class _HomeWizardHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: HomeWizardServer

    def do_GET(self) -> None:
        """Answer with a measurement."""
        if self.server.context is None:
            if self.path != "/api/v1/data":
                self._answer(404, {})
            elif self.server.enabled:
                self._answer(200, data_v1(self.server.view()))
            else:
                self._answer(403, {"error": {"id": 202, "description": "API not enabled"}})
        elif self.path != "/api/measurement":
            self._answer(404, {"error": {"code": "request:not-found"}})
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, {"error": {"code": "user:unauthorized"}})
        else:
            self._answer(200, measurement_v2(self.server.view()))

    def do_POST(self) -> None:
        """Make a token, once the button is pressed."""
        name = self._name()
        if self.server.context is None or self.path != "/api/user":
            self._answer(404, {})
        elif self.server.pair_after > 0:
            self.server.pair_after -= 1
            self._answer(403, {"error": {"code": "user:creation-not-enabled"}})
        elif not name.startswith("local/"):
            self._answer(400, {"error": {"code": "request:invalid"}})
        else:
            self._answer(200, {"token": TOKEN, "name": name})

    def _name(self) -> str:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            content = json.loads(body)
        except ValueError:
            return ""
        return str(content.get("name")) if type(content) is dict else ""

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
