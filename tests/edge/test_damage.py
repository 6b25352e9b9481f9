"""No row of any table, whatever damage made of it, stops a poll, an upload or a command."""

import json
import re
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from edge_lib import commands
from edge_lib.doctor import machine
from edge_lib.spool.kinds import KINDS, P1
from tests.chaos.bit_flips import _spans, _varint
from tests.support.clocks import EARLIER
from tests.support.edge_env import edge_env
from tests.support.edge_world import DEVICE, PRESENT, World, furnish
from tests.support.quick import quick, short
from tests.support.spool_kinds import sql_of
from tests.support.spooling import ask, read_of

FAST = Path("/dev/shm")  # noqa: S108  no power is cut here: no disk is needed
# What a column may hold after damage, as SQL.
VALUES = [
    "NULL",
    "''",
    "'x'",
    "x'ff00'",
    "CAST(x'eda080' AS TEXT)",  # half a surrogate pair
    "-1",
    "1 << 61",
    "-9223372036854775808",
    "9223372036854775807",
    "1.5",
    "1e300",
    "9e999",
    """'{"polled": "many", "failed": []}'""",
    "'[]'",
    "'null'",
    """'{"polled": 1e999, "failed": {}}'""",
    """'{"polled": 3, "failed": {"\\ud800": 1}}'""",
    "replace(printf('%.20000c', '['), 'x', '')",
]
COLUMNS = {
    "samples": "id ts_us boot seq boottime_us ts_src payload crc",
    "queue": "id",
    "delivered": "id hour",
    "parked": "id ts_us boot seq boottime_us ts_src reason content crc reported",
    "boots": "boot last_seq crc",
    "reports": "boot slot_us content acknowledged crc",
    "gaps": "id from_us to_us cause count acknowledged crc",
    "meta": "key value crc",
    "sqlite_sequence": "name seq",
    "damaged": "of content",
    "p1_samples": "id ts_us boot seq boottime_us ts_src payload crc kind",
    "p1_queue": "id kind",
    "p1_delivered": "id hour kind",
    "p1_parked": "id ts_us boot seq boottime_us ts_src reason content crc reported",
    "p1_boots": "boot last_seq crc",
    "p1_reports": "boot slot_us content acknowledged crc",
    "p1_gaps": "id from_us to_us cause count acknowledged crc",
}
READINGS = ("samples", "p1_samples")
PLACES = [(table, column) for table, columns in COLUMNS.items() for column in columns.split()]
# One row or all of them, in turn.
WHICH = ("rowid = (SELECT max(rowid) FROM {table})", "true")


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    """A house whose spool holds rows of every kind; its service has ended."""
    world = World(tmp_path_factory.mktemp("furnished") / "spool.db", has_p1=True)
    furnish(world)
    world.stop()
    ask(world.path, "INSERT INTO damaged (of, content) VALUES ('boots', '[1]')")
    return world


@pytest.fixture
def again(furnished):
    """Return the same house once more, on a copy of its spool."""
    made = []
    place = tempfile.TemporaryDirectory(dir=FAST if FAST.is_dir() else None)

    def another() -> World:
        folder = Path(place.name, str(len(made)))
        folder.mkdir()
        for part in ("", ".lock"):
            shutil.copy(f"{furnished.path}{part}", folder / f"spool.db{part}")
        shutil.copy(furnished.path.with_name("health.json"), folder)
        world = World(folder / "spool.db", has_p1=True)
        vars(world.clock).update(vars(furnished.clock))
        world.inverter.polls = furnished.inverter.polls
        world.meter.good = furnished.meter.good
        world.server.copy(furnished.server)
        world.server.p1.copy(furnished.server.p1)
        made.append(world)
        return world

    yield another
    for world in made:
        if world.edge:
            world.kill()
    place.cleanup()


def damage(path: Path, place: tuple[str, str], value: str, turn: int) -> bool:
    """Write a value into a column, constraints or not; False: no such value can stand there."""
    table, column = place
    where = WHICH[turn % 2].format(table=table)
    statement = f"UPDATE OR IGNORE {table} SET {column} = {value} WHERE {where}"  # noqa: S608
    try:
        ask(path, statement)
    except sqlite3.IntegrityError:  # a rowid is always a whole number
        return False
    if value == "NULL" and f"{column} " in (text := _schema(path, table)) and "NOT NULL" in text:
        _set_schema(path, table, text.replace(" NOT NULL", ""))
        ask(path, statement)
        _set_schema(path, table, text)
    return True


def _schema(path: Path, table: str) -> str:
    return ask(path, "SELECT sql FROM sqlite_master WHERE name = ?", table)[0][0]


def _set_schema(path: Path, table: str, text: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (text, table))


def troubles(caplog) -> list[str]:
    """Return what went wrong without being foreseen."""
    return [r.exc_text or r.message for r in caplog.records if r.message in ("bug", "spool failed")]


def goes_on(world: World, caplog) -> None:
    """Poll and upload; every reading arrives, and nothing else goes wrong."""
    first, first_p1 = world.inverter.polls, world.meter.good
    for _ in range(3):
        world.poll()
        assert world.state()["ring_count"] == 0, "not stored at once"
    world.drain()
    world.poll()
    world.drain()
    assert world.inverter.polls == first + 4
    sent = [sample for batch in world.server.batches for sample in batch["samples"]]
    new = [s for s in sent if s["pv_power_w"] in range(first + 1, first + 5)]
    assert len({s["pv_power_w"] for s in new}) == 4
    assert world.meter.good == first_p1 + 4
    of_p1 = [one for batch in world.server.batches for one in batch.get("p1_samples", ())]
    new_p1 = {one["power_w"] for one in of_p1} & set(range(first_p1 + 1, first_p1 + 5))
    assert len(new_p1) == 4
    assert world.state()["upload_failures"] == 0
    assert troubles(caplog) == []


def commands_work(world: World, ca_file: Path, monkeypatch, capsys) -> None:
    """Ask every command that reads the spool of a stopped service; none ends in a traceback."""
    env = edge_env(world.path.parent, ca_file, device_id=DEVICE)
    now = world.clock.now()
    monkeypatch.setattr(commands.HttpsClient, "from_config", lambda _: world.server)
    monkeypatch.setattr(commands, "Clock", lambda: world.clock)
    assert commands.status(env, as_json=False) == 1
    (complaint,) = re.findall("NOT HEALTHY: (.*)", capsys.readouterr().out)
    assert "the service does not run" in complaint
    for as_json in (True, False):
        assert commands.parked(env, as_json, []) == 0
    assert list(machine.spool(env, now))
    assert commands.backup(env, world.path.with_name("copy.db")) == 0, capsys.readouterr()
    assert commands.reconcile(env) in (0, 1)
    assert "still wait" not in capsys.readouterr().err


def delivered(world: World) -> set[tuple[str, str, int]]:
    return {
        (name, sample["boot"], sample["seq"])
        for name, kept in (("sample", world.server), ("p1", world.server.p1))
        for sample in kept.samples.values()
    }


@pytest.mark.slow
@pytest.mark.parametrize(("table", "column"), short(PLACES, every=3))
def test_a_damaged_row_stops_nobody_after_the_next_start(
    again, table, column, ca, caplog, monkeypatch, capsys
):
    place = (table, column)
    ca_file, whole = ca.issue().ca, again()
    whole.start()
    goes_on(whole, caplog)
    for turn, value in enumerate(VALUES, PLACES.index(place)):
        world = again()
        if not damage(world.path, place, value, turn):
            continue
        world.start()
        goes_on(world, caplog)
        if place[0] not in READINGS:
            assert delivered(world) == delivered(whole), value
        world.stop()
        commands_work(world, ca_file, monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize(("table", "column"), short(PLACES, every=3, first=1))
def test_a_row_damaged_while_it_runs_stops_nobody(again, table, column, caplog):
    place = (table, column)
    world = again()
    world.start()
    world.poll(2)
    for turn, value in enumerate(VALUES, PLACES.index(place) + 1):
        damage(world.path, place, value, turn)
        goes_on(world, caplog)
    if place[0] in (*READINGS, "parked", "p1_parked"):
        return
    polls = {"sample": world.edge.poller.seq, "p1": world.edge.p1.seq}
    for name, kept in (("sample", world.server), ("p1", world.server.p1)):
        sent = {seq for kind, boot, seq in delivered(world) if (kind, boot) == (name, PRESENT)}
        parked = {seq for boot, seq, _ in kept.parked if boot == PRESENT}
        assert sent | parked == set(range(1, polls[name] + 1))


# Noticed, kept, counted, told

NUMBERS = {
    "reports": "content = replace(content, '\"polled\": 180', '\"polled\": 188')",
    "gaps": "count = count + 1",
    "boots": "last_seq = last_seq + 64",
    "meta": "value = 1",
}
NUMBERS |= {f"p1_{table}": change for table, change in NUMBERS.items() if table != "meta"}


@pytest.mark.parametrize("table", quick(NUMBERS, every=2))
@pytest.mark.parametrize("live", [False, True], ids=["at rest", "while it runs"])
def test_another_number_in_a_row_is_noticed_and_never_believed(
    again, table, live, caplog, ca, monkeypatch
):
    whole, world = again(), again()
    whole.start()
    goes_on(whole, caplog)
    if live:
        world.start()
    changed = ask(world.path, f"SELECT count(*) FROM {table} WHERE {SICK[table]}")[0][0]  # noqa: S608
    ask(world.path, f"UPDATE {table} SET {NUMBERS[table]} WHERE {SICK[table]}")  # noqa: S608
    if not live:
        world.start()
    goes_on(world, caplog)
    told = [r for r in caplog.records if r.message == "damaged row set aside"]
    assert {r.table for r in told} == {table}
    kind = "p1" if table.startswith("p1_") else "sample"
    assert all(r.levelname == "WARNING" for r in told)
    assert world.state()["damaged_count"] == 1 + changed == 1 + len(told)
    kept = ask(world.path, "SELECT content FROM damaged WHERE of = ? AND id > 1", table)
    assert sorted(json.loads(c) for (c,) in kept) == sorted(json.loads(r.content) for r in told)
    for name in ("reports", "gaps"):
        for one, other in ((world.server, whole.server), (world.server.p1, whole.server.p1)):
            sent, right = getattr(one, name), getattr(other, name)
            # The meter's follow once the server has shown that it knows them, so the newest
            # may be as of another moment.
            told_by_both = sent
            if one is world.server.p1:
                told_by_both = sent.keys() & right.keys() - {max(right, key=lambda k: k[1])}
            assert {k: numbers(sent[k]) for k in told_by_both}.items() <= {
                k: numbers(v) for k, v in right.items()
            }.items()
    assert world.edge.poller.seq >= whole.edge.poller.seq
    assert world.edge.p1.seq >= whole.edge.p1.seq
    last = whole.edge.p1.seq if kind == "p1" else whole.edge.poller.seq
    assert delivered(whole) <= delivered(world) | {(kind, PRESENT, last)}
    found = list(machine.spool(edge_env(world.path.parent, Path("/nowhere")), world.clock.now()))
    assert [f.state for f in found if "set aside" in f.text] == ["warning"]


SICK = {
    "reports": "content LIKE '%\"polled\": 180%' AND acknowledged <> crc",
    "gaps": "acknowledged <> crc",
    "boots": f"boot = '{PRESENT}'",
    "meta": "key LIKE 'settled:%'",
}
SICK |= {f"p1_{table}": where for table, where in SICK.items() if table != "meta"}


def numbers(entry: dict) -> dict:
    return {k: v for k, v in entry.items() if k in ("polled", "failed", "count", "to_ts")}


def test_damage_is_told_of_once_and_not_at_every_step(again, caplog):
    world = again()
    ask(world.path, "UPDATE reports SET content = 'x'")
    world.start()
    for _ in range(20):
        world.poll()
        world.upload()
    told = [r for r in caplog.records if r.message == "damaged row set aside"]
    assert len(told) == 10
    assert troubles(caplog) == []


@pytest.mark.parametrize("table", ["queue", "delivered", "p1_queue", "p1_delivered"])
def test_a_reading_whose_place_was_damaged_is_sent_all_the_same(again, table, caplog):
    world = again()
    ask(world.path, f"DELETE FROM {table} WHERE id = (SELECT max(id) FROM {table})")  # noqa: S608
    ask(world.path, f"DELETE FROM {table} WHERE id = (SELECT min(id) FROM {table})")  # noqa: S608
    world.start()
    goes_on(world, caplog)
    lost = [r for r in caplog.records if r.message == "damaged row set aside"]
    assert len(lost) == 2
    assert world.state()["damaged_count"] == 3
    for kind in KINDS:
        forgotten = {(kind.name, EARLIER, seq) for seq in (11, 12, 13)}
        held = ask(world.path, kind.sql("SELECT boot, seq FROM samples"))
        assert {(kind.name, *key) for key in held} <= delivered(world) | forgotten
        nowhere = (
            "SELECT count(*) FROM samples WHERE id NOT IN (SELECT id FROM queue)"
            " AND id NOT IN (SELECT id FROM delivered)"
        )
        assert ask(world.path, kind.sql(nowhere)) == [(0,)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_damaged_receipt_never_expires_a_reading_that_waits(again, kind, caplog):
    world = again()
    ask(world.path, kind.sql("INSERT INTO delivered (id, hour) SELECT max(id), 1 FROM queue"))
    world.start()
    world.poll(1)  # its commit does the hour's housekeeping
    last = ask(world.path, kind.sql("SELECT max(id) FROM delivered"))
    found = ask(world.path, kind.sql("SELECT count(*) FROM samples WHERE id = ?"), *last[0])
    assert found == [(1,)]
    goes_on(world, caplog)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_number_is_given_twice_although_all_that_tells_of_them_is_damaged(again, kind):
    for wreck in (
        "UPDATE boots SET last_seq = 3",
        "UPDATE boots SET boot = 'x'",
        "UPDATE meta SET value = 100000 WHERE key = 'covered_id'",
        "DELETE FROM boots",
    ):
        world = again()
        world.path.with_name("health.json").unlink()
        if "DELETE" in wreck:
            ask(world.path, "UPDATE meta SET crc = 1")
        ask(world.path, sql_of(kind, wreck))
        # Nor is the reading there that was stored last.
        ask(world.path, kind.sql("DELETE FROM samples WHERE boot = ? AND seq > 120"), PRESENT)
        for _ in range(2):
            world.start()
            world.kill()
        world.start()
        world.poll(1)
        seq = world.edge.p1.seq if kind is P1 else world.edge.poller.seq
        assert seq > 146, wreck


# The health file


HEALTH_FILES = [
    b"",
    b"{}",
    b"[]",
    b"x",
    b"[" * 100_000,
    b"\xff\xfe",
    b'{"last_poll_ts": 5, "spool_bytes": "x", "spool_limit_bytes": "y"}',
    b'{"last_poll_ts": "x", "oldest_unsent_ts": [], "disk_free_bytes": null, "a": 1e999}',
]


@pytest.mark.parametrize("content", HEALTH_FILES)
def test_a_damaged_health_file_is_told_of_in_a_sentence(again, content, ca, capsys):
    world = again()
    path = world.path.with_name("health.json")
    path.write_bytes(content)
    env = edge_env(world.path.parent, ca.issue().ca, device_id=DEVICE)
    assert commands.status(env, as_json=False) == 1
    assert list(machine.spool(env, world.clock.now()))
    world.start()
    world.poll(1)
    assert world.state()["seq"] == world.edge.poller.seq == 147


# Trees and names


@pytest.mark.parametrize("table", [t for t in COLUMNS if t not in ("sqlite_sequence", "damaged")])
def test_a_row_that_is_not_found_by_its_id_stops_nobody_while_it_runs(again, table, caplog):
    whole, world = again(), again()
    for one in (whole, world):
        one.start()
        one.poll(1)
    goes_on(whole, caplog)
    read_of(world.edge.spool, lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    change_rowid(world.path, table)
    read_of(world.edge.spool, lambda db: db.execute("PRAGMA shrink_memory").fetchall())
    goes_on(world, caplog)
    lost = delivered(whole) - delivered(world)
    assert len(lost) <= (table in READINGS)
    assert world.state()["parked_count"] <= whole.state()["parked_count"] + 1


def change_rowid(path: Path, table: str) -> None:
    """Change the id of a row in the middle of a table, in the file: it is out of order then."""
    ((root, size),) = ask(
        path,
        "SELECT rootpage, page_size FROM sqlite_master, pragma_page_size WHERE name = ?",
        table,
    )
    content = bytearray(path.read_bytes())
    cells = list(_spans(bytes(content), size, root))
    _, at = _varint(content, cells[len(cells) // 2].start)
    _, end = _varint(content, at)
    content[end - 1] ^= 0x40
    path.write_bytes(content)


SCHEMA_TEXTS = {
    "a column's name": (b"    ts_us       INTEGER,", b"    ts_uw       INTEGER,"),
    "a column of samples": (b"boottime_us INTEGER NOT NULL,", b"boottime_uq INTEGER NOT NULL,"),
    "no text": (b"CREATE TABLE meta", b"CREATE TABLE m\xe5ta"),
    "no statement": (b"CREATE TABLE delivered", b"CREATE TAFLE delivered"),
    "a default": (b"DEFAULT 0,\n    crc ", b"DEFAULT 1,\n    crc "),
}


@pytest.mark.parametrize("what", SCHEMA_TEXTS)
def test_damaged_names_of_tables_stop_nobody_at_the_next_start(
    again, what, ca, caplog, monkeypatch, capsys
):
    whole, world = again(), again()
    whole.start()
    goes_on(whole, caplog)
    old, new = SCHEMA_TEXTS[what]
    content = world.path.read_bytes()
    assert old in content
    world.path.write_bytes(content.replace(old, new, 1))
    env = edge_env(world.path.parent, ca.issue().ca, device_id=DEVICE)
    assert [f.state for f in machine.spool(env, world.clock.now())] == ["failed"]
    assert commands.parked(env, True, []) in (0, 1)
    assert commands.backup(env, world.path.with_name("copy.db")) in (0, 1)
    capsys.readouterr()
    world.start()
    goes_on(world, caplog)
    known = {key for key in delivered(whole) if key[1] != PRESENT or key[2] <= 146}
    assert known <= delivered(world)
    assert world.server.reports.keys() == whole.server.reports.keys()
    assert len(list(world.path.parent.glob("spool.corrupt-*.salvaged"))) == 1
    world.stop()
    commands_work(world, ca.issue().ca, monkeypatch, capsys)
