"""A 200 acknowledges what was sent, and nothing that came while it was under way."""

import pytest

from edge_lib.spool.gaps import THINNED, Gap
from tests.support.clocks import START
from tests.support.edge_world import NO_PV, PRESENT, World
from tests.support.spooling import read_of, us, write_of


@pytest.fixture
def world(tmp_path):
    one = World(tmp_path / "spool.db", PRESENT)
    one.start()
    yield one
    one.stop()


def counted(world) -> dict[str, tuple]:
    reports = world.server.reports.items()
    return {slot[11:16]: (report["polled"], report["failed"]) for (_, slot), report in reports}


def settle(world, polls=1) -> None:
    """Let a minute pass, and tell the server what it does not know."""
    world.clock.passed_s += 60
    world.poll(polls)
    world.upload()


def test_the_last_counts_of_a_quarter_hour_arrive_although_it_ends_while_earlier_ones_travel(
    world,
):
    world.poll(178)

    def meanwhile():
        world.poll(2, "timeout")
        world.poll(1)

    world.server.meanwhile = meanwhile
    world.upload()
    assert counted(world)["12:00"] == (178, {})
    settle(world)
    assert counted(world) == {"12:00": (180, {"timeout": 2}), "12:15": (2, {})}


def test_counts_that_are_over_are_sent_until_a_200_and_not_again(world):
    world.poll(181)
    world.server.status = 503
    world.upload()
    world.server.status = 200
    world.server.batches.clear()
    for _ in range(3):
        settle(world)
    sent = [report["slot"][11:16] for b in world.server.batches for report in b.get("reports", [])]
    assert sent.count("12:00") == 1


def test_running_counts_that_were_the_last_ones_are_not_sent_again(world):
    world.poll(180)
    world.upload()
    assert counted(world) == {"12:00": (180, {})}
    world.server.batches.clear()
    for _ in range(3):
        settle(world)
    sent = [report["slot"][11:16] for b in world.server.batches for report in b.get("reports", [])]
    assert set(sent) == {"12:00", "12:15"}
    assert sent.count("12:00") == 1, "once it is over, of which the running ones say nothing"


@pytest.mark.parametrize("where_s", [60, 1000], ids=["over", "running"])
def test_failures_that_are_placed_while_counts_travel_arrive_later(world, where_s):
    world.poll(185)
    world.clock.right = False
    at_s, world.clock.passed_s = world.clock.passed_s, where_s
    world.edge.counts.polled("timeout")
    world.clock.passed_s, world.clock.right = at_s, True
    began_us = us(START) - int(-world.clock.booted_s * 1e6)
    world.server.meanwhile = lambda: world.edge.counts.place(began_us)
    # It is placed before the batch is made as well; here only while it is under way.
    world.edge.uploader._place_provisional = lambda: False
    world.upload()
    before = counted(world)
    del world.edge.uploader._place_provisional
    settle(world)
    settle(world)
    changed = {slot for slot, counts in counted(world).items() if counts[1]}
    assert {slot for slot, counts in before.items() if counts[1]} == set()
    assert changed == {"12:00" if where_s == 60 else "12:15"}


@pytest.mark.parametrize("after_s", [5, -5], ids=["at its end", "at its beginning"])
def test_a_gap_that_grows_while_it_travels_is_sent_as_it_has_become(world, after_s):
    at_us = us(START)
    gap = Gap(at_us, at_us + 10_000_000, 2)
    more = Gap(at_us + after_s * 1_000_000, at_us + (10 + after_s) * 1_000_000, 3)
    world.edge.spool.note_gap(gap, THINNED)
    world.server.meanwhile = lambda: world.edge.spool.note_gap(more, THINNED)
    world.upload()
    assert [g["count"] for g in world.server.gaps.values()] == [2]
    world.upload()
    assert 5 in [g["count"] for g in world.server.gaps.values()]
    assert world.edge.spool.unreported_gaps(9) == []


def test_a_reading_parked_anew_while_its_former_self_travels_is_told_of_anew(world):
    world.poll(1)
    world.server.refuses = lambda _: True
    world.upload()
    [first] = read_of(world.edge.spool, lambda db: db.execute("SELECT id FROM parked").fetchall())

    def meanwhile():
        world.edge.spool.release([*first])
        [row] = world.edge.spool.oldest(1)
        world.edge.spool.park({row.id: "refused again"})

    world.server.refuses = lambda _: False
    write_of(world.edge.spool, lambda db: db.execute("UPDATE parked SET reported = 0"))
    world.server.meanwhile = meanwhile
    world.upload()
    assert [p["reason"] for p in world.edge.spool.unreported_parked(9)] == ["refused again"]
    world.upload()
    assert {reason for _, _, reason in world.server.parked} == {
        "x: as told (value)",
        "refused again",
    }


def test_a_parked_reading_is_told_of_once(world):
    world.inverter.words = NO_PV
    world.poll(2)
    for _ in range(3):
        world.upload()
    told = [p["seq"] for batch in world.server.batches for p in batch.get("parked", [])]
    assert told == [1, 2]


@pytest.mark.parametrize("back", [False, True], ids=["changed", "changed and changed back"])
def test_facts_that_change_while_others_travel_are_sent_as_they_are_then(world, back):
    uploader, first = world.edge.uploader, {"serial": "A"}
    uploader.facts = first

    def meanwhile():
        uploader.facts = {"serial": "B"}
        if back:
            uploader.facts = first

    world.server.meanwhile = meanwhile
    for _ in range(3):
        world.upload()
    sent = [batch["device"]["serial"] for batch in world.server.batches if "device" in batch]
    assert sent == ["A", "A" if back else "B"]
