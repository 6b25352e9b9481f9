"""The edge's own counts by the quarter hour, and what the server makes of them."""

import pytest

from edge_lib.poll_counts import RUNNING_EVERY_S, PollCounts
from edge_lib.shared.timestamps import format_ts
from edge_lib.spool.spool import Spool
from tests.support.clocks import BOOT, START, FakeClock
from tests.support.samples import a_sample
from tests.support.spooling import read_of


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(tmp_path, clock):
    opened = Spool(tmp_path / "spool.db", 7, clock)
    yield opened
    opened.close()


@pytest.fixture
def reports(store, clock):
    return PollCounts(store, clock)


def counted(slots):
    return [(slot.content()["slot"][11:16], slot.polled, slot.failed) for slot in slots]


def poll(reports, store, clock, count=1, failure=None):
    for _ in range(count):
        reports.polled(failure)
        if failure is None:
            number = store.last_seq(BOOT) + 1
            sample = a_sample(number, boot=BOOT) | {"ts": format_ts(clock.now())}
            store.put(sample, int(clock.passed_s * 1e6))
        clock.passed_s += 5


def test_polls_and_failures_are_counted_by_the_quarter_hour(reports, store, clock):
    poll(reports, store, clock, 170)
    poll(reports, store, clock, 10, "timeout")
    poll(reports, store, clock, 5)
    assert counted(reports.due(10)) == [("12:00", 180, {"timeout": 10}), ("12:15", 5, {})]


def test_the_running_one_is_sent_once_a_minute_and_others_until_acknowledged(reports, store, clock):
    poll(reports, store, clock, 181)
    for _ in range(2):
        assert len(reports.due(10)) == 2
    reports.acknowledged(reports.due(10))
    assert reports.due(10) == []
    clock.passed_s += RUNNING_EVERY_S
    assert counted(reports.due(10)) == [("12:15", 1, {})]


def test_a_restart_goes_on_with_what_it_finds(reports, store, clock):
    poll(reports, store, clock, 20)
    poll(reports, store, clock, 3, "reset")
    poll(reports, store, clock, 7)
    again = PollCounts(store, clock)  # as after SIGKILL: nothing was closed
    poll(again, store, clock, 1)
    assert counted(again.due(10)) == [("12:00", 31, {"reset": 3})]


def test_a_stop_writes_the_running_one_down(reports, store, clock):
    poll(reports, store, clock, 4)
    reports.close()
    clock.passed_s += 3600
    assert counted(PollCounts(store, clock).due(10)) == [("12:00", 4, {})]


def test_the_running_one_waits_until_no_older_one_is_left_out(reports, store, clock):
    poll(reports, store, clock, 361)
    assert counted(reports.due(2)) == [("12:00", 180, {}), ("12:15", 180, {})]
    reports.acknowledged(reports.due(2))
    assert counted(reports.due(2)) == [("12:30", 1, {})]


def test_while_the_clock_may_be_wrong_nothing_is_counted(reports, store, clock):
    clock.right = False
    reports.polled("timeout")
    assert reports.due(10) == []


def failures_of_an_unknown_time(reports, clock):
    """Fail at 12:00, 12:14 and 12:16, when nobody knows the time."""
    clock.right = False
    for minute, failure in ((0, "timeout"), (14, "reset"), (16, "timeout")):
        clock.passed_s = minute * 60
        reports.polled(failure)


def test_failures_from_before_the_time_was_known_are_counted_where_they_belong(
    reports, store, clock
):
    failures_of_an_unknown_time(reports, clock)
    began_us = int(START.timestamp() * 1e6)
    for _ in range(2):
        reports.place(began_us)
    failed = [("12:00", 2, {"timeout": 1, "reset": 1}), ("12:15", 1, {"timeout": 1})]
    assert counted(reports.due(10)) == failed
    clock.right = True
    poll(reports, store, clock, 2)
    assert counted(reports.due(10))[1] == ("12:15", 3, {"timeout": 1})


def test_what_runs_already_takes_up_failures_from_before_the_time_was_known(reports, store, clock):
    failures_of_an_unknown_time(reports, clock)
    clock.right = True
    poll(reports, store, clock, 2)
    reports.place(int(START.timestamp() * 1e6))
    poll(reports, store, clock, 1)
    assert counted(reports.due(10))[1] == ("12:15", 4, {"timeout": 1})


def test_the_day_so_far_is_told_across_quarter_hours_and_restarts(reports, store, clock):
    assert reports.day_so_far() == {"polled_today": 0, "failed_today": {}}
    poll(reports, store, clock, 200)
    poll(reports, store, clock, 2, "reset")
    again = PollCounts(store, clock)
    poll(again, store, clock, 1, "timeout")
    assert again.day_so_far() == {"polled_today": 203, "failed_today": {"reset": 2, "timeout": 1}}
    clock.passed_s += 86_400
    poll(again, store, clock, 3)
    assert again.day_so_far() == {"polled_today": 3, "failed_today": {}}


def test_the_day_so_far_is_known_without_asking_the_disk_at_each_poll(reports, store, clock):
    asked, read = [], store._read
    store._read = lambda *args: (asked.append(1), read(*args))[1]
    for polls in range(1, 361):
        reports.polled()
        assert reports.day_so_far()["polled_today"] == polls
        clock.passed_s += 5
    assert len(asked) <= 2 * 2, "twice at the start of a quarter hour"


def test_the_day_so_far_holds_what_a_failing_disk_did_not_take(reports, store, clock):
    poll(reports, store, clock, 100)
    store._read, store._write = lambda _, otherwise: otherwise, lambda _: None
    for _ in range(100):
        reports.polled()
        clock.passed_s += 5
    assert reports.day_so_far()["polled_today"] == 200


def test_a_clock_that_is_set_back_into_the_day_before_counts_that_day(reports, store, clock):
    poll(reports, store, clock, 3)
    clock.passed_s -= 86_400
    poll(reports, store, clock, 2)
    assert reports.day_so_far()["polled_today"] == 2
    clock.passed_s += 86_400
    poll(reports, store, clock, 1)
    assert reports.day_so_far()["polled_today"] == 4


def test_old_acknowledged_ones_go_and_others_stay(reports, store, clock, monkeypatch):
    monkeypatch.setattr("edge_lib.poll_counts.KEPT", 5)
    for _ in range(12):
        reports.polled("timeout")
        clock.passed_s += 900
    reports.polled("timeout")
    reports.acknowledged(reports.due(8))
    assert len(reports.due(20)) == 5  # of 13, with the running one
    kept = read_of(store, lambda db: db.execute("SELECT count(*) FROM reports").fetchall())
    assert kept[0][0] <= 12


def test_failures_placed_in_an_earlier_quarter_hour_are_told_for_the_day_at_once(
    reports, store, clock
):
    poll(reports, store, clock)
    clock.right = False
    reports.polled("timeout")
    clock.passed_s += 20 * 60
    clock.right = True
    poll(reports, store, clock)
    reports.place(int(START.timestamp() * 1e6))
    assert reports.day_so_far() == {"polled_today": 3, "failed_today": {"timeout": 1}}
