"""What a batch may carry beside its samples: stored with them, and never in their way."""

import json
import math
from datetime import UTC, datetime

import pytest

from server import sandbox
from tests.support.batches import LogLines, app_on, post, rows, send, verdict
from tests.support.samples import DEVICE, a_sample

pytestmark = pytest.mark.server

BOOT = "0123456789abcdef" * 2
REPORT = {
    "boot": BOOT,
    "slot": "2026-06-01T12:15:00Z",
    "polled": 170,
    "failed": {"timeout": 3, "exception_4": 1},
    "waiting": 12,
    "oldest_unsent_ts": "2026-06-01T12:10:00.5+02:00",
    "parked": 1,
    "clock": "synchronised",
    "spool_state": "full",
    "spool_used_pct": 71.5,
    "disk_free_mb": 120,
    "ring_count": 3,
    "thinned": 4,
    "unsalvaged": 1,
    "uptime_s": 86400,
    "restarts_24h": 2,
    "last_poll_error": "timeout: no answer",
    "last_upload_error": "http_503: the database is away",
    "cert_days": -1.5,
    "throttled": 0x50005,
    "ip_failures": 7,
    "upgrading": True,
}
# What an edge of before the alerts does not tell.
OF_ITSELF = list(REPORT)[list(REPORT).index("clock") + 1 :]
GAP = {
    "from_ts": "2026-06-01T12:00:00Z",
    "to_ts": "2026-06-01T13:00:00Z",
    "cause": "disk_full",
    "count": 720,
}
PARKED = {
    "boot": BOOT,
    "seq": 5,
    "ts": "2026-06-01T12:00:00Z",
    "reason": "pv_power_w: outside",
    "content": {"words": {"5016": 65535}, "note": "\0 \ud800 grün"},
}
FACTS = {
    "serial": "A2231234567",
    "device_type_code": 3598,
    "model": "SH10RT",
    "nominal_power_w": 10000,
    "firmware": "SAPPHIRE-H_01011.01.02",
    "has_meter": True,
    "has_battery": False,
    "battery_capacity_kwh": 9.6,
    "edge_version": "1.0.0",
}
OF_THE_INVERTER = [fact for fact in FACTS if fact not in ("serial", "edge_version")]


@pytest.fixture(scope="module")
def app(database_url):
    return app_on(database_url)


@pytest.fixture
def client(app):
    return app.test_client()


def taken(client, **parts: object) -> list[tuple]:
    """Send these parts beside one sample, which must be stored; return what was ignored, why."""
    answer = send(client, a_sample(), **parts)
    assert answer.status_code == 200, answer.text
    assert answer.json["inserted"] == 1
    ignored = answer.json.get("ignored", [])
    assert all(place["msg"] and place["type"] == "ignored" for place in ignored)
    return [tuple(place["loc"]) for place in ignored]


def test_the_facts_of_a_device_are_kept_and_corrected(client, database_url):
    query = f"select {', '.join(FACTS)} from sungrow_devices where device_id = %s"  # noqa: S608
    assert taken(client, device=FACTS) == []
    assert rows(database_url, query, DEVICE) == [tuple(FACTS.values())]
    assert taken(client, device={"has_battery": True, "model": None}) == []
    corrected = FACTS | {"has_battery": True}
    assert rows(database_url, query, DEVICE) == [tuple(corrected.values())]


def test_another_serial_is_another_inverter_from_the_moment_the_edge_names(client, database_url):
    query = "select serial, since from sungrow_inverters where device_id = %s and isfinite(since)"
    facts = FACTS | {"serial": "B1", "since_ts": "2026-06-01T12:00:00.5+02:00"}
    assert taken(client, device=FACTS) == []
    assert taken(client, device=facts) == []
    assert taken(client, device=facts | {"since_ts": None}) == []
    since = datetime(2026, 6, 1, 10, 0, 0, 500_000, UTC)
    assert rows(database_url, query, DEVICE) == [("B1", since)]


def test_a_meter_that_is_not_there_is_told_too(client, database_url):
    query = "select has_meter from sungrow_devices where device_id = %s"
    for told, kept in ((True, True), (False, False), (None, False), (True, True)):
        assert taken(client, device=FACTS | {"has_meter": told}) == []
        assert rows(database_url, query, DEVICE) == [(kept,)]


@pytest.mark.parametrize("said", [{}, {"model": "SH4.0RS"}, {"has_meter": False}, FACTS])
def test_another_inverter_keeps_no_fact_of_the_one_before(client, database_url, said):
    query = f"select {', '.join(FACTS)} from sungrow_devices where device_id = %s"  # noqa: S608
    assert taken(client, device=FACTS) == []
    assert taken(client, device={**said, "serial": "another"}) == []
    expected = dict.fromkeys(OF_THE_INVERTER) | said
    expected |= {"serial": "another", "edge_version": FACTS["edge_version"]}
    assert rows(database_url, query, DEVICE) == [tuple(expected[fact] for fact in FACTS)]


@pytest.mark.parametrize("serial", [None, "", FACTS["serial"]])
def test_without_another_serial_it_is_the_same_inverter(client, database_url, serial):
    query = f"select {', '.join(FACTS)} from sungrow_devices where device_id = %s"  # noqa: S608
    assert taken(client, device=FACTS) == []
    assert taken(client, device={"serial": serial, "firmware": "newer"}) == []
    expected = FACTS | {"firmware": "newer"}
    assert rows(database_url, query, DEVICE) == [tuple(expected.values())]


def test_an_inverter_whose_serial_is_read_later_is_the_same(client, database_url):
    sandbox.execute(database_url, "delete from sungrow_devices where device_id = %s", (DEVICE,))
    query = "select serial, model from sungrow_devices where device_id = %s"
    assert taken(client, device={"model": "SH10RT"}) == []
    assert taken(client, device={"serial": "A1"}) == []
    assert rows(database_url, query, DEVICE) == [("A1", "SH10RT")]


def test_a_report_is_kept_and_its_repeat_replaces(client, database_url):
    columns = "polled, failed, waiting, oldest_unsent_ts, parked, clock"
    query = f"select {columns} from sungrow_reports where boot = %s and slot = %s"  # noqa: S608
    assert taken(client, reports=[REPORT]) == []
    unsent = datetime(2026, 6, 1, 10, 10, 0, 500_000, UTC)
    expected = (170, {"timeout": 3, "exception_4": 1}, 12, unsent, 1, "synchronised")
    assert rows(database_url, query, BOOT, REPORT["slot"]) == [expected]
    of_itself = f"select {', '.join(OF_ITSELF)} from sungrow_reports where boot = %s"  # noqa: S608
    assert rows(database_url, of_itself, BOOT) == [tuple(REPORT[name] for name in OF_ITSELF)]
    later = REPORT | {"polled": 175, "failed": {}, "oldest_unsent_ts": None, "clock": None}
    assert taken(client, reports=[REPORT, later]) == []
    assert rows(database_url, query, BOOT, REPORT["slot"]) == [(175, {}, 12, None, 1, None)]


def test_a_report_of_another_slot_or_boot_is_another(client, database_url):
    others = [REPORT | {"slot": "2026-06-01T12:30:00Z"}, REPORT | {"boot": "aB"}]
    assert taken(client, reports=[REPORT, *others]) == []
    assert rows(database_url, "select count(*) from sungrow_reports where clock is not null") == [
        (3,)
    ]


def test_a_gap_is_kept_and_its_repeat_replaces(client, database_url):
    query = "select to_ts, count from sungrow_gaps where from_ts = %s and cause = %s"
    for count in (720, 721):
        assert taken(client, gaps=[GAP | {"count": count}]) == []
        end = datetime(2026, 6, 1, 13, tzinfo=UTC)
        assert rows(database_url, query, GAP["from_ts"], "disk_full") == [(end, count)]


def test_a_parked_reading_is_kept_to_the_last_sign_and_its_repeat_replaces(client, database_url):
    query = "select reason, ts, content::text from sungrow_parked where boot = %s and seq = 5"
    for reason in ("pv_power_w: outside", "conflict"):
        assert taken(client, parked=[PARKED | {"reason": reason}]) == []
        ((kept, ts, content),) = rows(database_url, query, BOOT)
        assert (kept, ts) == (reason, datetime(2026, 6, 1, 12, tzinfo=UTC))
        assert json.loads(content) == PARKED["content"]


@pytest.mark.parametrize(
    "content", [None, "text", 5, 1e308, [], {"a": [[[[]]]]}, {"pv_power_w": 10**300, "ts": "?"}]
)
def test_whatever_a_parked_reading_was_it_is_kept(client, content, database_url):
    entry = {"boot": "c", "seq": 2**53, "ts": None, "reason": "x", "content": content}
    assert taken(client, parked=[entry]) == []
    query = "select content::text from sungrow_parked where boot = 'c'"
    assert json.loads(rows(database_url, query)[0][0]) == content


def test_the_least_of_each_part_is_enough(client):
    least = {
        "reports": [{"boot": "d", "slot": "2026-06-01T12:15:00Z", "polled": 0}],
        "gaps": [{key: GAP[key] for key in ("from_ts", "to_ts", "cause")}],
        "parked": [{"boot": "d", "seq": 0, "reason": "x"}],
        "device": {},
    }
    assert taken(client, **least) == []


def test_unknown_keys_are_ignored_without_a_word(client):
    new = {"new": [1, {"a": 2}]}
    parts = {"reports": [REPORT | new], "gaps": [GAP | new], "parked": [PARKED | new]}
    assert taken(client, device=FACTS | new, **parts, **new) == []


def test_parts_alone_make_a_batch(client, database_url):
    answer = post(client, {"samples": [], "reports": [REPORT | {"boot": "e"}], "batch_id": "b-7"})
    assert answer.json == {"inserted": 0, "duplicates": 0, "conflicts": [], "batch_id": "b-7"}
    assert rows(database_url, "select polled from sungrow_reports where boot = 'e'") == [(170,)]


NO_TEXT = [5, True, [], {}, "a\0b", "\ud800", "x" * 1025]
NO_COUNT = [-1, 1.5, 2.0, "1", True, [], 2**31, math.pi]
NO_TIME = ["", "now", "infinity", "2026-06-01T12:15:00", "2026-06-01T12:15:60Z", 5, True, []]
NO_BOOT = ["", "g", "f" * 33, 5, True, None, "a\0"]
MALFORMED = [
    *(("device", [], key, v) for key in ("serial", "model", "firmware") for v in NO_TEXT),
    *(("device", [], "since_ts", v) for v in NO_TIME),
    *(("device", [], "device_type_code", v) for v in NO_COUNT),
    *(("device", [], "nominal_power_w", v) for v in (-1, "10", True, 1e300, [])),
    *(("device", [], "battery_capacity_kwh", v) for v in (-1, "10", True, 1e300, [])),
    *(("device", [], key, v) for key in ("has_meter", "has_battery") for v in (0, 1, "yes", [])),
    *(("reports", [0], "boot", v) for v in NO_BOOT),
    *(("reports", [0], "slot", v) for v in [*NO_TIME, None]),
    *(("reports", [0], "oldest_unsent_ts", v) for v in NO_TIME),
    *(("reports", [0], "polled", v) for v in [*NO_COUNT, None]),
    *(("reports", [0], key, v) for key in ("waiting", "parked") for v in NO_COUNT),
    *(("reports", [0], "clock", v) for v in NO_TEXT),
    *(("reports", [0], "spool_state", v) for v in ("", "well", 5, True, [])),
    *(("reports", [0], key, v) for key in OF_ITSELF[1:8] for v in ("1", True, [], 1e300)),
    *(("reports", [0], key, v) for key in OF_ITSELF[10:13] for v in ("1", True, [], -1e300)),
    *(("reports", [0], key, v) for key in OF_ITSELF[8:10] for v in [*NO_TEXT, "x" * 201]),
    *(("reports", [0], "upgrading", v) for v in (0, 1, "yes", [])),
    *(("reports", [0], "failed", v) for v in (5, [], "x", {"a": -1}, {"a": 1.5}, {"a": None})),
    *(("reports", [0], "failed", v) for v in ({"a\0": 1}, {"\ud800": 1}, {"x" * 1025: 1})),
    *(("gaps", [0], key, v) for key in ("from_ts", "to_ts") for v in [*NO_TIME, None]),
    *(("gaps", [0], "cause", v) for v in ("", "Two words", "x" * 65, "a\0", 5, None)),
    *(("gaps", [0], "count", v) for v in NO_COUNT),
    *(("parked", [0], "boot", v) for v in NO_BOOT),
    *(("parked", [0], "seq", v) for v in (-1, 1.0, "1", True, None, 2**53 + 1)),
    *(("parked", [0], "ts", v) for v in NO_TIME),
    *(("parked", [0], "reason", v) for v in [*NO_TEXT, None]),
]


@pytest.mark.parametrize(("part", "index", "key", "value"), MALFORMED)
def test_a_malformed_entry_is_left_out_named_and_logged(client, part, index, key, value):
    good = {"device": FACTS, "reports": REPORT, "gaps": GAP, "parked": PARKED}[part]
    entry = good | {key: value}
    with LogLines() as log:
        assert taken(client, **{part: [entry, good] if index else entry}) == [
            ("body", part, *index, key)
        ]
    (line,) = log.fields()
    assert (line["level"], line["event"]) == ("WARNING", "part left out")
    assert line["loc"] == ["body", part, *index, key]


def test_the_entries_beside_a_malformed_one_are_stored(client, database_url):
    entries = [PARKED | {"boot": "f", "seq": seq} for seq in (1, -1, 3)]
    assert taken(client, parked=entries) == [("body", "parked", 1, "seq")]
    query = "select seq from sungrow_parked where boot = 'f' order by seq"
    assert rows(database_url, query) == [(1,), (3,)]


@pytest.mark.parametrize("value", [5, "x", True, {}, {"0": {}}])
@pytest.mark.parametrize("part", ["reports", "gaps", "parked"])
def test_a_part_that_is_no_list_is_ignored(client, part, value):
    assert taken(client, **{part: value}) == [("body", part)]


@pytest.mark.parametrize("entry", [5, "x", None, True, []])
@pytest.mark.parametrize("part", ["reports", "gaps", "parked"])
def test_an_entry_that_is_no_object_is_ignored(client, part, entry):
    assert taken(client, **{part: [entry]}) == [("body", part, 0)]


@pytest.mark.parametrize("value", [5, "x", True, [], [FACTS]])
def test_facts_that_are_no_object_are_ignored(client, value):
    assert taken(client, device=value) == [("body", "device")]


@pytest.mark.parametrize("part", ["device", "reports", "gaps", "parked", "batch_id"])
def test_null_is_the_same_as_absent(client, part):
    assert taken(client, **{part: None}) == []


@pytest.mark.parametrize("name", ["b", "B-9", "0" * 64])
def test_a_batch_id_is_echoed(client, name):
    answer = send(client, a_sample(), batch_id=name)
    assert answer.json["batch_id"] == name
    assert "ignored" not in answer.json


@pytest.mark.parametrize("name", ["", "0" * 65, "a b", "a_b", "ä", "a\0", "a\n", 5, True, [], {}])
def test_what_is_no_batch_id_is_ignored_and_not_echoed(client, name):
    answer = send(client, a_sample(), batch_id=name)
    assert answer.json["inserted"] == 1
    assert [place["loc"] for place in answer.json["ignored"]] == [["body", "batch_id"]]
    assert "batch_id" not in answer.json


def test_nothing_of_the_parts_is_stored_where_a_sample_is_refused(client, database_url):
    parts = {"reports": [REPORT | {"boot": "aaa"}], "gaps": [GAP | {"cause": "never"}]}
    answer = send(client, a_sample(pv_power_w=-1), **parts)
    assert answer.status_code == 422
    assert rows(database_url, "select from sungrow_reports where boot = 'aaa'") == []
    assert rows(database_url, "select from sungrow_gaps where cause = 'never'") == []


def test_parts_and_samples_share_one_transaction(client, database_url):
    send(client, a_sample(), reports=[REPORT | {"boot": "bbb"}], gaps=[GAP], parked=[PARKED])
    ids = {
        rows(database_url, f"select xmin::text from {table} {condition}")[0]  # noqa: S608
        for table, condition in {
            "sungrow_samples": "order by received_at desc limit 1",
            "sungrow_reports": "where boot = 'bbb'",
            "sungrow_gaps": f"where from_ts = '{GAP['from_ts']}' and cause = 'disk_full'",
            "sungrow_parked": f"where boot = '{BOOT}' and seq = 5",
        }.items()
    }
    assert len(ids) == 1


def test_a_conflict_among_the_samples_does_not_keep_the_parts_out(client, database_url):
    sample = a_sample()
    verdict(client, sample)
    parts = {"reports": [REPORT | {"boot": "ccc"}]}
    assert verdict(client, sample | {"pv_power_w": 1}, **parts) == (0, 0, [0])
    assert rows(database_url, "select polled from sungrow_reports where boot = 'ccc'") == [(170,)]
