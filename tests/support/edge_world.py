"""A whole edge in one process, without sockets: the product's own parts, in time that a test moves.

The ends are played: an inverter that answers with a recorded poll or fails as told, where a house
has one a grid meter beside it, and a server that keeps what it is sent. All between them is the
service's, down to the steps of its threads.
"""

import gzip
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path

from edge import Edge, p1_step, poll_step, upload_step
from edge_lib.clock import Clock
from edge_lib.config import UploadConfig, dongle_config
from edge_lib.dongle.inverter import Inverter, InverterError
from edge_lib.dongle.lock import DongleLock
from edge_lib.dongle.registers import BLOCKS, wire_address
from edge_lib.health import Health
from edge_lib.p1.errors import P1Error
from edge_lib.p1.reading import Reading
from edge_lib.p1_poller import P1Poller
from edge_lib.poll_counts import PollCounts
from edge_lib.poller import Poller
from edge_lib.shared.timestamps import parse_ts
from edge_lib.simulator.fake_dongle import DumpSource
from edge_lib.spool.gaps import THINNED, Gap
from edge_lib.spool.kinds import P1
from edge_lib.spool.spool import Spool
from edge_lib.systemd import Pulse
from edge_lib.upload.https import Answer, HttpsError
from edge_lib.upload.reconcile import Reconciler
from edge_lib.upload.uploader import Uploader
from tests.support.clocks import BOOT, EARLIER, START, FakeClock

ROOT = Path(__file__).resolve().parents[2]
DUMP = ROOT / "tests" / "dumps" / "sh80rt_v112_winet_s_wlan_2026-09-08.json"
DEVICE = "house"
POLL_S = 5.0
PV_W, LOAD_W = 5017, 13008  # document numbers, low words


@cache
def recorded_words() -> dict[int, int]:
    served = DumpSource(DUMP).words()
    numbers = (block.number + i for block in BLOCKS for i in range(block.count))
    return {n: served[wire_address(n)] for n in numbers if wire_address(n) in served}


class Played(Inverter):
    """Answers with the recorded words; PV tells one poll from another."""

    def __init__(self, clock: Clock):
        super().__init__("127.0.0.1", 1, 1, 5, 0.02, clock, lambda _: False)
        self.failure: str | None = None
        self.words: dict[int, int] = {}  # in place of the recorded ones
        self.polls = 0

    def read_words(self) -> dict[int, int]:
        if self.failure:
            raise InverterError(self.failure, "as told")
        self.polls += 1
        return recorded_words() | {PV_W: self.polls % 5000} | self.words


class PlayedMeter:
    """A grid meter that tells one reading each time, and fails with the inverter."""

    def __init__(self, clock: FakeClock):
        self._clock = clock
        self.failure: str | None = None
        self.good = self.bad = self.failures = 0
        self.last_error: str | None = None

    def read(self, _until_s: float) -> list[Reading]:
        if self.failure:
            raise P1Error(self.failure, "as told")
        self.good += 1
        values = {"power_w": self.good % 5000, "energy_import_kwh": self.good / 1000}
        return [Reading(values, self._clock.now(), self._clock.boottime_us())]

    def close(self) -> None:
        """Nothing is open."""


class Kept:
    """What a server keeps of one kind of reading, by the keys of the contract."""

    def __init__(self) -> None:
        self.forgotten: set[str] = set()  # times of readings that it says it has, and has not
        self.samples: dict[str, dict] = {}
        self.reports: dict[tuple, dict] = {}
        self.gaps: dict[tuple, dict] = {}
        self.parked: dict[tuple, dict] = {}

    def copy(self, other: "Kept") -> None:
        for name, kept in vars(other).items():
            if name in vars(Kept()):
                setattr(self, name, kept.copy())

    def store(self, samples: list[dict], conflicts) -> dict:
        counts: dict = {"inserted": 0, "duplicates": 0, "conflicts": []}
        for i, sample in enumerate(samples):
            there = self.samples.get(sample["ts"])
            if conflicts(sample) or (there and there != sample):
                counts["conflicts"].append(i)
            else:
                known = there or sample["ts"] in self.forgotten
                counts["duplicates" if known else "inserted"] += 1
                if not known:
                    self.samples[sample["ts"]] = sample
        return counts

    def hours(self) -> list[dict]:
        hours: dict[str, list[int]] = defaultdict(list)
        for ts in self.samples:
            us = (parse_ts(ts) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
            hours[f"{ts[:13]}:00:00Z"].append(us % 3_600_000_000)
        return [{"hour": h, "count": len(us), "sum_us": sum(us)} for h, us in hours.items()]


class Server(Kept):
    """Keeps what it is sent; fails as told. ``p1``: what it keeps of the grid meter."""

    certificate_ends_s: float | None = None
    failed_addresses = 0

    def __init__(self, clock: FakeClock):
        super().__init__()
        self._clock = clock
        self.p1 = Kept()
        self.takes_p1 = True
        self.status = 200
        self.error: HttpsError | None = None
        self.refuses = self.conflicts = lambda _: False
        self.batches: list[dict] = []
        self.meanwhile = lambda: None  # what happens while a batch is under way

    def post(self, _path: str, body: bytes, _headers: dict, _meanwhile: object = None) -> Answer:
        batch = json.loads(gzip.decompress(body))
        self.batches.append(batch)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        if self.error:
            raise self.error
        if self.status != 200:
            return self._answer(self.status, {"detail": "as told"})
        lists = ("samples", "p1_samples") if self.takes_p1 else ("samples",)
        detail = [
            {"loc": ["body", name, i, "x"], "msg": "as told", "type": "value"}
            for name in lists
            for i, sample in enumerate(batch.get(name, []))
            if self.refuses(sample)
        ]
        if detail:
            return self._answer(422, {"detail": detail, "batch_id": batch["batch_id"]})
        return self._answer(200, {"batch_id": batch["batch_id"], **self._store(batch)})

    def get(self, path: str = "", **__: object) -> Answer:
        if self.error:
            raise self.error
        kept = self.p1 if "kind=p1" in path else self
        return self._answer(200, {"hours": kept.hours()})

    def abort(self) -> None:
        """Nothing is ever under way."""

    close = abort

    def _store(self, batch: dict) -> dict:
        counts = self.store(batch["samples"], self.conflicts)
        if self.takes_p1 and "p1_samples" in batch:
            counts["p1"] = self.p1.store(batch["p1_samples"], self.conflicts)
        of = {"sample": self, "p1": self.p1}
        for report in batch.get("reports", []):
            of[report.get("kind", "sample")].reports[report["boot"], report["slot"]] = report
        for gap in batch.get("gaps", []):
            of[gap.get("kind", "sample")].gaps[gap["from_ts"], gap["cause"]] = gap
        for parked in batch.get("parked", []):
            key = (parked["boot"], parked["seq"], parked["reason"])
            of[parked.get("kind", "sample")].parked[key] = parked
        return counts

    def _answer(self, status: int, content: dict) -> Answer:
        date = format_datetime(START + timedelta(seconds=self._clock.passed_s), usegmt=True)
        return Answer(status, {"Date": date}, json.dumps(content).encode())


class World:
    """One house: its clock, inverter and server go on while the service ends and begins."""

    def __init__(
        self, path: Path, boot: str = BOOT, keep_days: float = 7.0, *, has_p1: bool = False
    ):
        self.path, self.keep_days = path, keep_days
        self.clock = FakeClock(boot=boot, booted_s=-100_000.0)
        self.server = Server(self.clock)
        self.inverter = Played(self.clock)
        self.meter = PlayedMeter(self.clock) if has_p1 else None
        self.edge: Edge | None = None

    def start(self) -> None:
        """Start the service, as ``edge.service`` does."""
        clock = self.clock
        spool = Spool(self.path, self.keep_days, clock)
        counts = PollCounts(spool, clock)
        config = UploadConfig("https://localhost", "t", None, 10.0, 500, 300.0)
        uploader = Uploader(config, spool, clock, self.server, lambda: 0.5, counts)
        reconciler = Reconciler(spool, self.server, clock, DEVICE, spread=0.5)
        health = Health(self.path.with_name("health.json"), spool, clock)
        settings = dongle_config({"SUNGROW_HOST": f"played-{id(self)}", "DEVICE_ID": DEVICE})
        lock = DongleLock(settings.host, settings.port)
        poller = Poller(settings, self.inverter, lock, spool, clock, counts, health.last_seq)
        pulse = Pulse(clock, {"poll": 60.0, "upload": 60.0, "p1": 60.0})
        self.edge = Edge(clock, None, poller, uploader, reconciler, health, pulse, spool, counts)
        if self.meter:
            p1_counts = uploader.poll_counts[P1] = PollCounts(spool, clock, P1)
            seq = health.last_p1_seq
            p1 = P1Poller(DEVICE, self.meter, POLL_S, spool, clock, p1_counts, seq)
            self.edge = self.edge._replace(p1=p1)
            health.note(**p1.state())

    def stop(self) -> None:
        """End it as SIGTERM does."""
        self.edge.poller.close()
        for counts in self.edge.uploader.poll_counts.values():
            counts.close()
        self.edge.spool.close()
        self.edge = None

    def kill(self) -> None:
        """End it as SIGKILL does: what is only in memory is gone."""
        self.edge.poller.close()
        attempts = self.edge.spool._attempts
        if attempts._database:
            attempts._database.close(write=False)
        attempts.opener.close()
        self.edge = None

    def poll(self, count: int = 1, failure: str | None = None) -> None:
        """Run so many steps of the threads that poll, each at its time."""
        self.inverter.failure = failure
        for _ in range(count):
            poll_step(self.edge)
            if self.meter:
                self.meter.failure = failure
                p1_step(self.edge, self.clock.monotonic_s())
            self.clock.passed_s += POLL_S

    def upload(self, most: int = 50) -> None:
        """Run steps of the thread ``upload`` until nothing more is to be done at once."""
        for _ in range(most):
            if not upload_step(self.edge):
                return
        raise AssertionError(f"still more after {most} steps")

    def drain(self, rounds: int = 20) -> None:
        """Poll and upload until nothing waits and nothing is left to be salvaged."""
        for _ in range(rounds):
            self.upload()
            self.clock.passed_s += 2 * POLL_S
            state = self.state()
            if not state["spool_count"] and not state["unsalvaged_spools"]:
                return
        raise AssertionError(f"not drained after {rounds} rounds: {state}")

    def state(self) -> dict:
        """Return what the health file says."""
        return json.loads(self.path.with_name("health.json").read_text())


NO_PV = {5016: 0xFFFF, PV_W: 0x7FFF}
UNSURE, PRESENT = "c" * 32, BOOT


def furnish(world: World) -> None:
    """Live until every table of the spool holds rows in every state; leave the service running."""
    _days_of_an_earlier_boot(world)
    _a_boot_that_never_knows_the_time(world)
    _minutes_of_the_present_boot(world)


def _days_of_an_earlier_boot(world: World) -> None:
    """Deliveries, refusals, a clock that is set, an hour that the server has otherwise for good."""
    clock, server = world.clock, world.server
    clock.reboot(EARLIER)
    world.start()
    world.poll(20)
    server.refuses = lambda sample: sample["seq"] == 3
    server.conflicts = lambda sample: sample["seq"] == 5
    world.upload()
    server.refuses = server.conflicts = lambda _: False
    _polls_without_pv(world, 2)
    _polls_by_a_clock_that_is_off(world, 3, timedelta(seconds=90))
    us = int(clock.now().timestamp() * 1e6)
    world.edge.spool.note_gap(Gap(us - 9_000_000, us - 5_000_000, 2), THINNED)
    if world.meter:
        world.edge.spool.note_gap(Gap(us - 9_000_000, us - 5_000_000, 3), THINNED, P1)
    world.poll(60, "timeout")
    world.poll(120)
    world.upload()
    for kept in (server, server.p1):
        for ts in list(kept.samples)[8:11]:
            del kept.samples[ts]
            kept.forgotten.add(ts)
    for _ in range(3):
        for pause_s in (86_400, 700):
            clock.passed_s += pause_s
            world.poll(2)
            world.upload()
    world.stop()


def _a_boot_that_never_knows_the_time(world: World) -> None:
    clock = world.clock
    clock.passed_s += 60
    clock.right, clock.wrong_by = False, timedelta(days=-400)
    clock.reboot(UNSURE)
    world.start()
    world.poll(6)
    _polls_without_pv(world, 1)
    world.poll(3, "unreachable")
    world.stop()
    clock.right, clock.wrong_by = True, timedelta(0)


def _minutes_of_the_present_boot(world: World) -> None:
    """Nothing of them is delivered yet."""
    world.clock.passed_s += 60
    world.clock.reboot(PRESENT)
    world.start()
    world.poll(100)
    world.poll(90, "timeout")
    _polls_without_pv(world, 2)
    _polls_by_a_clock_that_is_off(world, 20, timedelta(seconds=-30))
    world.poll(20)
    world.poll(1, "reset")
    world.poll(4)


def _polls_without_pv(world: World, count: int) -> None:
    world.inverter.words = NO_PV
    world.poll(count)
    world.inverter.words = {}


def _polls_by_a_clock_that_is_off(world: World, count: int, by: timedelta) -> None:
    world.clock.wrong_by = by
    world.poll(count)
    world.clock.wrong_by = timedelta(0)
