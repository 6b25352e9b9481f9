"""The rollups and the views upon them, one thing at a time."""

import datetime as dt
import itertools
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from server.database import migrations
from tests.support import before
from tests.support.direct import VIEWS, assert_exact, edition, refresh, stored, view_columns
from tests.support.readings import connected, insert_by_hand, new_device, reading, rows, store, utc

pytestmark = pytest.mark.server

SITE = "Australia/Adelaide"
BERLIN = ("2026-03-29", "2026-10-25")  # days on which the clock changes


def device_in(database, zone: str) -> str:
    """Return a new device in that zone: its own, or the site's."""
    device_id = new_device()
    own = None if zone == SITE else zone
    insert = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, %s)"
    rows(database, insert, device_id, own)
    return device_id


def test_a_day_of_23_hours_is_covered_by_23_and_one_of_25_by_25(database):
    device_id = device_in(database, "Europe/Berlin")
    for text in BERLIN:
        start = utc(text) - timedelta(days=1)
        every = [reading(start + timedelta(hours=n), interval_s=3600.0) for n in range(72)]
        store(database, device_id, every)
    days = stored(database, "sungrow_local_daily", device_id)
    hours = {bucket.isoformat(): row["covered_s"] / 3600 for bucket, row in days.items()}
    assert hours["2026-03-29"] == 23
    assert hours["2026-10-25"] == 25


def test_the_devices_zone_comes_before_the_sites(database):
    ts = utc("2026-05-05 16:00")
    for zone, day in ((SITE, dt.date(2026, 5, 6)), ("UTC", dt.date(2026, 5, 5))):
        device_id = device_in(database, zone)
        store(database, device_id, [reading(ts)])
        assert list(stored(database, "sungrow_local_daily", device_id)) == [day]


def test_a_device_that_never_reported_facts_lives_in_the_sites_zone(database):
    device_id = new_device()
    store(database, device_id, [reading(utc("2026-05-05 16:00"))])
    assert list(stored(database, "sungrow_local_daily", device_id)) == [dt.date(2026, 5, 6)]


def test_a_zone_that_does_not_exist_is_refused_before_it_can_stop_a_sample(database):
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match="Mars/Phobos"):
        device_in(database, "Mars/Phobos")
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match="Mars/Phobos"):
        rows(database, "UPDATE sungrow_site SET timezone = 'Mars/Phobos'")


def test_a_duplicate_changes_nothing_not_even_with_other_values(database):
    device_id = new_device()
    first = [reading(utc("2026-05-05 12:00") + n * timedelta(seconds=5)) for n in range(10)]
    store(database, device_id, first)
    before = stored(database, "sungrow_5min", device_id)
    assert store(database, device_id, first) == 0
    assert store(database, device_id, [{**s, "pv_power_w": 9999.0} for s in first]) == 0
    assert stored(database, "sungrow_5min", device_id) == before
    assert_exact(database, device_id, SITE)


def test_a_batch_that_is_rolled_back_leaves_nothing(database):
    device_id = new_device()
    bad = [reading(utc("2026-05-05 12:00")), reading(utc("2026-05-05 12:05"), pv_power_w=None)]
    with pytest.raises(psycopg2.errors.NotNullViolation):
        store(database, device_id, bad)
    assert stored(database, "sungrow_5min", device_id) == {}
    assert stored(database, "sungrow_local_daily", device_id) == {}


def test_two_devices_share_a_statement_and_nothing_else(database):
    one, two = new_device(), new_device()
    ts = utc("2026-05-05 12:00")
    batch = [reading(ts + timedelta(seconds=n), device_id=(one, two)[n % 2]) for n in range(10)]
    insert_by_hand(database, batch)
    for device_id in (one, two):
        assert len(assert_exact(database, device_id, SITE)) == 5


def test_a_total_of_zero_is_no_counter(database):
    device_id = new_device()
    ts = utc("2026-05-05 12:00")
    values = [(None, None), (0.0, 0.0), (100.5, 0.0), (100.6, 7.1), (0.0, 7.2), (0.0, None)]
    for n, (pv, imported) in enumerate(values):
        fields = {"pv_total_kwh": pv, "total_import_kwh": imported}
        store(database, device_id, [reading(ts + timedelta(seconds=n), **fields)])
    row = stored(database, "sungrow_local_daily", device_id)[dt.date(2026, 5, 5)]
    assert row["counters_first"][:3] == (ts + timedelta(seconds=2), 100.5, None)
    assert row["counters_last"][:3] == (ts + timedelta(seconds=4), None, 7.2)


# A grid that nobody measured


def test_a_sample_with_one_of_load_and_export_counts_for_its_average_alone(database):
    device_id, ts = new_device(), utc("2026-05-05 12:00")
    measured = ((600.0, -300.0), (900.0, None), (None, 100.0), (None, None))
    samples = [
        reading(
            ts + timedelta(seconds=n),
            load_power_w=load,
            export_power_w=export,
            interval_s=60.0,
        )
        for n, (load, export) in enumerate(measured)
    ]
    store(database, device_id, samples)
    for table in ("sungrow_5min", "sungrow_local_daily"):
        (row,) = stored(database, table, device_id).values()
        assert (row["load_power_w_sum"], row["load_power_w_nulls"]) == (1500, 2)
        assert (row["export_power_w_sum"], row["export_power_w_nulls"]) == (-200, 2)
        assert (row["covered_s"], row["gridless_s"], row["flow_count"]) == (240, 180, 1)
        assert row["load_integral_kwh"] == pytest.approx(600 / 60_000)
        assert row["import_integral_kwh"] == pytest.approx(300 / 60_000)
        assert (row["export_integral_kwh"], row["pv_integral_kwh"]) == (0, pytest.approx(0.02))
    (hour,) = stored(database, "sungrow_hourly", device_id).values()
    assert (hour["avg_load_power_w"], hour["avg_export_power_w"]) == (750, -100)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_nobody_measured_is_null_until_somebody_does(database, order):
    device_id, ts = new_device(), utc("2026-05-05 12:00")
    nothing = {"load_power_w": None, "export_power_w": None}
    # The last of them has a battery whose direction is not known: its flows are 0 of the rest.
    kinds = (nothing, {}, {"battery_power_w": None})
    for number in order:
        store(database, device_id, [reading(ts + timedelta(seconds=number), **kinds[number])])
        assert_exact(database, device_id, SITE)


def test_rows_of_before_are_of_samples_that_had_both(databases):
    """Neither the file that knew of it nor the takeover writes one anew; later ones are added."""
    url = databases.empty()
    with connected(databases.migrated()) as connection:
        kind = edition(connection)
    before.make(url, kind, last=18)
    ts = utc("2025-03-05 10:00")
    with connected(url) as connection:
        fields = {"device_id": "house", "pv_total_kwh": 5.0}
        samples = [reading(ts + n * timedelta(minutes=2), **fields) for n in range(100)]
        insert_by_hand(connection, samples)
        if kind == "community":
            rows(connection, "SELECT compress_chunk(show_chunks('sungrow_samples'))")
        lain = files(connection)
        connection.commit()
        before.make(url, kind, first=19)
        assert list(migrations.migrate(url, "UTC"))
        assert files(connection) == lain
        assert_exact(connection, "house", "UTC")
        nothing = {"load_power_w": None, "export_power_w": None}
        late = [
            reading(ts + n * timedelta(minutes=2, seconds=1), **nothing) for n in range(1, 100, 3)
        ]
        store(connection, "house", late)
        assert len(assert_exact(connection, "house", "UTC")) == 133


def files(connection) -> list[dict]:
    """Return where the rows of samples and rollups lie; one that is written anew moves."""
    statement = (
        "SELECT relname, relfilenode FROM pg_class WHERE relkind = 'r' AND (relname ~"
        " '^sungrow_(samples|5min|local_daily)$' OR relname LIKE 'compress_hyper%' OR oid IN"
        " (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'sungrow_samples'::regclass))"
        " ORDER BY 1"
    )
    return rows(connection, statement)


def test_late_rows_go_into_a_compressed_chunk(database):
    if edition(database) != "community":
        pytest.skip("only the community edition compresses chunks")
    device_id = new_device()
    ts = utc("2025-02-03 12:00")
    store(database, device_id, [reading(ts + timedelta(seconds=10 * n)) for n in range(200)])
    compressed = rows(
        database,
        "SELECT compress_chunk(c, if_not_compressed => true) FROM show_chunks('sungrow_samples') c",
    )
    assert compressed
    late = [reading(ts + timedelta(seconds=10 * n + 5), pv_power_w=77.7) for n in range(200)]
    assert store(database, device_id, late) == 200
    assert store(database, device_id, late) == 0
    assert len(assert_exact(database, device_id, SITE)) == 400


# Hours, days and months UTC, for SQL and Grafana


COLUMNS = [
    ("device_id", "text"),
    ("bucket", "timestamp with time zone"),
    ("avg_pv_power_w", "double precision"),
    ("max_pv_power_w", "double precision"),
    ("avg_battery_power_w", "double precision"),
    ("avg_battery_soc_pct", "double precision"),
    ("avg_load_power_w", "double precision"),
    ("avg_export_power_w", "double precision"),
    ("sample_count", "bigint"),
]


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_a_view_has_the_same_columns_on_every_edition(database, view):
    found = rows(
        database,
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        view,
    )
    columns = [tuple(row.values()) for row in found]
    assert columns[: len(COLUMNS)] == COLUMNS
    assert [name for name, _ in columns[2:]] == list(
        view_columns([reading(utc("2026-01-01 00:00"))])
    )


def test_the_views_show_a_row_of_this_very_hour_at_once(database):
    device_id, now = new_device(), datetime.now(UTC)
    refresh(database)
    store(database, device_id, [reading(now)])
    for view in VIEWS:
        assert [row["sample_count"] for row in stored(database, view, device_id).values()] == [1]


def test_a_power_too_small_to_be_divided_is_stored_and_counts_as_0(database):
    device = new_device()
    tiny = dict.fromkeys(
        ("pv_power_w", "battery_power_w", "battery_soc_pct", "load_power_w", "export_power_w"),
        5e-324,
    )
    store(database, device, [reading(utc("2026-06-01 12:00"), **tiny)])
    [bucket] = rows(database, "SELECT * FROM sungrow_5min WHERE device_id = %s", device)
    [sample] = rows(database, "SELECT * FROM sungrow_samples WHERE device_id = %s", device)
    assert (bucket["pv_power_w_sum"], bucket["pv_integral_kwh"]) == (0, 0)
    assert sample["pv_power_w"] == 5e-324


def test_rows_that_grow_with_each_upload_lie_densely(databases):
    start, page_bytes = utc("2026-05-05 16:00"), 8192
    with connected(databases.migrated()) as connection:
        for number in range(30 * 16):  # the uploads of 16 times five minutes
            store(connection, "home", [reading(start + number * timedelta(seconds=10))])
        (size,) = rows(
            connection, "SELECT pg_relation_size('sungrow_5min') / %s AS pages", page_bytes
        )
        assert size["pages"] <= 3  # 16 rows of half a kilobyte each are one page
