"""The strings: one that gives nothing while another does, and shade that was not there a year ago.

What a string would give is what it usually does at this time of the day, by as much of it as the
other strings give of theirs. So neither a cloud nor the morning of a western string is a fault.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta

from server.alerts.evidence import Evidence, House, slot_of
from server.alerts.hours import FRESH, Minute, Numbers
from server.alerts.rules.rule import WARNING, Finding, Outcome, Rule
from server.alerts.rules.solar import COLD_C, FULL_PCT, IDLE_GRID_W

DEAD, SHADE = "string_dead", "shade_new"
LEAST_SHARE = 0.05  # of what it would give
BRIGHT_SHARE = 0.20  # of what another one usually does, at least: else there is too little light
LEAST_W = 100.0  # of a string: its current has steps of 0.1 A, that is 40 W and more
OPEN_V = 20.0
NEAR_LIMIT_W = 60.0  # an inverter that holds its export at a limit is so near to it
BRIDGED = timedelta(minutes=10)  # without light enough to tell
NIGHTLY = timedelta(days=3)  # older, and the nightly job fails: nothing is known


def _is_curtailed(minute: Minute, house: House) -> bool:
    """Return whether nobody wants the power: then one string may give all of it."""
    if minute.soc_min is not None and minute.soc_min < FULL_PCT:
        return False
    grid_w = minute.grid_w_max
    limit_w = house.export_limit_w
    if grid_w is None:
        return False
    return grid_w <= IDLE_GRID_W or (limit_w is not None and abs(grid_w - limit_w) < NEAR_LIMIT_W)


def _expected_w(number: int, given: Numbers, usual: Numbers) -> float | None:
    """Return what a string would give in the light that is on the others; None: too little."""
    own = usual[number]
    shares = [
        watts / normal
        for other, (watts, normal) in enumerate(zip(given, usual, strict=True))
        if other != number and watts is not None and normal
    ]
    if own is None or not shares or max(shares) <= BRIGHT_SHARE:
        return None
    expected = own * min(1.0, max(shares))
    return expected if expected >= LEAST_W else None


def _is_dead(number: int, minute: Minute, seen: Evidence) -> bool | None:
    """Return whether a string gave next to nothing in a minute; None: that cannot be told."""
    watts = minute.string_w[number]
    usual = (seen.usual_w or {}).get(slot_of(minute.start))
    if watts is None or usual is None:
        return None
    expected = _expected_w(number, minute.string_w, usual)
    if expected is None or _is_curtailed(minute, seen.house):
        return False if watts >= LEAST_W else None
    return watts < LEAST_SHARE * expected


def _dead_since(number: int, seen: Evidence) -> datetime | None:
    """Return since when it gives nothing; minutes that cannot tell are bridged, if they are few."""
    since, after = None, None
    for minute in seen.hours.backwards():
        is_dead = _is_dead(number, minute, seen)
        if is_dead is False or (after and after.first_ts - minute.last_ts > FRESH):
            break
        if is_dead:
            since = minute.first_ts
        elif since is None or since - minute.first_ts > BRIDGED:
            break
        after = minute
    return since


def _string_dead(seen: Evidence, open_keys: frozenset[str]) -> Outcome:
    newest = seen.fresh
    if newest is None:
        return None
    known = {number: watts for number, watts in enumerate(newest.string_w) if watts is not None}
    if len(known) < 2:
        return []
    if max(known.values()) < LEAST_W:
        return None  # dusk: what was wrong still is
    if seen.usual_w is None:
        return []  # none is far behind another
    found, can_tell = [], True
    for number in known:
        is_dead = _is_dead(number, newest, seen)
        key = str(number + 1)
        if is_dead or (is_dead is None and key in open_keys):
            since = _dead_since(number, seen) if is_dead else None
            found.append(Finding(since, _values(number, newest, seen), key))
        can_tell = can_tell and is_dead is not None
    return found if found or can_tell else None


def _values(number: int, newest: Minute, seen: Evidence) -> dict[str, object]:
    usual = (seen.usual_w or {}).get(slot_of(newest.start))
    expected = _expected_w(number, newest.string_w, usual) if usual else None
    volts, watts = newest.string_v[number], newest.string_w[number]
    temperature = newest.inverter_temp if newest.temp_min is None else newest.temp_min
    return {
        "string": number + 1,
        "watts": None if watts is None else round(watts),
        "volts": None if volts is None else round(volts),
        "usual": None if expected is None else round(expected),
        "open": volts is not None and volts < OPEN_V,
        "snow": temperature is not None and temperature < COLD_C,
    }


def _shade_new(seen: Evidence, _: frozenset[str]) -> Outcome:
    """Find what the last night compared with the same days a year ago."""
    roof = seen.house.roof
    if roof is None or not seen.knows_reports or seen.now - roof.computed_at > NIGHTLY:
        return None
    newest: dict[str, Finding] = {}
    for event in roof.new_shade:
        since = _moment(event.get("from"), seen.house)
        key = str(event.get("string"))
        if key not in newest or (since or seen.now) > (newest[key].since or seen.now):
            newest[key] = Finding(since, _of_event(event), key)
    return list(newest.values())


def _of_event(event: Mapping[str, object]) -> dict[str, object]:
    fell = event.get("value")
    pct = round(100 * abs(fell)) if isinstance(fell, int | float) else None
    return {"string": event.get("string"), "pct": pct}


def _moment(text: object, house: House) -> datetime | None:
    """Return when an event began, given as a day or as a moment."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    if at.tzinfo is None:
        at = datetime.combine(at.date(), time(), house.zone)
    return at.astimezone(UTC)


OF_HOUSE = (
    Rule(DEAD, WARNING, 1800, 1800, "measured", _string_dead, patience_s=900),
    Rule(SHADE, WARNING, 3600, 86_400, "measured", _shade_new, is_event=True, replays=False),
)
