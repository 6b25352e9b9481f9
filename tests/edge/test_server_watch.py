"""The edge's own alert: the server has not answered for an hour, and answers again."""

import http.server
import json
import logging
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from edge_lib.server_watch import LOOK_S, ServerWatch
from edge_lib.shared.env import ConfigError
from edge_lib.watch_config import problems, watch_config
from server import sandbox
from tests.support.clocks import FakeClock

SECRET = "A-LONG-RANDOM-NAME"


class Receiver:
    """A channel that counts, and answers as told."""

    def __init__(self):
        self.status, self.taken, self.asked = 200, [], 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked += 1
                if outer.status == 200:
                    outer.taken.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(outer.status)
                if outer.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def events(self):
        return [body.get("event", body.get("tags")) for *_, body in self.taken]


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


class World:
    """An edge whose uploads fail or not, and its watch, which may be restarted."""

    def __init__(self, path, env):
        self.clock, self.path, self.channels = FakeClock(), path, watch_config(env)
        self.uploader = SimpleNamespace(failures=0, last_error=None, last_success=None)
        self.start()

    def start(self):
        def waiting():
            return 7

        self.watch = ServerWatch(
            self.channels, "home-1", self.uploader, self.clock, self.path, waiting
        )

    def well(self, minutes):
        self._pass(minutes, failures=0, last_success=self.clock.now(), last_error=None)

    def down(self, minutes, error="timeout: no answer"):
        self._pass(minutes, failures=3, last_error=error)

    def _pass(self, minutes, **state):
        vars(self.uploader).update(state)
        for _ in range(round(minutes * 60 / LOOK_S)):
            self.watch.step()
            self.clock.pass_s(LOOK_S)


@pytest.fixture
def world(tmp_path, receiver):
    path = tmp_path / "server-watch.json"
    return World(path, {"ALERT_WEBHOOK_URL": f"{receiver.base}/api/webhook/{SECRET}"})


def test_it_tells_once_after_an_hour_and_once_when_it_is_over(world, receiver):
    world.well(5)
    world.down(59.5)
    assert receiver.events() == []
    world.down(600)
    assert receiver.events() == ["opened"]
    world.well(60)
    assert receiver.events() == ["opened", "resolved"]
    (path, headers, opened), (*_, resolved) = receiver.taken
    assert path == f"/api/webhook/{SECRET}"
    assert headers["Idempotency-Key"] == opened["id"] != resolved["id"]
    assert opened["title"] == "home-1: the server has not answered for an hour"
    assert "timeout: no answer. 7 readings wait here" in opened["text"]
    assert opened["since"] == resolved["since"] == "2026-06-01T12:05:00.000000Z"
    assert resolved["title"] == "home-1: the server answers again"
    assert "from 2026-06-01 12:05 UTC to 2026-06-01 " in resolved["text"]
    assert not world.path.exists()
    world.down(61)
    assert receiver.events() == ["opened", "resolved", "opened"]


@pytest.mark.parametrize("outage", [0.5, 10, 59])
def test_a_shorter_silence_is_nobodys_business(world, receiver, outage):
    for _ in range(20):
        world.well(5)
        world.down(outage)
    world.well(5)
    assert receiver.events() == []


def test_a_restart_neither_tells_again_nor_forgets_the_end(world, receiver):
    world.well(5)
    world.down(70)
    vars(world.uploader).update(failures=0, last_success=None, last_error=None)
    world.start()
    world.down(200)
    assert receiver.events() == ["opened"]
    vars(world.uploader).update(failures=0, last_success=None, last_error=None)
    world.start()
    world.watch.step()  # nothing was tried yet
    assert receiver.events() == ["opened"]
    world.well(5)
    world.start()
    world.well(5)
    assert receiver.events() == ["opened", "resolved"]


def test_what_the_channel_does_not_take_is_tried_again_now_and_then(world, receiver):
    receiver.status = 500
    world.well(5)
    world.down(60)
    asked = receiver.asked
    world.down(60)
    assert receiver.asked - asked <= 13
    receiver.status = 200
    world.down(6)
    assert receiver.events() == ["opened"]


def test_an_outage_that_ended_before_anybody_could_be_told_is_told_once(world, receiver):
    receiver.status = 503
    world.well(5)
    world.down(90)
    world.well(20)
    receiver.status = 200
    world.well(10)
    assert receiver.events() == ["resolved"]


def test_one_channel_does_not_wait_for_the_other(tmp_path, receiver, caplog):
    other = Receiver()
    try:
        env = {
            "ALERT_NTFY_URL": f"http://tk_{SECRET}@127.0.0.1:{receiver.base.rpartition(':')[2]}/{SECRET}",
            "ALERT_WEBHOOK_URL": f"{other.base}/hook?key={SECRET}",
        }
        world = World(tmp_path / "w.json", env)
        other.status = 302
        caplog.set_level(logging.DEBUG, "sungrow.edge")
        world.well(5)
        world.down(65, "http_401: unknown token")
        ((path, headers, body),) = receiver.taken
        assert (path, body["topic"], body["priority"]) == ("/", SECRET, 5)
        assert headers["Authorization"] == f"Bearer tk_{SECRET}"
        assert "http_401" in body["message"]
        assert other.asked == 1  # and no redirect was followed
        world.well(1)
        other.status = 200
        world.well(10)
        assert [body["tags"] for *_, body in receiver.taken] == [
            ["red_circle"],
            ["white_check_mark"],
        ]
        assert other.events() == ["resolved"]
        assert other.taken[0][0] == f"/hook?key={SECRET}"
        assert SECRET not in "".join(str(vars(record)) for record in caplog.records)
        assert SECRET not in repr(world.channels)
    finally:
        other.close()


def test_a_channel_that_is_away_leaves_no_secret_in_the_log(tmp_path, receiver, caplog):
    url = f"http://user:{SECRET}@127.0.0.1:{receiver.base.rpartition(':')[2]}/{SECRET}"
    receiver.close()
    caplog.set_level(logging.DEBUG)
    world = World(tmp_path / "w.json", {"ALERT_WEBHOOK_URL": url})
    world.well(1)
    world.down(75)
    assert "refused" in [vars(record).get("reason") for record in caplog.records]
    assert SECRET not in "".join(str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize(
    "url",
    ["ftp://x/y", "https://", "http://example.org/x", "http://8.8.8.8/x", "https://a b/x",
     "http://[2001:db8:ffff::1]:99999/x", "x", "https://example.org/\u00fc", "https://example.org/x#y"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["ALERT_WEBHOOK_URL", "ALERT_NTFY_URL"])
def test_an_address_that_cannot_be_is_refused_without_being_quoted(name, url):
    with pytest.raises(ConfigError, match=name) as caught:
        watch_config({name: url})
    assert problems({name: url}) == [str(caught.value)]
    if len(url) > 8:
        assert url not in str(caught.value).partition("; example")[0]


@pytest.mark.parametrize("path", ["", "/", "/a/b", "/to pic", "/topic?x=1"])
def test_ntfy_needs_a_topic(path):
    assert problems({"ALERT_NTFY_URL": f"https://ntfy.sh{path}"})


@pytest.mark.parametrize(
    "url",
    ["https://ntfy.sh/x", "http://localhost/x", "http://192.168.1.10:8123/x", "http://ha.local/x",
     "http://[fd00::1]/x", "http://127.0.0.1/x", "http://homeassistant/x"],
)  # fmt: skip
def test_these_are_taken(url):
    assert problems({"ALERT_NTFY_URL": url, "ALERT_WEBHOOK_URL": url}) == []


def test_a_name_of_the_house_that_leads_out_of_it_gets_nothing(tmp_path, monkeypatch, caplog):
    world = World(tmp_path / "w.json", {"ALERT_WEBHOOK_URL": "http://ha.local/x"})
    place = [(2, 1, 6, "", ("93.184.216.34", 80))]
    monkeypatch.setattr("edge_lib.server_watch.socket.getaddrinfo", lambda *_, **__: place)
    world.well(1)
    world.down(62)
    assert caplog.records[0].reason == "not_private"


def test_without_a_channel_nothing_is_imported_and_no_thread_runs():
    program = (
        "import sys, edge, threading; assert edge.watch_settings({}) == ();"
        "from edge_lib import config; config.problems({});"
        "print([m for m in sys.modules if 'watch' in m], threading.active_count())"
    )
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, cwd=sandbox.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[] 1\n"
