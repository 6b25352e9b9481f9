"""``server/demo``: the whole chain by one command, and nothing left of it at any way out.

Each test has a folder and a port of its own, so that a demo may run beside it.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg2
import pytest

from server import sandbox
from server.sandbox.demo_client import line

pytestmark = [pytest.mark.server, pytest.mark.slow]

DEMO = [sandbox.ROOT / "server" / "demo", "--port", "0", "--folder"]
INSTALL = ". server/install.sh; stoppable"


def test_check_ends_well_as_soon_as_a_reading_made_the_whole_way(folder):
    done = subprocess.run(
        [*DEMO, folder, "--check"], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "made the whole way" in done.stdout
    assert remains(folder) == []


def test_the_show_has_history_and_curl_lines_that_work_and_ends_by_ctrl_c(folder):
    with start(folder, "--days", "3") as demo:
        lines = []
        for text in demo.stdout:
            lines.append(text)
            if lines.count("live readings, until Ctrl-C\n") and "solar" in text:
                break
        curls = [text.strip() for text in lines if text.startswith("  curl")]
        answers = [curl(command) for command in curls]
        battery = curl(curls[1].replace("/v1/realtime", "/v1/battery"))
        roof = curl(curls[1].replace("/v1/realtime", "/v1/roof"))
        (address,) = re.findall(r"^page +(https://localhost:\d+/) ", "".join(lines), re.MULTILINE)
        frame = curl(f"curl --cacert {folder / 'ca/ca.pem'} {address}")
        (database,) = re.findall(r"^in SQL +psql '(.*)'$", "".join(lines), re.MULTILINE)
        seam = gaps_and_falls(database)
        os.killpg(demo.pid, signal.SIGINT)
        rest = demo.stdout.read()
    assert demo.returncode == 0, "".join(lines) + rest
    sent = re.search(r"^(\d+) samples sent$", "".join(lines), re.MULTILINE)
    assert 3 * 1440 - 2 <= int(sent[1]) <= 3 * 1440 + 2
    health, newest, series = answers
    assert "<title>Solar</title>" in frame
    assert '"status":"ok"' in health.replace(" ", "")
    assert '"device_id": "demo-house"' in newest
    assert '"grid_source": "p1"' in newest
    assert '"avg_pv_power_w"' in series
    assert '"computed_at"' in battery, "a night's work is done at once"
    assert '"name":"West"' in roof, "and its owner said what the roof is like"
    longest_gap_s, falls = seam
    assert longest_gap_s < 125, "history goes over into the live readings"
    assert falls == 0, "and no counter goes back at the seam"
    assert remains(*marks(folder, demo)) == []


@pytest.mark.parametrize(
    ("null", "shown"),
    [
        ((), "solar   300 W  battery   200 W out ( 50.0 %)  house  -400 W  grid   100 W in"),
        (("load_power_w", "export_power_w"), "house     - W  grid     - W"),
        (("battery_power_w", "battery_soc_pct"), "battery     - W (    - %)  house  -400 W"),
    ],
)
def test_a_reading_is_shown_with_a_dash_where_nobody_measures(null, shown):
    sample = {"ts": "2026-06-01T12:00:00Z", "pv_power_w": 300.0, "battery_power_w": -200.0}
    sample |= {"battery_soc_pct": 50.0, "load_power_w": -400.0, "export_power_w": -100.0}
    text = line(sample | dict.fromkeys(null), "Europe/Berlin")
    assert text.startswith("14:00:00  solar")
    assert shown in text


@pytest.mark.parametrize(
    ("how", "when"),
    [
        (signal.SIGINT, "ca/ca.pem"),
        (signal.SIGINT, "postgres.log"),
        (signal.SIGTERM, "gunicorn.log"),
        (signal.SIGHUP, "edge.log"),
    ],
)
def test_a_signal_in_the_middle_of_the_start_leaves_nothing_running(folder, how, when):
    with start(folder, "--check") as demo:
        assert sandbox.wait_until(lambda: (folder / when).exists(), 60)
        # Ctrl-C and a closed terminal reach all of the foreground, SIGTERM only whom it is sent to.
        if how == signal.SIGTERM:
            demo.send_signal(how)
        else:
            os.killpg(demo.pid, how)
        output = demo.stdout.read()
    assert demo.returncode == 128 + how, output
    assert remains(*marks(folder, demo)) == []


def test_a_demo_that_is_killed_takes_everything_along(folder):
    with start(folder, "--check") as demo:
        assert sandbox.wait_until(lambda: (folder / "edge.log").exists(), 60)
        # Gunicorn and its workers, PostgreSQL and its children, Redis, the edge, the demo itself.
        assert len(remains(*marks(folder, demo))) > 8
        demo.kill()
    left = marks(folder, demo)
    assert sandbox.wait_until(lambda: remains(*left) == [], 30), remains(*left)


def test_a_taken_port_is_named_and_nothing_is_touched(folder):
    taken = sandbox.Gunicorn(folder, {})
    with taken._bind() as listener:
        listener.listen()
        demo = [*DEMO[:2], str(taken.port), "--folder", folder]
        done = subprocess.run(demo, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"port {taken.port}" in done.stderr
    assert not folder.exists()


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--port=70000", "a port is a number from 0 to 65535"),
        ("--port=65536", "a port is a number from 0 to 65535"),
        ("--port=-1", "a port is a number from 0 to 65535"),
        ("--port=https", "a port is a number from 0 to 65535"),
        ("--days=0", "history is a number of days from 1 to 366"),
        ("--days=367", "history is a number of days from 1 to 366"),
        ("--days=-3", "history is a number of days from 1 to 366"),
        ("--days=a week", "history is a number of days from 1 to 366"),
    ],
)
def test_an_option_that_cannot_be_is_a_usage_error(folder, option, says):
    demo = [sys.executable, "-m", "server.sandbox.demo", option, "--folder", folder]
    done = subprocess.run(
        demo, cwd=sandbox.ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert not folder.exists()


def test_a_folder_that_is_not_the_demos_is_not_emptied(folder):
    folder.mkdir()
    (folder / "letters").touch()
    done = subprocess.run([*DEMO, folder], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "would be emptied" in done.stderr
    assert (folder / "letters").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_while_installing_leaves_nothing_running(how):
    mark = f"1000.{os.getpid()}{int(how)}"
    # What pip or venv start goes with them, unless we are killed: then it ends by itself.
    tool = f"sleep {mark}" if how == signal.SIGKILL else f"sh -c 'sleep {mark}; true'"
    # Who began these tests with nohup has a shell that cannot be told to hang up.
    command = ["env", "--default-signal=HUP", "bash", "-euc", f"{INSTALL} {tool}"]
    with subprocess.Popen(command, cwd=sandbox.ROOT, stderr=subprocess.DEVNULL) as shell:
        assert sandbox.wait_until(lambda: remains(mark, program="sleep"), 20)
        shell.send_signal(how)
    assert shell.returncode == (-how if how == signal.SIGKILL else 128 + how)
    assert sandbox.wait_until(lambda: not remains(mark, program="sleep"), 20)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "demo"


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    """Start a demo in a session of its own, as a terminal would; it ends in time."""
    demo = subprocess.Popen(
        [*DEMO, folder, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    limit = threading.Timer(150, demo.kill)
    limit.daemon = True
    limit.start()
    return demo


def marks(folder: Path, demo: subprocess.Popen) -> tuple[Path | str, ...]:
    """What the processes of a demo name: its folder, or a private server's sockets' directory."""
    return folder, f"sungrow-private-{demo.pid}-"


def curl(command: str) -> str:
    done = subprocess.run(
        ["bash", "-c", f"{command} --silent --show-error --fail"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def gaps_and_falls(url: str) -> tuple[float, int]:
    """The longest time between two samples, and how often a lifetime counter went back."""
    query = """
        select extract(epoch from max(ts - ts_before))::float8,
               count(*) filter (where pv_total_kwh < pv_before or total_import_kwh < import_before)
          from (select *, lag(ts) over w as ts_before, lag(pv_total_kwh) over w as pv_before,
                       lag(total_import_kwh) over w as import_before
                  from sungrow_samples window w as (order by ts)) as samples
    """
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def remains(*marks: Path | str, program: str = "") -> list[str]:
    """The processes whose command line, environment or working directory names one of these."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            places = (
                command,
                (process / "environ").read_bytes(),
                bytes((process / "cwd").readlink()),
            )
        except OSError:  # gone meanwhile, or another user's
            continue
        own = int(process.name) == os.getpid() or not command.startswith(program.encode())
        if not own and any(str(mark).encode() in place for mark in marks for place in places):
            words = command.decode(errors="replace").split("\0")
            found.append(" ".join([process.name, *words]))
    return found
