"""ETag and gzip: what a browser may keep, and what travels compressed."""

import gzip
import http.client
import ssl
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from server.api import responses
from tests.support.batches import assert_error
from tests.support.history import DEVICE, bearer, history_client
from tests.support.readings import connected, reading, store, utc

pytestmark = pytest.mark.server

LONG = "/v1/series?frame=month&date=2025-06-01&device_id=test-house"
SHORT = "/v1/series?frame=month&date=2024-06-01&device_id=test-house"
ENDPOINTS = (
    LONG,
    "/v1/completeness?from=2025-06-01&to=2025-06-20&device_id=test-house",
    "/v1/hours?from=2025-06-01T00:00:00Z&to=2025-06-20T00:00:00Z&device_id=test-house",
    "/v1/devices",
)
NOON = utc("2025-06-01 12:00")


@pytest.fixture(scope="module")
def url(databases):
    url = databases.migrated()
    with connected(url) as connection:
        store(connection, DEVICE, [reading(NOON + timedelta(hours=6 * n)) for n in range(80)])
    return url


@pytest.fixture(scope="module")
def client(url):
    return history_client(url)


def get(client, path: str, **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(path, headers={**bearer(), **named})


@pytest.mark.parametrize("path", ENDPOINTS)
def test_who_has_the_answer_already_gets_none(client, path):
    first = get(client, path)
    assert first.headers["ETag"].startswith('"')
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = get(client, path, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == "private, no-cache"
    assert "Accept-Encoding" in again.headers["Vary"]
    assert not {"Content-Type", "Content-Length", "Content-Encoding"} & set(again.headers.keys())


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_long_answer_travels_compressed_where_that_is_taken(client, path):
    plain, packed = get(client, path), get(client, path, Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
    assert gzip.decompress(packed.data) == plain.data
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert "Accept-Encoding" in packed.headers["Vary"]


def test_both_forms_have_each_their_own_etag(client):
    plain, packed = (
        get(client, LONG, Accept_Encoding=coding).headers["ETag"] for coding in ("identity", "gzip")
    )
    assert plain != packed
    for coding, mine, other in (("identity", plain, packed), ("gzip", packed, plain)):
        known = {"Accept_Encoding": coding}
        assert get(client, LONG, If_None_Match=mine, **known).status_code == 304
        assert get(client, LONG, If_None_Match=other, **known).status_code == 200


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ("{}", 304),
        ("W/{}", 304),
        ('"other", {}', 304),
        ('W/"other" , W/{},"more"', 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
        ('W/"', 200),
    ],
)
def test_a_list_of_etags_is_understood(client, known, status):
    etag = get(client, LONG).headers["ETag"]
    assert get(client, LONG, If_None_Match=known.format(etag)).status_code == status


def test_another_sample_makes_another_etag(client, url):
    path = "/v1/series?frame=day&date=2025-01-01&device_id=test-house"
    before = get(client, path).headers["ETag"]
    assert get(client, path).headers["ETag"] == before
    with connected(url) as connection:
        store(connection, DEVICE, [reading(utc("2025-01-01 12:00"))])
    assert get(client, path, If_None_Match=before).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.8, br", True),
        ("*", True),
        ("GZIP", True),
        ("gzip;q=0", False),
        ("*;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("br", False),
        ("", False),
    ],
)
def test_only_who_takes_gzip_gets_it(client, accepted, packed):
    answer = get(client, LONG, Accept_Encoding=accepted)
    assert (answer.headers.get("Content-Encoding") == "gzip") == packed


def test_a_short_answer_is_not_compressed(client):
    answer = get(client, SHORT, Accept_Encoding="gzip")
    assert answer.json["series"] == []
    assert "Content-Encoding" not in answer.headers
    assert "Accept-Encoding" in answer.headers["Vary"]


@pytest.mark.parametrize("path", [*ENDPOINTS, f"{LONG}&format=csv"])
def test_head_tells_what_get_would(client, path):
    headers = {**bearer(), "Accept-Encoding": "gzip"}
    whole, head = client.get(path, headers=headers), client.head(path, headers=headers)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("ETag", "Content-Type", "Content-Encoding", "Vary", "Cache-Control"):
        assert head.headers.get(name) == whole.headers.get(name)


def test_an_error_is_kept_by_nobody(client):
    for path, status in ((f"{LONG}&format=xml", 422), (f"{LONG}x", 403)):
        answer = get(client, path, If_None_Match="*", Accept_Encoding="gzip")
        assert answer.status_code == status
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers
        assert answer.is_json


def test_whose_token_is_gone_gets_no_304(client):
    etag = get(client, LONG).headers["ETag"]
    assert client.get(LONG, headers={"If-None-Match": etag}).status_code == 401


def test_an_origin_that_may_read_is_named_beside_the_encoding(url):
    from server import create_app

    env = {"DATABASE_URL": url, "DEVICE_TOKENS": f"t:{DEVICE}", "CORS_ORIGINS": "https://a.example"}
    headers = {"Authorization": "Bearer t", "Origin": "https://a.example"}
    answer = create_app(env).test_client().get(LONG, headers=headers)
    assert {part.strip() for part in answer.headers["Vary"].split(",")} == {
        "Accept-Encoding",
        "Origin",
    }


def test_a_real_server_sends_it_so(https_server, url, tokens):
    server = https_server(DATABASE_URL=url)
    address = urlsplit(server.url)
    context = ssl.create_default_context(cafile=server.certificate.ca)
    connection = http.client.HTTPSConnection(address.hostname, address.port, context=context)
    headers = {"Authorization": f"Bearer {tokens.read}", "Accept-Encoding": "gzip"}
    path = "/v1/completeness?from=2025-06-01&to=2025-06-20"
    connection.request("GET", path, headers=headers)
    first = connection.getresponse()
    assert (first.status, gzip.decompress(first.read())[:1]) == (200, b"{")
    assert len(first.headers.get_all("Date")) == 1
    # The same connection: a 304 that had a body would be read as the beginning of the next answer.
    headers["If-None-Match"] = first.headers["ETag"]
    for _ in range(2):
        connection.request("GET", path, headers=headers)
        again = connection.getresponse()
        assert (again.status, again.read()) == (304, b"")
    connection.close()


@pytest.mark.parametrize("path", [LONG, f"{LONG}&format=csv"])
def test_of_large_answers_two_leave_at_a_time(client, monkeypatch, path):
    monkeypatch.setattr(responses, "LARGE_BYTES", 2000)
    through = {"X-Forwarded-For": "203.0.113.9"}

    def ask(**how: object):
        return client.get(path, headers={**bearer(), **through}, **how)

    for _ in range(3):
        assert len(ask().data) > 2000
    open_ones = [ask(buffered=False) for _ in range(2)]
    for _ in range(3):
        refused = ask()
        assert_error(refused, 503)
        assert refused.headers["Retry-After"] == "5"
        assert get(client, SHORT).status_code == 200
    open_ones.pop().close()
    assert ask().status_code == 200
    open_ones.pop().close()
    assert client.head(path, headers={**bearer(), **through}).status_code == 200
    assert [ask(buffered=True).status_code for _ in range(3)] == [200] * 3
