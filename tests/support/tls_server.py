"""A real HTTPS server whose every answer is scripted, good or evil, and its own little CA.

A script is a function that takes the ``Wire`` of a request and writes what it likes to it. The
server records what it received after the handshake, so that a test can see what a client gave away.
"""

import contextlib
import json
import socket
import socketserver
import ssl
import subprocess
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import NamedTuple

_CONFIG = """
[ca]
default_ca = own
[own]
dir = {folder}
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


class Certificate(NamedTuple):
    """The files of a certificate and its key, both PEM."""

    cert: Path
    key: Path


class Authority:
    """A certificate authority in a folder, made by the openssl command."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self._folder, self.ca_file = folder, folder / "ca.pem"
        (folder / "index.txt").touch()
        (folder / "ca.conf").write_text(_CONFIG.format(folder=folder))
        self._openssl(
            *("req", "-x509", "-extensions", "authority", "-subj", "/CN=test authority"),
            *("-keyout", "ca.key", "-out", "ca.pem", "-days", "30"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        )

    def certificate(
        self, name: str, start: str = "", end: str = "", alt: str = "DNS:localhost,IP:127.0.0.1"
    ) -> Certificate:
        """Issue one; ``start`` and ``end`` like 20200101000000Z, by default from now, 30 days."""
        self._openssl(
            *("req", "-new", "-subj", f"/CN={name}", "-addext", f"subjectAltName={alt}"),
            *("-keyout", f"{name}.key", "-out", f"{name}.csr"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        )
        times = ("-startdate", start, "-enddate", end) if start else ("-days", "30")
        self._openssl(
            *("ca", "-batch", "-notext", "-cert", "ca.pem", "-keyfile", "ca.key"),
            *("-in", f"{name}.csr", "-out", f"{name}.pem", *times),
        )
        return Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")

    def _openssl(self, command: str, *args: str) -> None:
        line = ["openssl", command, "-config", "ca.conf", *args]
        subprocess.run(line, cwd=self._folder, check=True, capture_output=True)


class Recorded(NamedTuple):
    """One request as it arrived; ``connection`` counts from 1."""

    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> object:
        return json.loads(self.body)


class Wire:
    """What a script can do to the client."""

    def __init__(self, request: Recorded, handler: BaseHTTPRequestHandler, stop: threading.Event):
        self.request, self._handler, self._stop = request, handler, stop

    def send(self, data: bytes) -> None:
        self._handler.wfile.write(data)

    def close(self) -> None:
        """Close after this script, with a proper end."""
        self._handler.close_connection = True

    def reset(self) -> None:
        """Break the connection off with a TCP reset, now."""
        sock = self._handler.connection
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        socket.socket.close(sock)
        self._handler.close_connection = True

    def wait(self, seconds: float) -> bool:
        """Wait; True: the server is being stopped."""
        return self._stop.wait(seconds)


Script = Callable[[Wire], None]


def answer(
    status: int, content: object = b"", headers: dict | None = None, length: bool = True
) -> Script:
    """Return a script that answers properly; anything but bytes goes as JSON."""

    def script(wire: Wire) -> None:
        wire.send(message(status, content, headers, length))
        if not length:
            wire.close()

    return script


def message(
    status: int, content: object = b"", headers: dict | None = None, length: bool = True
) -> bytes:
    """Return the bytes of an answer, with a Date unless ``headers`` names one (None: none)."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    fields = {"Date": formatdate(time.time(), usegmt=True), "Content-Type": "application/json"}
    fields |= {"Content-Length": str(len(body))} if length else {"Connection": "close"}
    fields |= headers or {}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    head = "\r\n".join([f"HTTP/1.1 {status} Scripted", *lines, "", ""])
    return head.encode("latin-1") + body


def raw(data: bytes) -> Script:
    """Send just these bytes, then close."""

    def script(wire: Wire) -> None:
        wire.send(data)
        wire.close()

    return script


def drip(data: bytes, every_s: float = 0.05) -> Script:
    """Send one byte at a time, and start anew at the end: it never ends by itself."""

    def script(wire: Wire) -> None:
        while True:
            for byte in data:
                if wire.wait(every_s):
                    wire.close()
                    return
                wire.send(bytes([byte]))

    return script


def reset(wire: Wire) -> None:
    wire.reset()


def flood(megabytes: int, head: bytes) -> Script:
    """Send the head and then zeros, as long as anybody takes them."""

    def script(wire: Wire) -> None:
        wire.send(head)
        for _ in range(megabytes):
            wire.send(bytes(1 << 20))

    return script


class TlsServer(socketserver.ThreadingTCPServer):
    """Serves on a free port; requests meet the scripts one by one, then ``default``."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, certificate: Certificate, default: Script | None = None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.cert, certificate.key)
        self.scripts: deque[Script] = deque()
        self.default = default or answer(200, {})
        self.requests: list[Recorded] = []
        self.connections = self.handshakes = 0
        self.received = bytearray()  # every byte that came through TLS
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def speak_only_tls_1_1(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.context.minimum_version = ssl.TLSVersion.TLSv1
            self.context.maximum_version = ssl.TLSVersion.TLSv1_1
        self.context.set_ciphers("ALL:@SECLEVEL=0")

    def answers(self, *scripts: Script) -> None:
        """Queue the next answers."""
        self.scripts.extend(scripts)

    def __enter__(self) -> "TlsServer":
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        self.hang_up()
        self.server_close()

    def hang_up(self) -> None:
        """Close every open connection, as a server that restarts does."""
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def get_request(self) -> tuple[socket.socket, object]:
        sock, address = super().get_request()
        with self._lock:
            self.connections += 1
        # The handshake happens in the handler's thread: it may never come.
        tls = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(tls)
        return tls, address

    def shutdown_request(self, request: socket.socket) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: most errors here are a client that rightly hung up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    server: TlsServer

    def setup(self) -> None:
        self.request.do_handshake()
        self.server.handshakes += 1
        self.number = self.server.connections
        super().setup()
        self.rfile = _Tap(self.rfile, self.server.received)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Recorded(self.number, self.command, self.path, dict(self.headers), body)
        self.server.requests.append(request)
        script = self.server.scripts.popleft() if self.server.scripts else self.server.default
        script(Wire(request, self, self.server.stopping))

    do_GET = do_POST  # noqa: N815 - the name is http.server's

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Tap:
    """A file that keeps a copy of all that is read from it."""

    def __init__(self, file: object, copy: bytearray):
        self._file, self._copy = file, copy

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def read(self, count: int) -> bytes:
        data = self._file.read(count)
        self._copy += data
        return data

    def readline(self, limit: int = -1) -> bytes:
        data = self._file.readline(limit)
        self._copy += data
        return data


class Sink:
    """A plain TCP listener that takes every connection and never says a word."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self._taken: list[socket.socket] = []
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> "Sink":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A listener that is only closed does not wake its accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for sock in self._taken:
            sock.close()

    def _listen(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._taken.append(sock)
