"""The energy of days on which a grid meter is put in, is taken out, or is not read for a while."""

from datetime import timedelta

import pytest

from tests.support.energies import DAY_KWH, EXPORT, IMPORT, daily, days, stored
from tests.support.readings import connected, rows

pytestmark = pytest.mark.server

A_DAY = 576  # readings
NO_METER = dict.fromkeys(("load_power_w", "export_power_w", IMPORT, EXPORT))
NO_POWERS = dict.fromkeys(("load_power_w", "export_power_w"))


@pytest.fixture(scope="module")
def database(database_url):
    with connected(database_url) as connection:
        yield connection


def days_of(database, samples: list[dict]) -> list[dict]:
    """Store readings from June 1st on; return what the view says of each day."""
    device_id = stored(database, samples)
    statement = "SELECT * FROM sungrow_energy WHERE device_id = %s ORDER BY day"
    found = rows(database, statement, device_id)
    for row in found:  # a day says the same whoever asks
        (alone,) = daily(database, device_id, row["day"], row["day"] + timedelta(days=1)).values()
        load = row["load_counter_kwh"]
        assert alone.load == (load if load is None else pytest.approx(load, abs=2e-3))
        assert alone.estimated == row["estimated"]
    return found


def changed(samples: list[dict], by: dict, first: int, until: int) -> list[dict]:
    return [s | by if first <= n < until else s for n, s in enumerate(samples)]


def whole(name: str) -> object:
    return pytest.approx(DAY_KWH[name], rel=0.02)


def test_without_a_meter_panels_and_battery_are_whole_and_the_rest_is_null(database):
    for day in days_of(database, [s | NO_METER for s in days(3)]):
        for name in ("pv", "battery_charge", "battery_discharge"):
            assert day[f"{name}_kwh"] == day[f"{name}_counter_kwh"] == whole(name)
        for name in ("load", "import", "export"):
            opinions = (day[f"{name}{kind}_kwh"] for kind in ("", "_counter", "_integral"))
            assert set(opinions) == {None}


@pytest.mark.parametrize("reading", [1, 100, 288, 500, 575])
@pytest.mark.parametrize("day", [0, 1])
def test_the_day_of_a_new_meter_has_the_load_of_the_part_it_measured(database, day, reading):
    first = day * A_DAY + reading
    found = days_of(database, changed(days(4), NO_METER, 0, first))
    share = 1 - reading / A_DAY
    odd = found[day]
    assert odd["load_kwh"] == pytest.approx(odd["load_integral_kwh"], abs=0.1)
    assert odd["load_kwh"] == pytest.approx(DAY_KWH["load"] * share, abs=2)
    assert odd["pv_kwh"] == whole("pv")
    assert odd["estimated"] is (share < 0.9)
    for after in found[day + 1 : -1]:
        assert after["load_kwh"] == after["load_counter_kwh"] == whole("load")
        assert not after["estimated"]


@pytest.mark.parametrize("reading", [1, 100, 288, 500, 575])
@pytest.mark.parametrize("count", [3, 4])
def test_the_day_on_which_a_meter_is_taken_out_has_the_load_of_the_part(database, count, reading):
    found = days_of(database, changed(days(count), NO_METER, 2 * A_DAY + reading, 4 * A_DAY))
    share = reading / A_DAY
    odd = found[2]
    assert odd["load_kwh"] == pytest.approx(odd["load_integral_kwh"], abs=0.1)
    assert odd["load_kwh"] == pytest.approx(DAY_KWH["load"] * share, abs=2)
    assert odd["estimated"] is (share < 0.9)
    assert found[1]["load_kwh"] == found[1]["load_counter_kwh"] == whole("load")
    assert [day["load_kwh"] for day in found[3:]] == [None] * (count - 3)


def test_a_meter_that_came_while_nobody_polled_knows_nothing_of_before(database):
    """The panels' counter knows what came in the night; the meter's begin with the first poll."""
    samples = changed(days(4), NO_METER, 0, A_DAY + 400)
    del samples[A_DAY + 400 : 2 * A_DAY + 200]
    odd = days_of(database, samples)[2]
    assert odd["pv_kwh"] == pytest.approx(24, rel=0.05)  # a share by time of the night is in it
    assert odd["load_counter_kwh"] is None
    assert odd["load_kwh"] == odd["load_integral_kwh"]


def test_a_meter_that_went_while_nobody_polled_knows_nothing_of_after(database):
    samples = changed(days(4), NO_METER, 2 * A_DAY + 200, 4 * A_DAY)
    del samples[A_DAY + 400 : 2 * A_DAY + 200]
    found = days_of(database, samples)
    assert found[1]["load_counter_kwh"] is None
    assert found[1]["load_kwh"] == found[1]["load_integral_kwh"]
    assert found[2]["load_kwh"] is None


@pytest.mark.parametrize("what", [NO_METER, NO_POWERS])
def test_what_is_not_read_for_some_hours_is_known_by_the_counters(database, what):
    found = days_of(database, changed(days(3), what, A_DAY + 100, A_DAY + 300))
    for name in ("load", "import", "export"):
        assert found[1][f"{name}_kwh"] == found[1][f"{name}_counter_kwh"] == whole(name)
    assert found[1]["load_integral_kwh"] == pytest.approx(DAY_KWH["load"] * 376 / 576, abs=1)
    assert [day["estimated"] for day in found] == [False, True, False]


def test_powers_that_are_never_read_leave_the_counters(database):
    for day in days_of(database, [s | NO_POWERS for s in days(3)])[1:-1]:
        for name in ("import", "export"):
            assert day[f"{name}_kwh"] == day[f"{name}_counter_kwh"] == whole(name)
            assert day[f"{name}_integral_kwh"] is None
        assert day["load_kwh"] == pytest.approx(24)  # with the loss, of which nobody knows
        assert day["estimated"]


def test_a_house_that_never_exports_needs_no_counter_for_it(database):
    """Where the powers of the whole day say that it was nothing; of a part they do not."""
    still = {EXPORT: 0.0}
    samples = [s | still | {"export_power_w": min(s["export_power_w"], 0.0)} for s in days(3)]
    assert days_of(database, samples)[1]["load_counter_kwh"] is not None
    odd = days_of(database, changed(samples, NO_POWERS, A_DAY + 100, A_DAY + 300))[1]
    assert odd["load_counter_kwh"] is None
    assert odd["load_kwh"] == odd["load_integral_kwh"]
