"""How long delivered readings are kept."""

import pytest

from edge_lib.spool.kinds import KINDS
from edge_lib.spool.spool import Spool
from tests.support.spool_kinds import of_each_kind  # noqa: F401  every test is run with both
from tests.support.spooling import (
    ask,
    assert_every_sample_is_in_one_state,
    deliver_oldest,
    put,
    seqs,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path):
    with Spool.strict(path) as one:
        yield one


def test_delivered_samples_are_kept_and_then_expire(path):
    with Spool.strict(path, keep_days=1) as spool:
        put(spool, 1, after_s=0)
        deliver_oldest(spool)
        put(spool, 2, after_s=3600)
        deliver_oldest(spool)
        put(spool, 3, after_s=24 * 3600 + 1800)
        assert ask(path, "SELECT seq FROM samples") == [(1,), (2,), (3,)]
        put(spool, 4, after_s=25 * 3600)  # a day after the first receipt was written down
        assert ask(path, "SELECT seq FROM samples") == [(1,), (2,), (3,), (4,)]
        put(spool, 5, after_s=26 * 3600)
        assert ask(path, "SELECT seq FROM samples") == [(2,), (3,), (4,), (5,)]
        assert_every_sample_is_in_one_state(path)


def test_a_backlog_is_kept_from_its_delivery_on_not_from_its_birth(path):
    with Spool.strict(path, keep_days=1) as spool:
        put(spool, 1, after_s=0)
        put(spool, 2, after_s=30 * 86_400)
        deliver_oldest(spool, 2)
        put(spool, 3, after_s=30 * 86_400 + 7200)
        assert ask(path, "SELECT seq FROM samples") == [(1,), (2,), (3,)]


def test_what_is_not_delivered_never_expires(path):
    with Spool.strict(path, keep_days=1) as spool:
        put(spool, 1, after_s=0)
        put(spool, 2, after_s=300 * 86_400)
        put(spool, 3, after_s=301 * 86_400)
        assert seqs(spool.oldest(3)) == [1, 2, 3]


def test_an_hour_deletes_a_bounded_batch(path, monkeypatch):
    monkeypatch.setattr("edge_lib.spool.retention.EXPIRED_PER_HOUR", dict.fromkeys(KINDS, 3))
    with Spool.strict(path, keep_days=1) as spool:
        for seq in range(1, 6):
            put(spool, seq, after_s=seq)
        deliver_oldest(spool, 5)
        put(spool, 6, after_s=100)
        put(spool, 7, after_s=48 * 3600)
        put(spool, 8, after_s=48 * 3600 + 5)
        assert ask(path, "SELECT seq FROM samples") == [(4,), (5,), (6,), (7,), (8,)]
        put(spool, 9, after_s=49 * 3600)
        assert ask(path, "SELECT seq FROM samples") == [(6,), (7,), (8,), (9,)]


def test_with_keep_days_0_delivered_samples_go_at_once(path):
    with Spool.strict(path, keep_days=0) as spool:
        put(spool, 1)
        deliver_oldest(spool)
        put(spool, 2)
        assert ask(path, "SELECT seq FROM samples") == [(2,)]
        assert ask(path, "SELECT * FROM delivered") == []


def test_a_provisional_time_makes_nothing_expire(path):
    with Spool.strict(path, keep_days=1) as spool:
        put(spool, 1, after_s=0)
        deliver_oldest(spool)
        put(spool, 2, after_s=1)
        put(spool, 3, after_s=400 * 86_400, ts_src=2)
        assert ask(path, "SELECT seq FROM samples") == [(1,), (2,), (3,)]
