"""The nightly job ``battery``: by the database it finds what the estimator finds in memory.

And it is the same whether it lived through the days, or saw them all at once; late, or in order.
"""

import itertools
import json
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from edge_lib.simulator.battery import Hidden
from server.battery import analyse, digest, measure
from server.battery import rows as battery_rows
from server.battery.result import FIGURES, INSIGHTS
from server.battery.rows import FiveMinutes, Settings
from server.battery.year import Year
from server.database import deletions
from server.nightly import battery_rows as battery_rows_of
from server.nightly import runner
from tests.support import nights
from tests.support.batches import app_on, get
from tests.support.battery_life import Life, live
from tests.support.battery_rollups import load
from tests.support.p1 import p1_reading, store_p1
from tests.support.readings import new_device, reading, rows, store, utc

pytestmark = pytest.mark.server

SITE = "Europe/Berlin"
BORN = datetime(2026, 2, 27, tzinfo=UTC)  # and on across the change of Berlin's clocks
DAYS = 31
NOW = BORN + timedelta(days=DAYS)
SETTINGS = Settings(capacity_kwh=9.6, timezone=SITE)
TOLERANCE = (1e-9, 1e-9)  # relative, absolute
TABLES = {
    "sungrow_battery_hourly": "bucket",
    "sungrow_battery_days": "day",
    "sungrow_battery_anchors": "ts, kind",
    "sungrow_battery_windows": "from_ts, kind",
}


@pytest.fixture(scope="module", autouse=True)
def now():
    """Let each night be the one after the last day."""
    with nights.nights_at(battery_rows_of, NOW):
        yield


@pytest.fixture
def nightly(url, monkeypatch, capsys, tmp_path):
    """Run the job; return what it said of each device."""
    return nights.job_of("battery", url, monkeypatch, capsys, tmp_path)


def fill(database, device_id: str, found: list[FiveMinutes]) -> None:
    with database, database.cursor(cursor_factory=Cursor) as cursor:
        load(cursor, device_id, found, SITE)


def stored(database, device_id: str) -> dict[str, list[dict]]:
    """Return all that was computed of a device, but for when."""
    return nights.stored(database, device_id, TABLES, "sungrow_battery_results")


def own_settings(database, device_id: str, **known: object) -> None:
    known = {"capacity_kwh": 9.6, **known}
    add = f"INSERT INTO sungrow_battery_settings (device_id, {', '.join(known)})"
    rows(
        database, f"{add} VALUES (%s, {', '.join(['%s'] * len(known))})", device_id, *known.values()
    )


@pytest.fixture(scope="module")
def lived() -> list[FiveMinutes]:
    """A house of some weeks, by the rollups alone: they know neither temperature nor health."""
    found = live(Life(Hidden(fade_pct_year=5.0), seed=3, years=DAYS / 365.25, born=BORN)).rows
    return [row._replace(temp_c=None, soh_pct=None) for row in found]


def in_memory(found: list[FiveMinutes], settings: Settings) -> list[battery_rows.Digest]:
    """Return the digests by the same rows, cut by plain Python."""
    zone, made = ZoneInfo(SITE), []
    local: dict = {}
    for row in found:
        local.setdefault(datetime.fromtimestamp(row.bucket_s, zone).date(), []).append(row)
    for day in sorted(local):
        begin, end = (
            datetime(one.year, one.month, one.day, tzinfo=zone).timestamp()
            for one in (day, day + timedelta(days=1))
        )
        own = [row for row in found if begin - battery_rows.MARGIN_S <= row.bucket_s < end]
        made.append(digest.of_day(day, own, begin, end, settings))
    return made


@pytest.mark.parametrize(
    ("seed", "weeks", "hidden"),
    [
        (11, 12, Hidden(capacity_kwh=6.4, fade_pct_year=6.0, standby_w=30.0)),
        (12, 4, Hidden(capacity_kwh=9.6, min_soc_pct=20.0)),
        (13, 4, Hidden(capacity_kwh=9.6, soc_step_pct=1.0, jumps_a_year=20.0, is_learning=True)),
    ],
)
def test_by_the_database_it_finds_what_it_finds_in_memory(database, nightly, seed, weeks, hidden):
    device, settings = new_device(), Settings(capacity_kwh=hidden.capacity_kwh, timezone=SITE)
    began = NOW - timedelta(days=weeks * 7)
    found = live(Life(hidden, seed=seed, years=weeks * 7 / 365.25, born=began)).rows
    found = [row._replace(temp_c=None, soh_pct=None) for row in found]
    own_settings(database, device, capacity_kwh=hidden.capacity_kwh)
    fill(database, device, found)
    nightly("--device", device)
    tables = stored(database, device)
    expected = in_memory(found, settings)
    assert [json.loads(row["digest"]) for row in tables["sungrow_battery_days"]] == [
        json.loads(digest.to_json(one)) for one in expected
    ]
    model = measure.measure(expected, settings, NOW.timestamp())
    year = Year(model, settings)
    for row in found:
        year.feed(row)
    year.end()
    result = analyse.result("", model, year, [], settings)
    whatif = result.pop("whatif")
    del result["device_id"], result["exposure"]
    (told,) = tables["results"]
    assert told["whatif"] == whatif
    assert {name: told["result"][name] for name in result} == result
    windows = sorted(model.windows, key=lambda one: (one.from_s, one.kind))
    assert [row["capacity_kwh"] for row in tables["sungrow_battery_windows"]] == [
        one.capacity_kwh for one in windows
    ]
    assert len(tables["sungrow_battery_anchors"]) == len(model.anchors) > 10
    assert tables["sungrow_battery_hourly"] == [], "nobody measured a temperature"


def alike(one: object, other: object) -> bool:
    """Return whether two results say the same, but for the order in which numbers were added."""
    return nights.alike(one, other, *TOLERANCE)


def assert_alike(database, one: str, other: str) -> None:
    nights.assert_alike(stored(database, one), stored(database, other), *TOLERANCE)


@pytest.fixture(scope="module")
def at_once(database, url, lived) -> str:
    """The house, of which the night saw all days at once."""
    device = new_device()
    own_settings(database, device)
    fill(database, device, lived)
    assert runner.run(url, runner.Wanted(("battery",), (device,), runner.Span())) == []
    return device


def test_what_it_found_is_served_in_the_shape_of_the_contract(url, at_once):
    client = app_on(url, READ_TOKENS=f"reads:{at_once}").test_client()
    told = get(client, "/v1/battery", "reads").json
    assert set(told) == {
        *("device_id", "computed_at", "figures", "capacity_by_year", "depth", "exposure"),
        *("efficiency_by_month", "soh_by_month", "jumps", "insights", "warranty"),
    }
    assert told["device_id"] == at_once
    assert set(told["figures"]) == set(FIGURES)
    for figure in told["figures"].values():
        assert set(figure) == {
            *("value", "unit", "low", "high", "n", "from", "to", "method"),
            *("reason", "reason_text", "reason_values"),
        }
        assert (figure["value"] is None) == (figure["reason"] is not None)
    assert told["figures"]["days_since_full"]["value"] is not None
    assert told["figures"]["capacity_kwh"]["reason"] == "too_few_windows"
    assert {one["id"] for one in told["insights"]} == set(INSIGHTS)
    events = get(client, "/v1/battery/events", "reads").json
    assert len(events["anchors"]) > 10
    whatif = get(client, "/v1/battery/whatif", "reads").json
    assert (whatif["capacities"], whatif["reason"]) == ([], "no_efficiency")
    refused = get(client, "/v1/battery/whatif?capacity=13", "reads")
    assert refused.status_code == 422
    assert "none could be replayed: efficiency and standby" in refused.text


def test_whatever_the_order_in_which_days_come_the_result_is_the_same(
    database, nightly, lived, at_once
):
    device, day = new_device(), 288
    own_settings(database, device)
    zone = ZoneInfo(SITE)
    is_late = [datetime.fromtimestamp(row.bucket_s, zone).hour >= 21 for row in lived]
    evenings = list(itertools.compress(lived, is_late))
    others = [row for row, late in zip(lived, is_late, strict=True) if not late]
    cuts = [0, 10 * day, 11 * day, 12 * day + 100, len(others)]
    parts = [others[first:end] for first, end in itertools.pairwise(cuts)]
    random.Random(7).shuffle(parts)
    for part in (*parts, evenings):
        fill(database, device, part)
        assert "windows" in nightly("--device", device)[0]
    assert_alike(database, device, at_once)
    assert "nothing changed" in nightly("--device", device)[0]


def test_a_late_evening_changes_the_next_day_too(database, nightly):
    """A day is looked at from some hours before it on: a small battery is empty by then."""
    device, zone = new_device(), ZoneInfo(SITE)
    small = live(Life(Hidden(capacity_kwh=2.0), years=10 / 365.25, born=BORN)).rows
    small = [row._replace(temp_c=None, soh_pct=None) for row in small]
    own_settings(database, device)
    is_late = [
        (at := datetime.fromtimestamp(row.bucket_s, zone)).hour >= 21 and at.day == 5
        for row in small
    ]
    fill(database, device, itertools.compress(small, [not late for late in is_late]))
    nightly("--device", device)
    before = stored(database, device)["sungrow_battery_days"]
    fill(database, device, itertools.compress(small, is_late))
    assert "1 local days" in nightly("--device", device)[0]
    after = stored(database, device)["sungrow_battery_days"]
    changed = [one["day"].day for one, was in zip(after, before, strict=True) if one != was]
    assert changed == [5, 6]
    expected = [json.loads(digest.to_json(one)) for one in in_memory(small, SETTINGS)]
    assert [json.loads(row["digest"]) for row in after] == expected


def test_a_first_run_goes_on_in_pieces(database, nightly, lived, at_once, monkeypatch):
    device = new_device()
    own_settings(database, device)
    fill(database, device, lived)
    (job,) = (one._replace(most_days=20) for one in runner.JOBS if one.name == "battery")
    asked = []
    real = job.run
    counting = lambda cursor, of, days: asked.append(len(days)) or real(cursor, of, days)  # noqa: E731
    monkeypatch.setattr(runner, "JOBS", (job._replace(run=counting),))
    (said,) = nightly("--device", device)
    assert asked == [20, DAYS + 1 - 20]
    assert f"{DAYS + 1} local days" in said
    assert_alike(database, device, at_once)


def test_one_that_is_killed_between_two_pieces_goes_on_with_the_second(
    database, nightly, lived, at_once, monkeypatch
):
    device = new_device()
    own_settings(database, device)
    fill(database, device, lived)
    (job,) = (one._replace(most_days=20) for one in runner.JOBS if one.name == "battery")
    real, asked = job.run, []

    def dies(cursor, of: str, days: list) -> str:
        asked.append(len(days))
        if len(asked) == 2:
            raise RuntimeError("killed")
        return real(cursor, of, days)

    monkeypatch.setattr(runner, "JOBS", (job._replace(run=dies),))
    assert runner.run(database.dsn, runner.Wanted(("battery",), (device,), runner.Span())) != []
    nightly("--device", device)
    assert asked == [20, DAYS + 1 - 20, DAYS + 1 - 20]
    assert_alike(database, device, at_once)


def test_what_is_forgotten_is_gone_from_the_battery_too(database, nightly, lived):
    device, kept = new_device(), new_device()
    gone = (utc("2026-03-10 00:00"), utc("2026-03-14 05:30"))
    own_settings(database, device)
    own_settings(database, kept)
    fill(database, device, lived)
    nightly("--device", device)
    with database, database.cursor(cursor_factory=Cursor) as cursor:
        deletions.forget(cursor, device, *gone)
    nightly("--device", device)
    left = [row for row in lived if not gone[0].timestamp() <= row.bucket_s < gone[1].timestamp()]
    fill(database, kept, left)
    nightly("--device", kept)
    assert_alike(database, device, kept)
    with database, database.cursor(cursor_factory=Cursor) as cursor:
        deletions.forget(cursor, device, None, None)
    assert "no battery any more" in nightly("--device", device)[0]
    assert not any(stored(database, device).values())
    assert rows(database, "SELECT * FROM sungrow_battery_settings WHERE device_id = %s", device)


def test_a_house_without_a_battery_has_no_row_of_one(database, nightly):
    device, nothing = new_device(), dict.fromkeys(("battery_power_w", "battery_soc_pct"))
    first = utc("2026-05-01 10:00")
    readings = [reading(first + n * timedelta(hours=1), **nothing) for n in range(40)]
    store(database, device, readings)
    assert ": battery: no battery, " in nightly("--device", device)[0]
    assert not any(stored(database, device).values())


def test_what_the_owner_sets_is_taken_account_of(database, nightly, lived, at_once):
    device = new_device()
    own_settings(database, device, capacity_kwh=19.2, min_soc_pct=20)
    fill(database, device, lived)
    nightly("--device", device)
    before = stored(database, device)
    rows(
        database,
        "UPDATE sungrow_battery_settings SET capacity_kwh = 9.6, min_soc_pct = NULL"
        " WHERE device_id = %s",
        device,
    )
    rows(database, "UPDATE sungrow_nightly SET seen = NULL WHERE device_id = %s", device)
    nightly("--device", device)
    assert_alike(database, device, at_once)
    assert before["sungrow_battery_days"] != stored(database, device)["sungrow_battery_days"]


# The hours, of which the rollups know nothing: by the readings


FIRST = utc("2026-06-20 18:30")  # midnight in Kolkata


def measured(hours: int = 60) -> list[dict]:
    """Return readings of a battery with all that it tells, one in two minutes."""
    dice, found = random.Random(4), []
    for n in range(hours * 30):
        ts = FIRST + n * timedelta(minutes=2)
        power = dice.choice([0.0, 3.0, 900.0, -2500.0, 4000.0])
        if 7 <= n // 30 % 24 < 9:
            continue
        found.append(
            reading(
                ts,
                interval_s=120.0,
                battery_power_w=power,
                battery_soc_pct=round(50 + 50 * dice.uniform(-1, 1), 1),
                battery_temp_c=round(dice.uniform(3, 47), 1),
                battery_voltage_v=round(dice.uniform(150, 200), 1),
                battery_soh_pct=99.0,
            )
        )
    return found


def test_hours_are_what_the_readings_say(database, nightly):
    device = new_device()
    rows(
        database,
        "INSERT INTO sungrow_devices (device_id, timezone, battery_capacity_kwh)"
        " VALUES (%s, 'Asia/Kolkata', 9.6)",
        device,
    )
    readings = measured()
    store(database, device, readings)
    nightly("--device", device)
    check_hours(database, device, readings)
    # Late ones, and a correction: the hours of that day alone are made again.
    late = [reading(FIRST + timedelta(hours=7, minutes=n), **LATE) for n in range(0, 60, 2)]
    store(database, device, late)
    assert "1 local days" in nightly("--device", device)[0]
    check_hours(database, device, [*readings, *late])


LATE = {
    "interval_s": 120.0,
    "battery_power_w": -100.0,
    "battery_soc_pct": 42.0,
    "battery_temp_c": -3.5,
    "battery_voltage_v": 190.0,
    "battery_soh_pct": 99.0,
}


def check_hours(database, device: str, readings: list[dict]) -> None:
    by_hour = defaultdict(list)
    for one in readings:
        by_hour[one["ts"].replace(minute=0)].append(one)
    hours = stored(database, device)["sungrow_battery_hourly"]
    assert [row["bucket"] for row in hours] == sorted(by_hour)
    for row in hours:
        own = by_hour[row["bucket"]]
        temps = [one["battery_temp_c"] for one in own]
        rest = [one["battery_voltage_v"] for one in own if abs(one["battery_power_w"]) < 20]
        assert row["covered_s"] == 120 * len(own)
        assert (row["temp_c_count"], row["temp_c_min"], row["temp_c_max"]) == (
            *(len(own), min(temps), max(temps)),
        )
        assert row["temp_c_sum"] == pytest.approx(sum(temps))
        assert (row["rest_v_count"], row["rest_v_sum"]) == (len(rest), pytest.approx(sum(rest)))
        assert (row["soh_pct_count"], row["soh_pct_sum"]) == (len(own), 99 * len(own))
    check_bands(database, device, readings)


def check_bands(database, device: str, readings: list[dict]) -> None:
    """By the means of five minutes, in plain Python; and the sums by local months."""
    fine, expected = defaultdict(list), defaultdict(float)
    for one in readings:
        fine[one["ts"].replace(minute=one["ts"].minute // 5 * 5)].append(one)
    for at, own in fine.items():
        soc, temp, power = (
            sum(one[name] for one in own) / len(own)
            for name in ("battery_soc_pct", "battery_temp_c", "battery_power_w")
        )
        direction = 0 if abs(power) < battery_rows.REST_W else 1 if power > 0 else -1
        cell = (
            at.replace(minute=0),
            below(battery_rows.SOC_EDGES_PCT, soc),
            below(battery_rows.TEMP_EDGES_C, temp),
            below(battery_rows.RATE_EDGES, abs(power) / 9600),
            direction,
        )
        expected[cell] += 120 * len(own)
    asked = (
        "SELECT bucket, soc_from_pct, temp_from_c, rate_from_1_h, direction, seconds"
        " FROM sungrow_battery_hourly, unnest(bands) WHERE device_id = %s"
    )
    found = {tuple(row.values())[:5]: row["seconds"] for row in rows(database, asked, device)}
    assert found == pytest.approx(expected)


def below(edges: tuple, value: float) -> float:
    return max(edge for edge in edges if edge <= value)


@pytest.mark.parametrize(
    ("capacity_kwh", "cells"),
    [(9.6, 60), (6.4, 40), (25.6, 160), (3.2, None), (28.8, None), (10.0, None), (None, None)],
)
def test_the_cells_of_a_stack_of_sbr_are_known_by_its_capacity(capacity_kwh, cells):
    assert battery_rows_of.cells_of(capacity_kwh) == cells


@pytest.mark.parametrize(
    ("volts", "is_kept"), [(192.0, True), (200.0, True), (48.0, False), (250.0, False)]
)
def test_another_pack_of_that_capacity_has_no_voltage_of_a_cell(database, volts, is_kept):
    device, first = new_device(), utc("2026-06-01 10:00")
    readings = [
        reading(first + n * timedelta(minutes=5), battery_voltage_v=volts, interval_s=300.0)
        for n in range(20)
    ]
    store(database, device, [*readings])
    for cells in (None, 60):
        own_settings(database, device, cells=cells)
        with database, database.cursor(cursor_factory=Cursor) as cursor:
            about = battery_rows_of.known(cursor, device)
            (span, *_) = battery_rows_of.spans(cursor, device, [first.date()])
            fine = battery_rows_of.make_hours(cursor, device, about, span, span)
        expected = pytest.approx(volts / 60) if is_kept or cells else None
        assert len(fine) == 20
        assert all(row.cell_v == expected for row in fine)
        rows(database, "DELETE FROM sungrow_battery_settings WHERE device_id = %s", device)


def test_late_readings_of_the_grid_meter_have_their_day_done_again(database, nightly):
    device, first = new_device(), utc("2026-06-02 10:00")
    times = [first + n * timedelta(hours=1) for n in range(60)]
    store(database, device, [reading(ts, inverter_power_w=500.0) for ts in times])
    assert "3 local days" in nightly("--device", device)[0]
    assert "nothing changed" in nightly("--device", device)[0]
    store_p1(database, device, [p1_reading(times[30], power_w=-300.0)])
    assert "1 local days" in nightly("--device", device)[0]
    assert "nothing changed" in nightly("--device", device)[0]


def test_what_rests_on_the_grid_is_that_of_the_grid_meter_where_that_speaks(database):
    device, first = new_device(), utc("2026-06-02 10:00")
    times = [first + n * timedelta(minutes=1) for n in range(60)]
    readings = [
        reading(
            ts,
            interval_s=60.0,
            inverter_power_w=500.0,
            battery_power_w=-800.0,
            pv_power_w=0.0,
            load_power_w=500.0,
            export_power_w=0.0,
        )
        for ts in times
    ]
    store(database, device, readings)
    meter = [p1_reading(ts, power_w=-300.0) for ts in times if ts.minute < 30]
    store_p1(database, device, meter)
    with database, database.cursor(cursor_factory=Cursor) as cursor:
        about = battery_rows_of.known(cursor, device)
        (span, *_) = battery_rows_of.spans(cursor, device, [first.date()])
        fine = battery_rows_of.make_hours(cursor, device, about, span, span)
        year = list(
            battery_rows_of.year(
                cursor, device, first.timestamp(), (first + timedelta(hours=1)).timestamp()
            )
        )
    assert len(fine) == len(year) == 12
    for row, again in zip(fine, year, strict=True):
        by_meter = row.bucket_s < (first + timedelta(minutes=30)).timestamp()
        assert row.export_kwh == pytest.approx(0.025 if by_meter else 0.0)
        assert row.load_kwh == pytest.approx((500 - 300) / 12_000 if by_meter else 500 / 12_000)
        assert (row.battery_to_grid_kwh > 0) == by_meter
        bare = row._replace(temp_c=None, soh_pct=None, cell_v=None, running_state=None)
        assert again == bare, "without what only the readings know"
