"""How sure it is that a dark bin is shade and not weather.

A bin that was dark whenever the sun passed says little where most days are overcast. What says much
is a bin that was dark while the sun shone just before, just after, or on another string. How often
clouds alone do that is learned from the bins that are bright, by the same weather.
"""

from __future__ import annotations  # array[int] is not a type for Python 3.11 while it runs

import math
from array import array
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from server.roof.cells import Usual
from server.roof.columns import MAY_BE_HELD, Columns

SUNNY = 0.75  # of what is usual in its bin
_AROUND = 4  # rows on each side that are asked
_FAR = 36  # rows: later than three hours says nothing
_GAPS = (0, 8, 24)  # rows: how far away the bright bins may be, learned for each
_ABSENT = 3
_SHADE_DARK = 0.95  # how often full shade makes dark what clouds do not
_AGAINST = 3.0  # what a sunny pass says against shade, where clouds never make it dark
_SAYS_NOTHING = 0.5
_PRIOR = 4.0
_LEAST_ROWS = 60
_WORST = math.log(0.03)  # no single pass proves more

_UNSEEN = _FAR, _ABSENT  # a side on which nothing is known
_BOTH_SIDES, _ONE_SIDE = 2, 1  # how often a bright pass is seen so, for each gap
_WAYS = len(_GAPS) * (_BOTH_SIDES + 2 * _ONE_SIDE)  # to see it, in all

Key = tuple[int, int, int, int]


class Sky(NamedTuple):
    """Bright rows of one string: evidence outside of what may be shade."""

    positions: array[int]  # rows, rising
    sunny: array[int]  # how many before each position had sun; one more than positions
    places: array[int]  # how many positions are before each row; one more than rows


class Pass(NamedTuple):
    """The sun's way through one bin on one day."""

    day: int
    number: int
    first: int  # rows
    last: int
    sunny: bool


def sky_of(
    numbers: array[int],
    ratios: array[float],
    usual: Usual,
    doubtful: set[int],
    asked: Iterable[int] | None = None,
) -> Sky:
    """Return the rows of a string outside of the doubtful bins, and when the sun shone there.

    Where the inverter held back in the light, it did. ``asked``: of these rows; None: of all.
    """
    limits = _limits(usual)
    rows = [
        row
        for row in (range(len(ratios)) if asked is None else asked)
        if ratios[row] not in (-1, MAY_BE_HELD) and numbers[row] not in doubtful
    ]
    shone = [ratios[row] >= limits[numbers[row]] or ratios[row] < 0 for row in rows]
    there = bytearray(len(ratios))
    for row in rows:
        there[row] = 1
    sums = (array("i", accumulate(flags, initial=0)) for flags in (shone, there))
    return Sky(array("i", rows), *sums)


def _limits(usual: Usual) -> list[float]:
    return [SUNNY * usual.at(number) for number in range(72 * len(usual.of_row) + 1)]


def passes(
    columns: Columns,
    numbers: array[int],
    ratios: array[float],
    usual: Usual,
    days: Iterable[int],
) -> Iterator[Pass]:
    """Yield the ways through bins, in order."""
    limits = _limits(usual)
    for day in days:
        open_number, first, last, sunny = -1, 0, 0, False
        rows = columns.rows_of(day)
        pairs = zip(numbers[rows.start : rows.stop], ratios[rows.start : rows.stop], strict=True)
        for row, (number, ratio) in enumerate(pairs, rows.start):
            if ratio in (-1, MAY_BE_HELD):
                continue
            if number != open_number:
                if open_number >= 0:
                    yield Pass(day, open_number, first, last, sunny)
                open_number, first, sunny = number, row, False
            last = row
            if not sunny:
                sunny = ratio >= limits[number] or ratio < 0
        if open_number >= 0:
            yield Pass(day, open_number, first, last, sunny)


class Weather:
    """How often a pass is dark by clouds alone, by what the sky did around it."""

    def __init__(self, columns: Columns, own: Sky, others: Iterable[Sky]) -> None:
        self._columns, self._own, self._others = columns, own, list(others)
        self._seen: dict[Key, list[int]] = {}
        self._around: dict[tuple[int, int, int], list[int]] = {}  # whatever other strings did
        self._keys: dict[int, Key] = {}  # by the first row of a pass: most are asked twice
        self._kept: dict[Key, Key] = {}  # each once: there are thousands of passes to a key
        self._dark = self._all = 0
        self._by_key: dict[Key, float] = {}  # what ``dark`` says, since learned from last

    def learn(self, found: Iterable[Pass]) -> None:
        """Take passes of bright bins: each also without what is near, as shade leaves it out."""
        self._by_key.clear()
        for one in found:
            for key, part in self._as_if_shaded(one):
                seen = self._seen.setdefault(key, [0, 0])
                seen[0] += 0 if one.sunny else part
                seen[1] += part
            self._dark += not one.sunny
            self._all += 1
        self._around.clear()
        for key, (dark, count) in self._seen.items():
            around = self._around.setdefault(key[:3], [0, 0])
            around[0] += dark
            around[1] += count

    def _as_if_shaded(self, one: Pass) -> Iterator[tuple[Key, int]]:
        """Yield what the sky did around a pass by each way to see it, and how often that counts."""
        elsewhere = self._elsewhere(one)
        for gap in _GAPS:
            before, after = self._before(one, gap), self._after(one, gap)
            yield _key(before, after, elsewhere), _BOTH_SIDES
            yield _key(before, _UNSEEN, elsewhere), _ONE_SIDE
            yield _key(_UNSEEN, after, elsewhere), _ONE_SIDE

    def shone(self, ratios: array[float], usual: Usual, found: Iterable[Pass]) -> dict[Key, float]:
        """Return in which part of the rows of bright bins the sun shone, by what the sky did."""
        limits, counts = _limits(usual), dict[Key, list[int]]()
        for one in found:
            own = [ratio for ratio in ratios[one.first : one.last + 1] if ratio >= 0]
            sunny = sum(ratio >= limits[one.number] for ratio in own)
            for key, part in self._as_if_shaded(one):
                count = counts.setdefault(key, [0, 0])
                count[0] += part * sunny
                count[1] += part * len(own)
        return {
            key: sunny / rows
            for key, (sunny, rows) in counts.items()
            if rows >= _LEAST_ROWS * _WAYS
        }

    def dark(self, one: Pass) -> float:
        """Return how probable it is that clouds alone make this pass dark."""
        key = self._whole_key(one)
        if key not in self._by_key:
            self._by_key[key] = self._dark_by(key)
        return self._by_key[key]

    def _dark_by(self, key: Key) -> float:
        usually = (self._dark + 1) / (self._all + 1)
        # A bin that is doubtful of every string: what others did there is not known, nor asked.
        is_alone = key[3] == _ABSENT
        dark, count = (self._around.get(key[:3]) if is_alone else self._seen.get(key)) or (0, 0)
        return (dark / _WAYS + _PRIOR * usually) / (count / _WAYS + _PRIOR)

    def overcast(self, one: Pass) -> bool:
        """Return whether the sun shone neither just before nor just after."""
        key = self._whole_key(one)
        return key[0] < 2 and key[1] == key[2] == 0

    def denied(self, one: Pass) -> bool:
        """Return whether other strings say that there were clouds meanwhile."""
        return self._whole_key(one)[3] < 2

    def sees(self, one: Pass) -> bool:
        """Return whether the string itself saw the sky within hours of the pass."""
        return self._whole_key(one)[1:3] != (_ABSENT, _ABSENT)

    def _whole_key(self, one: Pass) -> Key:
        if one.first not in self._keys:
            key = self.key(one)
            self._keys[one.first] = self._kept.setdefault(key, key)
        return self._keys[one.first]

    def key(self, one: Pass) -> Key:
        """Return what the sky did around: how near, on the near and on the far side, elsewhere."""
        return _key(self._before(one), self._after(one), self._elsewhere(one))

    def _before(self, one: Pass, gap: int = 0) -> tuple[int, int]:
        sky = self._own
        start = max(self._columns.starts[one.day], one.first - _FAR)
        end = sky.places[max(start, one.first - gap)]
        begin = max(end - _AROUND, sky.places[start])
        if begin >= end:
            return _UNSEEN
        return one.first - sky.positions[end - 1], _state(sky, begin, end)

    def _after(self, one: Pass, gap: int = 0) -> tuple[int, int]:
        sky = self._own
        stop = min(self._columns.starts[one.day + 1], one.last + _FAR)
        begin = sky.places[min(stop, one.last + 1 + gap)]
        end = min(begin + _AROUND, sky.places[stop])
        if begin >= end:
            return _UNSEEN
        return sky.positions[begin] - one.last, _state(sky, begin, end)

    def _elsewhere(self, one: Pass) -> int:
        """Return what other strings did at the same time."""
        sunny = count = 0
        for sky in self._others:
            begin, end = sky.places[one.first], sky.places[one.last + 1]
            count += end - begin
            sunny += sky.sunny[end] - sky.sunny[begin]
        return _ABSENT if count == 0 else 2 if sunny == count else 1 if sunny else 0


def _key(before: tuple[int, int], after: tuple[int, int], elsewhere: int) -> Key:
    near, far = (before, after) if before <= after else (after, before)
    distance = 0 if near[0] <= 4 else 1 if near[0] <= 14 else 2
    return distance, near[1], far[1], elsewhere


def _state(sky: Sky, begin: int, end: int) -> int:
    sunny = sky.sunny[end] - sky.sunny[begin]
    return 2 if sunny == end - begin else 1 if sunny else 0


class Weighed(NamedTuple):
    """Logarithms: how much less probable clouds are than shade. Below 0 speaks for shade."""

    of_bin: dict[int, float]
    days_of: dict[int, dict[int, list[float]]]  # bin -> day -> of each pass


def weigh(weather: Weather, found: Iterable[Pass]) -> Weighed:
    """Weigh the passes of doubtful bins."""
    weighed = Weighed({}, {})
    for one in found:
        clouds = weather.dark(one)
        if one.sunny:
            value = _AGAINST * (1 - clouds)
        elif clouds > _SAYS_NOTHING:
            continue  # the days of a month are alike: even many such passes prove nothing
        else:
            value = max(_WORST, math.log(clouds / (clouds + (1 - clouds) * _SHADE_DARK)))
        weighed.of_bin[one.number] = weighed.of_bin.get(one.number, 0.0) + value
        weighed.days_of.setdefault(one.number, {}).setdefault(one.day, []).append(value)
    return weighed


def of_group(weighed: Weighed, group: Iterable[int]) -> float:
    """Return the evidence of neighbours: a cloud hides them all at once, so a day counts once."""
    days: dict[int, list[float]] = {}
    for number in group:
        for day, values in weighed.days_of.get(number, {}).items():
            days.setdefault(day, []).extend(values)
    return sum(sum(values) / len(values) for values in days.values())
