"""Buckets of history as the house has them: the grid by its own meter, where that speaks."""

from collections.abc import Mapping
from typing import Any

from server.database.pool import Database, Row

# What only a house with a grid meter has.
P1_COLUMNS = ("import_p1_kwh", "export_p1_kwh", "gas_m3", "water_m3")
_QUERIES = {"days": "house-days", "times": "house-times", "minutes": "house-minutes"}
_OWN = ("avg_load_power_w", "avg_export_power_w", "load_kwh", "import_kwh", "export_kwh")


def own_source(row: Row) -> str | None:
    """Return the ``grid_source`` of a bucket in which the inverter alone can speak of the grid."""
    return "inverter" if any(row[name] is not None for name in _OWN) else None


def by_grid_meter(
    database: Database, kind: str, asked: Mapping[str, object], own: dict[Any, Row], empty: Row
) -> dict[Any, Row]:
    """Return the buckets of a house that has a grid meter.

    Args:
        database: where.
        kind: of the buckets: ``days``, ``times`` or ``minutes``.
        asked: the parameters of the query that gave ``own``.
        own: by key, the buckets as the inverter has them.
        empty: a bucket without samples; a meter may report one.
    """
    joined = (
        (row["key"], _joined(own.get(row["key"], empty), row, of_days=kind == "days"))
        for row in database.rows(_QUERIES[kind], asked)
    )
    return own | dict(joined)


def _joined(own: Row, house: Row, of_days: bool) -> Row:
    has_p1, has_own = house.pop("has_p1"), house.pop("has_own")
    row = own | house
    if not of_days:
        row |= {
            "load_kwh": house["load_integral_kwh"],
            "import_kwh": _first(house["import_p1_kwh"], house["import_integral_kwh"]),
            "export_kwh": _first(house["export_p1_kwh"], house["export_integral_kwh"]),
            "estimated": bool(
                (own["estimated_sources"] if has_p1 else own["estimated"])
                or house["is_partly"]
                or house["p1_estimated"]
            ),
        }
    source = {(True, True): "mixed", (True, False): "p1", (False, True): "inverter"}
    return row | {"grid_source": source.get((bool(has_p1), bool(has_own)))}


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
