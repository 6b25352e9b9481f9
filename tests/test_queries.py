"""The files of ``sql/queries``: each is what its first line says, and finds rows by an index."""

import re
from datetime import date, timedelta
from functools import cache

import pytest
from psycopg2.extras import execute_values

from edge_lib.sample import FIELDS, NAMES, TEXTS
from server import private
from server.db import SQL, query
from server.ingest import COLUMNS
from tests.readings import connected, reading, rows, store, utc

QUERIES = sorted(path.stem for path in (SQL / "queries").glob("*.sql"))
SERVER = {path.stem: path.read_text() for path in (private.ROOT / "server").glob("*.py")}
NOON = utc("2026-05-05 12:00")
HOURS = {"first": NOON, "end": NOON + timedelta(days=1)}
RANGES = {
    "samples-hours": HOURS,
    "forgotten-ranges": {"first": NOON, "last": NOON},
    "completeness-days": {"first": date(2026, 5, 5), "last": date(2026, 5, 6)},
    "series-times": {**HOURS, "keys": [NOON]},
    "series-days": {"first": date(2026, 1, 1), "end": date(2027, 1, 1), "keys": [date(2026, 1, 1)]},
    "samples-by-key": {"first": NOON, "last": NOON + timedelta(minutes=9), "ts": [NOON]},
}
VALUES = {
    "device_id": "house-7",
    "device_ids": ["house-7", "house-8"],
    "latest": NOON,
    "ts": NOON,
    "slot": NOON,
    "from_ts": NOON,
    "to_ts": NOON,
    "oldest_unsent_ts": NOON,
    "boot": "00ff",
    "seq": 7,
    "reason": "timeout",
    "content": '{"a": 1}',
    "polled": 180,
    "failed": "{}",
    "waiting": 0,
    "parked": 0,
    "clock": "synced",
    "cause": "edge_down",
    "count": 3,
    "serial": "A1",
    "since_ts": NOON,
    "device_type_code": 3600,
    "model": "SH10RT",
    "nominal_power_w": 1e4,
    "firmware": "v1",
    "has_meter": True,
    "has_battery": None,
    "edge_version": "1.0.0",
}
# Tables that grow: a query may only reach them by the index on the device and these.
BY_TIME = {"sungrow_samples": "ts", "sungrow_5min": "bucket", "sungrow_local_daily": "bucket"}
DEVICES = [f"house-{n}" for n in range(20)]


@pytest.fixture(scope="module")
def database(database_url):
    """A week of readings, one in five minutes, and three years of days, of twenty devices."""
    week = "generate_series(timestamptz '2026-05-01Z', '2026-05-07 23:55Z', '5 minutes') AS ts"
    with connected(database_url) as connection:
        rows(
            connection,
            "INSERT INTO sungrow_samples (device_id, ts, pv_power_w, load_power_w, export_power_w) "  # noqa: S608
            f"SELECT device_id, ts, 1, 1, 0 FROM unnest(%s) AS device_id, {week}",
            DEVICES,
        )
        columns = table_columns(connection, "sungrow_local_daily")[2:]
        rows(
            connection,
            f"INSERT INTO sungrow_local_daily (device_id, bucket, {', '.join(columns)}) "  # noqa: S608
            f"SELECT device_id, bucket - 366 - n, {', '.join(columns)} "
            "FROM sungrow_local_daily, generate_series(0, 1092, 7) n",
        )
        rows(connection, "ANALYZE")
        yield connection


def table_columns(connection, table: str) -> list[str]:
    statement = (
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped ORDER BY attnum"
    )
    return [row["attname"] for row in rows(connection, statement, table)]


def without_comments(name: str) -> str:
    return re.sub(r"--.*", "", query(name))


def text(connection, name: str) -> str:
    """Give a query with values in the place of its parameters."""
    with connection.cursor() as cursor:
        if "VALUES %s" in query(name):
            samples = [{"device_id": "house-7", **reading(NOON)}]
            values = [[*(sample.get(n) for n in NAMES), None] for sample in samples]
            statement = query(name).format(columns=", ".join(COLUMNS))
            execute_values(cursor, "EXPLAIN " + statement, values)
            return cursor.query.decode().removeprefix("EXPLAIN ")
        return cursor.mogrify(query(name), {**VALUES, **RANGES.get(name, {})}).decode()


def plan(connection, name: str) -> list[dict]:
    """Give the nodes of a query's plan."""
    (row,) = rows(connection, "EXPLAIN (FORMAT JSON) " + text(connection, name).replace("%", "%%"))
    return list(nodes(row["QUERY PLAN"][0]["Plan"]))


def nodes(node: dict):
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


@cache
def words_of(module: str) -> str:
    return SERVER["__init__"] if module == "health" else SERVER[module]


@pytest.mark.parametrize("name", QUERIES)
def test_the_first_line_says_who_calls_it(name):
    # The very first line of the text in db is the file's name.
    first = query(name).splitlines()[1]
    found = re.match(r"-- Called by (\w+)\b.*[^ ]", first)
    assert found, first
    module = found[1]
    assert module == "health" or module in SERVER
    callers = {stem for stem, words in SERVER.items() if f'"{name}"' in words}
    if name.endswith("-store"):  # parts calls them by the key of the body, for ingest
        assert f'"{name.removesuffix("-store")}"' in SERVER["parts"]
        assert module == "ingest"
    else:
        assert callers == {"__init__" if module == "health" else module}


def test_every_query_that_the_server_names_is_there():
    named = re.findall(r'(?:query|rows)\(\s*"([\w-]+)"', "\n".join(SERVER.values()))
    assert named
    assert set(named) <= set(QUERIES)


@pytest.mark.parametrize("name", QUERIES)
def test_it_is_one_statement(name):
    assert ";" not in without_comments(name)
    assert without_comments(name).split()[0] in ("SELECT", "INSERT")


@pytest.mark.parametrize("name", QUERIES)
def test_it_names_only_what_exists(database, name):
    assert plan(database, name)


@pytest.mark.parametrize("name", QUERIES)
def test_it_reaches_what_grows_by_the_index_on_device_and_time(database, name):
    reached = []
    for node in plan(database, name):
        relation = node.get("Relation Name", "")
        table = "sungrow_samples" if relation.startswith("_hyper") else relation
        if table not in BY_TIME or node["Node Type"] in ("Custom Scan", "ModifyTable"):
            continue
        condition = node.get("Index Cond") or node.get("Recheck Cond", "")
        assert "device_id" in condition, node
        assert re.search(rf"\b{BY_TIME[table]}\b", condition), node
        reached.append(table)
    read = re.findall(r"\b(?:FROM|JOIN) (\w+)", without_comments(name))
    assert set(reached) == {table for table in read if table in BY_TIME}


def test_a_range_reads_only_the_chunks_that_it_touches(database):
    store(database, "house-7", [reading(NOON + timedelta(days=30 * n)) for n in range(12)])
    found = {node.get("Relation Name") for node in plan(database, "samples-by-key")}
    assert len(found - {None}) == 1


# The texts of SQL and of edge_lib/sample.py agree.


def columns_between(name: str, start: str, end: str) -> list[str]:
    words = without_comments(name).partition(start)[2].partition(end)[0]
    return [word.strip() for word in words.split(",")]


def test_the_table_has_every_field_of_a_sample_in_order(database):
    columns = table_columns(database, "sungrow_samples")
    assert set(columns) == {*NAMES, "extra", "received_at"}
    fields = [field.name for field in FIELDS]
    assert [column for column in columns if column in fields] == fields


def test_the_queries_of_samples_name_every_field():
    for name in ("sample-newest", "samples-by-key"):
        assert columns_between(name, "SELECT", "FROM") == [*NAMES, "extra"]


def test_each_columns_comment_has_its_unit_and_what_it_is(database):
    found = {
        row["name"]: row["text"]
        for row in rows(
            database,
            "SELECT attname AS name, col_description(attrelid, attnum) AS text FROM pg_attribute "
            "WHERE attrelid = 'sungrow_samples'::regclass AND attnum > 0",
        )
    }
    for field in FIELDS:
        assert found[field.name] == "; ".join(filter(None, (field.unit, field.about)))
    for name, (_, about) in TEXTS.items():
        assert found[name] == about


def test_only_what_may_be_null_may_be_null(database):
    required = rows(
        database,
        "SELECT attname FROM pg_attribute WHERE attrelid = 'sungrow_samples'::regclass "
        "AND attnum > 0 AND attnotnull",
    )
    never = {field.name for field in FIELDS if not field.nullable}
    assert {row["attname"] for row in required} == {
        "device_id",
        "ts",
        "interval_s",
        "received_at",
        *never,
    }
