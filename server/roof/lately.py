"""Shade that came within the last two months, where the sun shone on these days a year ago.

A bin that was bright in April and is dark since May is not dark in a map of both. So each bin is
asked since when it saw no sun; and what is dark since then does not witness the sky any more: a
tree that hides the sun for an hour would look like a cloud.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from server.roof import cells, evidence, shade
from server.roof.changes import Change
from server.roof.evidence import SUNNY, Pass, Sky, Weather
from server.roof.shade import Seen
from server.roof.whole import Whole

_DAYS, _YEAR_DAYS = 60, 365
_ALONE = 3  # passes before one in the sun that are dark if it was a bright cloud
_SUN_OUT = 0.35  # clouds alone make such a pass dark less often
_FALL = 0.15  # of the performance
_OPEN_BINS, _THEN_DAYS = 2, 2  # in so many bins the sun shone on so many days a year ago
_LEAVES_DAYS = 14  # by so much leaves come and fall earlier or later than a year ago
_SUMMER, _WINTER = 172, 355  # days of the year: the solstices


class Lately(NamedTuple):
    """One string: its passes of these days, of those a year ago, and what is dark now."""

    seen: Seen
    now: list[Pass]
    before: list[Pass]
    dim: set[int]  # bins that are dark in either year: they witness nothing
    tails: Mapping[int, list[Pass]]  # the passes of a bin since the sun shone there last


def of(whole: Whole) -> dict[int, list[Change]]:
    """Return the new shade of each string; nothing in the first year."""
    if not whole.columns.within(_DAYS, _YEAR_DAYS):
        return {}
    maps = whole.maps
    strings = [
        _lately(whole, seen)
        for seen in whole.seen()
        if maps[seen.string].settled and maps[seen.string].reason is None
    ]
    if not any(one.tails for one in strings):
        return {}
    skies = {one.seen.string: _sky(whole, one) for one in strings}
    return {one.seen.string: _changes(whole, one, skies) for one in strings if one.tails}


def _lately(whole: Whole, seen: Seen) -> Lately:
    columns, judged = whole.columns, whole.maps[seen.string].judged
    now, before = (
        list(evidence.passes(columns, whole.numbers, seen.ratios, seen.usual, days))
        for days in (columns.within(_DAYS), columns.within(_DAYS, _YEAR_DAYS))
    )
    dim = {
        number
        for bins in judged.values()
        for number, one in bins.items()
        if one.performance < shade.WITNESS
    }
    then = judged["last60_before"]
    tails = {
        number: passes
        for number, passes in _tails(now).items()
        if number in then and then[number].n >= cells.LEAST_N and then[number].performance >= SUNNY
    }
    groups = [group for group in cells.groups(tails) if shade.is_wide(group)]
    return Lately(seen, now, before, dim, {n: tails[n] for group in groups for n in group})


def _tails(now: Iterable[Pass]) -> dict[int, list[Pass]]:
    """Return the passes of each bin since the sun shone there last, where they are enough.

    Where it only grazes the modules bright clouds give as much: one such pass among dark ones ends
    nothing, and counts against shade.
    """
    passes: dict[int, list[Pass]] = {}
    for one in now:
        passes.setdefault(one.number, []).append(one)
    tails = {number: own[after_the_last_sun(own) :] for number, own in passes.items()}
    return {
        number: tail
        for number, tail in tails.items()
        if len({one.day for one in tail if not one.sunny}) >= cells.LEAST_DAYS
        and sum(one.last + 1 - one.first for one in tail) >= cells.LEAST_N
    }


def after_the_last_sun(own: Sequence[Pass]) -> int:
    """Return the place after the last pass in the sun that was not alone among dark ones."""
    for n in range(len(own) - 1, -1, -1):
        if own[n].sunny and any(one.sunny for one in own[max(0, n - _ALONE) : n] or own[n:]):
            return n + 1
    return 0


def _sky(whole: Whole, one: Lately) -> Sky:
    columns, numbers = whole.columns, whole.numbers
    dark_since = {number: passes[0].day for number, passes in one.tails.items()}
    last = len(columns.days)
    days = [*columns.within(_DAYS, _YEAR_DAYS), *columns.within(_DAYS)]
    rows = [
        row
        for day in days
        for row in columns.rows_of(day)
        if day < dark_since.get(numbers[row], last)
    ]
    return evidence.sky_of(numbers, one.seen.ratios, one.seen.usual, one.dim, rows)


def _changes(whole: Whole, one: Lately, skies: Mapping[int, Sky]) -> list[Change]:
    others = [sky for string, sky in skies.items() if string != one.seen.string]
    weather = Weather(whole.columns, skies[one.seen.string], others)
    weather.learn(a for a in one.before if a.number not in one.dim)
    weather.learn(a for a in one.now if a.number not in one.dim and a.number not in one.tails)
    # A string that lost a part of its modules never sees the sun: its dark bins are not shade.
    passes = [a for tail in one.tails.values() for a in tail if weather.sees(a)]
    weighed = evidence.weigh(weather, passes)
    falls = _falls(whole, one, weather, passes)
    likely = {n for n in falls if weighed.of_bin.get(n, 0.0) <= shade.LIKELY}
    found = []
    for group in cells.groups(likely):
        opened = sum(_was_open(whole, one, n, falls[n].first) for n in group)
        proven = evidence.of_group(weighed, group) <= shade.PROVEN
        if proven and shade.is_wide(group) and opened >= _OPEN_BINS:
            fall = cells.quantile([falls[n].fall for n in group], 0.5)
            found.append(Change("new", frozenset(group), fall))
    return found


class _Fall(NamedTuple):
    fall: float
    first: int  # index of the first day that was dark while the sun was out around it


def _falls(whole: Whole, one: Lately, weather: Weather, passes: Sequence[Pass]) -> dict[int, _Fall]:
    """Return by how much bins are darker than a year ago, while the sun is out around them."""
    then = whole.maps[one.seen.string].judged["last60_before"]
    clear: dict[int, list[Pass]] = {}
    for a in passes:
        if weather.dark(a) < _SUN_OUT:
            clear.setdefault(a.number, []).append(a)
    falls = {}
    for number, own in clear.items():
        rows = (row for a in own for row in range(a.first, a.last + 1))
        ratios = [one.seen.ratios[row] for row in rows if one.seen.ratios[row] >= 0]
        level = cells.quantile(ratios, cells.QUANTILE) / one.seen.usual.at(number)
        fall = then[number].performance - level
        if level < SUNNY and fall > _FALL:
            falls[number] = _Fall(fall, own[0].day)
    return falls


def _was_open(whole: Whole, one: Lately, number: int, first: int) -> bool:
    """Return whether the sun shone there a year ago when any leaves would have been there, too."""
    days = whole.columns.days
    begin, end = days[first], whole.columns.newest()
    of_year = end.timetuple().tm_yday
    north = (whole.settings.latitude or 0.0) >= 0
    if (of_year < _SUMMER or of_year >= _WINTER) == north:  # leaves come
        begin += timedelta(days=_LEAVES_DAYS)
    else:
        end -= timedelta(days=_LEAVES_DAYS)
    sunny = {
        days[a.day] + timedelta(days=_YEAR_DAYS)
        for a in one.before
        if a.number == number and a.sunny
    }
    return sum(begin <= day <= end for day in sunny) >= _THEN_DAYS
