"""What must hold of the map of a roof's shade: points 2 to 6 of the acceptance, and 11 and 12."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from edge_lib.simulator.roof import HORIZONS, Plane
from server.roof.rows import Bin, FiveMinutes
from tests.support.roof_checks import (
    Score,
    bins_of,
    claims_of,
    found,
    score,
    settings_of,
    states_of,
)
from tests.support.roof_life import CLOUDS, SITES, Life, Lived, horizon, live

Line = tuple[bool, str]
SOUTH, EAST, WEST = Plane(3.2, 35, 180), Plane(3.2, 25, 95), Plane(3.2, 40, 240)
ORIENTATIONS = {"south": SOUTH, "east": EAST, "west": WEST}
OFF_DEG = (10.0, 5.0)
SPANS = (120, 365)


class Task(NamedTuple):
    orientation: str
    horizon: str
    site: str
    days: int
    seed: int


def _scores(task: Task) -> tuple[Task, Score, Score]:
    """Return how the map of a roof does with true settings, and with wrong ones."""
    month = (1, 4, 7, 10)[task.seed % 4] if task.days < 365 else 1
    life = Life(
        (ORIENTATIONS[task.orientation],),
        horizon(task.horizon, task.site),
        task.site,
        task.seed,
        task.days,
        datetime(2024, month, 1, tzinfo=UTC),
    )
    lived = live(life)
    right = score(lived, found(lived))
    wrong = score(lived, found(lived, settings_of(life, OFF_DEG)))
    return task, right, wrong


def maps(seeds: int, run) -> Iterator[Line]:
    """2. Recall and false bins of 3 orientations x 4 horizons x the clouds of typical years."""
    for site in SITES:
        for days in SPANS:
            tasks = [
                Task(orientation, horizon, site, days, seed)
                for horizon in HORIZONS
                for orientation in ORIENTATIONS
                for seed in range(1, 1 + max(1, min(4, seeds // 8)))
            ]
            made = list(run(_scores, tasks))
            yield _of_maps(f"{site}, {days} days, set right", made, 1, 0.95, 0.01)
            yield _of_maps(f"{site}, {days} days, set wrong", made, 2, 0.9, 0.02)


def _of_maps(what: str, part: list, at: int, least: float, most: float) -> Line:
    scores = [(one[0], one[at]) for one in part]
    shaded, hit = sum(s.shaded for _, s in scores), sum(s.hit for _, s in scores)
    clear, false = sum(s.clear for _, s in scores), sum(s.false for _, s in scores)
    recall, share = hit / max(1, shaded), false / max(1, clear)
    bad = [
        f"{t.orientation}/{t.horizon}/{t.seed}: {s.hit} of {s.shaded}, {s.false} of {s.clear}"
        for t, s in scores
        if s.recall < least or s.false_share > most
    ]
    text = (
        f"{what}: {hit} of {shaded} shaded bins ({recall:.3f}, {least}), {false} of {clear} false"
        f" ({100 * share:.2f} %, {100 * most:.0f}); partly {sum(s.partly for _, s in scores)}"
    )
    if bad:
        text += f"; {len(bad)} of {len(scores)} roofs alone do worse, as {'; '.join(bad[:4])}"
    return recall >= least and share <= most, text


def _claims(life: Life) -> tuple[Life, list[str], list[int | None]]:
    lived = live(life)
    one = found(lived)
    missing = [(string.get("map") or {}).get("days_missing") for string in _strings(one)]
    return life, claims_of(one), [*missing, one.result.get("days_missing")]


def _strings(one) -> list[dict]:
    return one.result.get("strings") or []


def nothing(seeds: int, run) -> Iterator[Line]:
    """3. No shade is ever claimed for a roof without, in every cloudiness."""
    planes = list(ORIENTATIONS.values())
    for clouds in (*CLOUDS, *SITES):
        lives = [
            Life(
                (planes[seed % 3], planes[(seed + 1) % 3])[: 1 + seed % 2],
                (),
                clouds,
                seed,
                365 if seed % 3 == 0 else 120,
                datetime(2024, 1 + seed % 12, 1, tzinfo=UTC),
            )
            for seed in range(seeds)
        ]
        made = list(run(_claims, lives))
        bad = [f"seed {life.seed}: {', '.join(claims[:3])}" for life, claims, _ in made if claims]
        text = f"{clouds}: {len(bad)} of {len(made)} roofs without shade are said to have some"
        yield not bad, text + (f" ({'; '.join(bad[:3])})" if bad else "")
    week = [Life((SOUTH,), HORIZONS["tree"], "clear", n, 7) for n in range(3)]
    week += [Life((SOUTH,), HORIZONS["tree"], "overcast", n, 120) for n in range(3)]
    for life, claims, missing in run(_claims, week):
        days = [one for one in missing if one]
        holds = not claims and (bool(days) or life.days > 7)
        text = f"{life.days:.0f} days, {life.clouds}, with a tree: {len(claims)} claims"
        yield holds, f"{text}, days missing {missing}"


TREE_1 = tuple(one._replace(strings=(0,)) for one in HORIZONS["tree"])
RIDGE_1 = tuple(one._replace(strings=(0,)) for one in HORIZONS["ridge"])


def _loss(life: Life) -> tuple[Life, dict, float, float]:
    lived = live(life)
    one = found(lived)
    true = sum(t.unshaded_w[0] - t.offered_w[0] for t in lived.truth) / 12_000
    whole = sum(t.unshaded_w[0] for t in lived.truth) / 12_000
    return life, _strings(one)[0].get("shade_loss") or {}, true, whole


def losses(seeds: int, run) -> Iterator[Line]:
    """4. What shade costs: exact beside an equal string, at least that much alone."""
    pairs = [
        Life((plane,) * n, obstacles, clouds, 1 + n, 365, datetime(2024, 1, 1, tzinfo=UTC))
        for n in (2, 1)
        for obstacles in (TREE_1, RIDGE_1)
        for plane in (SOUTH, EAST)
        for clouds in ("mixed", "greensboro")
    ]
    for life, told, true, whole in run(_loss, pairs):
        two = len(life.planes) == 2
        kwh = told.get("kwh")
        kind = "exact" if two else "at_least"
        share = (kwh or 0.0) / true
        fits = abs(share - 1) <= 0.1 if two else 0.4 <= share <= 1.0
        text = (
            f"{'two equal strings' if two else 'one string'}, azimuth {life.planes[0].azimuth_deg}"
        )
        shown = "nothing" if kwh is None else f"{kwh:.1f}"
        yield (
            fits and told.get("kind") == kind,
            f"{text}, {'tree' if life.obstacles == TREE_1 else 'ridge'}, {life.clouds}: {shown} of"
            f" {true:.1f} kWh ({share:.2f}; {whole:.0f} in the year), {told.get('kind')}",
        )


CAUSES = ("clipping", "export_limit", "full_battery", "derating", "dispatch", "voltage")


class Curtailed(NamedTuple):
    life: Life
    claims: list[str]
    told_kwh: float
    true_kwh: float
    flagged: float  # share of the rows that were held back
    false: float  # of the others
    by_cause: dict[str, float]


def _curtailed(life: Life, known: bool) -> Curtailed:
    lived = live(life)
    settings = settings_of(life, **({} if known else {"export_limit_w": None}))
    one = found(lived, settings)
    told = {
        cause: sum(month.get(f"{cause}_kwh") or 0.0 for month in one.result["losses_by_month"])
        for cause in CAUSES
    }
    true = sum(sum(t.offered_w) - sum(t.taken_w) for t in lived.truth) / 12_000
    limited = {(limit.bucket_s, limit.string) for limit in one.limits}
    up = [t for t in lived.truth if t.sun.elevation_deg > 5]
    held = [t for t in up if t.cause and sum(t.taken_w) < 0.99 * sum(t.offered_w)]
    # What is within 1.5 % of nominal, or 60 W of the limit, may be either, by definition.
    near = {row.bucket_s for row in lived.rows if _is_near_limit(row, life)}
    free = [t for t in up if t.cause is None and t.bucket_s not in near]
    flagged = sum((t.bucket_s, 1) in limited for t in held) / max(1, len(held))
    false = sum((t.bucket_s, 1) in limited for t in free) / max(1, len(free))
    return Curtailed(life, claims_of(one), sum(told.values()), true, flagged, false, told)


def _is_near_limit(row: FiveMinutes, life: Life) -> bool:
    limit_w = math.inf if life.export_limit_w is None else life.export_limit_w
    return row.inverter_w >= 0.985 * life.nominal_w or abs(row.export_w - limit_w) < 60


def curtailment(seeds: int, run) -> Iterator[Line]:
    """5. An export limit of half the power all summer: no shade there, and what it cost."""
    lives = [
        Life((Plane(5.0, 35, 180),), (), clouds, 1, 150, export_limit_w=limit, in_house=house)
        for clouds in ("mixed", "clear", "greensboro")
        for house, limit in ((False, 2500), (True, 2000))
    ]
    lives = [life._replace(nominal_w=5000 if life.in_house else 20_000) for life in lives]
    for known in (True, False):
        for one in run(partial(_curtailed, known=known), lives):
            off = one.told_kwh / one.true_kwh - 1
            causes = ", ".join(f"{k} {v:.0f}" for k, v in one.by_cause.items() if v)
            where = "a house with a battery" if one.life.in_house else "all is fed in"
            text = (
                f"limit {'set' if known else 'not set'}, {one.life.clouds}, {where}: "
                f"{len(one.claims)} claims of shade, {one.told_kwh:.0f} of {one.true_kwh:.0f} kWh"
                f" ({100 * off:+.1f} %: {causes}); flagged {100 * one.flagged:.1f} %,"
                f" false {100 * one.false:.2f} %"
            )
            yield not one.claims and (abs(off) <= 0.1 or not known), text


def clipping(seeds: int, run) -> Iterator[Line]:
    """6. 6 kWp at an inverter of 4 kW."""
    lives = [
        Life((Plane(3.0, 35, 180), Plane(3.0, 30, azimuth)), (), clouds, 1, 150, nominal_w=4000)
        for clouds in ("mixed", "clear", "broken", "greensboro")
        for azimuth in (180, 230)
    ]
    for one in run(partial(_curtailed, known=True), lives):
        off = one.told_kwh / one.true_kwh - 1
        text = (
            f"{one.life.clouds}, second string at {one.life.planes[1].azimuth_deg}: flagged"
            f" {100 * one.flagged:.1f} % (95), false {100 * one.false:.2f} % (1);"
            f" {one.told_kwh:.0f} of {one.true_kwh:.0f} kWh ({100 * off:+.1f} %)"
        )
        yield one.flagged >= 0.95 and one.false < 0.01 and not one.claims, text


class Differs(NamedTuple):
    """How far the maps of two lives are apart."""

    worst: float  # of a bin's performance
    at_a_limit: list[
        str
    ]  # bins that are clear or partly shaded by figures that are nearly the same
    others: int  # other bins of another verdict
    count: int


_SAME_MAP = 0.03


def _differs(lived: Lived, other: Lived, settings, other_settings) -> Differs:
    worst, at_a_limit, others, count = 0.0, [], 0, 0
    left, right = found(lived, settings), found(other, other_settings)
    for number in settings.strings:
        a = {(b.azimuth_deg, b.elevation_deg): b for b in bins_of(left, number)}
        for b in bins_of(right, number):
            own = a.get((b.azimuth_deg, b.elevation_deg))
            count += 1
            if own and own.performance is not None and b.performance is not None:
                worst = max(worst, abs(own.performance - b.performance))
            if own is None:
                others += 1
            elif own.state != b.state:
                on_edge = _is_at_a_limit(own, b)
                others += not on_edge
                at_a_limit += [
                    f"{own.performance} {own.state}, {b.performance} {b.state}"
                ] * on_edge
    return Differs(worst, at_a_limit, others, count)


def _is_at_a_limit(one: Bin, other: Bin) -> bool:
    """Return whether a bin is on both sides of what is clear, by figures that are nearly the same.

    Shade is no matter of a limit alone: whether it is proven must be the same.
    """
    near = abs(one.performance - other.performance) <= _SAME_MAP
    return near and {one.state, other.state} == {"clear", "partly"}


def steps(seeds: int, run) -> Iterator[Line]:
    """11. The current's step of 0.1 A: the same map +-0.03; a verdict differs at a limit alone."""
    for kwp in (3.2, 1.6):
        life = Life((Plane(kwp, 35, 180), Plane(kwp, 30, 230)), HORIZONS["tree"], "mixed", 1, 120)
        coarse, fine = live(life), live(life._replace(amps_step=0.01))
        settings = settings_of(life)
        seen = _differs(coarse, fine, settings, settings)
        text = f"2 x {kwp} kWp: performance differs by at most {seen.worst:.3f} ({_SAME_MAP}),"
        text = f"{text} {seen.others} of {seen.count} bins have another verdict"
        edge = "; ".join(seen.at_a_limit) or "none"
        yield seen.worst <= _SAME_MAP and seen.others == 0, f"{text}, but at a limit: {edge}"


def models(seeds: int, run) -> Iterator[Line]:
    """12. One and four strings, null strings, summer time, another zone."""
    four = Life(
        (SOUTH, EAST, WEST, SOUTH),
        tuple(one._replace(strings=(1, 3)) for one in HORIZONS["tree"]),
        "mixed",
        1,
        120,
    )
    lived = live(four)
    one = found(lived)
    for number in settings_of(four).strings:
        found_ = score(lived, one, number)
        text = f"string {number} of four: {found_.hit} of {found_.shaded} shaded bins,"
        yield (
            found_.recall >= 0.9 and found_.false_share <= 0.01,
            f"{text} {found_.false} of {found_.clear} false",
        )
    single = Life((SOUTH,), HORIZONS["tree"], "mixed", 1, 120)
    alone = live(single)
    base = states_of(found(alone), 1)
    # Nothing is there: if it gave anything, that would be counted as the first one's.
    beside = live(single._replace(planes=(SOUTH, SOUTH._replace(unplugged=True)), absent=(2,)))
    told = found(beside)
    numbers = [string["string"] for string in _strings(told)]
    yield (
        states_of(told, 1) == base and numbers == [1],
        f"a second string that is null: strings {numbers}, the same map",
    )
    unplugged = live(single._replace(planes=(SOUTH, SOUTH._replace(unplugged=True))))
    told = found(unplugged)
    dead = [string["string"] for string in _strings(told) if string.get("dead")]
    numbers = [string["string"] for string in _strings(told)]
    same = states_of(told, 1) == base
    yield same and not dead and numbers == [1], f"one that was never plugged in: {numbers}, {dead}"
    for zone in ("UTC", "Asia/Kathmandu", "Pacific/Auckland"):
        other = found(alone, settings_of(single, timezone=zone))
        states = states_of(other, 1)
        off = sum(states.get(at) != state for at, state in base.items())
        yield off <= 0.01 * len(base), f"the inverter's zone is {zone}: {off} of {len(base)} bins"
    for seed in range(1, 7):
        holes = live(single._replace(seed=seed, silent=lambda at_s: at_s // 3600 % 7 < 2))
        seen = score(holes, found(holes))
        text = f"seed {seed}: two of seven hours did not arrive: {seen.hit} of {seen.shaded}"
        yield seen.recall >= 0.95 and seen.false == 0, f"{text}, {seen.false} false"
