"""Dump and restore, exactly as docs/operations.md says it: nothing changes, and all goes on."""

import os
from datetime import timedelta

import psycopg2
import pytest

from server import sandbox
from server.migrate import main
from server.sandbox.postgres import postgres_bin_dir
from tests.support import documents
from tests.support.batches import app_on, verdict
from tests.support.commands import VIEWS, assert_same, edition_of, rollup, rollups, runner
from tests.support.p1 import Meter, assert_p1_exact, p1_reading, store_p1
from tests.support.readings import connected, reading, rows, store, utc
from tests.support.samples import a_sample

pytestmark = pytest.mark.server

START = utc("2026-03-25 03:00")
DEVICE = "house"


@pytest.fixture
def migrate(monkeypatch, capsys, tmp_path):
    run = runner(main, monkeypatch, capsys, tmp_path)
    return lambda url, *argv: run(*argv, DATABASE_URL=url, SITE_TIMEZONE="Europe/Berlin")


@pytest.fixture
def filled(databases) -> str:
    url = databases.migrated("Europe/Berlin")
    with connected(url) as connection:
        samples = [
            reading(START + n * timedelta(hours=1), pv_total_kwh=1000.0 + n, boot="ab", seq=n)
            for n in range(24 * 30)
        ]
        store(connection, DEVICE, samples[::2])
        store(connection, DEVICE, samples[1::2])
        readings = Meter(START, step_s=300).readings(hours=24 * 10)
        store_p1(
            connection, DEVICE, [one | {"boot": "ab", "seq": n} for n, one in enumerate(readings)]
        )
        peak = "INSERT INTO p1_month_peaks VALUES (%s, %s, %s, 4321)"
        rows(connection, peak, DEVICE, START, START)
        zone = "INSERT INTO sungrow_devices (device_id, timezone) VALUES ('other', 'Asia/Kolkata')"
        rows(connection, zone)
        store(connection, "other", samples[:50])
        forgotten = "INSERT INTO sungrow_forgotten (device_id, from_ts, to_ts) VALUES ('x', %s, %s)"
        rows(connection, forgotten, START, START + timedelta(1))
        if edition_of(connection) == "community":
            for table in ("sungrow_samples", "p1_samples"):
                compress = f"SELECT compress_chunk(c) FROM show_chunks('{table}') c LIMIT 2"  # noqa: S608
                rows(connection, compress)
    return url


def commands(marker: str) -> str:
    """Return the lines of the documents' block whose first line is that comment."""
    return documents.block("sh", f"# {marker}")


def run(block: str, folder, **variables: str) -> None:
    path = f"{postgres_bin_dir()}:{os.environ['PATH']}"
    env = {**sandbox.environment(**variables), "PATH": path}
    sandbox.run(["bash", "-euo", "pipefail", "-c", block], env, cwd=folder)


def tables(connection) -> dict[str, list]:
    names = (
        "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
        " AND tablename NOT IN ('sungrow_samples', 'p1_samples') ORDER BY 1"
    )
    found = {}
    for name in [row["name"] for row in rows(connection, names)]:
        lines = rows(connection, f"SELECT * FROM {name}")  # noqa: S608
        found[name] = sorted(lines, key=repr)
    for name in ("sungrow_samples", "p1_samples"):
        found[name] = rows(connection, f"SELECT * FROM {name} ORDER BY 1, 2")  # noqa: S608
    return found


def test_a_dump_restored_into_an_empty_database_is_the_same(databases, filled, migrate, tmp_path):
    empty = databases.empty()
    with connected(filled) as source:
        kind = edition_of(source)
        before = tables(source)
        views = {name: rollup(source, name, DEVICE) for name in VIEWS}
    marker = "restore into plain PostgreSQL" if kind == "plain" else "restore into TimescaleDB"
    run(commands("backup"), tmp_path, DATABASE_URL=filled)
    run(commands(marker), tmp_path, NEW_DATABASE_URL=empty)
    assert migrate(empty, "--check") == (0, ["current"], [])
    with connected(empty) as restored:
        assert edition_of(restored) == kind
        assert tables(restored) == before
        assert_same({name: rollup(restored, name, DEVICE) for name in VIEWS}, views)
        if kind != "plain":
            for table in ("sungrow_samples", "p1_samples"):
                chunks = f"SELECT count(*) > 1 AS ok FROM show_chunks('{table}')"  # noqa: S608
                assert rows(restored, chunks) == [{"ok": True}]


def test_after_it_ingest_goes_on_and_each_trigger_fires_once(databases, filled, migrate, tmp_path):
    empty = databases.empty()
    with connected(filled) as source:
        kind = edition_of(source)
    marker = "restore into plain PostgreSQL" if kind == "plain" else "restore into TimescaleDB"
    run(commands("backup"), tmp_path, DATABASE_URL=filled)
    run(commands(marker), tmp_path, NEW_DATABASE_URL=empty)
    client = app_on(empty).test_client()
    old = {"ts": "2026-03-25T03:00:07Z", "boot": "cd", "seq": 1}
    assert verdict(client, a_sample(), a_sample(**old)) == (2, 0, [])
    assert verdict(client, a_sample(**old)) == (0, 1, [])
    with connected(empty) as restored:
        day = rollups(restored, DEVICE)["sungrow_local_daily"]
        counts = {str(row["bucket"]): row["sample_count"] for row in day}
        # The 20 hours that were left of that local day, and the new one.
        assert counts["2026-03-25"] == 21
        store_p1(restored, DEVICE, [p1_reading(START + timedelta(seconds=7), boot="cd", seq=1)])
        assert_p1_exact(restored, DEVICE, "Europe/Berlin")
        seqs = "SELECT count(*)::int AS n FROM sungrow_seqs WHERE boot = 'cd' AND kind = 'sample'"
        assert rows(restored, seqs) == [{"n": 1}]
        with pytest.raises(psycopg2.Error, match="local days"):
            rows(restored, "UPDATE sungrow_site SET timezone = 'UTC'")
