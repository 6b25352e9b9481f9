"""The nightly job ``roof``: by the database it finds what the analysis finds in memory.

And it is the same whether it lived through the days, or saw them all at once; late, or in order.
"""

import itertools
import json
import math
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from edge_lib.shared import sun
from server import site as site_command
from server.database import deletions, rollups
from server.database.pool import SQL
from server.nightly import roof_rows, runner
from server.plane import Plane
from server.roof import analyse, digest
from server.roof.rows import FiveMinutes, Settings, StringRow
from tests.support import nights
from tests.support.batches import app_on, get
from tests.support.commands import runner as command
from tests.support.readings import (
    insert_by_hand,
    new_device,
    reading,
    rows,
    store,
    utc,
)

pytestmark = pytest.mark.server

SITE = "Europe/Berlin"
BORN = datetime(2026, 3, 26, tzinfo=UTC)  # and on across the change of Berlin's clocks
DAYS = 10
NOW = BORN + timedelta(days=DAYS)
PLACE = (52.1, 5.2)
PLANES = {1: Plane(35.0, 120.0, 2.0, "east"), 2: Plane(35.0, 240.0, 2.4, None)}
SETTINGS = Settings(SITE, *PLACE, strings=PLANES)
SLOT = timedelta(minutes=5)
TOLERANCE = (1e-6, 2e-3)  # relative, absolute
TABLES = {
    "sungrow_roof_days": "day",
    "sungrow_shade_bins": "string, period, azimuth_deg, elevation_deg",
    "sungrow_string_limits": "bucket, string, cause",
}


@pytest.fixture(scope="module", autouse=True)
def now():
    """Let each night be the one after the last day."""
    with nights.nights_at(roof_rows, NOW):
        yield


@pytest.fixture
def nightly(url, monkeypatch, capsys, tmp_path):
    """Run the job; return what it said of each device."""
    return nights.job_of("roof", url, monkeypatch, capsys, tmp_path)


@pytest.fixture
def site(url, database, monkeypatch, capsys, tmp_path):
    """Say what the owner knows of a house."""
    run = command(site_command.main, monkeypatch, capsys, tmp_path)

    def tell(*argv: str) -> None:
        known = "INSERT INTO sungrow_devices (device_id) VALUES (%s) ON CONFLICT DO NOTHING"
        rows(database, known, argv[0])
        status, _, err = run("set", *argv, DATABASE_URL=url)
        assert (status, err) == (0, [])

    return tell


# The house: two strings, clear and dull days, a chimney on the first; one reading in five minutes.


def watts(at: datetime, string: int, light: float) -> float:
    where = sun.position((at + SLOT / 2).timestamp(), *PLACE)
    if where.elevation_deg <= 0:
        return 0.0
    plane = PLANES[string]
    up, aside = math.radians(where.elevation_deg), where.azimuth_deg - plane.azimuth_deg
    tilt = math.radians(plane.tilt_deg)
    beam = math.sin(up) * math.cos(tilt)
    beam += math.cos(up) * math.sin(tilt) * math.cos(math.radians(aside))
    is_shaded = string == 1 and 115 <= where.azimuth_deg < 130 and where.elevation_deg < 25
    direct = 0.0 if is_shaded else max(0.0, beam) * light
    return 1000 * (plane.kwp or 1) * (0.9 * direct + 0.1 * math.sin(up))


def lived(days: int = DAYS) -> list[dict]:
    dice, found = random.Random(22), []
    for number in range(days * 288):
        at = BORN + number * SLOT
        if at.hour < 4 or at.hour >= 19:
            continue
        if at.hour == 4 and at.minute == 0:
            light = dice.choice((1.0, 1.0, 0.7, 0.1))
        one, two = (watts(at, string, light) for string in PLANES)
        found.append(
            reading(
                at,
                interval_s=300.0,
                pv_power_w=one + two,
                mppt1_voltage_v=380.0,
                mppt1_current_a=one / 380,
                mppt2_voltage_v=400.0,
                mppt2_current_a=two / 400,
                inverter_power_w=0.97 * (one + two),
                inverter_temp_c=25.0 + one / 100,
                # A netz that is full has it held back on two noons.
                running_state=0x8200 if at.day in (2, 3) and at.hour == 11 else 0,
            )
        )
    return found


@pytest.fixture(scope="module")
def readings() -> list[dict]:
    return lived()


def in_memory(readings: list[dict]) -> list[digest.Digest]:
    """Return the digests by the same readings, cut by plain Python."""
    zone, made = ZoneInfo(SITE), []
    local: dict = {}
    for one in readings:
        local.setdefault(one["ts"].astimezone(zone).date(), []).append(five_minutes(one))
    for day in sorted(local):
        begin, end = (
            datetime(one.year, one.month, one.day, tzinfo=zone).timestamp()
            for one in (day, day + timedelta(days=1))
        )
        made.append(digest.of_day(day, local[day], begin, end, SETTINGS))
    return made


def five_minutes(one: dict) -> FiveMinutes:
    is_limited = one["running_state"] == 0x8200
    strings = [
        StringRow(k, v * a, v, a, 1, int(is_limited))
        for k in (1, 2)
        for v, a in [(one[f"mppt{k}_voltage_v"], one[f"mppt{k}_current_a"])]
    ]
    return FiveMinutes(
        int(one["ts"].timestamp()),
        tuple(strings),
        inverter_w=one["inverter_power_w"],
        export_w=one["export_power_w"],
        running_state=one["running_state"],
        temp_c=one["inverter_temp_c"],
    )


def stored(database, device_id: str) -> dict[str, list[dict]]:
    """Return all that was computed of a device, but for when."""
    return nights.stored(database, device_id, TABLES, "sungrow_roof_results")


def alike(one: object, other: object) -> bool:
    """Return whether two results say the same, but for the order in which numbers were added."""
    return nights.alike(one, other, *TOLERANCE)


def assert_alike(database, one: str, other: str) -> None:
    nights.assert_alike(stored(database, one), stored(database, other), *TOLERANCE)


def place(site, device_id: str) -> None:
    east, west = ("1:35,120,2,east", "2:35,240,2.4")
    where = ("--latitude", str(PLACE[0]), "--longitude", str(PLACE[1]))
    site(device_id, *where, "--string", east, "--string", west)


@pytest.fixture(scope="module")
def at_once(database, url, readings) -> str:
    """The house, of which the night saw all days at once."""
    device = new_device()
    add = "INSERT INTO sungrow_sites (device_id, latitude, longitude) VALUES (%s, %s, %s)"
    rows(database, add, device, *PLACE)
    for string, plane in PLANES.items():
        add = "INSERT INTO sungrow_site_strings VALUES (%s, %s, %s, %s, %s, %s)"
        rows(database, add, device, string, *plane)
    store(database, device, readings)
    assert runner.run(url, runner.Wanted(("roof",), (device,), runner.Span())) == []
    return device


def test_by_the_database_it_finds_what_it_finds_in_memory(database, readings, at_once):
    tables, expected = stored(database, at_once), in_memory(readings)
    told = [json.loads(row["digest"]) for row in tables["sungrow_roof_days"]]
    assert len(told) == DAYS
    for one, right in zip(told, expected, strict=True):
        assert alike(one, json.loads(digest.to_json(right))), right.day
    found = analyse.result("", iter(expected), SETTINGS, NOW.timestamp())
    (result,) = tables["results"]
    rightly = json.loads(json.dumps(found.result))
    rightly.pop("device_id", None)
    rightly.pop("computed_at", None)
    assert alike({name: result["result"][name] for name in rightly}, rightly)
    bins = sorted(found.bins)
    assert len(bins) > 30
    assert [
        tuple(row[name] for name in ("string", "period", "azimuth_deg", "elevation_deg", "state"))
        for row in tables["sungrow_shade_bins"]
    ] == [(*one[:4], one.state) for one in bins]
    assert any(one.performance < 0.1 for one in bins), "the chimney"
    limits = {(row["bucket"], row["string"]) for row in tables["sungrow_string_limits"]}
    held = {one["ts"] for one in readings if one["running_state"]}
    assert limits == {(at, string) for at in held for string in PLANES}
    assert {row["cause"] for row in tables["sungrow_string_limits"]} == {"dispatch"}
    assert len(held) == 24


def test_by_new_rules_all_days_are_looked_at_again(database, url, readings, nightly, site):
    device = new_device()
    place(site, device)
    store(database, device, readings)
    nightly("--device", device)
    before = stored(database, device)
    spoil = "UPDATE sungrow_roof_days SET digest = '{}' WHERE device_id = %s"
    rows(database, spoil, device)
    rows(database, (SQL / "0017_roof_days_once_more.sql").read_text())
    nightly("--device", device)
    assert stored(database, device) == before


def test_what_it_found_is_served_in_the_shape_of_the_interface(url, at_once):
    client = app_on(url, READ_TOKENS=f"reads:{at_once}").test_client()
    told = get(client, "/v1/roof", "reads").json
    assert set(told) == {
        *("device_id", "computed_at", "place", "export_limit_w", "reason", "reason_text"),
        *("reason_values", "days", "days_missing", "warnings", "strings", "share_by_day"),
        *("losses_by_month", "events", "timezone"),
    }
    assert told["device_id"] == at_once
    assert [one["string"] for one in told["strings"]] == [1, 2]
    for one in told["strings"]:
        assert {"name", "plane", "suggestion", "warnings", "share", "shade_loss"} <= set(one)
        assert {"soiling", "trend", "dead", "map"} <= set(one)
    curve = get(client, f"/v1/roof/day?date={NOW.date() - timedelta(days=1)}", "reads").json
    assert (curve["from"], curve["timezone"]) == ("2026-04-04T00:00:00+02:00", SITE)
    noon = [one for one in curve["series"] if one["bucket"] == "2026-04-04T13:00:00+02:00"]
    assert [one["string"] for one in noon] == [1, 2]
    assert all(200 < one["usual_w"] < 2500 and one["limited"] is None for one in noon)
    held = get(client, "/v1/roof/day?date=2026-04-02", "reads").json["series"]
    assert len([one for one in held if one["limited"] == "dispatch"]) == 24
    shade = get(client, "/v1/shade?string=1", "reads").json
    assert len(shade["bins"]) > 20
    assert {one["state"] for one in shade["bins"]} <= {"clear", "partly", "shaded", "too_few"}


@pytest.mark.parametrize("place_of_today", [(None, None), (-33.9, 151.2)], ids=str)
def test_a_place_that_was_changed_counts_from_the_next_night_on(
    url, database, at_once, place_of_today
):
    client = app_on(url, READ_TOKENS=f"reads:{at_once}").test_client()
    before = get(client, "/v1/roof/day?date=2026-04-02", "reads").json
    change = "UPDATE sungrow_sites SET latitude = %s, longitude = %s WHERE device_id = %s"
    rows(database, change, *place_of_today, at_once)
    try:
        after = get(client, "/v1/roof/day?date=2026-04-02", "reads").json
    finally:
        rows(database, change, *PLACE, at_once)
    assert before["series"]
    assert after == before


def test_whatever_the_order_in_which_days_come_the_result_is_the_same(
    database, nightly, site, readings, at_once
):
    device, day = new_device(), 180
    place(site, device)
    zone = ZoneInfo(SITE)
    is_late = [one["ts"].astimezone(zone).hour >= 15 for one in readings]
    evenings = list(itertools.compress(readings, is_late))
    others = [one for one, late in zip(readings, is_late, strict=True) if not late]
    cuts = [0, 6 * day // 2, 8 * day // 2 + 40, len(others)]
    parts = [others[first:end] for first, end in itertools.pairwise(cuts)]
    random.Random(7).shuffle(parts)
    for part in (*parts, evenings):
        store(database, device, part)
        assert "bins" in nightly("--device", device)[0]
    assert_alike(database, device, at_once)
    assert "nothing changed" in nightly("--device", device)[0]


def test_a_first_run_that_is_killed_goes_on_in_pieces(
    database, nightly, site, readings, at_once, monkeypatch
):
    device = new_device()
    place(site, device)
    store(database, device, readings)
    jobs = {one.name: one for one in runner.JOBS}
    real, asked = jobs["roof"].run, []

    def dies(cursor, of: str, days: list) -> str:
        asked.append(len(days))
        if len(asked) == 2:
            raise RuntimeError("killed")
        return real(cursor, of, days)

    jobs["roof"] = jobs["roof"]._replace(run=dies, most_days=6)
    monkeypatch.setattr(runner, "JOBS", tuple(jobs.values()))
    assert runner.run(database.dsn, runner.Wanted(("roof",), (device,), runner.Span())) != []
    nightly("--device", device)
    assert asked == [6, DAYS - 6, DAYS - 6]
    assert_alike(database, device, at_once)


def test_what_is_forgotten_is_gone_from_the_roof_too(database, nightly, site, readings):
    device, kept = new_device(), new_device()
    gone = (utc("2026-04-02 00:00"), utc("2026-04-04 09:30"))
    for one in (device, kept):
        place(site, one)
    store(database, device, readings)
    nightly("--device", device)
    with database, database.cursor(cursor_factory=Cursor) as cursor:
        deletions.forget(cursor, device, *gone)
    nightly("--device", device)
    store(database, kept, [one for one in readings if not gone[0] <= one["ts"] < gone[1]])
    nightly("--device", kept)
    assert_alike(database, device, kept)
    with database, database.cursor(cursor_factory=Cursor) as cursor:
        deletions.forget(cursor, device, None, None)
    assert "no strings any more" in nightly("--device", device)[0]
    assert not any(stored(database, device).values())
    asked = "SELECT latitude FROM sungrow_sites WHERE device_id = %s"
    assert rows(database, asked, device) == [{"latitude": 52.1}], "what the owner said stays"


def test_a_rebuild_has_its_days_done_again(database, nightly, site, readings):
    device = new_device()
    place(site, device)
    store(database, device, readings[:400])
    nightly("--device", device)
    with database, database.cursor(cursor_factory=Cursor) as cursor:
        rollups.rebuild(cursor, device, utc("2026-03-26 23:00"), utc("2026-03-27 12:00"))
    assert "1 local days" in nightly("--device", device)[0]


@pytest.mark.parametrize("odd_w", [float("nan"), float("inf"), 1e10, 1e300], ids=str)
def test_a_power_that_no_string_can_give_stops_no_night(database, nightly, site, odd_w):
    device, sane_w = new_device(), 1000.0
    place(site, device)
    strings = {"mppt1_voltage_v": 400.0, "mppt1_current_a": 2.5, "device_id": device}
    by_hand = [
        reading(
            BORN + timedelta(hours=10, minutes=minutes),
            pv_power_w=power_w,
            inverter_power_w=ac_w,
            **strings,
        )
        for minutes, power_w, ac_w in ((0, odd_w, 0.0), (5, sane_w, 0.0), (6, sane_w, odd_w))
    ]
    insert_by_hand(database, by_hand)
    assert "1 local days" in nightly("--device", device)[0]
    (told,) = stored(database, device)["sungrow_roof_days"]
    assert json.loads(told["digest"])["powers"] == {"1": [sane_w]}


@pytest.mark.parametrize("tiny", [5e-324, 1e-200], ids=str)
def test_next_to_nothing_stops_no_night_and_no_answer(url, database, nightly, site, tiny):
    device, morning = new_device(), BORN + timedelta(hours=10)
    place(site, device)
    for minutes, value in ((0, tiny), (1, 0.0)):
        strings = {"mppt1_voltage_v": value, "mppt1_current_a": value}
        store(database, device, [reading(morning + timedelta(minutes=minutes), **strings)])
    assert "1 local days" in nightly("--device", device)[0]
    client = app_on(url, READ_TOKENS=f"reads:{device}").test_client()
    told = get(client, "/v1/strings?from=2026-03-26&to=2026-03-27&bucket=1d", "reads")
    (one,) = told.json["strings"]
    assert one["series"][0]["avg_voltage_v"] == pytest.approx(0, abs=1e-190)


def test_a_house_without_strings_is_one_look(database, nightly, site):
    device = new_device()
    place(site, device)
    store(database, device, [reading(BORN + n * SLOT) for n in range(20)])
    assert "no strings, 1 local days" in nightly("--device", device)[0]
    assert not any(stored(database, device).values())


def test_without_a_place_nothing_is_made_of_the_days_and_what_is_set_makes_all_due(
    database, nightly, site, readings, at_once
):
    device = new_device()
    store(database, device, readings)
    assert "no place is set" in nightly("--device", device)[0]
    tables = stored(database, device)
    assert tables["results"][0]["result"]["reason"] == "no_place"
    assert not any(tables[name] for name in TABLES)
    assert "nothing changed" in nightly("--device", device)[0]
    place(site, device)
    assert f"{DAYS} local days" in nightly("--device", device)[0]
    assert_alike(database, device, at_once)
    site(device, "--string", "1:35,60,2,wrong")
    assert f"{DAYS} local days" in nightly("--device", device)[0]
    wrong = stored(database, device)["results"][0]["result"]["strings"][0]
    assert (wrong["name"], wrong["plane"]["azimuth_deg"]) == ("wrong", 60)
    site(device, "--name", "our house")
    assert "nothing changed" in nightly("--device", device)[0], "a name changes nothing"
