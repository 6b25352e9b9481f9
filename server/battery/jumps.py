"""Where the state of charge moved and energy does not explain it. Pure functions.

The BMS counts energy and errs; where the battery is full or empty it sees that, and sets its count
right. Such a jump is neither a cycle nor energy.
"""

from collections.abc import Sequence
from itertools import pairwise

from server.battery.rows import FiveMinutes, Jump

LEAST_POINTS = 2.0
_DOUBT = 0.35  # of what energy explains: the capacity is the nominal one
_NEAR_S = 900  # rows further apart say nothing about what was between
_PAIRS = 3


def explained_points(row: FiveMinutes, capacity_kwh: float) -> float:
    """Return by how many points the energy of these five minutes moves the state of charge."""
    return 100 * (row.charge_kwh - row.discharge_kwh) / capacity_kwh


def find(rows: Sequence[FiveMinutes], capacity_kwh: float | None) -> list[Jump]:
    """Return the jumps within these rows, rising; without a capacity none can be told."""
    if not capacity_kwh:
        return []
    found: list[Jump] = []
    pairs: list[tuple[float, float, FiveMinutes, FiveMinutes]] = []
    for before, row in pairwise(rows):
        if row.bucket_s - before.bucket_s > _NEAR_S:
            pairs = []
            continue
        if before.soc_mean_pct is None or row.soc_mean_pct is None:
            pairs = []
            continue
        energy = explained_points(before, capacity_kwh) + explained_points(row, capacity_kwh)
        moved = row.soc_mean_pct - before.soc_mean_pct
        pairs = [*pairs[1 - _PAIRS :], (moved - energy / 2, energy / 2, before, row)]
        left_over = sum(pair[0] for pair in pairs)
        doubt = _DOUBT * sum(abs(pair[1]) for pair in pairs)
        # The third pair is waited for: a jump within five minutes shows half in each of two.
        is_whole = len(pairs) == _PAIRS and abs(pairs[-1][0]) < abs(left_over) / 4
        if is_whole and abs(left_over) >= LEAST_POINTS + doubt:
            found.append(_jump(pairs, left_over))
            pairs = []
    return found


def _jump(pairs: list[tuple[float, float, FiveMinutes, FiveMinutes]], points: float) -> Jump:
    largest = max(pairs, key=lambda pair: abs(pair[0]))
    start, end = pairs[0][2], pairs[-1][3]
    return Jump(
        largest[3].bucket_s, start.soc_mean_pct or 0.0, end.soc_mean_pct or 0.0, round(points, 1)
    )


def without(rows: Sequence[FiveMinutes], jumps: Sequence[Jump]) -> list[float]:
    """Return the states of charge of these rows as if there had been no jump."""
    values, offset, left = [], 0.0, list(jumps)
    for row in rows:
        while left and left[0].at_s <= row.bucket_s:
            offset -= left.pop(0).points
        if row.soc_mean_pct is not None:
            values.append(row.soc_mean_pct + offset)
    return values
