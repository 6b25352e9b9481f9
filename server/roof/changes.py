"""Shade of leaves: two months against the same months a year ago. What is new: ``lately.py``."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from server.roof import cells
from server.roof.shade import Judged

_BARE = 0.25  # of the performance: so much more comes through boughs without leaves
_LEAST_BINS = 3  # neighbours


class Change(NamedTuple):
    """Neighbouring bins that are darker than they were."""

    kind: str  # new or seasonal
    bins: frozenset[int]
    fall: float  # of the performance, in the middle


def seasonal(
    now: Mapping[int, Judged],
    before: Mapping[int, Judged],
    whole: Mapping[int, Judged],
    in_part: Collection[int],
) -> list[Change]:
    """Return the shade that was there a year ago, too, and is less at another time of the year.

    The sun passes most bins twice a year. ``in_part``: those in which it was as the two months
    began or ended; of them only a corner may have been seen, which the edge of a wall hides.
    """
    falls = {}
    for number, one in now.items():
        was, ever = before.get(number), whole.get(number)
        if was is None or ever is None or number in in_part:
            continue
        fall = ever.performance - one.performance
        if one.state == was.state == "shaded" and fall > _BARE:
            falls[number] = fall
    return _changes("seasonal", falls)


def _changes(kind: str, falls: Mapping[int, float]) -> list[Change]:
    return [
        Change(kind, frozenset(group), cells.quantile([falls[n] for n in group], 0.5))
        for group in cells.groups(falls)
        if len(group) >= _LEAST_BINS
    ]
