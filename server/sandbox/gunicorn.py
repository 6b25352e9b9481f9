"""The API behind gunicorn, as a private server."""

import contextlib
import http.client
import socket
import ssl
import sys
from pathlib import Path

from server.sandbox.authority import Certificate
from server.sandbox.process import ROOT, PortTakenError, Server, environment


class Gunicorn(Server):
    """The API behind gunicorn, on TLS at localhost or on plain HTTP at 127.0.0.1.

    Args:
        log: the file for what it and the app log.
        settings: the app's environment variables.
        certificate: serve TLS with it; None: plain HTTP.
        port: 0 takes a free one, which stays over restarts.
        app: what it serves.
    """

    def __init__(
        self,
        log: Path,
        settings: dict[str, str],
        certificate: Certificate | None = None,
        port: int = 0,
        workers: int = 1,
        threads: int = 4,
        app: str = "server:create_app()",
    ):
        super().__init__(log)
        self.settings, self.certificate, self.port = settings, certificate, port
        self.size = ["--workers", workers, "--threads", threads]
        self.app = app

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        scheme, host = ("https", "localhost") if self.certificate else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.port}"

    def start(self) -> None:
        """Start it, and return when it answers ``/health`` with any status.

        Raises:
            PortTakenError: another process listens on the port.
        """
        with self._bind() as listener:
            argv: list[object] = [sys.executable, "-m", "gunicorn", self.app]
            argv += ["--bind", f"fd://{listener.fileno()}", "--worker-class", "gthread", *self.size]
            argv += ["--graceful-timeout", "5", "--no-control-socket"]
            if self.certificate:
                argv += ["--certfile", self.certificate.cert, "--keyfile", self.certificate.key]
            fds, env = (listener.fileno(),), environment(**self.settings)
            # Our copy is closed once the child has its own: the port must not outlive the child.
            self._launch(argv, env, lambda: self._answers(listener), pass_fds=fds, cwd=ROOT)

    def check_port(self) -> None:
        """Raise ``PortTakenError`` if another process listens on the port."""
        self._bind().close()

    def _bind(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self.port))
        except OSError as error:
            listener.close()
            raise PortTakenError(f"port {self.port} of 127.0.0.1: {error.strerror}") from error
        self.port = listener.getsockname()[1]
        return listener

    def _answers(self, listener: socket.socket) -> bool:
        listener.close()
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        if self.certificate:
            trust = ssl.create_default_context(cafile=self.certificate.ca)
            client = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5, context=trust)
        with contextlib.closing(client):
            try:
                client.request("GET", "/health")
                client.getresponse().read()
            except (OSError, http.client.HTTPException):
                return False
        return True
