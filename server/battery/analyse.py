"""Puts the result together, as contract and API have it. Pure functions."""

from collections.abc import Sequence
from typing import Any

from server.battery import exposure, figures, health, tables, warranty
from server.battery.measure import Model
from server.battery.result import FIGURES, INSIGHTS, Figure, moment, none, reason_of, rounded, shown
from server.battery.rows import Exposure, Settings
from server.battery.year import Year

_WHOLE_YEAR_DAYS = 330.0
_LARGER = 1.1


def result(
    device_id: str,
    model: Model,
    found: Year,
    exposures: Sequence[Exposure],
    settings: Settings,
) -> dict[str, Any]:
    """Return all that the API shows of a battery.

    Args:
        device_id: whose it is.
        model: what was measured.
        found: the last 365 days, ended.
        exposures: hours summed by local month.
        settings: what the owner set.
    """
    made = {
        **figures.of_use(model, found, settings),
        **health.of_health(model, settings),
    }
    if not any(one.max_soc_pct is not None for one in model.digests):
        made = dict.fromkeys(made, none("no_battery"))
    return {
        "device_id": device_id,
        "computed_at": moment(model.now_s),
        "figures": {name: shown(made[name], unit) for name, unit in FIGURES.items()},
        "capacity_by_year": tables.capacity_by_year(model, settings),
        "depth": tables.depth(model),
        "exposure": exposure.of_hours(exposures),
        "efficiency_by_month": tables.efficiency_by_month(model, settings),
        "soh_by_month": tables.soh_by_month(model),
        "jumps": tables.jumps(model),
        "insights": insights(found, model),
        "whatif": whatif(found),
        "warranty": warranty.sheet(model, settings, exposures, made["capacity_kwh"]),
    }


def whatif(found: Year) -> dict[str, Any]:
    """Return the replays, beside what was measured in the same time."""
    rows = found.whatif()
    return {
        "from": moment(found.from_s),
        "to": moment(found.to_s),
        "days": round(found.days, 1),
        "measured_import_kwh": round(found.import_kwh, 3) if found.tally.has_grid else None,
        "measured_export_kwh": round(found.export_kwh, 3) if found.tally.has_grid else None,
        "capacities": rows,
        **reason_of(Figure() if rows else _why_no_replay(found)),
    }


def _why_no_replay(found: Year) -> Figure:
    if not found.tally.days:
        return none("no_data")
    return none("no_efficiency") if found.tally.has_grid else none("no_grid_meter")


def insights(found: Year, model: Model) -> list[dict[str, Any]]:
    """Return what the last 365 days tell, in the order of ``INSIGHTS``.

    That of the reserve has ``backup_hours``, too: for how long the grid was away; null where no
    state of the inverter is known.
    """
    cuts = [one.backup_s for one in model.recent() if one.backup_s is not None]
    hours = round(sum(cuts) / 3600, 2) if cuts else None
    told = [_insight(name, found) for name in INSIGHTS]
    return [one | {"backup_hours": hours} if one["id"] == "reserve" else one for one in told]


def _insight(name: str, found: Year) -> dict[str, Any]:
    unit, formula = INSIGHTS[name]
    kwh, value, missing = _told(name, found)
    return {
        "id": name,
        "kwh": rounded(kwh),
        "value": rounded(value),
        "unit": unit,
        "formula": formula,
        "from": moment(found.from_s),
        "to": moment(found.to_s),
        **reason_of(missing or Figure()),
    }


def _told(name: str, found: Year) -> tuple[float | None, float | None, Figure | None]:
    """Return energy, value, and why there is none of either."""
    missing = _why_not_told(name, found)
    tally = found.tally
    if missing is not None:
        return None, None, missing
    if name == "winter_sleep":
        return None, float(tally.low_days), None
    if name == "best_size":
        return _best_size(found)
    one = tally.sums[name]
    values = {
        "larger_battery": float(tally.larger_days),
        "battery_to_grid": 100 * one.kwh / max(tally.discharge_kwh, 1e-9),
    }
    return one.kwh, values.get(name, one.hours), None


def _why_not_told(name: str, found: Year) -> Figure | None:
    tally = found.tally
    if not tally.days:
        return none("no_data")
    if name in ("grid_charging", "battery_to_grid") and not tally.has_flows:
        return none("no_flows")
    if name not in ("winter_sleep", "grid_charging", "battery_to_grid") and not tally.has_grid:
        return none("no_grid_meter")
    if name == "battery_to_grid" and tally.discharge_kwh <= 0:
        return none("no_throughput")
    return None


def _best_size(found: Year) -> tuple[float | None, float | None, Figure | None]:
    """Return what the next larger capacity saves, and which it is."""
    rows = found.whatif()
    if not rows:
        return None, None, _why_no_replay(found)
    if found.days < _WHOLE_YEAR_DAYS:
        return None, None, none("too_short", months=int(found.days / 30.44), needed=12)
    own = next((row for row in rows if row["is_own"]), None)
    if own is None:
        return None, None, none("no_capacity_set")
    larger = [row for row in rows if row["capacity_kwh"] > _LARGER * own["capacity_kwh"]]
    if not larger:
        return 0.0, own["capacity_kwh"], None
    return own["import_kwh"] - larger[0]["import_kwh"], larger[0]["capacity_kwh"], None
