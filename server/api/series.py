"""``GET /v1/series``: history in buckets of local time, by frame or for any range.

Hours and minutes come from ``sungrow_5min``, days and months from ``sungrow_local_daily``; both are
exact from the commit of a sample on, so nothing here depends on a background job.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, request

from server.api import buckets, query_args
from server.api.buckets import WIDTHS, Bucket, Width
from server.api.errors import readable_device
from server.api.responses import csv_answer, json_answer
from server.database.pool import Database, Row
from server.house.series import P1_COLUMNS, by_grid_meter, own_source

blueprint = Blueprint("series", __name__)
MINIMUM_KWH = 0.05  # below it a share means nothing, and is null
MOST_BUCKETS = 10_000
_PIECE = 500  # buckets of one query
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
_NOTHING: Row = dict.fromkeys((*COLUMNS, *P1_COLUMNS)) | {
    "sample_count": 0,
    "covered_s": 0.0,
    "grid_covered_s": 0.0,
    "estimated": False,
    "estimated_sources": False,
}


class Frame(NamedTuple):
    """A frame of history: its buckets, and the local dates from and to which it goes."""

    width: Width
    span: Callable[[date], tuple[date, date]]


FRAMES = {
    "day": Frame(WIDTHS["1h"], lambda day: (day, day + timedelta(days=1))),
    "month": Frame(WIDTHS["1d"], lambda day: (day.replace(day=1), buckets.next_month(day))),
    "year": Frame(WIDTHS["1mo"], lambda day: (date(day.year, 1, 1), date(day.year + 1, 1, 1))),
}
ALL = "all"  # the frame of all months that hold anything


class Query(NamedTuple):
    """What was requested: how the answer names it, the range, and the columns of its buckets."""

    label: dict[str, str]
    width: Width
    first: datetime
    end: datetime
    with_empty: bool
    columns: tuple[str, ...]


class Device(NamedTuple):
    """The device of the query, and what the buckets of its history depend on."""

    device_id: str
    zone: ZoneInfo
    first_day: date | None
    last_day: date | None
    has_p1: bool


@blueprint.get("/v1/series")
def series() -> Response:
    """Return the buckets of a frame that hold anything, or every bucket of a range up to now.

    Raises:
        Refused: 401, 403; 422 unknown frame, malformed range, or more than 10,000 buckets.
        DatabaseAway: 503.
    """
    device_id = readable_device()
    as_csv = query_args.one_of("format", ("json", "csv")) == "csv"
    database = current_app.extensions["db"]
    device = _device(database, device_id)
    query = (_range if "from" in request.args else _frame)(device)
    spans = _spans(query, device.zone)
    pieces = _pieces(database, device, query, spans)
    if as_csv:
        return csv_answer(query.columns, pieces, _file_name(device, query))
    rows = [row for piece in pieces for row in piece]
    about = {"device_id": device_id, **query.label, "timezone": device.zone.key}
    return json_answer(**about, series=rows)


def _device(database: Database, device_id: str) -> Device:
    (row,) = database.rows("series-device", {"device_id": device_id})
    zone = query_args.stored_zone(row.pop("timezone"), device_id)
    return Device(device_id, zone, **row)


def _frame(device: Device) -> Query:
    if "frame" not in request.args:
        raise query_args.wrong("frame", "is missing; give frame, or from, to and bucket", "missing")
    name = query_args.one_of("frame", (*FRAMES, ALL))
    for other in ("to", "bucket"):
        if other in request.args:
            raise query_args.wrong(other, "goes with from, not with frame", "range")
    if name == ALL:
        width, (first, end) = WIDTHS["1mo"], _whole_history(device)
    else:
        today = datetime.now(device.zone).date()
        width, (first, end) = FRAMES[name].width, FRAMES[name].span(query_args.day("date") or today)
    begin, stop = (buckets.midnight(day, device.zone) for day in (first, end))
    return Query({"frame": name}, width, begin, stop, False, _columns(device))


def _columns(device: Device) -> tuple[str, ...]:
    if "columns" not in request.args:
        return (*COLUMNS, *P1_COLUMNS) if device.has_p1 else COLUMNS
    names = request.args["columns"].split(",")
    for name in names:
        if name not in (*COLUMNS, *P1_COLUMNS):
            raise query_args.wrong("columns", f"{name[:64]!r} is not a column of a bucket", "enum")
    return tuple(dict.fromkeys(names))


def _whole_history(device: Device) -> tuple[date, date]:
    if "date" in request.args:
        raise query_args.wrong("date", "frame=all takes no date", "date")
    if device.first_day is None or device.last_day is None:
        return query_args.FIRST_DATE, query_args.FIRST_DATE
    return device.first_day, buckets.next_month(device.last_day)


def _range(device: Device) -> Query:
    for other in ("frame", "date"):
        if other in request.args:
            raise query_args.wrong(other, f"either {other}, or from, to and bucket", "range")
    for other in ("to", "bucket"):
        if other not in request.args:
            raise query_args.wrong(other, "is missing; from, to and bucket go together", "missing")
    first, end = (query_args.local_moment(name, device.zone) for name in ("from", "to"))
    width = WIDTHS[query_args.one_of("bucket", tuple(WIDTHS))]
    if end < first:
        raise query_args.wrong("to", "is before from", "range")
    first, end = (width.floor(moment, device.zone) for moment in (first, end))
    label = {
        "bucket": width.name,
        "from": first.astimezone(device.zone).isoformat(),
        "to": end.astimezone(device.zone).isoformat(),
    }
    return Query(label, width, first, end, True, _columns(device))


def _spans(query: Query, zone: ZoneInfo) -> list[Bucket]:
    found = buckets.between(query.width, query.first, query.end, zone)
    spans = list(islice(found, MOST_BUCKETS + 1))
    if len(spans) > MOST_BUCKETS:
        msg = f"more than {MOST_BUCKETS} buckets; ask for a shorter range, or for wider buckets"
        raise query_args.wrong("to", msg, "range")
    return spans


def _pieces(
    database: Database, device: Device, query: Query, spans: list[Bucket]
) -> Iterator[list[Row]]:
    # Each piece is a transaction of its own, so that a slow reader of a long CSV holds none open,
    # and its rows are never all in memory. What is stored meanwhile shows in the later pieces.
    for begin in range(0, len(spans), _PIECE):
        piece = spans[begin : begin + _PIECE]
        found = _rows(database, device, query.width, piece)
        now = datetime.now(UTC)
        yield [
            _row(found.get(span.start, _NOTHING), span, device.zone, now, query.columns)
            for span in piece
            if span.start in found or (query.with_empty and span.start <= now)
        ]


def _rows(
    database: Database, device: Device, width: Width, spans: list[Bucket]
) -> dict[datetime, Row]:
    """Return what is known of these buckets, by their starts."""
    starts = {_key(width, device.zone, span.start): span.start for span in spans}
    parameters = {
        "device_id": device.device_id,
        "keys": list(starts),
        "first": next(iter(starts)),
        "end": _key(width, device.zone, spans[-1].end),
    }
    found = database.rows("series-days" if width.of_days else "series-times", parameters)
    rows = {row["key"]: row for row in found}
    if device.has_p1:
        rows = by_grid_meter(database, width.of_days, parameters, rows, _NOTHING)
    return {starts[key]: row for key, row in rows.items()}


def _key(width: Width, zone: ZoneInfo, moment: datetime) -> date:
    """Return what the rollup of this width calls a moment: a local date, or the moment itself."""
    return moment.astimezone(zone).date() if width.of_days else moment


def _row(known: Row, span: Bucket, zone: ZoneInfo, now: datetime, columns: tuple[str, ...]) -> Row:
    elapsed_s = (min(span.end, now) - span.start).total_seconds()
    computed = {
        "bucket": span.start.astimezone(zone).isoformat(),
        "coverage": _coverage(known["covered_s"], elapsed_s),
        "grid_coverage": _coverage(known["grid_covered_s"], elapsed_s),
        "grid_source": known["grid_source"] if "grid_source" in known else own_source(known),
        **_shares(known),
    }
    return {name: computed[name] if name in computed else known.get(name) for name in columns}


def _coverage(covered_s: float, elapsed_s: float) -> float | None:
    return min(1.0, max(0.0, covered_s / elapsed_s)) if elapsed_s > 0 else None


def _shares(row: Row) -> dict[str, float | None]:
    """Return self-sufficiency and self-consumption, 0 to 1; null under ``MINIMUM_KWH``."""
    if row["loss_kwh"] is None:  # without a sample that has the grid there are no flows
        return {"self_sufficiency": None, "self_consumption": None}
    house = row["solar_to_house_kwh"] + row["battery_to_house_kwh"] + row["grid_to_house_kwh"]
    solar = row["solar_to_house_kwh"] + row["solar_to_battery_kwh"] + row["solar_to_grid_kwh"]
    return {
        "self_sufficiency": _remainder(row["grid_to_house_kwh"], house),
        "self_consumption": _remainder(row["solar_to_grid_kwh"], solar),
    }


def _remainder(part: float, whole: float) -> float | None:
    if whole < MINIMUM_KWH:
        return None
    return min(1.0, max(0.0, 1 - part / whole))


def _file_name(device: Device, query: Query) -> str:
    name = query.label.get("frame") or query.width.name
    if name == ALL:
        return f"{device.device_id}-{name}.csv"
    return f"{device.device_id}-{name}-{query.first.astimezone(device.zone).date()}.csv"
