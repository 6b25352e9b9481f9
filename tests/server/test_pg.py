"""``python -m server.pg``: PostgreSQL's programs on the database that the server itself uses."""

import contextlib
import os
from urllib.parse import quote

import psycopg2
import pytest
from psycopg2 import sql

from edge_lib.shared.env import environment
from server import sandbox, settings
from server.pg import program, where
from tests.support.releases import a_release, module

pytestmark = pytest.mark.server

# All that a shell, a URL, a settings file or libpq's own file might trip over.
PASSWORD = "s3:c'r3t\\ %\"#$ {x}="
WHO = "SELECT current_user || ' in ' || current_database()"
PSQL = ("server.pg", "psql", "-X", "-q", "-t", "-A")


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    """A PostgreSQL that is reached by TCP and wants a password; gives its address."""
    server = sandbox.Postgres(tmp_path_factory.mktemp("guarded"), fast=True)
    host = f"127.99.{os.getpid() // 256 % 256}.{os.getpid() % 256}"
    with (server.data / "postgresql.conf").open("a") as conf:
        conf.write(f"listen_addresses = '{host}'\n")
    lines = "local all all trust\nhost all all all scram-sha-256\n"
    (server.data / "pg_hba.conf").write_text(lines)
    with server:
        make = sql.SQL("CREATE ROLE solar LOGIN PASSWORD {}").format(sql.Literal(PASSWORD))
        sandbox.execute(server.url(), make)
        sandbox.execute(server.url(), 'CREATE DATABASE "my solar" OWNER solar')
        yield host


@pytest.fixture
def url(address) -> str:
    return f"postgresql://solar:{quote(PASSWORD, safe='')}@{address}/my%20solar"


@pytest.fixture
def release(tmp_path):
    return a_release(tmp_path / "release")


SPELLINGS = {
    "plain": "DATABASE_URL={url}\n",
    "without an end": "DATABASE_URL={url}",
    "in quotes": 'DATABASE_URL="{url}"\n',
    "in single quotes": "DATABASE_URL='{url}'\n",
    "blanks around =": "DATABASE_URL = {url}\n",
    "export": "export DATABASE_URL={url}\n",
    "a comment behind": "DATABASE_URL={url} # where it is\n",
    "a comment behind quotes": "DATABASE_URL='{url}'   # where it is\n",
    "CRLF": "LOG_LEVEL=INFO\r\nDATABASE_URL={url}\r\n",
    "indented": "   DATABASE_URL={url}\n",
    "twice": "DATABASE_URL=postgresql://nobody@nowhere/x\nDATABASE_URL={url}\n",
    "commented out before": "#DATABASE_URL=postgresql:///other\nDATABASE_URL={url}\n",
    "another's name behind": "DATABASE_URL={url}\nMY_DATABASE_URL=postgresql:///other\n",
    "in a file": "DATABASE_URL_FILE={file}\n",
    "in a file, quoted": 'export DATABASE_URL_FILE = "{file}" # root alone\r\n',
    "a file of passwords beside its own": "DATABASE_URL={url}?passfile=/nowhere\n",
    "keys and values": "DATABASE_URL=\"host={address} dbname='my solar' user=solar {key}\"\n",
}


@pytest.mark.usefixtures("private_files")
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_whatever_the_server_reads_the_programs_use(release, url, address, tmp_path, spelling):
    (tmp_path / "url").write_text(f"{url}\n")
    passfile = tmp_path / "pgpass"
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    passfile.write_text(f"*:*:*:*:{escaped}\n")
    text = SPELLINGS[spelling].format(
        url=url,
        file=tmp_path / "url",
        address=address,
        key=f"passfile={passfile}",
    )
    (release / ".env").write_bytes(text.encode())
    # What the server itself would be connected with.
    read = settings.database_url(environment(release / ".env"))
    with contextlib.closing(psycopg2.connect(read)) as connection, connection.cursor() as cursor:
        cursor.execute(WHO)
        assert cursor.fetchone() == ("solar in my solar",)
    done = module(release, *PSQL, "-c", WHO)
    assert (done.returncode, done.stdout) == (0, "solar in my solar\n"), done.stderr


def test_no_secret_is_on_a_command_line_in_an_environment_or_on_the_disk(release, url):
    (release / ".env").write_text(f"DATABASE_URL={url}\n")
    look = r"\! cat /proc/$PPID/cmdline /proc/$PPID/environ; ls -l /proc/$PPID/fd"
    done = module(release, *PSQL, "-c", look)
    assert "dbname=" in done.stdout
    assert "pgpass (deleted)" in done.stdout, "a file in memory"
    for form in (PASSWORD, quote(PASSWORD, safe=""), "s3"):
        assert form not in done.stdout.replace("s390", "")


def test_a_dump_and_back_go_the_same_way(release, url, tmp_path):
    (release / ".env").write_text(f"DATABASE_URL={url}\n")
    assert module(release, *PSQL, "-c", "CREATE TABLE kept AS SELECT 7 AS n").returncode == 0
    dump = tmp_path / "dump"
    assert module(release, "server.pg", "pg_dump", "-Fc", "-f", str(dump)).stderr == ""
    assert module(release, *PSQL, "-c", "DROP TABLE kept").returncode == 0
    assert module(release, "server.pg", "pg_restore", str(dump)).stderr == ""
    assert module(release, *PSQL, "-c", "SELECT n FROM kept").stdout == "7\n"


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("", 78, "DATABASE_URL is missing"),
        ("DATABASE_URL=://x\n", 78, "not a valid libpq URL"),
        ("DATABASE_URL=postgresql://x/y?sslpassword=s3cr3t\n", 78, "sslpassword"),
        ("DATABASE_URL=postgresql://x:s3%0Acr3t@y/z\n", 78, "line break"),
        ("DATABASE_URL=postgresql://x:s3cr3t@127.0.0.1:1/z\n", 1, "refused"),
        ("DATABASE_URL=postgresql://x\nDATABASE_URL_FILE=/x\n", 78, "are both set"),
        ("DATABASE_URL_FILE=/nowhere\n", 78, "cannot read /nowhere"),
    ],
)
def test_what_does_not_work_is_said_in_one_line_without_a_secret(release, text, status, words):
    (release / ".env").write_text(text)
    done = module(release, *PSQL, "-c", "SELECT 1")
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "cr3t" not in done.stderr


@pytest.mark.parametrize("argv", [(), ("createdb",), ("--where",), ("where", "else")])
def test_other_programs_are_a_usage_error(release, argv):
    done = module(release, "server.pg", *argv)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m server.pg where|psql|pg_dump|pg_restore")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgresql:///sungrow?host=/run/postgresql", ["/run/postgresql", "", "sungrow", "", ""]),
        (
            "postgresql:///x?host=/run/postgresql&port=5433",
            ["/run/postgresql", "5433", "x", "", ""],
        ),
        ("postgresql:///x", ["", "", "x", "", ""]),
        ("dbname=x host=@abstract", ["@abstract", "", "x", "", ""]),
        ("postgresql://u:p@192.0.2.7:6432/x", ["192.0.2.7", "6432", "x", "u", "192.0.2.7"]),
        ("postgresql://u@[2001:db8::7]/x", ["2001:db8::7", "", "x", "u", "2001:db8::7"]),
        ("postgresql://u@db.example.org/x", ["db.example.org", "", "x", "u", "any"]),
        ("postgresql://u@/x?host=a,10.0.0.1", ["a,10.0.0.1", "", "x", "u", "any"]),
        ("host=db hostaddr=10.0.0.1 dbname=x", ["db", "", "x", "", "10.0.0.1"]),
        (
            "host=10.0.0.1,10.0.0.2 dbname=x",
            ["10.0.0.1,10.0.0.2", "", "x", "", "10.0.0.1 10.0.0.2"],
        ),
    ],
)
def test_where_the_database_is(url, found):
    assert where(url) == found


@pytest.mark.parametrize(
    "url", ["service=x", "postgresql:///?service=x", "postgres:///y?service=x"]
)
def test_where_a_service_is_nobody_guesses(release, url):
    (release / ".env").write_text(f"DATABASE_URL='{url}'\n")
    done = module(release, "server.pg", "where")
    assert (done.returncode, done.stdout) == (78, "")
    assert "write out its host and name" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_where_is_told_without_asking_the_database(release):
    (release / ".env").write_text("DATABASE_URL='postgresql://u:s3cr3t@192.0.2.7/x'\n")
    done = module(release, "server.pg", "where")
    assert (done.returncode, done.stdout) == (0, "192.0.2.7\n\nx\nu\n192.0.2.7\n")


def test_the_program_is_of_the_servers_version_or_the_next_newer_one(tmp_path, monkeypatch):
    for version in ("15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin/pg_dump").touch()
    monkeypatch.setattr("server.pg.DEBIANS", tmp_path)
    assert program("pg_dump", 15) == f"{tmp_path}/15/bin/pg_dump"
    assert program("pg_dump", 16) == f"{tmp_path}/17/bin/pg_dump"
    assert program("pg_dump", 18) == "pg_dump"
