"""The ``Host`` header: malformed ones are refused, good ones are nowhere repeated."""

import contextlib
import json
import socket
import ssl

import pytest

from tests.support.batches import SETTINGS

pytestmark = pytest.mark.server

PATHS = ["/health", "/v1/realtime", "/v1//realtime", "/v1/ingest/", "//elsewhere.example/%2f"]


@pytest.fixture(scope="module")
def server(https_server):
    return https_server(**SETTINGS)


@pytest.fixture
def say(server):
    """Send a head as it stands; return the whole answer."""
    trust = ssl.create_default_context(cafile=server.certificate.ca)

    def say(head: bytes) -> bytes:
        raw = socket.create_connection(("localhost", server.port), timeout=20)
        with contextlib.closing(trust.wrap_socket(raw, server_hostname="localhost")) as wire:
            wire.sendall(head + b"Connection: close\r\n\r\n")
            return b"".join(iter(lambda: wire.recv(65536), b""))

    return say


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"Host:\r\n",
        b"Host: a.example\r\nHost: a.example\r\n",
        b"Host: a.example\r\nHost: elsewhere.example\r\n",
        b"Host: a.example, elsewhere.example\r\n",
        b"Host: a example\r\n",
        b"Host: https://elsewhere.example\r\n",
        b"Host: elsewhere.example/path\r\n",
        b"Host: user@elsewhere.example\r\n",
        b"Host: <script>\r\n",
        b"Host: a.example%0d%0aSet-Cookie:x\r\n",
        b"Host: a\x00b\r\n",
        b"Host: \xff\xfe\r\n",
        b"Host: a.example:https\r\n",
        b"Host: a.example:443:443\r\n",
        b"Host: [::1\r\n",
        b"Host: ::1\r\n",
        b"Host: ..\r\n",
        b"Host: " + b"a" * 3000 + b"\r\n",
    ],
)
@pytest.mark.parametrize("path", PATHS[:3])
def test_a_malformed_host_is_a_400_in_json(say, path, lines):
    head, _, body = say(b"GET %s HTTP/1.1\r\n%s" % (path.encode(), lines)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 "), head
    assert b"Content-Type: application/json" in head
    assert json.loads(body)["detail"]
    assert not any(name in head + body for name in (b"elsewhere", b"script", b"Set-Cookie"))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "solar.example.org",
        "solar.example.org.",
        "203.0.113.7:8443",
        "[2001:db8::1]:1",
        "sungrow_server",  # what nginx passes on by itself: the name of its upstream
        "a.example:",
        "xn--mnchen-3ya.example",
    ],
)
def test_any_well_formed_host_is_served(say, host):
    answer = say(f"GET /health HTTP/1.1\r\nHost: {host}\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 "), answer


def test_a_health_check_without_a_host_may_speak_http_1_0(say):
    assert say(b"GET /health HTTP/1.0\r\n").startswith(b"HTTP/1.0 200 ")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_no_answer_repeats_a_name_that_the_client_chose(say, method, path):
    for target in (path, f"http://elsewhere.example{path}"):
        answer = say(
            f"{method} {target} HTTP/1.1\r\nHost: elsewhere.example\r\n"
            "X-Forwarded-Host: elsewhere.example\r\nForwarded: host=elsewhere.example\r\n"
            "Content-Length: 0\r\n".encode()
        )
        assert answer.startswith(b"HTTP/1.1 "), answer
        assert b"elsewhere" not in answer
        assert b"\nLocation:" not in answer
