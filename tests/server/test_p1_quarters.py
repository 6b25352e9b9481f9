"""Quarter hours of the grid meter: by the counters at their ends, whatever is missing or wrong."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import p1
from tests.support.p1 import Meter, p1_reading, quarters, rise_wh, store_p1
from tests.support.readings import new_device, rows, utc

SITE = "Europe/Brussels"
QUARTER = timedelta(minutes=15)
START = utc("2026-03-28 22:53")
MARGIN = timedelta(hours=3)


def all_quarters(database, device_id: str, readings: list[dict]) -> dict:
    times = [reading["ts"] for reading in readings]
    return quarters(database, device_id, min(times) - MARGIN, max(times) + MARGIN)


def total_wh(found: dict, name: str = "import_wh") -> float:
    return sum(row[name] for row in found.values())


# Whatever is missing


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.sampled_from([1, 5, 10, 45, 70, 300]))
def test_they_sum_up_to_what_the_counters_rose_by_and_are_what_they_are_by_hand(
    database, seed, step_s
):
    chance = random.Random(seed)
    every = Meter(START, seed, step_s).readings(hours=min(step_s, 30) / 3)
    gaps = [(chance.randrange(len(every)), chance.randrange(1, 200)) for _ in range(4)]
    readings = [
        reading
        for number, reading in enumerate(every)
        if chance.random() > 0.2 and not any(at <= number < at + size for at, size in gaps)
    ] or every[:2]
    device_id, waiting = new_device(), chance.sample(readings, len(readings))
    while waiting:
        batch, waiting = waiting[:150], waiting[150:]
        store_p1(database, device_id, batch + chance.sample(batch, len(batch) // 4))
    found = all_quarters(database, device_id, readings)
    names = {"import_wh": "energy_import_kwh", "export_wh": "energy_export_kwh"}
    for name, counter in names.items():
        assert total_wh(found, name) == pytest.approx(rise_wh(readings, counter), abs=0.01)
    slots = [START - timedelta(minutes=8) - MARGIN + n * QUARTER for n in range(200)]
    for name, counter in names.items():
        expected = p1.between(readings, slots, counter)
        assert {slot: (row[name] / 1000, row["exact"]) for slot, row in found.items()} == {
            slot: (pytest.approx(kwh, abs=1e-6), exact) for slot, (kwh, exact) in expected.items()
        }
    assert not any(row["estimated"] for row in found.values())


def test_what_is_asked_does_not_change_what_is_answered(database):
    device_id, readings = new_device(), Meter(START).readings(hours=30)
    del readings[2000:5000]
    readings[600]["energy_import_kwh"] = 0.0
    store_p1(database, device_id, readings)
    whole = all_quarters(database, device_id, readings)
    for slot, row in whole.items():
        (one,) = quarters(database, device_id, slot, slot + QUARTER).values()
        assert one == pytest.approx(row)


def test_the_quarters_of_a_gap_carry_their_share_and_are_not_exact(database):
    device_id, start = new_device(), utc("2026-05-05 12:00")
    for minute, kwh in ((-1, 10.0), (60, 14.06), (61, 14.07)):
        store_p1(
            database,
            device_id,
            [p1_reading(start + timedelta(minutes=minute), energy_import_kwh=kwh)],
        )
    found = quarters(database, device_id, start, start + timedelta(hours=1))
    assert [row["import_wh"] for row in found.values()] == pytest.approx([4060 / 61 * 15] * 4)
    assert [row["exact"] for row in found.values()] == [False] * 4


def test_the_running_quarter_has_what_is_known(database):
    device_id, start = new_device(), utc("2026-05-05 12:00")
    readings = [
        p1_reading(start + timedelta(seconds=n), energy_import_kwh=5 + n / 1000)
        for n in range(0, 300, 10)
    ]
    store_p1(database, device_id, readings)
    found = quarters(database, device_id, start, start + QUARTER)
    assert found[start]["import_wh"] == pytest.approx(290)
    assert not found[start]["exact"]


def test_where_there_is_no_counter_the_powers_tell(database):
    device_id, start = new_device(), utc("2026-05-05 12:00")
    powers = [1200.0, -600.0, None]
    readings = [
        p1_reading(start + timedelta(seconds=10 * n), power_w=powers[n // 90])
        for n in range(1, 270)
    ]
    del readings[20:50]  # five minutes, of which one is stood for
    store_p1(database, device_id, readings)
    found = list(quarters(database, device_id, start, start + timedelta(hours=1)).values())
    assert len(found) == 2
    # The first reading stands for a minute, and the one behind the hole too.
    assert found[0]["import_wh"] == pytest.approx(1200 * (900 - 10 - 300 + 100) / 3600, abs=20)
    assert found[1]["export_wh"] == pytest.approx(600 * 900 / 3600, abs=2)
    assert [(row["estimated"], row["exact"]) for row in found] == [(True, False)] * 2


def test_a_meter_that_exports_nothing_is_exact_by_its_import(database):
    device_id, readings = new_device(), Meter(START).readings(hours=1)
    store_p1(database, device_id, [{**r, "energy_export_kwh": None} for r in readings])
    found = all_quarters(database, device_id, readings)
    assert sum(row["exact"] for row in found.values()) == len(found) - 2


def test_nothing_is_made_up_of_a_house_without_a_meter(database):
    assert quarters(database, new_device(), START, START + timedelta(days=30)) == {}


# What is wrong with a counter


def faulty(readings: list[dict], numbers, change) -> list[dict]:
    """Return readings of which some have another import counter."""
    return [
        {**reading, "energy_import_kwh": change(reading["energy_import_kwh"])}
        if number in numbers
        else reading
        for number, reading in enumerate(readings)
    ]


# A reading every ten seconds from 22:53: the last before 23:15 is number 131, the first after 132.
BEFORE, AFTER = 131, 132
PLACES = {
    "inside": [700],
    "before a boundary": [BEFORE],
    "after a boundary": [AFTER],
    "around a boundary": [BEFORE - 1, BEFORE, AFTER, AFTER + 1],
    "at the end of five minutes": [101],
    "for five minutes": [*range(702, 732)],
    "for twenty minutes": [*range(702, 822)],
    "every other one": [*range(600, 640, 2)],
    "often": [600, 601, 603, 606, 607, 608, 611],
    "first": [0],
    "first ones": [0, 1, 2],
    "last": [1079],
    "last ones": [1075, 1077, 1078, 1079],
}
CHANGES = {
    "zero": lambda _: 0.0,
    "a bit less": lambda kwh: kwh - 0.2,
    "much less": lambda kwh: kwh / 10,
    "a jump of 2^16 Wh": lambda kwh: kwh + 65.536,
    "a jump of 5 kWh": lambda kwh: kwh + 5,
    "a million": lambda _: 1e6,
}


# What a house may have used before anybody looked, or in those minutes, is no fault.
UNDECIDABLE = [(place, "a bit less") for place in ("first", "first ones", "for twenty minutes")]
FAULTS = [
    pytest.param(numbers, change, id=f"{place}-{name}")
    for place, numbers in PLACES.items()
    for name, change in CHANGES.items()
    if (place, name) not in UNDECIDABLE
]


@pytest.mark.parametrize(("numbers", "change"), FAULTS)
def test_a_reading_that_cannot_be_is_no_boundary(database, numbers, change):
    device_id, readings = new_device(), Meter(START).readings(hours=3)
    right = [one for number, one in enumerate(readings) if number not in numbers]
    store_p1(database, device_id, faulty(readings, numbers, change))
    found = all_quarters(database, device_id, readings)
    assert total_wh(found) == pytest.approx(rise_wh(right), abs=0.5)
    slots = [START - timedelta(minutes=8) - MARGIN + n * QUARTER for n in range(60)]
    expected = p1.between(right, slots)
    # Some readings may have been left out with it, if they were few: so not to the last digit.
    got = {slot: row["import_wh"] / 1000 for slot, row in found.items()}
    assert got == {slot: pytest.approx(kwh, abs=0.003) for slot, (kwh, _) in expected.items()}
    assert not any(row["estimated"] for row in found.values())


@pytest.mark.parametrize("meter_id", ["B", None], ids=["another number", "no number"])
@pytest.mark.parametrize("base", [0.0, 50_000.0], ids=["lower", "higher"])
def test_a_replaced_meter_is_a_step_that_the_powers_tell(database, base, meter_id):
    device_id, readings = new_device(), Meter(START).readings(hours=6)
    first = readings[1000]["energy_import_kwh"]
    for number, one in enumerate(readings):
        one["meter_id"] = "A" if number < 1000 else meter_id
        if number >= 1000:
            one["energy_import_kwh"] = round(one["energy_import_kwh"] - first + base, 3)
    truth_wh = rise_wh(readings[:1000]) + rise_wh(readings[1000:])
    store_p1(database, device_id, random.Random(1).sample(readings, len(readings)))
    found = all_quarters(database, device_id, readings)
    assert total_wh(found) == pytest.approx(truth_wh + 7300 * 10 / 7200, abs=7300 * 10 / 7200 + 1)
    assert sum(row["estimated"] for row in found.values()) == 1
    assert not any(row["estimated"] and row["exact"] for row in found.values())


def test_a_counter_that_began_again_is_believed_after_ten_minutes(database):
    device_id, readings = new_device(), Meter(START).readings(hours=3)
    last = readings[700]["energy_import_kwh"]
    new = faulty(readings, range(701, 1080), lambda kwh: round(kwh - last, 3))
    for until, believed in ((702, False), (755, False), (765, True), (1080, True)):
        store_p1(database, device_id, new[:until])
        found = all_quarters(database, device_id, new[:until])
        wh = rise_wh(new[:701]) + (rise_wh(new[701:until]) if believed else 0)
        assert total_wh(found) == pytest.approx(wh, abs=25)
        assert any(row["estimated"] for row in found.values()) is believed


def test_tariffs_that_are_swapped_change_nothing_of_their_sum(database):
    device_id, readings = new_device(), Meter(START).readings(hours=3)
    for number, one in enumerate(readings):
        total, night = one.pop("energy_import_kwh"), 9_000.123 + number / 1000
        tariffs = [night, round(total - night, 3)]
        if number > 500:
            tariffs.reverse()
        one["import_t1_kwh"], one["import_t2_kwh"] = tariffs
    store_p1(database, device_id, readings)
    found = all_quarters(database, device_id, readings)
    whole = Meter(START).readings(hours=3)
    assert total_wh(found) == pytest.approx(rise_wh(whole), abs=0.5)
    assert not any(row["estimated"] for row in found.values())


def test_two_edges_of_one_meter_may_send_at_once(database):
    """One of them lags by eight seconds, so that each second reading falls back a little."""
    device_id, readings = new_device(), Meter(START).readings(hours=3)
    lag = timedelta(seconds=8)
    late = [{**r, "ts": r["ts"] + lag + timedelta(seconds=7)} for r in readings]
    store_p1(database, device_id, readings)
    store_p1(database, device_id, late)
    found = all_quarters(database, device_id, readings)
    assert total_wh(found) == pytest.approx(rise_wh(readings), abs=0.5)
    assert sum(row["exact"] for row in found.values()) >= len(found) - 2


def test_the_rollups_are_enough_where_the_readings_are_gone(database):
    device_id, readings = new_device(), Meter(START).readings(hours=3)
    store_p1(database, device_id, readings)
    before = all_quarters(database, device_id, readings)
    rows(database, "DELETE FROM p1_samples WHERE device_id = %s", device_id)
    assert all_quarters(database, device_id, readings) == before
