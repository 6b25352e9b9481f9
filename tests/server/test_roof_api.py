"""``GET /v1/roof`` and ``/v1/shade``: they serve what the night has stored, and nothing else."""

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

MAP = {"days": 120, "days_missing": 0, "seen_bins": 2, "shaded_bins": 1, "partly_bins": 0}
RESULT = {
    "place": {"latitude": 52.1, "longitude": 5.2},
    "export_limit_w": None,
    "reason": None,
    "reason_text": None,
    "reason_values": {},
    "days": 120,
    "days_missing": 0,
    "warnings": [],
    "strings": [
        {"string": 1, "name": "east", "map": MAP},
        {"string": 2, "name": None, "map": MAP | {"days": 3, "days_missing": 27}},
    ],
    "share_by_day": [],
    "losses_by_month": [],
    "events": [],
}
BINS = [  # string, period, azimuth, elevation, n, days, performance, contrast, state, last seen
    (1, "all", 120.0, 12.5, 40, 12, 0.31, 0.2, "shaded", "2026-11-20"),
    (1, "all", 115.0, 15.0, 30, 9, 0.98, 1.0, "clear", "2026-11-21"),
    (1, "all", 115.0, 12.5, 5, 2, None, None, "too_few", "2026-03-02"),
    (1, "last60", 120.0, 12.5, 20, 6, 0.30, None, "shaded", "2026-11-20"),
    (2, "all", 240.0, 10.0, 20, 6, 0.9, None, "clear", "2026-11-20"),
]
COMPUTED = utc("2026-11-29 02:10")
UNPLACED, UNREAD = "unplaced", "unread"
STORED = "INSERT INTO sungrow_roof_results (device_id, computed_at, result) VALUES (%s, %s, %s)"
SEEN = (
    "INSERT INTO sungrow_strings_5min (device_id, bucket, string, u_sum, i_sum, p_sum, p_max,"
    " integral_kwh, n, limited_n) VALUES (%s, %s, 1, 400, 1, 390, 390, 0.03, 1, 0)"
)


@pytest.fixture(scope="module")
def client(database_url):
    with connected(database_url) as database:
        add = (
            "INSERT INTO sungrow_roof_results (device_id, computed_at, result) VALUES (%s, %s, %s)"
        )
        rows(database, add, DEVICE, COMPUTED, Json(RESULT))
        add = (
            "INSERT INTO sungrow_shade_bins (device_id, string, period, azimuth_deg, elevation_deg,"
            " n, days, performance, contrast, state, last_seen) VALUES (%s" + ", %s" * 10 + ")"
        )
        for one in BINS:
            rows(database, add, DEVICE, *one)
        rows(database, add, OTHER, *BINS[0])
        for device in (OTHER, UNPLACED):
            rows(database, SEEN, device, COMPUTED)
        place = "INSERT INTO sungrow_sites (device_id, latitude, longitude) VALUES (%s, 52.1, 5.2)"
        rows(database, place, OTHER)
        add = (
            "INSERT INTO sungrow_roof_results (device_id, computed_at, result) VALUES (%s, %s, %s)"
        )
        none = RESULT | {"place": None, "reason": "no_place", "strings": [], "days": 0}
        rows(database, STORED, UNPLACED, COMPUTED, Json(none))
    tokens = f"{READ_TOKEN}:{DEVICE},{READ_TOKEN}:{OTHER},un-placed:{UNPLACED},un-read:{UNREAD}"
    return app_on(database_url, READ_TOKENS=tokens).test_client()


def answer(client, path: str, token: str = READ_TOKEN):
    found = get(client, path, token)
    assert found.status_code == 200, found.text
    return found


def test_what_the_night_stored_is_what_is_told(client):
    found = answer(client, f"/v1/roof?device_id={DEVICE}")
    about = {"device_id": DEVICE, "computed_at": "2026-11-29T02:10:00.000000Z"}
    assert found.json == RESULT | about
    assert found.headers["Cache-Control"] == "private, no-cache"
    tag = {"If-None-Match": found.headers["ETag"]}
    assert get(client, f"/v1/roof?device_id={DEVICE}", READ_TOKEN, **tag).status_code == 304


@pytest.mark.parametrize(
    ("token", "reason", "said"),
    [
        (OTHER_TOKEN, "not_computed", "its first night is still to come"),
        ("un-read", "no_strings", "of no string of this house"),
    ],
)
def test_before_the_first_night_the_answer_says_why(client, token, reason, said):
    found = answer(client, "/v1/roof", token).json
    assert found.keys() == {"device_id", "computed_at", *RESULT}
    assert (found["computed_at"], found["reason"]) == (None, reason)
    assert said in found["reason_text"]
    assert (found["strings"], found["events"]) == ([], [])
    place = {"latitude": 52.1, "longitude": 5.2}
    assert found["place"] == (place if reason == "not_computed" else None)


def test_a_place_that_was_set_today_waits_for_the_night(database_url, client):
    assert answer(client, "/v1/roof", "un-placed").json["reason"] == "no_place"
    with connected(database_url) as database:
        place = "INSERT INTO sungrow_sites (device_id, latitude, longitude) VALUES (%s, 52, 5)"
        rows(database, place, UNPLACED)
        found = answer(client, "/v1/roof", "un-placed").json
        assert (found["reason"], found["computed_at"]) == ("not_computed", None)
        rows(database, "DELETE FROM sungrow_sites WHERE device_id = %s", UNPLACED)
    assert answer(client, "/v1/roof", "un-placed").json["reason"] == "no_place"


def test_the_map_of_a_string_is_its_bins(client):
    found = answer(client, f"/v1/shade?device_id={DEVICE}").json
    about = {name: found[name] for name in ("device_id", "string", "period", "days", "reason")}
    assert about == {
        "device_id": DEVICE,
        "string": 1,
        "period": "all",
        "days": 120,
        "reason": None,
    }
    assert found["days_missing"] == 0
    assert [(one["azimuth_deg"], one["elevation_deg"]) for one in found["bins"]] == [
        *((115.0, 12.5), (120.0, 12.5), (115.0, 15.0)),
    ]
    assert found["bins"][1] == {
        "azimuth_deg": 120.0,
        "elevation_deg": 12.5,
        "n": 40,
        "days": 12,
        "performance": 0.31,
        "contrast": 0.2,
        "state": "shaded",
        "last_seen": "2026-11-20",
    }
    assert found["bins"][0]["performance"] is None


@pytest.mark.parametrize(
    ("asked", "count", "days", "reason"),
    [
        ("string=1&period=last60", 1, 120, None),
        ("string=1&period=last60_before", 0, 120, None),
        ("string=2", 1, 3, None),
        ("string=3", 0, 120, "no_such_string"),
    ],
)
def test_each_string_and_period_has_a_map_of_its_own(client, asked, count, days, reason):
    found = answer(client, f"/v1/shade?device_id={DEVICE}&{asked}").json
    assert (len(found["bins"]), found["days"], found["reason"]) == (count, days, reason)


def test_the_map_of_a_house_without_a_place_says_why_there_is_none(client):
    found = answer(client, "/v1/shade", "un-placed").json
    assert (found["bins"], found["reason"]) == ([], "no_place")


def test_csv_has_the_same(client):
    found = answer(client, f"/v1/shade?device_id={DEVICE}&format=csv")
    assert found.mimetype == "text/csv"
    assert "shade-1-all.csv" in found.headers["Content-Disposition"]
    lines = list(csv.DictReader(io.StringIO(found.text)))
    shown = answer(client, f"/v1/shade?device_id={DEVICE}").json["bins"]
    assert [list(one) for one in lines] == [list(one) for one in shown]
    assert [one["performance"] for one in lines] == ["", "0.31", "0.98"]
    assert [one["last_seen"] for one in lines] == ["2026-03-02", "2026-11-20", "2026-11-21"]


@pytest.mark.parametrize("path", ["/v1/roof", "/v1/shade", "/v1/roof/day?date=2026-11-20"])
def test_only_who_may_read_the_house_is_told(client, path):
    mark = "&" if "?" in path else "?"
    assert_error(client.get(path), 401)
    assert_error(get(client, f"{path}{mark}device_id={DEVICE}", OTHER_TOKEN), 403)
    assert_error(get(client, path, READ_TOKEN), 422)  # of two houses


@pytest.mark.parametrize(
    "asked",
    [
        *("string=0", "string=5", "string=east", "string=", "string=1.0", "string=01"),
        *("period=last30", "format=xml"),
    ],
)
def test_what_cannot_be_asked_is_unprocessable(client, asked):
    assert_error(get(client, f"/v1/shade?device_id={DEVICE}&{asked}", READ_TOKEN), 422)


@pytest.mark.parametrize("token", [OTHER_TOKEN, "un-read"])
def test_the_curve_of_a_day_says_why_there_is_none(client, token):
    found = answer(client, "/v1/roof/day?date=2026-03-29", token).json
    assert found["series"] == []
    assert found["reason"] == answer(client, "/v1/roof", token).json["reason"]
    assert (found["date"], found["timezone"]) == ("2026-03-29", "UTC")
    assert found["from"] == "2026-03-29T00:00:00+00:00"
    assert found["to"] == "2026-03-30T00:00:00+00:00"


@pytest.mark.parametrize(
    "date",
    [
        *("", "yesterday", "2026-02-30", "20260301", "1999-01-01"),
        *("2100-01-01", "8999-12-31"),  # as /v1/sun: of such a sun nothing is known
    ],
)
def test_the_curve_of_no_day_is_unprocessable(client, date):
    assert_error(get(client, f"/v1/roof/day?date={date}", OTHER_TOKEN), 422)
