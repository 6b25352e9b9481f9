"""``GET /v1/series``: what stands in a bucket, the four frames, and who may ask for them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server import create_app
from server.api.series import MINIMUM_KWH
from tests.support.history import DEVICE, EMPTY, SITE, STEP, new_device, starts
from tests.support.local_time import midnight
from tests.support.readings import reading, rows, store, utc

# What stands in a bucket


def day_of(ask, device_id: str, text: str) -> list[dict]:
    return ask({"device_id": device_id, "frame": "day", "date": text})["series"]


def test_averages_are_over_the_samples_that_have_a_value_and_not_rounded(ask, database):
    device_id, noon = new_device(), utc("2025-06-01 10:00")
    values = [(1.0, None, None), (0.0, 50.5, None), (0.0, 1.0, 33.3)]
    batch = [
        reading(
            noon + timedelta(minutes=n), pv_power_w=pv, battery_power_w=power, battery_soc_pct=soc
        )
        for n, (pv, power, soc) in enumerate(values)
    ]
    store(database, device_id, batch)
    (bucket,) = day_of(ask, device_id, "2025-06-01")
    assert bucket["avg_pv_power_w"] == 1 / 3
    assert bucket["avg_battery_power_w"] == 25.75
    assert bucket["avg_battery_soc_pct"] == 33.3
    assert bucket["sample_count"] == 3


def test_without_a_battery_its_averages_are_null(ask, database):
    device_id = new_device()
    batch = [reading(utc("2025-06-01 10:00"), battery_power_w=None, battery_soc_pct=None)]
    store(database, device_id, batch)
    for frame in ("day", "month", "year"):
        (bucket,) = ask({"device_id": device_id, "frame": frame, "date": "2025-06-01"})["series"]
        assert bucket["avg_battery_power_w"] is bucket["avg_battery_soc_pct"] is None
        assert bucket["battery_charge_kwh"] == bucket["battery_discharge_kwh"] == 0
        assert bucket["avg_pv_power_w"] == 300


def one_hour(database, **fields) -> str:
    device_id = new_device()
    store(database, device_id, [reading(utc("2025-06-01 10:00"), interval_s=3600.0, **fields)])
    return device_id


@pytest.mark.parametrize(
    ("powers", "sufficiency", "consumption"),
    [
        ((3000, 0, 1000, 2000), 1, pytest.approx(1 / 3)),
        ((0, 0, 1000, -1000), 0, None),
        ((500, 0, 1000, -500), 0.5, 1),
        ((1000, 0, 0, 1000), None, 0),
        ((0, -1000, 800, 200), 1, None),
        ((0, 2000, 500, -2500), 0, None),
        # More house and export than all sources together: still a share.
        ((1000, 0, 3000, 900), 1, pytest.approx(1 - 900 / 3900)),
        ((0, 0, -1000, 1000), None, None),
    ],
)
def test_shares_are_between_0_and_1_or_null(ask, database, powers, sufficiency, consumption):
    pv, battery, load, export = map(float, powers)
    device_id = one_hour(
        database, pv_power_w=pv, battery_power_w=battery, load_power_w=load, export_power_w=export
    )
    (bucket,) = day_of(ask, device_id, "2025-06-01")
    assert (bucket["self_sufficiency"], bucket["self_consumption"]) == (sufficiency, consumption)


@pytest.mark.parametrize(("watts", "known"), [(-1, False), (1, True)])
def test_shares_of_next_to_nothing_are_null(ask, database, watts, known):
    power = MINIMUM_KWH * 1000 + watts
    device_id = one_hour(
        database, pv_power_w=power, battery_power_w=0.0, load_power_w=power, export_power_w=0.0
    )
    (bucket,) = day_of(ask, device_id, "2025-06-01")
    assert (bucket["self_sufficiency"] is not None) == known
    assert (bucket["self_consumption"] is not None) == known


def test_nothing_is_less_than_nothing(ask, database):
    # -(+0.0) is a number of its own for a machine, and reads "-0.0".
    idle = {"pv_power_w": 0.0, "battery_power_w": 0.0, "load_power_w": 0.0, "export_power_w": 0.0}
    (bucket,) = day_of(ask, one_hour(database, **idle), "2025-06-01")
    assert not [name for name, value in bucket.items() if str(value).startswith("-0")]


def test_a_bucket_covered_more_than_once_counts_as_covered(ask, database):
    device_id, start = new_device(), utc("2025-06-01 10:00")
    store(database, device_id, [reading(start + n * STEP, interval_s=3600.0) for n in range(3)])
    (bucket,) = day_of(ask, device_id, "2025-06-01")
    assert bucket["coverage"] == 1


def test_a_running_bucket_is_measured_by_its_elapsed_part(ask, database):
    device_id, local = new_device(), ZoneInfo(SITE)
    ts = datetime.now(UTC)
    store(database, device_id, [reading(ts, interval_s=7.0)])
    day = ts.astimezone(local).date()
    for frame, start in (("month", day), ("year", day.replace(day=1))):
        query = {"device_id": device_id, "frame": frame, "date": day.isoformat()}
        (bucket,) = ask(query)["series"]
        begun = midnight(start, local)
        most = min(1, 7 / max((ts - begun).total_seconds(), 1e-6))
        least = min(1, 7 / (datetime.now(UTC) - begun).total_seconds())
        assert least <= bucket["coverage"] <= most


def test_without_a_date_the_frame_is_the_one_of_now(ask, database):
    device_id, local = new_device(), ZoneInfo(SITE)

    def now_answers() -> list:
        return [starts(ask({"device_id": device_id, "frame": f})) for f in ("day", "month", "year")]

    long_ago = [reading(datetime.now(UTC) - timedelta(days=days)) for days in (370, 800)]
    store(database, device_id, long_ago)
    assert now_answers() == [[], [], []]
    while True:
        ts = datetime.now(UTC)
        store(database, device_id, [reading(ts)])
        found = now_answers()
        if datetime.now(UTC).astimezone(local).date() == ts.astimezone(local).date():
            break
    there = ts.astimezone(local)
    assert [part[-1][:10] for part in found] == [
        there.date().isoformat(),
        there.date().isoformat(),
        there.date().replace(day=1).isoformat(),
    ]


def test_a_sample_of_the_near_future_has_no_coverage_yet(ask, database):
    device_id, soon = new_device(), datetime.now(UTC) + timedelta(days=60)
    store(database, device_id, [reading(soon)])
    bucket = ask({"device_id": device_id, "frame": "all"})["series"][0]
    assert bucket["sample_count"] == 1
    assert bucket["coverage"] is None


def test_the_first_sample_there_can_be_is_in_every_frame(ask, database):
    device_id, first = new_device(), utc("2010-01-01 00:00")
    insert = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, 'America/St_Johns')"
    rows(database, insert, device_id)
    store(database, device_id, [reading(first)])
    for frame in ("day", "month", "year"):
        answer = ask({"device_id": device_id, "frame": frame, "date": "2009-12-31"})
        assert len(answer["series"]) == 1
    assert len(ask({"device_id": device_id, "frame": "all"})["series"]) == 1


def test_a_device_without_samples_has_no_buckets(ask):
    for frame in ("day", "month", "year", "all"):
        answer = ask({"device_id": EMPTY, "frame": frame})
        assert answer == {"device_id": EMPTY, "frame": frame, "timezone": SITE, "series": []}


# Who may ask, and for what


def test_a_token_with_one_device_need_not_name_it(ask):
    assert ask({"frame": "all"}, who="device")["device_id"] == DEVICE
    places = ask({"frame": "all"}, 422)["detail"]
    assert places[0]["loc"] == ["query", "device_id"]


def test_without_a_known_token_nothing_is_said(ask):
    assert isinstance(ask({"frame": "all"}, 401, who=None)["detail"], str)


@pytest.mark.parametrize("device_id", ["elsewhere", "nobody", "", "in-\0", "%"])
def test_another_device_is_forbidden(ask, device_id):
    assert isinstance(ask({"frame": "all", "device_id": device_id}, 403)["detail"], str)


def test_forbidden_comes_before_unprocessable(ask):
    ask({"frame": "week", "device_id": "elsewhere"}, 403)
    ask({"frame": "week"}, 401, who=None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "frame"),
        ({"frame": ""}, "frame"),
        ({"frame": "weeks"}, "frame"),
        ({"frame": "DAY"}, "frame"),
        ({"frame": "day\0"}, "frame"),
        ({"date": "2025-06-01"}, "frame"),
        ({"frame": "all", "date": "2025-06-01"}, "date"),
        *(
            ({"frame": "day", "date": text}, "date")
            for text in (
                "",
                "today",
                "2025-02-29",
                "2025-13-01",
                "2025-6-1",
                "20250601",
                "2025-W22-7",
                "2025-06-01T00:00:00Z",
                " 2025-06-01",
                "\uff12025-06-01",
                "0001-01-01",
                "2009-12-30",
                "9999-12-31",
                "-025-06-01",
                "2025-06-\0",
                "9" * 5000,
            )
        ),
    ],
)
def test_what_is_no_frame_or_no_date_is_unprocessable(ask, query, field):
    places = ask({"device_id": DEVICE, **query}, 422)["detail"]
    assert [place["loc"] for place in places] == [["query", field]]
    assert all(place.keys() == {"loc", "msg", "type"} for place in places)


@pytest.mark.parametrize("day", ["2009-12-31", "2024-02-29", "8999-12-31"])
def test_every_frame_answers_at_the_ends_of_the_calendar(ask, day):
    for frame in ("day", "month", "year"):
        assert ask({"device_id": DEVICE, "frame": frame, "date": day})["series"] == []


def test_a_post_is_refused(url):
    env = {"DATABASE_URL": url, "DEVICE_TOKENS": "token:house"}
    response = create_app(env).test_client().post("/v1/series")
    assert (response.status_code, list(response.json)) == (405, ["detail"])


def test_a_database_that_is_away_is_a_503():
    env = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "DEVICE_TOKENS": "token:house"}
    client = create_app(env).test_client()
    response = client.get("/v1/series?frame=all", headers={"Authorization": "Bearer token"})
    assert (response.status_code, list(response.json)) == (503, ["detail"])
    assert "Retry-After" in response.headers
