"""``GET /v1/strings``: what each string of panels gives; ``GET /v1/sun``: where the sun is.

The strings come from ``sungrow_strings_5min``, which the transaction of a sample keeps.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, request

from edge_lib.shared import sun as sun_
from edge_lib.shared.command_names import server_command
from edge_lib.shared.timestamps import format_ts
from server.api import query_args, rounding, series_query
from server.api.buckets import WIDTHS, Bucket
from server.api.responses import csv_answer, json_answer
from server.api.series_query import Query
from server.database.pool import Database, Row

blueprint = Blueprint("strings", __name__)
COLUMNS = (
    *("bucket", "avg_power_w", "max_power_w", "avg_voltage_v", "avg_current_a", "kwh", "share"),
    *("sample_count", "limited_count"),
)
_PIECE = 500  # buckets of one query
_NOTHING: Row = dict.fromkeys(COLUMNS) | {"sample_count": 0, "limited_count": 0}
_NO_PLACE = "where the house is was not set: {command} set {device} --latitude 51.2 --longitude 4.4"


@blueprint.get("/v1/strings")
def strings() -> Response:
    """Return every bucket up to now of each string of which the range tells anything.

    Raises:
        Refused: 401, 403; 422 malformed range, or too many buckets.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("from", "to", "bucket", "digits", "format")
    as_csv = query_args.one_of("format", ("json", "csv")) == "csv"
    digits = rounding.asked()
    database = current_app.extensions["db"]
    device = series_query.device(database, device_id)
    query = _range(device)
    spans = series_query.spans(query, device.zone)
    asked = {"device_id": device_id, "first": query.first, "end": query.end}
    around = database.rows("strings-seen", asked)
    known = {row["string"]: row["name"] for row in around if row["is_asked"]}
    pieces = _pieces(database, device, spans, list(known), len(around))
    if as_csv:
        day = query.first.astimezone(device.zone).date()
        name = f"{device_id}-strings-{query.width.name}-{day}.csv"
        return csv_answer(("string", *COLUMNS), pieces, name)
    series: dict[int, list[Row]] = {string: [] for string in known}
    for row in (row for piece in pieces for row in piece):
        series[row.pop("string")].append(rounding.rounded(row, digits, but=("share",)))
    return json_answer(
        device_id=device_id,
        **query.label,
        timezone=device.zone.key,
        strings=[{"string": n, "name": known[n], "series": rows} for n, rows in series.items()],
    )


def _range(device: series_query.Device) -> Query:
    first, end, bucket = series_query.limits(device)
    if bucket in ("1m", series_query.RAW):
        msg = "5m, 15m, 1h, 1d or 1mo; /v1/series?bucket=1m&fields=mppt has single minutes"
        raise query_args.wrong("bucket", msg, "enum")
    width = WIDTHS[bucket]
    first, end = (width.floor(moment, device.zone) for moment in (first, end))
    label = {"bucket": bucket, **series_query.local(device, first, end)}
    return Query(label, width, first, end, True, COLUMNS)


def _pieces(
    database: Database,
    device: series_query.Device,
    spans: list[Bucket],
    known: list[int],
    count: int,  # of the strings that there were around
) -> Iterator[list[Row]]:
    # Each is a transaction of its own, as those of /v1/series are.
    for begin in range(0, len(spans) if known else 0, _PIECE):
        piece = spans[begin : begin + _PIECE]
        asked = {
            "device_id": device.device_id,
            "keys": [span.start for span in piece],
            "first": piece[0].start,
            "end": piece[-1].end,
            "all": count,
        }
        found = {
            (row.pop("key"), row["string"]): row for row in database.rows("strings-times", asked)
        }
        now = datetime.now(UTC)
        yield [
            _row(found.get((span.start, string), _NOTHING), span, string, device.zone)
            for span in piece
            if span.start <= now
            for string in known
        ]


def _row(known: Row, span: Bucket, string: int, zone: ZoneInfo) -> Row:
    row = {"string": string, "bucket": span.start.astimezone(zone).isoformat()}
    return row | {name: known[name] for name in COLUMNS[1:]}


@blueprint.get("/v1/sun")
def sun() -> Response:
    """Return where the sun is, seen from the house, or why that is not known.

    Raises:
        Refused: 401, 403; 422 a malformed time, or one of another century.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("at")
    at = query_args.moment("at") if "at" in request.args else datetime.now(UTC)
    query_args.refuse_unknown_sun("at", at)
    about = {"device_id": device_id, "ts": format_ts(at)}
    found = current_app.extensions["db"].rows("sun-place", {"device_id": device_id})
    if not found:
        text = _NO_PLACE.format(command=server_command("site"), device=device_id)
        none = dict.fromkeys(sun_.Sun._fields)
        return json_answer(**about, **none, reason="no_place", reason_text=text)
    place = found[0]
    position = sun_.position(at.timestamp(), place["latitude"], place["longitude"])
    return json_answer(**about, **position._asdict(), reason=None, reason_text=None)
