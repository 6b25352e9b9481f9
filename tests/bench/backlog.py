"""Thirty days of backlog to an idle server over TLS, beside plain ingest through HTTP.

The real edge drains a full spool into a gunicorn with one worker; the limit sends batches of the
same size and kind, made before, to another such worker on plain HTTP, with a database of its own.
They take turns: the edge is stopped (SIGSTOP) while the limit runs. In the end all of the backlog
has been sent, so that the memory is that of an edge which had so much to do.
"""

import http.client
import json
import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from edge_lib.clock import Clock
from edge_lib.simulator.fake_dongle import FakeDongle, HouseholdSource
from edge_lib.spool.spool import Spool
from tests.bench.edges import Edge, running
from tests.bench.ingest import post
from tests.bench.paired import Goal, Line, beside, in_turn, spent_s
from tests.bench.proc import memory_mb, peak_mb
from tests.bench.samples import batches, full_sample
from tests.bench.servers import DEVICE, HEADERS, started
from tests.chaos.stack import fill

COUNT, QUICK_COUNT = 518_400, 8000
ROUNDS, QUICK_ROUNDS = 20, 2
BATCH, BATCHES = 500, 8  # of the limit, in each round
DONE = "inserted_count"


def lines(quick: bool) -> Iterator[Line]:
    """Drain a spool, in turn with plain ingest."""
    count, rounds = (QUICK_COUNT, QUICK_ROUNDS) if quick else (COUNT, ROUNDS)
    with ExitStack() as ends:
        servers = ends.enter_context(started())
        tls, plain = (
            ends.enter_context(servers.gunicorn(servers.database(), tls=tls))
            for tls in (True, False)
        )
        dongle = ends.enter_context(FakeDongle(HouseholdSource(Clock())))
        fill_spool(servers.folder / "spool.db", count)
        edge = ends.enter_context(running(servers.folder, dongle.port, tls, UPLOAD_INTERVAL_S="1"))
        edge.until(DONE, 1)
        drain = Drain(edge, count // (rounds + 2))
        pairs = in_turn(drain.slice, lambda number: plain_ingest(plain.port, number), rounds)
        edge.process.send_signal(signal.SIGCONT)
        edge.until(DONE, count)
        drain.memory_mb.append(peak_mb(edge.process.pid))
        edge.stop()
    yield beside("backlog over TLS", "rows/s", pairs, Goal(0.7), f"{count:,} samples")
    first, *_, peak = drain.memory_mb
    note = f"peak; beside it after {count // (rounds + 2):,} samples"
    yield beside("backlog: memory of the edge", "MB", [(peak, first)], Goal(at_most=1.1), note)


class Drain:
    """The edge at work, slice by slice; it stands still in between."""

    def __init__(self, edge: Edge, size: int):
        self.edge, self.size, self.memory_mb = edge, size, []
        edge.process.send_signal(signal.SIGSTOP)

    def slice(self, _: int) -> float:
        """Let it send so many; return the samples a second."""
        before = self.edge.health()[DONE]
        self.edge.process.send_signal(signal.SIGCONT)
        took_s = spent_s(lambda: self.edge.until(DONE, before + self.size))
        after = self.edge.health()[DONE]
        self.edge.process.send_signal(signal.SIGSTOP)
        self.memory_mb.append(memory_mb(self.edge.process.pid))
        return (after - before) / took_s


def fill_spool(path: Path, count: int) -> None:
    """Lay down so many readings, all of which wait to be sent."""
    dice = random.Random(1)
    with Spool.strict(path) as spool:
        fill(spool, (full_sample(number, dice, DEVICE) for number in range(1, count + 1)))


def plain_ingest(port: int, number: int) -> float:
    """Send some batches of their own for each number; return the samples a second."""
    # A new connection each time: the server ends one that is idle for as long as a slice takes.
    made = batches(BATCHES, BATCH, DEVICE, first=number * BATCHES * BATCH)
    bodies = [json.dumps({"samples": samples}).encode() for samples in made]
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as client:
        took_s = spent_s(lambda: [post(client, HEADERS, body) for body in bodies])
    return BATCHES * BATCH / took_s
