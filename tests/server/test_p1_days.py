"""Local days of the grid meter: by the counters at their midnights, in every zone and night."""

import random
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import p1
from tests.support.local_time import ZONES, midnight
from tests.support.p1 import NIGHTS, Meter, in_zone, quarters, rise_wh, store_p1
from tests.support.readings import rows, utc

SITE = "Europe/Brussels"
FIELDS = {"import_kwh": "energy_import_kwh", "export_kwh": "energy_export_kwh"}
OTHERS = {"gas_m3": "gas_m3", "water_m3": "water_m3"}


def days(database, device_id: str, first: date, until: date) -> dict[date, dict]:
    asked = "SELECT * FROM p1_daily_energy(%s, %s, %s)"
    return {row.pop("day"): row for row in rows(database, asked, device_id, first, until)}


def midnights(first: date, number: int, zone: str) -> list[datetime]:
    return [midnight(first + timedelta(days=n), ZoneInfo(zone)) for n in range(number)]


@settings(max_examples=8)
@given(st.sampled_from(ZONES), st.sampled_from(NIGHTS), st.integers(0, 1000))
def test_they_are_what_they_are_by_hand_and_what_their_quarters_sum_up_to(
    database, zone, night, seed
):
    chance = random.Random(seed)
    start = utc(night) - timedelta(hours=30)
    every = Meter(start, seed, step_s=60).readings(hours=80)
    gap = chance.randrange(len(every))
    readings = [
        {**one, "gas_m3": 700 + number // 60 / 8, "water_m3": 50 + number / 4096}
        for number, one in enumerate(every)
        if chance.random() > 0.1 and not gap < number < gap + 900
    ]
    device_id = in_zone(database, zone)
    for at in range(0, len(readings), 700):
        batch = readings[at : at + 700]
        store_p1(database, device_id, chance.sample(batch, len(batch)))
    first = start.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    moments = midnights(first, 9, zone)
    found = days(database, device_id, first, first + timedelta(days=8))
    for name, field in (FIELDS | OTHERS).items():
        expected = p1.between(readings, moments, field)
        assert {day: row[name] for day, row in found.items()} == {
            on(moment, zone): pytest.approx(kwh, abs=1e-6) for moment, (kwh, _) in expected.items()
        }
        if name in FIELDS:
            exact = {on(moment, zone) for moment, (_, is_exact) in expected.items() if is_exact}
            assert {day for day, row in found.items() if row["exact"]} == exact
    by_quarters = quarters(database, device_id, moments[0], moments[-1])
    for day, row in found.items():
        wh = sum(q["import_wh"] for slot, q in by_quarters.items() if on(slot, zone) == day)
        assert row["import_kwh"] * 1000 == pytest.approx(wh, abs=0.01)
    assert sum(row["import_kwh"] for row in found.values()) * 1000 == pytest.approx(
        rise_wh(readings), abs=0.01
    )


def on(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()


def test_a_day_with_a_fault_is_looked_at_closely(database):
    start = utc("2026-05-04 10:00")
    readings = Meter(start, step_s=30).readings(hours=60)
    for faults in (
        {500: 0.0},
        {1440: 99_999.0},
        {1679: 0.0, 1680: 0.0, 1681: 1.0},  # the midnights of Brussels lie at 1440 and 4320
        {1438: 0.0, 1439: 0.0, 1440: 0.0},
        {1440: 0.0, 1441: 16_306.0},
        {len(readings) - 1: 0.0},
        {len(readings) - 1: 16_900.0},
    ):
        device_id = in_zone(database, "Europe/Brussels")
        wrong = [
            {**one, "energy_import_kwh": faults.get(number, one["energy_import_kwh"])}
            for number, one in enumerate(readings)
        ]
        right = [one for number, one in enumerate(readings) if number not in faults]
        store_p1(database, device_id, wrong)
        expected = p1.between(right, midnights(date(2026, 5, 4), 4, "Europe/Brussels"))
        found = days(database, device_id, date(2026, 5, 4), date(2026, 5, 7))
        assert [row["import_kwh"] for row in found.values()] == [
            pytest.approx(kwh, abs=0.003) for kwh, _ in expected.values()
        ]
        assert not any(row["estimated"] for row in found.values())


def test_a_gas_meter_alone_has_days(database):
    device_id, start = in_zone(database, "UTC"), utc("2026-05-04 10:00")
    readings = [
        {"ts": start + timedelta(hours=n), "power_w": None, "gas_m3": 100 + n / 10}
        for n in range(40)
    ]
    store_p1(database, device_id, readings)
    found = days(database, device_id, date(2026, 5, 4), date(2026, 5, 7))
    assert [(row["import_kwh"], row["gas_m3"]) for row in found.values()] == [
        (None, pytest.approx(1.4)),
        (None, pytest.approx(2.4)),
        (None, pytest.approx(0.1)),
    ]


def test_nothing_is_asked_of_no_days(database):
    assert days(database, "nobody", date(2026, 5, 4), date(2026, 5, 4)) == {}
