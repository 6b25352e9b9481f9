"""``GET /v1/strings`` and ``/v1/sun``: strings by buckets, and the sun over a house."""

import csv
import io
import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from edge_lib.shared import sun
from server.api.series_query import MOST_BUCKETS
from tests.support.direct import KEY_OF
from tests.support.history import DEVICE, SITE, asker, bearer, history_client, new_device
from tests.support.readings import reading, rows, store, utc
from tests.support.strings import powers

pytestmark = pytest.mark.server

START = utc("2025-10-25 21:00")  # and on through a night of 25 hours into another month
LOCAL = ZoneInfo(SITE)
STEP = timedelta(seconds=437)  # no multiple of a bucket
SPAN = {"from": "2025-10-25", "to": "2025-11-03"}
COLUMNS = (
    *("bucket", "avg_power_w", "max_power_w", "avg_voltage_v", "avg_current_a", "kwh", "share"),
    *("sample_count", "limited_count"),
)


@pytest.fixture(scope="module")
def ask(url):
    return asker(url, "/v1/strings")


def samples(count: int = 1600) -> list[dict]:
    """Return eight days of two strings; of the second nothing was read for a while."""
    found = []
    for n in range(count):
        two = (250.0 + n % 17, n % 31 / 10) if not 300 <= n < 340 else (None, None)
        found.append(
            reading(
                START + n * STEP,
                pv_power_w=float(n * 7 % 5000) if n % 9 else 0.0,
                mppt1_voltage_v=300.0 + n % 7,
                mppt1_current_a=n % 23 / 10,
                mppt2_voltage_v=two[0],
                mppt2_current_a=two[1],
                running_state=0x8100 if n % 11 == 0 else 0,
                interval_s=437.0,
            )
        )
    return found


def expected(of: list[dict], string: int) -> dict[str, object]:
    """Return a bucket of one string by its samples, but for its start and share."""
    known = [(s, powers(s)[string]) for s in of if string in powers(s)]
    if not known:
        nothing = dict.fromkeys(COLUMNS[1:6])
        return nothing | {"sample_count": 0, "limited_count": 0}

    def mean(values) -> object:
        return pytest.approx(math.fsum(values) / len(known), abs=1e-9)

    return {
        "avg_power_w": mean(power for _, power in known),
        "max_power_w": pytest.approx(max(power for _, power in known)),
        "avg_voltage_v": mean(s[f"mppt{string}_voltage_v"] for s, _ in known),
        "avg_current_a": mean(s[f"mppt{string}_current_a"] for s, _ in known),
        "kwh": pytest.approx(kwh(known)),
        "sample_count": len(known),
        "limited_count": sum(s["running_state"] == 0x8100 for s, _ in known),
    }


def kwh(known) -> float:
    return math.fsum(power * s["interval_s"] / 3.6e6 for s, power in known)


@pytest.fixture(scope="module")
def house(database) -> str:
    device_id = new_device()
    store(database, device_id, samples())
    return device_id


@pytest.mark.parametrize("width", ["5m", "15m", "1h", "1d", "1mo"])
def test_each_bucket_of_each_string_is_that_of_its_samples(ask, house, width):
    answer = ask({"device_id": house, "bucket": width, **SPAN})
    buckets = defaultdict(list)
    for sample in samples():
        buckets[KEY_OF[width](sample["ts"], LOCAL)].append(sample)
    assert [one["string"] for one in answer["strings"]] == [1, 2]
    assert answer["timezone"] == SITE
    counted = 0
    for one in answer["strings"]:
        assert one["name"] is None
        for row in one["series"]:
            assert tuple(row) == COLUMNS
            of = buckets.get(KEY_OF[width](datetime.fromisoformat(row["bucket"]), LOCAL), [])
            wanted = expected(of, one["string"])
            assert {name: row[name] for name in wanted} == wanted
            counted += row["sample_count"]
    last = utc("2025-11-02 23:00") if width != "1mo" else utc("2025-10-31 23:00")
    assert counted == sum(len(powers(s)) for s in samples() if s["ts"] < last)


def test_shares_are_of_what_all_gave_and_null_where_one_was_not_read(ask, house):
    asked = {"device_id": house, "from": "2025-10-25T21:00:00Z", "to": "2025-10-29T21:00:00Z"}
    one, two = (of["series"] for of in ask({**asked, "bucket": "1h"})["strings"])
    reasons = defaultdict(int)
    for first, second in zip(one, two, strict=True):
        assert (first["share"] is None) == (second["share"] is None)
        if second["sample_count"] < 0.9 * first["sample_count"]:
            reasons["not read"] += 1
            assert first["share"] is None
        elif first["kwh"] + second["kwh"] == 0:
            reasons["nothing"] += 1
            assert first["share"] is None
        else:
            reasons["known"] += 1
            assert first["share"] + second["share"] == pytest.approx(1)
            assert first["share"] == pytest.approx(first["kwh"] / (first["kwh"] + second["kwh"]))
    assert reasons["known"] > 80
    assert reasons["not read"] >= 4
    (month,) = ask({"device_id": house, "bucket": "1mo", **SPAN})["strings"][0]["series"]
    assert month["share"] is not None, "some samples less are no reason"


def test_the_share_of_a_day_is_the_same_whatever_range_is_asked_for(ask, database):
    """On the second day nothing is read of the second string, which is taken out a year later."""
    device_id, noon = new_device(), utc("2025-06-01 12:00")
    one = {"pv_power_w": 900.0, "mppt1_voltage_v": 300.0, "mppt1_current_a": 2.0}
    two = one | {"mppt2_voltage_v": 300.0, "mppt2_current_a": 1.0}
    told = {0: two, 1: one, 365: two, 430: one}
    store(database, device_id, [reading(noon + timedelta(days=n), **told[n]) for n in told])

    def shares(first: str, end: str) -> dict[str, float | None]:
        asked = {"device_id": device_id, "bucket": "1d", "from": first, "to": end}
        series = ask(asked)["strings"][0]["series"]
        return {row["bucket"][:10]: row["share"] for row in series if row["sample_count"]}

    third = pytest.approx(2 / 3)
    assert shares("2025-06-02", "2025-06-03") == {"2025-06-02": None}
    assert shares("2025-06-01", "2025-06-03") == {"2025-06-01": third, "2025-06-02": None}
    assert shares("2026-08-05", "2026-08-06") == {"2026-08-05": 1}


def test_where_all_rest_nobody_has_a_share(ask, database):
    device_id = new_device()
    night = {"pv_power_w": 0.0, "mppt1_voltage_v": 100.0, "mppt1_current_a": 0.0}
    store(database, device_id, [reading(START, **night)])
    (one,) = ask(
        {"device_id": device_id, "bucket": "1mo", "from": "2025-10-01", "to": "2025-11-01"}
    )["strings"]
    (row,) = one["series"]
    assert (row["avg_power_w"], row["kwh"], row["share"]) == (0, 0, None)


def test_one_string_alone_gives_all(ask, database):
    device_id = new_device()
    alone = {"pv_power_w": 900.0, "mppt1_voltage_v": 300.0, "mppt1_current_a": 2.9}
    store(database, device_id, [reading(START, **alone)])
    asked = {"device_id": device_id, "bucket": "1mo", "from": "2025-10-01", "to": "2025-11-01"}
    (one,) = ask(asked)["strings"]
    assert (one["series"][0]["share"], one["series"][0]["max_power_w"]) == (1, 900)


def test_without_readings_of_strings_there_are_none(ask, database):
    device_id = new_device()
    store(database, device_id, [reading(START)])
    assert ask({"device_id": device_id, "bucket": "1d", **SPAN})["strings"] == []


def test_empty_buckets_stand_between_and_none_after_now(ask, database):
    device_id, now = new_device(), datetime.now(UTC)
    told = {"mppt1_voltage_v": 300.0, "mppt1_current_a": 2.9}
    store(database, device_id, [reading(now - timedelta(hours=3), **told), reading(now, **told)])
    first, end = now - timedelta(hours=4), now + timedelta(hours=4)
    asked = {"from": first.isoformat(), "to": end.isoformat(), "bucket": "15m"}
    (one,) = ask({"device_id": device_id, **asked})["strings"]
    assert 16 <= len(one["series"]) <= 17
    assert sum(row["sample_count"] for row in one["series"]) == 2
    empty = next(row for row in one["series"] if not row["sample_count"])
    assert empty["avg_power_w"] is empty["share"] is empty["kwh"] is None


def test_csv_has_the_same_a_row_a_string_and_bucket(ask, house, url):
    answer = ask({"device_id": house, "bucket": "1d", **SPAN})
    wanted = {
        (str(one["string"]), row["bucket"]): row
        for one in answer["strings"]
        for row in one["series"]
    }
    found = history_client(url).get(
        "/v1/strings",
        query_string={"device_id": house, "bucket": "1d", "format": "csv", **SPAN},
        headers=bearer(),
    )
    assert found.status_code == 200
    assert "strings-1d-2025-10-25.csv" in found.headers["Content-Disposition"]
    lines = list(csv.DictReader(io.StringIO(found.text)))
    assert tuple(lines[0]) == ("string", *COLUMNS)
    assert len(lines) == len(wanted)
    for line in lines:
        row = wanted[line["string"], line["bucket"]]
        for name in COLUMNS[1:]:
            shown = float(line[name]) if line[name] else None
            assert shown == (None if row[name] is None else pytest.approx(row[name], abs=1e-5))


def test_digits_round_all_but_shares(ask, house):
    asked = {"device_id": house, "bucket": "1d", **SPAN}
    exact, short = ask(asked), ask({**asked, "digits": "0"})
    for one, other in zip(exact["strings"], short["strings"], strict=True):
        for row, rounded in zip(one["series"], other["series"], strict=True):
            assert rounded["avg_power_w"] == round(row["avg_power_w"])
            assert rounded["share"] == row["share"]


def test_a_string_is_called_as_its_owner_says(ask, database):
    device_id = new_device()
    told = {"mppt2_voltage_v": 300.0, "mppt2_current_a": 2.9}
    store(database, device_id, [reading(START, **told)])
    name = "INSERT INTO sungrow_site_strings VALUES (%s, %s, 35, 90, NULL, %s)"
    for string, called in ((1, None), (2, "East")):
        rows(database, name, device_id, string, called)
    (one,) = ask({"device_id": device_id, "bucket": "1d", **SPAN})["strings"]
    assert (one["string"], one["name"]) == (2, "East")


@pytest.mark.parametrize(
    ("changes", "where", "words"),
    [
        ({"bucket": "1m"}, "bucket", "/v1/series?bucket=1m&fields=mppt"),
        ({"bucket": "raw"}, "bucket", "5m, 15m, 1h, 1d or 1mo"),
        ({"bucket": "7m"}, "bucket", "one of"),
        ({"bucket": None}, "bucket", "missing"),
        ({"from": None}, "from", "missing"),
        ({"to": "2025-10-24"}, "to", "before from"),
        ({"to": "2025-12-03", "bucket": "5m"}, "to", f"more than {MOST_BUCKETS}"),
        ({"format": "xml"}, "format", "one of json, csv"),
        ({"digits": "9"}, "digits", "one of"),
    ],
)
def test_what_cannot_be_asked_says_why(ask, changes, where, words):
    asked = {"device_id": DEVICE, "bucket": "1d", **SPAN} | changes
    told = ask({name: value for name, value in asked.items() if value}, 422)["detail"]
    assert told[0]["loc"] == ["query", where]
    assert words in told[0]["msg"]


@pytest.mark.parametrize("name", ["frame", "date", "fields", "columns"])
def test_what_only_series_takes_is_unknown_here(ask, name):
    told = ask({"device_id": DEVICE, "bucket": "1d", **SPAN, name: "day"}, 422)["detail"]
    takes = "device_id, from, to, bucket, digits, format"
    assert told[0]["msg"] == f"unknown parameter {name!r}; this request takes {takes}"


# The sun


@pytest.fixture(scope="module")
def ask_sun(url):
    return asker(url, "/v1/sun")


@pytest.fixture(scope="module")
def placed(database) -> str:
    device_id = new_device()
    rows(database, "INSERT INTO sungrow_sites VALUES (%s, 51.2, 4.4)", device_id)
    return device_id


def test_the_sun_stands_where_it_does_over_the_house(ask_sun, placed):
    at = utc("2025-06-21 11:44")
    expected = sun.position(at.timestamp(), 51.2, 4.4)
    for text in ("2025-06-21T11:44:00Z", "2025-06-21T13:44:00+02:00"):
        assert ask_sun({"device_id": placed, "at": text}) == {
            "device_id": placed,
            "ts": "2025-06-21T11:44:00.000000Z",
            "azimuth_deg": pytest.approx(expected.azimuth_deg, abs=1e-9),
            "elevation_deg": pytest.approx(expected.elevation_deg, abs=1e-9),
            "reason": None,
            "reason_text": None,
        }
    assert expected.elevation_deg == pytest.approx(62.2, abs=0.1)


def test_it_is_now_unless_asked_otherwise(ask_sun, placed):
    before = datetime.now(UTC)
    found = ask_sun({"device_id": placed})
    at = datetime.fromisoformat(found["ts"])
    assert before - timedelta(seconds=1) <= at <= datetime.now(UTC)
    assert found["elevation_deg"] == pytest.approx(
        sun.position(at.timestamp(), 51.2, 4.4).elevation_deg
    )


def test_over_a_house_of_no_known_place_it_says_what_to_set(ask_sun):
    found = ask_sun({"device_id": DEVICE, "at": "2025-06-21T11:44:00Z"})
    assert (found["azimuth_deg"], found["elevation_deg"]) == (None, None)
    assert found["reason"] == "no_place"
    assert f"set {DEVICE} --latitude" in found["reason_text"]


@pytest.mark.parametrize(
    "at", ["", "noon", "2025-06-21", "2101-01-01T00:00:00Z", "1949-12-31T23:00:00Z"]
)
def test_another_time_is_refused(ask_sun, placed, at):
    told = ask_sun({"device_id": placed, "at": at}, 422)["detail"]
    assert told[0]["loc"] == ["query", "at"]


def test_the_sun_of_another_house_is_not_told(ask_sun):
    assert ask_sun({"device_id": "not-mine"}, 403)
