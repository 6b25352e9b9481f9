"""Where the sun is (NOAA's form, after Meeus; 0.015 degrees), and where a time zone is. Pure."""

import math
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

ZONE_TABLES = (Path("/usr/share/zoneinfo/zone.tab"), Path("/usr/share/zoneinfo/zone1970.tab"))
_J2000_S = 946_728_000.0  # 2000-01-01 12:00 UTC
_CENTURY_S = 36_525 * 86_400.0
_ISO_6709 = re.compile(r"([+-])(\d{2})(\d{2})(\d{2})?([+-])(\d{3})(\d{2})(\d{2})?")
NIGHT_BELOW = -3.0  # degrees: the sky gives nothing


class Place(NamedTuple):
    """Degrees; north and east are positive."""

    latitude: float
    longitude: float


def elevation(at: datetime, place: Place) -> float:
    """Return the sun's height above the horizon in degrees, as it is seen (with refraction)."""
    century = (at.timestamp() - _J2000_S) / _CENTURY_S
    declination, equation_min = _of_the_year(century)
    minutes = (at - at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)) / (
        timedelta(minutes=1)
    )
    hour = math.radians((minutes + equation_min + 4 * place.longitude) / 4 - 180)
    latitude = math.radians(place.latitude)
    sine = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(
        declination
    ) * math.cos(hour)
    degrees = math.degrees(math.asin(max(-1.0, min(1.0, sine))))
    return degrees + _refraction(degrees)


def _of_the_year(t: float) -> tuple[float, float]:
    """Return the declination in radians and the equation of time in minutes."""
    mean = math.radians(280.46646 + t * (36_000.76983 + 0.0003032 * t))
    anomaly = math.radians(357.52911 + t * (35_999.05029 - 0.0001537 * t))
    e = 0.016708634 - t * (0.000042037 + 0.0000001267 * t)
    centre = (
        math.sin(anomaly) * (1.914602 - t * (0.004817 + 0.000014 * t))
        + math.sin(2 * anomaly) * (0.019993 - 0.000101 * t)
        + math.sin(3 * anomaly) * 0.000289
    )
    node = math.radians(125.04 - 1934.136 * t)
    apparent = mean + math.radians(centre - 0.00569 - 0.00478 * math.sin(node))
    seconds = 21.448 - t * (46.815 + t * (0.00059 - 0.001813 * t))
    tilt = math.radians(23 + (26 + seconds / 60) / 60 + 0.00256 * math.cos(node))
    declination = math.asin(math.sin(tilt) * math.sin(apparent))
    y = math.tan(tilt / 2) ** 2
    equation = (
        y * math.sin(2 * mean)
        - 2 * e * math.sin(anomaly)
        + 4 * e * y * math.sin(anomaly) * math.cos(2 * mean)
        - y * y / 2 * math.sin(4 * mean)
        - 5 / 4 * e * e * math.sin(2 * anomaly)
    )
    return declination, 4 * math.degrees(equation)


def _refraction(degrees: float) -> float:
    if degrees > 85:
        return 0.0
    if degrees > 5:
        t = math.tan(math.radians(degrees))
        return (58.1 / t - 0.07 / t**3 + 0.000086 / t**5) / 3600
    if degrees > -0.575:
        terms = 103.4 + degrees * (-12.79 + degrees * 0.711)
        return (1735 + degrees * (-518.2 + degrees * terms)) / 3600
    return 0.0


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
