"""What must hold of what happens to a roof: points 1, 7 to 10 and 13 of the acceptance."""

import csv
import gc
import math
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from edge_lib.shared.sun import position
from edge_lib.simulator.roof import HORIZONS, Obstacle, Plane
from server.roof import digest, fit
from server.roof.rows import FiveMinutes, Found, Settings, StringRow
from tests.support.roof_checks import digests, found, settings_of
from tests.support.roof_life import DAY_S, SOUTHERN_TREE, TRUTH, Life, Lived, live
from tests.support.roof_map_claims import EAST, SOUTH, WEST, Line

ROOT = Path(__file__).parents[2]


# --- 1. the sun -----------------------------------------------------------------------------------


def spa() -> list[tuple[float, ...]]:
    with (TRUTH / "spa.csv").open(encoding="ascii") as file:
        return [tuple(map(float, row.values())) for row in csv.DictReader(file)]


def sun_off_deg(row: tuple[float, ...]) -> float:
    """Return the angle between our sun and NREL's; below the horizon without the air's part."""
    at_s, latitude, longitude, azimuth, true, seen = row
    ours = position(at_s, latitude, longitude)
    if seen > 0:
        up = ours.elevation_deg - seen
    else:
        lift = -20.772 / math.tan(math.radians(true)) / 3600 if true < -0.575 else seen - true
        up = ours.elevation_deg - true - lift
    turn = (ours.azimuth_deg - azimuth + 180) % 360 - 180
    return math.hypot(up, turn * math.cos(math.radians(true)))


def sun(seeds: int, run) -> Iterator[Line]:
    """1. Where the sun is: 200 positions of NREL's SPA; noons, solstices, poles, the south."""
    rows = spa()
    off = sorted(map(sun_off_deg, rows))
    text = f"{len(rows)} positions, 1990 to 2060: worst {off[-1]:.4f} degrees (0.02)"
    yield len(rows) == 200 and off[-1] <= 0.02, f"{text}, middle {off[len(off) // 2]:.4f}"

    def noon(day: date, latitude: float) -> tuple[float, float]:
        start_s = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        seen = [position(start_s + 60 * n, latitude, 0.0) for n in range(1440)]
        best = max(seen, key=lambda one: one.elevation_deg)
        return best.azimuth_deg, best.elevation_deg

    for day, latitude, azimuth, elevation in (
        (date(2026, 6, 21), 52.0, 180, 61.44),
        (date(2026, 12, 21), 52.0, 180, 14.56 + 0.06),
        (date(2026, 12, 21), -34.0, 0, 79.44),
        (date(2026, 6, 21), -34.0, 0, 32.56 + 0.03),
    ):
        found_azimuth, found_elevation = noon(day, latitude)
        turn = abs((found_azimuth - azimuth + 180) % 360 - 180)
        holds = turn < 0.6 and abs(found_elevation - elevation) < 0.03
        text = f"noon of {day} at {latitude}: {found_azimuth:.2f} / {found_elevation:.2f}"
        yield holds, f"{text} (about {azimuth} / {elevation:.2f})"
    for day, latitude, up in (
        (date(2026, 6, 21), 75.0, True),
        (date(2026, 12, 21), 75.0, False),
        (date(2026, 12, 21), -75.0, True),
        (date(2026, 6, 21), -75.0, False),
    ):
        start_s = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        heights = [position(start_s + 900 * n, latitude, 20.0).elevation_deg for n in range(96)]
        holds = min(heights) > 0 if up else max(heights) < 0
        yield holds, f"{day} at {latitude}: {min(heights):.1f} to {max(heights):.1f} degrees"
    yield _shown_by("Python and SQL agree to 1e-9", "tests/server", "sungrow_sun")


def _shown_by(what: str, folder: str, name: str) -> Line:
    """Return which test files name what they show; missing ones are a miss."""
    files = sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*.py")
        if name in path.read_text(encoding="utf-8")
    )
    return bool(files), f"{what}: {', '.join(files) or 'NO TEST'}"


# --- 7. a new tree --------------------------------------------------------------------------------

_BORN = datetime(2023, 3, 1, tzinfo=UTC)
_MAY_1 = datetime(2025, 5, 1, tzinfo=UTC).timestamp()
_SUNNY = 0.5  # of the light between ten and four: such a day is sunny


class Watched:
    """A life of years, of which one asks what a night would have found."""

    def __init__(self, life: Life) -> None:
        self.lived, self.settings = live(life), settings_of(life)
        self._days = digests(self.lived.rows, self.settings)

    def night(self, now_s: float) -> Found:
        day = datetime.fromtimestamp(now_s, UTC).date()
        return found(self.lived, self.settings, [one for one in self._days if one.day < day], now_s)

    def events(self, now_s: float, *ids: str) -> list[dict]:
        told = self.night(now_s).result.get("events") or []
        return [event for event in told if event["id"] in ids]


def sunny_days(lived: Lived, since_s: float, until_s: float) -> int:
    """Return on how many days the sun shone for half the time around noon."""
    by_day: dict[int, list[bool]] = {}
    for true in lived.truth:
        if since_s <= true.bucket_s < until_s and true.sun.elevation_deg > 25:
            by_day.setdefault(true.bucket_s // DAY_S, []).append(true.shone > 0.3)
    return sum(sum(day) >= _SUNNY * len(day) for day in by_day.values())


# It has to stand where the sun goes by in May and June: one of the map's trees never hides it then.
_TREES = {"mixed": (Obstacle(((90.0, 40.0), (125.0, 40.0))),), "greensboro": SOUTHERN_TREE}


class Grown(NamedTuple):
    seed: int
    before: int  # alarms before it is there
    days: int | None  # until the first one
    sunny: int | None  # of them
    hidden: int  # five minutes of 75 days, with sun, that it hides


def _new_tree(seed: int) -> Grown:
    clouds = ("mixed", "greensboro")[seed % 2]
    tree = tuple(one._replace(since_s=_MAY_1) for one in _TREES[clouds])
    watched = Watched(Life((SOUTH,), tree, clouds, seed, 975, _BORN))
    hidden = sum(
        true.hidden[0] > 0.9 and true.shone > 0.1
        for true in watched.lived.truth
        if true.bucket_s < _MAY_1 + 75 * DAY_S
    )
    before = sum(
        len(watched.events(_MAY_1 - days * DAY_S, "new_shade"))
        for days in (400, 300, 200, 150, 100, 60, 30, 14, 7, 2, 0)
    )
    for days in range(2, 75):
        if watched.events(_MAY_1 + days * DAY_S, "new_shade"):
            sunny = sunny_days(watched.lived, _MAY_1, _MAY_1 + days * DAY_S)
            return Grown(seed, before, days, sunny, hidden)
    return Grown(seed, before, None, None, hidden)


LEAVES = (
    Obstacle(((95.0, 28.0), (135.0, 28.0)), bare=0.75),
    Obstacle(((215.0, 22.0), (250.0, 22.0)), bare=0.75),
)


def _leaves(seed: int) -> tuple[int, int, bool]:
    watched = Watched(Life((SOUTH,), LEAVES, "mixed", seed, 800, _BORN))
    begin_s, new, seasonal = _BORN.timestamp(), 0, False
    for days in range(40, 800, 20):
        now_s = begin_s + days * DAY_S
        new += len(watched.events(now_s, "new_shade"))
        seasonal = seasonal or bool(watched.events(now_s, "seasonal_shade"))
    return seed, new, seasonal


def new_tree(seeds: int, run) -> Iterator[Line]:
    """7. A new tree on 1 May of year 2: within 21 sunny days, never before; leaves are seasonal."""
    count = max(2, min(8, seeds // 4))
    for one in run(_new_tree, range(count)):
        holds = one.before == 0 and one.sunny is not None and one.sunny <= 21 and one.hidden > 0
        text = f"seed {one.seed}: {one.before} alarms before, the first after {one.days} days"
        yield holds, f"{text}, {one.sunny} sunny ones (21); it hides {one.hidden} five minutes"
    for seed, new, seasonal in run(_leaves, range(max(2, count // 2))):
        text = f"seed {seed}: a tree that loses its leaves: {new} alarms of new shade"
        yield new == 0 and seasonal, f"{text}, {'named' if seasonal else 'NOT named'} as seasonal"


# --- 8. dirt --------------------------------------------------------------------------------------

_DIRTY_BORN = datetime(2024, 3, 1, tzinfo=UTC)
_DIRT_PER_DAY = 0.001


def _dirty(seed: int) -> tuple[bool, str]:
    """Return how the report of one string's dirt goes along with the truth."""
    begin_s = _DIRTY_BORN.timestamp()
    planes = (SOUTH._replace(dirt_per_day=_DIRT_PER_DAY), SOUTH)
    clouds = ("mixed", "greensboro")[seed % 2]
    watched = Watched(_rained_on(planes, clouds, seed, _DIRTY_BORN, 130, (40, 110)))
    first = next(
        (day for day in range(60, 109) if (_soiling(watched, begin_s + day * DAY_S) or 0) >= 5),
        None,
    )
    after = _soiling(watched, begin_s + 116 * DAY_S) or 0.0
    text = f"5 % found on day {first} (90 +-2); six days after the rain {after:.1f} %"
    return first is not None and abs(first - 90) <= 2 and after < 3, f"seed {seed}: {text}"


def _rained_on(
    planes: tuple[Plane, ...],
    clouds: str,
    seed: int,
    born: datetime,
    days: int,
    rain_days: Sequence[int],
) -> Life:
    rains_s = tuple(born.timestamp() + day * DAY_S for day in rain_days)
    return Life(planes, (), clouds, seed, days, born, rains_s=rains_s)


def _soiling(watched: Watched, now_s: float) -> float | None:
    strings = watched.night(now_s).result.get("strings") or []
    return strings[0]["soiling"]["pct"] if strings else None


_CLEAN_DAYS, _DIRTY_DAYS, _DRY_DAYS = 380, 365, 70
# Each has two seeds at least: even ones are dirty in their second year, odd ones never.
_SKIES_OF_DIRT = ("mixed", "hazy", "greensboro")


def _dirty_alike(case: tuple[str, int]) -> tuple[bool, str]:
    """Return what is told of a roof that rain washes each day, and then every ten weeks."""
    clouds, seed = case
    dirty = seed % 2 == 0
    days = _CLEAN_DAYS + _DIRTY_DAYS
    rains = [*range(_CLEAN_DAYS), *range(_CLEAN_DAYS, days, _DRY_DAYS)]
    plane = SOUTH._replace(dirt_per_day=_DIRT_PER_DAY * dirty)
    born = datetime(2023, 1 + 5 * seed % 12, 1, tzinfo=UTC)
    watched = Watched(_rained_on((plane, plane), clouds, seed, born, days, rains))
    strings = watched.night(watched.lived.end_s).result["strings"]
    told = [one["trend"] for one in strings]
    warned = sum(bool(one["warnings"]) for one in strings)
    true_pct = -100 * _DIRT_PER_DAY * dirty * _mean_age_days(days, rains)
    far = [one for one in told if one["pct_year"] is None or abs(one["pct_year"] - true_pct) > 2]
    wrong = [
        (day, pct)
        for day in range(75, days, 90)
        if (pct := _soiling(watched, born.timestamp() + day * DAY_S)) is not None
    ]
    text = ", ".join(f"{one['pct_year']} ({one['low']} to {one['high']})" for one in told)
    text = f"{clouds}, seed {seed}, truth {true_pct:.1f} % a year: told {text} (+-2)"
    text = f"{text}; {warned} warnings; dirt of one string alone: {wrong or 'never told'}"
    return not far and not wrong and (dirty or not warned), text


def _mean_age_days(days: int, rains: Sequence[int]) -> float:
    """Return for how long it had not rained in the second year, beside the first, on average."""
    ages = [day + 0.5 - max(rain for rain in rains if rain <= day) for day in range(days)]
    first, second = ages[: days - 365], ages[365:]
    return sum(second) / len(second) - sum(first) / len(first)


def dirt(seeds: int, run) -> Iterator[Line]:
    """8. Dirt of 0.1 % a day with rain between: of one string, and of both by their trend."""
    count = max(2, seeds // 8)
    for holds, text in run(_dirty, range(count)):
        yield holds, f"one string, {text}"
    cases = [(clouds, seed) for clouds in _SKIES_OF_DIRT for seed in range(count)]
    for holds, text in run(_dirty_alike, cases):
        yield holds, f"both strings, {text}"


# --- 9. a dead string -----------------------------------------------------------------------------


def _dead(seed: int) -> tuple[int, float | None, float, list[str]]:
    born = datetime(2024, 5, 1, tzinfo=UTC)
    clouds = ("mixed", "greensboro")[seed % 2]
    noon_s = DAY_S / 2 - Life((SOUTH,), clouds=clouds).site.longitude * 240
    died_s = born.timestamp() + 60 * DAY_S + noon_s
    planes = (SOUTH._replace(dead=((died_s, math.inf),)), WEST)
    watched = Watched(Life(planes, (), clouds, seed, 66, born))
    told = watched.night(born.timestamp() + 66 * DAY_S).result["strings"]
    before = watched.night(born.timestamp() + 60 * DAY_S).result["strings"]
    early = [f"string {one['string']}" for one in before if one.get("dead")]
    early += [f"string {one['string']}" for one in told[1:] if one.get("dead")]
    since = (told[0].get("dead") or {}).get("since")
    return seed, since, died_s, early


def dead(seeds: int, run) -> Iterator[Line]:
    """9. A string that dies at noon; none at dusk and dawn."""
    for seed, since, died_s, early in run(_dead, range(max(2, seeds // 8))):
        since_s = since and datetime.fromisoformat(str(since)).timestamp()
        off_min = None if since_s is None else (since_s - died_s) / 60
        text = f"seed {seed}: the night says since {since}, {off_min} min after it died (+-10)"
        yield (
            off_min is not None and abs(off_min) <= 10 and not early,
            f"{text}; others said to be dead: {early or 'none'}",
        )
    yield _shown_by("the alarm in 30 min +-1, none at dusk and dawn", "tests/server", "string_dead")


# --- 10. the fit ----------------------------------------------------------------------------------

SERF = (39.742, -105.1727)


def serf_rows() -> list[FiveMinutes]:
    """Return SERF East's quarter hours as three rows each: a mean begins at its label."""
    rows = []
    with (TRUTH / "serf_east.csv").open(encoding="ascii") as file:
        for row in csv.DictReader(file):
            start = datetime.fromisoformat(row["day"] + "T00:00:00-07:00").timestamp()
            words = row["ac_10w_hex"]
            for n in range(len(words) // 3):
                label_s = int(start) + 900 * (int(row["first_quarter"]) + n)
                watts = 10.0 * int(words[3 * n : 3 * n + 3], 16)
                string = StringRow(1, watts, 350.0, watts / 350, 60, 0)
                rows += [FiveMinutes(label_s + 300 * part, (string,), watts) for part in range(3)]
    return rows


def _fitted(plane: Plane, clouds: str, seed: int) -> tuple[float, float]:
    life = Life((plane,), (), clouds, seed, 365, datetime(2024, 1, 1, tzinfo=UTC))
    return fitted(live(life).rows, settings_of(life, strings={}))


def fitted(rows: list[FiveMinutes], settings: Settings) -> tuple[float, float]:
    """Return the orientation that the rows alone say: tilt and azimuth."""
    found_ = fit.of_days(digests(rows, settings), 1)
    return (found_.tilt_deg, found_.azimuth_deg) if found_ else (math.nan, math.nan)


def fitted_of_serf() -> tuple[float, float]:
    return fitted(serf_rows(), Settings("America/Denver", *SERF))


def fits(seeds: int, run) -> Iterator[Line]:
    """10. The orientation by the data alone; a wrong sign of the longitude is contradicted."""
    tilt, azimuth = fitted_of_serf()
    text = f"SERF East (45 / 158): tilt {tilt:.0f}, azimuth {azimuth:.0f}"
    yield abs(azimuth - 158) <= 6, f"{text} (+-6)"
    cases = [
        (plane, clouds, seed)
        for plane in (SOUTH, EAST, WEST, Plane(4, 20, 135), Plane(4, 45, 200))
        for clouds in ("mixed", "greensboro")
        for seed in range(1, 1 + max(1, seeds // 15))
    ]
    for (plane, clouds, seed), (tilt, azimuth) in zip(cases, run(_fit_case, cases), strict=True):
        text = f"{plane.tilt_deg} / {plane.azimuth_deg}, {clouds}, seed {seed}: {tilt:.0f} / "
        yield abs(azimuth - plane.azimuth_deg) <= 6, f"{text}{azimuth:.0f} (azimuth +-6)"
    for plane in (SOUTH, EAST):
        for clouds, days in (("clear", 8), ("mixed", 365)):
            life = Life((plane,), (), clouds, 1, days, datetime(2024, 5, 1, tzinfo=UTC))
            lived = live(life)
            wrong = settings_of(life, longitude=-life.site.longitude - 20)
            told = [one["id"] for one in found(lived, wrong).result.get("warnings") or []]
            right = [one["id"] for one in found(lived).result.get("warnings") or []]
            text = f"azimuth {plane.azimuth_deg}, {days} days, {clouds}, longitude of wrong sign"
            yield (
                "longitude_contradicts" in told and not right,
                f"{text}: {told or 'nothing said'}; of the right one: {right or 'nothing'}",
            )


def _fit_case(case: tuple[Plane, str, int]) -> tuple[float, float]:
    return _fitted(*case)


# --- 13. cost -------------------------------------------------------------------------------------


def costs(seeds: int, run) -> Iterator[Line]:
    """13. What a usual night costs with five years of two strings."""
    life = Life((SOUTH, WEST), HORIZONS["tree"], "mixed", 1, 5 * 365, _BORN - timedelta(days=365))
    lived, settings = live(life), settings_of(life)
    stored = [digest.to_json(one) for one in digests(lived.rows, settings)]
    last, now_s = lived.rows[-288:], lived.end_s
    lived.rows.clear()
    lived.truth.clear()
    gc.collect()
    for traced in (False, True):
        if traced:
            tracemalloc.start()
        began = time.process_time()
        digests(last, settings)
        one = found(lived, settings, map(digest.from_json, stored), now_s)
        took = time.process_time() - began
        if not traced:
            text = f"a night, without the database: {took:.2f} s CPU for {len(stored)} days (5)"
            yield took < 5, f"{text}, {sum(map(len, stored)) / 1e6:.1f} MB of digests"
        del one
    peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    yield peak_mb < 100, f"and {peak_mb:.0f} MB at most beside the digests' text (100)"
    yield _shown_by("the trigger's part of ingest, and the map", "tests/bench", "strings_5min")
