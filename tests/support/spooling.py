"""What the tests of the spool share."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge_lib.clock import Clock
from edge_lib.shared.timestamps import parse_ts
from edge_lib.spool import parked
from edge_lib.spool.attempts import Strict
from edge_lib.spool.database import Database
from edge_lib.spool.kinds import SAMPLES
from edge_lib.spool.spool import Spool
from tests.support.clocks import START
from tests.support.samples import a_sample

SCHEMA_1 = Path(__file__).with_name("spool_schema_1.sql")  # of the first version
S = 1_000_000


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


def as_schema(path, number):
    """Make a spool without P1 readings what an older version would have left."""
    {1: as_schema_1, 2: as_schema_2}[number](path)


def as_schema_2(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for (name,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'p1_*'"
        ).fetchall():
            assert db.execute(f"SELECT count(*) FROM {name}").fetchall() == [(0,)]  # noqa: S608
            db.execute(f"DROP TABLE {name}")
        db.execute("DELETE FROM sqlite_sequence WHERE name GLOB 'p1_*'")
        db.execute("PRAGMA user_version = 2")


def as_schema_1(path):
    old = path.with_name("schema_1.db")
    with closing(sqlite3.connect(old, isolation_level=None)) as db:
        db.execute("PRAGMA page_size = 512")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.executescript(SCHEMA_1.read_text())
        db.execute("ATTACH ? AS new", (str(path),))
        for table, columns in {
            "samples": "*",
            "queue": "*",
            "delivered": "*",
            "parked": "id, ts_us, boot, seq, boottime_us, ts_src, reason, content, crc,"
            " reported = crc",
            "boots": "boot, last_seq",
            "reports": "boot, slot_us, content, acknowledged = crc",
            "gaps": "id, from_us, to_us, cause, count, acknowledged = crc",
            "meta": "key, value",
        }.items():
            db.execute(f"INSERT INTO {table} SELECT {columns} FROM new.{table}")  # noqa: S608
        db.execute("DELETE FROM sqlite_sequence")
        db.execute("INSERT INTO sqlite_sequence SELECT * FROM new.sqlite_sequence")
        # Which reading was the last one counted it did not write down.
        db.execute("UPDATE reports SET content = json_remove(content, '$.seq')")
        db.execute("PRAGMA user_version = 1")
    old.replace(path)


def database(spool):
    """Return the spool's database, for what only the spool itself may do with it."""
    return spool._attempts._database


def read_of(spool, work):
    return database(spool).read(work)


def write_of(spool, work):
    return database(spool).write(work)


def parked_of(spool):
    """Return all that is parked, as the command shows it."""
    return [row.shown() for row in read_of(spool, parked.rows)]


class _ReadOnly(Strict):
    def _begin(self):
        self._database = Database(self._path, self._keep_days, locked=True, read_only=True)


def read_only(path):
    """Open the spool as the service does on a disk that takes nothing."""
    return Spool(path, 7.0, Clock(), _ReadOnly)


def crash(spool):
    """Let go of the file as a killed process does: nothing that waits is written."""
    database(spool).close(write=False)


def assert_every_sample_is_in_one_state(path, kind=SAMPLES):
    states = ask(path, kind.sql("SELECT id FROM queue"))
    states += ask(path, kind.sql("SELECT id FROM delivered"))
    states += ask(path, kind.sql("SELECT id FROM samples WHERE ts_src = 2"))
    assert sorted(states) == ask(path, kind.sql("SELECT id FROM samples ORDER BY id"))


def us(ts):
    return (ts - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def times(spool):
    rows = spool.oldest(1000)
    return [(r.sample["seq"], parse_ts(r.sample["ts"]) - START, r.sample["ts_src"]) for r in rows]
