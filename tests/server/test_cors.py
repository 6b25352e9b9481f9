"""CORS: pages of the listed origins may read, and nobody else's."""

import pytest

from tests.support.batches import TOKEN, app_on, get, post
from tests.support.samples import a_sample

pytestmark = pytest.mark.server

ORIGIN, SECOND = "https://grafana.example.org", "http://localhost:3000"
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture(scope="module")
def client(database_url):
    return app_on(database_url, CORS_ORIGINS=f"{ORIGIN}, {SECOND}").test_client()


@pytest.mark.parametrize("origin", [ORIGIN, SECOND])
@pytest.mark.parametrize("path", ["/health", "/v1/realtime", "/v1/series?frame=day"])
def test_a_listed_origin_may_get(client, path, origin):
    post(client, {"samples": [a_sample()]})
    answer = get(client, path, Origin=origin)
    assert answer.status_code == 200
    assert answer.headers.getlist(ALLOW) == [origin]
    assert "Origin" in answer.headers["Vary"]


def test_it_may_read_the_errors_too(client):
    answer = get(client, "/v1/realtime", "nobody", Origin=ORIGIN)
    assert answer.status_code == 401
    assert answer.headers[ALLOW] == ORIGIN


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "*",
        "https://grafana.example.org.evil.org",
        "http://grafana.example.org",
        ORIGIN + "/",
    ],
)
def test_another_origin_is_told_nothing_but_that_it_matters(client, origin):
    answer = get(client, "/health", Origin=origin)
    assert ALLOW not in answer.headers
    assert "Origin" in answer.headers["Vary"]


def test_without_an_origin_there_is_nothing_to_allow(client):
    answer = client.get("/health")
    assert ALLOW not in answer.headers
    assert "Origin" in answer.headers["Vary"], "or a shared cache would keep the wrong one"


def test_the_question_before_a_get_with_a_token_is_answered_without_one(client):
    ask = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = client.options("/v1/realtime", headers=ask)
    assert answer.status_code == 200
    assert answer.headers[ALLOW] == ORIGIN
    assert answer.headers["Access-Control-Allow-Methods"] == "GET"
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization"


def test_nobodys_page_may_ingest(client):
    ask = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = client.options("/v1/ingest", headers=ask)
    assert "POST" not in answer.headers.get("Access-Control-Allow-Methods", "")
    answer = post(client, {"samples": []}, TOKEN, Origin=ORIGIN)
    assert answer.status_code == 200
    assert ALLOW not in answer.headers


def test_cookies_are_never_shared_with_another_origin(client):
    answer = get(client, "/health", Origin=ORIGIN)
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_without_the_setting_nobody_may(database_url):
    answer = app_on(database_url).test_client().get("/health", headers={"Origin": ORIGIN})
    assert ALLOW not in answer.headers
    assert "Vary" not in answer.headers
