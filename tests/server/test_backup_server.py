"""Backup and restore of the server's database, between two clusters of this machine.

``systemd/backup-server`` and ``restore-server`` with PostgreSQL's real programs; what is replaced
is who runs them, and systemd. ``tests/booted/server`` runs the whole.
"""

import itertools
import re
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import psycopg2
import pytest
from psycopg2 import sql

from edge_lib import VERSION
from server import sandbox
from tests.conftest import migrate
from tests.support.quick import short
from tests.support.readings import connected, reading, rows, store, utc
from tests.support.releases import a_release, module

pytestmark = [pytest.mark.server, pytest.mark.slow]

NOON = utc("2026-06-21 12:00")
SYSTEMD = sandbox.ROOT / "systemd"
# Peer authentication wants users of the machine; a private cluster trusts who gets to its socket.
STAND_INS = """
as_service() { (cd "$1" && shift && env -i PATH="$PATH" .venv/bin/python -m "$@"); }
as_postgres() { env PGUSER=${SUPERUSER-sungrow} "$@"; }
systemctl() { [ "$1" != show ] || echo "${UNIT_SAYS-}"; }
need_root() { :; }
stop_service() { :; }
start_service() { :; }
is_healthy() { as_service "$1" server.migrate --check >/dev/null; }
"""
NOBODY = {"SUPERUSER": "nobody_of_that_name"}  # the database's server is another machine's, say
_numbers = itertools.count(1)


class Place(NamedTuple):
    """A database, its role, and how one gets to it: as the service, and as the superuser."""

    cluster: sandbox.Postgres
    name: str
    role: str

    @property
    def dsn(self) -> str:
        folder = quote(str(self.cluster.run_dir), safe="")
        return f"postgresql://{self.role}@/{quote(self.name)}?host={folder}"

    def ask(self, statement: str) -> list[dict]:
        with connected(self.dsn) as connection:
            return rows(connection, statement)

    def count(self) -> int:
        return self.ask("SELECT count(*)::int AS n FROM sungrow_samples")[0]["n"]

    def fill(self, count: int, device: str = "home-1") -> None:
        with connected(self.dsn) as connection:
            first = rows(connection, "SELECT count(*)::int AS n FROM sungrow_samples")[0]["n"]
            samples = [reading(NOON.replace(second=s)) for s in range(first, first + count)]
            assert store(connection, device, samples) == count

    def names(self) -> list[str]:
        found = self.ask("SELECT datname FROM pg_database ORDER BY 1")
        return [row["datname"] for row in found if row["datname"].startswith(self.name)]


@pytest.fixture(scope="module")
def clusters(tmp_path_factory):
    one, two = (sandbox.Postgres(tmp_path_factory.mktemp(n), fast=True) for n in ("one", "two"))
    with one, two:
        yield one, two


def place(cluster: sandbox.Postgres, name: str = "solar", role: str | None = None) -> Place:
    """Make a database with the tables of the project, of a role of its own."""
    number = next(_numbers)
    made = Place(cluster, f"{name}_{number}", role or f"solar_{number}")
    run = sandbox.execute
    if role is None:
        run(cluster.url(), sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(made.role)))
    names = sql.Identifier(made.name), sql.Identifier(made.role)
    run(cluster.url(), sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))
    if "TimescaleDB" in sandbox.installed_edition():
        run(made._replace(role="sungrow").dsn, "CREATE EXTENSION timescaledb")
    migrate(made.dsn)
    return made


class Installed:
    """What install-server makes, below a folder."""

    def __init__(self, folder: Path):
        self.folder, self.etc, self.backups = folder, folder / "etc/sungrow-server", folder / "kept"
        self.etc.mkdir(parents=True)
        (folder / "opt").mkdir()
        release = a_release(folder / "opt/current")
        (release / ".env").unlink()
        (release / ".env").symlink_to(self.etc / "server.env")
        self.settings("")

    def settings(self, text: str) -> None:
        (self.etc / "server.env").write_text(text)

    def use(self, there: Place, more: str = "") -> None:
        self.settings(f'DATABASE_URL="{there.dsn}"\n{more}')

    def run(self, script: str, command: str, **env: str) -> subprocess.CompletedProcess:
        """Run a function of a script, with its files below the folder."""
        places = (
            f"ETC={self.etc} OPT={self.folder}/opt BACKUPS={self.backups}; RELEASE=$OPT/current"
        )
        return subprocess.run(
            ["bash", "-c", f". {SYSTEMD}/{script}; {STAND_INS} {places}; {command}"],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **env},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def backup(self, **env: str) -> Path:
        done = self.run("backup-server", "backup", **env)
        assert (done.returncode, done.stderr) == (0, "")
        return Path(done.stdout.strip())

    def restore(self, backup: Path, **env: str) -> str:
        done = self.run("restore-server", f"restore {backup}", **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def installed(tmp_path):
    return Installed(tmp_path)


def about(backup: Path) -> dict[str, str]:
    lines = (backup / "about").read_text().splitlines()
    return dict(line.partition(" ")[::2] for line in lines)


FORMS = {
    "the URL": "DATABASE_URL='{dsn}'\n",
    "a file": "DATABASE_URL_FILE={file}\n",
    "export, a comment, CRLF": 'LOG_LEVEL=INFO\r\nexport DATABASE_URL = "{dsn}" # there\r\n',
}


@pytest.mark.usefixtures("private_files")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("second", short(["of another name", "in another cluster"], every=2))
@pytest.mark.parametrize("superuser", [{}, NOBODY], ids=["local", "remote"])
def test_the_services_database_is_backed_up_and_restored_and_no_other(
    clusters, installed, tmp_path, form, second, superuser
):
    first = place(clusters[0])
    there = place(clusters[1] if "cluster" in second else clusters[0])
    first.fill(1)
    there.fill(7)
    (tmp_path / "url").write_text(there.dsn)
    installed.settings(FORMS[form].format(dsn=there.dsn, file=tmp_path / "url"))
    backup = installed.backup(**superuser)
    assert there.name in about(backup)["database"]
    there.fill(3)
    first.fill(4)
    if superuser and is_timescaledb(there):
        pytest.skip("only a superuser restores TimescaleDB")
    said = installed.restore(backup, **superuser)
    assert (there.count(), first.count()) == (7, 5)
    assert f"restored {backup} into {there.name} at " in said
    assert first.names() == [first.name], "nothing was made beside it"
    migrate(there.dsn)  # current: it has nothing to do


def is_timescaledb(there: Place) -> bool:
    return bool(there.ask("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'"))


def test_what_was_there_is_kept_under_another_name(clusters, installed):
    there = place(clusters[1])
    there.fill(2)
    installed.use(there)
    backup = installed.backup()
    there.fill(3)
    said = installed.restore(backup)
    (old,) = re.findall(r"is kept as (\S+);", said)
    assert there.names() == [there.name, old]
    assert there._replace(name=old).count() == 5
    assert f"dropdb -p 5432 --force {old}" in said


def test_without_a_superuser_the_former_tables_are_kept_in_a_schema(clusters, installed):
    there = place(clusters[1])
    if is_timescaledb(there):
        pytest.skip("only a superuser restores TimescaleDB")
    there.fill(2)
    installed.use(there)
    backup = installed.backup(**NOBODY)
    there.fill(3)
    said = installed.restore(backup, **NOBODY)
    (old,) = re.findall(r"in the schema (\S+);", said)
    kept = f"SELECT count(*)::int AS n FROM {old}.sungrow_samples"  # noqa: S608
    assert there.ask(kept) == [{"n": 5}]
    again = installed.backup(**NOBODY)
    assert old.encode() not in (again / "database.dump").read_bytes()
    there.fill(1)
    installed.restore(again, **NOBODY)
    assert there.count() == 2
    there.fill(1)


@pytest.mark.parametrize("command", ["restore", "can_go_back"])
def test_a_database_of_somebody_else_is_refused_by_name_and_stays(clusters, installed, command):
    there = place(clusters[1])
    if is_timescaledb(there):
        pytest.skip("only a superuser restores TimescaleDB")
    there.fill(2)
    installed.use(there)
    backup = installed.backup(**NOBODY)
    sandbox.execute(
        there.cluster.url(),
        sql.SQL("ALTER DATABASE {} OWNER TO sungrow").format(sql.Identifier(there.name)),
    )
    if command == "can_go_back":
        done = installed.run("backup-server", "find_database; can_be_restored", **NOBODY)
        assert (done.returncode, done.stderr) == (1, "")
        assert "it belongs to sungrow, and the service is" in done.stdout
        return
    done = installed.run("restore-server", f"restore {backup}", **NOBODY)
    assert done.returncode == 1
    assert f"{there.name} at " in done.stderr
    assert "it belongs to sungrow, and the service is" in done.stderr
    assert "empty database" in done.stderr
    assert there.count() == 2


def test_a_backup_that_is_broken_leaves_the_database_as_it_was(clusters, installed):
    there = place(clusters[1])
    there.fill(2)
    installed.use(there)
    backup = installed.backup()
    dump = (backup / "database.dump").read_bytes()
    (backup / "database.dump").write_bytes(dump[: len(dump) // 2])
    for superuser in ({}, NOBODY):
        done = installed.run("restore-server", f"restore {backup}", **superuser)
        assert done.returncode == 1
        assert there.count() == 2
        assert there.names() == [there.name]
    there.fill(1)


def test_a_backup_of_another_role_becomes_the_services_own(clusters, installed):
    first, there = place(clusters[0]), place(clusters[1])
    first.fill(3)
    installed.use(first)
    backup = installed.backup()
    installed.use(there)
    installed.restore(backup)
    assert there.count() == 3
    there.fill(1)
    owners = there.ask("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [{"tableowner": there.role}]
    gone = f"SELECT 1 FROM pg_roles WHERE rolname = '{first.role}'"  # noqa: S608
    assert there.ask(gone) == [], "the role of the backup is not left behind"


def test_a_backup_of_a_role_that_is_here_as_well_is_refused_by_name(clusters, installed):
    first = place(clusters[1])
    there = place(clusters[1])
    installed.use(first)
    backup = installed.backup()
    installed.use(there)
    done = installed.run("restore-server", f"restore {backup}")
    assert done.returncode == 1
    assert f"the backup belongs to {first.role}, a role that is here beside {there.role}" in (
        done.stderr
    )
    assert there.names() == [there.name]


@pytest.mark.parametrize("reader", ["here", "gone"])
def test_privileges_of_others_come_back_as_far_as_they_are_here(clusters, installed, reader):
    there = place(clusters[1])
    role = f"grafana_{next(_numbers)}"
    name = sql.Identifier(role)
    sandbox.execute(there.cluster.url(), sql.SQL("CREATE ROLE {} LOGIN").format(name))
    sandbox.execute(there.dsn, sql.SQL("GRANT SELECT ON sungrow_samples TO {}").format(name))
    there.fill(2)
    installed.use(there)
    backup = installed.backup()
    if reader == "gone":
        sandbox.execute(there.dsn, sql.SQL("REVOKE ALL ON sungrow_samples FROM {}").format(name))
        sandbox.execute(there.cluster.url(), sql.SQL("DROP ROLE {}").format(name))
    said = installed.restore(backup)
    assert there.count() == 2
    assert ("not all privileges could be given back" in said) == (reader == "gone")
    if reader == "here":
        allowed = f"SELECT has_table_privilege('{role}', 'sungrow_samples', 'SELECT') AS may"
        assert there.ask(allowed) == [{"may": True}]


def may(there: Place, role: str, what: str) -> bool:
    """Return whether a role gets in and does this."""
    try:
        with connected(there._replace(role=role).dsn) as connection:
            rows(connection, what)
    except psycopg2.Error:
        return False
    return True


READS = "SELECT count(*) FROM sungrow_samples"
WRITES = "UPDATE sungrow_alert_outbox SET error = NULL"
STAND_IN_ACCOUNT = "getent() { :; }"  # of the alerts, which install-server makes


@pytest.fixture
def roles(clusters):
    """The roles of Grafana and of the alerts, and one that somebody made."""
    cluster, names = clusters[1], ("sungrow_grafana", "sungrow-alerts", "mine")
    for name in names:
        sandbox.execute(cluster.url(), f'CREATE ROLE "{name}" LOGIN CONNECTION LIMIT 3')
    yield names
    for row in Place(cluster, "postgres", "sungrow").ask("SELECT datname FROM pg_database"):
        if row["datname"] not in ("template0", "template1"):
            dsn = Place(cluster, row["datname"], "sungrow").dsn
            for name in names:
                sandbox.execute(dsn, f'DROP OWNED BY "{name}"')
    for name in names:
        sandbox.execute(cluster.url(), f'DROP ROLE "{name}"')


def test_the_roles_of_grafana_and_of_the_alerts_work_after_an_upgrade_and_a_restore(
    clusters, installed, roles
):
    there = place(clusters[1])
    there.fill(2)
    # As create_database makes it: nobody else is let in.
    sandbox.execute(there.cluster.url(), f'REVOKE ALL ON DATABASE "{there.name}" FROM PUBLIC')
    installed.use(there)
    grafana, alerts, mine = roles
    assert [may(there, role, READS) for role in roles] == [False] * 3
    grants = "; ".join(f'grant_to_{whom} "$RELEASE"' for whom in ("alerts", "grafana"))
    done = installed.run("restore-server", f"{STAND_IN_ACCOUNT}; find_database; {grants}")
    assert (done.returncode, done.stderr) == (0, "")
    for own in ("SELECT ON sungrow_samples", f'CONNECT ON DATABASE "{there.name}"'):
        sandbox.execute(there._replace(role="sungrow").dsn, f"GRANT {own} TO {mine}")

    def check() -> None:
        assert [may(there, role, READS) for role in roles] == [True] * 3
        assert [may(there, role, WRITES) for role in roles] == [False, True, False]
        limits = "SELECT rolconnlimit AS n FROM pg_roles WHERE rolname = 'sungrow_grafana'"
        assert there.ask(limits) == [{"n": 3}], "what an administrator says of the role stays"

    check()
    backup = installed.backup()
    there.fill(1)
    for again in ("with", "without"):  # an older backup has all of it in one file
        if again == "without":
            (backup / "privileges.dump").unlink()
        done = installed.run("restore-server", f"{STAND_IN_ACCOUNT}; restore {backup}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "not all privileges" not in done.stdout
        assert there.count() == 2
        if again == "with":
            check()
    assert may(there, grafana, READS)
    assert may(there, alerts, WRITES)


@pytest.mark.parametrize("is_superuser", [True, False])
def test_a_dump_names_no_role_but_its_owner(clusters, installed, roles, is_superuser):
    """So it can be restored by hand, wherever."""
    there = place(clusters[1])
    installed.use(there)
    own = f"GRANT SELECT ON sungrow_samples TO {roles[0]}"
    sandbox.execute(there._replace(role="sungrow").dsn, own)
    backup = installed.backup(**({} if is_superuser else NOBODY))
    program = sandbox.postgres.postgres_bin_dir() / "pg_restore"
    asked = [program, "-f", "-", backup / "database.dump"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert "CREATE TABLE public.sungrow_samples" in said
    assert re.findall(r"^(?:GRANT|REVOKE) .*", said, re.MULTILINE) == []
    assert (backup / "privileges.dump").exists() == is_superuser


@pytest.mark.parametrize("name", short(["my solar", "solar's", 'so"lar', "a=b", "Größe"], every=2))
def test_any_name_will_do(clusters, installed, name):
    there = place(clusters[1], name)
    there.fill(2)
    (installed.folder / "url").write_text(there.dsn)
    (installed.folder / "url").chmod(0o600)
    installed.settings(f"DATABASE_URL_FILE={installed.folder / 'url'}\n")
    backup = installed.backup()
    there.fill(1)
    installed.restore(backup)
    assert there.count() == 2


@pytest.mark.parametrize("script", ["backup", "restore"])
@pytest.mark.parametrize(
    "unit", ["DATABASE_URL=postgresql:///other SUNGROW_INSTALLED=1", "DATABASE_URL_FILE=/x"]
)
def test_a_database_that_the_unit_alone_knows_is_refused_by_name(clusters, installed, script, unit):
    there = place(clusters[1])
    installed.use(there)
    backup = installed.backup()
    argument = backup if script == "restore" else installed.folder / "elsewhere"
    done = installed.run(f"{script}-server", f"{script} {argument}", UNIT_SAYS=unit)
    assert done.returncode == 1
    assert "the unit sets DATABASE_URL itself" in done.stderr
    assert str(installed.etc / "server.env") in done.stderr
    assert not (installed.folder / "elsewhere").exists()
    assert there.names() == [there.name]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("DATABASE_URL=postgresql://x@127.0.0.1:1/x\n", "refused"),
        ("DATABASE_URL=postgresql:///x?host=/nowhere\n", "No such file"),
        ("DATABASE_URL=://\n", "not a valid libpq URL"),
        ("", "DATABASE_URL is missing"),
    ],
)
def test_a_database_that_does_not_answer_is_no_backup(clusters, installed, settings, words):
    # Nor is the first database that can be reached.
    installed.settings(settings)
    for script, argument in (("backup", installed.backups), ("restore", installed.folder)):
        (installed.folder / "database.dump").write_text("x")
        (installed.folder / "settings.tar").write_text("x")
        done = installed.run(f"{script}-server", f"{script} {argument}")
        assert done.returncode == 1
        assert words in done.stderr
        assert "DATABASE_URL names does not answer" in done.stderr
    assert not installed.backups.exists()


@pytest.mark.parametrize(
    ("here", "then"),
    [
        ("DATABASE_URL={here}\n", "# a\nDATABASE_URL={then}\nLOG_LEVEL=DEBUG\n"),
        ("DATABASE_URL_FILE={etc}/url\n", "DATABASE_URL={then}\nLOG_LEVEL=DEBUG\n"),
        ("DATABASE_URL={here}\n", "LOG_LEVEL=DEBUG\nexport DATABASE_URL_FILE = '{etc}/url'\n"),
        ("DATABASE_URL_FILE='{etc}/url' # x\n", "DATABASE_URL_FILE={etc}/url\nLOG_LEVEL=DEBUG\n"),
    ],
)
def test_settings_come_back_but_for_where_the_database_is(clusters, installed, here, then):
    there, url = place(clusters[1]), installed.etc / "url"
    there.fill(2)

    def write(text: str, dsn: str, words: str) -> None:
        url.write_text(dsn)
        url.chmod(0o600)
        installed.settings(text.format(here=f'"{dsn}"', then=f'"{dsn}"', etc=installed.etc))
        (installed.etc / "device-tokens").write_text(words)

    first = place(clusters[0])
    write(then, first.dsn, "of the backup")
    backup = installed.backup()
    write(here, there.dsn, "of today")
    said = installed.restore(backup)
    assert (installed.etc / "device-tokens").read_text() == "of the backup"
    assert "LOG_LEVEL=DEBUG" in (installed.etc / "server.env").read_text()
    where = module(installed.folder / "opt/current", "server.pg", "where").stdout.splitlines()
    assert where[0] == str(there.cluster.run_dir)
    assert where[2] == there.name
    (kept,) = re.findall(r"are kept in (\S+);", said)
    assert (Path(kept) / "device-tokens").read_text() == "of today"
    assert f"sudo rm -r {kept}" in said


@pytest.mark.parametrize("stream", ["its own", "0:0"])
def test_what_fails_has_its_priority_in_the_journal_and_nowhere_else(installed, stream):
    log = installed.folder / "log"
    with log.open("w") as file:
        at = log.stat()
        subprocess.run(
            ["bash", "-c", f". {SYSTEMD}/backup-server; fail 'no backup'"],
            env={"JOURNAL_STREAM": f"{at.st_dev}:{at.st_ino}" if stream == "its own" else stream},
            stderr=file,
            timeout=20,
        )
    assert log.read_text() == ("<3>no backup\n" if stream == "its own" else "no backup\n")


@pytest.mark.parametrize(
    ("script", "typed"),
    [
        ("backup-server", "sungrow-server backup [FOLDER]"),
        ("restore-server", "sungrow-server restore FOLDER"),
        ("sungrow-server", "sungrow-server tokens"),
    ],
)
@pytest.mark.parametrize("asked", ["--help", "-h"])
def test_help_is_help(script, typed, asked):
    done = subprocess.run([SYSTEMD / script, asked], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    assert typed in done.stdout.splitlines()[0] + done.stdout.splitlines()[2]
    assert "set -e" not in done.stdout


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("backup-server", ["--hlep"]),
        ("backup-server", ["a", "b"]),
        ("restore-server", ["--force"]),
        ("restore-server", []),
        ("restore-server", ["a", "b"]),
    ],
)
def test_wrong_arguments_are_usage_errors_and_touch_nothing(script, arguments):
    command = [SYSTEMD / script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"sungrow-server {script.removesuffix('-server')}" in done.stderr


@pytest.mark.parametrize("script", ["backup-server", "restore-server"])
def test_each_knows_its_version(script):
    done = subprocess.run([SYSTEMD / script, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{VERSION}\n")
