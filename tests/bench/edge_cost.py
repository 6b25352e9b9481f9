"""What the edge takes of its machine: processor time a reading, and memory.

The real process, uploading over TLS as in life; time alone runs faster
(``tests/support/fast_edge.py``), so that half a day of readings takes three minutes. A reading's
cost holds all that happens in its five seconds: poll, decoding, commit, health file, half an
upload, and the looks around in between.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from edge_lib.clock import Clock
from edge_lib.simulator.fake_dongle import FakeDongle, HouseholdSource
from edge_lib.simulator.p1_server import HomeWizardServer
from server import sandbox
from tests.bench.edges import running
from tests.bench.paired import Goal, Line, beside
from tests.bench.proc import cpu_s, memory_mb
from tests.bench.servers import started

SPEED = 250  # a poll every 20 ms
FEW, MANY = 1000, 10_000
# Time limits become that much shorter, too.
SETTINGS = {"MODBUS_TIMEOUT_S": "30", "HOURS_BACK": "24"}
QUICK_FEW, QUICK_MANY = 20, 120
ALONE = "import requests, sqlite3, ssl"


def lines(quick: bool) -> Iterator[Line]:
    """Let it live through all the readings, and look twice."""
    few, many = (QUICK_FEW, QUICK_MANY) if quick else (FEW, MANY)
    for p1, goal in ((False, 1.3), (True, 1.4)):
        yield from _life(few, many, p1, goal)


def _life(few: int, many: int, p1: bool, most: float) -> Iterator[Line]:
    name, more = "edge with P1" if p1 else "edge", {}
    # Compiled before, as install-edge does: what compiling takes would be counted, too.
    compiling = [sys.executable, "-m", "compileall", "-q", "edge.py", "edge_lib", "tests/support"]
    subprocess.run(compiling, check=True, cwd=sandbox.ROOT)
    with ExitStack() as ends:
        servers = ends.enter_context(started())
        server = ends.enter_context(servers.gunicorn(servers.database(), tls=True))
        house = HouseholdSource(Clock(), speed=SPEED)
        dongle = ends.enter_context(FakeDongle(house))
        if p1:
            meter = ends.enter_context(HomeWizardServer(house.grid_meter))
            more["P1_SOURCE"] = f"homewizard://127.0.0.1:{meter.port}"
        program = ("tests/support/fast_edge.py", str(SPEED), str(time.monotonic()))
        where = (servers.folder, dongle.port, server)
        edge = ends.enter_context(running(*where, *program, **SETTINGS, **more))
        looks = []
        for count in (few, many):
            edge.until("seq", count, 600)
            pid = edge.process.pid
            looks.append((edge.health(), cpu_s(pid), memory_mb(pid)))
        edge.stop()
    (first, spent_s, level_mb), (last, spent_after_s, last_mb) = looks
    readings = last["seq"] - first["seq"]
    cpu_ms = 1000 * (spent_after_s - spent_s) / readings
    missed = f"beside python -c pass; {last['failed_count']} polls failed"
    yield beside(
        f"{name}: CPU time", "ms a reading", [(cpu_ms, 1000 * cpu_of_nothing_s())], note=missed
    )
    with alone() as pid:
        pair = (last_mb, memory_mb(pid))
    yield beside(f"{name}: memory", "MB", [pair], Goal(at_most=most), f"{many:,} readings; {ALONE}")
    growth = Goal(at_most=1.0)
    note = f"from {few:,} to {many:,} readings"
    if p1:
        assert last["p1_seq"] > many // 20, "hardly a reading of the meter"
    yield Line(
        f"{name}: growth of memory", "MB", max(0.0, last_mb - level_mb), goal=growth, note=note
    )


def cpu_of_nothing_s(times: int = 5) -> float:
    """Return the processor time of ``python -c pass``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(times):
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / times


@contextmanager
def alone() -> Iterator[int]:
    """Return the process that has imported what the edge cannot do without, and does nothing."""
    program = f"{ALONE}, sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process.pid
