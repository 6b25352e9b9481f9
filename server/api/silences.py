"""``POST /v1/silences`` and ``DELETE /v1/silences/ID``: no messages while a house is worked on."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from flask import Blueprint, Response, current_app, jsonify, request

from edge_lib.shared.timestamps import format_ts
from server.api import body, origin, strict_json
from server.api.errors import Place, Refused, caller, place, session_caller

blueprint = Blueprint("silences", __name__)
LONGEST_MIN = 60
MOST_SIGNS = 200
_MOST_BYTES = 4096
_LARGEST_ID = 2**63 - 1


class Asked(NamedTuple):
    """Which device, for how long, and why."""

    device_id: str
    minutes: int
    why: str


@blueprint.post("/v1/silences")
def silence() -> Response:
    """Silence the device of the token for up to an hour, as its installer does.

    Raises:
        Refused: 401; 403 a read token, or another device; 400, 413, 415, 422 as for any body.
        DatabaseAway: 503.
    """
    who = caller()
    if not who.may_ingest:
        raise Refused(403, "this is a read token; the token of a device may silence it")
    asked = _asked(body.read(request, _MOST_BYTES))
    if asked.device_id not in who.devices:
        raise Refused(403, "this token is for another device")
    now = datetime.now(UTC)
    until = now + timedelta(minutes=asked.minutes)
    row = {"device_id": asked.device_id, "from_ts": now, "to_ts": until, "why": asked.why}
    ((id,),) = (found.values() for found in current_app.extensions["db"].rows("silences-add", row))
    return jsonify(**{"id": id, "from": format_ts(now), "to": format_ts(until)})


@blueprint.delete("/v1/silences/<int:id>")
def end(id: int) -> tuple[str, int]:
    """End a silence now: by the token of its device, or by the page.

    Raises:
        Refused: 401; 403 a read token, or another site; 404 it is over, or not of a device of
            yours: one of all houses is ended by the command.
        DatabaseAway: 503.
    """
    who = None if request.headers.get("Authorization") else session_caller()
    if who is not None:
        origin.refuse_other_sites()
    else:
        who = caller()
        if not who.may_ingest:
            raise Refused(403, "this is a read token; the page or the token of a device ends it")
    asked = {"id": id, "device_ids": list(who.devices), "now": datetime.now(UTC)}
    if id > _LARGEST_ID or not current_app.extensions["db"].rows("silences-end", asked):
        raise Refused(404, "there is no such silence of your devices now")
    return "", 204


def _asked(content: bytes) -> Asked:
    try:
        sent = strict_json.parse(content)
    except strict_json.NotJson as error:
        raise Refused(400, str(error)) from error
    if not isinstance(sent, dict):
        raise Refused(422, [place("body", msg="is an object", type="object")])
    device_id, minutes, why = (sent.get(name) for name in Asked._fields)
    wrong: list[Place] = []
    if not isinstance(device_id, str):
        wrong.append(place("body", "device_id", msg="is a text", type="string"))
    if type(minutes) is not int or not 1 <= minutes <= LONGEST_MIN:
        msg = f"a whole number from 1 to {LONGEST_MIN}"
        wrong.append(place("body", "minutes", msg=msg, type="range"))
    if not (isinstance(why, str) and 1 <= len(why) <= MOST_SIGNS and why.isprintable()):
        msg = f"a text of 1 to {MOST_SIGNS} characters that can be shown"
        wrong.append(place("body", "why", msg=msg, type="string"))
    if wrong:
        raise Refused(422, wrong)
    return Asked(str(device_id), int(str(minutes)), str(why))
