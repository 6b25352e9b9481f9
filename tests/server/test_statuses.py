"""Every status of the contract by a real request, each error in the one shape of errors."""

import contextlib
import gzip
import json
import socket
import ssl

import psycopg2
import pytest
import requests

from server import sandbox
from server.api.limiter import BAD_TOKENS
from server.database.pool import Database
from tests.support.batches import (
    OTHER,
    READ_TOKEN,
    SETTINGS,
    TOKEN,
    LogLines,
    app_on,
    assert_error,
    get,
    migrated,
    post,
    send,
    verdict,
)
from tests.support.samples import DEVICE, a_sample

pytestmark = pytest.mark.server

BYTES, SAMPLES = 65_536, 20


@pytest.fixture(scope="module")
def server(https_server):
    limits = {"MAX_REQUEST_BYTES": str(BYTES), "MAX_SAMPLES_PER_REQUEST": str(SAMPLES)}
    return https_server(**SETTINGS, **limits)


@pytest.fixture(scope="module")
def session(server):
    """One lasting connection, as an edge has it: no answer may leave it unusable."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(server.certificate.ca)
        yield session


@pytest.fixture
def ask(server, session):
    """Ask the real server; errors are checked for their shape."""

    def ask(method: str, path: str, status: int, token: str | None = TOKEN, **request: object):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request["headers"] = headers | request.get("headers", {})
        answer = session.request(method, server.url + path, timeout=20, **request)
        assert answer.status_code == status, answer.text
        assert_json(answer)
        return answer

    return ask


def assert_json(answer: requests.Response) -> None:
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if answer.status_code < 400 or answer.url.endswith("/health"):
        return
    detail = answer.json()["detail"]
    assert detail
    assert type(detail) is (list if answer.status_code == 422 else str)
    if type(detail) is list:
        assert all(place.keys() == {"loc", "msg", "type"} for place in detail)


def test_200(ask):
    sample = a_sample(ts="2024-06-01T12:00:00Z")
    body = {"samples": [sample, sample, sample | {"pv_power_w": 1}], "batch_id": "b-1"}
    answer = ask("POST", "/v1/ingest", 200, json=body)
    assert answer.json() == {"inserted": 1, "duplicates": 1, "conflicts": [2], "batch_id": "b-1"}
    assert ask("GET", "/v1/realtime", 200).json()["pv_power_w"] == 5000
    assert ask("GET", "/v1/series?frame=day&date=2024-06-01", 200).json()["series"]
    assert ask("GET", "/health", 200, token=None).json()["status"] == "ok"


def test_200_for_a_compressed_body_and_for_one_in_chunks(ask):
    text = json.dumps({"samples": [a_sample()]}).encode()
    for data, headers in (
        (gzip.compress(text), {"Content-Encoding": "gzip"}),
        (iter([text[:50], text[50:]]), {}),
        (iter([gzip.compress(text)]), {"Content-Encoding": "gzip"}),
    ):
        answer = ask("POST", "/v1/ingest", 200, data=data, headers=headers)
        assert sum(answer.json()[key] for key in ("inserted", "duplicates")) == 1


@pytest.mark.parametrize("path", ["/v1/ingest", "/v1/realtime", "/v1/series?frame=day"])
@pytest.mark.parametrize("token", [None, "nobody"])
def test_401(ask, path, token):
    answer = ask("POST" if "ingest" in path else "GET", path, 401, token=token)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_403(ask):
    ask("POST", "/v1/ingest", 403, token=READ_TOKEN, json={"samples": []})
    body = {"samples": [a_sample(device_id=OTHER, pv_power_w=-1)]}
    ask("POST", "/v1/ingest", 403, json=body)
    ask("GET", f"/v1/realtime?device_id={OTHER}", 403)
    ask("GET", f"/v1/series?device_id={OTHER}", 403)


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/", "/v1/nothing", "/v1/ingest/", "/v1//realtime", "/favicon.ico", "/%00"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_404_of_a_path_that_is_not_there(ask, method, path):
    ask(method, path, 404, allow_redirects=False)


def test_404_of_a_device_without_a_sample(ask):
    ask("GET", f"/v1/realtime?device_id={OTHER}", 404, token=READ_TOKEN)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/ingest", "POST"),
        ("PUT", "/v1/ingest", "POST"),
        ("POST", "/v1/realtime", "GET"),
        ("DELETE", "/v1/series", "GET"),
        ("PATCH", "/health", "GET"),
        ("NONSENSE", "/health", "GET"),
    ],
)
def test_405(ask, method, path, allowed):
    assert allowed in ask(method, path, 405).headers["Allow"]


def test_413_too_large_in_whatever_way(ask):
    large = b" " * (BYTES + 1)
    packed = {"Content-Encoding": "gzip"}
    ask("POST", "/v1/ingest", 413, data=large)
    ask("POST", "/v1/ingest", 413, data=iter([large[:40_000], large[:40_000]]))
    ask("POST", "/v1/ingest", 413, data=gzip.compress(large), headers=packed)
    ask("POST", "/v1/ingest", 413, data=gzip.compress(b" " * 30_000_000), headers=packed)


def test_413_too_many(ask):
    ask("POST", "/v1/ingest", 413, json={"samples": [a_sample() for _ in range(SAMPLES + 1)]})


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip"])
def test_415(ask, coding):
    answer = ask("POST", "/v1/ingest", 415, data=b"{}", headers={"Content-Encoding": coding})
    assert answer.headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("data", "coding"),
    [
        (b"", "identity"),
        (b"\xff", "identity"),
        (b"nope", "identity"),
        (b'{"samples": [NaN]}', "identity"),
        (b'{"samples": [], "samples": []}', "identity"),
        (b'{"samples": [1e400]}', "identity"),
        (b"[" * 50_000, "identity"),
        (b'{"samples": []}', "gzip"),
        (gzip.compress(b'{"samples": []}', mtime=0)[:-3], "gzip"),
    ],
)
def test_400(ask, data, coding):
    ask("POST", "/v1/ingest", 400, data=data, headers={"Content-Encoding": coding})


def test_422(ask):
    body = {"samples": [a_sample(), a_sample(pv_power_w=-1)], "batch_id": "b-2"}
    answer = ask("POST", "/v1/ingest", 422, json=body)
    assert [place["loc"] for place in answer.json()["detail"]] == [
        ["body", "samples", 1, "pv_power_w"]
    ]
    assert answer.json()["batch_id"] == "b-2"
    ask("POST", "/v1/ingest", 422, json={})
    ask("POST", "/v1/ingest", 422, json=[])
    ask("GET", "/v1/realtime", 422, token=READ_TOKEN)
    for query in ("", "?frame=age", "?frame=day&date=2024-02-30", "?frame=day&date=yesterday"):
        answer = ask("GET", f"/v1/series{query}", 422)
        assert answer.json()["detail"][0]["loc"][0] == "query"


def test_429_and_never_for_a_good_token(ask):
    guesser = {"X-Forwarded-For": "203.0.113.99"}
    for _ in range(BAD_TOKENS):
        ask("GET", "/v1/realtime", 401, token="guess", headers=guesser)
    answer = ask("GET", "/v1/realtime", 429, token="guess", headers=guesser)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    ask("POST", "/v1/ingest", 429, token="guess", headers=guesser, json={"samples": []})
    ask("POST", "/v1/ingest", 200, headers=guesser, json={"samples": []})
    ask("GET", "/v1/realtime", 401, token="guess", headers={"X-Forwarded-For": "203.0.113.98"})


@pytest.fixture
def wire(server):
    """Bytes to the server, within TLS but beneath HTTP."""
    trust = ssl.create_default_context(cafile=server.certificate.ca)
    raw = socket.create_connection(("localhost", server.port), timeout=20)
    with contextlib.closing(trust.wrap_socket(raw, server_hostname="localhost")) as wire:
        yield wire


CHUNKS = (
    "POST /v1/ingest HTTP/1.1\r\nHost: x\r\n"
    f"Authorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n"
).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\nhello\r\n0\r\n\r\n",  # no size
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloworld\r\n0\r\n\r\n",  # a chunk longer than it says
    ],
)
def test_400_for_chunks_that_are_broken(wire, body):
    wire.sendall(CHUNKS + body)
    assert wire.recv(4096).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /v1/ingest HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: rot13\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_what_is_no_http_is_answered_in_json_all_the_same(wire, request_text, status):
    wire.sendall(request_text)
    head, _, body = wire.recv(65536).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), head
    assert b"Content-Type: application/json" in head
    assert json.loads(body)["detail"]


@pytest.mark.parametrize("body", [b"", b"5\r\nhel", b"5\r\nhello\r\n"])
def test_who_breaks_off_harms_nobody(wire, ask, body):
    wire.sendall(CHUNKS + body)
    wire.close()
    ask("POST", "/v1/ingest", 200, json={"samples": []})


def test_the_server_wrote_no_traceback_and_no_secret_in_all_this(ask, server):
    ask("POST", "/v1/ingest", 200, json={"samples": [], "gaps": [5]})
    assert sandbox.wait_until(lambda: "part left out" in server.log.read_text(), 20)
    log = server.log.read_text()
    assert "Traceback" not in log
    assert '"bug"' not in log
    for secret in (TOKEN, READ_TOKEN, "guess"):
        assert secret not in log


# The database away


@pytest.fixture
def mine(tmp_path):
    """A PostgreSQL of the test's own."""
    with sandbox.Postgres(tmp_path, fast=True) as server:
        yield server


def test_503_while_the_database_is_away_and_the_next_request_after_is_served(tmp_path):
    with sandbox.Postgres(tmp_path) as mine:
        check_503_while_away(mine)


def check_503_while_away(mine):
    client = app_on(migrated(mine)).test_client()
    before, after = a_sample(), a_sample()
    assert verdict(client, before) == (1, 0, [])
    for stop in (lambda: mine.stop(immediate=True), mine.stop):
        stop()
        for _ in range(2):
            for answer in (
                send(client, after),
                get(client, "/v1/realtime"),
                get(client, "/v1/series?frame=day"),
            ):
                assert_error(answer, 503)
                assert int(answer.headers["Retry-After"]) > 0
        assert_error(post(client, b"{"), 400)
        assert_error(get(client, "/v1/realtime", "nobody"), 401)
        mine.start()
        assert verdict(client, before) == (0, 1, [])
        assert get(client, "/v1/realtime").status_code == 200
    assert verdict(client, after) == (1, 0, [])


def test_a_restart_between_two_requests_costs_none_of_them(mine):
    client = app_on(migrated(mine)).test_client()
    database = client.application.extensions["db"]
    with contextlib.ExitStack() as held:
        for _ in range(3):  # so many connections are idle afterwards
            held.enter_context(database.transaction())
    mine.restart()
    for _ in range(2):
        assert verdict(client, a_sample()) == (1, 0, [])
        assert get(client, "/v1/realtime").status_code == 200


def test_503_where_the_database_refuses_for_reasons_of_its_own(databases):
    url = databases.migrated()
    client = app_on(url).test_client()
    sample = a_sample()
    sandbox.execute(url, "alter table sungrow_samples rename to elsewhere")
    with LogLines() as log:
        assert_error(send(client, sample), 503)
        assert_error(get(client, "/v1/realtime"), 503)
    assert [line["level"] for line in log.fields()] == ["ERROR"], "a human has to act, and knows"
    sandbox.execute(url, "alter table elsewhere rename to sungrow_samples")
    assert verdict(client, sample) == (1, 0, [])


def test_503_where_a_limit_of_the_database_is_reached(databases):
    """SQLSTATE 53400: TimescaleDB's, of rows that it unpacks for one batch. Never to be parked."""
    url = databases.migrated()
    client = app_on(url).test_client()
    sandbox.execute(
        url,
        "create function full_up() returns trigger language plpgsql as"
        " $$ begin raise 'limit' using errcode = '53400'; end $$",
    )
    sandbox.execute(
        url, "create trigger full_up before insert on sungrow_samples execute function full_up()"
    )
    sample = a_sample()
    assert_error(send(client, sample), 503)
    sandbox.execute(url, "drop trigger full_up on sungrow_samples")
    assert verdict(client, sample) == (1, 0, [])


def test_503_where_another_holds_the_rows_for_too_long(databases):
    url = databases.migrated()
    client = app_on(url).test_client()
    sample = a_sample()
    with (
        contextlib.closing(psycopg2.connect(url)) as other,
        other.cursor() as cursor,
    ):
        cursor.execute("lock table sungrow_samples")
        assert_error(send(client, sample), 503)
        other.rollback()
    assert verdict(client, sample) == (1, 0, [])


def test_422_without_a_place_where_the_database_itself_refuses_the_data(databases):
    url = databases.migrated()
    client = app_on(url).test_client()
    sandbox.execute(url, "alter table sungrow_samples add check (pv_power_w < 7777)")
    with LogLines() as log:
        answer = send(client, a_sample(), a_sample(pv_power_w=7777.5), batch_id="b-3")
    assert_error(answer, 422)
    assert answer.json["batch_id"] == "b-3"
    assert [place["loc"] for place in answer.json["detail"]] == [["body"]], "so no edge parks"
    assert [line["level"] for line in log.fields()] == ["ERROR"]
    assert "7777.5" not in "".join(log.lines), "no reading goes into a log"
    assert verdict(client, a_sample()) == (1, 0, [])


def test_an_app_that_started_while_the_database_was_away_serves_once_it_is_there(mine):
    url = migrated(mine)
    mine.stop()
    client = app_on(url).test_client()
    assert_error(send(client, a_sample()), 503)
    mine.start()
    assert verdict(client, a_sample()) == (1, 0, [])


@pytest.mark.parametrize(
    "spoil",
    [
        None,
        "delete from schema_migrations where number = (select max(number) from schema_migrations)",
        "update schema_migrations set checksum = 'edited' where number = 1",
    ],
)
def test_on_a_schema_that_is_not_current_it_does_not_start_and_names_the_command(
    databases, spoil, tmp_path
):
    url = databases.migrated() if spoil else databases.empty()
    if spoil:
        sandbox.execute(url, spoil)
    server = sandbox.Gunicorn(tmp_path / "log", {"DATABASE_URL": url, **SETTINGS})
    with pytest.raises(sandbox.PrivateError, match="exited with") as refusal:
        server.start()
    words = str(refusal.value)
    assert "not started" in words
    assert (
        "python -m server.migrate" in words if "edited" not in (spoil or "") else "edited" in words
    )
    assert "Traceback" not in words


# What the URL of the database may say


def test_options_in_the_database_url_are_kept(databases):
    url = databases.migrated()
    sandbox.execute(url, "create schema elsewhere")
    separator = "&" if "?" in url else "?"
    client = app_on(f"{url}{separator}options=-c%20search_path%3Delsewhere,public").test_client()
    assert client.get("/health").status_code == 200
    with client.application.extensions["db"].transaction() as cursor:
        cursor.execute("show search_path")
        assert cursor.fetchone() == ("elsewhere,public",)
        cursor.execute("show lock_timeout")
        assert cursor.fetchone() == ("2s",)
        cursor.execute("show timezone")
        assert cursor.fetchone() == ("UTC",)


def test_a_transaction_on_a_connection_that_read_before_is_all_or_nothing_again(databases):
    url = databases.migrated()
    database = Database(url)
    assert database.rows("health", {})
    with contextlib.suppress(ZeroDivisionError), database.transaction() as cursor:
        cursor.execute("insert into sungrow_devices (device_id) values ('home-1')")
        raise ZeroDivisionError
    with database.transaction() as cursor:
        cursor.execute("select count(*) from sungrow_devices")
        assert cursor.fetchone() == (0,)


def test_no_answer_leaves_a_transaction_open(databases):
    url = databases.migrated()
    client = app_on(url).test_client()
    sample = a_sample()
    for answer in (
        send(client, sample),
        send(client, sample),
        send(client, sample | {"pv_power_w": 1}),
        send(client, a_sample(pv_power_w=-1)),
        get(client, "/v1/realtime"),
        get(client, f"/v1/series?device_id={DEVICE}"),
    ):
        assert answer.status_code in (200, 422)
    database = client.application.extensions["db"]
    with database.transaction() as cursor:
        cursor.execute(
            "select state from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid() and state is not null"
        )
        assert {state for (state,) in cursor.fetchall()} <= {"idle"}
