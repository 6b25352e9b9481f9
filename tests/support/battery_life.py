"""The life of a simulated house with a battery that ages, as the rows of five minutes it leaves."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from edge_lib.simulator.battery import YEAR_S, AgeingBattery, Hidden
from edge_lib.simulator.household import Household
from edge_lib.simulator.profiles import chance
from server.battery.rows import FiveMinutes

STEP_S = 300
BORN = datetime(2023, 1, 1, tzinfo=UTC)


class Life(NamedTuple):
    """What happens in it, beside what ``hidden`` says."""

    hidden: Hidden
    seed: int = 1
    years: float = 2.0
    meter_gain: float = 1.0  # of the inverter's counters and powers of the battery
    replaced_years: float | None = None  # the inverter: its counters start again
    silent: Callable[[int], bool] | None = None  # whether nothing arrived of these five minutes
    has_meter: bool = True
    born: datetime = BORN

    @property
    def end_s(self) -> float:
        return self.born.timestamp() + self.years * YEAR_S


def at_random(seed: int, share: float) -> Callable[[int], bool]:
    """Hours of which nothing arrived."""
    return lambda bucket_s: chance(seed, 90, bucket_s // 3600) < share


def holes(every_days: int, days: int) -> Callable[[int], bool]:
    return lambda bucket_s: bucket_s // 86_400 % every_days < days


class Lived(NamedTuple):
    rows: list[FiveMinutes]
    truth_kwh: list[tuple[float, float]]  # each day: (moment, capacity)


def live(life: Life) -> Lived:
    rows, truth = [], []
    for row, kwh in lived(life):
        if row is not None:
            rows.append(row)
        if kwh is not None:
            truth.append(kwh)
    return Lived(rows, truth)


def lived(life: Life) -> Iterator[tuple[FiveMinutes | None, tuple[float, float] | None]]:
    """Yield each five minutes' row, None where nothing arrived; and once a day the capacity."""
    battery = AgeingBattery(life.hidden, life.seed)
    house = Household(life.born, life.seed, battery=battery, step_s=STEP_S)
    at_s, began = int(life.born.timestamp()), (0.0, 0.0)
    replaced_s = math.inf
    if life.replaced_years is not None:
        replaced_s = at_s + life.replaced_years * YEAR_S
    while at_s < life.end_s:
        if at_s >= replaced_s:
            totals, replaced_s = house._total_ws, math.inf
            began = (totals.charge, totals.discharge)
        before, soc, flows = house._total_ws, battery.soc_pct, house._flows
        house.advance(datetime.fromtimestamp(at_s, UTC) + timedelta(seconds=STEP_S))
        row = None
        if life.silent is None or not life.silent(at_s):
            moved = (before, flows, house._total_ws)
            row = _row(life, at_s, (soc, battery.soc_pct), moved, began, battery.soh_pct)
        daily = (at_s, battery.capacity_kwh) if at_s % 86_400 == 0 else None
        yield row, daily
        at_s += STEP_S


def _row(life, at_s, socs, moved, began, soh_pct) -> FiveMinutes:
    before, flows, after = moved

    def counter(ws: float, began_ws: float) -> float:
        return math.floor(life.meter_gain * (ws - began_ws) / 3.6e5) / 10

    def kwh(name: str) -> float:
        return (getattr(after, name) - getattr(before, name)) / 3.6e6

    net_w = life.meter_gain * (flows.charge - flows.discharge)
    charge, discharge = life.meter_gain * kwh("charge"), life.meter_gain * kwh("discharge")
    metered = life.has_meter
    to_grid = min(discharge, kwh("exported"))
    return FiveMinutes(
        bucket_s=at_s,
        covered_s=STEP_S,
        soc_mean_pct=sum(socs) / 2,
        soc_min_pct=min(socs),
        soc_max_pct=max(socs),
        battery_mean_w=net_w,
        battery_min_w=net_w,
        battery_max_w=net_w,
        charge_kwh=charge,
        discharge_kwh=discharge,
        first_s=at_s,
        first_charge_kwh=counter(before.charge, began[0]),
        first_discharge_kwh=counter(before.discharge, began[1]),
        last_s=at_s + STEP_S - 5,
        last_charge_kwh=counter(after.charge, began[0]),
        last_discharge_kwh=counter(after.discharge, began[1]),
        pv_kwh=kwh("pv"),
        load_kwh=kwh("load") if metered else None,
        import_kwh=kwh("imported") if metered else None,
        export_kwh=kwh("exported") if metered else None,
        solar_to_battery_kwh=charge if metered else None,
        grid_to_battery_kwh=0.0 if metered else None,
        battery_to_house_kwh=discharge - to_grid if metered else None,
        battery_to_grid_kwh=to_grid if metered else None,
        temp_c=round(15 - 8 * math.cos(math.tau * (at_s - life.born.timestamp()) / YEAR_S), 1),
        soh_pct=soh_pct,
    )
