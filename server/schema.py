"""The schema: which files of ``sql/`` this database has seen, and applying the rest.

Each file is applied once, in the order of the numbers, in one transaction with its row in
``schema_migrations``. Where the editions of the database differ, a file's name says for which it is
(``0002_hypertable.apache.sql``); the number counts whichever was applied.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  types, not functions
from psycopg2.extensions import cursor as Cursor  # noqa: N812

log = logging.getLogger("sungrow.server.schema")
SQL = Path(__file__).resolve().parent.parent / "sql"
COMMAND = "python -m server.migrate"
EDITIONS = ("community", "apache", "plain")
_LOCK = 7_368_621  # any number that nobody else uses: one migration at a time


class SchemaError(Exception):
    """Schema and files do not agree; the text says how, and which command helps."""


class Migration(NamedTuple):
    """One file of ``sql/``."""

    number: int
    name: str
    checksum: str
    statements: str


class Applied(NamedTuple):
    """One row of ``schema_migrations``."""

    number: int
    name: str
    edition: str
    checksum: str


def migrations(edition: str) -> list[Migration]:
    """Give the files for that edition, by number."""
    found = {}
    for path in sorted(SQL.glob("[0-9]*.sql")):
        stem, *editions = path.name.removesuffix(".sql").split(".")
        if editions and edition not in editions:
            continue
        statements = path.read_text(encoding="utf-8")
        checksum = hashlib.sha256(statements.encode()).hexdigest()
        number = int(stem.partition("_")[0])
        if number in found:
            raise SchemaError(f"sql/ holds two files {number:04d} for the edition {edition}")
        found[number] = Migration(number, path.name, checksum, statements)
    return [found[number] for number in sorted(found)]


def edition(cursor: Cursor) -> str:
    """Tell which edition of the database this is: one of ``EDITIONS``."""
    cursor.execute(
        "SELECT current_setting('timescaledb.license', true) FROM pg_extension "
        "WHERE extname = 'timescaledb'"
    )
    row = cursor.fetchone()
    if row is None:
        return "plain"
    return "community" if row[0] == "timescale" else "apache"


def applied(cursor: Cursor) -> list[Applied]:
    """Give what the database has seen, by number."""
    cursor.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return []
    cursor.execute("SELECT number, name, edition, checksum FROM schema_migrations ORDER BY number")
    return [Applied(*row) for row in cursor.fetchall()]


def problems(cursor: Cursor) -> list[str]:
    """Give what stands between this database and the files, each with what to do; [] if current."""
    seen = applied(cursor)
    now = edition(cursor)
    was = seen[-1].edition if seen else now
    found = _edited(seen, migrations(was))
    missing = [m.name for m in migrations(was) if m.number not in {row.number for row in seen}]
    if missing:
        found.append(f"not applied: {', '.join(missing)}; run: {COMMAND}")
    if now != was:
        found.append(
            f"the schema was made for the edition {was}, the database is now {now}; "
            f"run: {COMMAND} --to-timescaledb"
        )
    return found


def migrate(url: str, site_timezone: str) -> list[str]:
    """Apply what is missing; give the names of the files applied.

    Raises:
        SchemaError: an applied file was edited, or another zone is wanted than the rollups have.
        psycopg2.Error: the database refused; nothing of the file at fault is stored.
    """
    done = []
    with connect(url) as connection:
        with connection, connection.cursor() as cursor:
            _lock(cursor)
            if not applied(cursor):
                _create_extension(cursor)
        while name := _apply_next(connection):
            done.append(name)
        with connection, connection.cursor() as cursor:
            _set_timezone(cursor, site_timezone)
    return done


def record(url: str, number: int) -> str:
    """Note a file that was applied by hand; give its name.

    Raises:
        SchemaError: there is no such file, or it is noted already.
    """
    with connect(url) as connection, connection, connection.cursor() as cursor:
        _lock(cursor)
        for migration in migrations(edition(cursor)):
            if migration.number == number:
                if number in {row.number for row in applied(cursor)}:
                    raise SchemaError(f"{migration.name} is noted already")
                _note(cursor, migration)
                return migration.name
    raise SchemaError(f"sql/ holds no file with the number {number}")


def refuse_stale_schema(url: str) -> None:
    """Do nothing where the schema is current or the database away.

    Raises:
        SchemaError: it is reachable and not current; names the command to run.
    """
    try:
        with connect(url) as connection, connection, connection.cursor() as cursor:
            found = problems(cursor)
    except psycopg2.OperationalError:
        return
    if found:
        raise SchemaError("the database is not current: " + "; ".join(found))


@contextmanager
def connect(url: str) -> Iterator[Connection]:
    """Give a connection, closed at the end of the block."""
    connection = psycopg2.connect(url, connect_timeout=5)
    try:
        yield connection
    finally:
        connection.close()


def _lock(cursor: Cursor) -> None:
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def _create_extension(cursor: Cursor) -> None:
    # Look before: where the library is not preloaded, CREATE EXTENSION kills the connection. The
    # preloaded loader shows by its settings, which everybody may read.
    cursor.execute(
        "SELECT current_setting('timescaledb.max_background_workers', true) IS NOT NULL, "
        "       bool_or(v.trusted AND has_database_privilege(current_database(), 'CREATE')"
        "               OR u.usesuper) "
        "  FROM pg_available_extension_versions v, pg_user u "
        " WHERE v.name = 'timescaledb' AND u.usename = current_user"
    )
    preloaded, allowed = cursor.fetchone()
    if preloaded and allowed:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    elif allowed is not None and edition(cursor) == "plain":
        log.warning(
            "TimescaleDB is installed here but not used: %s",
            (
                "this role may not create the extension; run as a superuser: "
                "CREATE EXTENSION timescaledb"
                if preloaded
                else "add it to shared_preload_libraries in postgresql.conf and restart PostgreSQL"
            ),
        )


def _apply_next(connection: Connection) -> str | None:
    with connection, connection.cursor() as cursor:
        _lock(cursor)
        seen = applied(cursor)
        kind = seen[-1].edition if seen else edition(cursor)
        files = migrations(kind)
        edited = _edited(seen, files)
        if edited:
            raise SchemaError("; ".join(edited))
        numbers = {row.number for row in seen}
        for migration in files:
            if migration.number not in numbers:
                cursor.execute(migration.statements)
                _note(cursor, migration)
                return migration.name
    return None


def _note(cursor: Cursor, migration: Migration) -> None:
    cursor.execute(
        "INSERT INTO schema_migrations (number, name, edition, checksum) VALUES (%s, %s, %s, %s)",
        (migration.number, migration.name, edition(cursor), migration.checksum),
    )


def _edited(seen: list[Applied], files: list[Migration]) -> list[str]:
    by_number = {migration.number: migration for migration in files}
    found = []
    for row in seen:
        migration = by_number.get(row.number)
        if migration is None:
            found.append(f"{row.name} was applied and is no longer in sql/: an older project?")
        elif (row.name, row.checksum) != (migration.name, migration.checksum):
            found.append(f"{row.name} was edited after it was applied; undo that, add a new file")
    return found


def refuse_other_timezone(cursor: Cursor, wanted: str) -> None:
    """Do nothing where the rollups are in the wanted zone.

    Raises:
        SchemaError: they are in another.
    """
    cursor.execute("SELECT timezone FROM sungrow_site")
    kept = cursor.fetchone()[0]
    if kept != wanted:
        raise SchemaError(
            f"SITE_TIMEZONE is {wanted}, the rollups are in {kept}, which stays; to change zone "
            "and rollups together, run: python -m server.rebuild"
        )


def _set_timezone(cursor: Cursor, wanted: str) -> None:
    cursor.execute(
        "UPDATE sungrow_site SET timezone = %s WHERE timezone <> %s "
        "AND NOT EXISTS (SELECT FROM sungrow_local_daily)",
        (wanted, wanted),
    )
    refuse_other_timezone(cursor, wanted)
