"""Faults in the database: words of samples, five minutes of them, and each bit's episodes."""

import csv
import json
import re
from datetime import timedelta

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server import sandbox
from server.database import deletions, rollups
from server.database.pool import SQL
from tests.support.batches import DEVICE
from tests.support.readings import connected, insert_by_hand, rows, utc

START = utc("2026-05-05 10:00")
CODES = sandbox.ROOT / "tests/support/fault_codes.csv"
STEP = timedelta(seconds=5)
EPISODES = "SELECT * FROM sungrow_fault_episodes ORDER BY device_id, word, bit, from_ts"


@pytest.fixture
def db(databases):
    with connected(databases.migrated()) as connection:
        yield connection


def polls(first: object, count: int, faults: str | None = "", **more: object) -> list[dict]:
    """Return readings of every five seconds."""
    sample = {"device_id": DEVICE, "pv_power_w": 1.0, "interval_s": 5.0, "faults": faults} | more
    return [sample | {"ts": first + number * STEP} for number in range(count)]


def store(db: object, *spans: tuple) -> None:
    """Store spans of (seconds after the start, polls, faults)."""
    for second, count, *rest in spans:
        insert_by_hand(db, polls(START + timedelta(seconds=second), count, *rest))


def episodes(db: object) -> list[tuple]:
    """Return (word, bit, seconds of its start and end, polls) of each."""

    def second(ts: object) -> float | None:
        return None if ts is None else (ts - START).total_seconds()

    return [
        (e["word"], e["bit"], second(e["from_ts"]), second(e["to_ts"]), e["polls"])
        for e in rows(db, EPISODES)
    ]


@pytest.mark.parametrize("faults", [None, "", "13066=?", "13050=? 13066=? +"])
def test_where_no_word_is_set_there_is_no_episode(db, faults):
    store(db, (0, 240, faults))
    assert rows(db, "SELECT * FROM sungrow_fault_5min") == []
    assert episodes(db) == []


def test_each_bit_has_an_episode_of_its_own(db):
    store(db, (0, 2, "13066=4000"), (10, 3, "13050=40000001 13066=4001 13070=? +"), (25, 200, ""))
    assert episodes(db) == [
        (13050, 0, 10, 20, 3),
        (13050, 30, 10, 20, 3),
        (13066, 0, 10, 20, 3),
        (13066, 14, 0, 20, 5),
    ]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        # 119 polls without it are less than ten minutes, 120 are as long.
        ([(0, 1, "13066=4000"), (5, 119), (600, 1, "13066=4000")], [(0, None, 2)]),
        ([(0, 1, "13066=4000"), (5, 120), (605, 1, "13066=4000")], [(0, 0, 1), (605, None, 1)]),
        # Neither does a gap end it, nor does it last longer by one.
        ([(0, 1, "13066=4000"), (86400, 1, "13066=4000")], [(0, None, 2)]),
        ([(0, 1, "13066=4000"), (86400, 240)], [(0, 0, 1)]),
        ([(0, 1, "13066=4000"), (5, 60), (86400, 58), (86690, 1, "13066=4000")], [(0, None, 2)]),
        ([(0, 1, "13066=4000"), (5, 60), (86400, 62), (86710, 1, "13066=4000")],
         [(0, 0, 1), (86710, None, 1)]),
        # The first minutes of a bucket with it, a gap in that bucket, and one reading.
        ([(0, 30, "13066=4000"), (295, 108), (835, 1, "13066=4000")], [(0, None, 31)]),
        # It comes and goes, over the hours of a morning.
        ([(300 * at, 1, "13066=4000") for at in range(24)], [(0, None, 24)]),
        # Readings that came late make one of two.
        ([(0, 1, "13066=4000"), (5, 50), (400, 100), (1200, 1, "13066=4000"),
          (600 - 300, 1, "13066=4000"), (900, 1, "13066=4000")], [(0, None, 4)]),
    ],
)  # fmt: skip
def test_an_episode_ends_with_ten_minutes_of_readings_without_it(db, spans, expected):
    store(db, *spans)
    assert episodes(db) == [(13066, 14, *one) for one in expected]


def test_the_other_bits_of_a_word_may_come_and_go_meanwhile(db):
    for at in range(0, 3600, 60):
        store(db, (at, 6, "13066=4000"), (at + 30, 6, "13066=4001" if at < 1800 else "13066=C000"))
    store(db, (3600, 240))
    assert episodes(db) == [
        (13066, 0, 30, 1795, 180),
        (13066, 14, 0, 3595, 720),
        (13066, 15, 1830, 3595, 180),
    ]


def test_code_text_and_severity_are_those_of_the_table_and_a_bit_that_nobody_knows_is_shown(db):
    store(db, (0, 1, "13050=40000000 13066=4002 13076=80000000 13999=1"))
    told = {(e["word"], e["bit"]): e for e in rows(db, EPISODES)}
    assert {key: (e["code"], e["text"], e["severity"]) for key, e in told.items()} == {
        (13050, 30): (514, "Meter does not answer", "warning"),
        (13066, 14): (714, "No communication between inverter and BMS", "fault"),
        (13066, 1): (701, "Code 701 (unknown to this version)", "fault"),
        (13076, 31): (895, "Code 895 (unknown to this version)", "fault"),
        (13999, 0): (None, "Bit 0 of word 13999 (unknown to this version)", "fault"),
    }
    assert told[13066, 14]["advice"].startswith("Check the CAN cable")
    assert all(e["advice"] for e in told.values())


@pytest.mark.parametrize(
    ("state", "faults", "expected"),
    [
        (0x5500, "", "Stopped by a fault that the dongle does not name; see the app"),
        (0x0100, None, "Stopped by a fault that the dongle does not name; see the app"),
        (0x9100, "13066=?", "Runs with a warning that the dongle does not name; see the app"),
        (0x2500, "", "Parts inside the inverter do not reach each other"),
        (0x1700, "", "Stopped by the self-test of arc detection"),
        (0x5500, "13066=4000", None),
        (0x0000, "", None),
        (0x8100, "", None),
        (None, None, None),
    ],
)
def test_a_state_that_tells_of_a_fault_which_no_word_names_is_one_of_its_own(
    db, state, faults, expected
):
    insert_by_hand(db, polls(START, 3, faults, running_state=state))
    found = [e for e in rows(db, EPISODES) if e["word"] == 13000]
    assert [(e["bit"], e["code"], e["value"], e["polls"]) for e in found] == (
        [(None, None, state, 3)] if expected else []
    )
    assert all(e["text"].startswith(expected) for e in found)


def facts() -> list[tuple]:
    """Return what the document tells: word, bit, value, code, severity, text, advice."""
    with CODES.open(encoding="utf-8", newline="") as file:
        return [
            (
                int(row["register_doc_address"]),
                int(bit[3:]) if re.fullmatch(r"bit[0-9]+", bit := row["bit_or_code"]) else None,
                int(bit, 16) if bit.startswith("0x") else None,
                int(row["app_code"]) if row["app_code"].isdecimal() else None,
                *(row[name] for name in ("severity", "text", "cause_or_action")),
            )
            for row in csv.DictReader(file)
        ]


def test_the_codes_are_those_of_the_document(db):
    told = [tuple(row.values()) for row in rows(db, "SELECT * FROM sungrow_fault_codes")]
    assert sorted(told, key=repr) == sorted(facts(), key=repr)
    assert len(told) == 245


def test_the_code_of_a_bit_is_what_its_words_bases_give(db):
    bases = {w["word"]: w for w in rows(db, "SELECT * FROM sungrow_fault_words()")}
    for word, bit, _, code, *_ in facts():
        if bit is not None:
            low, high = bases[word]["low"], bases[word]["high"]
            assert code == (low + bit if bit < 16 else high + bit - 16)
    with CODES.open(encoding="utf-8", newline="") as file:
        names = {int(row["register_doc_address"]): row["word"] for row in csv.DictReader(file)}
    assert {word: names[word] for word in bases} == {w: b["name"] for w, b in bases.items()}


DAY = timedelta(days=1)


def fives(db: object) -> list[dict]:
    return rows(db, "SELECT * FROM sungrow_fault_5min ORDER BY device_id, bucket, word, bits")


@pytest.mark.parametrize("kind", rollups.KINDS, ids=lambda kind: kind.name)
def test_a_rebuild_gives_the_same_and_that_of_the_grid_meter_leaves_it(db, kind):
    store(db, (0, 20, "13066=4000 13050=3"), (100, 20, "13050=1"), (86400, 9, "13052=100"))
    rows(db, "INSERT INTO p1_samples (device_id, ts, power_w) VALUES (%s, %s, 1)", DEVICE, START)
    before = fives(db)
    with db, db.cursor(cursor_factory=Cursor) as cursor:
        days = rollups.next_days(cursor, kind, DEVICE, *rollups.FOREVER)
        rollups.rebuild_days(cursor, kind, DEVICE, days, rollups.NEVER)
    assert fives(db) == before
    assert len(before) == 4


def test_a_rebuild_follows_samples_that_were_corrected_and_keeps_what_has_none(db):
    store(db, (0, 20, "13066=4000"), (86400, 20, "13052=100"))
    rows(db, "UPDATE sungrow_samples SET faults = '13050=1' WHERE ts < %s", START + DAY)
    rows(db, "DELETE FROM sungrow_samples WHERE ts >= %s", START + DAY)  # as an old chunk
    with db, db.cursor(cursor_factory=Cursor) as cursor:
        days = rollups.next_days(cursor, rollups.SAMPLE, DEVICE, *rollups.FOREVER)
        rollups.rebuild_days(cursor, rollups.SAMPLE, DEVICE, days, rollups.NEVER)
    assert [(f["word"], f["bits"], f["polls"]) for f in fives(db)] == [
        (13050, 1, 20),
        (13052, 256, 20),
    ]


def test_forget_takes_the_faults_of_its_range_with_it(db):
    store(db, (0, 20, "13066=4000"), (86400, 20, "13052=100"))
    with db, db.cursor(cursor_factory=Cursor) as cursor:
        deletions.forget(cursor, DEVICE, START, START + timedelta(seconds=50))
    assert [(f["word"], f["polls"]) for f in fives(db)] == [(13066, 10), (13052, 20)]
    with db, db.cursor(cursor_factory=Cursor) as cursor:
        deletions.forget(cursor, DEVICE, None, None)
    assert fives(db) == []


MOVES = re.search(
    r"^DO \$\$.*?^\$\$;",
    (SQL / "0012_faults.sql").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)[0]


def test_what_an_edge_sent_before_its_server_knew_it_moves_out_of_extra(db):
    sent = [
        ({"faults": "13066=4000", "other": 1}, ("13066=4000", None, None), {"other": 1}),
        ({"faults": "", "bms_max_charge_a": 0}, ("", 0, None), None),
        ({"faults": None, "bms_max_discharge_a": 25.5}, (None, None, 25.5), None),
        ({"faults": "b13070=1 13066=4000"}, (None, None, None), {"faults": "b13070=1 13066=4000"}),
        ({"faults": 1, "bms_max_charge_a": ""}, (None,) * 3, {"faults": 1, "bms_max_charge_a": ""}),
        ({"bms_max_charge_a": 10**400}, (None, None, None), {"bms_max_charge_a": 10**400}),
        ({}, (None, None, None), None),
    ]  # fmt: skip
    for number, (extra, *_) in enumerate(sent):
        more = {"extra": json.dumps(extra) if extra else None}
        insert_by_hand(db, polls(START + number * STEP, 1, None, **more))
    rows(db, MOVES)
    names = "faults, bms_max_charge_a, bms_max_discharge_a, extra"
    found = rows(db, f"SELECT {names} FROM sungrow_samples ORDER BY ts")  # noqa: S608
    assert [tuple(row.values()) for row in found] == [(*known, rest) for _, known, rest in sent]
