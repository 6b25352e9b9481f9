"""Every query of ``sql/queries`` runs, and reaches by an index what grows, where there is much.

auto_explain shows the plans of the functions and triggers behind a query too.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest

from server.database.pool import SQL, Database, query
from tests.support import direct, plans
from tests.support.readings import connected, reading, rows, store, utc

NOON = utc("2026-05-05 12:00")
DAY = {"first": NOON, "end": NOON + timedelta(days=1)}
DAYS = {**DAY, "first_day": date(2026, 5, 5), "last_day": date(2026, 5, 6), "zone": "UTC"}
MONTH = date(2026, 5, 1)
# What each query is asked for here; what all of them may be asked for stands below.
ASKED = {
    "alerts-before": {"at": NOON},
    "alerts-channels": {},
    "alerts-count": {},
    "alerts-day": {**DAY, "day": date(2026, 5, 5)},
    "alerts-episodes": {"device_ids": ["house-7", "house-8"], "since": NOON},
    "alerts-faults": {"word": 13066, "bits": [14, 31], "value": None},
    "alerts-houses": {"device_ids": ["house-7", "house-8"], "now": NOON},
    "alerts-lost": {"device_ids": ["house-7", "house-8"], **DAY},
    "alerts-minutes": {
        "device_ids": ["house-7", "house-8"],
        **DAY,
        "known": NOON + timedelta(days=1000),
        "by_arrival": True,
    },
    "alerts-nights": {"starts": [NOON], "ends": [NOON + timedelta(hours=9)]},
    "alerts-p1-minutes": {
        "device_ids": ["house-7", "house-8"],
        **DAY,
        "known": NOON + timedelta(days=1000),
    },
    "alerts-quarters": {"device_ids": ["house-7", "house-8"], **DAY},
    "alerts-return": {"since": NOON, "until": NOON + timedelta(hours=1), "now": NOON},
    "alerts-run": {"now": NOON},
    "alerts-strings": {"slots": [NOON, NOON + timedelta(minutes=5)]},
    "alerts-deliveries": {},
    "alerts-list": {**DAY, "states": ["open", "closed"], "most": 100},
    "alerts-open": {"device_ids": ["house-7", "house-8"]},
    "alerts-doctor": {},
    "alerts-last-run": {},
    "alerts-silences": {"now": NOON},
    "battery-events": DAY,
    "battery-result": {},
    "completeness-days": {"first": date(2026, 5, 5), "last": date(2026, 5, 6)},
    "database-clock": {},
    "database-identity": {},
    "database-place": {},
    "database-system": {},
    "database-versions": {},
    "days-cut": {**DAYS, "days": [date(2026, 5, 5), date(2026, 5, 6)]},
    "days-next": DAY,
    "days-uncut": DAYS,
    "device-store": {"serial": "A1", "device_type_code": 3600, "model": "SH10RT"},
    "devices-condition": {"device_ids": ["house-7", "house-8"]},
    "devices-facts": {"device_ids": ["house-7", "house-8"]},
    "faults-list": {"first": NOON, "end": NOON + timedelta(days=30)},
    "faults-seen": {},
    "forgotten-ranges": {"first": NOON, "last": NOON},
    "gaps-list": DAY,
    "gaps-store": {"from_ts": NOON, "to_ts": NOON, "cause": "edge_down", "count": 3},
    "gaps-zone": {},
    "health": {},
    "house-days-cut": {**DAYS, "days": [date(2026, 5, 5), date(2026, 5, 6)]},
    "house-minutes": {**DAY, "keys": [NOON]},
    "house-days": {"first": MONTH, "end": date(2026, 6, 1), "keys": [MONTH]},
    "house-times": {**DAY, "keys": [NOON]},
    "envelope-day": DAY,
    "lock-unforgotten": {"first": NOON, "last": NOON},
    "nightly-battery-days": {"days": [date(2026, 5, 5)]},
    "nightly-battery-exposure": {},
    "nightly-battery-fine": {
        "margin": NOON - timedelta(hours=3),
        "hours_first": NOON,
        "hours_end": NOON + timedelta(days=1),
        "soc_edges": [0.0, 10.0, 50.0],
        "temp_edges": [-60.0, 5.0],
        "rate_edges": [0.0, 0.5],
        "rest_w": 20.0,
        "capacity_kwh": 9.6,
        "cells": 60,
    },
    "nightly-battery-settings": {},
    "nightly-battery-year": DAY,
    "nightly-roof-fine": DAY,
    "nightly-roof-settings": {},
    "nightly-days": {"job": "envelope", **DAY, "is_all": False},
    "nightly-done": {
        "job": "envelope",
        "days": [MONTH, date(2026, 5, 2)],
        "seen": [7, None],
        "has_run": True,
    },
    "nightly-means": {"starts": [NOON], "ends": [NOON + timedelta(days=20)]},
    "nightly-runs": {"device_ids": ["house-7", "house-8"], "jobs": ["envelope"]},
    "p1-condition": {"device_ids": ["house-7", "house-8"]},
    "p1-by-key": {"first": NOON, "last": NOON + timedelta(minutes=9), "ts": [NOON]},
    "p1-days-cut": {**DAYS, "days": [date(2026, 5, 5), date(2026, 5, 6)]},
    "p1-device": {},
    "p1-hours": DAY,
    "p1-month-peaks": {
        "starts": [utc("2026-05-01 00:00")],
        "ends": [utc("2026-06-01 00:00")],
        "zone": "Europe/Brussels",
        "latest": NOON,
    },
    "p1-newest": {"latest": NOON},
    "p1-quarters": DAY,
    "p1-running-quarter": {"latest": NOON},
    "p1-series-days": {"first": MONTH, "end": date(2026, 6, 1), "keys": [MONTH]},
    "p1-series-times": {**DAY, "keys": [NOON]},
    "p1_peaks-store": {"month": NOON, "peak_ts": NOON, "peak_w": 7359.0},
    "pairing-use": {"code_digest": b"\0" * 32},
    "parked-store": {"seq": 7, "ts": NOON, "reason": "conflict", "content": '{"a": 1}'},
    "referee-day": {**DAY, "lag_s": 7.5},
    "referee-device": {},
    "referee-marks": DAY,
    "reports-store": {"slot": NOON, "polled": 180, "failed": "{}", "waiting": 0, "clock": "synced"},
    "rollups-kept": {**DAYS, "shrink_first": NOON, "shrink_end": NOON},
    "roof-days": {"first": date(2026, 4, 20), "end": date(2026, 5, 5)},
    "roof-result": {},
    "sample-newest": {"latest": NOON},
    "samples-by-key": {"first": NOON, "last": NOON + timedelta(minutes=9), "ts": [NOON]},
    "samples-hours": DAY,
    "series-days": {"first": MONTH, "end": date(2026, 6, 1), "keys": [MONTH]},
    "series-details": {**DAY, "keys": [NOON]},
    "series-device": {},
    "series-minutes": {**DAY, "keys": [NOON]},
    "series-raw": {**DAY, "most": 100, "has_p1": True},
    "series-raw-count": {**DAY, "most": 100},
    "series-times": {**DAY, "keys": [NOON]},
    "silences-add": {"from_ts": NOON, "to_ts": NOON + timedelta(hours=1), "why": "a new roof"},
    "silences-end": {"id": 1, "now": NOON, "device_ids": ["house-7", "house-8"]},
    "states-list": DAY,
    "strings-seen": DAY,
    "strings-times": {**DAY, "keys": [NOON], "all": 2},
    "sun-place": {},
    "status-parked": {},
    "shade-bins": {"string": 1, "period": "all"},
    "status-polls": {"now": NOON},
    "status-report": {"now": NOON},
    "timescaledb-jobs": {},
    "zone-offsets": {"zone": "Europe/Berlin", "moments": [NOON]},
    "zones-stored": {"device_ids": ["house-7", "house-8"]},
}
ONLY_COMMUNITY = {"timescaledb-jobs"}
ALWAYS = {
    "device_id": "house-7",
    "kind": "sample",
    "timezone": "Australia/Adelaide",
    "boot": "00ff",
}
FACTS = (
    *("nominal_power_w", "firmware", "has_meter", "has_battery", "battery_capacity_kwh"),
    "edge_version",
)
OF_THE_EDGE = (
    *("spool_state", "spool_used_pct", "disk_free_mb", "ring_count", "thinned", "unsalvaged"),
    *("uptime_s", "restarts_24h", "last_poll_error", "last_upload_error", "cert_days"),
    *("throttled", "ip_failures", "upgrading"),
)
NULLS = dict.fromkeys((*FACTS, *OF_THE_EDGE, "oldest_unsent_ts", "parked", "since_ts"))
# What a query has to read to say anything, be it by a function or by a trigger.
READS = {
    "alerts-day": {"sungrow_5min", "sungrow_local_daily"},
    "alerts-episodes": {"sungrow_alerts"},
    "alerts-houses": {"sungrow_samples", "sungrow_reports", "sungrow_seqs", "sungrow_parked"},
    "alerts-list": {"sungrow_alerts"},
    "alerts-minutes": {"sungrow_samples"},
    "alerts-p1-minutes": {"p1_samples"},
    "alerts-quarters": {"sungrow_5min"},
    "alerts-return": {"sungrow_samples", "sungrow_reports"},
    "alerts-strings": {"sungrow_strings_5min"},
    "alerts-open": {"sungrow_alerts"},
    "battery-events": {"sungrow_battery_anchors", "sungrow_battery_windows"},
    "battery-result": {"sungrow_battery_results"},
    "completeness-days": {
        "sungrow_local_daily",
        "sungrow_seqs",
        "sungrow_reports",
        "sungrow_parked",
        "sungrow_devices",
    },
    "days-cut": {"sungrow_5min"},
    "days-next": {"sungrow_samples", "sungrow_5min", "sungrow_local_daily"},
    "days-uncut": {"sungrow_5min", "sungrow_local_daily"},
    "device-store": {"sungrow_inverters"},
    "devices-condition": {"sungrow_5min", "sungrow_reports", "sungrow_seqs"},
    "devices-facts": {"sungrow_devices", "sungrow_local_daily"},
    "faults-list": {"sungrow_fault_5min"},
    "faults-seen": {"sungrow_fault_5min"},
    "forgotten-ranges": {"sungrow_forgotten"},
    "gaps-list": {"sungrow_5min", "sungrow_samples", "sungrow_reports"},
    "house-days-cut": {"sungrow_house_5min"},
    "house-days": {"sungrow_local_daily", "sungrow_house_daily", "p1_local_daily"},
    "house-minutes": {"sungrow_samples", "p1_samples"},
    "house-times": {"sungrow_5min", "sungrow_house_5min", "p1_5min"},
    "envelope-day": {"sungrow_envelope"},
    "lock-unforgotten": {"sungrow_forgotten"},
    "nightly-battery-days": {"sungrow_local_daily"},
    "nightly-battery-exposure": {"sungrow_battery_hourly"},
    "nightly-battery-fine": {"sungrow_samples", "sungrow_5min", "sungrow_house_5min"},
    "nightly-battery-settings": {"sungrow_local_daily", "sungrow_battery_settings"},
    "nightly-battery-year": {"sungrow_5min", "sungrow_house_5min"},
    "nightly-roof-fine": {"sungrow_strings_5min", "sungrow_samples", "sungrow_5min"},
    "nightly-roof-settings": {"sungrow_local_daily", "sungrow_strings_5min", "sungrow_sites"},
    "nightly-days": {
        "sungrow_local_daily",
        "sungrow_house_daily",
        "sungrow_nightly",
        "sungrow_devices",
    },
    "nightly-done": {"sungrow_nightly"},
    "nightly-means": {"sungrow_5min"},
    "nightly-runs": {"sungrow_nightly_runs", "sungrow_5min"},
    "p1-condition": {"p1_5min", "sungrow_parked", "sungrow_seqs", "sungrow_reports"},
    "p1-days-cut": {"p1_5min"},
    "referee-day": {"sungrow_samples"},
    "referee-device": {"sungrow_devices"},
    "referee-marks": {"sungrow_samples"},
    "rollups-kept": {"sungrow_samples", "sungrow_5min", "sungrow_local_daily"},
    "roof-days": {"sungrow_roof_days"},
    "roof-result": {"sungrow_roof_results", "sungrow_sites", "sungrow_strings_5min"},
    "sample-newest": {"sungrow_samples", "sungrow_5min", "p1_5min"},
    "samples-by-key": {"sungrow_samples"},
    "samples-hours": {"sungrow_samples"},
    "series-days": {"sungrow_local_daily", "sungrow_5min", "sungrow_inverters", "sungrow_devices"},
    "series-details": {"sungrow_samples"},
    "series-minutes": {"sungrow_samples"},
    "series-raw": {"sungrow_samples", "p1_samples"},
    "series-raw-count": {"sungrow_samples"},
    "series-device": {"sungrow_devices", "sungrow_local_daily", "p1_local_daily"},
    "series-times": {"sungrow_5min", "sungrow_inverters", "sungrow_devices"},
    "shade-bins": {"sungrow_shade_bins"},
    "states-list": {"sungrow_samples"},
    "strings-seen": {"sungrow_strings_5min", "sungrow_site_strings"},
    "strings-times": {"sungrow_strings_5min"},
    "sun-place": {"sungrow_sites"},
    "status-parked": {"sungrow_parked"},
    "status-polls": {"sungrow_reports"},
    "status-report": {"sungrow_reports"},
    "zones-stored": {"sungrow_devices"},
}
# Tables that grow with time, and the columns by which an index may lead on from device_id.
KEYS = {
    "sungrow_samples": {"ts"},
    "sungrow_alerts": {"closed_at", "device_id"},
    "p1_samples": {"ts"},
    "p1_5min": {"bucket"},
    "p1_local_daily": {"bucket"},
    "p1_month_peaks": {"month", "device_id"},  # thirteen a house
    "sungrow_5min": {"bucket"},
    "sungrow_local_daily": {"bucket"},
    "sungrow_house_5min": {"bucket"},
    "sungrow_house_daily": {"bucket"},
    "sungrow_seqs": {"slot", "boot"},
    "sungrow_nightly": {"job"},
    "sungrow_nightly_runs": {"job"},
    "sungrow_envelope": {"day_of_year"},
    "sungrow_battery_hourly": {"bucket"},
    "sungrow_battery_days": {"day"},
    "sungrow_battery_anchors": {"ts", "kind"},
    "sungrow_battery_windows": {"from_ts"},
    "sungrow_battery_results": {"device_id"},  # and a row a device
    "sungrow_battery_settings": {"device_id"},
    "sungrow_roof_days": {"day"},
    "sungrow_shade_bins": {"string"},
    "sungrow_roof_results": {"device_id"},
    "sungrow_fault_5min": {"bucket"},
    "sungrow_strings_5min": {"bucket"},
    "sungrow_sites": {"device_id"},  # a row a house, of strings four at most
    "sungrow_site_strings": {"device_id"},
    "sungrow_reports": {"slot", "received_at"},
    "sungrow_gaps": {"from_ts"},
    "sungrow_parked": {"ts", "boot"},
    "sungrow_forgotten": {"from_ts"},
    "sungrow_devices": {"device_id"},  # these two grow with the devices alone
    "sungrow_inverters": {"device_id"},
}
# Of one device: compares its days, a row each; looks for the beginning of faults that may be old.
OF_ALL_DAYS = {"nightly-days", "faults-list"}
# Once a night, of a house: whether any day had a battery; its hours, a row each.
OF_ALL_DAYS |= {"nightly-battery-settings", "nightly-battery-exposure", "nightly-roof-settings"}
OF_ALL_DEVICES = {"alerts-houses"}  # looks for those that there are
CHUNK = "_hyper_"  # what TimescaleDB calls its pieces of a table
STANDS_STILL = {"sungrow_site", "sungrow_pairings", "sungrow_fault_codes"}
# A few messages a day, at most 20 a channel.
STANDS_STILL |= {"sungrow_alert_outbox", "sungrow_silences", "sungrow_alert_run"}


@pytest.fixture(scope="module")
def database(database_url):
    """A week of ten devices, three years of their days, and the facts of two thousand."""
    with connected(database_url) as connection:
        for statement in filling():
            rows(connection, statement)
        for table in ("sungrow_local_daily", "sungrow_house_daily", "p1_local_daily"):
            columns = ", ".join(table_columns(connection, table)[2:])
            rows(
                connection,
                f"INSERT INTO {table} (device_id, bucket, {columns}) "  # noqa: S608
                f"SELECT device_id, bucket - 366 - n, {columns} "
                f"FROM {table}, generate_series(0, 1092, 7) n",
            )
        rows(connection, "ANALYZE")
        yield connection


def filling() -> Iterator[str]:
    """Return statements that fill the tables in the order of time, as living devices do."""
    number, boot = "(extract(epoch FROM ts) / 300)::bigint", "to_char(ts, 'YYYYMMDD')"
    yield "INSERT INTO sungrow_devices SELECT 'house-' || n FROM generate_series(0, 1999) n"
    yield (
        "INSERT INTO sungrow_forgotten SELECT device_id, ts, ts + interval '1 hour'"
        "  FROM sungrow_devices, unnest(ARRAY[timestamptz '2026-01-01Z', '2026-05-01Z']) ts"
    )
    yield "INSERT INTO sungrow_inverters SELECT device_id, '-infinity', 'A1' FROM sungrow_devices"
    yield (
        "INSERT INTO p1_month_peaks SELECT device_id, month, month, 1 FROM sungrow_devices,"
        " generate_series(timestamptz '2025-05-01Z', '2026-05-01Z', '1 month') month"
    )
    yield (
        "INSERT INTO p1_samples (device_id, ts, power_w, energy_import_kwh)"
        " SELECT 'house-' || n, ts, 600, extract(epoch FROM ts) / 36000 FROM generate_series("
        "timestamptz '2026-05-04Z', '2026-05-06Z', '100 seconds') ts, generate_series(0, 9) n"
    )
    yield (
        "INSERT INTO sungrow_nightly SELECT 'envelope', 'house-' || n, date '2024-01-01' + day, 1"
        " FROM generate_series(0, 850) day, generate_series(0, 9) n"
    )
    yield (
        "INSERT INTO sungrow_alerts (device_id, rule, severity, state, since, opened_at,"
        " last_true_at, closed_at) SELECT 'house-' || n, 'no_data', 'critical', 'closed', ts, ts,"
        " ts, ts + interval '1 hour' FROM generate_series(timestamptz '2025-05-04Z', '2026-05-06Z',"
        " '6 hours') ts, generate_series(0, 9) n"
    )
    yield (
        "INSERT INTO sungrow_alerts (device_id, rule, severity, state, since, opened_at,"
        " last_true_at) SELECT device_id, 'backlog', 'warning', 'open', now(), now(), now()"
        "  FROM sungrow_devices"
    )
    yield "INSERT INTO sungrow_alert_run VALUES (true, now(), '{ntfy}')"
    yield "INSERT INTO sungrow_nightly_runs SELECT 'envelope', device_id FROM sungrow_devices"
    yield (
        "INSERT INTO sungrow_envelope SELECT 'house-' || n, day, slot, 1, 20 FROM"
        " generate_series(100, 150) day, generate_series(0, 287) slot, generate_series(0, 9) n"
    )
    yield (
        "INSERT INTO sungrow_battery_hourly SELECT 'house-' || n, ts, 3600, 0, 0, NULL, NULL, 0, 0,"
        " 0, 0, ARRAY[ROW(0, 5, 0, 0, 3600)::sungrow_battery_band] FROM generate_series("
        "timestamptz '2026-03-01Z', '2026-05-07Z', '1 hour') ts, generate_series(0, 9) n"
    )
    yield (
        "INSERT INTO sungrow_battery_days SELECT 'house-' || n, ts, '{}' FROM generate_series("
        "date '2024-05-01', '2026-05-07', '1 day') ts, generate_series(0, 9) n"
    )
    for table, values in (
        ("anchors", "'full', 'soc_100_tapered'"),
        ("windows", "'full_full', 0, 9, 8"),
    ):
        yield (
            f"INSERT INTO sungrow_battery_{table} SELECT 'house-' || n, ts, ts, {values}"  # noqa: S608
            " FROM generate_series(timestamptz '2024-05-01Z', '2026-05-07Z', '1 day') ts,"
            " generate_series(0, 9) n"
        )
    yield (
        "INSERT INTO sungrow_battery_results SELECT device_id, now(), '{}', '{}', true, true"
        "  FROM sungrow_devices"
    )
    yield "INSERT INTO sungrow_battery_settings (device_id) SELECT device_id FROM sungrow_devices"
    yield "INSERT INTO sungrow_sites SELECT device_id, 51.2, 4.4 FROM sungrow_devices"
    yield (
        "INSERT INTO sungrow_site_strings SELECT device_id, n, 35, 170, 3.2, 'East'"
        "  FROM sungrow_devices, generate_series(1, 2) n"
    )
    yield (
        "INSERT INTO sungrow_roof_results (device_id, result) SELECT device_id, '{}'"
        "  FROM sungrow_devices"
    )
    yield (
        "INSERT INTO sungrow_roof_days SELECT 'house-' || n, ts, '{}' FROM generate_series("
        "date '2024-05-01', '2026-05-07', '1 day') ts, generate_series(0, 9) n"
    )
    yield (
        "INSERT INTO sungrow_shade_bins (device_id, string, period, azimuth_deg, elevation_deg, n,"
        " days, state) SELECT 'house-' || n, string, 'all', azimuth, 10, 20, 5, 'clear'"
        " FROM generate_series(0, 355, 5) azimuth, generate_series(1, 2) string,"
        " generate_series(0, 9) n"
    )
    yield (
        "INSERT INTO sungrow_fault_5min SELECT 'house-' || n, ts, 13066, 16384, 60, ts, ts FROM"
        " generate_series(timestamptz '2026-03-01Z', '2026-05-07Z', '1 hour') ts,"
        " generate_series(0, 9) n"
    )
    # A counter that falls every other night makes those who ask look closely at its days.
    counter = "mod(extract(epoch FROM ts), 172800)"
    for table, step, values in (
        (
            "sungrow_samples (device_id, ts, pv_power_w, load_power_w, export_power_w,"
            " pv_total_kwh, inverter_power_w, boot, seq, mppt1_voltage_v, mppt1_current_a,"
            " mppt2_voltage_v, mppt2_current_a)",
            "5 minutes",
            f"ts, 1, 1, 0, {counter}, 1, {boot}, {number}, 300, 4, 300, 2",
        ),
        (
            "sungrow_seqs (device_id, slot, boot, seqs, received_at)",
            "15 minutes",
            f"ts - interval '68 days', {boot}, int8multirange(int8range(1, {number})), ts",
        ),
        (
            "sungrow_reports (device_id, slot, polled, boot, received_at)",
            "15 minutes",
            f"ts, 180, {boot}, ts",
        ),
        (
            "sungrow_gaps (device_id, from_ts, to_ts, cause)",
            "6 hours",
            "ts, ts + interval '1 hour', 'thinned'",
        ),
        (
            "sungrow_parked (device_id, ts, boot, seq, reason)",
            "6 hours",
            f"ts, {boot}, {number}, 'conflict'",
        ),
        (
            "sungrow_parked (device_id, ts, boot, seq, reason, kind)",
            "6 hours",
            f"ts, {boot}, {number}, 'conflict', 'p1'",
        ),
    ):
        first = "2026-05-01" if "_samples" in table else "2026-03-01"
        yield (
            f"INSERT INTO {table} SELECT 'house-' || n, {values}"  # noqa: S608
            f"  FROM generate_series(timestamptz '{first}Z', '2026-05-07 23:55Z', '{step}') ts,"
            "       generate_series(0, 9) n ORDER BY ts"
        )


def table_columns(connection, table: str) -> list[str]:
    statement = (
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped ORDER BY attnum"
    )
    return [row["attname"] for row in rows(connection, statement, table)]


def asking(name: str) -> Callable:
    """Return what runs a query of that name on a cursor."""
    asked = {**NULLS, **ALWAYS, **ASKED[name]}
    return lambda cursor: cursor.execute(query(name), asked)


def scans(node: dict, is_limited: bool = False) -> Iterator[tuple[str, dict, bool]]:
    """Return each node that reads a table of ours: its name, the node, whether a LIMIT ends it."""
    table = node.get("Relation Name", "")
    reads = node["Node Type"] != "ModifyTable" and not node["Node Type"].startswith("Custom")
    if reads and table.startswith(("sungrow_", "p1_", CHUNK)) and table not in STANDS_STILL:
        yield table, node, is_limited
    for child in node.get("Plans", ()):
        yield from scans(child, is_limited or node["Node Type"] == "Limit")


def reached_by(connection, name: str) -> list[tuple[str, dict, bool]]:
    told = plans.executed(connection, asking(name))
    assert told
    found = [scan for plan in told for scan in scans(plan["Plan"])]
    return [(table_of(connection, relation), node, limited) for relation, node, limited in found]


def table_of(connection, relation: str) -> str:
    """Return whose chunk it is, or the table itself."""
    if not relation.startswith(CHUNK):
        return relation
    chunks = "SELECT hypertable_name FROM timescaledb_information.chunks WHERE chunk_name = %s"
    [whose] = rows(connection, chunks, relation)
    return whose["hypertable_name"]


def test_every_query_has_a_case():
    assert sorted(ASKED) == sorted(path.stem for path in (SQL / "queries").glob("*.sql"))


@pytest.mark.parametrize("name", ASKED)
def test_it_reaches_what_grows_by_an_index_on_the_device_and_the_time(database, name):
    if name in ONLY_COMMUNITY and direct.edition(database) != "community":
        pytest.skip("this edition has no jobs")
    reached = set()
    for table, node, is_limited in reached_by(database, name):
        if table == "sungrow_devices" and name in OF_ALL_DEVICES:
            continue
        condition = node.get("Index Cond") or node.get("Recheck Cond", "")
        words = set(re.findall(r"\w+", condition))
        if name in OF_ALL_DEVICES and is_limited and node.get("Index Name") and not words:
            continue  # the first device of an index: PostgreSQL 17 needs no condition for it
        assert "device_id" in words, (table, node)
        # Where the index gives the order, the newest row alone is read.
        assert words & KEYS[table] or is_limited or name in OF_ALL_DAYS, (table, node)
        reached.add(table)
    assert reached >= READS.get(name, set())


def test_a_range_reads_only_the_chunks_that_it_touches(database):
    store(database, "house-7", [reading(NOON + timedelta(days=30 * n)) for n in range(12)])
    found = {node["Relation Name"] for _, node, _ in reached_by(database, "samples-by-key")}
    assert len(found) == 1


def test_the_servers_statements_are_not_compiled(database_url):
    with Database(database_url).transaction() as cursor:
        cursor.execute("SHOW jit")
        assert cursor.fetchone() == ("off",)
