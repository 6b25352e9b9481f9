"""Thirty days without a line: all of it arrives, in little memory, and the present is seen at once.

    nice .venv/bin/python -m tests.chaos.outage [--samples 518400]

A spool full of readings, as many of each kind, the real edge on it (a process of its own that polls
a fake dongle and a fake grid meter every five seconds), the real server over TLS. The line comes
back, and three things are watched until the spool is empty and the edge has compared all of it with
the server: how old the newest reading is that ``/v1/realtime`` shows, the resident memory of the
edge, and what has arrived.
"""

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from edge_lib.clock import Clock
from edge_lib.simulator.fake_dongle import FakeDongle, HouseholdSource
from edge_lib.simulator.p1_server import TelegramServer
from edge_lib.spool.kinds import KINDS
from edge_lib.spool.spool import Spool
from server import sandbox
from tests.chaos.stack import Progress, Stack, fill_both, nice, pause, rss_kib, token, until
from tests.support.edge_env import edge_env

DEVICE, BOOT = "outage", "e" * 32
VISIBLE_WITHIN_S = 60.0
# What the resident memory may grow by from the line's return on: one batch and its answer, not a
# part of the backlog.
GROWTH_KIB = 8192
MOST_S = 900.0


_ARRIVED = (
    "SELECT (SELECT coalesce(sum(sample_count), 0) FROM sungrow_5min WHERE device_id = %s)"
    " + (SELECT coalesce(sum(sample_count), 0) FROM p1_5min WHERE device_id = %s)"
)


class Watch:
    """What is measured while the backlog drains."""

    def __init__(self, stack: Stack, edge: subprocess.Popen, count: int):
        self.stack, self.edge, self.count = stack, edge, count
        self.rss_kib: list[int] = []
        self.ages_s: list[float] = []
        self.visible_after_s: float | None = None
        self.backlog_then = 0
        self.backlog = 2 * count
        self.queued_again = -1

    def look(self, passed_s: float) -> None:
        self.rss_kib.append(rss_kib(self.edge.pid))
        self.backlog = 2 * self.count - self.stack.rows(_ARRIVED, DEVICE, DEVICE)[0][0]
        age_s = self._age_s()
        if age_s is not None and age_s <= VISIBLE_WITHIN_S:
            if self.visible_after_s is None:
                self.visible_after_s, self.backlog_then = passed_s, self.backlog
            self.ages_s.append(age_s)
        elif self.ages_s:
            self.ages_s.append(age_s or float("inf"))

    def growth_kib(self) -> int:
        """Return by how much the memory grew over its level of the first tenth."""
        tenth = max(1, len(self.rss_kib) // 10)
        return max(self.rss_kib) - max(self.rss_kib[:tenth])

    def _age_s(self) -> float | None:
        answer = requests.get(
            f"{self.stack.proxy.url}/v1/realtime",
            headers={"Authorization": f"Bearer {token(DEVICE)}"},
            verify=str(self.stack.certificate.ca),
            timeout=10,
        )
        return answer.json()["age_s"] if answer.status_code == 200 else None


def run(count: int) -> int:
    progress = Progress()
    with ExitStack() as ends:
        stack = ends.enter_context(Stack([DEVICE], share=0.0))
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="chaos-outage-")))
        prefill(folder / "spool.db", count)
        progress.line(filled=count)
        stack.gunicorn.stop()
        edge = start_edge(ends, stack, folder)
        until(lambda: waiting(folder) > 2 * count + 1, "a reading without a line", 30)
        stack.gunicorn.start()
        watch = Watch(stack, edge, count)
        spent_s = drain(watch, folder, progress)
        edge.send_signal(signal.SIGTERM)
        assert edge.wait(15) == 0, (folder / "edge.log").read_text()[-2000:]
        return verdict(watch, folder, spent_s, progress)


def prefill(path: Path, count: int) -> None:
    # Ten minutes before now at the latest: the live readings come after them.
    end = datetime.now(UTC) - timedelta(minutes=10)
    with Spool.strict(path) as spool:
        fill_both(spool, DEVICE, count, BOOT, end)


def start_edge(ends: ExitStack, stack: Stack, folder: Path) -> subprocess.Popen:
    house = HouseholdSource(Clock())
    dongle = ends.enter_context(FakeDongle(house))
    meter = ends.enter_context(TelegramServer(house.grid_meter))
    settings = edge_env(
        folder,
        stack.certificate.ca,
        dongle_port=dongle.port,
        url=stack.proxy.url,
        device_id=DEVICE,
        token=token(DEVICE),
        UPLOAD_INTERVAL_S="1",
        MAX_BACKOFF_S="5",
        P1_SOURCE=f"tcp://127.0.0.1:{meter.port}",
    )
    env = sandbox.environment(**settings)
    with (folder / "edge.log").open("w") as log:
        edge = sandbox.spawn([sys.executable, "edge.py"], env, "KILL", cwd=sandbox.ROOT, stderr=log)
    ends.callback(edge.wait)
    ends.callback(edge.kill)
    return edge


def waiting(folder: Path) -> int:
    path = folder / "health.json"
    return json.loads(path.read_text())["spool_count"] if path.exists() else 0


def drain(watch: Watch, folder: Path, progress: Progress) -> float:
    """Watch until everything has arrived; return the seconds."""
    start_s = progress.passed_s
    while (
        watch.backlog > 0
        or waiting(folder) > 100
        or watch.visible_after_s is None
        or watch.queued_again < 0
    ):
        watch.queued_again = compared(folder)
        watch.look(progress.passed_s - start_s)
        progress.line(
            backlog=watch.backlog, rss_kib=watch.rss_kib[-1], newest_age_s=watch.ages_s[-1:]
        )
        assert watch.edge.poll() is None, "the edge has ended"
        assert progress.passed_s - start_s < MOST_S, "it does not end"
        pause(0.5)
    return progress.passed_s - start_s


def compared(folder: Path) -> int:
    """Return how much the edge sent again after it had compared; -1 before it did."""
    whole_lines, _, _ = (folder / "edge.log").read_text().rpartition("\n")
    entries = map(json.loads, whole_lines.splitlines())
    found = [e["queued_again"] for e in entries if e["event"] == "compared with the server"]
    return sum(found) if len(found) >= len(KINDS) else -1


def verdict(watch: Watch, folder: Path, spent_s: float, progress: Progress) -> int:
    stored, held, rest = [], set(), set()
    for kind in KINDS:
        stored += [(kind.name, boot, seq) for boot, seq, _ in watch.stack.stored(DEVICE, kind)]
        with closing(sqlite3.connect(folder / "spool.db")) as db:
            kept = db.execute(kind.sql("SELECT boot, seq FROM samples")).fetchall()
            sql = kind.sql("SELECT boot, seq FROM samples JOIN queue USING (id)")
            rest |= {(kind.name, *key) for key in db.execute(sql).fetchall()}
        held |= {(kind.name, *key) for key in kept}
    numbers = range(1, watch.count + 1)
    old = {(kind.name, BOOT, number) for number in numbers for kind in KINDS}
    lost = (old | held) - set(stored) - rest
    doubled = len(stored) - len(set(stored))
    visible = watch.visible_after_s
    progress.table(
        readings_of_each_kind=watch.count,
        drained_in_s=f"{spent_s:.0f}",
        live_readings=len(set(stored) - old),
        newest_visible_after_s=f"{visible:.1f}" if visible is not None else "never",
        backlog_at_that_moment=int(watch.backlog_then),
        oldest_newest_reading_s=f"{max(watch.ages_s, default=0):.1f}",
        sent_again_after_comparing=watch.queued_again,
        rss_first_kib=watch.rss_kib[0],
        rss_most_kib=max(watch.rss_kib),
        rss_growth_kib=watch.growth_kib(),
    )
    print(f"lost {len(lost)} doubled {doubled} of {len(old | held)}")
    seen = visible is not None and visible <= VISIBLE_WITHIN_S
    seen = seen and max(watch.ages_s) <= VISIBLE_WITHIN_S
    # A small backlog is gone before the first live reading comes.
    seen = seen and (watch.backlog_then > 0 or spent_s < VISIBLE_WITHIN_S)
    whole = not lost and not doubled and not watch.queued_again
    return 0 if whole and seen and watch.growth_kib() <= GROWTH_KIB else 1


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos.outage", description=__doc__)
    parser.add_argument("--samples", type=int, default=518_400)
    return run(parser.parse_args(argv).samples)


if __name__ == "__main__":
    nice()
    sys.exit(main(sys.argv[1:]))
