"""What the owner of a battery knows of it: ``sungrow_battery_settings``, a row a device."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.database import nights


class Settings(NamedTuple):
    """What was set; None: it was not.

    Attributes:
        capacity_kwh: nominal, in place of what the inverter says.
        min_soc_pct: at which it stops discharging.
        cells: in series, by which the voltage of one is known.
        installed: the day.
        modules: how many.
        warranty_years: counted from ``installed``.
        warranty_mwh: discharged, over the whole life.
        warranty_capacity_pct: of the nominal capacity, at the end of the warranty.
        warranty_t_min_c, warranty_t_max_c: between which it has to be kept.
    """

    capacity_kwh: float | None = None
    min_soc_pct: float | None = None
    cells: int | None = None
    installed: date | None = None
    modules: int | None = None
    warranty_years: float | None = None
    warranty_mwh: float | None = None
    warranty_capacity_pct: float | None = None
    warranty_t_min_c: float | None = None
    warranty_t_max_c: float | None = None


COLUMNS = Settings._fields
# On these hang the hours, anchors and windows of every day; the others are of the result alone.
OF_EVERY_DAY = frozenset({"capacity_kwh", "min_soc_pct", "cells"})
_READ = f"SELECT {', '.join(COLUMNS)} FROM sungrow_battery_settings WHERE device_id = %s"  # noqa: S608
_WRITE = (
    f"INSERT INTO sungrow_battery_settings (device_id, {', '.join(COLUMNS)})"  # noqa: S608
    f" VALUES (%(device_id)s, {', '.join(f'%({name})s' for name in COLUMNS)})"
    " ON CONFLICT (device_id) DO UPDATE SET changed_at = now(), "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS)
)
_DELETE = "DELETE FROM sungrow_battery_settings WHERE device_id = %s"


def read(cursor: Cursor, device_id: str) -> Settings:
    """Return what was set for a device."""
    cursor.execute(_READ, (device_id,))
    found = cursor.fetchone()
    return Settings(*found) if found else Settings()


def change(cursor: Cursor, device_id: str, given: Mapping[str, Any]) -> Settings:
    """Set what is given (None: take it back), and have the next night take account of it.

    Raises:
        ValueError: two of what would then be set contradict each other.
    """
    nights.wait(cursor, device_id, "battery")
    before = read(cursor, device_id)
    after = before._replace(**given)
    if problem := _contradiction(after):
        raise ValueError(problem)
    if after == Settings():
        cursor.execute(_DELETE, (device_id,))
    else:
        cursor.execute(_WRITE, {"device_id": device_id, **after._asdict()})
    changed = {name for name in COLUMNS if getattr(before, name) != getattr(after, name)}
    if changed:
        every_day = bool(changed & OF_EVERY_DAY)
        nights.mark(cursor, "battery", device_id, every_day=every_day)
    return after


def _contradiction(settings: Settings) -> str | None:
    low, high = settings.warranty_t_min_c, settings.warranty_t_max_c
    if low is not None and high is not None and low >= high:
        return f"the warranty's least temperature ({low} °C) must be below its greatest ({high} °C)"
    if settings.warranty_years is not None and settings.installed is None:
        return "--warranty-years counts from --installed, which is not set"
    return None
