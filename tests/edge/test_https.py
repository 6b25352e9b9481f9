"""The HTTPS client against real TLS servers, among them all kinds of hostile ones."""

import errno
import gc
import gzip
import logging
import ssl
import threading
import time
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_lib import VERSION
from edge_lib.upload.cancellable import reason_of
from edge_lib.upload.https import MAX_ANSWER_BYTES, HttpsClient, HttpsError
from tests.support.quick import quick
from tests.support.tls_server import (
    Authority,
    Sink,
    TlsServer,
    answer,
    drip,
    flood,
    message,
    raw,
    reset,
)

TOKEN = "token-that-nobody-may-see"
LAX_S = 15.0  # far above any deadline here: it only tells an end from none
OK = message(200, {"ok": True})


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki") / "own")


@pytest.fixture(scope="module")
def good(authority):
    return authority.certificate("good")


@pytest.fixture
def server(good):
    with TlsServer(good, answer(200, {"ok": True})) as server:
        yield server


@pytest.fixture
def connect(authority):
    clients = []

    def to(url, ca_file=authority.ca_file, **limits):
        clients.append(HttpsClient(url, TOKEN, ca_file, **limits))
        return clients[-1]

    yield to
    for client in clients:
        client.close()


def post(client):
    return client.post("/v1/ingest", b"the body", {"Content-Type": "application/json"})


def failure(client):
    with pytest.raises(HttpsError) as caught:
        post(client)
    assert TOKEN not in f"{caught.value!s} {caught.value!r} {caught.value.__cause__!r}"
    return caught.value


def ended_within_reason(client):
    """Return the failure's reason; fails if the request goes on and on."""
    begun_s = time.monotonic()
    error = failure(client)
    assert time.monotonic() - begun_s < LAX_S
    return error.reason


# What a good exchange looks like


def test_a_post_carries_the_body_the_token_and_a_fixed_user_agent(server, connect):
    got = post(connect(server.url))
    assert (got.status, got.body, got.headers["CONTENT-type"]) == (
        200,
        b'{"ok": true}',
        "application/json",
    )
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/v1/ingest", b"the body")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["User-Agent"] == f"sungrow-edge/{VERSION}"
    assert request.headers["Accept-Encoding"] == "identity"


def test_a_get_needs_no_token_and_carries_none(server, connect):
    connect(server.url).get("/health")
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/health")
    assert TOKEN.encode() not in server.received


def test_a_base_url_with_a_path_keeps_it(server, connect):
    post(connect(f"{server.url}/solar/"))
    assert server.requests[0].path == "/solar/v1/ingest"


def test_one_connection_serves_many_requests(server, connect):
    client = connect(server.url)
    for _ in range(5):
        post(client)
    assert server.connections == 1
    assert len(server.requests) == 5


def test_a_connection_that_the_server_closed_meanwhile_is_replaced_unnoticed(server, connect):
    client = connect(server.url)
    server.answers(answer(200, {}, length=False))  # it closes behind this answer
    post(client)
    post(client)
    server.hang_up()
    assert [post(client).status, server.connections] == [200, 3]


def test_a_connection_lost_under_a_request_is_a_failure_and_the_request_goes_out_once(
    server, connect
):
    client = connect(server.url)
    post(client)
    server.answers(reset)
    assert failure(client).reason == "reset"
    assert len(server.requests) == 2
    assert post(client).status == 200


def test_cookies_are_never_sent_back(server, connect):
    client = connect(server.url)
    server.answers(answer(200, {}, {"Set-Cookie": "id=1; Path=/"}))
    post(client)
    post(client)
    assert "Cookie" not in server.requests[1].headers


def test_the_connection_is_tls_1_2_at_least_whatever_openssl_allows(server, connect):
    adapter = connect(server.url)._session.get_adapter("https://")
    assert adapter._context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert adapter._context.verify_mode == ssl.CERT_REQUIRED
    assert adapter._context.check_hostname


# The channel is verified, or nothing is sent


def refused(server, client):
    return broken_off(server, client).reason


def broken_off(server, client):
    error = failure(client)
    assert server.connections == 1
    assert server.handshakes == 0
    assert not server.received
    return error


def test_an_expired_certificate_is_refused(authority, connect):
    expired = authority.certificate("expired", "20200101000000Z", "20200201000000Z")
    with TlsServer(expired) as server:
        assert refused(server, connect(server.url)) == "tls_expired"


def test_a_certificate_of_the_future_is_refused_and_the_clock_suspected(authority, connect):
    early = authority.certificate("early", "20900101000000Z", "20910101000000Z")
    with TlsServer(early) as server:
        client = connect(server.url)
        assert refused(server, client) == "tls_not_yet_valid"
        assert "clock" in str(failure(client))


@pytest.mark.parametrize("alt", ["DNS:other.example", "IP:127.0.0.2"])
def test_a_certificate_for_another_name_is_refused(authority, connect, alt):
    # Its common name would fit: that counts for nothing.
    other = authority.certificate("localhost", alt=alt)
    with TlsServer(other) as server:
        assert refused(server, connect(server.url)) == "tls_name"


def test_a_certificate_for_another_address_is_refused(authority, connect):
    with TlsServer(authority.certificate("elsewhere", alt="IP:127.0.0.2")) as server:
        assert refused(server, connect(f"https://127.0.0.1:{server.port}")) == "tls_name"


def test_an_address_in_the_certificate_is_accepted(server, connect):
    assert post(connect(f"https://127.0.0.1:{server.port}")).status == 200


def test_an_unknown_authority_is_refused(connect, tmp_path):
    stranger = Authority(tmp_path / "other").certificate("good")
    with TlsServer(stranger) as server:
        assert refused(server, connect(server.url)) == "tls_unknown_ca"


def test_a_private_authority_is_not_trusted_without_ca_file(server, connect):
    assert refused(server, connect(server.url, ca_file=None)) == "tls_unknown_ca"


def test_a_private_authority_replaces_all_others(server, connect):
    client = connect(server.url)
    post(client)  # requests would add its own bundle here
    (trusted,) = client._session.get_adapter("https://")._context.get_ca_certs()
    assert trusted["subject"] == ((("commonName", "test authority"),),)


def test_tls_1_1_is_refused(good, connect):
    with TlsServer(good) as server:
        server.speak_only_tls_1_1()
        error = broken_off(server, connect(server.url))
    assert error.reason == "tls"
    assert "neither TLS 1.2 nor 1.3" in str(error)


ALERTS = [
    getattr(ssl.AlertDescription, f"ALERT_DESCRIPTION_{name}")
    for name in (
        "INTERNAL_ERROR",  # Caddy's, for a name that it does not have
        "HANDSHAKE_FAILURE",
        "UNRECOGNIZED_NAME",
        "ACCESS_DENIED",
    )
]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_of_a_server_without_a_certificate_for_the_name_is_explained(good, connect, alert):
    with TlsServer(good) as server:
        server.context.sni_callback = lambda *_: alert
        error = broken_off(server, connect(server.url))
    assert error.reason == "tls"
    assert "no certificate for this name: check VPS_INGEST_URL" in str(error)


def test_the_server_for_tls_1_1_can_be_reached_by_who_allows_it(good, authority):
    # Else the test above would prove nothing.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.ca_file)
    with TlsServer(good) as server:
        server.speak_only_tls_1_1()
        with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
        connection = HTTPSConnection("localhost", server.port, context=context, timeout=LAX_S)
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()
    assert server.handshakes == 1


def test_plain_http_is_no_url_and_a_plain_server_no_peer(connect):
    with pytest.raises(ValueError, match="https://"):
        HttpsClient("http://localhost", TOKEN)
    with TlsServerWithoutTls() as sink:
        error = failure(connect(f"https://localhost:{sink.port}"))
    assert error.reason == "tls"
    assert "does not speak TLS" in str(error)


class TlsServerWithoutTls(Sink):
    def _listen(self):
        sock, _ = self._listener.accept()
        self._taken.append(sock)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_token_that_http_cannot_carry_is_refused_without_being_shown():
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        HttpsClient("https://localhost", "secret\nword")
    assert "secret" not in str(caught.value)


def test_a_ca_file_without_certificates_is_refused(tmp_path):
    empty = tmp_path / "empty.pem"
    empty.touch()
    for file in (empty, tmp_path / "missing.pem"):
        with pytest.raises(HttpsError, match=str(file)) as caught:
            HttpsClient("https://localhost", TOKEN, file)
        assert caught.value.reason == "ca_file"


# The environment has no say


def test_proxies_stores_and_netrc_of_the_environment_do_nothing(
    authority, server, connect, monkeypatch, tmp_path
):
    stranger = Authority(tmp_path / "other")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login thief password thief\n")
    netrc.chmod(0o600)
    keys = tmp_path / "keys"
    with Sink() as proxy:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, str(stranger.ca_file))
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
        assert post(connect(server.url)).status == 200
        assert proxy.connections == 0
    assert server.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert not keys.exists()


def test_an_authority_named_by_the_environment_is_not_trusted(
    authority, server, connect, monkeypatch
):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(authority.ca_file))
    assert refused(server, connect(server.url, ca_file=None)) == "tls_unknown_ca"


# Redirects are answers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_nothing_reaches_its_target(server, good, connect, status):
    with Sink() as plain, TlsServer(good) as other:
        for target in (f"http://localhost:{plain.port}/", other.url):
            server.answers(answer(status, b"moved", {"Location": target}))
            got = post(connect(server.url))
            assert (got.status, got.body) == (status, b"moved")
        assert (plain.connections, other.connections) == (0, 0)


def test_the_body_of_a_redirect_is_bounded_and_not_unpacked(server, connect):
    bomb = gzip.compress(bytes(50_000_000))
    fields = {"Location": "https://localhost/", "Content-Encoding": "gzip"}
    server.answers(
        answer(302, bomb[:60_000], fields),
        answer(302, bytes(MAX_ANSWER_BYTES + 1), fields),
    )
    client = connect(server.url)
    assert post(client).body == bomb[:60_000]
    assert failure(client).reason == "too_big"


# The answer is bounded in time


SLOW = {
    "headers": drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000),
    "interim answers": drip(b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000),
    "body without length": drip(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 60_000),
    "chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"),
    "silence": lambda wire: wire.wait(LAX_S * 4),
}


@pytest.mark.parametrize("script", quick(SLOW.values(), every=5), ids=SLOW)
def test_a_slow_answer_ends_at_the_deadline_and_not_before(server, connect, script):
    server.answers(script)
    client = connect(server.url, total_timeout_s=1.0)
    begun_s = time.monotonic()
    assert ended_within_reason(client) == "timeout"
    assert time.monotonic() - begun_s >= 1.0
    assert post(client).status == 200


def test_the_deadline_holds_over_a_kept_connection_too(server, connect):
    server.answers(answer(200, {}), SLOW["body"])
    client = connect(server.url, total_timeout_s=1.0)
    post(client)
    assert ended_within_reason(client) == "timeout"
    assert server.connections == 1


def test_a_handshake_that_never_comes_ends_at_the_deadline(connect):
    with Sink() as silent:
        client = connect(f"https://localhost:{silent.port}", total_timeout_s=0.3)
        assert ended_within_reason(client) == "timeout"


def test_the_deadline_holds_in_the_handshake_even_if_the_connect_limit_is_longer(connect):
    with Sink() as silent:
        client = connect(
            f"https://localhost:{silent.port}", total_timeout_s=0.3, connect_timeout_s=60.0
        )
        assert ended_within_reason(client) == "timeout"


class _Deaf:
    """A handler that never reads a request."""

    def __init__(self, request, _address, server):
        request.do_handshake()
        server.stopping.wait()


def test_a_server_that_does_not_read_ends_at_the_deadline(server, connect):
    server.RequestHandlerClass = _Deaf
    client = connect(server.url, total_timeout_s=1.0)
    with pytest.raises(HttpsError) as caught:
        client.post("/v1/ingest", bytes(32 << 20), {})
    assert caught.value.reason == "timeout"


def test_abort_ends_the_request_under_way_and_forbids_the_next(server, connect):
    arrived = threading.Event()

    def hang(wire):
        arrived.set()
        wire.wait(LAX_S * 4)

    server.answers(hang)
    client = connect(server.url, total_timeout_s=LAX_S * 4)
    reasons = []
    thread = threading.Thread(target=lambda: reasons.append(ended_within_reason(client)))
    thread.start()
    assert arrived.wait(LAX_S)
    client.abort()
    thread.join(LAX_S)
    assert reasons == ["aborted"]
    assert failure(client).reason == "aborted"
    assert len(server.requests) == 1


def test_abort_ends_a_handshake(connect):
    with Sink() as silent:
        url = f"https://localhost:{silent.port}"
        client = connect(url, total_timeout_s=LAX_S * 4, connect_timeout_s=LAX_S * 4)
        reasons = []
        thread = threading.Thread(target=lambda: reasons.append(ended_within_reason(client)))
        thread.start()
        pause = threading.Event()
        while not silent.connections:
            pause.wait(0.01)
        client.abort()
        thread.join(LAX_S)
    assert reasons == ["aborted"]


def open_files():
    gc.collect()  # what tests before this one left to be closed
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_thread_and_no_descriptor_is_left_behind(server, connect):
    client = connect(server.url)
    post(client)
    threads, files = threading.active_count(), open_files()
    for _ in range(20):
        post(client)
    assert threading.active_count() == threads
    assert open_files() == files


# The answer is bounded in size, and whole


def test_an_answer_of_just_the_limit_is_taken(server, connect):
    server.answers(answer(200, bytes(MAX_ANSWER_BYTES)))
    assert len(post(connect(server.url)).body) == MAX_ANSWER_BYTES


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ],
    ids=["with length", "without"],
)
def test_of_an_answer_of_a_gigabyte_only_the_limit_is_read(server, connect, head):
    server.answers(flood(1024, head))
    client = connect(server.url)
    assert failure(client).reason == "too_big"
    assert post(client).status == 200  # and the rest of the flood is not taken for its answer


def test_a_gzip_bomb_stays_packed(server, connect):
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < MAX_ANSWER_BYTES
    server.answers(answer(200, bomb, {"Content-Encoding": "gzip"}))
    assert post(connect(server.url)).body == bomb


def test_half_an_answer_is_none(server, connect):
    for data in (OK[:-3], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"):
        server.answers(raw(data))
        assert failure(connect(server.url)).reason == "half_answer"


def test_half_an_answer_without_a_length_cannot_be_told_from_a_whole_one(server, connect):
    server.answers(raw(message(200, {"ok": True}, length=False)[:-3]))
    assert post(connect(server.url)).body == b'{"ok": tr'


def test_an_answer_that_never_begins_is_a_reset(server, connect):
    for script in (reset, raw(b""), raw(b"HTTP/1.1 20")):
        server.answers(script)
        assert failure(connect(server.url)).reason in ("reset", "no_http")


def test_what_is_no_http_is_said_to_be_none(server, connect):
    for data in (b"220 mail.example ESMTP\r\n", b"HTTP/1.1 abc\r\n\r\n", b"A" * 100_000):
        server.answers(raw(data))
        assert failure(connect(server.url)).reason == "no_http"


@pytest.mark.filterwarnings("ignore:Failed to parse headers")
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=300)
    | st.binary(max_size=200).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail)
    | st.tuples(
        st.sampled_from(
            [b"Content-Length", b"Transfer-Encoding", b"Set-Cookie", b"Location", b"Content-Type"]
        ),
        st.binary(max_size=60),
        st.sampled_from([200, 204, 302, 304, 413, 422, 503]),
    ).map(lambda t: b"HTTP/1.1 %d X\r\n%b: %b\r\n\r\n{}" % (t[2], t[0], t[1]))
)
def test_whatever_bytes_come_back_there_is_an_answer_or_an_https_error(server, connect, data):
    server.answers(raw(data))
    client = connect(server.url, total_timeout_s=LAX_S)
    try:
        outcome = post(client).body
    except HttpsError as error:
        outcome = error.reason
    # The server closed: nothing was worth waiting for.
    assert outcome != "timeout"
    assert len(outcome) <= MAX_ANSWER_BYTES


# No way to the server


def test_nobody_listening_is_said(connect):
    with Sink() as sink:
        port = sink.port
    error = failure(connect(f"https://localhost:{port}"))
    assert error.reason == "refused"
    assert f"localhost:{port}" in str(error)


def test_a_network_that_is_down_is_said():
    for number in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        assert reason_of(OSError(number, "no route")) == "unreachable"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".invalid"])
def test_a_name_that_cannot_be_resolved_is_said(connect, host):
    assert failure(connect(f"https://{host}")).reason == "dns"


def test_the_token_is_in_no_representation_and_in_no_log(server, connect, caplog):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3")  # jsonlog.start, if it ran, has made it quiet
    client = connect(server.url)
    server.answers(answer(200, {}), reset, raw(b"junk\r\n\r\n"))
    post(client)
    failure(client)
    failure(client)
    assert caplog.records  # urllib3's, at DEBUG
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(client) + str(client)
