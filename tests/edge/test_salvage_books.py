"""What a damaged spool tells beside its readings comes over too, and nothing is taken for it."""

import shutil

import pytest

from edge_lib.spool import meta
from edge_lib.spool.gaps import THINNED, Gap
from edge_lib.spool.recovery.salvage import Salvage
from edge_lib.spool.spool import Spool
from tests.support.clocks import EARLIER
from tests.support.edge_world import PRESENT, UNSURE, World, furnish
from tests.support.spooling import as_schema_1, ask, read_of, write_of


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("lived") / "spool.db")
    furnish(world)
    world.stop()
    return world


@pytest.fixture(params=[1, 2], ids=["the former schema", "the present one"])
def damaged(request, lived, tmp_path):
    """The house again, on a copy of its spool whose header is gone."""
    world = again(lived, tmp_path / "spool.db")
    if request.param == 1:
        as_schema_1(world.path)
    lose_header(world.path)
    return world


def again(lived, path) -> World:
    shutil.copy(lived.path, path)
    path.with_name("spool.db.lock").touch()
    world = World(path)
    vars(world.clock).update(vars(lived.clock))
    world.inverter.polls = lived.inverter.polls
    return world


def lose_header(path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(100))


def go_on(world) -> None:
    world.start()
    world.poll(2)
    world.drain()
    world.clock.passed_s += 60
    world.drain()


def test_boots_are_boots_and_no_other_tables_rows(damaged):
    go_on(damaged)
    boots = dict(ask(damaged.path, "SELECT boot, last_seq FROM boots"))
    # Which of its own numbers the lost header had told, nobody knew at the start.
    assert boots.pop(PRESENT) == damaged.edge.poller.seq >= 148
    assert boots == {EARLIER: 157, UNSURE: 6}
    keys = {key for (key,) in ask(damaged.path, "SELECT key FROM meta")}
    assert {key.partition(":")[0] for key in keys} <= {"covered_id", "settled", "meter_of"}
    assert ask(damaged.path, "SELECT count(*) FROM damaged") == [(0,)]
    damaged.stop()


def test_counts_gaps_and_parked_readings_that_the_server_lacks_reach_it(damaged, lived, tmp_path):
    (tmp_path / "whole").mkdir()
    whole = again(lived, tmp_path / "whole" / "spool.db")
    for world in (whole, damaged):
        go_on(world)
        world.stop()
    assert len(whole.server.reports) >= 4
    over = {key for key in whole.server.reports if not key[1].startswith("2026-06-04T13:15")}
    for key in over:
        assert numbers(damaged.server.reports[key]) == numbers(whole.server.reports[key])
    assert damaged.server.reports.keys() == whole.server.reports.keys()
    assert damaged.server.gaps == whole.server.gaps
    assert damaged.server.parked.keys() == whole.server.parked.keys()


def numbers(report: dict) -> tuple:
    return report["polled"], report["failed"]


def test_what_the_server_has_already_is_not_sent_again(damaged):
    go_on(damaged)
    slots = {slot for boot, slot in damaged.server.reports if boot == EARLIER}
    assert slots == {"2026-06-04T12:45:00.000000Z"}
    damaged.stop()


def test_what_is_kept_under_a_name_comes_over_unless_the_new_spool_knows_better(lived, tmp_path):
    world = again(lived, tmp_path / "spool.db")
    world.start()
    write_of(world.edge.spool, lambda db: meta.put(db, "device", '{"has_meter": true}'))
    write_of(world.edge.spool, lambda db: meta.put(db, "other", "old"))
    world.stop()
    lose_header(world.path)
    world.start()
    write_of(world.edge.spool, lambda db: meta.put(db, "other", "new"))
    world.poll(1)
    world.drain()
    kept = [read_of(world.edge.spool, lambda db, k=k: meta.get(db, k)) for k in NAMES]
    assert kept == ['{"has_meter": true}', "new"]
    world.stop()


NAMES = ("device", "other")


def test_a_salvage_that_is_broken_off_and_begun_anew_counts_nothing_twice(lived, tmp_path):
    world = again(lived, tmp_path / "spool.db")
    aside = tmp_path / "spool.corrupt-x-1"
    shutil.copy(world.path, aside)
    world.path.unlink()
    store = Spool(world.path, 7, world.clock)
    # Of another time than those, but for one that begins before it and ends in it.
    at_us = 1_780_578_685_000_000
    store.note_gap(Gap(at_us - 5_000_000, at_us + 5_000_000, 0), "clock_step")
    store.note_gap(Gap(1, 2, 7), THINNED)
    found = []
    for _ in range(3):
        salvage = Salvage(aside)
        while salvage.step(store._write):
            pass
        salvage.close()
        found.append((store.unreported_gaps(99), unsent(store)))
    assert found[0] == found[1] == found[2]
    assert len(found[0][0]) == 3
    store.close()


def unsent(store) -> list:
    sql = "SELECT boot, slot_us, content FROM reports WHERE acknowledged IS NOT crc ORDER BY 2"
    return read_of(store, lambda db: db.execute(sql).fetchall())


def test_counts_from_before_a_restart_are_not_taken_back_by_those_after_it(lived, tmp_path):
    world = again(lived, tmp_path / "spool.db")
    lose_header(world.path)
    world.start()
    world.poll(1)  # begins the quarter hour anew, in an empty spool
    world.drain()
    world.clock.passed_s += 900
    world.poll(1)
    world.drain()
    report = world.server.reports[PRESENT, "2026-06-04T13:15:00.000000Z"]
    assert numbers(report) == (8, {"reset": 1})
    world.stop()
