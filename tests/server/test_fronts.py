"""``server/Caddyfile`` and ``server/nginx.conf``, run by the real programs before the real API."""

import contextlib
import http.client
import json
import re
import shutil
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from server import sandbox
from server.sandbox.process import ROOT
from tests.chaos import slowloris
from tests.support.quick import short

pytestmark = pytest.mark.server

PROGRAMS = {"caddy": "server/Caddyfile", "nginx": "server/nginx.conf"}


class Front(sandbox.Server):
    """Caddy or nginx as a child of ours, on two free ports of localhost."""

    def __init__(self, kind: str, folder: Path, upstream: str, certificate):
        super().__init__(folder / f"{kind}.log")
        self.folder, self.kind, self.certificate = folder, kind, certificate
        self.tls_port, self.plain_port = free_ports(2)
        text = (ROOT / PROGRAMS[kind]).read_text()
        self.config = folder / "front.conf"
        self.config.write_text(getattr(self, f"_{kind}")(text, upstream))

    @property
    def url(self) -> str:
        return f"https://localhost:{self.tls_port}"

    def _caddy(self, text: str, upstream: str) -> str:
        text = text.replace("{$SITE_HOST}", f"localhost:{self.tls_port}")
        keys = f"tls {self.certificate.cert} {self.certificate.key}"
        text = text.replace("{$SITE_TLS}", keys).replace("{$DEFAULT_SNI}", "admin off")
        text = text.replace("https:// {", f"https://:{self.tls_port} {{")
        text = text.replace("\nhttp:// {", f"\nhttp://:{self.plain_port} {{")
        return text.replace("unix//run/sungrow-server.sock", upstream)

    def _nginx(self, text: str, upstream: str) -> str:
        text = text.replace("unix:/run/sungrow-server.sock", upstream)
        text = re.sub(r"listen (\[::\]:)?443 ssl", rf"listen \g<1>{self.tls_port} ssl", text)
        text = re.sub(r"listen (\[::\]:)?80 ", rf"listen \g<1>{self.plain_port} ", text)
        text = re.sub(r"(ssl_certificate) .*;", rf"\1 {self.certificate.cert};", text)
        text = re.sub(r"(ssl_certificate_key) .*;", rf"\1 {self.certificate.key};", text)
        text = text.replace("server_name solar.example.org", "server_name localhost")
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)
        main = f"daemon off; pid {self.folder}/pid; error_log stderr; worker_processes 1;"
        main += "user root;" if sandbox.process.service_account() else ""
        main += " events { worker_connections 1024; }"
        return f"{main}\nhttp {{ access_log off; {paths}\n{text}}}\n"

    def _argv(self, *action: str) -> list:
        if self.kind == "caddy":
            how = action or ("run",)
            return [program("caddy"), *how, "--adapter", "caddyfile", "--config", self.config]
        return [program("nginx"), *action, "-e", "stderr", "-c", self.config]

    def check(self) -> None:
        """Let the program itself say what it thinks of the file."""
        sandbox.run(
            self._argv("validate" if self.kind == "caddy" else "-t"),
            sandbox.environment(HOME=str(self.folder)),
        )

    def start(self) -> None:
        env = sandbox.environment(HOME=str(self.folder))
        self._launch(self._argv(), env, lambda: answers(self.tls_port))

    def ask(self, method="GET", path="/health", body=None, plain=False, **headers) -> tuple:
        """Return status, headers and body."""
        if plain:
            client = http.client.HTTPConnection("localhost", self.plain_port, timeout=10)
        else:
            trust = ssl.create_default_context(cafile=self.certificate.ca)
            client = http.client.HTTPSConnection(
                "localhost", self.tls_port, timeout=10, context=trust
            )
        with contextlib.closing(client):
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            client.request(method, path, body, names)
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read()


class Seen(NamedTuple):
    """What reached the server behind the front."""

    headers: http.client.HTTPMessage
    body: bytes


@contextlib.contextmanager
def recorder():
    """A server that keeps what it is asked; gives its address and the list."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            seen.append(
                Seen(self.headers, self.rfile.read(int(self.headers["Content-Length"] or 0)))
            )
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}", seen
        server.shutdown()
        thread.join()


def program(kind: str) -> str | None:
    return shutil.which(kind, path="/usr/sbin:/usr/bin:/usr/local/bin")


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 2):
        return True
    return False


@pytest.fixture(scope="module", params=PROGRAMS)
def kind(request) -> str:
    if program(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


@pytest.fixture(scope="module")
def api(database_url, tokens, tmp_path_factory):
    """The API as a front meets it, with one worker of four threads."""
    settings = {
        "DATABASE_URL": database_url,
        "DEVICE_TOKENS": f"{tokens.device}:{tokens.device_id}",
    }
    with sandbox.Gunicorn(tmp_path_factory.mktemp("api") / "gunicorn.log", settings) as server:
        yield server


@pytest.fixture(scope="module")
def front(kind, api, certificate, tmp_path_factory):
    upstream = urlsplit(api.url).netloc
    with Front(kind, tmp_path_factory.mktemp(kind), upstream, certificate) as running:
        yield running


def test_the_program_takes_the_file(kind, certificate, tmp_path):
    Front(kind, tmp_path, "127.0.0.1:1", certificate).check()


def test_every_answer_asks_for_https_and_has_a_request_id(front):
    status, headers, body = front.ask()
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert len(headers["X-Request-Id"]) >= 32
    assert headers["X-Request-Id"] != front.ask()[1]["X-Request-Id"]


def test_whoever_comes_by_another_name_is_told_so(front):
    status, _, body = front.ask(Host="other.example.org")
    assert (status, json.loads(body)["detail"]) == (421, "this server has another name")


@pytest.mark.parametrize("size", [2_097_153, 4_000_000])
def test_what_is_too_large_is_refused_in_json(front, tokens, size):
    with_token = {"Authorization": f"Bearer {tokens.device}"}
    status, _, body = front.ask("POST", "/v1/ingest", b"x" * size, **with_token)
    # Caddy does not always hear the 413 of a server that hangs up on the rest; the edge keeps all.
    assert status in ((413, 502) if front.kind == "caddy" else (413,))
    assert "detail" in json.loads(body)


def test_the_largest_request_that_the_server_takes_passes(front, tokens):
    body = b'{"samples": []}'.ljust(2_097_152)
    with_token = {"Authorization": f"Bearer {tokens.device}"}
    assert front.ask("POST", "/v1/ingest", body, **with_token)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/ingest",
        "/v1/realtime?device_id=x",
        "/p1/v1/ingest",
        "/p1/v1/realtime?device_id=x",
        "/p1/health",
        "/metrics",
        "/health",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_plain_http_refuses_the_api_and_redirects_none_of_it(front, method, path):
    status, headers, body = front.ask(method, path, plain=True)
    assert (status, headers["Location"]) == (403, None)
    assert "HTTPS only" in json.loads(body)["detail"]


def test_plain_http_refuses_whatever_carries_a_token(front):
    assert front.ask(path="/", plain=True, Authorization="Bearer t")[0] == 403
    assert front.ask("POST", "/", plain=True)[0] == 403


def test_plain_http_sends_a_browser_to_https(front):
    status, headers, _ = front.ask(path="/?frame=day", plain=True)
    assert status == 308
    assert headers["Location"].startswith("https://")
    assert headers["Location"].endswith("/?frame=day")


def test_what_a_client_says_of_its_address_counts_for_nothing(kind, certificate, tmp_path):
    lies = {
        "X_Forwarded_For": "203.0.113.9",
        "X_Forwarded_Host": "evil.example.org",
        "X_Forwarded_Proto": "gopher",
        "X_Request_Id": "forged",
    }
    with recorder() as (upstream, seen), Front(kind, tmp_path, upstream, certificate) as front:
        assert front.ask("POST", "/", b"abc", **lies)[0] == 200
    (request,) = seen
    assert request.headers.get_all("X-Forwarded-For") in (["127.0.0.1"], ["::1"])
    assert request.headers["X-Forwarded-Proto"] == "https"
    assert request.headers["X-Request-Id"] != "forged"
    assert "evil" not in str(request.headers)


def test_a_body_reaches_the_server_whole_or_not_at_all(kind, certificate, tmp_path):
    with (
        recorder() as (upstream, seen),
        Front(kind, tmp_path, upstream, certificate) as front,
        slowloris.Target(front.url, "t", certificate.ca).connect() as client,
    ):
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc")
        assert front.ask("POST", "/", b"other")[0] == 200
        assert [request.body for request in seen] == [b"other"]
        client.sendall(b"def")
        assert b"200" in client.recv(100)
    assert [request.body for request in seen] == [b"other", b"abcdef"]


def test_where_the_server_is_away_the_front_says_so_in_json(kind, certificate, tmp_path):
    (nowhere,) = free_ports(1)
    with Front(kind, tmp_path, f"127.0.0.1:{nowhere}", certificate) as front:
        status, headers, body = front.ask()
    assert (status, headers["Retry-After"]) == (502, "5")
    assert json.loads(body)["detail"].startswith("502")
    assert headers["Strict-Transport-Security"]


def test_slow_clients_hold_up_nobody_else(front, tokens, certificate):
    target = slowloris.Target(front.url, tokens.device, certificate.ca)
    with slowloris.slow_clients(target, 60):
        assert len(slowloris.answered(target, 5)) == 5


@pytest.mark.slow
def test_without_a_front_the_same_clients_starve_the_server(api, tokens, monkeypatch):
    monkeypatch.setattr(slowloris, "PATIENCE_S", 2)
    target = slowloris.Target(api.url, tokens.device, None)
    with slowloris.slow_clients(target, 60):
        assert slowloris.answered(target, 2) == []


# Clients that ask for much and read little

LARGE = "/v1/series?from=2026-06-01&to=2026-07-05&bucket=5m"  # 9 MB of JSON


class Installed(sandbox.Server):
    """The API in the size and on the kind of socket in which it is installed.

    A unix socket holds little: what nobody reads is in the server's hands.
    """

    def __init__(self, folder: Path, settings: dict[str, str]):
        super().__init__(folder / "gunicorn.log")
        self.settings, self.socket = settings, folder / "http.sock"

    def start(self) -> None:
        argv = [sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4"]
        argv += ["--bind", f"unix:{self.socket}", "--graceful-timeout", "2"]
        argv += ["--no-control-socket", "server:create_app()"]
        env = sandbox.environment(**self.settings)
        self._launch(argv, env, lambda: self.health() == 200, cwd=ROOT)

    def ask(self, path: str, patience_s: float = 10, **headers: str) -> tuple[int, dict, bytes]:
        client = http.client.HTTPConnection("localhost")
        client.sock = self.connect()
        client.sock.settimeout(patience_s)
        with contextlib.closing(client):
            client.request("GET", path, headers=headers)
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read()

    def health(self, patience_s: float = 10) -> int | None:
        """Return the status; None where there is no answer in time."""
        try:
            return self.ask("/health", patience_s)[0]
        except OSError:
            return None

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(str(self.socket))
        except OSError:
            client.close()
            raise
        return client


@pytest.fixture(scope="module")
def installed_api(database_url, tokens, tmp_path_factory):
    settings = {
        "DATABASE_URL": database_url,
        "DEVICE_TOKENS": f"{tokens.device}:{tokens.device_id}",
        "READ_TOKENS": f"{tokens.read}:{tokens.device_id}",
    }
    folder = tmp_path_factory.mktemp("installed")
    folder.parent.parent.chmod(0o755)
    with Installed(folder, settings) as server:
        server.socket.chmod(0o777)
        yield server


@pytest.fixture(scope="module")
def large_front(kind, installed_api, certificate, tmp_path_factory):
    upstream = {"caddy": "unix/{}", "nginx": "unix:{}"}[kind].format(installed_api.socket)
    with Front(kind, tmp_path_factory.mktemp(kind), upstream, certificate) as running:
        yield running


@contextlib.contextmanager
def slow_readers(connect: Callable[[], socket.socket], path: str, token: str, count: int):
    """Ask for a large answer on so many connections, and read its first bytes alone."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(connect()) for _ in range(count)]
        for reader in readers:
            reader.sendall(request.encode())
        yield readers


def begun(readers: list) -> list[int]:
    """Return the status of each answer that has begun."""
    found = []
    for reader in readers:
        reader.settimeout(60)
        with contextlib.suppress(TimeoutError):
            found.append(int(reader.recv(100).split()[1]))
    return found


def memory_mb(pid: int) -> int:
    """Return the memory of a front, its children included."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    status = "".join(Path(f"/proc/{one}/status").read_text() for one in (pid, *children))
    return sum(map(int, re.findall(r"VmRSS:\s+(\d+) kB", status))) >> 10


# What a front does not take off the server's hands leaves it two at a time; the others hear so.
SLOW = {
    "of 9 MB": LARGE,
    "of 3 MB": f"{LARGE}&columns=bucket,pv_kwh,load_kwh,import_kwh,export_kwh,coverage,loss_kwh"
    ",sample_count,max_pv_power_w,avg_pv_power_w,avg_load_power_w,avg_export_power_w",
    "of a CSV": f"{LARGE}&format=csv",
}


@pytest.mark.slow
@pytest.mark.parametrize("count", short([20, 5], every=2))
@pytest.mark.parametrize("what", SLOW)
def test_slow_readers_hold_up_nobody_else(
    large_front, tokens, certificate, monkeypatch, what, count
):
    # They stop for good: who is held up by them stays so, who waits for a busy machine does not.
    monkeypatch.setattr(slowloris, "PATIENCE_S", 60.0)
    front = slowloris.Target(large_front.url, tokens.device, certificate.ca)
    with slow_readers(front.connect, SLOW[what], tokens.read, count) as readers:
        states = begun(readers)
        assert len(states) == count
        assert set(states) <= ({200, 503} if what == "of 9 MB" else {200})
        assert 200 in states
        assert memory_mb(large_front.process.pid) < 100 + 20 * 20, "whatever went before"
        assert len(slowloris.answered(front, 10)) == 10
        assert [large_front.ask()[0] for _ in range(10)] == [200] * 10


def test_a_slow_reader_gets_all_of_it_in_the_end(large_front, tokens):
    trusting = {"Authorization": f"Bearer {tokens.read}"}
    status, headers, body = large_front.ask(path=LARGE, **trusting)
    assert (status, len(body)) == (200, int(headers["Content-Length"]))
    assert len(json.loads(body)["series"]) > 9000


def test_without_a_front_such_readers_starve_the_server(installed_api, tokens):
    with slow_readers(installed_api.connect, SLOW["of 3 MB"], tokens.read, 12) as readers:
        assert begun(readers[:1]) == [200]
        assert sandbox.wait_until(lambda: installed_api.health(patience_s=2) is None, 30)
    assert sandbox.wait_until(lambda: installed_api.health() == 200, 30)


@contextlib.contextmanager
def breaking_off(headers: bytes, body: bytes):
    """A server that says this and hangs up before the end; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    taken, _ = server.accept()
                except OSError:
                    return
                with taken:
                    taken.recv(65_536)
                    taken.sendall(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n" + body)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(kind, certificate, tmp_path):
    # The API tells a proxy the length of each: see test_a_proxy_is_told_the_length.
    with (
        breaking_off(b"Content-Length: 100000", b"x" * 1000) as upstream,
        Front(kind, tmp_path, upstream, certificate) as front,
        pytest.raises((http.client.IncompleteRead, ConnectionError)),
    ):
        front.ask()


def test_through_a_front_a_csv_has_a_length_and_is_as_without_one(
    large_front, installed_api, tokens
):
    headers = {"Authorization": f"Bearer {tokens.read}"}
    path = LARGE.replace("2026-07-05", "2026-06-03") + "&format=csv"
    status, told, body = large_front.ask(path=path, **headers)
    assert (status, int(told["Content-Length"])) == (200, len(body))
    direct = installed_api.ask(path, **headers)
    assert direct[1]["Transfer-Encoding"] == "chunked"
    assert direct[2] == body
