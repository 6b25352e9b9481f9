"""Power cuts under the spool: what was acknowledged before the cut is there after it.

    .venv/bin/python -m tests.chaos.power_cuts [--rounds 1000] [--mutant NORMAL]

Needs root: an ext4 on a loop device is shut down by ioctl in the middle of the writing, without a
flush of its journal, so that all that is not on the device is gone; then it is mounted anew and the
spool opened by the product. The device itself is honest: it keeps what it was told to flush.

Readings of both kinds go in, in turn, each with numbers of its own. One counts as acknowledged when
it had left the store's memory and the last fdatasync of its commit had returned before the ioctl
began: both moments are read from the same clock, the first one by the preloaded shim. What returns
while the cut is under way is in doubt, and counted apart.
``--mutant NORMAL`` weakens the product (``synchronous=NORMAL``): a harness that reports no loss
then proves nothing.
"""

import argparse
import fcntl
import itertools
import json
import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from edge_lib.clock import Clock
from edge_lib.spool import file as spool_file
from edge_lib.spool.kinds import KINDS
from edge_lib.spool.spool import Spool
from tests.chaos.crash_shim import Action, Control, NoCompiler, compiled
from tests.support.samples import a_sample
from tests.support.spooling import assert_every_sample_is_in_one_state

ROOT = Path(__file__).resolve().parents[2]
FAST = Path("/dev/shm")  # noqa: S108
SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2  # EXT4_IOC_SHUTDOWN. Source: linux/fs/ext4/ext4.h
IMAGE_BYTES = 48 << 20
ROUNDS_OF_A_SPOOL = 25
CHECKPOINT_PAGES = 300  # of 512 bytes: some cuts hit a checkpoint
_pause = threading.Event().wait


class NoPowerCut(Exception):
    """This machine cannot do it; the text says why."""


class Ack(NamedTuple):
    """One reading that ``put`` has returned for; monotonic times of its last fdatasync."""

    kind: str
    seq: int
    entered_ns: int
    returned_ns: int


class Disk:
    """An ext4 whose power can be cut; a context. Mounted in a name space of this process alone."""

    def __init__(self, folder: Path):
        self.image, self.at = folder / "image", folder / "disk"

    def __enter__(self) -> "Disk":
        self.at.mkdir()
        with self.image.open("wb") as image:
            image.truncate(IMAGE_BYTES)
        run("mkfs.ext4", "-q", "-F", str(self.image))
        self.mount()
        return self

    def __exit__(self, *_: object) -> None:
        if os.path.ismount(self.at):
            run("umount", str(self.at))

    def mount(self) -> None:
        run("mount", "-o", "loop", str(self.image), str(self.at))

    def cut(self) -> tuple[int, int]:
        """Cut the power; give when that began and was done (monotonic ns)."""
        root = os.open(self.at, os.O_RDONLY)
        began_ns = time.monotonic_ns()
        fcntl.ioctl(root, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        done_ns = time.monotonic_ns()
        os.close(root)
        return began_ns, done_ns

    def start_again(self) -> None:
        run("umount", str(self.at))
        self.mount()


def run(*line: str) -> None:
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoPowerCut(f"{line[0]}: {done.stderr.strip() or done.returncode}")


def spool_at(path: Path) -> Spool:
    """Open the spool by the product's own path."""
    return Spool(path, 7.0, Clock())


def write(path: Path, boot: str, control: Control, pipe: int) -> None:
    """Put, deliver and park until the end of the world; report what has been put."""
    dice = random.Random(boot)
    spool = spool_at(path)
    control.arm(Action.COUNT)
    seqs, waiting = {kind: spool.last_seq(boot, kind) for kind in KINDS}, []
    for kind in itertools.cycle(KINDS):
        seqs[kind] = seq = seqs[kind] + 1
        # A time of its own for every boot and reading.
        spool.put(a_sample(seq, after_s=int(boot, 16) * 2000 + seq, boot=boot), seq, kind)
        waiting.append((kind.name, seq))
        if not len(spool._attempts.buffer):
            entered, returned, _ = control.last_sync()
            lines = [json.dumps([*stored, entered, returned]) + "\n" for stored in waiting]
            os.write(pipe, "".join(lines).encode())
            waiting.clear()
        if seq % 12 == 0:
            rows = spool.oldest(60 if dice.random() < 0.1 else 12, kind)
            spool.delivered([row.id for row in rows[1:]], kind)
            if rows and dice.random() < 0.2:
                spool.park({rows[0].id: "refused"}, kind)


def forked_writer(path: Path, boot: str, control: Control) -> tuple[int, int]:
    """Start a writer; return its process and the pipe's reading end."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # its last words are of a dying disk
            write(path, boot, control, writing)
        finally:
            os._exit(1)
    os.close(writing)
    return child, reading


def one_cut(disk: Disk, path: Path, boot: str, control: Control, after_s: float):
    """Write, cut the power, kill the writer; return its reports and the ioctl's times."""
    child, reading = forked_writer(path, boot, control)
    with os.fdopen(reading) as pipe:
        first = pipe.readline()
        _pause(after_s)
        cut_ns = disk.cut()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        lines = [first, *pipe]
    return [Ack(*json.loads(line)) for line in lines if line.endswith("\n")], cut_ns


def kept(path: Path) -> dict[str, set[tuple[str, int]]]:
    """Open the spool as the product does, and give every boot's kinds and numbers that it holds."""
    spool_at(path).close()
    assert not list(path.parent.glob("spool.corrupt-*")), "a power cut passed for damage"
    found: dict[str, set[tuple[str, int]]] = {}
    for kind in KINDS:
        assert_every_sample_is_in_one_state(path, kind)
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            sql = kind.sql("SELECT boot, seq FROM samples UNION SELECT boot, seq FROM parked")
            for boot, seq in db.execute(sql).fetchall():
                found.setdefault(boot, set()).add((kind.name, seq))
    return found


class Tally:
    """The sums of all rounds."""

    def __init__(self) -> None:
        self.sums: Counter[str] = Counter()
        self.worst = 0

    def add(self, acks: list[Ack], cut_ns: tuple[int, int], found: set) -> None:
        before = [ack for ack in acks if ack.returned_ns < cut_ns[0]]
        during = [ack for ack in acks if ack.returned_ns >= cut_ns[0]]
        lost = [ack for ack in before if ack[:2] not in found]
        doubtful = [ack for ack in during if ack[:2] not in found]
        self.worst = max(self.worst, len(lost))
        self.sums += Counter(
            rounds=1,
            acknowledged=len(before),
            lost=len(lost),
            rounds_with_loss=bool(lost),
            in_doubt=len(during),
            in_doubt_gone=len(doubtful),
            # Entered before the ioctl began, and answered with success for what is gone.
            in_doubt_gone_in_flight=sum(ack.entered_ns < cut_ns[0] for ack in doubtful),
            in_doubt_gone_after=sum(ack.entered_ns > cut_ns[1] for ack in doubtful),
        )

    def line(self) -> str:
        return "  ".join(f"{k} {self.sums[k]}" for k in KEYS) + f"  worst {self.worst}"


KEYS = (
    *("rounds", "acknowledged", "lost", "rounds_with_loss", "in_doubt", "in_doubt_gone"),
    *("in_doubt_gone_in_flight", "in_doubt_gone_after"),
)


def cuts(folder: Path, rounds: int, seed: int) -> Tally:
    """Cut the power so many times; return the sums."""
    tally, dice = Tally(), random.Random(seed)
    control = Control(folder / "control")
    with Disk(folder) as disk:
        control.attach(disk.at)
        path, all_before = disk.at / "spool.db", {}
        for number in range(1, rounds + 1):
            if number % ROUNDS_OF_A_SPOOL == 1:
                for file in disk.at.glob("spool.db*"):
                    file.unlink()
                all_before = {}
            boot = f"{number:032x}"
            acks, cut_ns = one_cut(disk, path, boot, control, dice.uniform(0, 0.08))
            disk.start_again()
            found = kept(path)
            tally.add(acks, cut_ns, found.get(boot, set()))
            tally.sums["lost"] += sum(
                len(seqs - found.get(boot, set())) for boot, seqs in all_before.items()
            )
            all_before = found
            if number % 50 == 0:
                print(f"  {tally.line()}", flush=True)
    return tally


@contextmanager
def weakened(mutant: str | None):
    """Weaken the product; None: not."""
    real = spool_file.connect

    def connect(path: Path):
        db = real(path)
        db.execute(f"PRAGMA synchronous = {mutant}")
        return db

    spool_file.CHECKPOINT_PAGES = CHECKPOINT_PAGES
    if mutant:
        spool_file.connect = connect
    try:
        yield
    finally:
        spool_file.connect = real


def why_not() -> str | None:
    """Say why this machine cannot do it; None if it can."""
    if os.geteuid():
        return "only root can mount"
    missing = [tool for tool in ("mkfs.ext4", "mount", "unshare") if not shutil.which(tool)]
    if missing:
        return f"{', '.join(missing)}: not installed"
    refused = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return "a name space of its own is refused" if refused.returncode else None


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=["NORMAL", "OFF"])
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Start this file again with the shim, in a mount name space of its own."""
    arguments = parsed()
    if arguments.inside:
        return inside(arguments)
    if reason := why_not():
        print(f"skipped: {reason}")
        return 0
    with tempfile.TemporaryDirectory(dir=FAST if FAST.is_dir() else None) as folder:
        try:
            library = compiled("calls", Path(folder))
        except NoCompiler as error:
            print(f"skipped: {error}")
            return 0
        line = ["unshare", "--mount", sys.executable, "-m", "tests.chaos.power_cuts"]
        env = {**os.environ, "LD_PRELOAD": str(library)}
        return subprocess.run(
            [*line, *sys.argv[1:], "--inside", folder], env=env, cwd=ROOT, check=False
        ).returncode


def inside(arguments: argparse.Namespace) -> int:
    os.environ.pop("LD_PRELOAD")  # not for mount
    try:
        with weakened(arguments.mutant):
            tally = cuts(arguments.inside, arguments.rounds, arguments.seed)
    except NoPowerCut as error:
        print(f"skipped: {error}")
        return 0
    print(tally.line())
    return int(bool(tally.sums["lost"]))


if __name__ == "__main__":
    sys.exit(main())
