"""The figures of one string: loss by shade, share, dirt, trend, dead; and what happened to it."""

from __future__ import annotations  # array[int] is not a type for Python 3.11 while it runs

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from server.plane import Plane
from server.roof import held as held_back
from server.roof import losses, share, yields
from server.roof.columns import Columns
from server.roof.losses import Lost
from server.roof.rows import SLOT_S, Limit
from server.roof.shade import Judged, Seen, region_of
from server.roof.texts import Warning_, moment, warning, why
from server.roof.whole import Own, Whole

YEAR_DAYS = 365
_SAME_DEG = 3.0  # planes this alike see the same sun
_TWIN_CLEAR = 0.9  # of the shaded bins that the other string sees without shade
_BRIGHTER = 0.15  # of the performance
_RECENT_DAYS = 7
_AGES_PCT = -1.0  # a year: more than ageing takes (0.5 to 0.8), by all of a trend's interval


class Figures(NamedTuple):
    """What is known of one string beside its map."""

    shade: Lost | None
    shade_kind: str | None
    outage: Lost | None
    limits: list[Limit]
    share_days: list[share.Day]
    base: float | None
    changes: list[share.Change]
    noons: yields.Points
    dirt: yields.Dirt | None
    dead_row: int | None


def share_days(whole: Whole) -> dict[int, list[share.Day]]:
    """Return the days that tell what part each string gives; no days where there is but one."""
    seen = whole.seen()
    if len(seen) < 2:
        return {one.string: [] for one in seen}
    held = {own.string: own.held for own in whole.strings}
    maps = [judged for found in whole.maps.values() for judged in found.judged.values()]
    return share.by_day(whole.columns, whole.numbers, seen, maps, held)


def of(whole: Whole, own: Own, seen: Seen, days: list[share.Day], since: int) -> Figures:
    """Return the figures; limited rows from the day with the index ``since`` on."""
    columns, others = whole.columns, whole.others(seen.string)
    kind, lost = _shade(whole, seen, since)
    base = share.base_of(days, len(columns.days) - 1)
    noons = yields.clear_noons(columns, seen)
    judged = whole.maps[seen.string].judged["all"]
    dead = whole.numbers, seen, others, region_of(judged)
    return Figures(
        shade=lost,
        shade_kind=kind,
        outage=losses.dead_rows(columns, *dead, since) if others else None,
        limits=held_back.limits_of(columns, seen, own.held, judged, since),
        share_days=days,
        base=base,
        changes=[] if base is None else share.changes(days, base),
        noons=noons,
        dirt=_dirt(days, len(columns.days) - 1),
        dead_row=losses.dead_since(columns, *dead) if others else None,
    )


def _shade(whole: Whole, seen: Seen, since: int) -> tuple[str | None, Lost | None]:
    """Return what shade took; exactly where another string has the same plane in the sun."""
    found = whole.maps[seen.string]
    if not found.settled or found.reason:
        return None, None
    judged = found.judged["all"]
    region = region_of(judged)
    twin = _twin(whole, seen, judged)
    if twin is not None:
        lost = losses.beside(whole.columns, whole.numbers, seen, twin, region, since)
        if lost is not None:
            return "exact", lost
    return "at_least", losses.alone(whole.columns, whole.numbers, seen, judged, since)


def _twin(whole: Whole, seen: Seen, judged: Mapping[int, Judged]) -> Seen | None:
    planes = {own.string: own.plane for own in whole.strings}
    shaded = [number for number, one in judged.items() if one.state == "shaded"]
    for other in whole.others(seen.string):
        if not _alike(planes[seen.string], planes[other.string]):
            continue
        theirs = whole.maps[other.string].judged["all"]
        clear = sum(
            number in theirs
            and theirs[number].state != "shaded"
            and theirs[number].performance > judged[number].performance + _BRIGHTER
            for number in shaded
        )
        if clear >= _TWIN_CLEAR * len(shaded):
            return other
    return None


def _alike(one: Plane | None, other: Plane | None) -> bool:
    if one is None or other is None:
        return False
    turn = (one.azimuth_deg - other.azimuth_deg + 180) % 360 - 180
    return abs(turn) <= _SAME_DEG and abs(one.tilt_deg - other.tilt_deg) <= _SAME_DEG


def _dirt(days: Sequence[share.Day], last: int) -> yields.Dirt | None:
    """Return the dirt of a string beside the others. What all have alike is not told from haze."""
    beside = [(one.day, one.log) for one in days]
    return yields.dirt(beside, yields.noise_of(beside), last)


def share_told(columns: Columns, found: Figures, others: bool) -> dict[str, Any]:
    """Return the share of the last seven days beside what is usual."""
    nothing = {"value": None, "usual": None, "low": None, "high": None, "since": None}
    if not others:
        return {**nothing, **why("one_string")}
    recent = [one for one in found.share_days if one.day > len(columns.days) - 1 - _RECENT_DAYS]
    if found.base is None or not recent:
        return {**nothing, **why("too_few_sunny")}
    value = sum(one.share for one in recent) / len(recent)
    usual = sum(_usual(one, found.base) for one in recent) / len(recent)
    logs = sorted(abs(one.log - found.base) for one in found.share_days)
    width = 2 * (1 - usual) * logs[int(0.68 * (len(logs) - 1))] / math.sqrt(len(recent))
    still = [one for one in found.changes if one.last is None]
    return {
        "value": round(value, 4),
        "usual": round(usual, 4),
        "low": round(usual * (1 - width), 4),
        "high": round(usual * (1 + width), 4),
        "since": columns.days[still[-1].first].isoformat() if still else None,
        **why(None),
    }


def _usual(one: share.Day, base: float) -> float:
    odds = math.exp(math.log(one.expected / (1 - one.expected)) + base)
    return odds / (1 + odds)


def share_by_day(columns: Columns, string: int, found: Figures) -> list[dict[str, Any]]:
    """Return each sunny day's share of the last 365 days."""
    if found.base is None:
        return []
    smooth = share.means(found.share_days, found.base)
    since = columns.within(YEAR_DAYS).start
    return [
        {
            "day": columns.days[one.day].isoformat(),
            "string": string,
            "share": round(one.share, 4),
            "expected": round(_usual(one, found.base), 4),
            "ratio7": round(math.exp(mean), 4),
        }
        for one, mean in zip(found.share_days, smooth, strict=True)
        if one.day >= since
    ]


def loss_told(columns: Columns, found: Figures, reason: str | None) -> dict[str, Any]:
    """Return what shade took in the last 365 days."""
    days = columns.within(YEAR_DAYS)
    span = {
        "from": columns.days[days.start].isoformat(),
        "to": columns.days[days.stop - 1].isoformat(),
    }
    if found.shade is None:
        return {"kwh": None, "kind": None, **span, **why("not_settled")}
    kwh = round(max(0.0, found.shade.kwh_since(columns, days.start)), 1)
    return {"kwh": kwh, "kind": found.shade_kind, **span, **why(reason)}


def soiling_told(columns: Columns, found: Figures, others: bool) -> dict[str, Any]:
    """Return how much less comes than after the last cleaning."""
    if found.dirt is None:
        reason = "one_string" if not others else "no_rain" if found.share_days else "too_few_sunny"
        return {"pct": None, "since": None, **why(reason)}
    since = columns.days[found.dirt.since].isoformat()
    return {"pct": round(100 * found.dirt.part, 1), "since": since, **why(None)}


def trend_told(columns: Columns, found: Figures) -> dict[str, Any]:
    """Return by how much a year changes what comes."""
    told = yields.trend(columns, found.noons)
    if told is None:
        months = (columns.days[-1] - columns.days[0]).days // 30
        reason = why("too_short", months=months, needed=24) if months < 24 else why("too_few_sunny")
        return {"pct_year": None, "low": None, "high": None, "years": None, **reason}
    return {
        "pct_year": round(100 * told.value, 2),
        "low": round(100 * told.low, 2),
        "high": round(100 * told.high, 2),
        "years": round(told.years, 1),
        **why(None),
    }


def fading(trend: Mapping[str, Any]) -> list[Warning_]:
    """Return the warning that a string gives less each year than ageing explains, if it does."""
    high = trend["high"]
    if high is None or high >= _AGES_PCT:
        return []
    return [warning("fades", {"pct_year": trend["pct_year"]})]


def dead_told(columns: Columns, found: Figures) -> dict[str, Any] | None:
    """Return since when a string gives nothing."""
    if found.dead_row is None:
        return None
    return {"since": moment(columns.slots[found.dead_row] * SLOT_S)}
