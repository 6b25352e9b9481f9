"""What the spool writes for one reading over its whole life, beside the least that it could.

    python -m tests.bench.spool [--readings N] [--keep-days D] [--page-size BYTES]

Runs the spool under strace and counts what reaches its files: put, delivered in twos (a poll each
5 s, an upload each 10 s), kept, expired, checkpoints, opening and closing. Time is simulated, so
nothing waits, and the counts depend on no clock. The limit is one flush a reading, without which
it would not survive a power cut, and the bytes of its payload. Not counted: the shared-memory
index (-shm), which is never flushed, and the file system's own journal.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from edge_lib.shared.timestamps import format_ts
from edge_lib.spool import file
from edge_lib.spool.rows import pack
from edge_lib.spool.spool import Spool
from tests.bench.paired import Goal, Line, beside, table
from tests.bench.samples import POLL_S, START, full_sample

ROOT = Path(__file__).parents[2]
GOAL_FLUSHES = Goal(at_most=1.1)
GOAL_BYTES = Goal(at_most=16_000)
READINGS, KEEP_DAYS = 6000, 0.125
QUICK_READINGS = 1500
BATCH = 2
# strace -y: pwrite64(5</tmp/x/spool.db-wal>, ""..., 536, 0) = 536
CALL = re.compile(r"(?P<name>\w+)\(\d+<(?P<file>[^>]*)>.* = (?P<result>\d+)")


def reading(number: int, chance: random.Random) -> dict:
    """Return a sample as ``full_sample`` does, polled some ms late by a clock that is right."""
    late = timedelta(microseconds=chance.randint(0, 9_999))
    ts = START + timedelta(seconds=number * POLL_S) + late
    sample = full_sample(number, chance, "home-inverter")
    return sample | {"ts": format_ts(ts), "seq": number + 1, "ts_src": 0}


def live(path: Path, readings: int, keep_days: float) -> None:
    """Live through the readings' whole lives; print the bytes of their payloads."""
    chance = random.Random(1)
    payload_bytes = 0
    with Spool.strict(path, keep_days) as spool:
        for number in range(readings):
            sample = reading(number, chance)
            payload_bytes += len(pack(sample))
            spool.put(sample, number * POLL_S * 1_000_000)
            if number % BATCH == BATCH - 1:
                spool.delivered([one.id for one in spool.oldest(BATCH)])
            kept = spool.counts()  # each time, as for the health file
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
        command = [sys.executable, "-m", "tests.bench.spool", "--live", path]
        command += ["--page-size", page_size, "--readings", readings, "--keep-days", keep_days]
        done = subprocess.run(
            [str(part) for part in (*strace, calls, *command)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
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


def lines(quick: bool) -> Iterator[Line]:
    """Count at the default settings: flushes and bytes a reading."""
    readings, keep_days = (QUICK_READINGS, 1 / 24) if quick else (READINGS, KEEP_DAYS)
    yield from _lines(traced(readings, keep_days, file.PAGE_SIZE_BYTES), readings)


def _lines(counts: dict, readings: int) -> Iterator[Line]:
    flushes, written = counts["flushes"] / readings, counts["written_bytes"] / readings
    yield beside("spool: flushes", "a reading", [(flushes, 1)], GOAL_FLUSHES)
    wal, main = counts["wal_bytes"] / readings, counts["db_bytes"] / readings
    note = f"{wal:.0f} to the WAL, {main:.0f} by checkpoints"
    payload = counts["payload_bytes"] / readings
    note += f"; its payload has {payload:.0f}; file {counts['file_bytes']}"
    yield Line("spool: bytes written", "a reading", written, goal=GOAL_BYTES, note=note)


def main() -> None:
    """Print what other settings cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readings", type=int, default=READINGS)
    parser.add_argument("--keep-days", type=float, default=KEEP_DAYS)
    parser.add_argument("--page-size", type=int, default=file.PAGE_SIZE_BYTES)
    parser.add_argument("--live", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.live:
        file.PAGE_SIZE_BYTES = args.page_size
        live(args.live, args.readings, args.keep_days)
        return
    counts = traced(args.readings, args.keep_days, args.page_size)
    print(table(list(_lines(counts, args.readings))))


if __name__ == "__main__":
    main()
