"""Runs the server's commands in this process, as a shell would, and compares whole databases."""

from collections.abc import Callable, Iterator
from datetime import datetime

import psycopg2
import pytest

from server import sandbox, settings
from server.database import sql_files
from server.database.edition import edition
from tests.support.readings import connected, rows

SETTINGS = ("DATABASE_URL", "DATABASE_URL_FILE", "REDIS_URL", "SITE_TIMEZONE")
ROLLUPS = {
    "sungrow_5min": "bucket",
    "sungrow_local_daily": "bucket",
    "sungrow_seqs": "kind, slot, boot",
    "sungrow_strings_5min": "bucket, string",
}
P1_ROLLUPS = {"p1_5min": "bucket", "p1_local_daily": "bucket"}
VIEWS = {"sungrow_hourly": "bucket", "sungrow_daily": "bucket", "sungrow_monthly": "bucket"}


def runner(main: Callable, monkeypatch, capsys, tmp_path) -> Callable:
    """Return ``run(*argv, **env)``: exit status, lines of stdout, lines of stderr."""
    monkeypatch.setattr(settings, "DOTENV", tmp_path / "no.env")
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)

    def run(*argv: str, **env: str | None) -> tuple[int, list[str], list[str]]:
        with monkeypatch.context() as patch:
            for name, value in env.items():
                if value:
                    patch.setenv(name, value)
            capsys.readouterr()
            try:
                status = main(list(argv))
            except SystemExit as stop:
                status = stop.code
        words = capsys.readouterr()
        return status, words.out.splitlines(), words.err.splitlines()

    return run


def edition_of(connection) -> str:
    with connection, connection.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
        return edition(cursor)


def only_on(connection, *editions: str) -> None:
    """Skip a test on the others."""
    if edition_of(connection) not in editions:
        pytest.skip(f"only {' and '.join(editions)} can do this")


def rollup(connection, table: str, device_id: str) -> list[dict]:
    """Return a device's rows, in order; when they were received is no part of them."""
    order = (ROLLUPS | P1_ROLLUPS | VIEWS)[table]
    statement = f"SELECT * FROM {table} WHERE device_id = %s ORDER BY {order}"  # noqa: S608
    found = rows(connection, statement, device_id)
    for row in found:
        del row["device_id"]
        row.pop("received_at", None)
    return found


def rollups(connection, device_id: str) -> dict[str, list[dict]]:
    return {table: rollup(connection, table, device_id) for table in ROLLUPS}


def assert_same(found: dict[str, list[dict]], expected: dict[str, list[dict]]) -> None:
    """All equal, bit for bit; sums up to the order in which they were added."""
    assert found.keys() == expected.keys()
    for table, lines in expected.items():
        assert len(found[table]) == len(lines), table
        for one, other in zip(found[table], lines, strict=True):
            for column, value in other.items():
                right = pytest.approx(value, rel=1e-9) if type(value) is float else value
                assert one[column] == right, (table, column)


def as_edition(url: str, kind: str, files: int | None = None) -> None:
    """Make the schema of an edition, or its first numbered files, in an empty database, by hand."""
    if kind != "plain":
        sandbox.execute(url, "CREATE EXTENSION timescaledb")
    functions = [] if files else sql_files.functions(kind)
    with connected(url) as connection, connection, connection.cursor() as cursor:
        for migration in sql_files.migrations(kind)[:files]:
            cursor.execute(migration.statements)
            note = "INSERT INTO schema_migrations VALUES (%s, %s, %s, %s)"
            cursor.execute(note, (migration.number, migration.name, kind, migration.checksum))
        cursor.execute("SET LOCAL check_function_bodies = off")
        for function in functions:
            cursor.execute(function.statements)
            note = "INSERT INTO schema_functions VALUES (%s, %s)"
            cursor.execute(note, (function.name, function.checksum))


def every(first: datetime, end: datetime, step) -> Iterator[datetime]:
    while first < end:
        yield first
        first += step


def miss_a_library(url: str, function: str, file: str) -> None:
    """Make a function of a library that is not there: PostgreSQL wants to see it, at first."""
    sandbox.execute(
        url, f"create function {function} as '$libdir/plpgsql', 'plpgsql_call_handler' language c"
    )
    name = function.partition("(")[0]
    sandbox.execute(url, "update pg_proc set probin = %s where oid = %s::regproc", (file, name))
