"""Copies of the spool: whole at any time, and restored without losing or doubling a reading."""

import os
import re
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from edge_lib import commands
from edge_lib.clock import Clock
from edge_lib.spool.readings import of_sample
from edge_lib.spool.recovery import backup as copies
from edge_lib.spool.recovery.backup import BackupError, Copied, backup, check, restore
from edge_lib.spool.spool import Spool
from tests.edge.test_edge import run, settings
from tests.support.disks import remount, small_disk
from tests.support.samples import a_sample

pytestmark = pytest.mark.slow  # each case starts the command or the service

__all__ = ["settings"]


def fill(spool: Spool, *seqs: int) -> None:
    for seq in seqs:
        spool.put(a_sample(seq, pv_power_w=1000 + seq), 5_000_000 * seq)


def seqs_waiting(spool: Spool) -> list[int]:
    return sorted(row.sample["seq"] for row in spool.oldest(100))


def restored(path) -> list[int]:
    """Start the service's spool on it, let it take over what lies there, give what waits."""
    store = Spool(path, 7, Clock())
    store.salvage()
    assert store.figures()["unsalvaged_spools"] == 0
    waiting = seqs_waiting(store)
    store.close()
    return waiting


def test_a_copy_of_a_running_spool_is_one_whole_file_for_its_owner_alone(tmp_path):
    target = tmp_path / "away" / "copy.db"
    target.parent.mkdir()
    with Spool.strict(tmp_path / "spool.db") as spool:
        fill(spool, 1, 2, 3)
        spool.delivered([row.id for row in spool.oldest(1)])
        fill(spool, 4)  # the receipt rides in this commit
        assert backup(tmp_path / "spool.db", target) == Copied(readings=4, waiting=3)
        fill(spool, 5)
        assert seqs_waiting(spool) == [2, 3, 4, 5]
    assert [path.name for path in target.parent.iterdir()] == ["copy.db"]
    assert target.stat().st_mode & 0o777 == 0o600
    assert check(target) == Copied(4, 3)


def test_readings_come_back_into_an_empty_spool(tmp_path, caplog):
    with Spool.strict(tmp_path / "spool.db") as spool:
        fill(spool, 1, 2, 3)
        spool.delivered([row.id for row in spool.oldest(1)])
    backup(tmp_path / "spool.db", tmp_path / "copy.db")
    (tmp_path / "new").mkdir()
    assert restore(tmp_path / "new" / "spool.db", tmp_path / "copy.db") == Copied(3, 2)
    with caplog.at_level("INFO"):
        assert restored(tmp_path / "new" / "spool.db") == [2, 3]
    assert [one.message for one in caplog.records if "spool" in one.message] == [
        "restored spool brought over"
    ]


def test_a_restored_copy_adds_what_is_missing_and_doubles_nothing_however_often(tmp_path):
    path = tmp_path / "spool.db"
    with Spool.strict(path) as spool:
        fill(spool, 1, 2)
    backup(path, tmp_path / "copy.db")
    path.unlink()
    with Spool.strict(path) as spool:
        fill(spool, 2, 3)
    for _ in range(2):
        restore(path, tmp_path / "copy.db")
        assert restored(path) == [1, 2, 3]


def test_numbers_go_on_above_those_of_the_copy(tmp_path):
    path, clock = tmp_path / "spool.db", Clock()
    with Spool.strict(path) as spool:
        spool.put(a_sample(1) | {"boot": clock.boot(), "seq": 9}, 5_000_000)
    backup(path, tmp_path / "copy.db")
    path.unlink()
    restore(path, tmp_path / "copy.db")
    store = Spool(path, 7, clock)
    assert store.last_seq(clock.boot()) == 9
    store.close()


def test_no_copy_is_made_where_it_would_fill_the_disk_and_the_old_one_stays(tmp_path, monkeypatch):
    with Spool.strict(tmp_path / "spool.db") as spool:
        fill(spool, 1)
    backup(tmp_path / "spool.db", tmp_path / "copy.db")
    before = (tmp_path / "copy.db").read_bytes()
    monkeypatch.setattr(copies, "LEAVE_FREE_BYTES", 1 << 60)
    with pytest.raises(BackupError, match="MB are needed"):
        backup(tmp_path / "spool.db", tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_bytes() == before
    assert not list(tmp_path.glob("*.new"))


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
    with pytest.raises(BackupError, match=r"copy\.db is not a "):
        restore(tmp_path / "lib" / "spool.db", tmp_path / "copy.db")
    assert not list((tmp_path / "lib").iterdir())


def test_a_damaged_copy_is_refused(tmp_path):
    with Spool.strict(tmp_path / "spool.db") as spool:
        fill(spool, *range(1, 90))
    backup(tmp_path / "spool.db", tmp_path / "copy.db")
    whole = (tmp_path / "copy.db").read_bytes()
    (tmp_path / "copy.db").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackupError, match=r"copy\.db is not a copy of a spool"):
        restore(tmp_path / "spool.db", tmp_path / "copy.db")


def test_the_commands_copy_while_the_service_holds_the_spool_and_say_how_many(settings, tmp_path):
    copy = str(tmp_path / "copy.db")
    with Spool.strict(tmp_path / "spool.db") as spool:
        fill(spool, 1, 2)
        made = run(settings, "backup", copy)
        taken = run(settings, "restore", copy)
    assert (made.returncode, made.stdout) == (0, f"{copy}: 2 readings, 2 of them not delivered\n")
    assert (taken.returncode, taken.stderr) == (0, "")
    assert "systemctl restart sungrow-edge" in taken.stdout
    assert len(list(tmp_path.glob("spool.corrupt-restored-*"))) == 1
    missing = run(settings, "restore", str(tmp_path / "nothing.db"))
    assert (missing.returncode, missing.stderr) == (1, f"{tmp_path}/nothing.db is not a file\n")


def test_backup_before_the_first_start_says_so(settings, tmp_path):
    done = run(settings, "backup", str(tmp_path / "copy.db"))
    assert done.returncode == 1
    assert "the service has not run yet" in done.stderr


# Where no copy can be made


def missing_folder(place):
    return place / "nowhere" / "copy.db", "create it \\(mkdir -p .*nowhere\\), or mount the disk"


def a_folder(place):
    (place / "folder").mkdir()
    return place / "folder", r"folder is a folder: name the file, as .*folder/spool\.db"


def below_a_file(place):
    (place / "file").touch()
    return place / "file" / "copy.db", "file is a file: name a file in a folder"


def the_spool_itself(place):
    return place / "spool.db", "belongs to the spool itself: name another file"


def its_log_by_another_way(place):
    (place / "link").symlink_to(place)
    return place / "link" / "spool.db-wal", "belongs to the spool itself"


def a_name_too_long(place):
    return place / ("x" * 300), "File name too long"


NOWHERE = [
    missing_folder,
    a_folder,
    below_a_file,
    the_spool_itself,
    its_log_by_another_way,
    a_name_too_long,
]


@pytest.mark.parametrize("make", NOWHERE, ids=lambda make: make.__name__)
def test_where_no_copy_can_be_made_it_says_what_to_do_and_changes_nothing(
    settings, tmp_path, make, monkeypatch, capsys
):
    with Spool.strict(tmp_path / "spool.db") as spool:
        fill(spool, 1, 2)
        target, words = make(tmp_path)
        before = sorted(path.name for path in tmp_path.iterdir())
        assert commands.backup(settings, target) == 1
        printed = capsys.readouterr()
        assert (printed.out, len(printed.err.splitlines())) == ("", 1)
        assert re.search(words, printed.err)
        assert "Errno" not in printed.err
        assert sorted(path.name for path in tmp_path.iterdir()) == before
        assert seqs_waiting(spool) == [1, 2]


@contextmanager
def another_user(folder):
    """Run as nobody, to whom a folder is closed."""
    folder.chmod(0o700 if not os.geteuid() else 0o500)
    if not os.geteuid():
        os.seteuid(65534)
    try:
        yield
    finally:
        if not os.getuid():
            os.seteuid(0)
        folder.chmod(0o700)


@pytest.mark.parametrize("closed", ["of the copy", "of the spool"])
def test_a_folder_that_is_closed_to_us_is_named_with_what_to_do(closed):
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        place.chmod(0o755)
        (place / "target").mkdir()
        (place / "lib").mkdir()
        with Spool.strict(place / "lib" / "spool.db") as spool:
            fill(spool, 1)
        backup(place / "lib" / "spool.db", place / "old.db")
        (place / "old.db").chmod(0o644)
        folder = place / ("target" if closed == "of the copy" else "lib")
        for file in (place / "lib").iterdir():
            file.chmod(0o666)
        if os.geteuid() and closed == "of the spool":
            pytest.skip("only root can take a folder away from somebody")
        with another_user(folder), pytest.raises(BackupError, match="no permission; run this as"):
            backup(place / "lib" / "spool.db", place / "target" / "copy.db")
        with another_user(folder), pytest.raises(BackupError, match="no permission; run this as"):
            restore(folder / "spool.db", place / "old.db")


def test_a_disk_that_fills_up_meanwhile_is_named_and_the_old_copy_stays(tmp_path, monkeypatch):
    with small_disk(tmp_path / "disk", "1m") as disk:
        with Spool.strict(tmp_path / "spool.db") as spool:
            fill(spool, 1)
            backup_here = partial(backup, tmp_path / "spool.db", disk / "copy.db")
            monkeypatch.setattr(copies, "LEAVE_FREE_BYTES", 0)
            backup_here()
            before = (disk / "copy.db").read_bytes()
            many = [of_sample(a_sample(seq), seq) for seq in range(2, 9000)]
            spool._attempts.run(lambda db: db.put(many), None)
            monkeypatch.setattr(copies, "_check_room", lambda *_: None)
            with pytest.raises(BackupError, match="full"):
                backup_here()
        assert (disk / "copy.db").read_bytes() == before
        assert [path.name for path in disk.iterdir()] == ["copy.db"]


def test_a_disk_that_is_read_only_is_named(tmp_path, monkeypatch):
    with small_disk(tmp_path / "disk", "1m") as disk, Spool.strict(tmp_path / "spool.db") as spool:
        fill(spool, 1)
        remount(disk, "ro")
        monkeypatch.setattr(copies, "LEAVE_FREE_BYTES", 0)
        with pytest.raises(BackupError, match="read-only: name a folder on another disk"):
            backup(tmp_path / "spool.db", disk / "copy.db")


# Damaged rows


def test_a_spool_with_a_damaged_row_is_copied_and_comes_back_but_for_that_row(
    settings, tmp_path, capsys
):
    path = tmp_path / "spool.db"
    with Spool.strict(path) as spool:
        fill(spool, *range(1, 30))
    damage_row(path)
    copy = tmp_path / "copy.db"
    assert commands.backup(settings, copy) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{copy}: 29 readings, 29 of them not delivered\n"
    assert "the spool is damaged (row 5 missing from index samples_ts)" in printed.err
    (tmp_path / "new").mkdir()
    assert commands.restore(settings | {"SPOOL_PATH": f"{tmp_path}/new/spool.db"}, copy) == 0
    assert "the copy is damaged" in capsys.readouterr().err
    assert restored(tmp_path / "new" / "spool.db") == [n for n in range(1, 30) if n != 5]


def damage_row(path):
    """Alter an indexed column behind SQLite's back."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP INDEX samples_ts")
        db.execute("CREATE UNIQUE INDEX samples_ts ON samples (ts_us)")
        db.commit()
        ((ts_us,),) = db.execute("SELECT ts_us FROM samples WHERE id = 5").fetchall()
    content = path.read_bytes()
    old = ts_us.to_bytes(8)[-8:].lstrip(b"\0")
    assert content.count(old) == 2, "in the table and in the index"
    at = content.index(b"house", content.index(old))
    place = content.index(old) if at - content.index(old) < 100 else content.rindex(old)
    new = (
        content[:place] + (ts_us ^ 1 << 30).to_bytes(8).lstrip(b"\0") + content[place + len(old) :]
    )
    path.write_bytes(new)
