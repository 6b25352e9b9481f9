"""``python -m server.migrate --to-timescaledb``: a filled database goes to a richer edition.

From plain PostgreSQL to TimescaleDB, or from its Apache build to the community edition. One
transaction creates the extension, moves the samples, replaces the views and notes the files of the
new edition: it happens whole or not at all.
"""

from collections.abc import Iterator

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.database import aggregates, migrations, sql_files
from server.database.edition import EDITIONS, create_extension, edition, is_richer

# What has to be done once a database has seen the file of that number, on the way to an edition.
# Every number whose file differs between the editions needs its line.
STEPS = (
    (3, "apache", "to-timescaledb/hypertable.sql"),
    (3, "community", "to-timescaledb/columnstore.sql"),
    (7, "community", "to-timescaledb/no_utc_views.sql"),
    (7, "community", "0007_aggregates.community.sql"),
    (9, "apache", "to-timescaledb/p1_hypertable.sql"),
    (9, "community", "to-timescaledb/p1_columnstore.sql"),
)
# The tables that move, each with the number of the file that made it.
_READINGS = ((2, "sungrow_samples"), (8, "p1_samples"))
_PATIENCE = "10s"
_IN_USE = (
    "sungrow_samples or p1_samples stayed in use: stop the server (gunicorn) and whatever else "
    "reads or writes the samples for long (a backup, a report), and run this again; nothing was "
    "changed"
)


def to_timescaledb(url: str) -> Iterator[str]:
    """Make of the database what its server can do; return what was done, line by line.

    Run again after it was interrupted, it goes on where that is needed.

    Raises:
        SchemaError: it cannot be; says what to do. Nothing was changed.
        psycopg2.Error: the database refused; nothing was changed.
    """
    with migrations.connect(url) as connection:
        try:
            with connection, connection.cursor() as cursor:
                done = _convert(cursor)
        except psycopg2.errors.LockNotAvailable as error:
            raise migrations.SchemaError(_IN_USE) from error
        yield from done
        yield from aggregates.refresh(connection)


def _convert(cursor: Cursor) -> list[str]:
    """Return what was done, as lines."""
    migrations.lock(cursor)
    done = migrations.take_over(cursor)
    seen = migrations.applied(cursor)
    if not seen:
        raise migrations.SchemaError(f"the database is empty; run: {migrations.COMMAND}")
    was = seen[-1].edition
    if found := migrations.edited(seen, sql_files.migrations(was)):
        raise migrations.SchemaError("; ".join(found))
    if obstacle := create_extension(cursor):
        raise migrations.SchemaError(obstacle)
    now = edition(cursor)
    if was == now:
        return done
    if not is_richer(now, was):
        raise migrations.SchemaError(migrations.changed(was, now))
    cursor.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'; SET LOCAL statement_timeout = 0")
    numbers = {row.number for row in seen}
    _lock_readings(cursor, numbers)
    for statements in _steps(was, now, numbers):
        cursor.execute(statements)
    _note(cursor, now, numbers)
    return [*done, f"converted from the edition {was} to {now}", *migrations.apply(cursor)]


def _lock_readings(cursor: Cursor, numbers: set[int]) -> None:
    for number, table in _READINGS:
        if number in numbers:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")


def _steps(was: str, now: str, numbers: set[int]) -> Iterator[str]:
    passed = EDITIONS[EDITIONS.index(now) : EDITIONS.index(was)]
    for number, towards, path in STEPS:
        if number in numbers and towards in passed:
            yield (sql_files.SQL / path).read_text(encoding="utf-8")


def _note(cursor: Cursor, now: str, numbers: set[int]) -> None:
    for migration in sql_files.migrations(now):
        if migration.number in numbers:
            cursor.execute(
                "UPDATE schema_migrations SET name = %s, edition = %s, checksum = %s"
                " WHERE number = %s",
                (migration.name, now, migration.checksum, migration.number),
            )
