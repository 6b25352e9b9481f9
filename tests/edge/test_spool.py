"""The spool: what is put in comes out, in order, until it is delivered."""

from datetime import timedelta

import pytest

from edge_lib.shared.sample import SAMPLE
from edge_lib.spool.spool import Spool
from tests.support.clocks import BOOT, EARLIER, START
from tests.support.samples import a_sample
from tests.support.spool_kinds import of_each_kind  # noqa: F401  every test is run with both
from tests.support.spooling import (
    S,
    ask,
    assert_every_sample_is_in_one_state,
    crash,
    database,
    deliver_oldest,
    ids,
    parked_of,
    put,
    seqs,
    us,
    write_of,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path):
    with Spool.strict(path) as one:
        yield one


# What is stored


def test_a_sample_comes_back_as_it_went_in(spool):
    sample = a_sample(7, battery_power_source="signed", total_import_kwh=0.1 + 0.2, seen_by_v9=None)
    stored = spool.put(sample, 35 * S)
    del sample["seen_by_v9"]  # an optional null may as well be absent
    assert stored == sample
    assert [(row.id, row.sample) for row in spool.oldest(10)] == [(1, sample)]
    SAMPLE.check(stored, START + timedelta(hours=1))


def test_the_samples_survive_a_restart(path):
    with Spool.strict(path) as spool:
        put(spool, 1)
        put(spool, 2)
    with Spool.strict(path) as spool:
        assert seqs(spool.oldest(10)) == [1, 2]


def test_a_time_that_the_spool_holds_moves_by_a_microsecond(spool):
    times = [put(spool, seq, after_s=0)["ts"][-7:] for seq in (1, 2, 3)]
    assert times == ["000000Z", "000001Z", "000002Z"]
    assert [row.sample["ts"][-7:] for row in spool.oldest(3)] == times


def test_a_delivered_sample_still_holds_its_time(spool):
    put(spool, 1, after_s=0)
    deliver_oldest(spool)
    assert put(spool, 2, after_s=0)["ts"].endswith("00.000001Z")


def test_a_time_with_another_offset_is_stored_in_utc(spool):
    assert put(spool, 1, ts="2026-06-01T14:00:00+02:00")["ts"] == "2026-06-01T12:00:00.000000Z"


def test_a_whole_number_written_as_a_fraction_is_not_taken_for_damage(spool):
    spool.put(a_sample(1) | {"seq": 1.0, "ts_src": 0.0}, 5.0 * S)
    assert seqs(spool.oldest(1)) == [1]


# The queue


def test_the_oldest_come_first_whatever_their_times(spool):
    for seq, after_s in ((1, 50), (2, 0), (3, 25)):
        put(spool, seq, after_s=after_s)
    assert seqs(spool.oldest(2)) == [1, 2]
    assert seqs(spool.oldest(10)) == [1, 2, 3]


def test_the_newest_come_in_the_order_of_their_arrival(spool):
    for seq in range(1, 6):
        put(spool, seq)
    assert seqs(spool.newest(2)) == [4, 5]
    assert seqs(spool.newest(10)) == [1, 2, 3, 4, 5]


def test_what_is_delivered_is_never_offered_again(spool):
    for seq in range(1, 6):
        put(spool, seq)
    deliver_oldest(spool, 2)
    assert seqs(spool.oldest(2)) == [3, 4]
    spool.delivered(ids(spool.newest(1)))
    assert seqs(spool.newest(2)) == [3, 4]
    assert spool.counts().depth == 2


def test_a_few_receipts_ride_in_the_next_readings_commit(path, spool):
    put(spool, 1)
    put(spool, 2)
    deliver_oldest(spool, 2)
    assert ask(path, "SELECT count(*) FROM queue") == [(2,)]
    put(spool, 3)
    assert ask(path, "SELECT id FROM queue") == [(3,)]
    assert ask(path, "SELECT id FROM delivered") == [(1,), (2,)]
    assert_every_sample_is_in_one_state(path)


def test_receipts_ride_with_a_parked_poll_too(path, spool):
    put(spool, 1)
    deliver_oldest(spool)
    spool.park_words({5017: 1}, "pv_power_w: missing", START, BOOT, 2, 10 * S, 0)
    assert ask(path, "SELECT count(*) FROM queue") == [(0,)]


def test_fifty_receipts_are_committed_at_once(path, spool):
    for seq in range(1, 61):
        put(spool, seq)
    spool.delivered(range(1, 50))
    assert ask(path, "SELECT count(*) FROM queue") == [(60,)]
    spool.delivered([50])
    assert ask(path, "SELECT min(id) FROM queue") == [(51,)]


def test_a_crash_before_that_commit_offers_them_again(path):
    spool = Spool.strict(path)
    put(spool, 1)
    deliver_oldest(spool)
    assert spool.oldest(1) == []
    crash(spool)
    with Spool.strict(path) as spool:
        assert seqs(spool.oldest(1)) == [1]


def test_closing_commits_the_receipts(path):
    with Spool.strict(path) as spool:
        put(spool, 1)
        deliver_oldest(spool)
    with Spool.strict(path) as spool:
        assert spool.oldest(1) == []


@pytest.mark.parametrize("keep_days", [0, 7])
def test_a_late_second_receipt_deletes_nothing_new(path, keep_days):
    with Spool.strict(path, keep_days) as spool:
        for seq in (1, 2, 3):
            put(spool, seq)
        old = ids(deliver_oldest(spool, 3))
    with Spool.strict(path, keep_days) as spool:
        put(spool, 4)
        spool.delivered(old)
        put(spool, 5)
        assert seqs(spool.oldest(5)) == [4, 5]
        assert spool.counts().depth == 2


def test_the_counts_tell_what_waits(spool):
    assert spool.counts() == (0, 0, None, 0)
    put(spool, 1)
    put(spool, 2)
    put(spool, 3, ts_src=2)
    spool.park_words({}, "no answer", START, BOOT, 4, 20 * S, 0)
    assert spool.counts() == (2, 1, "2026-06-01T12:00:05.000000Z", 1)
    deliver_oldest(spool)
    assert spool.counts() == (1, 1, "2026-06-01T12:00:10.000000Z", 1)


def test_the_count_follows_every_way_into_the_queue_and_out_of_it(path):
    with Spool.strict(path) as spool:

        def waiting():
            database(spool).flush()
            assert ask(path, "SELECT count(*) FROM queue") == [(spool.counts().depth,)]
            return spool.counts().depth

        assert waiting() == 0
        for seq in range(1, 101):
            put(spool, seq)
        put(spool, 101, ts_src=2)
        assert waiting() == 100
        deliver_oldest(spool, 3)
        assert waiting() == 97
        spool.park({spool.oldest(1)[0].id: "conflict"})
        assert waiting() == 96
        spool.release([parked_of(spool)[0]["id"]])
        assert waiting() == 97
        assert spool.retime(BOOT, us(START)) == 1
        assert waiting() == 98
        deliver_oldest(spool, 60)
        assert waiting() == 38
        with pytest.raises(ZeroDivisionError):
            write_of(spool, lambda db: db.execute("DELETE FROM queue") and 1 / 0)
        assert waiting() == 38
        (hour,) = spool.delivered_hours()
        assert spool.requeue_hour(hour) == 63
        assert waiting() == 101
    with Spool.strict(path) as spool:
        assert spool.counts().depth == 101


# The number of the poll


def test_the_number_goes_on_within_the_boot(path):
    with Spool.strict(path) as spool:
        assert spool.last_seq(BOOT) == 0
        put(spool, 41)
        put(spool, 42)
        assert spool.last_seq(BOOT) == 42
        assert spool.last_seq(EARLIER) == 0
    with Spool.strict(path) as spool:
        assert spool.last_seq(BOOT) == 42


@pytest.mark.parametrize("keep_days", [0, 0.04])
def test_the_number_goes_on_after_everything_was_delivered_and_deleted(path, keep_days):
    with Spool.strict(path, keep_days) as spool:
        put(spool, 41)
        put(spool, 42)
        deliver_oldest(spool, 2)
        put(spool, 1, boot=EARLIER, after_s=300)
        put(spool, 2, boot=EARLIER, after_s=86_400)
        put(spool, 3, boot=EARLIER, after_s=90_000)
        deliver_oldest(spool, 5)
    assert ask(path, "SELECT seq FROM samples WHERE boot = ?", BOOT) == []
    for _ in range(2):
        with Spool.strict(path, keep_days) as spool:
            assert spool.last_seq(BOOT) == 42
            assert spool.last_seq(EARLIER) == 3


@pytest.mark.parametrize(("keep_days", "until_s"), [(0, 20), (1, 50 * 3600)])
def test_the_number_survives_a_crash_right_after_its_samples_were_deleted(path, keep_days, until_s):
    spool = Spool.strict(path, keep_days)
    put(spool, 1, after_s=0)
    put(spool, 42, after_s=5)
    deliver_oldest(spool, 2)
    put(spool, 1, boot=EARLIER, after_s=10)
    put(spool, 2, boot=EARLIER, after_s=until_s)
    assert ask(path, "SELECT seq FROM samples") == [(1,), (2,)]
    crash(spool)
    with Spool.strict(path, keep_days) as spool:
        assert spool.last_seq(BOOT) == 42


def test_a_parked_poll_used_its_number_up(path):
    with Spool.strict(path) as spool:
        put(spool, 1)
        spool.park_words({5017: 1}, "why", START, BOOT, 2, 10 * S, 0)
    with Spool.strict(path) as spool:
        assert spool.last_seq(BOOT) == 2
        assert spool.release([1], lambda _: a_sample(1)) == 1
    with Spool.strict(path) as spool:
        assert spool.last_seq(BOOT) == 2


def test_many_readings_without_a_clock_leave_little_to_look_back_at(path, monkeypatch):
    monkeypatch.setattr("edge_lib.spool.database.COVER_EVERY", 10)
    with Spool.strict(path) as spool:
        for seq in range(1, 100):
            put(spool, seq, ts_src=2)
    ((covered,),) = ask(path, "SELECT value FROM meta WHERE key = 'covered_id'")
    assert covered >= 80
    with Spool.strict(path) as spool:
        assert spool.last_seq(BOOT) == 99


def test_a_reading_that_a_failed_commit_left_on_disk_is_not_stored_again(spool):
    first = put(spool, seq=1)
    put(spool, seq=2, after_s=5)  # another reading of the same moment: moved on
    assert put(spool, seq=1) == first
    again = put(spool, seq=2, after_s=5)
    assert again["ts"] > first["ts"]
    assert seqs(spool.oldest(10)) == [1, 2]


def test_a_parked_poll_that_a_failed_commit_left_on_disk_is_not_kept_twice(spool):
    for _ in range(2):
        spool.park_words({13008: 1}, "missing", START, BOOT, 3, 15 * S, 0)
    assert len(parked_of(spool)) == 1
