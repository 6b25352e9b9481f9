"""Which local days of a device a job has to take account of, and that it has.

A job notes of each day a hash of its rollups (``sungrow_nightly``). Whatever changes a day, be it a
late reading of inverter or grid meter, ``server.forget`` or a new zone, changes that;
``server.rebuild`` marks its days, too.
So a job that did not run, or failed, takes up where it stopped.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple, Protocol, TypeVar

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.database.pool import query

_DAY = timedelta(days=1)


class Span(NamedTuple):
    """Time from ``first`` on and before ``end``; None: no limit."""

    first: datetime | None = None
    end: datetime | None = None


class Day(NamedTuple):
    """A local day, what its rollups are now (None: there are none), and when it is."""

    day: date
    seen: int | None
    first: datetime
    end: datetime

    def utc_dates(self) -> set[date]:
        """Return the dates UTC that it has a part of."""
        last = self.end - timedelta(microseconds=1)
        return {self.first.date(), last.date()}


class OfDay(Protocol):
    """What belongs to a local day."""

    @property
    def day(self) -> date:
        """The day."""


T = TypeVar("T", bound=OfDay)


def pieces(found: Iterable[T], most: int) -> Iterator[list[T]]:
    """Yield what belongs to days in pieces of at most so many days in a row, rising."""
    # Days in a row have the same distance from their number.
    numbered = enumerate(sorted(found, key=lambda one: one.day))
    for _, run in groupby(numbered, lambda at: at[1].day.toordinal() - at[0]):
        whole = [one for _, one in run]
        yield from (whole[n : n + most] for n in range(0, len(whole), most))


def due(cursor: Cursor, job: str, device_id: str, span: Span) -> list[Day]:
    """Return the days that changed since the job saw them; with a limit, all days within.

    Args:
        cursor: of the transaction in which the job runs: it has to see what this sees.
        job: its name.
        device_id: whose days.
        span: the limits.
    """
    asked = {"job": job, "device_id": device_id, "first": span.first, "end": span.end}
    cursor.execute(query("nightly-days"), asked | {"is_all": span != Span()})
    return [Day(*row) for row in cursor.fetchall()]


def done(cursor: Cursor, job: str, device_id: str, days: list[Day], *, has_run: bool) -> None:
    """Note that the job has taken account of these days; and whether of all, as it should."""
    noted = {"days": [one.day for one in days], "seen": [one.seen for one in days]}
    asked = {"job": job, "device_id": device_id, "has_run": has_run}
    cursor.execute(query("nightly-done"), asked | noted)
