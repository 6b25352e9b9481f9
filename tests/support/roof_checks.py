"""Simulated roofs, analysed; and how far that is from their truth. The engine sees rows alone."""

import math
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from edge_lib.shared.sun import Sun
from edge_lib.simulator.roof import Roof
from edge_lib.simulator.sky import ChainSky, clear
from server.plane import Plane
from server.roof import analyse, digest
from server.roof.rows import (
    AZIMUTH_STEP_DEG,
    ELEVATION_STEP_DEG,
    Bin,
    Digest,
    FiveMinutes,
    Found,
    Settings,
)
from tests.support.roof_life import DAY_S, Life, Lived

LEAST_N, LEAST_DAYS = 12, 3
_TAKES = 0.6  # what an obstacle leaves of a clear moment, at most, to be a shade worth the name
_LEAST_W_PER_KWP, _LEAST_A = 60.0, 1.0  # below, the specification takes nothing for evidence
_SHONE = 0.6  # of a clear beam


def settings_of(life: Life, off_deg: tuple[float, float] = (0, 0), **more) -> Settings:
    """Return what an owner sets; ``off_deg``: tilt and azimuth that he gets wrong."""
    planes = {
        number: Plane(plane.tilt_deg + off_deg[0], plane.azimuth_deg + off_deg[1], plane.kwp)
        for number, plane in enumerate(life.planes, 1)
        if number not in life.absent and not plane.unplugged
    }
    about = {
        "timezone": life.site.zone,
        "latitude": life.site.latitude,
        "longitude": life.site.longitude,
        "export_limit_w": life.export_limit_w,
        "nominal_w": life.nominal_w,
        "has_battery": life.in_house,
        "strings": planes,
    }
    return Settings(**{**about, **more})


def digests(rows: list[FiveMinutes], settings: Settings) -> list[Digest]:
    zone = ZoneInfo(settings.timezone)
    by_day = defaultdict(list)
    for row in rows:
        by_day[datetime.fromtimestamp(row.bucket_s, zone).date()].append(row)
    return [
        digest.of_day(
            day,
            by_day[day],
            midnight_s(day, zone),
            midnight_s(day + timedelta(days=1), zone),
            settings,
        )
        for day in sorted(by_day)
    ]


def midnight_s(day: date, zone: ZoneInfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def found(
    lived: Lived, settings: Settings | None = None, days: list[Digest] | None = None, now_s=None
) -> Found:
    settings = settings or settings_of(lived.life)
    days = digests(lived.rows, settings) if days is None else days
    return analyse.result("home-1", days, settings, lived.end_s if now_s is None else now_s)


class Truth(NamedTuple):
    """Bins of a string's map, by lower edges: all in shade, all clear; how often seen."""

    shaded: set[tuple[float, float]]
    clear: set[tuple[float, float]]
    seen: dict[tuple[float, float], int]
    shone: dict[tuple[float, float], int]  # of these with a beam


def bin_of(sun: Sun) -> tuple[float, float]:
    return (
        math.floor(sun.azimuth_deg / AZIMUTH_STEP_DEG) * AZIMUTH_STEP_DEG,
        math.floor(sun.elevation_deg / ELEVATION_STEP_DEG) * ELEVATION_STEP_DEG,
    )


def truth_of(lived: Lived, number: int) -> Truth:
    """Return the true map of a string (from 1) over the rows that are evidence."""
    life, place = lived.life, number - 1
    ideal = Roof(
        (life.planes[place],),
        life.site.latitude,
        life.site.longitude,
        obstacles=tuple(
            one._replace(strings=None)  # it has this one alone
            for one in life.obstacles
            if one.strings is None or place in one.strings
        ),
        sky=ChainSky(1, 1.0, 0.0),
        clean_s=life.born.timestamp(),
    )
    seen, shone, days = defaultdict(int), defaultdict(int), defaultdict(set)
    for true in lived.truth:
        if true.cause is None and true.sun.elevation_deg > 3:
            at = bin_of(true.sun)
            seen[at] += 1
            days[at].add(true.bucket_s // DAY_S)
            shone[at] += true.shone > _SHONE * _clear_share(true)
    at_s = life.born.timestamp()
    shaded, bright = set(), set()
    for at in seen:
        if seen[at] < LEAST_N or len(days[at]) < LEAST_DAYS:
            continue
        kind = _kind(ideal, at, at_s)
        if kind == "shaded":
            shaded.add(at)
        elif kind == "clear":
            bright.add(at)
    return Truth(shaded, bright, dict(seen), dict(shone))


def _clear_share(true) -> float:
    up = math.sin(math.radians(max(0.1, true.sun.elevation_deg)))
    light = clear(true.bucket_s, up, 3.2)
    return light.beam / light.outside


def _kind(ideal: Roof, at: tuple[float, float], at_s: float) -> str:
    """Return shaded, clear, or edge of one that is neither all over."""
    spots = [
        Sun(at[0] + AZIMUTH_STEP_DEG * a / 4, at[1] + ELEVATION_STEP_DEG * e / 4)
        for a in range(5)
        for e in range(5)
    ]
    hides = [
        max((one.modules * one.hides(spot, at_s) for one in ideal.obstacles), default=0.0)
        for spot in spots
    ]
    if not any(hides):
        return "clear"
    if min(hides) < 0.99:
        return "edge"
    return (
        "shaded" if all(_is_felt(ideal, at, at_s, a, e) for a in (1, 3) for e in (1, 3)) else "edge"
    )


def _is_felt(ideal: Roof, at: tuple[float, float], at_s: float, a: int, e: int) -> bool:
    """Return whether shade takes much there on a clear day, of a current that can be read."""
    spot = Sun(at[0] + AZIMUTH_STEP_DEG * a / 4, at[1] + ELEVATION_STEP_DEG * e / 4)
    look = ideal.look_at(spot, at_s).strings[0]
    least_w = max(_LEAST_W_PER_KWP * ideal.planes[0].kwp, _LEAST_A * look.offer.voltage_v)
    return look.unshaded_w >= least_w and look.offer.power_w <= _TAKES * look.unshaded_w


class Score(NamedTuple):
    """Counts of bins: truly shaded, of them found; truly clear, of them called shaded, partly."""

    shaded: int
    hit: int
    clear: int
    false: int
    partly: int
    missed: list[tuple[float, float]]
    wrong: list[tuple[float, float]]

    @property
    def recall(self) -> float:
        return self.hit / self.shaded if self.shaded else 1.0

    @property
    def false_share(self) -> float:
        return self.false / self.clear if self.clear else 0.0


def score(lived: Lived, one: Found, number: int = 1, shone: int = 0) -> Score:
    """Compare a string's map with its truth; ``shone``: only bins with so many sunny moments."""
    truth = truth_of(lived, number)
    states = states_of(one, number)
    shaded = {at for at in truth.shaded if truth.shone.get(at, 0) >= shone}
    missed = sorted(at for at in shaded if states.get(at) != "shaded")
    wrong = sorted(at for at in truth.clear if states.get(at) == "shaded")
    partly = sum(states.get(at) == "partly" for at in truth.clear)
    return Score(
        len(shaded), len(shaded) - len(missed), len(truth.clear), len(wrong), partly, missed, wrong
    )


def states_of(one: Found, number: int, period: str = "all") -> dict[tuple[float, float], str]:
    return {(row.azimuth_deg, row.elevation_deg): row.state for row in bins_of(one, number, period)}


def bins_of(one: Found, number: int, period: str = "all") -> list[Bin]:
    return [row for row in one.bins if row.string == number and row.period == period]


def claims_of(one: Found) -> list[str]:
    """Return whatever says that there is shade: bins, words, events; empty for a roof without."""
    claims = [
        f"bin {row.azimuth_deg:.0f}/{row.elevation_deg} of {row.string} ({row.period})"
        for row in one.bins
        if row.state == "shaded"
    ]
    for string in one.result.get("strings") or []:
        words = (string.get("map") or {}).get("words") or []
        claims += [f"word {word['kind']}" for word in words if word["kind"] != "dirt_or_tilt"]
    shade = ("new_shade", "seasonal_shade")
    return claims + [
        event["id"] for event in one.result.get("events") or [] if event["id"] in shade
    ]
