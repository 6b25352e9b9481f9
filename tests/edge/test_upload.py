"""The upload thread's step against a real server that answers as told."""

import gzip
import json
import logging
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_lib import VERSION
from edge_lib.config import UploadConfig
from edge_lib.poll_counts import PollCounts
from edge_lib.repeat_log import RepeatLog
from edge_lib.shared.timestamps import format_ts
from edge_lib.spool.spool import Spool
from edge_lib.upload.batch import Batch
from edge_lib.upload.https import Answer
from edge_lib.upload.receipt import UploadRefused, Verdicts, http_date, proof, retry_after_s
from edge_lib.upload.uploader import Uploader
from tests.support.clocks import BOOT, FakeClock
from tests.support.quick import quick
from tests.support.spooling import parked_of
from tests.support.tls_server import Authority, TlsServer, answer, message, raw, reset

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOKEN = "token-that-nobody-may-see"


class Ingest:
    """What the server does with a batch: a rule for refusals, and a table of what it stored."""

    def __init__(self, clock):
        self.clock = clock
        self.stored = {}
        self.refuses = lambda _: None  # or the type of what is wrong
        self.most = 1000

    def __call__(self, wire):
        if wire.request.method == "GET":
            wire.send(self.message(200, {"status": "ok"}))
            return
        batch = json.loads(gzip.decompress(wire.request.body))
        if len(batch["samples"]) > self.most:
            wire.send(self.message(413, {"detail": "too many"}))
            return
        wire.send(self.message(*self.verdict(batch)))

    def message(self, status, content):
        date = format_datetime(self.clock.now(), usegmt=True)
        return message(status, content, {"Date": date})

    def verdict(self, batch):
        detail = [
            {"loc": ["body", "samples", i, "pv_power_w"], "msg": "is wrong", "type": wrong}
            for i, sample in enumerate(batch["samples"])
            if (wrong := self.refuses(sample))
        ]
        if detail:
            return 422, {"detail": detail, "batch_id": batch["batch_id"]}
        return 200, {"batch_id": batch["batch_id"], **self.store(batch["samples"])}

    def store(self, samples):
        counts = {"inserted": 0, "duplicates": 0, "conflicts": []}
        for i, sample in enumerate(samples):
            there = self.stored.setdefault(sample["ts"], sample)
            if there is sample:
                counts["inserted"] += 1
            elif there == sample:
                counts["duplicates"] += 1
            else:
                counts["conflicts"].append(i)
        return counts


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki") / "own")


@pytest.fixture(scope="module")
def good(authority):
    return authority.certificate("good")


@pytest.fixture
def clock():
    return FakeClock(NOW, booted_s=-1000.0)


@pytest.fixture
def ingest(clock):
    return Ingest(clock)


@pytest.fixture
def server(good, ingest):
    with TlsServer(good, ingest) as server:
        yield server


@pytest.fixture
def spool(tmp_path):
    with Spool.strict(tmp_path / "spool.db") as spool:
        yield spool


@pytest.fixture
def make(authority, server, spool, clock):
    made = []

    def uploader(**changes):
        config = UploadConfig(server.url, TOKEN, authority.ca_file, 10.0, 500, 300.0)
        made.append(Uploader(config._replace(**changes), spool, clock, jitter=lambda: 1.0))
        return made[-1]

    yield uploader
    for each in made:
        each.close()


@pytest.fixture
def uploader(make):
    return make()


def fill(spool, count, first=0, **changes):
    """Put samples five seconds apart; their power is their number."""
    for number in range(first, first + count):
        sample = {
            "device_id": "home-1",
            "ts": format_ts(NOW - timedelta(days=1) + timedelta(seconds=5 * number)),
            "pv_power_w": float(number),
            "pv_daily_kwh": 1.0,
            "battery_power_w": None,
            "battery_soc_pct": None,
            "battery_temp_c": None,
            "load_power_w": 300.0,
            "export_power_w": -300.0,
            "boot": BOOT,
            "seq": number + 1,
            "ts_src": 0,
        }
        spool.put(sample | changes, boottime_us=1_000_000 * (number + 1))


def sent(server, at=-1):
    """Return the content of a batch that the server received."""
    return json.loads(gzip.decompress(server.requests[at].body))


def drain(uploader, most=200):
    """Run steps until there is nothing to do at once; fails if that never comes."""
    for step in range(1, most + 1):
        if not uploader.upload_once():
            return step
    raise AssertionError(f"still more after {most} steps")


def posts(server):
    return [request for request in server.requests if request.method == "POST"]


# What is sent


def test_a_batch_is_sent_proven_and_leaves_the_queue(uploader, server, spool, ingest, clock):
    fill(spool, 3)
    samples = [row.sample for row in spool.oldest(3)]
    assert uploader.upload_once() is False
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/ingest")
    assert request.headers["Content-Encoding"] == "gzip"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.body[4:8] == bytes(4)  # no time in the gzip header
    assert sent(server)["samples"] == samples
    assert len(ingest.stored) == 3
    assert spool.counts().depth == 0
    assert (uploader.failures, uploader.last_success) == (0, clock.now())


def test_an_empty_queue_sends_nothing(uploader, server):
    assert uploader.upload_once() is False
    assert server.connections == 0
    assert uploader.next_wait_s() == 10.0


def test_full_batches_follow_at_once_over_one_connection_the_rest_with_the_last(
    make, server, spool
):
    fill(spool, 25)
    uploader = make(batch_size=10)
    assert [uploader.upload_once() for _ in range(3)] == [True, True, False]
    assert [len(sent(server, i)["samples"]) for i in range(3)] == [10, 10, 5]
    assert server.connections == 1
    assert len({sent(server, i)["batch_id"] for i in range(3)}) == 3


def numbers(server, at):
    return [sample["seq"] for sample in sent(server, at)["samples"]]


def test_while_a_backlog_drains_the_newest_and_the_oldest_go_in_turn(make, server, spool):
    fill(spool, 20)
    uploader = make(batch_size=5)
    assert uploader.upload_once() is True
    fill(spool, 1, first=20)  # the present goes on
    assert [uploader.upload_once() for _ in range(4)] == [True, True, True, False]
    assert [numbers(server, at) for at in range(5)] == [
        [16, 17, 18, 19, 20],
        [1, 2, 3, 4, 5],
        [12, 13, 14, 15, 21],
        [6, 7, 8, 9, 10],
        [11],
    ]


def test_a_turn_that_fails_leaves_the_next_to_the_other_end(make, server, spool):
    fill(spool, 20)
    uploader = make(batch_size=5)
    server.answers(answer(500), answer(500))
    for _ in range(3):
        uploader.upload_once()
    assert [numbers(server, at)[0] for at in range(3)] == [16, 1, 16]


def test_a_batch_that_fails_hides_neither_end_of_a_queue_of_less_than_two(make, server, spool):
    fill(spool, 7)
    uploader = make(batch_size=5)
    server.answers(*[answer(500)] * 4)
    for _ in range(4):
        uploader.upload_once()
    assert [numbers(server, at)[0] for at in range(4)] == [3, 1, 3, 1]


def test_the_next_batch_of_a_backlog_is_read_while_the_server_is_at_work(
    make, server, spool, ingest, monkeypatch
):
    fill(spool, 10)
    read, oldest = threading.Event(), spool.oldest
    monkeypatch.setattr(spool, "oldest", lambda *args: read.set() or oldest(*args))
    waited = []

    def take_time(wire):
        waited.append(read.wait(5))
        ingest(wire)

    server.answers(take_time)
    uploader = make(batch_size=5)
    assert uploader.upload_once() is True
    assert waited == [True]
    assert uploader.upload_once() is True
    assert [numbers(server, at) for at in range(2)] == [[6, 7, 8, 9, 10], [1, 2, 3, 4, 5]]
    assert len({sent(server, at)["batch_id"] for at in range(2)}) == 2


def test_what_comes_up_while_a_batch_is_under_way_travels_with_the_next(make, server, spool):
    fill(spool, 20)
    uploader = make(batch_size=5)
    uploader.upload_once()
    uploader.facts = {"serial": "A1"}
    uploader.upload_once()
    assert sent(server, 1)["device"]["serial"] == "A1"
    assert numbers(server, 1) == [1, 2, 3, 4, 5]


def test_samples_from_the_future_do_not_shorten_the_newest_batch(make, server, spool, ingest):
    fill(spool, 20)
    fill(spool, 3, first=20, load_power_w=1.0)
    ingest.refuses = lambda sample: "ts_in_future" if sample["load_power_w"] == 1.0 else None
    uploader = make(batch_size=5)
    assert [uploader.upload_once() for _ in range(3)] == [True, True, True]
    assert [numbers(server, at) for at in range(3)] == [
        [19, 20, 21, 22, 23],
        [1, 2, 3, 4, 5],
        [16, 17, 18, 19, 20],
    ]


def test_an_answer_lost_after_the_commit_is_made_good_by_duplicates(
    uploader, server, spool, ingest
):
    def store_then_reset(wire):
        ingest.verdict(json.loads(gzip.decompress(wire.request.body)))
        reset(wire)

    fill(spool, 3)
    server.answers(store_then_reset)
    uploader.upload_once()
    assert (uploader.failures, spool.counts().depth) == (1, 3)
    uploader.upload_once()
    assert (uploader.failures, spool.counts().depth, len(ingest.stored)) == (0, 0, 3)
    assert uploader.counts == {"inserted_count": 0, "duplicate_count": 3, "conflict_count": 0}


def test_facts_travel_until_a_200_acknowledges_them(uploader, server, spool):
    facts = {"serial": "A1", "has_meter": True}
    uploader.facts = facts
    server.answers(answer(503), reset)
    for _ in range(3):
        uploader.upload_once()
    assert sent(server)["device"] == facts | {"edge_version": VERSION}
    assert sent(server)["samples"] == []
    uploader.upload_once()
    assert len(server.requests) == 3
    fill(spool, 1)
    uploader.upload_once()
    assert "device" not in sent(server)


def test_facts_that_change_during_the_request_are_not_taken_for_acknowledged(
    uploader, server, ingest
):
    def meanwhile(wire):
        uploader.facts = {"serial": "NEW"}
        ingest(wire)

    uploader.facts = {"serial": "OLD"}
    server.answers(meanwhile)
    uploader.upload_once()
    uploader.upload_once()
    assert [sent(server, i)["device"]["serial"] for i in (0, 1)] == ["OLD", "NEW"]


def test_parked_readings_are_reported_until_a_200_acknowledges_them(uploader, server, spool):
    spool.park_words({5017: 65535}, "load_power_w: impossible", NOW, BOOT, 7, 1_000_000, 0)
    server.answers(answer(503))
    uploader.upload_once()
    uploader.upload_once()
    assert sent(server)["parked"] == [
        {
            "boot": BOOT,
            "seq": 7,
            "ts": format_ts(NOW),
            "reason": "load_power_w: impossible",
            "content": {"words": {"5017": 65535}},
        }
    ]
    uploader.upload_once()
    assert len(server.requests) == 2
    assert spool.counts().parked == 1


def test_a_parked_row_that_the_disk_has_damaged_is_reported_all_the_same():
    entry = {"id": 1, "boot": b"\xff", "seq": None, "ts": None, "reason": "checksum"}
    body = Batch("1", [], [entry | {"content": b"\x00"}], None).body()
    (parked,) = json.loads(gzip.decompress(body))["parked"]
    assert parked["reason"] == "checksum"


# What does not prove anything keeps everything


def ours(status, **content):
    """Return a script that echoes the batch id beside ``content``."""

    def script(wire):
        batch = json.loads(gzip.decompress(wire.request.body))
        wire.send(message(status, {"batch_id": batch["batch_id"], **content}))

    return script


def verdicts(status, *places, detail=None):
    """Return a script for a 422 that names the places (index, type) and echoes the batch id."""

    def script(wire):
        batch = json.loads(gzip.decompress(wire.request.body))
        named = [
            {"loc": ["body", "samples", index, "ts"], "msg": "no", "type": kind}
            for index, kind in places
        ]
        content = {"batch_id": batch["batch_id"], "detail": named if detail is None else detail}
        wire.send(message(status, content))

    return script


PROOFLESS = {
    "a captive portal": answer(200, b"<html>Welcome! Please log in</html>"),
    "someone else's JSON": answer(200, {"ok": True}),
    "another batch": answer(
        200, {"batch_id": "0" * 32, "inserted": 3, "duplicates": 0, "conflicts": []}
    ),
    "no batch": answer(200, {"inserted": 3, "duplicates": 0, "conflicts": []}),
    "a list": answer(200, [1]),
    "nothing": answer(200),
    "too few": ours(200, inserted=2, duplicates=0, conflicts=[]),
    "too many": ours(200, inserted=3, duplicates=1, conflicts=[]),
    "a negative count": ours(200, inserted=4, duplicates=-1, conflicts=[]),
    "counts that are true": ours(200, inserted=2, duplicates=True, conflicts=[]),
    "counts with a point": ours(200, inserted=3.0, duplicates=0, conflicts=[]),
    "no conflicts": ours(200, inserted=3, duplicates=0),
    "a number of conflicts": ours(200, inserted=2, duplicates=0, conflicts=1),
    "a conflict twice": ours(200, inserted=1, duplicates=0, conflicts=[1, 1]),
    "a conflict outside": ours(200, inserted=2, duplicates=0, conflicts=[3]),
    "a conflict before the first": ours(200, inserted=2, duplicates=0, conflicts=[-1]),
    "a conflict that is true": ours(200, inserted=2, duplicates=0, conflicts=[True]),
    "half an answer": raw(message(200, {"batch_id": "x"}, length=False)[:-4]),
    "an abyss of brackets": answer(200, b"[" * 60_000),
    "a monstrous number": answer(200, b'{"inserted": ' + b"9" * 60_000 + b"}"),
    "202": ours(202, inserted=3, duplicates=0, conflicts=[]),
    "204": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "a 422 without the batch id": answer(
        422, {"detail": [{"loc": ["body", "samples", 0], "msg": "no", "type": "x"}]}
    ),
    "a 422 that names no sample": verdicts(422, detail=[{"loc": ["body"], "msg": "no"}]),
    "a 422 that names one too many": verdicts(422, (3, "x")),
    "a 422 that names the sample before": verdicts(422, (-1, "x")),
    "a 422 that names sample true": verdicts(422, (True, "x")),
    "a 422 in words": verdicts(422, detail="no"),
    "a 400 with places": verdicts(400, (0, "x")),
    "a 500 with places": verdicts(500, (0, "x")),
    "reset": reset,
}
STATUSES = (301, 302, 307, 308, 400, 401, 403, 404, 405, 410, 415, 429, 500, 502, 503, 504)


@pytest.mark.parametrize("script", PROOFLESS.values(), ids=PROOFLESS)
def test_what_proves_nothing_keeps_everything(uploader, server, spool, script):
    fill(spool, 3)
    server.answers(script)
    assert uploader.upload_once() is False
    assert (uploader.failures, spool.counts().depth, spool.counts().parked) == (1, 3, 0)
    assert (uploader.next_wait_s(), uploader.last_success) == (1.0, None)
    assert ": " in uploader.last_error
    uploader.upload_once()
    assert (uploader.failures, uploader.last_error, spool.counts().depth) == (0, None, 0)


@pytest.mark.parametrize("status", STATUSES)
def test_every_other_status_keeps_everything(uploader, server, spool, caplog, status):
    fill(spool, 3)
    server.answers(answer(status, {"detail": "no"}))
    assert uploader.upload_once() is False
    assert (uploader.failures, spool.counts().depth, spool.counts().parked) == (1, 3, 0)
    (record,) = caplog.records
    assert record.reason == ("redirect" if status < 400 else f"http_{status}")
    human = status < 400 or status in (401, 403, 404)
    assert record.levelno == (logging.ERROR if human else logging.WARNING)
    assert TOKEN not in caplog.text + str(vars(record))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
COUNT = st.integers(-1, 4) | JSON
LOC = st.tuples(st.just("body"), st.just("samples"), COUNT, st.text(max_size=5)).map(list) | JSON
PLACE = (
    st.fixed_dictionaries(
        {"loc": LOC, "msg": JSON, "type": st.sampled_from(["x", "ts_in_future"]) | JSON}
    )
    | JSON
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "batch_id": st.just("OURS") | JSON,
        "inserted": COUNT,
        "duplicates": COUNT,
        "conflicts": st.lists(COUNT, max_size=4) | JSON,
        "detail": st.lists(PLACE, max_size=5) | JSON,
    },
)


def is_proof(status, content):
    """The contract's proof for three samples, written a second time."""
    if status != 200 or content.get("batch_id") != "OURS":
        return False
    inserted, duplicates, conflicts = (
        content.get(key) for key in ("inserted", "duplicates", "conflicts")
    )
    numbers = [inserted, duplicates, *conflicts] if isinstance(conflicts, list) else [None]
    return (
        all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers)
        and inserted + duplicates + len(conflicts) == 3
        and sorted(set(conflicts)) == sorted(conflicts)
        and not [n for n in conflicts if n > 2]
    )


def names(status, content):
    """The samples that a 422 of ours names for parking."""
    detail = content.get("detail")
    if status != 422 or content.get("batch_id") != "OURS" or not isinstance(detail, list):
        return set()
    return {
        place["loc"][2]
        for place in detail
        if isinstance(place, dict)
        and isinstance(place.get("loc"), list)
        and place["loc"][:2] == ["body", "samples"]
        and len(place["loc"]) > 2
        and type(place["loc"][2]) is int
        and 0 <= place["loc"][2] < 3
        and place.get("type") != "ts_in_future"
    }


@pytest.mark.slow
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    status=st.sampled_from([200, 200, 200, 422, 422, 201, 400, 413, 302, 500]),
    content=ANSWERS | JSON.map(lambda value: value if isinstance(value, dict) else {"v": value}),
    fields=st.dictionaries(
        st.sampled_from(["Retry-After", "Date", "Location"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
    ),
)
def test_rows_leave_the_queue_only_with_the_proof_and_are_parked_only_by_name(
    make, server, spool, status, content, fields
):
    def script(wire):
        batch_id = json.loads(gzip.decompress(wire.request.body))["batch_id"]
        text = json.dumps(content).replace('"OURS"', json.dumps(batch_id))
        wire.send(message(status, text.encode(), fields))

    if left := 3 - spool.counts().depth:
        fill(spool, left, first=spool.last_seq(BOOT))
    before = [row.id for row in spool.oldest(9)]
    parked = spool.counts().parked
    server.answers(script)
    make().upload_once()
    after = [row.id for row in spool.oldest(9)]
    if is_proof(status, content):
        assert after == []
        assert spool.counts().parked - parked == len(content["conflicts"])
    else:
        named = names(status, content)
        assert after == [row for place, row in enumerate(before) if place not in named]
        assert spool.counts().parked - parked == len(named)


# Verdicts


def test_conflicts_are_parked_and_the_rest_is_delivered(uploader, server, spool):
    fill(spool, 4)
    server.answers(ours(200, inserted=2, duplicates=1, conflicts=[2]))
    assert uploader.upload_once() is False
    assert spool.counts().depth == 0
    (parked,) = parked_of(spool)
    assert (parked["content"]["pv_power_w"], parked["reason"]) == (2.0, "conflict")
    assert uploader.counts == {"inserted_count": 2, "duplicate_count": 1, "conflict_count": 1}


def test_a_refused_sample_is_parked_with_its_reason_and_the_rest_is_stored_at_once(
    uploader, server, spool, ingest
):
    fill(spool, 5)
    ingest.refuses = lambda sample: "out_of_range" if sample["pv_power_w"] == 3 else None
    assert uploader.upload_once() is True
    assert uploader.upload_once() is False
    assert sorted(s["pv_power_w"] for s in ingest.stored.values()) == [0, 1, 2, 4]
    (parked,) = parked_of(spool)
    assert parked["content"]["pv_power_w"] == 3
    assert parked["reason"] == "pv_power_w: is wrong (out_of_range)"
    assert (uploader.failures, spool.counts().depth) == (0, 0)


def test_the_words_of_a_refusal_are_made_storable_and_short(uploader, server, spool):
    fill(spool, 1)
    loc = ["body", "samples", 0, "pv_power_w"]
    server.answers(verdicts(422, detail=[{"loc": loc, "msg": "\x00\ud800\n" + "x" * 999}]))
    uploader.upload_once()
    (parked,) = parked_of(spool)
    assert parked["reason"].startswith("pv_power_w: ???xxx")
    assert len(parked["reason"]) == 300


@pytest.mark.parametrize("batch_size", quick([500, 100, 10]))
def test_two_percent_of_poison_do_not_stop_the_flow(make, spool, ingest, batch_size):
    fill(spool, 2500)
    ingest.refuses = lambda sample: "x" if sample["pv_power_w"] % 50 == 49 else None
    uploader = make(batch_size=batch_size)
    drain(uploader, most=700)
    assert (len(ingest.stored), spool.counts().parked, spool.counts().depth) == (2450, 50, 0)
    assert uploader.failures == 0


# Readings from the future


def test_a_sample_from_the_future_is_left_out_until_it_is_due(
    uploader, server, spool, ingest, clock
):
    fill(spool, 3)
    fill(spool, 1, first=3, ts=format_ts(NOW + timedelta(hours=3)))
    fill(spool, 2, first=4)
    limit = timedelta(hours=1)
    ingest.refuses = lambda sample: (
        "ts_in_future" if sample["ts"] > format_ts(clock.now() + limit) else None
    )
    assert uploader.upload_once() is True
    assert uploader.upload_once() is False
    assert len(ingest.stored) == 5
    assert (spool.counts().depth, spool.counts().parked, uploader.failures) == (1, 0, 0)
    clock.pass_s(7190)
    uploader.upload_once()
    assert len(server.requests) == 2
    clock.pass_s(20)
    uploader.upload_once()
    assert (len(ingest.stored), spool.counts().depth) == (6, 0)


def test_an_edge_whose_clock_is_ahead_asks_about_the_same_sample_once_a_minute_at_most(
    uploader, server, spool, ingest, clock, caplog
):
    # By the edge's clock the sample is long past; only the server thinks otherwise.
    fill(spool, 1)
    ingest.refuses = lambda _: "ts_in_future"
    for _ in range(30):
        drain(uploader)
        clock.pass_s(10)
    assert len(server.requests) == 5
    assert [r.levelname for r in caplog.records] == ["ERROR"]


def test_a_new_process_offers_held_samples_again(make, spool, server, ingest):
    fill(spool, 1)
    ingest.refuses = lambda _: "ts_in_future"
    drain(make())
    ingest.refuses = lambda _: None
    drain(make())
    assert spool.counts().depth == 0


@pytest.mark.parametrize("early", [5, 1600])
def test_samples_from_the_future_do_not_block_those_between_and_behind(make, spool, ingest, early):
    future = {"load_power_w": 1.0}
    ingest.refuses = lambda sample: "ts_in_future" if sample["load_power_w"] == 1.0 else None
    uploader = make(batch_size=5 if early == 5 else 500)
    fill(spool, early, **future)
    drain(uploader)
    fill(spool, 3, first=early)
    fill(spool, 5, first=early + 3, **future)
    drain(uploader)
    assert len(ingest.stored) == 3
    assert (spool.counts().depth, spool.counts().parked) == (early + 5, 0)


def test_a_sample_that_is_early_and_wrong_is_parked_not_held():
    loc = ["body", "samples", 0, "ts"]
    detail = [{"loc": loc, "msg": "x", "type": kind} for kind in ("ts_in_future", "null")]
    body = json.dumps({"batch_id": "1", "detail": detail}).encode()
    with pytest.raises(UploadRefused) as caught:
        proof(Answer(422, {}, body), "1", 1, NOW)
    assert caught.value.samples == ({0: "ts: x (null)"}, frozenset())


# The hold rule


def errors(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]


def test_a_server_that_refuses_everything_makes_the_edge_hold_everything(
    make, spool, ingest, clock, caplog
):
    fill(spool, 200)
    ingest.refuses = lambda _: "missing"
    uploader = make(batch_size=100)
    for _ in range(5):
        assert uploader.upload_once() is False
    assert (spool.counts().depth, spool.counts().parked) == (200, 0)
    assert uploader.failures == 5
    assert uploader.next_wait_s() == 16.0
    assert len([e for e in errors(caplog) if "nothing is parked" in e]) == 1
    # The schema is repaired: all goes, and the rule starts anew.
    ingest.refuses = lambda sample: "x" if sample["pv_power_w"] == 199 else None
    drain(uploader)
    assert (len(ingest.stored), spool.counts().depth, spool.counts().parked) == (199, 0, 1)
    assert uploader.failures == 0


def test_just_five_percent_of_the_last_thousand_are_not_too_many():
    rule = Verdicts()
    rule.add(950, 50)
    assert not rule.holding
    rule.add(0, 1)
    assert rule.holding


def test_only_the_last_thousand_verdicts_count():
    rule = Verdicts()
    rule.add(0, 40)
    rule.add(1000, 40)
    assert not rule.holding


@pytest.mark.parametrize("batch_size", quick([500, 20, 10]))
def test_a_fifth_of_poison_is_parked_up_to_49_then_held(make, spool, ingest, batch_size):
    fill(spool, 1000)
    ingest.refuses = lambda sample: "x" if sample["pv_power_w"] % 5 == 4 else None
    uploader = make(batch_size=batch_size)
    drain(uploader, most=500)
    parked = spool.counts().parked
    assert parked < 50
    assert len(ingest.stored) + parked + spool.counts().depth == 1000
    assert uploader.failures == 1
    for _ in range(3):
        uploader.upload_once()
    assert (spool.counts().parked, uploader.failures) == (parked, 4)


def test_a_hold_is_not_ended_by_another_batch_that_is_clean_by_chance(make, server, spool, ingest):
    # The poison lies at the newest end; the oldest batch would be taken.
    fill(spool, 200)
    ingest.refuses = lambda sample: "x" if sample["pv_power_w"] >= 140 else None
    uploader = make(batch_size=60)
    for attempt in range(10):
        assert uploader.upload_once() is False
        fill(spool, 10, first=200 + 10 * attempt, pv_power_w=0.0)  # good ones go on coming
    assert (len(ingest.stored), spool.counts().parked, spool.counts().depth) == (0, 0, 300)
    assert {tuple(numbers(server, at)) for at in range(10)} == {tuple(range(141, 201))}
    ingest.refuses = lambda _: None
    drain(uploader)
    assert (len(ingest.stored), spool.counts().depth) == (300, 0)


def test_a_sample_that_is_wrong_after_all_does_not_prolong_the_hold(make, spool, ingest):
    fill(spool, 100)
    uploader = make(batch_size=100)
    for refuses in (lambda _: "missing", lambda sample: "x" if sample["pv_power_w"] < 6 else None):
        ingest.refuses = refuses
        assert uploader.upload_once() is False  # 6 of 100: the server is not mended yet
        assert (spool.counts().parked, spool.counts().depth) == (0, 100)
    ingest.refuses = lambda sample: "x" if sample["pv_power_w"] < 5 else None
    drain(uploader)
    assert (len(ingest.stored), spool.counts().parked, spool.counts().depth) == (95, 5, 0)


def test_a_flood_of_conflicts_is_held_but_what_is_proven_is_delivered(
    make, server, spool, ingest, caplog
):
    fill(spool, 200)
    for row in spool.oldest(200):
        if row.sample["pv_power_w"] % 2:
            ingest.stored[row.sample["ts"]] = row.sample | {"load_power_w": 1.0}
    uploader = make()
    assert uploader.upload_once() is False
    assert (spool.counts().depth, spool.counts().parked) == (100, 0)
    assert uploader.failures == 1
    ingest.stored.clear()
    uploader.upload_once()
    assert (spool.counts().depth, spool.counts().parked, uploader.failures) == (0, 0, 0)


# Too large


def test_a_batch_too_large_is_halved_until_it_fits_and_grows_back_slowly(
    make, server, spool, ingest
):
    fill(spool, 300)
    ingest.most = 60
    uploader = make(batch_size=200)
    assert uploader.upload_once() is True
    assert uploader.upload_once() is True
    assert uploader.upload_once() is True
    sizes = [len(sent(server, i)["samples"]) for i in range(3)]
    assert sizes == [200, 100, 50]
    drain(uploader)
    assert len(sent(server, 3)["samples"]) == 51
    assert (len(ingest.stored), uploader.failures) == (300, 0)


def test_a_single_sample_too_large_is_kept_with_back_off_and_a_warning(make, spool, ingest, caplog):
    fill(spool, 3)
    ingest.most = 0
    uploader = make(batch_size=2)
    assert uploader.upload_once() is True
    assert uploader.upload_once() is False
    assert (uploader.failures, spool.counts().depth, spool.counts().parked) == (1, 3, 0)
    assert "MAX_REQUEST_BYTES" in caplog.records[-1].detail
    ingest.most = 1
    drain(uploader)
    assert spool.counts().depth == 0


def test_parked_readings_too_large_to_report_do_not_stop_the_samples(make, server, spool, ingest):
    def only_without_parked(wire):
        batch = json.loads(gzip.decompress(wire.request.body))
        if batch.get("parked"):
            wire.send(message(413))
        else:
            ingest(wire)

    server.default = only_without_parked
    spool.park_words({1: 1}, "x", NOW, BOOT, 1, 1_000_000, 0)
    fill(spool, 5, first=1)
    uploader = make(batch_size=4)
    for _ in range(30):
        uploader.upload_once()
    assert spool.counts().depth == 0
    assert len(ingest.stored) == 5


# Back-off


def test_the_back_off_doubles_to_its_limit_and_success_ends_it(make, server, spool):
    fill(spool, 1)
    uploader = make(max_backoff_s=20.0)
    server.answers(*[answer(500)] * 7)
    waits = []
    for _ in range(7):
        uploader.upload_once()
        waits.append(uploader.next_wait_s())
    assert waits == [1, 2, 4, 8, 16, 20, 20]
    uploader.upload_once()
    assert (uploader.next_wait_s(), uploader.failures) == (10.0, 0)
    fill(spool, 1, first=1)
    server.answers(answer(500))
    uploader.upload_once()
    assert uploader.next_wait_s() == 1.0


@pytest.mark.parametrize(("random", "factor"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_the_back_off_is_spread_from_half_to_full(make, server, spool, random, factor):
    fill(spool, 1)
    uploader = make()
    uploader._jitter = lambda: random
    server.answers(answer(500), answer(500))
    uploader.upload_once()
    uploader.upload_once()
    assert uploader.next_wait_s() == 2 * factor


DATE = format_datetime(NOW, usegmt=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5),
        ("0", 1),
        ("1000000000", 900),
        ("9" * 5000, None),
        ("-1", None),
        ("abc", None),
        ("", None),
        ("1.5", None),
        ("٣", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 1),
        (format_datetime(NOW + timedelta(days=1), usegmt=True), 900),
        (None, None),
    ],
)
def test_retry_after_is_understood_within_bounds_and_garbage_is_ignored(value, seconds):
    assert retry_after_s(value, NOW) == seconds


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_by_the_servers_own_clock(uploader, server, spool, clock, status):
    fill(spool, 1)
    clock.wrong_by += timedelta(days=30)
    later = format_datetime(NOW + timedelta(seconds=77), usegmt=True)
    server.answers(
        answer(status, headers={"Retry-After": "42"}),
        answer(status, headers={"Date": DATE, "Retry-After": later}),
        answer(status, headers={"Retry-After": "soon"}),
    )
    waits = []
    for _ in range(3):
        uploader.upload_once()
        waits.append(uploader.next_wait_s())
    assert waits == [42, 77, 4]


@pytest.mark.parametrize("status", [429, 502, 503])
def test_the_wait_doubles_beyond_a_retry_after_that_never_changes(make, server, spool, status):
    uploader = make(max_backoff_s=60.0)
    fill(spool, 1)
    server.default = answer(status, headers={"Retry-After": "5"})  # as our own server and proxies
    waits = []
    for _ in range(8):
        uploader.upload_once()
        waits.append(uploader.next_wait_s())
    assert waits == [5, 5, 5, 8, 16, 32, 60, 60]
    assert spool.counts().depth == 1


@given(st.text(max_size=40) | st.from_regex(r"\w{3}, \d+ \w{3} -?\d+ \d+:\d+:\d+ [-+]?\w+"))
def test_whatever_a_date_header_says_it_is_a_time_or_nothing(text):
    date = http_date(text)
    assert date is None or date.tzinfo is not None


# The clock


def test_every_verified_answer_tells_the_clock_its_date(uploader, server, spool, clock):
    fill(spool, 1)
    server.answers(
        answer(503, headers={"Date": DATE}),
        answer(200, {}, headers={"Date": "yesterday"}),
        answer(200, {}, headers={"Date": None}),
    )
    for _ in range(3):
        uploader.upload_once()
    assert clock.heard == [NOW]


def test_with_nothing_to_send_and_no_time_the_server_is_asked_once_a_minute(
    uploader, server, clock
):
    clock.right = False
    server.default = answer(200, {}, headers={"Date": None})
    for _ in range(19):
        assert uploader.upload_once() is False
        clock.pass_s(10)
    assert [(r.method, r.path) for r in server.requests] == [("GET", "/health")] * 4
    assert TOKEN.encode() not in server.received
    clock.right = True
    clock.pass_s(600)
    uploader.upload_once()
    assert len(server.requests) == 4


def test_a_date_that_agrees_sets_provisional_readings_free(uploader, server, spool, clock, ingest):
    clock.right = False
    fill(spool, 2, ts_src=2, ts=format_ts(NOW - timedelta(days=400)))
    assert spool.counts().provisional == 2
    assert uploader.upload_once() is True  # asks, and learns
    assert uploader.upload_once() is False
    began = NOW - timedelta(seconds=1000)
    assert sorted(ingest.stored) == [format_ts(began + timedelta(seconds=s)) for s in (1, 2)]
    assert {s["ts_src"] for s in ingest.stored.values()} == {1}
    assert spool.counts().provisional == 0


def test_a_provisional_reading_that_comes_late_is_placed_as_well(uploader, spool, ingest):
    uploader.upload_once()
    fill(spool, 1, ts_src=2)
    uploader.upload_once()
    assert (len(ingest.stored), spool.counts().depth) == (1, 0)


def test_failures_from_before_the_time_was_known_are_reported_once_it_is(
    authority, server, clock, tmp_path
):
    clock.right = False
    config = UploadConfig(server.url, TOKEN, authority.ca_file, 10.0, 500, 300.0)
    with closing(Spool(tmp_path / "store.db", 7, clock)) as store:
        reports = PollCounts(store, clock)
        reports.polled("timeout")
        with closing(Uploader(config, store, clock, counts=reports)) as uploader:
            for _ in range(3):  # asks for the time, places them, sends
                uploader.upload_once()
    (report,) = sent(server, 1)["reports"]
    assert (report["polled"], report["failed"]) == (1, {"timeout": 1})


# The log, the stop


def test_a_failure_that_goes_on_is_logged_first_then_every_quarter_hour_then_its_end(
    uploader, server, spool, clock, caplog
):
    caplog.set_level(logging.INFO, "sungrow.edge.upload")
    fill(spool, 1)
    server.answers(*[answer(500)] * 200)
    for _ in range(200):
        uploader.upload_once()
        clock.pass_s(10)
    assert [(r.getMessage(), r.count) for r in caplog.records] == [
        ("upload failed", 1),
        ("upload failed", 90),
        ("upload failed", 90),
    ]
    uploader.upload_once()
    assert caplog.records[-1].getMessage() == "upload works again"
    assert caplog.records[-1].failures == 200
    fill(spool, 1, first=1)
    uploader.upload_once()
    assert len(caplog.records) == 4


def test_each_reason_has_its_own_quarter_hour(clock, caplog):
    repeat = RepeatLog(logging.getLogger("sungrow.edge.test"), clock)
    for _ in range(10):
        repeat.failed("it failed", "timeout")
        repeat.failed("it failed", "reset")
    assert [r.reason for r in caplog.records] == ["timeout", "reset"]


def test_abort_ends_a_step_at_once_and_keeps_all(make, server, spool):
    arrived = threading.Event()

    def hang(wire):
        arrived.set()
        wire.wait(60)

    fill(spool, 1)
    server.answers(hang)
    uploader = make()
    thread = threading.Thread(target=uploader.upload_once)
    thread.start()
    assert arrived.wait(15)
    uploader.abort()
    thread.join(15)
    assert not thread.is_alive()
    assert (uploader.failures, spool.counts().depth) == (1, 1)
    assert uploader.upload_once() is False
    assert len(server.requests) == 1


def test_over_an_unverified_channel_no_byte_of_a_sample_leaves(make, spool, tmp_path, caplog):
    fill(spool, 1)
    stranger = Authority(tmp_path / "other").certificate("good")
    with TlsServer(stranger) as server:
        make(ingest_url=server.url).upload_once()
        assert (server.connections, server.handshakes, len(server.received)) == (1, 0, 0)
    assert spool.counts().depth == 1
    assert caplog.records[-1].reason == "tls_unknown_ca"
    assert caplog.records[-1].levelno == logging.ERROR
