"""``GET /v1/alerts``: what is and was wrong with a house, what is silenced, how the channels are.

``server.alerts`` writes all of it, in a unit of its own; here it is only read.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, request

from edge_lib.shared.timestamps import format_ts
from server.api import query_args
from server.api.responses import json_answer
from server.database.pool import Row

blueprint = Blueprint("alerts", __name__)
USUAL = timedelta(days=30)
LONGEST = timedelta(days=400)
MOST = 2000
# What goes on is open, also while it is on its way to be well.
STATES = {
    "all": ["open", "clearing", "closed"],
    "open": ["open", "clearing"],
    "pending": ["pending"],
    "clearing": ["clearing"],
    "closed": ["closed"],
}


@blueprint.get("/v1/alerts")
def alerts() -> Response:
    """Return the episodes that touch a range of times or local dates, by default the last 30 days.

    Of what belongs to the whole server every token reads the title alone.

    Raises:
        Refused: 401, 403; 422 a malformed range or state.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("from", "to", "state")
    state = query_args.one_of("state", list(STATES))
    now = datetime.now(UTC)
    db = current_app.extensions["db"]
    first, end = _range(now, query_args.house_zone(db, device_id))
    asked = {"device_id": device_id, "now": now, "first": first, "end": end, "most": MOST}
    asked["states"] = STATES[state]
    ran = db.rows("alerts-last-run", {})
    return json_answer(
        **{"device_id": device_id, "from": format_ts(first), "to": format_ts(end)},
        last_run_ts=format_ts(ran[0]["finished_at"]) if ran else None,
        alerts=[_episode(row) for row in db.rows("alerts-list", asked)],
        silences=[_silence(row) for row in db.rows("alerts-silences", asked)],
        channels=[_channel(row) for row in db.rows("alerts-channels", {})],
    )


def _range(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    end = query_args.local_moment("to", zone) if "to" in request.args else now
    first = query_args.local_moment("from", zone) if "from" in request.args else end - USUAL
    if end < first:
        raise query_args.wrong("to", "is before from", "range")
    if end - first > LONGEST + query_args.CLOCK_CHANGE:
        raise query_args.wrong("to", f"at most {LONGEST.days} days after from", "range")
    return first, end


def _episode(row: Row) -> Row:
    if not row["device_id"]:
        row |= {"text": None, "values": None}
    times = {name: row[name] and format_ts(row[name]) for name in ("opened_at", "closed_at")}
    return {**row, "since": format_ts(row["since"]), **times}


def _silence(row: Row) -> Row:
    times = {"from": format_ts(row["from_ts"]), "to": format_ts(row["to_ts"])}
    named = {name: row[name] for name in ("id", "device_id", "rule")}
    return {**named, **times, "why": row["why"]}


def _channel(row: Row) -> Row:
    last = row["last_success_at"]
    counts = {name: row[name] for name in ("waiting", "given_up", "broken")}
    return {"channel": row["channel"], "last_success_ts": last and format_ts(last), **counts}
