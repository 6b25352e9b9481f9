"""Change the zone of local days, and compute the days again, in one transaction.

A slot of five minutes belongs to one local day in every zone, so the days are summed from these
slots, whether or not the samples themselves are still there.
"""

from collections.abc import Iterable
from datetime import date

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.database import migrations, rollups
from server.database.connection import one_row

_FIRST, _LAST = rollups.FOREVER
_DELETED = "DELETE FROM sungrow_local_daily WHERE device_id = %s"


class Uncut(Exception):
    """Days whose slots of five minutes are gone; the text names them and says what helps."""


def change_device(cursor: Cursor, device_id: str, zone: str | None, shrink: bool) -> int:
    """Set the zone of a device, or with None the site's; return the number of its days.

    Raises:
        Uncut: days cannot be cut again, and ``shrink`` does not let them go.
    """
    rollups.lock(cursor, device_id)
    _take_away(cursor, device_id, shrink)
    if zone is None:
        cursor.execute(
            "UPDATE sungrow_devices SET timezone = NULL WHERE device_id = %s", (device_id,)
        )
    else:
        cursor.execute(
            "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, %s)"
            " ON CONFLICT (device_id) DO UPDATE SET timezone = excluded.timezone",
            (device_id, zone),
        )
    return _cut(cursor, device_id)


def change_site(cursor: Cursor, zone: str, shrink: bool) -> dict[str, int]:
    """Change the site's zone; return the number of days of each device without one of its own.

    Nobody stores samples meanwhile.

    Raises:
        Uncut: days cannot be cut again, and ``shrink`` does not let them go.
    """
    migrations.lock(cursor)
    cursor.execute("LOCK TABLE sungrow_local_daily, p1_local_daily IN SHARE ROW EXCLUSIVE MODE")
    cursor.execute(
        "SELECT DISTINCT device_id FROM (SELECT device_id FROM sungrow_local_daily"
        " UNION SELECT device_id FROM p1_local_daily) AS known"
        " LEFT JOIN sungrow_devices device USING (device_id) WHERE device.timezone IS NULL"
        " ORDER BY 1"
    )
    devices = [device_id for (device_id,) in cursor.fetchall()]
    for device_id in devices:
        _take_away(cursor, device_id, shrink)
    cursor.execute("UPDATE sungrow_site SET timezone = %s", (zone,))
    return {device_id: _cut(cursor, device_id) for device_id in devices}


def spans(days: Iterable[date]) -> str:
    """Return sorted days as text: ``2026-01-01 to 2026-01-05, 2026-02-01``."""
    runs: list[list[date]] = []
    for day in days:
        if runs and (day - runs[-1][-1]).days == 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(str(run[0]) + (f" to {run[-1]}" if run[1:] else "") for run in runs)


def _take_away(cursor: Cursor, device_id: str, shrink: bool) -> None:
    for kind in rollups.KINDS:
        cursor.execute(kind.query("days-uncut"), _all_days(cursor, device_id))
        uncut = [day for (day,) in cursor.fetchall()]
        if uncut and not shrink:
            raise Uncut(
                f"local days of {device_id} cannot be cut in another zone, since rows of "
                f"{kind.five_minutes} are gone: {spans(uncut)}; nothing was changed; with --shrink "
                "they are deleted, or keep what is left of them"
            )
        cursor.execute(kind.of(_DELETED), (device_id,))


def _cut(cursor: Cursor, device_id: str) -> int:
    days = {**_all_days(cursor, device_id), "days": []}
    return max(rollups.cut(cursor, kind, days) for kind in rollups.KINDS)


def _all_days(cursor: Cursor, device_id: str) -> dict[str, object]:
    # The zone as a value: within the query it would be looked up for each row.
    cursor.execute("SELECT sungrow_timezone(%s)", (device_id,))
    (zone,) = one_row(cursor)
    days = rollups.Days(_FIRST, _LAST, zone, _FIRST, _LAST)
    return {"device_id": device_id, **days._asdict()}
