"""``python -m server.rebuild``: the rollups anew, from the samples or in another zone."""

import contextlib
import random
import threading
from datetime import timedelta
from zoneinfo import ZoneInfo

import psycopg2
import pytest

from edge_lib.shared.timestamps import format_ts
from server.database import rollups as kept_rollups
from server.rebuild import main
from server.sandbox import wait_until
from tests.support.batches import app_on, verdict
from tests.support.batches import rows as ask
from tests.support.commands import ROLLUPS, assert_same, every, only_on, rollup, rollups, runner
from tests.support.readings import connected, new_device, reading, rows, store, utc
from tests.support.samples import DEVICE, a_sample

pytestmark = pytest.mark.server

SITE = "Australia/Adelaide"
START, END = utc("2026-03-25 03:00"), utc("2026-04-08 09:00")  # a night of 25 hours lies between
MINUTE = timedelta(minutes=1)
STEP = 11 * MINUTE  # some quarter hours have one sample, some two
BLANK = {
    "sungrow_5min": "pv_power_w_sum = 1, sample_count = sample_count - 1",
    "sungrow_local_daily": "pv_power_w_max = 7, sample_count = 1, counters_last = NULL",
    "sungrow_seqs": "seqs = '{[9,10)}'",
    "sungrow_strings_5min": "p_sum = 1, n = n - 1",
}


@pytest.fixture
def database(url):
    with connected(url) as connection:
        yield connection


@pytest.fixture
def rebuild(monkeypatch, capsys, tmp_path, url):
    run = runner(main, monkeypatch, capsys, tmp_path)
    return lambda *argv, **env: run(*argv, **{"DATABASE_URL": url, **env})


@pytest.fixture
def device(database) -> str:
    """Four weeks of one device, in batches of any order."""
    device_id = new_device()
    fill(database, device_id)
    return device_id


def fill(connection, device_id: str, step: timedelta = STEP) -> None:
    chance = random.Random(4)
    samples = [
        reading(
            ts,
            pv_power_w=chance.randrange(90_000) / 10,
            battery_power_w=chance.choice((None, -250.5, 1000.0)),
            export_power_w=chance.uniform(-3000, 3000),
            pv_total_kwh=chance.choice((0.0, 1000.0 + number)),
            mppt1_voltage_v=380.5,
            mppt1_current_a=number % 120 / 10,
            mppt2_voltage_v=290.0 if number % 3 else None,
            mppt2_current_a=4.2,
            boot=f"{number // 2000:02x}",
            seq=number,
        )
        for number, ts in enumerate(every(START, END, step))
    ]
    chance.shuffle(samples)
    for number in range(0, len(samples), 1500):
        store(connection, device_id, samples[number : number + 1500])


def stored_from(first) -> int:
    return sum(ts >= first for ts in every(START, END, STEP))


def spoil(connection, device_id: str) -> None:
    for table, change in BLANK.items():
        rows(connection, f"UPDATE {table} SET {change} WHERE device_id = %s", device_id)  # noqa: S608


def between(first, end) -> tuple[str, ...]:
    return "--from", format_ts(first), "--to", format_ts(end)


def drop_samples(connection, device_id: str, end) -> None:
    """What a sysadmin does who needs the room."""
    statement = "DELETE FROM sungrow_samples WHERE device_id = %s AND ts < %s"
    rows(connection, statement, device_id, end)


# From the samples


def test_what_was_spoilt_is_as_the_trigger_had_it(rebuild, database, device):
    before = rollups(database, device)
    spoil(database, device)
    status, out, err = rebuild("--device", device)
    assert (status, err) == (0, [])
    assert out == [f"{device}: {stored_from(START)} samples"]
    assert_same(rollups(database, device), before)


def test_what_was_deleted_comes_back(rebuild, database, device):
    before = rollups(database, device)
    for table in ROLLUPS:
        rows(database, f"DELETE FROM {table} WHERE device_id = %s", device)  # noqa: S608
    assert rebuild("--device", device)[0] == 0
    assert_same(rollups(database, device), before)


def test_without_a_device_all_are_rebuilt(rebuild, database, device):
    other = new_device()
    store(database, other, [reading(START)])
    before = {name: rollups(database, name) for name in (device, other)}
    spoil(database, device)
    spoil(database, other)
    status, out, _ = rebuild()
    assert status == 0
    assert f"{other}: 1 samples" in out
    for name, lines in before.items():
        assert_same(rollups(database, name), lines)


def test_a_correction_by_hand_is_taken_up_in_whole_local_days_alone(rebuild, database, device):
    noon = utc("2026-04-01 02:30")  # noon in Adelaide
    correct = (
        "UPDATE sungrow_samples SET pv_power_w = 12345 WHERE device_id = %s"
        " AND ts BETWEEN %s AND %s"
    )
    rows(database, correct, device, noon, noon + timedelta(hours=3))
    before = rollups(database, device)
    assert rebuild("--device", device, *between(noon, noon + MINUTE))[0] == 0
    after = rollups(database, device)
    changed = [
        day["bucket"]
        for day, old in zip(
            after["sungrow_local_daily"], before["sungrow_local_daily"], strict=True
        )
        if day["pv_power_w_max"] != old["pv_power_w_max"]
    ]
    assert [str(day) for day in changed] == ["2026-04-01"]
    twin = new_device()
    samples = rows(database, "SELECT * FROM sungrow_samples WHERE device_id = %s", device)
    store(database, twin, [{**sample, "device_id": twin} for sample in samples])
    assert_same(after, rollups(database, twin))


def test_rollups_of_which_the_samples_were_dropped_stay_and_are_named(rebuild, database, device):
    before = rollups(database, device)
    drop_samples(database, device, utc("2026-04-01 00:10"))  # amid a local day
    status, out, err = rebuild("--device", device)
    assert status == 0
    assert_same(rollups(database, device), before)
    assert len(err) == 1
    assert "2026-03-25 to 2026-04-01" in err[0]
    assert "--shrink" in err[0]
    assert out == [f"{device}: {stored_from(utc('2026-04-01 00:15'))} samples"]


def test_the_part_of_a_day_that_still_has_samples_is_rebuilt(rebuild, database, device):
    cut = utc("2026-04-01 00:10")
    before = rollups(database, device)
    drop_samples(database, device, cut)
    later = "UPDATE sungrow_5min SET pv_power_w_sum = 1 WHERE device_id = %s AND bucket >= %s"
    rows(database, later, device, cut + 15 * MINUTE)
    rebuild("--device", device)
    assert_same(rollups(database, device), before)


def test_on_purpose_they_go(rebuild, database, device):
    drop_samples(database, device, utc("2026-04-01 00:10"))
    status, _, err = rebuild("--device", device, "--shrink")
    assert (status, err) == (0, [])
    twin = new_device()
    samples = rows(database, "SELECT * FROM sungrow_samples WHERE device_id = %s", device)
    store(database, twin, [{**sample, "device_id": twin} for sample in samples])
    assert_same(rollups(database, device), rollups(database, twin))


def test_a_day_without_its_five_minutes_and_samples_stays_too(rebuild, database, device):
    drop_samples(database, device, utc("2026-04-01 00:10"))
    days = {"sungrow_local_daily": rollup(database, "sungrow_local_daily", device)}
    old = "DELETE FROM sungrow_5min WHERE device_id = %s AND bucket < '2026-03-31Z'"
    rows(database, old, device)
    _, _, err = rebuild("--device", device)
    assert "2026-03-25 to 2026-04-01" in err[0]
    assert_same({"sungrow_local_daily": rollup(database, "sungrow_local_daily", device)}, days)
    assert rebuild("--device", device, "--shrink")[2] == []
    assert str(rollup(database, "sungrow_local_daily", device)[0]["bucket"]) == "2026-04-01"


def test_a_device_of_which_only_rollups_are_left_is_kept_whole(rebuild, database, device):
    before = rollups(database, device)
    drop_samples(database, device, END)
    status, out, err = rebuild("--device", device)
    assert (status, out) == (0, [f"{device}: 0 samples"])
    assert "2026-03-25 to 2026-04-08" in err[0]
    assert_same(rollups(database, device), before)


def test_long_work_tells_how_far_it_is(rebuild, device, monkeypatch):
    monkeypatch.setattr("server.rebuild._PROGRESS_SAMPLES", 1000)
    _, out, _ = rebuild("--device", device)
    assert [line.split(",")[0] for line in out[:-1]] == [
        f"{device}: up to {day}" for day in ("2026-04-07",)
    ]


# While others write


def waiting(url: str) -> bool:
    return bool(ask(url, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


def test_ingest_of_other_devices_goes_on_and_that_of_the_same_waits(url, database):
    client = app_on(url).test_client()
    mine = new_device()
    store(database, mine, [reading(START)])
    answers = []
    with contextlib.closing(psycopg2.connect(url)) as busy, busy, busy.cursor() as cursor:
        kept_rollups.lock(cursor, mine)
        kept_rollups.rebuild(cursor, mine, START, START + MINUTE)
        assert verdict(client, a_sample(ts=format_ts(START))) == (1, 0, [])
        kept_rollups.lock(cursor, DEVICE)
        late = a_sample(ts=format_ts(START + MINUTE))
        batch = threading.Thread(target=lambda: answers.append(verdict(client, late)))
        batch.start()
        assert wait_until(lambda: waiting(url), 10)
        assert answers == []
        busy.commit()
        batch.join()
    assert answers == [(1, 0, [])]


# Another zone


def expected_in(database, device_id: str, zone: str) -> dict[str, int]:
    counts = {}
    statement = "SELECT ts FROM sungrow_samples WHERE device_id = %s ORDER BY ts"
    for sample in rows(database, statement, device_id):
        day = str(sample["ts"].astimezone(ZoneInfo(zone)).date())
        counts[day] = counts.get(day, 0) + 1
    return counts


def counts(database, device_id: str) -> dict[str, int]:
    days = rollup(database, "sungrow_local_daily", device_id)
    return {str(day["bucket"]): day["sample_count"] for day in days}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"])
def test_a_device_gets_a_zone_of_its_own_and_goes_back(rebuild, database, device, zone):
    before = rollups(database, device)
    status, out, _ = rebuild("--device", device, "--timezone", zone)
    assert (status, out) == (0, [f"{device}: {zone}, {len(counts(database, device))} days"])
    assert counts(database, device) == expected_in(database, device, zone)
    store(database, device, [reading(END)])  # the trigger cuts as the rebuild did
    assert counts(database, device) == expected_in(database, device, zone)
    rows(database, "DELETE FROM sungrow_samples WHERE device_id = %s AND ts = %s", device, END)
    rebuild("--device", device, "--shrink")
    assert rebuild("--device", device, "--timezone", "site")[0] == 0
    assert_same(rollups(database, device), before)


def test_days_cut_anew_equal_those_that_the_trigger_cut(rebuild, database, device):
    rebuild("--device", device, "--timezone", "Europe/Berlin")
    twin = new_device()
    own = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, 'Europe/Berlin')"
    rows(database, own, twin)
    fill(database, twin)
    assert_same(rollups(database, device), rollups(database, twin))


def test_days_are_cut_in_another_zone_though_their_samples_are_gone(rebuild, database, device):
    expected = expected_in(database, device, "Europe/Berlin")
    drop_samples(database, device, utc("2026-04-10 00:00"))
    assert rebuild("--device", device, "--timezone", "Europe/Berlin")[0] == 0
    assert counts(database, device) == expected


def test_days_that_cannot_be_cut_are_named_and_refused_unless_told(rebuild, database, device):
    old = "DELETE FROM sungrow_5min WHERE device_id = %s AND bucket < '2026-03-31Z'"
    rows(database, old, device)
    before = rollups(database, device)
    change = ("--device", device, "--timezone", "Europe/Berlin")
    status, out, err = rebuild(*change)
    assert (status, out, len(err)) == (1, [], 1)
    assert "2026-03-25 to 2026-03-31" in err[0]
    assert_same(rollups(database, device), before)
    zone = "SELECT FROM sungrow_devices WHERE device_id = %s"
    assert rows(database, zone, device) == []
    assert rebuild(*change, "--shrink")[0] == 0
    assert next(iter(counts(database, device))) == "2026-03-31"


@pytest.fixture
def another(databases, monkeypatch, capsys, tmp_path):
    """A database of the test's own, with two devices in the site's zone and one in another."""
    url = databases.migrated("UTC")
    with connected(url) as connection:
        own = "INSERT INTO sungrow_devices (device_id, timezone) VALUES ('own', 'Asia/Kolkata')"
        rows(connection, own)
        for device_id in ("one", "two", "own"):
            fill(connection, device_id, 47 * MINUTE)
        run = runner(main, monkeypatch, capsys, tmp_path)
        yield connection, lambda *argv, **env: run(*argv, DATABASE_URL=url, **env)


def site_zone(connection) -> str:
    return rows(connection, "SELECT timezone FROM sungrow_site")[0]["timezone"]


def test_the_sites_zone_changes_for_all_devices_without_one_of_their_own(another):
    connection, rebuild = another
    untouched = rollups(connection, "own")
    status, out, err = rebuild(SITE_TIMEZONE="Europe/Berlin")
    assert (status, err) == (0, [])
    assert out[0] == "site: UTC -> Europe/Berlin"
    assert [line.split(":")[0] for line in out[1:]] == ["one", "two"]
    assert site_zone(connection) == "Europe/Berlin"
    for device_id in ("one", "two"):
        zone_days = expected_in(connection, device_id, "Europe/Berlin")
        assert counts(connection, device_id) == zone_days
    assert rollups(connection, "own") == untouched
    assert rebuild(SITE_TIMEZONE="Europe/Berlin")[1][0].endswith("samples")


def test_the_sites_zone_does_not_change_for_a_part(another):
    connection, rebuild = another
    for argv in (("--device", "one"), between(START, END)):
        status, out, err = rebuild(*argv, SITE_TIMEZONE="Europe/Berlin")
        assert (status, out, len(err)) == (1, [], 1)
        assert "all devices" in err[0]
    assert site_zone(connection) == "UTC"


def test_without_site_timezone_the_zone_stays(another):
    connection, rebuild = another
    rebuild(SITE_TIMEZONE="Europe/Berlin")
    assert rebuild()[0] == 0
    assert site_zone(connection) == "Europe/Berlin"


def test_one_day_that_cannot_be_cut_stops_the_change_for_all(another):
    connection, rebuild = another
    rows(connection, "DELETE FROM sungrow_5min WHERE device_id = 'two' AND bucket < '2026-03-27Z'")
    before = {name: rollups(connection, name) for name in ("one", "two")}
    status, _, err = rebuild(SITE_TIMEZONE="Europe/Berlin")
    assert status == 1
    assert "two" in err[0]
    assert site_zone(connection) == "UTC"
    assert {name: rollups(connection, name) for name in ("one", "two")} == before


def test_a_sample_that_comes_while_the_zone_changes_lives_in_the_new_one(another):
    connection, rebuild = another
    with contextlib.closing(psycopg2.connect(connection.dsn)) as writer:
        insert = (
            "INSERT INTO sungrow_samples (device_id, ts, pv_power_w, load_power_w, export_power_w)"
            " VALUES ('one', '2026-03-25 22:31Z', 1, 1, 0)"
        )
        writer.cursor().execute(insert)
        outcome = []
        change = threading.Thread(
            target=lambda: outcome.append(rebuild(SITE_TIMEZONE="Asia/Kolkata"))
        )
        change.start()
        waits = "SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND NOT granted"
        assert wait_until(lambda: bool(ask(connection.dsn, waits)), 10)
        writer.commit()
        change.join()
    assert outcome[0][0] == 0
    assert counts(connection, "one") == expected_in(connection, "one", "Asia/Kolkata")


# By hand


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sungrow_devices SET timezone = 'Europe/Berlin' WHERE device_id = %s",
        "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, 'Europe/Berlin')"
        " ON CONFLICT (device_id) DO UPDATE SET timezone = excluded.timezone",
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_zone_is_not_changed_by_hand_while_days_hang_on_it(database, device, statement, known):
    if known:
        rows(database, "INSERT INTO sungrow_devices (device_id) VALUES (%s)", device)
    elif statement.startswith("UPDATE"):
        pytest.skip("there is no row to update")
    with pytest.raises(psycopg2.Error) as refused:
        rows(database, statement, device)
    hint = f"python -m server.rebuild --device {device} --timezone Europe/Berlin"
    assert hint in refused.value.diag.message_hint


def test_nor_by_deleting_the_facts_of_a_device(rebuild, database, device):
    rebuild("--device", device, "--timezone", "Europe/Berlin")
    with pytest.raises(psycopg2.Error, match="another zone"):
        rows(database, "DELETE FROM sungrow_devices WHERE device_id = %s", device)


def test_facts_may_change_and_a_zone_be_set_before_the_first_sample(database, device):
    rows(database, "INSERT INTO sungrow_devices (device_id) VALUES (%s)", device)
    rows(database, "UPDATE sungrow_devices SET model = 'x' WHERE device_id = %s", device)
    rows(database, "UPDATE sungrow_devices SET timezone = NULL WHERE device_id = %s", device)
    fresh = new_device()
    rows(database, "INSERT INTO sungrow_devices (device_id) VALUES (%s)", fresh)
    zone = "UPDATE sungrow_devices SET timezone = 'Asia/Kolkata' WHERE device_id = %s"
    rows(database, zone, fresh)


def test_the_sites_zone_is_not_changed_by_hand_either(database, device):
    with pytest.raises(psycopg2.Error) as refused:
        rows(database, "UPDATE sungrow_site SET timezone = 'Europe/Berlin'")
    assert "SITE_TIMEZONE=Europe/Berlin" in refused.value.diag.message_hint


# The command line


@pytest.mark.parametrize(
    "argv",
    [
        ("house",),
        ("--from", "yesterday"),
        ("--from", "2026-05-05T12:00:00Z", "--to", "2026-05-05T12:00:00Z"),
        ("--timezone", "Europe/Berlin"),
        ("--device", "house", "--timezone", "Mars/Phobos"),
        ("--device", "house", "--timezone", "UTC", "--from", "2026-05-05T12:00:00Z"),
    ],
)
def test_a_wrong_command_line_is_refused(rebuild, argv):
    status, out, err = rebuild(*argv)
    assert (status, out) == (2, [])
    assert "usage:" in err[0]


def test_an_unknown_device_is_named_with_those_that_are_known(rebuild, device):
    status, out, err = rebuild("--device", "nobody")
    assert (status, out, len(err)) == (1, [], 1)
    assert device in err[0]


def test_troubles_are_one_line(rebuild, empty_database_url):
    for env, expected in (
        ({"DATABASE_URL": None}, 78),
        ({"SITE_TIMEZONE": "Mars/Phobos"}, 78),
        ({"DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, 1),
        ({"DATABASE_URL": empty_database_url}, 1),
    ):
        status, out, err = rebuild(**env)
        assert (status, out, len(err)) == (expected, [], 1), env


# Compressed chunks


def test_compressed_samples_are_rebuilt_like_others(rebuild, database, device):
    only_on(database, "community")
    before = rollups(database, device)
    rows(database, "SELECT compress_chunk(c, true) FROM show_chunks('sungrow_samples') AS c")
    spoil(database, device)
    assert rebuild("--device", device)[0] == 0
    assert_same(rollups(database, device), before)
