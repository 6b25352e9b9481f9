"""``POST /v1/ingest``: a batch of samples, stored once each, with a verdict on every one.

A batch is checked whole before anything is stored; ``store`` stores it.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request

from edge_lib.shared.fields import ReadingError
from edge_lib.shared.sample import DEFAULT_INTERVAL_S, SAMPLE
from server.api import batch_parts, body, strict_json
from server.api.errors import DATABASE_REFUSES, Place, Refused, caller, place
from server.api.strict_json import Object
from server.database.pool import DatabaseRefuses
from server.database.samples import Verdict, store

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
    samples = _samples(payload, settings.max_samples_per_request)
    _refuse_other_devices(samples, device_id)
    samples = _checked(payload, samples)
    batch = batch_parts.read(payload)
    try:
        with current_app.extensions["cache"].forgetting(device_id):
            verdict = store(current_app.extensions["db"], device_id, samples, batch.parts)
    except DatabaseRefuses as error:
        log.error("database refused a batch", extra={"reason": str(error)})  # noqa: TRY400
        raise _unprocessable(payload, DATABASE_REFUSES) from error
    g.verdict = verdict  # for metrics
    return jsonify(_answer(verdict, batch))


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


def _samples(payload: Object, most: int) -> list[Any]:
    samples = payload.get("samples")
    if type(samples) is not list:
        problem = ("is missing", "missing") if samples is None else ("must be a list", "list_type")
        places = [place("body", "samples", msg=problem[0], type=problem[1])]
        raise _unprocessable(payload, places)
    if len(samples) > most:
        raise Refused(413, f"more than {most} samples; send fewer a request")
    return samples


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


def _checked(payload: Object, samples: list[Any]) -> list[Object]:
    """Return the samples as they are stored: ``ts`` is a time, and no ``interval_s`` is missing.

    Raises:
        Refused: 422 with every sample that breaks the contract.
    """
    now = datetime.now(UTC)
    places = []
    for index, sample in enumerate(samples):
        try:
            sample["ts"] = SAMPLE.check(sample, now)
        except ReadingError as error:
            places += [_sample_place(index, *found) for found in error.places]
            continue
        if sample.get("interval_s") is None:
            sample["interval_s"] = DEFAULT_INTERVAL_S
    if places:
        raise _unprocessable(payload, places)
    return samples


def _sample_place(index: int, field: str, msg: str, kind: str) -> Place:
    return place("body", "samples", index, *filter(None, [field]), msg=msg, type=kind)


def _answer(verdict: Verdict, batch: batch_parts.Read) -> Object:
    answer = verdict._asdict()
    if batch.batch_id:
        answer["batch_id"] = batch.batch_id
    if batch.ignored:
        answer["ignored"] = batch.ignored
    if verdict.conflicts:
        log.warning("conflicts", extra={"count": len(verdict.conflicts)})
    return answer
