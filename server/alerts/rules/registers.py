"""Registers that stand still: a lifetime counter, or all of a live reading."""

from datetime import timedelta

from server.alerts.evidence import Evidence
from server.alerts.hours import COUNTERS, QUARTER
from server.alerts.rules.rule import WARNING, Finding, Outcome, Rule

STUCK_KWH = 1.0
FROZEN_S = 120.0
LEAST_FIELDS, LEAST_ALIVE = 8, 3
LEAST_POLLS = 8
LONGEST_HOLE = timedelta(hours=2)


def _counter_stuck(seen: Evidence, _: frozenset[str]) -> Outcome:
    if seen.fresh is None or not seen.quarters:
        return None
    found = []
    for index, name in enumerate(COUNTERS):
        counter = seen.quarters[-1].counters_max[index]
        if not counter:
            continue
        summed, since, later = 0.0, seen.quarters[-1].start, seen.quarters[-1].start
        for quarter in reversed(seen.quarters):
            value = quarter.counters_max[index]
            if later - quarter.start > LONGEST_HOLE + QUARTER:
                break
            if value is None or not value == quarter.counters_min[index] == counter:
                break
            summed, since, later = summed + (quarter.kwh[index] or 0), quarter.start, quarter.start
        if summed >= STUCK_KWH:
            values = {"counter": name, "kwh": round(summed, 1), "total": counter}
            found.append(Finding(since, values, name))
    return found


def _frozen(seen: Evidence, _: frozenset[str]) -> Outcome:
    """Find a dongle that answers from its memory: live values are never twice the same."""
    newest = seen.fresh
    if newest is None or newest.print_fields < LEAST_FIELDS or newest.print_alive < LEAST_ALIVE:
        return None
    since, polls = None, 0
    for minute in seen.hours.backwards():
        if minute.print_min != newest.print_max or minute.print_max != newest.print_max:
            break
        if minute.print_fields < LEAST_FIELDS:
            break
        since, polls = minute.first_ts, polls + minute.n
    if since is None or polls < LEAST_POLLS:
        return []
    return [Finding(since, {"fields": newest.print_fields})]


FROZEN = Rule("frozen", WARNING, FROZEN_S, 60, "measured", _frozen)
OF_HOUSE = (Rule("counter_stuck", WARNING, 900, 1800, "measured", _counter_stuck), FROZEN)
