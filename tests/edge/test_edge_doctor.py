"""``edge.py doctor``: each fault is named with what helps; in a healthy house all is ok."""

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from edge_lib.clock import Clock
from edge_lib.doctor import dongle, machine
from edge_lib.doctor import run as doctor
from edge_lib.dongle.lock import DongleLock
from edge_lib.dongle.registers import wire_address
from edge_lib.shared.findings import FAILED, OK, WARNING, Finding, Group
from edge_lib.simulator.fake_dongle import DumpSource
from edge_lib.spool.spool import Spool
from server import sandbox
from tests.support.doctor_faults import DUMP, FAULTS, World
from tests.support.readings import connected, rows
from tests.support.spooling import put
from tests.support.tls_server import Authority
from tests.support.wire_proxy import SILENCE, WireProxy

Found = dict[str, list[tuple[str, str]]]
STORED = (
    "SELECT (SELECT count(*) FROM sungrow_samples), (SELECT count(*) FROM sungrow_reports),"
    " (SELECT count(*) FROM sungrow_devices)"
)
_pause = threading.Event().wait


@pytest.fixture(scope="module")
def server(https_server):
    return https_server()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("doctor") / "own")


@pytest.fixture
def world(tmp_path, authority, server, tokens):
    with contextlib.ExitStack() as until:
        yield World(tmp_path, authority, server, tokens, until)


@pytest.fixture
def diagnose(world, capsys):
    """Run the command; return its exit status, and its findings by check."""
    # The root logger as in a process of its own, and as before for the next test.
    root = logging.getLogger()
    handlers, level, root.handlers = root.handlers, root.level, []

    def run(**changed: str) -> tuple[int, Found]:
        capsys.readouterr()
        env, dotenv = world.settings | changed, world.folder / "dotenv"
        status = doctor.run(env, dotenv, True, world.clock)
        words = capsys.readouterr()
        assert words.err == ""
        told = json.loads(words.out)
        assert not any(token in words.out for token in (world.tokens.device, world.tokens.read))
        return status, by_check(told, status)

    yield run
    root.handlers = handlers
    root.setLevel(level)


def by_check(told: dict, status: int) -> Found:
    states = [check["state"] for check in told["checks"]]
    assert told["status"] == max(states, key=(OK, WARNING, FAILED).index)
    assert status == (told["status"] == FAILED)
    found: Found = {}
    for check in told["checks"]:
        assert check.keys() == {"check", "state", "text"}
        assert "\n" not in check["text"]
        found.setdefault(check["check"], []).append((check["state"], check["text"]))
    return found


def checks_in(state: str, found: Found) -> set[str]:
    return {check for check, pairs in found.items() if state in {seen for seen, _ in pairs}}


@pytest.mark.parametrize(
    "fault", FAULTS, ids=[f"{n} of {len(FAULTS)}: {f.name}" for n, f in enumerate(FAULTS, 1)]
)
def test_each_fault_is_named_with_what_helps(world, diagnose, fault):
    changed = fault.break_it(world)
    _, found = diagnose(**changed)
    assert fault.words in " ".join(text for seen, text in found[fault.check] if seen == fault.state)
    named = {fault.check} if fault.state == FAILED else set()
    assert checks_in(FAILED, found) == named | set(fault.also), found
    if fault.state == WARNING:
        assert checks_in(WARNING, found) == {fault.check}, found


def test_in_a_healthy_house_all_is_ok(world, diagnose):
    with Spool.strict(world.spool_path) as spool:
        put(spool)
    before = {file.name for file in world.folder.iterdir()}
    status, found = diagnose()
    assert status == 0
    assert checks_in(OK, found) == found.keys()
    assert not checks_in(WARNING, found)
    assert list(found) == [
        *("settings", "secrets", "disk", "spool", "service", "dongle"),
        *("block A", "block B", "block C", "block D", "model", "sample"),
        *("dns", "tls", "server", "token", "device", "clock"),
    ]
    assert "1 readings wait" in found["spool"][0][1]
    left = {file.name for file in world.folder.iterdir()} - before
    assert left <= {"spool.db-wal", "spool.db-shm"}, "SQLite's own, and nothing else"
    with Spool.strict(world.spool_path), DongleLock("127.0.0.1", world.dongle.port) as lock:
        assert lock.acquire()


def test_the_dongle_is_asked_once_for_each_block_and_the_server_stores_nothing(
    world, diagnose, database_url
):
    asked = []
    words = DumpSource(DUMP).words()
    world.dongle.source = SimpleNamespace(words=lambda: asked.append(1) or words, refused=list)
    with connected(database_url) as db:
        before = rows(db, STORED)
        _, found = diagnose()
        assert found["token"][0][0] == OK
        assert rows(db, STORED) == before
    assert len(asked) == len([name for name in found if name.startswith("block")])


def test_beside_the_running_service_the_dongle_is_left_alone(world, diagnose):
    world.service()
    world.dongle.stop()  # so that a connection would be refused
    status, found = diagnose()
    assert status == 0
    assert checks_in(OK, found) == found.keys()
    assert found["dongle"][0][1].startswith("polled by the service, last 20")
    assert "block A" not in found
    assert "3 readings wait" in found["spool"][0][1]


def test_all_bad_settings_are_named_at_once_and_what_does_not_hang_on_them_is_looked_at(diagnose):
    _, found = diagnose(SUNGROW_HOST="", BATCH_SIZE="many")
    named = [text.split("=")[0].split(" ")[0] for _, text in found["settings"]]
    assert named == ["SUNGROW_HOST", "BATCH_SIZE"]
    assert found["dongle"] == [(WARNING, "not checked: SUNGROW_HOST comes first")]
    assert found["server"] == [(WARNING, "not checked: BATCH_SIZE comes first")]
    assert found["spool"][0][0] == OK


def test_a_clock_that_no_service_sets_is_good_where_the_server_agrees(world, diagnose):
    world.unsynchronised()
    status, found = diagnose()
    assert status == 0
    assert "agrees with the server's" in found["clock"][0][1]


@pytest.mark.parametrize(("synced", "state"), [(True, OK), (False, FAILED)])
def test_where_the_server_is_away_the_service_tells_what_it_knows_of_the_clock(
    world, diagnose, synced, state
):
    world.unsynchronised()
    world.service(clock_synced=synced)
    _, found = diagnose(VPS_INGEST_URL="https://localhost:1")
    assert [seen for seen, _ in found["clock"]] == [state]


def test_a_spool_of_another_user_is_named(world, diagnose):
    if os.geteuid():
        pytest.skip("only root gives files away")
    with Spool.strict(world.spool_path):
        pass
    os.chown(world.spool_path, 65534, -1)
    _, found = diagnose()
    assert [state for state, text in found["spool"] if "chown 0 " in text] == [WARNING]
    left = {file.stat().st_uid for file in world.folder.glob("spool.db-*")}
    assert left <= {65534}, "what SQLite leaves, its owner can use"


def test_a_user_without_rights_is_told_whose_to_use(world, diagnose):
    if os.geteuid():
        pytest.skip("only root becomes somebody else")
    with Spool.strict(world.spool_path):
        pass
    world.folder.chmod(0o700)
    os.seteuid(65534)
    try:
        _, found = diagnose()
    finally:
        os.seteuid(0)
    for check in ("disk", "spool", "service"):
        ((state, text),) = found[check]
        assert state == FAILED
        assert text.startswith("user 65534 has no right to ")
        assert "as the service's user" in text


def test_a_spool_too_large_to_be_read_through_is_said_to_be_so(world, diagnose, monkeypatch):
    with Spool.strict(world.spool_path) as spool:
        put(spool)
    monkeypatch.setattr(machine, "READ_THROUGH_BYTES", 0)
    _, found = diagnose()
    ((state, text),) = found["spool"]
    assert state == OK
    assert text.startswith("too large to be read through; 1 readings wait")


def test_a_check_that_hangs_or_breaks_does_not_stand_for_ok():
    forever = threading.Event()
    groups = [
        Group("hanging", lambda: iter([Finding("one", OK, "")] * (not forever.wait()))),
        Group("empty", list),
        Group("good", lambda: [Finding("two", OK, "yes")]),
    ]
    found = doctor.checked(groups, Clock(), patience_s=0.1)
    forever.set()
    assert [(f.check, f.state) for f in found] == [
        ("hanging", FAILED),
        ("empty", FAILED),
        ("two", OK),
    ]


def run_edge(settings: dict, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "edge.py", *arguments],
        env=sandbox.environment(**settings),
        cwd=sandbox.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.slow
def test_what_was_seen_of_a_dongle_is_told_although_the_rest_takes_too_long(world):
    with WireProxy(("127.0.0.1", world.dongle.port)) as proxy:
        proxy.always(SILENCE, wire_address(13000))
        env = world.settings | {"SUNGROW_PORT": str(proxy.port), "MODBUS_TIMEOUT_S": "20"}
        over = threading.Event()
        look = Group("dongle", lambda: dongle.all_of(env, world.clock, over.wait))
        found = doctor.checked([look], world.clock, patience_s=3)
        over.set()
    machine = [(finding.check, finding.state) for finding in found]
    blocks = [(f"block {name}", OK) for name in "ABC"]
    assert machine == [("dongle", OK), *blocks, ("dongle", FAILED)]


def test_a_unit_that_may_not_be_there_gets_little_time(world, monkeypatch):
    asked = []

    from_config = dongle.Inverter.from_config

    def noted(settings, *rest):
        asked.append((settings.unit_id, settings.modbus_timeout_s))
        return from_config(settings, *rest)

    monkeypatch.setattr(dongle.Inverter, "from_config", noted)
    world.dongle.unit_id = 9
    env = world.settings | {"MODBUS_TIMEOUT_S": "30", "SUNGROW_SLAVE_ID": "2"}
    list(dongle.all_of(env, world.clock, _pause))
    assert asked == [(2, 30), (1, 5), (247, 5)]


def test_it_prints_a_line_a_check_and_fails_where_one_failed(world):
    done = run_edge(world.settings | {"SUNGROW_PORT": "1"}, "doctor")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if line.split()[1] == "dongle"] == ["failed"]
    assert {line.split()[1] for line in lines} >= {"settings", "disk", "tls", "token", "clock"}
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("installed", "make", "home"),
    [
        ("", "python -m server.tokens new house", "VPS_TOKEN"),
        ("1", "sungrow-server tokens new house", "/etc/sungrow-edge/token"),
    ],
)
def test_it_names_the_commands_and_files_that_the_machine_has(world, installed, make, home):
    changed = {"VPS_TOKEN": "unknown", "SUNGROW_INSTALLED": installed}
    done = run_edge(world.settings | changed, "doctor")
    assert f"run `{make}`, put what it prints into {home}" in done.stdout
    assert ("sungrow-edge once" if installed else "edge.py once") in done.stdout
    help_ = run_edge(world.settings | changed, "--help").stdout
    assert help_.startswith(f"usage: {'sungrow-edge' if installed else 'edge.py'} [-h]")


@pytest.fixture
def token_file(world, monkeypatch):
    """The file of an installed edge's token, and that this is one."""
    path = world.folder / "token"
    path.write_text(world.tokens.device)
    monkeypatch.setattr(machine, "TOKEN_FILE", path)
    monkeypatch.setenv("SUNGROW_INSTALLED", "1")
    return path


@pytest.mark.parametrize(
    ("mode", "state"),
    [(0o600, OK), (0o400, OK), (0o640, OK), (0o644, FAILED), (0o604, FAILED), (0o660, FAILED)],
)
def test_an_installed_token_is_looked_for_where_it_is(diagnose, token_file, mode, state):
    """Service and command have it by systemd and a script of root's, which look at no mode."""
    token_file.chmod(mode)
    status, found = diagnose()
    assert status == (state == FAILED)
    ((seen, text),) = found["secrets"]
    assert seen == state
    assert str(token_file) in text
    assert "environment" not in text
    if state == FAILED:
        assert f"(mode {mode:04o}); run: sudo chmod 600 {token_file}" in text


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives a file away")
def test_an_installed_token_belongs_to_root(diagnose, token_file):
    token_file.chmod(0o600)
    os.chown(token_file, 4711, 0)
    status, found = diagnose()
    assert status == 1
    ((_, text),) = found["secrets"]
    assert "belongs to user 4711, who may read and change the token; run: sudo chown root" in text


def test_a_token_that_is_no_file_is_in_the_environment(diagnose, token_file, monkeypatch):
    token_file.unlink()
    assert diagnose()[1]["secrets"] == [(OK, "the token is in the environment")]
    token_file.write_text("of an edge that is installed beside this one")
    monkeypatch.delenv("SUNGROW_INSTALLED")
    assert diagnose()[1]["secrets"] == [(OK, "the token is in the environment")]


def test_beside_a_real_service_all_is_ok(world):
    process = subprocess.Popen(
        [sys.executable, "edge.py"],
        env=sandbox.environment(**world.settings, UPLOAD_INTERVAL_S="1"),
        cwd=sandbox.ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        health = world.folder / "health.json"
        for _ in range(600):
            if health.exists() and json.loads(health.read_text()).get("inserted_count"):
                break
            _pause(0.05)
        done = run_edge(world.settings, "doctor", "--json")
    finally:
        process.terminate()
        process.wait(20)
    found = by_check(json.loads(done.stdout), done.returncode)
    assert checks_in(OK, found) == found.keys(), found
    assert done.returncode == 0
    assert found["service"][0][1].startswith("runs; last delivery 20")
    assert "newest reading of house" in found["device"][0][1]
