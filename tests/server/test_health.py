"""Health: open to everybody, 503 only where the database is away."""

import pytest

from edge_lib import VERSION
from server import sandbox
from tests.support.batches import app_on, assert_error, migrated

pytestmark = pytest.mark.server


def body(database: str, cache: str) -> dict:
    status = "ok" if database == "ok" else "degraded"
    return {
        "status": status,
        "service": "sungrow",
        "version": VERSION,
        "database": database,
        "cache": cache,
    }


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nobody"}])
def test_it_needs_no_token(database_url, headers):
    answer = app_on(database_url).test_client().get("/health", headers=headers)
    assert answer.status_code == 200
    assert answer.json == body("ok", "off")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


def test_it_tells_of_the_cache(database_url, redis_server):
    client = app_on(database_url, REDIS_URL=redis_server.url).test_client()
    assert client.get("/health").json == body("ok", "ok")


def test_a_cache_that_is_down_degrades_nothing(database_url):
    client = app_on(database_url, REDIS_URL="unix:///nowhere.sock").test_client()
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json == body("ok", "down")


def test_a_database_that_is_away_is_503_until_it_is_back(tmp_path):
    with sandbox.Postgres(tmp_path, fast=True) as mine:
        url = migrated(mine)
        client = app_on(url).test_client()
        assert client.get("/health").status_code == 200
        mine.stop(immediate=True)
        for _ in range(2):
            answer = client.get("/health")
            assert answer.status_code == 503
            assert answer.json == body("down", "off")
        mine.start()
        assert client.get("/health").json == body("ok", "off")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_it_is_only_to_be_read(database_url, method):
    answer = app_on(database_url).test_client().open("/health", method=method)
    assert_error(answer, 405)
    assert "GET" in answer.headers["Allow"]
