"""The rules of the roof by the database: what a string usually brings, and what the night found."""

import contextlib
from datetime import timedelta

import psycopg2
import pytest
from psycopg2.extras import Json

from server.alerts.replay import replay
from tests.support.alerts import MINUTE, OPTIONS, Site, span
from tests.support.readings import rows, utc

SITE = "Europe/Amsterdam"
NOON = utc("2026-05-05 10:00")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALL = ("sungrow_samples", "sungrow_5min", "sungrow_local_daily", "sungrow_seqs", "sungrow_devices")
ALL += ("sungrow_alerts", "sungrow_alert_outbox", "sungrow_alert_run", "sungrow_strings_5min")
ALL += ("sungrow_sites", "sungrow_roof_results")
BOTH = {"mppt1_voltage_v": 400.0, "mppt1_current_a": 4.0}
BOTH |= {"mppt2_voltage_v": 380.0, "mppt2_current_a": 3.0}
SOON = OPTIONS._replace(for_s={"string_dead": 300.0, "shade_new": 60.0})  # so that they open


@pytest.fixture
def site(database):
    rows(database, f"TRUNCATE {', '.join(ALL)} CASCADE")
    with contextlib.closing(Site(database, SOON)) as site:
        yield site


def usual(site, days: int = 14, string: int = 2, watts: float = 1500.0) -> None:
    """Let a string have brought this around noon on so many days."""
    rows(
        site.database,
        "INSERT INTO sungrow_strings_5min (device_id, bucket, string, u_sum, i_sum, p_sum, p_max,"
        " integral_kwh, n, limited_n) SELECT 'home', slot - ago * interval '24 hours', %s, 0, 0,"
        " 2 * %s, %s, 0, 2, 0 FROM generate_series(1, %s) ago,"
        " generate_series(%s::timestamptz, %s, '5 minutes') slot",
        *(string, watts, watts, days, NOON - HOUR, NOON + 3 * HOUR),
    )


def live(site, minutes: int, first=NOON, every: int = 1, **fields) -> None:
    """Let readings come, one in ten seconds, and the alerter run each so many minutes."""
    for begin in (first + number * MINUTE for number in range(0, minutes, every)):
        end = begin + every * MINUTE
        site.arrive("home", span(begin, end, 10, interval_s=10.0, **BOTH | fields))
        site.run(end)


def opened(site, rule: str = "string_dead") -> list[dict]:
    return [one for one in site.episodes(rule) if one["opened_at"]]


def dies(at):
    """Return the current of a string that gives nothing from a moment on."""
    return lambda ts: 0.0 if ts >= at else 3.0


@pytest.mark.parametrize(
    "second", [30, *(pytest.param(s, marks=pytest.mark.long) for s in (0, 50))]
)
def test_a_string_that_dies_at_noon_is_told_within_half_an_hour(site, second):
    site.options = OPTIONS
    usual(site, string=1)
    usual(site)
    died = NOON + 2 * MINUTE + timedelta(seconds=second)
    live(site, 34, mppt2_current_a=dies(died))
    (episode,) = opened(site)
    assert episode["key"] == "2"
    assert abs(episode["opened_at"] - died - 30 * MINUTE) <= MINUTE
    assert "string 2 gives nothing" in site.messages()[0][1]
    assert "0 W at 380 V" in site.outbox()[0]["body"]["text"]


@pytest.mark.parametrize(
    ("days", "watts", "count"),
    [(14, 1500.0, 1), (5, 1500.0, 1), (4, 1500.0, 0), (14, 0.0, 0), (0, 1500.0, 0)],
)
def test_what_is_usual_is_known_after_five_days_and_one_that_never_gave_is_not_dead(
    site, days, watts, count
):
    usual(site, days, string=1)
    usual(site, days, watts=watts)
    live(site, 7, mppt2_current_a=0.0)
    assert len(opened(site)) == count


def test_a_house_of_one_string_is_never_told(site):
    usual(site, string=1)
    live(site, 7, mppt2_voltage_v=None, mppt2_current_a=None)
    assert site.episodes("string_dead") == []


def test_dusk_neither_opens_nor_ends_it(site):
    usual(site, string=1)
    usual(site)
    live(site, 7, mppt2_current_a=0.0)
    dusk = NOON + 7 * MINUTE
    live(site, 40, dusk, every=4, mppt1_current_a=0.1, mppt2_current_a=0.0)
    (episode,) = opened(site)
    assert (episode["state"], episode["closed_at"]) == ("open", None)
    live(site, 36, dusk + 40 * MINUTE, every=4)
    (episode,) = opened(site)
    assert episode["state"] == "closed"


def test_dusk_of_a_sound_house_is_not_told(site):
    usual(site, string=1, watts=300.0)
    usual(site, watts=80.0)
    live(site, 12, mppt1_current_a=0.6, mppt2_current_a=0.0)
    assert site.episodes("string_dead") == []


def test_the_past_is_judged_as_it_was(site):
    usual(site, string=1)
    usual(site)
    live(site, 12, mppt2_current_a=dies(NOON + 4 * MINUTE))
    with contextlib.closing(psycopg2.connect(site.database.dsn)) as connection:
        past = replay(connection, NOON, NOON + 13 * MINUTE, SOON)
    found = [one for one in past.episodes if one.rule == "string_dead"]
    assert [(one.key, one.since, one.opened_at) for one in found] == [
        (one["key"], one["since"], one["opened_at"]) for one in opened(site)
    ]
    assert len(found) == 1


def test_at_the_owners_export_limit_nobody_knows(site):
    usual(site, string=1)
    usual(site)
    add = "INSERT INTO sungrow_sites (device_id, export_limit_w) VALUES ('home', 1400)"
    rows(site.database, add)
    live(site, 7, mppt2_current_a=0.0, battery_soc_pct=100.0)
    assert site.episodes("string_dead") == []


@pytest.mark.parametrize(("ago", "count"), [(HOUR, 1), (4 * DAY, 0)])
def test_new_shade_is_told_once_by_what_the_night_found(site, ago, count):
    event = {"id": "new_shade", "string": 1, "from": "2026-05-01", "to": None, "value": -0.31}
    other = {"id": "cleaned", "string": 2, "from": "2026-05-01", "to": None, "value": 0.1}
    add = (
        "INSERT INTO sungrow_roof_results (device_id, computed_at, result) VALUES ('home', %s, %s)"
    )
    rows(site.database, add, NOON - ago, Json({"events": [event, other]}))
    live(site, 3)
    assert [one["key"] for one in opened(site, "shade_new")] == ["1"] * count
    assert ["new shade on string 1" in title for _, title in site.messages()] == [True] * count


@pytest.mark.parametrize("odd", [1e-200, 1e300], ids=str)
def test_no_odd_string_stops_the_alerts_of_all(site, odd):
    live(site, 2, mppt1_voltage_v=odd, mppt1_current_a=odd)
    assert not opened(site)
