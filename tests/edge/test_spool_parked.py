"""Readings that are parked, and their release."""

import json

import pytest

from edge_lib.spool.spool import Spool
from tests.support.clocks import BOOT, START
from tests.support.samples import a_sample
from tests.support.spool_kinds import of_each_kind  # noqa: F401  every test is run with both
from tests.support.spooling import (
    S,
    ask,
    assert_every_sample_is_in_one_state,
    deliver_oldest,
    parked_of,
    put,
    seqs,
    us,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path):
    with Spool.strict(path) as one:
        yield one


# Parked readings


def test_a_refused_sample_is_parked_with_its_reason_and_the_rest_goes_on(path, spool):
    for seq in (1, 2, 3):
        put(spool, seq)
    spool.park({2: "422 pv_power_w: out of range", 99: "no such sample"})
    assert seqs(spool.oldest(3)) == [1, 3]
    (parked,) = parked_of(spool)
    assert parked == {
        "id": 1,
        "boot": BOOT,
        "seq": 2,
        "ts": "2026-06-01T12:00:10.000000Z",
        "reason": "422 pv_power_w: out of range",
        "content": a_sample(2),
        "reported": False,
    }
    assert_every_sample_is_in_one_state(path)


def test_a_delivered_sample_cannot_be_parked(spool):
    put(spool, 1)
    deliver_oldest(spool)
    spool.park({1: "too late"})
    assert parked_of(spool) == []


def test_a_reason_may_quote_anything(spool):
    put(spool, 1)
    spool.park({1: "\ud800 \0 é"})
    assert parked_of(spool)[0]["reason"] == "\\ud800 \0 é"


def test_a_poll_that_could_be_no_sample_is_kept_with_its_words(spool):
    words = {5017: 65535, 13020: 0}
    spool.park_words(words, "pv_power_w: missing", START, BOOT, 9, 45 * S, 0)
    (parked,) = parked_of(spool)
    assert parked["content"] == {"words": {"5017": 65535, "13020": 0}}
    assert (parked["seq"], parked["ts"]) == (9, "2026-06-01T12:00:00.000000Z")
    assert spool.oldest(1) == []


def test_parked_readings_are_reported_once(spool):
    for seq in (1, 2, 3):
        put(spool, seq)
    spool.park({1: "a", 2: "b", 3: "c"})
    first = spool.unreported_parked(2)
    assert [one["reason"] for one in first] == ["a", "b"]
    spool.parked_reported([one["id"] for one in first])
    assert [one["reason"] for one in spool.unreported_parked(9)] == ["c"]
    assert [one["reported"] for one in parked_of(spool)] == [True, True, False]


def test_a_released_sample_returns_under_its_own_time_boot_and_number(path, spool):
    put(spool, 1)
    put(spool, 2)
    spool.park({1: "conflict"})
    assert spool.release([1, 77]) == 1
    assert parked_of(spool) == []
    assert [row.sample for row in spool.oldest(9)] == [a_sample(2), a_sample(1)]
    assert_every_sample_is_in_one_state(path)


def test_released_words_are_decoded_again(spool):
    spool.park_words({5017: 7}, "why", START, BOOT, 9, 45 * S, 0)
    fields = {k: v for k, v in a_sample(1).items() if k not in ("ts", "boot", "seq", "ts_src")}
    assert spool.release([1]) == 0
    assert spool.release([1], lambda _: None) == 0
    assert len(parked_of(spool)) == 1
    assert spool.release([1], lambda words: fields | {"pv_power_w": words[5017]}) == 1
    (row,) = spool.oldest(1)
    assert row.sample == a_sample(9, after_s=0, pv_power_w=7)


def test_released_words_with_a_provisional_time_wait_for_the_clock(spool):
    spool.park_words({5017: 7}, "why", START, BOOT, 9, 45 * S, 2)
    assert spool.release([1], lambda _: {"device_id": "home"}) == 1
    assert spool.oldest(1) == []
    assert spool.retime(BOOT, us(START)) == 1
    assert spool.oldest(1)[0].sample["ts"] == "2026-06-01T12:00:45.000000Z"


def test_a_decoder_that_fails_releases_nothing(spool):
    put(spool, 1)
    spool.park({1: "conflict"})
    spool.park_words({5017: 7}, "why", START, BOOT, 9, 45 * S, 0)
    with pytest.raises(KeyError):
        spool.release([1, 2], lambda words: words["no such word"])
    assert len(parked_of(spool)) == 2
    assert spool.oldest(1) == []


# Damage


@pytest.mark.parametrize(
    "damage",
    [
        "payload = replace(payload, '5000', '5001')",
        "payload = CAST(x'7bff7d' AS TEXT)",
        "payload = x'7b7d'",
        "ts_us = ts_us + 1",
        "ts_us = 1e300",
        "boot = 'c'",
        "seq = seq + 1",
        "seq = 1e999",
        "boottime_us = 0",
        "ts_src = 1",
        "crc = crc + 1",
        "id = 77",
    ],
)
def test_a_damaged_row_is_parked_and_blocks_nothing(path, damage):
    with Spool.strict(path) as spool:
        for seq in (1, 2, 3):
            put(spool, seq)
    ask(path, f"UPDATE samples SET {damage} WHERE id = 2")  # noqa: S608
    with Spool.strict(path) as spool:
        assert seqs(spool.oldest(2)) == [1, 3]
        (parked,) = parked_of(spool)
        assert parked["reason"] == ("missing" if "id =" in damage else "checksum")
        json.dumps(spool.unreported_parked(9), allow_nan=False)
        assert spool.release([parked["id"]]) == 0
        assert spool.counts().depth == 2


def test_a_damaged_id_never_stands_in_the_way_of_a_new_reading(path):
    with Spool.strict(path) as spool:
        put(spool, 1)
    ask(path, "UPDATE samples SET id = 3")
    with Spool.strict(path) as spool:
        for seq in range(2, 6):
            put(spool, seq)
        assert seqs(spool.oldest(9)) == [2, 3, 4, 5]


def test_a_row_under_another_rows_id_is_not_taken_for_it(path):
    with Spool.strict(path) as spool:
        put(spool, 1)
        put(spool, 2)
    ask(path, "DELETE FROM samples WHERE id = 1")
    ask(path, "UPDATE samples SET id = 1")
    with Spool.strict(path) as spool:
        assert spool.oldest(9) == []
        assert sorted(one["reason"] for one in parked_of(spool)) == ["checksum", "missing"]


def test_a_whole_batch_of_damaged_rows_does_not_look_like_an_empty_queue(path):
    with Spool.strict(path) as spool:
        for seq in range(1, 8):
            put(spool, seq)
    ask(path, "UPDATE samples SET boottime_us = 0 WHERE id < 6")
    with Spool.strict(path) as spool:
        assert seqs(spool.oldest(2)) == [6, 7]
        assert spool.counts().parked == 5


def test_a_damaged_parked_row_is_shown_but_not_released(path):
    with Spool.strict(path) as spool:
        put(spool, 1)
        spool.park({1: "conflict"})
    ask(path, "UPDATE parked SET content = replace(content, '5000', '5001')")
    with Spool.strict(path) as spool:
        assert parked_of(spool)[0]["reason"] == "checksum"
        assert spool.release([1]) == 0
