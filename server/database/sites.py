"""What the owner of a house knows of its roof: ``sungrow_sites`` and ``sungrow_site_strings``."""

from collections.abc import Mapping
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.database import nights
from server.plane import Plane

STRINGS = (1, 2, 3, 4)  # inputs of the inverter


class Site(NamedTuple):
    """What was set; None: it was not. North and east are positive."""

    latitude: float | None = None
    longitude: float | None = None
    export_limit_w: float | None = None


COLUMNS = Site._fields
_READ = "SELECT latitude, longitude, export_limit_w FROM sungrow_sites WHERE device_id = %s"
_READ_STRINGS = (
    "SELECT string, tilt_deg, azimuth_deg, kwp, name FROM sungrow_site_strings"
    " WHERE device_id = %s ORDER BY string"
)
_WRITE = (
    "INSERT INTO sungrow_sites (device_id, latitude, longitude, export_limit_w)"
    " VALUES (%(device_id)s, %(latitude)s, %(longitude)s, %(export_limit_w)s)"
    " ON CONFLICT (device_id) DO UPDATE SET changed_at = now(), latitude = excluded.latitude,"
    " longitude = excluded.longitude, export_limit_w = excluded.export_limit_w"
)
_DELETE = "DELETE FROM sungrow_sites WHERE device_id = %s"
_WRITE_STRING = (
    "INSERT INTO sungrow_site_strings (device_id, string, tilt_deg, azimuth_deg, kwp, name)"
    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (device_id, string) DO UPDATE SET"
    " tilt_deg = excluded.tilt_deg, azimuth_deg = excluded.azimuth_deg, kwp = excluded.kwp,"
    " name = excluded.name"
)
_DELETE_STRING = "DELETE FROM sungrow_site_strings WHERE device_id = %s AND string = %s"


def read(cursor: Cursor, device_id: str) -> tuple[Site, dict[int, Plane]]:
    """Return what was set for a house, and how the panels of its strings are mounted."""
    cursor.execute(_READ, (device_id,))
    found = cursor.fetchone()
    cursor.execute(_READ_STRINGS, (device_id,))
    planes = {string: Plane(*plane) for string, *plane in cursor.fetchall()}
    return Site(*found) if found else Site(), planes


def change(
    cursor: Cursor,
    device_id: str,
    given: Mapping[str, float | None],
    planes: Mapping[int, Plane | None],
) -> Site:
    """Set what is given (None: take it back), and have the next night take account of it.

    A change of names alone marks one day, all else every day.

    Raises:
        ValueError: of latitude and longitude one would be known and the other not.
    """
    nights.wait(cursor, device_id, "roof")
    before, had = read(cursor, device_id)
    after = before._replace(**given)
    if (after.latitude is None) != (after.longitude is None):
        raise ValueError("--latitude and --longitude go together: give both, or none for both")
    for string, plane in planes.items():
        if plane:
            cursor.execute(_WRITE_STRING, (device_id, string, *plane))
        else:
            cursor.execute(_DELETE_STRING, (device_id, string))
    _, has = read(cursor, device_id)
    if after == Site() and not has:
        cursor.execute(_DELETE, (device_id,))
    else:
        cursor.execute(_WRITE, {"device_id": device_id, **after._asdict()})
    if (after, has) != (before, had):
        every_day = after != before or _nameless(has) != _nameless(had)
        nights.mark(cursor, "roof", device_id, every_day=every_day)
    return after


def _nameless(planes: Mapping[int, Plane]) -> dict[int, Plane]:
    return {string: plane._replace(name=None) for string, plane in planes.items()}
