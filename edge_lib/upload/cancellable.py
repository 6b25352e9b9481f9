"""Below ``https``: connections that can be cut at any moment, and names for what breaks them."""

import errno
import os
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, IncompleteRead
from typing import Any

import requests
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError, SystemTimeWarning

_CERTIFICATE = {  # OpenSSL's X509_V_ERR_ codes
    9: "tls_not_yet_valid",
    10: "tls_expired",
    18: "tls_unknown_ca",  # signed by itself
    19: "tls_unknown_ca",  # so is one in its chain
    20: "tls_unknown_ca",  # issuer not found
    21: "tls_unknown_ca",  # no chain at all
    62: "tls_name",
    64: "tls_name",  # the same for an IP address
}
_HANDSHAKE = (  # parts of OpenSSL's reasons, and what they mean
    (
        ("INTERNAL_ERROR", "HANDSHAKE_FAILURE", "UNRECOGNIZED_NAME", "ACCESS_DENIED"),
        "the server broke it off, as one does that has no certificate for this name: check "
        "VPS_INGEST_URL, and on the server SITE_ADDRESS and its proxy's log",
    ),
    (
        ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW"),
        "it speaks neither TLS 1.2 nor 1.3: bring its proxy up to date",
    ),
    (
        ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH", "RECORD_LAYER_FAILURE"),
        "what answers there does not speak TLS: is it the port of plain HTTP? check VPS_INGEST_URL",
    ),
)
_SENTENCES = {
    "tls_expired": "its certificate has expired (or this machine's clock is wrong): renew it",
    "tls_not_yet_valid": "its certificate is not valid yet: this machine's clock is behind",
    "tls_name": "its certificate is for another name: check VPS_INGEST_URL, or have the server "
    "get one for this name (SITE_ADDRESS)",
    "tls_unknown_ca": "its certificate is signed by an authority unknown here: set VPS_CA_FILE to "
    "a copy of the CA that the server has now, or unset it where the certificate is a public one",
    "tls": "no TLS connection",
    "ca_file": "no certificates to verify the server with",
    "dns": "the name cannot be resolved: check VPS_INGEST_URL and the network",
    "refused": "nothing listens there: check VPS_INGEST_URL, and that the server runs",
    "unreachable": "it cannot be reached: check the network",
    "timeout": "no complete answer in time",
    "reset": "the connection broke before the answer",
    "half_answer": "the connection broke in the middle of the answer",
    "no_http": "what answers there does not speak HTTP",
    "too_big": "an answer far too large: not this project's server",
    "aborted": "given up, because the program ends",
    "url": "the address cannot be used: check VPS_INGEST_URL",
}

# urllib3 complains in plain text when the clock is years behind, as after a boot without a battery
# clock. The certificate then fails as "not valid yet", and that sentence says all there is to say.
warnings.filterwarnings("ignore", category=SystemTimeWarning)


class HttpsError(Exception):
    """No answer. ``reason`` is a name to count by, the text a sentence that a user can act on."""

    def __init__(self, reason: str, where: str, more: str = ""):
        self.reason = reason
        super().__init__(f"{where}: {_SENTENCES[reason]}{f' ({more})' if more else ''}")


class CancelScope:
    """Holds the socket of the request under way, to shut it down from another thread.

    Time limits of sockets do not help against a server that sends a byte now and then: they begin
    again with each. A socket that is shut down ends whatever waits on it, the handshake included.
    """

    def __init__(self, where: str):
        self._where = where
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._cause = ""
        self.meanwhile: Callable[[], None] | None = None  # what to do once a request is sent
        # For the edge's reports: when the certificate ends that was seen last, seconds since 1970,
        # and how many addresses of the server could not be reached.
        self.certificate_ends_s: float | None = None
        self.failed_addresses = 0

    @contextmanager
    def held_for(self, seconds: float) -> Iterator[None]:
        """Cut what happens inside when ``seconds`` are over."""
        timer = threading.Timer(seconds, self.cut, ("timeout",))
        timer.daemon = True
        with self._lock:
            self._cause = self._cause if self._cause == "aborted" else ""
        self.check()
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            self._let_go()

    def hold(self, sock: socket.socket) -> None:
        """Take this socket instead of the one before.

        Raises:
            HttpsError: too late.
        """
        self._let_go()
        with self._lock:
            # A duplicate: TLS takes the descriptor away from the object it wraps, and a number that
            # somebody else closes may already belong to another file when it is shut down.
            self._socket = socket.socket(fileno=os.dup(sock.fileno()))
        self.check()

    def cut(self, cause: str) -> None:
        """Shut the socket down; never waits."""
        with self._lock:
            self._cause = self._cause or cause
            if self._socket is not None:
                # Not SSLSocket.shutdown: that drops the encryption first, and what another thread
                # sends in this moment would leave in clear text.
                with suppress(OSError):  # it is down already
                    self._socket.shutdown(socket.SHUT_RDWR)

    def check(self) -> None:
        """Raise HttpsError if the request has been cut."""
        if self._cause:
            raise HttpsError(self._cause, self._where)

    def _let_go(self) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None


class Connection(HTTPSConnection):
    """A connection whose socket is in the scope from before its first packet on."""

    scope: CancelScope

    def connect(self) -> None:
        """Connect and verify; no byte of a request goes before."""
        where = f"{self.host}:{self.port}"
        try:
            super().connect()
            self.scope.certificate_ends_s = _end_of(self.sock)
        except ssl.SSLCertVerificationError as error:
            self.scope.check()
            reason = _CERTIFICATE.get(error.verify_code, "tls")
            raise HttpsError(reason, where, error.verify_message) from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self.scope.check()
            raise HttpsError("reset", where, "during the TLS handshake") from None
        except ssl.SSLError as error:
            self.scope.check()
            reason = str(error.reason)
            advice = (text for parts, text in _HANDSHAKE if any(part in reason for part in parts))
            raise HttpsError("tls", where, "; ".join([*advice, reason])) from None
        except OSError as error:
            self.scope.check()
            raise HttpsError(reason_of(error), where) from None

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request, over a kept connection as well."""
        self.scope.hold(self.sock)
        super().request(*args, **kwargs)
        if self.scope.meanwhile:
            self.scope.meanwhile()

    def _new_conn(self) -> socket.socket:
        # urllib3's own would hand the socket over only after it is connected.
        host = self._dns_host.strip("[]")
        try:
            places = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            raise HttpsError("dns", host) from None
        failure: OSError | HttpsError = OSError("no address")
        for family, kind, protocol, _, address in places:
            sock = socket.socket(family, kind, protocol)
            try:
                self._open(sock, address)
            except (OSError, HttpsError) as error:
                sock.close()
                failure = error
                self.scope.failed_addresses += 1
            else:
                return sock
        raise failure

    def _open(self, sock: socket.socket, address: tuple[Any, ...]) -> None:
        self.scope.hold(sock)
        sock.settimeout(self.timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(address)


def _end_of(sock: object) -> float | None:
    """Return when the certificate of the peer ends."""
    seen = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    ends = (seen or {}).get("notAfter")
    return ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None


def reason_of(error: BaseException) -> str:
    """Return the name of what broke an exchange, from the libraries' nest of exceptions."""
    nest = []
    link: BaseException | None = error
    while link is not None and link not in nest:
        nest.append(link)
        link = link.__cause__ or link.__context__
    for kind, reason in _KINDS:
        if any(isinstance(each, kind) for each in nest):
            return reason
    codes = {each.errno for each in nest if isinstance(each, OSError)}
    return "unreachable" if codes & _NO_WAY else "reset"


_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}
_KINDS = (
    (HttpsError, "aborted"),
    (TimeoutError, "timeout"),
    (requests.Timeout, "timeout"),
    (ConnectionRefusedError, "refused"),
    (ConnectionError, "reset"),
    (IncompleteRead, "half_answer"),
    (requests.exceptions.InvalidURL, "url"),
    (HTTPException, "no_http"),
    (HTTPError, "no_http"),
)
