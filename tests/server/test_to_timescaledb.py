"""``python -m server.migrate --to-timescaledb``: a filled database goes to a richer edition."""

import contextlib
import random
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from server import sandbox
from server.database import aggregates, migrations, sql_files, to_timescaledb
from server.migrate import main
from tests.support.batches import app_on, verdict
from tests.support.commands import (
    P1_ROLLUPS,
    VIEWS,
    as_edition,
    assert_same,
    edition_of,
    rollup,
    rollups,
    runner,
)
from tests.support.p1 import p1_reading, store_p1
from tests.support.readings import connected, reading, rows, store
from tests.support.samples import a_sample as fresh_sample
from tests.support.samples import a_ts

COMMAND = "--to-timescaledb"
DEVICES = ("house", "garage")
TRIGGERS = (
    "SELECT tgname, pg_get_triggerdef(oid) AS text FROM pg_trigger"
    " WHERE tgrelid IN ('sungrow_samples'::regclass, 'p1_samples'::regclass)"
    "   AND tgname ~ '^(sungrow|p1)_' ORDER BY tgrelid::regclass::text, 1"
)
KEY = (
    "SELECT conname, pg_get_constraintdef(oid) AS text FROM pg_constraint"
    " WHERE conrelid IN ('sungrow_samples'::regclass, 'p1_samples'::regclass) AND contype = 'p'"
    " ORDER BY 1"
)
NOTED = "SELECT number, name, edition, checksum FROM schema_migrations ORDER BY number"


@pytest.fixture
def migrate(monkeypatch, capsys, tmp_path):
    run = runner(main, monkeypatch, capsys, tmp_path)
    return lambda url, *argv, **env: run(*argv, DATABASE_URL=url, **env)


@pytest.fixture(scope="module")
def richest(databases) -> str:
    """What this server makes of an empty database."""
    with connected(databases.migrated()) as connection:
        return edition_of(connection)


@pytest.fixture(params=["plain", "apache"])
def old(request, databases, richest):
    """A filled database of a poorer edition than the server has: its URL, and the edition."""
    if richest not in ("apache", "community") or request.param == richest:
        pytest.skip(f"this server has nothing richer than {request.param}")
    return filled(databases, request.param), request.param


@pytest.fixture
def plain(databases, richest):
    """A filled plain database on a server that has TimescaleDB."""
    if richest == "plain":
        pytest.skip("this server has no TimescaleDB")
    return filled(databases, "plain")


def filled(databases, kind: str, days: int = 100) -> str:
    url = databases.empty()
    as_edition(url, kind)
    with connected(url) as connection:
        for device_id in DEVICES:
            fill(connection, device_id, days)
    return url


def fill(connection, device_id: str, days: int) -> None:
    chance = random.Random(device_id)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=days)
    samples = [
        reading(
            start + timedelta(hours=2 * number),
            pv_power_w=chance.randrange(90_000) / 10,
            battery_power_w=chance.choice((None, -250.5, 1000.0)),
            pv_total_kwh=1000.0 + number,
            boot="ab",
            seq=number,
        )
        for number in range(days * 12)
    ]
    chance.shuffle(samples)
    store(connection, device_id, samples)
    readings = [
        p1_reading(one["ts"], energy_import_kwh=500.0 + n, boot="ab", seq=n)
        for n, one in enumerate(samples)
    ]
    store_p1(connection, device_id, readings)


def contents(connection) -> dict[str, object]:
    """Return all that must be the same before and after."""
    found = {
        f"{name} {device}": rollup(connection, name, device)
        for device in DEVICES
        for name in (*VIEWS, *P1_ROLLUPS)
    }
    for device in DEVICES:
        found |= {f"{name} {device}": lines for name, lines in rollups(connection, device).items()}
    for name in ("sungrow_samples", "p1_samples"):
        found[name] = rows(connection, f"SELECT * FROM {name} ORDER BY device_id, ts")  # noqa: S608
    return found


def shape(connection) -> dict[str, object]:
    """Return what a converted database must have in common with one that was made so."""
    columns = (
        "SELECT attrelid::regclass::text AS name, attname, format_type(atttypid, atttypmod)"
        "  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND relkind IN ('r', 'v', 'p')"
        "   AND relname ~ '^(sungrow|p1)_' ORDER BY 1, attnum"
    )
    functions = "SELECT name, checksum FROM schema_functions ORDER BY 1"
    found = {"noted": rows(connection, NOTED), "functions": rows(connection, functions)}
    found |= {"triggers": rows(connection, TRIGGERS)}
    found |= {"key": rows(connection, KEY), "columns": rows(connection, columns)}
    comments = (
        "SELECT relname, obj_description(oid) FROM pg_class"
        " WHERE relname ~ '^(sungrow|p1)_' AND relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    found["comments"] = rows(connection, comments)
    information = {
        "hypertables": "hypertable_name, num_dimensions, compression_enabled",
        "dimensions": "hypertable_name, column_name, time_interval",
        "continuous_aggregates": "view_name, materialized_only",
        "jobs": "proc_name, schedule_interval,"
        " config - 'mat_hypertable_id' - 'hypertable_id' AS config",
    }
    for view, names in information.items():
        where = "WHERE job_id >= 1000" if view == "jobs" else ""
        where = where or (
            "" if view == "continuous_aggregates" else "WHERE hypertable_schema = 'public'"
        )
        statement = f"SELECT {names} FROM timescaledb_information.{view} {where} ORDER BY 1, 2"  # noqa: S608
        found[view] = rows(connection, statement)
    indexes = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    found["indexes"] = rows(connection, indexes)
    return found


def test_a_filled_database_is_converted_and_nothing_is_lost(migrate, databases, old, richest):
    url, was = old
    with connected(url) as connection:
        before = contents(connection)
    status, out, err = migrate(url, COMMAND)
    assert (status, out[:1], err) == (0, [f"converted from the edition {was} to {richest}"], [])
    # Of two refreshes at once the second gives way: the policy's first run may be under way.
    rest = [line for line in out[1:] if not line.startswith("applied functions/sungrow_monthly.")]
    assert all("follows with its policy's next run" in line for line in rest), out
    assert migrate(url, "--check") == (0, ["current"], [])
    with connected(url) as connection, connected(databases.migrated()) as made_so:
        after = contents(connection)
        for name in ("sungrow_samples", "p1_samples"):
            assert after.pop(name) == before.pop(name)
        assert_same(after, before)
        assert shape(connection) == shape(made_so)
        assert rows(
            connection, "SELECT count(*) > 10 AS ok FROM show_chunks('sungrow_samples')"
        ) == [{"ok": True}]


def test_afterwards_each_trigger_fires_once(migrate, old):
    migrate(old[0], COMMAND)
    with connected(old[0]) as connection:
        store(connection, "late", [reading(datetime(2020, 1, 1, tzinfo=UTC), boot="a", seq=1)])
        found = rollups(connection, "late")
        assert [row["sample_count"] for row in found["sungrow_5min"]] == [1]
        assert [row["sample_count"] for row in found["sungrow_local_daily"]] == [1]
        assert len(found["sungrow_seqs"]) == 1


def test_an_app_that_runs_meanwhile_goes_on(migrate, plain):
    client = app_on(plain).test_client()
    ts = a_ts()
    assert verdict(client, fresh_sample(ts=ts)) == (1, 0, [])
    assert migrate(plain, COMMAND)[0] == 0
    assert verdict(client, fresh_sample(ts=ts), fresh_sample()) == (1, 1, [])
    assert client.get("/health").status_code == 200


def test_a_second_time_there_is_nothing_to_do(migrate, old):
    migrate(old[0], COMMAND)
    assert migrate(old[0], COMMAND) == (0, ["current"], [])


def test_check_names_the_command_where_the_extension_came_by_hand(migrate, plain):
    sandbox.execute(plain, "CREATE EXTENSION timescaledb")
    status, _, err = migrate(plain, "--check")
    assert status == 1
    assert err[0].endswith(f"run: {migrations.COMMAND} {COMMAND}")
    assert migrate(plain, COMMAND)[0] == 0
    assert migrate(plain, "--check") == (0, ["current"], [])


def test_what_fails_on_the_way_changes_nothing_and_can_be_run_again(migrate, plain):
    sandbox.execute(plain, "CREATE VIEW mine AS SELECT * FROM sungrow_monthly")
    sandbox.execute(
        plain,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no room'; END $$",
    )
    sandbox.execute(
        plain, "CREATE TRIGGER no BEFORE UPDATE ON schema_migrations EXECUTE FUNCTION no()"
    )
    with connected(plain) as connection:
        before = contents(connection)
        status, out, err = migrate(plain, COMMAND)
        assert (status, out, len(err)) == (1, [], 1)
        assert edition_of(connection) == "plain"
        assert contents(connection) == before
    sandbox.execute(plain, "DROP TRIGGER no ON schema_migrations")
    sandbox.execute(plain, "DROP VIEW mine")
    assert migrate(plain, "--check") == (0, ["current"], [])
    assert migrate(plain, COMMAND)[0] == 0


def test_interrupted_before_the_refresh_the_same_command_finishes_it(
    migrate, plain, richest, monkeypatch
):
    if richest != "community":
        pytest.skip("only the community edition has aggregates to refresh")

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(to_timescaledb.aggregates, "refresh", interrupted)
        with pytest.raises(KeyboardInterrupt):
            migrate(plain, COMMAND)
    kept = (
        "SELECT count(*)::int AS n FROM _timescaledb_catalog.continuous_aggs_watermark"
        " WHERE watermark > 0"
    )
    with connected(plain) as connection:
        assert rows(connection, kept) == [{"n": 0}]
        assert migrate(plain, COMMAND) == (0, ["current"], [])
        assert rows(connection, kept) == [{"n": 2}]


@pytest.mark.parametrize("files", [2, 5])
def test_files_that_are_missing_are_applied_after_it(migrate, databases, richest, files):
    if richest == "plain":
        pytest.skip("this server has no TimescaleDB")
    url = databases.empty()
    as_edition(url, "plain", files)
    status, out, err = migrate(url, COMMAND)
    assert (status, err) == (0, [])
    assert out[0] == f"converted from the edition plain to {richest}"
    applied = len(sql_files.migrations(richest)) - files + len(sql_files.functions(richest))
    assert len(out) == 1 + applied
    assert migrate(url, "--check") == (0, ["current"], [])


def test_samples_in_use_are_said_and_nothing_is_changed(migrate, plain, monkeypatch):
    monkeypatch.setattr(to_timescaledb, "_PATIENCE", "200ms")
    with contextlib.closing(psycopg2.connect(plain)) as reader:
        reader.cursor().execute("SELECT FROM sungrow_samples LIMIT 1")
        status, out, err = migrate(plain, COMMAND)
        assert (status, out, len(err)) == (1, [], 1)
        assert "stop the server" in err[0]
    with connected(plain) as connection:
        assert edition_of(connection) == "plain"
    assert migrate(plain, COMMAND)[0] == 0


def test_an_empty_database_is_sent_to_migrate(migrate, empty_database_url):
    status, out, err = migrate(empty_database_url, COMMAND)
    assert (status, out, err) == (1, [], [f"the database is empty; run: {migrations.COMMAND}"])


def test_a_server_without_timescaledb_is_said(migrate, databases, richest):
    if richest != "plain":
        pytest.skip("this server has TimescaleDB")
    status, out, err = migrate(databases.migrated(), COMMAND)
    assert (status, out, len(err)) == (1, [], 1)
    assert "not installed" in err[0]
    assert "postgresql-17-timescaledb" in err[0]


def test_an_edited_file_is_refused(migrate, plain):
    with connected(plain) as connection:
        rows(connection, "UPDATE schema_migrations SET checksum = 'x' WHERE number = 4")
    status, _, err = migrate(plain, COMMAND)
    assert status == 1
    assert "0004_rollups.sql was edited" in err[0]
    with connected(plain) as connection:
        assert edition_of(connection) == "plain"


def test_every_file_that_differs_between_the_editions_has_its_steps():
    texts = {}
    for kind in ("plain", "apache", "community"):
        for migration in sql_files.migrations(kind):
            texts.setdefault(migration.number, set()).add(migration.checksum)
    differing = {number for number, checksums in texts.items() if len(checksums) > 1}
    assert differing == {number for number, _, _ in to_timescaledb.STEPS}


def test_an_aggregate_that_cannot_be_refreshed_now_is_named(plain, richest, migrate):
    if richest != "community":
        pytest.skip("only the community edition has aggregates")
    migrate(plain, COMMAND)
    sandbox.execute(plain, "ALTER MATERIALIZED VIEW sungrow_hourly RENAME TO away")
    with migrations.connect(plain) as connection:
        (line,) = aggregates.refresh(connection)
    assert line.startswith("sungrow_hourly follows with its policy's next run: ")
