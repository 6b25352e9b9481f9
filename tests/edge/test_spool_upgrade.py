"""A spool of a former schema is taken over in place, and nothing is lost, whatever happens."""

import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from edge_lib.doctor import machine
from edge_lib.spool import file, schema, upgrade
from edge_lib.spool.errors import SpoolDamaged, SpoolError
from edge_lib.spool.recovery.backup import Copied, backup, restore
from edge_lib.spool.spool import Spool
from tests.support.clocks import EARLIER
from tests.support.disks import fill_up, nothing_can_be_written, small_disk
from tests.support.edge_env import edge_env
from tests.support.edge_world import PRESENT, World, furnish
from tests.support.spooling import (
    SCHEMA_1,
    as_schema,
    ask,
    database,
    parked_of,
    read_of,
    read_only,
)

pytestmark = pytest.mark.slow  # spools of former versions, each filled anew

BOOKS = ("boots", "reports", "gaps", "meta")


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """Copies of one spool: of the present schema, and of the former ones; and the house."""
    folder = tmp_path_factory.mktemp("lived")
    world = World(folder / "spool.db")
    furnish(world)
    world.stop()
    for number in schema.BEFORE:
        former = folder / f"former{number}.db"
        shutil.copy(world.path, former)
        as_schema(former, number)
    return world


def house(lived, tmp_path, name: str) -> World:
    """Return the house again, with one of its two spools."""
    folder = tmp_path / name.partition(".")[0]
    folder.mkdir()
    shutil.copy(lived.path.with_name(name), folder / "spool.db")
    (folder / "spool.db.lock").touch()
    world = World(folder / "spool.db")
    vars(world.clock).update(vars(lived.clock))
    world.inverter.polls = lived.inverter.polls
    world.server.copy(lived.server)
    return world


@pytest.fixture(params=schema.BEFORE)
def number(request):
    return request.param


@pytest.fixture
def former(lived, tmp_path, number):
    return house(lived, tmp_path, f"former{number}.db")


def holds(spool) -> dict:
    """Return all that a spool tells those who work with it."""
    rows = [(row.id, row.text) for row in spool.oldest(1000)]
    slots = read_of(spool, lambda db: spool_reports_of(db))
    boots = {boot: spool.last_seq(boot) for boot in (EARLIER, PRESENT, "c" * 32)}
    return {
        "queue": rows,
        "parked": parked_of(spool),
        "unreported": [entry["id"] for entry in spool.unreported_parked(99)],
        "gaps": spool.unreported_gaps(99),
        "reports": slots,
        "boots": boots,
        "settled": spool.settled_hours(),
        "delivered": spool.delivered_hours(),
        "counts": spool.counts(),
        "all told": database(spool).knows_seqs(),
    }


def spool_reports_of(db) -> list[tuple]:
    found = db.execute(
        "SELECT boot, slot_us, content, acknowledged IS crc FROM reports ORDER BY slot_us, boot"
    ).fetchall()
    contents = [(*key, json.loads(content), known) for *key, content, known in found]
    return [(*key, {**content, "seq": None}, known) for *key, content, known in contents]


def test_it_holds_the_same_as_before_and_is_of_the_present_schema(lived, former, tmp_path):
    present = house(lived, tmp_path, "spool.db")
    with Spool.strict(present.path) as spool:
        expected = holds(spool)
    assert min(len(v) for v in expected.values() if isinstance(v, list | dict)) >= 1
    for _ in range(2):
        with Spool.strict(former.path) as spool:
            assert holds(spool) == expected
    assert ask(former.path, "PRAGMA user_version") == [(schema.SCHEMA,)]
    assert ask(former.path, "PRAGMA integrity_check") == [("ok",)]
    assert ask(former.path, "SELECT count(*) FROM damaged") == [(0,)]
    sequences = "SELECT * FROM sqlite_sequence ORDER BY name"
    assert ask(former.path, sequences) == ask(present.path, sequences)


def test_its_tables_are_those_of_a_new_file_so_that_a_damaged_header_is_known(former):
    Spool.strict(former.path).close()
    for bit in range(32):
        ask(former.path, f"PRAGMA user_version = {_signed(schema.SCHEMA ^ 1 << bit):d}")
        with closing(sqlite3.connect(former.path)) as db, pytest.raises(SpoolDamaged):
            schema.version(db, former.path)


def _signed(number: int) -> int:
    return number - (1 << 32) if number >= 1 << 31 else number


def counts_of(world):
    """Return its reports, without what the disk is like at the moment."""
    disk = ("disk_free_mb", "spool_used_pct")
    return {
        slot: {name: value for name, value in told.items() if name not in disk}
        for slot, told in world.server.reports.items()
    }


def test_the_service_goes_on_with_it_and_the_server_gets_what_it_would_have_got(
    lived, former, tmp_path
):
    present = house(lived, tmp_path, "spool.db")
    for world in (present, former):
        world.start()
        world.poll(200)
        world.drain()
        world.clock.passed_s += 60
        world.drain()
        world.stop()
    assert former.server.samples == present.server.samples
    assert former.server.parked == present.server.parked
    assert former.server.gaps == present.server.gaps
    assert counts_of(former) == counts_of(present)


@pytest.mark.slow
def test_a_kill_at_any_statement_leaves_the_one_schema_or_the_other_whole(lived, former, number):
    with Spool.strict(former.path) as spool:
        expected = holds(spool)
    whole = lived.path.with_name(f"former{number}.db").read_bytes()
    seen, statements = set(), 0
    while True:
        former.path.write_bytes(whole)
        if not killed_at(former.path, statements):
            break
        statements += 1
        # As it lies there, with its log; looked at first by who may not write.
        with read_only(former.path) as spool:
            assert [row.id for row in spool.oldest(999)] == [i for i, _ in expected["queue"]]
            assert spool.unreported_gaps(99) == expected["gaps"]
        with Spool.strict(former.path) as spool:
            assert holds(spool) == expected
        seen.add(statements)
    assert len(seen) > 10 * (3 - number)


def killed_at(path, number: int) -> bool:
    """Open the spool in a process that dies before a statement of the taking over; False: none."""
    child = os.fork()
    if not child:
        left = [number]

        def tick(_):
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)

        def take_over(db, found, real=upgrade.take_over):
            db.set_trace_callback(tick)
            real(db, found)

        upgrade.take_over = take_over
        try:
            file.connect(path)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 9


@pytest.mark.parametrize("number", [1], indirect=True)  # whose rows have no checksum
def test_what_a_power_cut_left_in_its_log_is_taken_over_too(former):
    copies = {}
    with closing(sqlite3.connect(former.path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        content = '{"polled": 3, "failed": {"reset": 3}}'
        db.execute("INSERT INTO reports VALUES (?, 900000000, ?, 0)", (PRESENT, content))
        for part in ("", "-wal"):
            copies[part] = former.path.with_name(f"spool.db{part}").read_bytes()
    for part, content in copies.items():
        former.path.with_name(f"spool.db{part}").write_bytes(content)
    former.start()
    former.poll(2)
    former.drain()
    report = former.server.reports[PRESENT, "1970-01-01T00:15:00.000000Z"]
    assert (report["polled"], report["failed"]) == (3, {"reset": 3})
    former.stop()


@pytest.mark.parametrize("what", BOOKS)
@pytest.mark.parametrize("number", [1], indirect=True)  # whose rows have no checksum
def test_a_table_that_cannot_be_read_costs_what_it_held_and_no_reading(lived, former, what):
    ((root, size),) = ask(
        former.path,
        "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master"
        " WHERE name = ?",
        what,
    )
    content = bytearray(former.path.read_bytes())
    content[(root - 1) * size : root * size] = bytes(size)
    former.path.write_bytes(content)
    former.start()
    former.poll(2)
    assert former.state()["ring_count"] == 0
    former.drain()
    sent = {(sample["boot"], sample["seq"]) for sample in former.server.samples.values()}
    assert {(PRESENT, seq) for seq in range(1, 147)} - sent == {(PRESENT, 101), (PRESENT, 102)}
    former.stop()


@pytest.mark.parametrize("what", BOOKS)
@pytest.mark.parametrize("number", [1], indirect=True)  # whose rows have no checksum
def test_a_row_that_makes_no_sense_is_set_aside_and_the_others_are_taken_over(former, what, caplog):
    strange = {
        "boots": ("no hex digits", -5),
        "reports": (PRESENT, 900_000_000, '{"polled": 1, "failed": [', 0),
        "gaps": (99, 1 << 61, 5, "thinned", 1, 0),
        "meta": ("settled:x", None),
    }[what]
    places = ", ".join("?" * len(strange))
    ask(former.path, f"INSERT INTO {what} VALUES ({places})", *strange)  # noqa: S608
    before = ask(former.path, f"SELECT count(*) FROM {what}")[0][0]  # noqa: S608
    former.start()
    former.poll(2)
    former.drain()
    assert former.state()["damaged_count"] == 1
    former.stop()
    [(of, content)] = ask(former.path, "SELECT of, content FROM damaged")
    assert (of, tuple(json.loads(content))) == (what, strange)
    [record] = [r for r in caplog.records if r.message == "damaged row set aside"]
    assert record.levelname == "WARNING"
    assert ask(former.path, f"SELECT count(*) FROM {what}")[0][0] >= before - 1  # noqa: S608


# Where it cannot be taken over


def test_while_the_disk_takes_nothing_it_is_read_as_it_is(lived, former, number, tmp_path):
    with Spool.strict(house(lived, tmp_path, "spool.db").path) as spool:
        expected = holds(spool)
    with read_only(former.path) as spool:
        found = holds(spool)
    del expected["unreported"], found["unreported"]  # told once more, which is harmless
    for entries in (expected["parked"], found["parked"]):
        for entry in entries:
            del entry["reported"]
    assert found == expected
    assert ask(former.path, "PRAGMA user_version") == [(number,)]


def test_a_service_that_meets_it_on_a_failing_disk_delivers_and_takes_it_over_later(former):
    with nothing_can_be_written():
        former.start()
        former.edge.poller.poll_once()
        former.edge.uploader.upload_once()
        assert len(former.server.batches[0]["samples"]) == 144
        assert former.server.batches[0]["gaps"]
    former.clock.passed_s += 10
    former.poll()
    former.drain()
    assert former.state()["ring_count"] == 0
    former.stop()
    assert ask(former.path, "PRAGMA user_version") == [(schema.SCHEMA,)]


def test_a_full_disk_delays_it_and_loses_nothing(lived, number, tmp_path):
    with small_disk(tmp_path / "disk", "8m") as disk:
        shutil.copy(lived.path.with_name(f"former{number}.db"), disk / "spool.db")
        (disk / "spool.db.lock").touch()
        filler = fill_up(disk)
        store = Spool(disk / "spool.db", 7, lived.clock)
        assert len(store.oldest(1000)) == 144
        assert store.last_seq(PRESENT) >= 146
        filler.unlink()
        lived.clock.passed_s += 10
        assert len(store.oldest(1000)) == 144
        store.close()
        assert ask(disk / "spool.db", "PRAGMA user_version") == [(schema.SCHEMA,)]


# Commands, copies, other programs


def test_commands_read_it_as_it_is(former, number, ca, capsys):
    from edge_lib import commands

    env = edge_env(former.path.parent, ca.issue().ca)
    assert commands.parked(env, True, []) == 0
    assert len(json.loads(capsys.readouterr().out)) == 7
    [finding] = [f for f in machine.spool(env, former.clock.now()) if f.check == "spool"]
    assert finding.text.startswith("whole; 150 readings wait")
    assert ask(former.path, "PRAGMA user_version") == [(number,)]


def test_a_copy_of_it_comes_back_into_a_new_spool(lived, former, tmp_path):
    copy = tmp_path / "copy.db"
    assert backup(former.path, copy) == Copied(303, 144)
    place = tmp_path / "new"
    place.mkdir()
    assert restore(place / "spool.db", copy) == Copied(303, 144)
    former.path = place / "spool.db"
    former.start()
    former.poll(2)
    former.drain()
    former.stop()
    whole = house(lived, tmp_path, "spool.db")
    whole.start()
    whole.poll(2)
    whole.drain()
    whole.stop()
    for one in (whole, former):
        one.sent = {(s["boot"], s["seq"]) for s in one.server.samples.values()}
    assert whole.sent == former.sent
    assert whole.server.reports.keys() == former.server.reports.keys()
    assert whole.server.gaps == former.server.gaps


def test_a_damaged_header_of_a_former_schema_is_known(former, number):
    for bit in range(32):
        ask(former.path, f"PRAGMA user_version = {_signed(number ^ 1 << bit):d}")
        with closing(sqlite3.connect(former.path)) as db, pytest.raises(SpoolDamaged):
            schema.version(db, former.path)


def test_another_programs_database_of_that_number_is_refused_and_left_alone(tmp_path, number):
    path = tmp_path / "spool.db"
    ask(path, "CREATE TABLE samples (theirs)")
    ask(path, f"PRAGMA user_version = {number:d}")
    before = path.read_bytes()
    with pytest.raises(SpoolError, match="another program's"):
        Spool.strict(path)
    assert path.read_bytes() == before


def test_the_former_schema_is_what_the_former_version_made():
    assert "schema 1" in SCHEMA_1.read_text()
