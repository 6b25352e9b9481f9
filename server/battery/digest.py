"""One local day of five-minute rows, made small. Pure functions; a day is made by itself."""

import json
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from server.battery import anchors, jumps
from server.battery.rows import Anchor, Digest, FiveMinutes, Jump, Settings
from server.battery.turning import HYSTERESIS_PCT, turning_points

_BACKUP = 0x1000  # running state: the house is fed while the grid is away


def of_day(
    day: date, rows: Sequence[FiveMinutes], begin_s: float, end_s: float, settings: Settings
) -> Digest:
    """Return the digest of a day.

    Args:
        day: its local date.
        rows: rising by time, from ``rows.MARGIN_S`` before it: what led to an anchor.
        begin_s: its midnight, in seconds since 1970.
        end_s: the next one.
        settings: the nominal capacity and the least state of charge count.
    """
    own = [row for row in rows if begin_s <= row.bucket_s < end_s]
    found = jumps.find(rows, settings.capacity_kwh)
    of_today = tuple(jump for jump in found if begin_s <= jump.at_s < end_s)
    first = next((row for row in own if row.first_charge_kwh is not None), None)
    last = next((row for row in reversed(own) if row.last_charge_kwh is not None), None)
    return Digest(
        day=day,
        covered_s=sum(row.covered_s for row in own),
        charge_kwh=_rise(first and first.first_charge_kwh, last and last.last_charge_kwh),
        discharge_kwh=_rise(first and first.first_discharge_kwh, last and last.last_discharge_kwh),
        charge_integral_kwh=_r(sum(row.charge_kwh for row in own)),
        discharge_integral_kwh=_r(sum(row.discharge_kwh for row in own)),
        first_s=first and first.first_s,
        first_charge_kwh=first and first.first_charge_kwh,
        first_discharge_kwh=first and first.first_discharge_kwh,
        last_s=last and last.last_s,
        last_charge_kwh=last and last.last_charge_kwh,
        last_discharge_kwh=last and last.last_discharge_kwh,
        solar_to_battery_kwh=_total(own, lambda row: row.solar_to_battery_kwh),
        grid_to_battery_kwh=_total(own, lambda row: row.grid_to_battery_kwh),
        battery_to_house_kwh=_total(own, lambda row: row.battery_to_house_kwh),
        battery_to_grid_kwh=_total(own, lambda row: row.battery_to_grid_kwh),
        max_charge_w=_most(own, lambda row: row.battery_max_w),
        max_discharge_w=_most(
            own, lambda row: None if row.battery_min_w is None else -row.battery_min_w
        ),
        min_soc_pct=min(_known(own, lambda row: row.soc_min_pct), default=None),
        max_soc_pct=max(_known(own, lambda row: row.soc_max_pct), default=None),
        first_soc_pct=next(iter(_known(own, lambda row: row.soc_mean_pct)), None),
        last_soc_pct=next(iter(_known(own[::-1], lambda row: row.soc_mean_pct)), None),
        soh_pct=next(iter(_known(own[::-1], lambda row: row.soh_pct)), None),
        temp_c=_mean(_known(own, lambda row: row.temp_c)),
        turns=_turns(own, of_today),
        jumps=of_today,
        anchors=tuple(anchor for anchor in anchors.find(rows, settings) if anchor.left_s > begin_s),
        backup_s=_backup_s(own),
    )


def to_json(digest: Digest) -> str:
    """Return the digest as text, for ``from_json``."""
    return json.dumps({**digest._asdict(), "day": digest.day.isoformat()}, separators=(",", ":"))


def from_json(text: str) -> Digest:
    """Return what ``to_json`` made into text."""
    return from_stored(json.loads(text))


def from_stored(stored: dict[str, Any]) -> Digest:
    """Return what ``to_json`` made into text, as a JSON column gives it."""
    return Digest(
        **{
            **stored,
            "day": date.fromisoformat(stored["day"]),
            "turns": tuple(stored["turns"]),
            "jumps": tuple(Jump(*jump) for jump in stored["jumps"]),
            "anchors": tuple(Anchor(*anchor) for anchor in stored["anchors"]),
        }
    )


def _backup_s(rows: Sequence[FiveMinutes]) -> float | None:
    known = [row for row in rows if row.running_state is not None]
    return sum(row.covered_s for row in known if row.running_state == _BACKUP) if known else None


def _turns(rows: Sequence[FiveMinutes], found: Sequence[Jump]) -> tuple[float, ...]:
    """Return the turning points without jumps; the first and the last value stay, to join days."""
    values = jumps.without(rows, found)
    points = turning_points(values, HYSTERESIS_PCT)
    if points and points[-1] != values[-1]:
        points.append(values[-1])
    return tuple(round(point, 1) for point in points)


def _known(rows: Sequence[FiveMinutes], of: Callable[[FiveMinutes], float | None]) -> list[float]:
    return [value for value in map(of, rows) if value is not None]


def _most(rows: Sequence[FiveMinutes], of: Callable[[FiveMinutes], float | None]) -> float | None:
    most = max(_known(rows, of), default=None)
    return None if most is None else max(0.0, most)


def _total(rows: Sequence[FiveMinutes], of: Callable[[FiveMinutes], float | None]) -> float | None:
    values = _known(rows, of)
    return _r(sum(values)) if values else None


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 1) if values else None


def _rise(first: float | None, last: float | None) -> float | None:
    """Return by how much a counter rose; None where it fell: it started again."""
    if first is None or last is None or last < first:
        return None
    return _r(last - first)


def _r(kwh: float) -> float:
    return round(kwh, 6)
