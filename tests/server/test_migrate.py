"""``python -m server.migrate``: the schema of a database, from nothing to current."""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading

import psycopg2
import pytest
from psycopg2 import sql

from server import create_app, sandbox, settings
from server.database import migrations, sql_files
from server.database.edition import EDITIONS
from server.database.edition import edition as edition_of
from server.migrate import main
from tests.support.readings import connected, reading, rows, store, utc

RIVAL_ZONE = "Asia/Kolkata"


LAST = len(sql_files.migrations("plain"))  # the number of the newest file


def later(name: str, steps: int = 1) -> str:
    """The name of a file that comes so many steps after the newest."""
    return f"{LAST + steps:04d}_{name}.sql"


@pytest.fixture
def migrate(monkeypatch, capsys, tmp_path):
    """Run the command; return its exit status and its lines on stdout and stderr."""
    monkeypatch.setattr(settings, "DOTENV", tmp_path / "no.env")
    for name in ("DATABASE_URL", "DATABASE_URL_FILE", "SITE_TIMEZONE"):
        monkeypatch.delenv(name, raising=False)

    def run(url: str | None, *argv: str, zone: str | None = None) -> tuple[int, list, list]:
        given = {"DATABASE_URL": url, "SITE_TIMEZONE": zone}
        with monkeypatch.context() as patch:
            for name in filter(given.get, given):
                patch.setenv(name, given[name])
            capsys.readouterr()
            status = main(list(argv))
        words = capsys.readouterr()
        return status, words.out.splitlines(), words.err.splitlines()

    return run


@pytest.fixture
def files(monkeypatch, tmp_path):
    """Return a copy of ``sql/`` that this test may change."""
    copy = shutil.copytree(sql_files.SQL, tmp_path / "sql")
    monkeypatch.setattr(sql_files, "SQL", copy)
    return copy


@pytest.fixture
def url(databases) -> str:
    """A migrated database, in UTC, for one test."""
    return databases.migrated()


def ask(url: str, statement: str, *values) -> list[dict]:
    with connected(url) as connection:
        return rows(connection, statement, *values)


def noted(url: str) -> list[str]:
    return [row["name"] for row in ask(url, "SELECT name FROM schema_migrations ORDER BY number")]


def every_file(kind: str) -> list[str]:
    """Return the files of an edition, in the order in which they are applied."""
    numbered = [migration.name for migration in sql_files.migrations(kind)]
    return numbered + [function.path for function in sql_files.functions(kind)]


def tables(url: str) -> list[str]:
    statement = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    return [row["tablename"] for row in ask(url, statement)]


def edition(url: str) -> str:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        return edition_of(cursor)


def store_one(url: str) -> None:
    with connected(url) as connection:
        store(connection, "house", [reading(utc("2026-05-05 20:00"))])


def site_zone(url: str) -> str:
    return ask(url, "SELECT timezone FROM sungrow_site")[0]["timezone"]


def start_app(url: str):
    return create_app({"DATABASE_URL": url, "DEVICE_TOKENS": "token:house"})


# From nothing to current


def test_an_empty_database_becomes_current_and_stays_so(migrate, empty_database_url):
    url = empty_database_url
    status, out, _ = migrate(url)
    assert status == 0
    assert out == [f"applied {name}" for name in every_file(edition(url))]
    assert noted(url) == [m.name for m in sql_files.migrations(edition(url))]
    assert migrate(url) == (0, ["current"], [])
    assert start_app(url).test_client().get("/health").status_code == 200


def test_each_file_is_noted_with_what_it_said(url):
    noted = ask(url, "SELECT *, applied_at <= now() AS past FROM schema_migrations ORDER BY number")
    assert [row["number"] for row in noted] == list(range(1, len(noted) + 1))
    for row in noted:
        text = (sql_files.SQL / row["name"]).read_bytes()
        assert row["checksum"] == hashlib.sha256(text).hexdigest()
        assert row["edition"] == edition(url)
        assert row["past"]


def test_check_compares_and_changes_nothing(migrate, empty_database_url):
    url = empty_database_url
    status, out, err = migrate(url, "--check")
    assert (status, out, len(err)) == (1, [], 1)
    assert "0001_migrations.sql" in err[0]
    assert migrations.COMMAND in err[0]
    assert tables(url) == []
    assert ask(url, "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'") == []
    migrate(url)
    assert migrate(url, "--check") == (0, ["current"], [])


def test_the_edition_has_what_it_can(url):
    hypertables = (
        "SELECT hypertable_name, compression_enabled FROM timescaledb_information.hypertables"
    )
    views = "SELECT relkind FROM pg_class WHERE relname IN ('sungrow_hourly', 'sungrow_daily')"
    kind = edition(url)
    assert len(ask(url, views)) == 2
    if kind == "plain":
        return
    found = {row.pop("hypertable_name"): row for row in ask(url, hypertables)}
    assert found["sungrow_samples"] == {"compression_enabled": kind == "community"}
    width = (
        "SELECT time_interval FROM timescaledb_information.dimensions WHERE hypertable_name = %s"
    )
    assert ask(url, width, "sungrow_samples")[0]["time_interval"].days == 7
    if kind == "community":
        jobs = "SELECT proc_name, config FROM timescaledb_information.jobs WHERE job_id >= 1000"
        policies = [(job["proc_name"], job["config"]) for job in ask(url, jobs)]
        refreshes = [c for name, c in policies if name == "policy_refresh_continuous_aggregate"]
        assert [config["start_offset"] for config in refreshes] == [None, None]
        (after,) = [c["compress_after"] for name, c in policies if name == "policy_compression"]
        assert after == "45 days"
        aggregates = "SELECT materialized_only FROM timescaledb_information.continuous_aggregates"
        assert [row["materialized_only"] for row in ask(url, aggregates)] == [False, False]


def test_two_at_once_apply_each_file_once(empty_database_url):
    url = empty_database_url
    env = sandbox.environment(DATABASE_URL=url)
    command = [sys.executable, "-m", "server.migrate"]
    processes = [
        subprocess.Popen(
            command, env=env, cwd=sandbox.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    words = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], words
    lines = b"".join(out for out, _ in words).decode().splitlines()
    names = every_file(edition(url))
    assert sorted(set(lines) - {"current"}) == sorted(f"applied {name}" for name in names)
    assert len([line for line in lines if line != "current"]) == len(names)


def url_database(url: str) -> str:
    return psycopg2.extensions.parse_dsn(url)["dbname"]


def with_database(url: str, name: str) -> str:
    return url.replace(f"/{url_database(url)}", f"/{name}", 1)


# Files that do not fit


def assert_refused(migrate, url: str, *words: str) -> None:
    """All three say the same, in one line: the command, its check, and the app."""
    for argv in ((), ("--check",)):
        status, out, err = migrate(url, *argv)
        assert (status, out, len(err)) == (1, [], 1), err
        assert all(word in err[0] for word in words), err
    with pytest.raises(SystemExit) as stop:
        start_app(url)
    assert stop.value.code not in (0, None)


def test_an_edited_file_is_refused(migrate, url, files):
    before = noted(url)
    with (files / "0004_rollups.sql").open("a") as file:
        file.write("-- a harmless remark\n")
    (files / later("more")).write_text("CREATE TABLE more (a integer);")
    assert_refused(migrate, url, "0004_rollups.sql", "edited")
    assert noted(url) == before
    assert "more" not in tables(url)


def test_a_renamed_file_is_refused(migrate, url, files):
    (files / "0004_rollups.sql").rename(files / "0004_sums.sql")
    assert_refused(migrate, url, "0004_rollups.sql", "edited")


def test_an_older_project_is_refused(migrate, url, files):
    ask(url, "INSERT INTO schema_migrations VALUES (%s, %s, 'plain', 'x')", LAST + 1, later("x"))
    ask(url, "UPDATE schema_migrations SET edition = %s", edition(url))
    assert_refused(migrate, url, later("x"), "older project")


def test_a_number_that_is_missing_is_refused(migrate, url, files):
    (files / later("more", 2)).write_text("CREATE TABLE more (a integer);")
    assert_refused(migrate, url, f"{LAST + 1:04d}")
    assert "more" not in tables(url)


def test_a_number_that_is_there_twice_is_refused(migrate, url, files):
    (files / "0004_other.sql").write_text("SELECT 1;")
    assert_refused(migrate, url, "two files 0004")


def test_an_edition_without_its_variant_is_refused(migrate, empty_database_url, files):
    for path in files.glob("0003*"):
        path.unlink()
    assert_refused(migrate, empty_database_url, "0003")
    assert tables(empty_database_url) == []


def test_a_file_is_never_applied_after_its_successors(migrate, url, files):
    ask(url, "DELETE FROM schema_migrations WHERE number = 4")
    assert_refused(migrate, url, "0004_rollups.sql", "never applied")


def test_a_new_file_is_applied_next(migrate, url, files):
    (files / later("more")).write_text("CREATE TABLE more (a text DEFAULT '100 %');")
    assert migrate(url, "--check")[0] == 1
    assert migrate(url) == (0, [f"applied {later('more')}"], [])
    assert "more" in tables(url)


@pytest.mark.parametrize("bad", ["numbered", "function"])
def test_what_fails_leaves_nothing_behind_of_all_that_was_missing(migrate, url, files, bad):
    (files / later("good")).write_text("CREATE TABLE good (a integer);")
    wrong = files / (later("bad", 2) if bad == "numbered" else "functions/sungrow_bad.sql")
    wrong.write_text("CREATE TABLE bad (a integer);\nSELECT 1 / 0;")
    before = tables(url)
    assert migrate(url) == (1, [], ["division by zero"])
    assert tables(url) == before
    assert noted(url)[-1] != later("good")
    wrong.write_text("CREATE TABLE bad (a integer);")
    name = wrong.relative_to(files)
    assert migrate(url)[:2] == (0, [f"applied {later('good')}", f"applied {name}"])


def test_what_a_file_warns_of_is_said(migrate, url, files, caplog):
    (files / later("warns")).write_text(
        "DO $$ BEGIN RAISE NOTICE 'so'; RAISE WARNING 'but'; END $$"
    )
    assert migrate(url)[:2] == (0, [f"applied {later('warns')}"])
    assert [record.message for record in caplog.records] == ["but"]


def test_no_file_opens_or_ends_a_transaction():
    for path in sql_files.SQL.rglob("*.sql"):
        if path.parent.name == "queries":
            continue
        text = re.sub(r"--.*", "", path.read_text())
        text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
        first_words = set(re.findall(r"(?:^|;)\s*(\w+)", text.upper()))
        assert not {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"} & first_words, path


# Functions, triggers and views


PLUS = "functions/sungrow_plus.sql"


def plus(url: str) -> float:
    return ask(url, "SELECT sungrow_plus(2, 3) AS sum")[0]["sum"]


def edit(path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_function_whose_file_changed_is_applied_again(migrate, url, files):
    edit(files / PLUS, "$1 + $2", "$1 + $2 + 1")
    assert_stale(migrate, url, PLUS)
    assert plus(url) == 5
    assert migrate(url) == (0, [f"applied {PLUS}"], [])
    assert plus(url) == 6
    assert migrate(url) == (0, ["current"], [])
    edit(files / PLUS, "$1 + $2 + 1", "$1 + $2")  # as an older release has it
    assert migrate(url) == (0, [f"applied {PLUS}"], [])
    assert plus(url) == 5


def test_a_view_whose_file_changed_is_applied_after_the_functions(migrate, url, files):
    (view,) = (files / "functions").glob(f"sungrow_monthly.*{edition(url)}*.sql")
    edit(view, "AS export_power_w_count", "AS export_power_w_count, sungrow_new() AS new")
    (files / "functions/sungrow_new.sql").write_text(
        "CREATE OR REPLACE FUNCTION sungrow_new() RETURNS int LANGUAGE sql AS 'SELECT 7';"
    )
    status, out, _ = migrate(url)
    assert (status, out[0]) == (0, "applied functions/sungrow_new.sql")
    assert out[1].startswith("applied functions/sungrow_monthly.")


def test_a_new_function_may_use_the_table_of_a_new_file(migrate, url, files):
    (files / later("more")).write_text("CREATE TABLE more (a integer);")
    made = "CREATE OR REPLACE VIEW sungrow_more AS SELECT a FROM more;"
    (files / "functions/sungrow_more.sql").write_text(made)
    done = [f"applied {later('more')}", "applied functions/sungrow_more.sql"]
    assert migrate(url)[:2] == (0, done)


def test_a_function_whose_file_is_gone_is_no_longer_noted(migrate, url, files):
    (files / PLUS).unlink()
    assert migrate(url, "--check") == (0, ["current"], [])
    assert migrate(url) == (0, ["current"], [])
    assert ask(url, "SELECT FROM schema_functions WHERE name = 'sungrow_plus.sql'") == []


def test_many_changed_functions_are_counted_not_named(migrate, url, files):
    ask(url, "UPDATE schema_functions SET checksum = 'other'")
    count = len(sql_files.functions(edition(url)))
    assert_stale(migrate, url, f"not applied: {count} files of functions/")


def test_a_function_that_is_there_twice_is_refused(migrate, url, files):
    (files / "functions/sungrow_plus.plain.apache.community.sql").write_text("SELECT 1;")
    assert_refused(migrate, url, "sungrow_plus twice")


def assert_stale(migrate, url: str, words: str) -> None:
    """Check and app say the same: what is missing, and the command."""
    status, out, err = migrate(url, "--check")
    assert (status, out, len(err)) == (1, [], 1)
    assert words in err[0]
    assert err[0].endswith(f"run: {migrations.COMMAND}")
    with pytest.raises(SystemExit):
        start_app(url)


# What is there, and where it is made


def test_each_object_is_made_in_one_file_of_an_edition():
    made = re.compile(
        r"^CREATE (?:OR REPLACE )?(?:MATERIALIZED )?(TABLE|VIEW|FUNCTION|TYPE|DOMAIN|INDEX|TRIGGER)"
        r" (\w+)(?:.* ON (\w+))?",
        re.MULTILINE,
    )
    for kind in EDITIONS:
        texts = [one.statements for one in sql_files.migrations(kind)]
        texts += [one.statements for one in sql_files.functions(kind)]
        found = [one for text in texts for one in made.findall(text)]
        assert len(found) > 60
        assert len(found) == len(set(found))


def test_a_function_or_view_stands_in_the_file_of_its_name(url):
    made = (
        "SELECT proname AS name FROM pg_proc WHERE proname ~ '^(sungrow|p1)_'"
        " UNION SELECT viewname FROM pg_views WHERE viewname ~ '^(sungrow|p1)_'"
    )
    aggregates = {"sungrow_hourly", "sungrow_daily"} if edition(url) == "community" else set()
    files = {one.name.partition(".")[0] for one in sql_files.functions(edition(url))}
    assert {row["name"] for row in ask(url, made)} == files | aggregates


def test_every_table_view_and_column_is_explained(url):
    silent = (
        "SELECT relname, attname FROM pg_class LEFT JOIN pg_attribute"
        "    ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'p')"
        "   AND (obj_description(pg_class.oid, 'pg_class') IS NULL"
        "        OR col_description(pg_class.oid, attnum) IS NULL)"
    )
    assert ask(url, silent) == []
    assert len(tables(url)) > 10


# By hand


def by_hand(url: str, migration: sql_files.Migration) -> None:
    """Do what ``psql -1 -f`` does."""
    with contextlib.closing(psycopg2.connect(url)) as it, it, it.cursor() as cursor:
        cursor.execute(migration.statements)


def test_files_applied_by_hand_are_noted_one_by_one(migrate, empty_database_url, url):
    by = empty_database_url
    kind = edition(url)
    if kind != "plain":
        sandbox.execute(by, "CREATE EXTENSION timescaledb")
    for migration in sql_files.migrations(kind):
        by_hand(by, migration)
        number = str(migration.number)
        assert migrate(by, "--record", number) == (0, [f"noted {migration.name}"], [])
    for function in sql_files.functions(kind):
        with contextlib.closing(psycopg2.connect(by)) as it, it, it.cursor() as cursor:
            cursor.execute("SET check_function_bodies = off")
            cursor.execute(function.statements)
        name = function.name.partition(".")[0]
        assert migrate(by, "--record", name) == (0, [f"noted {function.path}"], [])
    assert migrate(by, zone=RIVAL_ZONE) == (0, ["current"], [])
    assert site_zone(by) == RIVAL_ZONE
    columns = "SELECT number, name, edition, checksum FROM schema_migrations ORDER BY number"
    assert ask(by, columns) == ask(url, columns)


@pytest.mark.parametrize("number", ["0", "1", str(LAST), "99", "-1", "x", "functions/x.sql"])
def test_nothing_else_can_be_noted(migrate, url, number):
    status, out, err = migrate(url, "--record", number)
    assert (status, out, len(err)) == (1, [], 1)
    assert len(noted(url)) == LAST


def test_only_the_next_file_can_be_noted(migrate, empty_database_url):
    url = empty_database_url
    by_hand(url, sql_files.migrations("plain")[0])
    status, _, err = migrate(url, "--record", "2")
    assert status == 1
    assert "0001_migrations.sql" in err[0]
    assert noted(url) == []
    assert migrate(url, "--record", "1")[0] == 0


def test_a_file_that_was_never_applied_cannot_be_noted_in_an_empty_database(
    migrate, empty_database_url
):
    status, _, err = migrate(empty_database_url, "--record", "1")
    assert (status, len(err)) == (1, 1)
    assert "schema_migrations" in err[0]


# Settings and usage


def test_an_unreachable_database_is_one_line(migrate):
    for host in ("127.0.0.1:1", "localhost:1", "no-such-host.invalid"):
        for argv in ((), ("--check",), ("--record", "1")):
            status, out, err = migrate(f"postgresql://me:pa55word@{host}/none", *argv)
            assert (status, out, len(err)) == (1, [], 1)
            assert "pa55word" not in err[0]


def test_a_database_that_does_not_exist_is_one_line(migrate, databases):
    url = with_database(databases.empty(), "sungrow_test_no_such")
    status, _, err = migrate(url)
    assert (status, len(err)) == (1, 1)
    assert "sungrow_test_no_such" in err[0]


def test_without_database_url_the_status_is_78(migrate):
    status, _, err = migrate(None)
    assert (status, len(err)) == (78, 1)
    assert "DATABASE_URL" in err[0]


@pytest.mark.parametrize("zone", ["Mars/Phobos", "UTC+1", "Europe", "../../etc/passwd", "a\tb"])
def test_a_zone_that_does_not_exist_is_78(migrate, empty_database_url, zone):
    status, _, err = migrate(empty_database_url, zone=zone)
    assert (status, len(err)) == (78, 1)
    assert "SITE_TIMEZONE" in err[0]
    assert tables(empty_database_url) == []


@pytest.mark.parametrize(
    "argv", [["--bogus"], ["again"], ["--record"], ["--check", "--record", "1"]]
)
def test_a_usage_error_is_2(argv):
    command = [sys.executable, "-m", "server.migrate", *argv]
    done = subprocess.run(command, cwd=sandbox.ROOT, capture_output=True, env=sandbox.environment())
    assert done.returncode == 2
    assert b"usage: python -m server.migrate" in done.stderr


# The zone of local days


def test_without_rollups_the_zone_is_changed(migrate, url):
    assert migrate(url, zone="Europe/Berlin")[0] == 0
    assert migrate(url, zone=RIVAL_ZONE)[0] == 0
    assert site_zone(url) == RIVAL_ZONE
    status, _, err = migrate(url, "--check", zone="Europe/Berlin")
    assert status == 1
    assert err[0].endswith(migrations.COMMAND)
    assert site_zone(url) == RIVAL_ZONE


def test_with_rollups_the_stored_zone_stays(migrate, url):
    store_one(url)
    days = ask(url, "SELECT bucket FROM sungrow_local_daily")
    for argv in ((), ("--check",)):
        status, out, err = migrate(url, *argv, zone=RIVAL_ZONE)
        assert (status, out, len(err)) == (1, [], 1)
        assert "python -m server.rebuild" in err[0]
        assert RIVAL_ZONE in err[0]
    assert site_zone(url) == "UTC"
    assert ask(url, "SELECT bucket FROM sungrow_local_daily") == days
    assert migrate(url) == (0, ["current"], [])


def test_new_files_are_applied_and_named_even_where_the_zone_must_stay(migrate, url, files):
    store_one(url)
    (files / later("more")).write_text("CREATE TABLE more (a integer);")
    status, out, _ = migrate(url, zone=RIVAL_ZONE)
    assert (status, out) == (1, [f"applied {later('more')}"])


def waits_for_a_lock(url: str) -> bool:
    return bool(
        ask(
            url,
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s",
            url_database(url),
        )
    )


def in_thread(work) -> tuple[threading.Thread, list]:
    """Start ``work``; return the thread and the list that its error goes into."""
    errors = []

    def run() -> None:
        try:
            work()
        except migrations.SchemaError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def test_the_zone_stays_where_the_first_sample_is_just_being_stored(url):
    with contextlib.closing(psycopg2.connect(url)) as writer:
        insert = (
            "INSERT INTO sungrow_samples (device_id, ts, pv_power_w, load_power_w, export_power_w)"
        )
        writer.cursor().execute(f"{insert} VALUES ('house', '2026-05-05 20:00Z', 1, 1, 0)")
        thread, errors = in_thread(lambda: list(migrations.migrate(url, RIVAL_ZONE)))
        assert sandbox.wait_until(lambda: waits_for_a_lock(url), 20)
        writer.commit()
        thread.join()
    assert "server.rebuild" in str(errors[0])
    assert site_zone(url) == "UTC"


def test_a_sample_waits_for_a_change_of_the_zone_and_then_lives_in_it(url):
    with contextlib.closing(psycopg2.connect(url)) as changer:
        migrations._set_timezone(changer.cursor(), RIVAL_ZONE)
        thread, _ = in_thread(lambda: store_one(url))
        assert sandbox.wait_until(lambda: waits_for_a_lock(url), 20)
        changer.commit()
        thread.join()
    (row,) = ask(url, "SELECT bucket::text FROM sungrow_local_daily")
    assert row["bucket"] == "2026-05-06"


# The app


def test_the_app_does_not_start_on_an_empty_database(empty_database_url, caplog):
    with pytest.raises(SystemExit) as stop:
        start_app(empty_database_url)
    assert stop.value.code not in (0, None)


def test_the_app_does_not_start_where_it_may_not_read_the_schema(databases, url):
    with a_role(databases) as (_, as_role):
        with pytest.raises(SystemExit) as stop:
            start_app(as_role(url))
        assert stop.value.code not in (0, None)


def test_the_app_starts_where_the_database_is_away():
    client = start_app("postgresql://127.0.0.1:1/none").test_client()
    assert client.get("/health").status_code == 503


# Rights and editions


@contextlib.contextmanager
def a_role(databases):
    """Return an ordinary role, and what makes a URL its own; skip where we may not create one."""
    name = f"sungrow_test_{os.getpid()}_{secrets.token_hex(4)}"
    password = secrets.token_hex(8)
    role = sql.Identifier(name)
    create = sql.SQL("create role {} login nosuperuser password {}")
    try:
        sandbox.execute(databases.admin_url, create.format(role, sql.Literal(password)))
    except psycopg2.errors.InsufficientPrivilege:
        pytest.skip("this role may not create another")
    try:
        yield role, lambda url: re.sub(r"//([^@/]*@)?", f"//{name}:{password}@", url, count=1)
    finally:
        owned = "select datname from pg_database where datdba = %s::regrole"
        for row in ask(databases.admin_url, owned, name):
            drop = sql.SQL("drop database {} with (force)").format(sql.Identifier(row["datname"]))
            sandbox.execute(databases.admin_url, drop)
        sandbox.execute(databases.admin_url, sql.SQL("drop role {}").format(role))


def give_away(databases, url: str, role: sql.Identifier) -> None:
    alter = sql.SQL("alter database {} owner to {}")
    sandbox.execute(databases.admin_url, alter.format(sql.Identifier(url_database(url)), role))


def test_an_ordinary_role_that_owns_the_database_has_all_it_needs(
    migrate, databases, empty_database_url, url
):
    with a_role(databases) as (role, as_role):
        give_away(databases, empty_database_url, role)
        mine = as_role(empty_database_url)
        status, out, err = migrate(mine, zone=RIVAL_ZONE)
        assert status == 0, err
        assert out == [f"applied {name}" for name in every_file(edition(url))]
        store_one(mine)
        client = start_app(mine).test_client()
        headers = {"Authorization": "Bearer token"}
        answer = client.get("/v1/series?frame=all", headers=headers).json
        assert answer["timezone"] == RIVAL_ZONE
        assert len(answer["series"]) == 1


def test_a_role_that_may_create_nothing_is_told_so_in_one_line(
    migrate, databases, empty_database_url
):
    with a_role(databases) as (_, as_role):
        status, _, err = migrate(as_role(empty_database_url))
        assert status == 1
        assert "permission denied" in err[-1]
        assert tables(empty_database_url) == []


def test_where_the_extension_may_not_be_created_the_command_says_what_to_run(
    migrate, databases, empty_database_url, url, caplog
):
    if edition(url) == "plain":
        pytest.skip("this server has no TimescaleDB")
    with a_role(databases) as (role, as_role):
        sandbox.execute(
            empty_database_url, sql.SQL("grant create on schema public to {}").format(role)
        )
        assert migrate(as_role(empty_database_url))[0] == 0
        assert "CREATE EXTENSION timescaledb" in caplog.text
        assert edition(empty_database_url) == "plain"
        sandbox.execute(empty_database_url, "CREATE EXTENSION timescaledb")
        status, _, err = migrate(as_role(empty_database_url), "--check")
        assert status == 1
        assert "--to-timescaledb" in err[0]
        sandbox.execute(empty_database_url, sql.SQL("drop owned by {}").format(role))


@pytest.mark.server
@pytest.mark.parametrize("remains", ["", "timescaledb.max_background_workers = 4\n"])
def test_an_extension_that_is_not_preloaded_is_left_alone(migrate, tmp_path, caplog, remains):
    if sandbox.installed_edition().startswith("plain"):
        pytest.skip("no TimescaleDB is installed here")
    with sandbox.Postgres(tmp_path, fast=True) as server:
        conf = server.data / "postgresql.conf"
        server.stop()
        lines = [line for line in conf.read_text().splitlines() if "timescaledb" not in line]
        conf.write_text("\n".join([*lines, remains]))
        server.start()
        url = server.create_database("unloaded")
        assert migrate(url)[0] == 0
        assert "shared_preload_libraries" in caplog.text
        assert edition(url) == "plain"


@pytest.fixture
def same_files(files):
    """Files that are the same for every edition."""
    for number in ("0003", "0007"):
        for path in files.glob(f"{number}*"):
            path.unlink()
        (files / f"{number}_same.sql").write_text("SELECT 1;")
    for path in files.glob("functions/*.*.sql"):
        path.unlink()
    return files


@pytest.mark.parametrize("was", EDITIONS)
def test_a_changed_edition_is_named_with_what_helps(migrate, empty_database_url, same_files, was):
    url = empty_database_url
    migrate(url)
    now = edition(url)
    ask(url, "UPDATE schema_migrations SET edition = %s", was)
    if was == now:
        assert migrate(url, "--check") == (0, ["current"], [])
        return
    poorer = EDITIONS.index(now) > EDITIONS.index(was)
    helps = "bring that one back" if poorer else "--to-timescaledb"
    (same_files / later("more")).write_text("CREATE TABLE more (a integer);")
    assert_refused(migrate, url, f"the edition {was}", f"now {now}", helps)
    assert "more" not in tables(url)
