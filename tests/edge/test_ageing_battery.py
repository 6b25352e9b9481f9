"""The simulated battery that ages: its hidden truth is kept, whatever its BMS believes."""

import pytest

from edge_lib.simulator.battery import YEAR_S, AgeingBattery, Hidden

HOUR_S = 3600


def lived(battery, charge_w=0, discharge_w=0, hours=1):
    for _ in range(hours * 12):
        into = min(charge_w, battery.most_charge_w(300))
        out = min(discharge_w, battery.most_discharge_w(300))
        battery.live(into, out, 300)
    return battery


def test_a_battery_keeps_what_went_in_less_what_was_lost():
    battery = AgeingBattery(Hidden(eta=0.9, standby_w=100))
    before = battery._stored_wh
    battery.live(1000, 0, HOUR_S)
    assert battery._stored_wh - before == pytest.approx(900 - 100)
    battery.live(0, 900, HOUR_S)
    assert battery._stored_wh - before == pytest.approx(800 - 1000 - 100)


@pytest.mark.parametrize(
    ("hidden", "years", "kwh"),
    [
        (Hidden(10.0, 2.5), 2, 9.5),
        (Hidden(10.0, curve=((0, 1), (1, 0.9), (3, 0.8))), 2, 8.5),
        (Hidden(10.0, curve=((0, 1), (1, 0.9), (3, 0.8))), 9, 8.0),
        (Hidden(10.0, extended_years=1.5, extended_kwh=5), 2, 15.0),
        (Hidden(10.0, cold_pct=4), 0, 9.6),
        (Hidden(10.0, cold_pct=4), 0.5, 10.0),
    ],
)
def test_its_capacity_goes_by_the_truth(hidden, years, kwh):
    battery = AgeingBattery(hidden)
    for _ in range(int(years * 1000)):
        battery.live(0, 0, YEAR_S / 1000)
    assert battery.capacity_kwh == pytest.approx(kwh, rel=1e-3)


def test_full_and_empty_set_what_the_bms_believes():
    battery = lived(AgeingBattery(Hidden(min_soc_pct=0.0)), charge_w=4000, hours=4)
    assert battery.soc_pct == 100
    lived(battery, discharge_w=3000, hours=4)
    assert battery.soc_pct == 0
    assert battery.most_discharge_w(300) == 0


def test_a_reserve_ends_discharging_before_it_is_empty():
    battery = lived(AgeingBattery(Hidden(min_soc_pct=20.0)), discharge_w=3000, hours=4)
    assert battery.soc_pct == pytest.approx(20, abs=3)  # a step is five minutes
    assert battery._stored_wh > 1500


@pytest.mark.parametrize(("learns", "soh_pct"), [(False, 100.0), (True, 97.0)])
def test_a_bms_learns_or_believes_that_it_is_new(learns, soh_pct):
    hidden = Hidden(10.0, curve=((0, 0.9), (1, 0.9)), is_learning=learns, gain=1.0, standby_w=0.0)
    battery = lived(AgeingBattery(hidden), charge_w=4000, hours=4)
    lived(battery, discharge_w=3000, hours=5)
    assert battery.soh_pct == pytest.approx(soh_pct, abs=0.2)
