"""Completeness of a range of days, counted in one go, is that of each day by itself."""

import itertools
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from server import sandbox
from tests.support.p1 import in_zone, p1_reading, store_p1
from tests.support.readings import connected, new_device, reading, rows, store, utc

BY_DAY = sandbox.ROOT / "tests/support/completeness_by_day.sql"
DAY, STEP = timedelta(days=1), timedelta(minutes=20)
# Days on which clocks change, one that was left out, and two midnights in one night.
ZONES = (
    ("Europe/Berlin", "2026-03-22"),
    ("Europe/Berlin", "2026-10-18"),
    ("America/Havana", "2024-10-27"),
    ("Australia/Lord_Howe", "2026-03-29"),
    ("Pacific/Apia", "2011-12-24"),
)
CASES = [(kind, *where) for kind in ("sample", "p1") for where in ZONES]
_boots = itertools.count(1)


@pytest.fixture(scope="module")
def database(databases):
    with connected(databases.migrated("Europe/Berlin")) as connection:
        rows(connection, BY_DAY.read_text(encoding="utf-8"))
        yield connection


def both(database, device_id: str, kind: str, first: date, last: date) -> tuple[list, list]:
    """Return the days as they are counted in one go, and each by itself, at the same moment."""
    with database, database.cursor() as cursor:
        asked = "SELECT * FROM sungrow_completeness_days(%s, %s, %s, %s)"
        cursor.execute(asked, (device_id, first, last, kind))
        in_one_go = [dict(row) for row in cursor]
        cursor.execute(
            "SELECT %s::date + n AS day, counts.* FROM generate_series(0, %s::date - %s) AS n,"
            " by_day_completeness(%s, %s::date + n, %s) AS counts ORDER BY n",
            (first, last, first, device_id, first, kind),
        )
        return in_one_go, [dict(row) for row in cursor]


def polls(chance: random.Random, start: datetime, days: int) -> list[dict]:
    """Return readings with their numbers: restarts, losses, midnights left out, clocks set."""
    made, ts, boot, seq = [], start, f"{next(_boots):032x}", 0
    quiet_from = start + chance.randrange(3, days) * DAY
    while ts < start + days * DAY:
        ts += STEP
        seq += 1
        if chance.random() < 0.01:
            boot, seq = f"{next(_boots):032x}", 0
        clock = (
            timedelta(hours=chance.choice((-30, -2, 0, 0, 0, 26))) if seq % 97 > 90 else STEP * 0
        )
        is_lost = (
            chance.random() < 0.1 or ts.hour in (22, 23) or quiet_from < ts < quiet_from + 2 * DAY
        )
        if is_lost or chance.random() < 0.03:
            continue
        made.append(
            {"ts": ts + clock + timedelta(seconds=chance.random()), "boot": boot, "seq": seq}
        )
    return made


def told(chance: random.Random, device_id: str, kind: str, made: list[dict]) -> list[tuple]:
    """Return rows of what the edge tells beside, and of what was forgotten."""
    ago = datetime.now(UTC) - timedelta(hours=1)
    found = []
    for one in chance.sample(made, 40):
        ts, seq = one["ts"], one["seq"] + chance.choice((0, 1, 2, 50))
        known = chance.choice((ts, None, ts + DAY))
        found.append(("sungrow_parked", (device_id, one["boot"], seq, known, "x", None, ts, kind)))
    for one in chance.sample(made, 15):
        lasts = timedelta(hours=chance.choice((0, 1, 30, 80)))
        cause, count = chance.choice(("thinned", "edge_down")), chance.choice((None, 1, 3, 200))
        gap = (device_id, one["ts"] - STEP, cause, one["ts"] + lasts, count, ago, kind)
        found.append(("sungrow_gaps", gap))
    for one in chance.sample(made, 3):
        until = one["ts"] + timedelta(hours=chance.choice((1, 40)))
        found.append(("sungrow_forgotten", (device_id, one["ts"], until, ago)))
    for number, one in enumerate(chance.sample(made, 200)):
        failed = chance.choice(("{}", '{"timeout": 2}', '{"timeout": 1, "exception_4": 5}'))
        slot = one["ts"].replace(minute=one["ts"].minute // 15 * 15, second=0, microsecond=0)
        waiting, oldest = chance.choice((None, 0, 7, 5000)), chance.choice((None, slot))
        report = (one["boot"], slot, 3, failed, waiting, oldest, None, None)
        found.append(
            ("sungrow_reports", (device_id, *report, ago + number * timedelta(0, 1), kind))
        )
    return found


def a_nasty_history(database, kind: str, zone: str, first: date, chance: random.Random) -> str:
    device_id = in_zone(database, zone)
    start = utc(f"{first} 00:00") + timedelta(hours=chance.randrange(-12, 48))
    made = polls(chance, start, 14)
    if kind == "p1":
        store_p1(database, device_id, [p1_reading(**one) for one in made])
    else:
        store(database, device_id, [reading(**one, interval_s=1200.0) for one in made])
    for table, row in told(chance, device_id, kind, made):
        marks = ", ".join(["%s"] * len(row))
        insert = f"INSERT INTO {table} VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
        rows(database, insert, *row)
    if chance.random() < 0.7:  # else all may still be on its way
        ago = "UPDATE sungrow_seqs SET received_at = received_at - interval '70 minutes'"
        rows(database, f"{ago} WHERE device_id = %s", device_id)
    return device_id


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("kind", "zone", "first"), CASES)
def test_a_range_of_days_is_counted_as_each_of_its_days(database, kind, zone, first, seed):
    first = date.fromisoformat(first)
    chance = random.Random(f"{kind} {zone} {first} {seed}")
    device_id = a_nasty_history(database, kind, zone, first, chance)
    in_one_go, by_day = both(database, device_id, kind, first - 3 * DAY, first + 20 * DAY)
    assert in_one_go == by_day
    assert sum(day["stored"] for day in by_day) > 300
    assert sum(day["lost"] + day["in_transit"] for day in by_day) > 20
    assert in_one_go[5:12] == both(database, device_id, kind, first + 2 * DAY, first + 8 * DAY)[0]


def test_today_and_days_to_come_are_counted_alike(database):
    device_id, boot = new_device(), f"{next(_boots):032x}"
    begun = datetime.now(UTC) - 3 * DAY
    made = [{"ts": begun + n * STEP, "boot": boot, "seq": n} for n in range(216) if n % 7]
    store(database, device_id, [reading(**one, interval_s=1200.0) for one in made])
    store_p1(database, device_id, [p1_reading(**one) for one in made])
    for kind in ("sample", "p1"):
        in_one_go, by_day = both(
            database, device_id, kind, begun.date() - DAY, begun.date() + 6 * DAY
        )
        assert in_one_go == by_day
        assert {day["stored"] > 0 for day in by_day} == {True, False}


def test_of_a_day_that_was_left_out_no_share_is_covered(database):
    device_id, skipped = in_zone(database, "Pacific/Apia"), date(2011, 12, 30)
    store_p1(database, device_id, [p1_reading(utc("2011-12-29 12:00"))])
    found, _ = both(database, device_id, "p1", skipped - DAY, skipped + DAY)
    assert [day["covered"] is None for day in found] == [False, True, False]


@pytest.mark.parametrize("kind", ["sample", "p1"])
def test_of_a_device_that_was_never_heard_of_nothing_is_expected(database, kind):
    in_one_go, by_day = both(database, new_device(), kind, date(2026, 3, 1), date(2027, 1, 1))
    assert in_one_go == by_day
    assert len(by_day) == 307
    assert all(day["stored"] == day["lost"] == 0 for day in by_day)
