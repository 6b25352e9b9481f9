"""A database of before the files of ``sql/`` were put in order is taken over as it stands."""

import difflib
import hashlib
import re
import shutil
import subprocess
from datetime import timedelta

import pytest

from server import create_app, sandbox
from server.database import migrations, sql_files, takeover
from server.database.edition import EDITIONS
from server.database.samples import TABLE
from server.database.sql_files import Applied
from server.migrate import main
from server.sandbox.postgres import postgres_bin_dir
from tests.support import before
from tests.support.batches import NUMBERS, WHOLE, a_sample, app_on, verdict
from tests.support.commands import as_edition, edition_of, rollups, runner
from tests.support.readings import connected, insert_by_hand, rows, utc

START = utc("2026-03-28 20:00")  # and on into the day on which Berlin's clocks change
DEVICES = ("house", "garage")
# Of a sample; others came by later files.
FIRST_COLUMNS = TABLE.columns[: TABLE.columns.index("received_at")]
# What differs in a database that was taken over, though nothing is lost by it.
KNOWN_TO_DIFFER = {
    "schema_migrations": {"applied_at"},  # when the takeover noted today's files
    "schema_functions": {"applied_at"},
}


@pytest.fixture(scope="module")
def richest(databases) -> str:
    with connected(databases.migrated()) as connection:
        return edition_of(connection)


@pytest.fixture(params=reversed(EDITIONS))
def kind(request, richest) -> str:
    """Each edition that this server's databases can be."""
    if EDITIONS.index(request.param) < EDITIONS.index(richest):
        pytest.skip(f"this server has nothing richer than {richest}")
    if request.param == "apache" and richest == "community":
        pytest.skip("this server is of the community edition")
    return request.param


@pytest.fixture
def migrate(monkeypatch, capsys, tmp_path):
    run = runner(main, monkeypatch, capsys, tmp_path)
    return lambda url, *argv: run(*argv, DATABASE_URL=url, SITE_TIMEZONE="Europe/Berlin")


@pytest.fixture
def old(databases, kind) -> str:
    """A filled database of the former files."""
    url = databases.empty()
    before.make(url, kind)
    fill(url)
    return url


def fill(url: str) -> None:
    """Put something into every table, the same every time: whatever the server would write."""
    with connected(url) as connection:
        rows(connection, "UPDATE sungrow_site SET timezone = 'Europe/Berlin'")
        rows(
            connection,
            "INSERT INTO sungrow_devices (device_id, timezone, serial, model, nominal_power_w,"
            " has_meter, battery_capacity_kwh, updated_at) VALUES ('garage', 'Asia/Kolkata', 'A1',"
            " 'SH4.0RS', 4000, true, 9.6, %s), ('house', NULL, 'A2', NULL, NULL, false, NULL, %s)",
            START,
            START,
        )
        rows(connection, "SELECT sungrow_note_inverter('garage', 'A1', NULL)")
        for device_id in DEVICES:
            insert_by_hand(connection, samples(device_id))
        rows(connection, "SELECT sungrow_note_inverter('garage', 'B1', %s)", START)
        rows(
            connection,
            "INSERT INTO sungrow_reports VALUES ('house', 'ab', %s, 180, '{\"timeout\": 3}', 4,"
            " %s, 1, 'known', %s)",
            *[START] * 3,
        )
        gap = "INSERT INTO sungrow_gaps VALUES ('house', %s, 'thinned', %s, 12, %s)"
        rows(connection, gap, *[START] * 3)
        parked = "INSERT INTO sungrow_parked VALUES ('house', 'ab', 7, %s, 'why', '{\"a\": 1}', %s)"
        rows(connection, parked, *[START] * 2)
        end = START + timedelta(hours=1)
        forgotten = "INSERT INTO sungrow_forgotten VALUES ('garage', %s, %s, %s)"
        rows(connection, forgotten, START, end, end)


def samples(device_id: str) -> list[dict]:
    """Return readings of nine hours that fill every column of then, some without a grid meter."""
    found = []
    for number in range(108):
        sample = {n: number + index / 8 for index, n in enumerate(NUMBERS) if n in FIRST_COLUMNS}
        sample |= dict.fromkeys(WHOLE, number % 4)
        sample |= {"device_id": device_id, "ts": START + number * timedelta(minutes=5)}
        sample |= {"interval_s": 5.0, "boot": "ab", "seq": number, "battery_power_source": "signed"}
        sample |= {"extra": '{"a_new_one": 1}', "received_at": sample["ts"]}
        if number % 5 == 0:
            sample |= {"load_power_w": None, "export_power_w": None, "battery_power_w": None}
        found.append(sample)
    return found


def dump(url: str, *arguments: str) -> list[str]:
    """Return the lines of a ``pg_dump``, but for what is another one each time."""
    command = [f"{postgres_bin_dir()}/pg_dump", "--no-owner", *arguments, url]
    text = subprocess.run(
        command, check=True, capture_output=True, text=True, env=sandbox.environment()
    ).stdout
    text = re.sub(r"(_hypertable_|cagg_watermark\()\d+", r"\1N", text)  # of an aggregate
    return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestr"))]


def contents(url: str) -> dict[str, list[dict]]:
    """Return all rows of all tables, but for what is known to differ."""
    with connected(url) as connection:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        found = {}
        for name in [row["tablename"] for row in rows(connection, names)]:
            lines = rows(connection, f"SELECT * FROM {name} t ORDER BY t::text")  # noqa: S608
            for column in KNOWN_TO_DIFFER.get(name, ()):
                for line in lines:
                    del line[column]
            found[name] = sorted(lines, key=str)
        return found


def assert_same_text(one: list[str], other: list[str]) -> None:
    assert not list(difflib.unified_diff(other, one, "made today", "taken over", lineterm="", n=1))


def test_it_becomes_what_is_made_today_and_nothing_is_lost(migrate, databases, old, kind):
    today = databases.empty()
    as_edition(today, kind)
    fill(today)
    status, out, err = migrate(old)
    assert (status, out[0], err) == (0, takeover.DONE, [])
    assert migrate(old) == (0, ["current"], [])
    assert migrate(old, "--check") == (0, ["current"], [])
    assert_same_text(dump(old, "--schema-only", "-n", "public"), dump(today, "-s", "-n", "public"))
    found, expected = contents(old), contents(today)
    came_later = {"p1_samples", "p1_5min", "p1_local_daily", "p1_month_peaks"}
    came_later |= {"sungrow_house_5min", "sungrow_house_daily", "sungrow_pairings"}
    came_later |= {"sungrow_nightly", "sungrow_nightly_runs", "sungrow_envelope"}
    came_later |= {"sungrow_fault_5min"}
    came_later |= {"sungrow_alerts", "sungrow_alert_outbox", "sungrow_alert_run"}
    came_later |= {"sungrow_silences"}
    came_later |= {f"sungrow_battery_{what}" for what in ("hourly", "days", "anchors", "windows")}
    came_later |= {"sungrow_battery_results", "sungrow_battery_settings"}
    came_later |= {"sungrow_sites", "sungrow_site_strings", "sungrow_string_limits"}
    came_later |= {"sungrow_roof_days", "sungrow_shade_bins", "sungrow_roof_results"}
    empty = {name for name, lines in expected.items() if not lines}
    assert empty == came_later, "each table of then holds something"
    assert found == expected
    if kind == "plain":
        less = ("--data-only", "--exclude-table-data=schema_*")
        # Sorted: where in its table a row lies, a file that changes rows may change.
        assert_same_text(sorted(dump(old, *less)), sorted(dump(today, *less)))


def test_what_the_views_say_is_the_same_before_and_after(migrate, old):
    asked = [
        f"SELECT device_id, bucket, {columns} FROM {view} ORDER BY 1, 2"  # noqa: S608
        for view in ("sungrow_hourly", "sungrow_daily", "sungrow_monthly")
        for columns in ("avg_load_power_w, avg_pv_power_w, max_pv_power_w, sample_count",)
    ]
    asked += ["SELECT * FROM sungrow_energy ORDER BY 1, 2"]
    asked += ["SELECT * FROM sungrow_gap_list('house', '2026-03-28', '2026-03-30')"]
    with connected(old) as connection:
        expected = [rows(connection, one) for one in asked]
        connection.commit()
        migrate(old)
        found = [rows(connection, one) for one in asked]
    for one, other in zip(found, expected, strict=True):
        assert len(one) > 0
        for line, was in zip(one, other, strict=True):
            assert line == {k: pytest.approx(v) if type(v) is float else v for k, v in was.items()}


def test_afterwards_it_takes_readings_and_each_trigger_fires_once(migrate, old):
    migrate(old)
    client = app_on(old).test_client()
    sample = a_sample(boot="cd", seq=1)
    assert verdict(client, sample) == (1, 0, [])
    assert verdict(client, sample) == (0, 1, [])
    with connected(old) as connection:
        found = rollups(connection, "house")
    assert [row["sample_count"] for row in found["sungrow_5min"]][-1] == 1
    assert len([row for row in found["sungrow_seqs"] if row["boot"] == "cd"]) == 1


def test_files_that_came_after_those_in_place_are_applied_to_it(
    migrate, old, monkeypatch, tmp_path
):
    copy = shutil.copytree(sql_files.SQL, tmp_path / "sql")
    monkeypatch.setattr(sql_files, "SQL", copy)
    later = f"{len(sql_files.migrations('plain')) + 1:04d}_later.sql"
    (copy / later).write_text(
        "ALTER TABLE sungrow_samples ADD COLUMN later_w double precision;\n"
        "COMMENT ON COLUMN sungrow_samples.later_w IS 'W; later';\n"
    )
    status, out, err = migrate(old)
    assert (status, out[0], err) == (0, takeover.DONE, [])
    assert f"applied {later}" in out
    assert migrate(old, "--check") == (0, ["current"], [])
    with connected(old) as connection:
        assert rows(connection, "SELECT later_w FROM sungrow_samples WHERE later_w > 0") == []


def test_until_then_check_app_and_record_name_the_command(migrate, old):
    for argv in (("--check",), ("--record", "8"), ("--record", "sungrow_plus")):
        status, out, err = migrate(old, *argv)
        assert (status, out, len(err)) == (1, [], 1), argv
        assert err[0].endswith(f"run: {migrations.COMMAND}")
    with pytest.raises(SystemExit):
        create_app({"DATABASE_URL": old, "DEVICE_TOKENS": "token:house"})


def test_an_old_plain_database_may_go_to_timescaledb_at_once(migrate, databases, richest):
    if richest == "plain":
        pytest.skip("this server has no TimescaleDB")
    url = databases.empty()
    before.make(url, "plain")
    fill(url)
    status, out, err = migrate(url, "--to-timescaledb")
    assert (status, err) == (0, [])
    assert out[:2] == [takeover.DONE, f"converted from the edition plain to {richest}"]
    assert migrate(url, "--check") == (0, ["current"], [])


def test_what_stands_in_the_way_changes_nothing(migrate, old):
    sandbox.execute(
        old,
        "CREATE VIEW mine AS SELECT (sungrow_insert_samples('house', '{}')).inserted",
    )
    expected = dump(old)
    status, out, err = migrate(old)
    assert (status, out, len(err)) == (1, [], 1)
    assert "mine" in err[0]
    assert dump(old) == expected
    sandbox.execute(old, "DROP VIEW mine")
    assert migrate(old)[0] == 0


def test_aggregates_that_know_more_than_the_samples_are_kept_by_another_name(migrate, old, kind):
    if kind != "community":
        pytest.skip("only the community edition has aggregates")
    day = "SELECT device_id, bucket, sample_count FROM {} WHERE bucket < '2026-03-29' ORDER BY 1, 2"
    with connected(old) as connection:
        with_refresh = "CALL refresh_continuous_aggregate('sungrow_daily', NULL, NULL)"
        connection.autocommit = True
        connection.cursor().execute(with_refresh)
        connection.autocommit = False
        expected = rows(connection, day.format("sungrow_daily"))
        rows(connection, "SELECT drop_chunks('sungrow_samples', '2026-04-30'::timestamptz)")
        connection.commit()
        assert migrate(old)[0] == 0
        assert rows(connection, day.format("sungrow_daily_before")) == expected
        assert rows(connection, day.format("sungrow_daily")) == []


# What is something else


@pytest.mark.parametrize("last", [1, 9, 17, 19])
def test_an_older_one_is_refused_with_the_way_to_go(migrate, databases, last):
    url = databases.empty()
    before.make(url, "plain", last=last)
    assert_refused(migrate, url, takeover.LAST_COMMIT, "pg_dump")


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE schema_migrations SET checksum = 'x' WHERE number = 19",
        "UPDATE schema_migrations SET edition = 'apache' WHERE number = 3",
        "DELETE FROM schema_migrations WHERE number = 12",
        "INSERT INTO schema_migrations VALUES (21, '0021_x.sql', 'plain', 'x')",
    ],
)
def test_one_whose_notes_say_something_else_is_refused(migrate, databases, spoil):
    url = databases.empty()
    before.make(url, "plain")
    sandbox.execute(url, spoil)
    assert_refused(migrate, url, takeover.LAST_COMMIT)


@pytest.mark.parametrize(
    ("foreign", "words"),
    [
        ("CREATE TABLE schema_migrations (version text)", "a table schema_migrations"),
        ("CREATE TABLE sungrow_samples (a int)", "sungrow_samples and no schema_migrations"),
        ("CREATE VIEW sungrow_hourly AS SELECT 1 AS a", "sungrow_hourly and no schema_migrations"),
    ],
)
def test_what_others_made_is_refused(migrate, databases, foreign, words):
    url = databases.empty()
    sandbox.execute(url, foreign)
    assert_refused(migrate, url, words, "DATABASE_URL")


def test_tables_of_others_beside_ours_are_no_matter(migrate, databases):
    url = databases.empty()
    sandbox.execute(url, "CREATE TABLE accounts (a int)")
    assert migrate(url)[0] == 0


def assert_refused(migrate, url: str, *words: str) -> None:
    expected = dump(url)
    for argv in ((), ("--check",), ("--record", "1")):
        status, out, err = migrate(url, *argv)
        assert (status, out, len(err)) == (1, [], 1), err
        assert all(word in err[0] for word in words), err
    with pytest.raises(SystemExit):
        create_app({"DATABASE_URL": url, "DEVICE_TOKENS": "token:house"})
    assert dump(url) == expected


def test_the_files_of_before_are_those_that_are_recognised():
    for kind in EDITIONS:
        files = before.files(kind)
        seen = [Applied(old.number, old.name, kind, checksum(old.text)) for old in files]
        assert takeover.is_due(seen)


def checksum(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
