"""Buckets in eight zones around the days on which the clock changes.

That every number in them is true is shown by ``test_true_numbers``.
"""

from collections import defaultdict
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support.history import FLOWS, SITE, STEP, new_device, starts, zone_name
from tests.support.local_time import YEAR, ZONES, midnight, notable_days
from tests.support.readings import reading, rows, store, utc

pytestmark = pytest.mark.server


def zone_device(database, zone: str) -> tuple[str, list[dict]]:
    """Return a device with three days around each change of the clock, and the edges of months."""
    device_id = zone_name(zone)
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


@pytest.mark.parametrize("zone", ZONES)
def test_a_range_cut_anywhere_holds_the_same_buckets(ask, database, zone):
    device_id, _ = zone_device(database, zone)
    local = ZoneInfo(zone)
    odd = notable_days(local)[0]
    first, end = (midnight(odd + timedelta(days=n), local) for n in (0, 1))
    for width in ("5m", "15m", "1h"):
        asked = {"device_id": device_id, "bucket": width}
        whole = ask({**asked, "from": first.isoformat(), "to": end.isoformat()})["series"]
        cut = first
        while cut <= end:
            before, after = (
                ask({**asked, "from": a.isoformat(), "to": b.isoformat()})["series"]
                for a, b in ((first, cut), (cut, end))
            )
            assert before + after == whole
            cut += timedelta(minutes=55)


# Some by hand


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


# What adds up


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
