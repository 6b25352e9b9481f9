"""A house that is polled seldom: its days are looked at closely only where there is doubt."""

from datetime import timedelta

import pytest

from tests.support.readings import connected, new_device, reading, rows, store, utc

STEP = timedelta(minutes=20)
DOUBTFUL = (
    "SELECT day::text, is_doubtful FROM sungrow_counter_days(%s, '2026-05-01', '2026-05-05',"
    " '{200,400,400,200,200}', '{}') ORDER BY day"
)


@pytest.fixture(scope="module")
def database(database_url):
    with connected(database_url) as connection:
        yield connection


def a_house(database, jump_kwh: float) -> str:
    """Return a house of four days whose counter jumps over the second midnight."""
    device_id, first = new_device(), utc("2026-05-01 00:00")
    samples = [
        reading(
            first + n * STEP,
            pv_power_w=1500.0,
            interval_s=1200.0,
            pv_total_kwh=100 + n / 2 + (jump_kwh if n >= 144 else 0),
        )
        for n in range(4 * 72)
    ]
    store(database, device_id, samples)
    return device_id


def test_a_step_over_midnight_that_the_powers_confirm_is_nothing_to_doubt(database):
    found = rows(database, DOUBTFUL, a_house(database, 0))
    assert [row["is_doubtful"] for row in found] == [False] * 4


def test_one_that_they_contradict_makes_both_its_days_doubtful(database):
    device_id = a_house(database, 5.0)
    found = rows(database, DOUBTFUL, device_id)
    assert [row["is_doubtful"] for row in found] == [False, True, True, False]
    energies = rows(
        database,
        "SELECT pv_counter_kwh, estimated"
        " FROM sungrow_daily_energy(%s, '2026-05-01', '2026-05-05')",
        device_id,
    )
    # Half a kWh over each midnight, as the powers say of the one that they contradict.
    assert [row["pv_counter_kwh"] for row in energies] == pytest.approx(
        [35.5, 36, 36, 36], abs=0.51
    )
    assert sum(row["pv_counter_kwh"] for row in energies) == pytest.approx(143.5)
    assert energies[1]["estimated"] or energies[2]["estimated"]
