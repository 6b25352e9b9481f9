"""Copies of the spool: whole at any time, and restored without losing or doubling a reading."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from edge_lib import backup as copies
from edge_lib.backup import BackupError, Copied, backup, look, restore
from edge_lib.clock import Clock
from edge_lib.sample import format_ts
from edge_lib.spool import Spool
from edge_lib.store import Store
from tests.test_edge import run, settings

__all__ = ["settings"]

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def sample(seq: int) -> dict:
    return {
        "device_id": "house",
        "ts": format_ts(NOON + timedelta(seconds=5 * seq)),
        "pv_power_w": 1000 + seq,
        "boot": "ab",
        "seq": seq,
        "ts_src": 0,
    }


def fill(spool: Spool | Store, *seqs: int) -> None:
    for seq in seqs:
        spool.put(sample(seq), 5_000_000 * seq)


def seqs_waiting(spool: Spool | Store) -> list[int]:
    return sorted(row.sample["seq"] for row in spool.oldest(100))


def restored(path) -> list[int]:
    """Start the service's spool on it, let it take over what lies there, give what waits."""
    store = Store(path, 7, Clock())
    store.salvage()
    assert store.figures()["unsalvaged_spools"] == 0
    waiting = seqs_waiting(store)
    store.close()
    return waiting


def test_a_copy_of_a_running_spool_is_one_whole_file_for_its_owner_alone(tmp_path):
    target = tmp_path / "away" / "copy.db"
    target.parent.mkdir()
    with Spool(tmp_path / "spool.db") as spool:
        fill(spool, 1, 2, 3)
        spool.delivered([row.id for row in spool.oldest(1)])
        fill(spool, 4)  # the receipt rides in this commit
        assert backup(tmp_path / "spool.db", target) == Copied(readings=4, waiting=3)
        fill(spool, 5)
        assert seqs_waiting(spool) == [2, 3, 4, 5]
    assert [path.name for path in target.parent.iterdir()] == ["copy.db"]
    assert target.stat().st_mode & 0o777 == 0o600
    assert look(target) == Copied(4, 3)


def test_readings_come_back_into_an_empty_spool(tmp_path):
    with Spool(tmp_path / "spool.db") as spool:
        fill(spool, 1, 2, 3)
        spool.delivered([row.id for row in spool.oldest(1)])
    backup(tmp_path / "spool.db", tmp_path / "copy.db")
    (tmp_path / "new").mkdir()
    assert restore(tmp_path / "new" / "spool.db", tmp_path / "copy.db") == Copied(3, 2)
    assert restored(tmp_path / "new" / "spool.db") == [2, 3]


def test_a_restored_copy_adds_what_is_missing_and_doubles_nothing_however_often(tmp_path):
    path = tmp_path / "spool.db"
    with Spool(path) as spool:
        fill(spool, 1, 2)
    backup(path, tmp_path / "copy.db")
    path.unlink()
    with Spool(path) as spool:
        fill(spool, 2, 3)
    for _ in range(2):
        restore(path, tmp_path / "copy.db")
        assert restored(path) == [1, 2, 3]


def test_numbers_go_on_above_those_of_the_copy(tmp_path):
    path, clock = tmp_path / "spool.db", Clock()
    with Spool(path) as spool:
        spool.put(sample(1) | {"boot": clock.boot(), "seq": 9}, 5_000_000)
    backup(path, tmp_path / "copy.db")
    path.unlink()
    restore(path, tmp_path / "copy.db")
    store = Store(path, 7, clock)
    assert store.last_seq(clock.boot()) == 9
    store.close()


def test_no_copy_is_made_where_it_would_fill_the_disk_and_the_old_one_stays(tmp_path, monkeypatch):
    with Spool(tmp_path / "spool.db") as spool:
        fill(spool, 1)
    backup(tmp_path / "spool.db", tmp_path / "copy.db")
    before = (tmp_path / "copy.db").read_bytes()
    monkeypatch.setattr(copies, "LEAVE_FREE_BYTES", 1 << 60)
    with pytest.raises(BackupError, match="MB are needed"):
        backup(tmp_path / "spool.db", tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_bytes() == before
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/", "is no file"),
        ("", "is no file"),
        ("{folder}", "is no file"),
        ("{folder}/usb/copy.db", "/usb does not exist; create it"),
        ("{folder}/spool.db/copy.db", "does not exist; create it"),
    ],
)
def test_what_is_no_place_for_a_copy_is_said_to_be_none(settings, tmp_path, target, words):
    with Spool(tmp_path / "spool.db") as spool:
        fill(spool, 1)
    done = run(settings, "backup", target.format(folder=tmp_path))
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def foreign(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE photos (id)")


@pytest.mark.parametrize(
    "make",
    [
        str,
        lambda path: path.mkdir(),
        lambda path: path.touch(),
        lambda path: path.write_text("no database" * 100),
        foreign,
    ],
    ids=["nothing", "a folder", "an empty file", "a text", "another program's"],
)
def test_what_is_no_copy_is_refused_and_nothing_is_left_behind(tmp_path, make):
    (tmp_path / "lib").mkdir()
    make(tmp_path / "copy.db")
    with pytest.raises(BackupError, match=r"copy\.db is no "):
        restore(tmp_path / "lib" / "spool.db", tmp_path / "copy.db")
    assert not list((tmp_path / "lib").iterdir())


def test_a_damaged_copy_is_refused(tmp_path):
    with Spool(tmp_path / "spool.db") as spool:
        fill(spool, *range(1, 90))
    backup(tmp_path / "spool.db", tmp_path / "copy.db")
    whole = (tmp_path / "copy.db").read_bytes()
    (tmp_path / "copy.db").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackupError, match=r"copy\.db is no copy of a spool"):
        restore(tmp_path / "spool.db", tmp_path / "copy.db")


def test_the_commands_copy_while_the_service_holds_the_spool_and_say_how_many(settings, tmp_path):
    copy = str(tmp_path / "copy.db")
    with Spool(tmp_path / "spool.db") as spool:
        fill(spool, 1, 2)
        made = run(settings, "backup", copy)
        taken = run(settings, "restore", copy)
    assert (made.returncode, made.stdout) == (0, f"{copy}: 2 readings, 2 of them not delivered\n")
    assert (taken.returncode, taken.stderr) == (0, "")
    assert "systemctl restart sungrow-edge" in taken.stdout
    assert len(list(tmp_path.glob("spool.corrupt-restored-*"))) == 1
    missing = run(settings, "restore", str(tmp_path / "nothing.db"))
    assert (missing.returncode, missing.stderr) == (1, f"{tmp_path}/nothing.db is no file\n")


def test_backup_before_the_first_start_says_so(settings, tmp_path):
    done = run(settings, "backup", str(tmp_path / "copy.db"))
    assert done.returncode == 1
    assert "the service has not run yet" in done.stderr
