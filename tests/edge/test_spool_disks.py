"""The spool on disks that are full, broken, read-only: no reading lost, none out of order."""

import gzip
import json
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from edge_lib import health
from edge_lib.config import UploadConfig
from edge_lib.shared.timestamps import format_ts
from edge_lib.spool import file as spool_file
from edge_lib.spool import memory_buffer
from edge_lib.spool.attempts import CHUNK
from edge_lib.spool.database import Database
from edge_lib.spool.errors import SpoolBusy, SpoolDamaged, SpoolError, SpoolFailing
from edge_lib.spool.gaps import Gap
from edge_lib.spool.kinds import SAMPLES
from edge_lib.spool.memory_buffer import MemoryBuffer
from edge_lib.spool.readings import of_sample
from edge_lib.spool.rows import Row
from edge_lib.spool.spool import Spool
from edge_lib.upload.https import Answer
from edge_lib.upload.uploader import Uploader
from tests.support.clocks import BOOT, START, FakeClock
from tests.support.disks import fill_up, not_ours, nothing_can_be_written, remount, small_disk
from tests.support.samples import a_sample
from tests.support.spooling import S, ask, database, ids, put, seqs, us


@pytest.fixture
def clock():
    return FakeClock(passed_s=100_000.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool.db"


@pytest.fixture
def store(path, clock):
    one = Spool(path, 7, clock)
    yield one
    one.close()


def drain(store, clock, n=500):
    """Deliver all that is offered; return the numbers in their order."""
    sent = []
    while rows := store.oldest(n):
        sent += seqs(rows)
        store.delivered(ids(rows))
        clock.passed_s += 5
    return sent


def state(store):
    return store.figures()["spool_state"]


def waiting(store):
    return store.figures()["ring_count"]


def put_until(store, clock, wanted, first=1):
    """Put readings until the store is in a state; return the next number."""
    for seq in range(first, first + 100_000):
        if state(store) == wanted:
            return seq
        put(store, seq)
        clock.passed_s += 5
    raise AssertionError(f"never {wanted}")


# A disk that works


def test_a_store_is_a_spool_to_both_threads(path, store, clock):
    assert store.put(a_sample(1), 5 * S) == a_sample(1)
    put(store, 2)
    put(store, 3, ts_src=2)
    store.park_words({5017: 1}, "why", START, BOOT, 4, 20 * S, 0)
    assert store.last_seq(BOOT) == 4
    assert store.retime(BOOT, us(START)) == 1
    assert seqs(store.newest(1)) == [3]
    store.park({ids(store.oldest(1))[0]: "refused"})
    assert [entry["seq"] for entry in store.unreported_parked(9)] == [4, 1]
    store.parked_reported([1])
    assert [entry["seq"] for entry in store.unreported_parked(9)] == [1]
    assert drain(store, clock) == [2, 3]
    figures = store.figures()
    assert (figures["spool_count"], figures["parked_count"], figures["ring_count"]) == (0, 2, 0)
    assert (figures["spool_state"], figures["unsalvaged_spools"]) == ("ok", 0)
    assert health.complaints(healthy(figures, clock), clock.now()) == []


def healthy(figures, clock):
    now = format_ts(clock.now())
    return {**figures, "last_poll_ts": now, "clock_synced": True, "oldest_unsent_ts": None}


def test_a_time_that_the_spool_holds_moves_and_the_caller_hears_of_it(store):
    put(store, 1, after_s=0)
    assert put(store, 2, after_s=0)["ts"].endswith("00.000001Z")


def test_only_one_process_at_a_time_even_while_its_disk_fails(path, store, clock):
    with nothing_can_be_written():
        put(store, 1)
        assert state(store) == "failing"
    with pytest.raises(SpoolBusy):
        Spool(path, 7, clock)


def test_while_the_disk_works_no_reading_enters_memory(store, clock, monkeypatch):
    entered = []
    monkeypatch.setattr(MemoryBuffer, "add", lambda _, reading: entered.append(reading))
    for seq in range(1, 6):
        put(store, seq)
    store.park_words({5017: 1}, "why", START, BOOT, 6, 30 * S, 0)
    assert entered == []
    assert drain(store, clock) == [1, 2, 3, 4, 5]


# Full


def test_a_full_disk_drains_and_everything_arrives_in_order_once_it_is_freed(tmp_path, clock):
    with small_disk(tmp_path / "disk", "16m") as disk:
        store = Spool(disk / "spool.db", 7, clock)
        assert (disk / "spool.db.ballast").stat().st_size == 4 << 20
        put(store, 1)
        filler = fill_up(disk)
        last = put_until(store, clock, "full", first=2) + 20
        for seq in range(last - 20, last):
            put(store, seq)
        assert not (disk / "spool.db.ballast").exists()
        assert waiting(store) == 21
        [complaint] = health.complaints(healthy(store.figures(), clock), clock.now())
        assert "the spool is full" in complaint
        sent = drain(store, clock, n=100)
        assert sent == list(range(1, len(sent) + 1))
        assert len(sent) >= last - 22
        filler.unlink()
        put(store, last)
        assert (state(store), waiting(store)) == ("ok", 0)
        assert (disk / "spool.db.ballast").exists()
        assert sent + drain(store, clock) == list(range(1, last + 1))
        store.close()


def test_without_a_ballast_receipts_wait_in_memory_until_there_is_room(tmp_path, clock):
    with small_disk(tmp_path / "disk", "4m") as disk:
        store = Spool(disk / "spool.db", 7, clock)
        assert not (disk / "spool.db.ballast").exists()
        filler = fill_up(disk)
        last = put_until(store, clock, "full")
        sent = drain(store, clock, n=100)
        assert sent[: last - 2] == list(range(1, last - 1))
        filler.unlink()
        for seq in range(last, last + 3):
            put(store, seq)
            clock.passed_s += 5
        assert sent + drain(store, clock) == list(range(1, last + 3))
        store.close()


def test_a_service_starts_on_a_full_disk_and_delivers(tmp_path, clock):
    with small_disk(tmp_path / "disk", "8m") as disk:
        with Spool.strict(disk / "spool.db") as spool:
            for seq in range(1, 101):
                put(spool, seq)
        filler = fill_up(disk)
        store = Spool(disk / "spool.db", 7, clock)
        put(store, store.last_seq(BOOT) + 1)
        sent = drain(store, clock)
        filler.unlink()
        clock.passed_s += 5
        put(store, 30_000)
        sent += drain(store, clock)
        assert sent[:100] == list(range(1, 101))
        assert len(sent) == 102
        store.close()


def test_at_the_soft_limit_what_was_delivered_makes_room(path, clock, monkeypatch):
    monkeypatch.setattr(spool_file, "LIMIT_BYTES", 400_000)
    store = Spool(path, 7, clock)
    sent, seq = [], 0
    for _ in range(4):
        for _ in range(300):
            seq += 1
            put(store, seq)
        sent += drain(store, clock)
    assert sent == list(range(1, seq + 1))
    assert path.stat().st_size <= 400_000
    assert any("of at most" in c for c in health.complaints(healthy(store.figures(), clock), START))
    store.close()


def test_at_the_soft_limit_a_backlog_drains_and_nothing_is_lost(path, clock, monkeypatch):
    monkeypatch.setattr(spool_file, "LIMIT_BYTES", 200_000)
    store = Spool(path, 7, clock)
    last = put_until(store, clock, "full")
    for seq in range(last, last + 50):
        put(store, seq)
    assert waiting(store) == 51
    sent = drain(store, clock, n=60)
    for seq in range(last + 50, last + 60):
        put(store, seq)
        clock.passed_s += 5
    assert sent + drain(store, clock) == list(range(1, last + 60))
    store.close()


# Failing


def test_io_errors_send_readings_to_memory_and_receipts_too(path, store, clock):
    for seq in range(1, 101):
        put(store, seq)
    with nothing_can_be_written():
        for seq in range(101, 111):
            put(store, seq)
            clock.passed_s += 5
        assert (state(store), waiting(store)) == ("failing", 10)
        assert drain(store, clock) == list(range(1, 101))
        [complaint] = health.complaints(healthy(store.figures(), clock), clock.now())
        assert "the spool's disk fails: 10 readings wait in memory" in complaint
    put(store, 111)
    assert (state(store), waiting(store)) == ("ok", 0)
    assert drain(store, clock) == list(range(101, 112))
    store.close()
    assert ask(path, "SELECT count(*) FROM queue") == [(0,)]
    assert [file.name for file in path.parent.glob("*corrupt*")] == []


def test_polls_that_are_no_samples_wait_in_memory_too(store):
    with nothing_can_be_written():
        put(store, 1)
        store.park_words({5017: 1}, "why", START, BOOT, 2, 10 * S, 0)
    put(store, 3)
    assert seqs(store.oldest(9)) == [1, 3]
    assert [entry["seq"] for entry in store.unreported_parked(9)] == [2]


def test_the_upload_thread_mends_the_spool_while_no_poll_succeeds(store, clock):
    with nothing_can_be_written():
        put(store, 1)
    assert store.oldest(9) == []
    clock.passed_s += 5
    assert seqs(store.oldest(9)) == [1]


def test_a_path_that_no_disk_can_have_is_a_wrong_setting(tmp_path, clock):
    with pytest.raises(SpoolError, match="SPOOL_PATH") as raised:
        Spool(tmp_path / f"{'x' * 300}.db", 7, clock)
    assert type(raised.value) is SpoolError


def test_what_cannot_be_parked_now_is_said(store):
    put(store, 1)
    [row] = store.oldest(1)
    with nothing_can_be_written(), pytest.raises(SpoolError):
        store.park({row.id: "refused"})
    put(store, 2)
    assert seqs(store.oldest(9)) == [1, 2]


def test_from_a_read_only_disk_the_backlog_is_uploaded(tmp_path, clock):
    with small_disk(tmp_path / "disk", "16m") as disk:
        path = disk / "spool.db"
        with Spool.strict(path) as spool:
            for seq in range(1, 101):
                put(spool, seq)
        remount(disk, "ro")
        store = Spool(path, 7, clock)
        assert store.last_seq(BOOT) == 100
        put(store, 101)
        assert (state(store), waiting(store)) == ("failing", 1)
        assert drain(store, clock) == list(range(1, 101))
        put(store, 102)
        assert store.oldest(9) == []
        remount(disk, "rw")
        put(store, 103)
        assert (state(store), waiting(store)) == ("ok", 0)
        assert drain(store, clock) == [101, 102, 103]
        store.close()
        assert ask(path, "SELECT count(*) FROM queue") == [(0,)]


def test_a_read_only_disk_without_a_spool_does_not_keep_the_polls_from_starting(tmp_path, clock):
    with small_disk(tmp_path / "disk", "16m") as disk:
        remount(disk, "ro")
        store = Spool(disk / "spool.db", 7, clock)
        first = store.last_seq(BOOT) + 1
        put(store, first)
        remount(disk, "rw")
        put(store, first + 1)
        assert drain(store, clock) == [first, first + 1]
        store.close()


def test_a_disk_that_fails_just_when_the_last_number_is_asked_for_gives_none_twice(
    path, clock, monkeypatch
):
    with Spool.strict(path) as spool:
        for seq in range(1, 6):
            put(spool, seq)
    store, real = Spool(path, 7, clock), Database.last_seq

    def fails_once(*_):
        monkeypatch.setattr(Database, "last_seq", real)
        raise SpoolFailing("just now")

    monkeypatch.setattr(Database, "last_seq", fails_once)
    assert store.last_seq(BOOT) >= 5
    put(store, store.last_seq(BOOT) + 1)
    assert len({row.sample["seq"] for row in store.oldest(99)}) == 6
    store.close()


def test_readings_that_no_disk_ever_took_are_lost_aloud(path, clock, caplog):
    store = Spool(path, 7, clock)
    with nothing_can_be_written():
        put(store, 1)
        put(store, 2)
        store.close()
    [record] = [r for r in caplog.records if r.message == "readings in memory are lost"]
    assert record.count == 2


@pytest.mark.parametrize("part", ["", "-wal", "-shm"])
def test_files_of_another_owner_are_named(clock, part):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spool.db")
        Path(folder).chmod(0o777)
        with Spool.strict(path) as spool:
            put(spool, 1)
            copies = [(file, file.read_bytes()) for file in Path(folder).iterdir()]
        for file, content in copies:
            file.write_bytes(content)
            file.chmod(0o666)
        file = Path(f"{path}{part}")
        with not_ours(file), pytest.raises(SpoolError, match=rf"{file}: .*chown \d+ it"):
            Spool(path, 7, clock)
        store = Spool(path, 7, clock)
        assert seqs(store.oldest(9)) == [1]
        store.close()


@pytest.mark.parametrize("parts", [("-wal",), ("-shm",), ("-wal", "-shm")])
def test_a_log_deleted_under_the_running_service_takes_nothing_along(path, store, parts):
    for seq in range(1, 51):
        put(store, seq)
    for part in parts:
        Path(f"{path}{part}").unlink()
    put(store, 51)
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    shutil.copy(f"{path}-wal", f"{copy}-wal")
    with Spool.strict(copy) as spool:  # as after a power cut now
        assert seqs(spool.oldest(99)) == list(range(1, 52))
    assert seqs(store.oldest(99)) == list(range(1, 52))


# For a command


def test_a_command_is_told_of_trouble_and_nothing_of_it_waits_in_memory(path):
    with Spool.strict(path) as spool:
        put(spool, 1)
        with nothing_can_be_written():
            with pytest.raises(SpoolFailing):
                put(spool, 2)
            with pytest.raises(SpoolFailing):
                spool.note_meter("A1")
        assert spool.figures()["ring_count"] == 0
        assert seqs(spool.oldest(9)) == [1]


def test_a_command_leaves_a_damaged_spool_where_it_is(path):
    with Spool.strict(path) as spool:
        put(spool, 1)
    path.write_bytes(path.read_bytes()[:512] + b"\xff" * 4096)
    damaged = path.read_bytes()
    with pytest.raises(SpoolDamaged):
        Spool.strict(path)
    assert path.read_bytes() == damaged
    assert not list(path.parent.glob("*corrupt*"))


# Memory


class Telegram(NamedTuple):
    """A reading of a kind that the spool has never heard of, with a table of its own."""

    row: Row
    number: int

    def insert(self, db):
        db.execute("CREATE TABLE IF NOT EXISTS telegrams (id INTEGER PRIMARY KEY, number INTEGER)")
        db.execute("INSERT INTO telegrams (number) VALUES (?)", (self.number,))


def test_another_kind_of_reading_is_kept_like_the_others_and_in_their_order(store, path):
    at = a_reading(1).row
    store._attempts.put(Telegram(at, 1))
    with nothing_can_be_written():
        put(store, 1)
        store._attempts.put(Telegram(at, 2))
        store._attempts.put(Telegram(at, 3))
        assert waiting(store) == 3
    put(store, 2)
    assert ask(path, "SELECT number FROM telegrams ORDER BY id") == [(1,), (2,), (3,)]
    assert seqs(store.oldest(9)) == [1, 2]


def a_reading(seq):
    return of_sample(a_sample(seq), 5 * seq * S)


def test_a_full_memory_is_thinned_and_what_went_is_counted():
    full = MemoryBuffer(most=6)
    thinned = [full.add(a_reading(seq)) for seq in range(1, 12)]
    assert thinned == [False] * 6 + [True] + [False] * 2 + [True] + [False]
    assert [one.row.seq for one in full.first(9)] == [1, 5, 8, 10, 11]
    assert full.gaps == {SAMPLES: Gap(us(START) + 10 * S, us(START) + 45 * S, 6)}


def test_what_was_thinned_is_a_gap_record_in_the_spool(path, clock, monkeypatch):
    monkeypatch.setattr("edge_lib.spool.attempts.MemoryBuffer", lambda: MemoryBuffer(most=10))
    store = Spool(path, 7, clock)
    with nothing_can_be_written():
        for seq in range(1, 31):
            put(store, seq)
        assert store.figures()["thinned_count"] == 20
    put(store, 31)
    kept = drain(store, clock)
    assert (kept[0], kept[-1]) == (1, 31)
    assert kept == sorted(kept)
    [gap] = store.unreported_gaps(9)
    assert len(kept) + gap["count"] == 31
    assert gap["cause"] == "thinned"
    assert store.figures()["thinned_count"] == gap["count"]
    store.gaps_reported([gap["id"]])
    assert store.unreported_gaps(9) == []
    store.close()


def test_gaps_that_touch_become_one_unless_the_server_knows_the_first(path):
    with Spool.strict(path) as spool:
        database(spool).put([a_reading(1)], {SAMPLES: Gap(100, 200, 3)})
        database(spool).put([a_reading(2)], {SAMPLES: Gap(150, 300, 2)})
        database(spool).put([a_reading(3)], {SAMPLES: Gap(400, 500, 1)})
        found = [(gap["id"], gap["count"]) for gap in spool.unreported_gaps(9)]
        assert [count for _, count in found] == [5, 1]
        spool.gaps_reported([gap for gap, _ in found])
        database(spool).put([a_reading(4)], {SAMPLES: Gap(450, 600, 1)})
        assert [gap["count"] for gap in spool.unreported_gaps(9)] == [1]


@pytest.mark.slow
def test_hours_of_readings_go_back_in_a_few_commits(store, monkeypatch):
    commits = []
    put_in = Database.put
    monkeypatch.setattr(
        Database, "put", lambda *args: commits.append(len(args[1])) or put_in(*args)
    )
    with nothing_can_be_written():
        for seq in range(1, 1201):
            put(store, seq)
    commits.clear()
    put(store, 1201)
    assert commits == [CHUNK, CHUNK, 201]
    assert seqs(store.oldest(9999)) == list(range(1, 1202))


def test_the_memory_holds_four_hours_of_polls():
    assert memory_buffer.MOST * 5 == 4 * 3600


class Server:
    """Answers each batch as told, and remembers them."""

    def __init__(self):
        self.batches, self.status = [], 200

    def post(self, _path, body, _headers, _meanwhile):
        batch = json.loads(gzip.decompress(body))
        self.batches.append(batch)
        counts = {"inserted": len(batch["samples"]), "duplicates": 0, "conflicts": []}
        content = {"batch_id": batch["batch_id"], **counts}
        return Answer(self.status, {}, json.dumps(content).encode())


def test_gaps_are_sent_until_a_200_acknowledges_them(path, clock):
    server = Server()
    with Spool.strict(path) as spool:
        database(spool).put([a_reading(1)], {SAMPLES: Gap(us(START), us(START) + 60 * S, 7)})
        config = UploadConfig("https://x", "t", None, 10.0, 500, 300.0)
        uploader = Uploader(config, spool, clock, client=server)
        server.status = 503
        uploader.upload_once()
        server.status = 200
        for _ in range(3):
            uploader.upload_once()
    gap = {"from_ts": format_ts(START), "to_ts": format_ts(START + timedelta(minutes=1))}
    assert [batch.get("gaps") for batch in server.batches] == [
        [gap | {"cause": "thinned", "count": 7}]
    ] * 2
