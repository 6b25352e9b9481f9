"""The rollups against a direct computation from the raw rows, column by column."""

import datetime as dt
import math
import random
import threading
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.readings import connected, flows, new_device, reading, rows, store, utc

SITE = "Australia/Adelaide"
# Days on which the clock changes, and one in the zones where it never does.
DAYS = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "Asia/Kolkata": ("2026-01-01",),
    "Asia/Kathmandu": ("2026-02-28",),
    "Australia/Adelaide": ("2026-04-05", "2026-10-04"),
    "America/St_Johns": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "America/Havana": ("2024-03-10", "2024-11-03"),  # at midnight: one is missing, one comes twice
    "UTC": ("2026-06-30",),
}
COUNTERS = (
    "pv_total_kwh",
    "total_import_kwh",
    "total_export_kwh",
    "battery_total_charge_kwh",
    "battery_total_discharge_kwh",
)
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture(scope="module")
def database(databases):
    with connected(databases.migrated(SITE)) as connection:
        yield connection


# The direct computation


def total(values) -> object:
    """Give what a sum has to be, to 1e-9 relative to what went into it."""
    values = list(values)
    slack = 1e-9 * math.fsum(map(abs, values))
    return pytest.approx(math.fsum(values), rel=0, abs=slack + 1e-15)


def known(samples: list[dict], field: str) -> list[float]:
    return [s[field] for s in samples if s[field] is not None]


def kwh(samples: list[dict], power_w) -> object:
    return total(power_w(s) * s["interval_s"] / 3_600_000 for s in samples)


def counters(samples: list[dict], choose) -> tuple | None:
    with_any = [s for s in samples if any(s[name] for name in COUNTERS)]
    if not with_any:
        return None
    sample = choose(with_any, key=lambda s: s["ts"])
    return (sample["ts"], *(sample[name] or None for name in COUNTERS))


def expected(samples: list[dict]) -> dict:
    """Give every column of a rollup but its key, from the raw rows of its bucket."""
    row = {
        "sample_count": len(samples),
        "covered_s": total(s["interval_s"] for s in samples),
        "first_ts": min(s["ts"] for s in samples),
        "last_ts": max(s["ts"] for s in samples),
        "counters_first": counters(samples, min),
        "counters_last": counters(samples, max),
        "pv_integral_kwh": kwh(samples, lambda s: s["pv_power_w"]),
        "load_integral_kwh": kwh(samples, lambda s: s["load_power_w"]),
        "import_integral_kwh": kwh(samples, lambda s: max(-s["export_power_w"], 0)),
        "export_integral_kwh": kwh(samples, lambda s: max(s["export_power_w"], 0)),
        "battery_charge_integral_kwh": kwh(samples, lambda s: max(s["battery_power_w"] or 0, 0)),
        "battery_discharge_integral_kwh": kwh(
            samples, lambda s: max(-(s["battery_power_w"] or 0), 0)
        ),
    }
    for field in ("pv_power_w", "load_power_w", "export_power_w"):
        row |= spread(field, [s[field] for s in samples])
    for field in ("battery_power_w", "battery_soc_pct"):
        values = known(samples, field)
        row |= {f"{field}_count": len(values), **spread(field, values)}
    return row | flow_columns(samples)


def spread(field: str, values: list[float]) -> dict:
    return {
        f"{field}_sum": total(values),
        f"{field}_min": min(values, default=None),
        f"{field}_max": max(values, default=None),
    }


def flow_columns(samples: list[dict]) -> dict:
    # A state of charge without a power: there is a battery, and its direction is not known.
    decided = [
        s for s in samples if s["battery_power_w"] is not None or s["battery_soc_pct"] is None
    ]
    split = [
        (
            flows(
                s["pv_power_w"], s["battery_power_w"] or 0, s["load_power_w"], s["export_power_w"]
            ),
            sum(abs(s[n] or 0) for n in ("pv_power_w", "battery_power_w", "export_power_w"))
            + abs(s["load_power_w"]),
            s["interval_s"] / 3_600_000,
        )
        for s in decided
    ]
    size = math.fsum(power * hours for _, power, hours in split)
    row = {"flow_count": len(decided)}
    for name in flows(0, 0, 0, 0):
        value = math.fsum(flow[name] * hours for flow, _, hours in split)
        row[f"{name.removesuffix('_w')}_kwh"] = pytest.approx(value, rel=0, abs=1e-9 * size + 1e-15)
    return row


def group(samples: list[dict], bucket_of) -> dict:
    groups = defaultdict(list)
    for sample in samples:
        groups[bucket_of(sample["ts"])].append(sample)
    return {bucket: expected(group) for bucket, group in groups.items()}


def five_minutes(ts: datetime) -> datetime:
    return datetime.fromtimestamp(ts.timestamp() // 300 * 300, UTC)


def rollup(database, table: str, device_id: str) -> dict:
    statement = f"SELECT * FROM {table} WHERE device_id = %s"  # noqa: S608 - our own names
    found = rows(database, statement, device_id)
    for row in found:
        del row["device_id"]
    return {row.pop("bucket"): row for row in found}


def assert_exact(database, device_id: str, zone: str) -> list[dict]:
    """Compare both rollups of a device with its raw rows; give these."""
    raw = rows(database, "SELECT * FROM sungrow_samples WHERE device_id = %s", device_id)
    local = ZoneInfo(zone)
    assert rollup(database, "sungrow_5min", device_id) == group(raw, five_minutes)
    days = group(raw, lambda ts: ts.astimezone(local).date())
    assert rollup(database, "sungrow_local_daily", device_id) == days
    return raw


def device_in(database, zone: str) -> str:
    """Give a new device in that zone: its own, or the site's."""
    device_id = new_device()
    own = None if zone == SITE else zone
    insert = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, %s)"
    rows(database, insert, device_id, own)
    return device_id


# Any samples, in any order


def tenths(low: int, high: int):
    return st.integers(low * 10, high * 10).map(lambda n: n / 10)


def power(low: int, high: int):
    # Below 1e-300 W the rollups say 0: a test of its own.
    floats = st.floats(low, high).map(lambda power_w: power_w if abs(power_w) > 1e-300 else 0.0)
    return st.one_of(st.just(0.0), tenths(low, high), floats)


COUNTER = st.one_of(st.none(), st.just(0.0), tenths(1, 10**8))
FIELDS = {
    "pv_power_w": power(0, 200_000),
    "load_power_w": power(-400_000, 400_000),
    "export_power_w": power(-400_000, 400_000),
    "battery_power_w": st.one_of(st.none(), power(-200_000, 200_000)),
    "battery_soc_pct": st.one_of(st.none(), tenths(0, 100)),
    "interval_s": st.one_of(st.sampled_from((5.0, 60.0, 3600.0)), st.floats(1, 3600)),
    **dict.fromkeys(COUNTERS, COUNTER),
}
# Minutes from local midnight, just before and after it and the edges of buckets, or anywhere.
OFFSETS_US = st.one_of(
    st.builds(
        lambda minutes, us: minutes * 60_000_000 + us,
        st.sampled_from((0, 5, 60, 120, 150, 180, 1435, 1440, -5, -60)),
        st.sampled_from((-1, 0, 1, 123_456)),
    ),
    st.integers(-36 * 3_600_000_000, 60 * 3_600_000_000),
)


@st.composite
def deliveries(draw):
    """Give a zone, and batches of samples there: late by up to 400 days, some sent twice."""
    zone = draw(st.sampled_from(sorted(DAYS)))
    first = draw(st.sampled_from(DAYS[zone]))
    midnight = datetime.fromisoformat(first).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    moment = st.builds(
        lambda us, days: midnight + timedelta(microseconds=us) - timedelta(days=days),
        OFFSETS_US,
        st.sampled_from((0, 0, 0, 1, 400)),
    )
    sample = st.builds(
        lambda ts, fields: reading(ts, **fields), moment, st.fixed_dictionaries(FIELDS)
    )
    batches = draw(st.lists(st.lists(sample, min_size=1, max_size=8), min_size=1, max_size=5))
    again = draw(st.lists(st.sampled_from(batches), max_size=2))
    return zone, batches + again


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(deliveries())
def test_every_column_equals_a_direct_computation(database, delivery):
    zone, batches = delivery
    device_id = device_in(database, zone)
    stored = sum(store(database, device_id, batch) for batch in batches)
    raw = assert_exact(database, device_id, zone)
    assert len(raw) == stored == len({s["ts"] for batch in batches for s in batch})


# One thing at a time


@pytest.mark.parametrize("zone", sorted(DAYS))
def test_each_local_day_has_its_own_samples_across_a_change_of_the_clock(database, zone):
    device_id = device_in(database, zone)
    for text in DAYS[zone]:
        noon = datetime.fromisoformat(text).replace(hour=12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        every = range(-40 * 12, 40 * 12)
        store(
            database, device_id, [reading(noon + n * FIVE_MINUTES, interval_s=300.0) for n in every]
        )
    assert_exact(database, device_id, zone)


def test_a_day_of_23_hours_is_covered_by_23_and_one_of_25_by_25(database):
    device_id = device_in(database, "Europe/Berlin")
    for text in DAYS["Europe/Berlin"]:
        start = utc(text) - timedelta(days=1)
        every = [reading(start + timedelta(hours=n), interval_s=3600.0) for n in range(72)]
        store(database, device_id, every)
    days = rollup(database, "sungrow_local_daily", device_id)
    hours = {bucket.isoformat(): row["covered_s"] / 3600 for bucket, row in days.items()}
    assert hours["2026-03-29"] == 23
    assert hours["2026-10-25"] == 25


def test_the_devices_zone_comes_before_the_sites(database):
    ts = utc("2026-05-05 16:00")
    for zone, day in ((SITE, dt.date(2026, 5, 6)), ("UTC", dt.date(2026, 5, 5))):
        device_id = device_in(database, zone)
        store(database, device_id, [reading(ts)])
        assert list(rollup(database, "sungrow_local_daily", device_id)) == [day]


def test_a_device_that_never_reported_facts_lives_in_the_sites_zone(database):
    device_id = new_device()
    store(database, device_id, [reading(utc("2026-05-05 16:00"))])
    assert list(rollup(database, "sungrow_local_daily", device_id)) == [dt.date(2026, 5, 6)]


def test_a_zone_that_does_not_exist_is_refused_before_it_can_stop_a_sample(database):
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match="Mars/Phobos"):
        device_in(database, "Mars/Phobos")
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match="Mars/Phobos"):
        rows(database, "UPDATE sungrow_site SET timezone = 'Mars/Phobos'")


def test_a_duplicate_changes_nothing_not_even_with_other_values(database):
    device_id = new_device()
    first = [reading(utc("2026-05-05 12:00") + n * timedelta(seconds=5)) for n in range(10)]
    store(database, device_id, first)
    before = rollup(database, "sungrow_5min", device_id)
    assert store(database, device_id, first) == 0
    assert store(database, device_id, [{**s, "pv_power_w": 9999.0} for s in first]) == 0
    assert rollup(database, "sungrow_5min", device_id) == before
    assert_exact(database, device_id, SITE)


def test_a_batch_that_is_rolled_back_leaves_nothing(database):
    device_id = new_device()
    bad = [reading(utc("2026-05-05 12:00")), reading(utc("2026-05-05 12:05"), load_power_w=None)]
    with pytest.raises(psycopg2.errors.NotNullViolation):
        store(database, device_id, bad)
    assert rollup(database, "sungrow_5min", device_id) == {}
    assert rollup(database, "sungrow_local_daily", device_id) == {}


def test_two_devices_share_a_batch_and_nothing_else(database):
    one, two = new_device(), new_device()
    ts = utc("2026-05-05 12:00")
    batch = [reading(ts + timedelta(seconds=n), device_id=(one, two)[n % 2]) for n in range(10)]
    store(database, "overridden", batch)
    for device_id in (one, two):
        assert len(assert_exact(database, device_id, SITE)) == 5


def test_a_total_of_zero_is_no_counter(database):
    device_id = new_device()
    ts = utc("2026-05-05 12:00")
    values = [(None, None), (0.0, 0.0), (100.5, 0.0), (100.6, 7.1), (0.0, 7.2), (0.0, None)]
    for n, (pv, imported) in enumerate(values):
        fields = {"pv_total_kwh": pv, "total_import_kwh": imported}
        store(database, device_id, [reading(ts + timedelta(seconds=n), **fields)])
    row = rollup(database, "sungrow_local_daily", device_id)[dt.date(2026, 5, 5)]
    assert row["counters_first"][:3] == (ts + timedelta(seconds=2), 100.5, None)
    assert row["counters_last"][:3] == (ts + timedelta(seconds=4), None, 7.2)


@pytest.mark.parametrize("lateness_days", [0, 400])
def test_writers_at_the_same_time_lose_nothing_and_never_deadlock(database, lateness_days):
    device_id = device_in(database, "Europe/Berlin")
    start = utc("2026-10-24 23:40") - timedelta(days=lateness_days)
    chance = random.Random(lateness_days)
    samples = [
        reading(
            start + timedelta(seconds=5 * n),
            pv_power_w=chance.randrange(9000) / 10,
            battery_power_w=chance.choice((None, -250.5, 1000.0)),
            pv_total_kwh=1000 + n / 10,
        )
        for n in range(900)
    ]
    shares = [chance.sample(samples, 600) for _ in range(4)]
    together, errors = threading.Barrier(len(shares)), []

    def deliver(share: list[dict]) -> None:
        try:
            with connected(database.dsn) as connection:
                together.wait(10)
                for n in range(0, len(share), 50):
                    store(connection, device_id, share[n : n + 50])
        except psycopg2.Error as error:
            errors.append(error)

    threads = [threading.Thread(target=deliver, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    raw = assert_exact(database, device_id, "Europe/Berlin")
    assert {s["ts"] for s in raw} == {s["ts"] for share in shares for s in share}


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
UNITS = {
    "sungrow_hourly": {"minute": 0},
    "sungrow_daily": {"minute": 0, "hour": 0},
    "sungrow_monthly": {"minute": 0, "hour": 0, "day": 1},
}


def edition(database) -> str:
    statement = "SELECT edition FROM schema_migrations LIMIT 1"
    return rows(database, statement)[0]["edition"]


def refresh(database) -> None:
    """Bring the continuous aggregates of the community edition up to date, as their policy does."""
    if edition(database) != "community":
        return
    database.autocommit = True
    with database.cursor() as cursor:
        for name in ("sungrow_hourly", "sungrow_daily"):
            cursor.execute(
                f"CALL refresh_continuous_aggregate('{name}', NULL, now() - interval '1 day')"
            )
    database.autocommit = False


def mean(values: list[float]) -> object:
    return pytest.approx(math.fsum(values) / len(values), rel=1e-9) if values else None


def utc_columns(samples: list[dict]) -> dict:
    return {
        "avg_pv_power_w": mean(known(samples, "pv_power_w")),
        "max_pv_power_w": max(known(samples, "pv_power_w")),
        "avg_battery_power_w": mean(known(samples, "battery_power_w")),
        "avg_battery_soc_pct": mean(known(samples, "battery_soc_pct")),
        "avg_load_power_w": mean(known(samples, "load_power_w")),
        "avg_export_power_w": mean(known(samples, "export_power_w")),
        "sample_count": len(samples),
        "pv_power_w_sum": total(known(samples, "pv_power_w")),
        "battery_power_w_sum": total(known(samples, "battery_power_w")),
        "battery_power_w_count": len(known(samples, "battery_power_w")),
        "battery_soc_pct_sum": total(known(samples, "battery_soc_pct")),
        "battery_soc_pct_count": len(known(samples, "battery_soc_pct")),
        "load_power_w_sum": total(known(samples, "load_power_w")),
        "export_power_w_sum": total(known(samples, "export_power_w")),
    }


@pytest.mark.parametrize("view", sorted(UNITS))
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
        utc_columns([reading(utc("2026-01-01 00:00"))])
    )


def test_hours_days_and_months_utc_equal_a_direct_computation(database):
    device_id, chance = new_device(), random.Random(5)
    start = utc("2026-01-30 21:00")
    moments = [start + timedelta(minutes=7 * n) for n in range(900)]
    samples = [
        reading(
            ts,
            pv_power_w=chance.randrange(90_000) / 10,
            battery_power_w=chance.choice((None, -250.5, 1000.0)) if ts.hour != 3 else None,
            battery_soc_pct=chance.choice((None, 12.5, 99.9)) if ts.hour != 3 else None,
            export_power_w=chance.uniform(-3000, 3000),
        )
        for ts in moments
    ]
    chance.shuffle(samples)
    store(database, device_id, samples[:500])
    refresh(database)
    store(database, device_id, samples[500:])  # late: among rows that are refreshed already
    refresh(database)
    for view, start_of in UNITS.items():
        groups = defaultdict(list)
        for sample in samples:
            groups[sample["ts"].replace(second=0, microsecond=0, **start_of)].append(sample)
        found = rollup(database, view, device_id)
        assert found == {bucket: utc_columns(group) for bucket, group in groups.items()}


def test_the_views_show_a_row_of_this_very_hour_at_once(database):
    device_id, now = new_device(), datetime.now(UTC)
    refresh(database)
    store(database, device_id, [reading(now)])
    for view in UNITS:
        assert [row["sample_count"] for row in rollup(database, view, device_id).values()] == [1]


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
