"""The rollups of the grid meter equal what its raw rows say, in whatever order these came."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.direct import edition
from tests.support.local_time import ZONES
from tests.support.p1 import NIGHTS, assert_p1_exact, in_zone, p1_reading, store_p1
from tests.support.readings import new_device, rows, utc

SITE = "Australia/Adelaide"


def whole(number: int, ts, chance: random.Random) -> dict:
    """Return a reading of which anything may be missing, or wrong."""
    fields = {
        "power_w": chance.choice([None, -1500.0, 0.0, 640.0, 5e-324]),
        "import_power_w": chance.choice([None, None, 640.0]),
        "energy_import_kwh": chance.choice([None, 1000 + number / 1000, 0.0, 70_000.0]),
        "energy_export_kwh": chance.choice([None, 20.0 + number / 500]),
        "import_t1_kwh": 600.0 + number / 2000,
        "import_t2_kwh": chance.choice([None, 400.0 + number / 2000]),
        "gas_m3": chance.choice([None, 70.0 + number / 300]),
        "water_m3": chance.choice([None, 7.125]),
        "meter_id": chance.choice([None, "A", "A", "B"]),
    }
    return p1_reading(ts, **fields)


@settings(max_examples=8)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(NIGHTS),
    st.sampled_from([2, 5, 20, 59, 61, 200]),
    st.integers(0, 1000),
)
def test_rollups_are_exact_in_any_order(database, zone, night, step_s, seed):
    chance = random.Random(seed)
    device_id = in_zone(database, zone)
    start = utc(night)
    times = {start + timedelta(seconds=n * step_s + chance.random()) for n in range(240)}
    times |= {start + timedelta(seconds=chance.randrange(14_400)) for n in range(60)}
    readings = [whole(n, ts, chance) for n, ts in enumerate(sorted(times))]
    chance.shuffle(readings)
    while readings:
        size = chance.choice([1, 2, 7, 40, 100])
        batch, readings = readings[:size], readings[size:]
        store_p1(database, device_id, batch + chance.sample(batch, len(batch) // 3))
        if chance.random() < 0.2:
            assert_p1_exact(database, device_id, zone)
    assert_p1_exact(database, device_id, zone)


def test_a_reading_between_two_takes_from_what_the_next_stood_for_in_another_bucket(database):
    device_id, start = new_device(), utc("2026-05-05 14:29:40")  # the local day ends at 14:30
    for second in (0, 40, 19, 20, 21, 10):
        store_p1(database, device_id, [p1_reading(start + timedelta(seconds=second))])
        assert_p1_exact(database, device_id, SITE)


def test_late_readings_go_into_a_compressed_chunk(database):
    if edition(database) != "community":
        pytest.skip("only the community edition compresses chunks")
    device_id, start = new_device(), utc("2025-02-03 12:00")
    store_p1(
        database, device_id, [p1_reading(start + timedelta(seconds=10 * n)) for n in range(200)]
    )
    compressed = rows(
        database,
        "SELECT compress_chunk(c, if_not_compressed => true) FROM show_chunks('p1_samples') c",
    )
    assert compressed
    late = [p1_reading(start + timedelta(seconds=10 * n + 5), power_w=77.0) for n in range(200)]
    for batch in (late[:1], late[1:2], late[2:]):
        assert store_p1(database, device_id, batch) == len(batch)
        assert_p1_exact(database, device_id, SITE)
    assert store_p1(database, device_id, late) == 0
    assert len(assert_p1_exact(database, device_id, SITE)) == 400
