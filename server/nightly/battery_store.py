"""What the nightly job ``battery`` writes: anchors, windows, the result."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function
from psycopg2.extras import Json, execute_values

from server.battery.measure import Model
from server.battery.rows import Anchor, Window
from server.nightly.battery_rows import Known

_ANCHORS, _WINDOWS = "sungrow_battery_anchors", "sungrow_battery_windows"
_TABLES = ("sungrow_battery_hourly", "sungrow_battery_days", _ANCHORS, _WINDOWS)
_RESULTS = "sungrow_battery_results"
_RESULT = (
    "INSERT INTO sungrow_battery_results"
    " (device_id, result, whatif, may_charge_seen, may_discharge_seen) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT (device_id) DO UPDATE SET computed_at = now(), result = excluded.result,"
    " whatif = excluded.whatif, may_charge_seen = excluded.may_charge_seen,"
    " may_discharge_seen = excluded.may_discharge_seen"
)


def remove(cursor: Cursor, device_id: str) -> None:
    """Delete all that was computed of a battery; what its owner set stays."""
    for table in (*_TABLES, _RESULTS):
        cursor.execute(f"DELETE FROM {table} WHERE device_id = %s", (device_id,))  # noqa: S608


def write(
    cursor: Cursor, device_id: str, about: Known, model: Model, result: dict[str, Any]
) -> None:
    """Store what was found out."""
    _replace(cursor, _ANCHORS, device_id, [_anchor(one) for one in model.anchors])
    _replace(cursor, _WINDOWS, device_id, [_window(one) for one in model.windows])
    whatif = result.pop("whatif")
    seen = (about.may_charge_seen, about.may_discharge_seen)
    cursor.execute(_RESULT, (device_id, Json(result), Json(whatif), *seen))


def _replace(
    cursor: Cursor, table: str, device_id: str, wanted: Sequence[tuple[object, ...]]
) -> None:
    """Make the rows of a device those that are wanted: most of them are there, as a rule.

    The first column behind the device is the time, the third the kind: the key.
    """
    cursor.execute(f"SELECT * FROM {table} WHERE device_id = %s", (device_id,))  # noqa: S608
    there = {row[1:] for row in cursor.fetchall()}
    if gone := tuple((row[0], row[2]) for row in there.difference(wanted)):
        column = "ts" if table == _ANCHORS else "from_ts"
        cursor.execute(
            f"DELETE FROM {table} WHERE device_id = %s AND ({column}, kind) IN %s",  # noqa: S608
            (device_id, gone),
        )
    new = [(device_id, *row) for row in wanted if row not in there]
    insert = f"INSERT INTO {table} VALUES %s"  # noqa: S608
    execute_values(cursor, insert, new, page_size=1000)


def _anchor(one: Anchor) -> tuple[object, ...]:
    counters = (
        *(one.reached_charge_kwh, one.reached_discharge_kwh),
        *(one.left_charge_kwh, one.left_discharge_kwh),
    )
    about = (one.kind, one.evidence, one.soc_before_pct, one.soc_after_pct)
    return (_at(one.reached_s), _at(one.left_s), *about, *counters, one.temp_c)


def _window(one: Window) -> tuple[object, ...]:
    energies = (one.charge_kwh, one.discharge_kwh, one.capacity_kwh)
    span = (_at(one.from_s), _at(one.to_s))
    return (*span, one.kind, one.epoch, *energies, one.temp_c, one.mean_rate)


def _at(moment_s: float) -> datetime:
    return datetime.fromtimestamp(moment_s, UTC)
