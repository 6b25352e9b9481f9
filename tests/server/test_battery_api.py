"""``GET /v1/battery`` and its kin: they serve what the night has stored, and nothing else."""

import csv
import io

import pytest
from psycopg2.extras import Json

from tests.support.batches import (
    DEVICE,
    OTHER,
    OTHER_TOKEN,
    READ_TOKEN,
    app_on,
    assert_error,
    get,
)
from tests.support.readings import connected, rows, utc

pytestmark = pytest.mark.server

RESULT = {
    "figures": {"capacity_kwh": {"value": 8.98, "low": 8.8, "high": 9.16, "n": 31, "reason": None}},
    "insights": [{"id": "larger_battery", "kwh": None, "reason": "no_grid_meter"}],
}
SPAN = {"from": "2025-11-28T23:00:00Z", "to": "2026-11-28T23:00:00Z", "reason": None}
WHATIF = [
    {
        "capacity_kwh": kwh,
        "import_kwh": 3000 - 100 * kwh,
        "export_kwh": 10.0,
        "saved_kwh": 100 * kwh,
        "is_own": kwh == 9.6,
    }
    for kwh in (0.0, 5.0, 8.0, 9.6, 10.0, 13.0, 16.0, 20.0, 26.0)
]
COMPUTED = utc("2026-11-29 02:10")
FULL, EMPTY = utc("2026-10-24 13:00"), utc("2026-10-25 04:30")


@pytest.fixture(scope="module")
def client(database_url):
    with connected(database_url) as database:
        add = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, 'Europe/Berlin')"
        rows(database, add, DEVICE)
        add = "INSERT INTO sungrow_battery_results VALUES (%s, %s, %s, %s, true, true)"
        rows(database, add, DEVICE, COMPUTED, Json(RESULT), Json({**SPAN, "capacities": WHATIF}))
        add = (
            "INSERT INTO sungrow_battery_anchors VALUES (%s, %s, %s, %s, %s, 99, 100, 10, 9, 10, 9)"
        )
        rows(database, add, DEVICE, FULL, utc("2026-10-24 17:00"), "full", "soc_100_tapered")
        rows(database, add, DEVICE, EMPTY, utc("2026-10-25 07:00"), "empty", "soc_zero")
        rows(database, add, OTHER, EMPTY, utc("2026-10-25 07:00"), "empty", "soc_zero")
        add = (
            "INSERT INTO sungrow_battery_windows VALUES (%s, %s, %s, %s, 0, 0.1, 8.7, %s, 21, 0.2)"
        )
        span = (utc("2026-10-24 17:00"), EMPTY)
        rows(database, add, DEVICE, *span, "full_empty", 9.01)
        rows(database, add, DEVICE, *span, "full_full", None)
    return app_on(database_url).test_client()


def answer(client, path: str):
    found = get(client, path, READ_TOKEN)
    assert found.status_code == 200, found.text
    return found


def test_what_the_night_stored_is_what_is_told(client):
    found = answer(client, f"/v1/battery?device_id={DEVICE}")
    assert found.json == {
        "device_id": DEVICE,
        "computed_at": "2026-11-29T02:10:00.000000Z",
        **RESULT,
    }
    assert found.headers["Cache-Control"] == "private, no-cache"
    again = get(
        client,
        f"/v1/battery?device_id={DEVICE}",
        READ_TOKEN,
        **{"If-None-Match": found.headers["ETag"]},
    )
    assert again.status_code == 304


def test_before_the_first_night_the_answer_says_so(client):
    """No 404: the page asks for every house with a battery, and a browser's console shows those."""
    found = get(client, "/v1/battery", OTHER_TOKEN)
    assert found.status_code == 200
    assert (found.json["computed_at"], found.json["figures"]) == (None, {})
    assert found.json["reason"] == "not_computed"
    assert "its first night is still to come" in found.json["reason_text"]


@pytest.mark.parametrize("path", ["/v1/battery/whatif", "/v1/battery/whatif?capacity=5"])
def test_a_house_of_which_nothing_is_computed_is_not_found(client, path):
    found = get(client, path, OTHER_TOKEN)
    assert_error(found, 404)
    assert "it has none, or its first night is still to come" in found.json["detail"]


@pytest.mark.parametrize("path", ["/v1/battery", "/v1/battery/events", "/v1/battery/whatif"])
def test_only_who_may_read_the_house_is_told(client, path):
    assert_error(client.get(path), 401)
    assert_error(get(client, f"{path}?device_id={DEVICE}", OTHER_TOKEN), 403)
    assert_error(get(client, path, READ_TOKEN), 422)  # of two houses


@pytest.mark.parametrize("text", ["13", "13.0", "9.6", "0"])
def test_one_capacity_is_told_alone(client, text):
    found = answer(client, f"/v1/battery/whatif?device_id={DEVICE}&capacity={text}").json
    assert found["own_capacity_kwh"] == 9.6
    (expected,) = [one for one in WHATIF if one["capacity_kwh"] == float(text)]
    about = {
        "device_id": DEVICE,
        "computed_at": "2026-11-29T02:10:00.000000Z",
        "own_capacity_kwh": 9.6,
    }
    assert found == about | SPAN | expected


@pytest.mark.parametrize("text", ["12", "-5", "", "many", "nan", "inf", "1e400"])
def test_another_capacity_is_unprocessable_and_those_that_are_there_are_named(client, text):
    found = get(client, f"/v1/battery/whatif?device_id={DEVICE}&capacity={text}", READ_TOKEN)
    assert_error(found, 422)
    (place,) = found.json["detail"]
    assert place["loc"] == ["query", "capacity"]
    assert place["msg"] == "kWh, one of 0, 5, 8, 9.6, 10, 13, 16, 20, 26"


def test_without_one_all_are_told(client):
    found = answer(client, f"/v1/battery/whatif?device_id={DEVICE}").json
    assert found["capacities"] == WHATIF
    assert (found["own_capacity_kwh"], found["from"]) == (9.6, SPAN["from"])


def test_events_are_anchors_and_the_windows_between(client):
    found = answer(client, f"/v1/battery/events?device_id={DEVICE}").json
    assert [(one["kind"], one["from"], one["to"]) for one in found["anchors"]] == [
        ("full", "2026-10-24T13:00:00.000000Z", "2026-10-24T17:00:00.000000Z"),
        ("empty", "2026-10-25T04:30:00.000000Z", "2026-10-25T07:00:00.000000Z"),
    ]
    assert found["anchors"][0]["reached_discharge_kwh"] == 9
    assert [(one["kind"], one["capacity_kwh"]) for one in found["windows"]] == [
        ("full_empty", 9.01),
        ("full_full", None),
    ]
    assert {"charge_kwh", "discharge_kwh", "temp_c", "epoch"} <= found["windows"][0].keys()
    other = get(client, "/v1/battery/events", OTHER_TOKEN).json
    assert (len(other["anchors"]), other["windows"]) == (1, [])


@pytest.mark.parametrize(
    ("span", "count"),
    [
        ("from=2026-10-25", 3),  # local midnight, within the windows and before the second anchor
        ("to=2026-10-24", 0),
        ("from=2026-10-24&to=2026-10-24T13:00:01Z", 1),
        ("from=2026-10-26", 0),
    ],
)
def test_those_of_a_time_are_those_that_have_a_part_in_it(client, span, count):
    found = answer(client, f"/v1/battery/events?device_id={DEVICE}&{span}").json
    assert len(found["anchors"]) + len(found["windows"]) == count


def test_csv_has_the_same(client):
    found = answer(client, f"/v1/battery/events?device_id={DEVICE}&format=csv")
    assert found.mimetype == "text/csv"
    lines = list(csv.DictReader(io.StringIO(found.text)))
    assert [(one["event"], one["kind"]) for one in lines] == [
        ("anchor", "full"),
        ("window", "full_empty"),
        ("window", "full_full"),
        ("anchor", "empty"),
    ]
    assert lines[1]["capacity_kwh"] == "9.01"
    assert lines[2]["capacity_kwh"] == ""
    assert lines[0]["evidence"] == "soc_100_tapered"


@pytest.mark.parametrize("query", ["from=today", "from=2026-10-25&to=2026-10-25", "format=xml"])
def test_what_cannot_be_asked_is_unprocessable(client, query):
    assert_error(get(client, f"/v1/battery/events?device_id={DEVICE}&{query}", READ_TOKEN), 422)


def test_a_house_without_results_has_the_view_empty(database_url, client):
    with connected(database_url) as database:
        asked = "SELECT * FROM sungrow_battery_capacity WHERE device_id = %s"
        (year,) = rows(database, asked, DEVICE)
        assert rows(database, asked, OTHER) == []
    assert (year["year"], year["n"], year["median_kwh"], year["epoch"]) == (2026, 1, 9.01, 0)
