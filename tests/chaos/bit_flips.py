"""Single flipped bits in the spool's files: what is altered is noticed, what is not is kept.

    .venv/bin/python -m tests.chaos.bit_flips [--flips 1000] [--rows 2000]

Each flip goes into a fresh copy of a filled spool, which the product then opens, polls into,
salvages where it has to, and drains. Three places: the bytes of rows in the main file; any byte of
the main file; any byte of a WAL that has not been checkpointed. Noticed means: what comes out is
what went in, and a row that does not come out leaves a hole in the numbers, which are never given
twice. Explained: it is parked as damaged, or counted as unreadable, too.
"""

import argparse
import itertools
import logging
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from edge_lib.clock import Clock
from edge_lib.decode import decode
from edge_lib.health import Health
from edge_lib.registers import wire_address
from edge_lib.simulator import DumpSource
from edge_lib.spool import SpoolError
from edge_lib.store import Store
from tests.chaos.crash_points import DUMP, FAST
from tests.spooling import BOOT, START, a_sample

LEAF, INTERIOR = 0x0D, 0x05


class Outcome(NamedTuple):
    """What one flip did: samples that came out as they went in, altered ones, and what was said."""

    whole: int
    altered: int = 0
    explained: int = 0
    refused: bool = False  # the service does not start
    held_up: bool = False  # the next poll was not stored at once
    aside: bool = False
    last_seq: int = 0


class HastyClock(Clock):
    """Late in the boot that the samples are of; it runs while nobody waits."""

    def __init__(self) -> None:
        super().__init__()
        self._passed_s = 1_000_000.0

    def boot(self) -> str:
        return BOOT

    def now(self) -> datetime:
        return START + timedelta(seconds=self._passed_s)

    def monotonic_s(self) -> float:
        self._passed_s += 5
        return self._passed_s

    def boottime_us(self) -> int:
        return int(self._passed_s * 1e6)

    def synchronised(self) -> bool:
        return True


def sample_values() -> dict:
    """Give all fields of a recorded poll: rows as long as real ones."""
    words = DumpSource(DUMP).words()
    numbers = {number: words.get(wire_address(number)) for number in range(2582, 13100)}
    return decode({n: word for n, word in numbers.items() if word is not None}).values


def filled(path: Path, rows: int, checkpoint: bool) -> dict[int, dict]:
    """Make a spool of so many samples; give them by seq. ``checkpoint``: nothing is in the WAL."""
    values = sample_values()
    # Not all the same, so that a row cannot pass for another.
    samples = {
        seq: a_sample(seq) | values | {"pv_power_w": seq, "load_power_w": seq}
        for seq in range(1, rows + 1)
    }
    live = path.with_name("live.db")
    clock = HastyClock()
    spool = Store(live, 7.0, clock)
    for seq, sample in samples.items():
        samples[seq] = spool.put(sample, seq * 5_000_000)
    Health(live.with_name("health.json"), spool, clock).write(seq=rows)
    if checkpoint:
        spool.close()
    for file in live.parent.glob("live.db*"):
        if not file.name.endswith((".lock", ".ballast")):
            shutil.copy(file, file.with_name(file.name.replace("live", path.stem)))
    spool.close()
    return samples


def row_bytes(path: Path) -> list[int]:
    """Give the offset of every byte that belongs to a row of ``samples``: cells, overflow pages."""
    with closing(sqlite3.connect(path)) as db:
        size = db.execute("PRAGMA page_size").fetchall()[0][0]
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'samples'").fetchall()
    content = path.read_bytes()
    return list(itertools.chain.from_iterable(_spans(content, size, root[0][0])))


def _spans(content: bytes, size: int, number: int) -> Iterator[range]:
    """Walk a table's tree. Source: sqlite.org/fileformat2.html, section 1.6."""
    at = (number - 1) * size
    kind, count = content[at], int.from_bytes(content[at + 3 : at + 5])
    head = at + (12 if kind == INTERIOR else 8)
    cells = [int.from_bytes(content[head + 2 * i :][:2]) for i in range(count)]
    if kind == INTERIOR:
        children = [int.from_bytes(content[at + cell :][:4]) for cell in cells]
        for child in [*children, int.from_bytes(content[at + 8 :][:4])]:
            yield from _spans(content, size, child)
        return
    assert kind == LEAF
    for cell in cells:
        yield from _cell(content, size, at + cell)


def _cell(content: bytes, size: int, start: int) -> Iterator[range]:
    payload, at = _varint(content, start)
    _, at = _varint(content, at)
    most, least = size - 35, (size - 12) * 32 // 255 - 23
    if payload <= most:
        yield range(start, at + payload)
        return
    local = least + (payload - least) % (size - 4)
    local = local if local <= most else least
    yield range(start, at + local)
    following, left = int.from_bytes(content[at + local :][:4]), payload - local
    while left > 0:
        page = (following - 1) * size
        used = min(left, size - 4)
        yield range(page + 4, page + 4 + used)
        following, left = int.from_bytes(content[page:][:4]), left - used


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(8):
        value = value << 7 | content[at + i] & 0x7F
        if content[at + i] < 0x80:
            return value, at + i + 1
    return value << 8 | content[at + 8], at + 9


def flip(file: Path, offset: int, bit: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(offset)
        byte = opened.read(1)[0]
        opened.seek(offset)
        opened.write(bytes([byte ^ 1 << bit]))


def drained(path: Path, samples: dict[int, dict]) -> Outcome:
    """Open the spool as the product does and take everything out; compare."""
    clock = HastyClock()
    try:
        store = Store(path, 7.0, clock)
    except SpoolError:
        return Outcome(0, refused=True)
    with closing(store):
        health = Health(path.with_name("health.json"), store, clock)
        last_seq = max(store.last_seq(BOOT), health.last_seq)
        new = store.put(a_sample(last_seq + 1, after_s=900_000), clock.boottime_us())
        held_up = len(store._keeper.ring) > 0
        found, altered = set(), 0
        while True:
            rows = store.oldest(500)
            for row in rows:
                seq = row.sample.get("seq")
                if row.sample in (samples.get(seq), new):
                    found.add(seq)
                else:
                    altered += 1
            store.delivered([row.id for row in rows])
            store.salvage()
            figures = store.figures()
            if not rows and not figures["unsalvaged_spools"] and not figures["ring_count"]:
                break
        held_up = held_up or last_seq + 1 not in found
        explained = figures["parked_count"] + figures["unreadable_count"]
        aside = any(path.parent.glob("spool.corrupt-*"))
    whole = len(found & samples.keys())
    return Outcome(whole, altered, explained, False, held_up, aside, last_seq)


class Tally:
    """The sums of one place."""

    def __init__(self, name: str, rows: int):
        self.name, self.rows = name, rows
        self.sums: Counter[str] = Counter()
        self.least = rows

    def add(self, outcome: Outcome) -> None:
        missing = self.rows - outcome.whole
        self.least = min(self.least, outcome.whole)
        self.sums.update(
            flips=1,
            harmless=not missing,
            altered_unnoticed=outcome.altered,
            missing_unexplained=missing > outcome.explained,
            missing_unnoticed=missing > 0 and outcome.last_seq < self.rows,
            numbers_used_again=outcome.last_seq < self.rows,
            not_started=outcome.refused,
            held_up=outcome.held_up,
            moved_aside=outcome.aside,
            others=self.rows - 1,
            others_kept=min(outcome.whole, self.rows - 1),
        )

    @property
    def share(self) -> float:
        """Give how much of all the other rows was kept."""
        return self.sums["others_kept"] / max(1, self.sums["others"])

    def line(self) -> str:
        keys = [key for key in self.sums if not key.startswith("others")]
        numbers = "  ".join(f"{key} {self.sums[key]}" for key in keys)
        kept = f"others kept {100 * self.share:.3f} %, at least {self.least - 1}"
        return f"{self.name:<12} {numbers}  {kept}"


def flips(name: str, rows: int, count: int, seed: int = 1) -> Tally:
    """Flip so many bits, one in each copy: ``rows``, ``file`` or ``wal``; give the sums."""
    dice, tally = random.Random(seed), Tally(name, rows)
    with tempfile.TemporaryDirectory(dir=FAST if FAST.is_dir() else None) as folder:
        source = Path(folder, "source", "spool.db")
        source.parent.mkdir()
        samples = filled(source, rows, checkpoint=name != "wal")
        where = row_bytes(source) if name == "rows" else None
        target = source.with_name("spool.db-wal") if name == "wal" else source
        where = where or range(target.stat().st_size)
        for number in range(count):
            copy = Path(folder, str(number))
            copy.mkdir()
            for file in source.parent.iterdir():
                if file.name in ("spool.db", "spool.db-wal", "health.json"):
                    shutil.copy(file, copy)
            Path(copy, "spool.db.lock").touch()  # ours, as after every start
            flip(copy / target.name, dice.choice(where), dice.randrange(8))
            tally.add(drained(copy / "spool.db", samples))
            shutil.rmtree(copy)
            if (number + 1) % 100 == 0:
                print(f"  {tally.line()}", flush=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=2000)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    tallies = [flips(name, arguments.rows, arguments.flips) for name in ("rows", "file", "wal")]
    print("\n".join(tally.line() for tally in tallies))
    wrong = ("altered_unnoticed", "missing_unnoticed", "not_started", "held_up")
    return int(any(tally.sums[key] for tally in tallies for key in wrong))


if __name__ == "__main__":
    sys.exit(main())
