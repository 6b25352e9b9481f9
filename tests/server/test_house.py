"""The house: samples of the inverter joined with readings of the grid meter, whichever came first.

What the rollups say is compared with a direct computation from the rows of both kinds.
"""

import bisect
import random
import threading
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg2
import pytest

from server.database import deletions, zones
from server.database.rollups import rebuild
from server.house.rollups import change_lag
from tests.support.direct import edition, stored
from tests.support.p1 import store_p1
from tests.support.readings import connected, flows, new_device, reading, rows, store, utc

SITE = "Europe/Brussels"
FIVE_MINUTES = timedelta(minutes=5)
REACH_S = 15.0
SUMS = (
    *("paired_count", "metered_count", "covered_s", "load_power_w_sum", "export_power_w_sum"),
    *("load_integral_kwh", "import_integral_kwh", "export_integral_kwh", "flow_count"),
    *("solar_to_house_kwh", "solar_to_battery_kwh", "solar_to_grid_kwh", "battery_to_house_kwh"),
    *("battery_to_grid_kwh", "grid_to_house_kwh", "grid_to_battery_kwh", "loss_kwh"),
)


def sample(ts: datetime, **fields) -> dict:
    """Return a sample of a house without a meter of the inverter's own."""
    without = {"load_power_w": None, "export_power_w": None, "inverter_power_w": 480.0}
    return reading(ts, **without | fields)


def p1(ts: datetime, power_w: float | None, **fields) -> dict:
    return {"ts": ts, "power_w": power_w, **fields}


def house(database, device_id: str, table: str = "sungrow_house_5min") -> dict:
    """Return the rows that count anything, by bucket."""
    return {k: row for k, row in stored(database, table, device_id).items() if row["paired_count"]}


# The same by plain Python


def nearest(at: datetime, readings: list[tuple[datetime, float]]) -> float | None:
    """Return the power of the reading nearest to a moment, the earlier one on a tie."""
    times = [ts for ts, _ in readings]
    after = bisect.bisect_left(times, at)
    near = readings[max(after - 1, 0) : after + 1]
    best = min(near, key=lambda r: abs(r[0] - at), default=None)
    if best is None or abs((best[0] - at).total_seconds()) > REACH_S:
        return None
    return best[1]


def joined(samples, readings, lag_s: float = 0.0) -> list[tuple[dict, float]]:
    """Return each sample that has a pair, with the power of that."""
    powers = sorted((r["ts"], r["power_w"]) for r in readings if r["power_w"] is not None)
    pairs = []
    for one in samples:
        power = nearest(one["ts"] - timedelta(seconds=lag_s), powers)
        if power is not None and one["inverter_power_w"] is not None:
            pairs.append((one, power))
    return pairs


def sums_of(one: dict, power_w: float) -> dict[str, float]:
    load, export = one["inverter_power_w"] + power_w, -power_w
    hours = one["interval_s"] / 3_600_000
    undecided = one["battery_power_w"] is None and one["battery_soc_pct"] is not None
    flow = flows(one["pv_power_w"], one["battery_power_w"] or 0.0, load, export)
    return {
        "paired_count": 1,
        "metered_count": int(None not in (one["load_power_w"], one["export_power_w"])),
        "covered_s": one["interval_s"],
        "load_power_w_sum": load,
        "export_power_w_sum": export,
        "load_integral_kwh": load * hours,
        "import_integral_kwh": max(0.0, -export) * hours,
        "export_integral_kwh": max(0.0, export) * hours,
        "flow_count": int(not undecided),
        **{
            f"{name.removesuffix('_w')}_kwh": 0.0 if undecided else watts * hours
            for name, watts in flow.items()
        },
    }


def direct(samples, readings, key, lag_s: float = 0.0) -> dict:
    total = defaultdict(lambda: dict.fromkeys(SUMS, 0.0))
    for one, power in joined(samples, readings, lag_s):
        for name, value in sums_of(one, power).items():
            total[key(one["ts"])][name] += value
    return dict(total)


def five_minutes(ts: datetime) -> datetime:
    return ts - (ts - datetime(2000, 1, 1, tzinfo=UTC)) % FIVE_MINUTES


def assert_joined(database, device_id, samples, readings, zone: str = SITE, lag_s=0.0) -> dict:
    """Compare both rollups with the direct computation; return the five minutes."""
    expected = direct(samples, readings, five_minutes, lag_s)
    days = direct(samples, readings, lambda ts: ts.astimezone(ZoneInfo(zone)).date(), lag_s)
    for table, right in (("sungrow_house_5min", expected), ("sungrow_house_daily", days)):
        found = house(database, device_id, table)
        assert found.keys() == right.keys(), table
        for bucket, row in right.items():
            got = {name: found[bucket][name] for name in SUMS}
            assert got == pytest.approx(row, rel=1e-9, abs=1e-9), (table, bucket)
    return expected


# One pair


@pytest.mark.parametrize("p1_first", [True, False])
@pytest.mark.parametrize(
    ("away_s", "paired"),
    [(0, True), (14.999, True), (15, True), (-15, True), (15.001, False), (-16, False)],
)
def test_a_sample_pairs_with_a_reading_at_most_fifteen_seconds_away(
    database, p1_first, away_s, paired
):
    device_id, ts = new_device(), utc("2026-05-05 12:00")
    one, other = sample(ts), p1(ts + timedelta(seconds=away_s), -120.0)
    for act in ((store_p1, [other]), (store, [one]))[:: 1 if p1_first else -1]:
        act[0](database, device_id, act[1])
    assert bool(house(database, device_id)) == paired
    assert_joined(database, device_id, [one], [other])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
@pytest.mark.parametrize(
    ("before_s", "after_s", "power_w"), [(4, 6, 100.0), (6, 4, 900.0), (5, 5, 100.0)]
)
def test_the_nearest_reading_counts_and_the_earlier_on_a_tie(
    database, order, before_s, after_s, power_w
):
    device_id, ts = new_device(), utc("2026-05-05 12:01")
    readings = [
        p1(ts - timedelta(seconds=before_s), 100.0),
        p1(ts + timedelta(seconds=after_s), 900.0),
    ]
    acts = [(store, sample(ts)), *((store_p1, one) for one in readings)]
    for n in order:
        acts[n][0](database, device_id, [acts[n][1]])
    (row,) = house(database, device_id).values()
    assert row["load_power_w_sum"] == 480 + power_w
    assert row["export_power_w_sum"] == -power_w


def test_what_cannot_be_joined_is_not(database):
    device_id, ts = new_device(), utc("2026-05-05 12:01")
    store_p1(database, device_id, [p1(ts, None), p1(ts + timedelta(minutes=1), 50.0)])
    store(database, device_id, [sample(ts)])
    store(database, device_id, [sample(ts + timedelta(minutes=1), inverter_power_w=None)])
    assert house(database, device_id) == {}


def test_a_reading_of_another_house_is_not_this_ones(database):
    one, two, ts = new_device(), new_device(), utc("2026-05-05 12:01")
    store_p1(database, one, [p1(ts, 50.0)])
    store(database, two, [sample(ts)])
    assert house(database, two) == {}


def test_own_meter_or_not_is_told(database):
    device_id, ts = new_device(), utc("2026-05-05 12:01")
    store_p1(database, device_id, [p1(ts, 50.0)])
    own = {"load_power_w": 500.0, "export_power_w": -20.0}
    samples = [sample(ts, **own), sample(ts + timedelta(seconds=5))]
    store(database, device_id, samples)
    (row,) = house(database, device_id).values()
    assert (row["paired_count"], row["metered_count"]) == (2, 1)
    assert row["load_power_w_sum"] == 2 * 530


def test_a_battery_of_unknown_direction_leaves_the_flows_out(database):
    device_id, ts = new_device(), utc("2026-05-05 12:01")
    samples = [sample(ts, battery_power_w=None), sample(ts + timedelta(seconds=5))]
    readings = [p1(ts, 50.0)]
    store(database, device_id, samples)
    store_p1(database, device_id, readings)
    (row,) = assert_joined(database, device_id, samples, readings).values()
    assert (row["paired_count"], row["flow_count"]) == (2, 1)


# Any order

ZONES = (
    *("UTC", "Europe/Brussels", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"),
    *("Asia/Kathmandu", "Pacific/Apia", "America/St_Johns"),
)


def some_house(dice: random.Random, start: datetime) -> tuple[list[dict], list[dict]]:
    """Return samples and readings of some hours around a moment, with holes in both."""
    samples, readings = [], []
    for n in range(dice.randrange(50, 400)):
        ts = start + timedelta(seconds=37 * n + dice.uniform(-3, 3))
        if dice.random() < 0.8:
            own = {"load_power_w": 300.0, "export_power_w": 5.0} if dice.random() < 0.3 else {}
            power = dice.choice([None, -300.0, 0.0, 700.0])
            pv, ac = dice.uniform(0, 4000), dice.uniform(-2000, 4000)
            fields = {"pv_power_w": pv, "battery_power_w": power, "inverter_power_w": ac}
            samples.append(sample(ts, interval_s=37.0, **fields, **own))
        for _ in range(dice.randrange(4)):
            at = ts + timedelta(seconds=dice.uniform(-18, 18))
            readings.append(p1(at, dice.choice([None, dice.uniform(-4000, 4000)])))
    return samples, list({r["ts"]: r for r in readings}.values())


@pytest.mark.parametrize("seed", range(8))
def test_whichever_comes_first_the_house_is_the_same(database, seed):
    dice = random.Random(seed)
    device_id, zone = new_device(), ZONES[seed]
    lag_s = dice.choice([0.0, 0.0, 7.5, -22.0, 280.0])
    rows(
        database,
        "INSERT INTO sungrow_devices (device_id, timezone, p1_lag_s) VALUES (%s, %s, %s)",
        *(device_id, zone, lag_s),
    )
    start = dice.choice([utc("2026-03-28 23:00"), utc("2026-10-24 22:30"), utc("2026-05-05 12:00")])
    samples, readings = some_house(dice, start)
    batches = []
    for act, of in ((store, samples), (store_p1, readings)):
        mixed = dice.sample(of, len(of)) if dice.random() < 0.5 else of
        size = dice.choice([1, 7, 50, 500])
        batches += [(act, mixed[i : i + size]) for i in range(0, len(mixed), size)]
    order = dice.choice(["mixed", "samples first", "readings first"])
    if order == "mixed":
        dice.shuffle(batches)
    elif order == "readings first":
        batches.reverse()
    for act, batch in batches:
        act(database, device_id, batch)
        if dice.random() < 0.1:
            act(database, device_id, batch)  # sent twice
    assert assert_joined(database, device_id, samples, readings, zone, lag_s)


@pytest.mark.parametrize("lag_s", [3.0, -12.5, 300.0])
def test_another_lag_joins_all_anew(database, lag_s):
    dice, device_id = random.Random(lag_s), new_device()
    samples, readings = some_house(dice, utc("2026-05-05 12:00"))
    store(database, device_id, samples)
    store_p1(database, device_id, readings)
    for lag in (lag_s, 0.0):
        with database, database.cursor() as cursor:
            change_lag(cursor, device_id, lag)
        assert_joined(database, device_id, samples, readings, lag_s=lag)
        late = [p1(r["ts"] + timedelta(seconds=1), 77.0) for r in readings[::9]]
        late = [one for one in late if one["ts"] not in {r["ts"] for r in readings}]
        store_p1(database, device_id, late)
        readings += late
        assert_joined(database, device_id, samples, readings, lag_s=lag)


def test_a_lag_that_cannot_be_one_is_refused(database):
    with pytest.raises(psycopg2.errors.CheckViolation), database, database.cursor() as cursor:
        change_lag(cursor, new_device(), 301.0)


def test_batches_of_both_kinds_at_once_leave_the_same(databases, database):
    """Writers of both kinds, in threads: what either saw of the other makes no difference."""
    dice, device_id = random.Random(5), new_device()
    samples, readings = some_house(dice, utc("2026-05-05 12:00"))
    batches = [(store, samples[i : i + 5]) for i in range(0, len(samples), 5)]
    batches += [(store_p1, readings[i : i + 5]) for i in range(0, len(readings), 5)]
    dice.shuffle(batches)

    def work(mine: list[tuple]) -> None:
        with connected(database.dsn) as own:
            for act, batch in mine:
                act(own, device_id, batch)

    threads = [threading.Thread(target=work, args=(batches[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert assert_joined(database, device_id, samples, readings)


# Deleted, rebuilt, in another zone


def test_what_is_forgotten_is_not_joined_any_more(database):
    dice, device_id = random.Random(11), new_device()
    samples, readings = some_house(dice, utc("2026-05-05 12:00"))
    store(database, device_id, samples)
    store_p1(database, device_id, readings)
    first, end = samples[20]["ts"], samples[60]["ts"] + timedelta(seconds=1)
    with database, database.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
        deletions.forget(cursor, device_id, first, end)
    left = [[one for one in of if not first <= one["ts"] < end] for of in (samples, readings)]
    assert assert_joined(database, device_id, *left)
    assert store(database, device_id, samples[20:60]) == 0


def test_a_rebuild_changes_nothing_and_mends_what_somebody_broke(database):
    dice, device_id = random.Random(12), new_device()
    samples, readings = some_house(dice, utc("2026-10-24 22:00"))
    store(database, device_id, samples)
    store_p1(database, device_id, readings)
    for broken in (
        "UPDATE sungrow_house_5min SET load_integral_kwh = 5 WHERE device_id = %s",
        "UPDATE p1_samples SET power_w = power_w + 100 WHERE device_id = %s",
        "DELETE FROM sungrow_house_5min WHERE device_id = %s",
    ):
        rows(database, broken, device_id)
        if "p1_samples" in broken:
            raised = [{**r, "power_w": r["power_w"] and r["power_w"] + 100} for r in readings]
            readings = raised
        with database, database.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
            cursor.execute("DELETE FROM sungrow_house_daily WHERE device_id = %s", (device_id,))
            rebuild(cursor, device_id, utc("2026-10-20 00:00"), utc("2026-10-30 00:00"))
        assert assert_joined(database, device_id, samples, readings)


def test_another_zone_cuts_the_days_of_the_house_too(database):
    dice, device_id = random.Random(13), new_device()
    samples, readings = some_house(dice, utc("2026-05-05 20:00"))
    store(database, device_id, samples)
    store_p1(database, device_id, readings)
    with database, database.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
        zones.change_device(cursor, device_id, "Asia/Kathmandu", shrink=False)
    assert assert_joined(database, device_id, samples, readings, "Asia/Kathmandu")


def test_late_readings_in_a_compressed_chunk_are_joined(database):
    if edition(database) != "community":
        pytest.skip("only the community edition compresses chunks")
    device_id, start = new_device(), utc("2025-02-03 12:00")
    samples = [sample(start + timedelta(seconds=5 * n)) for n in range(100)]
    readings = [p1(start + timedelta(seconds=5 * n + 1), float(n)) for n in range(100)]
    store(database, device_id, samples)
    store_p1(database, device_id, readings[::2])
    for table in ("p1_samples", "sungrow_samples"):
        statement = "SELECT compress_chunk(c, if_not_compressed => true) FROM show_chunks(%s) c"
        assert rows(database, statement, table)
    for batch in (readings[1:2], readings[3:4], readings[5::2]):
        store_p1(database, device_id, batch)
    assert assert_joined(database, device_id, samples, readings)


def test_the_newest_sample_is_joined_by_the_lag_of_the_house(database):
    device_id, ts = new_device(), utc("2026-05-05 12:00")
    store_p1(database, device_id, [p1(ts - timedelta(seconds=s), float(s)) for s in range(320)])
    statement = "SELECT p1_power_w FROM sungrow_p1_near(%s, %s)"
    for lag_s in (0.0, 7.0, 300.0):
        with database, database.cursor() as cursor:
            change_lag(cursor, device_id, lag_s)
        assert rows(database, statement, device_id, ts) == [{"p1_power_w": lag_s}]
    assert rows(database, statement, new_device(), ts) == [{"p1_power_w": None}]
