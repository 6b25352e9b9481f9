"""A private PostgreSQL, and which edition of the database a server is.

It listens on a unix socket alone, in a directory that only its account enters. PostgreSQL refuses
to run as root: started by root it runs as ``postgres``, or ``nobody`` where there is none.
"""

import contextlib
import re
import shutil
import signal
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from server.sandbox.process import PrivateError, SocketServer, environment, run


class Postgres(SocketServer):
    """A cluster of the newest installed PostgreSQL; TimescaleDB is preloaded if it is installed.

    Args:
        folder: where its data and its log go; the data go to the sockets' directory where the
            service's account cannot enter ``folder`` (a home directory of root, say).
        fast: nothing is flushed to the disk, and no vacuum runs by itself (with a hundred databases
            one always would): for tests.
    """

    death_signal = "QUIT"  # the immediate shutdown
    port = 5432

    def __init__(self, folder: Path, fast: bool = False):
        self.bin_dir = postgres_bin_dir()
        super().__init__(folder, "postgres")
        parent = folder if self._reachable(folder) else self.run_dir
        self.data = parent.resolve() / "postgres"
        self.data.mkdir(mode=0o700)
        self._give(self.data)
        self._tool("initdb", "-U", "sungrow", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(self._settings(fast))

    def start(self) -> None:
        """Start it, and return when it accepts connections."""
        argv = [self.bin_dir / "postgres", "-D", self.data]
        self._launch(argv, environment(), self._answers, cwd="/", **self.account)

    def stop(self, immediate: bool = False) -> None:
        """Stop it; ``immediate``: as after a power cut, the next start recovers."""
        self._end(signal.SIGQUIT if immediate else signal.SIGINT, 30)

    def url(self, database: str = "postgres") -> str:
        """Return the libpq URL of a database."""
        return f"postgresql://sungrow@/{database}?host={quote(str(self.run_dir), safe='')}"

    def create_database(self, name: str, template: str = "template0") -> str:
        """Create a database; return its URL."""
        create_database(self.url(), name, template)
        return self.url(name)

    def _tool(self, name: str, *args: str) -> None:
        run([self.bin_dir / name, "-D", self.data, *args], cwd="/", **self.account)

    def _settings(self, fast: bool) -> str:
        lines = [
            "listen_addresses = ''",
            f"unix_socket_directories = '{self.run_dir}'",
            "unix_socket_permissions = 0700",
            f"port = {self.port}",
            "max_connections = 50",
            "max_worker_processes = 32",
        ]
        if (library_dir(self.bin_dir) / "timescaledb.so").exists():
            lines += [
                "shared_preload_libraries = 'timescaledb'",
                "timescaledb.telemetry_level = off",
            ]
        if fast:
            lines += ["fsync = off", "synchronous_commit = off", "full_page_writes = off"]
            lines += ["autovacuum = off", "max_wal_size = 4GB"]
        return "\n".join(["", *lines, ""])

    def _answers(self) -> bool:
        try:
            psycopg2.connect(self.url(), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True


def postgres_bin_dir() -> Path:
    """Find the programs of the newest PostgreSQL on this machine; raises ``PrivateError``."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if found:
        return max(found, key=lambda path: float(path.parent.name))
    if postgres := shutil.which("postgres"):
        return Path(postgres).resolve().parent
    raise PrivateError("no PostgreSQL server is installed; tests/run installs one")


def library_dir(bin_dir: Path) -> Path:
    """Return where the server of ``bin_dir`` loads its libraries from."""
    if bin_dir.is_relative_to("/usr/lib/postgresql"):
        return bin_dir.parent / "lib"
    return Path(run([bin_dir / "pg_config", "--pkglibdir"]).strip())


def installed_edition() -> str:
    """Return from the files which database a ``Postgres`` will be, as ``edition`` writes it."""
    bin_dir = postgres_bin_dir()
    version = run([bin_dir / "postgres", "--version"]).split()[2]
    libraries = library_dir(bin_dir)
    names = [path.name for path in libraries.glob("timescaledb-*.so")]
    versions = [m[1] for name in names if (m := re.fullmatch(r"timescaledb-(\d[\d.]*)\.so", name))]
    if not versions:
        return f"plain PostgreSQL {version}"
    newest = max(versions, key=lambda text: [int(part) for part in text.split(".")])
    licence = "timescale" if f"timescaledb-tsl-{newest}.so" in names else "apache"
    return f"TimescaleDB {newest} ({licence}) on PostgreSQL {version}"


def edition(url: str) -> str:
    """Return what a database is: ``TimescaleDB 2.19.3 (apache) on PostgreSQL 17.11``."""
    query = (
        "select split_part(current_setting('server_version'), ' ', 1), extversion,"
        " current_setting('timescaledb.license', true)"
        " from (values (1)) as one left join pg_extension on extname = 'timescaledb'"
    )
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        ((version, extension, licence),) = cursor.fetchall()
    if extension is None:
        return f"plain PostgreSQL {version}"
    return f"TimescaleDB {extension} ({licence}) on PostgreSQL {version}"


def create_database(admin_url: str, name: str, template: str = "template0") -> None:
    """Create a database on the server of ``admin_url``.

    ``template`` may have no connections. TimescaleDB's launcher has one to any database that allows
    it, template1 too.
    """
    with contextlib.closing(psycopg2.connect(admin_url)) as connection:
        # By the log of changes, the way that is not chosen here, it took 0.7 s in place of 0.2 s.
        strategy = " strategy file_copy" if connection.server_version >= 150_000 else ""
    statement = sql.SQL(f"create database {{}} template {{}}{strategy}")
    execute(admin_url, statement.format(sql.Identifier(name), sql.Identifier(template)))


def execute(url: str, statement: str | sql.Composable, values: tuple[object, ...] = ()) -> None:
    """Run one statement by itself, outside a transaction."""
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
