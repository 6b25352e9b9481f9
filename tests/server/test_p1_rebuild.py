"""Forgetting, rebuilding and another zone: all of them act on the grid meter's readings too."""

from datetime import timedelta

import psycopg2
import pytest

from server import forget, rebuild
from server.database import deletions
from tests.support.commands import assert_same, rollup, runner
from tests.support.p1 import Meter, assert_p1_exact, store_p1
from tests.support.readings import connected, new_device, reading, rows, store, utc

ZONE = "Europe/Brussels"
START = utc("2026-05-04 20:10")  # midnight is at 22:00
TABLES = ("p1_5min", "p1_local_daily", "sungrow_seqs")


@pytest.fixture(scope="module")
def url(databases) -> str:
    return databases.migrated(ZONE)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path, url):
    """Run ``server.rebuild`` or ``server.forget`` on the database."""

    def command(module, *argv: str, **env: str) -> tuple[int, list[str], list[str]]:
        run = runner(module.main, monkeypatch, capsys, tmp_path)
        needed = {"DEVICE_TOKENS": "a:b", "SITE_TIMEZONE": ZONE} if module is forget else {}
        return run(*argv, **{"DATABASE_URL": url} | needed | env)

    return command


def numbered(hours: float, step_s: int = 30) -> list[dict]:
    readings = Meter(START, step_s=step_s).readings(hours)
    return [{**one, "boot": "ab", "seq": number} for number, one in enumerate(readings)]


def kept(database, device_id: str) -> dict[str, list[dict]]:
    return {table: rollup(database, table, device_id) for table in TABLES}


@pytest.mark.parametrize("until", ["2026-05-04 22:00", "2026-05-05 03:00", "2026-05-06 22:00"])
def test_a_rebuild_of_untouched_readings_changes_nothing(database, run, until):
    device_id = new_device()
    store_p1(database, device_id, numbered(40))
    store(database, device_id, [reading(START, boot="ab", seq=1)])
    before = kept(database, device_id)
    status, out, _ = run(rebuild, "--device", device_id, "--to", f"{until}:00Z".replace(" ", "T"))
    assert status == 0
    assert [line.split()[-2:] for line in out] == [["1", "samples"], ["P1", "readings"]]
    assert_same(kept(database, device_id), before)
    assert_p1_exact(database, device_id, ZONE)


def test_a_rebuild_makes_what_the_triggers_would_have_made(database, run):
    device_id, readings = new_device(), numbered(40)
    store_p1(database, device_id, readings)
    before = kept(database, device_id)
    for table in TABLES:
        rows(database, f"DELETE FROM {table} WHERE device_id = %s", device_id)  # noqa: S608
    assert run(rebuild, "--device", device_id)[0] == 0
    assert_same(kept(database, device_id), before)


def test_a_correction_by_hand_is_followed(database, run):
    device_id = new_device()
    store_p1(database, device_id, numbered(40))
    rows(
        database,
        "UPDATE p1_samples SET power_w = 5 WHERE device_id = %s AND ts < %s",
        device_id,
        START + timedelta(hours=3),
    )
    assert run(rebuild, "--device", device_id)[0] == 0
    assert_p1_exact(database, device_id, ZONE)


def test_rollups_whose_readings_are_gone_are_kept(database, run):
    device_id = new_device()
    store_p1(database, device_id, numbered(40))
    before = kept(database, device_id)
    gone = "DELETE FROM p1_samples WHERE device_id = %s AND ts < %s"
    rows(database, gone, device_id, START + timedelta(hours=20))
    status, _, err = run(rebuild, "--device", device_id)
    assert status == 0
    assert "kept as they were" in err[0]
    assert_same(kept(database, device_id), before)


@pytest.mark.parametrize(
    ("first", "end"),
    [
        (timedelta(hours=1), timedelta(hours=1, minutes=50)),  # to the midnight
        (timedelta(0), timedelta(hours=1, minutes=50, seconds=10)),
        (timedelta(hours=5), timedelta(hours=5, seconds=50)),
        (timedelta(hours=1, minutes=49), timedelta(hours=30)),
        (timedelta(0), timedelta(days=9)),
    ],
)
def test_what_is_forgotten_leaves_the_rollups_of_the_rest(database, first, end):
    device_id, readings = new_device(), numbered(40)
    store_p1(database, device_id, readings)
    store(database, device_id, [reading(START + timedelta(hours=2), boot="ab", seq=1)])
    other = new_device()
    store_p1(database, other, readings)
    with database, database.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
        deleted = deletions.forget(cursor, device_id, START + first, START + end)
    left = assert_p1_exact(database, device_id, ZONE)
    assert deleted.p1 == len(readings) - len(left) > 0
    assert store_p1(database, device_id, readings) == 0  # none of them comes back
    assert len(assert_p1_exact(database, other, ZONE)) == len(readings)
    (of_p1,) = rows(
        database,
        "SELECT coalesce(sum(upper(r) - lower(r)), 0) AS n FROM sungrow_seqs, unnest(seqs) AS r"
        " WHERE device_id = %s AND kind = 'p1'",
        device_id,
    )
    assert of_p1["n"] == len(left)


def test_forget_tells_of_p1_readings_and_forgets_peaks(database, run):
    device_id = new_device()
    store_p1(database, device_id, numbered(1))
    peak = "INSERT INTO p1_month_peaks VALUES (%s, %s, %s, 4000)"
    for month in (START + timedelta(minutes=1), START - timedelta(days=60)):
        rows(database, peak, device_id, month, month)
    status, out, _ = run(forget, device_id, "--from", "2026-05-04T00:00:00Z", "--yes")
    assert status == 0
    assert out[0].startswith(f"forgot 0 samples and 120 P1 readings of {device_id} from ")
    left = rows(database, "SELECT month FROM p1_month_peaks WHERE device_id = %s", device_id)
    assert [row["month"] for row in left] == [START - timedelta(days=60)]


def test_a_house_that_has_a_meter_alone_is_known_to_both_commands(database, run):
    device_id = new_device()
    store_p1(database, device_id, numbered(1))
    assert device_id in " ".join(run(rebuild)[1])
    assert run(forget, device_id, "--dry-run")[0] == 0


def test_another_zone_cuts_its_days_again(database, run):
    device_id = new_device()
    store_p1(database, device_id, numbered(40))
    by_hand = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, 'Asia/Kolkata')"
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="another zone"):
        rows(database, by_hand, device_id)
    status, out, _ = run(rebuild, "--device", device_id, "--timezone", "Asia/Kolkata")
    assert (status, out) == (0, [f"{device_id}: Asia/Kolkata, 2 days"])
    assert_p1_exact(database, device_id, "Asia/Kolkata")


def test_another_zone_of_the_site_cuts_the_days_of_meters_too(databases, run):
    url = databases.migrated(ZONE)
    with connected(url) as connection:
        store_p1(connection, "house", numbered(40))
        with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match=ZONE):
            rows(connection, "UPDATE sungrow_site SET timezone = 'Asia/Kathmandu'")
        status, out, _ = run(rebuild, DATABASE_URL=url, SITE_TIMEZONE="Asia/Kathmandu")
        assert (status, out) == (0, [f"site: {ZONE} -> Asia/Kathmandu", "house: 2 days"])
        assert_p1_exact(connection, "house", "Asia/Kathmandu")
