"""The log on a stderr that nobody reads, that is full, or that several processes share."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from edge_lib.simulator.fake_dongle import DumpSource, FakeDongle
from server import sandbox
from tests.support.batches import SETTINGS, TOKEN
from tests.support.edge_env import edge_env

DUMP = sandbox.ROOT / "tests" / "dumps" / "sh80rt_v112_winet_s_wlan_2026-09-08.json"
HELD = 4096  # bytes of the pipe
SPEED = 50
LOGS = """
import logging, os, resource, signal, sys
from edge_lib.shared import jsonlog
jsonlog.start("INFO")
log = logging.getLogger("t")
def say(*numbers, text="x"):
    for number in numbers:
        log.info("said", extra={"number": number, "text": text})
"""


class StuckPipe:
    """A pipe that holds ``HELD`` bytes, all of them taken, and whose reader stands still."""

    def __init__(self):
        self.reading, self.writing = os.pipe()
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, HELD)
        os.write(self.writing, b"." * (HELD - 1) + b"\n")

    def lines(self) -> list[dict]:
        """Read all to the writers' end; each line has to be whole."""
        with os.fdopen(self.reading, "rb") as pipe:
            return parsed(pipe.read())


@pytest.fixture
def stuck():
    pipe = StuckPipe()
    yield pipe
    for fd in (pipe.reading, pipe.writing):
        with suppress(OSError):
            os.close(fd)


def parsed(text: bytes) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line[:1] != b"."]


@contextmanager
def running(pipe: StuckPipe, argv: list, **variables: str):
    """Start a process whose stderr is the pipe; ours is closed, so that the pipe can end."""
    process = sandbox.spawn(argv, sandbox.environment(**variables), "KILL", stderr=pipe.writing)
    os.close(pipe.writing)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def logging_process(body: str) -> list:
    # Python 3.12 warns of any fork beside a thread; the writer's holds nothing that a fork needs.
    return [sys.executable, "-W", "ignore::DeprecationWarning", "-c", LOGS + body]


def logged(body: str, path: Path) -> list[dict]:
    """Run ``body`` to its end with a file as stderr; return its lines."""
    with path.open("ab") as file:
        subprocess.run(logging_process(body), cwd=sandbox.ROOT, stderr=file, timeout=30, check=True)
    return parsed(path.read_bytes())


def numbers(lines: list[dict]) -> list:
    return [line.get("number", line.get("count")) for line in lines]


class Restless(DumpSource):
    """Words that make a sample and words that make none, in turn: each poll is a log line."""

    polls = 0

    def words(self) -> dict[int, int]:
        self.polls += 1
        return super().words() | ({5016: 0xFFFF, 5017: 0x7FFF} if self.polls // 4 % 2 else {})


@pytest.fixture
def edge_settings(tmp_path, ca):
    with FakeDongle(Restless(DUMP)) as dongle:
        python_path = {"PYTHONPATH": str(sandbox.ROOT)}
        yield edge_env(tmp_path, ca.issue().ca, dongle_port=dongle.port, **python_path)


def fast_edge(most_waiting: int) -> list:
    few = f"from edge_lib.shared import jsonlog; jsonlog.STDERR._most = {most_waiting}"
    run = "import runpy; runpy.run_path('tests/support/fast_edge.py', run_name='__main__')"
    argv = ["-c", f"{few}; {run}", str(SPEED), str(time.monotonic())]
    return [sys.executable, *argv]


def seq_of(settings: dict) -> int:
    path = Path(settings["HEALTH_PATH"])
    return json.loads(path.read_text()).get("seq", 0) if path.exists() else 0


@pytest.mark.slow
def test_an_edge_whose_stderr_nobody_reads_polls_on_and_then_tells_what_was_dropped(
    edge_settings, stuck
):
    with running(stuck, fast_edge(5), **edge_settings) as process:
        assert sandbox.wait_until(lambda: seq_of(edge_settings) >= 30, 30), "it goes on polling"
        polled = seq_of(edge_settings)
        os.set_blocking(stuck.reading, False)
        text = read_until(stuck.reading, b"log lines dropped")
        os.set_blocking(stuck.reading, True)
        assert sandbox.wait_until(lambda: seq_of(edge_settings) >= polled + 5, 30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        lines = parsed(text + os.read(stuck.reading, 1 << 20))
    [told] = [at for at, line in enumerate(lines) if line["event"] == "log lines dropped"] or [-1]
    events = [line["event"] for line in lines]
    assert events[0] == "started"
    assert told == 5, "so many had waited, and then one line stands for all that were dropped"
    assert lines[told]["count"] >= 10
    assert {"reading parked", "readings are samples again"} & set(events[told + 1 :])
    assert events[-1] == "stopped"


def read_until(fd: int, end: bytes) -> bytes:
    """Read what is there until a line with ``end`` is whole."""
    text = b""

    def found() -> bool:
        nonlocal text
        with suppress(BlockingIOError):
            text += os.read(fd, 1 << 20)
        return end in text and text.endswith(b"\n")

    assert sandbox.wait_until(found, 30), text[-500:]
    return text


def test_an_edge_whose_stderr_nobody_reads_ends_on_sigterm(edge_settings, stuck):
    with running(stuck, fast_edge(5), **edge_settings) as process:
        assert sandbox.wait_until(lambda: seq_of(edge_settings) >= 1, 30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_what_finds_too_many_before_it_is_dropped_and_one_line_counts_them(stuck):
    body = """
jsonlog.STDERR._most = 3
say(*range(10))
print("said", flush=True)
sys.stdin.read(1)
jsonlog.STDERR.drain(20)
say(10)
"""
    argv = logging_process(body)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": stuck.writing}
    with subprocess.Popen(argv, cwd=sandbox.ROOT, **pipes) as process:
        os.close(stuck.writing)
        assert process.stdout.readline() == b"said\n"
        process.stdin.close()
        lines = stuck.lines()
    assert numbers(lines) == [0, 1, 2, 7, 10]
    assert lines[3]["event"] == "log lines dropped"
    assert lines[3]["level"] == "WARNING"


def test_lines_longer_than_a_pipe_takes_at_once_come_whole_from_several_processes(stuck):
    body = """
for place in range(3):
    if os.fork() == 0:
        say(*range(100 * place, 100 * place + 50), text="y" * 9000)
        sys.exit()
for _ in range(3):
    os.wait()
"""
    with running(stuck, logging_process(body)):
        lines = stuck.lines()
    assert {len(line["text"]) for line in lines} == {9000}
    for place in range(3):
        mine = [number for number in numbers(lines) if number // 100 == place]
        assert mine == list(range(100 * place, 100 * place + 50))


def test_a_fork_writes_its_own_lines_and_not_those_that_wait_in_its_parent(stuck, tmp_path):
    own = tmp_path / "own"
    body = f"""
say(1, 2)
if os.fork() == 0:
    os.dup2(os.open({str(own)!r}, os.O_WRONLY | os.O_CREAT), 2)
    say(3)
else:
    os.wait()
"""
    with running(stuck, logging_process(body)):
        assert sandbox.wait_until(lambda: own.exists() and own.stat().st_size > 0, 20)
        assert numbers(stuck.lines()) == [1, 2]
    assert numbers(parsed(own.read_bytes())) == [3]


@pytest.mark.parametrize("end", ["", "sys.exit(1)", "raise ValueError('bug')"])
def test_the_last_lines_of_a_program_come_out_however_it_ends(stuck, end):
    argv = logging_process(f"say(*range(900))\n{end}")
    with running(stuck, argv), os.fdopen(stuck.reading, "rb") as pipe:
        text = pipe.read()
    lines = [line for line in text.splitlines() if line.startswith(b'{"')]
    assert numbers(map(json.loads, lines)) == list(range(900))
    assert (b"ValueError: bug" in text) == ("bug" in end)


def test_a_full_disk_costs_lines_which_are_told_when_it_has_room_again(tmp_path):
    body = """
real = os.dup(2)
os.dup2(os.open("/dev/full", os.O_WRONLY), 2)
for number in range(3):
    say(number)
    jsonlog.STDERR.drain(20)
os.dup2(real, 2)
say(4, 5)
"""
    assert numbers(logged(body, tmp_path / "log")) == [3, 4, 5]


def test_a_line_that_the_disk_took_half_of_is_ended_before_the_next(tmp_path):
    body = """
resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))
say(1, 2, 3)
jsonlog.STDERR.drain(20)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
say(4)
"""
    assert numbers(logged(body, tmp_path / "log")) == [1, 2, 1, 4]


def test_a_reader_that_is_gone_harms_nobody(stuck):
    os.close(stuck.reading)
    body = "say(*range(5))\njsonlog.STDERR.drain(20)\nsay(6)\nsys.exit(7)"
    with running(stuck, logging_process(body)) as process:
        assert process.wait(30) == 7


def journal(path: Path, **env: str) -> dict[str, str]:
    """The environment of a process whose stderr systemd has connected with that file."""
    path.touch()
    return {"JOURNAL_STREAM": f"{path.stat().st_dev}:{path.stat().st_ino}", **env}


LEVELS = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


@pytest.mark.parametrize("other", ["", "0:0"])
def test_in_the_journal_each_line_begins_with_its_priority_and_nowhere_else(tmp_path, other):
    path = tmp_path / "log"
    body = f"logging.getLogger().setLevel(1)\nfor name in {list(LEVELS)}: getattr(log, name)('x')"
    env = sandbox.environment(**journal(path, **({"JOURNAL_STREAM": other} if other else {})))
    with path.open("ab") as file:
        argv = logging_process(body)
        subprocess.run(argv, cwd=sandbox.ROOT, stderr=file, timeout=30, check=True, env=env)
    starts = [line.partition("{")[0] for line in path.read_text().splitlines()]
    assert starts == ["" if other else f"<{number}>" for number in LEVELS.values()]


def test_the_line_that_counts_dropped_ones_is_a_warning_to_the_journal(tmp_path):
    path = tmp_path / "log"
    body = "jsonlog.STDERR._full = True\nsay(1)\njsonlog.STDERR._full = False\nsay(2)"
    with path.open("ab") as file:
        env = sandbox.environment(**journal(path))
        argv = logging_process(body)
        subprocess.run(argv, cwd=sandbox.ROOT, stderr=file, timeout=30, check=True, env=env)
    assert [line[:3] for line in path.read_text().splitlines()] == ["<4>", "<6>"]


@pytest.mark.parametrize(
    ("argv", "start"),
    [
        (["edge.py"], "<2>SUNGROW_HOST is missing"),
        (["edge.py", "status"], "<3>/nowhere/health.json does not exist"),
        (["-m", "server.doctor"], "<3>failed   settings  DATABASE_URL is missing"),
    ],
)
def test_what_a_unit_says_beside_its_log_has_a_priority_too(tmp_path, argv, start):
    path = tmp_path / "log"
    env = sandbox.environment(**journal(path, HEALTH_PATH="/nowhere/health.json"))
    with path.open("ab") as file:
        command = [sys.executable, *argv]
        subprocess.run(command, cwd=sandbox.ROOT, stdout=file, stderr=file, timeout=60, env=env)
    assert path.read_text().startswith(start)


def test_gunicorn_and_the_server_give_their_lines_priorities(tmp_path, database_url):
    path = tmp_path / "log"
    settings = {"DATABASE_URL": database_url, **SETTINGS, **journal(path)}
    with sandbox.Gunicorn(path, settings) as server:
        assert server.url
    lines = path.read_text().splitlines()
    assert {line[:4] for line in lines} == {"<6>{"}
    loggers = {json.loads(line[3:])["logger"] for line in lines}
    assert {"gunicorn.error", "sungrow.server"} <= loggers


@pytest.fixture
def server(tmp_path, database_url):
    """The API by itself, its stderr a pipe that nobody reads."""
    path = tmp_path / "log"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, HELD)
    filler = os.open(path, os.O_WRONLY)
    os.write(filler, b"." * (HELD - 1) + b"\n")
    settings = {"DATABASE_URL": database_url, **SETTINGS}
    with sandbox.Gunicorn(path, settings) as server:
        server.reading = reading
        yield server
    os.close(filler)
    os.close(reading)


def test_a_server_whose_stderr_nobody_reads_serves_on_and_replaces_its_workers(server):
    with requests.Session() as session:
        session.trust_env = False
        send_a_bad_part(session, server, 20)
        [worker] = children(server.process.pid)
        os.kill(worker, signal.SIGKILL)
        gone = f"/proc/{worker}"
        assert sandbox.wait_until(lambda: not Path(gone).exists(), 20)
        assert sandbox.wait_until(lambda: children(server.process.pid), 20)
    with requests.Session() as session:
        session.trust_env = False
        send_a_bad_part(session, server, 20)
        lines = parsed(read_until(server.reading, b"part left out"))
    assert {"gunicorn.error", "sungrow.server"} <= {line["logger"] for line in lines}


def send_a_bad_part(session: requests.Session, server: sandbox.Gunicorn, times: int) -> None:
    for _ in range(times):
        answer = session.post(
            f"{server.url}/v1/ingest",
            json={"samples": [], "gaps": [5]},
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=20,
        )
        assert answer.status_code == 200, answer.text


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]
