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

from edge_lib.shared.command_names import server_command
from server.database.connection import WrongEncoding
from server.database.connection import connect as connect_to
from server.database.edition import NOT_INSTALLED, create_extension, edition, is_richer

log = logging.getLogger("sungrow.server.schema")
SQL = Path(__file__).resolve().parents[2] / "sql"
COMMAND = server_command("migrate")
_NO_LIMITS = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
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
    """Return the files for that edition, by number.

    Raises:
        SchemaError: a number is there twice, or missing.
    """
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
    for number in range(1, len(found) + 1):
        if number not in found:
            raise SchemaError(f"sql/ holds no file {number:04d} for the edition {edition}")
    return [found[number] for number in sorted(found)]


def applied(cursor: Cursor) -> list[Applied]:
    """Return what the database has seen, by number."""
    cursor.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return []
    cursor.execute("SELECT number, name, edition, checksum FROM schema_migrations ORDER BY number")
    return [Applied(*row) for row in cursor.fetchall()]


def problems(cursor: Cursor) -> list[str]:
    """Return what stands between this database and the files, with remedies; [] if current."""
    found, missing, _ = _compare(cursor)
    if missing:
        names = ", ".join(migration.name for migration in missing)
        found.append(f"not applied: {names}; run: {COMMAND}")
    return found


def migrate(url: str, site_timezone: str) -> Iterator[str]:
    """Apply what is missing; return the name of each file once it is committed.

    Raises:
        SchemaError: the database has seen other files or was another edition, or its rollups are in
            another zone; the text says what to do.
        psycopg2.Error: the database refused; nothing of the file at fault is stored.
    """
    with connect(url) as connection:
        with connection, connection.cursor() as cursor:
            lock(cursor)
            obstacle = None if applied(cursor) else create_extension(cursor)
        if obstacle not in (None, NOT_INSTALLED):
            log.warning(obstacle)
        while name := _apply_next(connection):
            yield name
        with connection, connection.cursor() as cursor:
            lock(cursor)
            _set_timezone(cursor, site_timezone)


def record(url: str, number: int) -> str:
    """Note a file that was applied by hand; return its name.

    Raises:
        SchemaError: it is not the next one, or something else stands against it.
    """
    with connect(url) as connection, connection, connection.cursor() as cursor:
        lock(cursor)
        found, missing, kind = _compare(cursor)
        if found:
            raise SchemaError("; ".join(found))
        if not missing or missing[0].number != number:
            following = missing[0].name if missing else "none: all are noted"
            raise SchemaError(f"{number} cannot be noted now; the next file is {following}")
        _note(cursor, missing[0], kind)
        return missing[0].name


def refuse_stale_schema(url: str) -> None:
    """Do nothing where the schema is current or the database away.

    Raises:
        SchemaError: it is reachable and not current, or may not be read; says what to do.
    """
    try:
        with connect(url) as connection, connection, connection.cursor() as cursor:
            found = problems(cursor)
    except (psycopg2.OperationalError, psycopg2.InterfaceError):
        return
    except psycopg2.Error as error:
        raise SchemaError(f"the schema cannot be read: {str(error).strip()}") from error
    if found:
        raise SchemaError("the database is not current: " + "; ".join(found))


@contextmanager
def connect(url: str) -> Iterator[Connection]:
    """Return a connection without time limits, closed at the end of the block.

    Raises:
        SchemaError: the database is not in UTF-8; says what to do.
        psycopg2.Error: there is no connection.
    """
    try:
        connection = connect_to(url, _NO_LIMITS, connect_timeout=5)
    except WrongEncoding as error:
        raise SchemaError(str(error)) from error
    connection.autocommit = False
    try:
        yield connection
    finally:
        connection.close()


def lock(cursor: Cursor) -> None:
    """Let no other migration begin until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def _apply_next(connection: Connection) -> str | None:
    with connection, connection.cursor() as cursor:
        lock(cursor)
        found, missing, kind = _compare(cursor)
        if found:
            raise SchemaError("; ".join(found))
        if not missing:
            return None
        del connection.notices[:]
        cursor.execute(missing[0].statements)
        for severity, _, text in (said.partition(":") for said in connection.notices):
            if severity == "WARNING":
                log.warning(" ".join(text.split()))
        _note(cursor, missing[0], kind)
        return missing[0].name


def _note(cursor: Cursor, migration: Migration, kind: str) -> None:
    cursor.execute(
        "INSERT INTO schema_migrations (number, name, edition, checksum) VALUES (%s, %s, %s, %s)",
        (migration.number, migration.name, kind, migration.checksum),
    )


def _compare(cursor: Cursor) -> tuple[list[str], list[Migration], str]:
    """Return what forbids applying anything, the files not yet applied, the edition."""
    now = edition(cursor)
    seen = applied(cursor)
    kind = seen[-1].edition if seen else now
    files = migrations(kind)
    found = edited(seen, files)
    missing = [file for file in files if file.number not in {row.number for row in seen}]
    if missing and seen and missing[0].number < seen[-1].number:
        found.append(
            f"{missing[0].name} was never applied, but {seen[-1].name} after it was; "
            "a new file needs a number above all others"
        )
    if kind != now:
        found.append(changed(kind, now))
    return found, missing, kind


def changed(kind: str, now: str) -> str:
    """Say that the edition is not the one that the schema was made for, and what helps."""
    helps = f"run: {COMMAND} --to-timescaledb" if is_richer(now, kind) else "bring that one back"
    return f"the schema was made for the edition {kind}, the database is now {now}; {helps}"


def edited(seen: list[Applied], files: list[Migration]) -> list[str]:
    """Return what differs between the files as they were applied and as they are now."""
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
    """Do nothing where the database is in the wanted zone.

    Raises:
        SchemaError: it is in another; says what to run.
    """
    cursor.execute("SELECT timezone, EXISTS (SELECT FROM sungrow_local_daily) FROM sungrow_site")
    kept, has_rollups = cursor.fetchone()
    if kept == wanted:
        return
    if has_rollups:
        raise SchemaError(
            f"SITE_TIMEZONE is {wanted}, the rollups are in {kept}, which stays; to change zone "
            f"and rollups together, run: {server_command('rebuild')}"
        )
    raise SchemaError(f"SITE_TIMEZONE is {wanted}, the database has {kept}; run: {COMMAND}")


def _set_timezone(cursor: Cursor, wanted: str) -> None:
    cursor.execute("SELECT 1 FROM sungrow_site WHERE timezone = %s", (wanted,))
    if cursor.rowcount:
        return
    # Meanwhile nobody may store the first rollup in the old zone.
    cursor.execute("LOCK TABLE sungrow_local_daily IN SHARE MODE")
    cursor.execute(
        "UPDATE sungrow_site SET timezone = %s WHERE NOT EXISTS (SELECT FROM sungrow_local_daily)",
        (wanted,),
    )
    refuse_other_timezone(cursor, wanted)
