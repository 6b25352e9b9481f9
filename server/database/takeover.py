"""The schema of before its files were put in order: recognised, and taken over as it is.

Until November 2026 ``sql/`` held twenty files, of which many changed what an earlier one had made.
A database that has seen all of them, as they were in the end, has the tables that the present files
up to 0007 make. So it gets their comments, loses what nothing uses any more, and its rows in
``schema_migrations`` become those of these seven; later files and the functions follow, as on every
database that has not seen them.
"""

import hashlib
import re
from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from edge_lib.shared.command_names import server_command
from server.database.connection import one_row
from server.database.sql_files import SQL, Applied, Migration, SchemaError, migrations

WHAT_IT_IS = "the schema is that of before the files of sql/ were put in order"
DONE = "took over the schema of before the files of sql/ were put in order"
_FIRST = "0001_samples.sql"
LAST_COMMIT = "bba5beb"  # the last one with these files
_LAST_IN_PLACE = 7  # of the present files, those up to this one made what such a database has
# Of numbers, names and checksums of the twenty files; the same as in tests/server/before/.
_DIGESTS = {
    "plain": "c97b92c1e90ed73cba06743eeab796fa44284648694d6b6641b4c9955b91f79e",
    "apache": "3dfabf0152d07f68d540c90d4d4cdd10f07f0335c7f13bf023e2b39d4d3037d3",
    "community": "d950b753f3f96fb8a7bad30e20bd7619363d420be2cdadf2e5652a6777268c1f",
}
_KEPT = re.compile(r"^(?:CREATE TABLE schema_functions \(.*?^\);|COMMENT ON .*?;)$", re.M | re.S)
_AGGREGATES = ("sungrow_hourly", "sungrow_daily")
_SAMPLES_ARE_GONE = (
    "SELECT EXISTS (SELECT FROM sungrow_daily d WHERE NOT EXISTS (SELECT FROM sungrow_samples s"
    " WHERE s.device_id = d.device_id AND s.ts >= d.bucket AND s.ts < d.bucket + interval '1 day'))"
)


def is_due(seen: Sequence[Applied]) -> bool:
    """Return whether a database that has seen these files is one from before.

    Raises:
        SchemaError: it is, and has seen other ones than the twenty; says what to do.
    """
    if not seen or seen[0].name != _FIRST:
        return False
    if digest(seen) != _DIGESTS.get(seen[-1].edition):
        raise SchemaError(
            f"the schema is older than this project can take over (its newest file is "
            f"{seen[-1].name}); install the commit {LAST_COMMIT} and run its "
            f"{server_command('migrate')}, then this one's; or move the data: pg_dump --data-only "
            "--table sungrow_samples into a new database"
        )
    return True


def digest(rows: Sequence[Applied]) -> str:
    """Return what tells these files of one edition from all others."""
    lines = [f"{number} {name} {edition} {checksum}\n" for number, name, edition, checksum in rows]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def files_in_place(edition: str) -> list[Migration]:
    """Return the present numbered files whose tables a database from before has."""
    return [file for file in migrations(edition) if file.number <= _LAST_IN_PLACE]


def put_in_order(cursor: Cursor, files: Sequence[Migration], edition: str) -> None:
    """Make of it the schema of ``files``, but for their notes; all in one transaction.

    Args:
        cursor: of the transaction.
        files: as ``files_in_place`` gives them.
        edition: of the database.
    """
    for migration in files:
        for statement in _KEPT.findall(migration.statements):
            if not (edition == "community" and _is_of_an_aggregate(statement)):
                cursor.execute(statement)
    cursor.execute((SQL / "takeover.sql").read_text(encoding="utf-8"))
    if edition == "community":
        _make_aggregates_anew(cursor, files)
    cursor.execute("DELETE FROM schema_migrations")


def _is_of_an_aggregate(statement: str) -> bool:
    return re.search(rf"\b({'|'.join(_AGGREGATES)})\b", statement) is not None


def _make_aggregates_anew(cursor: Cursor, files: Sequence[Migration]) -> None:
    """Make the aggregates with the columns of today, which the samples fill.

    Where samples are gone of which they still tell, the former ones stay, by another name.
    """
    cursor.execute("DROP VIEW sungrow_monthly")
    cursor.execute(_SAMPLES_ARE_GONE)
    (are_gone,) = one_row(cursor)
    for name in _AGGREGATES:
        cursor.execute(f"SELECT remove_continuous_aggregate_policy('{name}')")
        if are_gone:
            cursor.execute(f"ALTER MATERIALIZED VIEW {name} RENAME TO {name}_before")
        else:
            cursor.execute(f"DROP MATERIALIZED VIEW {name}")
    (statements,) = [m.statements for m in files if "MATERIALIZED VIEW" in m.statements]
    cursor.execute(statements)
