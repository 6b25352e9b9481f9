"""sungrow_strings_5min: what each string gives, kept by a trigger in the samples' transaction."""

import random
from datetime import timedelta

import pytest
from psycopg2.extensions import cursor as PLAIN  # noqa: N812  a type, not a function

from server import rebuild as rebuild_command
from server.database import deletions, rollups
from server.migrate import main
from tests.support.commands import as_edition, edition_of, runner
from tests.support.readings import connected, insert_by_hand, new_device, reading, rows, store, utc
from tests.support.strings import rollup

pytestmark = pytest.mark.server

NOON = utc("2026-05-05 12:00")
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
INFINITY = float("inf")


@pytest.fixture(scope="module")
def url(databases):
    return databases.migrated()


def strings(ts, *pairs, **fields) -> dict:
    """Return a sample whose strings have these volts and amperes."""
    told = {}
    for number, (volts, amperes) in enumerate(pairs, 1):
        told |= {f"mppt{number}_voltage_v": volts, f"mppt{number}_current_a": amperes}
    return reading(ts, **told, **fields)


def kept(connection, device_id: str) -> dict:
    """Return the rows of a device, by bucket and string."""
    asked = "SELECT * FROM sungrow_strings_5min WHERE device_id = %s"
    found = rows(connection, asked, device_id)
    return {(row.pop("bucket"), row.pop("string")): row for row in map(without_device, found)}


def without_device(row: dict) -> dict:
    del row["device_id"]
    return row


def a_day(seed: int, inputs: int = 2) -> list[dict]:
    """Return 400 samples: nights, states, an unread string, a current that flows back."""
    draw = random.Random(seed)
    found = []
    for number in range(400):
        pairs = [
            (draw.choice((None, 100.0, 380.5)), draw.choice((None, 0.0, -0.1, 0.1, 7.3)))
            if draw.random() < 0.3
            else (draw.uniform(150, 500), draw.randrange(130) / 10)
            for _ in range(inputs)
        ]
        fields = {
            "pv_power_w": draw.choice((0.0, 12.0, draw.uniform(0, 8000))),
            "interval_s": draw.choice((5.0, 5.0, 60.0)),
            "running_state": draw.choice((None, 0, 64, 0x8100, 0x8200, 0x0080)),
            "inverter_power_w": draw.choice((None, -5.0, 3939.0, 3940.0, 4000.0)),
        }
        found.append(strings(NOON + number * 17 * SECOND, *pairs, **fields))
    return found


def given(connection, nominal_w: float | None) -> str:
    """Return a new device with that nominal power."""
    device_id = new_device()
    facts = "INSERT INTO sungrow_devices (device_id, nominal_power_w) VALUES (%s, %s)"
    rows(connection, facts, device_id, nominal_w)
    return device_id


@pytest.mark.parametrize(("inputs", "nominal_w"), [(1, 4000.0), (2, 4000.0), (2, None), (4, 0.0)])
def test_it_is_exact_in_any_order_of_arrival(database, inputs, nominal_w):
    device_id, samples = given(database, nominal_w), a_day(inputs, inputs)
    in_any_order = random.Random(3).sample(samples, len(samples))
    for first in range(0, len(samples), 70):
        store(database, device_id, in_any_order[first : first + 70])
    store(database, device_id, samples[:100])  # duplicates
    found = kept(database, device_id)
    assert found == rollup(samples, nominal_w)
    assert {string for _, string in found} == set(range(1, inputs + 1))


def test_what_all_strings_gave_is_what_the_panels_gave(database):
    device_id = new_device()
    samples = [
        strings(NOON + n * 5 * SECOND, (300.0, 4.0), (410.0, 2.5), pv_power_w=100.0 * n)
        for n in range(180)
    ]
    store(database, device_id, samples)
    asked = (
        "SELECT pv_integral_kwh, pv_power_w_sum, sum(integral_kwh) AS kwh, sum(p_sum) AS w"
        "  FROM sungrow_5min JOIN sungrow_strings_5min USING (device_id, bucket)"
        " WHERE device_id = %s GROUP BY bucket, 1, 2"
    )
    found = rows(database, asked, device_id)
    assert len(found) == 3
    for row in found:
        assert row["kwh"] == pytest.approx(row["pv_integral_kwh"])
        assert row["w"] == pytest.approx(row["pv_power_w_sum"])


def test_where_no_string_was_read_there_is_no_row(database):
    device_id = new_device()
    store(database, device_id, [reading(NOON), strings(NOON + MINUTE, (None, None), (None, None))])
    store(database, device_id, [strings(NOON + 2 * MINUTE, (300.0, None), (None, 3.0))])
    assert kept(database, device_id) == {}


def test_at_night_a_string_gives_nothing_which_is_not_nothing_known(database):
    device_id = new_device()
    store(database, device_id, [strings(NOON, (100.0, 0.0), (0.0, 0.0), pv_power_w=0.0)])
    store(database, device_id, [strings(NOON + MINUTE, (100.0, 0.0), (99.0, -0.1), pv_power_w=3.0)])
    found = kept(database, device_id)
    assert [(row["n"], row["p_sum"], row["u_sum"]) for row in found.values()] == [
        *((2, 0, 200), (2, 0, 99)),
    ]


ODD = (INFINITY, -INFINITY, float("nan"), 1e300, -1e300, 1e-200, -1e-200, 5e-324, 0.0, 1500.1)


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_no_odd_value_stops_a_reading(database, odd):
    device_id = new_device()
    pairs = [((odd, odd), (300.0, 4.0)), ((300.0, odd), (300.0, 4.0)), ((odd, 4.0), (odd, 4.0))]
    samples = [strings(NOON + n * MINUTE, *both) for n, both in enumerate(pairs)]
    samples.append(strings(NOON + 4 * MINUTE, (odd, odd), (odd, odd)))
    insert_by_hand(database, [{**sample, "device_id": device_id} for sample in samples])
    (count,) = rows(
        database, "SELECT count(*) FROM sungrow_samples WHERE device_id = %s", device_id
    )
    assert count["count"] == 4
    for row in kept(database, device_id).values():
        for value in row.values():
            assert 0 <= value < 1e6 or value == pytest.approx(odd), row


@pytest.mark.parametrize("field", ["pv_power_w", "inverter_power_w"])
@pytest.mark.parametrize("odd", [INFINITY, float("nan"), 1e300, -1e300, 1e-300], ids=str)
def test_nor_does_an_odd_power(database, field, odd):
    device_id = given(database, 4000.0)
    sample = strings(NOON, (300.0, 4.0), (1e-3, 9.0), **{field: odd})
    insert_by_hand(database, [{**sample, "device_id": device_id}])
    assert [row["n"] for row in kept(database, device_id).values()] == [1, 1]


def test_a_batch_that_is_rolled_back_leaves_nothing(database):
    device_id = new_device()
    with database, database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sungrow_samples (device_id, ts, pv_power_w, mppt1_voltage_v,"
            " mppt1_current_a) VALUES (%s, %s, 900, 300, 3)",
            (device_id, NOON),
        )
        cursor.execute("SELECT n FROM sungrow_strings_5min WHERE device_id = %s", (device_id,))
        assert cursor.fetchone()["n"] == 1
        database.rollback()
    assert kept(database, device_id) == {}


def test_forgetting_an_hour_takes_its_strings_along(database):
    device_id, samples = new_device(), a_day(9)
    store(database, device_id, samples)
    first, end = NOON + 20 * MINUTE, NOON + 80 * MINUTE
    with database, database.cursor(cursor_factory=PLAIN) as cursor:
        deletions.forget(cursor, device_id, first, end)
    left = [sample for sample in samples if not first <= sample["ts"] < end]
    assert kept(database, device_id) == rollup(left)
    store(database, device_id, samples)  # nothing brings them back
    assert kept(database, device_id) == rollup(left)
    with database, database.cursor(cursor_factory=PLAIN) as cursor:
        deletions.forget(cursor, device_id, None, None)
    assert kept(database, device_id) == {}


def test_a_rebuild_takes_the_nominal_power_of_today(url, database, monkeypatch, capsys, tmp_path):
    device_id, samples = given(database, None), a_day(11)
    store(database, device_id, samples)
    assert kept(database, device_id) == rollup(samples)
    facts = "UPDATE sungrow_devices SET nominal_power_w = 4000 WHERE device_id = %s"
    rows(database, facts, device_id)
    run = runner(rebuild_command.main, monkeypatch, capsys, tmp_path)
    assert run("--device", device_id, DATABASE_URL=url)[0] == 0
    assert kept(database, device_id) == rollup(samples, 4000.0)


def test_readings_of_the_grid_meter_leave_strings_alone(database):
    device_id, samples = new_device(), a_day(12)
    store(database, device_id, samples)
    with database, database.cursor(cursor_factory=PLAIN) as cursor:
        rollups.lock(cursor, device_id)
        days = rollups.next_days(cursor, rollups.SAMPLE, device_id, *rollups.FOREVER)
        rollups.rebuild_days(cursor, rollups.P1, device_id, days, rollups.FOREVER)
    assert kept(database, device_id) == rollup(samples)


def test_a_migration_finds_what_was_stored_before(databases, monkeypatch, capsys, tmp_path):
    with connected(databases.migrated()) as connection:
        kind = edition_of(connection)
    url = databases.empty()
    as_edition(url, kind, 14)
    devices = {"one": (4000.0, a_day(21)), "four": (None, a_day(22, 4)), "none": (None, [])}
    devices["none"] = (None, [reading(NOON)])
    with connected(url) as connection:
        for device_id, (nominal_w, samples) in devices.items():
            facts = "INSERT INTO sungrow_devices (device_id, nominal_power_w) VALUES (%s, %s)"
            rows(connection, facts, device_id, nominal_w)
            insert_by_hand(connection, [{**s, "device_id": device_id} for s in samples])
    run = runner(main, monkeypatch, capsys, tmp_path)
    assert run(DATABASE_URL=url)[0] == 0
    with connected(url) as connection:
        for device_id, (nominal_w, samples) in devices.items():
            assert kept(connection, device_id) == rollup(samples, nominal_w)
        store(connection, "one", [strings(NOON - MINUTE, (300.0, 4.0))])  # and each fires once
        assert kept(connection, "one")[NOON - 5 * MINUTE, 1]["n"] == 1
