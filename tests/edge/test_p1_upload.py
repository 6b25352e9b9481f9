"""Readings of the grid meter on their way to the server: beside the samples, never in their way."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from edge_lib.spool.kinds import P1, SAMPLES
from edge_lib.upload.https import Answer
from edge_lib.upload.meter_lane import NOT_TAKEN_S
from edge_lib.upload.receipt import UploadRefused, UploadRetry, proof
from tests.support.edge_world import World

pytestmark = pytest.mark.slow  # spools of hundreds of readings

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GOOD = {"inserted": 1, "duplicates": 1, "conflicts": [2]}


@pytest.fixture
def world(tmp_path):
    one = World(tmp_path / "spool.db", has_p1=True)
    one.start()
    yield one
    if one.edge:
        one.stop()


def lists(batch) -> tuple[int, int]:
    return len(batch["samples"]), len(batch.get("p1_samples", []))


def waiting(world) -> tuple[int, int]:
    counts = world.edge.spool.counts
    return counts().depth, counts(P1).depth


def parked(world, kind) -> int:
    return world.edge.spool.counts(kind).parked


# What an answer proves


def answered(status=200, p1_count=3, **content):
    body = json.dumps({"batch_id": "1", "inserted": 2, "duplicates": 0, "conflicts": [], **content})
    return proof(Answer(status, {}, body.encode()), "1", 2, NOW, p1_count)


def test_the_verdicts_on_both_lists_are_read():
    proven = answered(p1=GOOD)
    assert proven[:3] == (2, 0, frozenset())
    assert proven.p1[:3] == (1, 1, frozenset({2}))


@pytest.mark.parametrize(
    "p1",
    [
        None,
        [],
        "ok",
        {},
        GOOD | {"inserted": 2},
        GOOD | {"inserted": True},
        GOOD | {"conflicts": [3]},
        GOOD | {"conflicts": [2, 2], "inserted": 0},
        GOOD | {"duplicates": -1, "inserted": 3},
    ],
)
def test_without_an_account_of_every_reading_none_of_them_is_acknowledged(p1):
    proven = answered(**({} if p1 is None else {"p1": p1}))
    assert proven[:3] == (2, 0, frozenset())
    assert proven.p1 is None


def test_an_account_of_the_meters_readings_alone_proves_nothing():
    with pytest.raises(UploadRetry):
        answered(inserted=1, p1=GOOD)


def test_a_422_names_readings_of_either_list_by_their_places():
    detail = [
        {"loc": ["body", name, i, "x"], "msg": "m", "type": type_}
        for name, i, type_ in (
            ("samples", 1, "null"),
            ("p1_samples", 0, "ts_in_future"),
            ("p1_samples", 2, "null"),
            ("p1_samples", 3, "null"),  # there is none
            ("p1", 1, "null"),
        )
    ]
    with pytest.raises(UploadRefused) as caught:
        answered(422, detail=detail)
    assert caught.value.samples == ({1: "x: m (null)"}, frozenset())
    assert caught.value.p1 == ({2: "x: m (null)"}, frozenset({0}))


# One batch for both


def test_both_lists_go_in_one_request_and_each_has_its_verdicts(world):
    world.poll(5)
    world.upload()
    [batch] = world.server.batches
    assert lists(batch) == (5, 5)
    assert waiting(world) == (0, 0)
    assert [len(kept.samples) for kept in (world.server, world.server.p1)] == [5, 5]
    assert {one["seq"] for one in batch["p1_samples"]} == {1, 2, 3, 4, 5}
    state = world.state()
    assert (state["inserted_count"], state["p1_inserted_count"]) == (5, 5)


def test_a_house_without_a_meter_says_nothing_of_one(tmp_path):
    world = World(tmp_path / "spool.db")
    world.start()
    world.poll(5)
    world.drain()
    assert not {key for batch in world.server.batches for key in batch if "p1" in key}
    assert not {key for key in world.state() if "p1" in key}
    assert world.edge.spool.kinds() == (SAMPLES,)
    world.stop()


def test_the_size_of_a_batch_counts_both(world):
    world.edge.uploader._size = 10
    world.poll(12)
    world.edge.uploader.upload_once()
    assert lists(world.server.batches[-1]) == (5, 5)
    world.drain()
    assert max(sum(lists(batch)) for batch in world.server.batches) <= 12


def test_a_batch_of_one_is_of_each_in_turn(world):
    world.poll(4)
    world.server.status = 413
    for _ in range(4):
        world.edge.uploader.upload_once()
    world.server.status = 200
    world.server.batches.clear()
    world.edge.uploader._size = 1
    for _ in range(2):
        world.edge.uploader.upload_once()
        world.edge.uploader._size = 1
    assert {lists(batch) for batch in world.server.batches} == {(1, 0), (0, 1)}
    world.drain()


def test_what_is_left_of_a_meter_that_was_removed_is_delivered_too(world):
    world.poll(3)
    world.stop()
    world.meter = None
    world.start()
    assert waiting(world) == (3, 3)
    world.upload()
    assert waiting(world) == (0, 0)
    assert len(world.server.p1.samples) == 3


# A server that is older


def test_an_older_server_gets_the_samples_and_the_meters_readings_wait(world, caplog):
    world.server.takes_p1 = False
    for _ in range(5):
        world.poll(3)
        world.upload()
    assert waiting(world) == (0, 15)
    assert parked(world, P1) == 0
    assert len(world.server.samples) == 15
    said = [r for r in caplog.records if r.message == "P1 readings are kept"]
    assert [r.reason for r in said] == ["too_old"]
    assert [lists(batch)[1] for batch in world.server.batches].count(3) == 1  # and once is enough
    assert world.state()["last_p1_upload_error"].startswith("too_old")
    assert not any(
        report.get("kind") for batch in world.server.batches for report in reports(batch)
    )


def reports(batch):
    return [*batch.get("reports", []), *batch.get("parked", [])]


def test_a_server_that_was_upgraded_gets_them_within_the_hour(world):
    world.server.takes_p1 = False
    world.poll(3)
    world.upload()
    world.server.takes_p1 = True
    world.clock.passed_s += NOT_TAKEN_S
    world.poll(1)
    world.upload()
    assert waiting(world) == (0, 0)
    assert len(world.server.p1.samples) == 4
    assert world.state()["last_p1_upload_error"] is None


# Refusals


def test_exactly_those_that_a_422_names_are_parked_of_either_kind(world):
    world.poll(10)
    world.server.refuses = lambda one: one["seq"] == 3 or (one["seq"] == 5 and "power_w" in one)
    world.drain()
    assert (parked(world, SAMPLES), parked(world, P1)) == (1, 2)
    assert [len(kept.samples) for kept in (world.server, world.server.p1)] == [9, 8]
    world.poll(1)
    world.upload()
    assert {seq for _, seq, _ in world.server.p1.parked} == {3, 5}
    assert {seq for _, seq, _ in world.server.parked} == {3}


def test_a_conflict_of_the_meters_readings_is_parked(world):
    world.poll(10)
    world.server.conflicts = lambda one: one["seq"] == 4 and "power_w" in one
    world.drain()
    assert (parked(world, SAMPLES), parked(world, P1)) == (0, 1)
    assert [len(kept.samples) for kept in (world.server, world.server.p1)] == [10, 9]


@pytest.mark.parametrize("how", ["refuses", "conflicts"])
def test_when_too_many_are_refused_they_are_held_and_the_samples_go_on(world, how, caplog):
    setattr(world.server, how, lambda one: "power_w" in one)
    for _ in range(20):
        world.poll(10)
        world.upload()
        world.clock.passed_s += 30
    assert waiting(world)[0] == 0
    assert len(world.server.samples) == 200
    assert parked(world, P1) <= 60
    assert waiting(world)[1] + parked(world, P1) == 200
    assert world.state()["upload_failures"] == 0
    assert world.state()["last_p1_upload_error"].startswith("held")
    setattr(world.server, how, lambda _: False)
    world.clock.passed_s += 600
    for _ in range(4):
        world.poll(1)
        world.drain()
    assert waiting(world) == (0, 0)
    assert len(world.server.p1.samples) + parked(world, P1) == 204


def test_when_too_many_samples_are_refused_the_meters_readings_go_on(world):
    world.server.refuses = lambda one: "pv_power_w" in one
    for _ in range(20):
        world.poll(10)
        world.upload()
        world.clock.passed_s += 30
    assert waiting(world)[1] == 0
    assert len(world.server.p1.samples) == 200
    assert world.state()["last_upload_error"].startswith("held")


def test_one_that_the_server_holds_for_the_future_waits_and_blocks_nothing(world):
    world.clock.wrong_by = timedelta(hours=2)
    world.poll(2)
    world.clock.wrong_by = timedelta(0)
    world.poll(3)
    real = world.server.post

    def early(path, body, headers, meanwhile=None):
        answer = real(path, body, headers, meanwhile)
        batch = world.server.batches[-1]
        ahead = [i for i, one in enumerate(batch.get("p1_samples", [])) if one["seq"] <= 2]
        if not ahead:
            return answer
        detail = [
            {"loc": ["body", "p1_samples", i, "ts"], "msg": "early", "type": "ts_in_future"}
            for i in ahead
        ]
        content = {"detail": detail, "batch_id": batch["batch_id"]}
        return Answer(422, answer.headers, json.dumps(content).encode())

    world.server.post = early
    world.upload()
    assert waiting(world) == (0, 2)
    assert parked(world, P1) == 0


# Beside them


def test_the_months_peaks_go_once_and_again_when_they_change(world):
    peaks = [{"month": "2026-10-31T23:59:59+01:00", "peak_ts": "x", "peak_w": 2500.0}]
    world.edge.p1.peaks = peaks
    for _ in range(3):
        world.poll(2)
        world.upload()
    world.edge.p1.peaks = [*peaks, peaks[0] | {"peak_w": 3000.0}]
    for _ in range(3):
        world.poll(2)
        world.upload()
    sent = [batch["p1_peaks"] for batch in world.server.batches if "p1_peaks" in batch]
    assert sent == [peaks, world.edge.p1.peaks]


def test_the_counts_of_its_quarter_hours_are_told_apart(world):
    world.poll(30)
    world.poll(3, "timeout")
    world.poll(400)
    world.drain()
    for _ in range(3):
        world.clock.passed_s += 60
        world.poll(1)
        world.upload()
    told = world.server.p1.reports
    assert told.keys() == world.server.reports.keys()
    assert sum(one["polled"] for one in told.values()) == world.edge.p1.seq + 3
    assert sum(one["failed"].get("timeout", 0) for one in told.values()) == 3
    newest = max(told.values(), key=lambda one: one["slot"])
    assert newest["waiting"] >= 0
    assert newest["clock"] == "synchronised"


def test_hours_that_the_server_lost_are_sent_again_of_each_kind(world):
    world.poll(20)
    world.drain()
    for kept in (world.server, world.server.p1):
        for ts in list(kept.samples)[5:9]:
            del kept.samples[ts]
    del world.server.p1.samples[next(iter(world.server.p1.samples))]
    assert world.edge.reconciler.compare() == 40
    world.drain()
    assert [len(kept.samples) for kept in (world.server, world.server.p1)] == [20, 20]
    assert world.edge.reconciler.compare() == 0
