"""Where a bucket of history begins and ends, in the local time of a zone. Pure.

All moments are UTC, and multiples of five minutes, as the rows of ``sungrow_5min`` are; but for
those of ``1m``.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_FIVE_MINUTES = timedelta(minutes=5)


class Width(NamedTuple):
    """A width of buckets: what it is called, and how to find one.

    ``floor`` returns the start of the bucket that holds a moment, ``after`` the end of the one that
    begins at a moment. ``kind``: its buckets consist of whole local ``days``, of five minutes each
    (``times``), or are shorter than those (``minutes``).
    """

    name: str
    floor: Callable[[datetime, ZoneInfo], datetime]
    after: Callable[[datetime, ZoneInfo], datetime]
    kind: str = "times"

    @property
    def of_days(self) -> bool:
        """Whether its buckets consist of whole local days."""
        return self.kind == "days"


class Bucket(NamedTuple):
    """One bucket: its first moment, and the first one after it."""

    start: datetime
    end: datetime


def between(width: Width, first: datetime, end: datetime, zone: ZoneInfo) -> Iterator[Bucket]:
    """Return the buckets from ``first`` to ``end``, both moved down to the start of a bucket."""
    start, last = width.floor(first, zone), width.floor(end, zone)
    while start < last:
        after = width.after(start, zone)
        yield Bucket(start, after)
        start = after


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of a local day.

    Of two midnights that is the first; without one, the change of the clock. A day that was left
    out altogether (Samoa, 2011-12-30) begins where the next one does.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def next_month(day: date) -> date:
    """Return the first day of the month after the one of ``day``."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _minutes(count: int) -> Width:
    # The offsets of all zones are multiples of 15 minutes, so these need no local time.
    step = timedelta(minutes=count)
    return Width(
        f"{count}m",
        lambda moment, _: moment - (moment - _EPOCH) % step,
        lambda start, _: start + step,
        kind="minutes" if step < _FIVE_MINUTES else "times",
    )


def _hour_floor(moment: datetime, zone: ZoneInfo) -> datetime:
    # Where a clock changes by half an hour (Lord Howe Island), or on the half (Pyongyang), an hour
    # lacks its first half or its last: it is what the clock shows as one hour without a change.
    moment -= (moment - _EPOCH) % _FIVE_MINUTES
    start = moment - timedelta(minutes=moment.astimezone(zone).minute)
    while _clock_hour(start, zone) != _clock_hour(moment, zone):
        start += _FIVE_MINUTES
    return start


def _hour_after(start: datetime, zone: ZoneInfo) -> datetime:
    after = start + timedelta(minutes=60 - start.astimezone(zone).minute)
    if _clock_hour(after - _FIVE_MINUTES, zone) == _clock_hour(start, zone):
        return after
    after = start + _FIVE_MINUTES
    while _clock_hour(after, zone) == _clock_hour(start, zone):
        after += _FIVE_MINUTES
    return after


def _clock_hour(moment: datetime, zone: ZoneInfo) -> tuple[date, int, timedelta | None]:
    local = moment.astimezone(zone)
    return local.date(), local.hour, local.utcoffset()


def _local_date(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


WIDTHS = {
    width.name: width
    for width in (
        _minutes(1),
        _minutes(5),
        _minutes(15),
        Width("1h", _hour_floor, _hour_after),
        Width(
            "1d",
            lambda moment, zone: midnight(_local_date(moment, zone), zone),
            lambda start, zone: midnight(_local_date(start, zone) + timedelta(days=1), zone),
            kind="days",
        ),
        Width(
            "1mo",
            lambda moment, zone: midnight(_local_date(moment, zone).replace(day=1), zone),
            lambda start, zone: midnight(next_month(_local_date(start, zone)), zone),
            kind="days",
        ),
    )
}
