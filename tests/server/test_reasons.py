"""What is to be typed, in a reason, names the house that was asked of, however it was stored."""

import re

import pytest
from psycopg2.extras import Json

from server.api import reasons
from server.battery.result import REASONS as OF_BATTERY
from server.roof.texts import REASONS as OF_ROOF
from tests.support.batches import DEVICE, READ_TOKEN, app_on, get
from tests.support.readings import connected, rows, utc

pytestmark = pytest.mark.server

COMPUTED = utc("2026-11-29 02:10")
PLAIN = {"reason": "no_place", "computed_at": "x", "place": None, "days": 3, "figures": [1, None]}


def because(text: str | None) -> dict:
    return {"reason": "r", "reason_text": text, "reason_values": {"DEVICE": "DEVICE"}}


@pytest.mark.parametrize("text", [*OF_ROOF.values(), *OF_BATTERY.values()])
def test_no_command_is_left_without_the_house(text):
    found = reasons.told({"strings": [{"share": because(text)}], **because(text)}, "home-1.b")
    for told in (found, found["strings"][0]["share"]):
        assert "DEVICE" not in told["reason_text"]
        assert told["reason_text"].replace("home-1.b", "DEVICE") == text
        assert told["reason_values"] == {"DEVICE": "DEVICE"}, "the page fills its own words with it"


def test_all_else_stays_as_it_was():
    found = {**PLAIN, "name": "DEVICE", "strings": [{"name": "DEVICE", **because(None)}]}
    assert reasons.told(found, "home-1") == found


@pytest.fixture(scope="module")
def client(database_url):
    with connected(database_url) as database:
        rows(
            database,
            "INSERT INTO sungrow_strings_5min (device_id, bucket, string, u_sum, i_sum, p_sum,"
            " p_max, integral_kwh, n, limited_n) VALUES (%s, %s, 1, 400, 1, 390, 390, 0.03, 1, 0)",
            DEVICE,
            COMPUTED,
        )
    return app_on(database_url).test_client()


def said(client, path: str) -> list[str]:
    """Return each house that the commands in an answer name."""
    answer = get(client, f"{path}?device_id={DEVICE}", READ_TOKEN)
    assert answer.status_code == 200, answer.text
    return re.findall(r" set ([\w.-]+)", answer.text)


def test_each_answer_names_the_house(client, database_url):
    assert said(client, "/v1/sun") == [DEVICE]
    assert said(client, "/v1/roof") == said(client, "/v1/shade") == [DEVICE]
    assert said(client, "/v1/roof/day") == [DEVICE]
    text = OF_ROOF["no_orientation"].format(days=1)
    plane = {"string": 1, "name": None, "map": None, "shade_loss": because(text)}
    roof = {**PLAIN, **because(text), "days_missing": 1, "strings": [plane], "losses_by_month": []}
    battery = {"figures": {"capacity_pct": because(OF_BATTERY["no_capacity_set"])}}
    whatif = {"capacities": [], **because(OF_BATTERY["not_set"])}
    with connected(database_url) as database:
        rows(
            database,
            "INSERT INTO sungrow_roof_results (device_id, computed_at, result) VALUES (%s, %s, %s)",
            *(DEVICE, COMPUTED, Json(roof)),
        )
        add = "INSERT INTO sungrow_battery_results VALUES (%s, %s, %s, %s, true, true)"
        rows(database, add, DEVICE, COMPUTED, Json(battery), Json(whatif))
    assert said(client, "/v1/roof") == [DEVICE, DEVICE]
    assert said(client, "/v1/shade") == said(client, "/v1/battery") == [DEVICE]
    assert said(client, "/v1/battery/whatif") == [DEVICE]
