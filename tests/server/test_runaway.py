"""A lifetime counter that runs away from the powers is not believed where these are known.

A house of four days whose energy is known; from the second on one counter counts a multiple of it.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from tests.support.energies import (
    BEFORE_KWH,
    CHARGE,
    COUNTERS,
    DAY_KWH,
    DISCHARGE,
    EXPORT,
    IMPORT,
    PV,
    START,
    ZONE,
    lived,
    stored,
    total_kwh,
)
from tests.support.history import ENERGIES, asker
from tests.support.history import new_device as shown_device
from tests.support.local_time import midnight
from tests.support.readings import new_device, reading, rows, store

pytestmark = pytest.mark.server

DAYS = 4
STEP_S = 300.0
FACTORS = (0.05, 0.1, 0.3, 0.5, 0.67, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
_FEW = (0.1, 0.67, 1.5, 10.0)
FEW_AND_ALL = [pytest.param(f, marks=[] if f in _FEW else pytest.mark.long) for f in FACTORS]
ENERGY = ("pv", "import", "export", "battery_charge", "battery_discharge")
OF_COUNTER = dict(zip(COUNTERS, ENERGY, strict=True))
DIGIT_KWH = 0.1


@pytest.fixture(scope="module")
def url(databases) -> str:
    return databases.migrated(ZONE)


def in_digits(kwh: float) -> float:
    return int(kwh * 10) / 10


def faster(name: str, factor: float, since: datetime) -> Callable[[float], float]:
    """Return what makes a counter count so much faster from a moment on."""
    at_kwh = total_kwh(name, since)
    return lambda kwh: at_kwh + (kwh - at_kwh) * factor


def multiplied(_name: str, factor: float, _since: datetime) -> Callable[[float], float]:
    """Return what makes a counter show a multiple, so that it also jumps."""
    return lambda kwh: kwh * factor


@cache
def _lived(first: datetime, days: int, interval_s: float) -> tuple[dict, ...]:
    return tuple(lived(first, first + timedelta(days=days), interval_s))


def house(
    name: str,
    factor: float,
    kind: Callable = faster,
    first: datetime = START,
    days: int = DAYS,
    interval_s: float = STEP_S,
) -> list[dict]:
    """Return its readings; one counter goes wrong a day after the first, and all have digits."""
    since = first + timedelta(days=1)
    change = kind(name, factor, since)
    samples = list(_lived(first, days, interval_s))
    samples = [s | {name: change(s[name])} if s["ts"] >= since else s for s in samples]
    return [s | {counter: in_digits(s[counter]) for counter in COUNTERS} for s in samples]


def days_of(
    database, samples: list[dict], nominal_w: float | None = None, zone: str = ZONE
) -> list[dict]:
    device_id = new_device()
    insert = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, %s)"
    rows(database, insert, device_id, zone)
    stored(database, samples, device_id)
    nominal = "UPDATE sungrow_devices SET nominal_power_w = %s WHERE device_id = %s"
    rows(database, nominal, nominal_w, device_id)
    energy = "SELECT * FROM sungrow_energy WHERE device_id = %s ORDER BY day"
    return rows(database, energy, device_id)


def assert_true(day: dict, within: float = 0.1) -> None:
    for name, kwh in DAY_KWH.items():
        assert day[f"{name}_kwh"] == pytest.approx(kwh, rel=within), (day["day"], name)
    energies = {name: kwh for name, kwh in day.items() if name.endswith("_kwh")}
    assert min(kwh for kwh in energies.values() if kwh is not None) >= 0, energies


# Every counter, every multiple


@pytest.mark.parametrize("factor", FEW_AND_ALL)
@pytest.mark.parametrize("name", COUNTERS)
def test_the_days_of_a_house_are_true_whatever_a_counter_counts(database, name, factor):
    for kind, nominal_w in (
        *((faster, None), (faster, 4000.0)),
        *((multiplied, 4000.0), (multiplied, 10_000.0)),
    ):
        days = days_of(database, house(name, factor, kind), nominal_w)
        assert len(days) == DAYS
        for day in days:
            assert_true(day)
        assert all(day["estimated"] for day in days[1:])


@pytest.mark.parametrize("interval_s", [60.0, 900.0, 3600.0])
@pytest.mark.parametrize(("name", "factor"), [(PV, 20.0), (DISCHARGE, 50.0), (IMPORT, 1.5)])
def test_however_seldom_it_is_polled(database, name, factor, interval_s):
    for nominal_w in (None, 4000.0, 10_000.0):
        for day in days_of(database, house(name, factor, interval_s=interval_s), nominal_w):
            assert_true(day)


def unpolled(samples: list[dict], first: int, until: int) -> list[dict]:
    """Return the samples without those of some hours UTC of each day."""
    return [s for s in samples if not first <= s["ts"].hour < until]


@pytest.mark.parametrize(
    "hours", [(7, 10), *(pytest.param(h, marks=pytest.mark.long) for h in ((0, 6), (6, 18)))]
)
@pytest.mark.parametrize("factor", [0.3, 1.5, 3.0, 10.0])
@pytest.mark.parametrize("name", COUNTERS)
def test_it_is_not_believed_either_where_a_part_of_the_day_was_not_polled(
    database, name, factor, hours
):
    energy = OF_COUNTER[name]
    for kind, nominal_w in ((faster, None), (multiplied, 4000.0)):
        for day in days_of(database, unpolled(house(name, factor, kind), *hours), nominal_w)[1:-1]:
            true = day[f"{energy}_kwh"] == pytest.approx(DAY_KWH[energy], rel=0.1, abs=DIGIT_KWH)
            assert day["estimated"] or true
            assert day[f"{energy}_kwh"] <= DAY_KWH[energy] * 1.1
            assert day["load_kwh"] >= 0


@pytest.mark.parametrize("jump_kwh", [1.0, 6.0, 15.0, 30.0, -30.0])
@pytest.mark.parametrize("interval_s", [60.0, 300.0, 900.0])
@pytest.mark.parametrize("name", COUNTERS)
def test_a_jump_between_two_polls_over_midnight_counts_nothing(
    database, name, interval_s, jump_kwh
):
    at = START + timedelta(days=2)
    samples = lived(START, START + timedelta(days=4), interval_s)
    samples = [s | {name: s[name] + jump_kwh} if s["ts"] >= at else s for s in samples]
    for nominal_w in (None, 4000.0):
        days = days_of(database, samples, nominal_w)
        for day in days:
            assert_true(day, within=0.05)
        assert [day["estimated"] for day in days[1:3]] == [True, True]


@pytest.mark.parametrize("jump_kwh", [9.0, 15.0, 20.0, 30.0, 60.0, 90.0])
@pytest.mark.parametrize("interval_s", [60.0, 300.0, 900.0])
@pytest.mark.parametrize("name", COUNTERS)
def test_a_jump_within_a_day_counts_nothing_however_many_readings_it_makes_doubtful(
    database, name, interval_s, jump_kwh
):
    """One of more than a step may rise and less than two may, beside which no reading fits."""
    at = START + timedelta(days=1, hours=10)
    samples = lived(START, START + timedelta(days=3), interval_s)
    samples = [s | {name: s[name] + jump_kwh} if s["ts"] >= at else s for s in samples]
    for nominal_w in (None, 4000.0):
        day = days_of(database, samples, nominal_w)[1]
        assert_true(day, within=0.05)
        assert day["estimated"]


@pytest.mark.parametrize("first", ["2026-03-28", "2026-10-24"])
@pytest.mark.parametrize(("name", "factor"), [(EXPORT, 10.0), (PV, 0.1), (CHARGE, 1.5)])
def test_a_day_of_23_hours_or_25_is_judged_by_its_own_length(database, name, factor, first):
    begin = midnight(date.fromisoformat(first), ZoneInfo(ZONE))
    samples = house(name, factor, first=begin, days=3)
    # All but 2 h: 91.3 % of 23 h, 92 % of 25 h.
    odd = begin + timedelta(days=1)
    kept = [s for s in samples if not odd <= s["ts"] < odd + timedelta(hours=2)]
    changed = days_of(database, kept)[1]
    energy = OF_COUNTER[name]
    assert changed[f"{energy}_counter_kwh"] is None
    assert changed[f"{energy}_kwh"] == changed[f"{energy}_integral_kwh"]
    assert changed["estimated"]


@pytest.mark.parametrize("name", [PV, IMPORT, EXPORT])
def test_the_running_day_is_judged_by_what_has_passed_of_it(database, name):
    now = datetime.now(UTC)
    zone = f"Etc/GMT{now.hour - 14:+d}"  # where it is two in the afternoon
    first = midnight(now.astimezone(ZoneInfo(zone)).date() - timedelta(days=3), ZoneInfo(zone))
    samples = [s for s in house(name, 10.0, first=first) if s["ts"] <= now]
    today = days_of(database, samples, zone=zone)[-1]
    energy = OF_COUNTER[name]
    assert today[f"{energy}_kwh"] == pytest.approx(today[f"{energy}_integral_kwh"], abs=0.3)


def test_months_and_years_are_the_sums_of_such_days(url, database):
    """As it was reported: 24 kWh a day, of which the counter made 240."""
    device_id, ask, begin = shown_device(), asker(url), datetime(2026, 6, 1, tzinfo=UTC)
    samples = []
    for number in range(3 * 288):
        ts = begin + timedelta(seconds=number * STEP_S)
        hours = number / 12
        fields = {"pv_power_w": 1500.0, "load_power_w": 500.0, "export_power_w": 1000.0}
        fields |= {"battery_power_w": None, "battery_soc_pct": None, "interval_s": STEP_S}
        total = (4000 + hours) * (10 if hours >= 24 else 1)
        samples.append(reading(ts, **fields, total_export_kwh=total))
    insert = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, 'UTC')"
    rows(database, insert, device_id)
    store(database, device_id, samples)
    asked = {"device_id": device_id, "date": "2026-06-01"}
    days = ask({**asked, "frame": "month"})["series"]
    assert [day["export_kwh"] for day in days] == pytest.approx([24] * 3, rel=0.01)
    assert [day["estimated"] for day in days[1:]] == [True, True]
    assert [day["export_counter_kwh"] for day in days[1:]] == [None, None]
    for frame in ({"frame": "year"}, {"frame": "all", "date": None}):
        (month,) = ask({k: v for k, v in {**asked, **frame}.items() if v})["series"]
        assert month["export_kwh"] == pytest.approx(72, rel=0.01)
        assert month["load_kwh"] == pytest.approx(36, rel=0.01)
        assert month["estimated"]


@pytest.mark.parametrize("width", ["5m", "15m", "1h"])
@pytest.mark.parametrize(("name", "factor"), [(PV, 10.0), (EXPORT, 1.5), (IMPORT, 0.1)])
def test_short_buckets_do_without_it_too_whatever_part_of_the_day_is_asked(
    url, database, name, factor, width
):
    device_id, ask, energy = shown_device(), asker(url), OF_COUNTER[name]
    stored(database, house(name, factor, days=4), device_id)
    day = {"device_id": device_id, "bucket": width, "from": "2026-06-03", "to": "2026-06-04"}
    whole = ask(day)["series"]
    assert {bucket[f"{energy}_counter_kwh"] for bucket in whole} == {None}
    assert all(bucket["estimated"] for bucket in whole)
    assert sum(bucket[f"{energy}_kwh"] for bucket in whole) == pytest.approx(DAY_KWH[energy])
    for other in set(ENERGIES) - {energy, "load"}:
        counted = sum(bucket[f"{other}_counter_kwh"] or 0 for bucket in whole)
        assert counted == pytest.approx(DAY_KWH[other], abs=DIGIT_KWH + 1e-6)
    part = {"from": "2026-06-03T07:00:00Z", "to": "2026-06-03T09:00:00Z"}
    expected = [b for b in whole if "T09:00" <= b["bucket"][10:16] < "T11:00"]
    assert ask({**day, **part})["series"] == expected
    before = ask({**day, "from": "2026-06-01", "to": "2026-06-02"})["series"]
    counted = sum(bucket[f"{energy}_counter_kwh"] or 0 for bucket in before)
    assert counted == pytest.approx(DAY_KWH[energy], abs=DIGIT_KWH + 0.05)


# What is no runaway


@pytest.mark.parametrize("factor", [0.9, 0.93, 1.0, 1.07, 1.1])
@pytest.mark.parametrize("name", COUNTERS)
def test_a_counter_that_differs_as_meters_do_is_believed(database, name, factor):
    for day in days_of(database, house(name, factor))[1:-1]:
        energy = OF_COUNTER[name]
        assert day[f"{energy}_kwh"] == day[f"{energy}_counter_kwh"]
        assert day[f"{energy}_kwh"] == pytest.approx(DAY_KWH[energy] * factor, abs=DIGIT_KWH + 1e-6)
        assert not day["estimated"]


def test_what_was_drawn_while_nobody_polled_is_believed(database):
    """Two hours without polls, in which a car took 40 kWh: eleven times the rest of the day."""
    silent = START + timedelta(days=1, hours=20), START + timedelta(days=1, hours=22)
    samples = [
        s | {IMPORT: s[IMPORT] + (40.0 if s["ts"] >= silent[1] else 0.0)}
        for s in lived(START, START + timedelta(days=3), STEP_S)
        if not silent[0] <= s["ts"] < silent[1]
    ]
    day = days_of(database, samples)[1]
    assert day["import_kwh"] == day["import_counter_kwh"] == pytest.approx(43.6, abs=0.1)
    assert day["load_kwh"] == pytest.approx(61.6, rel=0.07)  # but for its share of the loss
    assert not day["estimated"]


@pytest.mark.parametrize("hours", [(7, 10), (0, 6), (6, 18), (2, 20)])
def test_a_right_counter_is_believed_of_what_nobody_polled(database, hours):
    """Four times a day's import, and all of it while nobody polled."""
    first, until = hours
    before = house(IMPORT, 1.0)[0][IMPORT]
    samples = unpolled(house(IMPORT, 1.0, days=4), first, until)
    samples = [
        s
        | {
            IMPORT: before + 20 * (s["ts"] - START + timedelta(hours=22 - until)).days,
            "export_power_w": max(s["export_power_w"], 0.0),
        }
        for s in samples
    ]
    for day in days_of(database, samples)[1:-1]:
        assert day["import_kwh"] == day["import_counter_kwh"] == pytest.approx(20)
        assert not day["estimated"]


@pytest.mark.parametrize("hours", [(7, 10), (9, 16)])
def test_a_gap_that_explains_the_difference_leaves_nothing_in_doubt(database, hours):
    """Else the five minutes of each such day are read again at every question."""
    for factor, in_doubt in ((1.0, set()), (10.0, {1})):  # of the panels: counter 1
        device_id = new_device()
        stored(database, unpolled(house(PV, factor, days=4), *hours), device_id)
        doubtful = rows(
            database,
            "SELECT counter FROM sungrow_counter_days(%s, '2020-01-01', '2099-01-01',"
            " sungrow_limits_kw(%s), sungrow_replaced(%s)) WHERE is_doubtful",
            *[device_id] * 3,
        )
        assert {row["counter"] for row in doubtful} == in_doubt


@pytest.mark.parametrize("late_s", [60, 300, 600])
@pytest.mark.parametrize("interval_s", [30.0, 60.0, 300.0])
def test_a_counter_that_is_written_some_minutes_late_is_believed_over_midnight(
    database, interval_s, late_s
):
    """A car is charged with 22 kW all night; the counter is written in steps of so many seconds."""
    first, samples = START + timedelta(hours=18), []
    for s in lived(first, first + timedelta(hours=12), interval_s):
        seconds = (s["ts"] - first).total_seconds() // late_s * late_s
        house_w = s["pv_power_w"] - s["battery_power_w"] + 22_000
        powers = {"load_power_w": house_w, "export_power_w": -22_000.0}
        samples.append(s | powers | {IMPORT: 4000 + 22 * seconds / 3600, EXPORT: None})
    for day in days_of(database, samples):
        assert day["import_kwh"] == day["import_counter_kwh"] == pytest.approx(132, abs=4)
        assert not day["estimated"]


@pytest.mark.parametrize(("total", "power"), [(0.4, 0.2), (0.3, 0.02), (0.0, 0.3), (0.2, 0.45)])
def test_on_a_quiet_day_some_digits_are_no_disagreement(database, total, power):
    samples = lived(START, START + timedelta(days=2), STEP_S)
    hours = [(s["ts"] - START).total_seconds() / 3600 for s in samples]
    samples = [
        s | {IMPORT: 4000 + total * hour / 24, EXPORT: None, "export_power_w": -power / 24 * 1000}
        for s, hour in zip(samples, hours, strict=True)
    ]
    day = days_of(database, samples)[1]
    assert day["import_kwh"] == pytest.approx(total, abs=0.01)
    assert not day["estimated"]


@pytest.mark.parametrize("name", [CHARGE, DISCHARGE])
def test_where_the_batterys_direction_is_unknown_its_powers_judge_nothing(database, name):
    samples = house(name, 2.0)
    samples = [s | {"battery_power_w": None} if n % 2 else s for n, s in enumerate(samples)]
    day = days_of(database, samples)[2]
    energy = OF_COUNTER[name]
    assert day[f"{energy}_kwh"] == pytest.approx(2 * DAY_KWH[energy], abs=DIGIT_KWH + 1e-6)


@pytest.mark.parametrize("name", [IMPORT, EXPORT])
def test_where_the_grid_is_known_half_the_day_its_powers_judge_nothing(database, name):
    none = {"load_power_w": None, "export_power_w": None}
    samples = [s | none if n % 2 else s for n, s in enumerate(house(name, 1.4))]
    day = days_of(database, samples)[2]
    energy = OF_COUNTER[name]
    assert day[f"{energy}_kwh"] == pytest.approx(1.4 * DAY_KWH[energy], abs=DIGIT_KWH + 1e-6)
    assert day["estimated"]  # for less than nine tenths of the readings know the grid


def test_samples_that_stand_for_more_time_than_there_was_leave_a_right_counter(database):
    samples = [s | {"interval_s": 1.5 * STEP_S} for s in house(PV, 1.0)]
    day = days_of(database, samples)[2]
    assert (day["pv_kwh"], day["pv_integral_kwh"]) == (pytest.approx(24), pytest.approx(36))


# Where the powers are not known


@pytest.mark.parametrize("factor", [3.0, 10.0, 100.0])
@pytest.mark.parametrize("name", COUNTERS)
def test_the_house_never_uses_less_than_nothing(database, name, factor):
    """Each other hour is polled: of the rest the counters are all that is known."""
    samples = [s for s in house(name, factor) if s["ts"].hour % 2]
    for nominal_w in (None, 4000.0):
        for day in days_of(database, samples, nominal_w):
            assert day["load_kwh"] >= 0
            assert (day["load_counter_kwh"] or 0) >= 0


def test_a_second_generator_may_make_the_house_give(database):
    """Balcony panels behind the meter: more comes out of the house than goes in."""
    change = {"load_power_w": -1000.0, "export_power_w": 1000.0, "pv_power_w": 0.0}
    samples = lived(START, START + timedelta(days=2), STEP_S)
    hours = [(s["ts"] - START).total_seconds() / 3600 for s in samples]
    none = dict.fromkeys((CHARGE, DISCHARGE, "battery_power_w", "battery_soc_pct"))
    samples = [
        s | change | none | {EXPORT: BEFORE_KWH[EXPORT] + hour, IMPORT: 0.0, PV: 5.0}
        for s, hour in zip(samples, hours, strict=True)
    ]
    day = days_of(database, samples)[1]
    assert day["load_kwh"] == day["load_counter_kwh"] == pytest.approx(-24, abs=0.1)
