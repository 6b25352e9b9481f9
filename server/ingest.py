"""``POST /v1/ingest``: a batch of samples, stored once each, with a verdict on every one.

A batch is checked whole before anything is stored. Then all its rows go in by one statement in one
transaction; those whose key is taken are compared with what stands there: the same values make a
duplicate, other values a conflict, of which nothing is stored. A sample of a time that
``server.forget`` deleted counts as a duplicate.
"""

import logging
import operator
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from flask import Blueprint, Response, current_app, g, jsonify, request
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function
from psycopg2.extensions import register_adapter
from psycopg2.extras import Json, execute_values

from edge_lib.sample import DEFAULT_INTERVAL_S, NAMES, SampleError, check, extra
from server import body, forgotten, parts, strict_json
from server.answers import DATABASE_REFUSES, Refused, caller, place
from server.db import Database, DatabaseAway, DatabaseRefuses, query

log = logging.getLogger("sungrow.server.ingest")
blueprint = Blueprint("ingest", __name__)
COLUMNS = (*NAMES, "extra")
_TS = NAMES.index("ts")
_INTERVAL_S = NAMES.index("interval_s")


class Extra(dict):
    """Fields that this version does not know, on their way into a column of jsonb."""


register_adapter(Extra, Json)


class Verdict(NamedTuple):
    """What became of a batch: two counts, and the indexes of the samples in conflict."""

    inserted: int
    duplicates: int
    conflicts: list[int]


@blueprint.post("/v1/ingest")
def ingest() -> Response:
    """Store a batch; 200 once it is committed.

    Raises:
        Refused: 401, 403, 413, 415, 400, 403 (another device's sample), 422; nothing is stored.
        DatabaseAway: 503; nothing is stored, or all of it, and a resend tells.
    """
    settings = current_app.extensions["settings"]
    device_id = _ingesting_device()
    payload = _parse(body.read(request, settings.max_request_bytes))
    samples = _samples(payload, settings.max_samples_per_request)
    _refuse_other_devices(samples, device_id)
    rows = _rows(payload, samples)
    batch = parts.read(payload)
    try:
        verdict = store(current_app.extensions["db"], device_id, rows, batch)
    except DatabaseRefuses as error:
        log.error("database refused a batch", extra={"reason": str(error)})  # noqa: TRY400
        raise _unprocessable(payload, DATABASE_REFUSES) from error
    g.verdict = verdict  # for metrics
    if verdict.inserted:
        current_app.extensions["cache"].forget(device_id)
    return jsonify(_answer(verdict, batch))


def store(db: Database, device_id: str, rows: list[list], batch: parts.Parts) -> Verdict:
    """Store rows (values in the order of ``NAMES``, then ``extra``) and parts, all or nothing."""
    first = _first_by_time(rows)
    with db.transaction() as cursor:
        gone = forgotten.shared(cursor, device_id, [*first, *batch.moments()])
        if gone.ranges:
            first = {ts: row for ts, row in first.items() if not gone.has(ts)}
            batch = batch.without(gone)
        batch.store(cursor, device_id)
        inserted = insert(cursor, list(first.values()))
        if inserted == len(rows):
            return Verdict(inserted, 0, [])
        standing = first if inserted == len(first) else _standing(cursor, device_id, list(first))
    conflicts = [i for i, row in enumerate(rows) if not _same(row, standing.get(row[_TS], row))]
    return Verdict(inserted, len(rows) - inserted - len(conflicts), conflicts)


def _ingesting_device() -> str:
    who = caller()
    if not who.may_ingest:
        raise Refused(403, "a read token may not ingest")
    return who.devices[0]


def _parse(text: bytes) -> dict:
    try:
        payload = strict_json.parse(text)
    except strict_json.NotJson as error:
        raise Refused(400, str(error)) from error
    if type(payload) is not dict:
        raise Refused(422, [place("body", msg="must be a JSON object", type="object_type")])
    return payload


def _samples(payload: dict, most: int) -> list:
    samples = payload.get("samples")
    if type(samples) is not list:
        problem = ("is missing", "missing") if samples is None else ("must be a list", "list_type")
        places = [place("body", "samples", msg=problem[0], type=problem[1])]
        raise _unprocessable(payload, places)
    if len(samples) > most:
        raise Refused(413, f"more than {most} samples; send fewer a request")
    return samples


def _refuse_other_devices(samples: list, device_id: str) -> None:
    for sample in samples:
        named = sample.get("device_id") if type(sample) is dict else None
        if type(named) is str and named != device_id:
            raise Refused(403, "a sample is of a device that is not this token's")


def _unprocessable(payload: dict, places: list[dict]) -> Refused:
    # The echo tells the edge that this answer is about its batch, so that it may park.
    batch_id = parts.batch_id(payload)
    return Refused(422, places, **({"batch_id": batch_id} if batch_id else {}))


def _rows(payload: dict, samples: list) -> list[list]:
    """Give the rows to store.

    Raises:
        Refused: 422 with every sample that breaks the contract.
    """
    now = datetime.now(UTC)
    rows, places = [], []
    for index, sample in enumerate(samples):
        try:
            ts = check(sample, now)
        except SampleError as error:
            places += [_sample_place(index, *found) for found in error.places]
            continue
        rows.append(_row(sample, ts))
    if places:
        raise _unprocessable(payload, places)
    return rows


def _sample_place(index: int, field: str, msg: str, kind: str) -> dict:
    return place("body", "samples", index, *filter(None, [field]), msg=msg, type=kind)


def _row(sample: dict, ts: datetime) -> list:
    row = [sample.get(name) for name in NAMES]
    row[_TS] = ts
    if row[_INTERVAL_S] is None:
        row[_INTERVAL_S] = DEFAULT_INTERVAL_S
    unknown = extra(sample)
    row.append(Extra(unknown) if unknown else None)
    return row


def _first_by_time(rows: list[list]) -> dict[datetime, list]:
    """Give the first row of each key, by rising time.

    The order is for the database: two writers that lock the same rows in one order cannot deadlock.
    """
    first: dict[datetime, list] = {}
    for row in rows:
        first.setdefault(row[_TS], row)
    return dict(sorted(first.items()))


def insert(cursor: Cursor, rows: list[list]) -> int:
    """Store rows (as for ``store``, of distinct times) whose key is free; give their number."""
    if not rows:
        return 0
    used = [
        i for i, values in enumerate(zip(*rows, strict=True)) if any(v is not None for v in values)
    ]
    columns = sql.SQL(", ").join(sql.Identifier(COLUMNS[i]) for i in used)
    statement = sql.SQL(query("samples-insert")).format(columns=columns).as_string(cursor)
    pick = operator.itemgetter(*used)
    # One page, so that rowcount is the total: with several it would be the last page's.
    execute_values(cursor, statement, map(pick, rows), page_size=len(rows))
    return cursor.rowcount


def _standing(cursor: Cursor, device_id: str, times: list[datetime]) -> dict[datetime, tuple]:
    key = {"device_id": device_id, "ts": times, "first": times[0], "last": times[-1]}
    cursor.execute(query("samples-by-key"), key)
    standing = {row[_TS]: row for row in cursor.fetchall()}
    if len(standing) < len(times):
        # Taken a moment ago, and gone: somebody deletes at the same time. A resend settles it.
        raise DatabaseAway("rows vanished while they were compared")
    return standing


def _same(one: list | tuple, other: list | tuple) -> bool:
    # Whole numbers and floats of one value are equal in Python as they are in the columns' types.
    return list(one[:-1]) == list(other[:-1]) and _plain(one[-1]) == _plain(other[-1])


def _plain(fields: dict | None) -> dict:
    # Numbers as jsonb has them, exact in decimal: it gives 1e300 back as a whole number of 301
    # digits. And null is the same as absent, as it is for the fields that have a column.
    return {
        name: Decimal(str(value)) if type(value) in (int, float) else value
        for name, value in (fields or {}).items()
        if value is not None
    }


def _answer(verdict: Verdict, batch: parts.Parts) -> dict:
    answer = verdict._asdict()
    if batch.batch_id:
        answer["batch_id"] = batch.batch_id
    if batch.ignored:
        answer["ignored"] = batch.ignored
    if verdict.conflicts:
        log.warning("conflicts", extra={"count": len(verdict.conflicts)})
    return answer
