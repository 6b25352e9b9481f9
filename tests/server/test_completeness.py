"""Completeness: what became of every reading of a local day, and that ``lost`` tells the truth."""

import itertools
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.support.batches import READ_TOKEN, TOKEN, app_on, assert_error, get, rows, verdict
from tests.support.readings import connected, new_device, reading, store, utc
from tests.support.readings import rows as run
from tests.support.samples import DEVICE, a_sample

pytestmark = pytest.mark.server

SITE = "Europe/Berlin"
DAY = "2026-05-05"
NOON = utc(f"{DAY} 12:00")
STEP = timedelta(seconds=5)
COUNTS = ("stored", "parked", "thinned", "forgotten", "in_transit", "lost")
_boots = itertools.count(1)


@pytest.fixture(scope="module")
def client(database_url):
    return app_on(database_url).test_client()


def a_boot() -> str:
    return f"{next(_boots):032x}"


def polls(boot: str, seqs, start: datetime = NOON) -> list[dict]:
    """Readings with these numbers, each at the time of its number, one every five seconds."""
    return [reading(start + STEP * seq, boot=boot, seq=seq) for seq in seqs]


def report(connection, device: str, boot: str, waiting: int = 0, received_s: float = 0, **columns):
    """Note a report that came so many seconds ago."""
    row = {
        "device_id": device,
        "boot": boot,
        "slot": NOON,
        "polled": 0,
        "waiting": waiting,
        "received_at": datetime.now(UTC) - timedelta(seconds=received_s),
        **columns,
    }
    insert(connection, "sungrow_reports", row)


def insert(connection, table: str, row: dict) -> None:
    names = ", ".join(row)
    marks = ", ".join(["%s"] * len(row))
    run(connection, f"INSERT INTO {table} ({names}) VALUES ({marks})", *row.values())  # noqa: S608


def settled(connection, device: str) -> None:
    """Let all that was stored so far be of an hour ago, so that no report can be on its way."""
    for table in ("sungrow_seqs", "sungrow_parked"):
        ago = f"UPDATE {table} SET received_at = now() - interval '1 hour' WHERE device_id = %s"  # noqa: S608
        run(connection, ago, device)


def day_of(connection, device: str, day: str = DAY) -> dict:
    statement = "SELECT * FROM sungrow_day_completeness(%s, %s)"
    return run(connection, statement, device, day)[0]


def what_became(connection, device: str, day: str = DAY) -> dict:
    """Return the counts that are not 0."""
    found = day_of(connection, device, day)
    return {name: found[name] for name in COUNTS if found[name]}


# What is lost


def test_a_number_that_is_missing_between_two_others_is_lost(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [5, 6, 8, 9, 12]))
    settled(database, device)
    assert what_became(database, device) == {"stored": 5, "lost": 3}


def test_before_the_first_and_after_the_last_number_nothing_is_lost(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, range(100, 200)))
    settled(database, device)
    assert what_became(database, device) == {"stored": 100}


def test_a_hole_closes_when_the_reading_comes_late(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [1, 2, 4, 5]))
    settled(database, device)
    assert what_became(database, device) == {"stored": 4, "lost": 1}
    store(database, device, polls(boot, [3]))
    assert what_became(database, device) == {"stored": 5}


def test_several_boots_do_not_share_their_numbers(database):
    device, one, two = new_device(), a_boot(), a_boot()
    store(database, device, polls(one, [1, 2, 3]))
    store(database, device, polls(two, [1, 3], NOON + timedelta(minutes=20)))
    settled(database, device)
    assert what_became(database, device) == {"stored": 5, "lost": 1}


def test_a_restart_within_a_boot_goes_on_counting(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, range(1, 50)))
    store(database, device, polls(boot, range(50, 99), NOON + timedelta(hours=2)))
    settled(database, device)
    assert what_became(database, device) == {"stored": 98}


def test_the_same_number_twice_hides_no_loss(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [1, 2, 3, 6]))
    store(database, device, polls(boot, [1, 2, 3], NOON + timedelta(minutes=7)))
    settled(database, device)
    assert what_became(database, device) == {"stored": 7, "lost": 2}


def test_readings_without_numbers_are_stored_and_no_holes(database):
    device = new_device()
    store(database, device, [reading(NOON + STEP * n) for n in (1, 5, 9)])
    store(database, device, [reading(NOON - STEP, boot="ab"), reading(NOON - 2 * STEP, seq=900)])
    settled(database, device)
    assert what_became(database, device) == {"stored": 5}


def test_a_duplicate_changes_nothing(database):
    device, boot = new_device(), a_boot()
    batch = polls(boot, [1, 2, 5])
    for _ in range(3):
        store(database, device, batch)
    settled(database, device)
    assert what_became(database, device) == {"stored": 3, "lost": 2}


def test_numbers_as_large_as_they_may_be_are_counted(database):
    device, boot = new_device(), a_boot()
    batch = [reading(NOON + STEP * n, boot=boot, seq=seq) for n, seq in enumerate((0, 2**53))]
    store(database, device, batch)
    settled(database, device)
    assert what_became(database, device) == {"stored": 2, "lost": 2**53 - 1}


# In any order


@pytest.mark.parametrize("seed", range(3))
def test_a_backlog_in_any_order_ends_without_a_hole(database, seed):
    device, boot, dice = new_device(), a_boot(), random.Random(seed)
    start = utc("2026-05-04 20:00")
    batches = [range(n, n + 300) for n in range(0, 6000, 300)]
    dice.shuffle(batches)
    for batch in batches:
        store(database, device, polls(boot, batch, start))
    stored = [day_of(database, device, f"2026-05-0{n}") for n in (4, 5)]
    assert [d["lost"] + d["in_transit"] for d in stored] == [0, 0]
    assert [d["stored"] for d in stored] == [1440, 4560]  # local midnight is at 22:00 UTC


def test_newest_and_oldest_in_turn_is_in_transit_until_the_last_came(database):
    device, boot = new_device(), a_boot()
    batches = [polls(boot, range(n, n + 100)) for n in range(0, 1000, 100)]
    order = [batches.pop(-1 if n % 2 == 0 else 0) for n in range(10)]
    for count, batch in enumerate(order, 1):
        store(database, device, batch)
        settled(database, device)
        waiting = 1000 - 100 * count
        run(database, "DELETE FROM sungrow_reports WHERE device_id = %s", device)
        report(database, device, boot, waiting, oldest_unsent_ts=NOON)
        found = day_of(database, device)
        assert found["lost"] == 0
        if count > 1:
            assert found["in_transit"] == waiting
    assert what_became(database, device) == {"stored": 1000}


def test_a_clock_that_was_set_back_or_far_ahead_makes_no_hole(database):
    device, boot = new_device(), a_boot()
    for first, start in (
        (0, "2026-05-05 21:50"),
        (300, "2026-05-05 20:00"),  # set back by two hours
        (600, "2026-05-15 20:00"),  # ten days ahead
        (900, "2026-05-05 21:00"),  # and right again
    ):
        times = utc(start) - STEP * first
        store(database, device, polls(boot, range(first, first + 300), times))
    settled(database, device)
    for day in ("2026-05-05", "2026-05-06", "2026-05-15"):
        assert day_of(database, device, day)["lost"] == 0, day


# Whose day


def test_a_hole_across_midnight_counts_once_and_by_its_time(database):
    device, boot = new_device(), a_boot()
    hour_before = utc("2026-05-04 21:00")  # Berlin's midnight is at 22:00 UTC
    store(database, device, polls(boot, [0, 2880], hour_before))
    settled(database, device)
    days = [day_of(database, device, day)["lost"] for day in ("2026-05-04", DAY, "2026-05-06")]
    assert sum(days) == 2879
    assert days[2] == 0
    # To the quarter hour, since that is how close the neighbours' times are known.
    assert days[0] == pytest.approx(719, abs=180)


def test_one_reading_lost_at_midnight_is_lost_on_one_day(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [-2, -1, 1, 2], utc("2026-05-04 22:00")))
    settled(database, device)
    assert [day_of(database, device, day)["lost"] for day in ("2026-05-04", DAY)] == [1, 0]


def test_a_day_that_is_missing_whole_is_known_by_the_days_around_it(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, range(0, 17_280 * 3, 17_280), utc("2026-05-02 12:00")))
    store(database, device, polls(boot, [17_280 * 9], utc("2026-05-02 12:00")))
    settled(database, device)
    days = [f"2026-05-{n:02}" for n in range(1, 14)]
    lost = [day_of(database, device, day)["lost"] for day in days]
    assert sum(lost) == 17_280 * 9 + 1 - 4
    assert all(count == pytest.approx(17_280, rel=0.02) for count in lost[2:9])
    assert lost[0] == lost[11] == lost[12] == 0


# What explains a hole


def park(connection, device: str, boot: str, seq: int, ts: datetime | None) -> None:
    row = {"device_id": device, "boot": boot, "seq": seq, "ts": ts, "reason": "x"}
    insert(connection, "sungrow_parked", row)


def test_parked_readings_in_the_middle_are_not_lost(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [1, 2, 5, 6]))
    for seq in (3, 4):
        park(database, device, boot, seq, NOON + STEP * seq)
    settled(database, device)
    assert what_became(database, device) == {"stored": 4, "parked": 2}


def test_a_parked_reading_whose_time_is_unknown_or_wrong_fills_its_place(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [1, 4]))
    park(database, device, boot, 2, None)
    park(database, device, boot, 3, utc("2010-01-01 00:00"))
    settled(database, device)
    assert what_became(database, device) == {"stored": 2}


def test_a_hole_beside_a_parked_reading_is_lost(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [1]))
    park(database, device, boot, 4, NOON + STEP * 4)
    settled(database, device)
    assert what_became(database, device) == {"stored": 1, "parked": 1, "lost": 2}


def test_a_parked_reading_that_was_released_and_stored_counts_as_stored(database):
    device, boot = new_device(), a_boot()
    park(database, device, boot, 2, NOON + STEP * 2)
    store(database, device, polls(boot, [1, 2, 3]))
    assert what_became(database, device) == {"stored": 3}


def thinned(connection, device: str, first: datetime, last: datetime, count: int | None) -> None:
    row = {"device_id": device, "from_ts": first, "to_ts": last, "cause": "thinned", "count": count}
    insert(connection, "sungrow_gaps", row)


def test_thinned_readings_are_not_lost(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, range(0, 2000, 2)))
    thinned(database, device, NOON + STEP, NOON + STEP * 1997, 999)
    settled(database, device)
    assert what_became(database, device) == {"stored": 1000, "thinned": 999}


def test_more_than_was_thinned_is_lost(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [0, 11]))
    thinned(database, device, NOON + STEP, NOON + STEP * 10, 7)
    settled(database, device)
    assert what_became(database, device) == {"stored": 2, "thinned": 7, "lost": 3}


def test_thinning_explains_no_loss_of_another_time(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [0, 2, 1000]))
    thinned(database, device, NOON - timedelta(hours=2), NOON - timedelta(hours=1), 5000)
    settled(database, device)
    assert what_became(database, device) == {"stored": 3, "lost": 998}


def test_other_gaps_explain_nothing(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [0, 3]))
    gap = {"from_ts": NOON, "to_ts": NOON + STEP * 4, "cause": "edge_down", "count": 9}
    insert(database, "sungrow_gaps", {"device_id": device, **gap})
    settled(database, device)
    assert what_became(database, device) == {"stored": 2, "lost": 2}


def test_forgotten_readings_are_not_lost(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [0, 1, 900, 901]))
    gone = {"from_ts": NOON + STEP * 2, "to_ts": NOON + STEP * 900}
    insert(database, "sungrow_forgotten", {"device_id": device, **gone})
    settled(database, device)
    assert what_became(database, device) == {"stored": 4, "forgotten": 898}


def test_what_waits_at_the_edge_is_in_transit(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [0, 50]))
    settled(database, device)
    report(database, device, boot, waiting=40, oldest_unsent_ts=NOON + STEP)
    assert what_became(database, device) == {"stored": 2, "in_transit": 40, "lost": 9}


def test_what_is_older_than_all_that_waits_is_lost(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [0, 2, 1000]))
    settled(database, device)
    unsent = NOON + STEP * 2
    report(database, device, boot, waiting=5, oldest_unsent_ts=unsent + timedelta(hours=2))
    assert what_became(database, device) == {"stored": 3, "lost": 998}


def test_an_edge_whose_clock_ran_ahead_may_keep_older_readings_too(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, [0, 6]))
    settled(database, device)
    ahead = datetime.now(UTC) + timedelta(days=10)
    report(database, device, boot, waiting=5, oldest_unsent_ts=ahead)
    assert what_became(database, device) == {"stored": 2, "in_transit": 5}


def test_the_newest_report_of_the_device_counts_and_not_that_of_an_old_boot(database):
    device, old, new = new_device(), a_boot(), a_boot()
    store(database, device, polls(old, [0, 4]))
    settled(database, device)
    report(database, device, old, waiting=3, received_s=600)
    assert what_became(database, device) == {"stored": 2, "in_transit": 3}
    report(database, device, new, waiting=0, received_s=60)
    assert what_became(database, device) == {"stored": 2, "lost": 3}


def test_a_hole_of_this_very_minute_waits_for_the_next_report(database):
    device, boot = new_device(), a_boot()
    report(database, device, boot, waiting=0, received_s=30)
    store(database, device, polls(boot, [0, 3]))
    assert what_became(database, device) == {"stored": 2, "in_transit": 2}
    report(database, device, boot, slot=NOON + timedelta(hours=1), received_s=-1)
    assert what_became(database, device) == {"stored": 2, "lost": 2}


# The rest of a day


def test_expected_are_the_polls_that_the_day_has_room_for(database):
    device = new_device()
    store(database, device, [reading(NOON - timedelta(days=1)), reading(NOON)])
    assert day_of(database, device)["expected"] == 17_280
    store(database, device, [reading(NOON + timedelta(days=1), interval_s=30)])
    assert day_of(database, device, "2026-05-06")["expected"] == 2880
    assert day_of(database, device, "2026-05-09")["expected"] == 17_280


def test_of_the_first_day_expected_are_the_polls_from_the_first_reading_on(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, range(6)))
    ends = utc("2026-05-05 22:00")  # in Berlin
    assert day_of(database, device)["expected"] == (ends - NOON) // STEP + 1
    assert day_of(database, device, "2026-05-04")["expected"] == 0
    assert day_of(database, device, "2026-05-06")["expected"] == 17_280
    store(database, device, [reading(NOON - timedelta(hours=1), boot=boot, seq=17)])
    assert day_of(database, device)["expected"] == (ends - NOON) // STEP + 721


def test_a_minute_after_the_first_reading_a_minute_is_expected(database):
    device, boot = new_device(), a_boot()
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=65)
    (row,) = run(database, "SELECT (%s AT TIME ZONE 'Europe/Berlin')::date AS day", begun)
    store(database, device, polls(boot, range(14), begun))
    found = day_of(database, device, row["day"])
    assert found["stored"] == 14
    assert 14 <= found["expected"] <= 16


@pytest.mark.parametrize(
    ("slot", "from_ts"),
    [
        ("2026-05-05 11:45", "2026-05-05 11:59:55"),  # the quarter hour in which it began
        ("2026-05-05 12:00", "2026-05-05 11:59:55"),
        ("2026-05-05 08:00", "2026-05-05 08:15"),
        ("2026-05-04 08:00", "2026-05-04 22:00"),
        ("0001-01-01 00:00", "2026-05-04 22:00"),
        ("9999-12-31 23:45", "2026-05-05 11:59:55"),
    ],
)
def test_an_edge_that_polled_before_its_first_reading_was_there_already(database, slot, from_ts):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, range(3)))
    report(database, device, boot, slot=utc(slot), polled=180)
    begun = datetime.fromisoformat(f"{from_ts}+00:00")
    assert day_of(database, device)["expected"] == (utc("2026-05-05 22:00") - begun) // STEP


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Asia/Kathmandu", "2026-02-28", 24),
        ("America/Havana", "2024-03-10", 23),
        ("America/Havana", "2024-11-03", 25),
        ("America/Havana", "2024-11-02", 24),
        ("America/Santiago", "2026-04-04", 25),
        ("America/Santiago", "2026-09-06", 23),
        ("Pacific/Apia", "2011-12-30", 0),
    ],
)
def test_a_local_day_is_as_long_as_it_is(database, zone, day, hours):
    length = (
        "SELECT extract(epoch FROM sungrow_midnight(%s::date + 1, %s) - sungrow_midnight(%s, %s))"
    )
    (row,) = run(database, length, day, zone, day, zone)
    assert row["extract"] == hours * 3600


def test_today_expects_what_could_be_polled_so_far_and_tomorrow_nothing(database):
    device = new_device()
    (row,) = run(
        database,
        "SELECT now() - sungrow_midnight(today, zone) AS elapsed, today, (today + 1)::text AS next,"
        " (SELECT expected FROM sungrow_day_completeness(%s, today)) AS expected FROM"
        " (SELECT (now() AT TIME ZONE 'Europe/Berlin')::date AS today, 'Europe/Berlin' AS zone) x",
        device,
    )
    assert row["expected"] == row["elapsed"] // STEP
    assert day_of(database, device, row["next"])["expected"] == 0


def test_polled_and_failed_are_summed_over_the_local_day(database):
    device, one, two = new_device(), a_boot(), a_boot()
    start = utc("2026-05-04 22:00")
    for boot, minutes, failed in (
        (one, -15, '{"timeout": 1000}'),
        (one, 0, '{"timeout": 3}'),
        (two, 0, "{}"),
        (two, 1425, '{"timeout": 4, "exception_4": 2}'),
        (two, 1440, '{"reset": 1000}'),
    ):
        slot = start + timedelta(minutes=minutes)
        report(database, device, boot, slot=slot, polled=180, failed=failed)
    found = day_of(database, device)
    assert (found["polled"], found["failed"]) == (540, 9)
    assert found["failed_reasons"] == {"timeout": 7, "exception_4": 2}


def test_a_device_in_another_zone_has_its_own_days(database):
    device, boot = new_device(), a_boot()
    zone = {"device_id": device, "timezone": "Australia/Adelaide"}
    insert(database, "sungrow_devices", zone)
    store(database, device, polls(boot, [1, 3], utc("2026-05-04 14:45")))
    settled(database, device)
    assert what_became(database, device, DAY) == {"stored": 2, "lost": 1}


# The table behind it


def test_the_numbers_are_kept_exactly_whatever_the_order_and_the_batches(database):
    device, dice = new_device(), random.Random(7)
    boots = [a_boot() for _ in range(3)]
    made = [
        reading(NOON + timedelta(seconds=dice.randrange(100_000)), boot=boot, seq=seq)
        for boot in boots
        for seq in dice.sample(range(5000), 800)
    ]
    dice.shuffle(made)
    while made:
        size = dice.randint(1, 400)
        batch, made = made[:size], made[size:]
        store(database, device, batch)
    kept = (
        "SELECT slot, boot, seqs::text FROM sungrow_seqs WHERE device_id = %s ORDER BY slot, boot"
    )
    direct = (
        "SELECT sungrow_slot(ts) AS slot, boot, range_agg(int8range(seq, seq, '[]'))::text AS seqs"
        " FROM sungrow_samples WHERE device_id = %s GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert run(database, kept, device) == run(database, direct, device)


def test_a_day_is_read_by_indexes_alone(database):
    device, boot = new_device(), a_boot()
    run(
        database,
        "INSERT INTO sungrow_seqs (device_id, boot, slot, seqs, received_at)"
        " SELECT %s || n, %s, slot, int8multirange(int8range(at, at + 179)), now()"
        " FROM generate_series(timestamptz '2025-05-01Z', '2026-06-01Z', '15 minutes') AS slot,"
        " generate_series(1, 5) AS n,"
        " LATERAL (SELECT extract(epoch FROM slot)::bigint / 5) AS polls (at)",
        device,
        boot,
    )
    for table in ("sungrow_reports", "sungrow_parked", "sungrow_gaps", "sungrow_seqs"):
        run(database, f"ANALYZE {table}")
    with database, database.cursor() as cursor:
        cursor.execute("SELECT * FROM sungrow_day_completeness(%s, %s)", (device + "3", DAY))
        assert cursor.fetchone()["in_transit"] == 96
        cursor.execute(
            "SELECT seq_scan, idx_scan, idx_tup_fetch FROM pg_stat_xact_user_tables"
            " WHERE relname = 'sungrow_seqs'"
        )
        scans = cursor.fetchone()
    assert scans["seq_scan"] == 0
    assert scans["idx_scan"] > 0


def test_the_view_gives_the_same_days_up_to_today(database):
    device, boot = new_device(), a_boot()
    store(database, device, polls(boot, range(0, 40_000, 2), utc("2026-05-03 12:00")))
    statement = "SELECT * FROM sungrow_completeness WHERE device_id = %s ORDER BY day"
    found = run(database, statement, device)
    assert found[0]["day"] == date(2026, 5, 3)
    assert found[-1]["day"] >= datetime.now(UTC).date()
    assert sum(row["stored"] for row in found) == 20_000
    assert sum(row["lost"] + row["in_transit"] for row in found) == 19_999
    for row in found[:3]:
        counts = {name: row[name] for name in row if name not in ("device_id", "day")}
        assert counts == day_of(database, device, row["day"])


# GET /v1/completeness


def days(client, query: str = "", token: str = TOKEN) -> dict:
    answer = get(client, f"/v1/completeness?device_id={DEVICE}{query}", token)
    assert answer.status_code == 200, answer.text
    return answer.json


@pytest.mark.parametrize("token", [TOKEN, READ_TOKEN])
def test_the_endpoint_gives_a_day(client, database_url, token):
    with connected(database_url) as connection:
        store(connection, DEVICE, polls("ab", [1, 2, 4]))
        settled(connection, DEVICE)
    found = days(client, f"&date={DAY}", token)
    assert found == {
        "device_id": DEVICE,
        "timezone": "UTC",
        "days": [
            {
                "date": DAY,
                "expected": 8640,  # from the first reading of all on, at noon
                "polled": 0,
                "failed": 0,
                "failed_reasons": {},
                "stored": 3,
                "parked": 0,
                "thinned": 0,
                "forgotten": 0,
                "in_transit": 0,
                "lost": 1,
            }
        ],
    }


def test_the_endpoint_gives_a_range_with_both_its_ends(client):
    found = days(client, "&from=2026-02-27&to=2026-03-02")["days"]
    dates = [day["date"] for day in found]
    assert dates == ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]
    assert len(days(client, "&from=2025-01-01&to=2026-02-04")["days"]) == 400


def test_the_endpoint_gives_the_local_today_unless_told(database_url, databases):
    url = databases.migrated("Pacific/Kiritimati")
    found = days(app_on(url).test_client())
    (today,) = rows(url, "SELECT (now() AT TIME ZONE 'Pacific/Kiritimati')::date")[0]
    assert [day["date"] for day in found["days"]] == [today.isoformat()]
    assert found["timezone"] == "Pacific/Kiritimati"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("date=2026-13-01", "date"),
        ("date=20260301", "date"),
        ("date=", "date"),
        ("date=2009-12-30", "date"),
        ("date=2026-01-01&from=2026-01-01&to=2026-01-02", "date"),
        ("from=2026-01-01", "to"),
        ("to=2026-01-01", "from"),
        ("from=2026-01-02&to=2026-01-01", "to"),
        ("from=2025-01-01&to=2026-02-05", "to"),
        ("from=x&to=2026-02-05", "from"),
    ],
)
def test_a_wrong_range_is_named(client, query, name):
    answer = get(client, f"/v1/completeness?{query}")
    assert_error(answer, 422)
    assert answer.json["detail"][0]["loc"] == ["query", name]


def test_only_who_may_read_the_device_may_ask(client):
    assert_error(client.get(f"/v1/completeness?device_id={DEVICE}"), 401)
    assert_error(get(client, "/v1/completeness?device_id=garage"), 403)
    assert_error(get(client, "/v1/completeness", READ_TOKEN), 422)


def test_a_batch_and_its_parts_come_to_a_whole_day(client):
    boot, ts = "cd" * 16, "2026-07-01T12:00:{:02}Z"
    samples = [a_sample(ts=ts.format(n), boot=boot, seq=n) for n in (1, 2, 5)]
    parked = [{"boot": boot, "seq": 3, "ts": ts.format(3), "reason": "no sample", "content": {}}]
    gaps = [{"from_ts": ts.format(4), "to_ts": ts.format(4), "cause": "thinned", "count": 1}]
    reports = [
        {"boot": boot, "slot": "2026-07-01T12:00:00Z", "polled": 6, "failed": {"timeout": 1}}
    ]
    assert verdict(client, *samples, parked=parked, gaps=gaps, reports=reports)[0] == 3
    (found,) = days(client, "&date=2026-07-01")["days"]
    assert found | {"expected": 0} == {
        "date": "2026-07-01",
        "expected": 0,
        "polled": 6,
        "failed": 1,
        "failed_reasons": {"timeout": 1},
        "stored": 3,
        "parked": 1,
        "thinned": 1,
        "forgotten": 0,
        "in_transit": 0,
        "lost": 0,
    }
