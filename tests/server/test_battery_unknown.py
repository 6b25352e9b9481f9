"""A battery whose direction nobody tells: unknown is null in every answer, and never 0."""

import pytest

from tests.support.energies import CHARGE, DAY_KWH, DISCHARGE, days, stored
from tests.support.history import FLOWS, asker, new_device
from tests.support.readings import rows

pytestmark = pytest.mark.server

SITE = "Europe/Berlin"
DAYS = {"from": "2026-06-01", "to": "2026-06-04"}
WIDTHS = ("5m", "15m", "1h", "1d", "1mo")
INTEGRALS = ("battery_charge_integral_kwh", "battery_discharge_integral_kwh")
ENERGIES = ("battery_charge_kwh", "battery_discharge_kwh")
NO_DIRECTION = {"battery_power_w": None}
NO_COUNTERS = {CHARGE: None, DISCHARGE: None}
NO_BATTERY = NO_DIRECTION | NO_COUNTERS | {"battery_soc_pct": None}


@pytest.fixture(scope="module")
def house_of(database):
    def store(always: dict, at_times: dict | None = None) -> str:
        samples = [s | always | ((at_times or {}) if n % 2 else {}) for n, s in enumerate(days(3))]
        return stored(database, samples, new_device())

    return store


def asked(url: str, house: str, width: str) -> list[dict]:
    span = DAYS if width != "1mo" else {"from": "2026-06-01", "to": "2026-07-01"}
    series = asker(url)({"device_id": house, "bucket": width, **span})["series"]
    return [bucket for bucket in series if bucket["sample_count"]]


def energies(database, house: str) -> list[dict]:
    return rows(database, "SELECT * FROM sungrow_energy WHERE device_id = %s ORDER BY day", house)


def test_what_flowed_is_null_and_all_else_is_there(url, database, house_of):
    house = house_of(NO_DIRECTION | NO_COUNTERS)
    for width in WIDTHS:
        buckets = asked(url, house, width)
        assert buckets
        for bucket in buckets:
            unknown = (*FLOWS, *INTEGRALS, *ENERGIES, "load_counter_kwh", "self_sufficiency")
            assert {bucket[name] for name in unknown} == {None}
            assert bucket["estimated"]
            assert bucket["load_kwh"] == bucket["load_integral_kwh"]
        assert sum(b["load_kwh"] for b in buckets) == pytest.approx(3 * DAY_KWH["load"])
    for day in energies(database, house):
        assert {day[name] for name in (*INTEGRALS, *ENERGIES, "load_counter_kwh")} == {None}
        assert day["load_kwh"] == pytest.approx(DAY_KWH["load"])
        assert day["estimated"]


def test_its_counters_tell_of_days_alone(url, database, house_of):
    house = house_of(NO_DIRECTION)
    for bucket in asked(url, house, "1h"):
        assert {bucket[name] for name in (*FLOWS, *INTEGRALS, *ENERGIES)} == {None}
    for day in (*asked(url, house, "1d"), *energies(database, house)):
        assert {day[name] for name in INTEGRALS} == {None}
        for name in ENERGIES:
            assert day[name] == pytest.approx(7.2, rel=0.02)
        assert not day["estimated"]


@pytest.mark.parametrize("width", WIDTHS)
def test_where_it_is_known_half_of_the_time_energies_say_that_they_are_of_a_part(
    url, house_of, width
):
    for bucket in asked(url, house_of(NO_COUNTERS, NO_DIRECTION), width):
        assert bucket["estimated"]
        assert bucket["loss_kwh"] is not None
        assert bucket["load_kwh"] == bucket["load_integral_kwh"]


@pytest.mark.parametrize("change", [{}, NO_BATTERY])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_known_battery_and_none_are_as_they_were(url, house_of, width, change):
    for bucket in asked(url, house_of(change), width):
        assert None not in {bucket[name] for name in (*FLOWS, *INTEGRALS, *ENERGIES)}
        assert not bucket["estimated"]
