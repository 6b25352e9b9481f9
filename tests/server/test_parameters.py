"""Every GET under ``/v1/`` refuses a parameter that it does not know, and names those it knows."""

import re

import pytest

from tests.support import documents
from tests.support.batches import (
    OTHER,
    READ_TOKEN,
    TOKEN,
    app_on,
    assert_error,
    get,
    send,
)
from tests.support.p1_edge import P1_SETTINGS, P1_TOKEN
from tests.support.parameters import TAKES, unknown
from tests.support.samples import DEVICE, a_sample

pytestmark = pytest.mark.server

MISSPELT = ("Date", "DEVICE_ID", "device", "device_id[]", "frame%20", "_", "", "%00", "%ff")


@pytest.fixture(scope="module")
def app(databases):
    return app_on(databases.migrated(), **P1_SETTINGS)


@pytest.fixture
def client(app):
    return app.test_client()


def test_all_that_there_are_stand_here(app):
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/v1/")]
    assert {rule.rule for rule in rules if "GET" in rule.methods} == TAKES.keys()


@pytest.mark.parametrize("path", TAKES)
def test_an_unknown_one_is_named_with_those_that_there_are(client, path):
    known = ", ".join(("device_id", *TAKES[path]))
    answer = get(client, f"{path}?device_id={DEVICE}&Date=2026-07-01")
    assert_error(answer, 422)
    msg = f"unknown parameter 'Date'; this request takes {known}"
    assert answer.json["detail"] == [{"loc": ["query", "Date"], "msg": msg, "type": "unknown"}]
    assert (
        client.head(
            f"{path}?Date=2026-07-01", headers={"Authorization": f"Bearer {TOKEN}"}
        ).status_code
        == 422
    )


@pytest.mark.parametrize("path", TAKES)
def test_those_that_it_names_it_takes(client, path):
    for name in ("device_id", *TAKES[path]):
        answer = get(client, f"{path}?{name}=never")
        assert answer.status_code in (200, 403, 404, 422), answer.text


@pytest.mark.parametrize("path", TAKES)
@pytest.mark.parametrize("name", MISSPELT)
def test_whatever_it_is_called(client, path, name):
    answer = get(client, f"{path}?{name}=1")
    assert_error(answer, 422)
    assert "unknown parameter" in answer.json["detail"][0]["msg"]


@pytest.mark.parametrize("path", TAKES)
def test_one_that_is_given_twice_is_refused(client, path):
    for name in ("device_id", *TAKES[path]):
        answer = get(client, f"{path}?{name}={DEVICE}&{name}={OTHER}", READ_TOKEN)
        assert_error(answer, 422)
        assert answer.json["detail"][0]["msg"] == f"the parameter {name!r} is given 2 times"


def test_a_long_name_is_cut(client):
    answer = get(client, f"/v1/status?{'a' * 5000}=1")
    assert_error(answer, 422)
    assert len(answer.json["detail"][0]["msg"]) < 200


@pytest.mark.parametrize("path", TAKES)
def test_who_may_not_read_learns_nothing_of_it(client, path):
    elsewhere = {
        "X-Forwarded-For": path
    }  # each from another address: too many bad tokens are a 429
    assert_error(client.get(f"{path}?Date=2026-07-01", headers=elsewhere), 401)
    assert_error(get(client, f"{path}?Date=2026-07-01", "unknown", **elsewhere), 401)
    assert_error(get(client, f"{path}?Date=2026-07-01", P1_TOKEN), 403)


@pytest.mark.parametrize("path", TAKES)
def test_it_is_told_before_what_is_missing_then(client, path):
    answer = get(client, f"{path}?Device_id={DEVICE}", READ_TOKEN)
    assert_error(answer, 422)
    assert "'Device_id'" in answer.json["detail"][0]["msg"]


def test_the_documents_ask_for_what_is_known():
    shown = re.findall(r"/v1/[\w/]+\?[^\s\"'`)|]+", documents.everything())
    assert len(shown) > 30
    assert not [url for url in shown if unknown(url)]


def test_devices_are_asked_for_by_name(client):
    def found(query: str, token: str) -> list[str]:
        answer = get(client, f"/v1/devices{query}", token)
        assert answer.status_code == 200, answer.text
        return sorted(one["device_id"] for one in answer.json["devices"])

    assert found("", READ_TOKEN) == sorted([DEVICE, OTHER])
    for device_id in (DEVICE, OTHER):
        assert found(f"?device_id={device_id}", READ_TOKEN) == [device_id]
    assert found(f"?device_id={DEVICE}", TOKEN) == [DEVICE]
    for device_id in (OTHER, "nobody", ""):
        assert_error(get(client, f"/v1/devices?device_id={device_id}"), 403)


def test_what_other_programs_ask_stays_as_it_was(client):
    """The dashboards of P1-Edge-VPS, watchdogs and scrapers add what they like."""
    assert client.get("/health?_=1").status_code == 200
    assert client.get("/p1/health?_=1").status_code == 200
    assert get(client, "/p1/v1/series?frame=day&_=1", P1_TOKEN).status_code == 200
    assert send(client, a_sample()).status_code == 200
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert client.post("/v1/ingest?_=1", json={"samples": []}, headers=headers).status_code == 200
