"""What happened to the strings: new shade, leaves, a share that fell, a dead string, a cleaning."""

from collections.abc import Sequence
from typing import Any

from server.roof import cells, changes, evidence, lately
from server.roof.changes import Change
from server.roof.evidence import Pass
from server.roof.figures import Figures
from server.roof.rows import SLOT_S
from server.roof.shade import Seen
from server.roof.texts import event, moment
from server.roof.whole import Whole

_EVENT_DAYS = 365
_ENDS_DAYS = 3
Event = dict[str, Any]


def of(whole: Whole, seen: Seen, found: Figures, new: Sequence[Change]) -> list[Event]:
    """Return the events of a string of the last year, by their begin; ``new``: its new shade."""
    told = [*_shade(whole, seen, new), *_shares(whole, seen, found), *_dead(whole, seen, found)]
    return sorted([*told, *_cleaned(whole, seen, found)], key=lambda one: one["from"])


def _shade(whole: Whole, seen: Seen, new: Sequence[Change]) -> list[Event]:
    judged = whole.maps[seen.string].judged
    in_part = _at_the_ends(whole)
    leaves = changes.seasonal(judged["last60"], judged["last60_before"], judged["all"], in_part)
    told = []
    for change in [*new, *leaves]:
        azimuths = sorted(cells.edges(number)[0] for number in change.bins)
        tops = [cells.edges(number)[1] + 2.5 for number in change.bins]
        first = _first_dark(whole, seen, change.bins)
        values = {
            "azimuth_from_deg": azimuths[0],
            "azimuth_to_deg": azimuths[-1] + 5,
            "elevation_to_deg": max(tops),
            "bins": len(change.bins),
        }
        name = f"{change.kind}_shade"
        told.append(event(name, seen.string, first, None, -change.fall, **values))
    return told


def _at_the_ends(whole: Whole) -> set[int]:
    """Return the bins in which the sun was as the last two months began, or ended."""
    days = whole.columns.within(60)
    return {
        whole.numbers[row]
        for day in (*days[:_ENDS_DAYS], *days[-_ENDS_DAYS:])
        for row in whole.columns.rows_of(day)
    }


def _first_dark(whole: Whole, seen: Seen, bins: frozenset[int]) -> str:
    """Return the first day on which the sun passed there since it shone there last."""
    columns = whole.columns
    days = columns.within(_EVENT_DAYS)
    passes: dict[int, list[Pass]] = {number: [] for number in bins}
    for one in evidence.passes(columns, whole.numbers, seen.ratios, seen.usual, days):
        if one.number in bins:
            passes[one.number].append(one)
    ends = [(own, lately.after_the_last_sun(own)) for own in passes.values()]
    shone = max((own[end - 1].day for own, end in ends if end), default=-1)
    dark = (one.day for own, end in ends for one in own[end:] if one.day > shone)
    return columns.days[min(dark, default=days.stop - 1)].isoformat()


def _shares(whole: Whole, seen: Seen, found: Figures) -> list[Event]:
    days = whole.columns.days
    since = whole.columns.within(_EVENT_DAYS).start
    told = []
    for one in found.changes:
        if one.value >= 0 or one.first < since:
            continue  # where one string falls behind the other seems to gain
        last = None if one.last is None else days[one.last].isoformat()
        pct = round(-100 * one.value, 1)
        name = f"share_{one.kind}"
        told.append(event(name, seen.string, days[one.first].isoformat(), last, one.value, pct=pct))
    return told


def _dead(whole: Whole, seen: Seen, found: Figures) -> list[Event]:
    if found.dead_row is None:
        return []
    since = moment(whole.columns.slots[found.dead_row] * SLOT_S)
    return [event("dead", seen.string, since, None, -1.0)]


def _cleaned(whole: Whole, seen: Seen, found: Figures) -> list[Event]:
    if found.dirt is None or found.dirt.since < whole.columns.within(_EVENT_DAYS).start:
        return []
    day, pct = whole.columns.days[found.dirt.since].isoformat(), round(100 * found.dirt.rise, 1)
    return [event("cleaned", seen.string, day, day, found.dirt.rise, pct=pct)]
