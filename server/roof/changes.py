"""Shade of leaves: two months against the same months a year ago. What is new: ``lately.py``."""

from collections.abc import Mapping
from typing import NamedTuple

from server.roof import cells
from server.roof.shade import CLEAR, Judged

_LEAST_BINS = 3  # neighbours


class Change(NamedTuple):
    """Neighbouring bins that are darker than they were."""

    kind: str  # new or seasonal
    bins: frozenset[int]
    fall: float  # of the performance, in the middle


def seasonal(
    now: Mapping[int, Judged], before: Mapping[int, Judged], whole: Mapping[int, Judged]
) -> list[Change]:
    """Return the shade that was there a year ago, too, where the sun shines at other times."""
    falls = {}
    for number, one in now.items():
        was, ever = before.get(number), whole.get(number)
        if was is None or ever is None or ever.performance < CLEAR:
            continue
        if one.state == was.state == "shaded":
            falls[number] = ever.performance - one.performance
    return _changes("seasonal", falls)


def _changes(kind: str, falls: Mapping[int, float]) -> list[Change]:
    return [
        Change(kind, frozenset(group), cells.quantile([falls[n] for n in group], 0.5))
        for group in cells.groups(falls)
        if len(group) >= _LEAST_BINS
    ]
