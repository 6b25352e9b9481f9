"""One connection to the database, on which a value means the same whatever the session inherits.

A database, a role and a pooler each may set what a session begins with (``ALTER ROLE ... SET``).
What the meaning of a value depends on is set here, after connecting: as startup options PgBouncer
would refuse or drop it. Another schema (``search_path``) or a ban on writing
(``default_transaction_read_only``) stays in force.
"""

import re
from collections.abc import Mapping
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  types, not functions
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extensions import make_dsn, parse_dsn

ENCODING = "UTF8"  # of the database and of what is sent
# Not standard_conforming_strings: psycopg2 reads it once, when it connects, and quotes by that.
_MEANING = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    # With fewer digits a float comes back as another one, and a resend is a conflict.
    "extra_float_digits": "1",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "timezone_abbreviations": "Default",
    # A comparison with stored rows has to see what another connection has just committed.
    "default_transaction_isolation": "read committed",
}
_NO_CODEC = re.compile("no Python encoding for PostgreSQL encoding '(.*)'")  # psycopg2's message
_NO_SUCH_FILE, _LIBRARY = "58P01", "$libdir/timescaledb-"
_SET = (
    "SELECT set_config(name, value, false)"
    " FROM unnest(%s::text[], %s::text[]) AS setting (name, value)"
)


class WrongEncoding(psycopg2.OperationalError):
    """The database cannot hold every text; the message has the command that makes one that can."""


def connect(url: str, settings: Mapping[str, str], **options: str | int) -> Connection:
    """Return a new connection, in autocommit.

    Args:
        url: libpq's.
        settings: what this session needs beside its meaning: time limits, say.
        options: further parameters of libpq.

    Raises:
        WrongEncoding: the database is not in UTF-8.
        psycopg2.Error: there is no connection.
    """
    connection = _connection(url, options)
    try:
        _refuse_other_encoding(connection)
        if connection.encoding != ENCODING:
            connection.set_client_encoding(ENCODING)
        connection.autocommit = True
        wanted = {**_MEANING, **settings}
        with connection.cursor() as cursor:
            cursor.execute(_SET, (list(wanted), list(wanted.values())))
    except BaseException:
        connection.close()
        raise
    return connection


def one_row(cursor: Cursor) -> tuple[Any, ...]:
    """Return the row of a statement that always has exactly one."""
    (row,) = cursor.fetchall()
    return row


def what_helps(error: psycopg2.Error) -> str | None:
    """Return what is wrong with the database and which command helps; None if unknown."""
    if isinstance(error, WrongEncoding):
        return str(error)
    if error.pgcode == _NO_SUCH_FILE and _LIBRARY in str(error):
        dsn = parse_dsn(error.cursor.connection.dsn) if error.cursor else {}
        name = dsn.get("dbname", "DATABASE")
        return (
            f"TimescaleDB was upgraded on the database's server, but not in the database "
            f"({reason(error)}); there, run: "
            f"sudo -u postgres psql -X -d {name} -c 'ALTER EXTENSION timescaledb UPDATE'"
        )
    return None


def in_one_line(error: Exception) -> str:
    """Return what a command prints of an error: what helps, if that is known."""
    helps = what_helps(error) if isinstance(error, psycopg2.Error) else None
    return helps or " ".join(str(error).split())


def reason(error: psycopg2.Error) -> str:
    """Return the first line of the database's message: further ones may quote a reading."""
    return error.diag.message_primary or str(error).strip()


def _connection(url: str, options: Mapping[str, str | int]) -> Connection:
    try:
        return psycopg2.connect(make_dsn(url, **options))
    except psycopg2.OperationalError as error:
        if not (unknown := _NO_CODEC.search(str(error))):
            raise
        dsn = parse_dsn(url)
        place = dsn.get("dbname", "DATABASE"), dsn.get("user", "ROLE")
        raise WrongEncoding(_instead_of(unknown[1], *place)) from error


def _refuse_other_encoding(connection: Connection) -> None:
    encoding = connection.get_parameter_status("server_encoding")
    if encoding != ENCODING:
        raise WrongEncoding(
            _instead_of(str(encoding), connection.info.dbname, connection.info.user)
        )


def _instead_of(encoding: str, name: str, role: str) -> str:
    return (
        f"the database {name} has the encoding {encoding}, in which not every text can be stored; "
        f"make one in UTF-8 and name it in DATABASE_URL: createdb -T template0 -E UTF8 "
        f"--locale=C.UTF-8 -O {role} {name}_utf8; what {name} holds goes there by: "
        f"pg_dump -Fc {name} | pg_restore --no-owner --role={role} -d {name}_utf8"
    )
