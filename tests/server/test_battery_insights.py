"""What five minutes add up to: each insight of hand-made days, by hand."""

from zoneinfo import ZoneInfo

import pytest

from server.battery.insights import Tally
from server.battery.whatif import Limits, Replay
from tests.support.battery_short import flat

HOUR = 12  # rows
UTC = ZoneInfo("UTC")


def row(n, soc=50.0, kwh=0.0, imported=0.0, exported=0.0, **more):
    flows = {"grid_to_battery_kwh": 0.0, "battery_to_grid_kwh": 0.0}
    made = flat(n, soc, kwh)._replace(import_kwh=imported, export_kwh=exported)
    return made._replace(**{**flows, **more})


def tallied(rows, zone=UTC, charge_w=4000.0, discharge_w=3000.0, reserve_pct=10.0):
    tally = Tally(zone, charge_w, discharge_w, reserve_pct)
    for one in rows:
        tally.feed(one)
    tally.end()
    return tally


def test_a_larger_battery_moves_the_less_of_a_days_export_and_the_nights_import():
    rows = [row(n, exported=0.1) for n in range(12 * HOUR, 14 * HOUR)]  # 2.4 kWh
    rows += [row(n, imported=0.05) for n in range(14 * HOUR, 16 * HOUR)]  # before the last export
    rows += [row(n, exported=0.1) for n in range(16 * HOUR, 17 * HOUR)]  # 1.2 kWh
    rows += [row(n, imported=0.1) for n in range(20 * HOUR, 22 * HOUR)]  # 2.4 kWh, until the next
    rows += [row(n, exported=0.1) for n in range(36 * HOUR, 37 * HOUR)]  # 1.2 kWh
    rows += [row(n, imported=0.2) for n in range(44 * HOUR, 47 * HOUR)]  # 7.2 kWh
    tally = tallied(rows)
    assert tally.sums["larger_battery"].kwh == pytest.approx(2.4 + 1.2)
    assert tally.larger_days == 2


@pytest.mark.parametrize(
    ("name", "counts", "other"),
    [
        (
            "charge_limit",
            row(0, kwh=3900 / 12_000, exported=0.1),
            row(0, kwh=3700 / 12_000, exported=0.1),
        ),
        (
            "discharge_limit",
            row(0, kwh=-2900 / 12_000, imported=0.1),
            row(0, soc=10.0, kwh=-2900 / 12_000, imported=0.1),
        ),
        ("reserve", row(0, soc=10.5, imported=0.1), row(0, soc=12.0, imported=0.1)),
        (
            "full_early",
            row(12 * HOUR, soc=100.0, exported=0.1),
            row(13 * HOUR, soc=100.0, exported=0.1),
        ),
        ("zero_hunting", row(0, imported=0.002, exported=0.001), row(0, imported=0.006)),
        ("grid_charging", row(0, grid_to_battery_kwh=0.1), row(0, battery_to_grid_kwh=0.1)),
    ],
)
def test_what_counts_and_what_its_neighbor_does_not(name, counts, other):
    assert tallied([counts]).sums[name].hours == pytest.approx(1 / 12)
    assert tallied([counts]).sums[name].kwh > 0
    assert tallied([other]).sums[name].kwh == tallied([other]).sums[name].hours == 0


def test_one_oclock_is_one_by_the_clock_of_the_house():
    at_11_utc = row(11 * HOUR + 6, soc=100.0, exported=0.1)
    assert tallied([at_11_utc]).sums["full_early"].hours > 0
    assert tallied([at_11_utc], ZoneInfo("Asia/Kathmandu")).sums["full_early"].hours == 0


def test_days_below_a_fifth_are_counted_by_what_was_highest():
    days = [row(n, soc=15.0) for n in range(0, 24 * HOUR, 6)]
    days += [row(n, soc=19.0 if n < 40 * HOUR else 21.0) for n in range(24 * HOUR, 48 * HOUR, 6)]
    tally = tallied(days)
    assert (tally.low_days, tally.days) == (1, 2)


def test_a_rest_tells_of_standby_where_it_is_long_slow_and_falls():
    def rest(hours, points, jump=0.0):
        rows = range(int(hours * HOUR) + 1)
        last = rows[-1]
        rows = [row(n, soc=60 - points * n / last - jump * (n > last / 2)) for n in rows]
        return tallied([*rows, row(last + 1, kwh=0.1)]).rests

    assert rest(13, 3) == [(pytest.approx(13), pytest.approx(3))]
    assert rest(11, 3) == []
    assert rest(13, 1.5) == []
    assert rest(13, 1, jump=5) == []  # a recalibration


def test_no_meter_and_no_flows_are_known_as_such():
    tally = tallied([flat(0, 50.0)])
    assert not tally.has_grid
    assert not tally.has_flows
    assert tally.days == 1


LIMITS = Limits(3000, 2000, 0.9, 0.0)


def test_a_battery_that_is_not_there_moves_nothing():
    assert Replay(0, 0, LIMITS).play([(1.0, 1.0), (-2.0, 1.0)]) == (2.0, 1.0)


@pytest.mark.parametrize(
    ("steps", "imported", "exported"),
    [
        ([(2.0, 1.0)], 0.0, 0.0),  # 1.8 fits
        ([(5.0, 1.0)], 0.0, 2.0),  # 3 kW at most
        ([(9.0, 3.0), (1.0, 1.0)], 0.0, 10 - 5 / 0.9),  # 5 kWh of room
        ([(-1.0, 1.0)], 0.0, 0.0),
        ([(-3.0, 1.0)], 1.0, 0.0),  # 2 kW at most
        ([(-6.0, 3.0)], 6 - 5 * 0.9, 0.0),  # 5 kWh are in it
    ],
)
def test_a_battery_takes_and_gives_what_fits(steps, imported, exported):
    assert Replay(10, 0, LIMITS).play(steps) == pytest.approx((imported, exported))


def test_standby_goes_on_below_the_reserve_and_has_to_be_charged_again():
    battery = Replay(10, 1.0, LIMITS._replace(standby_w=1000))
    assert battery.play([(0.0, 1.0)] * 12) == (0.0, 0.0)  # down to the reserve's end, 1 kWh below
    assert battery.play([(-1.0, 0.001)])[0] == pytest.approx(1.0)
    imported, exported = battery.play([(2.0, 1.0), (-1.0, 0.001)])  # back to - 0.2
    assert (imported, exported) == (pytest.approx(1.0), 0.0)
