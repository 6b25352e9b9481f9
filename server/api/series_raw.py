"""``GET /v1/series?bucket=raw``: the samples themselves, with the grid meter beside each."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from flask import Response, request

from edge_lib.shared.sample import NAMES
from edge_lib.shared.timestamps import format_ts
from server.api import query_args, series_query
from server.api.responses import csv_answer, json_answer
from server.api.series_query import Device
from server.database.pool import Database, Row
from server.house.newest import by_grid_meter

MOST_ROWS = 10_000
_PIECE = 1000  # readings of one query
_NEXT = timedelta(microseconds=1)
_COLUMNS = ("ts", *(name for name in NAMES if name not in ("device_id", "ts")), "extra")
_COLUMNS += ("grid_source",)
_OF_P1 = ("p1_ts", "inverter_load_power_w", "inverter_export_power_w")


def answer(database: Database, device: Device, as_csv: bool) -> Response:
    """Return the samples from ``from`` on and before ``to``, in the order of their times.

    A house with a grid meter is shown by it, as ``/v1/realtime`` shows it: where one of its
    readings pairs with the sample.

    Raises:
        Refused: 422 a malformed range, or more than 10,000 samples.
        DatabaseAway: 503.
    """
    first, end, bucket = series_query.limits(device)
    if "fields" in request.args:
        raise query_args.wrong("fields", "goes with bucket=5m or bucket=1m", "range")
    known = (*_COLUMNS, *_OF_P1) if device.has_p1 else _COLUMNS
    names = series_query.columns(known, "reading", more=_OF_P1)
    asked = {"device_id": device.device_id, "end": end, "has_p1": device.has_p1}
    _refuse_too_many(database, asked | {"first": first})
    pieces = ([_written(row, names) for row in rows] for rows in _pieces(database, first, asked))
    if as_csv:
        day = first.astimezone(device.zone).date()
        return csv_answer(names, map(_flat, pieces), f"{device.device_id}-{bucket}-{day}.csv")
    about = {"bucket": bucket, **series_query.local(device, first, end)}
    series = [row for piece in pieces for row in piece]
    zone = device.zone.key
    return json_answer(device_id=device.device_id, **about, timezone=zone, series=series)


def _refuse_too_many(database: Database, asked: Row) -> None:
    (row,) = database.rows("series-raw-count", asked | {"most": MOST_ROWS + 1})
    if row["count"] > MOST_ROWS:
        msg = f"more than {MOST_ROWS} readings; ask for a shorter range, or for bucket=1m"
        raise query_args.wrong("to", msg, "range")


def _pieces(database: Database, first: datetime, asked: Row) -> Iterator[list[Row]]:
    # Each is a transaction of its own, as those of buckets are. What comes meanwhile does not make
    # the answer longer than it may be.
    left = MOST_ROWS
    while left:
        most = min(_PIECE, left)
        rows = database.rows("series-raw", asked | {"first": first, "most": most})
        yield rows
        if len(rows) < most:
            return
        left -= len(rows)
        first = rows[-1]["ts"] + _NEXT


def _written(sample: Row, names: tuple[str, ...]) -> Row:
    row = by_grid_meter(sample)
    row["ts"] = format_ts(row["ts"])
    return {name: row.get(name) for name in names}


def _flat(rows: list[Row]) -> list[Row]:
    """Return the rows as CSV has them: ``extra`` as a text of JSON."""
    for row in rows:
        if row.get("extra") is not None:
            row["extra"] = json.dumps(row["extra"])
    return rows
