"""Where the sun is, by place and moment (NOAA's form, after Meeus; within 0.02 degrees). Pure.

The SQL function sungrow_sun is this, line by line: a change of one is a change of both.
"""

import math
from typing import NamedTuple

_J2000_S = 946_728_000.0  # 2000-01-01 12:00 UTC
_CENTURY_S = 36_525 * 86_400.0
_DAY_S = 86_400.0


class Sun(NamedTuple):
    """Degrees: from north, clockwise, from 0 to below 360; above the horizon, as it is seen."""

    azimuth_deg: float
    elevation_deg: float


def position(unix_s: float, latitude_deg: float, longitude_deg: float) -> Sun:
    """Return where the sun is, with the air's refraction; north and east are positive.

    Any moment of 1950 to 2100. At a pole directions are those of who came along the longitude.
    """
    declination, equation_min = _of_the_year((unix_s - _J2000_S) / _CENTURY_S)
    minutes = (unix_s - _DAY_S * math.floor(unix_s / _DAY_S)) / 60
    hour = math.radians((minutes + equation_min + 4 * longitude_deg) / 4 - 180)
    latitude = math.radians(latitude_deg)
    to_north = math.cos(latitude) * math.sin(declination) - math.sin(latitude) * math.cos(
        declination
    ) * math.cos(hour)
    to_east = -math.sin(hour) * math.cos(declination)
    up = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(
        declination
    ) * math.cos(hour)
    # By two sides: an arc sine alone loses half its digits near the zenith.
    elevation = math.degrees(math.atan2(up, math.sqrt(to_north * to_north + to_east * to_east)))
    return Sun(_turn(math.degrees(math.atan2(to_east, to_north))), elevation + _lift(elevation))


def _turn(degrees: float) -> float:
    """Return the same direction from 0 to below 360; -1e-20 would be 360 by mere addition."""
    turned = degrees + 360 if degrees < 0 else degrees
    return 0.0 if turned >= 360 else turned


def _of_the_year(t: float) -> tuple[float, float]:
    """Return the declination in radians and the equation of time in minutes, ``t`` in centuries."""
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


def _lift(degrees: float) -> float:
    """Return by how much the air lifts what would be so high without it, in degrees (NOAA)."""
    if degrees > 85:
        return 0.0
    t = math.tan(math.radians(degrees))
    if degrees > 5:
        return (58.1 / t - 0.07 / t**3 + 0.000086 / t**5) / 3600
    if degrees > -0.575:
        terms = 103.4 + degrees * (-12.79 + degrees * 0.711)
        return (1735 + degrees * (-518.2 + degrees * terms)) / 3600
    return -20.772 / t / 3600
