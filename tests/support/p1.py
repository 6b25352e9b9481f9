"""Readings of the grid meter for tests of the database, and what rollups have to say of them."""

import math
import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import psycopg2
import pytest

from server.database import deletions, rollups
from server.database.p1_samples import TABLE
from tests.support.direct import five_minutes, group, stored, total
from tests.support.readings import new_device, rows

MINUTE = timedelta(seconds=60)
SINGLE = {"import": "energy_import_kwh", "export": "energy_export_kwh"}
TARIFFS = {
    "import": ("import_t1_kwh", "import_t2_kwh"),
    "export": ("export_t1_kwh", "export_t2_kwh"),
}
OTHERS = {"gas": "gas_m3", "water": "water_m3"}
LIMIT_KW = 100
# Before midnights on which clocks change, and before one on which they do not.
NIGHTS = ("2026-03-28 22:00", "2026-10-24 22:00", "2026-10-03 13:00", "2026-05-05 12:00")


def in_zone(database, zone: str) -> str:
    """Return a new device in that zone."""
    device_id = new_device()
    insert = "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, %s)"
    rows(database, insert, device_id, zone)
    return device_id


def p1_reading(ts: datetime, **fields: object) -> dict:
    """Return a reading of a meter that imports 600 W, unless told."""
    return {"ts": ts, "power_w": 600.0, **fields}


def store_p1(connection, device_id: str, readings: Iterable[dict]) -> int:
    """Store readings as ingest does, in one transaction; return how many were new."""
    batch = {r["ts"]: r for r in sorted(readings, key=lambda r: r["ts"])}
    with connection, connection.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
        rollups.lock(cursor, device_id)
        gone = deletions.shared(cursor, device_id, batch)
        whole = [{**row, "device_id": device_id} for row in batch.values()]
        return TABLE.insert(cursor, [one for one in whole if not gone.has(one["ts"])])


def stands_s(readings: list[dict]) -> dict[datetime, float]:
    """Return for how long each reading stands: since the one before, at most a minute."""
    found, before = {}, None
    for reading in sorted(readings, key=lambda r: r["ts"]):
        gap = MINUTE if before is None else min(reading["ts"] - before, MINUTE)
        found[reading["ts"]] = gap.total_seconds()
        before = reading["ts"]
    return found


def counter(reading: dict, name: str) -> float | None:
    """Return a counter: the meter's total, or the sum of its tariffs."""
    if name in OTHERS:
        return reading[OTHERS[name]]
    single, tariffs = reading[SINGLE[name]], [reading[field] for field in TARIFFS[name]]
    if single is not None or None in tariffs:
        return single
    return round(sum(tariffs), 6)


def power_w(reading: dict) -> float | None:
    """Return the power; nobody measures 1e-280 W."""
    power = reading["power_w"]
    return 0.0 if power is not None and abs(power) < 1e-280 else power


def drawn_w(reading: dict) -> float | None:
    if reading["import_power_w"] is not None or power_w(reading) is None:
        return reading["import_power_w"]
    return max(power_w(reading), 0)


def fed_w(reading: dict) -> float | None:
    drawn, power = drawn_w(reading), power_w(reading)
    return None if drawn is None or power is None else max(drawn - power, 0)


def fits(rise_kwh: float, in_s: float) -> bool:
    return -0.0005 <= rise_kwh <= LIMIT_KW / 3600 * (in_s + 10)


def is_odd(before: dict, after: dict) -> bool:
    in_s = (after["ts"] - before["ts"]).total_seconds()
    if in_s > 60:
        return False
    if (
        None not in (before["meter_id"], after["meter_id"])
        and before["meter_id"] != after["meter_id"]
    ):
        return True
    for name in SINGLE:
        one, other = counter(before, name), counter(after, name)
        if None not in (one, other) and other > one and not fits(other - one, in_s):
            return True
    return False


def rollup_columns(readings: list[dict], stands: dict[datetime, float], odd: set[datetime]) -> dict:
    """Return every column of a rollup but its key, from the raw rows of its bucket."""
    powers = [power_w(r) for r in readings if r["power_w"] is not None]
    drawn = [(r, drawn_w(r)) for r in readings if drawn_w(r) is not None]
    fed = [(r, fed_w(r)) for r in readings if fed_w(r) is not None]
    row = {
        "sample_count": len(readings),
        "first_ts": min(r["ts"] for r in readings),
        "last_ts": max(r["ts"] for r in readings),
        "covered_s": near(math.fsum(stands[r["ts"]] for r in readings)),
        "powered_s": near(math.fsum(stands[r["ts"]] for r, _ in drawn)),
        "power_w_count": len(powers),
        "power_w_sum": total(powers),
        "power_w_min": min(powers, default=None),
        "power_w_max": max(powers, default=None),
        "import_power_w_count": len(drawn),
        "import_power_w_sum": total(w for _, w in drawn),
        "import_power_w_max": max((w for _, w in drawn), default=None),
        "import_integral_kwh": near(math.fsum(w * stands[r["ts"]] / 3.6e6 for r, w in drawn)),
        "export_integral_kwh": near(math.fsum(w * stands[r["ts"]] / 3.6e6 for r, w in fed)),
        "odd_steps": sum(r["ts"] in odd for r in readings),
    }
    for name in (*SINGLE, *OTHERS):
        told = [r for r in readings if counter(r, name) is not None]
        for end, choose in (("first", min), ("last", max)):
            one = choose(told, key=lambda r: r["ts"], default=None)
            meter = one and (one["meter_id"] if name in SINGLE else None)
            row[f"{name}_{end}"] = one and (one["ts"], counter(one, name), meter)
        row[f"{name}_min"] = min((counter(r, name) for r in told), default=None)
        row[f"{name}_max"] = max((counter(r, name) for r in told), default=None)
    return row


def near(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-7)


def assert_p1_exact(database, device_id: str, zone: str) -> list[dict]:
    """Compare both rollups of a meter with its raw rows; give these."""
    raw = rows(database, "SELECT * FROM p1_samples WHERE device_id = %s ORDER BY ts", device_id)
    stands, local = stands_s(raw), ZoneInfo(zone)
    odd = {after["ts"] for before, after in pairwise(raw) if is_odd(before, after)}
    for table, bucket_of in (
        ("p1_5min", five_minutes),
        ("p1_local_daily", lambda ts: ts.astimezone(local).date()),
    ):
        expected = {
            bucket: rollup_columns(readings, stands, odd)
            for bucket, readings in group(raw, bucket_of).items()
        }
        found = stored(database, table, device_id)
        assert found.keys() == expected.keys()
        for bucket, row in expected.items():
            wrong = {k: (found[bucket][k], v) for k, v in row.items() if found[bucket][k] != v}
            assert wrong == {}, (table, bucket, wrong)
    return raw


# A meter, and its energies computed from the readings by hand


class Meter:
    """A meter behind a house of which every Wh is known; its counters show whole Wh."""

    def __init__(self, start: datetime, seed: int = 1, step_s: int = 10):
        self.start, self.step_s = start, step_s
        self._chance = random.Random(seed)
        self._import_kwh, self._export_kwh = 16_306.0, 4_021.0

    def readings(self, hours: float) -> list[dict]:
        """Return its readings: a power that changes every few minutes, above and below 0."""
        found, power_w = [], 500.0
        for number in range(int(hours * 3600 / self.step_s)):
            if self._chance.random() < self.step_s / 300:
                power_w = float(self._chance.choice([-2500, -800, 0, 150, 600, 2200, 7300]))
            kwh = power_w * self.step_s / 3.6e6
            self._import_kwh += max(kwh, 0)
            self._export_kwh += max(-kwh, 0)
            late_s = self._chance.choice([0.0, 0.1, 0.75])
            ts = self.start + timedelta(seconds=number * self.step_s + late_s)
            counters = {
                "energy_import_kwh": round(self._import_kwh, 3),
                "energy_export_kwh": round(self._export_kwh, 3),
            }
            found.append(p1_reading(ts, power_w=power_w, **counters))
        return found


def rise_wh(readings: list[dict], name: str = "energy_import_kwh") -> float:
    """Return what a counter rose by, without faults."""
    values = [reading[name] for reading in readings]
    return (max(values) - min(values)) * 1000


def quarters(database, device_id: str, first: datetime, until: datetime) -> dict[datetime, dict]:
    found = rows(database, "SELECT * FROM p1_quarter(%s, %s, %s)", device_id, first, until)
    return {row.pop("slot"): row for row in found}


def counted_at(readings: list[dict], moment: datetime, name: str) -> tuple[float, bool]:
    """Return what a counter had counted at a moment, and whether readings within a minute say so.

    Args:
        readings: by rising time, without faults.
        moment: when.
        name: of the counter's field.
    """
    before = [r for r in readings if r["ts"] <= moment]
    after = [r for r in readings if r["ts"] > moment]
    if not before:
        return after[0][name], False
    last = before[-1]
    if last["ts"] == moment:
        return last[name], True
    if not after:
        return last[name], False
    following = after[0]
    share = (moment - last["ts"]) / (following["ts"] - last["ts"])
    near_both = moment - last["ts"] <= MINUTE and following["ts"] - moment <= MINUTE
    return last[name] + (following[name] - last[name]) * share, near_both


def between(
    readings: list[dict], moments: list[datetime], name: str = "energy_import_kwh"
) -> dict[datetime, tuple[float, bool]]:
    """Return what a counter counted from each moment to the next, and whether that is exact."""
    found = {}
    for first, end in pairwise(moments):
        if readings[0]["ts"] < end and readings[-1]["ts"] > first:
            (one, one_exact), (other, other_exact) = (
                counted_at(readings, moment, name) for moment in (first, end)
            )
            found[first] = (other - one, one_exact and other_exact)
    return found
