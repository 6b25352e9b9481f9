"""Nothing lost and nothing doubled in the whole chain, whatever part of it is killed.

    nice .venv/bin/python -m tests.chaos.chain --edge-kills 1000 --worker-kills 100 \
        --postgres-stops 100

Edges (each polls a dongle and a grid meter of its own, fifty times as fast as in life) are ended by
SIGKILL at a random moment and started again; workers of gunicorn are ended by SIGKILL, PostgreSQL
is stopped as by a power cut; and all of it behind the proxy that harms three requests of four. At
the end the wire is healed, the rest delivered, and counted: of each edge and kind, the numbers 1 to
N stand in the database once each, or wait in its spool, or are parked. ``edge.py reconcile`` must
find nothing to send again. A ledger that each edge keeps beside its spool says what had been
promised.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

from edge_lib.clock import Clock
from edge_lib.shared.timestamps import format_ts
from edge_lib.simulator.fake_dongle import FakeDongle, HouseholdSource
from edge_lib.simulator.p1_server import HomeWizardServer
from edge_lib.spool.kinds import KINDS, Kind
from server import sandbox
from tests.chaos.stack import Progress, Stack, children, nice, pause, token, until
from tests.chaos.wire import print_harm
from tests.support.edge_env import edge_env

SPEED = 50
_NEARLY_ALL = 100  # readings that may wait when an edge is ended: its reconcile delivers them
LIFE_S = (0.02, 0.9)


class Edge:
    """One edge of the chain: started, killed, and asked what it has."""

    def __init__(self, stack: Stack, device: str, folder: Path, dongle_port: int, meter_port: int):
        self.device, self.folder, self.kills, self.polled = device, folder, 0, 0
        settings = edge_env(
            folder,
            stack.certificate.ca,
            dongle_port=dongle_port,
            url=stack.proxy.url,
            device_id=device,
            token=token(device),
            MODBUS_TIMEOUT_S="30",
            UPLOAD_INTERVAL_S="1",
            MAX_BACKOFF_S="8",
            BATCH_SIZE="25",
            P1_SOURCE=f"homewizard://127.0.0.1:{meter_port}",
        )
        self.env = sandbox.environment(**settings)
        argv = [sys.executable, "tests/chaos/edge_forks.py", str(SPEED), str(time.monotonic())]
        self.forks = _spawn(argv)
        self.pid = 0

    def start(self) -> None:
        told = {"env": self.env, "log": str(self.folder / "edge.log"), "ledger": str(self.ledger)}
        self.pid = self._tell(told)

    def end(self, how: signal.Signals) -> int:
        pid, self.pid = self.pid, 0
        return self._tell({"kill": pid, "signal": how})

    def torment(self, kills: int, dice: random.Random) -> None:
        """Start and kill it again and again; it runs at the end."""
        for _ in range(kills):
            self.start()
            pause(dice.uniform(*LIFE_S))
            self.end(signal.SIGKILL)
            self.kills += 1
        self.start()

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"

    def promised(self, kind: Kind) -> dict[int, str]:
        """Return what the spool had promised to keep: number and time."""
        if not self.ledger.exists():
            return {}
        lines = map(str.split, self.ledger.read_text().splitlines())
        return {int(seq): ts for name, seq, ts in lines if name == kind.name}

    def kept(self, table: str, kind: Kind) -> list[int]:
        """Return the numbers that wait in the spool (``queue``), or are ``parked``."""
        source = "parked" if table == "parked" else "samples JOIN queue USING (id)"
        with closing(sqlite3.connect(self.folder / "spool.db")) as db:
            sql = kind.sql(f"SELECT seq FROM {source}")  # noqa: S608
            return [seq for (seq,) in db.execute(sql)]

    def waiting(self) -> int:
        state = json.loads((self.folder / "health.json").read_text())
        return state["spool_count"]

    def reconcile(self) -> bool:
        """Deliver what is left; tell whether the server has all that it had proved before."""
        argv = [sys.executable, "edge.py", "reconcile"]
        done = subprocess.run(
            argv, cwd=sandbox.ROOT, env=self.env, capture_output=True, text=True, timeout=120
        )
        return done.returncode == 0 and "the server has all" in done.stdout

    def _tell(self, told: dict) -> int:
        self.forks.stdin.write(json.dumps(told) + "\n")
        self.forks.stdin.flush()
        return int(self.forks.stdout.readline())


def _spawn(argv: list[str]) -> subprocess.Popen:
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *argv],
        cwd=sandbox.ROOT,
        env=sandbox.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


class Chain:
    """The stack, the edges, and the counts of what was done to them."""

    def __init__(self, stack: Stack, edges: list[Edge], seed: int):
        self.stack, self.edges, self.dice = stack, edges, random.Random(seed)
        self.worker_kills = self.postgres_stops = self.whole = 0

    def kill_a_worker(self) -> None:
        workers = children(self.stack.gunicorn.process.pid)
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.dice.choice(workers), signal.SIGKILL)
                self.worker_kills += 1

    def stop_postgres(self) -> None:
        self.stack.postgres.stop(immediate=True)
        pause(self.dice.uniform(0, 0.3))
        self.stack.postgres.start()
        self.postgres_stops += 1

    def torment(self, edge_kills: int, worker_kills: int, stops: int, progress: Progress) -> None:
        """Do all that is to be done, the three kinds side by side."""
        shares = [edge_kills // len(self.edges)] * len(self.edges)
        shares[0] += edge_kills - sum(shares)
        threads = [
            threading.Thread(target=edge.torment, args=(share, random.Random(self.dice.random())))
            for edge, share in zip(self.edges, shares, strict=True)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) or not (
            self.worker_kills >= worker_kills and self.postgres_stops >= stops
        ):
            done = sum(edge.kills for edge in self.edges) / max(edge_kills, 1)
            if self.worker_kills < worker_kills and self.worker_kills <= done * worker_kills:
                self.kill_a_worker()
            if self.postgres_stops < stops and self.postgres_stops <= done * stops:
                self.stop_postgres()
            self.show(progress)
            pause(0.05)

    def show(self, progress: Progress) -> None:
        proxy = self.stack.proxy
        progress.line(
            edges=sum(edge.kills for edge in self.edges),
            workers=self.worker_kills,
            postgres=self.postgres_stops,
            requests=proxy.requests,
        )

    def drain(self) -> None:
        """Heal the wire, let every edge deliver, and stop it in an orderly way."""
        self.stack.proxy.share = 0.0
        for edge in self.edges:
            # On a busy machine four edges whose time runs fast poll nearly as fast as they deliver.
            until(lambda edge=edge: edge.waiting() < _NEARLY_ALL, f"{edge.device} delivered", 240)
            assert edge.end(signal.SIGTERM) == 0
            self.whole += edge.reconcile()
        self.stack.proxy.settle()


class Account:
    """What became of one edge's readings of a kind."""

    def __init__(self, chain: Chain, edge: Edge, kind: Kind):
        stored = chain.stack.stored(edge.device, kind)
        seqs = [seq for _, seq, _ in stored]
        self.promised, self.stored = edge.promised(kind), len(seqs)
        waiting, parked = set(edge.kept("queue", kind)), edge.kept("parked", kind)
        found = set(seqs) | waiting | set(parked)
        self.count = max(found | self.promised.keys(), default=0)
        self.waiting, self.parked = len(waiting - set(seqs)), len(parked)
        self.lost = set(range(1, self.count + 1)) - found
        self.doubled = len(seqs) - len(set(seqs)) + len(set(seqs) & set(parked))
        times = {seq: format_ts(ts) for _, seq, ts in stored}
        self.changed = sum(times.get(n, ts) != ts for n, ts in self.promised.items())


def run(edge_kills: int, worker_kills: int, stops: int, edges: int = 4, seed: int = 1) -> int:
    devices = [f"chain-{number}" for number in range(edges)]
    progress = Progress()
    with ExitStack() as ends:
        stack = ends.enter_context(Stack(devices, seed=seed, durable=True))
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="chaos-edges-")))
        chain = Chain(stack, [_edge(ends, stack, device, folder) for device in devices], seed)
        chain.torment(edge_kills, worker_kills, stops, progress)
        harmed = 100 * stack.proxy.harmed / stack.proxy.requests
        chain.drain()
        return verdict(chain, progress, harmed)


def _edge(ends: ExitStack, stack: Stack, device: str, folder: Path) -> Edge:
    house = HouseholdSource(Clock(), speed=SPEED)
    dongle = ends.enter_context(FakeDongle(house))
    meter = ends.enter_context(HomeWizardServer(house.grid_meter))
    own = folder / device
    own.mkdir()
    edge = Edge(stack, device, own, dongle.port, meter.port)
    ends.enter_context(edge.forks)  # closes its pipes, and waits
    ends.callback(edge.forks.kill)
    return edge


def verdict(chain: Chain, progress: Progress, harmed: float) -> int:
    accounts = [Account(chain, edge, kind) for edge in chain.edges for kind in KINDS]
    lost = sum(len(account.lost) for account in accounts)
    doubled = sum(account.doubled for account in accounts)
    total = sum(account.count for account in accounts)
    promised = sum(len(account.promised) for account in accounts)
    proxy = chain.stack.proxy
    print_harm(proxy)
    progress.table(
        edges_killed=sum(edge.kills for edge in chain.edges),
        workers_killed=chain.worker_kills,
        postgres_stopped=chain.postgres_stops,
        requests=proxy.requests,
        harmed_pct=f"{harmed:.1f}",
        followed_redirects=proxy.trapped,
        edges_found_whole=chain.whole,
        promised=promised,
        stored=sum(account.stored for account in accounts),
        of_them_p1=sum(account.stored for account in accounts[1::2]),
        waiting_in_spools=sum(account.waiting for account in accounts),
        parked=sum(account.parked for account in accounts),
        times_changed=sum(account.changed for account in accounts),
    )
    # Comparing repairs what a false proof lost: that it had to is the fault then.
    whole = f"found whole {chain.whole} of {len(chain.edges)}"
    print(f"lost {lost} doubled {doubled} of {total}; {whole}")
    changed = any(account.changed for account in accounts)
    of_both = all(any(a.promised for a in accounts[i::2]) for i in (0, 1))
    good = of_both and chain.whole == len(chain.edges)
    return 0 if good and not (lost or doubled or changed or proxy.trapped) else 1


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos.chain", description=__doc__)
    parser.add_argument("--edge-kills", type=int, default=1000)
    parser.add_argument("--worker-kills", type=int, default=100)
    parser.add_argument("--postgres-stops", type=int, default=100)
    parser.add_argument("--edges", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args(argv)
    return run(told.edge_kills, told.worker_kills, told.postgres_stops, told.edges, told.seed)


if __name__ == "__main__":
    nice()
    sys.exit(main(sys.argv[1:]))
