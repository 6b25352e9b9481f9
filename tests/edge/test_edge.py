"""``edge.py`` as its users start it: commands, exit statuses, and what it says of its troubles."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_lib.dongle.lock import DongleLock
from edge_lib.dongle.registers import BLOCKS, wire_address
from edge_lib.shared.sample import NAMES
from edge_lib.shared.timestamps import format_ts
from edge_lib.simulator.fake_dongle import DumpSource, FakeDongle
from edge_lib.spool.spool import Spool
from server import sandbox
from tests.edge.test_decode import BY_HAND, FULL
from tests.support.edge_env import edge_env
from tests.support.foreign_dongle import foreign_dongle
from tests.support.quick import quick
from tests.support.wire_proxy import RESET, SILENCE, TWICE, WireProxy, exception, short_exception

pytestmark = pytest.mark.slow  # each case starts the service or a command

DUMPS = sandbox.ROOT / "tests" / "dumps"
FULL_DUMPS = sorted(path for path in DUMPS.glob("*.json") if "trace" not in path.name)
_pause = threading.Event().wait


@pytest.fixture
def settings(tmp_path, ca):
    return edge_env(tmp_path, ca.issue().ca)


def run(settings: dict, *arguments: str) -> subprocess.CompletedProcess:
    """Run ``edge.py`` to its end."""
    return subprocess.run(
        [sys.executable, "edge.py", *arguments],
        env=sandbox.environment(**settings),
        cwd=sandbox.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def start(settings: dict, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "edge.py", *arguments],
        env=sandbox.environment(**settings),
        cwd=sandbox.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def health_of(settings: dict) -> dict:
    """Return the health file once a poll and an upload step have written it."""
    path = sandbox.ROOT / settings["HEALTH_PATH"]
    for _ in range(600):
        if path.exists():
            return json.loads(path.read_text())
        _pause(0.05)
    raise AssertionError("no health file within 30 s")


BAD = [
    ("VPS_INGEST_URL", "http://localhost:1", "https://"),
    ("SUNGROW_HOST", "", "example: SUNGROW_HOST=192.168.1.50"),
    ("POLL_INTERVAL_S", "1", "from 5 to"),
    ("VPS_CA_FILE", "/does/not/exist.pem", "cannot read certificates from /does/not/exist.pem"),
    ("VPS_CA_FILE", "/etc/hostname", "cannot read certificates from /etc/hostname"),
    ("VPS_TOKEN", "", "VPS_TOKEN is missing"),
    ("DEVICE_ID", "my house", "A-Za-z0-9._-"),
    ("INTER_REGISTER_DELAY_MS", "10", "from 20 to"),
    ("SPOOL_PATH", "/does/not/exist/spool.db", "SPOOL_PATH"),
]


@pytest.mark.parametrize(("name", "value", "words"), quick(BAD, every=3))
def test_a_bad_setting_stops_the_service_with_one_line_that_helps(settings, name, value, words):
    done = run({**settings, name: value})
    assert done.returncode == 78
    [line] = done.stderr.splitlines()
    assert name in line
    assert words in line
    assert "s3cr3t" not in done.stdout + done.stderr


def test_a_usage_error_exits_2(settings):
    assert run(settings, "onec").returncode == 2


@contextmanager
def our_dongle(words: dict[int, int]) -> Iterator[int]:
    """Serve these words by the simulator; return the port."""
    with FakeDongle(SimpleNamespace(words=lambda: words, refused=list)) as dongle:
        yield dongle.port


@pytest.mark.parametrize("serve", quick([our_dongle, foreign_dongle]))
@pytest.mark.parametrize("path", FULL_DUMPS, ids=lambda path: path.stem)
def test_once_prints_every_field_of_a_recorded_inverter(settings, path, serve):
    with serve(served(DumpSource(path))) as port:
        done = run({**settings, "SUNGROW_PORT": str(port)}, "once", "--json")
    assert done.returncode == 0, done.stderr
    sample = json.loads(done.stdout)
    place = FULL.index(path.stem)
    by_hand = {field: cells[place][1] for field, _, *cells in BY_HAND}
    assert {field: sample[field] for field in by_hand} == by_hand
    assert abs(sample["load_power_w"] - sample["inverter_power_w"] + sample["export_power_w"]) <= 40
    assert list(sample) == [name for name in NAMES if name in sample]


def served(source: DumpSource) -> dict[int, int]:
    """Return what the dongle serves for the blocks of a poll: what the dump lacks reads 0."""
    spans = ((4989, 47), (5213, 2), (5600, 39), (12999, 48))
    known = source.words()
    return {a: known.get(a, 0) for first, count in spans for a in range(first, first + count)}


def test_once_prints_a_table_with_units(settings):
    with FakeDongle(DumpSource(FULL_DUMPS[0])) as dongle:
        done = run({**settings, "SUNGROW_PORT": str(dongle.port)}, "once")
    [line] = [line for line in done.stdout.splitlines() if line.startswith("battery_soc_pct")]
    assert line.split()[1:3] == ["97.8", "%"]


def test_once_says_why_there_is_no_sample(settings):
    done = run(settings, "once")
    assert done.returncode == 1
    assert "is the dongle powered" in done.stderr or "the port is closed" in done.stderr


def test_once_needs_only_the_dongles_settings_and_the_device(settings):
    needed = {k: v for k, v in settings.items() if not k.startswith(("VPS_", "SPOOL", "HEALTH"))}
    with FakeDongle(DumpSource(FULL_DUMPS[0])) as dongle:
        assert run({**needed, "SUNGROW_PORT": str(dongle.port)}, "once").returncode == 0


METERLESS = {5600: 0, 5601: 0, 13009: 0, 13010: 0, 13036: 0, 13037: 0, 13045: 0, 13046: 0}


def test_once_says_that_there_is_no_meter_and_shows_none(settings):
    with our_dongle(served(DumpSource(FULL_DUMPS[0])) | METERLESS) as port:
        done = run({**settings, "SUNGROW_PORT": str(port)}, "once", "--json")
    sample = json.loads(done.stdout)
    assert done.returncode == 0
    assert (sample["load_power_w"], sample["export_power_w"]) == (None, None)
    assert "no grid meter seen" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (dict.fromkeys(range(5007, 5036), 0), "zeros alone"),
        ({5007: 215, 5010: 17, 13007: 99}, "another Modbus device"),
        ({4999: 0x2430, 5016: 900}, "string inverter (SG)"),
    ],
    ids=["zeros", "no Sungrow", "string inverter"],
)
def test_once_shows_no_numbers_of_what_is_no_hybrid_inverter(settings, words, said):
    with our_dongle(words) as port:
        done = run({**settings, "SUNGROW_PORT": str(port)}, "once")
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


FAULTS = [SILENCE, RESET, exception(4), short_exception(2), TWICE]
# Each fault at each of the blocks that may be missing; first each fault at one of them.
BESIDE = [(BLOCKS[1 + (at + turn) % 3], FAULTS[at]) for turn in range(3) for at in range(5)]


@pytest.mark.parametrize(("block", "fault"), quick(BESIDE, len(FAULTS)))
def test_once_gives_the_reading_whatever_a_needless_block_does(settings, block, fault):
    with (
        our_dongle(served(DumpSource(FULL_DUMPS[0]))) as port,
        WireProxy(("127.0.0.1", port)) as proxy,
    ):
        for at in range(block.count):
            proxy.always(fault, wire_address(block.number + at))
        env = {**settings, "SUNGROW_PORT": str(proxy.port), "MODBUS_TIMEOUT_S": "1"}
        done = run(env, "once", "--json")
        assert proxy.most_open == 1
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pv_power_w"] is not None


def test_a_meter_that_was_taken_out_can_be_forgotten(settings):
    path = Path(settings["SPOOL_PATH"])
    with Spool.strict(path) as spool:
        spool.note_meter("A1")
        assert run(settings, "forget-meter").returncode == 3  # held by another process
    done = run(settings, "forget-meter")
    assert (done.returncode, "forgotten" in done.stdout) == (0, True)
    with Spool.strict(path) as spool:
        assert spool.meter_serial() is None
    assert "none was known" in run(settings, "forget-meter").stdout


def test_forgetting_a_meter_makes_no_spool(settings, tmp_path):
    path = tmp_path / "none" / "spool.db"
    path.parent.mkdir()
    done = run({**settings, "SPOOL_PATH": str(path)}, "forget-meter")
    assert (done.returncode, "does not exist" in done.stderr) == (1, True)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("command", ["once", "dump"])
def test_a_command_never_opens_a_second_connection_to_the_dongle(settings, command):
    with (
        FakeDongle(DumpSource(FULL_DUMPS[0])) as dongle,
        DongleLock("127.0.0.1", dongle.port) as lock,
    ):
        assert lock.acquire()
        done = run({**settings, "SUNGROW_PORT": str(dongle.port)}, command)
    assert done.returncode == 3
    assert "only one client at a time; stop it first" in done.stderr


def test_dump_gives_back_the_words_of_a_replayed_dump(settings):
    path = DUMPS / "sh80rt_v112_winet_s_wlan_2026-09-08.json"
    with FakeDongle(DumpSource(path)) as dongle:
        done = run({**settings, "SUNGROW_PORT": str(dongle.port)}, "dump")
    words, recorded = json.loads(done.stdout)["input"], json.loads(path.read_text())["input"]
    assert {a: w for a, w in words.items() if a in recorded} == {
        a: w for a, w in recorded.items() if a in words
    }
    assert len(words) > 150
    assert not {str(a) for a in range(4989, 4999)} & words.keys()


def test_simulate_replays_a_dump_until_it_is_stopped(settings):
    process = start(settings, "simulate", "--port", "0", "--dump", str(FULL_DUMPS[0]))
    port = process.stdout.readline().split()[-1]
    assert run({**settings, "SUNGROW_PORT": port}, "once").returncode == 0
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_simulate_raises_any_bit_of_the_fault_words(settings):
    process = start(settings, "simulate", "--port", "0", "--faults", "13066=4000 13000=5500")
    port = process.stdout.readline().split()[-1]
    sample = json.loads(run({**settings, "SUNGROW_PORT": port}, "once", "--json").stdout)
    assert (sample["faults"], sample["running_state"]) == ("13066=4000", 0x5500)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)


def test_simulate_refuses_what_is_no_dump(settings, tmp_path):
    (tmp_path / "x.json").write_text("[]")
    done = run(settings, "simulate", "--dump", str(tmp_path / "x.json"))
    assert done.returncode == 1
    assert "not a register dump" in done.stderr


def test_a_second_service_on_the_same_spool_exits_3(settings, tmp_path):
    with Spool.strict(tmp_path / "spool.db"):
        done = run(settings)
    assert done.returncode == 3
    assert "another process holds the spool" in done.stderr


def test_the_service_ends_on_sigterm_with_0_whatever_is_unreachable(settings):
    process = start(settings)
    health_of(settings)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=10)
    assert process.returncode == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert all(list(line)[:4] == ["ts", "level", "logger", "event"] for line in lines)
    assert [line["event"] for line in lines][0::2] == ["started", "stopped"]
    assert lines[1]["event"] == "poll failed"
    assert lines[1]["reason"] == "unreachable"


def test_status_is_healthy_only_with_a_fresh_poll_no_old_backlog_and_a_right_clock(settings):
    now = datetime.now(UTC)
    state = {"last_poll_ts": format_ts(now), "oldest_unsent_ts": None, "clock_synced": True}
    path = sandbox.ROOT / settings["HEALTH_PATH"]

    def status(**news: object) -> subprocess.CompletedProcess:
        path.write_text(json.dumps(state | news))
        return run(settings, "status")

    with Spool.strict(Path(settings["SPOOL_PATH"])):  # as the service holds it
        assert status().returncode == 0
        assert status(last_poll_ts=format_ts(now - timedelta(seconds=70))).returncode == 1
        assert status(last_poll_ts=None).returncode == 1
        assert status(oldest_unsent_ts=format_ts(now - timedelta(minutes=9))).returncode == 0
        late = status(oldest_unsent_ts=format_ts(now - timedelta(minutes=11)))
        assert late.returncode == 1
        assert "NOT HEALTHY: readings wait since" in late.stdout
        assert status(clock_synced=False).returncode == 1


def wait_for_a_sample(settings: dict[str, str]) -> None:
    for _ in range(600):
        if health_of(settings).get("last_sample"):
            break
        _pause(0.05)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_status_says_at_once_that_the_service_does_not_run(settings, end):
    with FakeDongle(DumpSource(FULL_DUMPS[0])) as dongle:
        here = settings | {"SUNGROW_PORT": str(dongle.port)}
        process = start(here)
        try:
            wait_for_a_sample(here)
            running = json.loads(run(here, "status", "--json").stdout)
        finally:
            process.send_signal(end)
            process.communicate(timeout=20)
    words = "the service does not run (it last wrote "
    assert not [text for text in running["complaints"] if "does not run" in text]
    done, told = run(here, "status"), json.loads(run(here, "status", "--json").stdout)
    assert done.returncode == 1
    assert done.stdout.count(f"NOT HEALTHY: {words}") == 1
    assert told["healthy"] is False
    stopped = [text for text in told["complaints"] if text.startswith(words)]
    assert len(stopped) == 1
    assert "systemctl status sungrow-edge" in stopped[0]
    assert not [text for text in told["complaints"] if "within a minute" in text]


def test_status_of_somebody_who_may_not_see_the_lock_is_what_the_service_wrote(settings, tmp_path):
    path = sandbox.ROOT / settings["HEALTH_PATH"]
    now = format_ts(datetime.now(UTC))
    path.write_text(json.dumps({"last_poll_ts": now, "clock_synced": True}))
    assert run(settings, "status").returncode == 1  # nobody holds the spool
    hidden = settings | {"SPOOL_PATH": f"{path}/spool.db"}  # even root cannot look in there
    assert run(hidden, "status").returncode == 0


def test_status_shows_the_values_of_the_last_sample_while_the_service_has_the_dongle(
    settings, tmp_path
):
    with FakeDongle(DumpSource(FULL_DUMPS[0])) as dongle:
        here = settings | {"SUNGROW_PORT": str(dongle.port)}
        once = json.loads(run(here, "once", "--json").stdout)
        process = start(here)
        try:
            wait_for_a_sample(here)
            shown, told = run(here, "status"), run(here, "status", "--json")
        finally:
            process.terminate()
            process.communicate(timeout=20)
    sample = json.loads(told.stdout)["last_sample"]
    own = {"ts", "seq", "boot", "interval_s", "ts_src"}
    assert {k: v for k, v in sample.items() if k not in own} == {
        k: v for k, v in once.items() if k not in own
    }
    _, _, table = shown.stdout.partition("the last sample:")
    for name, value in once.items():
        if name not in own:
            words = next(line for line in table.splitlines() if line.startswith(f"{name} "))
            shown_as = '""' if value == "" else "-" if value is None else str(value)
            assert words.split()[1] == shown_as
    assert "W     DC power of all strings" in table


WRONG = [
    *(("--port", port) for port in ("70000", "65536", "-1", "abc", "5 020", "٣")),
    *(("--speed", speed) for speed in ("0", "-3", "nan", "inf", "fast", "1e9")),
    *(("--day", day) for day in ("9999-12-31", "0001-01-01", "2026-13-01", "today")),
    *(("--faults", words) for words in ("13066", "13066=0x", "13067=1", "13000=10000", "5017=1")),
]


@pytest.mark.parametrize(("option", "value"), quick(WRONG, every=6))
def test_wrong_arguments_are_usage_errors(settings, option, value):
    done = run(settings, "simulate", option, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"error: argument {option}: " in done.stderr
    assert "Traceback" not in done.stderr


def test_status_before_the_first_start_says_so(settings):
    done = run(settings, "status", "--json")
    assert done.returncode == 1
    assert "has not run yet" in done.stderr


def test_parked_readings_are_listed_while_the_service_runs_and_released_when_not(
    settings, tmp_path
):
    with Spool.strict(tmp_path / "spool.db") as spool:
        park_a_good_reading(spool)
        listed = run(settings, "parked", "--json")
        assert listed.returncode == 0, listed.stderr
        [row] = json.loads(listed.stdout)
        assert row["reason"] == "load_power_w was missing"
        assert run(settings, "parked", "--release", str(row["id"])).returncode == 3
    assert run(settings, "parked", "--release", str(row["id"])).returncode == 0
    with Spool.strict(tmp_path / "spool.db") as spool:
        [waiting] = spool.oldest(10)
    assert waiting.sample["load_power_w"] == 839
    assert waiting.sample["device_id"] == "house"


def park_a_good_reading(spool: Spool) -> None:
    words = {a + 1: w for a, w in served(DumpSource(FULL_DUMPS[0])).items()}
    ts = datetime(2026, 11, 1, tzinfo=UTC)
    spool.park_words(words, "load_power_w was missing", ts, "ab", 7, 5_000_000, 0)
