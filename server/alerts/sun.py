"""When it is night, and where a time zone is. Pure."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.sun import position

ZONE_TABLES = (Path("/usr/share/zoneinfo/zone.tab"), Path("/usr/share/zoneinfo/zone1970.tab"))
_ISO_6709 = re.compile(r"([+-])(\d{2})(\d{2})(\d{2})?([+-])(\d{3})(\d{2})(\d{2})?")
NIGHT_BELOW = -3.0  # degrees: the sky gives nothing


class Place(NamedTuple):
    """Degrees; north and east are positive."""

    latitude: float
    longitude: float


def elevation(at: datetime, place: Place) -> float:
    """Return the sun's height above the horizon in degrees, as it is seen (with refraction)."""
    return position(at.timestamp(), place.latitude, place.longitude).elevation_deg


@cache
def place_of(zone: str, tables: tuple[Path, ...] = ZONE_TABLES) -> Place | None:
    """Return where the main town of an IANA zone is; None of UTC and others that have none.

    Good enough for day and night: Berlin's zone spans 37 minutes of sun time.
    """
    for table in tables:
        if not table.is_file():
            continue
        for line in table.read_text(encoding="utf-8").splitlines():
            fields = line.split("\t")
            if len(fields) >= 3 and fields[2] == zone and not line.startswith("#"):
                return _parsed(fields[1])
    return None


def _parsed(text: str) -> Place | None:
    if not (found := _ISO_6709.fullmatch(text)):
        return None
    south, west = found[1] == "-", found[5] == "-"
    latitude = int(found[2]) + int(found[3]) / 60 + int(found[4] or 0) / 3600
    longitude = int(found[6]) + int(found[7]) / 60 + int(found[8] or 0) / 3600
    return Place(-latitude if south else latitude, -longitude if west else longitude)


def is_night(at: datetime, place: Place | None) -> bool:
    """Return whether it is dark; where the place is not known it is always day."""
    return place is not None and elevation(at, place) < NIGHT_BELOW


def last_nights(at: datetime, place: Place, count: int) -> list[tuple[datetime, datetime]]:
    """Return the dark hours of the nights before, newest first; fewer where there is no night.

    A night here is what is dark around the moment twelve hours from the sun's noon.
    """
    noon_utc_h = 12 - place.longitude / 15
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    middle = day + timedelta(hours=noon_utc_h - 12)
    while middle + timedelta(hours=12) > at:
        middle -= timedelta(days=1)
    nights = []
    for number in range(count):
        centre = middle - timedelta(days=number)
        if is_night(centre, place):
            half = timedelta()
            while half < timedelta(hours=10) and all(
                is_night(centre + side * (half + timedelta(minutes=30)), place) for side in (-1, 1)
            ):
                half += timedelta(minutes=30)
            nights.append((centre - half, centre + half))
    return nights
