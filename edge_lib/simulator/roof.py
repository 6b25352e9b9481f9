"""A roof of a synthetic house: strings in their planes, and what is between them and the sun.

Owns its own physics, so that an estimator of shade can be judged by a truth that it did not make:
``look`` says beside what a string gives what it would give without shade. Pure: all is a function
of seed and moment. Without a roof a house has the two strings of ``profiles``.
"""

import math
from bisect import bisect_right
from itertools import pairwise
from typing import NamedTuple

from edge_lib.shared.sun import Sun, position
from edge_lib.simulator.register_image import NOMINAL_W
from edge_lib.simulator.sky import DAY_S, ChainSky, Light, Sky
from edge_lib.simulator.tracker import NOTHING, RESTING, Offer, offer

_GROUND = 0.2  # the share of the light that it reflects
_SKY_THROUGH_GLASS = 0.95
_GLASS = 0.16  # how much glancing light its glass turns away (Martin and Ruiz)
_EDGE_DEG = 0.6  # a shadow's edge: the sun's own width, and a string is not a point
_CELL = 0.97


class Plane(NamedTuple):
    """A string: its peak power, how it lies (azimuth from north, clockwise), what happens to it."""

    kwp: float
    tilt_deg: float
    azimuth_deg: float
    dirt_per_day: float = 0.0  # share of the light; rain takes it away
    dead: tuple[tuple[float, float], ...] = ()  # (from, to) in seconds since 1970
    unplugged: bool = False  # nothing was ever connected
    fades_per_year: float = 0.0


class Obstacle(NamedTuple):
    """Something before the sun: corners of its upper edge, as (azimuth, elevation), rising.

    ``modules`` is the share of a string's modules that it shades at once, ``bare`` the share of the
    beam that comes through its boughs in winter, ``strings`` the places of those it shades.
    """

    edge: tuple[tuple[float, float], ...]
    modules: float = 1.0
    bare: float = 0.0
    since_s: float = -math.inf
    until_s: float = math.inf
    strings: tuple[int, ...] | None = None  # None = all

    def hides(self, sun: Sun, at_s: float) -> float:
        """Return which share of the beam it takes, 0 to 1."""
        if not self.since_s <= at_s < self.until_s:
            return 0.0
        height = _height(self.edge, sun.azimuth_deg)
        hidden = min(1.0, max(0.0, (height - sun.elevation_deg) / _EDGE_DEG + 0.5))
        if hidden and self.bare:
            hidden *= 1 - self.bare * _leafless(at_s)
        return hidden


TREE = (
    Obstacle(((95.0, 25.0), (130.0, 25.0))),
    Obstacle(((230.0, 15.0), (250.0, 15.0))),
)
CHIMNEY = (Obstacle(((168.0, 38.0), (172.0, 38.0)), modules=0.3),)
RIDGE = (
    Obstacle(((45.0, 3.0), (75.0, 14.0), (100.0, 20.0), (125.0, 11.0), (150.0, 5.0), (210.0, 4.0))),
    Obstacle(((210.0, 4.0), (235.0, 10.0), (265.0, 20.0), (290.0, 12.0), (315.0, 2.0))),
)
HORIZONS: dict[str, tuple[Obstacle, ...]] = {
    "none": (),
    "tree": TREE,
    "chimney": CHIMNEY,
    "ridge": RIDGE,
}


class StringLook(NamedTuple):
    """A string at a moment: what it offers, what it would without shade, what share is hidden."""

    offer: Offer
    unshaded_w: float
    hidden: float


class Look(NamedTuple):
    """The roof at a moment."""

    sun: Sun
    light: Light | None  # None: the sun is down
    strings: tuple[StringLook, ...]


class Roof:
    """Strings at a place, under a sky.

    Args:
        planes: one a string, in the order of the inverter's inputs; four at most.
        latitude, longitude: degrees, north and east positive.
        obstacles: of all its strings, or those that they name.
        sky: None = a chain of clear, broken and overcast days.
        export_limit_w: what the house may feed in; None = no limit.
        rains_s: moments of rain, rising: each cleans the roof.
        clean_s: when it was clean first.
        nominal_w: AC power of the inverter.
    """

    def __init__(
        self,
        planes: tuple[Plane, ...],
        latitude: float = 52.0,
        longitude: float = 5.0,
        obstacles: tuple[Obstacle, ...] = (),
        sky: Sky | None = None,
        export_limit_w: int | None = None,
        rains_s: tuple[float, ...] = (),
        clean_s: float = 0.0,
        nominal_w: int = NOMINAL_W,
        seed: int = 1,
    ) -> None:
        if not 1 <= len(planes) <= 4:
            raise ValueError("a roof has one to four strings")
        self.planes, self.latitude, self.longitude = planes, latitude, longitude
        self.obstacles, self.sky = obstacles, sky or ChainSky(seed)
        self.export_limit_w, self.nominal_w = export_limit_w, nominal_w
        self._rains_s, self._clean_s = rains_s, clean_s
        self._facing = tuple(_facing(plane) for plane in planes)

    def look(self, at_s: float) -> Look:
        """Return what each string could give at this moment, with and without its shade."""
        return self.look_at(position(at_s, self.latitude, self.longitude), at_s)

    def look_at(self, sun: Sun, at_s: float) -> Look:
        """Return the same, with the sun elsewhere."""
        if sun.elevation_deg <= 0:
            at_night = tuple(
                StringLook(NOTHING if plane.unplugged else RESTING, 0.0, 0.0)
                for plane in self.planes
            )
            return Look(sun, None, at_night)
        elevation, azimuth = math.radians(sun.elevation_deg), math.radians(sun.azimuth_deg)
        up, flat = math.sin(elevation), math.cos(elevation)
        way = (flat * math.sin(azimuth), flat * math.cos(azimuth), up)
        light = self.sky.light(at_s, up)
        air_c = self._air_c(at_s)
        strings = tuple(
            self._string(number, at_s, sun, way, light, air_c) for number in range(len(self.planes))
        )
        return Look(sun, light, strings)

    def hidden(self, number: int, sun: Sun, at_s: float) -> float:
        """Return which share of a string's beam its obstacles take."""
        passes = 1.0
        for one in self.obstacles:
            if one.strings is None or number in one.strings:
                passes *= 1 - one.hides(sun, at_s) * (1.0 if one.modules >= 1 else 0.0)
        return 1 - passes

    def _string(
        self,
        number: int,
        at_s: float,
        sun: Sun,
        way: tuple[float, float, float],
        light: Light,
        air_c: float,
    ) -> StringLook:
        plane = self.planes[number]
        if plane.unplugged:
            return StringLook(NOTHING, 0.0, 0.0)
        beam, rest = _on(self._facing[number], way, light)
        clean = self._clean(plane, at_s)
        lit, dark = clean * (beam + rest), clean * rest
        bright = offer(plane.kwp, lit, dark, 0.0, air_c)
        hidden = self.hidden(number, sun, at_s)
        part = max(
            (
                one.modules * one.hides(sun, at_s)
                for one in self.obstacles
                if one.modules < 1 and (one.strings is None or number in one.strings)
            ),
            default=0.0,
        )
        best = bright
        if hidden or part:
            left = dark + (lit - dark) * (1 - hidden)
            best = offer(plane.kwp, left, dark, part, air_c)
        if any(since <= at_s < until for since, until in plane.dead):
            best = Offer(0.0, bright.voltage_v * 1.2, 0.0)  # a fuse: open voltage, no current
        return StringLook(best, bright.power_w, max(hidden, part))

    def _clean(self, plane: Plane, at_s: float) -> float:
        left = 1 - plane.fades_per_year * (at_s - self._clean_s) / (365.25 * DAY_S)
        if not plane.dirt_per_day:
            return left
        n = bisect_right(self._rains_s, at_s)
        since_s = self._rains_s[n - 1] if n else self._clean_s
        return left * (1 - plane.dirt_per_day * max(0.0, at_s - since_s) / DAY_S)

    def _air_c(self, at_s: float) -> float:
        local_s = at_s + self.longitude * 240
        season = -math.cos(math.tau * (at_s / DAY_S - 20) / 365.2425)
        warm = math.cos(math.tau * (local_s / DAY_S - 15 / 24))
        return 11 + math.copysign(8.0, self.latitude) * season + 4 * warm


def _facing(plane: Plane) -> tuple[float, float, float]:
    """Return the direction a plane faces: to east, to north, up."""
    tilt, azimuth = math.radians(plane.tilt_deg), math.radians(plane.azimuth_deg)
    flat = math.sin(tilt)
    return flat * math.sin(azimuth), flat * math.cos(azimuth), math.cos(tilt)


def _on(
    facing: tuple[float, float, float],
    way: tuple[float, float, float],
    light: Light,
) -> tuple[float, float]:
    """Return the beam on a plane, with the bright sky around the sun, and all other light, W/m2."""
    up = way[2]
    straight = max(0.0, sum(a * b for a, b in zip(facing, way, strict=True)))
    glass = (1 - math.exp(-straight / _GLASS)) / (1 - math.exp(-1 / _GLASS))
    around = light.beam / light.outside  # Hay and Davies: such a share of the diffuse comes with it
    beam = (light.beam + light.diffuse * around / max(up, 0.05)) * straight * glass
    seen = (1 + facing[2]) / 2
    sky = light.diffuse * (1 - around) * seen
    ground = _GROUND * (light.beam * up + light.diffuse) * (1 - seen)
    return _CELL * beam, _CELL * _SKY_THROUGH_GLASS * (sky + ground)


def _height(edge: tuple[tuple[float, float], ...], azimuth_deg: float) -> float:
    """Return how high the edge is in that direction; far below the horizon beside it."""
    (first, low), (last, high) = edge[0], edge[-1]
    if not first <= azimuth_deg <= last:
        away = first - azimuth_deg if azimuth_deg < first else azimuth_deg - last
        beside = low if azimuth_deg < first else high
        return beside - 200 * away if away < 1 else -90.0
    for (left, a), (right, b) in pairwise(edge):
        if azimuth_deg <= right:
            return a + (b - a) * (azimuth_deg - left) / (right - left)
    return high


def _leafless(at_s: float) -> float:
    """Return how bare boughs are, 0 to 1: from November to April."""
    day = at_s / DAY_S % 365.2425
    if day < 100 or day > 325:
        return 1.0
    if day < 125:
        return (125 - day) / 25
    return max(0.0, (day - 300) / 25)
