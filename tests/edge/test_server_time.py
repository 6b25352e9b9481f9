"""The time by a server's answers, and steps of the wall clock."""

from datetime import UTC, datetime, timedelta

import pytest

from edge_lib.clock import StepWatch
from edge_lib.upload.server_time import ServerTime
from tests.support.clocks import FakeClock

BOOTED = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def clock():
    return FakeClock()


def hear(server_time, clock, at_s, delay_s=0.0):
    clock.passed_s = at_s + delay_s
    date = BOOTED + timedelta(seconds=at_s)
    server_time.received(date.replace(microsecond=0))


def off_s(server_time):
    return server_time.began_us() / 1e6 - BOOTED.timestamp()


def test_the_servers_time_is_used_only_after_a_quarter_of_an_hour_without_another(clock):
    server_time = ServerTime(clock)
    hear(server_time, clock, 890)
    assert server_time.began_us() is None
    clock.passed_s = 900
    assert server_time.began_us() is not None


def test_a_machine_that_heard_no_server_knows_nothing(clock):
    clock.passed_s = 10_000
    assert ServerTime(clock).began_us() is None


@pytest.mark.parametrize("at_s", [900, 900.001, 900.5, 900.999])
@pytest.mark.parametrize("delay_s", [0, 0.4])
def test_the_servers_time_is_right_to_a_second(clock, at_s, delay_s):
    server_time = ServerTime(clock)
    hear(server_time, clock, at_s, delay_s)
    assert abs(off_s(server_time)) <= 1


def test_answers_that_agree_leave_the_spacing_of_readings_alone(clock):
    server_time = ServerTime(clock)
    seen = set()
    for i in range(50):
        hear(server_time, clock, 900 + 10.37 * i)
        seen.add(server_time.began_us())
    assert len(seen) == 1


def test_a_late_answer_is_made_good_by_the_next(clock):
    server_time = ServerTime(clock)
    hear(server_time, clock, 900, delay_s=4)
    hear(server_time, clock, 960)
    assert abs(off_s(server_time)) <= 1


@pytest.mark.parametrize("step_s", [-3600, -1.1, 1.1, 864_000])
def test_a_step_of_a_clock_that_was_right_is_noticed_once(step_s):
    watch, step = StepWatch(), timedelta(seconds=step_s)
    assert watch.step(BOOTED, 0, True) is None
    assert watch.step(BOOTED + timedelta(seconds=5), 5_000_000, True) is None
    assert watch.step(BOOTED + timedelta(seconds=10) + step, 10_000_000, True) == step
    assert watch.step(BOOTED + timedelta(seconds=15) + step, 15_000_000, True) is None


@pytest.mark.parametrize(("before", "after"), [(False, True), (False, False), (True, False)])
def test_a_clock_that_was_not_known_to_be_right_may_be_set(before, after):
    watch = StepWatch()
    watch.step(BOOTED, 0, before)
    assert watch.step(BOOTED + timedelta(hours=3), 5_000_000, after) is None


def test_a_clock_that_is_slewed_does_not_step():
    watch = StepWatch()
    found = [watch.step(BOOTED + timedelta(seconds=5.4 * i), i * 5_000_000, True) for i in range(9)]
    assert found == [None] * 9
