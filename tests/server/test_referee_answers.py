"""``GET /v1/referee``: the figures through HTTP and a database, and every wrong question."""

from datetime import UTC, datetime, timedelta

import pytest
from psycopg2.extras import execute_values

from server.p1 import referee
from server.referee import figures
from server.referee.judge import judge
from tests.support.batches import (
    OTHER,
    OTHER_TOKEN,
    READ_TOKEN,
    TOKEN,
    app_on,
    assert_error,
    get,
    send,
)
from tests.support.readings import connected, insert_by_hand, rows
from tests.support.samples import DEVICE, a_sample
from tests.support.two_meters import Meter, TwoMeters

PATH = "/v1/referee?from=2026-06-01T00:00:00Z&to=2026-06-01T05:00:00Z"
SHAPE = {"value", "low", "high", "n", "unit", "reason"}
HOURS = 5.0


def moment(ts: float) -> datetime:
    return datetime.fromtimestamp(ts, UTC)


def stored(connection, house: TwoMeters, device_id: str, meterless: bool = False) -> None:
    """Store what both meters of a house said."""
    samples = [
        {
            "device_id": device_id,
            "ts": moment(one.ts),
            "pv_power_w": 0,
            # Of the two that tell of the meter, one is there for every other sample.
            "grid_power_w": None if meterless or n % 2 else one.meter_w,
            "export_power_w": None if meterless or not n % 2 else -one.meter_w,
            "inverter_power_w": one.ac_w,
            "total_import_kwh": None if meterless else one.import_kwh,
            "total_export_kwh": None if meterless else one.export_kwh,
        }
        for n, one in enumerate(house.samples)
    ]
    insert_by_hand(connection, samples)
    told = [
        (device_id, moment(r.ts), r.w, *r.phases, r.import_kwh, r.export_kwh, moment(r.clock_s))
        for r in house.rows
    ]
    statement = (
        "INSERT INTO p1_samples (device_id, ts, power_w, power_l1_w, power_l2_w, power_l3_w,"
        " energy_import_kwh, energy_export_kwh, meter_ts) VALUES %s"
    )
    with connection, connection.cursor() as cursor:
        execute_values(cursor, statement, told, page_size=5000)


@pytest.fixture(scope="module")
def house() -> TwoMeters:
    meter = Meter(gain=0.979, offset_w=4.0, lag_s=7.25, clock_off_s=-3600.0)
    return TwoMeters(meter, seed=8, hours=HOURS)


@pytest.fixture(scope="module")
def database_url(databases, house):
    """Two houses with P1; the other one's inverter has no meter."""
    url = databases.migrated()
    with connected(url) as connection:
        stored(connection, house, DEVICE)
        stored(connection, TwoMeters(Meter(), seed=8, hours=1.0), OTHER, meterless=True)
    return url


@pytest.fixture
def client(database_url):
    return app_on(database_url).test_client()


def answer(client, path: str = PATH, token: str = TOKEN) -> dict:
    found = get(client, path, token)
    assert found.status_code == 200, found.text
    return found.json


def test_the_answer_has_the_figures_that_the_rows_in_memory_have(client, house):
    found = answer(client)
    expected = judge(house, 0.0)
    assert found["figures"].keys() == expected.figures.keys()
    for name, figure in expected.figures.items():
        told = found["figures"][name]
        assert told.keys() == SHAPE
        assert told["reason"] == figure.reason, name
        if figure.value is None:
            assert told["value"] is None
        else:
            assert told["value"] == pytest.approx(figure.value, abs=0.002), name
        assert told["n"] == figure.n
    assert found["phases"] == dict(zip(("l1", "l2", "l3"), expected.phases, strict=True))
    (day,) = found["days"]
    assert day["date"] == "2026-06-01"
    assert day["quarters"] == day["quarters_compared"] == HOURS * 4
    assert day["p1_import_kwh"] == pytest.approx(expected.days[0].p1_import_kwh, abs=0.002)


def test_the_figures_are_the_truth_and_the_text_says_so(client):
    found = answer(client, f"{PATH}&device_id={DEVICE}", READ_TOKEN)
    told = found["figures"]
    assert told["lag"]["value"] == pytest.approx(7.25, abs=0.5)
    assert told["gain_import"]["value"] == pytest.approx(0.979, abs=0.002)
    assert told["offset_import"]["value"] == pytest.approx(4.0, abs=3.0)
    assert told["gain_export"]["reason"] == figures.NOT_ENOUGH  # it is night
    assert told["clock"]["value"] == pytest.approx(-3600, abs=1)
    said = {one["id"]: one for one in found["text"]}
    assert "2.1 % less import than the utility's meter" in said["gain_import"]["text"]
    assert said["gain_import"]["values"]["percent"] == pytest.approx(-2.1, abs=0.2)
    assert "1.0 hours behind" in said["clock"]["text"]


def test_a_house_whose_inverter_has_no_meter_says_so(client):
    found = answer(client, f"{PATH}&device_id={OTHER}", READ_TOKEN)
    for name in ("lag", "sign", "gain_import", "total_import", "phase_l1", "unexplained"):
        assert found["figures"][name]["reason"] == figures.NO_METER
    assert found["figures"]["negative_loads_after"]["value"] is not None
    assert "no grid meter of its own" in found["text"][0]["text"]


def test_without_a_range_it_is_the_last_seven_whole_days(client):
    found = answer(client, "/v1/referee")
    today = datetime.now(UTC).date()
    first, end = (datetime.fromisoformat(found[name]) for name in ("from", "to"))
    assert (first.date(), end.date()) == (today - timedelta(days=7), today)
    assert len(found["days"]) == 7
    assert found["figures"]["lag"]["reason"] == figures.NO_P1
    assert found["figures"]["missing_p1"]["value"] == found["figures"]["missing_p1"]["n"] == 672


def test_what_is_yet_to_come_is_no_day(client):
    now = datetime.now(UTC)
    first, end = now.date(), now.date() + timedelta(days=3)
    found = answer(client, f"/v1/referee?from={first}&to={end}")
    assert [day["date"] for day in found["days"]] in ([f"{first}"], [])
    quarters = (now.hour * 60 + now.minute) // 15
    assert abs(sum(day["quarters"] for day in found["days"]) - quarters) <= 1
    assert answer(client, f"/v1/referee?from={end}&to={end + timedelta(days=9)}")["days"] == []


@pytest.mark.parametrize(
    ("first", "end", "quarters"),
    [
        ("2026-03-28", "2026-03-31", [96, 92, 96]),
        ("2025-10-25", "2025-10-28", [96, 100, 96]),
        ("2026-06-01T10:07:00Z", "2026-06-02T10:50:00%2B02:00", [48, 43]),
    ],
)
def test_days_are_local_ones_and_ends_move_down_to_a_quarter_hour(databases, first, end, quarters):
    client = app_on(databases.migrated("Europe/Berlin")).test_client()
    found = answer(client, f"/v1/referee?from={first}&to={end}")
    assert found["timezone"] == "Europe/Berlin"
    assert [day["quarters"] for day in found["days"]] == quarters
    assert datetime.fromisoformat(found["from"]).minute % 15 == 0


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-06-01&to=2026-07-02T01:15:00Z",  # an hour more is for a change of the clock
        "from=2026-06-01&to=2026-06-01",
        "from=2026-06-02&to=2026-06-01",
        "from=2026-06-01T00:01:00Z&to=2026-06-01T00:14:00Z",
        "from=2099-06-01",
        "from=yesterday&to=2026-06-01",
        "from=2026-06-01&to=",
        "from=2026-06-01T00:00:00&to=2026-06-02",
        "from=0001-01-01&to=2026-06-01",
        "from=9999-12-31&to=9999-12-31T23:59:59Z",
    ],
)
def test_a_range_that_cannot_be_is_refused(client, query):
    assert_error(get(client, f"/v1/referee?{query}"), 422)


def test_the_longest_range_is_a_month(client):
    assert len(answer(client, "/v1/referee?from=2026-05-15&to=2026-06-15")["days"]) == 31


def test_who_may_not_read_the_house_is_refused(client):
    assert_error(get(client, PATH, "nobody"), 401)
    assert_error(get(client, f"{PATH}&device_id={DEVICE}", OTHER_TOKEN), 403)
    assert_error(get(client, PATH, READ_TOKEN), 422)  # it may read two


def test_one_is_computed_at_a_time(client):
    with referee._turn:
        refused = get(client, PATH)
    assert_error(refused, 503)
    assert refused.headers["Retry-After"]
    assert get(client, PATH).status_code == 200


def test_the_lag_in_use_is_0_until_one_is_stored(databases):
    url = databases.migrated()
    client = app_on(url).test_client()
    with connected(url) as connection:
        assert answer(client)["stored_lag_s"] == 0
        rows(
            connection, "INSERT INTO sungrow_devices (device_id, p1_lag_s) VALUES (%s, 6.5)", DEVICE
        )
    assert answer(client)["stored_lag_s"] == 6.5


def test_samples_that_came_by_ingest_are_read_and_never_end_in_a_500(databases):
    client = app_on(databases.migrated()).test_client()
    samples = [
        a_sample(ts=f"2026-06-01T00:00:{n:02}.000001Z", export_power_w=w, grid_power_w=w and -w)
        for n, w in enumerate([None, 0, 400_000, -400_000, 1e-9, None, 3.5])
    ]
    assert send(client, *samples).status_code == 200
    found = answer(client)
    assert found["figures"]["lag"]["reason"] == figures.NO_P1
    assert found["figures"]["missing_inverter"]["value"] == HOURS * 4 - 1
