"""The light over a synthetic house: clear, clouds of a chain, or those of a typical year. Pure.

Of its own: the clear sky is that of the European Solar Radiation Atlas (Rigollier and others,
2000), with air that is turbid by the season and another day by day. An estimator that knows a
simpler sky is judged by one that it does not know.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol

from edge_lib.shared.sun import position
from edge_lib.simulator.profiles import chance

DAY_S, SLOT_S = 86_400, 300
_SUN_W = 1367.0  # a square metre outside of the air
_TURBIDITY, _SUMMER, _DAY_BY_DAY = 3.2, 0.7, 0.9  # Linke's
_CLEAR, _BROKEN = 0.2, 0.4  # shares of the days; the others are overcast
_GOES, _COMES = 0.18, 0.15  # how likely the sun of a broken day does so within five minutes
_HIDDEN_DIFFUSE = 2.2
_FLICKERS = (0.15, 0.85)  # between these an hour's beam is sun and cloud by turns


class Light(NamedTuple):
    """W/m2: the beam across its way, what the sky gives a flat plane; and the beam without air."""

    beam: float
    diffuse: float
    outside: float


class Sky(Protocol):
    """What a roof needs of one."""

    def light(self, at_s: float, up: float) -> Light:
        """Return the light at this moment; ``up`` is the sine of the sun's elevation, above 0."""


def clear(at_s: float, up: float, turbidity: float) -> Light:
    """Return the light of a cloudless sky."""
    year = math.tau * (at_s / DAY_S % 365.2425) / 365.2425
    outside = _SUN_W * (1 + 0.033 * math.cos(year))
    elevation = math.degrees(math.asin(min(1.0, up)))
    mass = 1 / (up + 0.50572 * (elevation + 6.07995) ** -1.6364)
    if mass <= 20:
        scatter = 6.6296 + mass * (1.7513 + mass * (-0.1202 + mass * (0.0065 - mass * 0.00013)))
    else:
        scatter = 10.4 + 0.718 * mass
    beam = outside * math.exp(-0.8662 * turbidity * mass / scatter)
    zenith = -0.015843 + turbidity * (0.030543 + turbidity * 0.0003797)
    first = 0.26463 + turbidity * (-0.061581 + turbidity * 0.0031408)
    if first * zenith < 0.002:
        first = 0.002 / zenith
    second = 2.0402 + turbidity * (0.018945 - turbidity * 0.011161)
    third = -1.3025 + turbidity * (0.039231 + turbidity * 0.0085079)
    diffuse = outside * zenith * max(0.0, first + up * (second + up * third))
    return Light(beam, diffuse, outside)


def turbidity(seed: int, at_s: float, *, south: bool = False, stays_days: int = 1) -> float:
    """Return Linke's turbidity of the day: more in summer, another each day.

    With ``stays_days`` haze comes and goes that slowly, and is as often as strong.
    """
    day = int(at_s // DAY_S)
    summer = -math.cos(math.tau * (at_s / DAY_S + 10) / 365.2425) * (-1 if south else 1)
    off = sum(chance(seed, 50, day - n) - 0.5 for n in range(stays_days)) / math.sqrt(stays_days)
    return _TURBIDITY + _SUMMER * summer + _DAY_BY_DAY * off


class ChainSky:
    """Days that are clear, broken or overcast; on a broken one the sun goes and comes by a chain.

    Args:
        seed: another seed, another weather.
        clear: share of the days without a cloud.
        broken: share of those with sun and clouds; the others are overcast.
        haze_days: how long the haze of a day stays.
    """

    def __init__(
        self, seed: int, clear: float = _CLEAR, broken: float = _BROKEN, haze_days: int = 1
    ) -> None:
        self._seed, self._clear, self._broken = seed, clear, broken
        self._haze_days = haze_days
        self._day = -1
        self._kind, self._shines = "clear", [True]

    def light(self, at_s: float, up: float) -> Light:
        """Return the light of this moment."""
        day, into_s = divmod(at_s, DAY_S)
        if day != self._day:
            self._begin(int(day))
        light = clear(at_s, up, turbidity(self._seed, at_s, stays_days=self._haze_days))
        slot = int(into_s // SLOT_S)
        if self._kind == "overcast":
            share = 0.12 + 0.25 * chance(self._seed, 53, int(at_s // 3600))
            return Light(0.0, share * (light.beam * up + light.diffuse), light.outside)
        if self._kind == "broken" and not self._shines[slot]:
            most = 0.5 * (light.beam * up + light.diffuse)
            return Light(0.0, min(most, _HIDDEN_DIFFUSE * light.diffuse), light.outside)
        return light

    def _begin(self, day: int) -> None:
        self._day, luck = day, chance(self._seed, 51, day)
        self._kind = "clear" if luck < self._clear else "overcast"
        if self._clear <= luck < self._clear + self._broken:
            self._kind, shines, states = "broken", True, []
            for slot in range(DAY_S // SLOT_S):
                dice = chance(self._seed, 52, day * 288 + slot)
                shines = dice >= _GOES if shines else dice < _COMES
                states.append(shines)
            self._shines = states


class Hour(NamedTuple):
    """The means of an hour of a typical year, W/m2, as in ``Light``."""

    beam: float
    diffuse: float


class TypicalYear:
    """The clouds of a recorded year, again each year; its hours, and within them sun and clouds.

    Args:
        hours: by month, day and hour of the standard time at the place; dark ones are left out.
        utc_offset_h: of that time.
        seed: another one, other clouds within the hours.
        place: latitude and longitude, degrees.
    """

    def __init__(
        self,
        hours: Mapping[tuple[int, int, int], Hour],
        utc_offset_h: float,
        seed: int,
        place: tuple[float, float],
    ) -> None:
        self._hours, self._offset_s, self._seed = hours, utc_offset_h * 3600, seed
        self._place, self._hour, self._clear_beam = place, -1, 0.0

    def light(self, at_s: float, up: float) -> Light:
        """Return the light of this moment.

        The beam of the hour is taken as a share of what a clear sky would have given in it, part of
        which may be night; where that is neither all nor nothing, the sun shines for such a share
        of its five minutes.
        """
        own = clear(at_s, up, turbidity(self._seed, at_s))
        local_s = at_s + self._offset_s
        hour = self._hours.get(_of_the_calendar(int(local_s // 3600)))
        if hour is None:
            return Light(0.0, 0.2 * own.diffuse, own.outside)
        share = min(1.1, hour.beam / self._clear_beam_of(int(at_s // 3600)))
        if _FLICKERS[0] < share < _FLICKERS[1]:
            shines = chance(self._seed, 54, int(at_s // SLOT_S)) < share
            share = 0.95 if shines else 0.02
        return Light(share * own.beam, hour.diffuse, own.outside)

    def _clear_beam_of(self, hour: int) -> float:
        """Return the mean beam of a clear sky in this hour since 1970, W/m2; never 0."""
        if hour != self._hour:
            moments = [hour * 3600 + SLOT_S * (n + 0.5) for n in range(3600 // SLOT_S)]
            heights = [(at_s, position(at_s, *self._place).elevation_deg) for at_s in moments]
            beams = [
                clear(at_s, math.sin(math.radians(height)), turbidity(self._seed, at_s)).beam
                for at_s, height in heights
                if height > 0
            ]
            self._hour, self._clear_beam = hour, max(5.0, sum(beams) / len(moments))
        return self._clear_beam


@lru_cache(maxsize=64)
def _of_the_calendar(hours: int) -> tuple[int, int, int]:
    """Return month, day and hour of so many hours since 1970; 29 February is the day before."""
    day, hour = divmod(hours, 24)
    # Civil from days, by eras of 400 years that begin in March.
    of_era = (day + 719_468) % 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    from_march = (5 * of_year + 2) // 153
    month = from_march + 3 if from_march < 10 else from_march - 9
    date = of_year - (153 * from_march + 2) // 5 + 1
    return month, min(date, 28) if month == 2 else date, hour
