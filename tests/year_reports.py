"""The other half of a year of alerts: what edge and server say of themselves, minute by minute.

    nice .venv/bin/python -m tests.year_reports [--days 365] [--seed 1]

No past can be asked for that, so rules that need it cannot be replayed (``tests.year_alerts`` has
the others). Here two healthy houses and their server live through a year in memory; each day at
most one thing is wrong: readings that wait, a disk that fills, a clock nobody knows, parked, lost
or conflicting readings, a certificate that ends, a backup that fails, errors, a meter, a front or a
line that is silent; long, or so short that nobody must hear of it. Every minute is judged as a run
does it.
"""

import argparse
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from server.alerts import evaluate
from server.alerts.evidence import Evidence, Front, House, Report, Server
from server.alerts.hours import Hours
from server.alerts.options import Options
from server.alerts.replay import PHONE, Rehearsal, Replayed
from server.alerts.states import SERVER, Episode
from tests.support.energies import ZONE
from tests.year_alerts import True_, Verdict, print_year

MINUTE = timedelta(minutes=1)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
HOMES = ("home", "barn")
DAY_MIN = 1440


class Trouble(NamedTuple):
    """What is wrong: rule, how long in minutes, of the first house, or of all and the server."""

    rule: str
    shortest: int
    longest: int
    shown: dict[str, Any]
    why: str
    device: str = HOMES[0]
    lasts_min: int = 0  # as long as that it is seen afterwards


OLD = {"oldest": True, "waiting": 50}
FULL_DISK = {"free_bytes": 3e9, "size_bytes": 40e9}
TROUBLES = (
    Trouble("backlog", 65, 300, OLD, "readings wait"),
    Trouble("", 5, 55, OLD, "readings wait for a while"),
    Trouble("spool_disk", 8, 300, {"spool_used_pct": 85.0}, "the edge's disk fills"),
    Trouble("spool_disk", 8, 300, {"spool_state": "full"}, "it is full"),
    Trouble("", 1, 4, {"spool_state": "failing"}, "a write fails once"),
    Trouble("clock", 33, 300, {"clock": "unknown"}, "the edge does not know the time"),
    Trouble("", 2, 28, {"clock": "unknown"}, "it does not for half an hour"),
    Trouble("parked", 1, 1, {"parked": 3}, "three readings were refused", lasts_min=DAY_MIN),
    Trouble("conflict", 1, 1, {"conflicts": 2}, "two conflict", lasts_min=DAY_MIN),
    Trouble("lost", 1, 1, {"lost": 7}, "seven readings are nowhere", lasts_min=DAY_MIN),
    Trouble("", 1, 14, {"lost": 7}, "seven are late"),
    Trouble("edge_version", 65, 600, {"edge_version": "0.0.9"}, "an old edge"),
    Trouble("p1_no_data", 14, 400, {"p1_silent": True}, "the grid meter is silent"),
    Trouble("", 1, 8, {"p1_silent": True}, "it is for a moment"),
    Trouble("cert", 65, 1300, {"cert_days": 9.0}, "the certificate is not renewed", SERVER),
    Trouble("", 1, 50, {"cert_days": 9.0}, "it is, an hour late", SERVER),
    Trouble("server_disk", 20, 900, {"disk": FULL_DISK}, "the server's disk fills", SERVER),
    Trouble("backup", 20, 1300, {"backup": "failed"}, "a backup failed", SERVER),
    Trouble("doctor", 20, 1300, {"doctor": "failed"}, "the doctor found something", SERVER),
    Trouble("queries_5xx", 12, 90, {"errors_5xx": 4}, "the server answers with errors", SERVER),
    Trouble("", 1, 8, {"errors_5xx": 1}, "it did once", SERVER),
    Trouble("front", 14, 300, {"front": "connection", "silent": True}, "the front is away", SERVER),
    Trouble("", 1, 4, {"front": "status", "silent": True}, "it restarts", SERVER),
    Trouble("", 30, 600, {"front": "dns"}, "it is only from here that it is", SERVER),
    Trouble("line", 14, 300, {"silent": True}, "the line into the server is cut", SERVER),
)


class Site:
    """Two houses and their server, and what is wrong with them."""

    def __init__(self, seed: int):
        self._chance = random.Random(seed)
        self.truth: list[True_] = []
        self.quiet = 0
        self._trouble: Trouble | None = None
        self._first = self._last = self._told_until = BEGAN
        self._newest = BEGAN

    def begin(self, day: datetime) -> None:
        """Choose what is wrong on a day."""
        self._trouble = None
        if self._chance.random() < 0.3:
            return
        one = self._chance.choice(TROUBLES)
        # What counts for 24 hours is over before the next; its end shall not be that of another.
        if one.lasts_min and day - self._told_until < timedelta(days=2):
            return
        length = timedelta(minutes=self._chance.randint(one.shortest, one.longest))
        latest = DAY_MIN - 60 - length // MINUTE
        self._first = day + self._chance.randint(60, max(latest, 61)) * MINUTE
        self._last = self._first + max(length, one.lasts_min * MINUTE)
        self._trouble = one
        if one.lasts_min:
            self._told_until = self._last
        if one.rule:
            device_end = self._last + (DAY_MIN * MINUTE if one.lasts_min else timedelta())
            self.truth.append(True_(one.rule, "", self._first, device_end, one.why))
        else:
            self.quiet += 1

    def at(self, now: datetime) -> tuple[Server, list[Evidence]]:
        """Return what is seen at a moment."""
        one = self._trouble if self._trouble and self._first <= now < self._last else None
        shown = one.shown if one else {}
        if not shown.get("silent"):
            self._newest = now - MINUTE / 2
        houses = [self._house(name, now, shown if name == HOMES[0] else {}) for name in HOMES]
        problem = shown.get("front")
        job = {"time": now.replace(hour=2, minute=10).isoformat()}
        jobs = {name: {**job, "result": shown.get(name, "ok")} for name in ("backup", "doctor")}
        jobs["doctor"]["disk"] = shown.get("disk", {"free_bytes": 30e9, "size_bytes": 40e9})
        front = Front(problem, "no connection", None if problem else shown.get("cert_days", 60.0))
        return Server(now, (), front, jobs, shown.get("errors_5xx", 0)), houses

    def _house(self, name: str, now: datetime, shown: dict[str, Any]) -> Evidence:
        told = {"spool_state": "ok", "spool_used_pct": 20.0, "disk_free_mb": 9000.0}
        told |= {key: shown[key] for key in told if key in shown}
        report = Report(
            min(now - MINUTE / 2, self._newest),
            now - 5 * MINUTE,
            "a",
            waiting=shown.get("waiting", 0),
            oldest_unsent_ts=self._first if shown.get("oldest") else None,
            clock=shown.get("clock", "synchronised"),
            told=told,
        )
        version = shown.get("edge_version", "0.1.0")
        seen = Evidence(now, House(name, None, ZONE, edge_version=version), hours=Hours())
        seen.newest = seen.newest_received = self._newest
        seen.report = seen.p1_report = report
        seen.p1_newest = self._first if shown.get("p1_silent") else self._newest
        seen.boots, seen.parked, seen.conflicts = (
            1,
            shown.get("parked", 0),
            shown.get("conflicts", 0),
        )
        seen.lost = shown.get("lost", 0) if now.minute % 15 == 0 else None
        return seen


def live(days: int, seed: int) -> tuple[Site, Replayed]:
    """Live through so many days; return what was wrong, and what was told."""
    site, options = Site(seed), Options((PHONE,))
    rehearsal = Rehearsal(None, BEGAN, ZoneInfo(ZONE))  # type: ignore[arg-type]  it asks nothing
    now = BEGAN
    for minute in range(days * DAY_MIN):
        now = BEGAN + minute * MINUTE
        if minute % DAY_MIN == 0:
            site.begin(now)
        server, houses = site.at(now)
        rehearsal.begin(now)
        evaluate.judge_all(rehearsal, server, houses, options)
        rehearsal.save()
        evaluate.tell(None, rehearsal, houses, options)  # type: ignore[arg-type]
    episodes = [*rehearsal.over, *rehearsal.lately(), *rehearsal.going_on.values()]
    opened = sorted((one for one in episodes if one.opened_at), key=lambda one: one.since)
    return site, Replayed(opened, rehearsal.messages, days * DAY_MIN)


def compare(site: Site, found: Replayed, seconds: float) -> Verdict:
    """Set what was told beside what was wrong."""

    def because(episode: Episode) -> True_ | None:
        return next((one for one in site.truth if one.explains(episode)), None)

    told = [(episode, because(episode)) for episode in found.episodes]
    explained = {truth for _, truth in told if truth}
    missing = [one for one in site.truth if one.must and one not in explained]
    return Verdict(found, told, missing, site.quiet, seconds)


def main(argv: list[str]) -> int:
    """Run it and print messages and table; 0: none false, none missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.year_reports", description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    begun = time.monotonic()
    site, found = live(arguments.days, arguments.seed)
    return print_year(compare(site, found, time.monotonic() - begun))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
