"""Ingest: each sample stored once, with a verdict on every one, or nothing at all."""

import gzip
import io
import json
import random
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_lib.shared.sample import NAMES
from edge_lib.shared.timestamps import format_ts
from server.database.pool import Database
from tests.shared.test_sample import BAD_TIMES
from tests.support.batches import (
    NOT_NULL,
    NUMBERS,
    OPTIONAL,
    OTHER,
    OTHER_TOKEN,
    READ_TOKEN,
    REQUIRED,
    TEXTS,
    WHOLE,
    app_on,
    assert_error,
    full_sample,
    post,
    rows,
    send,
    verdict,
)
from tests.support.samples import a_sample, a_ts

pytestmark = pytest.mark.server

BYTES, SAMPLES = 65_536, 20


@pytest.fixture(scope="module")
def app(database_url):
    return app_on(database_url, MAX_REQUEST_BYTES=str(BYTES), MAX_SAMPLES_PER_REQUEST=str(SAMPLES))


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def stored(database_url):
    """Count the rows of these samples' times."""

    def count(*samples: dict) -> int:
        times = [sample["ts"] for sample in samples]
        query = "select count(*) from sungrow_samples where ts = any(%s::timestamptz[])"
        return rows(database_url, query, times)[0][0]

    return count


def read_back(url: str, sample: dict) -> dict:
    columns = ", ".join([*NAMES[2:], "extra"])
    query = f"select {columns} from sungrow_samples where device_id = %s and ts = %s"  # noqa: S608
    (row,) = rows(url, query, sample["device_id"], sample["ts"])
    return dict(zip([*NAMES[2:], "extra"], row, strict=True))


# Verdicts


def test_nothing_but_samples_is_one_message_to_the_database(client, monkeypatch):
    new, known = a_sample(), a_sample()
    assert verdict(client, known) == (1, 0, [])
    with monkeypatch.context() as patch:
        patch.setattr(Database, "transaction", None)  # that is several
        assert verdict(client, new, known, known | {"load_power_w": 1}) == (1, 1, [2])


def test_what_was_sent_comes_back_to_the_last_digit(client, database_url):
    sample = full_sample(new_field=0.1 + 0.2)
    assert verdict(client, sample) == (1, 0, [])
    expected = {name: sample[name] for name in NAMES[2:]} | {"extra": {"new_field": 0.1 + 0.2}}
    assert read_back(database_url, sample) == expected


def test_absent_fields_are_null_and_the_interval_has_its_default(client, database_url):
    sample = a_sample()
    verdict(client, sample)
    back = read_back(database_url, sample)
    assert back.pop("interval_s") == 5
    absent = {name: value for name, value in back.items() if name not in REQUIRED}
    assert set(absent.values()) == {None}


AWKWARD = [
    "null",
    "NULL",
    "",
    " ",
    "{1,2}",
    'a"b',
    "a\\b",
    "a,b",
    '("a","b")',
    "\\n",
    "\n\t",
    "%s",
    "'; --",
    "ä€😀",
]


def test_texts_that_mean_something_to_arrays_and_rows_come_back_as_they_were(client, database_url):
    batch = [a_sample(word=word, number=n) for n, word in enumerate(AWKWARD)]
    batch += [a_sample(), a_sample(battery_power_source="null"), a_sample(word=None)]
    assert verdict(client, *batch) == (len(batch), 0, [])
    assert verdict(client, *batch) == (0, len(batch), [])
    for sample, (number, word) in zip(batch, enumerate(AWKWARD), strict=False):
        assert read_back(database_url, sample)["extra"] == {"word": word, "number": number}
    assert read_back(database_url, batch[-2])["battery_power_source"] == "null"


@pytest.mark.parametrize("name", ["extra", "received_at", "s"])
def test_a_field_that_is_called_like_what_the_server_adds_is_an_unknown_one(
    client, database_url, name
):
    batch = [a_sample(**{name: told}) for told in ("2001-01-01", '{"a": 1}', 5)]
    assert verdict(client, *batch) == (3, 0, [])
    assert [read_back(database_url, sample)["extra"] for sample in batch] == [
        {name: sample[name]} for sample in batch
    ]
    late = "select count(*) from sungrow_samples where received_at < now() - interval '1 hour'"
    assert rows(database_url, late) == [(0,)]


def test_rows_of_one_batch_may_tell_of_different_fields_in_any_order(client, database_url):
    whole = full_sample()
    parts = [
        dict(reversed(whole.items())),
        {name: whole[name] for name in [*REQUIRED, "seq"]} | {"boot": None, "new_field": "x"},
        {"new_field": 1, "ts_src": 1.0} | {name: whole[name] for name in REQUIRED},
    ]
    batch = [one | {"ts": a_sample()["ts"], "device_id": whole["device_id"]} for one in parts]
    assert verdict(client, *batch) == (3, 0, [])
    for sample in batch:
        back = read_back(database_url, sample)
        assert back.pop("extra") == (
            {"new_field": sample["new_field"]} if "new_field" in sample else None
        )
        assert back == dict.fromkeys(NAMES[2:]) | {"interval_s": 5} | {
            name: value for name, value in sample.items() if name in NAMES[2:]
        }


def test_an_empty_list_is_no_fault(client):
    assert verdict(client) == (0, 0, [])


EDGE_VALUES = [54.3, 0.1 + 0.2, 1e-300, -0.0, 0, 1, 2.0, 3, 100, 1 / 3, 99.99999999999999]
EDGE_CASES = [
    *((name, value) for name in NUMBERS if name not in WHOLE for value in EDGE_VALUES),
    *((name, float(end)) for name in NUMBERS for end in NUMBERS[name][1:]),
    *((name, end) for name in NUMBERS for end in NUMBERS[name][1:]),
    *((name, value) for name in WHOLE for value in (0, 3, 2.0)),
    *((name, None) for name in NUMBERS if name not in NOT_NULL),
    *((name, None) for name in TEXTS),
    ("battery_power_source", "flow_bits"),
    ("boot", "0"),
    ("boot", "F" * 32),
]
EDGE_CASES = [
    (name, value)
    for name, value in EDGE_CASES
    if value is None or name in TEXTS or NUMBERS[name][1] <= value <= NUMBERS[name][2]
]


def test_the_same_again_is_a_duplicate_for_every_field_and_edge_value(client, stored):
    for start in range(0, len(EDGE_CASES), SAMPLES):
        batch = [full_sample(**{name: value}) for name, value in EDGE_CASES[start:][:SAMPLES]]
        assert verdict(client, *batch) == (len(batch), 0, []), EDGE_CASES[start:][:SAMPLES]
        assert verdict(client, *batch) == (0, len(batch), []), EDGE_CASES[start:][:SAMPLES]
        assert stored(*batch) == len(batch)


@pytest.mark.parametrize("name", [*REQUIRED, *OPTIONAL, *TEXTS])
def test_another_value_in_any_one_field_is_a_conflict_and_changes_nothing(
    client, name, database_url
):
    sample = full_sample()
    verdict(client, sample)
    before = read_back(database_url, sample)
    other = {"ts_src": 2, "boot": "e", "battery_power_source": "balance", "faults": ""}
    value = other[name] if name in other else sample[name] + (1 if name in WHOLE else 1e-9)
    changed = [sample | {name: value}]
    if name not in (*NOT_NULL, "interval_s"):
        changed.append(sample | {name: None})
    assert verdict(client, *changed) == (0, 0, list(range(len(changed))))
    assert read_back(database_url, sample) == before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"pv_power_w": 5000}, {"pv_power_w": 5000.0}),
        ({"seq": 7}, {"seq": 7.0}),
        ({"running_state": 64.0}, {"running_state": 64}),
        ({"battery_power_w": 0.0}, {"battery_power_w": -0.0}),
        ({}, {"pv_total_kwh": None}),
        ({"boot": None}, {}),
        ({}, {"interval_s": 5}),
        ({"interval_s": None}, {"interval_s": 5.0}),
        ({"interval_s": None}, {}),
        ({"pv_daily_kwh": 54.3}, {"pv_daily_kwh": 54.300000000000000001}),
        ({"new": None}, {}),
        ({"new": 1}, {"new": 1.0}),
        ({"new": 1e300}, {"new": 10**300}),
        ({"new": 2**53 + 1}, {"new": 2**53 + 1}),
        ({"new": 10**300 + 1}, {"new": 10**300 + 1}),
        ({"new": 1e-300, "b": -0.0}, {"b": 0, "new": 1e-300}),
        ({"new": 5e-324}, {"new": 5e-324}),
        ({"new": 1.7976931348623157e308}, {"new": 1.7976931348623157e308}),
        ({"new": "grün 🌞 \\ \" ' \x7f\x01"}, {"new": "grün 🌞 \\ \" ' \x7f\x01"}),
        ({"new": ""}, {"new": ""}),
        ({f"new_{n}": n for n in range(32)}, {f"new_{n}": n for n in reversed(range(32))}),
    ],
)
def test_the_same_written_otherwise_is_a_duplicate(client, one, other):
    ts = a_ts()
    assert verdict(client, a_sample(ts=ts, **one)) == (1, 0, [])
    assert verdict(client, a_sample(ts=ts, **other)) == (0, 1, [])
    assert verdict(client, a_sample(ts=ts, **one), a_sample(ts=ts, **other)) == (0, 2, [])
    ts = a_ts()
    assert verdict(client, a_sample(ts=ts, **other), a_sample(ts=ts, **one)) == (1, 1, [])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"new": 1}, {}),
        ({"new": 1}, {"new": "1"}),
        ({"new": 0}, {"new": ""}),
        ({"new": 2**53}, {"new": 2**53 + 1}),
        ({"new": 10**300}, {"new": 10**300 + 1}),
        ({"new": 1e-300}, {"new": 0}),
        ({"new": "a"}, {"new": "A"}),
        ({"new": 1}, {"newer": 1}),
        ({"new": 1}, {"new": 1, "newer": 1}),
        ({}, {"interval_s": 10}),
        ({"battery_power_w": None}, {"battery_power_w": 0}),
    ],
)
def test_what_differs_as_the_database_keeps_it_is_a_conflict(client, one, other):
    ts = a_ts()
    assert verdict(client, a_sample(ts=ts, **one)) == (1, 0, [])
    assert verdict(client, a_sample(ts=ts, **other)) == (0, 0, [0])
    ts = a_ts()
    assert verdict(client, a_sample(ts=ts, **other), a_sample(ts=ts, **one)) == (1, 0, [1])


@pytest.mark.parametrize(
    "written",
    [
        "2024-02-29T23:30:00.123456Z",
        "2024-03-01T01:30:00.123456+02:00",
        "2024-02-29t18:00:00.123456-05:30",
        "2024-02-29T23:30:00.123456-00:00",
    ],
)
def test_one_moment_is_one_key_however_it_is_written(client, written, stored):
    first = a_sample(ts="2024-02-29T23:30:00.123456Z")
    send(client, first)
    assert verdict(client, first | {"ts": written}) == (0, 1, [])
    assert verdict(client, first | {"ts": written, "pv_power_w": 1}) == (0, 0, [0])
    assert stored(first) == 1


def test_a_microsecond_makes_another_key(client):
    batch = [a_sample(ts=f"2024-05-05T05:05:05.{number:06}Z") for number in range(3)]
    assert verdict(client, *batch) == (3, 0, [])
    assert verdict(client, *batch) == (0, 3, [])


def test_the_same_time_of_another_device_is_another_key(client):
    sample = a_sample()
    assert verdict(client, sample) == (1, 0, [])
    answer = post(client, {"samples": [sample | {"device_id": OTHER}]}, OTHER_TOKEN)
    assert answer.json == {"inserted": 1, "duplicates": 0, "conflicts": []}


def test_a_repeat_inside_one_list_is_a_duplicate_and_another_value_a_conflict(client, database_url):
    first, second = a_sample(), a_sample()
    batch = [second, first, first, first | {"load_power_w": 1}, second, first | {"load_power_w": 1}]
    assert verdict(client, *batch) == (2, 2, [3, 5])
    assert verdict(client, *batch) == (0, 4, [3, 5])
    assert read_back(database_url, first)["load_power_w"] == 400


def test_what_stands_decides_on_every_repeat_in_a_list(client):
    standing = a_sample()
    other = standing | {"load_power_w": 1}
    verdict(client, standing)
    assert verdict(client, other, other, standing, a_sample()) == (1, 1, [0, 1])


def test_new_known_and_conflicting_ones_are_told_apart_by_index(client, stored):
    known = [a_sample() for _ in range(4)]
    verdict(client, *known)
    new = [a_sample() for _ in range(2)]
    batch = [
        new[0],
        known[3],
        known[1] | {"pv_power_w": 1},
        known[0],
        new[1],
        known[2] | {"new": 1},
    ]
    assert verdict(client, *batch) == (2, 2, [2, 5])
    assert stored(*known, *new) == 6


def test_rows_of_many_years_and_out_of_order_go_in_at_once(client):
    times = [f"20{year}-0{month}-28T12:00:00Z" for year in (25, 10, 18) for month in (9, 1, 5)]
    assert verdict(client, *(a_sample(ts=ts) for ts in times)) == (9, 0, [])
    assert verdict(client, *(a_sample(ts=ts) for ts in reversed(times))) == (0, 9, [])


def test_the_rollup_counts_each_sample_once(client, database_url):
    start = "2023-07-07T07:05:{:02}Z"
    batch = [a_sample(ts=start.format(s), pv_power_w=s) for s in range(10)]
    verdict(client, *batch[:6], batch[0])
    verdict(client, *batch[4:], batch[5] | {"pv_power_w": 99})
    query = "select sample_count, pv_power_w_sum from sungrow_5min where first_ts = %s"
    assert rows(database_url, query, start.format(0)) == [(10, 45.0)]


# All or nothing


def test_one_bad_sample_keeps_the_whole_batch_out(client, stored):
    good = [a_sample() for _ in range(3)]
    answer = send(client, *good, a_sample(pv_power_w=-1), batch_id="b-1")
    assert_error(answer, 422)
    assert answer.json["batch_id"] == "b-1"
    assert stored(*good) == 0


def test_every_offending_sample_is_named_each_with_at_most_five_places(client):
    worst = dict.fromkeys(REQUIRED, "x")
    batch = [a_sample(), worst, a_sample(seq=-1), {}, 5, None, a_sample(new="x" * 65), a_sample()]
    answer = send(client, *batch)
    assert_error(answer, 422)
    by_index = {}
    for place in answer.json["detail"]:
        assert place["loc"][:2] == ["body", "samples"]
        by_index.setdefault(place["loc"][2], []).append(place["loc"][3:])
    assert {index: len(places) for index, places in by_index.items()} == {
        index: 5 if index in (1, 3) else 1 for index in range(1, 7)
    }
    assert by_index[2] == [["seq"]]
    assert by_index[4] == by_index[5] == [[]]
    assert by_index[6] == [["new"]]


def test_a_whole_list_of_bad_samples_is_named_to_the_last(client):
    answer = send(client, *[{}] * SAMPLES)
    assert len(answer.json["detail"]) == 5 * SAMPLES


@pytest.mark.parametrize("ts", BAD_TIMES)
def test_a_bad_time_is_422_and_names_ts(client, ts):
    answer = send(client, a_sample() | {"ts": ts})
    assert_error(answer, 422)
    assert [place["loc"] for place in answer.json["detail"]] == [["body", "samples", 0, "ts"]]


def test_up_to_an_hour_ahead_is_stored_and_beyond_has_its_own_type(client):
    now = datetime.now(UTC)
    near = a_sample(ts=format_ts(now + timedelta(minutes=59, seconds=50)))
    far = a_sample(ts=format_ts(now + timedelta(hours=1, minutes=5)))
    assert verdict(client, near) == (1, 0, [])
    answer = send(client, far)
    assert_error(answer, 422)
    assert [place["type"] for place in answer.json["detail"]] == ["ts_in_future"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("boot", "a\0"),
        ("battery_power_source", "signed\0"),
        ("new_field", "a\0b"),
        ("new_field", "\ud800"),
        ("new_field", "x\udfff"),
        ("new\0field", 1),
        ("\ud800", 1),
        ("new_field", True),
        ("new_field", {"a": 1}),
        ("new_field", [1]),
        ("device_id", None),
        ("device_id", 5),
        ("pv_power_w", True),
        ("pv_power_w", 10**308),
    ],
)
def test_what_the_database_could_not_hold_is_422_before_it_gets_there(client, field, value):
    answer = send(client, a_sample() | {field: value}, batch_id="b")
    assert_error(answer, 422)
    assert answer.json["detail"][0]["loc"][:3] == ["body", "samples", 0]
    assert answer.json["batch_id"] == "b"


@pytest.mark.parametrize(
    "body",
    [{}, {"samples": None}, {"samples": {}}, {"samples": "x"}, {"samples": 5}, {"batch": []}],
)
def test_a_body_without_a_list_of_samples_is_422_and_names_no_sample(client, body):
    answer = post(client, body | {"batch_id": "b-2"})
    assert_error(answer, 422)
    assert [place["loc"] for place in answer.json["detail"]] == [["body", "samples"]]
    assert answer.json["batch_id"] == "b-2"


@pytest.mark.parametrize("body", [[], "x", 5, None, True, [{"samples": []}]])
def test_a_body_that_is_no_object_is_422(client, body):
    answer = post(client, body)
    assert_error(answer, 422)
    assert answer.json["detail"][0]["loc"] == ["body"]


# Bodies


def exactly(size: int) -> bytes:
    """A good batch of one sample in so many bytes."""
    text = json.dumps({"samples": [a_sample()], "padding": ""})
    return text.replace('""', '"' + "x" * (size - len(text)) + '"').encode()


def chunked(client, body: bytes, **headers: str):
    return client.post(
        "/v1/ingest",
        input_stream=io.BytesIO(body),
        headers={"Authorization": "Bearer house-token", "Transfer-Encoding": "chunked", **headers},
        environ_overrides={"wsgi.input_terminated": True},
    )


def test_a_body_may_be_as_large_as_the_limit_and_no_byte_larger(client):
    assert post(client, exactly(BYTES)).json["inserted"] == 1
    assert_error(post(client, exactly(BYTES + 1)), 413)


def test_the_same_goes_for_a_body_in_chunks(client):
    assert chunked(client, exactly(BYTES)).json["inserted"] == 1
    assert_error(chunked(client, exactly(BYTES + 1)), 413)
    assert_error(chunked(client, exactly(3 * BYTES)), 413)
    good_with_blanks_behind = exactly(1000) + b" " * BYTES
    assert_error(chunked(client, good_with_blanks_behind), 413)
    assert_error(chunked(client, gzip.compress(random.Random(1).randbytes(2 * BYTES))), 413)


def test_and_for_a_compressed_one(client):
    def compressed(size: int):
        return post(client, gzip.compress(exactly(size)), Content_Encoding="gzip")

    assert compressed(BYTES).json["inserted"] == 1
    assert_error(compressed(BYTES + 1), 413)
    assert_error(compressed(100 * BYTES), 413)


def test_a_bomb_is_refused_without_being_unpacked(client, monkeypatch):
    unpacked = []
    real = zlib.decompressobj

    class Watched:
        def __init__(self, bits):
            self._inner = real(bits)

        def decompress(self, raw, most):
            text = self._inner.decompress(raw, most)
            unpacked.append(len(text))
            return text

    monkeypatch.setattr("server.api.body.zlib.decompressobj", Watched)
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < BYTES
    assert_error(post(client, bomb, Content_Encoding="gzip"), 413)
    assert sum(unpacked) == BYTES + 1


# Without the time in it, which would give its tests another name in each process.
GOOD = gzip.compress(b'{"samples": []}', mtime=0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"samples": []}',
        GOOD[:-1],
        GOOD[:10],
        GOOD[:-8] + b"\0" * 8,  # neither checksum nor length
        GOOD + b"x",
        GOOD + b"\0",
        GOOD + GOOD,  # two members: nobody needs them, and many small ones are costly
        zlib.compress(b'{"samples": []}'),
        b"\x1f\x8b" + b"\xff" * 30,
    ],
)
def test_broken_gzip_is_400(client, body):
    assert_error(post(client, body, Content_Encoding="gzip"), 400)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", " gzip "])
def test_gzip_is_taken_however_it_is_spelled(client, coding):
    assert post(client, GOOD, Content_Encoding=coding).status_code == 200


@pytest.mark.parametrize("coding", ["identity", ""])
def test_no_coding_may_be_said_aloud(client, coding):
    assert post(client, b'{"samples": []}', Content_Encoding=coding).status_code == 200


@pytest.mark.parametrize("coding", ["deflate", "br", "zstd", "gzip, gzip", "gzip;q=1", "x" * 500])
def test_another_coding_is_415(client, coding):
    answer = post(client, GOOD, Content_Encoding=coding)
    assert_error(answer, 415)
    assert answer.headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense"]
)
def test_the_content_type_is_not_looked_at(client, kind):
    body = {"samples": [a_sample()]}
    assert post(client, body, Content_Type=kind).json["inserted"] == 1


def test_as_many_samples_as_the_limit_are_taken_and_not_one_more(client):
    batch = [a_sample() for _ in range(SAMPLES + 1)]
    assert verdict(client, *batch[:-1]) == (SAMPLES, 0, [])
    assert_error(send(client, *batch), 413)


NESTED = '{"samples": [], "unknown": %s}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nope",
        '{"samples": [], "samples": []}',
        '{"samples": [{"ts": 1, "ts": 2}]}',
        '{"samples": [{"pv_power_w": NaN}]}',
        '{"samples": [{"pv_power_w": -Infinity}]}',
        '{"samples": [{"pv_power_w": 1e400}]}',
        '{"samples": [{"pv_power_w": 1%s}]}' % ("0" * 400),
        '{"samples": [{"pv_power_w": 1%s}]}' % ("0" * 5000),
        NESTED % ("[" * 8 + "]" * 8),
        "[" * 60_000,
    ],
)
def test_what_the_strict_parser_refuses_is_400(client, text):
    assert_error(post(client, text.encode()), 400)


def test_eight_levels_are_no_fault(client):
    assert post(client, (NESTED % ("[" * 7 + "]" * 7)).encode()).status_code == 200


@pytest.mark.parametrize(
    "body", [b"\xff", '{"samples": []}'.encode("utf-16"), b'{"a": "\xed\xa0\x80"}']
)
def test_what_is_not_utf_8_is_400(client, body):
    assert_error(post(client, body), 400)


# Precedence: each request deserves its status and all those behind it.


def test_of_several_statuses_the_first_in_the_order_of_the_contract_is_given(client):
    wrong_device = a_sample(device_id=OTHER)
    bad_sample = a_sample(pv_power_w=-1)
    cases = [
        (401, b"x" * (BYTES + 1), "nobody", "br"),
        (403, b"x" * (BYTES + 1), READ_TOKEN, "br"),
        (415, b"x" * (BYTES + 1), "house-token", "br"),
        (413, b"x" * (BYTES + 1), "house-token", "gzip"),
        (413, json.dumps({"samples": [wrong_device] * (SAMPLES + 1)}).encode(), "house-token", ""),
        (400, b'{"samples": [{"device_id": "%s", "pv_power_w": NaN}]}' % OTHER.encode(), "", ""),
        (403, json.dumps({"samples": [bad_sample, wrong_device]}).encode(), "house-token", ""),
        (422, json.dumps({"samples": [bad_sample]}).encode(), "house-token", ""),
    ]
    for status, body, token, coding in cases:
        answer = post(client, body, token or "house-token", Content_Encoding=coding)
        assert_error(answer, status)


@pytest.mark.parametrize("device_id", [OTHER, "", "not a device", "house\0", "HOUSE", "\ud800"])
def test_any_other_string_as_device_is_403_and_nothing_is_stored(client, device_id, stored):
    good = a_sample()
    assert_error(send(client, good, a_sample(device_id=device_id)), 403)
    assert stored(good) == 0


# Several at a time


def at_once(app, *batches: list[dict]) -> list[dict]:
    """Send each batch by a thread of its own, all at the same moment; return the answers."""
    start = threading.Barrier(len(batches))

    def send_one(batch: list[dict]) -> dict:
        client = app.test_client()
        start.wait(10)
        answer = send(client, *batch)
        assert answer.status_code == 200, answer.text
        return answer.json

    with ThreadPoolExecutor(len(batches)) as pool:
        return list(pool.map(send_one, batches))


def test_one_batch_sent_twice_at_the_same_time_is_stored_once(app, stored):
    for _ in range(10):
        batch = [full_sample() for _ in range(SAMPLES)]
        answers = at_once(app, batch, batch)
        assert sum(answer["inserted"] for answer in answers) == SAMPLES
        assert sum(answer["duplicates"] for answer in answers) == SAMPLES
        assert stored(*batch) == SAMPLES


def test_overlapping_batches_in_any_order_never_block_each_other_for_good(
    app, stored, database_url
):
    dice = random.Random(7)
    for round_number in range(8):
        day = f"2022-03-{round_number + 1:02}T"
        pool = [a_sample(ts=f"{day}12:{n // 6:02}:{n % 6:02}Z", pv_power_w=n) for n in range(30)]
        batches = [dice.sample(pool, SAMPLES) for _ in range(4)]
        answers = at_once(app, *batches)
        different = {sample["ts"]: sample["pv_power_w"] for batch in batches for sample in batch}
        assert sum(answer["inserted"] for answer in answers) == len(different) == stored(*pool)
        assert sum(answer["duplicates"] for answer in answers) == 4 * SAMPLES - len(different)
        assert not any(answer["conflicts"] for answer in answers)
        query = (
            "select sum(sample_count), sum(pv_power_w_sum) from sungrow_5min "
            "where bucket::date = %s"
        )
        assert rows(database_url, query, day[:-1]) == [(len(different), sum(different.values()))]


def test_of_two_different_samples_for_one_key_one_wins_and_the_other_conflicts(app, stored):
    for _ in range(10):
        sample = a_sample()
        answers = at_once(app, [sample], [sample | {"pv_power_w": 1}])
        assert sorted(answer["inserted"] for answer in answers) == [0, 1]
        assert sorted(answer["conflicts"] for answer in answers) == [[], [0]]
        assert stored(sample) == 1


# Whatever anybody sends

FUZZ = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NASTY_TEXT = st.text(max_size=70) | st.sampled_from(
    ["\0", "\ud800", "x" * 64, "x" * 65, "house", "infinity", "2026-11-23T12:00:60Z"]
)
NASTY_NUMBER = (
    st.integers(-(10**30), 10**30)
    | st.floats()
    | st.sampled_from([2**31, 2**53 + 1, 2**63, 10**308, 10**400, 5e-324, 1e308, -0.0])
)
NASTY = st.recursive(
    st.none() | st.booleans() | NASTY_NUMBER | NASTY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY_TEXT, inner, max_size=3),
    max_leaves=6,
)
NASTY_TIME = NASTY | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)


def good_value(name: str) -> st.SearchStrategy:
    _, low, high = NUMBERS[name]
    whole = st.integers(low, high)
    number = whole | (whole.map(float) if name in WHOLE else st.floats(low, high))
    return number if name in NOT_NULL else st.none() | number


@st.composite
def good_samples(draw) -> dict:
    sample = {name: draw(good_value(name)) for name in REQUIRED}
    for name in draw(st.sets(st.sampled_from(sorted(OPTIONAL)))):
        sample[name] = draw(good_value(name))
    unknown = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 10**99)
    texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=64)
    sample |= draw(
        st.dictionaries(
            st.from_regex(r"new_[a-z0-9]{1,9}", fullmatch=True), unknown | texts, max_size=3
        )
    )
    return sample | {"device_id": "house", "ts": a_ts()}


@st.composite
def nasty_batches(draw) -> object:
    batch = []
    for _ in range(draw(st.integers(0, 4))):
        sample = a_sample()
        for name in draw(st.sets(st.sampled_from([*REQUIRED, *OPTIONAL, *TEXTS]), max_size=4)):
            sample[name] = draw(NASTY)
        sample["ts"] = draw(st.just(sample["ts"]) | NASTY_TIME)
        sample |= draw(st.dictionaries(NASTY_TEXT, NASTY, max_size=2))
        batch.append(draw(st.just(sample) | NASTY))
    parts = {
        name: draw(
            NASTY | st.lists(st.dictionaries(st.sampled_from(keys.split()), NASTY), max_size=3)
        )
        for name, keys in {
            "reports": "boot slot polled failed waiting oldest_unsent_ts parked clock",
            "gaps": "from_ts to_ts cause count",
            "parked": "boot seq ts reason content",
        }.items()
    }
    facts = (
        "serial since_ts device_type_code model nominal_power_w firmware has_meter has_battery"
        " edge_version"
    )
    parts["device"] = draw(st.dictionaries(st.sampled_from(facts.split()), NASTY))
    parts["batch_id"] = draw(NASTY)
    return draw(st.just({"samples": batch, **parts}) | NASTY)


@pytest.mark.slow
@FUZZ
@given(nasty_batches())
def test_whatever_is_sent_is_answered_as_the_contract_says_and_harms_nobody(client, body):
    answer = post(client, body)
    assert answer.status_code in (200, 400, 403, 422), answer.text
    if answer.status_code == 200:
        counts = answer.json
        found = counts["inserted"] + counts["duplicates"] + len(counts["conflicts"])
        assert found == len(body["samples"])
    else:
        assert_error(answer, answer.status_code)
    assert verdict(client, a_sample()) == (1, 0, [])


@FUZZ
@given(st.binary(max_size=200), st.sampled_from(["gzip", "", "br"]))
def test_bytes_of_any_kind_are_refused_and_harm_nobody(client, body, coding):
    answer = post(client, body, Content_Encoding=coding)
    if answer.status_code == 200:  # what stands in our own code is tried too, an empty batch say
        assert json.loads(body)["samples"] == []
        return
    assert answer.status_code in ((415,) if coding == "br" else (400, 422))
    assert_error(answer, answer.status_code)


@settings(FUZZ, max_examples=100)
@given(st.lists(good_samples(), min_size=1, max_size=4))
def test_every_sample_within_the_contract_is_stored_once_and_unchanged(client, database_url, batch):
    assert verdict(client, *batch) == (len(batch), 0, [])
    assert verdict(client, *batch) == (0, len(batch), [])
    for sample in batch:
        back = read_back(database_url, sample)
        for name in NUMBERS.keys() & sample.keys() - {"interval_s"}:
            assert back[name] == sample[name]
        assert back["interval_s"] == (sample.get("interval_s") or 5)
