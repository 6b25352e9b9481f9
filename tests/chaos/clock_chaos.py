"""The service on machines whose wall clock is wrong, jumps, or never knows the time.

    .venv/bin/python -m tests.chaos.clock_chaos [--rounds N] [NAME ...]

Needs no root: ``shim/wall.c`` sets the wall clock of one process off. After each story every
reading has to be at the server or in the spool, exactly once, and within a second of its true time
where the machine ever knew it; polls have to be 5 s apart by the clock that never jumps. Each round
moves the moments of the steps.
"""

import argparse
import gzip
import itertools
import json
import os
import random
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.timestamps import parse_ts
from edge_lib.simulator.fake_dongle import DumpSource, FakeDongle
from edge_lib.spool.spool import Spool
from tests.chaos.crash_points import DUMP, ROOT
from tests.chaos.crash_shim import NoCompiler, compiled
from tests.support.edge_env import edge_env
from tests.support.spooling import parked_of, us
from tests.support.tls_server import Authority, TlsServer, message

SHARED = struct.Struct("=qd")
FIRST, SECOND, THIRD = "a" * 32, "b" * 32, "c" * 32
POLL_S = 5.0
HOUR_S, DAY_S = 3600.0, 86_400.0
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FUTURE_SLACK = timedelta(hours=1)


class Boot(NamedTuple):
    """One boot: its number, when it began, when the service starts, and what happens when."""

    boot: str
    booted_s: float
    now_s: float
    plan: list[list]


class Story(NamedTuple):
    """Boots one after the other, and what the readings' sources of time have to be."""

    boots: list[Boot]
    sources: dict[str, set[int]]  # boot -> ts_src that must occur, and no other
    began: datetime = NOW  # the world's second 0
    zone: str = "UTC"
    steps_s: tuple[float, ...] = ()  # of the clock while it counted as right: to be logged


class Server:
    """The server's part, with a right clock: stores by time, refuses what lies in the future."""

    def __init__(self, shared: Path):
        self._shared = shared
        self.stored: dict[str, dict] = {}
        self.gaps_s: list[float] = []
        self.ahead = timedelta()

    def now(self) -> datetime:
        true_s = SHARED.unpack_from(self._shared.read_bytes())[1]
        return datetime.fromtimestamp(true_s, UTC) + self.ahead

    def __call__(self, wire) -> None:
        date = {"Date": format_datetime(self.now().replace(microsecond=0), usegmt=True)}
        if wire.request.method == "GET":
            wire.send(message(200, {"status": "ok"}, date))
            return
        batch = json.loads(gzip.decompress(wire.request.body))
        wire.send(message(*self._verdict(batch), date))

    def _verdict(self, batch: dict) -> tuple[int, dict]:
        samples, known = batch["samples"], {"batch_id": batch["batch_id"]}
        for gap in batch.get("gaps", []):
            span = parse_ts(gap["to_ts"]) - parse_ts(gap["from_ts"])
            self.gaps_s.append(span.total_seconds())
        early = [
            {"loc": ["body", "samples", i, "ts"], "msg": "future", "type": "ts_in_future"}
            for i, sample in enumerate(samples)
            if parse_ts(sample["ts"]) > self.now() + FUTURE_SLACK
        ]
        if early:
            return 422, {"detail": early, **known}
        new = [sample for sample in samples if sample["ts"] not in self.stored]
        self.stored |= {sample["ts"]: sample for sample in new}
        counts = {"inserted": len(new), "duplicates": len(samples) - len(new), "conflicts": []}
        return 200, known | counts


def stories(dice: random.Random) -> dict[str, Story]:
    """Return all of them; ``dice`` moves the moments."""
    t1, t2 = dice.uniform(40, 90), dice.uniform(120, 180)
    end = [300, "stop"]
    synced = [0, "sync"]
    jumps = [[20 + 13 * i, "wall", (-1) ** i * dice.uniform(0.6, 2)] for i in range(12)]
    steps_s = [b - a for a, b in itertools.pairwise([0.0, *(jump[2] for jump in jumps)])]
    return {
        "an hour back": Story(
            [Boot(FIRST, -30, 0, [synced, [t1, "wall", -HOUR_S], end])],
            {FIRST: {0}},
            steps_s=(-HOUR_S,),
        ),
        "ten days forward and back": Story(
            [
                Boot(FIRST, -30, 0, [synced, [t1, "wall", 10 * DAY_S], [t2, "wall", 0.0], end]),
                Boot(
                    SECOND, 10 * DAY_S - 30, 10 * DAY_S, [[0, "sync"], [10 * DAY_S + 100, "stop"]]
                ),
            ],
            {FIRST: {0}, SECOND: {0}},
            steps_s=(10 * DAY_S, -10 * DAY_S),
        ),
        "jumping about": Story(
            [Boot(FIRST, -30, 0, [synced, *jumps, end])],
            {FIRST: {0}},
            steps_s=tuple(step_s for step_s in steps_s if abs(step_s) > 1),
        ),
        "a boot that learns the time": Story(
            [Boot(FIRST, -30, 0, [[0, "wall", -3 * HOUR_S], [t1, "sync"], end])], {FIRST: {0, 1}}
        ),
        "a boot in 1970": Story(
            [Boot(FIRST, -30, 0, [[0, "wall", -NOW.timestamp() + 40], [t1, "sync"], end])],
            {FIRST: {0, 1}},
        ),
        "killed before it learns the time": Story(
            [
                Boot(FIRST, -30, 0, [[0, "wall", -DAY_S], [t1, "die"]]),
                Boot(FIRST, -30, t1 + 20, [[0, "wall", -DAY_S], [t1 + 60, "sync"], [400, "stop"]]),
            ],
            {FIRST: {0, 1}},
        ),
        "a boot that never knows": Story(
            [
                Boot(FIRST, -30, 0, [[0, "wall", -5 * HOUR_S], [t1, "die"]]),
                Boot(SECOND, 200, 230, [[0, "wall", -2 * HOUR_S], [300, "sync"], [500, "stop"]]),
            ],
            {FIRST: {3}, SECOND: {0, 1}},
        ),
        "known, never known, known": Story(
            [
                Boot(FIRST, -30, 0, [synced, [t1, "die"]]),
                Boot(SECOND, 200, 230, [[0, "wall", -2 * HOUR_S], [200 + t1, "die"]]),
                Boot(THIRD, 400, 430, [[0, "wall", -HOUR_S], [500, "sync"], [700, "stop"]]),
            ],
            {FIRST: {0}, SECOND: {3}, THIRD: {0, 1}},
        ),
        "no time server, but the server's answers": Story(
            [Boot(FIRST, -700, 0, [[0, "wall", -400.0], [700, "stop"]])], {FIRST: {1}}
        ),
        "autumn night": Story(
            [Boot(FIRST, -30, 0, [synced, [900, "stop"]])],
            {FIRST: {0}},
            datetime(2026, 10, 25, 0, 53, tzinfo=UTC),
            "Europe/Berlin",
        ),
        "spring night": Story(
            [Boot(FIRST, -30, 0, [[0, "wall", -HOUR_S], [t2, "sync"], [900, "stop"]])],
            {FIRST: {0, 1}},
            datetime(2026, 3, 29, 0, 53, tzinfo=UTC),
            "Europe/Berlin",
        ),
    }


class Told(NamedTuple):
    """What came of a story."""

    said: list[list]
    stored: dict[str, dict]
    spooled: list[dict]
    gaps_s: list[float]  # how long the gaps are that the server knows of
    held: list[tuple]  # boot and seq of what is provisional still
    parked: int
    log: list[dict]


@contextmanager
def preloaded(library: Path, shared: Path) -> Iterator[None]:
    """Start processes whose wall clock is off."""
    os.environ |= {"LD_PRELOAD": str(library), "WALL_SHIM": str(shared)}
    try:
        yield
    finally:
        del os.environ["LD_PRELOAD"], os.environ["WALL_SHIM"]


def tell(story: Story, folder: Path, library: Path) -> Told:
    """Live through a story; return what came of it."""
    shared, spool = folder / "shared", folder / "spool.db"
    # Certificates that were valid already then.
    long_ago_ns = int((story.began.timestamp() - 15 * DAY_S - time.time()) * 1e9)
    shared.write_bytes(SHARED.pack(long_ago_ns, 0.0).ljust(4096, b"\0"))
    with preloaded(library, shared):
        authority = Authority(folder / "pki")
        certificate = authority.certificate("server")
    server, said = Server(shared), []
    with TlsServer(certificate, server) as tls, FakeDongle(DumpSource(DUMP)) as dongle:
        url = f"https://127.0.0.1:{tls.port}"
        env = edge_env(folder, authority.ca_file, dongle_port=dongle.port, url=url)
        for boot in story.boots:
            (folder / "synchronized").unlink(missing_ok=True)
            order = {"env": env, "began": story.began.timestamp(), **boot._asdict()}
            order |= {"shared": str(shared), "sync_file": str(folder / "synchronized")}
            with preloaded(library, shared):
                said += live(order, story.zone, folder / "log")
            tls.hang_up()
    with closing(Spool.strict(spool)) as kept:
        spooled = [row.sample for row in kept.oldest(10_000)]
        parked = len(parked_of(kept))
    with closing(sqlite3.connect(spool)) as db:
        held = db.execute("SELECT boot, seq FROM samples WHERE ts_src = 2").fetchall()
    log = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    return Told(said, server.stored, spooled, server.gaps_s, held, parked, log)


def live(order: dict, zone: str, log: Path) -> list[list]:
    """Let a process live through one boot; return what it said."""
    line = [sys.executable, str(ROOT / "tests" / "chaos" / "clock_child.py")]
    with log.open("a") as stderr:
        done = subprocess.run(
            line,
            input=json.dumps(order) + "\n",
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, "TZ": zone},
            timeout=120,
            check=False,
        )
    if done.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(log.read_text()[-2000:])
    return [json.loads(line) for line in done.stdout.splitlines()]


def complaints(story: Story, told: Told) -> list[str]:
    """Return what the promise does not allow; [] if it was kept."""
    samples = {sample["ts"]: sample for sample in told.spooled} | told.stored
    places = Counter((sample["boot"], sample["seq"]) for sample in samples.values())
    places.update(told.held)
    put = {(boot, seq): true for what, boot, seq, true in readings(told) if what == "stored"}
    found = [f"lost {reading}" for reading in put.keys() - places.keys()]
    found += [f"doubled {reading}" for reading, n in places.items() if n > 1]
    if told.parked or len(told.held) > 1:
        found.append(f"{told.parked} parked, {len(told.held)} held back at the end")
    for boot, sources in story.sources.items():
        seen = {s["ts_src"] for s in samples.values() if s["boot"] == boot}
        if seen != sources:
            found.append(f"{boot[:4]}: ts_src {seen}, not {sources}")
    for sample in samples.values():
        off_s = (us(parse_ts(sample["ts"])) - put[sample["boot"], sample["seq"]]) / 1e6
        if abs(off_s) > 1 and sample["ts_src"] != 3:
            found.append(f"{off_s:+.3f} s off: {sample['boot'][:4]} {sample['seq']}")
    steps_s = [line["step_s"] for line in told.log if line["event"] == "the wall clock was set"]
    steps = list(itertools.zip_longest(steps_s, story.steps_s, fillvalue=0))
    found += [f"clock steps {steps}"] * any(abs(a - b) > 0.1 for a, b in steps)
    # Steps over the same time make one gap.
    longest_s = [max(map(abs, spans_s), default=0.0) for spans_s in (told.gaps_s, story.steps_s)]
    if longest_s[0] < longest_s[1] - 0.1 or (told.gaps_s and not story.steps_s):
        found.append(f"gaps {told.gaps_s}")
    return found + disorder(list(samples.values())) + close_polls(told)


def readings(told: Told) -> list[list]:
    """Return what was said of readings: what became of each, boot, number and true time."""
    return [[what, *rest] for what, _, *rest in told.said if what in ("stored", "parked")]


def disorder(samples: list[dict]) -> list[str]:
    """Complain of estimated times that do not keep order and spacing, or leave their place."""
    found = []
    for boot in {s["boot"] for s in samples if s["ts_src"] == 3}:
        own = sorted((s for s in samples if s["boot"] == boot), key=lambda s: s["seq"])
        times = [parse_ts(sample["ts"]) for sample in own]
        gaps_s = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
        if not all(abs(gap_s - POLL_S) < 0.5 for gap_s in gaps_s):
            found.append(f"{boot[:4]}: spacing {gaps_s}")
        later = [parse_ts(s["ts"]) for s in samples if s["boot"] > boot]
        earlier = [parse_ts(s["ts"]) for s in samples if s["boot"] < boot]
        if (later and times[-1] >= min(later)) or (earlier and times[0] <= max(earlier)):
            found.append(f"{boot[:4]}: not between its neighbours")
    return found


def close_polls(told: Told) -> list[str]:
    polls = [entry[1] for entry in told.said if entry[0] == "poll"]
    gaps_s = [b - a for a, b in itertools.pairwise(polls)]
    return [f"polls {gap_s:.3f} s apart" for gap_s in gaps_s if gap_s < POLL_S - 1e-6]


def checked(name: str, story: Story, library: Path) -> tuple[Told, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        told = tell(story, Path(folder), library)
    return told, [f"{name}: {text}" for text in complaints(story, told)[:5]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    sums: dict[str, Counter] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            library = compiled("wall", Path(folder))
        except NoCompiler as error:
            print(f"skipped: {error}")
            return 0
        for number in range(arguments.rounds):
            for name, story in stories(random.Random(number)).items():
                if arguments.names and name not in arguments.names:
                    continue
                told, found = checked(name, story, library)
                count = Counter(rounds=1, readings=len(readings(told)), complaints=len(found))
                sums[name] = sums.get(name, Counter()) + count
                print("\n".join(found) or f"  {number} {name}: {dict(count)}", flush=True)
    for name, count in sums.items():
        print(f"{name:<42} {dict(count)}")
    return int(any(count["complaints"] for count in sums.values()))


if __name__ == "__main__":
    sys.exit(main())
