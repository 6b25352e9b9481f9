"""``POST /v1/ingest``: a batch of readings, stored once each, with a verdict on every one.

A batch is checked whole before anything is stored; ``store`` stores it.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request

from edge_lib.shared.fields import Kind, ReadingError
from edge_lib.shared.p1_reading import P1
from edge_lib.shared.sample import DEFAULT_INTERVAL_S, SAMPLE
from server.api import batch_parts, body, strict_json
from server.api.errors import DATABASE_REFUSES, Place, Refused, caller, place
from server.api.strict_json import Object
from server.database.p1_samples import with_times
from server.database.pool import DatabaseRefuses
from server.database.readings import Verdict
from server.database.samples import store

log = logging.getLogger("sungrow.server.ingest")
blueprint = Blueprint("ingest", __name__)


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
    lists = _lists(payload, settings.max_samples_per_request)
    for readings in lists.values():
        _refuse_other_devices(readings, device_id)
    _check(payload, lists)
    batch = batch_parts.read(payload)
    try:
        with current_app.extensions["cache"].forgetting(device_id):
            verdict, of_p1 = store(
                current_app.extensions["db"],
                device_id,
                lists["samples"],
                batch.parts,
                lists.get("p1_samples"),
            )
    except DatabaseRefuses as error:
        log.error("database refused a batch", extra={"reason": str(error)})  # noqa: TRY400
        raise _unprocessable(payload, DATABASE_REFUSES) from error
    told = {"sample": verdict} | ({"p1": of_p1} if of_p1 else {})
    g.verdicts = {kind: one.counts() for kind, one in told.items()}  # for metrics
    return jsonify(_answer(verdict, of_p1 if "p1_samples" in lists else None, batch))


def _ingesting_device() -> str:
    who = caller()
    if not who.may_ingest:
        raise Refused(403, "a read token may not ingest")
    return who.devices[0]


def _parse(text: bytes) -> Object:
    try:
        payload = strict_json.parse(text)
    except strict_json.NotJson as error:
        raise Refused(400, str(error)) from error
    if type(payload) is not dict:
        raise Refused(422, [place("body", msg="must be a JSON object", type="object_type")])
    return payload


def _lists(payload: Object, most: int) -> dict[str, list[Any]]:
    """Return the lists of readings by their keys; the one of the grid meter only where it is there.

    Raises:
        Refused: 413, 422.
    """
    lists: dict[str, Any] = {"samples": payload.get("samples")}
    if payload.get("p1_samples") is not None:
        lists["p1_samples"] = payload["p1_samples"]
    for key, readings in lists.items():
        if type(readings) is not list:
            is_missing = readings is None
            problem = ("is missing", "missing") if is_missing else ("must be a list", "list_type")
            places = [place("body", key, msg=problem[0], type=problem[1])]
            raise _unprocessable(payload, places)
    for key, readings in lists.items():
        if len(readings) > most:
            raise Refused(413, f"more than {most} {key}; send fewer a request")
    return lists


def _refuse_other_devices(samples: list[Any], device_id: str) -> None:
    for sample in samples:
        named = sample.get("device_id") if type(sample) is dict else None
        if type(named) is str and named != device_id:
            raise Refused(403, "a sample is of a device that is not this token's")


def _unprocessable(payload: Object, places: list[Place]) -> Refused:
    # The echo tells the edge that this answer is about its batch, so that it may park.
    batch_id = batch_parts.batch_id(payload)
    echo: Object = {"batch_id": batch_id} if batch_id else {}
    return Refused(422, places, **echo)


def _check(payload: Object, lists: dict[str, list[Any]]) -> None:
    """Make of the readings what is stored: their times are times, no ``interval_s`` is missing.

    Raises:
        Refused: 422 with every reading that breaks the contract.
    """
    now = datetime.now(UTC)
    places = _problems("samples", SAMPLE, lists["samples"], now)
    for sample in lists["samples"] if not places else ():
        if sample.get("interval_s") is None:
            sample["interval_s"] = DEFAULT_INTERVAL_S
    if p1 := lists.get("p1_samples"):
        places += _problems("p1_samples", P1, p1, now)
        if not places:
            lists["p1_samples"] = [with_times(reading) for reading in p1]
    if places:
        raise _unprocessable(payload, places)


def _problems(key: str, kind: Kind, readings: list[Any], now: datetime) -> list[Place]:
    """Return what is wrong with readings; of those that are right, ``ts`` becomes a time."""
    places = []
    for index, reading in enumerate(readings):
        try:
            reading["ts"] = kind.check(reading, now)
        except ReadingError as error:
            for field, msg, what in error.places:
                loc = filter(None, [field])
                places.append(place("body", key, index, *loc, msg=msg, type=what))
    return places


def _answer(verdict: Verdict, of_p1: Verdict | None, batch: batch_parts.Read) -> Object:
    answer: Object = verdict._asdict()
    if of_p1:
        answer["p1"] = of_p1._asdict()
    if batch.batch_id:
        answer["batch_id"] = batch.batch_id
    if batch.ignored:
        answer["ignored"] = batch.ignored
    conflicts = [*verdict.conflicts, *(of_p1.conflicts if of_p1 else ())]
    if conflicts:
        log.warning("conflicts", extra={"count": len(conflicts)})
    return answer
