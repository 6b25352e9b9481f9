"""How many devices one machine carries: each sends two samples every 10 s, at a moment of its own.

What comes to gunicorn is what Caddy passes on: gzip'd, and a new connection for each request. The
server is as ``install-server`` sets it up: two workers, cache, metrics. Nobody waits for anybody:
a device sends when its time has come, and its latency counts from then. The number doubles until
one request in a hundred takes longer than 500 ms; then it is narrowed down. Database, cache and
clients share the machine; TLS is not in it.
"""

import json
import random
import resource
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from server import sandbox
from tests.bench.clients import late_s, request
from tests.bench.ingest import gzipped
from tests.bench.paired import Line
from tests.bench.proc import cpu_s
from tests.bench.samples import full_sample
from tests.bench.servers import Servers, started
from tests.bench.small_uploads import SAMPLES, WORKERS, name, token

FIRST, MOST, PERIOD_S, LATEST_S = 400, 12_800, 10.0, 0.5
QUICK_FIRST, QUICK_MOST, QUICK_PERIOD_S = 10, 20, 1.0
WARM_UP = 0.2  # of a period, before what counts
NARROW = 0.1  # as near as this the number is found


class Step(NamedTuple):
    """What came of so many devices; CPU is in cores."""

    devices: int
    p99_s: float
    cpu: dict[str, float]

    def __str__(self) -> str:
        shares = ", ".join(f"{who} {cores:.1f}" for who, cores in self.cpu.items())
        p99 = f"p99 {self.p99_s * 1000:.0f} ms" if self.p99_s < LATEST_S else "too late"
        return f"{self.devices}: {p99}; cores: {shares}"


def lines(quick: bool) -> Iterator[Line]:
    """Raise the number, and narrow it down."""
    first, most = (QUICK_FIRST, QUICK_MOST) if quick else (FIRST, MOST)
    with started() as servers:
        tokens = servers.folder / "tokens"
        tokens.write_text("".join(f"{token(n)}:{name(n)}\n" for n in range(most)))
        tokens.chmod(0o600)
        settings = {"DEVICE_TOKENS": "", "DEVICE_TOKENS_FILE": str(tokens)}
        settings |= servers.as_installed()
        with servers.gunicorn(servers.database(), WORKERS, **settings) as server:
            _allow_files(most)  # now, so that the servers have what they have in life
            trial = Trial(servers, server, QUICK_PERIOD_S if quick else PERIOD_S)
            held, broke = search(trial.step, first, most)
    yield Line("devices a machine", "devices", held.devices if held else 0, note=str(broke or held))


def search(trial: Callable[[int], Step], first: int, most: int) -> tuple[Step | None, Step | None]:
    """Return the greatest step that held and the least that did not; None where there is none."""
    held = broke = None
    number = first
    while number <= most:
        step = trial(number)
        if step.p99_s <= LATEST_S:
            held = step
        else:
            broke = step
        low, high = held.devices if held else 0, broke.devices if broke else 0
        if broke and high - low <= NARROW * high:
            break
        number = (low + high) // 2 if broke else 2 * low
    return held, broke


def _allow_files(count: int) -> None:
    """Let this process have so many connections: a login may have 1,024 files until it asks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class Trial:
    """Devices and their clocks, before a running server."""

    def __init__(self, servers: Servers, server: sandbox.Gunicorn, period_s: float):
        self._port, self._period_s = server.port, period_s
        watched = {"gunicorn": server, "database": servers.postgres, "Redis": servers.redis}
        self._pids = {who: one.process.pid for who, one in watched.items()}
        self._dice, self._polls = random.Random(1), Counter()

    def step(self, devices: int) -> Step:
        """Let so many devices send for a period, and some time before that."""
        ahead_s = self._period_s * WARM_UP
        due = sorted(
            (moment_s, self._upload(device))
            for device in range(devices)
            for moment_s in self._moments_s(ahead_s + self._period_s)
        )
        before, start_s = self._cpu_s(), time.perf_counter()
        late = late_s(self._port, due)
        spent_s = time.perf_counter() - start_s
        cpu = {who: (after - before[who]) / spent_s for who, after in self._cpu_s().items()}
        counted = sorted(s for s, (due_s, _) in zip(late, due, strict=True) if due_s >= ahead_s)
        return Step(devices, counted[int(0.99 * len(counted))], cpu)

    def _moments_s(self, until_s: float) -> Iterator[float]:
        moment_s = self._dice.uniform(0, self._period_s)
        while moment_s < until_s:
            yield moment_s
            moment_s += self._period_s

    def _upload(self, device: int) -> bytes:
        first = self._polls[device]
        self._polls[device] += SAMPLES
        samples = [full_sample(first + n, self._dice, name(device)) for n in range(SAMPLES)]
        content = {"batch_id": str(uuid.UUID(int=self._dice.getrandbits(128))), "samples": samples}
        text = json.dumps(content, separators=(",", ":")).encode()
        heads = {"Content-Encoding": "gzip", "Connection": "close"}
        return request("POST", "/v1/ingest", token(device), gzipped(text), heads)

    def _cpu_s(self) -> dict[str, float]:
        spent = {who: cpu_s(pid) for who, pid in self._pids.items()}
        return {**spent, "clients": time.process_time()}
