"""What intervals are drawn from: days, or two hours each where there are few days."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

BLOCK_S = 7200.0
_LEAST_DAYS = 5
T = TypeVar("T")


def blocks(days: Sequence[Mapping[float, T]], merge: Callable[[list[T]], T]) -> list[T]:
    """Return the blocks to draw; each day comes as its two-hour blocks by their times."""
    if len(days) >= _LEAST_DAYS:
        return [merge(list(day.values())) for day in days if day]
    return [block for day in days for block in day.values()]


def drawn(found: Sequence[T], times: int) -> Iterator[list[T]]:
    """Return as many blocks as there are, drawn with replacement: so often, the same each time."""
    chance = random.Random(1)  # noqa: S311
    for _ in range(times):
        yield chance.choices(found, k=len(found))
