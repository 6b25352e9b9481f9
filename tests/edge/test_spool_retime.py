"""Readings of an unknown time are corrected once the clock is right."""

from datetime import timedelta

import pytest

from edge_lib.spool.spool import Spool
from tests.support.clocks import BOOT, EARLIER, FIRST, START
from tests.support.spool_kinds import of_each_kind  # noqa: F401  every test is run with both
from tests.support.spooling import (
    ask,
    assert_every_sample_is_in_one_state,
    parked_of,
    put,
    seqs,
    times,
    us,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path):
    with Spool.strict(path) as one:
        yield one


def test_a_provisional_sample_is_held_back_until_the_clock_is_right(path, spool):
    put(spool, 1, after_s=-86_400, ts_src=2)
    put(spool, 2, after_s=-86_395, ts_src=2)
    put(spool, 3)
    assert seqs(spool.oldest(9)) == seqs(spool.newest(9)) == [3]
    assert spool.retime(BOOT, us(START)) == 2
    assert times(spool) == [
        (1, timedelta(seconds=5), 1),
        (2, timedelta(seconds=10), 1),
        (3, timedelta(seconds=15), 0),
    ]
    assert spool.retime(BOOT, us(START) + 7) == 0
    assert_every_sample_is_in_one_state(path)


def test_a_corrected_time_moves_on_where_it_is_taken(spool):
    put(spool, 1, after_s=-100, ts_src=2)
    put(spool, 2, after_s=5)
    spool.retime(BOOT, us(START))
    assert times(spool)[0] == (1, timedelta(seconds=5, microseconds=1), 1)


def test_many_provisional_samples_are_corrected_in_chunks(path, spool):
    for seq in range(1, 1202):
        put(spool, seq, ts_src=2)
    assert spool.retime(BOOT, us(START) - 7) == 1201
    assert spool.counts()[::3] == (1201, 0)
    assert {src for _, _, src in times(spool)} == {1}
    assert_every_sample_is_in_one_state(path)


def test_boots_that_never_knew_the_time_keep_order_and_spacing_before_this_one(spool):
    put(spool, 1, boot=FIRST, boottime_s=100, ts_src=2, after_s=-9_000_000)
    put(spool, 2, boot=FIRST, boottime_s=105, ts_src=2, after_s=-9_000_000)
    put(spool, 1, boot=EARLIER, boottime_s=20, ts_src=2, after_s=-9_000_000)
    put(spool, 2, boot=EARLIER, boottime_s=30, ts_src=2, after_s=-9_000_000)
    put(spool, 1, boottime_s=60, ts_src=2, after_s=-9_000_000)
    assert spool.retime(BOOT, us(START)) == 5
    assert times(spool) == [
        (1, timedelta(seconds=-1 - 30 - 1 - 5), 3),
        (2, timedelta(seconds=-1 - 30 - 1), 3),
        (1, timedelta(seconds=-1 - 10), 3),
        (2, timedelta(seconds=-1), 3),
        (1, timedelta(seconds=60), 1),
    ]


def test_an_estimate_is_never_before_what_was_known(spool):
    put(spool, 9, boot=FIRST, after_s=-20)
    put(spool, 1, boot=EARLIER, boottime_s=20, ts_src=2)
    put(spool, 2, boot=EARLIER, boottime_s=50, ts_src=2)
    spool.retime(BOOT, us(START))
    assert times(spool)[1:] == [(1, timedelta(seconds=-19), 3), (2, timedelta(seconds=11), 3)]


def test_an_earlier_boot_that_learnt_the_time_before_it_died_is_corrected_not_estimated(spool):
    put(spool, 1, boot=EARLIER, boottime_s=20, ts_src=2)
    put(spool, 2, boot=EARLIER, boottime_s=50, after_s=-1000)
    spool.retime(BOOT, us(START))
    assert times(spool)[0] == (1, timedelta(seconds=-1030), 1)


def test_a_damaged_provisional_row_is_parked_and_misleads_nobody(path):
    with Spool.strict(path) as spool:
        for seq, boottime_s in ((1, 20), (2, 25)):
            put(spool, seq, boot=EARLIER, boottime_s=boottime_s, ts_src=2)
    ask(path, "UPDATE samples SET boottime_us = 1 << 60 WHERE id = 2")
    with Spool.strict(path) as spool:
        assert spool.retime(BOOT, us(START)) == 1
        assert times(spool) == [(1, timedelta(seconds=-1), 3)]
        assert parked_of(spool)[0]["reason"] == "checksum"
