"""What a request for history asks: the device, the buckets, the columns. Runs inside a request."""

import itertools
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import request

from server.api import buckets, query_args
from server.api.buckets import WIDTHS, Bucket, Width
from server.database.pool import Database
from server.house.series import P1_COLUMNS

LONGEST_OF_MINUTES = timedelta(hours=36)
LONGEST_WITH_FIELDS = timedelta(hours=49)  # two local days, one of which may have 25 hours
MOST_BUCKETS = 10_000
RAW = "raw"  # instead of a width: the readings themselves
_ENERGIES = ("pv", "load", "import", "export", "battery_charge", "battery_discharge")
COLUMNS = (
    "bucket",
    "avg_pv_power_w",
    "max_pv_power_w",
    "avg_battery_power_w",
    "avg_battery_soc_pct",
    "avg_load_power_w",
    "avg_export_power_w",
    "sample_count",
    "min_pv_power_w",
    "min_battery_soc_pct",
    "max_battery_soc_pct",
    *(f"{energy}_kwh" for energy in _ENERGIES),
    *(f"{energy}_counter_kwh" for energy in _ENERGIES),
    *(f"{energy}_integral_kwh" for energy in _ENERGIES),
    "grid_source",
    "solar_to_house_kwh",
    "solar_to_battery_kwh",
    "solar_to_grid_kwh",
    "battery_to_house_kwh",
    "battery_to_grid_kwh",
    "grid_to_house_kwh",
    "grid_to_battery_kwh",
    "loss_kwh",
    "coverage",
    "grid_coverage",
    "self_sufficiency",
    "self_consumption",
    "estimated",
)
# What the samples tell beside, for a day or two: by the names that ``fields`` takes.
DETAILS = {
    "mppt": tuple(f"avg_mppt{number}_power_w" for number in (1, 2, 3, 4)),
    "battery": ("avg_battery_temp_c", "avg_battery_voltage_v"),
    "grid": ("avg_grid_voltage_v",),
}
_WITH_DETAILS = ("1m", "5m")


class Frame(NamedTuple):
    """A frame of history: its buckets, and the local dates from and to which it goes."""

    width: Width
    span: Callable[[date], tuple[date, date]]


def _week(day: date) -> tuple[date, date]:
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=7)


FRAMES = {
    "day": Frame(WIDTHS["1h"], lambda day: (day, day + timedelta(days=1))),
    "week": Frame(WIDTHS["1d"], _week),
    "month": Frame(WIDTHS["1d"], lambda day: (day.replace(day=1), buckets.next_month(day))),
    "year": Frame(WIDTHS["1mo"], lambda day: (date(day.year, 1, 1), date(day.year + 1, 1, 1))),
}
ALL = "all"  # the frame of all months that hold anything


class Query(NamedTuple):
    """What was requested: how the answer names it, the range, and the columns of its buckets.

    ``with_details``: the samples are to tell more of each bucket.
    """

    label: dict[str, str]
    width: Width
    first: datetime
    end: datetime
    with_empty: bool
    columns: tuple[str, ...]
    with_details: bool = False


class Device(NamedTuple):
    """The device of the query, and what the buckets of its history depend on."""

    device_id: str
    zone: ZoneInfo
    first_day: date | None
    last_day: date | None
    has_p1: bool


def device(database: Database, device_id: str) -> Device:
    """Return what is known of the device.

    Raises:
        Refused: 503 its zone cannot be used.
        DatabaseAway: 503.
    """
    (row,) = database.rows("series-device", {"device_id": device_id})
    zone = query_args.stored_zone(row.pop("timezone"), device_id)
    return Device(device_id, zone, **row)


def of_frame(device: Device) -> Query:
    """Return what ``frame`` and ``date`` ask for.

    Raises:
        Refused: 422 an unknown frame, a bad date, or what does not go with a frame.
    """
    if "frame" not in request.args:
        raise query_args.wrong("frame", "is missing; give frame, or from, to and bucket", "missing")
    name = query_args.one_of("frame", (*FRAMES, ALL))
    for other in ("to", "bucket", "fields"):
        if other in request.args:
            raise query_args.wrong(other, "goes with from, not with frame", "range")
    if name == ALL:
        width, (first, end) = WIDTHS["1mo"], _whole_history(device)
    else:
        today = datetime.now(device.zone).date()
        width, (first, end) = FRAMES[name].width, FRAMES[name].span(query_args.day("date") or today)
    begin, stop = (buckets.midnight(day, device.zone) for day in (first, end))
    return Query({"frame": name}, width, begin, stop, False, columns(_of_buckets(device)))


def _whole_history(device: Device) -> tuple[date, date]:
    if "date" in request.args:
        raise query_args.wrong("date", "frame=all takes no date", "date")
    if device.first_day is None or device.last_day is None:
        return query_args.FIRST_DATE, query_args.FIRST_DATE
    return device.first_day, buckets.next_month(device.last_day)


def of_range(device: Device) -> Query:
    """Return what ``from``, ``to``, ``bucket`` and ``fields`` ask for.

    Raises:
        Refused: 422 one is missing or malformed, or the range is too long for it.
    """
    first, end, bucket = limits(device)
    width = WIDTHS[bucket]
    if width is WIDTHS["1m"] and end - first > LONGEST_OF_MINUTES:
        msg = "at most 36 hours after from, with bucket=1m; ask for less, or for bucket=5m"
        raise query_args.wrong("to", msg, "range")
    details = _details(bucket, end - first)
    first, end = (width.floor(moment, device.zone) for moment in (first, end))
    label = {"bucket": width.name, **local(device, first, end)}
    names = columns((*_of_buckets(device), *details))
    return Query(label, width, first, end, True, names, with_details=bool({*details} & {*names}))


def limits(device: Device) -> tuple[datetime, datetime, str]:
    """Return ``from``, ``to`` and ``bucket``.

    Raises:
        Refused: 422 one is missing or malformed.
    """
    for other in ("frame", "date"):
        if other in request.args:
            raise query_args.wrong(other, f"either {other}, or from, to and bucket", "range")
    for other in ("to", "bucket"):
        if other not in request.args:
            raise query_args.wrong(other, "is missing; from, to and bucket go together", "missing")
    first, end = (query_args.local_moment(name, device.zone) for name in ("from", "to"))
    bucket = query_args.one_of("bucket", (*WIDTHS, RAW))
    if end < first:
        raise query_args.wrong("to", "is before from", "range")
    return first, end, bucket


def local(device: Device, first: datetime, end: datetime) -> dict[str, str]:
    """Return a range as an answer names it."""
    return {
        "from": first.astimezone(device.zone).isoformat(),
        "to": end.astimezone(device.zone).isoformat(),
    }


def spans(query: Query, zone: ZoneInfo) -> list[Bucket]:
    """Return the buckets that are asked for.

    Raises:
        Refused: 422 too many.
    """
    found = buckets.between(query.width, query.first, query.end, zone)
    every = list(itertools.islice(found, MOST_BUCKETS + 1))
    if len(every) > MOST_BUCKETS:
        msg = f"more than {MOST_BUCKETS} buckets; ask for a shorter range, or for wider buckets"
        raise query_args.wrong("to", msg, "range")
    return every


def columns(
    known: Sequence[str], kind: str = "bucket", more: Sequence[str] = P1_COLUMNS
) -> tuple[str, ...]:
    """Return the columns of the answer: all, or those of ``columns``.

    Args:
        known: those that there are.
        kind: of what they are columns.
        more: those that may be asked for, though there are none here.

    Raises:
        Refused: 422 there is no such column.
    """
    if "columns" not in request.args:
        return tuple(known)
    names = request.args["columns"].split(",")
    for name in names:
        if name not in (*known, *more):
            msg = f"{name[:64]!r} is not a column of a {kind}"
            if name in itertools.chain(*DETAILS.values()):
                msg += "; fields=mppt,battery,grid adds such columns to bucket=5m and bucket=1m"
            raise query_args.wrong("columns", msg, "enum")
    return tuple(dict.fromkeys(names))


def _of_buckets(device: Device) -> tuple[str, ...]:
    return (*COLUMNS, *P1_COLUMNS) if device.has_p1 else COLUMNS


def _details(bucket: str, length: timedelta) -> tuple[str, ...]:
    if "fields" not in request.args:
        return ()
    names = request.args["fields"].split(",")
    if not DETAILS.keys() >= {*names}:
        raise query_args.wrong("fields", f"of {', '.join(DETAILS)}, by commas", "enum")
    if bucket not in _WITH_DETAILS:
        raise query_args.wrong("fields", "goes with bucket=5m or bucket=1m", "range")
    if length > LONGEST_WITH_FIELDS:
        raise query_args.wrong("to", "at most 2 days after from, with fields", "range")
    return tuple(name for field, told in DETAILS.items() if field in names for name in told)
