"""What counts as full and as empty: what the battery did, not what its BMS believes."""

from datetime import date

import pytest

from server.battery import anchors, digest, windows
from server.battery.rows import Anchor, Settings
from tests.support.battery_short import DAY_S, flat

SETTINGS = Settings(9.6, 5.0)


def at_full(n, soc=100.0, watts=0.0, export=0.05, **more):
    row = flat(n, soc, watts / 12_000)
    return row._replace(export_kwh=export, import_kwh=0.0, **more)


def at_empty(n, soc=0.0, watts=0.0, imported=0.02, **more):
    row = flat(n, soc, watts / 12_000)
    return row._replace(export_kwh=0.0, import_kwh=imported, **more)


def kinds(rows, settings=SETTINGS):
    return [(found.kind, found.evidence) for found in anchors.find(rows, settings)]


FULL = [("full", "soc_100_tapered")]
ZERO = [("empty", "soc_zero")]
RESERVE = [("reserve", "reserve")]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([at_full(n) for n in range(2)], FULL),
        ([at_full(n) for n in range(1)], []),  # five minutes are too short
        ([at_full(n, soc=99.9) for n in range(9)], []),
        ([at_full(n, watts=150) for n in range(9)], FULL),  # topping up
        ([at_full(n, watts=250) for n in range(9)], []),  # still charging
        ([at_full(n, watts=-300) for n in range(9)], []),  # discharging
        ([at_full(n, export=0.02) for n in range(9)], []),  # the sun had nothing left over
        ([at_full(n, export=None) for n in range(9)], []),  # no meter
        (
            [at_full(n, export=None, may_charge=False) for n in range(9)],
            [("full", "soc_100_blocked")],
        ),
    ],
)
def test_full_is_when_it_took_nothing_more_though_there_was_sun(rows, found):
    assert kinds(rows) == found


@pytest.mark.parametrize(
    ("rows", "settings", "found"),
    [
        ([at_empty(n) for n in range(2)], SETTINGS, ZERO),
        ([at_empty(n) for n in range(1)], SETTINGS, []),
        ([at_empty(n, watts=-50) for n in range(9)], SETTINGS, []),  # gives something still
        ([at_empty(n, imported=0.005) for n in range(9)], SETTINGS, []),  # nothing was wanted
        ([at_empty(n, soc=5.0) for n in range(9)], SETTINGS, RESERVE),
        ([at_empty(n, soc=20.0) for n in range(9)], SETTINGS, RESERVE),
        ([at_empty(n, soc=1.0) for n in range(9)], SETTINGS, RESERVE),  # a BMS holds at 1
        ([at_empty(n, soc=1.0) for n in range(9)], Settings(9.6, 0.0), ZERO),
        ([at_empty(n, soc=5.0, may_discharge=False) for n in range(9)], SETTINGS,
         [("empty", "discharge_blocked")]),
        ([at_empty(n, soc=5.0, cell_v=2.95) for n in range(9)], SETTINGS,
         [("empty", "cell_voltage")]),
        ([at_empty(n, soc=5.0, cell_v=3.05) for n in range(9)], SETTINGS, RESERVE),
    ],
)  # fmt: skip
def test_empty_needs_evidence_else_it_is_a_reserve(rows, settings, found):
    assert kinds(rows, settings) == found


@pytest.mark.parametrize(
    ("before", "after", "least", "found"),
    [
        (15.0, 9.0, 5.0, [("empty", "soc_fell")]),
        (15.0, 13.5, 5.0, RESERVE),  # a point and a half, in whole or tenths, says nothing
        (15.0, 5.0, 5.0, RESERVE),  # it would have ended here anyway
        (35.0, 20.0, 20.0, RESERVE),  # a recalibration down to the reserve
        (15.0, 9.0, None, RESERVE),  # nobody knows where it would have ended
    ],
)
def test_a_fall_that_energy_does_not_explain_counts_above_the_reserve_alone(
    before, after, least, found
):
    rows = [flat(n, before, -0.02)._replace(import_kwh=0.0, export_kwh=0.0) for n in range(6)]
    rows += [at_empty(n, soc=after) for n in range(6, 12)]
    assert kinds(rows, Settings(9.6, least)) == found


def test_a_reserve_that_the_standby_empties_is_empty_from_then_on():
    rows = [at_empty(n, soc=20.0 if n < 250 else 0.0) for n in range(200, 300)]
    (reserve, empty) = anchors.find(rows, Settings(9.6, 20.0))
    assert (reserve.kind, reserve.reached_s, reserve.left_s) == ("reserve", 200 * 300, 250 * 300)
    assert (empty.kind, empty.reached_s, empty.left_s) == ("empty", 250 * 300, 300 * 300)
    days = [
        digest.of_day(date(1970, 1, 1), rows[:88], 0, DAY_S, Settings(9.6, 20.0)),
        digest.of_day(date(1970, 1, 2), rows[52:], DAY_S, 2 * DAY_S, Settings(9.6, 20.0)),
    ]
    found = anchors.merged(anchor for day in days for anchor in day.anchors)
    assert [(one.kind, one.reached_s, one.left_s) for one in found] == [
        ("reserve", 200 * 300, 250 * 300),
        ("empty", 250 * 300, 300 * 300),
    ]


def test_a_hole_ends_a_state_and_the_next_is_another():
    rows = [at_empty(n) for n in (*range(4), *range(20, 24))]
    assert len(anchors.find(rows, SETTINGS)) == 2


def test_what_two_days_see_of_one_night_is_one_anchor():
    rows = [at_empty(n) for n in range(250, 330)]
    days = [
        digest.of_day(date(1970, 1, 1), rows[:38], 0, DAY_S, SETTINGS),
        digest.of_day(date(1970, 1, 2), rows, DAY_S, 2 * DAY_S, SETTINGS),
    ]
    (one,) = anchors.merged(anchor for day in days for anchor in day.anchors)
    assert (one.reached_s, one.left_s, one.kind) == (250 * 300, 330 * 300, "empty")


def test_evidence_of_one_day_makes_the_whole_state_physical():
    reserve = anchor("reserve", 0, 5000)
    (one,) = anchors.merged([anchor("empty", 0, 3000), reserve._replace(reached_s=1000)])
    assert (one.kind, one.reached_s, one.left_s) == ("empty", 0, 5000)


def anchor(kind, reached_s, left_s, charge=100.0, discharge=90.0):
    return Anchor(
        *(kind, reached_s, left_s, "soc_zero", 5.0, 0.0, charge, discharge, charge, discharge)
    )


def test_windows_reach_from_each_anchor_to_the_next_physical_one():
    found = windows.between(
        [
            anchor("full", 0, 10_000, 100, 90),
            anchor("reserve", 20_000, 21_000, 100, 94),
            anchor("full", 30_000, 40_000, 105, 94),
            anchor("empty", 50_000, 55_000, 105, 103),
            anchor("full", 80_000, 90_000, 115, 103),
        ],
        [],
        9.6,
    )
    told = [(one.kind, one.from_s, one.to_s, one.charge_kwh, one.discharge_kwh) for one in found]
    assert told == [
        ("full_full", 10_000, 30_000, 5, 4),
        ("full_empty", 40_000, 50_000, 0, 9),
        ("empty_full", 50_000, 80_000, 10, 0),
        ("full_full", 40_000, 80_000, 10, 9),
    ]


@pytest.mark.parametrize(
    ("second", "borders"),
    [
        (anchor("empty", 20_000, 21_000, 99, 95), []),  # a counter fell
        (anchor("empty", 20_000, 21_000, None, None), []),
        (anchor("empty", 20_000, 21_000, 100, 95), [15_000]),  # another inverter
        (anchor("empty", 11 * DAY_S, 12 * DAY_S, 100, 95), []),  # too long ago
    ],
)
def test_no_window_where_the_counters_do_not_tell(second, borders):
    assert windows.between([anchor("full", 0, 10_000), second], borders, 9.6) == []
