"""What must hold of one simulated life of a battery; and mutants of the estimator that break it."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from unittest import mock

from server.battery import capacity, digest, efficiency, jumps, windows
from server.battery.measure import YEAR_S
from server.battery.rows import FiveMinutes, Settings
from tests.support.battery_checks import Judged, measured, settings_of, years_off
from tests.support.battery_life import Life, Lived, at_random, holes

DAY_S = 86_400


def failures(life: Life, lived: Lived, one: Judged) -> list[str]:
    """Return which of the checks do not hold of what was measured of this life."""
    checks = {
        "capacity": lambda: _capacity_is_true(lived, one),
        "ways agree": lambda: _ways_agree(one),
        "round trip": lambda: abs(one.value("round_trip_pct") - 100 * life.hidden.eta**2) <= 2,
        "standby": lambda: abs(one.value("standby_w") - life.hidden.standby_w) <= 8,
        "closure": lambda: worst_closure_pct(one) <= 1,
        "no anchor inside": lambda: not anchors_inside(one),
        "jump makes no cycle": jump_is_no_cycle,
    }
    if one.result["whatif"]["capacities"]:
        checks |= {
            "replay": lambda: abs(replay_off_pct(one)) <= 3,
            "no battery": lambda: off_without_battery_kwh(lived.rows, one) < 0.001,
        }
    return [name for name, holds in checks.items() if not holds()]


def _capacity_is_true(lived: Lived, one: Judged) -> bool:
    years = years_off(lived, one)
    most = [(1.5 if year["n"] >= 10 else 3.0) for year in years]
    off = [abs(year["off_pct"]) for year in years]
    covered = all(year["covers"] in (True, None) for year in years)
    return bool(years) and all(map(float.__le__, off, most)) and covered


def _ways_agree(one: Judged) -> bool:
    down, up = one.value("capacity_down_kwh"), one.value("capacity_up_kwh")
    return down is None or up is None or abs(up / down - 1) <= 0.02


def worst_closure_pct(one: Judged, days: int = 90) -> float:
    """Return the largest share of any such span's throughput that energy does not explain."""
    ways = [way for way in one.model.windows if way.kind == "full_full"]
    worst = 0.0
    for start in ways[::10]:
        span = [way for way in ways if 0 <= way.from_s - start.from_s < days * DAY_S]
        if span[-1].to_s - start.from_s > 0.8 * days * DAY_S:
            found = one.model.efficiencies[start.epoch]
            worst = max(worst, abs(efficiency.closure_pct(span, found)))
    return worst


def anchors_inside(one: Judged) -> int:
    """Count windows of capacity with a physical anchor between their ends."""
    physical = [anchor for anchor in one.model.anchors if anchor.kind != "reserve"]
    return sum(
        any(way.from_s + 1 < anchor.reached_s < way.to_s - 1 for anchor in physical)
        for way in one.model.windows
        if way.kind == "full_empty"
    )


def replay_off_pct(one: Judged) -> float:
    """Return how far the replay of the own capacity is from the import that was measured."""
    told = one.result["whatif"]
    own = next(row for row in told["capacities"] if row["is_own"])
    return 100 * (own["import_kwh"] / told["measured_import_kwh"] - 1)


def off_without_battery_kwh(rows: list[FiveMinutes], one: Judged) -> float:
    """Return how far the replay without a battery is from what the house lacked."""
    year = [row for row in rows if row.bucket_s >= one.model.now_s - 365 * DAY_S]
    lacked = sum(
        max(0.0, row.import_kwh - row.export_kwh + row.discharge_kwh - row.charge_kwh)
        for row in year
    )
    return abs(one.result["whatif"]["capacities"][0]["import_kwh"] - lacked)


def flat(at: int, soc_pct: float, charge_kwh: float = 0.0) -> FiveMinutes:
    """Return five minutes of a day, in which so much was charged."""
    power_w = charge_kwh * 12_000
    return FiveMinutes(
        *(at * 300, 300.0, soc_pct, soc_pct, soc_pct, power_w, power_w, power_w),
        *(max(0.0, charge_kwh), max(0.0, -charge_kwh)),
        *(at * 300, 100.0, 90.0, at * 300 + 295, 100.0, 90.0),
    )


def jump_is_no_cycle() -> bool:
    """Return whether a day that jumps by ten points and back has no cycle."""
    rows = [flat(at, 60.0 if 100 <= at < 200 else 50.0) for at in range(288)]
    made = digest.of_day(date(1970, 1, 1), rows, 0, DAY_S, Settings(9.6))
    return len(made.jumps) == 2 and max(made.turns) - min(made.turns) < 0.5


def gaps_off_pct(life: Life, lived: Lived) -> dict[str, float]:
    """Return by how much gaps move the capacity."""
    settings = settings_of(life)

    def kwh(rows: list[FiveMinutes]) -> float:
        model = measured(rows, settings)
        return model.median_of(model.of_kind("full_empty", model.now_s - YEAR_S)).value

    whole = kwh(lived.rows)
    found = {}
    for name, silent in (("hours", at_random(7, 0.2)), ("days", holes(30, 3))):
        rows = [row for row in lived.rows if not silent(row.bucket_s)]
        found[name] = 100 * (kwh(rows) / whole - 1)
    return found


def with_another_inverter(rows: list[FiveMinutes], at_s: float) -> list[FiveMinutes]:
    """Return the rows as another inverter would have counted on: from 0."""
    first = next(row for row in rows if row.bucket_s >= at_s)
    charge, discharge = first.first_charge_kwh, first.first_discharge_kwh
    return [
        row
        if row.bucket_s < at_s
        else row._replace(
            first_charge_kwh=row.first_charge_kwh - charge,
            last_charge_kwh=row.last_charge_kwh - charge,
            first_discharge_kwh=row.first_discharge_kwh - discharge,
            last_discharge_kwh=row.last_discharge_kwh - discharge,
        )
        for row in rows
    ]


# --- mutants ------------------------------------------------------------------------------------


def _other_sign(window, round_trip, standby_w):
    return _kwh(window, round_trip, -standby_w)


def _eta_once(window, round_trip, standby_w):
    if window.kind == "full_full":
        return None
    fallen = window.discharge_kwh / round_trip**0.5 - window.charge_kwh
    fallen += standby_w / efficiency.W_OF_KWH_A_DAY * window.days
    return fallen if window.kind == "full_empty" else -fallen


def _over_a_skipped_anchor(anchors, borders, capacity_kwh):
    """Begin each window at the full before the last one."""
    made = _between(anchors, borders, capacity_kwh)
    fulls = [anchor for anchor in anchors if anchor.kind == "full"]
    earlier = {later.left_s: full for full, later in itertools.pairwise(fulls)}
    return [
        way._replace(
            from_s=full.left_s,
            charge_kwh=way.charge_kwh + later_charge(full, way, fulls),
        )
        if way.kind == "full_empty" and (full := earlier.get(way.from_s))
        else way
        for way in made
    ]


def later_charge(full, way, fulls) -> float:
    later = next(anchor for anchor in fulls if anchor.left_s == way.from_s)
    return later.left_charge_kwh - full.left_charge_kwh


_kwh, _between = capacity._kwh, windows.between

MUTANTS: dict[str, Callable] = {
    "sign of the standby": lambda: mock.patch.object(capacity, "_kwh", _other_sign),
    "efficiency used once": lambda: mock.patch.object(capacity, "_kwh", _eta_once),
    "window over a skipped anchor": lambda: mock.patch.object(
        windows, "between", _over_a_skipped_anchor
    ),
    "jump counted": lambda: mock.patch.object(jumps, "find", return_value=[]),
}


@contextmanager
def mutant(name: str) -> Iterator[None]:
    with MUTANTS[name]():
        yield
