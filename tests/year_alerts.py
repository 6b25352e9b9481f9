"""A year of a house in which much goes wrong: is each message justified, and is none missing?

    nice .venv/bin/python -m tests.year_alerts [--first 2026-01-01] [--days 365] [--seed 1]

One reading a minute goes straight into a private database. Each day has at most one trouble: fault
bits, alarms, trips, blips of one poll, silence long and short, a line that is cut and then brings a
backlog, a dongle that repeats itself, reboots, high voltage, heat, frost, jumps, a battery that is
no longer heard, one whose health falls, stuck counters, no yield, snow, and dark days of winter.
The past is judged again by ``server.alerts.replay``; every episode has to be one of the true ones,
and every true one has to be told. Prints the messages that a phone would have had.
"""

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import psycopg2

from edge_lib.simulator.household import Household
from edge_lib.simulator.register_image import CAPACITY_WH, NOMINAL_W
from server import sandbox
from server.alerts import sun
from server.alerts.options import Options
from server.alerts.replay import Replayed, replay
from server.alerts.states import Episode
from tests.support.batches import migrated
from tests.support.energies import ZONE
from tests.support.readings import connected, reading, rows, store
from tests.year import WINTER_TIME

MINUTE = timedelta(minutes=1)
LOW_SOC, LOW_FOR = 10.0, timedelta(hours=72)


class True_(NamedTuple):  # noqa: N801  "True" is taken
    """Something that was wrong; ``must``: it has to be told, else it may be: it is at a limit."""

    rule: str
    key: str
    begin: datetime
    end: datetime
    why: str
    must: bool = True

    def explains(self, episode: Episode) -> bool:
        """Return whether an episode is this one."""
        near = timedelta(minutes=12)
        ended = episode.closed_at or self.end
        is_then = self.begin - near <= episode.since <= self.end + near and ended >= self.begin
        return (episode.rule, episode.key) == (self.rule, self.key) and is_then


class Trouble(NamedTuple):
    """A kind of trouble: rule and key that tell it, and how long it lasts, in minutes."""

    rule: str
    key: str
    shortest: int
    longest: int
    shown: dict
    why: str


TROUBLES = (
    Trouble("fault_word", "13066", 5, 90, {"faults": "13066=4000", "running_state": 0x5500}, "714"),
    Trouble("fault_word", "13056", 5, 60, {"faults": "13056=8000"}, "51, backup overload"),
    Trouble("fault_word", "13060", 5, 60, {"faults": "13060=1"}, "a permanent fault"),
    Trouble("fault_word", "13000", 5, 60, {"running_state": 0x5500}, "stopped, no word says why"),
    Trouble("alarm_word", "13050", 15, 60, {"faults": "13050=4000"}, "84, meter reversed"),
    Trouble("", "", 2, 8, {"faults": "13050=4000"}, "an alarm that is gone soon"),
    Trouble("", "", 1, 1, {"faults": "13054=1"}, "one poll with a fault"),
    Trouble("grid_trip", "13052", 3, 8, {"faults": "13052=100"}, "a grid trip"),
    Trouble("off_grid", "", 5, 90, {"running_state": 0x1000}, "a power cut with backup"),
    Trouble("grid_v_high", "", 20, 60, {"grid_voltage_v": 252.8}, "252.8 V"),
    Trouble("grid_v_low", "", 20, 60, {"grid_voltage_v": 203.1}, "203.1 V"),
    Trouble("grid_f", "", 4, 9, {"grid_frequency_hz": 50.4}, "50.4 Hz"),
    Trouble("batt_hot", "", 15, 90, {"battery_temp_c": 47.5}, "47.5 °C"),
    Trouble("batt_blocked", "discharge", 40, 90, {"bms_max_discharge_a": 0.0}, "BMS forbids it"),
    Trouble("frozen", "", 12, 40, {"frozen": True}, "a dongle that repeats itself"),
    Trouble("no_data", "", 14, 480, {"silent": True}, "no poll succeeds"),
    Trouble("", "", 1, 8, {"silent": True}, "a short silence"),
    Trouble("no_data", "", 14, 300, {"late": True}, "the line is cut"),
    Trouble("", "", 1, 8, {"late": True}, "the line is cut for a moment"),
    Trouble("restarts", "", 120, 120, {"reboots": True}, "four boots in two hours"),
    Trouble("batt_jump", "", 60, 60, {"jump": True}, "the charge jumps, and back"),
    Trouble("counter_stuck", "pv", 300, 420, {"stuck": True}, "the counter stands"),
    Trouble("batt_cold", "", 13, 18, {"battery_temp_c": -3.0, "battery_power_w": 600.0}, "frost"),
    Trouble("batt_link", "", 45, 90, {"deaf": True}, "the battery is not heard any more"),
    Trouble("soh_drop", "", 600, 600, {"ages": True}, "its health falls by three points"),
    Trouble("snow", "", 1440, 1440, {"snow": True}, "snow on the roof, all day"),
    Trouble("no_yield", "", 180, 220, {"pv_power_w": 0, "running_state": 0x8000}, "inverter off"),
)
OF_DAYLIGHT = {"counter_stuck", "no_yield"}


class House:
    """The house, its readings, and what was wrong with it."""

    def __init__(self, first: date, seed: int):
        self._zone = ZoneInfo(ZONE)
        self._place = sun.place_of(ZONE)
        self._house = Household(self.midnight(first), seed, WINTER_TIME)
        self._chance = random.Random(seed)
        self._boot, self._seq, self._stuck, self._soh = 1, 0, 0.0, 98.0
        self._heard = 0.0  # the charge that a deaf inverter goes on showing
        self._kwh: dict[date, float] = {}
        self._last: dict = {}
        self._low_since: datetime | None = None
        self._low_last: datetime | None = None
        self.truth: list[True_] = []
        self.quiet: list[str] = []  # troubles that must not be told

    def midnight(self, day: date) -> datetime:
        return datetime.combine(day, datetime.min.time(), self._zone).astimezone(UTC)

    def live(self, day: date) -> list[tuple[dict, datetime]]:
        """Live through a day; return its readings, and when each arrives."""
        begin, end = self.midnight(day), self.midnight(day + timedelta(days=1))
        trouble = self._chance.choice(TROUBLES) if self._chance.random() < 0.7 else None
        first = last = end
        if trouble:
            length = timedelta(minutes=self._chance.randint(trouble.shortest, trouble.longest))
            hour = 10.0 if trouble.rule in OF_DAYLIGHT else self._chance.uniform(1, 15)
            hour = 0.0 if trouble.rule == "snow" else hour
            first = begin + timedelta(minutes=round(60 * hour))
            last = first + length
        found = []
        ts = begin + MINUTE / 2
        while ts < end:
            self._house.advance(ts)
            one = self._sample(ts, trouble if trouble and first <= ts < last else None, first)
            if one is not None:
                late = trouble and "late" in trouble.shown and first <= ts < last
                found.append((one, last + MINUTE / 4 if late else ts))
            ts += MINUTE
        if trouble:
            self._note(trouble, first, last, [one for one, _ in found])
        self._note_day(day, begin, end, [one for one, _ in found])
        return found

    def _note_day(self, day: date, begin: datetime, end: datetime, found: list[dict]) -> None:
        """Note a day that brought next to nothing beside the best of the month before it."""
        kwh = sum(one["pv_power_w"] for one in found) / 60_000
        lately = [self._kwh.get(day - timedelta(days=days), 0.0) for days in range(1, 31)]
        self._kwh[day] = kwh
        best = max(lately)
        if best > 0.9 and kwh < 0.033 * best:
            must = best > 1.1 and kwh < 0.027 * best and len(found) > 1400
            why = f"{kwh:.2f} kWh, the best of a month was {best:.1f}"
            self.truth.append(True_("low_day", day.isoformat(), begin, end, why, must))

    def _sample(self, ts: datetime, trouble: Trouble | None, first: datetime) -> dict | None:
        truth = self._house.truth
        shown = dict(trouble.shown) if trouble else {}
        names = reading(ts).keys() & set(truth._fields)
        one = reading(ts, interval_s=60.0, **{name: getattr(truth, name) for name in names})
        wobble = self._chance.uniform(-0.4, 0.4)
        day = truth.pv_power_w > 0
        one |= {
            "battery_temp_c": 22.0,
            "battery_soh_pct": self._soh,
            "inverter_power_w": truth.inverter_power_w,
            "grid_power_w": -truth.export_power_w,
            "mppt1_voltage_v": 330 + 10 * wobble if day else 0.0,
            "mppt1_current_a": truth.string_powers_w[0] / 330,
            "mppt2_voltage_v": 320 + 10 * wobble if day else 0.0,
            "grid_voltage_v": round(231 + 4 * wobble, 1),
            "grid_frequency_hz": round(50 + wobble / 10, 1),
            "inverter_temp_c": 30 + wobble,
            "running_state": 0 if day or truth.battery_power_w else 0x1400,
            "faults": "",
            "bms_max_charge_a": 30.0,
            "bms_max_discharge_a": 30.0,
            "pv_total_kwh": int(truth.total_kwh.pv * 10) / 10,
        }
        one |= self._spoilt(one, shown, ts - first < MINUTE, (ts - first) % (30 * MINUTE) < MINUTE)
        if shown.pop("frozen", False) and self._last:
            one = {**self._last, "ts": ts, "seq": self._seq}
        self._watch(ts, one["battery_soc_pct"])
        if shown.pop("silent", False):
            return None
        shown.pop("late", None)
        if "pv_power_w" in shown:  # the house lives on the grid alone meanwhile
            shown |= {"battery_power_w": 0.0, "export_power_w": -one["load_power_w"]}
            shown |= {"grid_power_w": one["load_power_w"], "inverter_power_w": 0.0}
        self._last = one | shown
        return self._last

    def _spoilt(self, one: dict, shown: dict, is_first: bool, is_half_hour: bool) -> dict:
        """Return what a trouble changes of a reading in more than one field, or for good."""
        changed: dict = {}
        if shown.pop("reboots", False) and is_half_hour:
            self._boot, self._seq = self._boot + 1, 0
        self._seq += 1
        changed |= {"boot": f"{self._boot:032x}", "seq": self._seq}
        self._stuck = (self._stuck or one["pv_total_kwh"]) if shown.pop("stuck", False) else 0.0
        if self._stuck:
            changed["pv_total_kwh"] = self._stuck
        self._soh -= 3.0 * (shown.pop("ages", False) and is_first)
        changed["battery_soh_pct"] = self._soh
        soc = one["battery_soc_pct"]
        self._heard = (self._heard or soc) if shown.pop("deaf", False) else 0.0
        if self._heard:
            power_w = 1200.0 + one["grid_frequency_hz"] + soc / 7
            changed |= {"battery_soc_pct": self._heard, "battery_power_w": power_w}
        if shown.pop("snow", False):
            changed |= {name: 0.0 for name in one if name.startswith("mppt")}
            changed["running_state"] = shown["pv_power_w"] = 0
        if shown.pop("jump", False):
            changed["battery_soc_pct"] = soc + (9 if soc < 50 else -9)
        return changed

    def _watch(self, ts: datetime, soc: float) -> None:
        """Note when the battery was low for days: the house's own winter, no trouble of ours."""
        if soc < LOW_SOC:
            self._low_since = self._low_since or ts
            self._low_last = ts
        elif self._low_since and self._low_last:
            self.end_of_low()

    def end_of_low(self) -> None:
        """Note a time of low charge that is over."""
        if self._low_since and self._low_last and self._low_last - self._low_since > LOW_FOR * 0.5:
            lasted = self._low_last - self._low_since
            must = lasted > LOW_FOR + timedelta(hours=14)
            if must or lasted > LOW_FOR * 0.98:
                span = self._low_since, self._low_last
                self.truth.append(True_("batt_low_long", "", *span, "below 10 % for days", must))
        self._low_since = self._low_last = None

    def _note(self, trouble: Trouble, first: datetime, last: datetime, day: list[dict]) -> None:
        if trouble.rule == "snow":
            return  # the day says so, where the sun would have brought anything
        if not trouble.rule:
            self.quiet.append(trouble.why)
            return
        during = [one for one in day if first <= one["ts"] < last]
        must = True
        if trouble.rule == "soh_drop":
            last += timedelta(days=7)  # a week ago it was better; what falls on is told again
            week = first - timedelta(days=9)
            must = not any(one.rule == "soh_drop" and one.begin > week for one in self.truth)
        if trouble.rule == "counter_stuck":
            kwh = sum(one["pv_power_w"] for one in during) / 60_000
            if kwh < 0.8:
                return
            must = kwh > 1.5
        must = must and self._is_clear(trouble.rule, first, last, during)
        self.truth.append(True_(trouble.rule, trouble.key, first, last, trouble.why, must))

    def _is_clear(self, rule: str, first: datetime, last: datetime, during: list[dict]) -> bool:
        """Return whether a trouble is far enough from the limits of its rule."""
        socs = [one["battery_soc_pct"] for one in during]
        if rule == "no_yield":
            height = sun.elevation(first, self._place), sun.elevation(last, self._place)
            return min(height) > 16 and max(socs) < 97
        if rule == "batt_blocked":
            return min(socs) > 16
        if rule == "batt_link":
            return 0 < socs[0] < 98
        if rule == "frozen":
            return min(abs(one["load_power_w"]) for one in during) > 0
        return True


class Verdict(NamedTuple):
    """What came of it."""

    replayed: Replayed
    rows: list[tuple[Episode, True_ | None]]
    missing: list[True_]
    quiet: int
    seconds: float

    @property
    def false(self) -> list[Episode]:
        return [episode for episode, truth in self.rows if truth is None]


def simulate(database, device_id: str, first: date, count: int, seed: int = 1) -> Verdict:
    """Let a house live for so many days, judge its past, and compare."""
    begun = time.monotonic()
    rows(
        database,
        "INSERT INTO sungrow_devices (device_id, timezone, nominal_power_w, has_battery,"
        " battery_capacity_kwh) VALUES (%s, %s, %s, true, %s)",
        *(device_id, ZONE, NOMINAL_W, CAPACITY_WH / 1000),
    )
    house = House(first, seed)
    begin, end = (house.midnight(first + timedelta(days=days)) for days in (0, count))
    for number in range(count):
        lived = house.live(first + timedelta(days=number))
        store(database, device_id, [one for one, _ in lived])
        arrive(database, device_id, lived)
    house.end_of_low()
    with contextlib.closing(psycopg2.connect(database.dsn)) as plain:
        found = replay(plain, begin + MINUTE, end, Options(), [device_id])
    return compare(found, house, time.monotonic() - begun)


def arrive(database, device_id: str, lived: list[tuple[dict, datetime]]) -> None:
    """Say when the readings of a day arrived: at once, but for those of a line that was cut."""
    if not lived:
        return
    span = device_id, lived[0][0]["ts"], lived[-1][0]["ts"]
    rows(
        database,
        "UPDATE sungrow_samples SET received_at = ts WHERE device_id = %s AND ts BETWEEN %s AND %s",
        *span,
    )
    late = [(one["ts"], at) for one, at in lived if at != one["ts"]]
    if late:
        rows(
            database,
            "UPDATE sungrow_samples SET received_at = %s WHERE device_id = %s"
            " AND ts BETWEEN %s AND %s",
            *(late[0][1], device_id, late[0][0], late[-1][0]),
        )


def compare(found: Replayed, house: House, seconds: float) -> Verdict:
    """Set what was told beside what was wrong."""
    told = [
        (episode, next((one for one in house.truth if one.explains(episode)), None))
        for episode in found.episodes
    ]
    explained = {truth for _, truth in told if truth}
    missing = [one for one in house.truth if one.must and one not in explained]
    return Verdict(found, told, missing, len(house.quiet), seconds)


def most_a_day(found: Replayed, zone: ZoneInfo) -> int:
    """Return how many messages came on the day with the most."""
    days = Counter(message.at.astimezone(zone).date() for message in found.messages)
    return max(days.values(), default=0)


def main(argv: list[str]) -> int:
    """Run it and print messages and table; 0: none false, none missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.year_alerts", description=__doc__)
    parser.add_argument("--first", type=date.fromisoformat, default=date(2026, 1, 1))
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory() as folder,
        sandbox.Postgres(Path(folder), fast=True) as server,
        connected(migrated(server, site_timezone=ZONE)) as database,
    ):
        verdict = simulate(database, "house", arguments.first, arguments.days, arguments.seed)
    return print_year(verdict)


def print_year(verdict: Verdict) -> int:
    """Print messages, table and counts; return 0 where none is false and none missing."""
    zone = ZoneInfo(ZONE)
    for message in verdict.replayed.messages:
        at = message.at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        print(f"{at}  {message.row.event:<8}  {message.row.body['title']}")
    print("\n| episode | rule | severity | because |\n|---|---|---|---|")
    for episode, truth in verdict.rows:
        at = episode.since.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        print(
            f"| {at} | {episode.rule} {episode.key} | {episode.severity} |"
            f" {truth.why if truth else 'NOTHING: FALSE'} |"
        )
    for truth in verdict.missing:
        print(f"MISSING: {truth}")
    print(
        f"{len(verdict.replayed.messages)} messages, {len(verdict.rows)} episodes,"
        f" {len(verdict.false)} false, {len(verdict.missing)} missing; {verdict.quiet} troubles"
        f" too short to be told; {most_a_day(verdict.replayed, zone)} at most on a day;"
        f" {verdict.seconds:.0f} s"
    )
    return 1 if verdict.false or verdict.missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
