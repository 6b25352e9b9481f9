"""The query string of a request: the device, dates, times and choices, and nothing unknown."""

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import request

from edge_lib.shared.command_names import server_command
from edge_lib.shared.timestamps import parse_ts
from server.api.buckets import midnight
from server.api.errors import Refused, caller, place
from server.database import zone_names
from server.database.pool import Database

log = logging.getLogger("sungrow.server.query_args")
# The earliest possible sample is of 2010 UTC, which began west of Greenwich the day before.
FIRST_DATE, LAST_DATE = date(2009, 12, 31), date(9000, 1, 1)
_SHOWN = 64  # characters of what a client calls a parameter
CLOCK_CHANGE = timedelta(hours=1)  # more or less in so many local days, where their clock changes
_SUN_YEARS = (1950, 2100)  # of which the formula is that says where the sun is


def readable_device(*names: str) -> str:
    """Return the device of a query: ``device_id``, or the token's only one.

    Args:
        names: all other parameters that this request may have.

    Raises:
        Refused: 401 and 429 as ``caller``; 403 and 422 as ``readable_devices``; 422 the token has
            several devices and the query names none.
    """
    devices = readable_devices(*names)
    if len(devices) != 1:
        raise wrong("device_id", "is missing", "missing")
    return devices[0]


def readable_devices(*names: str) -> tuple[str, ...]:
    """Return the device of a query; all that the token may read where it names none.

    Args:
        names: all parameters that this request may have, but ``device_id``.

    Raises:
        Refused: 401 and 429 as ``caller``; 422 another parameter, or one twice; 403 the device is
            not the token's.
    """
    devices = caller().devices
    _refuse_unknown(("device_id", *names))
    device_id = request.args.get("device_id")
    if device_id is None:
        return devices
    if device_id not in devices:
        raise Refused(403, "this token may not read that device")
    return (device_id,)


def _refuse_unknown(names: Sequence[str]) -> None:
    # What is misspelt would be answered as if it had been left out: with another day's figures.
    for name, values in request.args.lists():
        if name not in names:
            shown, taken = name[:_SHOWN], f"this request takes {', '.join(names)}"
            raise wrong(shown, f"unknown parameter {shown!r}; {taken}", "unknown")
        if len(values) > 1:
            msg = f"the parameter {name!r} is given {len(values)} times"
            raise wrong(name, msg, "repeated")


def day(name: str) -> date | None:
    """Return the date of that name, from ``FIRST_DATE`` to before ``LAST_DATE``; None if absent.

    Raises:
        Refused: 422 it is not a date.
    """
    text = request.args.get(name)
    return None if text is None else _day(name, text)


def _day(name: str, text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    # 20260329 and 2026-W13-7 are dates too, in Python.
    if found is None or found.isoformat() != text or not FIRST_DATE <= found < LAST_DATE:
        msg = f"a date like 2026-03-29, from {FIRST_DATE} on, and before {LAST_DATE}"
        raise wrong(name, msg, "date")
    return found


class HouseDay(NamedTuple):
    """A local day of a house: from its midnight on and before the next one."""

    day: date
    zone: ZoneInfo
    first: datetime
    end: datetime

    def label(self) -> dict[str, str]:
        """Return how an answer says which day it is of."""
        first, end = (at.astimezone(self.zone).isoformat() for at in (self.first, self.end))
        return {
            "date": self.day.isoformat(),
            "timezone": self.zone.key,
            "from": first,
            "to": end,
        }


def house_day(database: Database, device_id: str) -> HouseDay:
    """Return the local day that ``date`` asks for; today if it is absent.

    Raises:
        Refused: 422 it is not a date; 503 the device's zone cannot be used.
    """
    zone = house_zone(database, device_id)
    found = day("date") or datetime.now(UTC).astimezone(zone).date()
    first, end = (midnight(one, zone) for one in (found, found + timedelta(days=1)))
    return HouseDay(found, zone, first, end)


def refuse_unknown_sun(name: str, at: date) -> None:
    """Refuse what asks where the sun is in a year of which its formula is not.

    Raises:
        Refused: 422 it is of another century.
    """
    first, last = _SUN_YEARS
    if not first <= at.year < last:
        raise wrong(name, f"from {first} on, and before {last}", "datetime")


def moment(name: str) -> datetime:
    """Return the time of that name, in UTC.

    Raises:
        Refused: 422 it is missing, or not RFC 3339.
    """
    text = request.args.get(name)
    if text is None:
        raise wrong(name, "is missing", "missing")
    try:
        return parse_ts(text)
    except ValueError as error:
        raise wrong(name, str(error), "datetime") from error


def local_range(zone: ZoneInfo, most_days: int) -> tuple[datetime, datetime]:
    """Return the times ``from`` and ``to``, in UTC; a date means its local midnight.

    Raises:
        Refused: 422 as ``local_moment``, or ``to`` is not after ``from``, or too far.
    """
    first, end = (local_moment(name, zone) for name in ("from", "to"))
    if not timedelta(0) < end - first <= timedelta(days=most_days) + CLOCK_CHANGE:
        raise wrong("to", f"after from, by at most {most_days} days", "range")
    return first, end


def local_moment(name: str, zone: ZoneInfo) -> datetime:
    """Return the time of that name, in UTC; a date means its local midnight.

    Raises:
        Refused: 422 it is missing, malformed, or outside the calendar of samples.
    """
    text = request.args.get(name, "")
    if len(text) == len("2026-03-29"):
        return midnight(_day(name, text), zone)
    try:
        found = moment(name)
    except Refused as refused:
        if not text:
            raise
        msg = "a date like 2026-03-29 or a time like 2026-03-29T00:00:00Z (its + is %2B in a URL)"
        raise wrong(name, msg, "datetime") from refused
    earliest, latest = (datetime.combine(d, time(), UTC) for d in (FIRST_DATE, LAST_DATE))
    if not earliest <= found < latest:
        raise wrong(name, f"from {FIRST_DATE} on, and before {LAST_DATE}", "datetime")
    return found


def one_of(name: str, choices: Sequence[str]) -> str:
    """Return the choice of that name; the first one if it is absent.

    Raises:
        Refused: 422 it is another one.
    """
    found = request.args.get(name, choices[0])
    if found not in choices:
        raise wrong(name, f"one of {', '.join(choices)}", "enum")
    return found


def house_zone(database: Database, device_id: str) -> ZoneInfo:
    """Return the zone of a device's local dates.

    Raises:
        Refused: 503 as ``stored_zone``.
    """
    (site,) = database.rows("gaps-zone", {"device_id": device_id})
    return stored_zone(site["timezone"], device_id)


def stored_zone(name: str, device_id: str) -> ZoneInfo:
    """Return the zone that the database has for a device.

    Raises:
        Refused: 503 Python does not read it as PostgreSQL does, which has cut the days by it: it
            was set by hand, or before such names were refused.
    """
    if problem := zone_names.problem(name):
        _log_once(name, device_id)
        raise Refused(
            503,
            f"the time zone {name!r} of this device {problem} (see: {server_command('doctor')})",
        )
    return ZoneInfo(name)


@cache
def _log_once(zone: str, device_id: str) -> None:
    # A page repeats its requests all day.
    log.error("zone cannot be used", extra={"zone": zone, "device_id": device_id})


def wrong(name: str, msg: str, type: str) -> Refused:
    """Return the 422 that names this part of the query."""
    return Refused(422, [place("query", name, msg=msg, type=type)])
