"""What goes wrong with the alerter itself: its clock, its disk, a bug in it, its own history."""

import time
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest

from server.alerts import evaluate, gather, prune, rules, run, settings, statefile, sun
from server.alerts.evidence import Evidence, House, Server
from server.alerts.judge import judge
from server.alerts.rules.rule import WARNING, Finding, Rule
from server.database.pool import query
from tests.support.alert_servers import Answer, Web
from tests.support.alert_world import World
from tests.support.alerts import MINUTE, Site, span
from tests.support.readings import connected, rows, utc

pytestmark = pytest.mark.server
AWAY = "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"
NOON = utc("2026-11-02 12:00")


@pytest.fixture(scope="module")
def web(certificate):
    with Web(certificate) as server:
        yield server


@pytest.fixture
def world(database_url, tmp_path, certificate, web):
    web.forget()
    env = {
        "DATABASE_URL": database_url,
        "ALERT_NTFY_URL": f"{web.url}/topic",
        "ALERT_STATE_PATH": str(tmp_path / "state" / "state.json"),
        "RUNTIME_DIRECTORY": str(tmp_path / "run"),
        "ALERT_CA_FILE": str(certificate.ca),
        "DEADMAN_URL": f"{web.url}/ping",
    }
    for folder in ("state", "run"):
        (tmp_path / folder).mkdir()
    made = World(database_url, {})
    made.settings = settings.read(env)
    yield made
    made.close()


def once(world, **change) -> int:
    return run.once(world.settings._replace(**change), lambda: world.now)


def titles(web) -> list[str]:
    return [one.json["title"] for one in web.taken if one.path == "/"]


# The clock


def test_a_clock_that_is_set_back_holds_up_no_message(world, web):
    """It was three days ahead, and a message that could not be sent then would wait so long."""
    right, world.now = world.now, world.now + timedelta(days=3)
    web.answer = lambda _: type(web).hung_up() if False else None
    web.answer = lambda request: None if "ping" in request.path else Answer(503)
    world.opens("home-1")
    assert once(world) == 0
    world.run("UPDATE sungrow_alerts SET detail = %s", '{"told_at": "2026-11-05T10:00:00+00:00"}')
    world.now = right
    web.answer = lambda _: None
    assert once(world) == 0
    assert titles(web) == ["home-1: no_data opened"]
    ((since, told_at),) = world.run("SELECT since, detail ->> 'told_at' FROM sungrow_alerts")
    assert since <= right
    assert told_at == right.isoformat()


def test_what_only_began_to_be_seen_under_a_wrong_clock_begins_anew(world):
    right, world.now = world.now, world.now + timedelta(days=3)
    assert once(world) == 0
    world.run(
        "INSERT INTO sungrow_alerts (device_id, rule, severity, state, since, last_true_at)"
        " VALUES ('home-1', 'batt_low_long', 'warning', 'pending', %s, %s)",
        *(world.now, world.now),
    )
    world.run(
        "INSERT INTO sungrow_alerts (device_id, rule, severity, state, since, opened_at,"
        " last_true_at, detail) VALUES ('home-1', 'off_grid', 'warning', 'clearing', %s, %s, %s,"
        " jsonb_build_object('well_since', %s::text))",
        *(world.now, world.now, world.now, world.now.isoformat()),
    )
    world.now = right
    assert once(world) == 0
    assert world.run("SELECT rule, since, detail FROM sungrow_alerts") == [("off_grid", right, {})]


def test_a_clock_that_goes_on_changes_nothing(world):
    world.opens("home-1")
    for _ in range(3):
        once(world)
        before = world.run("SELECT * FROM sungrow_alert_outbox")
        world.now += MINUTE
    assert once(world) == 0
    assert world.run("SELECT * FROM sungrow_alert_outbox") == before


def test_a_database_that_is_away_is_told_also_after_the_clock_was_set_back(world, web):
    world.now += timedelta(days=2)
    once(world, database_url=AWAY)
    world.now -= timedelta(days=2)
    for _ in range(7):
        once(world, database_url=AWAY)
        world.now += MINUTE
    assert titles(web) == ["The server's database is away"]


# The disk


def test_on_a_full_disk_the_database_is_told_to_be_away_once_all_the_same(world, web, monkeypatch):
    disk = world.settings.state_path.parent
    plain = Path.open

    def opened(self, mode="r", *args, **kwargs):
        if "w" in mode and disk in self.parents:
            raise OSError(28, "No space left on device")
        return plain(self, mode, *args, **kwargs)

    once(world)
    monkeypatch.setattr(Path, "open", opened)
    for _ in range(12):
        assert once(world, database_url=AWAY) == 1
        world.now += MINUTE
    assert titles(web) == ["The server's database is away"]
    monkeypatch.undo()
    assert once(world) == 0
    assert titles(web)[1:] == ["The server's database is back"]
    assert statefile.read(world.settings) == {"timezone": "UTC"}
    assert list(world.settings.spare_folder.iterdir()) == []


# Bugs


def crash(*_):
    raise ZeroDivisionError


def test_a_rule_with_a_bug_is_unknown_and_the_others_are_heard(monkeypatch):
    sound = Rule("parked", WARNING, 0, 0, "edge", lambda *_: [Finding()])
    monkeypatch.setattr(rules, "OF_HOUSE", (sound._replace(name="lost", check=crash), sound))
    monkeypatch.setattr(rules, "OF_SERVER", ())
    failed = []
    judged = list(judge(Server(NOON), [Evidence(NOON, House("home"))], {}, failed=failed))
    assert [(one.rule.name, one.outcome is None) for one in judged] == [
        ("lost", True),
        ("parked", False),
    ]
    assert failed == ["lost: ZeroDivisionError"]


def test_the_run_says_so_by_its_status_and_the_ping(world, web, monkeypatch, caplog):
    bad = Rule("lost", WARNING, 0, 0, "edge", crash)
    monkeypatch.setattr(rules, "OF_HOUSE", (*rules.OF_HOUSE, bad))
    world.run("INSERT INTO sungrow_devices (device_id) VALUES ('home-1') ON CONFLICT DO NOTHING")
    world.opens("home-1")
    assert once(world) == 1
    assert titles(web) == ["home-1: no_data opened"]
    assert web.requests[-1].path == "/ping/fail"
    assert web.requests[-1].content == b"lost: ZeroDivisionError"
    assert "ZeroDivisionError" in caplog.text


# Minutes that nobody judged


@pytest.fixture
def site(databases):
    with connected(databases.migrated("Europe/Amsterdam")) as database:
        made = Site(database)
        yield made
        made.close()


def test_a_run_that_has_much_to_catch_up_with_ends_in_time(site, monkeypatch, caplog):
    site.arrive("home", span(NOON - 30 * MINUTE, NOON))
    site.run(NOON)
    monkeypatch.setattr(evaluate, "CATCH_UP_S", -1.0)
    begun = time.monotonic()
    site.run(NOON + timedelta(hours=23))
    assert time.monotonic() - begun < 5
    assert [event for event, _ in site.messages()] == ["opened"]
    assert "minutes not judged" in caplog.text


@pytest.mark.parametrize("day", ["2026-11-16 11:00", "2027-01-25 11:00"])
def test_in_the_polar_night_no_day_ends(day):
    seen = Evidence(utc(day), House("home", timezone="Arctic/Longyearbyen"))
    assert gather.sunset(None, seen) is None


def test_the_place_is_that_of_the_owner_else_that_of_the_zone(site):
    for device_id in ("set", "unset"):
        site.arrive(device_id, span(NOON - 2 * MINUTE, NOON))
    rows(site.database, "INSERT INTO sungrow_sites VALUES ('set', 37.0, -122.5)")
    rows(site.database, "INSERT INTO sungrow_sites (device_id, export_limit_w) VALUES ('unset', 0)")
    with site.database.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
        places = {seen.house.device_id: seen.house.place for seen in gather.gather(cursor, NOON)}
    site.database.rollback()
    assert places["set"] == sun.Place(37.0, -122.5)
    assert places["unset"] == sun.place_of("Europe/Amsterdam")


# Old messages


def test_messages_of_more_than_a_year_ago_go_and_stay_counted(world):
    long_ago = world.now - timedelta(days=500)
    world.now, now = long_ago, world.now
    ids = world.opens("home-1", channels=["ntfy", "mail"])
    open_still = world.opens("home-2", channels=["ntfy"])
    world.writes("digest", [], "home-1", channels=["ntfy"])
    world.writes("test", [], "home-1", channels=["ntfy"])
    world.run("UPDATE sungrow_alert_outbox SET delivered_at = created_at WHERE channel = 'ntfy'")
    world.ends(*ids, channels=["ntfy"])
    world.run("UPDATE sungrow_alert_outbox SET dropped_at = created_at WHERE event = 'resolved'")
    world.now = now.replace(minute=7)
    world.opens("home-3", channels=["ntfy"])
    world.run(
        "UPDATE sungrow_alert_outbox SET delivered_at = %s WHERE body ->> 'device_id' = 'home-3'",
        now,
    )
    before = counted(world)
    with world.connection.cursor() as cursor:
        assert prune.old(cursor, world.now.replace(minute=8)) == 0
        assert prune.old(cursor, world.now) == 4
        assert prune.old(cursor, world.now) == 0
    left = world.run(
        "SELECT body ->> 'device_id', channel, event FROM sungrow_alert_outbox"
        " WHERE NOT body ? 'pruned' ORDER BY position"
    )
    assert left == [
        ("home-1", "mail", "opened"),  # it waits
        ("home-2", "ntfy", "opened"),  # it goes on
        ("home-3", "ntfy", "opened"),
    ]
    assert counted(world) == before
    world.run(
        "UPDATE sungrow_alerts SET state = 'closed', closed_at = now() WHERE id = %s", *open_still
    )
    with world.connection.cursor() as cursor:
        assert prune.old(cursor, world.now) == 1
    assert counted(world) == before
    world.delivers()
    assert world.states("ntfy").count("waits") == 0


def counted(world) -> dict:
    found = world.run(query("alerts-deliveries"))
    return {channel: [int(one) for one in counts] for channel, *counts in found}
