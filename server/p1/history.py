"""What a grid meter counted and measured, in buckets of local time; for use inside a request.

Powers are those of the readings, energies those of the counters at both ends of a bucket: nothing
between two buckets is lost. A bucket that no reading is in is left out.
"""

import re
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.api.buckets import Width, between, midnight, next_month
from server.api.query_args import FIRST_DATE, LAST_DATE, stored_zone
from server.database.pool import Database, Row

QUARTER = timedelta(minutes=15)
_MONTH = re.compile(r"\d{4}-\d\d", re.ASCII)


class Quarter(NamedTuple):
    """A quarter hour: its start, its mean import, and whether that is by powers alone."""

    slot: datetime
    avg_power_w: float
    estimated: bool


class Meter(NamedTuple):
    """The grid meter of a house: the zone of its days, its first and its last reading."""

    device_id: str
    zone: ZoneInfo
    first_ts: datetime | None
    last_ts: datetime | None


def now() -> datetime:
    """Return the time, for all that asks what today or this month is."""
    return datetime.now(UTC)


def meter(database: Database, device_id: str) -> Meter:
    """Return the meter of a house, which may not have one.

    Raises:
        Refused: 503 the database's zone cannot be used.
    """
    (row,) = database.rows("p1-device", {"device_id": device_id})
    zone = stored_zone(row["timezone"], device_id)
    return Meter(device_id, zone, row["first_ts"], row["last_ts"])


def rows(database: Database, of: Meter, width: Width, first: datetime, end: datetime) -> list[Row]:
    """Return the buckets from ``first`` to ``end`` that hold readings.

    Each has ``start``, ``sample_count``, ``avg_power_w``, ``max_power_w``, ``import_kwh`` and
    ``export_kwh``, unrounded.
    """
    spans = list(between(width, first, end, of.zone))
    if not spans:
        return []
    starts = {_key(width, of.zone, span.start): span.start for span in spans}
    parameters = {
        "device_id": of.device_id,
        "keys": list(starts),
        "first": next(iter(starts)),
        "end": _key(width, of.zone, spans[-1].end),
    }
    found = database.rows("p1-series-days" if width.of_days else "p1-series-times", parameters)
    kept = [{**row, "start": starts[row["key"]]} for row in found if row["sample_count"]]
    return sorted(kept, key=itemgetter("start"))


def _key(width: Width, zone: ZoneInfo, moment: datetime) -> date:
    return moment.astimezone(zone).date() if width.of_days else moment


def quarters(database: Database, of: Meter, first: datetime, end: datetime) -> list[Quarter]:
    """Return the quarter hours from ``first`` to ``end`` that may be a peak, in order."""
    parameters = {"device_id": of.device_id, "first": first, "end": end}
    return [Quarter(**row) for row in database.rows("p1-quarters", parameters)]


def month_span(month: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first moment of a local month, and of the one after it."""
    return midnight(month, zone), midnight(next_month(month), zone)


def month_named(text: str) -> date | None:
    """Return the first day of a month like ``2026-03``; None where that is none."""
    if not _MONTH.fullmatch(text):
        return None
    year, month = int(text[:4]), int(text[5:])
    found = date(year, month, 1) if year and 1 <= month <= 12 else None
    return found if found and FIRST_DATE.replace(day=1) <= found < LAST_DATE else None
