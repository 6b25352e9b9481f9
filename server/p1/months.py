"""The peaks of twelve months: by our quarter hours, and by the meter itself.

The quarter hours of a month take some tenths of a second to compute. A past month hardly changes,
so each worker remembers its peak, for as long as nothing changes of which it is made.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from flask import Flask

from server.database.pool import Database, Row
from server.p1 import history, peaks
from server.p1.history import Meter, Quarter
from server.p1.latest import AHEAD
from server.p1.peaks import MonthPeak

Key = tuple[str, str, date, str]  # device, zone, month, and a digest of what it is made of


class Remembered:
    """The peaks of past months; thread-safe."""

    def __init__(self, most: int = 2000):
        self._peaks: OrderedDict[Key, Quarter | None] = OrderedDict()
        self._lock, self._most = threading.Lock(), most

    def peak(self, database: Database, of: Meter, month: date, seen: str | None) -> Quarter | None:
        """Return the highest quarter hour of a month; None where none is known.

        Args:
            database: where.
            of: the meter.
            month: its first day.
            seen: a digest of what it is made of; None: there is nothing.
        """
        if seen is None:
            return None
        key = (of.device_id, of.zone.key, month, seen)
        with self._lock:
            if key in self._peaks:
                self._peaks.move_to_end(key)
                return self._peaks[key]
        found = history.quarters(database, of, *history.month_span(month, of.zone))
        peak = next(iter(peaks.highest(found)), None)
        with self._lock:
            self._peaks[key] = peak
            if len(self._peaks) > self._most:
                self._peaks.popitem(last=False)
        return peak


def init_app(app: Flask) -> None:
    """Let ``app`` remember peaks."""
    app.extensions["p1_peaks"] = Remembered()


def twelve(
    database: Database,
    of: Meter,
    last: date,
    peak: Quarter | None,
    now: datetime,
    remembered: Remembered,
) -> list[MonthPeak]:
    """Return the twelve months that end with ``last``, whose highest quarter hour is ``peak``."""
    months = [last]
    while len(months) < peaks.MONTHS:
        months.insert(0, (months[0] - timedelta(days=1)).replace(day=1))
    found = _by_the_meter(database, of, months, now)
    earlier = [
        remembered.peak(database, of, month, row["seen"])
        for month, row in zip(months[:-1], found[:-1], strict=True)
    ]
    rows = zip(months, found, [*earlier, peak], strict=True)
    return [_peak(month, row, highest) for month, row, highest in rows]


def judged(database: Database, of: Meter, months: Sequence[date], now: datetime) -> list[Row]:
    """Return of each of these months its peak by our quarter hours, and what the meter says."""
    found = []
    for month, row in zip(months, _by_the_meter(database, of, months, now), strict=True):
        quarters = history.quarters(database, of, *history.month_span(month, of.zone))
        best = next(iter(peaks.highest(quarters)), None)
        by_the_meter = peaks.by_the_meter(_peak(month, row, best), quarters, of.zone)
        ours = peaks.written(best, of.zone)
        found.append({"month": f"{month:%Y-%m}", "peak": ours, "meter": by_the_meter})
    return found


def _by_the_meter(
    database: Database, of: Meter, months: Sequence[date], now: datetime
) -> list[Row]:
    starts, ends = zip(*(history.month_span(month, of.zone) for month in months), strict=True)
    parameters = {
        "device_id": of.device_id,
        "zone": of.zone.key,
        "latest": now + AHEAD,
        "starts": list(starts),
        "ends": list(ends),
    }
    return database.rows("p1-month-peaks", parameters)


def _peak(month: date, row: Row, highest: Quarter | None) -> MonthPeak:
    told = {name: value for name, value in row.items() if name != "seen"}
    slot, watts = (highest.slot, highest.avg_power_w) if highest else (None, None)
    return MonthPeak(month, slot, watts, **told)
