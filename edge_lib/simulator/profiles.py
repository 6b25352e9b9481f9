"""What happens around a synthetic house: the sun, the clouds, the people. Pure functions.

Everything is a function of a seed and a moment, so it does not matter how often it is read.
``edge_lib.simulator.household`` is the only user.
"""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

LATITUDE_DEG = 52
_SIN_LAT, _COS_LAT = math.sin(math.radians(LATITUDE_DEG)), math.cos(math.radians(LATITUDE_DEG))
_FROM_SUN_TO_DC = 0.88  # heat, dust, cables
_AWAKE_W = 10  # with less the inverter does not wake
_MASK = (1 << 64) - 1


class Plane(NamedTuple):
    """A string of panels: its peak power and the direction it faces (unit vector)."""

    kwp: float
    south: float
    west: float
    up: float

    @classmethod
    def facing(cls, kwp: float, west_of_south_deg: float, tilt_deg: float) -> "Plane":
        """Return the plane that is tilted so far from flat."""
        azimuth, tilt = math.radians(west_of_south_deg), math.radians(tilt_deg)
        flat = math.sin(tilt)
        return cls(kwp, flat * math.cos(azimuth), flat * math.sin(azimuth), math.cos(tilt))

    @property
    def tilt_deg(self) -> float:
        """How far it is tilted from flat."""
        return math.degrees(math.acos(self.up))

    @property
    def azimuth_deg(self) -> float:
        """The direction it faces, from north clockwise."""
        return (180 + math.degrees(math.atan2(self.west, self.south))) % 360


STRINGS = (Plane.facing(5.0, 0, 35), Plane.facing(3.0, 80, 25))


class Use(NamedTuple):
    """An appliance that runs from ``start_s`` to ``end_s``: ``on_s`` of every two minutes."""

    start_s: float
    end_s: float
    watts: int
    on_s: int = 120


class Day(NamedTuple):
    """All that is decided for one local day. Times are seconds since 1970."""

    seed: int
    sin_declination: float
    cos_declination: float
    noon_s: float  # when the sun is highest
    clouds: float  # 0 to 1
    gusts: float  # how far the clouds come and go
    ambient_c: float
    base_w: int
    morning_s: float
    evening_s: float
    evening_w: int
    uses: tuple[Use, ...]

    @classmethod
    def plan(cls, seed: int, today: date, tz: tzinfo) -> "Day":
        """Decide the day of this local date."""
        n = today.toordinal()
        winter = math.cos(math.tau * (today.timetuple().tm_yday + 10) / 365.25)  # 1 at midwinter
        declination = math.radians(-23.44 * winter)
        clouds, gusts = _sky(chance(seed, 10, n) + 0.15 * winter)
        weekend = today.weekday() >= 5

        def local_s(hour: float, spread_h: float, lane: int) -> float:
            late_h = spread_h * (chance(seed, lane, n) - 0.5)
            return midnight(today, tz).timestamp() + 3600 * (hour + late_h)

        return cls(
            seed=seed,
            sin_declination=math.sin(declination),
            cos_declination=math.cos(declination),
            noon_s=datetime.combine(today, time(12), UTC).timestamp()
            - _standard_offset_s(today, tz),
            clouds=clouds,
            gusts=gusts,
            ambient_c=10 - 9 * winter + 6 * (chance(seed, 11, n) - 0.5),
            base_w=175 + round(30 * winter),
            morning_s=local_s(9.0 if weekend else 7.2, 0.6, 12),
            evening_s=local_s(20.0, 0.8, 13),
            evening_w=260 + round(90 * winter),
            uses=_uses(today, weekend, local_s, chance(seed, 14, n)),
        )


def midnight(day: date, tz: tzinfo) -> datetime:
    """Return the moment at which this local date begins."""
    return datetime.combine(day, time.min, tz)


def chance(seed: int, lane: int, n: int) -> float:
    """Return 0 to 1, the same for the same three numbers (the mixer of SplitMix64)."""
    x = (seed * 0x9E3779B97F4A7C15 + lane * 0xD1B54A32D192ED03 + n * 0x8CB92BA72F3D8DD7) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return (x ^ (x >> 31)) / (_MASK + 1)


def string_powers_w(day: Day, at_s: float) -> tuple[int, int]:
    """Return what each string could deliver, in whole watts; 0 while the sun is down."""
    angle = math.tau * (at_s - day.noon_s) / 86_400
    across = day.cos_declination * math.cos(angle)
    up = _SIN_LAT * day.sin_declination + _COS_LAT * across
    if up <= 0:
        return 0, 0
    south = across * _SIN_LAT - day.sin_declination * _COS_LAT
    west = day.cos_declination * math.sin(angle)
    clouds = _clouds(day, at_s)
    beam_kw = 0.95 * math.exp(-0.13 / (up + 0.03)) * (1 - clouds)
    sky_kw = (0.06 + 0.18 * clouds * (1.6 - clouds)) * up**0.8
    first, second = (
        round(
            880 * p.kwp * (sky_kw + beam_kw * max(0.0, p.south * south + p.west * west + p.up * up))
        )
        for p in STRINGS
    )
    return (first, second) if first + second >= _AWAKE_W else (0, 0)


def house_load_w(day: Day, at_s: float) -> int:
    """Return what the house draws, in whole watts; never 0."""
    watts = day.base_w + 30 * _smooth(day.seed, 20, at_s / 600)
    watts += 8 * chance(day.seed, 21, int(at_s // 5))
    cycle, into_s = divmod(at_s, 2700)
    if into_s < 900 + 420 * chance(day.seed, 22, int(cycle)):
        watts += 85  # the fridge
    watts += 180 * _bump(at_s - day.morning_s, 3000) + day.evening_w * _bump(
        at_s - day.evening_s, 6000
    )
    for use in day.uses:
        if use.start_s <= at_s < use.end_s and (at_s - use.start_s) % 120 < use.on_s:
            watts += use.watts
    return round(watts)


def _uses(
    today: date, weekend: bool, local_s: Callable[..., float], mood: float
) -> tuple[Use, ...]:
    """List the day's big appliances; which of them run goes with the weekday and the mood."""

    def use(
        lane: int, hour: float, spread_h: float, minutes: float, watts: int, on_s: int = 120
    ) -> Use:
        start_s = local_s(hour, spread_h, lane)
        return Use(start_s, start_s + 60 * minutes, watts, on_s)

    uses = [
        use(30, 8.7 if weekend else 6.9, 0.8, 4, 2000),  # kettle
        use(31, 15.5, 3, 4, 2000),
        use(32, 18.6, 1.4, 25 + 30 * mood, 2400, on_s=75),  # dinner
    ]
    if weekend:
        uses.append(use(33, 12.3, 1, 45, 2200, on_s=70))  # lunch
    if today.weekday() in (1, 5):
        uses += [use(34, 10.5, 3, 16, 2050), use(34, 10.8, 3, 60, 260)]  # washing machine
    if mood > 0.25:
        uses += [use(35, 20.8, 1, 14, 1900), use(35, 21.5, 1, 10, 1900)]  # dishwasher
    return tuple(uses)


def _sky(luck: float) -> tuple[float, float]:
    """Return cover and gusts of a day: a fair one, a broken one, an overcast one."""
    if luck < 0.28:
        return 0.02 + luck / 4, 0.05
    if luck < 0.68:
        return 0.25 + (luck - 0.28), 0.9
    return min(0.97, 0.75 + (luck - 0.68) / 2), 0.3


def _clouds(day: Day, at_s: float) -> float:
    slow, fast = _smooth(day.seed, 23, at_s / 2400), _smooth(day.seed, 24, at_s / 200)
    return min(1.0, max(0.0, day.clouds + day.gusts * (0.6 * slow + 0.4 * fast - 0.5)))


def _smooth(seed: int, lane: int, x: float) -> float:
    """Return 0 to 1 without jumps: one random value a whole ``x``, lines between."""
    n = math.floor(x)
    left, right = chance(seed, lane, n), chance(seed, lane, n + 1)
    return left + (right - left) * (x - n)


def _bump(away_s: float, width_s: float) -> float:
    return math.exp(-((away_s / width_s) ** 2))


def _standard_offset_s(today: date, tz: tzinfo) -> float:
    """Return the zone's offset without summer time: the sun is taken to follow it."""
    offsets = (datetime(today.year, month, 1, tzinfo=tz).utcoffset() for month in (1, 7))
    return min(offset or timedelta(0) for offset in offsets).total_seconds()
