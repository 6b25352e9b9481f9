"""Every system call of the product's own story, killed and failed, one after the other.

    .venv/bin/python -m tests.chaos.crash_points [--every N] [--modes KILL,EIO,...] [--from K]

The story (``crash_child``) is ``edge.service`` itself, with all its threads, an inverter and a grid
meter: an unsynchronised boot, readings whose time is corrected, deliveries, refusals, conflicts,
polls that make no sample, checkpoints, expiry, a stop, another boot. It is run once to count its
calls (files of the spool's folder, TCP sockets), then once for each call and each way in which that
call can go wrong. After each the service starts again undisturbed, and then every reading of either
kind that was ever acknowledged has to be at the server or parked, exactly once, under its true
time; no number may be missing.
"""

import argparse
import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

from edge_lib.clock import Clock
from edge_lib.shared.timestamps import parse_ts
from edge_lib.simulator.fake_dongle import DumpSource, FakeDongle, HouseholdSource
from edge_lib.simulator.p1_server import HomeWizardServer
from edge_lib.spool.kinds import KINDS, Kind
from tests.chaos.crash_shim import NoCompiler, compiled
from tests.support.edge_env import edge_env
from tests.support.spooling import assert_every_sample_is_in_one_state, us
from tests.support.tls_server import Authority, TlsServer, message

ROOT = Path(__file__).resolve().parents[2]
DUMP = ROOT / "tests" / "dumps" / "sh80rt_v112_winet_s_wlan_2026-09-08.json"
KILLS = ("KILL", "TORN")
ERRORS = ("EIO", "ENOSPC", "EINTR", "SHORT")
LASTING = 80  # calls in a row that fail in the modes that last
FAST = Path("/dev/shm")  # noqa: S108  a kill leaves the page cache alone: no disk is needed
MOST_WAITING = 3  # readings of a kind, of a service's last seconds may be left to the next one


class Source:
    """A recorded inverter; a few polls bring a value that no sample may hold."""

    def __init__(self):
        self._words = DumpSource(DUMP).words()
        self._refused = DumpSource(DUMP).refused()
        self.requests = 0

    def words(self) -> dict[int, int]:
        self.requests += 1
        if self.requests % 40 > 4:
            return self._words
        return self._words | {5016: 0xFFFF, 5017: 0x7FFF}  # pv_power_w

    def refused(self) -> list:
        return self._refused


class Ingest:
    """The server's part: stores by time, refuses some samples, finds others conflicting."""

    def __init__(self):
        self.forget()

    def forget(self) -> None:
        self.stored: dict[str, dict[str, dict]] = {kind.name: {} for kind in KINDS}
        self.requests = 0

    def __call__(self, wire) -> None:
        self.requests += 1
        if wire.request.method == "GET" or self.requests % 9 == 3:
            wire.send(message(503, {"detail": "not now"}, {"Date": None}))
            return
        batch = json.loads(gzip.decompress(wire.request.body))
        wire.send(message(*self._verdict(batch), {"Date": None}))

    def _verdict(self, batch: dict) -> tuple[int, dict]:
        known = {"batch_id": batch["batch_id"]}
        lists = {"sample": batch["samples"], "p1": batch.get("p1_samples", [])}
        refused = [
            {"loc": ["body", name, i, "power_w"], "msg": "is wrong", "type": "wrong"}
            for name, samples in (("samples", lists["sample"]), ("p1_samples", lists["p1"]))
            for i, sample in enumerate(samples)
            if sample["seq"] % 9 == 4
        ]
        if refused:
            return 422, {"detail": refused, **known}
        verdicts = {kind: self._stored(kind, samples) for kind, samples in lists.items()}
        of_p1 = {"p1": verdicts["p1"]} if "p1_samples" in batch else {}
        return 200, known | verdicts["sample"] | of_p1

    def _stored(self, kind: str, samples: list[dict]) -> dict:
        conflicts = [i for i, sample in enumerate(samples) if sample["seq"] % 11 == 5]
        inserted = 0
        for i, sample in enumerate(samples):
            if i not in conflicts:
                inserted += sample["ts"] not in self.stored[kind]
                self.stored[kind].setdefault(sample["ts"], sample)
        duplicates = len(samples) - len(conflicts) - inserted
        return {"inserted": inserted, "duplicates": duplicates, "conflicts": conflicts}


class Bench:
    """Dongle, server and the process that lives the story; a context."""

    def __init__(self, folder: Path):
        self.folder, self.spool_folder = folder, folder / "spool"
        self._undo = ExitStack()

    def __enter__(self) -> "Bench":
        library = compiled("calls", self.folder)
        authority = Authority(self.folder / "pki")
        self.ingest, self.source = Ingest(), Source()
        server = TlsServer(authority.certificate("server"), self.ingest)
        self._server = self._undo.enter_context(server)
        dongle = self._undo.enter_context(FakeDongle(self.source))
        meter = HomeWizardServer(HouseholdSource(Clock()).grid_meter)
        meter = self._undo.enter_context(meter)
        self.env = edge_env(
            self.spool_folder,
            authority.ca_file,
            dongle_port=dongle.port,
            url=f"https://127.0.0.1:{server.port}",
            BATCH_SIZE="6",
            UPLOAD_INTERVAL_S="9",
            MAX_BACKOFF_S="5",
            SPOOL_KEEP_DAYS="0.04",
            P1_SOURCE=f"homewizard://127.0.0.1:{meter.port}",
        )
        child = [sys.executable, str(ROOT / "tests" / "chaos" / "crash_child.py")]
        self._child = subprocess.Popen(
            [*child, str(self.folder / "control"), str(self.spool_folder)],
            env={**os.environ, "LD_PRELOAD": str(library)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stdin.close()
        self._child.wait(30)
        self._child.stdout.close()
        self._undo.close()

    def fresh(self) -> None:
        """Forget everything; the next run begins with an empty folder."""
        shutil.rmtree(self.spool_folder, ignore_errors=True)
        self.spool_folder.mkdir()
        self.log.unlink(missing_ok=True)
        self.ingest.forget()
        self.source.requests = 0

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def live(self, part: str, action: str = "COUNT", at: int = 0, times: int = 1) -> dict:
        """Let the story's part run in a process of its own; return what came of it."""
        order = {"env": self.env, "part": part, "log": str(self.log)}
        order |= {"action": action, "at": at, "times": times}
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        self._server.hang_up()
        return json.loads(line) | {"action": action}


def said(runs: list[dict], *words: str) -> list[list]:
    return [entry[1:] for run in runs for entry in run["said"] if entry[0] in words]


def complaints(bench: Bench, runs: list[dict]) -> list[str]:
    """Return what the promise does not allow, after the last run; [] if it was kept."""
    return [text for kind in KINDS for text in complaints_of(kind, bench, runs)]


def complaints_of(kind: Kind, bench: Bench, runs: list[dict]) -> list[str]:
    """Return them of one kind of reading."""
    path = bench.spool_folder / "spool.db"
    found = []
    with closing(sqlite3.connect(path)) as db:

        def asked(sql: str) -> list[tuple]:
            return db.execute(kind.sql(sql)).fetchall()

        parked = Counter(asked("SELECT boot, seq FROM parked"))
        queued = asked("SELECT boot, seq, ts_us FROM samples JOIN queue USING (id)")
        ((held,),) = asked("SELECT count(*) FROM samples WHERE ts_src = 2")
        check = db.execute("PRAGMA integrity_check").fetchall()
    if check != [("ok",)] or len(queued) > MOST_WAITING or held:
        found.append(f"{len(queued)} wait, {held} are held back; integrity {check}")
    assert_every_sample_is_in_one_state(path, kind)
    samples = list(bench.ingest.stored[kind.name].values())
    stored = {(s["boot"], s["seq"], us(parse_ts(s["ts"]))) for s in samples}
    # What is queued and stored under the same time was delivered, and its proof lost: no double.
    places = Counter(reading[:2] for reading in stored | set(queued)) + parked
    of_kind = [entry[1:] for entry in said(runs, "stored", "parked") if entry[0] == kind.name]
    acknowledged = Counter((boot, seq) for boot, seq, _ in of_kind)
    found += [f"lost: {reading}" for reading in sorted(acknowledged.keys() - places.keys())]
    # Whoever gives a number again has forgotten the reading that bore it.
    found += [f"lost: {reading}, replaced" for reading, n in acknowledged.items() if n > 1]
    found += [f"doubled: {reading}" for reading, n in sorted(places.items()) if n > 1]
    found += holes(kind, runs, set(places))
    found += wrong_times(samples, [e[1:] for e in said(runs, "stored") if e[0] == kind.name])
    return [f"{kind.name}: {text}" for text in found]


def holes(kind: Kind, runs: list[dict], places: set) -> list[str]:
    """Name the numbers below a boot's last that no reading bears.

    One that was only ever in the memory of a service that ended is one rightly: it tells of it. So
    is one that was left out because nobody could know whether it had been given.
    """
    polled, in_memory = (
        {(boot, seq) for name, boot, seq in said(runs, word) if name == kind.name}
        for word in ("polled", "in memory")
    )
    lasts: dict[str, int] = {}
    for boot, seq in places:
        lasts[boot] = max(seq, lasts.get(boot, 0))
    numbers = {(boot, seq) for boot, last in lasts.items() for seq in range(1, last + 1)}
    unborne = numbers - places - in_memory
    if any(run["action"] in ERRORS for run in runs):
        unborne &= polled
    return [f"hole: {reading}" for reading in sorted(unborne)]


def wrong_times(samples: list[dict], acknowledged: list[list]) -> list[str]:
    """Name the samples that lie more than a second from when they were taken."""
    true_us = {(boot, seq): us for boot, seq, us in acknowledged}
    found = []
    for sample in samples:
        true = true_us.get((sample["boot"], sample["seq"]))
        if true is not None:
            off_s = (us(parse_ts(sample["ts"])) - true) / 1e6
            if abs(off_s) > 1 and sample["ts_src"] != 3:
                found.append(f"{off_s:+.1f} s off: {sample['boot'][:4]} {sample['seq']}")
    return found


def died(bench: Bench, run: dict) -> list[str]:
    """Return how the service came to an end that nobody asked for, and what it calls a bug."""
    codes = [entry[0] for entry in said([run], "exit")]
    found = [f"exit {code}" for code in codes if code]
    found += [f"refused: {text}" for (text,) in said([run], "refused")]
    if run["status"]:
        found.append(f"the process ended with {run['status']}")
    events = [json.loads(line) for line in bench.log.read_text().splitlines() if line[:1] == "{"]
    return found + [f"bug: {e.get('exception', '')[-300:]}" for e in events if e["event"] == "bug"]


class Tally:
    """The table's line of one mode."""

    def __init__(self, mode: str):
        self.mode, self.points, self.hit = mode, 0, 0
        self.broken: list[str] = []
        self.dead: list[str] = []
        self.in_memory = 0  # readings that had to wait there
        self.calls: Counter[str] = Counter()

    def line(self) -> str:
        return (
            f"{self.mode:<12} points {self.points:5d}  hit {self.hit:5d}  promise broken"
            f" {len(self.broken):3d}  service died {len(self.dead):3d}"
            f"  readings in memory {self.in_memory:3d}"
        )


def try_point(bench: Bench, mode: str, at: int, tally: Tally) -> None:
    """Let call number ``at`` go wrong, start again, and look."""
    action, lasting, _ = mode.partition("+")
    bench.fresh()
    run = bench.live("story", action, at, LASTING if lasting else 1)
    tally.points += 1
    tally.hit += bool(run["hits"])
    tally.calls[run["what"] or "none"] += 1
    tally.in_memory += len(said([run], "in memory"))
    if action in ERRORS:
        tally.dead += [f"{mode} {at} {run['what']}: {text}" for text in died(bench, run)]
    boots = [boot for _, boot, *_ in said([run], "stored", "parked")]
    part = "recover_second" if boots and boots[-1][0] == "b" else "recover_first"
    runs = [run, bench.live(part)]
    broken = complaints(bench, runs)
    tally.broken += [f"{mode} {at} {run['what']}: {text}" for text in broken[:3]]


def count(bench: Bench) -> dict:
    """Live the story undisturbed; return its run. It has to keep the promise itself."""
    bench.fresh()
    run = bench.live("story")
    broken = complaints(bench, [run, bench.live("recover_second")]) + died(bench, run)
    if broken:
        raise AssertionError(f"even undisturbed: {broken[:5]}\n{bench.log.read_text()[-3000:]}")
    return run


def enumerate_points(
    modes: list[str], every: int, first: int = 1, last: int | None = None, say=print
) -> list[Tally]:
    """Try every ``every``-th call in each mode; return the table."""
    with (
        tempfile.TemporaryDirectory(dir=FAST if FAST.is_dir() else None) as folder,
        Bench(Path(folder)) as bench,
    ):
        calls = count(bench)["calls"]
        say(f"the story makes K = {calls} calls")
        tallies = []
        for mode in modes:
            tally, began_s = Tally(mode), time.monotonic()
            for at in range(first, (last or calls) + 1, every):
                try_point(bench, mode, at, tally)
                if tally.points % 100 == 0:
                    say(f"  {tally.line()}  {time.monotonic() - began_s:.0f} s")
            say(tally.line())
            for text in [*tally.broken[:10], *tally.dead[:10]]:
                say(f"    {text}")
            tallies.append(tally)
        return tallies


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--from", type=int, default=1, dest="first")
    parser.add_argument("--modes", default=",".join([*KILLS, *ERRORS, "EIO+", "ENOSPC+"]))
    arguments = parser.parse_args()
    try:
        tallies = enumerate_points(
            arguments.modes.split(","), arguments.every, arguments.first, say=say_now
        )
    except NoCompiler as error:
        print(f"skipped: {error}")
        return 0
    print("\n".join(tally.line() for tally in tallies))
    return int(any(tally.broken or tally.dead for tally in tallies))


def say_now(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
