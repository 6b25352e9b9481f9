"""Rows of ``sql/queries/nightly-roof-*.sql`` as the analysis takes them. Pure."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from server.plane import Plane
from server.roof.rows import FiveMinutes, Settings, StringRow

_OF_STRING = 7  # columns of a string, its five minutes first; behind them those of the inverter


def five_minutes(rows: Iterable[Sequence[Any]]) -> list[FiveMinutes]:
    """Return the five minutes, of which there is a row a string, in order."""
    found = []
    for bucket_s, of_slot in groupby(rows, lambda row: row[0]):
        strings = list(of_slot)
        powers = tuple(StringRow(*row[1:_OF_STRING]) for row in strings)
        found.append(FiveMinutes(bucket_s, powers, *strings[0][_OF_STRING:]))
    return found


def settings(facts: Sequence[Any], strings: Iterable[Sequence[Any]]) -> Settings:
    """Return the settings: facts in their order, and ``[string, tilt, azimuth, kWp, name]``."""
    planes = {string: Plane(*plane) for string, *plane in strings}
    return Settings(*facts)._replace(strings=planes)
