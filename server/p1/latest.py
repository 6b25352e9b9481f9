"""``GET /p1/v1/realtime``, ``/p1/v1/daily-energy`` and ``/p1/health``: what a meter says now."""

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, current_app, jsonify

from server.api import buckets
from server.api.errors import Refused
from server.database.pool import Row
from server.p1 import history
from server.p1.asking import house

blueprint = Blueprint("p1_latest", __name__)
AHEAD = timedelta(seconds=60)  # clocks differ a little; beyond that a reading is of the future
_SIX = ("ts", "power_w", "import_power_w", "energy_import_kwh", "energy_export_kwh")


def watts(value: float | None) -> int | None:
    """Return a power as P1-Edge-VPS has it: whole watts."""
    return None if value is None else round(value)


@blueprint.get("/p1/v1/realtime")
def realtime() -> Response:
    """Return the newest reading: the fields of P1-Edge-VPS, then what else the meter says.

    Raises:
        Refused: 401, 403, 422; 404 there is no reading yet.
        DatabaseAway: 503.
    """
    asked = house()
    parameters = {"device_id": asked.device_id, "latest": history.now() + AHEAD}
    found = current_app.extensions["db"].rows("p1-newest", parameters)
    if not found:
        raise Refused(404, "no reading of this meter yet")
    reading = found[0]
    powers = {name: watts(reading[name]) for name in ("power_w", "import_power_w")}
    more = {name: value for name, value in reading.items() if name in _SIX or value is not None}
    return jsonify({"device_id": asked.name} | _written(more | powers))


@blueprint.get("/p1/v1/daily-energy")
def daily_energy() -> Response:
    """Return import and export since local midnight.

    Raises:
        Refused: 401, 403, 422; 404 there is no reading today.
        DatabaseAway: 503.
    """
    asked, database = house(), current_app.extensions["db"]
    meter = history.meter(database, asked.device_id)
    today = history.now().astimezone(meter.zone).date()
    first, end = (buckets.midnight(day, meter.zone) for day in (today, today + timedelta(days=1)))
    found = history.rows(database, meter, buckets.WIDTHS["1d"], first, end)
    if not found:
        raise Refused(404, "no reading of this meter today")
    (day,) = found
    return jsonify(
        device_id=asked.name,
        date=today.isoformat(),
        import_today_kwh=_kwh(day["import_kwh"]),
        export_today_kwh=_kwh(day["export_kwh"]),
        sample_count=day["sample_count"],
    )


@blueprint.get("/p1/health")
def health() -> tuple[Response, int]:
    """Return whether database and cache answer; 503 only where the database does not."""
    is_there = current_app.extensions["db"].answers()
    # A cache that is off or down costs no answer, and must not look like an outage.
    is_down = current_app.extensions["cache"].state() == "down"
    answer = {
        "status": "ok" if is_there else "degraded",
        "db": "ok" if is_there else "error",
        "redis": "error" if is_down else "ok",
    }
    return jsonify(answer), 200 if is_there else 503


def _written(reading: Row) -> Row:
    # As P1-Edge-VPS writes a time: with +00:00, which every version of Python reads.
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in reading.items()
    }


def _kwh(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
