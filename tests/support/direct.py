"""Rollups and buckets computed in plain Python from the raw rows, to compare the database with."""

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import psycopg2
import pytest

from server.sandbox import wait_until
from tests.support.local_time import clock_hour
from tests.support.readings import flows, rows

FIVE_MINUTES = timedelta(minutes=5)
COUNTERS = (
    "pv_total_kwh",
    "total_import_kwh",
    "total_export_kwh",
    "battery_total_charge_kwh",
    "battery_total_discharge_kwh",
)
VIEWS = {
    "sungrow_hourly": {"minute": 0},
    "sungrow_daily": {"minute": 0, "hour": 0},
    "sungrow_monthly": {"minute": 0, "hour": 0, "day": 1},
}
# How the start of a bucket of /v1/series is told from the one before it.
KEY_OF = {
    "1m": lambda ts, _: ts.replace(second=0, microsecond=0),
    "5m": lambda ts, _: ts.replace(minute=ts.minute // 5 * 5, second=0, microsecond=0),
    "15m": lambda ts, _: ts.replace(minute=ts.minute // 15 * 15, second=0, microsecond=0),
    "1h": clock_hour,
    "1d": lambda ts, local: ts.astimezone(local).date(),
    "1mo": lambda ts, local: ts.astimezone(local).date().replace(day=1),
}


_flows = cache(flows)  # a sample is in buckets of many widths


# Numbers


def total(values) -> object:
    """Return what a sum has to be, to 1e-9 relative to what went into it."""
    values = list(values)
    slack = 1e-9 * math.fsum(map(abs, values))
    return pytest.approx(math.fsum(values), rel=0, abs=slack + 1e-15)


def mean(values: list[float]) -> object:
    """Return what an average has to be, as for ``total``; None of nothing."""
    if not values:
        return None
    slack = 1e-9 * math.fsum(map(abs, values)) / len(values)
    return pytest.approx(math.fsum(values) / len(values), rel=0, abs=slack + 1e-300)


def known(samples: list[dict], field: str) -> list[float]:
    return [s[field] for s in samples if s[field] is not None]


def total_or_none(values: list[float]) -> object:
    return total(values) if values else None


def with_grid(samples: list[dict]) -> list[dict]:
    """Return those whose grid was measured: energies and flows are of these."""
    return [s for s in samples if None not in (s["load_power_w"], s["export_power_w"])]


def with_direction(samples: list[dict]) -> list[dict]:
    """Return those of which it is known what a battery did: where there is none, nothing."""
    # A state of charge without a power: there is a battery, and its direction is not known.
    return [s for s in samples if s["battery_power_w"] is not None or s["battery_soc_pct"] is None]


def covered_s(samples: list[dict]) -> float:
    return math.fsum(s["interval_s"] for s in samples)


def kwh(samples: list[dict], power_w) -> object:
    return total_or_none([power_w(s) * s["interval_s"] / 3_600_000 for s in samples])


def integrals(samples: list[dict]) -> dict[str, object]:
    grid = with_grid(samples)
    return {
        "pv": kwh(samples, lambda s: s["pv_power_w"]),
        "load": kwh(grid, lambda s: s["load_power_w"]),
        "import": kwh(grid, lambda s: max(-s["export_power_w"], 0)),
        "export": kwh(grid, lambda s: max(s["export_power_w"], 0)),
        "battery_charge": kwh(samples, lambda s: max(s["battery_power_w"] or 0, 0)),
        "battery_discharge": kwh(samples, lambda s: max(-(s["battery_power_w"] or 0), 0)),
    }


def split(samples: list[dict]) -> list[dict]:
    """Return where the energy of each sample went, kWh; ``size`` is all that was measured of it."""
    found = []
    for s in with_direction(with_grid(samples)):
        battery, hours = s["battery_power_w"] or 0, s["interval_s"] / 3_600_000
        powers = (s["pv_power_w"], battery, s["load_power_w"], s["export_power_w"])
        flow = {f"{name.removesuffix('_w')}_kwh": w * hours for name, w in _flows(*powers).items()}
        found.append({**flow, "size": math.fsum(map(abs, powers)) * hours})
    return found


def flow_columns(samples: list[dict]) -> dict[str, object]:
    parts = split(samples)
    slack = 1e-9 * math.fsum(part["size"] for part in parts) + 1e-15
    names = [f"{name.removesuffix('_w')}_kwh" for name in flows(0, 0, 0, 0)]
    if not with_grid(samples):
        return dict.fromkeys(names)
    return {
        name: pytest.approx(math.fsum(part[name] for part in parts), rel=0, abs=slack)
        for name in names
    }


# Rollups


def rollup_columns(samples: list[dict]) -> dict:
    """Return every column of a rollup but its key, from the raw rows of its bucket."""
    row = {
        "sample_count": len(samples),
        "covered_s": total(s["interval_s"] for s in samples),
        "first_ts": min(s["ts"] for s in samples),
        "last_ts": max(s["ts"] for s in samples),
        "counters_first": counters(samples, min),
        "counters_last": counters(samples, max),
        "flow_count": len(split(samples)),
        "gridless_s": pytest.approx(covered_s(samples) - covered_s(with_grid(samples)), abs=1e-6),
        **{f"{name}_integral_kwh": energy for name, energy in integrals(samples).items()},
        **flow_columns(samples),
    }
    row |= spread("pv_power_w", known(samples, "pv_power_w"))
    for field in ("load_power_w", "export_power_w"):
        values = known(samples, field)
        row |= spread(field, values) | {f"{field}_sum": total_or_none(values)}
        row[f"{field}_nulls"] = len(samples) - len(values)
    for field in ("battery_power_w", "battery_soc_pct"):
        values = known(samples, field)
        row |= {f"{field}_count": len(values), **spread(field, values)}
    return row


def counters(samples: list[dict], choose) -> tuple | None:
    with_any = [s for s in samples if any(s[name] for name in COUNTERS)]
    if not with_any:
        return None
    sample = choose(with_any, key=lambda s: s["ts"])
    return (sample["ts"], *(sample[name] or None for name in COUNTERS))


def spread(field: str, values: list[float]) -> dict:
    return {
        f"{field}_sum": total(values),
        f"{field}_min": min(values, default=None),
        f"{field}_max": max(values, default=None),
    }


def view_columns(samples: list[dict]) -> dict:
    """Return every column of a UTC view but its key."""
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
        "load_power_w_sum": total_or_none(known(samples, "load_power_w")),
        "export_power_w_sum": total_or_none(known(samples, "export_power_w")),
        "load_power_w_count": len(known(samples, "load_power_w")),
        "export_power_w_count": len(known(samples, "export_power_w")),
    }


def group(samples: list[dict], bucket_of) -> dict:
    """Return the samples of each bucket; ``bucket_of`` says of a time in which it lies."""
    groups = defaultdict(list)
    for sample in samples:
        groups[bucket_of(sample["ts"])].append(sample)
    return groups


def five_minutes(ts: datetime) -> datetime:
    return datetime.fromtimestamp(ts.timestamp() // 300 * 300, UTC)


def stored(database, table: str, device_id: str) -> dict:
    """Return the rows of a rollup or view by their buckets."""
    statement = f"SELECT * FROM {table} WHERE device_id = %s"  # noqa: S608 - our own names
    found = rows(database, statement, device_id)
    for row in found:
        del row["device_id"]
    return {row.pop("bucket"): row for row in found}


def assert_exact(database, device_id: str, zone: str) -> list[dict]:
    """Compare both rollups of a device with its raw rows; give these."""
    raw = rows(database, "SELECT * FROM sungrow_samples WHERE device_id = %s", device_id)
    local = ZoneInfo(zone)
    for table, bucket_of in (
        ("sungrow_5min", five_minutes),
        ("sungrow_local_daily", lambda ts: ts.astimezone(local).date()),
    ):
        groups = group(raw, bucket_of)
        expected = {bucket: rollup_columns(samples) for bucket, samples in groups.items()}
        assert stored(database, table, device_id) == expected
    return raw


# UTC views


def edition(database) -> str:
    return rows(database, "SELECT edition FROM schema_migrations LIMIT 1")[0]["edition"]


def refresh(database) -> None:
    """Bring the continuous aggregates of the community edition up to date, as their policy does."""
    if edition(database) != "community":
        return
    database.autocommit = True
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs"
            " WHERE scheduled AND proc_name = 'policy_refresh_continuous_aggregate'"
        )
        for name in ("sungrow_hourly", "sungrow_daily"):
            # The policy may have begun before it was held.
            assert wait_until(lambda name=name: refreshed(cursor, name), 60)
    database.autocommit = False


def refreshed(cursor, name: str) -> bool:
    try:
        cursor.execute(
            f"CALL refresh_continuous_aggregate('{name}', NULL, now() - interval '1 day')"
        )
    except psycopg2.errors.LockNotAvailable:
        return False
    return True


def assert_views_exact(database, device_id: str, raw: list[dict]) -> None:
    """Compare hours, days and months UTC of a device with its raw rows."""
    for view, start in VIEWS.items():
        whole = {"second": 0, "microsecond": 0, **start}
        groups = group(raw, lambda ts, whole=whole: ts.replace(**whole))
        expected = {bucket: view_columns(samples) for bucket, samples in groups.items()}
        assert stored(database, view, device_id) == expected
