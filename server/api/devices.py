"""``GET /v1/devices``: the devices that a token may see, with the facts that their edges reported.

The serial number is shown in full: a caller who may read a house's whole history may know which
inverter it comes from, and a replaced one is recognised by it.
"""

from flask import Blueprint, Response, current_app

from edge_lib.shared.timestamps import format_ts
from server.api.query_args import readable_devices
from server.api.responses import json_answer
from server.database.pool import Row

blueprint = Blueprint("devices", __name__)


@blueprint.get("/v1/devices")
def devices() -> Response:
    """Return the devices, also those that have never sent anything, with null facts and times.

    With ``device_id`` that one alone.

    Raises:
        Refused: 401, 403, 422.
        DatabaseAway: 503.
    """
    parameters = {"device_ids": list(readable_devices())}
    found = current_app.extensions["db"].rows("devices-facts", parameters)
    return json_answer(devices=[_written(row) for row in found])


def _written(row: Row) -> Row:
    names = ("first_ts", "newest_ts", "p1_first_ts", "p1_newest_ts")
    return {**row, **{name: row[name] and format_ts(row[name]) for name in names}}
