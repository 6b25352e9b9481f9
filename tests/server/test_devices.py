"""``GET /v1/devices``: which devices a token may see, and what their edges said of them."""

from datetime import timedelta

import pytest

from tests.support.batches import (
    OTHER,
    OTHER_TOKEN,
    READ_TOKEN,
    TOKEN,
    app_on,
    assert_error,
    get,
    send,
)
from tests.support.p1 import store_p1
from tests.support.readings import connected, reading, rows, store, utc
from tests.support.samples import DEVICE, a_sample

FACTS = {
    "serial": "A2281234567",
    "device_type_code": 3599,
    "model": "SH10RT",
    "nominal_power_w": 10_000.0,
    "firmware": "SAPPHIRE-H_B001",
    "has_meter": True,
    "has_battery": True,
    "edge_version": "0.1.0",
}
NOTHING = dict.fromkeys(["name", *FACTS, "first_ts", "newest_ts", "p1_first_ts", "p1_newest_ts"])
TIMES = [utc("2025-06-01 23:59:59"), utc("2016-02-29 12:00"), utc("2025-06-01 00:00")]


@pytest.fixture
def url(databases):
    return databases.migrated("Europe/Berlin")


@pytest.fixture
def client(url):
    return app_on(url).test_client()


def devices(client, token: str) -> dict:
    answer = get(client, "/v1/devices", token)
    assert answer.status_code == 200, answer.text
    assert list(answer.json) == ["devices"]
    return {device.pop("device_id"): device for device in answer.json["devices"]}


def test_a_device_that_never_sent_anything_is_there(client):
    nothing = {"timezone": "Europe/Berlin", **NOTHING}
    assert devices(client, TOKEN) == {DEVICE: nothing}
    assert devices(client, READ_TOKEN) == {DEVICE: nothing, OTHER: nothing}


def test_it_has_the_facts_that_the_edge_sent_and_the_ends_of_its_history(client, url):
    assert send(client, a_sample(ts="2025-05-01T12:00:00Z"), device=FACTS).status_code == 200
    with connected(url) as connection:
        store(connection, DEVICE, [reading(ts + timedelta(microseconds=1)) for ts in TIMES])
        statement = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, 'Asia/Kolkata')"
        rows(connection, statement, OTHER)
        store(connection, OTHER, [reading(utc("2024-01-01 00:00"))])
    found = devices(client, READ_TOKEN)
    assert found[DEVICE] == {
        "name": None,
        "timezone": "Europe/Berlin",
        **FACTS,
        "first_ts": "2016-02-29T12:00:00.000001Z",
        "newest_ts": "2025-06-01T23:59:59.000001Z",
        "p1_first_ts": None,
        "p1_newest_ts": None,
    }
    assert found[OTHER] == {
        **NOTHING,
        "timezone": "Asia/Kolkata",
        "first_ts": "2024-01-01T00:00:00.000000Z",
        "newest_ts": "2024-01-01T00:00:00.000000Z",
    }


def test_it_has_the_ends_of_the_history_of_the_grid_meter_also_without_an_inverter(client, url):
    with connected(url) as connection:
        store_p1(connection, DEVICE, [{"ts": ts, "power_w": 250.0} for ts in TIMES])
    nothing = {"timezone": "Europe/Berlin", **NOTHING}
    assert devices(client, READ_TOKEN) == {
        DEVICE: nothing
        | {
            "p1_first_ts": "2016-02-29T12:00:00.000000Z",
            "p1_newest_ts": "2025-06-01T23:59:59.000000Z",
        },
        OTHER: nothing,
    }


def test_they_are_in_order_and_only_those_of_the_token(client):
    answer = get(client, "/v1/devices", READ_TOKEN)
    assert [device["device_id"] for device in answer.json["devices"]] == sorted((DEVICE, OTHER))
    assert list(devices(client, OTHER_TOKEN)) == [OTHER]


def test_without_a_known_token_nothing_is_said(client):
    assert_error(client.get("/v1/devices"), 401)
    assert_error(get(client, "/v1/devices", "nobody"), 401)


def test_a_database_that_is_away_is_a_503():
    client = app_on("postgresql://127.0.0.1:1/none").test_client()
    assert_error(get(client, "/v1/devices"), 503)
