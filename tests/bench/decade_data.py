"""Two houses and their neighbours for ``decade.py``: ten years of rollups by COPY.

- One year of samples of the young house, one in 300 s, goes in through the product's own triggers:
  so its rollups are what ingest would have made. Some hours are missing on every fifteenth day, and
  around midnight on every fortieth.
- These rollup rows are copied out, and copied into the emptied rollup tables for every house and
  year, moved in time and with counters that go on (COPY ... TO STDOUT, COPY ... FROM STDIN). The
  last year goes in by time and not by house, as it would in life: the rows of a day lie scattered
  among those of the neighbours. The zone has no summer time, so a moved year is a true one.
- The old house gets 90 days of raw rows, one in 5 s, which no query of history may notice.
"""

import io
import math
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import psycopg2

from edge_lib.shared.timestamps import format_ts

OLD, YOUNG = "ten-years", "one-year"
ZONE = "Asia/Kolkata"
MIDNIGHT = datetime(2024, 12, 31, 18, 30, tzinfo=UTC)  # there, of 2025-01-01
STEP_S = 300


class Size(NamedTuple):
    """How much is loaded; a test makes a year of a few days."""

    years: int = 10
    year_days: int = 365
    raw_days: int = 90
    neighbours: int = 20


def samples(days: int) -> Iterator[str]:
    """Return lines for COPY of a house with panels, battery and meter, without hours it missed."""
    dice = random.Random(1)
    stored_kwh, totals = 5.0, [100_000.0] * 5
    for step in range(days * 86400 // STEP_S):
        day, hour = divmod(step * STEP_S / 3600, 24)
        if step % (86400 // STEP_S) == 0:
            sky = dice.uniform(0.2, 1) * (0.65 - 0.35 * math.cos(2 * math.pi * day / 365))
        pv = round(7000 * sky * max(0, math.sin(math.pi * (hour - 6) / 12)))
        load = round(300 + 700 * (18 <= hour < 22) + 400 * dice.random() ** 4)
        room_w = ((10 - stored_kwh) if pv > load else (stored_kwh - 0.5)) * 3.6e6 / STEP_S
        battery = round(math.copysign(min(3000, abs(pv - load), max(0, room_w)), pv - load))
        export = pv - load - battery
        stored_kwh += battery * STEP_S / 3.6e6
        powers = (pv, max(-export, 0), max(export, 0), max(battery, 0), max(-battery, 0))
        totals = [kwh + w * STEP_S / 3.6e6 for kwh, w in zip(totals, powers, strict=True)]
        if (day % 15 == 7 and 9 <= hour < 12) or (day % 40 == 20 and hour >= 22):
            continue
        values = (pv, battery, round(stored_kwh * 10, 1), load, export, STEP_S)
        counters = (round(kwh, 1) for kwh in totals)
        ts = format_ts(MIDNIGHT + timedelta(seconds=step * STEP_S))
        yield "\t".join(map(str, (YOUNG, ts, *values, *counters))) + "\n"


def fill(url: str, size: Size) -> None:
    """Load everything, and leave it as a server's housekeeping would."""
    with closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            load_samples(cursor, size)
            for table in ("sungrow_local_daily", "sungrow_5min"):
                _load_rollups(cursor, table, size)
            _load_raw_rows(cursor, size)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")


def load_samples(cursor, size: Size) -> None:
    """Store a year's samples of the young house, through the triggers."""
    columns = (
        "device_id, ts, pv_power_w, battery_power_w, battery_soc_pct, load_power_w, export_power_w,"
        " interval_s, pv_total_kwh, total_import_kwh, total_export_kwh, battery_total_charge_kwh,"
        " battery_total_discharge_kwh"
    )
    lines = io.StringIO("".join(samples(size.year_days)))
    cursor.copy_expert(f"COPY sungrow_samples ({columns}) FROM STDIN", lines)


def _load_rollups(cursor, table: str, size: Size) -> None:
    years = [moved(cursor, table, number, size) for number in range(size.years)]
    cursor.execute(f"TRUNCATE {table}")
    for rows in reversed(years[1:]):
        copy_in(cursor, table, [OLD], rows)
    houses = [OLD, YOUNG, *(f"neighbour-{n}" for n in range(size.neighbours))]
    copy_in(cursor, table, houses, years[0])


def moved(cursor, table: str, years: int, size: Size, house: str = YOUNG) -> list[bytes]:
    """Return the rollup rows of a house, without its name, so many years earlier."""
    cursor.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 1 AND NOT attisdropped ORDER BY attnum",
        (table,),
    )
    kinds, days = cursor.fetchall(), years * size.year_days
    words = {
        "timestamp with time zone": f"{{0}} - interval '{days} days'",
        "date": f"{{0}} - {days}",
        "sungrow_counters": _counters(cursor, house, years, days),
    }
    columns = [words.get(kind, "{0}").format(name) for name, kind in kinds]
    chosen = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608
    rows = io.BytesIO()
    cursor.copy_expert(
        f"COPY ({chosen} WHERE device_id = '{house}' ORDER BY bucket) TO STDOUT", rows
    )
    return rows.getvalue().splitlines(keepends=True)


def _counters(cursor, house: str, years: int, days: int) -> str:
    """Return SQL for counters so many years earlier, which go on where the year before ends."""
    names = [f"{name}_kwh" for name in ("pv_total", "total_import", "total_export")]
    names += [f"battery_total_{way}_kwh" for way in ("charge", "discharge")]
    rises = ", ".join(f"max((counters_last).{n}) - min((counters_first).{n})" for n in names)
    cursor.execute(f"SELECT {rises} FROM sungrow_5min WHERE device_id = %s", (house,))  # noqa: S608
    moved = (
        f"({{0}}).{n} - {years * rise}" for n, rise in zip(names, cursor.fetchone(), strict=True)
    )
    return f"ROW(({{0}}).ts - interval '{days} days', {', '.join(moved)})::sungrow_counters"


def copy_in(cursor, table: str, houses: list[str], rows: list[bytes]) -> None:
    """Copy rows as ``moved`` gives them into the table, each for every house."""
    names = [f"{house}\t".encode() for house in houses]
    for first in range(0, len(rows), 1000):
        lines = (name + row for row in rows[first : first + 1000] for name in names)
        cursor.copy_expert(f"COPY {table} FROM STDIN", io.BytesIO(b"".join(lines)))


def _load_raw_rows(cursor, size: Size) -> None:
    cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger: they are counted
    names = (
        "pv_power_w, battery_power_w, battery_soc_pct, load_power_w, export_power_w, pv_total_kwh"
    )
    cursor.execute(
        f"INSERT INTO sungrow_samples (device_id, ts, {names})"  # noqa: S608
        f" SELECT %s, ts + n * interval '5 seconds', {names}"
        "   FROM sungrow_samples, generate_series(0, 59) AS n WHERE device_id = %s AND ts >= %s",
        (OLD, YOUNG, MIDNIGHT + timedelta(days=size.year_days - size.raw_days)),
    )
