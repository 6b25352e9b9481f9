"""Parts of ``systemd/install-edge``; ``tests/booted/edge`` runs the whole of it."""

import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_lib import VERSION
from edge_lib.shared.timestamps import format_ts
from server.sandbox.process import ROOT
from tests.support.doctor_faults import NOWHERE, World
from tests.support.terminal import PATH, at_a_terminal
from tests.support.tls_server import Authority

pytestmark = pytest.mark.slow  # each case runs the installer

SCRIPT = ROOT / "systemd/install-edge"
GOOD = {
    "SUNGROW_HOST": "192.0.2.1",
    "DEVICE_ID": "home-1",
    "VPS_INGEST_URL": "https://solar.example.org",
    "VPS_TOKEN": "s3cr3t",
}
# The installer as far as its own settings go: what comes then changes the machine.
SETTINGS = "install_packages() { echo packages; exit 9; }; install"


def bash(folder: Path, script: str, **env: str) -> subprocess.CompletedProcess:
    """Run a script that has the installer's functions, with its files below a folder."""
    return subprocess.run(
        ["bash", "-c", sourced(folder, script)],
        env={**PATH, **env},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def sourced(folder: Path, script: str) -> str:
    return f". {SCRIPT}; base={folder}/opt etc={folder}/etc state={folder}; {script}"


def test_bash_can_read_it():
    subprocess.run(["bash", "-n", SCRIPT], check=True)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_finds_no_fault():
    command = ["shellcheck", "--severity", "warning", SCRIPT]
    assert subprocess.run(command, capture_output=True, text=True).stdout == ""


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--help"], 0, "systemd/install-edge --remove"),
        (["-h"], 0, "VPS_TOKEN_FILE"),
        (["--version"], 0, VERSION),
        (["--purge"], 2, "unknown: --purge"),
        (["--remove", "all"], 2, "unknown: --remove all"),
    ],
)
def test_arguments_are_understood_before_anything_else(arguments, status, words):
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=20)
    assert done.returncode == status
    assert words in (done.stderr if status else done.stdout)


# Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUNGROW_HOST", "http://x"),
        ("DEVICE_ID", "my house"),
        ("VPS_INGEST_URL", "http://solar.example.org"),
        ("VPS_TOKEN", "two words"),
        ("POLL_INTERVAL_S", "1"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_bad_setting_ends_it_before_anything_is_installed(tmp_path, name, value):
    done = bash(tmp_path, SETTINGS, **{**GOOD, name: value})
    assert done.returncode == 78
    assert done.stderr.startswith(f"install-edge: {name}")
    assert "example: " in done.stderr
    assert "packages" not in done.stdout
    assert not (tmp_path / "etc").exists()


def test_good_settings_go_on_to_the_packages(tmp_path):
    ca = Authority(tmp_path / "ca").ca_file
    done = bash(tmp_path, SETTINGS, **GOOD, VPS_CA_FILE=str(ca))
    assert (done.returncode, done.stdout, done.stderr) == (9, "packages\n", "")


@pytest.mark.parametrize("file", ["/nowhere/ca.pem", "/etc/hostname"])
def test_a_ca_that_is_none_is_refused_before_anything_is_installed(tmp_path, file):
    done = bash(tmp_path, SETTINGS, **GOOD, VPS_CA_FILE=file)
    assert done.returncode == 78
    assert "VPS_CA_FILE: cannot read" in done.stderr


def test_settings_copied_from_another_machine_are_looked_at_too(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/edge.env").write_text("SUNGROW_HOST=x y\nDEVICE_ID=home-1\n")
    done = bash(tmp_path, SETTINGS, VPS_INGEST_URL="https://x", VPS_TOKEN="t")
    assert done.returncode == 78
    assert "SUNGROW_HOST='x y'" in done.stderr


def test_a_typo_is_asked_for_again_and_costs_no_other_answer(tmp_path):
    typos = ["", "http://192.0.2.1", "192.0.2.1", "my house", "home-1", "solar.example.org"]
    rest = ["https://solar.example.org", "", "two words", "s3cr3t", "/nowhere.pem", ""]
    status, said = at_a_terminal(sourced(tmp_path, SETTINGS), [*typos, *rest])
    assert status == 9, said
    assert "SUNGROW_HOST is missing" in said
    assert "VPS_TOKEN is missing" in said
    assert "is neither a host name nor an IP address" in said
    assert "must be 1 to 64" in said
    assert "starts with https://" in said
    assert "must be printable ASCII, without blanks" in said
    assert "cannot read certificates from /nowhere.pem" in said


def test_answers_are_kept_although_the_installation_fails_later(tmp_path):
    status, said = at_a_terminal(
        sourced(tmp_path, SETTINGS),
        ["192.0.2.1", "home-1", "https://solar.example.org", "s3cr3t", ""],
    )
    assert status == 9, said
    assert (tmp_path / "etc/token").read_text() == "s3cr3t\n"
    for name in ("token", "edge.env"):
        assert (tmp_path / "etc" / name).stat().st_mode & 0o777 == 0o600
    again = bash(tmp_path, SETTINGS)
    assert (again.returncode, again.stdout) == (9, "packages\n"), again.stderr


# Is it well?


CHANGE = """
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute(f"pragma user_version = {sys.argv[2]}")
"""


def made(path: Path, schema: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"create table if not exists t (x); pragma user_version = {schema};")


@pytest.mark.parametrize(
    ("before", "after", "goes"), [(1, 2, True), (2, 3, True), (2, 2, False), (0, 0, False)]
)
def test_a_spool_that_the_newer_version_made_its_own_is_put_aside_on_the_way_back(
    tmp_path, before, after, goes
):
    """The release from before refuses it, and then nobody would poll."""
    spool, aside = tmp_path / "spool.db", tmp_path / "spool.corrupt-newer-1"
    if before:
        made(spool, before)
    change = (
        f"{shlex.join([sys.executable, '-c', CHANGE, str(spool), str(after)])}; echo > {spool}-wal"
    )
    done = bash(
        tmp_path,
        f"spool_before=$(spool_schema); {change if after else 'true'}; put_newer_spool_aside",
    )
    assert done.returncode == 0, done.stderr
    assert aside.exists() == goes
    assert Path(f"{aside}-wal").exists() == goes
    assert spool.exists() == (bool(before) and not goes)
    assert ("brought over" in done.stdout) == goes


def test_a_name_that_is_taken_is_not_taken_again(tmp_path):
    (tmp_path / "spool.corrupt-newer-1.salvaged").touch()
    (tmp_path / "spool.corrupt-newer-2").touch()
    made(tmp_path / "spool.db", 2)
    assert bash(tmp_path, "spool_before=1; put_newer_spool_aside").returncode == 0
    assert (tmp_path / "spool.corrupt-newer-3").exists()


def test_a_spool_elsewhere_is_found_by_its_setting(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "edge.env").write_text(f"SPOOL_PATH={tmp_path}/other/readings.db\n")
    (tmp_path / "other").mkdir()
    made(tmp_path / "other" / "readings.db", 2)
    assert bash(tmp_path, "spool_before=1; put_newer_spool_aside").returncode == 0
    assert (tmp_path / "other" / "readings.corrupt-newer-1").exists()


# A release without a .venv of its own: its Python is this one, and has all packages.
NO_VENV = f"""
here=$PWD/copy
python3() {{
    mkdir -p "$new/.venv/bin"
    printf '#!/bin/sh\\n[ "$2" = pip ] || exec {sys.executable} "$@"\\n' >"$new/.venv/bin/python"
    chmod +x "$new/.venv/bin/python"
}}
"""


@pytest.mark.parametrize("damage", [None, "edge.py", "edge_lib/poller.py"])
def test_a_damaged_copy_is_refused_with_what_to_do_and_becomes_no_release(tmp_path, damage):
    """Half a file, as an scp that broke off leaves it."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "edge_lib", copy / "edge_lib")
    for name in ("edge.py", "requirements-edge.txt"):
        shutil.copy(ROOT / name, copy)
    if damage:
        whole = (copy / damage).read_text()
        (copy / damage).write_text(whole[: whole.index("def ") + 6])
    done = bash(tmp_path, f"cd {tmp_path}; {NO_VENV} build_release")
    releases = list((tmp_path / "opt/releases").iterdir())
    if damage:
        assert (done.returncode, releases) == (1, [])
        assert "copy it again, then run this again; what ran before runs on" in done.stderr
        assert damage in done.stderr
    else:
        assert (done.returncode, done.stderr) == (0, "")
        assert [(release / ".complete").exists() for release in releases] == [True]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("installed") / "own")


@pytest.fixture(scope="module")
def server(https_server):
    return https_server()


@pytest.fixture
def world(tmp_path, authority, server, tokens):
    with ExitStack() as until:
        yield World(tmp_path, authority, server, tokens, until)


def conclude(world: World, state: dict, **changed: str) -> subprocess.CompletedProcess:
    """Let the installer say how it went, beside a service that says this of itself."""
    world.service(**state)
    command = world.folder / "sungrow-edge"
    lines = [f"export {name}='{value}'" for name, value in (world.settings | changed).items()]
    command.write_text(
        "\n".join(["#!/bin/sh", *lines, f"cd {ROOT}", f'{sys.executable} edge.py "$@"'])
    )
    command.chmod(0o700)
    before = format_ts(datetime.now(UTC) - timedelta(seconds=30))
    script = f"command={command} new=/opt/0.1.0 restarted={before} delivered_within_s=2"
    return bash(world.folder, f"show() {{ echo active; }}; {script}; conclude")


OLD = format_ts(datetime(2026, 1, 1, tzinfo=UTC))
BEFORE_THE_START = {"last_upload_ts": OLD}


def ago(seconds: float) -> str:
    return format_ts(datetime.now(UTC) - timedelta(seconds=seconds))


def test_it_is_well_once_the_server_has_a_reading(world):
    done = conclude(world, delivered())
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0.1.0 runs, and the server has its readings")


def delivered(**but: object) -> dict:
    """What the health file says of a poll five seconds ago that the server has."""
    return {
        "last_poll_ts": ago(5),
        "last_upload_ts": ago(4),
        "inserted_count": 1,
        "duplicate_count": 0,
        "spool_count": 0,
        "oldest_unsent_ts": None,
        **but,
    }


@pytest.mark.parametrize(
    "state",
    [
        lambda: {"last_upload_ts": ago(10)},  # by the process before
        lambda: {"inserted_count": 0, "spool_count": 1},  # facts alone, the time is not known
        lambda: {"spool_count": 2, "oldest_unsent_ts": ago(6)},  # an older reading alone
    ],
)
def test_what_is_not_the_reading_of_since_the_start_proves_nothing(world, state):
    done = conclude(world, delivered(**state()), VPS_TOKEN="unknown")
    assert done.returncode == 1
    assert "delivers nothing" in done.stderr


def test_a_backlog_that_takes_longer_is_no_failure(world):
    done = conclude(world, delivered(spool_count=900, oldest_unsent_ts=ago(500)))
    assert done.returncode == 0, done.stderr
    assert "not all is delivered yet" in done.stdout


@pytest.mark.parametrize(
    ("error", "changed", "check"),
    [
        ("http_401: x", {"VPS_TOKEN": "unknown"}, "token"),
        ("http_403: x", {"VPS_TOKEN": "read-token"}, "token"),
        ("http_403: x", {"DEVICE_ID": "another"}, "device"),
        ("tls_unknown_ca: x", {"VPS_CA_FILE": ""}, "tls"),
        ("dns: x", {"VPS_INGEST_URL": f"https://{NOWHERE}"}, "dns"),
        ("refused: x", {"VPS_INGEST_URL": "https://localhost:1"}, "server"),
    ],
)
def test_it_fails_where_nothing_can_be_delivered_and_says_why(world, error, changed, check):
    done = conclude(world, {**BEFORE_THE_START, "last_upload_error": error}, **changed)
    assert done.returncode == 1
    assert f"\nfailed   {check}" in f"\n{done.stdout}"
    assert "0.1.0 is installed and started, but delivers nothing" in done.stderr
    assert check in done.stderr


def test_it_fails_where_every_reading_is_parked(world):
    state = {"last_poll_ts": None, "last_poll_error": "no_sample: 13008 not read"}
    done = conclude(world, {**BEFORE_THE_START, **state, "parked_count": 3})
    assert done.returncode == 1
    assert "readings are parked: 13008 not read" in done.stdout


@pytest.mark.parametrize(
    "error",
    [
        "unreachable: 192.0.2.1 port 502: [Errno 113] No route to host",
        "timeout: block A: no answer",
        "reset: block A: the dongle hung up",
        "inverter_off: zeros alone",
    ],
)
def test_a_dongle_that_is_away_is_a_warning(world, error):
    state = {"last_poll_ts": None, "last_poll_error": error}
    done = conclude(world, {**BEFORE_THE_START, **state})
    assert done.returncode == 0, done.stderr
    assert "\nwarning: 0.1.0 is installed and runs, but has no reading yet" in done.stdout


def test_what_is_no_dongle_at_all_is_no_warning(world):
    state = {"last_poll_ts": None, "last_poll_error": "mismatch: block A: no answer"}
    done = conclude(world, {**BEFORE_THE_START, **state})
    assert done.returncode == 1
    assert "does not speak Modbus" in done.stdout


def test_a_dongle_that_is_away_hides_no_token_that_is_wrong(world):
    state = {"last_poll_ts": None, "last_poll_error": "timeout: block A: no answer"}
    done = conclude(world, {**BEFORE_THE_START, **state}, VPS_TOKEN="unknown")
    assert done.returncode == 1
    assert "\nfailed   token" in done.stdout


# The grid meter's serial port


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("serial:///dev/ttyUSB0", "char-ttyUSB"),
        ("serial:///dev/ttyUSB7?dsmr=2", "char-ttyUSB"),
        ("serial:///dev/ttyACM0", "char-ttyACM"),
        ("serial:///dev/serial/by-id/usb-FTDI_P1", "char-ttyUSB"),
        ("serial:///dev/ttyAMA0", "/dev/ttyAMA0"),
        ("serial:///dev/serial0", "/dev/serial0"),
        ("tcp://192.0.2.7:20202", None),
        ("homewizard://192.0.2.7", None),
        ("", None),
    ],
)
def test_the_unit_gets_the_serial_port_where_the_meter_has_one(tmp_path, source, allowed):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "edge.env").write_text(f"P1_SOURCE={source}\n" if source else "")
    drop_in = tmp_path / "units" / "sungrow-edge.service.d" / "p1.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("of an earlier installation")
    script = "units=$state/units command=$state/command; write_p1_unit; write_command /opt"
    done = bash(tmp_path, f'{script}; cat "$command"')
    assert done.returncode == 0, done.stderr
    assert ("--groups=dialout" in done.stdout) == bool(allowed)
    assert ("--clear-groups" in done.stdout) != bool(allowed)
    if not allowed:
        assert not drop_in.parent.exists()
        return
    lines = drop_in.read_text().splitlines()
    assert lines[2:] == [
        "PrivateDevices=no",
        f"DeviceAllow={allowed} rw",
        "SupplementaryGroups=dialout",
    ]


def test_what_somebody_else_changed_of_the_unit_stays(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "edge.env").write_text("")
    theirs = tmp_path / "units" / "sungrow-edge.service.d" / "override.conf"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("[Service]\n")
    assert bash(tmp_path, "units=$state/units; write_p1_unit; remove_p1_unit").returncode == 0
    assert theirs.exists()


@pytest.mark.parametrize(
    ("source", "status"), [("tcp://192.0.2.7:20202", 9), ("usb://x", 78), ("tcp://192.0.2.7", 78)]
)
def test_a_bad_setting_of_the_meter_ends_it_too(tmp_path, source, status):
    done = bash(tmp_path, SETTINGS, **GOOD, P1_SOURCE=source)
    assert done.returncode == status, done.stderr
    assert ("P1_SOURCE" in done.stderr) == (status == 78)
