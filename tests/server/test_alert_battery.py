"""The rules of the battery that look at what the night found out, or at its BMS's limits."""

import contextlib
import os
import subprocess
from datetime import timedelta

import psycopg2
import pytest
from psycopg2.extensions import make_dsn
from psycopg2.extras import Json

from server import sandbox
from server.alerts import evaluate
from server.alerts.evidence import Outside
from server.alerts.replay import replay
from server.sandbox.postgres import postgres_bin_dir
from tests.support.alerts import MINUTE, OPTIONS, Site, span
from tests.support.readings import rows, utc

SITE = "Europe/Amsterdam"
NOON = utc("2026-05-05 10:00")
DAY = timedelta(days=1)
ALL = ("sungrow_samples", "sungrow_5min", "sungrow_local_daily", "sungrow_seqs", "sungrow_devices")
ALL += ("sungrow_alerts", "sungrow_alert_outbox", "sungrow_alert_run")
ALL += ("sungrow_battery_results", "sungrow_battery_anchors", "sungrow_battery_days")
SOON = OPTIONS._replace(for_s={"soh_drop": 180.0, "batt_blocked": 300.0})  # so that they open
SOH = 98.0  # as the readings of these tests have it


@pytest.fixture
def site(database):
    rows(database, f"TRUNCATE {', '.join(ALL)} CASCADE")
    with contextlib.closing(Site(database, SOON)) as site:
        yield site


def analysed(site, at=NOON - DAY / 2, verdict="agrees", points=0.0, seen=(False, False)) -> None:
    """Store what a night found out."""
    figures = {
        "soh_verdict": {"value": verdict},
        "soh_reported_pct": {"value": SOH},
        "soh_optimistic_points": {"value": points, "low": points - 1, "high": points + 1},
    }
    rows(
        site.database,
        "INSERT INTO sungrow_battery_results VALUES ('home', %s, %s, '[]', %s, %s)"
        " ON CONFLICT (device_id) DO UPDATE SET computed_at = excluded.computed_at,"
        " result = excluded.result",
        *(at, Json({"figures": figures}), *seen),
    )


def began(site, day: str) -> None:
    rows(site.database, "INSERT INTO sungrow_battery_days VALUES ('home', %s, '{}')", day)


def full(site, at, left=None, kind="full") -> None:
    add = "INSERT INTO sungrow_battery_anchors VALUES ('home', %s, %s, %s, 'soc_100_tapered')"
    rows(site.database, add, at, left or at, kind)


def live(site, minutes: int = 6, first=NOON, **fields) -> None:
    """Let readings come, and the alerter run, for some time."""
    site.arrive("home", span(first - MINUTE / 2, first + minutes * MINUTE, **fields))
    site.run_through(first, first + minutes * MINUTE)


def opened(site, rule: str) -> list[str]:
    return [episode["key"] for episode in site.episodes(rule)]


# batt_blocked: a BMS that answers 0 to everything cannot say that it forbids anything


@pytest.mark.parametrize(
    ("before", "seen", "now", "expected"),
    [
        ((25.0, 25.0), (False, False), (0.0, 25.0), ["charge"]),
        ((25.0, 25.0), (False, False), (25.0, 0.0), ["discharge"]),
        ((25.0, 25.0), (False, False), (0.0, 0.0), ["charge", "discharge"]),
        ((0.0, 0.0), (False, False), (0.0, 0.0), []),
        ((0.0, 25.0), (False, False), (0.0, 25.0), []),  # charging was never seen to be allowed
        ((0.0, 0.0), (True, False), (0.0, 0.0), ["charge"]),  # some night has seen it
        ((0.0, 0.0), (True, True), (0.0, 0.0), ["charge", "discharge"]),
        ((None, None), (True, True), (None, None), []),
    ],
)
def test_what_was_never_allowed_is_not_called_blocked(site, before, seen, now, expected):
    if any(seen):
        analysed(site, seen=seen)
    limits = ("bms_max_charge_a", "bms_max_discharge_a")
    then = span(NOON - 60 * MINUTE, NOON - MINUTE, **dict(zip(limits, before, strict=True)))
    site.arrive("home", then)
    live(site, 8, **dict(zip(limits, now, strict=True)))
    assert sorted(opened(site, "batt_blocked")) == expected


# soh_drop, its second half


def test_a_battery_that_hides_its_fade_is_told_once_with_both_figures(site):
    analysed(site, verdict="optimistic", points=5.3)
    live(site)
    assert opened(site, "soh_drop") == ["measured"]
    ((event, title),) = [m for m in site.messages() if "health" in m[1]]
    assert (event, title) == (
        "opened",
        "home: the battery reports 98 % of health, but holds 92.7 %",
    )
    assert "warranty sheet" in site.outbox()[0]["body"]["text"]
    analysed(site, at=NOON + DAY, verdict="optimistic", points=5.4)
    live(site, 5, NOON + DAY)
    assert opened(site, "soh_drop") == ["measured"]


@pytest.mark.parametrize("verdict", ["agrees", "pessimistic", None])
def test_one_that_does_not_is_not(site, verdict):
    analysed(site, verdict=verdict, points=5.3)
    live(site)
    assert opened(site, "soh_drop") == []


def test_a_night_that_is_days_ago_says_nothing(site):
    analysed(site, at=NOON - 4 * DAY, verdict="optimistic", points=5.3)
    live(site)
    assert opened(site, "soh_drop") == []


# batt_not_full


@pytest.mark.parametrize(
    ("days", "expected"),
    [(29.9, []), (30.1, [""]), (45, [""]), (None, [""]), ("empty", [""])],
)
def test_one_that_was_not_full_for_thirty_days_is_told_in_the_morning(site, days, expected):
    began(site, "2026-01-05")
    analysed(site)
    if days == "empty":
        full(site, NOON - DAY, kind="empty")
    elif days:
        full(site, NOON - 60 * DAY)
        full(site, NOON - (days + 0.5) * DAY, NOON - days * DAY)  # counts from when it was left
    live(site, 3)
    assert opened(site, "batt_not_full") == expected
    if expected:
        (episode,) = site.episodes("batt_not_full")
        assert episode["severity"] == "info"
        begin = NOON - days * DAY if isinstance(days, float | int) else utc("2026-01-04 23:00")
        assert episode["since"] == begin
    assert site.messages() == [], "what is only good to know waits for the digest"


def test_a_battery_that_came_lately_is_not(site):
    began(site, "2026-04-10")
    analysed(site)
    live(site, 3)
    assert opened(site, "batt_not_full") == []


def test_a_house_without_results_says_nothing(site):
    live(site, 3)
    assert site.episodes() == []


def test_the_past_is_not_judged_by_what_the_last_night_knows(site):
    began(site, "2026-01-05")
    analysed(site, verdict="optimistic", points=5.3)
    site.arrive("home", span(NOON, NOON + 90 * MINUTE))
    with site.database:
        found = replay(site._connection, NOON + MINUTE, NOON + 90 * MINUTE, OPTIONS)
    assert found.episodes == []


@pytest.fixture
def least_rights(database):
    """A connection that may do what ``sql/roles/alerts.sql`` allows, and nothing else."""
    role = f"sungrow_alerts_test_{os.getpid()}"
    rows(database, f"CREATE ROLE {role} LOGIN PASSWORD 'only-of-this-test'")
    psql = [postgres_bin_dir() / "psql", "-X", "-q", "-v", f"role={role}", "-d", database.dsn]
    subprocess.run([*psql, "-f", sandbox.ROOT / "sql/roles/alerts.sql"], check=True)
    dsn = make_dsn(database.dsn, user=role, password="only-of-this-test")
    with contextlib.closing(psycopg2.connect(dsn)) as connection:
        yield connection
    rows(database, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_the_alerter_may_read_what_the_night_found_out(site, least_rights):
    began(site, "2026-01-05")
    analysed(site)
    site.arrive("home", span(NOON - 3 * MINUTE, NOON))
    evaluate.run(least_rights, NOON, OPTIONS, Outside())
    assert opened(site, "batt_not_full") == [""]
