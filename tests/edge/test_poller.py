"""The poll step: what becomes of words, of silence, and of the time between two polls."""

import errno
import json
import socket
import sys
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest

from edge import Edge, poll_loop, poll_step
from edge_lib.clock import Clock
from edge_lib.config import dongle_config
from edge_lib.dongle.advice import Failure, written_down
from edge_lib.dongle.inverter import Inverter, InverterError
from edge_lib.dongle.lock import DongleLock
from edge_lib.dongle.registers import BLOCKS, BY_NAME, FIRMWARE, wire_address
from edge_lib.health import Health
from edge_lib.poller import Poller
from edge_lib.shared.timestamps import parse_ts
from edge_lib.simulator.fake_dongle import FakeDongle, HouseholdSource
from edge_lib.simulator.register_image import encode
from edge_lib.spool import file
from edge_lib.spool.spool import Spool
from edge_lib.systemd import Pulse
from edge_lib.upload.condition import Condition
from tests.support.clocks import SkippingClock
from tests.support.spooling import parked_of, seqs
from tests.support.wire_proxy import SILENCE, Fault, WireProxy

FIRST = BLOCKS[0].number - 1


@pytest.fixture
def clock():
    return SkippingClock(back=timedelta(hours=1))


@pytest.fixture
def dongle(clock):
    with FakeDongle(HouseholdSource(clock)) as running:
        yield running


@pytest.fixture
def proxy(dongle):
    with WireProxy(("127.0.0.1", dongle.port)) as running:
        yield running


@pytest.fixture
def spool(tmp_path):
    with Spool.strict(tmp_path / "spool.db") as opened:
        yield opened


@pytest.fixture
def poller(proxy, spool, clock):
    env = {"SUNGROW_HOST": "127.0.0.1", "SUNGROW_PORT": str(proxy.port), "DEVICE_ID": "house"}
    config = dongle_config(env)
    inverter = Inverter("127.0.0.1", proxy.port, 1, 0.5, 0.02, clock, threading.Event().wait)
    poller = Poller(config, inverter, DongleLock("127.0.0.1", proxy.port), spool, clock)
    yield poller
    poller.close()


def test_a_poll_is_one_reading_in_the_spool(poller, spool):
    poller.poll_once()
    [row] = spool.oldest(10)
    assert row.sample["device_id"] == "house"
    assert (row.sample["seq"], row.sample["ts_src"], row.sample["interval_s"]) == (1, 0, 5)
    assert row.sample["load_power_w"] == (
        row.sample["inverter_power_w"] - row.sample["export_power_w"]
    )
    assert poller.last_success is not None


def test_a_poll_interns_no_name_anew(poller, spool, clock, tmp_path, monkeypatch):
    # As pathlib does for each new path: the interpreter's table of names would grow by a megabyte.
    health = Health(tmp_path / "health.json", spool, clock)
    condition = Condition(spool, clock, None, "a secret")
    uploader = SimpleNamespace(facts=None, condition=condition)
    edge = SimpleNamespace(poller=poller, health=health, uploader=uploader)
    poll_step(edge)
    spool_path, new, intern = tmp_path / "spool.db", [], sys.intern

    def noting(name):
        copy = "".join(list(name))
        kept = intern(copy)
        if kept is copy and len(name) > 1:  # else it was there
            new.append(name)
        return kept

    with monkeypatch.context() as patch:
        patch.setattr(sys, "intern", noting)
        poll_step(edge)
        file.parts(spool_path)  # as every few readings
    assert (seqs(spool.newest(3)), new) == ([1, 2], [])


def test_a_poll_without_words_is_counted_and_stores_nothing(poller, proxy, spool):
    proxy.once(SILENCE)
    poller.poll_once()
    assert (poller.failures, spool.counts().depth) == (1, 0)
    assert poller.last_error.startswith("timeout: block A")
    poller.poll_once()
    assert (poller.failures, poller.last_error, spool.counts().depth) == (0, None, 1)
    assert (poller.polls, poller.failed_polls) == (2, 1)


CAUSES = {
    "unknown_name": ("no-such-host.invalid", 502),
    "port_closed": ("127.0.0.1", None),
    "no_way": ("255.255.255.255", 502),
}


@pytest.mark.parametrize("cause", [*CAUSES, None])
def test_the_health_file_says_why_a_dongle_is_not_reached_as_doctor_reads_it(
    poller, proxy, spool, clock, tmp_path, cause
):
    if cause:
        host, port = CAUSES[cause]
        poller._inverter._wire.host, poller._inverter._wire.port = host, port or proxy.port
        proxy.refuse()
    else:
        proxy.once(SILENCE)
    health = Health(tmp_path / "health.json", spool, clock)
    condition = Condition(spool, clock, None, "a secret")
    uploader = SimpleNamespace(facts=None, condition=condition)
    edge = SimpleNamespace(poller=poller, health=health, uploader=uploader)
    poll_step(edge)
    failure = written_down(json.loads((tmp_path / "health.json").read_text()))
    assert failure == poller.last_failure
    assert (failure.reason, failure.cause) == ("unreachable" if cause else "timeout", cause)
    if cause:
        proxy.listen()
        poller._inverter._wire.host, poller._inverter._wire.port = "127.0.0.1", proxy.port
    poll_step(edge)
    state = json.loads((tmp_path / "health.json").read_text())
    assert (state["last_poll_error"], state["last_poll_cause"]) == (None, None)
    assert written_down(state) is None


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (UnicodeError("label too long"), "bad_name"),
        (socket.gaierror(-3, "try again"), "unknown_name"),
        (TimeoutError("timed out"), "no_answer"),
        (OSError(errno.ETIMEDOUT, ""), "no_answer"),
        (OSError(errno.ECONNREFUSED, ""), "port_closed"),
        (OSError(errno.EHOSTUNREACH, ""), "no_way"),
        (None, None),
    ],
)
@pytest.mark.parametrize("reason", ["unreachable", "timeout", "reset"])
def test_the_cause_is_that_of_a_dongle_that_is_not_reached(reason, error, cause):
    failed = InverterError(reason, "as told")
    failed.__cause__ = error
    assert Failure.of(failed).cause == (cause if reason == "unreachable" else None)


def test_the_wait_after_failures_grows_from_5_to_90_seconds_and_ends_with_the_first_success(
    poller, proxy, clock
):
    proxy.refuse()
    waits_s = []
    for _ in range(6):
        started_s = clock.monotonic_s()
        poller.poll_once()
        waits_s.append(round(poller.next_poll_s(started_s) - started_s))
    assert waits_s == [5, 20, 45, 90, 90, 90]
    proxy.listen()
    started_s = clock.monotonic_s()
    poller.poll_once()
    assert poller.next_poll_s(started_s) - started_s == pytest.approx(5, abs=1)


def test_the_period_counts_from_the_first_request_on_the_wire(poller, proxy, clock):
    started_s = clock.monotonic_s()
    poller.poll_once()
    assert poller.next_poll_s(started_s) >= started_s + 5.02
    assert poller.next_poll_s(started_s) <= clock.monotonic_s() + 5


@pytest.mark.parametrize("fault", ["sentinel", "impossible"])
def test_a_poll_that_can_be_no_sample_is_parked_with_its_words(poller, dongle, spool, fault):
    words = dongle.source.words
    if fault == "sentinel":
        dongle.faults[5017] = "sentinel"
    else:
        dongle.source.words = lambda: words() | {5017: 0x7000}  # PV of 1.9 GW
    poller.poll_once()
    dongle.faults.clear()
    [parked] = parked_of(spool)
    assert spool.counts().depth == 0
    assert "5017" in parked["reason"]
    assert len(parked["content"]["words"]) == sum(block.count for block in BLOCKS)
    assert (parked["seq"], poller.failures) == (1, 0)
    assert poller.last_success is None, "only a sample is one"
    assert poller.last_error == f"no_sample: {parked['reason']}"
    dongle.source.words = words
    poller.poll_once()
    assert poller.last_success is not None
    assert poller.last_error is None


# --- the time that a sample stands for ---


def intervals(spool):
    return [row.sample["interval_s"] for row in spool.oldest(99)]


def test_a_sample_stands_for_the_time_since_the_poll_before(poller, spool, clock):
    for passed_s in (5, 8.1, 59.9, 60.4, 5, 7):
        poller.poll_once()
        clock.skip(passed_s - (clock.monotonic_s() - poller._inverter.first_request_s))
    poller.poll_once()
    assert intervals(spool) == [5, *(pytest.approx(s, abs=0.11) for s in (5, 8.1, 59.9, 5, 5, 7))]
    assert all(s * 10 == round(s * 10) for s in intervals(spool))


@pytest.mark.parametrize("between", ["failed", "parked", "silent"])
def test_after_a_poll_without_a_sample_it_is_the_period(
    poller, proxy, dongle, spool, clock, between
):
    poller.poll_once()
    clock.skip(9)
    if between == "failed":
        proxy.once(SILENCE, FIRST)
        poller.poll_once()
    elif between == "parked":
        dongle.faults[5017] = "sentinel"
        poller.poll_once()
        dongle.faults.clear()
    else:
        words = dongle.source.words
        dongle.source.words = dict
        poller.poll_once()
        dongle.source.words = words
    clock.skip(9)
    poller.poll_once()
    clock.skip(9)
    poller.poll_once()
    assert intervals(spool) == [5, 5, pytest.approx(9, abs=0.5)]


def test_after_a_start_it_is_the_period(poller, spool, clock):
    poller.poll_once()
    clock.skip(9)
    again = Poller(poller._config, poller._inverter, poller._lock, spool, clock)
    again.poll_once()
    assert intervals(spool) == [5, 5]


def test_a_slow_dongle_loses_no_energy(poller, proxy, spool, clock, tmp_path):
    """Two seconds an answer, as MODBUS_TIMEOUT_S allows: the samples stand for all of the time."""
    poller._inverter._wire.timeout = 5

    def slow(answer, _):
        threading.Event().wait(0.02)  # the request has left, for the sender as well
        clock.skip(2)
        return answer

    proxy.always(Fault("slow", slow))

    class Stop(threading.Event):
        def wait(self, timeout=None):
            clock.skip(timeout)
            return self.is_set()

    run_loop(poller, spool, clock, tmp_path, Stop(), 9)
    samples = [row.sample for row in spool.oldest(99)]
    first, last = (parse_ts(samples[i]["ts"]) for i in (0, -1))
    stood_for_s = sum(sample["interval_s"] for sample in samples[1:])
    assert stood_for_s == pytest.approx((last - first).total_seconds(), abs=1)
    assert samples[-1]["interval_s"] == pytest.approx(8.1, abs=0.5)


# --- the meter ---


def without_meter(words):
    """What a WiNet-S serves of this house without a meter."""
    grid = [wire_address(n + at) for n in (5601, 13010, 13037, 13046) for at in (0, 1)]
    ac = [words[wire_address(13034 + at)] for at in (0, 1)]
    return words | dict.fromkeys(grid, 0) | dict(zip(range(13007, 13009), ac, strict=True))


def importing(words):
    """The same with a meter that reads 900 W: a battery holds it at exactly 0 now and then."""
    watts = {"meter_power": 900, "export_power": -900}
    return words | {
        wire_address(BY_NAME[name].number) + at: word
        for name, value in watts.items()
        for at, word in enumerate(encode(BY_NAME[name], value))
    }


OF_THE_GRID = ("load_power_w", "export_power_w", "total_import_kwh", "total_export_kwh")


def grid_of(row):
    return [row.sample.get(name) for name in OF_THE_GRID]


def test_without_a_meter_the_grid_is_null_until_one_shows_itself(poller, dongle, spool):
    words = dongle.source.words
    dongle.source.words = lambda: without_meter(words())
    poller.poll_once()
    assert grid_of(spool.oldest(9)[-1]) == [None] * 4
    assert poller.device.facts["has_meter"] is False
    dongle.source.words = words
    poller.poll_once()
    assert None not in grid_of(spool.oldest(9)[-1])
    assert poller.device.facts["has_meter"] is True
    dongle.source.words = lambda: without_meter(words())
    poller.poll_once()
    assert grid_of(spool.oldest(9)[-1])[1:] == [0, 0, 0]
    assert poller.device.facts["has_meter"] is True


def test_a_meter_that_was_seen_is_known_before_the_first_poll_after_a_restart(
    poller, dongle, spool, clock
):
    poller.poll_once()
    words = dongle.source.words
    dongle.source.words = lambda: without_meter(words())
    again = Poller(poller._config, poller._inverter, poller._lock, spool, clock)
    again.poll_once()
    assert grid_of(spool.oldest(9)[-1])[1:] == [0, 0, 0]
    spool.note_meter(None)
    again = Poller(poller._config, poller._inverter, poller._lock, spool, clock)
    again.poll_once()
    assert grid_of(spool.oldest(9)[-1]) == [None] * 4


def test_a_meter_of_an_inverter_that_was_replaced_while_nobody_looked_is_forgotten(
    poller, dongle, spool, clock
):
    spool.note_meter("Z9999999999")
    words = dongle.source.words
    dongle.source.words = lambda: without_meter(words())
    again = Poller(poller._config, poller._inverter, poller._lock, spool, clock)
    again.poll_once()
    assert grid_of(spool.oldest(9)[-1]) == [None] * 4
    assert spool.meter_serial() is None


def test_a_meter_of_an_unread_number_is_that_of_the_first_number_that_is_read(
    poller, dongle, spool, clock
):
    words = dongle.source.words
    dongle.source.words = lambda: words() | dict.fromkeys(range(4989, 4999), 0)
    poller.poll_once()
    assert spool.meter_serial() == ""
    dongle.source.words = words
    poller.poll_once()
    assert spool.meter_serial() == "A0000000042"


def test_a_meter_that_says_nothing_any_more_is_noticed(poller, dongle, spool, clock, tmp_path):
    words = dongle.source.words
    dongle.source.words = lambda: importing(words())
    poller.poll_once()
    dongle.source.words = lambda: without_meter(words())
    poller.poll_once()
    since = poller.device.meter_silent_since
    clock.skip(3600)
    poller.poll_once()
    assert poller.device.meter_silent_since == since == parse_ts(spool.oldest(9)[1].sample["ts"])
    health = Health(tmp_path / "health.json", spool, clock)
    health.write(meter_silent_since_ts=since)
    assert Health(tmp_path / "health.json", spool, clock).meter_silent_since == since
    dongle.source.words = lambda: importing(words())
    poller.poll_once()
    assert poller.device.meter_silent_since is None


def test_a_wrong_clock_does_not_say_since_when_a_meter_says_nothing(poller, dongle, clock):
    """Else doctor would warn at once when the clock is set right, with a date of long ago."""
    words = dongle.source.words
    dongle.source.words = lambda: importing(words())
    poller.poll_once()
    dongle.source.words = lambda: without_meter(words())
    clock.right = False
    poller.poll_once()
    assert poller.device.meter_silent_since is None
    clock.right = True
    poller.poll_once()
    assert clock.now() - poller.device.meter_silent_since < timedelta(seconds=5)


def test_a_dongle_that_knows_its_inverters_name_but_measures_nothing_gives_no_reading(
    poller, dongle, spool
):
    words = dongle.source.words
    dongle.source.words = lambda: {a: w if a < 5002 else 0 for a, w in words().items()}
    poller.poll_once()
    assert (spool.counts().depth, spool.counts().parked, poller.failures) == (0, 0, 1)
    assert poller.last_error.startswith("inverter_off: ")
    dongle.source.words = words
    poller.poll_once()
    assert (spool.counts().depth, poller.seq, poller.failures) == (1, 1, 0)


def test_readings_and_parked_ones_share_one_sequence_that_a_restart_goes_on_with(
    poller, dongle, spool, clock, proxy
):
    poller.poll_once()
    dongle.faults[5017] = "sentinel"
    poller.poll_once()
    dongle.faults.clear()
    again = Poller(poller._config, poller._inverter, poller._lock, spool, clock)
    again.poll_once()
    assert [row.sample["seq"] for row in spool.oldest(10)] == [1, 3]
    assert [parked["seq"] for parked in parked_of(spool)] == [2]


def test_no_number_is_given_twice_although_the_end_of_the_spool_is_gone(
    poller, spool, clock, tmp_path
):
    path = tmp_path / "health.json"
    for _ in range(3):
        health = Health(path, spool, clock)
        poll_step(Edge(clock, None, poller, NoUploads(), None, health, None, spool, None))
    Health(path, spool, clock).write(last_upload_ts=None)  # the other thread was first
    assert Health(path, spool, clock).last_seq == 3
    (tmp_path / "new").mkdir()
    with Spool.strict(tmp_path / "new" / "spool.db") as emptied:
        known = Health(path, emptied, clock).last_seq
        again = Poller(
            poller._config, poller._inverter, poller._lock, emptied, clock, least_seq=known
        )
        again.poll_once()
        assert seqs(emptied.oldest(9)) == [4]


@pytest.mark.parametrize(
    "state",
    ["", "[]", "no JSON", {"seq": "3"}, {"seq": -1}, {"seq": 10**9}, {"seq": 3, "boot": "f" * 32}],
)
def test_a_health_file_that_cannot_be_right_gives_no_number(state, spool, clock, tmp_path):
    path = tmp_path / "health.json"
    if isinstance(state, dict):
        state = json.dumps({"boot": clock.boot(), **state})
    path.write_text(state)
    assert Health(path, spool, clock).last_seq == 0


@pytest.mark.parametrize("step_s", [-3600, 90])
def test_a_clock_that_is_set_leaves_a_gap_that_the_server_is_told_of(poller, spool, clock, step_s):
    poller.poll_once()
    clock.now = lambda now=clock.now: now() + timedelta(seconds=step_s)
    poller.poll_once()
    [gap] = spool.unreported_gaps(9)
    span_s = (parse_ts(gap["to_ts"]) - parse_ts(gap["from_ts"])).total_seconds()
    assert abs(span_s - abs(step_s)) < 0.5
    assert (gap["cause"], gap["count"]) == ("clock_step", 0)


def test_while_the_clock_may_be_wrong_readings_are_held_back(poller, spool, clock):
    clock.right = False
    poller.poll_once()
    assert (spool.oldest(10), spool.counts().provisional) == ([], 1)


def test_another_command_on_the_dongle_makes_the_poll_wait_not_connect(poller, proxy):
    with DongleLock("127.0.0.1", proxy.port) as other:
        assert other.acquire()
        poller.poll_once()
        assert poller.last_error.startswith("locked: ")
        assert proxy.accepted == 0
    poller.poll_once()
    assert poller.failures == 0


def test_the_facts_of_the_device_come_together_from_its_polls(poller, proxy):
    for _ in range(3):
        poller.poll_once()
    assert poller.device.facts["model"] == "SH4.0RS"
    assert poller.device.facts["nominal_power_w"] == 4000
    assert poller.device.facts["has_battery"] is True
    assert poller.device.facts["firmware"].startswith("SUNSTONE")
    asked = [seen.address for seen in proxy.requests]
    assert asked.count(FIRMWARE.number - 1) == 1
    assert len(asked) == 12


def test_the_facts_say_since_when_the_inverter_is_this_one(poller, spool):
    poller.poll_once()
    (first,) = spool.oldest(9)
    assert poller.device.facts["since_ts"] == first.sample["ts"]
    poller.poll_once()
    assert poller.device.facts["since_ts"] == first.sample["ts"]


def test_a_replaced_inverter_keeps_nothing_of_the_old_one(poller, dongle, spool, proxy):
    """Neither what it is, nor that it had a battery and a meter, nor the firmware."""
    for _ in range(3):
        poller.poll_once()
    old = poller.device.facts
    assert (old["has_meter"], old["has_battery"], old["model"]) == (True, True, "SH4.0RS")
    words = dongle.source.words()
    another = encode(BY_NAME["serial_number"], "B0000000007")
    gone = {wire_address(n) for n in (2582, 5000, 5001, 5639, *range(13020, 13026), 13039)}
    meter = {wire_address(n + at) for n in (5601, 13010, 13037, 13046) for at in (0, 1)}
    legacy = {wire_address(n + at) for n in (5214, 13022) for at in (0, 1)}
    none = dict.fromkeys(gone | meter | legacy | {wire_address(5631)}, 0)
    dongle.source.words = lambda: words | none | dict(enumerate(another, wire_address(4990)))
    poller.poll_once()
    new = poller.device.facts
    assert new["serial"] == "B0000000007"
    assert new["since_ts"] == spool.oldest(9)[-1].sample["ts"]
    assert (new["has_meter"], new["has_battery"]) == (False, False)
    assert not {"model", "nominal_power_w", "firmware", "battery_capacity_kwh"} & new.keys()
    assert spool.oldest(9)[-1].sample["export_power_w"] is None
    poller.poll_once()
    poller.poll_once()
    asked = [seen.address + 1 for seen in proxy.requests]
    assert asked.count(FIRMWARE.number) == 2


def test_an_inverter_that_does_not_say_its_number_for_once_is_the_same(poller, dongle, spool):
    for _ in range(3):
        poller.poll_once()
    old, words = poller.device.facts, dongle.source.words()
    dongle.source.words = lambda: words | dict.fromkeys(range(4989, 4999), 0)
    poller.poll_once()
    assert poller.device.facts == old
    assert spool.oldest(9)[-1].sample["export_power_w"] is not None


def test_a_clock_that_is_not_right_does_not_say_since_when(poller, clock):
    clock.right = False
    poller.poll_once()
    assert (poller.device.facts["serial"], poller.device.facts["since_ts"]) == ("A0000000042", None)


class NoUploads:
    """Takes the facts."""

    facts = None


def run_loop(poller, spool, clock, tmp_path, stop, polls: int):
    """Run the poll loop until so many polls are over."""
    poll_once, left = poller.poll_once, [polls]

    def counted():
        left[0] -= 1
        if left[0] <= 0:
            stop.set()
        poll_once()

    poller.poll_once = counted
    health = Health(tmp_path / "health.json", spool, clock)
    pulse = Pulse(clock, {"poll": 60})
    poll_loop(Edge(clock, stop, poller, NoUploads(), None, health, pulse, spool, None))


@pytest.mark.slow
def test_a_hundred_polls_with_an_outage_keep_four_requests_a_poll_and_one_connection(
    poller, proxy, spool, clock, tmp_path
):
    class Stop(threading.Event):
        """Lets the time pass instead of waiting."""

        def wait(self, timeout=None):
            clock.skip(timeout)
            if poller.seq == 50 and proxy.accepting:
                proxy.accepting = False
                proxy.hang_up()
            elif not proxy.accepting and poller.failures >= 3:
                proxy.accepting = True
            return self.is_set()

    run_loop(poller, spool, clock, tmp_path, Stop(), 103)
    assert spool.counts().depth == 100
    state = json.loads((tmp_path / "health.json").read_text())
    assert (state["polled_count"], state["failed_count"]) == (103, 3)
    assert state["uptime_s"] >= 100 * 5
    assert len(proxy.requests) == 400
    assert proxy.most_open == 1
    gaps_s = [b.asked_s - a.answered_s for a, b in pairwise(proxy.requests)]
    assert min(gaps_s) >= 0.02


@pytest.mark.slow
def test_polls_are_five_seconds_apart_in_real_time(tmp_path, dongle, proxy, spool, poller):
    """From the last byte of one poll's first request to the first byte of the next one's."""
    real, wire = Clock(), poller._inverter._wire
    poller._clock = wire._clock = real
    began_s, send = [], wire._send

    def noting(frame):
        began_s.append(real.monotonic_s())
        send(frame)

    wire._send = noting
    run_loop(poller, spool, real, tmp_path, threading.Event(), 3)
    starts = [at for at, seen in enumerate(proxy.requests) if seen.address == FIRST]
    assert len(starts) == 3
    left_s = [row.asked_s for row in proxy.requests]
    for one, next_one in pairwise(starts):
        assert began_s[next_one] - began_s[one] >= 5
    assert poller._inverter.first_request_s >= began_s[starts[-1]]
    assert left_s == sorted(left_s)


def test_after_a_stall_no_poll_is_made_up_for(poller, proxy, spool, clock, tmp_path):
    class Stalling(threading.Event):
        """Each wait takes a minute longer than asked."""

        waits_s: list[float] = []  # noqa: RUF012

        def wait(self, timeout=None):
            self.waits_s.append(timeout)
            clock.skip(timeout + 60)
            return self.is_set()

    stop = Stalling()
    run_loop(poller, spool, clock, tmp_path, stop, 3)
    assert all(wait_s > 4 for wait_s in stop.waits_s)


def test_what_breaks_a_step_is_logged_and_does_not_end_the_loop(
    poller, proxy, spool, clock, tmp_path, caplog
):
    calls = []

    def broken():
        calls.append(datetime.now(UTC))
        if len(calls) == 1:
            raise ZeroDivisionError("bug")

    class Stop(threading.Event):
        def wait(self, timeout=None):
            clock.skip(timeout)
            return self.is_set()

    poller.poll_once = broken
    run_loop(poller, spool, clock, tmp_path, Stop(), 2)
    assert len(calls) == 2
    assert "bug" in [record.message for record in caplog.records]
