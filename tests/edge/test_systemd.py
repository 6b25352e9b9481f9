"""What systemd hears of the service, over a real datagram socket as it listens on one."""

import functools
import json
import select
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from edge import pause, poll_loop, upload_loop
from edge_lib.dongle.inverter import Inverter, InverterError
from edge_lib.health import line
from edge_lib.shared.timestamps import format_ts
from edge_lib.simulator.fake_dongle import FakeDongle
from edge_lib.systemd import LOOK_S, Pulse, Systemd, steps_s
from server import sandbox
from tests.support.clocks import FakeClock
from tests.support.edge_env import edge_env
from tests.support.wire_proxy import Fault, WireProxy, exception

STEPS_S = {"poll": 100.0, "upload": 300.0}


@pytest.fixture(params=["a file", "an abstract name"])
def manager(request, tmp_path):
    """A socket as systemd's, and the NOTIFY_SOCKET that names it."""
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.settimeout(20)
        if request.param == "a file":
            heard.bind(name)
            yield heard, name
        else:
            heard.bind("\0" + name)
            yield heard, "@" + name


def hear(heard: socket.socket) -> list[str]:
    return heard.recv(4096).decode().split("\n")


def silent(heard: socket.socket) -> bool:
    """Return whether nothing waits; what was sent before is there at once."""
    return select.select([heard], [], [], 0)[0] == []


def systemd(address: str, clock: FakeClock, pulse: Pulse, **environ: str) -> Systemd:
    environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000", **environ}
    return Systemd(environ, clock, pulse, lambda: "all is well")


def test_it_says_ready_alive_and_stopping(manager):
    heard, address = manager
    clock = FakeClock()
    pulse = Pulse(clock, STEPS_S)
    us = systemd(address, clock, pulse)
    us.ready()
    assert hear(heard) == ["READY=1", "STATUS=started"]
    pulse.beat("poll")
    pulse.beat("upload")
    us.update()
    assert hear(heard) == ["WATCHDOG=1", "STATUS=all is well"]
    us.stopping()
    assert hear(heard) == ["STOPPING=1", "STATUS=stopping"]


def test_it_is_fed_every_ten_seconds_or_thrice_in_the_watchdogs_time(manager):
    heard, address = manager
    for watchdog_us, every_s in (("60000000", LOOK_S), ("6000000", 2.0), ("", LOOK_S)):
        clock = FakeClock()
        us = systemd(address, clock, Pulse(clock, STEPS_S), WATCHDOG_USEC=watchdog_us)
        us.update()
        hear(heard)
        clock.passed_s += every_s - 1
        us.update()
        assert silent(heard)
        clock.passed_s += 1
        us.update()
        assert "WATCHDOG=1" in hear(heard)


@pytest.mark.parametrize(("hangs", "lives"), [("poll", "upload"), ("upload", "poll")])
def test_it_is_not_fed_while_one_thread_hangs_and_again_once_it_goes_on(
    manager, hangs, lives, caplog
):
    heard, address = manager
    clock, free = FakeClock(), threading.Event()
    pulse = Pulse(clock, STEPS_S)
    us = systemd(address, clock, pulse)
    stuck = threading.Thread(target=free.wait, name=hangs)
    stuck.start()
    pulse.beat(hangs)
    for _ in range(2):
        clock.passed_s += STEPS_S[hangs] + 0.1
        pulse.beat(lives)
        us.update()
        assert hear(heard) == [f"STATUS=the thread {hangs} hangs"]
    [told] = [record for record in caplog.records if record.levelname == "CRITICAL"]
    assert told.loop == hangs
    assert told.stack[-1].endswith(" wait"), "where it hangs"
    free.set()
    stuck.join()
    pulse.beat(hangs)
    clock.passed_s += LOOK_S
    us.update()
    assert "WATCHDOG=1" in hear(heard)


class Heard:
    """Takes what the loops say, in the place of a ``Pulse``."""

    def __init__(self):
        self.said = []

    def beat(self, name: str, wait_s: float = 0.0) -> None:
        self.said.append((name, wait_s))


class StopAfter:
    """The stop event of a loop that is asked to end when it waits for the second time."""

    def __init__(self):
        self.waits_s = []

    def is_set(self) -> bool:
        return len(self.waits_s) >= 2

    def wait(self, timeout: float) -> bool:
        self.waits_s.append(timeout)
        return self.is_set()


def edge_with(**parts: object) -> SimpleNamespace:
    given = {"clock": FakeClock(), "stop": StopAfter(), "pulse": Heard()}
    return SimpleNamespace(**given, **parts)


def test_the_poll_loop_beats_before_each_step_and_each_wait():
    poller = SimpleNamespace(next_poll_s=lambda started_s: started_s + 90, close=lambda: None)
    edge = edge_with(poller=poller)  # the step itself fails, which ends nothing
    poll_loop(edge)
    assert edge.pulse.said == [("poll", 0.0), ("poll", 90.0)] * 2
    assert edge.stop.waits_s == [90.0, 90.0]


def test_the_upload_loop_beats_before_each_wait_and_each_step():
    edge = edge_with(uploader=SimpleNamespace(next_wait_s=lambda: 300.0, close=lambda: None))
    upload_loop(edge)
    assert edge.pulse.said == [("upload", 300.0), ("upload", 0.0), ("upload", 300.0)]


def test_a_loop_that_said_how_long_it_waits_is_not_late():
    clock = FakeClock()
    pulse = Pulse(clock, STEPS_S)
    pulse.beat("poll", wait_s=3600)
    clock.passed_s += 3600 + STEPS_S["poll"]
    assert pulse.late() == set()
    clock.passed_s += 0.1
    assert pulse.late() == {"poll"}


@pytest.mark.parametrize("timeout_s", [1, 5, 30])
@pytest.mark.parametrize("keep_days", [0, 7, 365])
def test_the_slowest_step_that_the_settings_allow_is_no_hang(timeout_s, keep_days):
    limits_s = steps_s(timeout_s, keep_days)
    assert limits_s["poll"] > 16 * timeout_s, "a connect and a request, many times over"
    assert limits_s["upload"] > 30 * (2 + keep_days / 14), "an upload, the clock, the comparison"


def test_a_poll_of_many_slow_requests_is_no_hang():
    """A unit that refuses everything is asked for each register, here with four seconds a time."""
    clock, late = FakeClock(), []
    pulse = Pulse(clock, steps_s(5, 7))

    def slow(answer: bytes, _former: bytes) -> bytes:
        clock.passed_s += 4
        late.append(pulse.late())
        return exception(2).change(answer, b"")

    source = SimpleNamespace(words=dict, refused=list)
    with FakeDongle(source) as dongle, WireProxy(("127.0.0.1", dongle.port)) as proxy:
        proxy.always(Fault("slow", slow))
        wait = functools.partial(pause, pulse, threading.Event())
        inverter = Inverter("127.0.0.1", proxy.port, 1, 5.0, 0.0, clock, wait)
        pulse.beat("poll")
        with pytest.raises(InverterError, match="no block is served"):
            inverter.read_words()
        inverter.close()
    assert len(late) * 4 > steps_s(5, 7)["poll"]
    assert set().union(*late) == set()


def test_without_systemd_nothing_is_sent_and_nothing_fails(caplog):
    clock = FakeClock()
    us = Systemd({}, clock, Pulse(clock, STEPS_S), lambda: "unused")
    us.ready()
    us.update()
    us.stopping()
    assert not caplog.records


def test_a_systemd_that_is_gone_is_logged_and_ends_nothing(tmp_path, caplog):
    caplog.set_level("WARNING", "sungrow.edge.notify")
    clock = FakeClock()
    us = systemd(str(tmp_path / "nobody"), clock, Pulse(clock, STEPS_S))
    us.ready()
    assert [record.message for record in caplog.records] == ["systemd not notified"]


@pytest.mark.slow
def test_the_service_is_ready_with_its_spool_open_and_says_when_it_stops(manager, tmp_path, ca):
    heard, address = manager
    settings = edge_env(tmp_path, ca.cert, NOTIFY_SOCKET=address, WATCHDOG_USEC="3000000")
    process = subprocess.Popen(
        [sys.executable, "edge.py"],
        env=sandbox.environment(**settings),
        cwd=sandbox.ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert hear(heard) == ["READY=1", "STATUS=started"]
    assert (tmp_path / "spool.db").exists()
    said = [hear(heard) for _ in range(3)]
    assert all(lines[0] == "WATCHDOG=1" for lines in said)
    assert said[-1][1].startswith("STATUS=last reading none yet; 0 waiting; no poll made a sample")
    process.send_signal(signal.SIGTERM)
    while (lines := hear(heard))[0] == "WATCHDOG=1":
        pass
    assert lines == ["STOPPING=1", "STATUS=stopping"]
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert [json.loads(one)["event"] for one in log.splitlines()][-1] == "stopped"


def test_the_status_line_tells_of_the_last_reading_and_of_what_is_wrong():
    now = datetime(2026, 11, 23, 12, 0, 10, tzinfo=UTC)
    last = format_ts(now - timedelta(seconds=5))
    good = {"last_poll_ts": last, "spool_count": 3, "clock_synced": True}
    assert line(good, now) == f"last reading {last}; 3 waiting"
    assert line({}, now) == "no poll has ended yet"
    fails = good | {"last_poll_ts": None, "last_poll_error": "timeout: no answer"}
    assert line(fails, now).endswith("no poll made a sample within a minute: timeout: no answer")
    starting = good | {"last_poll_ts": None, "last_poll_error": None}
    assert line(starting, now) == "last reading none yet; 3 waiting"
