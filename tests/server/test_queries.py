"""The files of ``sql/queries``: each is what its first line says, and names what there is."""

import re

import pytest

from edge_lib.shared.sample import FIELDS, NAMES, TEXTS
from server import sandbox
from server.database.pool import SQL, query
from server.database.samples import TABLE
from tests.support.readings import connected, rows

QUERIES = sorted(path.stem for path in (SQL / "queries").glob("*.sql"))
_ROOMS = sandbox.ROOT / "server"
SERVER = {
    str(path.relative_to(_ROOMS).with_suffix("")): path.read_text()
    for path in _ROOMS.rglob("*.py")
    if path.parent.name != "grafana"  # it names panels as others name queries
}


@pytest.fixture(scope="module")
def database(database_url):
    with connected(database_url) as connection:
        yield connection


def table_columns(connection, table: str) -> list[str]:
    statement = (
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped ORDER BY attnum"
    )
    return [row["attname"] for row in rows(connection, statement, table)]


def without_comments(name: str) -> str:
    return re.sub(r"--.*", "", query(name))


@pytest.mark.parametrize("name", QUERIES)
def test_the_first_line_says_who_calls_it(name):
    # The very first line of the text in db is the file's name.
    first = query(name).splitlines()[1]
    found = re.match(r"-- Called by ([\w/]+(?:(?:, [\w/]+)* and [\w/]+)?)\b.*[^ ]", first)
    assert found, first
    modules = set(re.split(r", | and ", found[1]))
    assert modules <= set(SERVER)
    callers = {stem for stem, words in SERVER.items() if f'"{name}"' in words}
    if name.endswith("-store"):  # called by the key of the body
        assert f'"{name.removesuffix("-store")}"' in SERVER["api/batch_parts"]
        assert modules == {"database/parts"}
    else:
        assert callers == modules


def test_every_query_that_the_server_names_is_there():
    named = re.findall(r'(?:query|rows)\(\s*"([\w-]+)"', "\n".join(SERVER.values()))
    assert named
    assert set(named) <= set(QUERIES)


@pytest.mark.parametrize("name", QUERIES)
def test_it_is_one_statement(name):
    assert ";" not in without_comments(name)
    assert without_comments(name).split()[0] in ("SELECT", "INSERT", "WITH")


# The texts of SQL and of edge_lib/shared/sample.py agree.


def columns_between(name: str, start: str, end: str) -> list[str]:
    words = without_comments(name).partition(start)[2].partition(end)[0]
    return [word.strip() for word in words.split(",")]


def test_the_table_has_every_field_of_a_sample(database):
    columns = table_columns(database, "sungrow_samples")
    assert set(columns) == {*NAMES, "extra", "received_at"}
    assert tuple(columns) == TABLE.columns


def test_the_queries_of_samples_name_every_field():
    for name, further in (
        ("sample-newest", ["p1_ts", "p1_power_w"]),
        ("samples-by-key", []),
    ):
        assert columns_between(name, "SELECT", "FROM") == [*NAMES, "extra", *further]


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
