"""Ours and its limit, in turn, in one run; a line of the table for each pair.

Machines are noisy: a figure alone says little, and two figures taken one after the other say hardly
more. So each round measures both, each time in the other order, and what counts is the ratio of a
round; the line tells their median, their least and their greatest.
"""

import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Goal(NamedTuple):
    """What a ratio, or a figure, has to reach: ``at_least`` or ``at_most``; neither: it is told."""

    at_least: float = -math.inf
    at_most: float = math.inf

    def __str__(self) -> str:
        if self.at_least > -math.inf:
            return f">= {self.at_least:g}"
        return f"<= {self.at_most:g}" if self.at_most < math.inf else ""

    def is_met(self, value: float) -> bool | None:
        """Return whether the value reaches it; None where there is no goal."""
        return self.at_least <= value <= self.at_most if str(self) else None


TOLD = Goal()


class Line(NamedTuple):
    """One line of the table.

    ``ours`` and ``limit`` are in ``unit``; ``limit`` and the ratios are None where ours is a figure
    that nothing stands beside. Then the goal is of the figure, else of the ratio ``ours / limit``.
    """

    name: str
    unit: str
    ours: float
    limit: float | None = None
    ratio: float | None = None
    ratio_min: float | None = None
    ratio_max: float | None = None
    goal: Goal = TOLD
    note: str = ""

    def __str__(self) -> str:
        return ", ".join(filter(None, _cells(self, judged=False)))

    @property
    def is_met(self) -> bool | None:
        """Return whether the goal is met; None where there is none."""
        return self.goal.is_met(self.ours if self.ratio is None else self.ratio)

    def as_json(self) -> dict:
        """Return it for JSON."""
        return {**self._asdict(), "goal": str(self.goal), "is_met": self.is_met}


def spent_s(work: Callable[[], object]) -> float:
    """Return the seconds that ``work`` takes."""
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


def in_turn(
    ours: Callable[[int], float], limit: Callable[[int], float], rounds: int
) -> list[tuple[float, float]]:
    """Measure both in each round, in the other order than in the round before.

    Args:
        ours: gives its figure for the round of that number.
        limit: the same.
        rounds: how many count. One more goes before them and does not: it warms caches.
    """
    pairs = []
    for number in range(rounds + 1):
        if number % 2:
            mine, best = ours(number), limit(number)
        else:
            best, mine = limit(number), ours(number)
        pairs.append((mine, best))
    return pairs[1:]


def beside(
    name: str, unit: str, pairs: Sequence[tuple[float, float]], goal: Goal = TOLD, note: str = ""
) -> Line:
    """Return the line of the pairs (ours, limit) of all rounds, both in ``unit``."""
    ratios = [mine / best for mine, best in pairs]
    return Line(
        name,
        unit,
        statistics.median(mine for mine, _ in pairs),
        statistics.median(best for _, best in pairs),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        goal,
        note,
    )


def table(lines: Sequence[Line], judged: bool = True) -> str:
    """Write the lines as a table that Markdown understands too; ``judged`` marks missed goals."""
    heads = ("benchmark", "unit", "ours", "limit", "ratio", "min..max", "goal", "")
    rows = [heads, *(_cells(line, judged) for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([text[0], rule, *text[1:]])


def _cells(line: Line, judged: bool) -> tuple[str, ...]:
    span = "" if line.ratio is None else f"{line.ratio_min:.2f}..{line.ratio_max:.2f}"
    return (
        line.name,
        line.unit,
        _figure(line.ours),
        "" if line.limit is None else _figure(line.limit),
        "" if line.ratio is None else f"{line.ratio:.2f}",
        span,
        str(line.goal),
        " ".join(filter(None, ["MISSED" if judged and line.is_met is False else "", line.note])),
    )


def _figure(value: float) -> str:
    # Three digits tell all that a noisy machine can.
    if value and abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}"


def machine() -> str:
    """Tell on what this runs, and how busy it is with other things."""
    load, cores = os.getloadavg()[0], os.cpu_count()
    return f"{cores} cores, load {load:.1f}"
