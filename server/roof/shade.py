"""The shade map of the strings of a roof."""

from __future__ import annotations  # array[int] is not a type for Python 3.11 while it runs

import math
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from server.roof import cells, evidence
from server.roof.cells import Cell, Usual
from server.roof.columns import Columns
from server.roof.evidence import SUNNY, Pass, Sky, Weather

LEAST_DAYS = 30  # of readings before any shade is told
LEAST_SUNNY_DAYS = 8  # of them with an hour of sun
CLEAR = 0.9
WITNESS = 0.85
_EVER = 0.8  # the best tenth of all moments
_SUN_OUT = 0.25  # clouds alone make such a pass dark less often
_SOFT = 0.05  # on both sides of it a pass counts in part: no hair decides on many alike
_FEW_CLEAR, _MANY_CLEAR = 3, 6  # rows of such passes: from none of the trust to all of it
_FEW_DAYS, _MANY_DAYS = 2, 3  # with such passes
_SUNNY_ROWS = 12
_STEADY = 0.05
_BRIGHT = 0.6  # of the bins that were seen often enough
_BRIGHT_OF_MANY, _MANY_SUNNY_DAYS = 0.35, 40  # or only so much of them, after so many sunny days
PROVEN = math.log(1e-9)  # of a group of neighbours
_PROVEN_GRAZED = math.log(1e-12)  # where the sun grazes the modules
_BLACK, _PROVEN_BLACK = 0.33, math.log(1e-4)  # where no moment had more light than overcast ones
LIKELY = math.log(0.02)  # of each bin of it
_LINKS = math.log(0.05)  # of a bin that holds others together, and proves nothing itself
_PERHAPS, _SOME = math.log(0.2), math.log(0.5)  # beside such that are proven
_BESIDE, _ROUNDS = 2, 2  # so many neighbours that are proven; so many bins from them at most
_SURROUNDED = 3  # what is deep in the dark beside so many is shade, whatever the clouds did
_NOT_LOW = 3  # steps of elevation: below 7.5 degrees, haze and the sunset make bins dark, too
_DIRT = 0.85  # contrast: from here on clear and overcast moments lose nearly alike: dirt, or tilt
_DEEP = 0.55  # less than that no dirt leaves
_DEEP_GRAZED = 0.42  # nor a winter of clouds, where the sun grazes the modules
_LEAST_OVERCAST = 8
_LEAST_ROW = 4  # bins of the same elevation
LEARNED_DAYS = 400


class Seen(NamedTuple):
    """One string beside the clear sky, and the bins of all days."""

    string: int
    clear_w: array[float]
    ratios: array[float]
    found: dict[int, Cell]
    usual: Usual
    # Bins from which the sun only grazes the modules: which part of the ratio is counted there.
    grazed: Mapping[int, float] = {}


class Judged(NamedTuple):
    """What a bin is."""

    n: int
    days: int
    performance: float
    contrast: float | None
    state: str
    last_day: int
    counted: float = 1.0  # which part of it is ``performance``, which is made for proofs

    @property
    def told(self) -> float:
        """Return the performance as it is."""
        return self.performance / self.counted


def doubtful(found: Mapping[int, Cell], usual: Usual) -> set[int]:
    """Return the bins that gave less than usual whenever they were seen: no witness of the sun."""
    return {
        number
        for number, cell in found.items()
        if cell.level() < WITNESS * usual.at(number) and not cell.cut_off()
    }


def skies_of(
    numbers: array[int],
    strings: Sequence[Seen],
    found: Mapping[int, Mapping[int, Cell]],
    asked: range | None = None,
) -> dict[int, Sky]:
    """Return when the sun shone, by each string, outside of its doubtful bins; of some rows."""
    return {
        seen.string: evidence.sky_of(
            numbers,
            seen.ratios,
            seen.usual,
            doubtful(seen.found, seen.usual) | doubtful(found[seen.string], seen.usual),
            asked,
        )
        for seen in strings
    }


def sunny_days(columns: Columns, seen: Seen, sky: Sky, days: Iterable[int]) -> int:
    """Return on how many of these days the sun shone for an hour, without clouds."""
    return sum(_clear_hour(columns, seen, sky, day) for day in days)


def _clear_hour(columns: Columns, seen: Seen, sky: Sky, day: int) -> bool:
    begin, end = sky.places[columns.starts[day]], sky.places[columns.starts[day + 1]]
    run, before = 0, 0.0
    for place in range(begin, end):
        ratio = seen.ratios[sky.positions[place]]
        shone = sky.sunny[place + 1] > sky.sunny[place]
        run = run + 1 if shone and abs(ratio - before) < _STEADY * ratio else 0
        before = ratio
        if run >= _SUNNY_ROWS:
            return True
    return False


def map_of(
    columns: Columns,
    numbers: array[int],
    seen: Seen,
    found: Mapping[int, Cell],
    skies: Mapping[int, Sky],
    days: range,
    trusted: bool = True,
) -> dict[int, Judged]:
    """Return the bins of one string on these days.

    Args:
        columns: all days.
        numbers: the bin of each row.
        seen: the string.
        found: its bins of these days.
        skies: of all strings.
        days: indices.
        trusted: whether the settings may be right, and enough of the sky was seen in the sun
            (``settled``); otherwise nothing is called shaded.
    """
    own = skies[seen.string]
    weather = Weather(columns, own, [sky for k, sky in skies.items() if k != seen.string])
    wide = doubtful(found, seen.usual)
    passes = list(evidence.passes(columns, numbers, seen.ratios, seen.usual, days))
    bright = {n for n, cell in found.items() if n not in wide and cell.enough()}
    recent = max(days.stop - LEARNED_DAYS, days.start)
    weather.learn(one for one in passes if one.number in bright and one.day >= recent)
    contrasts = _contrasts(columns, seen, weather, passes, bright)
    levels = _levels(seen, found, weather, passes)
    shaded: set[int] = set()
    if trusted:
        shaded = _proven(weather, passes, levels, found, contrasts, seen)
    return {
        number: judged(
            cell,
            levels[number],
            seen.grazed.get(number, 1.0),
            contrasts.get(number),
            number in shaded,
        )
        for number, cell in found.items()
        if cell.values
    }


def settled(seen: Seen, found: Mapping[int, Cell], days: range, sunny: int) -> bool:
    """Return whether enough of the sky was seen in the sun to say what is dark.

    Args:
        seen: the string.
        found: its bins of these days.
        days: indices.
        sunny: on how many of them the sun shone for an hour.
    """
    enough = [number for number, cell in found.items() if cell.enough()]
    bright = sum(found[n].level() >= SUNNY * seen.usual.at(n) or found[n].cut_off() for n in enough)
    if len(days) < LEAST_DAYS or bright < _BRIGHT_OF_MANY * len(enough):
        return False
    # Where it is nearly always cloudy some bins are never seen in the sun, however long one waits.
    few = bright < _BRIGHT * len(enough)
    return sunny >= (_MANY_SUNNY_DAYS if few else LEAST_SUNNY_DAYS)


def _levels(
    seen: Seen, found: Mapping[int, Cell], weather: Weather, passes: Iterable[Pass]
) -> dict[int, float]:
    """Return what each bin gives, of what is usual: by moments with sun around, if there are some.

    Bright clouds give nearly as much as the sun where it only grazes the modules.
    """
    values: dict[int, list[float]] = {}
    faint: dict[int, list[tuple[float, float]]] = {}  # with the weight of each
    days: dict[int, dict[int, float]] = {}
    most = _SUN_OUT + _SOFT
    for one in passes:
        dark = weather.dark(one)
        if dark >= most or weather.denied(one):
            continue
        weight = 1.0
        own = [ratio for ratio in seen.ratios[one.first : one.last + 1] if ratio >= 0]
        if dark > most - 2 * _SOFT:
            weight = (most - dark) / (2 * _SOFT)
            faint.setdefault(one.number, []).extend((ratio, weight) for ratio in own)
        else:
            values.setdefault(one.number, []).extend(own)
        of_day = days.setdefault(one.number, {})
        if weight > of_day.get(one.day, 0.0):
            of_day[one.day] = weight
    levels = {}
    for number, cell in found.items():
        sure, less = values.get(number, []), faint.get(number, [])
        rows = len(sure) + sum(weight for _, weight in less)
        lit = sum(days.get(number, {}).values())
        trust = min(_part(rows, _FEW_CLEAR, _MANY_CLEAR), _part(lit, _FEW_DAYS, _MANY_DAYS))
        level = cell.level() if trust < 1 else 0.0
        if trust > 0:
            sunny = cells.weighed_quantile(sure, less, cells.QUANTILE)
            level += trust * (sunny - level)
        levels[number] = level / seen.usual.at(number)
    return levels


def _part(value: float, low: float, high: float) -> float:
    """Return how far a value is from the low limit to the high one, 0 to 1."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _proven(
    weather: Weather,
    passes: Sequence[Pass],
    levels: Mapping[int, float],
    found: Mapping[int, Cell],
    contrasts: Mapping[int, float],
    seen: Seen,
) -> set[int]:
    """Return the bins whose darkness clouds do not explain: neighbours, three at least.

    The best tenth of all moments must be dark, too: fog of the morning spares some days. Where the
    sun only grazes the modules a winter of clouds looks like shade: that takes more, unless it is
    pitch-dark.
    """
    usual = seen.usual
    dark = {
        n
        for n, level in levels.items()
        if level < SUNNY and found[n].level() < _EVER * usual.at(n) and not found[n].cut_off()
    }
    weighed = evidence.weigh(weather, (one for one in passes if one.number in dark))
    every, dark = dark, {n for n in dark if found[n].enough()}
    black = {n for n in dark if found[n].level() < _BLACK * usual.at(n)}
    sure = {n for n in dark if levels[n] < _DEEP and weighed.of_bin.get(n, 0.0) <= LIKELY}
    links = {n for n in dark - sure if levels[n] < _DEEP and weighed.of_bin.get(n, 0.0) <= _LINKS}
    faint = {n for n in sure & seen.grazed.keys() if levels[n] >= _DEEP_GRAZED}
    kinds = (
        (sure, _PROVEN_GRAZED),
        (sure - faint, PROVEN),
        (sure & black, _PROVEN_BLACK),
    )
    proven: set[int] = set()
    for bins, needed in kinds:
        for group in (linked & bins for linked in cells.groups(bins | links)):
            if is_wide(group) and evidence.of_group(weighed, group) <= needed:
                proven |= group
    perhaps = {
        n: least
        for n in every - proven
        if contrasts.get(n, 0.0) < _DIRT
        and (least := _beside(found[n], weighed.of_bin.get(n, 0.0), n in black, levels[n] < _DEEP))
    }
    return _grown(proven, perhaps)


def _beside(cell: Cell, weight: float, is_black: bool, is_deep: bool) -> int:
    """Return beside how many proven bins a dark one is shade, too; 0: beside none.

    There, fewer rows say something: deep shade has often less current than can be read.
    """
    if not cell.some():
        return 0
    if is_black and weight <= _SOME:
        return 1
    if weight <= _PERHAPS:
        return _BESIDE
    return _SURROUNDED if is_deep and weight <= 0 else 0


def is_wide(group: Collection[int]) -> bool:
    """Return whether neighbours are enough for an obstacle, and high enough for no haze."""
    return len(group) >= 3 and sum(number % cells.ROW_BINS >= _NOT_LOW for number in group) >= 2


def _grown(proven: set[int], perhaps: Mapping[int, int]) -> set[int]:
    """Return the proven bins with what is less sure, or less dark, right beside them.

    ``perhaps``: beside how many proven ones each has to be.
    """
    for _ in range(_ROUNDS):
        proven = proven | {
            number
            for number, least in perhaps.items()
            if sum(near in proven for near in cells.neighbours(number)) >= least
        }
    return proven


def judged(
    cell: Cell, level: float, counted: float, contrast: float | None, proven: bool
) -> Judged:
    """Return what a bin is.

    What is taken off for bright clouds where the sun but grazes the modules (``counted`` is left)
    makes it surer that a bin is shaded; where that is not proven it must not look so.
    """
    counted = 1.0 if proven else counted
    told = level / counted
    if not (proven or cell.enough()) or (cell.cut_off() and told < CLEAR):
        state = "too_few"
    elif told >= CLEAR:
        state = "clear"
    elif told >= SUNNY:
        state = "partly"
    else:
        state = "shaded" if proven else "too_few"
    return Judged(len(cell.values), cell.days, level, contrast, state, cell.last_day, counted)


def _contrasts(
    columns: Columns,
    seen: Seen,
    weather: Weather,
    passes: Sequence[Pass],
    bright: set[int],
) -> dict[int, float]:
    """Return how much a bin gives when the sky is clear, beside how much when it is overcast.

    Overcast light follows the height of the sun, and not where the modules look.
    """
    grey: dict[int, list[float]] = {}
    for one in passes:
        if not one.sunny and weather.overcast(one):
            grey.setdefault(one.number, []).extend(
                seen.ratios[row] * seen.clear_w[row] / columns.elevations[row]
                for row in range(one.first, one.last + 1)
                if seen.ratios[row] >= 0
            )
    middles = {n: cells.quantile(v, 0.5) for n, v in grey.items() if len(v) >= _LEAST_OVERCAST}
    rows: dict[int, list[float]] = {}
    for number in middles.keys() & bright:
        rows.setdefault(number % cells.ROW_BINS, []).append(middles[number])
    return {
        number: seen.found[number].level() / seen.usual.at(number) * cells.quantile(row, 0.5) / own
        for number, own in middles.items()
        if (row := rows.get(number % cells.ROW_BINS, [])) and len(row) >= _LEAST_ROW
    }


def region_of(judged: Mapping[int, Judged]) -> set[int]:
    """Return the shaded bins and those around them."""
    shaded = {number for number, one in judged.items() if one.state == "shaded"}
    around = {near for number in shaded for near in cells.neighbours(number)}
    return shaded | (around & judged.keys())
