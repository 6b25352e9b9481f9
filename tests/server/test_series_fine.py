"""``GET /v1/series`` closer than five minutes: minutes, readings, and what ``fields`` adds."""

import csv
import io
import json
import math
from datetime import UTC, datetime, timedelta

import pytest

from edge_lib.shared.sample import NAMES
from edge_lib.shared.timestamps import parse_ts
from server.api.series_raw import MOST_ROWS
from server.house.rollups import change_lag
from tests.support import direct
from tests.support.batches import full_sample
from tests.support.history import DEVICE, FLOWS, bearer, history_client, new_device, starts
from tests.support.p1 import store_p1
from tests.support.readings import connected, reading, rows, store, utc

pytestmark = pytest.mark.server

NOON = utc("2025-06-01 10:00")
FIVE_S = timedelta(seconds=5)
HOUR = {"from": "2025-06-01T10:00:00Z", "to": "2025-06-01T11:00:00Z"}
STRINGS = ("mppt1", "mppt2", "mppt3", "mppt4")


def living(count: int = 720) -> list[dict]:
    """Return samples of five seconds each: what they hold is other in each, or missing."""
    return [
        reading(
            NOON + n * FIVE_S,
            pv_power_w=1000.0 + n % 97,
            battery_soc_pct=None if n % 11 == 0 else 40 + n % 7,
            load_power_w=None if n % 50 < 5 else 700.0 + n % 13,
            export_power_w=float(n % 31) - 15,
            inverter_power_w=None if n % 29 == 0 else 690.0 + n % 17,
            battery_temp_c=None if n < 60 else 20 + n / 100,
            battery_voltage_v=200 + n % 3,
            grid_voltage_v=None if n % 2 else 230.1,
            mppt1_voltage_v=400.0 + n,
            mppt1_current_a=1.5 if n % 3 else None,
            mppt2_voltage_v=300.0,
            mppt2_current_a=n / 100,
            mppt3_voltage_v=120.0,
            running_state=64,
            seq=n,
            boot="00ff",
        )
        for n in range(count)
        if not 100 <= n < 130
    ]


@pytest.fixture(scope="module")
def client(url):
    return history_client(url)


@pytest.fixture(scope="module")
def device(database) -> str:
    name = new_device()
    store(database, name, living())
    return name


@pytest.fixture(scope="module")
def p1_house(database) -> str:
    """A house with a grid meter that is read beside most samples, two seconds before its lag."""
    name = new_device()
    store(database, name, living())
    for n in range(0, 720, 2):
        ts, power = NOON + n * FIVE_S - timedelta(seconds=2), 50.0 + n % 41
        if not 300 <= n < 340:
            store_p1(database, name, [{"ts": ts, "power_w": power, "import_power_w": power}])
    with database, database.cursor() as cursor:
        change_lag(cursor, name, 1.5)
    return name


@pytest.mark.parametrize("digits", range(7))
def test_numbers_are_rounded_to_as_many_digits_as_asked_and_nothing_else_is(ask, device, digits):
    exact = ask({"device_id": device, **HOUR, "bucket": "5m"})
    rounded = ask({"device_id": device, **HOUR, "bucket": "5m", "digits": str(digits)})
    assert len(rounded["series"]) == len(exact["series"]) == 12
    changed = 0
    for one, other in zip(rounded["series"], exact["series"], strict=True):
        assert list(one) == list(other)
        for name, value in other.items():
            whole = round(value, digits) if isinstance(value, float) else value
            assert one[name] == whole, name
            changed += one[name] != value
    assert changed > 0
    assert rounded["series"][0]["avg_pv_power_w"] is not None


@pytest.mark.parametrize("digits", ["", "7", "-1", "1.5", "few"])
def test_other_digits_are_refused(ask, device, digits):
    ask({"device_id": device, **HOUR, "bucket": "5m", "digits": digits}, 422)


# A week


@pytest.mark.parametrize(
    ("day", "first"),
    [
        ("2025-06-02", "2025-06-02"),  # a Monday
        ("2025-06-08", "2025-06-02"),  # a Sunday
        ("2025-06-09", "2025-06-09"),
        ("2025-03-30", "2025-03-24"),  # the clock changes
        ("2025-01-01", "2024-12-30"),  # of two years
    ],
)
def test_a_week_is_daily_from_monday_in_the_zone_of_the_house(ask, database, day, first):
    device_id, monday = new_device(), datetime.fromisoformat(f"{first}T12:00:00Z")
    days = [monday + timedelta(days=n) for n in range(-1, 8)]
    store(database, device_id, [reading(ts) for ts in days])
    answer = ask({"device_id": device_id, "frame": "week", "date": day})
    assert answer["frame"] == "week"
    assert [start[:10] for start in starts(answer)] == [str(ts.date()) for ts in days[1:8]]
    assert all(start[10:19] == "T00:00:00" for start in starts(answer))


# Single minutes


def fives(minutes: list[dict]) -> list[list[dict]]:
    return [minutes[n : n + 5] for n in range(0, len(minutes), 5)]


def test_minutes_hold_what_the_five_minutes_of_them_hold(ask, device):
    whole = ask({"device_id": device, **HOUR, "bucket": "5m"})["series"]
    minutes = ask({"device_id": device, **HOUR, "bucket": "1m"})
    assert (minutes["bucket"], len(minutes["series"])) == ("1m", 60)
    for bucket, five in zip(whole, fives(minutes["series"]), strict=True):
        assert five[0]["bucket"] == bucket["bucket"]
        assert bucket.keys() == five[0].keys()
        for name in (*FLOWS, "pv_kwh", "load_kwh", "import_kwh", "battery_discharge_kwh"):
            assert math.fsum(m[name] or 0 for m in five) == pytest.approx(bucket[name], abs=1e-12)
        assert sum(m["sample_count"] for m in five) == bucket["sample_count"]
        assert max(m["max_pv_power_w"] or 0 for m in five) == bucket["max_pv_power_w"]
        for name in (name for name in bucket if name.startswith(("avg_", "min_", "max_"))):
            is_told = any(m[name] is not None for m in five)
            assert is_told is (bucket[name] is not None), name
    # 30 samples are missing, of two minutes and a half.
    empty = [m for m in minutes["series"] if not m["sample_count"]]
    assert [m["bucket"][11:16] for m in empty] == ["12:09"]
    assert empty[0]["coverage"] == 0
    assert minutes["series"][10]["coverage"] == pytest.approx(10 / 60)
    assert all(m["pv_counter_kwh"] is None for m in minutes["series"])
    # Five of fifty samples have no load: more than a tenth of some minute, not of any other.
    assert [m["estimated"] for m in minutes["series"][:3]] == [True, False, False]


def test_minutes_of_a_house_with_a_grid_meter_are_its_five_minutes(ask, p1_house):
    asked = {"device_id": p1_house, **HOUR}
    whole = ask({**asked, "bucket": "5m"})["series"]
    minutes = ask({**asked, "bucket": "1m"})["series"]
    compared = 0
    for bucket, five in zip(whole, fives(minutes), strict=True):
        assert bucket.keys() == five[0].keys()
        if all(m["grid_source"] in ("p1", "mixed") for m in five):
            compared += 1
            for name in (*FLOWS, "load_integral_kwh", "import_integral_kwh", "export_integral_kwh"):
                total = math.fsum(m[name] for m in five)
                assert total == pytest.approx(bucket[name], abs=1e-12)
            covered = math.fsum(m["grid_coverage"] for m in five) / 5
            assert covered == pytest.approx(bucket["grid_coverage"])
    assert compared == 10
    sources = [m["grid_source"] for m in minutes]
    assert sources[:3] == ["p1", "p1", "mixed"]  # of one the inverter's power is not told
    assert {sources[n] for n in (26, 27)} == {"inverter"}  # no reading of the meter then
    assert sources[9] is None
    # As a counter says it, it is nothing of a minute.
    assert all(m["import_p1_kwh"] is None for m in minutes)
    assert minutes[0]["import_kwh"] == minutes[0]["import_integral_kwh"] > 0


@pytest.mark.parametrize(("hours", "status"), [(36, 200), (37, 422)])
def test_minutes_of_36_hours_and_no_more(ask, hours, status):
    to = (NOON + timedelta(hours=hours)).isoformat()
    asked = {"device_id": DEVICE, "from": HOUR["from"], "to": to, "bucket": "1m"}
    answer = ask(asked, status)
    if status == 200:
        assert len(answer["series"]) == hours * 60
    else:
        (place,) = answer["detail"]
        assert place["loc"] == ["query", "to"]
        assert "bucket=5m" in place["msg"]


# What fields adds


@pytest.mark.parametrize("bucket", ["1m", "5m"])
def test_fields_are_averages_over_the_samples_that_have_a_value(ask, database, device, bucket):
    raw = rows(database, "SELECT * FROM sungrow_samples WHERE device_id = %s", device)
    for one in raw:
        for name in STRINGS:
            pair = (one[f"{name}_voltage_v"], one[f"{name}_current_a"])
            one[f"avg_{name}_power_w"] = None if None in pair else pair[0] * pair[1]
        for name in ("battery_temp_c", "battery_voltage_v", "grid_voltage_v"):
            one[f"avg_{name}"] = one[name]
    groups = direct.group(raw, lambda ts: direct.KEY_OF[bucket](ts, UTC))
    asked = {"device_id": device, **HOUR, "bucket": bucket, "fields": "mppt,battery,grid"}
    plain = ask({key: value for key, value in asked.items() if key != "fields"})["series"]
    told = [
        *(f"avg_{name}_power_w" for name in STRINGS),
        *("avg_battery_temp_c", "avg_battery_voltage_v", "avg_grid_voltage_v"),
    ]
    for row, without in zip(ask(asked)["series"], plain, strict=True):
        assert list(row) == [*without, *told]
        assert {name: row[name] for name in without} == without
        here = groups.get(parse_ts(row["bucket"]), [])
        for name in told:
            assert row[name] == direct.mean(direct.known(here, name))
    (first, *_) = ask({**asked, "fields": "grid"})["series"]
    assert first["avg_grid_voltage_v"] == pytest.approx(230.1)
    assert list(ask({**asked, "columns": "avg_mppt2_power_w"})["series"][0]) == [told[1]]


def test_what_a_field_adds_is_there_of_minutes_that_the_grid_meter_alone_tells(ask, p1_house):
    asked = {"device_id": p1_house, **HOUR, "bucket": "5m", "fields": "mppt"}
    assert all(row["avg_mppt1_power_w"] for row in ask(asked)["series"])


def test_fields_of_two_days_and_no_more(ask):
    asked = {"device_id": DEVICE, "bucket": "5m", "fields": "mppt", "from": "2025-10-25"}
    assert len(ask({**asked, "to": "2025-10-27"})["series"]) == 49 * 12  # one has 25 hours
    (place,) = ask({**asked, "to": "2025-10-28"}, 422)["detail"]
    assert place["loc"] == ["query", "to"]


# The readings


def test_raw_gives_every_field_of_each_reading(ask, database, device):
    stored = rows(
        database, "SELECT * FROM sungrow_samples WHERE device_id = %s ORDER BY ts", device
    )
    asked = {"device_id": device, "bucket": "raw", "from": HOUR["from"]}
    answer = ask({**asked, "to": "2025-06-01T10:00:10.000001Z"})
    about = {"device_id": device, "bucket": "raw", "timezone": "Europe/Berlin"}
    about |= {"from": "2025-06-01T12:00:00+02:00", "to": "2025-06-01T12:00:10.000001+02:00"}
    assert {name: answer[name] for name in about} == about
    fields = [name for name in NAMES if name not in ("device_id", "ts")]
    assert [list(row) for row in answer["series"]] == [["ts", *fields, "extra", "grid_source"]] * 3
    for row, one in zip(answer["series"], stored, strict=False):
        assert parse_ts(row["ts"]) == one["ts"]
        assert {name: row[name] for name in fields} == {name: one[name] for name in fields}
    assert [row["grid_source"] for row in answer["series"]] == ["inverter"] * 3
    # from is of the range, to is not.
    assert len(ask({**asked, "to": "2025-06-01T10:00:10Z"})["series"]) == 2
    assert ask({**asked, "to": HOUR["from"]})["series"] == []
    few = ask({**asked, "to": HOUR["to"], "columns": "ts,mppt1_current_a"})["series"]
    assert len(few) == len(stored)
    assert list(few[0]) == ["ts", "mppt1_current_a"]


def test_raw_leaves_no_field_out(ask, database):
    name, sample = new_device(), full_sample(device_id="")
    store(database, name, [{**sample, "ts": NOON}])
    (row,) = ask({"device_id": name, **HOUR, "bucket": "raw"})["series"]
    assert {field: row[field] for field in sample if field not in ("device_id", "ts")} == {
        field: value for field, value in sample.items() if field not in ("device_id", "ts")
    }


def test_raw_shows_the_house_by_the_reading_that_a_sample_pairs_with(ask, database, p1_house):
    readings = rows(database, "SELECT * FROM p1_samples WHERE device_id = %s ORDER BY ts", p1_house)
    answer = ask({"device_id": p1_house, **HOUR, "bucket": "raw"})["series"]
    sources = set()
    for row, one in zip(answer, living(), strict=True):
        at = one["ts"] - timedelta(seconds=1.5)
        near = min(readings, key=lambda r, at=at: (abs(r["ts"] - at), r["ts"]))
        is_near = abs(near["ts"] - at) <= timedelta(seconds=15)
        sources.add(row["grid_source"])
        if is_near and one["inverter_power_w"] is not None:
            assert parse_ts(row["p1_ts"]) == near["ts"]
            assert row["export_power_w"] == -near["power_w"]
            assert row["load_power_w"] == one["inverter_power_w"] + near["power_w"]
            assert row["inverter_load_power_w"] == one["load_power_w"]
            assert row["inverter_export_power_w"] == one["export_power_w"]
        else:
            assert row["load_power_w"] == one["load_power_w"]
            assert row["p1_ts"] is row["inverter_load_power_w"] is None
    assert sources == {"p1", "inverter"}


def test_ten_thousand_readings_and_no_more(ask, url):
    device_id = new_device()
    with connected(url) as database:
        rows(
            database,
            "INSERT INTO sungrow_samples (device_id, ts, pv_power_w)"
            " SELECT %s, ts, 1 FROM generate_series(%s::timestamptz, %s, '1 second') ts",
            *(device_id, NOON, NOON + timedelta(seconds=MOST_ROWS)),
        )
    asked = {"device_id": device_id, "bucket": "raw", "from": HOUR["from"], "columns": "ts"}
    end = NOON + timedelta(seconds=MOST_ROWS)
    found = [row["ts"] for row in ask({**asked, "to": end.isoformat()})["series"]]
    assert len(set(found)) == len(found) == MOST_ROWS == 10_000
    assert found == sorted(found)
    end += timedelta(microseconds=1)
    for more in ({}, {"format": "csv"}, {"to": "8000-01-01"}):
        (place,) = ask({**asked, "to": end.isoformat(), **more}, 422)["detail"]
        assert place["loc"] == ["query", "to"]
        assert "bucket=1m" in place["msg"]


@pytest.mark.parametrize("query", ["bucket=1m&fields=battery,mppt", "bucket=raw"])
def test_csv_holds_what_json_holds(client, device, p1_house, query):
    for name in (device, p1_house):
        path = f"/v1/series?device_id={name}&from={HOUR['from']}&to={HOUR['to']}&{query}"
        expected = client.get(path, headers=bearer()).json["series"]
        answer = client.get(f"{path}&format=csv", headers=bearer())
        found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert [list(row) for row in found] == [list(row) for row in expected]
        for row, right in zip(found, expected, strict=True):
            for column, value in right.items():
                assert same(row[column], value), (column, row[column], value)


def same(text: str, value: object) -> bool:
    if value is None:
        return text == ""
    if isinstance(value, (bool, dict)):
        return json.loads(text) == value
    return (
        text == str(value)
        if isinstance(value, str)
        else math.isclose(float(text), value, abs_tol=1e-9)
    )


def test_csv_writes_what_an_edge_sent_beside_as_json(ask, client, database):
    device_id = new_device()
    store(database, device_id, [reading(NOON, extra={"wind_m_s": 3.5, "note": "a, b"})])
    asked = f"device_id={device_id}&from={HOUR['from']}&to={HOUR['to']}&bucket=raw"
    path = f"/v1/series?{asked}&columns=ts,extra"
    (row,) = client.get(path, headers=bearer()).json["series"]
    assert row["extra"] == {"wind_m_s": 3.5, "note": "a, b"}
    text = client.get(f"{path}&format=csv", headers=bearer()).text
    (found,) = csv.DictReader(io.StringIO(text, newline=""))
    assert json.loads(found["extra"]) == row["extra"]
