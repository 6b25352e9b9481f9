"""Both opinions on energy in the buckets of ``/v1/series``: what is chosen, and how it adds up."""

import math
from datetime import date, timedelta

import pytest

from tests.support.history import ENERGIES, new_device
from tests.support.readings import reading, store, utc

pytestmark = pytest.mark.server

COUNTERS = {
    "pv": "pv_total_kwh",
    "import": "total_import_kwh",
    "export": "total_export_kwh",
    "battery_charge": "battery_total_charge_kwh",
    "battery_discharge": "battery_total_discharge_kwh",
}
STEP_S = 300


@pytest.fixture(scope="module")
def outage(database) -> str:
    """A house that nobody polled from 1 June, 18:00, to the 4th, noon: 66 hours, 42 kWh."""
    device_id = new_device()
    totals = {"01 10:00": 1000.0, "01 16:00": 1010.0, "04 10:00": 1052.0, "04 11:00": 1053.0}
    batch = [
        reading(utc(f"2025-06-{moment}"), pv_total_kwh=total) for moment, total in totals.items()
    ]
    store(database, device_id, batch)
    return device_id


def june(ask, device_id: str, **asked) -> list[dict]:
    return ask({"device_id": device_id, "frame": "month", "date": "2025-06-01", **asked})["series"]


def test_a_day_without_a_reading_has_what_the_counter_says(ask, outage):
    found = june(ask, outage)
    assert [b["bucket"][8:10] for b in found] == ["01", "02", "03", "04"]
    assert [b["sample_count"] for b in found] == [2, 0, 0, 2]
    shares = [10 + 42 * 6 / 66, 42 * 24 / 66, 42 * 24 / 66, 42 * 12 / 66 + 1]
    assert [b["pv_counter_kwh"] for b in found] == pytest.approx(shares)
    assert [b["pv_kwh"] for b in found] == pytest.approx(shares)
    assert all(b["estimated"] for b in found)
    dark = found[1]
    assert (dark["pv_integral_kwh"], dark["avg_pv_power_w"], dark["coverage"]) == (None, None, 0)
    assert dark["load_kwh"] is dark["solar_to_house_kwh"] is dark["self_sufficiency"] is None


def test_a_month_is_the_sum_of_its_days(ask, outage):
    days = june(ask, outage)
    for asked in (
        {"frame": "year", "date": "2025-01-01"},
        {"frame": "all"},
        {"from": "2025-06-01", "to": "2025-07-01", "bucket": "1mo"},
    ):
        (month,) = ask({"device_id": outage, **asked})["series"]
        assert month["sample_count"] == 4
        assert month["estimated"] is True
        for column in ("pv_kwh", "pv_counter_kwh", "pv_integral_kwh", "import_kwh", "load_kwh"):
            assert month[column] == pytest.approx(sum(b[column] or 0 for b in days))


def test_a_month_chooses_for_each_of_its_days(ask, database):
    device_id = new_device()
    totals = {"01 10:00": 700.0, "01 11:00": 713.0, "02 10:00": None, "02 11:00": None}
    batch = [
        reading(utc(f"2025-06-{m}"), pv_power_w=6000.0, interval_s=3600.0, pv_total_kwh=total)
        for m, total in totals.items()
    ]
    store(database, device_id, batch)
    days = june(ask, device_id)
    assert [b["pv_counter_kwh"] for b in days] == [13, None]
    assert [b["pv_kwh"] for b in days] == [13, 12]
    (month,) = june(ask, device_id, frame="year")
    assert month["pv_kwh"] == 25
    assert (month["pv_counter_kwh"], month["pv_integral_kwh"]) == (13, 24)


def test_hours_without_a_reading_have_no_energy(ask, outage):
    asked = {"from": "2025-06-01", "to": "2025-06-05", "bucket": "1h"}
    hours = ask({"device_id": outage, **asked})["series"]
    assert [b["pv_kwh"] for b in hours if b["sample_count"] == 0] == [None] * 92
    assert not any(b["estimated"] for b in hours)
    assert june(ask, outage, frame="day", date="2025-06-02") == []


def test_days_asked_one_by_one_are_the_same(ask, outage):
    asked = {"device_id": outage, "from": "2025-05-20", "to": "2025-06-10", "bucket": "1d"}
    whole = ask(asked)["series"]
    assert len(whole) == 21
    one_by_one = []
    for n in range(21):
        first = date(2025, 5, 20) + timedelta(days=n)
        day = {"from": first.isoformat(), "to": (first + timedelta(days=1)).isoformat()}
        one_by_one += ask({**asked, **day})["series"]
    assert one_by_one == whole


@pytest.fixture(scope="module")
def metered(database) -> str:
    """Two days of a house whose counters agree with its powers, but for 2 %: counters are exact."""
    device_id = new_device()
    totals = dict.fromkeys(COUNTERS.values(), 5000.0)
    batch = []
    for n in range(2 * 288):
        sun = max(0.0, math.sin((n % 288 - 72) / 144 * math.pi)) * 6000
        battery, export = (sun / 4, sun / 2) if sun else (-400.0, -250.0)
        powers = (sun, max(-export, 0), max(export, 0), max(battery, 0), max(-battery, 0))
        totals = {
            name: total + watts / 0.98 * STEP_S / 3_600_000
            for (name, total), watts in zip(totals.items(), powers, strict=True)
        }
        fields = {
            "pv_power_w": sun,
            "battery_power_w": battery,
            "export_power_w": export,
            "load_power_w": sun - battery - export,
            "interval_s": float(STEP_S),
        }
        ts = utc("2025-08-01 22:00") + timedelta(seconds=n * STEP_S)
        batch.append(reading(ts, **fields, **totals))
    store(database, device_id, batch)
    return device_id


def test_days_are_by_the_counters_and_hours_by_the_powers(ask, metered):
    asked = {"device_id": metered, "from": "2025-08-02", "to": "2025-08-04"}
    days = ask({**asked, "bucket": "1d"})["series"]
    hours = ask({**asked, "bucket": "1h"})["series"]
    assert (len(days), len(hours)) == (2, 48)
    for bucket in days:
        assert bucket["estimated"] is False
        for energy in ENERGIES:
            assert bucket[f"{energy}_kwh"] == bucket[f"{energy}_counter_kwh"]
    for bucket in hours:
        for energy in ENERGIES:
            assert bucket[f"{energy}_kwh"] == bucket[f"{energy}_integral_kwh"]
    for energy in COUNTERS:
        by_counter, by_power = (
            sum(b[f"{energy}_{opinion}_kwh"] for b in days) for opinion in ("counter", "integral")
        )
        # Up to the last reading: what came after it nobody has counted yet.
        assert by_counter == pytest.approx(by_power / 0.98, rel=0.01)


@pytest.mark.parametrize("width", ["5m", "15m", "1h"])
def test_the_counters_of_short_buckets_add_up_to_those_of_the_day(ask, metered, width):
    asked = {"device_id": metered, "from": "2025-08-02", "to": "2025-08-04"}
    days = ask({**asked, "bucket": "1d"})["series"]
    short = ask({**asked, "bucket": width})["series"]
    for energy in COUNTERS:
        column = f"{energy}_counter_kwh"
        assert sum(b[column] or 0 for b in short) == pytest.approx(
            sum(b[column] for b in days), rel=1e-6
        )
