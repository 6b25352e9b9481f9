"""``GET /v1/status``: the state of the edge by its own reports, and what is parked.

A missing reading may be the fault of the dongle, the edge or the line; what the edge last reported
tells them apart.
"""

from datetime import UTC, datetime

from flask import Blueprint, Response, current_app, jsonify

from edge_lib import VERSION
from edge_lib.shared.timestamps import format_ts
from server.api.query_args import readable_device
from server.database import health
from server.database.pool import Database, Row

blueprint = Blueprint("status", __name__)


@blueprint.get("/v1/status")
def status() -> Response:
    """Return the newest report, the polls of the last 24 hours, and the newest parked readings.

    Under ``p1`` the same of the grid meter, where there is one.

    Raises:
        Refused: 401, 403, 422.
        DatabaseAway: 503.
    """
    device_id, now = readable_device(), datetime.now(UTC)
    db = current_app.extensions["db"]
    return jsonify(
        device_id=device_id,
        now=format_ts(now),
        server_version=VERSION,
        **_of_kind(db, device_id, now, "sample"),
        p1=_of_the_meter(db, device_id, now),
    )


def _of_kind(db: Database, device_id: str, now: datetime, kind: str) -> Row:
    parameters = {"device_id": device_id, "now": now, "kind": kind}
    reports = db.rows("status-report", parameters)
    parked = db.rows("status-parked", parameters)
    return {
        "report": _readable(reports[0]) if reports else None,
        "last_24_h": db.rows("status-polls", parameters)[0],
        "parked": parked[0]["total"] if parked else 0,
        "newest_parked": [
            _readable({name: row[name] for name in ("ts", "received_at", "reason")})
            for row in parked
        ],
    }


def _of_the_meter(db: Database, device_id: str, now: datetime) -> Row | None:
    """Return the same of the grid meter, and how old its newest reading is; None without one."""
    found = health.meters(db, [device_id])
    if not found:
        return None
    newest = found[0]["newest_ts"]
    return {
        "newest_ts": newest and format_ts(newest),
        "age_s": newest and round((now - newest).total_seconds(), 3),
        **_of_kind(db, device_id, now, "p1"),
        "lost": found[0]["lost"],
    }


def _readable(row: Row) -> Row:
    return {
        name: format_ts(value) if isinstance(value, datetime) else value
        for name, value in row.items()
    }
