"""A year of a simulated house, with everything that goes wrong in one: are its days right?

    nice .venv/bin/python -m tests.year [--first 2026-01-01] [--days 365] [--seed 1]

One reading a minute goes straight into a private database, as ingest would store it. The counters
are those of the registers (0.1 kWh, never more than has flowed); the inverter's clock knows no
summer time. Polls fail for hours, within a day and over midnight; totals read 0 at the inverter's
midnight and at others, jump for one reading, fall and go on, jump by 2^16 and go on. The days'
energy is compared with what the house did.
"""

import argparse
import math
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from edge_lib.simulator.household import Household
from edge_lib.simulator.register_image import NOMINAL_W, Truth
from server import sandbox
from tests.support.batches import migrated
from tests.support.energies import COUNTERS, ZONE
from tests.support.readings import connected, reading, rows, store

INTERVAL_S = 60.0
WINTER_TIME = timezone(timedelta(hours=1))
OF_METERS = ("pv", "imported", "exported", "charge", "discharge")
OPINIONS = ("pv", "import", "export", "battery_charge", "battery_discharge")
FLOWS = (
    *("solar_to_house_kwh", "solar_to_battery_kwh", "solar_to_grid_kwh", "battery_to_house_kwh"),
    *("battery_to_grid_kwh", "grid_to_house_kwh", "grid_to_battery_kwh"),
)
JUMP_KWH = 2**16 / 10


class Plan(NamedTuple):
    """What goes wrong on one day; hours count from its local midnight."""

    silent_h: tuple[float, float] | None  # an outage; of more than 24: it ends on a later day
    once: dict[tuple[int, str], float | None]  # (minute, counter): what is added; None: it reads 0
    for_good: tuple[float, str, float] | None  # from this hour on a counter shows so much more


class Report(NamedTuple):
    """How far the days are from the truth, in kWh, and what had to be judged otherwise."""

    days: int
    whole_days: int  # no outage crossed their midnights
    worst: dict[str, float]  # on whole days on which no counter went on from another number
    worst_changed: dict[str, float]  # on the others of them
    worst_span: float  # sums over days that outages join
    span_days: int
    unflagged: list[date]  # days that should say that they are estimated, and do not
    flagged: list[date]  # the other way around
    worst_flow: float
    worst_share: float  # how far a share lies outside 0 to 1
    seconds: float

    def is_right(self) -> bool:
        """Say whether all of it is as it must be."""
        # A total in steps of 0.1 kWh can be 0.1 off; one that goes on from another number, twice.
        return (
            all(kwh <= 0.1 or name == "load" for name, kwh in self.worst.items())
            and all(kwh <= 0.2 or name == "load" for name, kwh in self.worst_changed.items())
            and max(self.worst["load"], self.worst_changed["load"]) <= 0.5
            and self.worst_span <= 0.1
            and not self.unflagged
            and not self.flagged
            and self.worst_flow <= 1e-6
            and self.worst_share <= 1e-9
        )


def plan(chance: random.Random) -> Plan:
    """Decide what goes wrong on a day."""
    silent_h, for_good = None, None
    kind = chance.random()
    if kind < 0.05:
        begin = chance.uniform(0.5, 23.5)
        silent_h = (begin, chance.uniform(24.3, 24.0 * chance.choice((1.5, 2.5, 4.5))))
    elif kind < 0.25:
        begin = chance.uniform(0.3, 14)
        silent_h = (begin, begin + chance.uniform(0.1, 8))
    elif kind < 0.30:
        by = chance.choice((JUMP_KWH, -chance.randrange(50, 1000) / 10, -chance.randrange(3900)))
        for_good = (chance.uniform(0.5, 22), chance.choice(COUNTERS), by)
    once = {
        (minute, name): None for minute in (0, 60) for name in COUNTERS if chance.random() < 0.1
    }
    for _ in range(chance.randrange(4)):
        where = (chance.randrange(1440), chance.choice(COUNTERS))
        once[where] = chance.choice((None, JUMP_KWH, -25.0, 2**32 / 1000))
    return Plan(silent_h, once, for_good)


class House:
    """The house, the counters as it shows them, and what they had really counted at midnights."""

    def __init__(self, first: date, seed: int):
        self._zone = ZoneInfo(ZONE)
        self._house = Household(self._midnight(first), seed, WINTER_TIME)
        self._chance = random.Random(seed)
        self._silent_until = self._midnight(first)
        self._more_kwh = dict.fromkeys(COUNTERS, 0.0)
        self.plans: dict[date, Plan] = {}
        self.load_kwh = 0.0
        self.truth_kwh: dict[date, list[float]] = {}  # at the beginning of each day
        self.outages: list[tuple[datetime, datetime]] = []

    def live(self, day: date) -> list[dict]:
        """Live through a day; return its readings."""
        self._house.advance(self._midnight(day))
        self.truth_kwh[day] = self._counted()
        self.plans[day] = planned = plan(self._chance)
        begin = self._midnight(day)
        if planned.silent_h and begin >= self._silent_until:
            silent = [begin + timedelta(hours=hour) for hour in planned.silent_h]
            self.outages.append((silent[0], silent[1]))
            self._silent_until = silent[1]
        samples = list(self._samples(begin, self._midnight(day + timedelta(days=1)), planned))
        self._house.advance(self._midnight(day + timedelta(days=1)))
        self.truth_kwh[day + timedelta(days=1)] = self._counted()
        return samples

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, datetime.min.time(), self._zone).astimezone(UTC)

    def _counted(self) -> list[float]:
        meters = self._house.truth.total_kwh
        return [*(getattr(meters, name) for name in OF_METERS), meters.load]

    def _samples(self, begin: datetime, end: datetime, planned: Plan) -> Iterator[dict]:
        for minute in range(round((end - begin).total_seconds() / INTERVAL_S)):
            ts = begin + timedelta(seconds=minute * INTERVAL_S + 30)
            self._house.advance(ts)
            self._change(planned, (ts - begin).total_seconds() / 3600)
            if not (self.outages and self.outages[-1][0] <= ts < self.outages[-1][1]):
                yield self._sample(ts, minute, planned)

    def _change(self, planned: Plan, hour: float) -> None:
        if planned.for_good and 0 <= hour - planned.for_good[0] < INTERVAL_S / 3600:
            _, name, by_kwh = planned.for_good
            self._more_kwh[name] += by_kwh

    def _sample(self, ts: datetime, minute: int, planned: Plan) -> dict:
        truth: Truth = self._house.truth
        totals = {}
        for name, meter in zip(COUNTERS, OF_METERS, strict=True):
            tenths = math.floor(getattr(truth.total_kwh, meter) * 10) + round(
                10 * self._more_kwh[name]
            )
            wrong = planned.once.get((minute, name), 0.0)
            totals[name] = 0.0 if wrong is None else max(round(tenths / 10 + wrong, 1), 0.0)
        powers = {name: getattr(truth, name) for name in reading(ts).keys() & set(truth._fields)}
        return reading(ts, interval_s=INTERVAL_S, **powers, **totals)


class Judge:
    """Compares what the database says with what the house did."""

    def __init__(self, database, device_id: str, house: House, first: date, count: int):
        self._database, self._device_id, self._house = database, device_id, house
        self._days = [first + timedelta(days=n) for n in range(count)]
        self._zone = ZoneInfo(ZONE)

    def report(self, seconds: float) -> Report:
        """Return the report."""
        opinions = self._opinions()
        joined = {day for span in self._spans() for day in span}
        worst, worst_changed = dict.fromkeys((*OPINIONS, "load"), 0.0), {}
        worst_changed |= worst
        for day in self._days:
            if day in joined:
                continue
            into = worst_changed if self._house.plans[day].for_good else worst
            for name, error in self._errors(opinions[day], day, day + timedelta(days=1)).items():
                into[name] = max(into[name], abs(error))
        return Report(
            days=len(self._days),
            whole_days=len(self._days) - len(joined),
            worst=worst,
            worst_changed=worst_changed,
            worst_span=max(map(self._span_error, self._spans()), default=0.0),
            span_days=len(joined),
            unflagged=[
                d for d in self._days if self._must_flag(d) and not opinions[d]["estimated"]
            ],
            flagged=[
                d
                for d in self._days
                if opinions.get(d, {}).get("estimated")
                and d not in joined
                and not self._house.plans[d].for_good
            ],
            worst_flow=self._worst_flow(),
            worst_share=self._worst_share(),
            seconds=seconds,
        )

    def _opinions(self) -> dict[date, dict]:
        statement = "SELECT * FROM sungrow_daily_energy(%s, %s, %s)"
        until = self._days[-1] + timedelta(days=1)
        found = rows(self._database, statement, self._device_id, self._days[0], until)
        return {row["day"]: row for row in found}

    def _errors(self, opinion: dict, day: date, until: date) -> dict[str, float]:
        truth = zip(self._house.truth_kwh[day], self._house.truth_kwh[until], strict=True)
        rises = dict(
            zip((*OPINIONS, "load"), (after - before for before, after in truth), strict=True)
        )
        return {name: opinion[f"{name}_counter_kwh"] - rise for name, rise in rises.items()}

    def _local(self, moment: datetime) -> date:
        return moment.astimezone(self._zone).date()

    def _spans(self) -> list[list[date]]:
        """Return the days that outages over midnight touch, those together that they join."""
        spans: list[list[date]] = []
        for begin, end in self._house.outages:
            last = min(self._local(end), self._days[-1])
            touched = [d for d in self._days if self._local(begin) <= d <= last]
            if len(touched) > 1 or self._local(end) > last:
                if spans and spans[-1][-1] >= touched[0]:
                    spans[-1] += [d for d in touched if d not in spans[-1]]
                else:
                    spans.append(touched)
        return spans

    def _span_error(self, span: list[date]) -> float:
        opinions = self._opinions()
        if any(self._house.plans[day].for_good for day in span) or span[-1] == self._days[-1]:
            return 0.0
        summed = {
            f"{name}_counter_kwh": sum(opinions[day][f"{name}_counter_kwh"] for day in span)
            for name in (*OPINIONS, "load")
        }
        errors = self._errors(summed, span[0], span[-1] + timedelta(days=1))
        return max(abs(error) for name, error in errors.items() if name != "load")

    def _must_flag(self, day: date) -> bool:
        """Say whether a day has to be estimated: for an outage, or a total that fell or jumped."""
        planned = self._house.plans[day].for_good
        known = (span for span in self._spans() if span[-1] != self._days[-1])
        return any(day in span for span in known) or bool(planned)

    def _worst_flow(self) -> float:
        terms = " + ".join((*FLOWS, "loss_kwh"))
        house = " + ".join(name for name in FLOWS if name.endswith("_to_house_kwh"))
        return self._worst(
            f"greatest(abs(pv_integral_kwh + battery_discharge_integral_kwh + import_integral_kwh"
            f" - ({terms})), abs(load_integral_kwh - ({house})))"
        )

    def _worst_share(self) -> float:
        house = " + ".join(name for name in FLOWS if name.endswith("_to_house_kwh"))
        solar = " + ".join(name for name in FLOWS if name.startswith("solar_to_"))
        return self._worst(
            f"greatest(-grid_to_house_kwh, -solar_to_grid_kwh, grid_to_house_kwh - ({house}),"
            f" solar_to_grid_kwh - ({solar}))"
        )

    def _worst(self, expression: str) -> float:
        found = [
            rows(
                self._database,
                f"SELECT max({expression}) AS worst FROM {table} WHERE device_id = %s",  # noqa: S608
                self._device_id,
            )[0]["worst"]
            for table in ("sungrow_5min", "sungrow_local_daily")
        ]
        return max(found)


def simulate(database, device_id: str, first: date, count: int, seed: int = 1) -> Report:
    """Let a house live for so many days, store its readings, judge what the database says."""
    begun = time.monotonic()
    rows(
        database,
        "INSERT INTO sungrow_devices (device_id, timezone, nominal_power_w) VALUES (%s, %s, %s)",
        device_id,
        ZONE,
        NOMINAL_W,
    )
    house = House(first, seed)
    for number in range(count):
        store(database, device_id, house.live(first + timedelta(days=number)))
    return Judge(database, device_id, house, first, count).report(time.monotonic() - begun)


def main(argv: list[str]) -> int:
    """Run it and print its report; 0: all of it is right."""
    parser = argparse.ArgumentParser(prog="python -m tests.year", description=__doc__)
    parser.add_argument("--first", type=date.fromisoformat, default=date(2026, 1, 1))
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory() as folder,
        sandbox.Postgres(Path(folder), fast=True) as server,
        connected(migrated(server)) as database,
    ):
        report = simulate(database, "house", arguments.first, arguments.days, arguments.seed)
    for name, value in report._asdict().items():
        print(f"{name}: {value}")
    print("right" if report.is_right() else "WRONG")
    return 0 if report.is_right() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
