"""``GET /v1/realtime``: the newest sample of a device, the grid meter beside it, and its age.

How many alerts are open is kept with the sample.
"""

import json
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, current_app

from edge_lib.shared.timestamps import format_ts
from server.api.errors import Refused
from server.api.query_args import readable_device
from server.database.pool import Database
from server.house.newest import by_grid_meter

blueprint = Blueprint("realtime", __name__)
AHEAD = timedelta(seconds=60)  # clocks differ a little; beyond that a sample is of the future


@blueprint.get("/v1/realtime")
def realtime() -> Response:
    """Return the newest sample: all fields, and ``age_s``; in headers, open alerts and a version.

    A page that is left open learns from the latter that the server was upgraded meanwhile.

    Raises:
        Refused: 401, 403; 404 where the device has no sample yet; 422.
        DatabaseAway: 503.
    """
    device_id = readable_device()
    cache = current_app.extensions["cache"]
    kept = cache.newest(device_id)
    if kept is None:
        kept = _from_database(current_app.extensions["db"], device_id)
        cache.keep(device_id, kept)
    head, _, text = kept.partition(b"\n")
    epoch, _, alerts_open = head.decode().partition(" ")
    response = Response(_with_age(text, float(epoch)), mimetype="application/json")
    if alerts_open:
        response.headers["X-Alerts-Open"] = alerts_open
    files = current_app.extensions.get("files")  # those of the page, if there is one
    if files is not None:
        response.headers["X-Page-Version"] = files.version
    return response


def _from_database(db: Database, device_id: str) -> bytes:
    latest = datetime.now(UTC) + AHEAD
    parameters = {"device_id": device_id, "latest": latest}
    rows = db.rows("sample-newest", parameters)
    if not rows:
        # A house may have a grid meter alone.
        instead = db.rows("p1-newest", parameters)
        elsewhere = "; what its grid meter says is at /p1/v1/realtime" if instead else ""
        raise Refused(404, f"no sample of this device yet{elsewhere}")
    alerts_open = current_app.extensions["open_alerts"].of(device_id)
    sample = by_grid_meter(rows[0])
    head = f"{sample['ts'].timestamp():.6f} {'' if alerts_open is None else alerts_open}"
    return f"{head}\n{json.dumps({**sample, 'ts': format_ts(sample['ts'])})}".encode()


def _with_age(text: bytes, epoch: float) -> bytes:
    # The age belongs to this answer alone, so it is added here, at the end of the cached text.
    age_s = datetime.now(UTC).timestamp() - epoch
    return b'%s, "age_s": %.3f}\n' % (text[:-1], age_s)
