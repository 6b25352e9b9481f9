"""The days of a house, as the database has them. The one impure file of this room."""

import sys
from array import array
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from server.database.pool import Database, Row
from server.referee.rows import Counters, Day, Mark, Series, Telegrams

_LISTS = ("meter_ts", "meter_w", "ac_ts", "ac_w", "p1_ts", "p1_w")
_PHASES = ("l1_w", "l2_w", "l3_w")


class Span(NamedTuple):
    """A local day, or the part of it that counts; both ends are at quarter hours."""

    day: date
    first: datetime
    end: datetime


class House(NamedTuple):
    """What the database knows of a house beside its readings."""

    timezone: str
    lag_s: float


def house(database: Database, device_id: str) -> House:
    """Return the zone of its days, and the lag by which inverter and meter are paired."""
    (row,) = database.rows("referee-device", {"device_id": device_id})
    return House(row["timezone"], row["lag_s"])


class Stored:
    """The days of a house; one is read at a time, and none is kept."""

    def __init__(self, database: Database, device_id: str, spans: Sequence[Span]) -> None:
        self._database, self._device_id, self._spans = database, device_id, spans

    def powers(self) -> Iterator[Day]:
        """Return the days without their marks, nothing shifted; any first few are spread evenly."""
        return (self._day(self._spans[n], 0.0, ()) for n in _spread(len(self._spans)))

    def days(self, shift_s: float) -> Iterator[Day]:
        """Return the days, their samples shifted by so much."""
        return (self._day(span, shift_s, self._marks(span)) for span in self._spans)

    def _day(self, span: Span, shift_s: float, marks: tuple[Mark, ...]) -> Day:
        asked = {"device_id": self._device_id, "first": span.first, "end": span.end}
        (row,) = self._database.rows("referee-day", {**asked, "lag_s": shift_s})
        lists = {name: _floats(row[name]) for name in _LISTS}
        phases = tuple(_floats(row[name]) for name in _PHASES) if row["has_phases"] else ()
        return Day(
            span.day,
            span.first.timestamp(),
            span.end.timestamp(),
            Series(lists["meter_ts"], lists["meter_w"]),
            Series(lists["ac_ts"], lists["ac_w"]),
            frozenset(map(int, row["seen"] or ())),
            Telegrams(lists["p1_ts"], lists["p1_w"], phases),
            marks,
        )

    def _marks(self, span: Span) -> tuple[Mark, ...]:
        asked = {"device_id": self._device_id, "first": span.first, "end": span.end}
        rows = self._database.rows("referee-marks", asked)
        return tuple(
            Mark(row["ts"], *(_counters(row, side) for side in ("before", "after", "sample")))
            for row in rows
        )


def _floats(sent: memoryview | None) -> list[float]:
    """Return the numbers that PostgreSQL sent one after the other, the highest byte first."""
    found = array("d", bytes(sent or b""))
    if sys.byteorder == "little":
        found.byteswap()
    return found.tolist()


def _spread(count: int) -> list[int]:
    """Return all of so many places, each next one in the middle of the widest gap."""
    found, gaps = [], [(0, count)]
    while gaps:
        first, end = gaps.pop(0)
        if first < end:
            middle = (first + end) // 2
            found.append(middle)
            gaps += [(first, middle), (middle + 1, end)]
    return found


def _counters(row: Row, side: str) -> Counters | None:
    if row[f"{side}_ts"] is None:
        return None
    return Counters(
        row[f"{side}_ts"],
        row[f"{side}_import_kwh"],
        row[f"{side}_export_kwh"],
        row.get(f"{side}_clock_s"),
    )
