"""Readings of the grid meter by ``POST /v1/ingest``, and from edges of other make."""

import threading

import pytest

from edge_lib.shared.p1_reading import P1
from edge_lib.shared.timestamps import format_ts, parse_ts
from server.database.p1_samples import with_times
from server.database.pool import Database
from server.p1.samples import Refused, store
from tests.support.batches import app_on, assert_error, rows, send
from tests.support.samples import DEVICE, a_sample, a_ts

NOTHING = {"inserted": 0, "duplicates": 0, "conflicts": []}


@pytest.fixture(scope="module")
def client(database_url):
    return app_on(database_url).test_client()


@pytest.fixture
def url(database_url) -> str:
    return database_url


def a_reading(**changes: object) -> dict:
    """Return a reading of the grid meter that is right."""
    power = {"power_w": 640.0, "import_power_w": 640.0, "energy_import_kwh": 16306.123}
    return {"device_id": DEVICE, "ts": a_ts(), **power, **changes}


def full_reading(**changes: object) -> dict:
    """Return a reading with every field of the contract, each with another value."""
    numbers = {name: 1 + n / 7 for n, name in enumerate(P1.names) if name not in P1.whole}
    whole = {"tariff": 2, "seq": 17, "ts_src": 1, "meter_id": "E00-1 x", "boot": "00ff"}
    times = {name: f"2000-01-0{n}T00:00:00Z" for n, name in enumerate(P1.times, 1)}
    return {**numbers, **whole, **times, "device_id": DEVICE, "ts": a_ts(), **changes}


def p1_verdict(client, *readings: object, **parts: object) -> tuple[int, int, list[int]]:
    answer = send(client, p1_samples=list(readings), **parts)
    assert answer.status_code == 200, answer.text
    assert {name: answer.json[name] for name in NOTHING} == NOTHING
    return tuple(answer.json["p1"][name] for name in NOTHING)


def test_a_batch_of_both_kinds_is_stored_in_one(client, url):
    one, other = a_sample(), a_reading()
    answer = send(client, one, p1_samples=[other, other, {**other, "power_w": 5}])
    assert answer.json["inserted"] == 1
    assert answer.json["p1"] == {"inserted": 1, "duplicates": 1, "conflicts": [2]}
    counted = "select sample_count from p1_5min where device_id = %s and first_ts = %s"
    assert rows(url, counted, DEVICE, other["ts"]) == [(1,)]


def test_a_batch_without_that_key_is_answered_as_before(client):
    assert "p1" not in send(client, a_sample()).json
    assert "p1" not in send(client, a_sample(), p1_samples=None).json
    assert send(client, a_sample(), p1_samples=[]).json["p1"] == NOTHING


def test_every_field_comes_back_and_is_a_duplicate_of_itself(client, url):
    reading = full_reading(newer="than this server")
    assert p1_verdict(client, reading) == (1, 0, [])
    assert p1_verdict(client, reading) == (0, 1, [])
    columns = ", ".join((*P1.names, "extra"))
    (stored,) = rows(url, f"select {columns} from p1_samples where ts = %s", reading["ts"])  # noqa: S608
    expected = {name: reading[name] for name in P1.names}
    expected |= {name: parse_ts(reading[name]) for name in ("ts", *P1.times)}
    assert dict(zip(P1.names, stored, strict=False)) == expected
    assert stored[-1] == {"newer": "than this server"}


@pytest.mark.parametrize("name", [name for name in P1.names if name not in ("device_id", "ts")])
def test_another_value_is_a_conflict(client, name):
    reading = full_reading()
    other = {
        "meter_id": "other",
        "boot": "01",
        "tariff": 1,
        "seq": 18,
        "ts_src": 0,
        **dict.fromkeys(P1.times, "2031-12-31T23:59:59Z"),
    }.get(name, 0.5)
    assert p1_verdict(client, reading) == (1, 0, [])
    assert p1_verdict(client, reading | {name: other}, reading | {name: None}) == (0, 0, [0, 1])


def test_the_same_time_in_another_offset_is_the_same(client):
    reading = full_reading(meter_ts="2026-03-29T01:30:00Z")
    assert p1_verdict(client, reading) == (1, 0, [])
    assert p1_verdict(client, reading | {"meter_ts": "2026-03-29T03:30:00+02:00"}) == (0, 1, [])


BAD = [
    ({"power_w": "640"}, "power_w", "number_type"),
    ({"power_w": 1e6}, "power_w", "out_of_range"),
    ({"meter_ts": "now"}, "meter_ts", "datetime"),
    ({"meter_id": "ü"}, "meter_id", "string_pattern"),
    ({"ts": "2039-01-01T00:00:00Z"}, "ts", "ts_in_future"),
]


@pytest.mark.parametrize(("change", "field", "kind"), BAD)
def test_a_bad_reading_is_named_and_nothing_is_stored(client, url, change, field, kind):
    good, sample = a_reading(), a_sample()
    answer = send(client, sample, p1_samples=[good, a_reading(**change)], batch_id="b-1")
    assert_error(answer, 422)
    assert answer.json["batch_id"] == "b-1"
    (place,) = answer.json["detail"]
    assert (place["loc"], place["type"]) == (["body", "p1_samples", 1, field], kind)
    for table in ("p1_samples", "sungrow_samples"):
        statement = f"select count(*) from {table} where ts = any(%s::timestamptz[])"  # noqa: S608
        assert rows(url, statement, [good["ts"], sample["ts"]]) == [(0,)]


def test_bad_ones_of_both_lists_are_named(client):
    missing = a_reading()
    del missing["power_w"]
    answer = send(client, a_sample(pv_power_w=None), p1_samples=[missing, 7])
    assert_error(answer, 422)
    assert [place["loc"][1:] for place in answer.json["detail"]] == [
        ["samples", 0, "pv_power_w"],
        ["p1_samples", 0, "power_w"],
        ["p1_samples", 1],
    ]


@pytest.mark.parametrize("wrong", [{}, "x", 7, True])
def test_what_is_no_list_is_refused(client, wrong):
    answer = send(client, p1_samples=wrong)
    assert_error(answer, 422)
    assert answer.json["detail"][0]["loc"] == ["body", "p1_samples"]


def test_a_reading_of_another_device_is_forbidden(client):
    assert_error(send(client, p1_samples=[a_reading(device_id="garage")]), 403)


def test_each_list_has_its_own_limit(database_url):
    client = app_on(database_url, MAX_SAMPLES_PER_REQUEST="2").test_client()
    two, three = [a_reading() for _ in range(2)], [a_reading() for _ in range(3)]
    answer = send(client, a_sample(), a_sample(), p1_samples=two)
    assert (answer.json["inserted"], answer.json["p1"]["inserted"]) == (2, 2)
    assert_error(send(client, p1_samples=three), 413)


def test_the_peaks_of_past_months_are_replaced_and_bad_ones_left_out(client, url):
    peak = {"month": "2026-01-01T00:00:00Z", "peak_ts": "2025-12-24T17:15:00Z", "peak_w": 4321.0}
    bad = [{**peak, "peak_w": -1}, {"month": "x", "peak_w": 1}, {"peak_w": 1}, 7]
    answer = send(client, p1_peaks=[peak, *bad])
    assert [place["loc"] for place in answer.json["ignored"]] == [
        ["body", "p1_peaks", 1, "peak_w"],
        ["body", "p1_peaks", 2, "month"],
        ["body", "p1_peaks", 3, "month"],
        ["body", "p1_peaks", 4],
    ]
    send(client, p1_peaks=[{**peak, "peak_w": 5000, "peak_ts": None}])
    stored = "select peak_w, peak_ts from p1_month_peaks where device_id = %s"
    assert rows(url, stored, DEVICE) == [(5000, None)]


def test_the_reports_of_both_loops_lie_side_by_side(client, url):
    report = {"boot": "aa", "slot": "2026-05-05T12:00:00Z", "polled": 180}
    parked = {"boot": "aa", "seq": 7, "reason": "why", "content": 1}
    gap = {"from_ts": "2026-05-05T12:00:00Z", "to_ts": "2026-05-05T13:00:00Z", "cause": "thinned"}
    for kind in ({}, {"kind": "p1"}, {"kind": "p1"}):
        parts = {"reports": report, "parked": parked, "gaps": gap}
        answer = send(client, **{name: [part | kind] for name, part in parts.items()})
        assert "ignored" not in answer.json
    for table in ("sungrow_reports", "sungrow_parked", "sungrow_gaps"):
        kinds = f"select kind from {table} where device_id = %s order by 1"  # noqa: S608
        assert rows(url, kinds, DEVICE) == [("p1",), ("sample",)]
    answer = send(client, reports=[report | {"kind": "gas"}], parked=[parked | {"kind": 7}])
    assert [place["loc"][-1] for place in answer.json["ignored"]] == ["kind", "kind"]


# The lock


def test_a_batch_with_such_readings_has_the_lock_alone_and_others_share_it(client, url):
    database = Database(url)
    with database.transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(sungrow_device_lock(%s))", (DEVICE,))
        assert send(client, a_sample()).status_code == 200
        assert send(client, a_sample(), p1_samples=[]).status_code == 200
        answers = []
        alone = threading.Thread(target=lambda: answers.append(p1_verdict(client, a_reading())))
        alone.start()
        alone.join(0.5)
        assert answers == []
    alone.join(10)
    assert answers == [(1, 0, [])]


# Edges of other make


def p1_store(url: str, *readings: dict, refused: tuple = ()) -> tuple:
    checked = [{**with_times(one), "ts": parse_ts(one["ts"])} for one in readings]
    return store(Database(url), DEVICE, checked, refused)


def parked(url: str, since: int = 0) -> list[tuple]:
    statement = (
        "select boot, seq, ts, reason, content from sungrow_parked"
        " where device_id = %s and kind = 'p1' and reason <> 'why' order by received_at, boot"
    )
    return rows(url, statement, DEVICE)[since:]


def test_what_conflicts_is_parked_once_however_often_it_is_sent(url):
    before, reading = len(parked(url)), a_reading()
    other = {**reading, "power_w": 5.0}
    assert p1_store(url, reading) == (1, 0, [])
    for _ in range(3):
        assert p1_store(url, reading, other) == (0, 1, [1])
    ((boot, seq, ts, reason, content),) = parked(url, before)
    assert len(boot) == 32
    assert (seq, ts) == (0, parse_ts(reading["ts"]))
    assert "conflict" in reason
    assert content == {**other, "ts": format_ts(parse_ts(other["ts"]))}


def test_one_with_numbers_is_parked_by_them(url):
    before, reading = len(parked(url)), a_reading(boot="beef", seq=12)
    p1_store(url, reading)
    p1_store(url, {**reading, "power_w": 5.0})
    ((boot, seq, *_),) = parked(url, before)
    assert (boot, seq) == ("beef", 12)


NUMBERS = [("x", 1), ("ab", -1), ("ab", 2**63), ("ab", "1"), (None, 1), ("a\0", 1), ("ab", True)]


@pytest.mark.parametrize("numbers", NUMBERS)
def test_what_is_refused_is_parked_whatever_it_is(url, numbers):
    before = len(parked(url))
    boot, seq = numbers
    content = {"boot": boot, "seq": seq, "power_w": "\ud800", "n": [len(NUMBERS), str(numbers)]}
    for _ in range(2):
        p1_store(url, refused=(Refused(content, "power_w: must be a number"),))
    ((boot, seq, ts, *_),) = parked(url, before)
    assert (len(boot), seq, ts) == (32, 0, None)
    p1_store(url, refused=(Refused([1, 2, str(numbers)], "must be a JSON object"),))
    assert len(parked(url, before)) == 2
