"""What a connection to the database may rely on, and how its troubles are told."""

import contextlib
import os
import resource
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from psycopg2 import sql

from server import create_app, migrate, sandbox
from server.database import connection, migrations, outage, pool, sql_files
from server.database.pool import Database, DatabaseAway, DatabaseUnfit
from tests.support.batches import (
    SETTINGS,
    LogLines,
    app_on,
    assert_error,
    full_sample,
    get,
    migrated,
    send,
    verdict,
)
from tests.support.commands import miss_a_library, runner
from tests.support.samples import a_sample

# What turns up where a float is written with fewer digits than it has, or a text is read otherwise.
FLOATS = {"pv_power_w": 0.30000000000000004, "battery_soc_pct": 1 / 3, "load_power_w": 1e-17}
TEXT = "it's \\ \"so\", {NULL} \\101 E'x' Grün 日本 😀"


def name_of(url: str) -> str:
    return psycopg2.extensions.parse_dsn(url)["dbname"]


def alter(url: str, setting: str, value: str) -> None:
    statement = sql.SQL("alter database {} set {} = %s").format(
        sql.Identifier(name_of(url)), sql.SQL(setting)
    )
    sandbox.execute(url, statement, (value,))


# What a database or a role sets


SESSIONS = [
    ("extra_float_digits", "0"),
    ("extra_float_digits", "-15"),
    ("DateStyle", "SQL, DMY"),
    ("DateStyle", "German"),
    ("IntervalStyle", "iso_8601"),
    ("IntervalStyle", "sql_standard"),
    ("TimeZone", "America/New_York"),
    ("timezone_abbreviations", "Australia"),
    ("bytea_output", "escape"),
    ("standard_conforming_strings", "off"),
    ("array_nulls", "off"),
    ("transform_null_equals", "on"),
    ("row_security", "off"),
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_deferrable", "on"),
    ("lc_numeric", "C"),
    ("client_encoding", "LATIN1"),
    ("statement_timeout", "60ms"),
    ("lock_timeout", "10ms"),
]


@pytest.fixture(scope="module")
def altered(databases):
    """Let a migrated database set this for each session; return its URL."""
    url = databases.migrated()
    reset = sql.SQL("alter database {} reset all").format(sql.Identifier(name_of(url)))

    def alter_alone(setting: str, value: str) -> str:
        sandbox.execute(url, reset)
        alter(url, setting, value)
        return url

    return alter_alone


@pytest.mark.parametrize(("setting", "value"), SESSIONS)
def test_what_a_database_sets_changes_no_value_and_no_verdict(altered, setting, value):
    assert_true_to_values(altered(setting, value))


@pytest.mark.parametrize("setting", ["DateStyle", "standard_conforming_strings", "client_encoding"])
def test_nor_does_it_where_the_schema_is_made_with_it(databases, setting):
    url = databases.empty()
    alter(url, setting, dict(SESSIONS)[setting])
    alter(url, "statement_timeout", "60ms")
    command = [sys.executable, "-m", "server.migrate"]
    sandbox.run(command, sandbox.environment(DATABASE_URL=url), cwd=sandbox.ROOT)
    assert_true_to_values(url)


def assert_true_to_values(url: str) -> None:
    """Send what shows any difference, and look at it by every endpoint."""
    client = app_on(url).test_client()
    now = datetime.now(UTC)
    sample = full_sample(ts=now.isoformat(), new_word=TEXT[:60], **FLOATS)
    slot = now.replace(minute=0, second=0, microsecond=0).isoformat()
    report = {"boot": "ab", "slot": slot, "polled": 3, "failed": {TEXT: 1}}
    assert verdict(client, sample, sample, reports=[report]) == (1, 1, [])
    assert verdict(client, sample) == (0, 1, [])
    assert verdict(client, sample | {"pv_power_w": 0.3}) == (0, 0, [0])
    newest = get(client, "/v1/realtime").json
    assert datetime.fromisoformat(newest.pop("ts")) == now
    assert newest["extra"] == {"new_word": TEXT[:60]}
    assert {name: newest[name] for name in FLOATS} == FLOATS
    assert get(client, "/v1/status").json["last_24_h"]["failed_reasons"] == {TEXT: 1}
    day = {"from": (now - timedelta(hours=2)).isoformat(), "to": (now + timedelta(1)).isoformat()}
    for path, more in (("/v1/series", {"bucket": "5m"}), ("/v1/gaps", {})):
        answer = client.get(
            path,
            query_string=day | more,
            headers={"Authorization": "Bearer house-token"},
        )
        assert answer.status_code == 200, answer.text
    assert get(client, "/v1/completeness").json["days"][0]["stored"] >= 1


def test_a_role_may_set_the_same(databases, postgres):
    url = databases.migrated()
    alter_role = sql.SQL("alter role sungrow in database {} set extra_float_digits = 0")
    sandbox.execute(url, alter_role.format(sql.Identifier(name_of(url))))
    client = app_on(url).test_client()
    sample = a_sample(**FLOATS)
    assert [verdict(client, sample) for _ in range(2)] == [(1, 0, []), (0, 1, [])]


def test_a_database_that_lets_nobody_write_is_503_and_loses_nothing(databases):
    url = databases.migrated()
    client, sample = app_on(url).test_client(), a_sample()
    alter(url, "default_transaction_read_only", "on")
    client = app_on(url).test_client()
    assert_error(send(client, sample), 503)
    assert get(client, "/v1/devices").status_code == 200
    with contextlib.closing(psycopg2.connect(url)) as it, it.cursor() as cursor:
        cursor.execute("set default_transaction_read_only = off")
        it.commit()
        name = sql.Identifier(name_of(url))
        cursor.execute(
            sql.SQL("alter database {} reset default_transaction_read_only").format(name)
        )
        it.commit()
    assert verdict(app_on(url).test_client(), sample) == (1, 0, [])


def test_no_startup_option_is_sent_which_a_pooler_would_refuse(databases):
    url = databases.migrated()
    with contextlib.closing(connection.connect(url, {"lock_timeout": "7s"})) as it:
        assert not it.info.dsn_parameters.get("options")
        with it.cursor() as cursor:
            cursor.execute("show lock_timeout")
            assert cursor.fetchone() == ("7s",)


# An encoding that does not hold every text


@pytest.fixture
def other_encoding(databases):
    """Make an empty database in another encoding; return its URL."""
    made = []

    def make(encoding: str) -> str:
        url = databases.empty()
        name = f"{name_of(url)}_{encoding.lower()}"
        words = "create database {} template template0 encoding %s lc_collate 'C' lc_ctype 'C'"
        sandbox.execute(
            databases.admin_url, sql.SQL(words).format(sql.Identifier(name)), (encoding,)
        )
        made.append(name)
        return url.replace(f"/{name_of(url)}", f"/{name}", 1)

    yield make
    for name in made:
        drop = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
        sandbox.execute(databases.admin_url, drop)


ENCODINGS = ["SQL_ASCII", "LATIN1", "LATIN9", "EUC_JP", "WIN1252", "MULE_INTERNAL"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_database_that_is_not_utf8_is_refused_with_the_command_that_makes_one(
    other_encoding, monkeypatch, capsys, tmp_path, encoding
):
    url = other_encoding(encoding)
    run = runner(migrate.main, monkeypatch, capsys, tmp_path)
    for argv in ((), ("--check",), ("--record", "1"), ("--to-timescaledb",)):
        status, out, (line,) = run(*argv, DATABASE_URL=url)
        assert (status, out) == (1, [])
        assert encoding.replace("_", "") in line.replace("_", "")
        assert "createdb -T template0 -E UTF8 --locale=C.UTF-8 " in line
        assert "pg_dump" in line
    with pytest.raises(migrations.SchemaError, match="createdb -T template0 -E UTF8"):
        migrations.refuse_stale_schema(url)
    with pytest.raises(SystemExit):
        create_app({"DATABASE_URL": url, **SETTINGS})


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_one_that_turns_up_later_is_503_with_the_command_in_the_log(
    other_encoding, databases, encoding
):
    client = app_on(databases.migrated()).test_client()
    client.application.extensions["db"] = Database(other_encoding(encoding))
    part = {"boot": "ab", "seq": 1, "reason": TEXT}
    with LogLines() as log:
        assert_error(send(client, a_sample(new_word="Grün"), parked=[part]), 503)
        assert_error(get(client, "/v1/realtime"), 503)
        assert client.get("/health").status_code == 503
    (line,) = log.fields()
    assert (line["level"], line["event"]) == ("ERROR", "database away")
    assert "createdb" in line["reason"]


def test_what_such_a_database_holds_goes_over_by_the_command_that_is_named(
    other_encoding, databases
):
    old = other_encoding("SQL_ASCII")
    with (
        contextlib.closing(psycopg2.connect(old, client_encoding="UTF8")) as it,
        it,
        it.cursor() as cursor,
    ):
        for migration in sql_files.migrations("plain"):
            cursor.execute(migration.statements)
        cursor.execute("insert into sungrow_devices (device_id, model) values ('house', 'Grün')")
    new = databases.empty()
    dump = f"pg_dump -Fc '{old}' | pg_restore --no-owner --exit-on-error -d '{new}'"
    sandbox.run(["bash", "-o", "pipefail", "-c", dump])
    with Database(new).transaction() as cursor:
        cursor.execute("select model from sungrow_devices")
        assert cursor.fetchone() == ("Grün",)


# TimescaleDB's library is of another version than the extension in the database


HELPS = "psql -X -d {} -c 'ALTER EXTENSION timescaledb UPDATE'"


def test_a_library_of_another_version_is_told_with_the_command(
    other_library, monkeypatch, capsys, tmp_path
):
    run = runner(migrate.main, monkeypatch, capsys, tmp_path)
    for argv in ((), ("--check",)):
        status, out, (line,) = run(*argv, DATABASE_URL=other_library)
        assert (status, out) == (1, [])
        assert HELPS.format(name_of(other_library)) in line
        assert "timescaledb-9.9.9" in line
    database = Database(other_library)
    with pytest.raises(DatabaseUnfit, match="ALTER EXTENSION"), database.transaction() as cursor:
        cursor.execute("select shadow.current_setting('a', true)")


def test_the_app_starts_with_such_a_library_and_is_503_until_it_is_mended(other_library):
    client = app_on(other_library).test_client()
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("file", ["$libdir/postgis-3", "timescaledb-9.9.9", "/nowhere/x.so"])
def test_a_library_that_is_not_timescaledbs_is_not_taken_for_it(databases, file):
    url = databases.migrated()
    miss_a_library(url, "nothing() returns language_handler", file)
    with pytest.raises(DatabaseAway) as refusal, Database(url).transaction() as cursor:
        cursor.execute("select nothing()")
    assert type(refusal.value) is DatabaseAway


# Trouble that goes on


@pytest.fixture
def mine(tmp_path):
    """A PostgreSQL that the test may stop."""
    with sandbox.Postgres(tmp_path, fast=True) as server:
        yield server


@pytest.mark.server
@pytest.mark.parametrize("immediate", [True, False])
def test_a_database_that_is_away_is_logged_once_and_its_return_too(mine, monkeypatch, immediate):
    monkeypatch.setattr(outage, "CALM_S", 0.2)
    url = migrated(mine)
    sandbox.execute(url, "checkpoint")  # or a fast server loses the newest files in a crash
    client = app_on(url).test_client()
    with LogLines() as log:
        mine.stop(immediate)
        for _ in range(20):
            assert_error(send(client, a_sample()), 503)
            assert_error(get(client, "/v1/realtime"), 503)
        mine.start()
        sandbox.wait_until(lambda: client.get("/health").status_code == 200, 20)
        threading.Event().wait(0.3)
        for _ in range(3):
            assert verdict(client, a_sample()) == (1, 0, [])
    lines = [line for line in log.fields() if line["logger"] == "sungrow.server.pool"]
    assert [(line["level"], line["event"]) for line in lines] == [
        *[("WARNING", "database away")] * (len(lines) - 1),
        ("INFO", "database back"),
    ]
    assert 2 <= len(lines) <= 4, "one line a kind: farewell, refusal, starting up"
    assert lines[-1]["failures"] >= 40


def test_an_outage_that_goes_on_is_told_every_now_and_then_with_a_count(monkeypatch, database_url):
    away = database_url.replace("host=", "host=%2Fnowhere")
    database = Database(away)

    def fail(times: int) -> list[int]:
        with LogLines() as log:
            for _ in range(times):
                with pytest.raises(DatabaseAway):
                    database.rows("health", {})
        return [line["count"] for line in log.fields()]

    assert fail(5) == [1]
    monkeypatch.setattr(outage, "EVERY_S", 0.0)
    assert fail(1) == []
    began_s = int(time.monotonic())
    clock = iter(range(began_s + 1000, began_s + 20_000, 1000))
    monkeypatch.setattr(outage.time, "monotonic", lambda: float(next(clock)))
    assert fail(3) == [6, 1, 1]


def test_one_statement_that_fails_beside_others_does_not_flood(databases):
    url = databases.migrated()
    sandbox.execute(url, "drop table sungrow_reports cascade")
    client = app_on(url).test_client()
    with LogLines() as log:
        for _ in range(10):
            assert_error(get(client, "/v1/status"), 503)
            assert verdict(client, a_sample()) == (1, 0, [])
    assert [(line["level"], line["event"]) for line in log.fields()] == [("ERROR", "database away")]


# An idle connection


def test_an_idle_connection_with_a_high_descriptor_is_seen_alive_and_dead(databases):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1400
    assert hard == resource.RLIM_INFINITY or hard >= wanted, "cannot be tested with so few files"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    taken = [os.dup(0) for _ in range(1100)]
    try:
        url = databases.migrated()
        database = Database(url)
        for _ in range(2):
            assert database.rows("health", {}) == [{"alive": 1}]
        (idle,) = database._idle
        assert idle.fileno() >= 1024
        assert pool._is_alive(idle)
        end = "select pg_terminate_backend(%s)"
        sandbox.execute(url, end, (idle.info.backend_pid,))
        assert sandbox.wait_until(lambda: not pool._is_alive(idle), 10)
        assert database.rows("health", {}) == [{"alive": 1}], "and costs nobody a 503"
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_nothing_waits_by_select_which_knows_no_high_descriptors():
    for path in [*sandbox.ROOT.glob("edge_lib/*.py"), *sandbox.ROOT.glob("server/**/*.py")]:
        assert "select.select" not in path.read_text(), path
