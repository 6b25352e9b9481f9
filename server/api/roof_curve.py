"""The curve of one local day of a roof: loaded where somebody asks for it, with the analysis."""

from datetime import datetime, timedelta
from typing import Any

from server.api.query_args import HouseDay
from server.database.pool import Database
from server.roof import curve, digest, stored
from server.roof.rows import Settings

_DAYS_BEFORE = timedelta(days=14)  # by which is known what is usual
_FACTS = ("timezone", "latitude", "longitude", "export_limit_w", "nominal_power_w", "has_battery")


def of_day(
    database: Database, device_id: str, found: dict[str, Any], day: HouseDay
) -> list[dict[str, Any]]:
    """Return the five minutes of a day of each string: clear sky, usual, and what held it back.

    Args:
        database: where its readings are.
        device_id: whose.
        found: the answer of ``/v1/roof``.
        day: which.
    """
    asked: dict[str, object] = {"device_id": device_id}
    (known,) = database.rows("nightly-roof-settings", asked)
    settings: Settings = stored.settings([known[name] for name in _FACTS], known["strings"])
    # The place is that of what was found: another one counts from the next night on.
    settings = settings._replace(**(found["place"] or dict.fromkeys(("latitude", "longitude"))))
    days = asked | {"first": day.day - _DAYS_BEFORE, "end": day.day}
    before = [digest.from_json(row["digest"]) for row in database.rows("roof-days", days)]
    span = asked | {"first": day.first, "end": day.end}
    rows = database.rows("nightly-roof-fine", span)
    fine = stored.five_minutes([tuple(row.values()) for row in rows])
    points = curve.of_day(found, settings, fine, day.first.timestamp(), day.end.timestamp(), before)
    told = [point._asdict() for point in points]
    return [
        {"bucket": datetime.fromtimestamp(row.pop("bucket_s"), day.zone).isoformat(), **row}
        for row in told
    ]
