"""``POST /p1/v1/ingest``: readings of an edge of other make, which repeats what is not taken.

P1-Edge-VPS sends a batch until it gets a 2xx, whatever the answer says. So what cannot be stored is
kept as it came, with the reason, and never refuses the others.
"""

import logging
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import Blueprint, Response, current_app, g, jsonify, request

from edge_lib.shared.fields import ReadingError
from edge_lib.shared.p1_reading import P1
from edge_lib.shared.timestamps import parse_ts
from server.api import body, strict_json
from server.api.errors import Refused, place
from server.database.p1_samples import with_times
from server.database.pool import Database, DatabaseRefuses, Row
from server.database.readings import Verdict
from server.p1 import samples
from server.p1.asking import sending_device

log = logging.getLogger("sungrow.server.p1")
blueprint = Blueprint("p1_ingest", __name__)


class One(NamedTuple):
    """One entry of a batch: as it came, and either the reading or why it can be none."""

    number: int
    sent: Any
    reading: Row | None = None
    refused: samples.Refused | None = None


class Outcome(NamedTuple):
    """What became of a batch: a verdict on its readings, and the indexes of what is parked."""

    inserted: int = 0
    duplicates: int = 0
    conflicts: tuple[int, ...] = ()
    parked: tuple[int, ...] = ()

    def counts(self) -> tuple[int, int, int, int]:
        """Return how many there were of each."""
        return self.inserted, self.duplicates, len(self.conflicts), len(self.parked)


@blueprint.post("/p1/v1/ingest")
@blueprint.post("/p1/v1/ingest/v1/ingest")  # its edge puts /v1/ingest behind whatever it is told
def ingest() -> Response:
    """Store a batch, and park what cannot be stored; 200 once both are committed.

    Raises:
        Refused: 401, 403, 413, 415, 400; 422 there is no list of samples, or it is empty.
        DatabaseAway: 503; nothing is stored, or all of it, and a resend tells.
    """
    settings = current_app.extensions["settings"]
    device_id = sending_device()
    sent = _samples(body.read(request, settings.max_request_bytes))
    if len(sent) > settings.max_samples_per_request:
        most = settings.max_samples_per_request
        raise Refused(413, f"more than {most} samples; send fewer a request")
    now = datetime.now(UTC)
    batch = [_checked(number, one, device_id, now) for number, one in enumerate(sent)]
    # The house's newest sample may be shown with what the meter says.
    with current_app.extensions["cache"].forgetting(device_id):
        outcome = _stored(current_app.extensions["db"], device_id, batch)
    g.verdicts = {"p1": outcome.counts()}  # for metrics
    if outcome.conflicts or outcome.parked:
        counts = {"conflicts": len(outcome.conflicts), "parked": len(outcome.parked)}
        log.warning("parked", extra={"device_id": device_id, **counts})
    return jsonify(outcome._asdict())


def _samples(text: bytes) -> list[Any]:
    try:
        payload = strict_json.parse(text)
    except strict_json.NotJson as error:
        raise Refused(400, str(error)) from error
    if type(payload) is not dict:
        raise Refused(422, [place("body", msg="must be a JSON object", type="object_type")])
    found: Any = payload.get("samples")
    problem = None
    if found is None:
        problem = ("is missing", "missing")
    elif type(found) is not list:
        problem = ("must be a list", "list_type")
    elif not found:
        problem = ("is empty", "too_short")
    if problem:
        raise Refused(422, [place("body", "samples", msg=problem[0], type=problem[1])])
    return list(found)


def _checked(number: int, sent: Any, device_id: str, now: datetime) -> One:
    try:
        ts = P1.check(sent, now)
    except ReadingError as error:
        return One(number, sent, refused=samples.Refused(sent, str(error), _ts(sent)))
    # The token says whose it is, whatever its edge calls it.
    reading = with_times({**sent, "ts": ts, "device_id": device_id})
    return One(number, sent, reading=reading)


def _ts(sent: Any) -> datetime | None:
    """Return when a reading that can be none was made, as far as it says that."""
    try:
        return parse_ts(sent["ts"])
    except (TypeError, KeyError, ValueError):
        return None


def _stored(db: Database, device_id: str, batch: list[One]) -> Outcome:
    """Store a batch in one transaction; where the database refuses its data, in ever smaller parts.

    So a reading that the contract allows and the database does not costs itself alone.

    Raises:
        DatabaseAway: as ``ingest``.
    """
    readings = [one for one in batch if one.reading is not None]
    refused = [one for one in batch if one.refused is not None]
    try:
        verdict = samples.store(
            db,
            device_id,
            [one.reading for one in readings if one.reading is not None],
            [one.refused for one in refused if one.refused is not None],
        )
    except DatabaseRefuses as error:
        if len(batch) > 1:
            half = len(batch) // 2
            parts = [_stored(db, device_id, part) for part in (batch[:half], batch[half:])]
            return Outcome(*(one + other for one, other in zip(*parts, strict=True)))
        (one,) = batch
        if one.refused is not None:  # not even as it came: that is a fault of ours
            raise
        log.error("database refused a reading", extra={"reason": str(error)})  # noqa: TRY400
        why = samples.Refused(one.sent, f"database: {error}", _ts(one.sent))
        return _stored(db, device_id, [One(one.number, one.sent, refused=why)])
    return _outcome(verdict, readings, refused)


def _outcome(verdict: Verdict, readings: list[One], refused: list[One]) -> Outcome:
    conflicts = tuple(readings[i].number for i in verdict.conflicts)
    parked = tuple(one.number for one in refused)
    return Outcome(verdict.inserted, verdict.duplicates, conflicts, parked)
