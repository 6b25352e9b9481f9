"""What the tests of the spool share."""

import sqlite3
from datetime import UTC, datetime, timedelta

from edge_lib.sample import format_ts, parse_ts

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
BOOT, EARLIER, FIRST = "b" * 32, "a" * 32, "9" * 32
S = 1_000_000


def a_sample(seq=1, after_s=None, boot=BOOT, ts_src=0, **fields):
    ts = START + timedelta(seconds=seq * 5 if after_s is None else after_s)
    required = {
        "device_id": "home",
        "pv_power_w": 5000,
        "pv_daily_kwh": 54.3,
        "battery_power_w": None,
        "battery_soc_pct": None,
        "battery_temp_c": None,
        "load_power_w": 400,
        "export_power_w": -3,
    }
    poll = {"ts": format_ts(ts), "boot": boot, "seq": seq, "ts_src": ts_src}
    return required | poll | fields


def put(spool, seq=1, boottime_s=None, **fields):
    return spool.put(a_sample(seq, **fields), (seq * 5 if boottime_s is None else boottime_s) * S)


def seqs(rows):
    return [row.sample["seq"] for row in rows]


def ids(rows):
    return [row.id for row in rows]


def deliver_oldest(spool, n=1):
    rows = spool.oldest(n)
    spool.delivered(ids(rows))
    return rows


def ask(path, sql, *args):
    """Look into the file from outside, as an operator would."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        return db.execute(sql, args).fetchall()
    finally:
        db.close()


def crash(spool):
    """Let go of the file as a killed process does: nothing that waits is written."""
    spool._acked.clear()
    spool.close()


def assert_every_sample_is_in_one_state(path):
    states = ask(path, "SELECT id FROM queue") + ask(path, "SELECT id FROM delivered")
    states += ask(path, "SELECT id FROM samples WHERE ts_src = 2")
    assert sorted(states) == ask(path, "SELECT id FROM samples ORDER BY id")


def us(ts):
    return (ts - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def times(spool):
    rows = spool.oldest(1000)
    return [(r.sample["seq"], parse_ts(r.sample["ts"]) - START, r.sample["ts_src"]) for r in rows]
