"""The clock of the utility's meter, against the clock of the edge, which is right."""

from collections.abc import Sequence
from statistics import median

from server.referee import figures
from server.referee.figures import Figure
from server.referee.rows import Mark

HOUR_S, ABOUT_S = 3600.0, 300.0


def offsets(marks: Sequence[Mark]) -> list[float]:
    """Return by how much the meter's clock is ahead at each quarter hour, s."""
    rows = {one.ts: one for mark in marks for one in (mark.before, mark.after) if one}
    return [one.clock_s - one.ts for one in rows.values() if one.clock_s is not None]


def find(found: Sequence[float]) -> Figure:
    """Return the median, and the middle 95 %."""
    if not found:
        return figures.unknown(figures.NO_CLOCK, "s")
    return figures.known(median(found), len(found), "s", figures.percentiles(found))


def is_an_hour_off(offset_s: float) -> bool:
    """Return whether only the flag for summer time (S or W) or the zone can be wrong."""
    return abs(abs(offset_s) - HOUR_S) <= ABOUT_S
