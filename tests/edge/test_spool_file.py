"""The spool's file: kills, threads, other files, and how large it gets."""

import os
import select
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge_lib.spool.errors import SpoolBusy, SpoolError
from edge_lib.spool.spool import Spool
from tests.support.clocks import BOOT
from tests.support.spooling import (
    ask,
    assert_every_sample_is_in_one_state,
    database,
    deliver_oldest,
    parked_of,
    put,
    seqs,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path):
    with Spool.strict(path) as one:
        yield one


# The file


def test_a_commit_survives_a_power_cut_by_these_settings(path, spool):
    pragmas = {
        "journal_mode": "wal",
        "synchronous": 2,
        "auto_vacuum": 2,
        "page_size": 512,
        "journal_size_limit": 1 << 20,
        "busy_timeout": 5000,
        "user_version": 3,
    }
    assert {
        name: database(spool)._db.execute(f"PRAGMA {name}").fetchall()[0][0] for name in pragmas
    } == pragmas


def test_nobody_else_may_read_the_file(path, spool):
    put(spool, 1)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == [
        "spool.db",
        "spool.db-shm",
        "spool.db-wal",
        "spool.db.lock",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_second_opener_is_refused_until_the_first_lets_go(path):
    with Spool.strict(path), pytest.raises(SpoolBusy, match="another process"):
        Spool.strict(path)
    Spool.strict(path).close()


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(SpoolError, match=r"SPOOL_PATH: the directory .*nowhere does not exist"):
        Spool.strict(tmp_path / "nowhere" / "spool.db")


@pytest.mark.parametrize("content", [b"not a database, but long enough to look like one" * 30])
def test_a_file_of_something_else_is_refused_and_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(SpoolError, match="SPOOL_PATH"):
        Spool.strict(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(path):
    ask(path, "CREATE TABLE theirs (x)")
    with pytest.raises(SpoolError, match="another program's"):
        Spool.strict(path)


def test_a_spool_of_a_newer_version_is_refused_and_left_alone(path):
    Spool.strict(path).close()
    ask(path, "CREATE TABLE ev_samples (id INTEGER PRIMARY KEY)")
    ask(path, "PRAGMA user_version = 4")
    before = path.read_bytes()
    with pytest.raises(SpoolError, match=r"newer version \(schema 4, this one knows 3\)"):
        Spool.strict(path)
    assert path.read_bytes() == before


def test_a_failure_half_way_leaves_nothing_behind_and_says_so(path, spool):
    put(spool, 1)
    deliver_oldest(spool)
    ask(
        path,
        "CREATE TRIGGER t BEFORE INSERT ON queue BEGIN SELECT raise(ABORT, 'disk on fire'); END",
    )
    with pytest.raises(SpoolError, match="disk on fire") as caught:
        put(spool, 2)
    assert isinstance(caught.value.__cause__, sqlite3.Error)
    ask(path, "DROP TRIGGER t")
    assert spool.last_seq(BOOT) == 1  # a number that is not on disk would be a hole
    assert ask(path, "SELECT seq FROM samples") == [(1,)]
    assert spool.oldest(9) == []  # the receipt was not forgotten over it
    put(spool, 2)
    assert seqs(spool.oldest(9)) == [2]


def test_what_comes_after_closing_is_an_error_of_the_spool(path):
    spool = Spool.strict(path)
    spool.close()
    spool.close()
    with pytest.raises(SpoolError):
        put(spool, 1)
    with pytest.raises(SpoolError):
        spool.oldest(1)


def test_the_wal_stays_small_over_thousands_of_readings(path, spool):
    largest = 0
    for seq in range(1, 4001):
        put(spool, seq)
        if seq % 100 == 0:
            largest = max(largest, path.with_name("spool.db-wal").stat().st_size)
            deliver_oldest(spool, 100)
    assert 500_000 < largest <= 4_000_000


# Threads and kills


def test_two_threads_share_the_spool(path, spool):
    total, sent, failures = 600, [], []
    all_put = threading.Event()

    def upload():
        try:
            while not (all_put.is_set() and spool.counts().depth == 0):
                rows = deliver_oldest(spool, 7)
                sent.extend(seqs(rows))
        except Exception as error:  # noqa: BLE001 - the test must not hang on a dead thread
            failures.append(error)

    thread = threading.Thread(target=upload)
    thread.start()
    for seq in range(1, total + 1):
        put(spool, seq)
    all_put.set()
    thread.join()
    assert failures == []
    assert sent == list(range(1, total + 1))
    put(spool, total + 1)
    assert_every_sample_is_in_one_state(path)


WRITER = """
import os, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
from edge_lib.spool.spool import Spool
from tests.support.clocks import BOOT
from tests.support.spooling import deliver_oldest, put
with Spool.strict(Path({path!r})) as spool:
    seq = spool.last_seq(BOOT)
    while True:
        seq += 1
        put(spool, seq)
        os.write(1, b"%d\\n" % seq)
        if seq % 3 == 0:
            deliver_oldest(spool, 2)
"""


def kill_after(writer, lines):
    """Read so many acknowledged numbers, kill, and read what was acknowledged until then."""
    out, said = writer.stdout.fileno(), b""
    while said.count(b"\n") < lines:
        assert select.select([out], [], [], 60)[0], "the writer hangs"
        chunk = os.read(out, 65536)
        assert chunk, "the writer died"
        said += chunk
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate()
    return [int(line) for line in (said + rest).split(b"\n")[:-1]]


KILLS = 12  # tests/chaos/crash_points.py kills at every single call


def test_a_killed_writer_loses_nothing_that_it_had_acknowledged(path):
    script = WRITER.format(root=str(ROOT), tests=str(ROOT / "tests"), path=str(path))
    acknowledged = []
    for kill in range(KILLS):
        command = [sys.executable, "-c", script]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            acknowledged += kill_after(writer, lines=1 + 3 * kill)
    assert acknowledged == sorted(set(acknowledged))
    with Spool.strict(path) as spool:
        kept = {seq for (seq,) in ask(path, "SELECT seq FROM samples")}
        assert parked_of(spool) == []
    # A reading that was committed but not yet acknowledged may be there too.
    assert set(acknowledged) <= kept == set(range(1, max(kept) + 1))
    assert len(kept) <= len(acknowledged) + KILLS
    assert_every_sample_is_in_one_state(path)
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
