"""The thread of the grid meter: its readings in the spool, and never in the way of a poll."""

import json
import subprocess
import sys
import threading
from datetime import timedelta

import pytest

import edge
from edge_lib import commands, health
from edge_lib.doctor import machine
from edge_lib.p1.errors import P1Error
from edge_lib.p1.meter import MonthPeak
from edge_lib.p1.reading import Reading
from edge_lib.p1_poller import P1Poller
from edge_lib.shared.p1_reading import FIELDS
from edge_lib.spool.gaps import Gap
from edge_lib.spool.kinds import KINDS, P1, SAMPLES
from edge_lib.spool.memory_buffer import MemoryBuffer
from edge_lib.spool.readings import of_kind
from edge_lib.spool.spool import Spool
from edge_lib.systemd import Pulse, steps_s
from server.sandbox.process import ROOT
from tests.support.clocks import BOOT, START, FakeClock
from tests.support.disks import nothing_can_be_written
from tests.support.edge_env import edge_env
from tests.support.edge_world import World
from tests.support.samples import a_sample
from tests.support.spooling import S, database, seqs, us


@pytest.fixture
def world(tmp_path):
    one = World(tmp_path / "spool.db", has_p1=True)
    one.start()
    yield one
    if one.edge:
        one.stop()


class Told:
    """A meter that tells what it is given."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.good = self.bad = self.failures = 0
        self.last_error = None
        self.asked_until_s = []

    def read(self, until_s):
        self.asked_until_s.append(until_s)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        pass


def reading(clock, **values):
    return Reading({"power_w": 500.0} | values, clock.now(), clock.boottime_us())


def poller(meter, spool, clock, interval_s=5.0):
    return P1Poller("house", meter, interval_s, spool, clock)


# One interval


def test_every_reading_of_an_interval_is_stored_with_a_number_of_its_own(tmp_path):
    clock = FakeClock()
    with Spool.strict(tmp_path / "spool.db") as spool:
        first, second = reading(clock), reading(clock, power_w=700.0, gas_m3=2.5)
        poller(Told([first, second], []), spool, clock).poll_once(5.0)
        kept = [row.sample for row in spool.oldest(9, P1)]
        assert [one["seq"] for one in kept] == [1, 2]
        assert kept[1] | {"ts": None} == {
            "device_id": "house",
            "ts": None,
            "power_w": 700.0,
            "gas_m3": 2.5,
            "boot": clock.boot(),
            "seq": 2,
            "ts_src": 0,
        }
        assert spool.oldest(9) == []


def test_the_numbers_go_on_after_a_restart_apart_from_those_of_the_samples(world):
    world.poll(3)
    world.poll(2, "timeout")
    world.stop()
    world.start()
    world.poll(1)
    assert [row.sample["seq"] for row in world.edge.spool.oldest(9, P1)] == [1, 2, 3, 4]
    assert world.edge.p1.seq == world.edge.poller.seq == 4


def test_what_breaks_the_contract_is_parked_whole_and_the_next_is_stored(tmp_path):
    clock = FakeClock()
    with Spool.strict(tmp_path / "spool.db") as spool:
        bad, good = reading(clock, voltage_l1_v=99_999.0), reading(clock)
        one = poller(Told([bad], [good]), spool, clock)
        one.poll_once(5.0)
        one.poll_once(10.0)
        [parked] = spool.unreported_parked(9, P1)
        assert "voltage_l1_v" in parked["reason"]
        assert parked["content"]["voltage_l1_v"] == 99_999.0
        assert (parked["kind"], parked["seq"]) == ("p1", 1)
        assert seqs(spool.oldest(9, P1)) == [2]


def test_a_time_that_is_not_known_is_held_back_and_corrected(world):
    world.clock.right, world.clock.wrong_by = False, timedelta(days=-400)
    world.poll(3)
    assert world.edge.spool.oldest(9, P1) == []
    world.clock.right, world.clock.wrong_by = True, timedelta(0)
    world.upload()
    sent = sorted(world.server.p1.samples.values(), key=lambda one: one["seq"])
    assert [one["ts_src"] for one in sent] == [1, 1, 1]
    assert all(one["ts"].startswith("2026-06-0") for one in sent)


def test_a_meter_that_fails_is_counted_and_stops_nothing(tmp_path):
    clock = FakeClock()
    with Spool.strict(tmp_path / "spool.db") as spool:
        answers = P1Error("silent", "x"), P1Error("stopped", "x"), [reading(clock)]
        one = poller(Told(*answers), spool, clock)
        for until_s in (5.0, 10.0, 15.0):
            one.poll_once(until_s)
        assert (one.polled, one.failed, one.seq) == (2, 1, 1)


def test_the_peaks_of_past_months_reach_the_uploader(world):
    peak = MonthPeak("2026-05-31T23:59:59+02:00", "2026-05-04T18:15:00+02:00", 2731.0)
    read = world.meter.read
    world.meter.read = lambda until_s: [one._replace(peaks=(peak,)) for one in read(until_s)]
    world.poll(2)
    world.upload()
    [sent] = [batch["p1_peaks"] for batch in world.server.batches if "p1_peaks" in batch]
    assert sent == [peak._asdict()]


def test_intervals_follow_each_other_and_none_is_made_up_for(tmp_path):
    clock = FakeClock()
    with Spool.strict(tmp_path / "spool.db") as spool:
        one, began_s = poller(Told(), spool, clock), clock.monotonic_s()
        assert [one.next_until_s() - began_s for _ in range(3)] == [5, 10, 15]
        clock.passed_s += 100
        assert one.next_until_s() - clock.monotonic_s() == 5


def test_the_spool_keeps_the_null_that_the_contract_requires():
    required = {field.name for field in FIELDS if field.required}
    assert P1.required == required


# In memory, while the disk takes nothing


def of(kind, seq):
    return of_kind(kind, a_sample(seq), 5 * seq * S)


def test_a_full_memory_gives_up_the_meters_readings_first():
    full = MemoryBuffer(most=20, few_p1=4)
    for seq in range(1, 61):
        for kind in KINDS if seq <= 20 else (SAMPLES,):
            full.add(of(kind, seq))
    kept = {kind: [one.row.seq for one in full.first(99) if one.row.kind is kind] for kind in KINDS}
    assert len(full) <= 30
    assert len(kept[P1]) <= 4
    assert kept[P1][0] == 1
    counted = {kind: gap.readings for kind, gap in full.gaps.items()}
    assert counted[P1] + len(kept[P1]) == 20
    assert counted.get(SAMPLES, 0) + len(kept[SAMPLES]) == 60
    assert full.thinned() == sum(counted.values())


def test_no_sample_goes_while_many_of_the_meter_are_left():
    full = MemoryBuffer(most=20, few_p1=4)
    for seq in range(1, 15):
        for kind in (P1, P1, SAMPLES):
            full.add(of(kind, seq))
    assert SAMPLES not in full.gaps
    assert P1 in full.gaps


def test_a_house_without_a_meter_has_the_room_that_it_had():
    full = MemoryBuffer(most=20)
    assert [full.add(of(SAMPLES, seq)) for seq in range(1, 22)] == [False] * 20 + [True]


def test_what_was_thinned_of_each_kind_is_a_gap_record_of_that_kind(tmp_path, monkeypatch):
    clock = FakeClock(passed_s=100_000.0)
    monkeypatch.setattr(
        "edge_lib.spool.attempts.MemoryBuffer", lambda: MemoryBuffer(most=10, few_p1=2)
    )
    store = Spool(tmp_path / "spool.db", 7, clock)
    with nothing_can_be_written():
        for seq in range(1, 31):
            for kind in KINDS:
                store.put(a_sample(seq), 5 * seq * S, kind)
    for kind in KINDS:
        store.put(a_sample(31), 155 * S, kind)
    for kind in KINDS:
        [gap] = store.unreported_gaps(9, kind)
        assert gap["cause"] == "thinned"
        assert gap.get("kind", "sample") == kind.name
        assert gap["count"] + len(store.oldest(99, kind)) == 31
    store.close()


# The disk is full


def test_delivered_readings_of_the_meter_go_before_delivered_samples(tmp_path):
    from edge_lib.spool.attempts import _expire_early

    with Spool.strict(tmp_path / "spool.db") as spool:
        for seq in range(1, 11):
            for kind in KINDS:
                spool.put(a_sample(seq), 5 * seq * S, kind)
        for kind in KINDS:
            spool.delivered(range(1, 11), kind)
        db = database(spool)
        db.flush()
        left = []
        for _ in range(2):
            db.write(lambda table: _expire_early(table, db.kinds))
            left.append([sum(n for n, _ in spool.delivered_hours(k).values()) for k in KINDS])
        assert left == [[10, 0], [0, 0]]


# The loop


class Hanging(Told):
    """A meter on a line that says nothing, for as long as it may."""

    def __init__(self, stop):
        super().__init__()
        self.stop, self.entered = stop, threading.Event()

    def read(self, _until_s):
        self.entered.set()
        self.stop.wait(20)
        raise P1Error("stopped", "the program is to stop")


def test_a_meter_that_hangs_delays_no_poll(world):
    stop = threading.Event()
    meter = Hanging(stop)
    p1 = P1Poller("house", meter, 5.0, world.edge.spool, world.clock)
    hung = world.edge._replace(stop=stop, p1=p1)
    thread = threading.Thread(target=edge.p1_loop, args=(hung,))
    thread.start()
    assert meter.entered.wait(5)
    for _ in range(5):
        edge.poll_step(world.edge)
    assert world.edge.poller.seq == 5
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def test_a_loop_that_hangs_is_late_and_one_that_waits_is_not():
    clock = FakeClock()
    pulse = Pulse(clock, steps_s(5, 7))
    pulse.beat("p1", 3600)
    clock.passed_s += 3600 + steps_s(5, 7)["p1"] - 1
    assert pulse.late() == set()
    clock.passed_s += 2
    assert pulse.late() == {"p1"}


# What the edge says of it


@pytest.mark.parametrize(
    ("news", "found"),
    [
        ({}, []),
        ({"last_p1_ts": "2026-06-01T11:59:30.000000Z"}, []),
        ({"last_p1_ts": None}, ["no reading of the grid meter within a minute: none yet"]),
        (
            {"last_p1_ts": "2026-06-01T11:58:00.000000Z", "last_p1_error": "silent: no telegram"},
            ["no reading of the grid meter within a minute: silent: no telegram"],
        ),
        (
            {"last_p1_ts": "2026-06-01T12:00:00.000000Z", "last_p1_upload_error": "too_old: old"},
            ["readings of the grid meter are kept: too_old: old"],
        ),
        ({"last_p1_ts": 5}, ["no reading of the grid meter within a minute: none yet"]),
    ],
)
def test_status_wants_a_reading_of_the_meter_within_a_minute(news, found):
    state = {"last_poll_ts": "2026-06-01T12:00:00.000000Z", "clock_synced": True}
    assert health.complaints(state | news, START) == found


def test_the_health_file_knows_the_meter_from_the_start_on(world):
    world.edge.health.write()
    assert world.state()["last_p1_ts"] is None
    world.poll(2)
    world.poll(1)
    state = world.state()
    assert state["last_p1_ts"] is not None
    assert state["last_p1"]["power_w"] == 2  # the poll after it wrote the file
    assert state["p1_spool_count"] == 2
    assert state["spool_count"] == 5


# A house without one


def test_without_a_source_nothing_of_it_is_imported():
    program = (
        "import edge, sys; from edge_lib import commands;"
        "print([m for m in sys.modules if m.startswith(('edge_lib.p1', 'edge_lib.shared.p1'))"
        " or m == 'termios'])"
    )
    argv = [sys.executable, "-c", program]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert edge.p1_settings({"P1_SOURCE": " "}) is None


def test_without_a_source_no_statement_is_made_for_it(tmp_path):
    world = World(tmp_path / "spool.db")
    world.start()
    world.poll(2)
    world.upload()
    made = []
    database(world.edge.spool)._db.set_trace_callback(made.append)
    world.poll(5)
    world.upload()
    world.clock.passed_s += 3600
    world.poll(2)
    world.upload()
    assert len(made) > 50
    assert [text for text in made if "p1_" in text] == []
    world.stop()


def test_a_gap_of_one_kind_is_not_the_others(world):
    spool = world.edge.spool
    world.poll(1)
    spool.note_gap(Gap(us(START), us(START) + 9, 3), "thinned", P1)
    assert spool.unreported_gaps(9) == []
    [gap] = spool.unreported_gaps(9, P1)
    spool.gaps_reported([gap["id"]])
    assert len(spool.unreported_gaps(9, P1)) == 1  # that was the id of a sample's
    spool.gaps_reported([gap["id"]], P1)
    assert spool.unreported_gaps(9, P1) == []
    assert spool.last_seq(BOOT, P1) == spool.last_seq(BOOT) == 1


# Commands


@pytest.fixture
def at_rest(world, ca):
    """A house at rest: five readings of each kind wait, one of the meter's is parked."""
    world.poll(6)
    [row] = world.edge.spool.oldest(1, P1)
    world.edge.spool.park({row.id: "refused"}, P1)
    world.edge.spool.delivered([world.edge.spool.oldest(1)[0].id])
    world.stop()
    return edge_env(world.path.parent, ca.issue().ca)


def test_parked_shows_and_releases_the_meters_readings_too(world, at_rest, capsys):
    assert commands.parked(at_rest, False, []) == 0
    assert "grid meter: refused" in capsys.readouterr().out
    assert commands.parked(at_rest, True, []) == 0
    [shown] = json.loads(capsys.readouterr().out)
    assert (shown["kind"], shown["seq"], shown["content"]["power_w"]) == ("p1", 1, 1)
    assert commands.parked(at_rest, False, [shown["id"]]) == 0
    with Spool.strict(world.path) as spool:
        assert seqs(spool.oldest(9, P1)) == [2, 3, 4, 5, 6, 1]


def test_a_parked_readings_id_names_it_whatever_its_kind(world):
    world.poll(3)
    spool = world.edge.spool
    for kind, seq in ((P1, 0), (SAMPLES, 0), (P1, 1), (SAMPLES, 1)):
        spool.park({spool.oldest(3, kind)[0].id: f"{kind.name} {seq}"}, kind)
    ids = {one["reason"]: one["id"] for kind in KINDS for one in spool.unreported_parked(9, kind)}
    assert len(set(ids.values())) == 4
    assert spool.release([ids["p1 1"]]) == 1
    assert [spool.counts(kind).parked for kind in KINDS] == [2, 1]


def test_doctor_counts_both_kinds_in_the_spool(at_rest):
    found = list(machine.spool(at_rest, START))
    assert found[0].text.startswith("whole; 10 readings wait, the oldest of ")
    assert any("1 readings could not be decoded" in one.text for one in found)


def test_a_copy_brings_both_kinds_back(world, at_rest, tmp_path, capsys):
    copy, new = tmp_path / "copy.db", tmp_path / "new"
    assert commands.backup(at_rest, copy) == 0
    assert "11 readings, 10 of them not delivered" in capsys.readouterr().out
    new.mkdir()
    assert commands.restore(at_rest | {"SPOOL_PATH": str(new / "spool.db")}, copy) == 0
    store = Spool(new / "spool.db", 7, FakeClock(passed_s=1e5))
    store.salvage()
    assert store.kinds() == KINDS
    assert [len(store.oldest(99, kind)) for kind in KINDS] == [5, 5]
    assert [store.counts(kind).parked for kind in KINDS] == [0, 1]
    assert [store.last_seq(BOOT, kind) for kind in KINDS] == [6, 6]
    store.close()


def test_reconcile_asks_for_both_kinds(world, at_rest, monkeypatch, capsys):
    monkeypatch.setattr(commands.HttpsClient, "from_config", lambda _: world.server)
    assert commands.reconcile(at_rest) == 0, capsys.readouterr()
    for ts in list(world.server.p1.samples)[:2]:
        del world.server.p1.samples[ts]
    assert commands.reconcile(at_rest) == 0
    assert "readings sent again" in capsys.readouterr().out
    assert len(world.server.p1.samples) == 5
