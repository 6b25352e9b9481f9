"""``GET /v1/series``: history in buckets of local time, by frame or for any range.

Hours and minutes come from ``sungrow_5min``, days and months from ``sungrow_local_daily``; both are
exact from the commit of a sample on, so nothing here depends on a background job. Single minutes,
and what ``fields`` adds, are computed from the samples; ``bucket=raw`` gives the samples.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, request

from server.api import query_args, rounding, series_query, series_raw
from server.api.buckets import Bucket, Width
from server.api.responses import csv_answer, json_answer
from server.api.series_query import ALL, COLUMNS, Device, Query
from server.database.pool import Database, Row
from server.house.series import P1_COLUMNS, by_grid_meter, own_source

blueprint = Blueprint("series", __name__)
MINIMUM_KWH = 0.05  # below it a share means nothing, and is null
_PARAMETERS = (
    *("frame", "date", "from", "to", "bucket"),
    *("fields", "columns", "digits", "format"),
)
_PIECE = 500  # buckets of one query
_QUERIES = {"days": "series-days", "times": "series-times", "minutes": "series-minutes"}
_NOTHING: Row = dict.fromkeys((*COLUMNS, *P1_COLUMNS)) | {
    "sample_count": 0,
    "covered_s": 0.0,
    "grid_covered_s": 0.0,
    "estimated": False,
    "estimated_sources": False,
}


@blueprint.get("/v1/series")
def series() -> Response:
    """Return the buckets of a frame that hold anything, or every bucket of a range up to now.

    Raises:
        Refused: 401, 403; 422 unknown frame, malformed range, or too many buckets or readings.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device(*_PARAMETERS)
    as_csv = query_args.one_of("format", ("json", "csv")) == "csv"
    digits = rounding.asked()
    database = current_app.extensions["db"]
    device = series_query.device(database, device_id)
    if "from" in request.args and request.args.get("bucket") == series_query.RAW:
        return series_raw.answer(database, device, as_csv)
    ask = series_query.of_range if "from" in request.args else series_query.of_frame
    query = ask(device)
    spans = series_query.spans(query, device.zone)
    pieces = _pieces(database, device, query, spans)
    if as_csv:
        return csv_answer(query.columns, pieces, _file_name(device, query))
    rows = [rounding.rounded(row, digits) for piece in pieces for row in piece]
    about = {"device_id": device_id, **query.label, "timezone": device.zone.key}
    return json_answer(**about, series=rows)


def _pieces(
    database: Database, device: Device, query: Query, spans: list[Bucket]
) -> Iterator[list[Row]]:
    # Each piece is a transaction of its own, so that a slow reader of a long CSV holds none open,
    # and its rows are never all in memory. What is stored meanwhile shows in the later pieces.
    for begin in range(0, len(spans), _PIECE):
        piece = spans[begin : begin + _PIECE]
        found = _rows(database, device, query, piece)
        now = datetime.now(UTC)
        yield [
            _row(found.get(span.start, _NOTHING), span, device.zone, now, query.columns)
            for span in piece
            if span.start in found or (query.with_empty and span.start <= now)
        ]


def _rows(
    database: Database, device: Device, query: Query, spans: list[Bucket]
) -> dict[datetime, Row]:
    """Return what is known of these buckets, by their starts."""
    width = query.width
    starts = {_key(width, device.zone, span.start): span.start for span in spans}
    parameters = {
        "device_id": device.device_id,
        "keys": list(starts),
        "first": next(iter(starts)),
        "end": _key(width, device.zone, spans[-1].end),
    }
    rows = {row["key"]: row for row in database.rows(_QUERIES[width.kind], parameters)}
    if device.has_p1:
        rows = by_grid_meter(database, width.kind, parameters, rows, _NOTHING)
    if query.with_details:
        for row in database.rows("series-details", parameters):
            rows[row["key"]] = rows.get(row["key"], _NOTHING) | row
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
