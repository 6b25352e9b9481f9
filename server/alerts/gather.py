"""Reads the evidence of all houses from the database: a few statements, each by an index."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.alerts import sun
from server.alerts.evidence import Battery, Evidence, House, Report, Roof, Sunset, slot_of
from server.alerts.hop import GRID_WORD, Return
from server.alerts.hours import KEPT, Hours, Minute, Numbers, Quarter
from server.alerts.rules.faults import parsed
from server.alerts.rules.hops import AWAKE_ABOVE, WAKING_UP
from server.alerts.rules.strings import LEAST_W
from server.database.pool import query

NIGHTS = 14
LOST_EVERY = timedelta(minutes=15)
DUSK = (-6.0, -0.833)  # degrees: from sunset to the end of civil twilight
LEAST_COVERAGE = 0.8
_DAY = timedelta(days=1)
_SLOT = timedelta(minutes=5)
# How far back what a string usually brings is looked at: longer than string_dead has to hold.
USUAL = timedelta(minutes=50)
_BEHIND = 0.2  # of the string that gives most: less, and it is asked whether that is usual
_TUPLES = (
    *("states", "faults", "boots", "string_w", "string_v"),
    *("ws", "counters_first", "counters_last"),
)


def rows(cursor: Cursor, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    """Run a query of ``sql/queries``; return its rows by the names of the columns."""
    cursor.execute(query(name), parameters)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def gather(cursor: Cursor, now: datetime) -> list[Evidence]:
    """Return the evidence of every house."""
    known = rows(cursor, "alerts-houses", {"now": now, "device_ids": None})
    ids = [row["device_id"] for row in known]
    spans = {"device_ids": ids, "end": now + timedelta(minutes=1), "known": now}
    hours: dict[str, Hours] = {device_id: Hours() for device_id in ids}
    for row in rows(cursor, "alerts-minutes", {**spans, "first": now - KEPT, "by_arrival": False}):
        device_id, minute = minute_of(row)
        hours[device_id].add(minute)
    quarters: dict[str, list[Quarter]] = {device_id: [] for device_id in ids}
    for row in rows(cursor, "alerts-quarters", {**spans, "first": now - _DAY}):
        numbers = (tuple(row[name]) for name in ("kwh", "counters_min", "counters_max"))
        quarters[row["device_id"]].append(Quarter(row["start"], *numbers))
    lost = _lost(cursor, ids, now)
    found = []
    for row in known:
        device_id = row["device_id"]
        seen = _of_row(row, now, hours[device_id], quarters[device_id], lost.get(device_id))
        if asks_for_nights(seen):
            seen.silent_nights = silent_nights(cursor, seen)
        if asks_for_the_day(seen):
            seen.sunset = sunset(cursor, seen)
        if asks_for_strings(seen):
            seen.usual_w = usual_strings(cursor, seen)
        found.append(seen)
    return found


def minute_of(row: dict[str, Any]) -> tuple[str, Minute]:
    """Return a row of ``alerts-minutes``, and whose it is."""
    for name in _TUPLES:
        row[name] = None if row[name] is None else tuple(row[name])
    return row.pop("device_id"), Minute(**row)


def house_of(row: Mapping[str, Any]) -> House:
    """Return what a row of ``alerts-houses`` says of the house itself."""
    return House(
        device_id=row["device_id"],
        name=row["name"],
        timezone=row["timezone"],
        nominal_w=row["nominal_power_w"],
        capacity_kwh=row["battery_capacity_kwh"],
        has_battery=row["has_battery"],
        edge_version=row["edge_version"],
        known_since=row["known_since"],
        battery=battery_of(row["battery"]),
        export_limit_w=row["export_limit_w"],
        roof=roof_of(row["roof"]),
        set_place=None if row["latitude"] is None else sun.Place(row["latitude"], row["longitude"]),
    )


def battery_of(row: Mapping[str, Any] | None) -> Battery | None:
    """Return what ``alerts-houses`` says of a battery; None: nothing was computed of one."""
    if row is None:
        return None
    times = {
        name: None if row[name] is None else datetime.fromtimestamp(row[name], UTC)
        for name in ("computed_at", "full_at")
    }
    since = None if row["since"] is None else date.fromisoformat(row["since"])
    return Battery(**{**row, **times, "since": since})


def roof_of(row: Mapping[str, Any] | None) -> Roof | None:
    """Return what ``alerts-houses`` says of a roof; None: nothing was computed of one."""
    if row is None:
        return None
    return Roof(datetime.fromtimestamp(row["computed_at"], UTC), tuple(row["new_shade"]))


def _of_row(
    row: Mapping[str, Any],
    now: datetime,
    hours: Hours,
    quarters: Sequence[Quarter],
    lost: int | None,
) -> Evidence:
    return Evidence(
        now=now,
        house=house_of(row),
        newest=row["newest_ts"],
        newest_received=row["newest_received"],
        hours=hours,
        quarters=quarters,
        report=report_of(row["report"], row["failed"], row["thinned_before"]),
        p1_newest=row["p1_newest"],
        p1_report=report_of(row["p1_report"], row["p1_failed"], None),
        soh_week_ago=row["soh_week_ago"],
        boots=row["boots"],
        parked=row["parked"],
        conflicts=row["conflicts"],
        lost=lost,
    )


def report_of(
    row: Mapping[str, Any] | None, failed: Mapping[str, int] | None, thinned_before: float | None
) -> Report | None:
    """Return the counts of an edge; ``row`` is one of ``sungrow_reports`` as JSON."""
    if row is None:
        return None
    oldest = row.get("oldest_unsent_ts")
    thinned = row.get("thinned")
    day = None if thinned is None else thinned - (thinned_before or 0)
    return Report(
        received_at=datetime.fromisoformat(row["received_at"]),
        slot=datetime.fromisoformat(row["slot"]),
        boot=row["boot"],
        polled=row["polled"],
        failed={reason: count for reason, count in (failed or {}).items() if count},
        waiting=row.get("waiting") or 0,
        oldest_unsent_ts=datetime.fromisoformat(oldest) if oldest else None,
        clock=row.get("clock"),
        told={**row, "thinned_24h": day},
    )


def _lost(cursor: Cursor, ids: Sequence[str], now: datetime) -> dict[str, int]:
    """Return what is lost, once in a quarter of an hour: it is the dearest question."""
    if now.minute % (LOST_EVERY // timedelta(minutes=1)) != 0:
        return {}
    # What is younger may be on its way.
    span = {"device_ids": list(ids), "first": now - _DAY, "end": now - LOST_EVERY}
    return {row["device_id"]: row["lost"] for row in rows(cursor, "alerts-lost", span)}


def asks_for_nights(seen: Evidence) -> bool:
    """Return whether it matters how many nights were silent: it is, and so is this one."""
    place = seen.house.place
    return (
        place is not None
        and not seen.house.has_battery
        and seen.newest is not None
        and seen.silent_s > 120
        and any(
            sun.elevation(seen.now - ago, place) < AWAKE_ABOVE for ago in (timedelta(), WAKING_UP)
        )
    )


def silent_nights(cursor: Cursor, seen: Evidence) -> int:
    """Return how many of the last nights had no reading, since the first that there is."""
    place = seen.house.place
    nights = sun.last_nights(seen.now, place, NIGHTS) if place else []
    times = {"starts": [first for first, _ in nights], "ends": [end for _, end in nights]}
    asked = {"device_id": seen.house.device_id, **times}
    return int(rows(cursor, "alerts-nights", asked)[0]["silent"])


def asks_for_the_day(seen: Evidence) -> bool:
    """Return whether the sun has just set there."""
    place = seen.house.place
    if place is None or seen.fresh is None:
        return False
    height = sun.elevation(seen.now, place)
    is_evening = sun.elevation(seen.now - timedelta(minutes=10), place) > height
    return DUSK[0] <= height <= DUSK[1] and is_evening


def sunset(cursor: Cursor, seen: Evidence) -> Sunset | None:
    """Return the day that ends; None where too little of it is known."""
    place = seen.house.place
    if place is None:
        return None
    end = seen.now
    while sun.elevation(end, place) < DUSK[1]:
        end -= _SLOT
        if seen.now - end > _DAY:
            return None  # the polar night: it has not been up
    first = end
    while sun.elevation(first, place) >= DUSK[1] and end - first < _DAY:
        first -= _SLOT
    day = end.astimezone(seen.house.zone).date()
    asked = {"device_id": seen.house.device_id, "first": first, "end": end, "day": day}
    (row,) = rows(cursor, "alerts-day", asked)
    if row["kwh"] is None or row["best_kwh"] is None:
        return None
    if row["slots"] < LEAST_COVERAGE * ((end - first) / _SLOT):
        return None
    return Sunset(day, row["kwh"], row["best_kwh"])


def asks_for_strings(seen: Evidence) -> bool:
    """Return whether a string gives far less than another one, which may be usual."""
    newest = seen.fresh
    known = [watts for watts in newest.string_w if watts is not None] if newest else []
    return len(known) > 1 and max(known) >= LEAST_W and min(known) < _BEHIND * max(known)


def usual_strings(cursor: Cursor, seen: Evidence) -> dict[datetime, Numbers]:
    """Return what each string brings on good days, in each of the last five minutes."""
    newest = slot_of(seen.now)
    slots = [newest - number * _SLOT for number in range(USUAL // _SLOT + 1)]
    asked = {"device_id": seen.house.device_id, "slots": slots}
    return {row["start"]: tuple(row["usual_w"]) for row in rows(cursor, "alerts-strings", asked)}


def found_on_return(
    cursor: Cursor, device_id: str, since: datetime, until: datetime, now: datetime
) -> Return:
    """Return the facts around the end of a silence."""
    asked = {"device_id": device_id, "since": since, "until": until, "now": now}
    (row,) = rows(cursor, "alerts-return", asked)
    bits = 0
    for text in row["faults"] or ():
        bits |= parsed(text).bits(GRID_WORD)
    return Return(
        boot_before=row["boot_before"],
        boot_after=row["boot_after"],
        states_after=frozenset(row["states"] or ()),
        grid_bits_after=bits,
        failed=row["failed"],
        late=row["late"],
        lost=row["lost"],
        waiting=row["waiting"] or 0,
    )
