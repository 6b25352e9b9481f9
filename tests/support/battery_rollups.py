"""Loads five minutes of a simulated battery into the rollups, as if their readings had arrived."""

import io
from collections.abc import Iterable
from datetime import UTC, datetime

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.battery.rows import FiveMinutes
from server.database import rollups
from server.database.pool import query
from server.database.rollups import SAMPLE

_COLUMNS = (
    *("device_id", "bucket", "sample_count", "covered_s", "first_ts", "last_ts"),
    *("pv_power_w_sum", "pv_power_w_min", "pv_power_w_max"),
    *("battery_power_w_count", "battery_power_w_sum", "battery_power_w_min"),
    *("battery_power_w_max", "battery_soc_pct_count", "battery_soc_pct_sum"),
    *("battery_soc_pct_min", "battery_soc_pct_max", "pv_integral_kwh"),
    *("load_integral_kwh", "import_integral_kwh", "export_integral_kwh"),
    *("battery_charge_integral_kwh", "battery_discharge_integral_kwh", "flow_count"),
    *("solar_to_battery_kwh", "grid_to_battery_kwh", "battery_to_house_kwh"),
    *("battery_to_grid_kwh", "counters_first", "counters_last"),
)
_NULL = "\\N"


def load(cursor: Cursor, device_id: str, rows: Iterable[FiveMinutes], zone: str = "UTC") -> None:
    """Store these rows, and sum the days again; all in its transaction."""
    copy(cursor, device_id, rows)
    sum_days(cursor, device_id, zone)


def copy(cursor: Cursor, device_id: str, rows: Iterable[FiveMinutes]) -> None:
    """Store these rows; each counts as one sample: its mean is its sum, to the last digit."""
    lines = io.StringIO("".join("\t".join(_line(device_id, row)) + "\n" for row in rows))
    cursor.copy_expert(f"COPY sungrow_5min ({', '.join(_COLUMNS)}) FROM STDIN", lines)


def sum_days(cursor: Cursor, device_id: str, zone: str) -> None:
    """Sum all local days of a device from their five minutes."""
    days = rollups.Days("-infinity", "infinity", zone, "-infinity", "infinity")
    asked = {"device_id": device_id, **days._asdict(), "days": []}
    cursor.execute("DELETE FROM sungrow_local_daily WHERE device_id = %s", (device_id,))
    cursor.execute(query(SAMPLE.cut), asked)


def _line(device_id: str, row: FiveMinutes) -> list[str]:
    at = _ts(row.bucket_s)
    flows = (row.solar_to_battery_kwh, row.grid_to_battery_kwh)
    flows += (row.battery_to_house_kwh, row.battery_to_grid_kwh)
    first = _counters(row.first_s, row.first_charge_kwh, row.first_discharge_kwh)
    last = _counters(row.last_s, row.last_charge_kwh, row.last_discharge_kwh)
    values = (
        *(device_id, at, 1, row.covered_s, at, _ts(row.bucket_s + 295)),
        *(0, 0, 0),
        *(row.battery_mean_w is not None, row.battery_mean_w or 0.0),
        *(row.battery_min_w, row.battery_max_w),
        *(row.soc_mean_pct is not None, row.soc_mean_pct or 0.0),
        *(row.soc_min_pct, row.soc_max_pct, row.pv_kwh or 0.0),
        *(row.load_kwh, row.import_kwh, row.export_kwh, row.charge_kwh, row.discharge_kwh),
        *(row.solar_to_battery_kwh is not None, *flows, first, last),
    )
    return [
        _NULL if one is None else str(int(one) if one is True or one is False else one)
        for one in values
    ]


def _counters(at_s: float | None, charge: float | None, discharge: float | None) -> str | None:
    if at_s is None:
        return None
    kwh = ["" if one is None else str(one) for one in (charge, discharge)]
    return f'("{_ts(at_s)}",,,,{kwh[0]},{kwh[1]})'


def _ts(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()
