"""A reading is stored before anything else is done with it, and nothing else costs one."""

import logging
from collections import Counter
from datetime import timedelta

import pytest

from edge import poll_step, upload_step
from edge_lib import device
from edge_lib.best_effort import BestEffort
from edge_lib.poll_counts import SLOT_US
from edge_lib.shared.timestamps import parse_ts
from tests.support.disks import nothing_can_be_written
from tests.support.edge_world import NO_PV, POLL_S, PRESENT, World
from tests.support.quick import quick
from tests.support.spooling import ask, us


@pytest.fixture
def world(tmp_path):
    one = World(tmp_path / "spool.db", PRESENT)
    one.start()
    yield one
    if one.edge:
        one.stop()


# What fails fails alone


def fails(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a bug")


NEVER = property(fails, fails)
STEPS = {"poll": poll_step, "upload": upload_step}
BROKEN = {
    "counts": lambda patch, edge: patch.setattr(edge.counts, "polled", fails),
    "day so far": lambda patch, edge: patch.setattr(edge.counts, "day_so_far", fails),
    "facts": lambda patch, _: patch.setattr(device, "facts", fails),
    "news of them": lambda patch, edge: patch.setattr(type(edge.uploader), "facts", NEVER),
    "gap of a clock step": lambda patch, edge: patch.setattr(edge.spool, "note_gap", fails),
    "log": lambda patch, edge: patch.setattr(edge.poller._failed, "recovered", fails),
    "figures": lambda patch, edge: patch.setattr(edge.spool, "figures", fails),
    "health file": lambda patch, _: patch.setattr("edge_lib.health._replace", fails),
    "reports": lambda patch, edge: patch.setattr(edge.counts, "due", fails),
    "place": lambda patch, edge: patch.setattr(edge.counts, "place", fails),
    "receipts": lambda patch, edge: patch.setattr(edge.counts, "acknowledged", fails),
    "parked": lambda patch, edge: patch.setattr(edge.spool, "unreported_parked", fails),
    "gaps": lambda patch, edge: patch.setattr(edge.spool, "unreported_gaps", fails),
    "counts of the spool": lambda patch, edge: patch.setattr(edge.spool, "counts", fails),
    "salvage": lambda patch, edge: patch.setattr(edge.spool, "salvage", fails),
    "comparison": lambda patch, edge: patch.setattr(edge.reconciler, "step", fails),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_fails_beside_a_reading_fails_alone_and_is_told_once(
    world, what, monkeypatch, caplog, tmp_path
):
    world.poll(1, "timeout")  # so that there is something to recover from
    BROKEN[what](monkeypatch, world.edge)
    loops = {name: BestEffort(logging.getLogger("sungrow.edge"), world.clock) for name in STEPS}
    for second in range(6):
        world.inverter.failure = None
        world.inverter.words = NO_PV if second == 3 else {}
        world.clock.wrong_by = timedelta(seconds=90 * (second >= 2))
        for name, step in STEPS.items():
            loops[name].run(name, lambda step=step: step(world.edge), None)
        world.clock.passed_s += POLL_S
    taken = {s["seq"] for s in world.server.samples.values()}
    assert taken == {1, 2, 3, 5, 6}
    assert ask(world.path, "SELECT seq FROM parked") == [(4,)]
    assert what == "parked" or {seq for _, seq, _ in world.server.parked} == {4}
    assert world.edge.poller.seq == 6
    assert world.edge.poller.failures == world.edge.uploader.failures == 0
    if what != "health file":
        assert world.state()["seq"] == 6
    bugs = [record for record in caplog.records if record.message == "bug"]
    assert 1 <= len(bugs) <= 3, "the first time at each place, then every quarter of an hour"
    assert "ZeroDivisionError: a bug" in bugs[0].exc_text


def test_a_reading_is_in_the_spool_before_it_is_counted(world, monkeypatch):
    counted, polled = [], world.edge.counts.polled

    def look(failure=None, ts=None, seq=0):
        counted.append((seq, [row.sample["seq"] for row in world.edge.spool.newest(1)]))
        polled(failure, ts, seq)

    monkeypatch.setattr(world.edge.counts, "polled", look)
    world.poll(3)
    assert counted == [(1, [1]), (2, [2]), (3, [3])]


def test_a_reading_that_no_code_foresaw_to_fail_waits_in_memory_and_is_stored_later(
    world, monkeypatch, caplog
):
    world.poll(2)
    monkeypatch.setattr("edge_lib.spool.retention.expire", fails)  # rides in a reading's commit
    world.clock.passed_s += 3600
    world.poll(3)
    world.upload()
    assert (world.state()["ring_count"], world.edge.poller.seq) == (3, 5)
    assert [r.message for r in caplog.records].count("bug") == 1
    monkeypatch.undo()
    world.poll()
    world.drain()
    assert {s["seq"] for s in world.server.samples.values()} == {1, 2, 3, 4, 5, 6}


def test_readings_whose_time_is_not_known_keep_no_others_back_while_the_disk_fails(world):
    world.poll(2)
    world.clock.right = False
    world.clock.reboot("c" * 32)
    world.stop()
    world.start()
    world.poll(2)
    world.clock.right = True
    with nothing_can_be_written():
        for _ in range(2):
            world.edge.uploader.upload_once()
            world.clock.passed_s += 10
    assert {s["boot"] for s in world.server.samples.values()} == {PRESENT}
    world.poll(1)
    world.drain()
    assert len(world.server.samples) == 5


# Counts are exact


def counts_of_the_server(world) -> dict[str, tuple]:
    return {
        slot[11:16]: (report["polled"], report["failed"])
        for (_, slot), report in world.server.reports.items()
    }


def counts_of_its_readings(world, failures: Counter) -> dict[str, tuple]:
    """Count what has arrived by the quarter hour, and add the failures, of which it knows less."""
    times = [sample["ts"] for sample in world.server.samples.values()]
    times += [parked["ts"] for parked in world.server.parked.values()]
    readings = Counter(quarter(us(parse_ts(ts))) for ts in times)
    slots = readings.keys() | {slot for slot, _ in failures}
    failed = {slot: {w: n for (s, w), n in failures.items() if s == slot} for slot in slots}
    return {slot: (readings[slot] + sum(failed[slot].values()), failed[slot]) for slot in slots}


def quarter(ts_us: int) -> str:
    minute = ts_us // SLOT_US * 15 % 1440
    return f"{minute // 60:02}:{minute % 60:02}"


@pytest.mark.parametrize("offset_s", quick([1, 0, 4.999999]))
@pytest.mark.parametrize(
    ("end", "keep_days", "begins_s"),
    [(World.stop, 7, 840), (World.stop, 0, 840), (World.stop, 7, 0), (World.kill, 7, 0)],
    ids=["stopped", "nothing is kept", "stopped in a quarter hour", "killed in it"],
)
def test_counts_are_those_of_the_readings_across_quarter_hours_restarts_and_failures(
    tmp_path, end, offset_s, keep_days, begins_s
):
    world, failures = World(tmp_path / "spool.db", PRESENT, keep_days), Counter()
    world.clock.passed_s = begins_s + offset_s
    for round_number, (polls, why) in enumerate(
        [(5, None), (2, "timeout"), (4, None), (1, None), (3, "reset"), (150, None)]
    ):
        world.start()
        for _ in range(polls):
            if why:
                failures[quarter(us(world.clock.now())), why] += 1
            world.inverter.words = NO_PV if round_number == 3 else {}
            world.poll(1, why)
        if round_number % 2:
            world.upload()
        end(world)
    world.start()
    world.poll(30)
    world.clock.passed_s += 900
    world.poll(1)
    world.drain()
    world.clock.passed_s += 60
    world.drain()
    expected = counts_of_its_readings(world, failures)
    assert counts_of_the_server(world) == expected
    assert len(expected) >= 2
    world.stop()


def test_a_reading_counts_in_the_quarter_hour_of_its_own_time(world, monkeypatch):
    world.clock.passed_s = 899.999
    real = world.edge.spool.put

    def slow(*args):
        world.clock.passed_s += 1  # the commit ends in the next quarter hour
        return real(*args)

    monkeypatch.setattr(world.edge.spool, "put", slow)
    world.poll(2)
    world.drain()
    assert counts_of_the_server(world) == {"12:00": (1, {}), "12:15": (1, {})}


def test_readings_that_wait_in_memory_are_counted_once(world):
    world.clock.passed_s = 880
    with nothing_can_be_written():
        world.poll(10)
    world.poll(1)
    world.drain()
    world.clock.passed_s += 60
    world.drain()
    assert counts_of_the_server(world) == counts_of_its_readings(world, Counter())


def test_readings_and_failures_from_before_the_time_was_known_are_counted_once(world):
    world.clock.right, world.clock.passed_s = False, 300
    world.poll(3)
    world.poll(2, "timeout")
    world.clock.right = True
    world.upload()  # places them, and begins the quarter hour
    world.poll(2)
    world.drain()
    assert counts_of_the_server(world) == {"12:00": (7, {"timeout": 2})}
