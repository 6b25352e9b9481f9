"""Where a battery or its counters began anew: nothing is measured across. Pure functions."""

from collections.abc import Sequence
from itertools import pairwise

from server.battery.rows import Digest

_MOST_W = 60_000.0  # a counter that rises faster jumped
_ROUNDING_KWH = 0.3


def of_counters(digests: Sequence[Digest]) -> list[float]:
    """Return when the counters fell or jumped: an inverter was replaced, or lost its totals."""
    found = []
    for before, after in pairwise(_ends(digests)):
        seconds = after[0] - before[0]
        most = _MOST_W * max(seconds, 300) / 3.6e6 + _ROUNDING_KWH
        rises = after[1] - before[1], after[2] - before[2]
        if min(rises) < -_ROUNDING_KWH or max(rises) > most:
            found.append((before[0] + after[0]) / 2)
    return found


def _ends(digests: Sequence[Digest]) -> list[tuple[float, float, float]]:
    """Return (moment, charge, discharge) of the first and the last counters of each day."""
    ends = []
    for one in digests:
        for at_s, charge, discharge in (
            (one.first_s, one.first_charge_kwh, one.first_discharge_kwh),
            (one.last_s, one.last_charge_kwh, one.last_discharge_kwh),
        ):
            if at_s is not None and charge is not None and discharge is not None:
                ends.append((at_s, charge, discharge))
    return ends


def days_kwh(
    digests: Sequence[Digest], borders_s: Sequence[float]
) -> dict[str, tuple[float, float]]:
    """Return what each day charged and discharged, by the counters; so days add up to years.

    What was counted between two days belongs to the later one. A day without counters has none.
    """
    days: dict[str, tuple[float, float]] = {}
    before: tuple[float, float, float] | None = None
    for one in digests:
        ends = _ends([one])
        if not ends:
            continue
        start = before if before is not None else ends[0]
        if any(start[0] < border < ends[-1][0] for border in borders_s):
            start = ends[0]
        rises = ends[-1][1] - start[1], ends[-1][2] - start[2]
        if min(rises) >= -_ROUNDING_KWH:
            days[one.day.isoformat()] = max(0.0, rises[0]), max(0.0, rises[1])
        before = ends[-1]
    return days
