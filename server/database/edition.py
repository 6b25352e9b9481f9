"""Which edition of the database this is, and how its extension is created.

TimescaleDB community, TimescaleDB under the Apache licence (Debian's package), or plain PostgreSQL:
the files of ``sql/`` differ where the editions do.
"""

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.database.connection import one_row

EDITIONS = ("community", "apache", "plain")  # the richest first
NOT_INSTALLED = (
    "TimescaleDB is not installed on the database's server; on Debian 13: "
    "apt-get install postgresql-17-timescaledb, then add timescaledb to shared_preload_libraries "
    "in postgresql.conf and restart PostgreSQL"
)
_NOT_PRELOADED = (
    "TimescaleDB is installed here but not used: add it to shared_preload_libraries in "
    "postgresql.conf and restart PostgreSQL"
)
_NOT_ALLOWED = (
    "TimescaleDB is installed here but not used: this role may not create the extension; run as a "
    "superuser: CREATE EXTENSION timescaledb"
)


def edition(cursor: Cursor) -> str:
    """Return which edition of the database this is: one of ``EDITIONS``."""
    cursor.execute(
        "SELECT current_setting('timescaledb.license', true) FROM pg_extension "
        "WHERE extname = 'timescaledb'"
    )
    row = cursor.fetchone()
    if row is None:
        return "plain"
    return "community" if row[0] == "timescale" else "apache"


def is_richer(one: str, other: str) -> bool:
    """Return whether a database can go from ``other`` to ``one``."""
    return EDITIONS.index(one) < EDITIONS.index(other)


def create_extension(cursor: Cursor) -> str | None:
    """Create TimescaleDB in the database, if that is possible.

    Returns:
        What prevents it and what helps; None if the extension is there now.
    """
    if edition(cursor) != "plain":
        return None
    # Check before: if the library is not preloaded, CREATE EXTENSION kills the connection. A
    # preloaded loader shows in pg_settings, which everybody may read; current_setting() would also
    # return a setting that is merely written in postgresql.conf.
    cursor.execute(
        "SELECT EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers'),"
        "       bool_or(v.trusted AND has_database_privilege(current_database(), 'CREATE')"
        "               OR u.rolsuper) "
        "  FROM pg_available_extension_versions v, pg_roles u "
        " WHERE v.name = 'timescaledb' AND u.rolname = current_user"
    )
    preloaded, allowed = one_row(cursor)
    if allowed is None:
        return NOT_INSTALLED
    if not preloaded:
        return _NOT_PRELOADED
    if not allowed:
        return _NOT_ALLOWED
    cursor.execute("CREATE EXTENSION timescaledb")
    return None
