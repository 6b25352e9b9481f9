"""The past judged again says what living through it said; what a run missed is told with its times.

And what a run costs, which rules learn of a house, and that the past is left as it is.
"""

import argparse
import contextlib
from datetime import timedelta

import pytest

from server.alerts import replay as replaying
from server.alerts import settings
from server.alerts.options import Channel, Options
from server.alerts.replay import replay
from tests.support.alerts import HOOK, MINUTE, OPTIONS, OTHER_BOOT, PHONE, Site, live_reading, span
from tests.support.readings import rows, utc

SITE = "Europe/Amsterdam"
NOON = utc("2026-05-05 10:00")
ALL = ("sungrow_samples", "sungrow_reports", "sungrow_5min", "sungrow_local_daily")
ALL += ("sungrow_seqs", "sungrow_alert_outbox", "sungrow_alerts", "sungrow_alert_run")
ALL += ("sungrow_silences", "sungrow_devices", "sungrow_fault_5min", "sungrow_parked")


@pytest.fixture
def site(database):
    rows(database, f"TRUNCATE {', '.join(ALL)} CASCADE")
    with contextlib.closing(Site(database)) as site:
        yield site


def house(site, device_id="home", **facts) -> None:
    known = {"nominal_power_w": 4000.0, "has_battery": True, "battery_capacity_kwh": 9.6} | facts
    rows(
        site.database,
        f"INSERT INTO sungrow_devices (device_id, {', '.join(known)})"  # noqa: S608
        f" VALUES (%s, {', '.join(['%s'] * len(known))})",
        *(device_id, *known.values()),
    )


def seen(episodes) -> list[tuple]:
    """Return what two ways to the same episodes have in common."""
    return sorted(
        (
            e["device_id"],
            e["rule"],
            e["key"],
            e["severity"],
            e["since"],
            e["opened_at"],
            e["closed_at"],
        )
        for e in (one if isinstance(one, dict) else one._asdict() for one in episodes)
    )


# When each trouble begins and how long it lasts, in minutes, and what readings show of it.
TROUBLES = {
    "fault": (20, 12, {"faults": "13066=4000", "running_state": 0x5500}),
    "blip": (45, 1, {"faults": "13054=1"}),
    "alarm": (50, 20, {"faults": "13050=1"}),
    "grid": (80, 5, {"faults": "13052=100"}),
    "off_grid": (100, 6, {"running_state": 0x1000}),
    "high": (115, 25, {"grid_voltage_v": 252.4}),
    "hz": (150, 4, {"grid_frequency_hz": 50.4}),
    "hot": (160, 30, {"battery_temp_c": 48.0}),
    "jump": (225, 1000, {"battery_soc_pct": 40.0}),
    "blocked": (312, 40, {"bms_max_charge_a": 0.0}),
}
FROZEN, SILENT, REBOOTS = (200, 15), (240, 14), range(30, 111, 20)


def troubled_day(begin, end) -> list[dict]:
    """Return readings of some hours in which much goes wrong, one thing after the other."""
    found = []
    for minute, one in enumerate(span(begin, end)):
        if 0 <= minute - SILENT[0] < SILENT[1]:
            continue
        one |= {"bms_max_charge_a": 25.0, "bms_max_discharge_a": 25.0}
        for first, minutes, shown in TROUBLES.values():
            one |= shown if 0 <= minute - first < minutes else {}
        if 0 <= minute - FROZEN[0] < FROZEN[1]:
            one |= live_reading(begin + FROZEN[0] * MINUTE) | {"ts": one["ts"]}
        found.append(one | {"boot": f"{sum(minute >= at for at in REBOOTS):032x}", "seq": minute})
    return found


EXPECTED = {
    *(("fault_word", "13066"), ("alarm_word", "13050"), ("grid_trip", "13052"), ("off_grid", "")),
    *(("grid_v_high", ""), ("grid_f", ""), ("batt_hot", ""), ("frozen", ""), ("batt_jump", "")),
    *(("no_data", ""), ("restarts", ""), ("batt_blocked", "charge")),
}


def test_replay_is_as_living_through_it(site):
    house(site)
    end = NOON + timedelta(minutes=360)
    readings = troubled_day(NOON + MINUTE / 2, end)
    late = [r for r in readings if 290 * MINUTE <= r["ts"] - NOON < 310 * MINUTE]
    at, told = NOON, {one["ts"] for one in late}
    back = NOON + 310 * MINUTE
    while at < end:  # what arrives is stored as it comes: the future is not there to be seen
        site.arrive(
            "home", [r for r in readings if at <= r["ts"] < at + MINUTE and r["ts"] not in told]
        )
        if at == back:
            site.arrive("home", late, at=back + MINUTE / 2)
        at += MINUTE
        site.run(at)
    lived = site.episodes()
    assert {(e["rule"], e["key"]) for e in lived} >= EXPECTED
    assert {(e["rule"], e["key"]) for e in lived} - EXPECTED == set()
    messages = site.messages()
    before = rows(site.database, "SELECT * FROM sungrow_alerts ORDER BY id")
    with site.database:
        found = replay(site._connection, NOON + MINUTE, end + MINUTE, OPTIONS)
    assert seen(found.episodes) == seen(lived)
    told = [(m.row.event, m.row.body["title"].partition(" - the box")[0]) for m in found.messages]
    assert told == [(event, title.partition(" - the box")[0]) for event, title in messages]
    assert rows(site.database, "SELECT * FROM sungrow_alerts ORDER BY id") == before
    assert len(site.messages()) == len(messages)
    assert list(replaying.lines(found, __import__("zoneinfo").ZoneInfo("UTC")))[-1].startswith(
        "cannot be replayed: "
    )


def test_an_alerter_that_was_off_tells_once_what_began_and_ended_meanwhile(site):
    begin, back = NOON - 30 * MINUTE, NOON + 60 * MINUTE
    site.arrive("home", span(begin, NOON))
    site.run_through(NOON - 5 * MINUTE, NOON)
    site.arrive("home", span(back, back + 120 * MINUTE, boot=OTHER_BOOT))
    site.run(back + 119 * MINUTE)  # three hours later
    site.run(back + 120 * MINUTE)
    (message,) = site.outbox()
    assert message["body"]["title"].startswith("home: data again after 1 h 1 min - ")
    assert "From 2026-05-05 11:59 CEST until 2026-05-05 13:00 CEST" in message["body"]["text"]
    (episode,) = site.episodes()
    assert episode["since"] == NOON - MINUTE
    assert episode["opened_at"] == NOON + 9 * MINUTE
    assert episode["closed_at"] - back <= MINUTE


def test_an_alerter_that_was_off_tells_what_goes_on_with_the_time_at_which_it_began(site):
    site.arrive("home", span(NOON - 30 * MINUTE, NOON))
    site.run(NOON)
    site.run(NOON + 180 * MINUTE)
    site.run(NOON + 181 * MINUTE)
    (message,) = site.outbox()
    assert message["event"] == "opened"
    assert "Since 2026-05-05 11:59 CEST." in message["body"]["text"]
    assert site.episodes()[0]["opened_at"] == NOON + 9 * MINUTE


def test_a_run_that_is_repeated_writes_nothing_twice(site):
    site.options = Options(channels=(PHONE, HOOK, Channel("mail")))
    site.arrive("home", span(NOON - 30 * MINUTE, NOON))
    site.run_through(NOON, NOON + 11 * MINUTE)
    before = site.outbox()
    assert len(before) == 3
    for _ in range(3):
        site.run(NOON + 10 * MINUTE)
    assert site.outbox() == before


# What is learned of a house


def nights(site, first, count, awake=(6, 21)) -> None:
    for day in range(count):
        begin = first + timedelta(days=day)
        site.arrive(
            "home", span(begin + timedelta(hours=awake[0]), begin + timedelta(hours=awake[1]), 300)
        )


def test_a_house_without_a_battery_may_sleep_at_night_but_not_at_noon(site):
    house(site, has_battery=False, battery_capacity_kwh=None)
    first = utc("2026-04-20 00:00")
    nights(site, first, 14, awake=(5, 19))
    tonight = first + timedelta(days=14)
    site.arrive("home", span(tonight + timedelta(hours=5), tonight + timedelta(hours=19)))
    at = tonight + timedelta(hours=18, minutes=58)
    while at < tonight + timedelta(hours=29, minutes=10):
        site.run(at)
        at += 7 * MINUTE / 3.5  # every two minutes
    assert not site.episodes("no_data"), "a night as all others"
    # It wakes up as usual, and falls silent at noon.
    morning = tonight + timedelta(hours=29)
    site.arrive("home", span(morning, morning + timedelta(hours=7)))
    site.run_through(morning + timedelta(hours=7), morning + timedelta(hours=7, minutes=15))
    assert len(site.episodes("no_data")) == 1


@pytest.mark.parametrize("battery", [True, False])
def test_a_silent_night_is_an_alarm_where_nights_are_not_silent(site, battery):
    house(site, has_battery=battery)
    first = utc("2026-04-20 00:00")
    nights(site, first, 14, awake=(0, 24))
    begin = first + timedelta(days=14, hours=23)
    site.arrive("home", span(begin - timedelta(hours=23), begin, 300))
    site.run_through(begin, begin + 15 * MINUTE)
    (episode,) = site.episodes("no_data")
    assert episode["severity"] == "warning"
    assert site.messages() == [], "it waits for the morning"


def test_a_house_that_always_sleeps_and_stays_silent_by_day_is_an_alarm(site):
    house(site, has_battery=False)
    first = utc("2026-04-20 00:00")
    nights(site, first, 14, awake=(5, 19))
    morning = first + timedelta(days=14, hours=8)
    site.run_through(morning, morning + 15 * MINUTE)
    assert len(site.episodes("no_data")) == 1


def test_a_run_is_a_few_statements_by_index_whatever_the_history(site):
    for name in ("one", "two", "three"):
        site.arrive(name, span(NOON - 200 * MINUTE, NOON, 5))
    count = []

    class Counting:
        def __init__(self, cursor):
            self._cursor = cursor

        def execute(self, *args):
            count.append(args[0])
            return self._cursor.execute(*args)

        def __getattr__(self, name):
            return getattr(self._cursor, name)

    from server.alerts.book import Book
    from server.alerts.gather import gather

    with site._connection, site._connection.cursor() as cursor:
        counting = Counting(cursor)
        houses = gather(counting, NOON + MINUTE)
        Book(counting, [one.house.device_id for one in houses], NOON + MINUTE)
    assert len(houses) == 3
    assert len(count) <= 6


def test_the_command_prints_what_would_have_been_told(site, capsys):
    site.arrive("home", span(NOON - 30 * MINUTE, NOON), at=NOON + 60 * MINUTE)
    known = settings.read({"DATABASE_URL": site.database.dsn})
    asked = argparse.Namespace(
        first=NOON - 40 * MINUTE, end=NOON + 20 * MINUTE, device="home", at_once=True
    )
    replaying.command(known, asked)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "2026-05-05 12:09  opened    home: no data for 10 min"
    assert "1 messages and 1 episodes in 60 minutes" in told
    asked.at_once = False
    replaying.command(known, asked)
    assert "0 messages and 0 episodes in 60 minutes" in capsys.readouterr().out.splitlines()
