"""Readings for tests of the database, and in plain Python where the power of one went."""

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import psycopg2
from psycopg2.extras import RealDictCursor, execute_values, register_composite

from edge_lib.shared.sample import NAMES
from server.database import deletions
from server.database.samples import TABLE

_numbers = itertools.count(1)


def new_device() -> str:
    """Return a device that no other test has."""
    return f"house-{next(_numbers)}"


def utc(text: str) -> datetime:
    """Return the time of ``2026-03-29 01:00``, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def reading(ts: datetime, **fields) -> dict:
    """Return a sample: a house with a battery that covers what the panels do not, unless told."""
    return {
        "ts": ts,
        "pv_power_w": 300.0,
        "battery_power_w": -200.0,
        "battery_soc_pct": 50.0,
        "load_power_w": 500.0,
        "export_power_w": 0.0,
        "interval_s": 5.0,
        **fields,
    }


@contextlib.contextmanager
def connected(url: str) -> Iterator[psycopg2.extensions.connection]:
    """Return a connection whose cursors give dicts, closed at the end."""
    with contextlib.closing(psycopg2.connect(url, cursor_factory=RealDictCursor)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            cursor.execute("SELECT to_regtype('sungrow_counters') IS NOT NULL AS known")
            if cursor.fetchone()["known"]:
                register_composite("sungrow_counters", connection)
            cursor.execute("SELECT to_regtype('p1_counter') IS NOT NULL AS known")
            if cursor.fetchone()["known"]:
                register_composite("p1_counter", connection)
        yield connection


def rows(connection, statement: str, *values) -> list[dict]:
    """Run a statement in a transaction of its own; return its rows."""
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return [dict(row) for row in cursor] if cursor.description else []


def store(connection, device_id: str, readings: Iterable[dict]) -> int:
    """Store a batch as ingest does, in one transaction; return how many were new."""
    batch = {r["ts"]: r for r in sorted(readings, key=lambda r: r["ts"])}
    with connection, connection.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
        gone = deletions.shared(cursor, device_id, batch)
        samples = [_sample(row) | {"device_id": device_id} for row in batch.values()]
        return TABLE.insert(cursor, [one for one in samples if not gone.has(one["ts"])])


def insert_by_hand(connection, readings: list[dict]) -> None:
    """Insert readings of the same fields, ``device_id`` among them, by one plain statement."""
    statement = f"INSERT INTO sungrow_samples ({', '.join(readings[0])}) VALUES %s"  # noqa: S608
    with connection, connection.cursor() as cursor:
        execute_values(cursor, statement, [list(one.values()) for one in readings])


def _sample(row: dict) -> dict:
    """Return a sample of what may be a whole row of the table."""
    return {name: row[name] for name in NAMES if name in row} | (row.get("extra") or {})


def flows(pv: float, battery: float, load: float, export: float) -> dict[str, float]:
    """Return the seven flows and the loss, W: hand out what each source has, need by need."""
    source = {"solar": pv, "battery": max(-battery, 0.0), "grid": max(-export, 0.0)}
    need = {"house": max(load, 0.0), "battery": max(battery, 0.0), "grid": max(export, 0.0)}
    flow = dict.fromkeys(f"{s}_to_{n}_w" for s in source for n in need if s != n)
    flow = dict.fromkeys(flow, 0.0)
    strongest = max(source, key=source.get) if any(source.values()) else "grid"

    def hand_out(giver: str, taker: str, most: float = float("inf")) -> None:
        power = max(min(source[giver], need[taker], most), 0.0)
        flow[f"{giver}_to_{taker}_w"] += power
        source[giver] -= power
        need[taker] -= power

    total = sum(source.values())
    hand_out("grid", "battery", most=source["grid"] - need["house"])
    for giver, taker in (
        ("solar", "battery"),
        ("solar", "grid"),
        ("battery", "grid"),
        ("grid", "battery"),
        ("solar", "house"),
        ("battery", "house"),
        ("grid", "house"),
    ):
        hand_out(giver, taker)
    flow[f"{strongest}_to_house_w"] += need["house"]
    return {**flow, "loss_w": total - sum(flow.values())}
