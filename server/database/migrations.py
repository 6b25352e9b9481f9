"""The schema: which files of ``sql/`` this database has seen, and applying the rest.

A numbered file is applied once, in the order of the numbers. Those of ``sql/functions/``, which
hold functions, triggers and views, come after them, again whenever they changed. All that is
missing is applied in one transaction with its rows in ``schema_migrations`` and
``schema_functions``. Of a file that differs between the editions of the database, the number counts
whichever was applied.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  types, not functions
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from edge_lib.shared.command_names import server_command
from server.database import aggregates, sql_files, takeover
from server.database.connection import WrongEncoding, one_row
from server.database.connection import connect as connect_to
from server.database.edition import NOT_INSTALLED, create_extension, edition, is_richer
from server.database.sql_files import Applied, Function, Migration
from server.database.sql_files import SchemaError as SchemaError

log = logging.getLogger("sungrow.server.migrations")
COMMAND = server_command("migrate")
_NO_LIMITS = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
_NAMED = 5  # functions that have changed; of more only the number is told
_LOCK = 7_368_621  # any number that nobody else uses: one migration at a time


def applied(cursor: Cursor) -> list[Applied]:
    """Return which numbered files the database has seen.

    Raises:
        SchemaError: what is there was not made by this project; says what to do.
    """
    cursor.execute(
        "SELECT array(SELECT attname::text FROM pg_attribute"
        "              WHERE attrelid = to_regclass('schema_migrations')),"
        "       array(SELECT relname::text FROM pg_class"
        "              WHERE relname LIKE 'sungrow\\_%' AND pg_table_is_visible(oid) ORDER BY 1)"
    )
    columns, ours = one_row(cursor)
    if not columns and not ours:
        return []
    if not set(Applied._fields) <= set(columns):
        what = "a table schema_migrations" if columns else f"{ours[0]} and no schema_migrations"
        raise SchemaError(
            f"the database holds {what} that {COMMAND} did not make: name an empty database in "
            "DATABASE_URL"
        )
    cursor.execute("SELECT number, name, edition, checksum FROM schema_migrations ORDER BY number")
    return [Applied(*row) for row in cursor.fetchall()]


def problems(cursor: Cursor) -> list[str]:
    """Return what is missing between this database and the files, with remedies; [] if current."""
    try:
        seen = applied(cursor)
        if takeover.is_due(seen):
            return [f"{takeover.WHAT_IT_IS}; run: {COMMAND}"]
    except SchemaError as error:
        return [str(error)]
    found, missing, kind = _compare(cursor, seen)
    changed_functions = _changed_functions(cursor, kind)
    names = [migration.name for migration in missing]
    if len(changed_functions) > _NAMED:
        names.append(f"{len(changed_functions)} files of functions/")
    else:
        names += [function.path for function in changed_functions]
    if names:
        found.append(f"not applied: {', '.join(names)}; run: {COMMAND}")
    return found


def migrate(url: str, site_timezone: str) -> Iterator[str]:
    """Apply what is missing, all of it or nothing; return what was done, line by line.

    Raises:
        SchemaError: the database has seen other files or was another edition, or its rollups are in
            another zone; the text says what to do.
        psycopg2.Error: the database refused; nothing is stored.
    """
    with connect(url) as connection:
        with connection, connection.cursor() as cursor:
            lock(cursor)
            obstacle = None if applied(cursor) else create_extension(cursor)
        if obstacle not in (None, NOT_INSTALLED):
            log.warning(obstacle)
        with connection, connection.cursor() as cursor:
            lock(cursor)
            done = apply(cursor)
        yield from done
        if takeover.DONE in done:
            yield from aggregates.refresh(connection)
            connection.autocommit = False
        with connection, connection.cursor() as cursor:
            lock(cursor)
            _set_timezone(cursor, site_timezone)


def apply(cursor: Cursor) -> list[str]:
    """Apply what is missing in the transaction of ``cursor``; return what was done, as lines.

    Raises:
        SchemaError: something prevents it; says what to do.
    """
    done = take_over(cursor)
    found, missing, kind = _compare(cursor, applied(cursor))
    if found:
        raise SchemaError("; ".join(found))
    for migration in missing:
        _run(cursor, migration.statements)
        _note(cursor, migration, kind)
        done.append(f"applied {migration.name}")
    # They name the tables of the numbered files, and one another.
    cursor.execute("SET LOCAL check_function_bodies = off")
    for function in _changed_functions(cursor, kind):
        _run(cursor, function.statements)
        _note_function(cursor, function)
        done.append(f"applied {function.path}")
    names = [function.name for function in sql_files.functions(kind)]
    cursor.execute("DELETE FROM schema_functions WHERE name <> ALL (%s)", (names,))
    return done


def take_over(cursor: Cursor) -> list[str]:
    """Take over the schema of before the files were put in order; return what was done, as lines.

    Raises:
        SchemaError: it is one that cannot be taken over; says what to do.
    """
    seen = applied(cursor)
    if not takeover.is_due(seen):
        return []
    kind = seen[-1].edition
    files = takeover.files_in_place(kind)
    takeover.put_in_order(cursor, files, kind)
    for migration in files:
        _note(cursor, migration, kind)
    return [takeover.DONE]


def record(url: str, what: str) -> str:
    """Note a file that was applied by hand; return its name.

    Args:
        url: of the database.
        what: the number of the next one, or the name of one of ``sql/functions/``.

    Raises:
        SchemaError: it is none of these, or something else prevents it.
    """
    with connect(url) as connection, connection, connection.cursor() as cursor:
        lock(cursor)
        seen = applied(cursor)
        if takeover.is_due(seen):
            raise SchemaError(f"{takeover.WHAT_IT_IS}; run: {COMMAND}")
        found, missing, kind = _compare(cursor, seen)
        if found:
            raise SchemaError("; ".join(found))
        if not what.isdecimal():
            function = _function(what, kind)
            _note_function(cursor, function)
            return function.path
        if not missing or missing[0].number != int(what):
            following = missing[0].name if missing else "none: all are noted"
            raise SchemaError(f"{what} cannot be noted now; the next file is {following}")
        _note(cursor, missing[0], kind)
        return missing[0].name


def refuse_stale_schema(url: str) -> None:
    """Do nothing where the schema is current or the database away.

    Raises:
        SchemaError: it is reachable and not current, or may not be read; says what to do.
    """
    try:
        with connect(url) as connection, connection, connection.cursor() as cursor:
            refuse_not_current(cursor)
    except (psycopg2.OperationalError, psycopg2.InterfaceError):
        return
    except psycopg2.Error as error:
        raise SchemaError(f"the schema cannot be read: {str(error).strip()}") from error


def refuse_not_current(cursor: Cursor) -> None:
    """Do nothing where the schema is current.

    Raises:
        SchemaError: it is not; says what to do.
    """
    if found := problems(cursor):
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


def _run(cursor: Cursor, statements: str) -> None:
    """Run a file; what it warns of is logged."""
    notices = cursor.connection.notices
    del notices[:]
    cursor.execute(statements)
    for severity, _, text in (said.partition(":") for said in notices):
        if severity == "WARNING":
            log.warning(" ".join(text.split()))


def _note(cursor: Cursor, migration: Migration, kind: str) -> None:
    cursor.execute(
        "INSERT INTO schema_migrations (number, name, edition, checksum) VALUES (%s, %s, %s, %s)",
        (migration.number, migration.name, kind, migration.checksum),
    )


def _note_function(cursor: Cursor, function: Function) -> None:
    cursor.execute(
        "INSERT INTO schema_functions (name, checksum) VALUES (%s, %s) ON CONFLICT (name)"
        " DO UPDATE SET checksum = excluded.checksum, applied_at = excluded.applied_at",
        (function.name, function.checksum),
    )


def _compare(cursor: Cursor, seen: list[Applied]) -> tuple[list[str], list[Migration], str]:
    """Return what forbids applying anything, the numbered files not yet applied, the edition."""
    now = edition(cursor)
    kind = seen[-1].edition if seen else now
    files = sql_files.migrations(kind)
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


def _changed_functions(cursor: Cursor, kind: str) -> list[Function]:
    """Return the functions that the database has not, or not as their files have them."""
    cursor.execute("SELECT to_regclass('schema_functions') IS NOT NULL")
    noted = {}
    if one_row(cursor)[0]:
        cursor.execute("SELECT name, checksum FROM schema_functions")
        noted = dict(cursor.fetchall())
    return [one for one in sql_files.functions(kind) if noted.get(one.name) != one.checksum]


def _function(name: str, kind: str) -> Function:
    for function in sql_files.functions(kind):
        if name in (function.path, function.name, function.name.partition(".")[0]):
            return function
    raise SchemaError(f"sql/functions/ holds no {name} for the edition {kind}")


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
    cursor.execute(
        "SELECT timezone, EXISTS (SELECT FROM sungrow_local_daily)"
        " OR EXISTS (SELECT FROM p1_local_daily) FROM sungrow_site"
    )
    kept, has_rollups = one_row(cursor)
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
    cursor.execute("LOCK TABLE sungrow_local_daily, p1_local_daily IN SHARE MODE")
    cursor.execute(
        "UPDATE sungrow_site SET timezone = %s WHERE NOT EXISTS (SELECT FROM sungrow_local_daily)"
        " AND NOT EXISTS (SELECT FROM p1_local_daily)",
        (wanted,),
    )
    refuse_other_timezone(cursor, wanted)
