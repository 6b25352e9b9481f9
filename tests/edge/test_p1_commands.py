"""``edge.py p1``, and what ``doctor`` says of the grid meter."""

import json
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

from edge_lib import p1_commands
from edge_lib.address_lock import AddressLock
from edge_lib.clock import Clock
from edge_lib.doctor import machine
from edge_lib.doctor import p1 as doctor_p1
from edge_lib.doctor.run import _groups
from edge_lib.p1 import raw_source
from edge_lib.p1.meter_time import central_europe
from edge_lib.shared.env import ConfigError
from edge_lib.shared.findings import FAILED, OK, WARNING
from edge_lib.shared.p1_reading import P1
from edge_lib.shared.timestamps import format_ts
from edge_lib.simulator.certificate import Authority
from edge_lib.spool.spool import Spool
from server import sandbox
from tests.support.p1_lines import LineServer, answers, repeats, sends
from tests.support.p1_telegrams import DSMR5, FLUVIUS, changed, telegram, whole
from tests.support.tls_server import TlsServer, answer, message

pytestmark = pytest.mark.slow  # each case starts the command

_wait = threading.Event().wait
TOKEN = "0123456789ABCDEF0123456789ABCDEF"
SERIAL = "5c2faf001122"


@pytest.fixture
def p1(capsys):
    """Run the command; return its exit status and what it printed."""

    def run(source: str, as_json: bool = False, pair: bool = False, **more: str):
        capsys.readouterr()
        status = p1_commands.p1({"P1_SOURCE": source, **more}, as_json, pair, _wait)
        return status, *capsys.readouterr()

    return run


def test_one_reading_as_json_keeps_the_contract(p1):
    with LineServer(repeats(whole("fluvius"))) as server:
        status, out, err = p1(f"tcp://127.0.0.1:{server.port}", as_json=True)
    reading = json.loads(out)
    peaks = reading.pop("p1_peaks")
    now = datetime.now(UTC)
    assert abs(P1.check({"device_id": "d", **reading}, now) - now).total_seconds() < 30
    assert (status, err) == (0, "")
    assert reading["power_w"] == 1193.0
    assert reading["meter_ts"] == "2026-10-25T02:30:05+01:00"
    assert [peak["peak_w"] for peak in peaks] == [4329, 4529, 5007]
    assert list(peaks[0]) == ["month", "peak_ts", "peak_w"]


def test_one_reading_as_a_table_says_what_each_number_is(p1):
    with LineServer(repeats(whole("fluvius"))) as server:
        status, out, _ = p1(f"tcp://127.0.0.1:{server.port}")
    assert status == 0
    assert "power_w " in out
    assert "net of the phases; positive = importing" in out
    assert "peak of the month that ended 2026-10-01T00:00:00+02:00: 5007 W" in out


def test_what_is_left_out_is_said(p1):
    bad = telegram(changed(DSMR5, gas="0-1:24.2.1(632525252525S)(00000.000)"))
    with LineServer(repeats(bad)) as server:
        status, out, err = p1(f"tcp://127.0.0.1:{server.port}", as_json=True)
    assert (status, "gas_m3" in json.loads(out)) == (0, False)
    assert err.startswith("left out: 0-1:24.2.1(632525252525S)(00000.000)")


@pytest.mark.parametrize(
    "source", ["tcp://127.0.0.1:1", "serial:///nowhere", "homewizard://[::1]:1"]
)
def test_a_meter_that_cannot_be_read_is_1_with_the_reason(p1, source):
    status, out, err = p1(source)
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert len(err) > 40


def test_a_silent_meter_is_1_within_a_minute(p1, monkeypatch):
    monkeypatch.setattr(raw_source, "SILENCE_S", 0.5)
    with LineServer(sends()) as server:
        status, _, err = p1(f"tcp://127.0.0.1:{server.port}")
    assert status == 1
    assert "nothing comes" in err


def test_while_the_service_reads_the_meter_it_is_3(p1):
    with LineServer(repeats(whole("5"))) as server:
        address = f"127.0.0.1:{server.port}"
        with AddressLock("p1", address) as lock:
            assert lock.acquire()
            status, out, err = p1(f"tcp://{address}")
    assert (status, out, server.connections) == (3, "", 0)
    assert "the service, or another command" in err


@pytest.mark.parametrize("source", ["", "tcp://h"])
def test_wrong_settings_are_named(p1, source):
    with pytest.raises(ConfigError, match=r"^P1_SOURCE"):
        p1(source)


def test_pairing_prints_the_token_alone_and_says_where_it_goes(p1, tmp_path, monkeypatch):
    monkeypatch.setattr(p1_commands, "PAIR_EVERY_S", 0.05)
    made = Authority(tmp_path).issue(hosts=(), name=f"appliance/p1dongle/{SERIAL}")
    with TlsServer(made, answer(200, {"token": TOKEN})) as server:
        server.answers(answer(403, {}), answer(403, {}))
        source = f"homewizards://127.0.0.1:{server.port}/{SERIAL}"
        status, out, err = p1(source, pair=True, P1_CA_FILE=str(made.ca))
    assert (status, out) == (0, f"{TOKEN}\n")
    assert "press the button" in err
    assert "P1_TOKEN_FILE" in err
    assert TOKEN not in err


def test_pairing_gives_up_when_nobody_presses_the_button(p1, tmp_path, monkeypatch):
    monkeypatch.setattr(p1_commands, "PAIR_EVERY_S", 0.05)
    monkeypatch.setattr(p1_commands, "PAIR_WITHIN_S", 0.5)
    made = Authority(tmp_path).issue(hosts=(), name=f"appliance/p1dongle/{SERIAL}")
    with TlsServer(made, answer(403, {})) as server:
        source = f"homewizards://127.0.0.1:{server.port}/{SERIAL}"
        status, out, err = p1(source, pair=True, P1_CA_FILE=str(made.ca))
    assert (status, out) == (1, "")
    assert "nobody has pressed" in err


@pytest.mark.parametrize("source", ["tcp://h:1", "homewizard://h", "serial:///dev/ttyUSB0"])
def test_there_is_nothing_to_pair_elsewhere(p1, source):
    with pytest.raises(ConfigError, match="only a HomeWizard read by its API version 2"):
        p1(source, pair=True)


def edge(*arguments: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "edge.py", *arguments],
        env=sandbox.environment(**env),
        cwd=sandbox.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_from_the_shell():
    with LineServer(repeats(whole("5"))) as server:
        done = edge("p1", "--json", P1_SOURCE=f"tcp://127.0.0.1:{server.port}")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["power_w"] == -204.0
    done = edge("p1")
    assert (done.returncode, done.stdout) == (78, "")
    assert "P1_SOURCE is missing; example: P1_SOURCE=tcp://" in done.stderr


def test_the_service_without_a_meter_imports_nothing_of_it():
    code = (
        "import sys, edge; from edge_lib import config, commands;"
        "config.problems({}); print([m for m in sys.modules if 'p1' in m.split('.')[-1]"
        " or '.p1.' in m])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=sandbox.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_simulated_house_has_the_same_meter_on_three_ports():
    ports = ("--port", "--p1-port", "--p1-http-port", "--p1-https-port")
    process = subprocess.Popen(
        [sys.executable, "edge.py", "simulate", *(word for port in ports for word in (port, "0"))],
        env=sandbox.environment(),
        cwd=sandbox.ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert "fake dongle" in process.stdout.readline()
        readings = []
        for _ in range(3):
            env = dict(word.split("=", 1) for word in process.stdout.readline().split())
            done = edge("p1", "--json", **env)
            assert done.returncode == 0, done.stderr
            readings.append(json.loads(done.stdout))
            if "P1_TOKEN" in env:
                paired = edge("p1", "--pair", **{**env, "P1_TOKEN": ""})
                assert paired.stdout == f"{env['P1_TOKEN']}\n"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 0
    assert len({reading["meter_id"] for reading in readings}) == 1
    grown = [reading["energy_import_kwh"] for reading in readings]
    assert grown == sorted(grown)
    assert grown[-1] - grown[0] < 0.05
    assert all("gas_m3" in reading for reading in readings)


@pytest.mark.parametrize("port", ["--p1-port", "--p1-http-port", "--p1-https-port"])
def test_a_recorded_dump_has_no_grid_meter(port):
    done = edge("simulate", "--dump", "tests/dumps/x.json", port, "0")
    assert done.returncode == 2
    assert "leave out --dump" in done.stderr


def test_a_port_that_is_taken_is_named():
    with LineServer(sends()) as server:
        done = edge("simulate", "--port", "0", "--p1-port", str(server.port))
    assert done.returncode == 1
    assert "Address already in use" in done.stderr


# Doctor.


@pytest.fixture
def findings(monkeypatch):
    """Return what ``doctor`` finds, by check."""
    monkeypatch.setattr(doctor_p1, "_LISTEN_S", 0.5)
    monkeypatch.setattr(doctor_p1, "_STEP_S", 0.4)

    def find(source: str, **more: str):
        env = {"P1_SOURCE": source, **more}
        found = {}
        for check, state, text in doctor_p1.all_of(env, Clock(), _wait):
            assert check not in found
            found[check] = (state, text)
        return found

    return find


def now(**by_name: str | None) -> bytes:
    clock = central_europe(Clock().now())
    letter = "S" if clock.utcoffset().total_seconds() == 7200 else "W"
    lines = {"clock": f"0-0:1.0.0({clock:%y%m%d%H%M%S}{letter})", **by_name}
    return telegram(changed(FLUVIUS, **lines))


def test_a_good_meter_is_ok(findings):
    with LineServer(repeats(now())) as server:
        found = findings(f"tcp://127.0.0.1:{server.port}")
    assert {check: state for check, (state, _) in found.items()} == {
        "p1": OK,
        "p1 values": OK,
        "p1 clock": OK,
    }


@pytest.mark.parametrize(
    ("data", "check", "words"),
    [
        (lambda: now() + now().replace(b"01.193", b"01.194"), "p1 line", "arrived damaged"),
        (lambda: whole("fluvius"), "p1 clock", "days behind this machine's"),
        (lambda: now(export="1-0:2.7.0(x)"), "p1 values", "1-0:2.7.0(x): cannot be read"),
        (lambda: now(export_t1=None, export_t2=None), "p1 values", "not tell energy_export_kwh"),
    ],
    ids=["noise", "clock", "bad line", "no counter"],
)
def test_what_is_wrong_with_a_meter_is_a_warning(findings, data, check, words):
    with LineServer(repeats(data())) as server:
        found = findings(f"tcp://127.0.0.1:{server.port}")
    warned = {check for check, (state, _) in found.items() if state == WARNING}
    assert warned == {check}
    assert words in found[check][1]


def test_a_meter_that_is_away_is_a_failure_that_says_what_to_do(findings):
    assert findings("tcp://127.0.0.1:1")["p1"][0] == FAILED
    with LineServer(answers(message(403, {}))) as server:
        found = findings(f"homewizard://127.0.0.1:{server.port}")
    assert found["p1"][0] == FAILED
    assert "switch on Local API" in found["p1"][1]


@pytest.mark.parametrize(("runs", "state"), [(False, WARNING), (True, OK)])
def test_while_another_reads_the_meter_its_result_is_the_finding(findings, tmp_path, runs, state):
    env = {"SPOOL_PATH": str(tmp_path / "s.db"), "HEALTH_PATH": str(tmp_path / "h.json")}
    ts = format_ts(Clock().now())
    (tmp_path / "h.json").write_text(json.dumps({"last_p1_ts": ts, "clock_synced": True}))
    with LineServer(sends()) as server, AddressLock("p1", f"127.0.0.1:{server.port}") as lock:
        assert lock.acquire()
        if runs:
            with Spool.strict(tmp_path / "s.db"):
                found = findings(f"tcp://127.0.0.1:{server.port}", **env)
            assert ts in found["p1"][1]
        else:
            found = findings(f"tcp://127.0.0.1:{server.port}", **env)
        assert server.connections == 0
    assert found["p1"][0] == state


@pytest.mark.parametrize(("env", "expected"), [({}, False), ({"P1_SOURCE": "tcp://h"}, True)])
def test_doctor_checks_the_meter_only_where_there_is_one(tmp_path, env, expected):
    groups = _groups(env, tmp_path / "none", Clock(), _wait)
    assert ("p1" in [group.name for group in groups]) == expected


@pytest.mark.parametrize(("mode", "state"), [(0o640, OK), (0o644, FAILED)])
def test_a_token_that_others_may_read_in_the_settings_is_named(tmp_path, mode, state):
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"P1_TOKEN={TOKEN}\n")
    dotenv.chmod(mode)
    (found,) = machine.secrets({"VPS_TOKEN": "t"}, dotenv)
    assert found.state == state
