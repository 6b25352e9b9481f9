"""The community edition: late rows for chunks that are compressed, and chunks that were dropped.

The server is asked to give up at ten unpacked rows, where it would at 100,000: what works here
works with any backlog.
"""

import contextlib
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from edge_lib.shared.timestamps import format_ts
from server import forget, migrate, rebuild
from tests.support import documents
from tests.support.batches import app_on, verdict
from tests.support.commands import assert_same, only_on, rollup, rollups, runner
from tests.support.readings import connected, reading, rows, store, utc
from tests.support.samples import DEVICE, a_sample

pytestmark = pytest.mark.server

START = utc("2025-02-01 00:00")
DAYS = 40
MINUTES = 10
LIMIT = "options=-c%20timescaledb.max_tuples_decompressed_per_dml_transaction%3D10"
LENGTH = timedelta(days=DAYS)


@pytest.fixture
def url(databases):
    """A database with forty compressed days; its URL with the low limit."""
    url = databases.migrated()
    with connected(url) as connection:
        only_on(connection, "community")
        moments = [START + n * timedelta(minutes=MINUTES) for n in range(DAYS * 144)]
        store(connection, DEVICE, [reading(ts, boot="ab", seq=n) for n, ts in enumerate(moments)])
        compress(connection)
    return f"{url}{'&' if '?' in url else '?'}{LIMIT}"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path, url):
    def start(main, *argv):
        return runner(main, monkeypatch, capsys, tmp_path)(*argv, DATABASE_URL=url)

    return start


def compress(connection) -> None:
    rows(connection, "SELECT compress_chunk(c, true) FROM show_chunks('sungrow_samples') AS c")


def batch(offset_s: int, **changes) -> list[dict]:
    """A backlog of forty days in one batch."""
    step = LENGTH / 900
    minute = timedelta(minutes=MINUTES)
    moments = [START + n * step // minute * minute for n in range(900)]
    return [a_sample(ts=format_ts(ts + timedelta(seconds=offset_s)), **changes) for ts in moments]


def assert_exact(connection) -> None:
    """The rollups equal those of another device that got the same samples uncompressed."""
    twin = "twin"
    samples = rows(connection, "SELECT * FROM sungrow_samples WHERE device_id = %s", DEVICE)
    store(connection, twin, [{**sample, "device_id": twin} for sample in samples])
    assert_same(rollups(connection, DEVICE), rollups(connection, twin))


def test_a_backlog_goes_in_between_and_again_and_in_conflict(url):
    client = app_on(url).test_client()
    late = batch(5)
    assert verdict(client, *late) == (900, 0, [])
    with connected(url) as connection:
        compress(connection)
        assert verdict(client, *late) == (0, 900, [])
        assert verdict(client, *batch(5, pv_power_w=1)) == (0, 0, list(range(900)))
        assert_exact(connection)


def test_forget_and_rebuild_work_there(url, run):
    end = START + timedelta(days=20)
    argv = ("--from", format_ts(START), "--to", format_ts(end))
    status, out, err = run(forget.main, DEVICE, *argv, "--yes")
    assert (status, err) == (0, [])
    assert f"forgot {20 * 144} samples" in out[0]
    with connected(url) as connection:
        rows(connection, "DELETE FROM sungrow_5min WHERE device_id = %s", DEVICE)
        assert run(rebuild.main, "--device", DEVICE)[0] == 0
        assert_exact(connection)


def drop_half(connection) -> None:
    drop = "SELECT drop_chunks('sungrow_samples', older_than => %s)"
    rows(connection, drop, START + LENGTH / 2)


def run_policies(url: str) -> None:
    """What the background does every quarter of an hour."""
    jobs = (
        "SELECT job_id FROM timescaledb_information.jobs"
        " WHERE proc_name = 'policy_refresh_continuous_aggregate'"
    )
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(jobs)
            for (job,) in cursor.fetchall():
                cursor.execute("CALL run_job(%s)", (job,))


def test_what_was_dropped_stays_in_every_rollup(url, run):
    run_policies(url)
    first = documents.block("sql", "-- community edition, before samples are dropped")
    assert '\'{"start_offset": "700 days"}\'' in first
    half = START + LENGTH / 2
    kept_days = (datetime.now(UTC) - half).days - 1
    with connected(url) as connection:
        names = ("sungrow_hourly", "sungrow_daily", "sungrow_monthly")
        before = {name: rollup(connection, name, DEVICE) for name in names}
        kept = rollups(connection, DEVICE)
        rows(connection, first.replace("700 days", f"{kept_days} days"))
        drop_half(connection)
        left = rows(connection, "SELECT count(*)::int AS n FROM sungrow_samples")[0]["n"]
        assert 0 < left < DAYS * 144
        status, _, err = run(rebuild.main)
        assert (status, len(err)) == (0, 1)
        assert run(migrate.main, "--to-timescaledb") == (0, ["current"], [])
        run_policies(url)
        assert_same(rollups(connection, DEVICE), kept)
        assert {name: rollup(connection, name, DEVICE) for name in names} == before


def test_a_late_row_of_a_dropped_time_is_added(url):
    with connected(url) as connection:
        drop_half(connection)
        late = a_sample(ts=format_ts(START + timedelta(seconds=5)))
        assert verdict(app_on(url).test_client(), late) == (1, 0, [])
        day = rollups(connection, DEVICE)["sungrow_local_daily"][0]
        assert day["sample_count"] == 145
