"""What the spool writes for one reading over its whole life, beside the least that it could.

    python tests/bench/spool.py [--quick] [--readings N] [--keep-days D] [--page-size BYTES]

Runs the spool under strace and counts what reaches its files: put, delivered in twos (a poll each
5 s, an upload each 10 s), kept, expired, checkpoints, opening and closing. Time is simulated, so
nothing waits, and the counts depend on no clock. The limit is one flush a reading, without which
it would not survive a power cut, and the bytes of its payload. Not counted: the shared-memory
index (-shm), which is never flushed, and the file system's own journal.
"""

import argparse
import json
import math
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from edge_lib import spool_file  # noqa: E402
from edge_lib.sample import FIELDS, format_ts  # noqa: E402
from edge_lib.spool import Spool  # noqa: E402
from edge_lib.spool_row import pack  # noqa: E402

GOAL_FLUSHES = 1.1
GOAL_BYTES = 16_000
POLL_S = 5
BATCH = 2
START = datetime(2026, 6, 1, tzinfo=UTC)
BOOT = "0123456789abcdef" * 2
# strace -y: pwrite64(5</tmp/x/spool.db-wal>, ""..., 536, 0) = 536
CALL = re.compile(r"(?P<name>\w+)\(\d+<(?P<file>[^>]*)>.* = (?P<result>\d+)")


def reading(number: int, chance: random.Random) -> dict:
    """Give a household's sample: a battery, every field known, two of four strings."""
    sample = {"device_id": "home-inverter"}
    for field in FIELDS:
        if field.name.startswith(("mppt3", "mppt4")):
            sample[field.name] = None
        elif field.integer:
            sample[field.name] = chance.randint(int(field.low), 999)
        elif field.unit == "W":
            sample[field.name] = chance.randint(0, 9_999)
        else:
            sample[field.name] = round(chance.uniform(max(0, field.low), min(999, field.high)), 1)
    ts = START + timedelta(seconds=number * POLL_S, microseconds=chance.randint(0, 9_999))
    times = {"ts": format_ts(ts), "boot": BOOT, "seq": number + 1, "ts_src": 0}
    return sample | times | {"battery_power_source": "signed", "interval_s": POLL_S}


def live(path: Path, readings: int, keep_days: float) -> None:
    """Live through the readings' whole lives; print the bytes of their payloads."""
    chance = random.Random(1)
    payload_bytes = 0
    with Spool(path, keep_days) as spool:
        for number in range(readings):
            sample = reading(number, chance)
            payload_bytes += len(pack(sample))
            spool.put(sample, number * POLL_S * 1_000_000)
            if number % BATCH == BATCH - 1:
                spool.delivered([one.id for one in spool.oldest(BATCH)])
        kept = spool.counts()
    print(json.dumps({"payload_bytes": payload_bytes, "depth": kept.depth}))


def traced(readings: int, keep_days: float, page_size: int) -> dict:
    """Run ``live`` under strace.

    Returns:
        ``flushes``, ``written_bytes``, ``payload_bytes`` and the file's ``file_bytes``, all in all.
    """
    with tempfile.TemporaryDirectory() as folder:
        trace, path = Path(folder, "trace"), Path(folder, "spool.db")
        strace = ["strace", "-f", "-y", "-s", "0", "-o", trace, "-e"]
        calls = "trace=fsync,fdatasync,pwrite64,write,writev,pwritev"
        command = [sys.executable, __file__, "--live", path, "--page-size", page_size]
        command += ["--readings", readings, "--keep-days", keep_days]
        done = subprocess.run(
            [str(part) for part in (*strace, calls, *command)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        counts = _count(trace.read_text(), folder)
        return counts | json.loads(done.stdout) | {"file_bytes": path.stat().st_size}


def _count(trace: str, folder: str) -> dict:
    seen: Counter[str] = Counter(flushes=0, wal_bytes=0, db_bytes=0)
    for call in CALL.finditer(trace):
        if not call["file"].startswith(folder):
            continue
        if "sync" in call["name"]:
            seen["flushes"] += 1
        else:
            seen["wal_bytes" if call["file"].endswith("-wal") else "db_bytes"] += int(
                call["result"]
            )
    return dict(seen) | {"written_bytes": seen["wal_bytes"] + seen["db_bytes"]}


def report(counts: dict, readings: int, keep_days: float) -> bool:
    """Print a table of what a reading costs; tell whether the goals are met."""
    flushes, written = counts["flushes"] / readings, counts["written_bytes"] / readings
    payload = counts["payload_bytes"] / readings
    expired = max(0, readings - math.ceil(keep_days * 24) * 3600 // POLL_S)
    print(f"{readings} readings, delivered in twos, kept {keep_days:g} days: ~{expired} expired")
    print(f"{'a reading':12}{'spool':>10}{'limit':>10}{'ratio':>8}{'goal':>10}")
    print(f"{'flushes':12}{flushes:10.3f}{1:10}{flushes:8.2f}{GOAL_FLUSHES:10}")
    print(f"{'bytes':12}{written:10.0f}{payload:10.0f}{written / payload:8.2f}{GOAL_BYTES:10}")
    wal, main = counts["wal_bytes"] / readings, counts["db_bytes"] / readings
    print(f"of the bytes {wal:.0f} to the WAL, {main:.0f} to the file by checkpoints;", end=" ")
    print(f"the file ended with {counts['file_bytes']} bytes")
    return flushes <= GOAL_FLUSHES and written <= GOAL_BYTES


def main() -> int:
    """Run it; 0 if the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1,500 readings, kept an hour")
    parser.add_argument("--readings", type=int, default=6000)
    parser.add_argument("--keep-days", type=float, default=0.125)
    parser.add_argument("--page-size", type=int, default=spool_file.PAGE_SIZE_BYTES)
    parser.add_argument("--live", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.quick:
        args.readings, args.keep_days = 1500, 1 / 24
    if args.live:
        spool_file.PAGE_SIZE_BYTES = args.page_size
        live(args.live, args.readings, args.keep_days)
        return 0
    counts = traced(args.readings, args.keep_days, args.page_size)
    return 0 if report(counts, args.readings, args.keep_days) else 1


if __name__ == "__main__":
    sys.exit(main())
