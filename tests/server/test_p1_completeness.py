"""Completeness, gaps and hours of the grid meter: by its own numbers, or by what is covered."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.support.batches import app_on, assert_error, get
from tests.support.p1 import p1_reading, store_p1
from tests.support.readings import new_device, reading, rows, store, utc
from tests.support.samples import DEVICE

SITE = "Europe/Berlin"
NOON = utc("2026-05-05 12:00")
DAY = date(2026, 5, 5)
FIRST, UNTIL = utc("2026-05-04 22:00"), utc("2026-05-05 22:00")  # of that day in Berlin
STEP, MINUTE = timedelta(seconds=10), timedelta(seconds=60)
ASKED = f"?device_id={DEVICE}&from=2026-05-05&to=2026-05-05"


def numbered(boot: str, numbers, start: datetime = NOON) -> list[dict]:
    return [p1_reading(start + STEP * seq, boot=boot, seq=seq) for seq in numbers]


def day_of(database, device_id: str, kind: str = "p1", day: date = DAY) -> dict:
    asked = "SELECT * FROM sungrow_kind_completeness(%s, %s, %s)"
    return rows(database, asked, device_id, day, kind)[0]


def counts(database, device_id: str, kind: str = "p1") -> dict:
    found = day_of(database, device_id, kind)
    names = ("stored", "parked", "thinned", "forgotten", "in_transit", "lost", "polled")
    return {name: found[name] for name in names if found[name]}


def settled(database, device_id: str) -> None:
    for table in ("sungrow_seqs", "sungrow_parked"):
        ago = f"UPDATE {table} SET received_at = now() - interval '1 hour' WHERE device_id = %s"  # noqa: S608
        rows(database, ago, device_id)


# Numbers


def test_a_number_that_is_missing_is_lost_whatever_the_inverter_sent(database):
    device_id = new_device()
    store_p1(database, device_id, numbered("aa", [1, 2, 5, 6]))
    store(database, device_id, [reading(NOON + STEP * n, boot="aa", seq=n) for n in range(1, 9)])
    settled(database, device_id)
    assert counts(database, device_id) == {"stored": 4, "lost": 2}
    assert counts(database, device_id, "sample") == {"stored": 8}
    store_p1(database, device_id, numbered("aa", [3, 4]))
    assert counts(database, device_id) == {"stored": 6}


def test_what_the_inverter_lost_the_meter_did_not(database):
    device_id = new_device()
    store_p1(database, device_id, numbered("aa", range(1, 9)))
    store(database, device_id, [reading(NOON + STEP * n, boot="aa", seq=n) for n in (1, 5)])
    settled(database, device_id)
    assert counts(database, device_id) == {"stored": 8}
    assert counts(database, device_id, "sample") == {"stored": 2, "lost": 3}


@pytest.mark.parametrize("kind", ["sample", "p1"])
def test_parked_thinned_and_reported_are_of_one_kind(database, kind):
    device_id = new_device()
    store_p1(database, device_id, numbered("aa", [1, 2, 9]))
    store(database, device_id, [reading(NOON + STEP * n, boot="aa", seq=n) for n in (1, 2, 9)])
    parked = "INSERT INTO sungrow_parked VALUES (%s, 'aa', 3, %s, 'why', NULL, %s, %s)"
    rows(database, parked, device_id, NOON + 3 * STEP, NOON, kind)
    gap = "INSERT INTO sungrow_gaps VALUES (%s, %s, 'thinned', %s, 2, now(), %s)"
    rows(database, gap, device_id, NOON + 4 * STEP, NOON + 5 * STEP, kind)
    report = (
        "INSERT INTO sungrow_reports (device_id, kind, boot, slot, polled, waiting,"
        " oldest_unsent_ts, received_at) VALUES (%s, %s, 'aa', %s, 9, 1, %s, now())"
    )
    rows(database, report, device_id, kind, NOON, NOON + 6 * STEP)
    settled(database, device_id)
    told = {"stored": 3, "parked": 1, "thinned": 2, "in_transit": 1, "polled": 9, "lost": 2}
    other = {"p1": "sample", "sample": "p1"}[kind]
    assert counts(database, device_id, kind) == told
    assert counts(database, device_id, other) == {"stored": 3, "lost": 6}


def test_a_view_tells_of_every_day(database):
    device_id = new_device()
    store_p1(database, device_id, numbered("aa", [1, 2, 5]))
    settled(database, device_id)
    asked = "SELECT * FROM p1_completeness WHERE device_id = %s AND day = %s"
    (row,) = rows(database, asked, device_id, DAY)
    assert (row["stored"], row["lost"]) == (3, 2)
    assert row == {"device_id": device_id, "day": DAY, **day_of(database, device_id)}


# What is covered


def covered_by_hand(times: list[datetime]) -> float:
    """Return the share of the day that is within a minute after a reading."""
    seconds, end = 0.0, FIRST
    for ts in sorted(times):
        first, until = max(ts, end, FIRST), min(ts + MINUTE, UNTIL)
        if until > first:
            seconds += (until - first).total_seconds()
            end = until
    return seconds / 86_400


@pytest.mark.parametrize("seed", range(6))
def test_without_numbers_it_is_the_share_within_a_minute_and_nothing_is_lost(database, seed):
    chance, device_id = random.Random(seed), new_device()
    step_s = chance.choice([2, 5, 10, 59, 61, 90, 400])
    times = [
        FIRST + timedelta(seconds=n + chance.random())
        for n in range(-7200, 93_600, step_s)
        if chance.random() > 0.3
    ]
    for hole in range(3):
        hole = FIRST + timedelta(hours=chance.randrange(-2, 25))
        length = timedelta(minutes=chance.randrange(1, 90))
        times = [ts for ts in times if not hole <= ts < hole + length]
    batch = chance.sample(times, len(times))
    store_p1(database, device_id, [p1_reading(ts) for ts in batch])
    found = day_of(database, device_id)
    assert found["covered"] == pytest.approx(covered_by_hand(times), abs=1e-6)
    assert (found["lost"], found["in_transit"]) == (0, 0)
    gaps = rows(
        database, "SELECT * FROM sungrow_gap_list(%s, %s, %s, 'p1')", device_id, FIRST, UNTIL
    )
    dark_s = sum(gap["duration_s"] for gap in gaps)
    before_s = max((min(times) - FIRST).total_seconds(), 0)
    assert 1 - (dark_s + before_s) / 86_400 == pytest.approx(found["covered"], abs=1e-6)


def test_the_day_of_the_first_reading_is_covered_from_it_on(database):
    device_id = new_device()
    store_p1(database, device_id, [p1_reading(UNTIL - timedelta(seconds=30))])
    assert day_of(database, device_id)["covered"] == pytest.approx(30 / 86_400)
    assert day_of(database, device_id, day=DAY - timedelta(days=1))["covered"] == 0
    assert day_of(database, device_id, day=DAY + timedelta(days=1))["covered"] == pytest.approx(
        30 / 86_400
    )


def test_of_today_what_is_over_counts_and_tomorrow_has_nothing_to_cover(database):
    device_id, now = new_device(), datetime.now(UTC)
    store_p1(database, device_id, [p1_reading(now - n * STEP) for n in range(8640)])
    (row,) = rows(database, "SELECT (now() AT TIME ZONE 'Europe/Berlin')::date AS today")
    assert day_of(database, device_id, day=row["today"])["covered"] > 0.99
    assert day_of(database, device_id, day=row["today"] + timedelta(days=1))["covered"] is None


def test_of_a_house_without_a_meter_nothing_is_covered(database):
    assert day_of(database, new_device())["covered"] == 0
    store(database, (device_id := new_device()), [reading(NOON)])
    assert day_of(database, device_id, "sample")["covered"] is None


def test_where_the_readings_are_gone_what_is_missing_is_one_gap(database):
    device_id = new_device()
    store_p1(database, device_id, [p1_reading(NOON + n * STEP) for n in (0, 1, 2, 20, 21, 22)])
    rows(database, "DELETE FROM p1_samples WHERE device_id = %s", device_id)
    gaps = rows(
        database,
        "SELECT * FROM sungrow_gap_list(%s, %s, %s, 'p1')",
        device_id,
        NOON,
        NOON + 22 * STEP,
    )
    assert [gap["duration_s"] for gap in gaps] == [pytest.approx(120)]


# By HTTP


@pytest.fixture(scope="module")
def client(url, database):
    store_p1(database, DEVICE, numbered("aa", [1, 2, 30]))
    store(database, DEVICE, [reading(NOON)])
    settled(database, DEVICE)
    return app_on(url).test_client()


def test_hours_are_of_the_kind_that_is_asked_for(client):
    asked = f"/v1/hours?device_id={DEVICE}&from=2026-05-05T00:00:00Z&to=2026-05-06T00:00:00Z"
    assert get(client, asked).json["hours"] == [
        {"hour": "2026-05-05T12:00:00Z", "count": 1, "sum_us": 0}
    ]
    assert get(client, f"{asked}&kind=sample").json == get(client, asked).json
    assert get(client, f"{asked}&kind=p1").json["hours"] == [
        {"hour": "2026-05-05T12:00:00Z", "count": 3, "sum_us": 330_000_000}
    ]


def test_completeness_is_of_the_kind_that_is_asked_for(client):
    (day,) = get(client, f"/v1/completeness{ASKED}&kind=p1").json["days"]
    assert (day["stored"], day["lost"]) == (3, 27)
    assert day["covered"] == pytest.approx((60 + 10 + 60) / 86_400)
    (day,) = get(client, f"/v1/completeness{ASKED}").json["days"]
    assert (day["stored"], day["lost"]) == (1, 0)
    assert "covered" not in day


def test_gaps_are_of_the_kind_that_is_asked_for(client):
    asked = f"/v1/gaps?device_id={DEVICE}&from=2026-05-05T12:00:00Z&to=2026-05-05T12:05:00Z"
    (gap,) = get(client, f"{asked}&kind=p1").json["gaps"]
    assert (gap["start"], gap["end"]) == (
        "2026-05-05T12:01:20.000000Z",
        "2026-05-05T12:05:00.000000Z",
    )
    assert get(client, asked).json["gaps"] != [gap]


@pytest.mark.parametrize("path", ["hours", "completeness", "gaps"])
def test_another_kind_is_refused(client, path):
    day = ASKED if path == "completeness" else ASKED.replace("05-05", "05-05T12:00:00Z")
    answer = get(
        client, f"/v1/{path}{day.replace('to=2026-05-05T12', 'to=2026-05-05T13')}&kind=gas"
    )
    assert_error(answer, 422)
    assert answer.json["detail"][0]["loc"] == ["query", "kind"]
