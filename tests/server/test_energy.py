"""Energy from the lifetime counters, with each of their faults by itself."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import cursor as TupleCursor  # noqa: N812  a type, not a function

from server.database.rollups import rebuild
from tests.support.energies import (
    COUNTERS,
    DISCHARGE,
    EXPORT,
    IMPORT,
    PV,
    START,
    ZONE,
    Opinion,
    daily,
    days,
    lived,
    shifted,
    short,
    stored,
    total_kwh,
)
from tests.support.readings import connected, new_device, reading, rows, store

pytestmark = pytest.mark.server

JUNE = [date(2026, 6, n) for n in range(1, 8)]
A_DAY = 576  # readings
WHOLE = Opinion(24.0, 3.6, 3.6, 7.2, 7.2, 21.6, estimated=False)
# The first reading ever is 75 s after midnight, and the last one 75 s before: 75 s of the night.
FIRST = WHOLE._replace(import_=3.59375, discharge=7.1875)
LOST_KWH = 150 / 3600  # of one step, for each kW
JUMPS = [2**16 / 10, 2**32 / 1000]


@pytest.fixture(scope="module")
def database(databases):
    with connected(databases.migrated()) as connection:
        yield connection


def close(opinion: Opinion) -> Opinion:
    """Return it so that it may be compared: to a millionth, of which the load has a tenth more."""
    near = [None if v is None else pytest.approx(v, abs=1e-6) for v in opinion[:5]]
    load = None if opinion.load is None else pytest.approx(opinion.load, abs=2e-3)
    return Opinion(*near, load, opinion.estimated)


def days_of(database, samples: list[dict], count: int = 3) -> list[Opinion]:
    """Store readings from June 1st on; return what the counters say of each day."""
    device_id = stored(database, samples)
    found = daily(database, device_id, JUNE[0], JUNE[0] + timedelta(days=count))
    assert list(found) == [JUNE[0] + timedelta(days=n) for n in range(count)]
    for day, opinion in found.items():  # a day says the same whoever asks
        assert daily(database, device_id, day, day + timedelta(days=1)) == {day: close(opinion)}
    return list(found.values())


def at(index: int, by: float):
    """Add something to one reading of a counter."""
    return lambda n, value: value + by if n == index else value


def since(index: int, by: float):
    """Add something to all readings from one on."""
    return lambda n, value: value + by if n >= index else value


def test_a_house_without_faults_shows_what_it_counted(database):
    found = days_of(database, days(3))
    assert found[1] == close(WHOLE)
    assert found[0] == close(FIRST._replace(load=found[0].load))
    assert found[0].load == pytest.approx(21.6 - 75 / 3600 * 0.8, abs=2e-3)


# One reading is wrong

FIRST_OF_DAY, MIDDLE_OF_DAY, LAST_OF_DAY = A_DAY, A_DAY + 250, 2 * A_DAY - 1


@pytest.mark.parametrize("index", [FIRST_OF_DAY, MIDDLE_OF_DAY, MIDDLE_OF_DAY + 1, LAST_OF_DAY])
@pytest.mark.parametrize("wrong", [0.0, None])
@pytest.mark.parametrize("name", [PV, IMPORT])
def test_a_total_that_is_not_read_once_changes_nothing(database, name, wrong, index):
    samples = shifted(days(3), name, lambda n, value: wrong if n == index else value)
    assert days_of(database, samples)[1] == close(WHOLE)


@pytest.mark.parametrize("index", [FIRST_OF_DAY, MIDDLE_OF_DAY, MIDDLE_OF_DAY + 1, LAST_OF_DAY])
@pytest.mark.parametrize("by", [*JUMPS, -50.0, -1e4])
def test_a_total_that_jumps_or_dips_once_changes_nothing(database, by, index):
    assert days_of(database, shifted(days(3), PV, at(index, by)))[1] == close(WHOLE)


def test_totals_that_are_all_0_at_midnight_change_nothing(database):
    samples = days(3)
    for index in (FIRST_OF_DAY - 1, FIRST_OF_DAY, LAST_OF_DAY):
        samples[index] |= dict.fromkeys(COUNTERS, 0.0)
    assert days_of(database, samples)[1] == close(WHOLE)


# It goes on from another number. In the sun's turn from 8:00 to 12:00 UTC, that is reading 240 on.

NOON = A_DAY + 250  # the first of its five minutes
PAST_NOON = NOON + 1  # the second


@pytest.mark.parametrize("index", [NOON, PAST_NOON])
@pytest.mark.parametrize("by", [*JUMPS, -50.0, -15000.0, -2.0])
def test_a_total_that_goes_on_from_another_number_counts_on(database, by, index):
    # Of the step at which it happens the powers tell.
    found = days_of(database, shifted(days(3), PV, since(index, by)))
    assert found[1] == close(WHOLE._replace(estimated=True))
    assert (found[0].estimated, found[2].estimated) == (False, False)


@pytest.mark.parametrize("index", [FIRST_OF_DAY, LAST_OF_DAY])
@pytest.mark.parametrize("by", [*JUMPS, -50.0])
@pytest.mark.parametrize("name", [PV, DISCHARGE])
def test_a_total_that_goes_on_from_another_number_at_midnight(database, name, by, index):
    found = days_of(database, shifted(days(3), name, since(index, by)))
    assert found[1] == close(WHOLE._replace(estimated=True))
    assert found[0].estimated is (index == FIRST_OF_DAY)
    assert not found[2].estimated


# It says nothing


@pytest.mark.parametrize("value", [None, 0.0])
@pytest.mark.parametrize("name", COUNTERS)
def test_a_total_that_is_never_served_is_no_opinion(database, name, value):
    found = days_of(database, shifted(days(3), name, lambda *_: value))
    expected = list(WHOLE)
    expected[COUNTERS.index(name)] = expected[-2] = None
    assert found[1] == close(Opinion(*expected))


@pytest.mark.parametrize("name", COUNTERS)
def test_a_total_that_stands_still_is_no_opinion(database, name):
    found = days_of(database, shifted(days(3), name, lambda *_: 7.0))
    expected = list(WHOLE)
    expected[COUNTERS.index(name)] = expected[-2] = None
    assert found[1] == close(Opinion(*expected))


def test_without_any_total_there_is_no_opinion_at_all(database):
    samples = [{**s, **dict.fromkeys(COUNTERS)} for s in days(2)]
    assert days_of(database, samples, 2) == [Opinion(*[None] * 6, estimated=False)] * 2


def test_a_total_that_is_served_from_noon_on_begins_to_count_then(database):
    samples = days(3)
    samples = shifted(samples, PV, lambda n, value: value if n > A_DAY + 400 else None)
    found = days_of(database, samples)
    assert [day.pv for day in found] == [None, None, pytest.approx(24)]


def test_a_house_that_never_exports_has_a_load(database):
    samples = [
        {**s, EXPORT: 0.0, PV: s[PV] - s[EXPORT], "pv_power_w": max(s["pv_power_w"] - 300, 0)}
        for s in days(3)
    ]
    samples = [{**s, "export_power_w": min(s["export_power_w"], 0.0)} for s in samples]
    found = days_of(database, samples)
    assert found[1] == close(WHOLE._replace(pv=20.4, export=None))


def test_a_house_without_a_battery_has_a_load(database):
    none = ("battery_power_w", "battery_soc_pct", *COUNTERS[3:])
    samples = [{**s, **dict.fromkeys(none)} for s in days(3)]
    found = days_of(database, samples)
    load = 24 + 3.6 - 3.6 - sum(0.7 if s["pv_power_w"] else -0.5 for s in samples[:A_DAY]) / 24
    assert found[1][:5] == (pytest.approx(24), pytest.approx(3.6), pytest.approx(3.6), None, None)
    assert found[1].load == pytest.approx(load, abs=0.01)


# Another inverter


def exchanged(by_kwh: dict[str, float], first: int = A_DAY + 260, until: int = A_DAY + 284):
    """Return three days in which the counters go on by so much other, after an hour of no power."""
    samples = days(3)
    after = [{**s, **{n: s[n] + by for n, by in by_kwh.items()}} for s in samples[until:]]
    return [*samples[:first], *after], after[0]["ts"]


LOWER = dict.fromkeys(COUNTERS, -3990.0)
HIGHER = dict.fromkeys(COUNTERS, 5000.0)
ALIKE = dict.fromkeys(COUNTERS, 10.0)  # so little that it might have been counted
# An hour and two and a half minutes in the sun.
MISSED_H = (24 + 1) * LOST_KWH


def without_the_hour(opinion: Opinion) -> Opinion:
    return opinion._replace(
        pv=24 - 2 * MISSED_H,
        export=3.6 - 0.3 * MISSED_H,
        charge=7.2 - 0.6 * MISSED_H,
        load=21.6 - 1.0 * MISSED_H,
        estimated=True,
    )


def assert_exchanged(found: list[Opinion]) -> None:
    expected = close(without_the_hour(WHOLE))
    assert found[1] == expected._replace(load=pytest.approx(21.6 - MISSED_H, abs=0.1))
    assert not found[0].estimated
    assert found[2].estimated is False


@pytest.mark.parametrize("by_kwh", [LOWER, HIGHER])
def test_another_inverter_of_which_nobody_tells(database, by_kwh):
    samples, _ = exchanged(by_kwh)
    assert_exchanged(days_of(database, samples))


@pytest.mark.parametrize("by_kwh", [LOWER, HIGHER, ALIKE])
def test_another_inverter_that_tells_its_serial(database, by_kwh):
    samples, since_ts = exchanged(by_kwh)
    device_id = stored(database, samples)
    statement = "SELECT sungrow_note_inverter(%s, %s, %s)"
    rows(database, statement, device_id, "OLD", None)
    rows(database, statement, device_id, "NEW", since_ts)
    assert_exchanged(list(daily(database, device_id, JUNE[0], JUNE[3]).values()))


def test_another_inverter_after_a_night_without_power(database):
    samples, since_ts = exchanged(ALIKE, A_DAY - 24, A_DAY + 24)
    device_id = stored(database, samples)
    statement = "SELECT sungrow_note_inverter(%s, %s, %s)"
    for serial, moment in (("OLD", None), ("NEW", since_ts)):
        rows(database, statement, device_id, serial, moment)
    found = list(daily(database, device_id, JUNE[0], JUNE[3]).values())
    missed_h = 25 * LOST_KWH  # with the 75 s before the first reading
    expected = WHOLE._replace(
        import_=3.6 - 0.3 * missed_h,
        discharge=7.2 - 0.6 * missed_h,
        load=found[0].load,
        estimated=True,
    )
    assert found[0] == close(expected)
    assert [opinion.estimated for opinion in found] == [True, True, False]


# Nobody polls for a while


def test_an_hour_without_polls_within_a_day_loses_nothing(database):
    samples = days(3)
    del samples[A_DAY + 252 : A_DAY + 276]
    found = days_of(database, samples)[1]
    # The sun's turn loses a smaller share than the whole day, by which its loss is estimated.
    assert found == close(WHOLE)._replace(load=pytest.approx(21.6, abs=0.05))


def test_a_day_that_is_polled_for_its_first_and_last_minutes_alone_loses_nothing(database):
    samples = days(3)
    del samples[A_DAY + 4 : 2 * A_DAY - 4]
    found = days_of(database, samples)[1]
    assert found == close(WHOLE)._replace(load=pytest.approx(21.6, abs=0.3))


def split(name: str, first: datetime, until: datetime, days_: list[datetime]) -> list[float]:
    """Return what each day has of a counter whose step from first to until is split by time."""

    def counted(moment: datetime) -> float:
        if not first < moment < until:
            return total_kwh(name, moment)
        share = (moment - first) / (until - first)
        return total_kwh(name, first) + share * (total_kwh(name, until) - total_kwh(name, first))

    return [counted(end) - counted(begin) for begin, end in pairwise(days_)]


def midnights(first: date, count: int) -> list[datetime]:
    zone = ZoneInfo(ZONE)
    return [
        datetime.combine(first + timedelta(days=n), datetime.min.time(), zone).astimezone(UTC)
        for n in range(count + 1)
    ]


@pytest.mark.parametrize("first_day", ["2026-06-10", "2026-03-28", "2026-10-24"])
@pytest.mark.parametrize(
    ("begin_h", "end_h", "touched"), [(20, 31, 2), (20, 100.5, 5), (23.9, 24.2, 2)]
)
def test_an_outage_over_midnight_is_split_by_time_and_said_so(
    database, first_day, begin_h, end_h, touched
):
    first = date.fromisoformat(first_day)
    bounds = midnights(first - timedelta(days=1), 7)
    samples = [
        s
        for s in lived(bounds[0], bounds[-1])
        if not begin_h <= (s["ts"] - bounds[1]).total_seconds() / 3600 <= end_h
    ]
    last = max(s["ts"] for s in samples if s["ts"] < bounds[1] + timedelta(hours=begin_h))
    next_ = min(s["ts"] for s in samples if s["ts"] > last)
    device_id = stored(database, samples)
    found = daily(database, device_id, first, first + timedelta(days=5))
    assert [day.estimated for day in found.values()] == [n < touched for n in range(5)]
    for index, name in enumerate(COUNTERS):
        expected = split(name, last, next_, bounds[1:-1])
        assert [day[index] for day in found.values()] == pytest.approx(expected, abs=1e-6)
    whole_kwh = sum(day.load for day in found.values())
    hours = (bounds[6] - bounds[1]).total_seconds() / 3600
    assert whole_kwh == pytest.approx(0.9 * hours, rel=0.01)


def test_a_counter_that_comes_back_after_more_than_a_year_begins_anew(database):
    later = START + timedelta(days=400)
    device_id = stored(database, days(1) + days(1, later))
    found = daily(database, device_id, JUNE[0], date(2028, 1, 1))
    assert [day.pv for day in found.values()] == [pytest.approx(24), pytest.approx(24)]
    assert [day.estimated for day in found.values()] == [True, True]


def test_a_device_that_is_polled_every_minute(database):
    samples = lived(START, START + timedelta(days=3), 60.0)
    found = days_of(database, samples)
    assert found[1] == close(WHOLE)


def test_a_device_that_is_polled_every_quarter_hour_has_estimated_days(database):
    samples = lived(START, START + timedelta(days=3), 900.0)
    found = days_of(database, samples)
    assert found[1] == close(WHOLE._replace(estimated=True))


def test_a_total_that_was_not_served_for_some_days_is_split_over_them(database):
    samples = days(5)
    samples = shifted(samples, PV, lambda n, v: None if A_DAY <= n < 4 * A_DAY else v)
    found = days_of(database, samples, 5)
    assert [day.pv for day in found] == pytest.approx([24] * 5, abs=0.05)
    assert [day.estimated for day in found] == [True] * 5


# Days that do not belong to the time asked for


def test_what_is_asked_for_begins_and_ends_where_it_says(database):
    device_id = stored(database, days(4))
    assert list(daily(database, device_id, JUNE[1], JUNE[3])) == JUNE[1:3]
    assert daily(database, device_id, JUNE[2], JUNE[2]) == {}
    assert daily(database, device_id, date(2020, 1, 1), date(2021, 1, 1)) == {}
    assert daily(database, "nobody", JUNE[0], JUNE[3]) == {}
    assert len(daily(database, device_id, date(1, 1, 1), date(9999, 12, 31))) == 4


def test_days_that_were_forgotten_are_bridged(database):
    device_id = stored(database, days(4))
    gone = midnights(JUNE[1], 1)
    with database, database.cursor() as cursor:
        cursor.execute(
            "DELETE FROM sungrow_samples WHERE device_id = %s AND ts >= %s AND ts < %s",
            (device_id, *gone),
        )
    with database, database.cursor(cursor_factory=TupleCursor) as cursor:
        rebuild(cursor, device_id, *gone)
    found = daily(database, device_id, JUNE[0], JUNE[4])
    assert [day.pv for day in found.values()] == [pytest.approx(24, abs=0.05)] * 4
    assert [day.estimated for day in found.values()] == [True, True, True, False]
    assert sum(day.pv for day in found.values()) == pytest.approx(96)


def test_a_day_without_readings_and_without_energy_is_no_day(database):
    samples = days(4)
    still = {name: samples[0][name] for name in COUNTERS}
    kept = [{**s, **still} for n, s in enumerate(samples) if not A_DAY <= n < 2 * A_DAY]
    device_id = stored(database, kept)
    assert list(daily(database, device_id, JUNE[0], JUNE[4])) == [JUNE[0], *JUNE[2:4]]


# Five minutes


def test_five_minutes_add_up_to_the_day(database):
    device_id = stored(database, days(2))
    begin, end = midnights(JUNE[1], 1)
    found = short(database, device_id, begin, end)
    assert len(found) == 288
    bucket = found[begin + timedelta(hours=11)]
    assert bucket == close(Opinion(2 / 12, 0.0, 0.3 / 12, 0.6 / 12, 0.0, 1 / 12, estimated=False))
    assert sum(row.pv for row in found.values()) == pytest.approx(24)
    assert sum(row.load for row in found.values()) == pytest.approx(21.6, abs=0.01)


def test_five_minutes_do_without_what_does_not_fit(database):
    samples = days(1)
    samples[300][PV] = 0.0
    samples[310][PV] += 6553.6
    samples = shifted(samples, PV, since(321, -100.0))
    device_id = stored(database, samples)
    found = short(database, device_id, START, START + timedelta(days=1))
    flagged = [START + timedelta(minutes=5 * (321 // 2))]
    assert [bucket for bucket, row in found.items() if row.estimated] == flagged
    assert sum(row.pv for row in found.values()) == pytest.approx(24)


def test_five_minutes_after_an_outage_say_nothing_of_it(database):
    samples = days(1)
    del samples[250:274]
    device_id = stored(database, samples)
    found = short(database, device_id, START, START + timedelta(days=1))
    first = found[START + timedelta(minutes=5 * 137)]
    assert first.pv == pytest.approx(2 * LOST_KWH)
    assert sum(row.pv for row in found.values()) == pytest.approx(24 - 25 * 2 * LOST_KWH)


# For SQL


def test_the_view_shows_the_counters_opinion_and_else_that_of_the_powers(database):
    samples = shifted(days(2), EXPORT, lambda *_: None)
    device_id = stored(database, samples)
    statement = "SELECT * FROM sungrow_energy WHERE device_id = %s ORDER BY day"
    _, row = rows(database, statement, device_id)
    assert row["day"] == JUNE[1]
    assert (row["pv_kwh"], row["pv_counter_kwh"]) == (pytest.approx(24), row["pv_kwh"])
    assert (row["export_kwh"], row["export_counter_kwh"]) == (pytest.approx(3.6), None)
    assert row["load_kwh"] == row["load_integral_kwh"] == pytest.approx(21.6)


# The sum of the days is what the counter rose by


@st.composite
def outages(draw):
    """Return a cadence, and in which hours of six days nobody polls."""
    silent = draw(st.sets(st.integers(0, 6 * 24 - 1), max_size=100))
    return draw(st.sampled_from((150.0, 300.0, 595.0))), silent


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(outages(), st.sampled_from(["2026-06-10", "2026-03-27", "2026-10-23"]))
def test_the_days_sum_up_to_the_counters_rise_whatever_the_outages(database, outage, first_day):
    interval_s, silent = outage
    first = date.fromisoformat(first_day)
    begin, end = (m[0] for m in (midnights(first, 0), midnights(first + timedelta(days=6), 0)))
    samples = [
        s
        for s in lived(begin, end, interval_s)
        if int((s["ts"] - begin).total_seconds() // 3600) not in silent
    ]
    device_id = stored(database, samples)
    found = daily(database, device_id, first, first + timedelta(days=6))
    for index, name in enumerate(COUNTERS):
        rise = samples[-1][name] - samples[0][name] if samples else 0
        summed = sum(day[index] or 0 for day in found.values())
        assert summed == pytest.approx(rise, abs=1e-6)
    assert all(min(day[:5], default=0) >= 0 for day in found.values() if None not in day[:5])


def test_facts_name_an_inverter_once(database):
    device_id = new_device()
    note = "SELECT sungrow_note_inverter(%s, %s, %s)"
    ts = START + timedelta(days=1)
    for serial, moment in (
        (None, ts),
        ("A", ts),
        ("A", ts),
        (None, None),
        ("B", ts),
        ("B", ts + timedelta(days=1)),
    ):
        rows(database, note, device_id, serial, moment)
    store(database, device_id, [reading(ts + timedelta(days=2))])
    rows(database, note, device_id, "A", None)
    statement = "SELECT isfinite(since), since, serial FROM sungrow_inverters WHERE device_id = %s"
    found = [
        tuple(row.values()) for row in rows(database, f"{statement} ORDER BY since", device_id)
    ]
    newest = ts + timedelta(days=2, microseconds=1)
    assert [(finite, finite and since_ts, serial) for finite, since_ts, serial in found] == [
        (False, False, "A"),
        (True, ts, "B"),
        (True, newest, "A"),
    ]
