"""Databases of many years or of many houses for ``growth.py``: some lived days, copied.

A house lives some days, a sample in 300 s, through the product's own triggers, so its rollups are
what ingest would have made. Its rows are copied, by the order of time, for every house and for so
many turns of those days, one behind the other, as ``decade_data`` moves years.
"""

# ruff: noqa: S608 - the names are those of tables and columns
from contextlib import closing
from datetime import timedelta
from typing import NamedTuple

import psycopg2

from tests.bench.decade_data import STEP_S, YOUNG, Size, copy_in, load_samples, moved

_RAW = (
    "pv_power_w, battery_power_w, battery_soc_pct, load_power_w, export_power_w, pv_total_kwh,"
    " total_import_kwh, total_export_kwh, battery_total_charge_kwh, battery_total_discharge_kwh"
)


class Stock(NamedTuple):
    """What lies in a database: ``houses`` that lived ``turns`` times ``days``, and how densely."""

    label: str
    days: int
    turns: int = 1
    houses: int = 1
    raw_step_s: int = STEP_S

    def house(self, number: int) -> str:
        """Return the name of one, wherever the number lies."""
        return f"house-{number % self.houses}"


def fill(url: str, stock: Stock) -> None:
    """Load it all, and leave it as a server's housekeeping would."""
    size = Size(years=stock.turns, year_days=stock.days)
    houses = [stock.house(number) for number in range(stock.houses)]
    with closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            load_samples(cursor, size)
            for table in ("sungrow_local_daily", "sungrow_5min"):
                turns = [moved(cursor, table, number, size) for number in range(stock.turns)]
                cursor.execute(f"TRUNCATE {table}")
                for rows in reversed(turns):
                    copy_in(cursor, table, houses, rows)
            _load_raw(cursor, stock, houses)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")
            cursor.execute("CHECKPOINT")


def _load_raw(cursor, stock: Stock, houses: list[str]) -> None:
    cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger: they are counted
    cursor.execute("CREATE TEMPORARY TABLE lived ON COMMIT DROP AS TABLE sungrow_samples")
    cursor.execute("DELETE FROM sungrow_samples WHERE device_id = %s", (YOUNG,))
    for turn in reversed(range(stock.turns)):
        cursor.execute(
            f"INSERT INTO sungrow_samples (device_id, ts, {_RAW})"
            f" SELECT house, ts + late * interval '1 second' - %s AS moment, {_RAW}"
            "   FROM lived CROSS JOIN generate_series(0, %s, %s) AS late"
            "  CROSS JOIN unnest(%s) AS house ORDER BY moment",
            (timedelta(days=turn * stock.days), STEP_S - 1, stock.raw_step_s, houses),
        )
