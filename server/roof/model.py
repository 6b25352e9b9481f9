"""What a string gives under a clear sky, without any weather: only the shape counts.

Sources: air mass by Kasten and Young (1989), beam by Meinel (1976), diffuse light by Hay and Davies
(1980): as much of it as the air lets through of the beam comes from around the sun, the rest from
all of the sky alike; reflection by Martin and Ruiz (2001); modules lose 0.4 % a degree and are 0.03
degrees warmer per W/m2. Haze, height and weather go into one factor per string, which is measured.
"""

import math
from array import array
from collections.abc import Iterable
from functools import lru_cache

from edge_lib.shared.sun import Sun
from server.plane import Plane

_GROUND = 0.2  # of the light that the ground throws back
_DIFFUSE = 0.1  # on flat ground, of the beam
_GLASS = 0.95  # what diffuse light keeps behind the glass
_GLANCING = 0.16  # Martin and Ruiz: how much of glancing light the glass turns away
_LEAST_SINE = 0.1  # lower, what comes from around the sun is cut by the horizon
_SUN_W_PER_M2 = 1367
_WARMING = 0.004 * 0.03  # of the power, per W/m2
LEAST_W_PER_KWP = 60.0  # below that a sample says nothing
_TENTHS = 3601


def beam_w_per_m2(elevation_deg: float, day_of_year: int) -> float:
    """Return the light of the sun itself, on a plane that faces it, under a clear sky."""
    if elevation_deg <= 0:
        return 0.0
    sine = math.sin(math.radians(elevation_deg))
    air_mass = 1 / (sine + 0.50572 * (elevation_deg + 6.07995) ** -1.6364)
    distance = 1 + 0.033 * math.cos(2 * math.pi * day_of_year / 365)
    return _SUN_W_PER_M2 * distance * float(0.7 ** (air_mass**0.678))


def plane_w_per_kwp(sun: Sun, plane: Plane, day_of_year: int) -> float:
    """Return what a kWp of the plane gives under a clear sky, in W."""
    return facing(plane).w_per_kwp(
        round(sun.azimuth_deg * 10), round(sun.elevation_deg * 10), day_of_year
    )


class Facing:
    """The same for many moments: angles in tenths of a degree, whose sines are known."""

    def __init__(self, plane: Plane) -> None:
        tilt = math.radians(plane.tilt_deg)
        self._across, self._up = math.sin(tilt), math.cos(tilt)
        behind = 3600 - round(plane.azimuth_deg * 10) % 3600
        self._turn = _TURNS[behind : behind + 3601]  # by the sun's azimuth
        self._sky = _GLASS * (1 + self._up) / 2
        self._ground = _GLASS * _GROUND * (1 - self._up) / 2

    def incidence(self, azimuth: int, elevation: int) -> float:
        """Return the cosine of the angle between the sun and the plane's upright."""
        return self.incidences((azimuth,), (elevation,))[0]

    def incidences(self, azimuths: Iterable[int], elevations: Iterable[int]) -> list[float]:
        """Return the same of many moments."""
        up, across, turn = self._up, self._across, self._turn
        return [
            _SINE[elevation] * up + _COSINE[elevation] * across * turn[azimuth]
            for azimuth, elevation in zip(azimuths, elevations, strict=True)
        ]

    def w_per_kwp(self, azimuth: int, elevation: int, day_of_year: int) -> float:
        """Return the power under a clear sky; angles of the sun in tenths of a degree."""
        if elevation <= 0:
            return 0.0
        cosines = self.incidences((azimuth,), (elevation,))
        return self.clear_w_per_kwp(cosines, (elevation,), (day_of_year,))[0]

    def clear_w_per_kwp(
        self, incidences: Iterable[float], elevations: Iterable[int], days_of_year: Iterable[int]
    ) -> list[float]:
        """Return the same of many moments with the sun up, by what ``incidences`` returned."""
        sky, ground = self._sky, self._ground
        lights = [
            (
                sky * _SKY[elevation]
                + ground * _FLAT[elevation]
                + (_TAKEN[int(facing * 1000)] * _ALONG[elevation] if facing > 0 else 0.0)
            )
            * _DISTANCE[day]
            for facing, elevation, day in zip(incidences, elevations, days_of_year, strict=True)
        ]
        return [light * (1 - _WARMING * light) for light in lights]


@lru_cache(maxsize=64)
def facing(plane: Plane) -> Facing:
    """Return the plane ready for many moments."""
    return Facing(plane)


_SINE = array("d", (math.sin(math.radians(tenth / 10)) for tenth in range(_TENTHS)))
_COSINE = array("d", (math.cos(math.radians(tenth / 10)) for tenth in range(_TENTHS)))
_TURNS = [_COSINE[tenth % 3600] for tenth in range(7201)]  # twice around: any plane is a part of it
_DISTANCE = array("d", (1 + 0.033 * math.cos(2 * math.pi * day / 365) for day in range(367)))
# By the cosine of incidence: that part of the beam, behind the glass.
_COSINES = [(n + 0.5) / 1000 for n in range(1001)]
_TAKEN = array("d", (
    cosine * (1 - math.exp(-cosine / _GLANCING)) / (1 - math.exp(-1 / _GLANCING))
    for cosine in _COSINES
))  # fmt: skip
# By the sun's elevation, W/m2 at its mean distance: along the beam, from all of the sky, on flat
# ground.
_BEAM = [beam_w_per_m2(tenth / 10, 91) / _DISTANCE[91] for tenth in range(901)]
_THROUGH = [beam / _SUN_W_PER_M2 for beam in _BEAM]
_ALONG = array("d", (
    beam * (1 + _DIFFUSE * through / max(sine, _LEAST_SINE))
    for beam, through, sine in zip(_BEAM, _THROUGH, _SINE[:901], strict=True)
))  # fmt: skip
_SKY = array("d", (
    beam * _DIFFUSE * (1 - through) for beam, through in zip(_BEAM, _THROUGH, strict=True)
))  # fmt: skip
_FLAT = array("d", (
    beam * (sine + _DIFFUSE) for beam, sine in zip(_BEAM, _SINE[:901], strict=True)
))  # fmt: skip
