"""Simulated lives of a battery, measured; and how far that is from their hidden truth."""

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from edge_lib.simulator.battery import Hidden
from server.battery import analyse, digest, measure, year
from server.battery.rows import MARGIN_S, Digest, FiveMinutes, Settings
from tests.support.battery_life import Life, Lived, at_random, live


class Judged(NamedTuple):
    model: measure.Model
    year: year.Year
    result: dict

    def value(self, name: str) -> float | None:
        return self.result["figures"][name]["value"]

    def figure(self, name: str) -> dict:
        return self.result["figures"][name]


def digests(rows: list[FiveMinutes], settings: Settings) -> list[Digest]:
    zone = ZoneInfo(settings.timezone)
    by_day = defaultdict(list)
    for row in rows:
        by_day[datetime.fromtimestamp(row.bucket_s, zone).date()].append(row)
    made = []
    for day in sorted(by_day):
        begin_s, end_s = midnight_s(day, zone), midnight_s(day + timedelta(days=1), zone)
        before = by_day.get(day - timedelta(days=1), [])
        lead = [row for row in before[-MARGIN_S // 300 :] if row.bucket_s >= begin_s - MARGIN_S]
        made.append(digest.of_day(day, [*lead, *by_day[day]], begin_s, end_s, settings))
    return made


def midnight_s(day: date, zone: ZoneInfo) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def measured(rows: list[FiveMinutes], settings: Settings) -> measure.Model:
    now_s = rows[-1].bucket_s + 300.0 if rows else 0.0
    return measure.measure(digests(rows, settings), settings, now_s)


def judged(rows: list[FiveMinutes], settings: Settings, days: list[Digest] | None = None) -> Judged:
    """Return the result of these rows; ``days``: their digests; no rows: without a replay."""
    days = digests(rows, settings) if days is None else days
    now_s = rows[-1].bucket_s + 300.0 if rows else (days[-1].last_s if days else 0.0)
    model = measure.measure(days, settings, now_s)
    found = year.Year(model, settings)
    for row in rows:
        if row.bucket_s >= now_s - measure.YEAR_S:
            found.feed(row)
    found.end()
    return Judged(model, found, analyse.result("home-1", model, found, [], settings))


def settings_of(life: Life, **more) -> Settings:
    hidden = life.hidden
    installed = life.born.date()
    about = {
        "capacity_kwh": hidden.capacity_kwh + hidden.extended_kwh,
        "min_soc_pct": hidden.min_soc_pct,
        "installed": installed,
        "warranty_years": 10,
        "warranty_mwh": 30,
    }
    return Settings(**{**about, **more})


def truth_kwh(lived: Lived, at_s: float) -> float:
    start_s = lived.truth_kwh[0][0]
    n = min(len(lived.truth_kwh) - 1, max(0, round((at_s - start_s) / 86_400)))
    return lived.truth_kwh[n][1]


def years_off(lived: Lived, one: Judged, meter_gain: float = 1.0) -> list[dict]:
    """Return of each year with a capacity: events, error, whether its interval covers.

    ``net``: without the error of the meters, which is declared apart; ``tight``: an interval
    without it covers what such meters could have shown.
    """
    zone, found = one.model.zone, []
    for row in one.result["capacity_by_year"]:
        ends = [
            window.to_s
            for window in one.model.windows
            if (window.kind, window.epoch) == ("full_empty", row["epoch"])
            and datetime.fromtimestamp(window.to_s, zone).year == row["year"]
        ]
        if row["value"] is None:
            continue
        truth = sum(truth_kwh(lived, at_s) for at_s in ends) / len(ends)
        covers = None if row["low"] is None else row["low"] <= truth <= row["high"]
        off = 100 * (row["value"] / truth - 1)
        shown = truth * meter_gain
        tight = None if row["low"] is None else row["low"] / 0.98 <= shown <= row["high"] / 1.02
        net = 100 * (row["value"] / shown - 1)
        found.append(
            {"n": row["n"], "off_pct": off, "net_pct": net, "covers": covers, "tight": tight}
        )
    return found


def random_life(seed: int, years: float = 2.1) -> tuple[Life, Settings]:
    """Return a house of which nobody knows what its battery is like."""
    dice = random.Random(seed)
    hidden = Hidden(
        capacity_kwh=dice.choice((6.4, 9.6, 9.6, 19.2, 25.6)),
        fade_pct_year=dice.choice((0.0, 2.5, 6.0)),
        eta=dice.uniform(0.95, 0.985),
        standby_w=dice.uniform(0, 40),
        is_learning=dice.random() < 0.5,
        gain=dice.uniform(0.99, 1.01),
        soc_step_pct=dice.choice((0.1, 1.0)),
        min_soc_pct=dice.choice((0.0, 5.0, 10.0, 20.0)),
        jumps_a_year=dice.choice((0.0, 6.0)),
    )
    silent = at_random(seed, 0.03) if dice.random() < 0.5 else None
    gain = dice.uniform(0.99, 1.01)
    life = Life(hidden, seed, years, meter_gain=gain, silent=silent)
    asked = {} if dice.random() < 0.5 else {"min_soc_pct": None}
    return life, settings_of(life, **asked)


def seed_report(seed: int, years: float = 2.1) -> dict:
    life, settings = random_life(seed, years)
    lived = live(life)
    one = judged(lived.rows, settings)
    hidden, share = life.hidden, lived.truth_kwh[-1][1] / lived.truth_kwh[0][1]
    report = {"seed": seed, "years": years_off(lived, one, life.meter_gain), "reasons": {}}
    for name, truth in (
        ("round_trip_pct", 100 * hidden.eta**2),
        ("standby_w", hidden.standby_w * life.meter_gain),
        ("fade_pct_year", hidden.fade_pct_year),
        ("capacity_pct", 100 * share),
        ("soh_optimistic_points", lived.rows[-1].soh_pct - 100 * share),
    ):
        figure = one.figure(name)
        report[name] = None
        if figure["value"] is not None:
            covers = figure["low"] <= truth <= figure["high"]
            report[name] = {"off": figure["value"] - truth, "covers": covers, "n": figure["n"]}
    for name, figure in one.result["figures"].items():
        if figure["value"] is None:
            report["reasons"][name] = figure["reason"]
    own = next((row for row in one.result["whatif"]["capacities"] if row["is_own"]), None)
    measured = one.result["whatif"]["measured_import_kwh"]
    report["replay_pct"] = 100 * (own["import_kwh"] / measured - 1) if own else None
    report["epochs"] = one.model.epoch + 1
    report["hidden"] = hidden._asdict()
    return report
