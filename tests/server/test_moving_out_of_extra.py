"""The file of docs/sql.md that moves a field's values out of ``extra`` does what is said of it."""

from datetime import timedelta

import pytest

from tests.support.commands import only_on
from tests.support.documents import block
from tests.support.readings import connected, reading, rows, store, utc

FIELD = "grid_voltage_b_v"
FILE = block("sql", f"ALTER TABLE sungrow_samples ADD COLUMN {FIELD}")
START = utc("2026-03-01 12:00")
STORED = f"SELECT {FIELD}, extra FROM sungrow_samples ORDER BY ts"  # noqa: S608
# What extra holds before; then the column, and what stays in extra.
CASES = [
    ({FIELD: 230.5}, 230.5, None),
    ({FIELD: 0}, 0, None),
    ({FIELD: 231, "other": "x"}, 231, {"other": "x"}),
    ({FIELD: None, "other": 1}, None, {"other": 1}),
    ({FIELD: None}, None, None),
    ({FIELD: "230"}, None, {FIELD: "230"}),
    ({FIELD: 1500.5}, None, {FIELD: 1500.5}),
    ({FIELD: 10**400}, None, {FIELD: 10**400}),
    ({"other": 1}, None, {"other": 1}),
    ({}, None, None),
]


@pytest.fixture
def database(databases):
    with connected(databases.migrated()) as connection:
        yield connection


def test_what_the_field_may_be_moves_and_all_else_stays(database):
    at = [START + n * timedelta(seconds=5) for n in range(len(CASES))]
    extras = [extra for extra, *_ in CASES]
    store(database, "house", [reading(ts, extra=e) for ts, e in zip(at, extras, strict=True)])
    kept = rows(database, "SELECT extra FROM sungrow_samples ORDER BY ts")
    assert [row["extra"] or {} for row in kept] == extras
    rows(database, FILE)
    assert [tuple(row.values()) for row in rows(database, STORED)] == [
        (value, rest) for _, value, rest in CASES
    ]


def test_where_nothing_waits_nothing_changes(database):
    store(database, "house", [reading(START)])
    rows(database, FILE)
    assert [tuple(row.values()) for row in rows(database, STORED)] == [(None, None)]


MANY = (
    "INSERT INTO sungrow_samples (device_id, ts, pv_power_w, extra)"
    " SELECT 'house', timestamptz %s + n * interval '5 s', 1, %s FROM generate_series(1, 120000) n"
)
PACKED = (
    "SELECT chunk_name FROM timescaledb_information.chunks JOIN pg_class ON relname = chunk_name"
    " WHERE is_compressed AND pg_relation_size(pg_class.oid) = 0 AND range_end < '2026-01-01Z'"
)


def test_more_than_the_columnstore_lets_change_at_once_moves_and_older_readings_stay_packed(
    database,
):
    only_on(database, "community")
    rows(database, MANY, "2025-03-02 00:00Z", None)
    rows(database, MANY, "2026-03-02 00:00Z", f'{{"{FIELD}": 230}}')
    rows(database, "SELECT compress_chunk(c, true) FROM show_chunks('sungrow_samples') c")
    packed = rows(database, PACKED)
    assert packed
    rows(database, FILE)
    assert rows(database, PACKED) == packed
    moved = f"SELECT count(*) AS n FROM sungrow_samples WHERE {FIELD} = 230"  # noqa: S608
    assert rows(database, moved) == [{"n": 120_000}]
