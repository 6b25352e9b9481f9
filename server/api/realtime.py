"""``GET /v1/realtime``: the newest sample of a device, the grid meter beside it, and its age."""

import json
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, current_app

from edge_lib.shared.timestamps import format_ts
from server.api.errors import Refused, readable_device
from server.database.pool import Database
from server.house.newest import by_grid_meter

blueprint = Blueprint("realtime", __name__)
AHEAD = timedelta(seconds=60)  # clocks differ a little; beyond that a sample is of the future


@blueprint.get("/v1/realtime")
def realtime() -> Response:
    """Return the newest sample: all fields, and ``age_s``; in a header, the page's version.

    A page that is left open learns from it that the server was upgraded meanwhile.

    Raises:
        Refused: 401, 403; 404 where the device has no sample yet.
        DatabaseAway: 503.
    """
    device_id = readable_device()
    cache = current_app.extensions["cache"]
    kept = cache.newest(device_id)
    if kept is None:
        kept = _from_database(current_app.extensions["db"], device_id)
        cache.keep(device_id, kept)
    response = Response(_with_age(kept), mimetype="application/json")
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
    sample = by_grid_meter(rows[0])
    epoch = sample["ts"].timestamp()
    return b"%.6f\n%s" % (epoch, json.dumps({**sample, "ts": format_ts(sample["ts"])}).encode())


def _with_age(kept: bytes) -> bytes:
    # The age belongs to this answer alone, so it is added here, at the end of the cached text.
    epoch, _, text = kept.partition(b"\n")
    age_s = datetime.now(UTC).timestamp() - float(epoch)
    return b'%s, "age_s": %.3f}\n' % (text[:-1], age_s)
