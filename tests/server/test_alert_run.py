"""One run as its timer starts it: turns, the database away, the ping, and no secret anywhere."""

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import timedelta

import pytest

from server import sandbox
from server.alerts import run
from server.database.connection import connect
from tests.support import alert_servers
from tests.support.alert_servers import Answer, Smtp, Web
from tests.support.alert_world import World

pytestmark = pytest.mark.server
SECRETS = {
    "topic": "topic-Se-cret-1",
    "hook": "hook-Se-cret-2",
    "key": "key-Se-cret-3",
    "gotify": "gotify-Se-cret-4",
    "mail": "mail-Se-cret-5",
    "dead": "dead-Se-cret-6",
}


@pytest.fixture(scope="module")
def web(certificate):
    with Web(certificate) as server:
        yield server


@pytest.fixture
def server(web):
    web.forget()
    return web


@pytest.fixture
def world(database_url, tmp_path, certificate, server):
    env = {
        "ALERT_NTFY_URL": f"{server.url}/topic",
        "ALERT_STATE_PATH": str(tmp_path / "state.json"),
        "ALERT_CA_FILE": str(certificate.ca),
        "DEADMAN_URL": f"{server.url}/ping",
    }
    world = World(database_url, {}, **env)
    world.settings = run_settings(database_url, **env)
    yield world
    world.close()


def run_settings(url, **env):
    from server.alerts import settings

    return settings.read({"DATABASE_URL": url, **env})


def once(world, **change):
    return run.once(world.settings._replace(**change), lambda: world.now)


def pings(server):
    return [request.path for request in server.requests if "ping" in request.path]


def messages(server):
    return [request.json for request in server.taken if request.path == "/"]


def test_a_run_judges_sends_pings_and_ends_with_0(world, server):
    world.opens("home-1")
    assert once(world) == 0
    assert [one["title"] for one in messages(server)] == ["home-1: no_data opened"]
    assert pings(server) == ["/ping"]
    assert world.run("SELECT channels FROM sungrow_alert_run") == [(["ntfy"],)]


def test_while_another_run_is_at_work_it_ends_with_0_and_a_line(world, server, capsys):
    """A.9.6."""
    world.opens("home-1")
    with closing(connect(world.settings.database_url, {})) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended('sungrow alerts', 0))")
        assert once(world) == 0
        # Not by its end alone: PostgreSQL notices that a moment later.
        cursor.execute("SELECT pg_advisory_unlock_all()")
    assert capsys.readouterr().out.strip() == run.ANOTHER
    assert server.requests == []
    assert once(world) == 0
    assert len(messages(server)) == 1


def test_a_channel_that_fails_is_no_failure_of_the_run_but_half_an_hour_is_told(world, server):
    server.answer = lambda request: None if "ping" in request.path else Answer(503)
    world.opens("home-1")
    assert once(world) == 0
    assert pings(server) == ["/ping"]
    world.now += timedelta(minutes=40)
    assert once(world) == 0
    assert pings(server)[-1] == "/ping/fail"
    told = server.requests[-1].content.decode()
    assert "no channel has taken a message since" in told


def test_a_channel_that_refuses_is_told_through_the_others_once(world, server, database_url):
    """A.9.5; its settings stay, and it is told when it takes messages again."""
    env = {"ALERT_NTFY_URL": f"{server.url}/topic", "ALERT_WEBHOOK_URL": f"{server.url}/hook"}
    env |= {"ALERT_CA_FILE": str(world.settings.ca_file), "ALERT_QUIET": "0:00-0:00"}
    env["ALERT_STATE_PATH"] = str(world.settings.state_path)
    world.settings = run_settings(database_url, **env)
    server.answer = lambda request: Answer(403) if request.path == "/" else None
    world.opens("home-1")

    def told():
        sent = [request.json for request in server.taken if request.path == "/hook"]
        return [(one["event"], one["values"]) for one in sent if one["rule"] == "channel"]

    for _ in range(15):
        assert once(world) == 0
        world.now += timedelta(minutes=10)
    assert [event for event, _ in told()] == ["opened"]
    assert told()[0][1]["channel"] == "ntfy"
    refused = [request for request in server.requests if request.path == "/"]
    assert len(refused) == 3, "at once, and a probe an hour"
    server.answer = lambda _: None
    for _ in range(7):
        once(world)
        world.now += timedelta(minutes=10)
    assert [event for event, _ in told()] == ["opened", "resolved"]
    assert "home-1: no_data opened" in [one["title"] for one in messages(server)]


AWAY = "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"


def test_a_database_that_is_away_is_told_once_and_its_return_too(world, server):
    """A.9.14."""
    for _ in range(30):
        assert once(world, database_url=AWAY) == 1
        world.now += timedelta(minutes=1)
    assert [one["title"] for one in messages(server)] == ["The server's database is away"]
    assert set(pings(server)) == {"/ping/fail"}
    assert once(world) == 0
    told = [one["title"] for one in messages(server)]
    assert told == ["The server's database is away", "The server's database is back"]
    assert once(world) == 0
    assert len(messages(server)) == 2
    assert "2026-11-02 10:00 UTC to 2026-11-02 10:30" in messages(server)[1]["message"]


def test_one_that_is_back_within_minutes_is_not_told(world, server):
    for _ in range(4):
        once(world, database_url=AWAY)
        world.now += timedelta(minutes=1)
    once(world)
    assert messages(server) == []


def test_it_is_told_again_while_it_lasts_and_tried_until_somebody_hears(world, server):
    server.answer = lambda _: Answer(503)
    for _ in range(10):
        once(world, database_url=AWAY)
        world.now += timedelta(minutes=1)
    assert messages(server) == []
    server.answer = lambda _: None
    counts = []
    for _ in range(48):  # a day
        once(world, database_url=AWAY)
        counts.append(len(messages(server)))
        world.now += timedelta(minutes=30)
    assert [counts.index(n) / 2 for n in (1, 2, 3)] == [0, 1, 7]
    assert counts[-1] == 3


def test_a_state_that_cannot_be_kept_is_a_warning(world, server, tmp_path, caplog):
    path = tmp_path / "none" / "state.json"
    for _ in range(10):
        once(world, database_url=AWAY, state_path=path)
        world.now += timedelta(minutes=1)
    assert messages(server) == []
    assert "the state file cannot be written" in caplog.text
    assert once(world, state_path=path) == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"away_since": "x"}', '{"told": 7}'])
def test_a_damaged_state_file_stops_nothing(world, server, content):
    world.settings.state_path.write_text(content)
    assert once(world, database_url=AWAY) == 1
    assert once(world) == 0


def test_a_schema_that_is_not_current_ends_it_with_1(world, server, databases):
    assert once(world, database_url=databases.empty()) == 1
    assert pings(server) == ["/ping/fail"]
    assert "not current" in server.requests[-1].content.decode()


# The command itself.


def command(env, *argv):
    argv = [sys.executable, "-m", "server.alerts", *argv]
    return subprocess.run(
        argv, env=sandbox.environment(**env), cwd=sandbox.ROOT, capture_output=True, text=True
    )


def test_a_bad_setting_ends_it_with_78(database_url):
    done = command({"DATABASE_URL": database_url, "ALERT_LANGUAGE": "xx"}, "run")
    assert done.returncode == 78
    assert "ALERT_LANGUAGE='xx'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (("silence", "home-1", "2h", "--why", "roof"), 0),
        (("silence", "--all", "3d", "--why", "holiday"), 0),
        (("silence", "--end", "999"), 1),
        (("silence", "home-1", "2h"), 2),
        (("silence", "home-1", "31d", "--why", "x"), 2),
        (("silence", "home-1", "0m", "--why", "x"), 2),
        (("silence", "2h", "--why", "x"), 2),
        (("silence", "home-1", "--all", "--why", "x"), 2),
        (("silence", "home-1", "2h", "--why", "x", "--rule", "nonsense"), 2),
        (("silence", "home-1", "2h", "--why", "x", "--rule", "no_yield"), 0),
        (("replay", "--from", "2026-05-02T00:00:00Z", "--to", "2026-05-01T00:00:00Z"), 2),
        (("list",), 0),
        (("test",), 1),
        ((), 2),
    ],
)
def test_what_the_commands_end_with(database_url, argv, status):
    done = command({"DATABASE_URL": database_url}, *argv)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr


def test_a_silence_of_a_house_that_nobody_knows_says_so(world):
    url = world.settings.database_url
    world.run("INSERT INTO sungrow_devices (device_id) VALUES ('home-1') ON CONFLICT DO NOTHING")
    said = command({"DATABASE_URL": url}, "silence", "home-7", "2h", "--why", "x").stdout
    assert "nothing is known of home-7 so far; there are: " in said
    assert "home-1" in said
    said = command({"DATABASE_URL": url}, "silence", "home-1", "2h", "--why", "x").stdout
    assert "nothing is known" not in said
    assert re.search(r"until \S+T\d\d:\d\d:\d\dZ\n", said)


def test_a_test_reaches_every_channel_and_says_which_failed(world, server, certificate):
    env = {
        "DATABASE_URL": world.settings.database_url,
        "ALERT_CA_FILE": str(certificate.ca),
        "ALERT_NTFY_URL": f"{server.url}/topic",
        "ALERT_WEBHOOK_URL": f"{server.url}/hook",
    }
    done = command(env, "test")
    assert (done.returncode, done.stdout) == (0, "ntfy: delivered\nwebhook: delivered\n")
    server.answer = lambda request: Answer(403) if request.path == "/hook" else None
    done = command(env, "test")
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["ntfy: delivered", "webhook: refused: 403"]
    server.answer = lambda _: Answer(503)
    done = command(env, "test")
    assert done.stdout.splitlines() == [
        "ntfy: not delivered: 503",
        "webhook: not delivered: 503",
    ]
    listed = command(env, "list").stdout
    assert "ntfy: last delivery" in listed


def test_no_secret_is_in_any_log_table_answer_or_list_of_processes(
    world, server, certificate, tmp_path, private_files
):
    """A.9.12: every channel fails in every way, and answers with all that it was sent."""

    def evil(request):
        said = f"{request.path} {request.headers} {request.content.decode(errors='replace')}"
        body = {"error": said, "errorDescription": said, "description": said}
        return Answer(evil.status, body)

    mail = Smtp(certificate, True, ("me", SECRETS["mail"]))
    mail.refuse["AUTH"] = f"535 {SECRETS['mail']} is wrong"
    (tmp_path / "key").write_text(SECRETS["key"])
    with mail:
        env = {
            "DATABASE_URL": world.settings.database_url,
            "ALERT_CA_FILE": str(certificate.ca),
            "ALERT_STATE_PATH": str(tmp_path / "state.json"),
            "ALERT_NTFY_URL": f"{server.url}/{SECRETS['topic']}",
            "ALERT_WEBHOOK_URL": f"{server.url}/{SECRETS['hook']}",
            "ALERT_WEBHOOK_SECRET_FILE": str(tmp_path / "key"),
            "ALERT_GOTIFY_URL": server.url,
            "ALERT_GOTIFY_TOKEN": SECRETS["gotify"],
            "ALERT_SMTP_URL": f"smtps://me:{SECRETS['mail']}@localhost:{mail.port}",
            "ALERT_MAIL_TO": "me@example.org",
            "DEADMAN_URL": f"{server.url}/{SECRETS['dead']}",
            "LOG_LEVEL": "DEBUG",
        }
        said = ""
        for status in (500, 403, 302):
            evil.status = status
            server.answer = evil
            world.run("TRUNCATE sungrow_alert_outbox, sungrow_alerts CASCADE")
            world.settings = run_settings(url=env["DATABASE_URL"], **env_of(env))
            world.opens("home-1")
            done = command(env, "run")
            assert done.returncode == 0, done.stderr
            said += done.stdout + done.stderr + command(env, "test").stdout
            said += json.dumps(world.run("SELECT t::text FROM sungrow_alert_outbox AS t"))
            said += json.dumps(world.run("SELECT t::text FROM sungrow_alerts AS t"))
        server.answer = lambda _: Answer(hangs_up=True)
        done = command(env, "test")
        said += done.stdout + done.stderr
        away = command(env | {"DATABASE_URL": AWAY}, "run")
        said += away.stdout + away.stderr + (tmp_path / "state.json").read_text()
    assert len(server.requests) > 10
    assert "Se-cret" not in said
    assert "message not delivered" in said


def env_of(env):
    return {name: value for name, value in env.items() if name != "DATABASE_URL"}


def test_without_a_channel_gunicorn_loads_nothing_of_it():
    program = "import sys, server.app; print(*[n for n in sys.modules if 'server.alerts' in n])"
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=sandbox.ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""


def test_ntfy_of_the_tests_speaks_as_ntfy():
    request = alert_servers.Request("POST", "/topic", {}, b"{}")
    assert alert_servers.ntfy(request).status == 404
