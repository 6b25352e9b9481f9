"""Where a battery or its counters started again: nothing is measured across. Pure functions."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from server.battery.rows import Digest

_MOST_W = 60_000.0  # a counter that rises faster jumped
_ROUNDING_KWH = 0.3
_GLITCH_ENDS = 4  # so many wrong counters in a row, at most: two days


class _End(NamedTuple):
    """The first or the last counters of a day."""

    at_s: float
    charge_kwh: float
    discharge_kwh: float
    day: str


def of_counters(digests: Sequence[Digest]) -> list[float]:
    """Return when the counters fell or jumped: an inverter was replaced, or lost its totals."""
    return [
        (before.at_s + after.at_s) / 2
        for before, after in pairwise(_sound(_ends(digests)))
        if not _follows(before, after)
    ]


def _follows(before: _End, after: _End) -> bool:
    """Return whether the counters can have gone on from the one to the other."""
    most = _MOST_W * max(after.at_s - before.at_s, 300) / 3.6e6 + _ROUNDING_KWH
    rises = after.charge_kwh - before.charge_kwh, after.discharge_kwh - before.discharge_kwh
    return min(rises) >= -_ROUNDING_KWH and max(rises) <= most


def _sound(ends: Sequence[_End]) -> list[_End]:
    """Return the counters without those from which it went on as if they had not been."""
    kept: list[_End] = []
    for n, end in enumerate(ends):
        if kept and not _follows(kept[-1], end):
            later = ends[n + 1 : n + 1 + _GLITCH_ENDS]
            if any(_follows(kept[-1], one) for one in later):
                continue
        kept.append(end)
    return kept


def _ends(digests: Sequence[Digest]) -> list[_End]:
    ends = []
    for one in digests:
        for at_s, charge, discharge in (
            (one.first_s, one.first_charge_kwh, one.first_discharge_kwh),
            (one.last_s, one.last_charge_kwh, one.last_discharge_kwh),
        ):
            if at_s is not None and charge is not None and discharge is not None:
                ends.append(_End(at_s, charge, discharge, one.day.isoformat()))
    return ends


def days_kwh(
    digests: Sequence[Digest], borders_s: Sequence[float]
) -> dict[str, tuple[float, float]]:
    """Return what each day charged and discharged, by the counters; so days add up to years.

    What was counted between two days belongs to the later one. A day without counters has none.
    """
    days: dict[str, tuple[float, float]] = {}
    ends = _sound(_ends(digests))
    for before, after in pairwise(ends):
        charge, discharge = days.get(after.day, (0.0, 0.0))
        if not any(before.at_s < border < after.at_s for border in borders_s):
            charge += max(0.0, after.charge_kwh - before.charge_kwh)
            discharge += max(0.0, after.discharge_kwh - before.discharge_kwh)
        days[after.day] = charge, discharge
    return days
