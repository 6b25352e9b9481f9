"""One request over HTTP: no redirects, verified TLS, and whether it went out before it failed."""

import contextlib
import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Mapping
from typing import NamedTuple

from edge_lib import VERSION
from server.alerts.outcome import LATER, UNSURE, Outcome

TIMEOUT_S = 10.0
_MOST_BYTES = 65_536


class Url(NamedTuple):
    """An address that was checked: https, or http to a private address."""

    scheme: str
    host: str
    port: int
    path: str
    user: str = ""
    password: str = ""

    @property
    def is_secure(self) -> bool:
        """Return whether it is of TLS."""
        return self.scheme in ("https", "smtps")


class Answer(NamedTuple):
    """An answer: its status, its headers, and the beginning of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Failed(Exception):
    """There was no answer; ``outcome`` says whether the request may have arrived."""

    def __init__(self, outcome: Outcome):
        super().__init__(outcome.reason)
        self.outcome = outcome


def call(
    method: str, url: Url, content: bytes, headers: Mapping[str, str], trust: ssl.SSLContext
) -> Answer:
    """Send a request; return the answer, whatever its status.

    Raises:
        Failed: there was none. Its reason quotes neither address nor content.
    """
    connection = _connection(url, trust)
    sent = {"User-Agent": f"sungrow-alerts/{VERSION}", "Connection": "close", **headers}
    with contextlib.closing(connection):
        try:
            connection.connect()
            if not url.is_secure:
                refuse_public(connection.sock)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise Failed(Outcome(LATER, f"no connection: {reason(error)}")) from None
        try:
            connection.request(method, url.path, content, sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers.items()), answer.read(_MOST_BYTES))
        except (OSError, http.client.HTTPException) as error:
            raise Failed(Outcome(UNSURE, f"no answer: {reason(error)}")) from None


def post(
    url: Url, content: object, headers: Mapping[str, str], trust: ssl.SSLContext
) -> Answer | Outcome:
    """Post JSON; return the answer, or what became of it where there was none."""
    sent = {"Content-Type": "application/json", **headers}
    try:
        return call("POST", url, as_json(content), sent, trust)
    except Failed as failed:
        return failed.outcome


def as_json(content: object) -> bytes:
    """Return this content as it is sent; a text of bytes as it is."""
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def said(body: bytes) -> dict[str, object]:
    """Return the JSON object of an answer; an empty one where it is something else."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _connection(url: Url, trust: ssl.SSLContext) -> http.client.HTTPConnection:
    if url.is_secure:
        return http.client.HTTPSConnection(url.host, url.port, timeout=TIMEOUT_S, context=trust)
    return http.client.HTTPConnection(url.host, url.port, timeout=TIMEOUT_S)


def refuse_public(connected: socket.socket) -> None:
    """Do nothing where the other end has a private address, or one of this machine.

    Raises:
        ConnectionError: it is a public one, to which nothing goes without TLS.
    """
    address = connected.getpeername()[0]
    if not is_private(address):
        raise ConnectionError("its address is a public one: use https://")


def is_private(address: str) -> bool:
    """Return whether an address is one of this machine or of a network of one's own."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return (found.is_private and not found.is_unspecified) or found.is_link_local


def trust_of(ca_file: str | None) -> ssl.SSLContext:
    """Return whom to trust: the system's authorities, and one's own where there is such a file."""
    trust = ssl.create_default_context()
    if ca_file:
        trust.load_verify_locations(ca_file)
    return trust


def reason(error: BaseException) -> str:
    """Return why something failed, without what was sent or where to."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, ConnectionError) and error.args:
        return str(error)
    return type(error).__name__
