"""What the nightly job ``battery`` reads: settings, five minutes of some days or of a year."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.battery import rows
from server.battery.rows import Exposure, FiveMinutes, Settings
from server.database.connection import one_row
from server.database.pool import query

# A module of Sungrow's SBR has 3.2 kWh and twenty cells in series (data sheet V1.4); a stack has up
# to eight of them.
_MODULE_KWH, _MODULE_CELLS, _MODULES = 3.2, 20, range(2, 9)
_LFP_V = (3.1, 3.45)  # of a cell between empty and full
_AT_ONCE = 5000  # rows of a year: some MB
_HOUR = timedelta(hours=1)


class Known(NamedTuple):
    """What is known of a battery before its days are read.

    ``cells`` is None where nobody knows how many are in series; ``is_cells_set``: the owner does.
    ``has_battery``: by any reading.
    """

    settings: Settings
    cells: int | None
    is_cells_set: bool
    now_s: float
    may_charge_seen: bool
    may_discharge_seen: bool
    has_battery: bool
    has_result: bool


class Span(NamedTuple):
    """A local day: its name, when it is in seconds since 1970, whether anything is there of it."""

    day: date
    begin_s: float
    end_s: float
    is_there: bool


def known(cursor: Cursor, device_id: str) -> Known:
    """Return what is set and known."""
    cursor.execute(query("nightly-battery-settings"), {"device_id": device_id})
    found = one_row(cursor)
    owner, (zone, replaced_s, cells, *others) = found[:9], found[9:]
    settings = Settings(*owner)._replace(timezone=zone, replaced_s=tuple(replaced_s))
    counted = cells_of(settings.capacity_kwh) if cells is None else cells
    return Known(settings, counted, cells is not None, *others)


def cells_of(capacity_kwh: float | None) -> int | None:
    """Return how many cells are in series, if it is a stack of SBR modules by its capacity."""
    modules = round((capacity_kwh or 0) / _MODULE_KWH)
    if modules not in _MODULES or abs((capacity_kwh or 0) - modules * _MODULE_KWH) > 0.05:
        return None
    return modules * _MODULE_CELLS


def spans(cursor: Cursor, device_id: str, days: list[date]) -> list[Span]:
    """Return these days and those after them, whose margins they are, in order."""
    cursor.execute(query("nightly-battery-days"), {"device_id": device_id, "days": days})
    return [
        Span(day, begin.timestamp(), end.timestamp(), is_there)
        for day, begin, end, is_there in cursor.fetchall()
    ]


def make_hours(
    cursor: Cursor, device_id: str, about: Known, first: Span, last: Span
) -> list[FiveMinutes]:
    """Make the hours of some days in a row again; return their five minutes, and a margin before.

    Args:
        cursor: of the transaction.
        device_id: whose.
        about: the battery.
        first: the first of the days.
        last: the last of them.
    """
    hours_first = _hour(first.begin_s)
    hours_end = _hour(last.end_s + _HOUR.total_seconds() - 1)
    asked = {
        "device_id": device_id,
        "hours_first": hours_first,
        "hours_end": hours_end,
        "margin": _hour(first.begin_s - rows.MARGIN_S),
        "soc_edges": list(map(float, rows.SOC_EDGES_PCT)),
        "temp_edges": list(map(float, rows.TEMP_EDGES_C)),
        "rate_edges": list(map(float, rows.RATE_EDGES)),
        "rest_w": rows.REST_W,
        "capacity_kwh": about.settings.capacity_kwh,
        "cells": about.cells,
    }
    cursor.execute(query("nightly-battery-fine"), asked)
    fine = [FiveMinutes(*row) for row in cursor.fetchall()]
    return fine if about.is_cells_set else plausible(fine)


def plausible(fine: list[FiveMinutes]) -> list[FiveMinutes]:
    """Return the rows without a cell's voltage, if it cannot be one: it is another battery."""
    known = [row.cell_v for row in fine if row.cell_v is not None]
    if not known or _LFP_V[0] <= median(known) <= _LFP_V[1]:
        return fine
    return [row._replace(cell_v=None) for row in fine]


def _hour(at_s: float) -> datetime:
    at = datetime.fromtimestamp(at_s, UTC)
    return at.replace(minute=0, second=0, microsecond=0)


def year(cursor: Cursor, device_id: str, first_s: float, end_s: float) -> Iterator[FiveMinutes]:
    """Yield the five minutes of a time, as they are read: few are in memory at a time."""
    asked = {
        "device_id": device_id,
        "first": datetime.fromtimestamp(first_s, UTC),
        "end": datetime.fromtimestamp(end_s, UTC),
    }
    name, kind = "sungrow_battery_year", type(cursor)
    with cursor.connection.cursor(name, cursor_factory=kind) as streaming:
        streaming.itersize = _AT_ONCE
        streaming.execute(query("nightly-battery-year"), asked)
        for row in streaming:
            yield FiveMinutes(*row)


def exposures(cursor: Cursor, device_id: str, timezone: str) -> list[Exposure]:
    """Return how long it was in which bands, by local months."""
    asked = {"device_id": device_id, "timezone": timezone}
    cursor.execute(query("nightly-battery-exposure"), asked)
    return [
        Exposure(
            month,
            rows.SOC_EDGES_PCT.index(soc),
            None if temp is None else rows.TEMP_EDGES_C.index(temp),
            None if rate is None else rows.RATE_EDGES.index(rate),
            direction,
            seconds,
        )
        for month, soc, temp, rate, direction, seconds in cursor.fetchall()
    ]
