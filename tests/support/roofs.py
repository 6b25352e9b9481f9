"""Synthetic roofs for the tests of server/roof: what goes in, and where the truth is."""

import math
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from edge_lib.shared import sun
from server.plane import Plane
from server.roof import digest, model
from server.roof.rows import Digest, FiveMinutes, Settings, StringRow

SOUTH = Plane(35.0, 180.0, 2.5)


class Obstacle(NamedTuple):
    azimuth_from: float
    azimuth_to: float
    up_to: float

    def hides(self, at: sun.Sun) -> bool:
        return self.azimuth_from <= at.azimuth_deg < self.azimuth_to and (
            at.elevation_deg < self.up_to
        )


TREE = (Obstacle(95, 130, 25), Obstacle(230, 250, 15))


class Roof(NamedTuple):
    planes: dict[int, Plane]
    horizons: Mapping[int, tuple[Obstacle, ...]] = {}
    clear: float = 0.2  # part of the days; what is left is overcast
    broken: float = 0.4
    latitude: float = 52.0
    longitude: float = 5.0
    seed: int = 1
    nominal_w: float | None = None
    export_limit_w: float | None = None
    load_w: float = 300.0
    factor: Callable[[date, int], float] | None = None  # (day, string): dirt, a dead string
    horizon_of: Callable[[date, int], tuple[Obstacle, ...]] | None = None
    temp_c: float | None = 25.0
    step_a: float = 0.1

    def settings(self, **changed: object) -> Settings:
        plain = Settings(
            "UTC", self.latitude, self.longitude, self.export_limit_w, self.nominal_w,
            strings=self.planes,
        )  # fmt: skip
        return plain._replace(**changed)


def days(roof: Roof, first: date, count: int) -> Iterator[tuple[date, list[FiveMinutes], int, int]]:
    """Yield each day with its rows, begin and end (UTC)."""
    chance = random.Random(roof.seed)
    for number in range(count):
        day = first + timedelta(days=number)
        begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        yield day, _rows(roof, day, begin, chance), begin, begin + 86400


def digests(roof: Roof, first: date, count: int, settings: Settings | None = None) -> list[Digest]:
    told = settings or roof.settings()
    return [
        digest.of_day(day, rows, begin, end, told)
        for day, rows, begin, end in days(roof, first, count)
    ]


def _rows(roof: Roof, day: date, begin: int, chance: random.Random) -> list[FiveMinutes]:
    kind, hidden, rows = chance.random(), False, []
    grey = 0.12 + 0.25 * chance.random()
    haze = 0.93 + 0.07 * chance.random()
    for bucket in range(begin, begin + 86400, 300):
        at = sun.position(bucket + 150, roof.latitude, roof.longitude)
        if at.elevation_deg < 0.5:
            continue
        if kind < roof.clear:
            light, diffuse = haze, haze
        elif kind < roof.clear + roof.broken:
            hidden = chance.random() > 0.15 if hidden else chance.random() < 0.18
            light, diffuse = (0.0, 2.2) if hidden else (haze, 1.2)
        else:
            high = math.sin(math.radians(at.elevation_deg))
            light, diffuse = 0.0, (1 + 10 * high) * grey * (0.9 + 0.2 * chance.random())
        watts = {k: _watts(roof, day, k, at, light, diffuse) for k in roof.planes}
        rows.append(_row(roof, bucket, watts))
    return rows


def _watts(roof: Roof, day: date, k: int, at: sun.Sun, light: float, diffuse: float) -> float:
    plane = roof.planes[k]
    number = day.timetuple().tm_yday
    whole = model.plane_w_per_kwp(at, plane, number)
    beam = model.beam_w_per_m2(at.elevation_deg, number)
    scattered = min(whole, 0.095 * beam)
    horizon = roof.horizon_of(day, k) if roof.horizon_of else roof.horizons.get(k, ())
    if any(one.hides(at) for one in horizon):
        light = 0.0
    factor = roof.factor(day, k) if roof.factor else 1.0
    power = ((whole - scattered) * light + scattered * diffuse) * (plane.kwp or 1.0) * factor
    return max(0.0, power)


def _row(roof: Roof, bucket: int, watts: dict[int, float]) -> FiveMinutes:
    total, state, volts = sum(watts.values()), None, 400.0
    ceilings = [roof.nominal_w]
    if roof.export_limit_w is not None:
        ceilings.append(roof.export_limit_w + roof.load_w)
    ceiling = min((one for one in ceilings if one is not None), default=total)
    if total > ceiling:
        watts = {k: w * ceiling / total for k, w in watts.items()}
        total, volts = ceiling, 450.0
    amperes = {
        k: round(int(w / volts / roof.step_a + 1e-9) * roof.step_a, 3) for k, w in watts.items()
    }
    product = sum(amperes.values()) or 1.0
    strings = tuple(
        StringRow(k, total * amperes[k] / product, volts, amperes[k], 30, 0) for k in watts
    )
    return FiveMinutes(
        bucket, strings, inverter_w=total, export_w=total - roof.load_w, running_state=state,
        temp_c=roof.temp_c,
    )  # fmt: skip
