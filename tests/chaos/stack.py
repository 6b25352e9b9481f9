"""What a chaos run needs around the product: private servers, quick ways to fill and to look."""

import contextlib
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2

from edge_lib.shared.timestamps import format_ts
from edge_lib.spool import rows as spool_row
from edge_lib.spool.kinds import P1, SAMPLES, Kind
from edge_lib.spool.spool import Spool
from server import sandbox
from tests.chaos.fault_proxy import FaultProxy
from tests.support.samples import a_sample
from tests.support.spooling import database

pause = threading.Event().wait
STORED = {
    SAMPLES: "SELECT boot, seq, ts FROM sungrow_samples WHERE device_id = %s ORDER BY 1, 2",
    P1: "SELECT boot, seq, ts FROM p1_samples WHERE device_id = %s ORDER BY 1, 2",
}


class Stack:
    """A PostgreSQL, the API on it behind gunicorn, and before that the fault proxy.

    Args:
        devices: each has the token ``token-of-DEVICE``.
        share: of the requests that the proxy harms.
        durable: PostgreSQL flushes to the disk; needed where it is stopped.
    """

    def __init__(
        self,
        devices: list[str],
        share: float = 0.75,
        seed: int = 1,
        workers: int = 2,
        durable: bool = False,
    ):
        self.devices = devices
        self._share, self._seed, self._workers, self._durable = share, seed, workers, durable
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> "Stack":
        with contextlib.ExitStack() as ends:
            self.folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
            self.folder.chmod(0o755)
            self.postgres = ends.enter_context(
                sandbox.Postgres(self.folder, fast=not self._durable)
            )
            self.url = self.postgres.create_database("chaos")
            env = sandbox.environment(DATABASE_URL=self.url)
            sandbox.run([sys.executable, "-m", "server.migrate"], env, cwd=sandbox.ROOT)
            self.certificate = sandbox.Authority(self.folder / "ca").issue()
            tokens = ",".join(f"{token(device)}:{device}" for device in self.devices)
            settings = {"DATABASE_URL": self.url, "DEVICE_TOKENS": tokens}
            self.gunicorn = ends.enter_context(
                sandbox.Gunicorn(self.folder / "gunicorn.log", settings, workers=self._workers)
            )
            upstream = ("127.0.0.1", self.gunicorn.port)
            self.proxy = ends.enter_context(
                FaultProxy(upstream, self.certificate, self._share, self._seed)
            )
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def rows(self, statement: str, *values: object) -> list[tuple]:
        """Ask the database."""
        with closing(psycopg2.connect(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def stored(self, device: str, kind: Kind = SAMPLES) -> list[tuple[str, int, datetime]]:
        """Return ``boot, seq, ts`` of every stored reading of a device."""
        return self.rows(STORED[kind], device)


def token(device: str) -> str:
    return f"token-of-{device}"


def numbered(device: str, number: int, ts: datetime, boot: str, **changes: object) -> dict:
    """Return a sample whose values follow from its number."""
    values = {
        "pv_power_w": float(number % 100_000),
        "pv_daily_kwh": 12.5,
        "battery_power_w": -250.0,
        "battery_soc_pct": 50.5,
        "battery_temp_c": 21.5,
        "load_power_w": 300.0,
        "export_power_w": float(number % 1000),
        "inverter_power_w": 300.0 + number % 1000,
        "interval_s": 5.0,
    }
    poll = {"device_id": device, "ts": format_ts(ts), "boot": boot}
    return a_sample(number, **(poll | values | changes))


def numbered_p1(device: str, number: int, ts: datetime, boot: str) -> dict:
    """Return a reading of the grid meter whose values follow from its number."""
    return {
        "device_id": device,
        "ts": format_ts(ts),
        "power_w": float(number % 1000),
        "energy_import_kwh": 1000 + number / 1000,
        "energy_export_kwh": 500.0,
        "boot": boot,
        "seq": number,
        "ts_src": 0,
    }


def fill(spool: Spool, samples: Iterator[dict], kind: Kind = SAMPLES) -> None:
    """Put readings with rising times into a spool, thousands in one commit."""
    with database(spool).writing() as db:
        for number, sample in enumerate(samples, 1):
            ts = datetime.fromisoformat(sample["ts"])
            payload, boottime_us = spool_row.pack(sample, kind), number * 5_000_000
            row = spool_row.new(ts, sample["boot"], sample["seq"], boottime_us, 0, payload, kind)
            row = row._replace(id=number).sealed()
            db.execute(kind.sql(spool_row.INSERT), row[:8])
            spool_row.enqueue(db, number, kind)
    database(spool).look_for_kinds()


def history(
    device: str,
    count: int,
    boot: str,
    end: datetime | None = None,
    numbered: Callable[..., dict] = numbered,
) -> Iterator[dict]:
    """Return ``count`` readings, five seconds apart, up to ``end``."""
    first = (end or datetime.now(UTC)) - timedelta(seconds=5 * count)
    return (
        numbered(device, number, first + timedelta(seconds=5 * number), boot)
        for number in range(1, count + 1)
    )


def fill_both(spool: Spool, device: str, count: int, boot: str, end: datetime | None = None):
    """Put so many readings of each kind into a spool."""
    for kind, made in ((SAMPLES, numbered), (P1, numbered_p1)):
        fill(spool, history(device, count, boot, end, made), kind)


class Progress:
    """Prints a line every ten seconds, and a table at the end."""

    def __init__(self, every_s: float = 10.0):
        self.start_s, self._every_s = time.monotonic(), every_s
        self._next_s = self.start_s + every_s

    @property
    def passed_s(self) -> float:
        return time.monotonic() - self.start_s

    def line(self, **numbers: object) -> None:
        if time.monotonic() >= self._next_s:
            self._next_s += self._every_s
            shown = "  ".join(f"{name} {value}" for name, value in numbers.items())
            print(f"{self.passed_s:6.0f} s  {shown}", flush=True)

    def table(self, **numbers: object) -> None:
        print(f"{'seconds':<28} {self.passed_s:12.1f}")
        for name, value in numbers.items():
            shown = f"{value:12,}" if isinstance(value, int) else f"{value!s:>12}"
            print(f"{name.replace('_', ' '):<28} {shown}")
        sys.stdout.flush()


def rss_kib(pid: int) -> int:
    """Return the resident memory of a process."""
    for line in Path("/proc", str(pid), "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that live."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def until(condition, what: str, most_s: float = 60.0) -> None:
    """Wait for something that has to come."""
    if not sandbox.wait_until(condition, most_s):
        raise AssertionError(f"{what}: not within {most_s:.0f} s")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the product's log still: here failures are the rule."""
    log = logging.getLogger("sungrow")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


def nice() -> None:
    """Let others go first: a long run is in nobody's hurry."""
    with contextlib.suppress(OSError):
        os.nice(5)
