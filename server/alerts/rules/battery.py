"""The battery: a link that is stale, one that may not work, too hot or cold, jumps, health."""

from datetime import datetime, time, timedelta

from server.alerts.evidence import Battery, Evidence
from server.alerts.hours import MINUTE, Minute, held_since
from server.alerts.rules.rule import CRITICAL, INFO, WARNING, Finding, Outcome, Rule

LINK, JUMP = "batt_link", "batt_jump"
MOVING_W = 200.0
STUCK_POINTS, STUCK = 2.0, timedelta(minutes=20)
DEFAULT_KWH = 10.0
FULL_PCT = 98.0
ALMOST_FULL, ALMOST_EMPTY = 95.0, 15.0
WORKS_C = (5.0, 45.0)
HOT_C, TOO_HOT_C, COLD_C = 45.0, 55.0, 0.0
HYSTERESIS_C = 2.0
JUMP_POINTS, LARGE_JUMP = 5.0, 15.0
JUMPS_SEEN = timedelta(minutes=10)
LOW_PCT = 10.0
SOH_POINTS = 2.0
SANE_SOH = 10.0
OPTIMISTIC = "optimistic"  # the verdict of server/battery: what it reports is above the interval
NIGHTLY = timedelta(days=3)  # older, and the nightly job fails: nothing is known
SELDOM_FULL = timedelta(days=7)


def _points(seen: Evidence, watt_hours: float) -> float:
    return watt_hours / (10 * (seen.house.capacity_kwh or DEFAULT_KWH))


def _batt_link(seen: Evidence, _: frozenset[str]) -> Outcome:
    """Find a state of charge that stands still while the power would have moved it."""
    newest = seen.fresh
    if newest is None or newest.soc_max is None or newest.power_max is None:
        return None
    soc = newest.soc_max
    if not 0 < soc < 100 or newest.soc_min != soc:
        return []
    moved_wh, since = 0.0, newest.first_ts
    sign = 1 if (newest.power_min or 0) > 0 else -1
    if sign > 0 and soc >= FULL_PCT:
        return []  # so near the top a BMS balances its cells
    for minute in seen.hours.backwards():
        stands = minute.soc_min == minute.soc_max == soc
        weakest = minute.power_min if sign > 0 else minute.power_max
        if not stands or weakest is None or weakest * sign <= MOVING_W:
            break
        if since - minute.last_ts > 3 * MINUTE:
            break
        moved_wh, since = moved_wh + abs(minute.charge_wh), minute.first_ts
    points = _points(seen, moved_wh)
    if points < STUCK_POINTS or newest.last_ts - since < STUCK:
        return []
    return [Finding(since, {"soc": soc, "points": round(points, 1)})]


def _batt_blocked(seen: Evidence, _: frozenset[str]) -> Outcome:
    """Find a BMS that forbids what it has allowed before.

    One that answers 0 to everything, for what it lacks, was never seen to allow anything.
    """
    newest, known = seen.fresh, seen.house.battery
    if newest is None or newest.soc_max is None or newest.temp_min is None:
        return None
    minutes = list(seen.hours.backwards())
    can_charge = any(one.may_charge for one in minutes) or (known and known.may_charge_seen)
    can_discharge = any(one.may_discharge for one in minutes) or (
        known and known.may_discharge_seen
    )
    if not can_charge and not can_discharge:
        return None
    if not WORKS_C[0] < newest.temp_min < WORKS_C[1]:
        return []
    found = []
    if can_charge and newest.soc_max < ALMOST_FULL:
        since = held_since(seen.hours, lambda minute: minute.may_charge == 0)
        found += [Finding(since, {"soc": newest.soc_max}, "charge")] if since else []
    if can_discharge and newest.soc_max > ALMOST_EMPTY:
        since = held_since(seen.hours, lambda minute: minute.may_discharge == 0)
        found += [Finding(since, {"soc": newest.soc_max}, "discharge")] if since else []
    return found


def _batt_hot(seen: Evidence, open_keys: frozenset[str]) -> Outcome:
    newest = seen.fresh
    if newest is None or newest.temp_min is None:
        return None
    limit = HOT_C - (HYSTERESIS_C if open_keys else 0)
    since = held_since(seen.hours, lambda m: m.temp_min is not None and m.temp_min > limit)
    if since is None:
        return []
    severity = CRITICAL if newest.temp_min > TOO_HOT_C else None
    return [Finding(since, {"celsius": newest.temp_min, "limit": HOT_C}, severity=severity)]


def _is_cold(minute: Minute) -> bool:
    charges = minute.power_min is not None and minute.power_min > 0
    return minute.temp_max is not None and minute.temp_max < COLD_C and charges


def _batt_cold(seen: Evidence, open_keys: frozenset[str]) -> Outcome:
    newest = seen.fresh
    if newest is None or newest.temp_max is None:
        return None
    if open_keys and newest.temp_max < COLD_C + HYSTERESIS_C and not _is_cold(newest):
        return None  # cold as before, only not charging now
    since = held_since(seen.hours, _is_cold)
    return [Finding(since, {"celsius": newest.temp_max, "limit": COLD_C})] if since else []


def _batt_jump(seen: Evidence, _: frozenset[str]) -> Outcome:
    """Find a step within a minute that stays, so that one wrong reading is none."""
    if seen.fresh is None or seen.fresh.soc_max is None:
        return None
    minutes = seen.last(JUMPS_SEEN.total_seconds() + 180)
    worst: Finding | None = None
    earlier: Minute | None = None
    for before, at, after in zip(minutes, minutes[1:], minutes[2:], strict=False):
        # After a dongle has repeated itself its next reading is not a jump of the battery.
        is_repeat = earlier is None or earlier.print_max == before.print_min
        earlier = before
        step = 0.0 if is_repeat else _step(before, at, after)
        energy = _points(seen, abs(before.charge_wh) + abs(at.charge_wh) + abs(after.charge_wh))
        if abs(step) - energy <= JUMP_POINTS:
            continue
        values = {"points": round(step, 1), "soc": after.soc_max}
        severity = WARNING if abs(step) > LARGE_JUMP else None
        worst = Finding(at.first_ts, values, severity=severity)
    return [worst] if worst else []


def _step(before: Minute, at: Minute, after: Minute) -> float:
    """Return by how many points the charge of all of ``after`` is off all of ``before``."""
    known = (before.soc_min, before.soc_max, after.soc_min, after.soc_max)
    if any(value is None for value in known) or after.start - before.start != 2 * MINUTE:
        return 0.0
    low_before, high_before, low_after, high_after = (value or 0.0 for value in known)
    del at
    if low_after > high_before:
        return low_after - high_before
    if high_after < low_before:
        return high_after - low_before
    return 0.0


def _batt_low_long(seen: Evidence, _: frozenset[str]) -> Outcome:
    if seen.fresh is None or seen.fresh.soc_max is None:
        return None
    soc = seen.fresh.soc_max
    return [Finding(values={"soc": soc, "limit": LOW_PCT})] if soc < LOW_PCT else []


def _soh_fell(seen: Evidence) -> Outcome:
    now = seen.fresh.soh if seen.fresh else None
    before = seen.soh_week_ago
    if now is None or before is None or now < SANE_SOH:
        return None
    if before - now < SOH_POINTS:
        return []
    return [Finding(values={"soh": now, "before": before}, amount=int(before - now))]


def _computed(seen: Evidence) -> Battery | None:
    """Return what the last night found out; None: nothing, or a past that knew less."""
    known = seen.house.battery
    if known is None or not seen.knows_reports or seen.now - known.computed_at > NIGHTLY:
        return None
    return known


def _soh_hides(seen: Evidence) -> Outcome:
    """Find a battery that holds less, by what was measured, than it reports."""
    known = _computed(seen)
    verdict = known.figure("soh_verdict") if known else None
    if known is None or verdict is None:
        return None
    soh, points = known.figure("soh_reported_pct"), known.figure("soh_optimistic_points")
    if verdict != OPTIMISTIC or soh is None or points is None:
        return []
    values = {"soh": float(soh), "held": float(soh - points), "points": float(points)}
    return [Finding(values=values, key="measured")]


def _soh_drop(seen: Evidence, _: frozenset[str]) -> Outcome:
    told = [one for one in (_soh_fell(seen), _soh_hides(seen)) if one is not None]
    return [finding for outcome in told for finding in outcome] if told else None


def _batt_not_full(seen: Evidence, _: frozenset[str]) -> Outcome:
    """Find one that was not full for long; by its first day here, where it never was."""
    known = _computed(seen)
    if known is None or known.since is None:
        return None
    begun = datetime.combine(known.since, time(), seen.house.zone)
    since = known.full_at or begun
    return [Finding(since)] if seen.now - since > SELDOM_FULL else []


OF_HOUSE = (
    # Longer well than the jump that its return makes can be seen.
    Rule(LINK, WARNING, STUCK.total_seconds(), 900, "measured", _batt_link),
    Rule("batt_blocked", WARNING, 1800, 600, "measured", _batt_blocked),
    Rule("batt_hot", WARNING, 600, 1800, "measured", _batt_hot),
    Rule("batt_cold", WARNING, 600, 1800, "measured", _batt_cold),
    Rule(JUMP, INFO, 0, 600, "measured", _batt_jump, is_event=True),
    Rule("batt_low_long", WARNING, 72 * 3600, 3600, "measured", _batt_low_long, patience_s=43_200),
    Rule("batt_not_full", INFO, 30 * 86_400, 86_400, "measured", _batt_not_full, replays=False),
    Rule("soh_drop", WARNING, 3600, 86_400, "measured", _soh_drop, is_event=True),
)
