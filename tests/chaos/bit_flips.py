"""Single flipped bits in the spool's files: what is altered is noticed, what is not is kept.

    .venv/bin/python -m tests.chaos.bit_flips [--flips 1000] [--rows 0] [--places rows live ...]

The product itself fills a spool, every table of it (``edge_world.furnish``). Each flip goes
into a fresh copy, at one of four places: a row of any table, at rest (``rows``) or while the
service runs (``live``: in the file's rows, or anywhere in the log); any byte of the file
(``file``); any byte of a log that has not been checkpointed (``wal``). Then both threads' steps go
on, with nothing caught: the next polls have to be stored at once, and all that waits has to leave.

Noticed means: what comes out is what went in, and a reading that does not come out leaves a hole in
the numbers, which are never given twice. Explained: it is parked as damaged, or counted as
unreadable, too. Counts and gaps that the server has otherwise than without the flip are noticed if
a row was set aside, or the file moved aside.
"""

import argparse
import contextlib
import io
import logging
import random
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from edge_lib import commands
from edge_lib.best_effort import BestEffort
from edge_lib.doctor import machine
from edge_lib.spool import file as spool_file
from edge_lib.spool.errors import SpoolError
from tests.chaos.crash_points import FAST
from tests.support.edge_env import edge_env
from tests.support.edge_world import PRESENT, UNSURE, Kept, World, furnish
from tests.support.spooling import read_of, write_of

PLACES = ("rows", "live", "file", "wal")
TABLES = ("samples", "queue", "delivered", "parked", "boots", "reports", "gaps", "meta")
TABLES += tuple(f"p1_{table}" for table in TABLES if table != "meta")
TABLES += ("sqlite_sequence", "damaged")
LEAF, INTERIOR = 0x0D, 0x05
STRANGE = "INSERT INTO reports (boot, slot_us, content) VALUES ('b', 900000000, '[]')"

Key = tuple[str, str, int]  # kind, boot, number


class Outcome(NamedTuple):
    """What one flip did: readings that came out as they went in, altered ones, what was said."""

    whole: int
    altered: int = 0
    explained: int = 0
    counts_unnoticed: int = 0  # reports and gaps
    numbers_again: bool = False
    refused: bool = False  # the service does not start
    held_up: bool = False  # a poll after it was not stored at once
    stuck: bool = False  # something waits for ever
    raised: bool = False
    set_aside: bool = False
    aside: bool = False


class Stuck(Exception):
    """What waits does not leave."""


class Source(NamedTuple):
    """A filled spool at rest, the house around it, and what comes of it without any flip."""

    folder: Path
    world: World
    last_seqs: dict[str, int]
    sent: dict[Key, dict]
    books: dict


@contextlib.contextmanager
def bare() -> Iterator[None]:
    """Let what fails alone not fail alone: an exception is one."""
    run = BestEffort.run
    BestEffort.run = lambda *args, **_: args[2]()
    try:
        yield
    finally:
        BestEffort.run = run


def filled(folder: Path, rows: int, in_log: bool) -> Source:
    """Fill a spool, with ``rows`` more readings than it needs; ``in_log``: all in the log."""
    folder.mkdir()
    live = folder / "live" / "spool.db"
    live.parent.mkdir()
    pages, spool_file.CHECKPOINT_PAGES = spool_file.CHECKPOINT_PAGES, 1 << 20 if in_log else 2000
    world = World(live, has_p1=True)
    furnish(world)
    write_of(world.edge.spool, lambda db: db.execute(STRANGE))
    world.edge.spool.salvage()
    world.poll(rows)
    last_seqs = {"sample": world.edge.poller.seq, "p1": world.edge.p1.seq}
    if not in_log:
        world.stop()
    for file in live.parent.iterdir():
        if file.name in ("spool.db", "spool.db-wal", "health.json"):
            shutil.copy(file, folder)
    if in_log:
        world.stop()
    spool_file.CHECKPOINT_PAGES = pages
    shutil.rmtree(live.parent)
    (folder / "spool.db.lock").touch()  # ours, as after every start
    source = Source(folder, world, last_seqs, {}, {})
    again = revived(source, folder.with_name("untouched"))
    again.start()
    again.poll(2)
    goes_on(again)
    assert again.state()["damaged_count"] == 1, "the one of the beginning"
    again.stop()
    return source._replace(sent=sent(again), books=books(again))


def revived(source: Source, folder: Path) -> World:
    """Return the house again, on a copy of its spool."""
    folder.mkdir()
    for file in source.folder.iterdir():
        shutil.copy(file, folder)
    world = World(folder / "spool.db", has_p1=True)
    vars(world.clock).update(vars(source.world.clock))
    world.inverter.polls = source.world.inverter.polls
    world.meter.good = source.world.meter.good
    world.server.copy(source.world.server)
    world.server.p1.copy(source.world.server.p1)
    return world


def goes_on(world: World) -> bool:
    """Poll and upload until nothing waits; True: a poll was held up."""
    held_up = False
    for _ in range(3):
        world.poll()
        held_up = held_up or world.edge.spool.figures()["ring_count"] > 0
    for _ in range(2):
        try:
            world.drain()
        except AssertionError as error:
            raise Stuck(str(error)) from error
        world.clock.passed_s += 61  # so that the running counts travel, too
        world.poll()
    return held_up


def sent(world: World) -> dict[Key, dict]:
    """Return what the server has; of a boot whose times are estimated, without these."""
    found = {}
    for name, server in kept(world).items():
        for sample in server.samples.values():
            loose = {"ts": None} if sample["boot"] == UNSURE else {}
            found[name, sample["boot"], sample["seq"]] = sample | loose
    return found


def kept(world: World) -> dict[str, Kept]:
    return {"sample": world.server, "p1": world.server.p1}


def books(world: World) -> dict:
    found = {}
    for name, server in kept(world).items():
        for key, report in server.reports.items():
            found[name, *key] = (report["polled"], tuple(report["failed"].items()))
        for key, gap in server.gaps.items():
            found[name, *key] = (gap["to_ts"], gap["count"])
    return found


def commands_work(world: World) -> None:
    """Do what the commands do with a spool at rest: each works, or says what is wrong."""
    env = edge_env(world.path.parent, Path("/nowhere"))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert list(machine.spool(env, world.clock.now()))
        assert commands.status(env, as_json=True) in (0, 1)
        assert commands.parked(env, True, []) in (0, 1)
        assert commands.backup(env, world.path.with_name("copy.db")) in (0, 1)


def outcome(source: Source, folder: Path, place: str, dice: random.Random) -> Outcome:
    """Flip one bit in a copy, let the service go on, and compare with the untouched copy."""
    world = revived(source, folder)
    try:
        if place == "live":
            world.start()
            world.poll(2)
            flip_live(world, dice)
        else:
            flip_at_rest(world.path, place, dice)
            try:
                world.start()
            except SpoolError:
                return Outcome(0, refused=True)
            world.poll(2)
        held_up = goes_on(world)
        state = world.edge.spool.figures()
        world.stop()
        commands_work(world)
    except Stuck:
        return Outcome(0, stuck=True)
    except Exception:  # noqa: BLE001  whatever it is, it is what must not be
        traceback.print_exc()
        return Outcome(0, raised=True)
    return compared(source, world, state, held_up)


def compared(source: Source, world: World, state: dict, held_up: bool) -> Outcome:
    """Say what the flip did."""
    old = {key: sample for key, sample in source.sent.items() if key not in new_keys(source)}
    found, aside = sent(world), any(world.path.parent.glob("spool.corrupt-*"))
    set_aside = state["damaged_count"] > 1
    whole = sum(found.get(key) == sample for key, sample in old.items())
    altered = sum(key in found and found[key] != sample for key, sample in old.items())
    numbers = new_numbers(source, world)
    differing = sum(books(world).get(key) != counts for key, counts in source.books.items())
    all_parked = [one for server in kept(world).values() for one in server.parked.values()]
    parked = sum(one["reason"] in ("checksum", "missing") for one in all_parked)
    noticed = set_aside or aside or parked
    return Outcome(
        whole,
        altered,
        parked + state["unreadable_count"],
        0 if noticed else differing,
        any(min(numbers[name]) <= last for name, last in source.last_seqs.items()),
        held_up=held_up,
        set_aside=set_aside,
        aside=aside,
    )


def new_keys(source: Source) -> set[Key]:
    last = source.last_seqs
    return {key for key in source.sent if key[1] == PRESENT and key[2] > last[key[0]]}


def new_numbers(source: Source, world: World) -> dict[str, list[int]]:
    """Return the numbers of those that were polled after the flip."""
    polls = {
        "samples": ("pv_power_w", source.world.inverter.polls, world.inverter.polls),
        "p1_samples": ("power_w", source.world.meter.good, world.meter.good),
    }
    found = []
    for name, (value, before, now) in polls.items():
        powers = {n % 5000 for n in range(before + 1, now + 1)}
        rows = (one for batch in world.server.batches for one in batch.get(name, ()))
        found.append(
            [one["seq"] for one in rows if one[value] in powers and one["boot"] == PRESENT]
        )
    return {"sample": found[0], "p1": found[1]}


# Where a bit is flipped


def flip_at_rest(path: Path, place: str, dice: random.Random) -> None:
    if place == "rows":
        flip(path, *in_a_row(path, dice))
        return
    target = Path(f"{path}-wal") if place == "wal" else path
    flip(target, dice.randrange(target.stat().st_size), dice.randrange(8))


def flip_live(world: World, dice: random.Random) -> None:
    """Flip a bit in the file's rows or in the log; let SQLite forget the pages that it knows."""
    in_log = dice.random() < 0.5
    if in_log:
        log = Path(f"{world.path}-wal")
        flip(log, dice.randrange(32, log.stat().st_size), dice.randrange(8))
    else:
        store = world.edge.spool
        read_of(store, lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
        flip(world.path, *in_a_row(world.path, dice))
    read_of(world.edge.spool, lambda db: db.execute("PRAGMA shrink_memory").fetchall())


def in_a_row(path: Path, dice: random.Random) -> tuple[int, int]:
    """Choose a table, and a bit of one of its rows."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        size = db.execute("PRAGMA page_size").fetchall()[0][0]
        sql = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        ((root,),) = db.execute(sql, (dice.choice(TABLES),)).fetchall()
    spans = list(_spans(path.read_bytes(), size, root))
    (span,) = dice.choices(spans, [len(span) for span in spans])
    return dice.choice(span), dice.randrange(8)


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


# The sums


class Tally:
    """The sums of one place."""

    WRONG = (
        "altered_unnoticed",
        "missing_unnoticed",
        "counts_unnoticed",
        "numbers_used_again",
        "not_started",
        "held_up",
        "stuck",
        "raised",
    )

    def __init__(self, name: str, rows: int):
        self.name, self.rows = name, rows
        self.sums: Counter[str] = Counter()
        self.least = rows

    def add(self, done: Outcome) -> None:
        gone = done.refused or done.stuck or done.raised
        missing = 0 if gone else self.rows - done.whole
        self.least = self.least if gone else min(self.least, done.whole)
        self.sums.update(
            flips=1,
            harmless=not (missing or done.set_aside or done.aside or gone),
            set_aside=done.set_aside,
            moved_aside=done.aside,
            missing_unexplained=missing > done.explained,
            altered_unnoticed=done.altered,
            missing_unnoticed=missing > 0 and done.numbers_again,
            counts_unnoticed=done.counts_unnoticed > 0,
            numbers_used_again=done.numbers_again,
            not_started=done.refused,
            held_up=done.held_up,
            stuck=done.stuck,
            raised=done.raised,
            others=0 if gone else self.rows - 1,
            others_kept=0 if gone else min(done.whole, self.rows - 1),
        )

    @property
    def share(self) -> float:
        """Return how much of all the other rows was kept."""
        return self.sums["others_kept"] / max(1, self.sums["others"])

    @property
    def wrong(self) -> int:
        """Return how many flips broke a promise."""
        return sum(self.sums[key] for key in self.WRONG)

    def line(self) -> str:
        keys = [key for key in self.sums if not key.startswith("others")]
        numbers = "  ".join(f"{key} {self.sums[key]}" for key in keys)
        kept = f"others kept {100 * self.share:.3f} %, at least {self.least - 1}"
        return f"{self.name:<5} {numbers}  {kept}"


def flips(name: str, rows: int, count: int, seed: int = 1) -> Tally:
    """Flip so many bits at one place, one in each copy; return the sums."""
    dice = random.Random(f"{name} {seed}")
    with tempfile.TemporaryDirectory(dir=FAST if FAST.is_dir() else None) as folder, bare():
        source = filled(Path(folder, "source"), rows, in_log=name == "wal")
        tally = Tally(name, len(source.sent.keys() - new_keys(source)))
        for number in range(count):
            copy = Path(folder, str(number))
            tally.add(outcome(source, copy, name, dice))
            shutil.rmtree(copy)
            if (number + 1) % 500 == 0:
                print(f"  {tally.line()}", flush=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--flips", type=int, default=1000, help="at each place")
    parser.add_argument("--rows", type=int, default=0, help="readings beside the 600 that it needs")
    parser.add_argument("--places", nargs="+", choices=PLACES, default=PLACES)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    start_s, tallies = time.monotonic(), []
    for place in arguments.places:
        tallies.append(flips(place, arguments.rows, arguments.flips, arguments.seed))
    print("\n".join(tally.line() for tally in tallies))
    print(f"{sum(tally.wrong for tally in tallies)} wrong; {time.monotonic() - start_s:.0f} s")
    return int(any(tally.wrong for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
