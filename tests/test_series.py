"""``GET /v1/series``: the four frames, in the device's own days and hours."""

import math
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server import create_app
from server.series import MINIMUM_KWH
from tests.readings import connected, reading, rows, store, utc

SITE = "Europe/Berlin"
ZONES = (
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Adelaide",
    "America/St_Johns",
    "Australia/Lord_Howe",  # summer time is half an hour
    "America/Havana",  # the clock changes at midnight: one is missing, one comes twice
    "UTC",
)
YEAR = 2025
STEP = timedelta(minutes=10)
POWERS = ("pv_power_w", "load_power_w", "export_power_w")
FLOWS = (
    "solar_to_house_kwh",
    "solar_to_battery_kwh",
    "solar_to_grid_kwh",
    "battery_to_house_kwh",
    "battery_to_grid_kwh",
    "grid_to_house_kwh",
    "grid_to_battery_kwh",
    "loss_kwh",
)
KEYS = {
    "bucket",
    "avg_pv_power_w",
    "max_pv_power_w",
    "avg_battery_power_w",
    "avg_battery_soc_pct",
    "avg_load_power_w",
    "avg_export_power_w",
    "sample_count",
    "pv_kwh",
    "load_kwh",
    "import_kwh",
    "export_kwh",
    "battery_charge_kwh",
    "battery_discharge_kwh",
    "coverage",
    "self_sufficiency",
    "self_consumption",
    *FLOWS,
}
DEVICE = "test-house"
TOKENS = {"device": "device-token", "read": "read-token", "other": "other-token"}


@pytest.fixture(scope="module")
def url(databases) -> str:
    return databases.migrated(SITE)


@pytest.fixture(scope="module")
def database(url):
    with connected(url) as connection:
        yield connection


@pytest.fixture(scope="module")
def ask(url):
    """Ask for a series; give the answer's JSON, or the status where another is expected."""
    devices = [DEVICE, *(f"in-{zone.replace('/', '-')}" for zone in ZONES)]
    devices += [f"house-{n}" for n in range(100)]
    env = {
        "DATABASE_URL": url,
        "DEVICE_TOKENS": f"{TOKENS['device']}:{DEVICE},{TOKENS['other']}:elsewhere",
        "READ_TOKENS": ",".join(f"{TOKENS['read']}:{name}" for name in devices),
    }
    client = create_app(env).test_client()

    def answer(query: dict, status: int = 200, who: str | None = "read") -> dict:
        headers = {"Authorization": f"Bearer {TOKENS[who]}"} if who else {}
        response = client.get("/v1/series", query_string=query, headers=headers)
        assert response.status_code == status, response.text
        assert response.is_json
        return response.json

    return answer


_numbers = iter(range(99))  # house-99 stays empty


def new_device() -> str:
    """Give a device that no other test has, and that the token may read."""
    return f"house-{next(_numbers)}"


# Every bucket of every frame, against the raw rows


def zone_device(database, zone: str) -> tuple[str, list[dict]]:
    """Give a device with three days around each change of the clock, and the edges of months."""
    device_id = f"in-{zone.replace('/', '-')}"
    raw = "SELECT * FROM sungrow_samples WHERE device_id = %s"
    if not rows(database, raw, device_id):
        own = None if zone == SITE else zone
        insert = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, %s)"
        rows(database, insert, device_id, own)
        store(database, device_id, zone_samples(zone))
    return device_id, rows(database, raw, device_id)


def zone_samples(zone: str) -> list[dict]:
    local = ZoneInfo(zone)
    moments = []
    for day in notable_days(local):
        start = midnight(day - timedelta(days=1), local)
        moments += [start + n * STEP for n in range(3 * 144)]
    for month in range(1, 13):
        edge = midnight(date(YEAR, month, 1), local)
        moments += [edge - timedelta(microseconds=1), edge]
    moments += [midnight(date(YEAR + 1, 1, 1), local) + delta for delta in (-STEP, STEP)]
    return [
        reading(
            ts,
            interval_s=600.0,
            pv_power_w=n % 7 * 512.5,
            battery_power_w=(None, -1000.25, 0.0, 333.0)[n % 4],
            battery_soc_pct=(None, 10.5, None, 90.0, None)[n % 5],
            load_power_w=400.0 + n % 11,
            export_power_w=n % 13 * 200.0 - 1200,
        )
        for n, ts in enumerate(sorted(set(moments)))
    ]


def midnight(day: date, local: ZoneInfo) -> datetime:
    """Find the first moment of a local day, by its quarter hours: no rule of the clock is used."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    while moment.astimezone(local).date() < day:
        moment += timedelta(minutes=15)
    return moment


def notable_days(local: ZoneInfo) -> list[date]:
    """Give the days that have not 24 hours, or one of July where there are none."""
    days = [date(YEAR, 1, 2) + timedelta(days=n) for n in range(360)]
    odd = [d for d in days if length(d, local) != timedelta(days=1)]
    return odd or [date(YEAR, 7, 10)]


def length(day: date, local: ZoneInfo) -> timedelta:
    return midnight(day + timedelta(days=1), local) - midnight(day, local)


def hours_of(day: date, local: ZoneInfo) -> dict[tuple, tuple[datetime, timedelta]]:
    """Give start and length of each clock hour of a day, found by its five minutes."""
    step = timedelta(minutes=5)
    start = midnight(day, local)
    hours = defaultdict(list)
    for n in range(length(day, local) // step):
        hours[clock_hour(start + n * step, local)].append(start + n * step)
    return {key: (moments[0], len(moments) * step) for key, moments in hours.items()}


def clock_hour(ts: datetime, local: ZoneInfo) -> tuple:
    there = ts.astimezone(local)
    return there.date(), there.hour, there.utcoffset()


def assert_bucket(
    bucket: dict, samples: list[dict], start: datetime, span: timedelta, local
) -> None:
    assert bucket.keys() == KEYS
    assert bucket["bucket"] == start.astimezone(local).isoformat()
    assert bucket["sample_count"] == len(samples)
    covered = sum(s["interval_s"] for s in samples) / span.total_seconds()
    assert bucket["coverage"] == pytest.approx(min(1, covered), rel=1e-9)
    for field in (*POWERS, "battery_power_w", "battery_soc_pct"):
        values = [s[field] for s in samples if s[field] is not None]
        mean = pytest.approx(math.fsum(values) / len(values), rel=1e-9) if values else None
        assert bucket[f"avg_{field}"] == mean
    assert bucket["max_pv_power_w"] == max(s["pv_power_w"] for s in samples)
    for name, field, sign in (
        ("pv", "pv_power_w", 1),
        ("load", "load_power_w", 1),
        ("export", "export_power_w", 1),
        ("import", "export_power_w", -1),
        ("battery_charge", "battery_power_w", 1),
        ("battery_discharge", "battery_power_w", -1),
    ):
        energy = math.fsum(max(sign * (s[field] or 0), 0) * s["interval_s"] for s in samples)
        assert bucket[f"{name}_kwh"] == pytest.approx(energy / 3_600_000, rel=1e-9, abs=1e-12)


def group(samples: list[dict], key_of) -> dict:
    groups = defaultdict(list)
    for sample in samples:
        groups[key_of(sample["ts"])].append(sample)
    return groups


@pytest.mark.parametrize("zone", ZONES)
def test_hours_are_those_of_the_local_clock(ask, database, zone):
    device_id, raw = zone_device(database, zone)
    local = ZoneInfo(zone)
    groups = group(raw, lambda ts: clock_hour(ts, local))
    for odd in notable_days(local):
        for day in (odd - timedelta(days=1), odd, odd + timedelta(days=1)):
            answer = ask({"device_id": device_id, "frame": "day", "date": day.isoformat()})
            assert answer["timezone"] == zone
            hours = {k: span for k, span in hours_of(day, local).items() if k in groups}
            assert len(answer["series"]) == len(hours)
            for bucket, key in zip(answer["series"], hours, strict=True):
                assert_bucket(bucket, groups[key], *hours[key], local)


@pytest.mark.parametrize("zone", ZONES)
def test_days_are_cut_at_local_midnight(ask, database, zone):
    device_id, raw = zone_device(database, zone)
    local = ZoneInfo(zone)
    groups = group(raw, lambda ts: ts.astimezone(local).date())
    for month in range(1, 13):
        first = date(YEAR, month, 1)
        answer = ask({"device_id": device_id, "frame": "month", "date": first.replace(day=9)})
        days = sorted(d for d in groups if d.replace(day=1) == first)
        for bucket, day in zip(answer["series"], days, strict=True):
            assert_bucket(bucket, groups[day], midnight(day, local), length(day, local), local)


@pytest.mark.parametrize("zone", ZONES)
def test_months_are_cut_at_local_midnight(ask, database, zone):
    device_id, raw = zone_device(database, zone)
    local = ZoneInfo(zone)
    groups = group(raw, lambda ts: ts.astimezone(local).date().replace(day=1))
    frames = ({"frame": "year", "date": f"{YEAR}-06-15"}, {"frame": "all"})
    for frame, months in zip(
        frames, ([m for m in groups if m.year == YEAR], list(groups)), strict=True
    ):
        series = ask({"device_id": device_id, **frame})["series"]
        for bucket, first in zip(series, sorted(months), strict=True):
            start, end = midnight(first, local), midnight(next_month(first), local)
            assert_bucket(bucket, groups[first], start, end - start, local)


def next_month(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def starts(answer: dict) -> list[str]:
    return [bucket["bucket"] for bucket in answer["series"]]


def test_a_day_of_25_hours_has_two_o_clock_twice(ask, database):
    device_id, _ = zone_device(database, SITE)
    found = starts(ask({"device_id": device_id, "frame": "day", "date": f"{YEAR}-10-26"}))
    assert len(found) == 25
    assert found[2:4] == [f"{YEAR}-10-26T02:00:00+02:00", f"{YEAR}-10-26T02:00:00+01:00"]


def test_a_day_of_23_hours_has_no_two_o_clock(ask, database):
    device_id, _ = zone_device(database, SITE)
    found = starts(ask({"device_id": device_id, "frame": "day", "date": f"{YEAR}-03-30"}))
    assert len(found) == 23
    assert found[1:3] == [f"{YEAR}-03-30T01:00:00+01:00", f"{YEAR}-03-30T03:00:00+02:00"]


def test_half_an_hour_on_lord_howe_island_is_an_hour_of_its_own(ask, database):
    device_id, _ = zone_device(database, "Australia/Lord_Howe")
    autumn = ask({"device_id": device_id, "frame": "day", "date": f"{YEAR}-04-06"})["series"]
    assert [b["bucket"][11:] for b in autumn[1:4]] == [
        "01:00:00+11:00",
        "01:30:00+10:30",
        "02:00:00+10:30",
    ]
    assert [b["sample_count"] for b in autumn[1:4]] == [6, 3, 6]
    assert [b["coverage"] for b in autumn[1:4]] == [1, 1, 1]
    spring = ask({"device_id": device_id, "frame": "day", "date": f"{YEAR}-10-05"})["series"]
    assert [b["bucket"][11:] for b in spring[1:4]] == [
        "01:00:00+10:30",
        "02:30:00+11:00",
        "03:00:00+11:00",
    ]


def test_an_hour_that_lost_its_second_half_is_measured_by_its_first(ask, database):
    device_id, start = new_device(), utc("2018-05-04 14:30")  # 23:00; at 23:30 it became 0:00
    insert = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, 'Asia/Pyongyang')"
    rows(database, insert, device_id)
    store(database, device_id, [reading(start + n * STEP, interval_s=600.0) for n in range(9)])
    evening = ask({"device_id": device_id, "frame": "day", "date": "2018-05-04"})["series"]
    morning = ask({"device_id": device_id, "frame": "day", "date": "2018-05-05"})["series"]
    found = [(b["bucket"], b["sample_count"], b["coverage"]) for b in evening + morning]
    assert found == [("2018-05-04T23:00:00+08:30", 3, 1), ("2018-05-05T00:00:00+09:00", 6, 1)]


def test_a_day_without_midnight_begins_at_one_and_one_with_two_at_the_first(ask, database):
    device_id, _ = zone_device(database, "America/Havana")
    days = {}
    for month in (3, 11):
        for start in starts(
            ask({"device_id": device_id, "frame": "month", "date": f"{YEAR}-{month:02}-01"})
        ):
            days[start[:10]] = start[10:]
    assert days[f"{YEAR}-03-09"] == "T01:00:00-04:00"
    assert days[f"{YEAR}-11-02"] == "T00:00:00-04:00"


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


def test_house_and_sources_are_the_sum_of_their_flows(ask, database):
    device_id, raw = zone_device(database, SITE)
    decided = [s for s in raw if s["battery_power_w"] is not None or s["battery_soc_pct"] is None]
    assert len(decided) < len(raw)
    total = defaultdict(float)
    for bucket in ask({"device_id": device_id, "frame": "all"})["series"]:
        for name, value in bucket.items():
            total[name] += value if isinstance(value, float) else 0
    house = sum(s["load_power_w"] for s in decided) / 6000
    parts = [total[f"{source}_to_house_kwh"] for source in ("solar", "battery", "grid")]
    assert sum(parts) == pytest.approx(house, rel=1e-9)
    sources = sum(
        s["pv_power_w"] + max(-(s["battery_power_w"] or 0), 0) + max(-s["export_power_w"], 0)
        for s in decided
    )
    assert sum(total[name] for name in FLOWS) == pytest.approx(sources / 6000, rel=1e-9)


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
        answer = ask({"device_id": "house-99", "frame": frame})
        assert answer == {"device_id": "house-99", "frame": frame, "timezone": SITE, "series": []}


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
        ({"frame": "week"}, "frame"),
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
