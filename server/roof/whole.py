"""All that is known of a roof before it is put into words: each string beside the sky, its maps."""

from __future__ import annotations  # array[int] is not a type for Python 3.11 while it runs

from array import array
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from server.plane import Plane
from server.roof import cells, columns, contradict, fit, shade, voltage
from server.roof.columns import Columns
from server.roof.evidence import Sky
from server.roof.fit import Fitted
from server.roof.model import Facing
from server.roof.rows import PERIODS, Settings
from server.roof.shade import LEAST_DAYS, LEAST_SUNNY_DAYS, Judged, Seen

FIT_DAYS = 30  # of data before the orientation is taken from them
_SAMPLED = 29  # of so many rows one is enough
_LEAST_OF_KWP = 0.5  # a string that never gave so much of its size never saw the sun


class Own(NamedTuple):
    """One string. Without ``seen`` there is nothing beside which to hold it."""

    string: int
    plane: Plane | None
    source: str | None  # set or fitted
    fitted: Fitted | None
    warnings: list[dict[str, Any]]
    held: bytearray
    seen: Seen | None
    aim: Plane | None = None  # by which it was measured: ``plane``, or near it what the data say
    scale: float | None = None  # kWp: what ``plane`` needs under a clear sky to give as much


class Map(NamedTuple):
    """The maps of a string, by period."""

    judged: Mapping[str, Mapping[int, Judged]]
    sunny_days: int
    settled: bool
    reason: str | None


class Whole(NamedTuple):
    """The roof."""

    columns: Columns
    settings: Settings
    numbers: array[int]  # the bin of each row
    strings: list[Own]
    skies: Mapping[int, Sky]
    maps: Mapping[int, Map]

    def seen(self) -> list[Seen]:
        """Return the strings beside the sky."""
        return [own.seen for own in self.strings if own.seen is not None]

    def others(self, string: int) -> list[Seen]:
        """Return the others of them."""
        return [seen for seen in self.seen() if seen.string != string]


def of(gathered: Columns, settings: Settings) -> Whole:
    """Return the roof of all days, where its place is known."""
    numbers = cells.numbers_of(gathered)
    strings = [_own(gathered, numbers, settings, k) for k in sorted(gathered.powers)]
    seen = [own.seen for own in strings if own.seen is not None]
    every = {one.string: one.found for one in seen}
    skies = shade.skies_of(numbers, seen, every)
    whole = Whole(gathered, settings, numbers, strings, skies, {})
    maps = {own.string: _map(whole, own) for own in strings if own.seen is not None}
    return whole._replace(maps=maps)


def _own(gathered: Columns, numbers: array[int], settings: Settings, string: int) -> Own:
    held = voltage.limited(gathered, string)
    told = settings.strings.get(string)
    days = sum(stop > start for start, stop in pairwise(gathered.starts))
    windows = fit.windows_of(gathered, string, held) if days >= FIT_DAYS else []
    fitted = fit.of_columns(gathered, windows) if windows else None
    plane, source = told, "set" if told else None
    if plane is None and fitted is not None:
        plane, source = Plane(fitted.tilt_deg, fitted.azimuth_deg), "fitted"
    if plane is None:
        return Own(string, None, None, fitted, [], held, None)
    rest = fit.rest_of_plane(windows, plane, fitted) if told and fitted else None
    aim = fit.mended(plane, fitted, rest) if fitted and rest is not None else plane
    seen = _seen(gathered, numbers, string, aim, held)
    level = seen.usual.level if seen and days >= FIT_DAYS else None
    warnings = contradict.of_plane(plane, level, fitted, rest) if told else []
    scale = _scale(gathered, seen, plane, aim) if seen else None
    return Own(string, plane, source, fitted, warnings, held, seen, aim, scale)


def _scale(gathered: Columns, seen: Seen, plane: Plane, aim: Plane) -> float:
    """Return the strength of a plane that gives in all as much as the one that was measured by."""
    if plane == aim:
        return seen.usual.level
    facing, could, measured = Facing(plane), 0.0, 0.0
    for row in range(0, len(gathered.slots), _SAMPLED):
        number = gathered.days[gathered.day_of[row]].timetuple().tm_yday
        could += facing.w_per_kwp(gathered.azimuths[row], gathered.elevations[row], number)
        measured += seen.clear_w[row]
    return seen.usual.level * measured / could if could else seen.usual.level


def _seen(
    gathered: Columns, numbers: array[int], string: int, plane: Plane, held: bytearray
) -> Seen | None:
    ratios = columns.ratios_of(gathered, string, plane, held)
    found = cells.of_days(gathered, numbers, ratios.ratios, range(len(gathered.days)))
    usual = cells.usual_of(found, ratios.best)
    if usual is None:
        return None
    facing = Facing(plane)
    cosines = {number: facing.incidence(*cells.middle(number)) for number in found}
    grazed = {n: columns.allowance(cos) for n, cos in cosines.items() if cos < columns.GRAZED}
    return Seen(string, ratios.clear_w, ratios.ratios, found, usual, grazed)


def _map(whole: Whole, own: Own) -> Map:
    seen, gathered = own.seen, whole.columns
    assert seen is not None  # noqa: S101 - of_strings asks only for these
    everything = range(len(gathered.days))
    sky = whole.skies[own.string]
    sunny = shade.sunny_days(gathered, seen, sky, everything)
    contradicted = own.aim == own.plane and any(
        warning["id"] == "azimuth_contradicts" for warning in own.warnings
    )
    kwp = own.plane.kwp if own.plane else None
    bright = kwp is None or seen.usual.level >= _LEAST_OF_KWP * kwp
    settled = bright and shade.settled(seen, seen.found, everything, sunny)
    trusted = settled and not contradicted
    judged = {
        "all": shade.map_of(
            gathered, whole.numbers, seen, seen.found, whole.skies, everything, trusted
        )
    }
    spans = (gathered.within(60), gathered.within(60, 365))
    for period, days in zip(PERIODS[1:], spans, strict=True):
        judged[period] = _of_period(whole, seen, days, trusted)
    reason = "azimuth_contradicts" if contradicted else None if settled else "too_few_days"
    return Map(judged, sunny, settled, reason)


def _of_period(whole: Whole, seen: Seen, days: range, trusted: bool) -> dict[int, Judged]:
    """Return the map of some days: what is doubtful in them says nothing about their sky."""
    found = {
        one.string: cells.of_days(whole.columns, whole.numbers, one.ratios, days)
        for one in whole.seen()
    }
    rows = range(whole.columns.starts[days.start], whole.columns.starts[days.stop])
    skies = shade.skies_of(whole.numbers, whole.seen(), found, rows)
    own = found[seen.string]
    sunny = shade.sunny_days(whole.columns, seen, skies[seen.string], days)
    sure = trusted and shade.settled(seen, own, days, sunny)
    return shade.map_of(whole.columns, whole.numbers, seen, own, skies, days, sure)


def days_missing(days: int, found: Map | None) -> int:
    """Return how many more days are needed before shade is told; sunny ones, where those lack."""
    sunny = found.sunny_days if found else 0
    missing = max(LEAST_DAYS - days, LEAST_SUNNY_DAYS - sunny, 0)
    return missing or (0 if found and found.settled else 1)
