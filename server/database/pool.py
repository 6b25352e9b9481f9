"""The database: connections, one a request, and the queries of ``sql/queries``.

A query is a file, so that a sysadmin can read it with ``cat``; each statement begins with its
file's name, so that ``pg_stat_activity`` and slow logs name it too.
"""

import hashlib
import logging
import select
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  a type, not a function
from psycopg2.extensions import parse_dsn

from server.database.connection import connect, reason, what_helps
from server.database.outage import Outage

log = logging.getLogger("sungrow.server.pool")
SQL = Path(__file__).resolve().parents[2] / "sql"
# Shorter than the time limits of gunicorn and proxy: trouble has to end as a 503, not as a dead
# worker. And compiling (jit) a statement of some ms costs more than it could ever save: up to
# half a second, if the planner expects many rows and few come.
_LIMITS = {
    "statement_timeout": "10s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "30s",
    "jit": "off",
}
_IDLE_CONNECTIONS = 32
# If the other machine has vanished silently, this ends a wait that no time limit of the database's
# own can end.
_KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}
RETRY_AFTER_S = 5
Row = dict[str, Any]  # by the names of its columns
# Classes of SQLSTATE; a connection that was not made has none.
_OF_DATA = ("22", "23")
_PASSING = ("", "08", "40", "53", "55", "57")
_NOT_REACHED = ("", "53300", "57P01", "57P02", "57P03")  # for all, not for one statement


class DatabaseAway(Exception):
    """The database cannot be reached, or refuses for a reason that is not the request's."""


class DatabaseUnfit(DatabaseAway):
    """It answers, but is unusable until somebody runs the command that the text names."""


class DatabaseRefuses(Exception):
    """The database refuses the data themselves (SQLSTATE classes 22 and 23)."""


@cache
def query(name: str) -> str:
    """Return the statement of ``sql/queries/NAME.sql``."""
    path = SQL / "queries" / f"{name}.sql"
    return f"-- From sql/queries/{name}.sql\n{path.read_text(encoding='utf-8')}"


class Database:
    """Hands out connections and keeps the idle ones; thread-safe."""

    def __init__(self, url: str):
        self._url = url
        self._outage = Outage(log, "database")
        self._identity: str | None = None
        self._idle: deque[Connection] = deque()  # the last one back is the first one out

    @contextmanager
    def transaction(self) -> Iterator[psycopg2.extensions.cursor]:
        """Return a cursor; commit at the end of the block, roll back if it raises.

        Raises:
            DatabaseAway: try again later; nothing of this transaction is stored, or, where the
                answer to COMMIT was lost, all of it.
            DatabaseRefuses: the data are at fault.
        """
        with self._connection() as connection, connection.cursor() as cursor:
            connection.autocommit = False
            yield cursor
            connection.commit()
            connection.autocommit = True

    @contextmanager
    def statements(self) -> Iterator[psycopg2.extensions.cursor]:
        """Return a cursor whose statements are transactions by themselves: no BEGIN, no COMMIT.

        Raises:
            as ``transaction``, of the statement that fails alone.
        """
        with self._connection() as connection, connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        connection = None
        try:
            connection = self._take()
            yield connection
        except psycopg2.Error as error:
            self._drop(connection)
            raise self._translated(error) from error
        except BaseException:
            self._drop(connection)
            raise
        self._give_back(connection)
        self._outage.succeeded()

    def rows(self, name: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run the query of that name; return its rows as dicts by column name."""
        with self.statements() as cursor:
            cursor.execute(query(name), parameters)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def answers(self) -> bool:
        """Return whether the database answers."""
        try:
            self.rows("health", {})
        except DatabaseAway:
            return False
        return True

    def identity(self) -> str:
        """Return what tells this database from all others, even from a restored copy of it.

        Raises:
            DatabaseAway: it has to be queried, once a process and after each outage.
        """
        known = self._identity
        if known is None:
            (row,) = self.rows("database-identity", {})
            if row.pop("may_ask_more"):
                row |= self.rows("database-system", {})[0]
            else:
                row |= {k: v for k, v in parse_dsn(self._url).items() if k != "password"}
            known = hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()[:16]
            self._identity = known
        return known

    def _take(self) -> Connection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._new()
            if _is_alive(connection):
                return connection
            connection.close()

    def _new(self) -> Connection:
        connection = connect(self._url, _LIMITS, connect_timeout=3, **_KEEPALIVE)
        self._identity = None  # meanwhile the URL may lead to another one
        return connection

    def _give_back(self, connection: Connection) -> None:
        if len(self._idle) < _IDLE_CONNECTIONS:  # or a few more, of threads that are here at once
            self._idle.append(connection)
        else:
            connection.close()

    @staticmethod
    def _drop(connection: Connection | None) -> None:
        if connection is not None:
            connection.close()

    def _translated(self, error: psycopg2.Error) -> Exception:
        # Bad data would be refused again for ever, so they must not look like trouble of ours,
        # which the edge retries; everything else must not look like bad data, which the edge parks.
        sqlstate = error.pgcode or ""
        if sqlstate[:2] in _OF_DATA:
            return DatabaseRefuses(reason(error))
        helps = what_helps(error)
        text = helps or reason(error)
        is_passing = not helps and sqlstate[:2] in _PASSING
        self._outage.failed(
            sqlstate if is_passing else text,
            logging.WARNING if is_passing else logging.ERROR,
            ends=sqlstate in _NOT_REACHED or sqlstate[:2] == "08",
            sqlstate=sqlstate,
            reason=text,
        )
        return DatabaseUnfit(text) if helps else DatabaseAway(text)


def _is_alive(connection: Connection) -> bool:
    # An idle connection is silent: something to read is the database's last message. Without this
    # check each idle connection would cost one 503 after a restart.
    if connection.closed:
        return False
    # Not select(), which knows no descriptor from 1024 on.
    readable = select.poll()
    readable.register(connection, select.POLLIN)
    return not readable.poll(0)
