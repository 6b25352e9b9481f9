"""The API of P1-Edge-VPS under ``/p1``: who may, what is stored or parked, what is answered."""

import gzip
import json
import math
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server import sandbox
from server.api.limiter import BAD_TOKENS
from server.p1 import history
from server.sandbox import wait_until
from tests.support.batches import (
    OTHER,
    OTHER_TOKEN,
    READ_TOKEN,
    TOKEN,
    LogLines,
    app_on,
    assert_error,
    get,
    rows,
    send,
)
from tests.support.p1_edge import NAME, P1_SETTINGS, P1_TOKEN, p1_app, send_p1, taken, told
from tests.support.samples import DEVICE, a_sample, a_ts

ORIGIN = {"Origin": "https://localhost"}
CAPACITY = "/p1/v1/capacity/month/2026-03"
READ_HERE = ("/p1/v1/realtime", "/p1/v1/series?frame=day", "/p1/v1/daily-energy")


@pytest.fixture(scope="module")
def client(database_url):
    return p1_app(database_url).test_client()


def parked(database_url: str) -> list[tuple]:
    statement = (
        "SELECT boot, seq, ts, reason, content::text FROM sungrow_parked"
        " WHERE device_id = %s AND kind = 'p1' ORDER BY received_at, boot"
    )
    return rows(database_url, statement, DEVICE)


def stored(database_url: str, ts: str) -> tuple:
    statement = (
        "SELECT device_id, power_w, import_power_w, energy_import_kwh, energy_export_kwh"
        " FROM p1_samples WHERE ts = %s"
    )
    (row,) = rows(database_url, statement, ts)
    return row


def test_a_batch_of_that_edge_is_stored_once_each_whatever_it_calls_its_meter(client, database_url):
    one, other = told(), told(device_id="192.168.1.20", power_w=-300, import_power_w=0)
    assert taken(client, one, other) == (2, 0, [], [])
    assert taken(client, other, one) == (0, 2, [], [])
    assert stored(database_url, one["ts"]) == (DEVICE, 450, 450, 1234.5, 100.2)
    assert stored(database_url, other["ts"]) == (DEVICE, -300, 0, 1234.5, 100.2)


def test_times_are_taken_as_that_edge_writes_them(client, database_url):
    at = datetime(2026, 2, 13, 10, 0, 0, 123456, tzinfo=UTC)
    assert taken(client, told(at), told(at.replace(microsecond=0)))[0] == 2
    assert taken(client, told("2026-02-13T11:00:00.123456+01:00"))[1] == 1


def test_what_is_more_than_the_six_fields_is_optional(client, database_url):
    reading = told(
        import_t1_kwh=1000.1, meter_id="1SAG1", meter_ts="1999-12-31T23:00:00Z", tariff=2
    )
    assert taken(client, reading) == (1, 0, [], [])
    found = rows(
        database_url,
        "SELECT import_t1_kwh, meter_id, meter_ts, tariff FROM p1_samples WHERE ts = %s",
        reading["ts"],
    )
    assert found == [(1000.1, "1SAG1", datetime(1999, 12, 31, 23, tzinfo=UTC), 2)]
    assert taken(client, {"device_id": NAME, "ts": a_ts(), "power_w": 3})[0] == 1


BAD = {
    "no ts": {"device_id": NAME, "power_w": 1, "import_power_w": 1},
    "a ts without offset": told("2026-02-13T10:00:00"),
    "a ts of 1970": told("1970-01-01T00:00:00+00:00"),
    "a ts of the future": told("2999-01-01T00:00:00+00:00"),
    "a ts that is no text": told() | {"ts": 1_700_000_000},
    "no power": {"device_id": NAME, "ts": "2026-02-13T10:00:05Z", "import_power_w": 1},
    "a power in words": told(power_w="not_a_number"),
    "an absurd power": told(power_w=10**9),
    "a power that is true": told(power_w=True),
    "a negative import": told(import_power_w=-5),
    "a negative counter": told(energy_import_kwh=-0.001),
    "a name that is none": told(device_id="my meter"),
    "no name": {"ts": "2026-02-13T10:00:06Z", "power_w": 1},
    "a field in a list": told(power_w=[1]),
    "an unknown field that is an object": told(more={"a": {"b": "c"}}),
    "a NUL": told(meter_id="a\0b"),
    "half a surrogate": told(meter_id="\ud800"),
    "an unknown field whose name holds a NUL": told(**{"a\0b": 5}),
    "an unknown field whose name is half a surrogate": told(**{"\ud800": 5}),
    "an unknown field whose name is long": told(**{"x" * 5000: 5}),
    "many unknown fields": told(**{f"{n}\0": 5 for n in range(50)}),
    "a time before all times": told(ts="0001-01-01T00:00:00+14:00"),
    "a time after all times": told(ts="9999-12-31T23:59:59-14:00"),
    "a boot and a seq beyond their columns": told(power_w="x", boot="zz", seq=2**70),
    "a list": [1, 2],
    "null": None,
    "a number": 5,
    "a text": "sample",
    "nothing": {},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_sample_is_kept_as_it_came_and_refuses_no_other(client, database_url, bad):
    before = parked(database_url)
    good = told()
    assert taken(client, bad, good) == (1, 0, [], [0])
    assert stored(database_url, good["ts"])[1] == 450
    (row,) = [row for row in parked(database_url) if row not in before]
    assert json.loads(row[4]) == json.loads(json.dumps(bad))
    assert row[3], "with the reason"
    assert taken(client, bad, good) == (0, 1, [], [0])
    assert len(parked(database_url)) == len(before) + 1, "sent again it is the same one"


def test_a_batch_of_bad_samples_alone_is_answered_too(client):
    assert taken(client, *BAD.values()) == (0, 0, [], list(range(len(BAD))))


def test_a_parked_one_is_known_by_its_content_or_by_its_own_number(client, database_url):
    bare, numbered = told(power_w="x"), told(power_w="x", boot="abc1", seq=7)
    taken(client, bare, numbered)
    found = {
        json.loads(content)["ts"]: (boot, seq)
        for boot, seq, _, _, content in parked(database_url)
        if json.loads(content) in (bare, numbered)
    }
    assert found[numbered["ts"]] == ("abc1", 7)
    boot, seq = found[bare["ts"]]
    assert len(boot) == 32
    assert seq == 0
    assert int(boot, 16)


def test_a_conflict_is_parked_by_the_server(client, database_url):
    first = told()
    second = first | {"power_w": 451}
    assert taken(client, first, second) == (1, 0, [1], [])
    assert taken(client, second, told(), first) == (1, 1, [0], [])
    assert stored(database_url, first["ts"])[1] == 450
    found = [row for row in parked(database_url) if "conflict" in row[3]]
    assert [json.loads(row[4])["power_w"] for row in found].count(451) == 1


def test_what_was_forgotten_is_a_duplicate_and_parked_nowhere(databases):
    url = databases.migrated()
    client = p1_app(url).test_client()
    at = datetime(2026, 5, 1, 12, tzinfo=UTC)
    sandbox.execute(
        url,
        "INSERT INTO sungrow_forgotten (device_id, from_ts, to_ts) VALUES (%s, %s, %s)",
        (DEVICE, at, at + timedelta(hours=1)),
    )
    gone, kept = told(at + timedelta(minutes=5)), told(at - timedelta(minutes=5))
    assert taken(client, gone, kept) == (1, 1, [], [])
    assert taken(client, gone | {"power_w": "bad"}) == (0, 0, [], [0])
    assert parked(url) == []
    assert rows(url, "SELECT count(*) FROM p1_samples") == [(1,)]


def test_a_reading_that_the_database_refuses_costs_itself_alone(databases):
    url = databases.migrated()
    if "plain" not in sandbox.edition(url):
        pytest.skip("a chunk's constraint has a name of its own")
    sandbox.execute(url, "ALTER TABLE p1_samples ADD CHECK (power_w <> 666)")
    client = p1_app(url).test_client()
    batch = [told(power_w=power) for power in (1, 666, 2, "bad", 3, 666, 4)]
    with LogLines() as log:
        assert taken(client, *batch) == (4, 0, [], [1, 3, 5])
    assert sum(line["event"] == "database refused a reading" for line in log.fields()) == 2
    assert len(parked(url)) == 3
    assert taken(client, *batch) == (0, 4, [], [1, 3, 5])


def test_a_batch_is_whole_or_not_there_where_the_database_is_away(databases):
    url = databases.migrated()
    client = p1_app(url).test_client()
    sandbox.execute(url, "ALTER TABLE sungrow_parked RENAME TO elsewhere")
    answer = send_p1(client, {"samples": [told(), told(power_w="bad")]})
    assert_error(answer, 503)
    assert "Retry-After" in answer.headers
    sandbox.execute(url, "ALTER TABLE elsewhere RENAME TO sungrow_parked")
    assert rows(url, "SELECT count(*) FROM p1_samples") == [(0,)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"samples": []}, 422),
        ({}, 422),
        ({"samples": None}, 422),
        ({"samples": {"a": 1}}, 422),
        ({"samples": "x"}, 422),
        ([], 422),
        (5, 422),
        (b"", 400),
        (b"no json", 400),
        (b'{"samples": [NaN]}', 400),
        (b'{"samples": [{"power_w": Infinity}]}', 400),
        (b'{"samples": [{"a": 1, "a": 2}]}', 400),
        (b'{"samples": [1e999]}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 5000, 400),
    ],
)
def test_what_is_no_batch_is_refused_as_elsewhere(client, body, status):
    assert_error(send_p1(client, body), status)


def test_too_many_and_too_large_are_413(database_url):
    client = p1_app(
        database_url, MAX_SAMPLES_PER_REQUEST="2", MAX_REQUEST_BYTES="2048"
    ).test_client()
    assert_error(send_p1(client, {"samples": [told(), told(), told()]}), 413)
    assert_error(send_p1(client, {"samples": [told(meter_id="x" * 2048)]}), 413)
    bomb = gzip.compress(b'{"samples": [' + b" " * 10_000_000)
    headers = {"Authorization": f"Bearer {P1_TOKEN}"}
    answer = client.post("/p1/v1/ingest", data=bomb, headers=headers | {"Content-Encoding": "gzip"})
    assert_error(answer, 413)
    answer = client.post("/p1/v1/ingest", data=b"x", headers=headers | {"Content-Encoding": "br"})
    assert_error(answer, 415)
    assert taken(client, told(), told())[0] == 2


@pytest.mark.parametrize("token", [TOKEN, READ_TOKEN, OTHER_TOKEN])
def test_only_a_p1_token_sends(client, token):
    answer = send_p1(client, {"samples": [told()]}, token)
    assert_error(answer, 403)
    assert "--p1" in answer.json["detail"]
    assert_error(send_p1(client, b"no json", token), 403)


@pytest.mark.parametrize("path", ["/p1/v1/ingest", *READ_HERE, CAPACITY])
def test_without_a_token_there_is_nothing_and_guessing_is_slowed_down(database_url, path):
    client = p1_app(database_url).test_client()
    method = "POST" if path.endswith("ingest") else "GET"

    def ask(**headers: str):
        return client.open(path, method=method, headers=headers, data=b"x")

    assert_error(ask(), 401)
    for _ in range(BAD_TOKENS - 1):
        assert_error(ask(Authorization="Bearer guess"), 401)
    answer = ask(Authorization="Bearer guess")
    assert_error(answer, 429)
    assert int(answer.headers["Retry-After"]) > 0
    assert ask(Authorization=f"Bearer {P1_TOKEN}").status_code in (200, 400, 404)


def test_the_address_may_be_the_base_or_whole(client):
    for path in ("/p1/v1/ingest", "/p1/v1/ingest/v1/ingest"):
        answer = send_p1(client, {"samples": [told()]}, path=path)
        assert answer.json["inserted"] == 1


def test_the_newest_reading_has_the_six_fields_of_that_api(databases):
    client = p1_app(databases.migrated()).test_client()
    answer = get(client, f"/p1/v1/realtime?device_id={NAME}", P1_TOKEN)
    assert_error(answer, 404)
    at = datetime.now(UTC)
    taken(client, told(at), told(at - timedelta(seconds=2), power_w=1))
    answer = get(client, f"/p1/v1/realtime?device_id={NAME}", P1_TOKEN)
    assert answer.json == told(at)
    assert list(answer.json) == list(told(at))
    assert type(answer.json["power_w"]) is int


def test_what_a_meter_says_beyond_them_is_shown_and_what_it_leaves_out_is_not_made_up(databases):
    client = p1_app(databases.migrated()).test_client()
    at = datetime.now(UTC)
    reading = {"device_id": NAME, "ts": at.isoformat(), "power_w": -200.6, "import_t1_kwh": 1.5}
    taken(client, reading | {"import_t2_kwh": 2.25, "voltage_l1_v": 231.4, "meter_id": "1SAG"})
    answer = get(client, "/p1/v1/realtime", P1_TOKEN).json
    assert answer == {
        "device_id": DEVICE,
        "ts": at.isoformat(),
        "power_w": -201,
        "import_power_w": 0,
        "energy_import_kwh": 3.75,
        "energy_export_kwh": None,
        "import_t1_kwh": 1.5,
        "import_t2_kwh": 2.25,
        "voltage_l1_v": pytest.approx(231.4),
        "meter_id": "1SAG",
    }


def test_a_reading_of_the_future_does_not_stand_in_the_way(databases):
    client = p1_app(databases.migrated()).test_client()
    now = datetime.now(UTC)
    taken(client, told(now + timedelta(minutes=30), power_w=9), told(now, power_w=5))
    assert get(client, "/p1/v1/realtime", P1_TOKEN).json["power_w"] == 5


@pytest.mark.parametrize("path", [*READ_HERE, CAPACITY])
@pytest.mark.parametrize(
    ("token", "name", "status"),
    [
        (P1_TOKEN, None, 200),
        (P1_TOKEN, NAME, 200),
        (P1_TOKEN, DEVICE, 200),
        (P1_TOKEN, OTHER, 200),
        (P1_TOKEN, "my meter", 422),
        (P1_TOKEN, "", 422),
        (TOKEN, None, 200),
        (TOKEN, DEVICE, 200),
        (TOKEN, NAME, 200),
        (TOKEN, "a/b", 422),
        (READ_TOKEN, DEVICE, 200),
        (READ_TOKEN, NAME, 403),
        (READ_TOKEN, None, 422),
        (READ_TOKEN, "no name", 403),
    ],
)
def test_who_reads_here_and_by_which_name(client, path, token, name, status):
    taken(client, told(datetime.now(UTC)))
    query = "" if name is None else f"{'&' if '?' in path else '?'}device_id={name}"
    answer = get(client, f"{path}{query}", token)
    if status != 200:
        assert_error(answer, status)
        return
    assert answer.status_code == 200, answer.text
    assert answer.json["device_id"] == (DEVICE if name is None else name)


def test_a_token_of_another_house_sees_that_house(client):
    taken(client, told(datetime.now(UTC)))
    assert_error(get(client, f"/p1/v1/realtime?device_id={DEVICE}", OTHER_TOKEN), 404)


def test_the_session_of_the_page_reads_here(database_url):
    one = {"READ_TOKENS": f"only:{DEVICE}"}
    client = app_on(database_url, **{**P1_SETTINGS, **one}, SECRET_KEY="k" * 32).test_client()
    taken(client, told(datetime.now(UTC)))
    answer = client.post(
        "/login", data={"token": "only"}, headers=ORIGIN, base_url="https://localhost"
    )
    assert answer.status_code == 204
    answer = client.get(f"/p1/v1/realtime?device_id={NAME}", base_url="https://localhost")
    assert answer.json["device_id"] == NAME
    answer = client.post("/p1/v1/ingest", data=b"{}", base_url="https://localhost")
    assert_error(answer, 401)


def test_health_has_the_shape_of_that_api_and_needs_no_token(client):
    answer = client.get("/p1/health")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "db": "ok", "redis": "ok"})


def test_health_is_degraded_only_without_the_database(tmp_path):
    away = f"postgresql://nobody@/nothing?host={tmp_path}"
    answer = p1_app(away).test_client().get("/p1/health")
    assert answer.status_code == 503
    assert answer.json == {"status": "degraded", "db": "error", "redis": "ok"}


def test_a_cache_that_is_down_is_named_and_costs_nothing(database_url, tmp_path):
    client = p1_app(database_url, REDIS_URL=f"unix://{tmp_path}/none.sock").test_client()
    answer = client.get("/p1/health")
    assert (answer.status_code, answer.json["redis"]) == (200, "error")


@pytest.mark.parametrize("path", [*READ_HERE, CAPACITY, "/p1/v1/ingest", "/p1/health"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST", "GET"])
def test_other_methods_are_405(client, path, method):
    if (method == "POST") == path.endswith("ingest") and method in ("POST", "GET"):
        pytest.skip("that is its method")
    answer = client.open(path, method=method, headers={"Authorization": f"Bearer {P1_TOKEN}"})
    assert_error(answer, 405)


def test_a_batch_of_samples_of_the_inverter_is_parked_here_and_no_sample(client, database_url):
    sample = a_sample()
    assert taken(client, sample) == (0, 0, [], [0])
    assert send(client, sample).json["inserted"] == 1


def test_the_dashboard_may_come_from_another_origin(database_url):
    there = "https://dashboard.example.org"
    client = p1_app(database_url, CORS_ORIGINS=there).test_client()
    answer = get(client, "/p1/v1/series?frame=day", P1_TOKEN, Origin=there)
    assert answer.headers["Access-Control-Allow-Origin"] == there
    headers = {"Origin": there, "Access-Control-Request-Method": "GET"}
    answer = client.options("/p1/v1/realtime", headers=headers)
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization"


BRUSSELS = ZoneInfo("Europe/Brussels")
SINCE = datetime(2026, 2, 27, 12, tzinfo=UTC)
NOW = datetime(2026, 3, 29, 13, 7, 30, tzinfo=UTC)  # a Sunday, on which the clock was put forward
LAST = datetime(2026, 3, 29, 13, 5, tzinfo=UTC)
STEP = timedelta(minutes=5)
OUTAGE = (datetime(2026, 3, 10, 9, tzinfo=UTC), datetime(2026, 3, 12, 10, tzinfo=UTC))
FIELDS = ["bucket", "avg_power_w", "max_power_w", "energy_import_kwh", "energy_export_kwh"]


def counter(ts: datetime) -> float:
    """The import counter: it rises by 0.35 to 0.85 kWh an hour."""
    hours = (ts - SINCE).total_seconds() / 3600
    return 16_306 + 0.6 * hours + 3 * math.sin(hours / 24 * 2 * math.pi) / math.pi


def reading_at(ts: datetime) -> dict:
    power = 600 + 250 * math.cos((ts - SINCE).total_seconds() / 86_400 * 2 * math.pi)
    return told(
        ts,
        power_w=round(power),
        import_power_w=max(round(power), 0),
        energy_import_kwh=round(counter(ts), 6),
        energy_export_kwh=round(9876.543 + (ts - SINCE).total_seconds() / 36_000, 6),
    )


@pytest.fixture(scope="module")
def lived_in(databases):
    """A month of a house in Brussels, sent in no order; the outage is the only gap."""
    client = p1_app(databases.migrated("Europe/Brussels")).test_client()
    moments = [SINCE + n * STEP for n in range((LAST - SINCE) // STEP + 1)]
    readings = [reading_at(ts) for ts in moments if not OUTAGE[0] <= ts < OUTAGE[1]]
    random.Random(7).shuffle(readings)
    for begin in range(0, len(readings), 1000):
        assert send_p1(client, {"samples": readings[begin : begin + 1000]}).status_code == 200
    return client


@pytest.fixture
def today(monkeypatch):
    monkeypatch.setattr(history, "now", lambda: NOW)


def frame(client, name: str) -> list[dict]:
    answer = get(client, f"/p1/v1/series?device_id={NAME}&frame={name}", P1_TOKEN)
    assert answer.status_code == 200, answer.text
    assert list(answer.json) == ["device_id", "frame", "series"]
    assert (answer.json["device_id"], answer.json["frame"]) == (NAME, name)
    assert all(list(bucket) == FIELDS for bucket in answer.json["series"])
    return answer.json["series"]


def rise(first: datetime, end: datetime) -> float:
    return counter(min(end, LAST)) - counter(max(first, SINCE))


@pytest.mark.usefixtures("today")
def test_a_day_has_its_local_hours_and_the_running_one(lived_in):
    hours = frame(lived_in, "day")
    # 23 hours on that day: from 01:00 it is 03:00.
    assert [hour["bucket"] for hour in hours][:4] == [
        "2026-03-29 00:00:00+01:00",
        "2026-03-29 01:00:00+01:00",
        "2026-03-29 03:00:00+02:00",
        "2026-03-29 04:00:00+02:00",
    ]
    assert hours[-1]["bucket"] == "2026-03-29 15:00:00+02:00"
    assert len(hours) == 15
    for hour in hours:
        start = datetime.fromisoformat(hour["bucket"])
        expected = rise(start, start + timedelta(hours=1))
        assert hour["energy_import_kwh"] == pytest.approx(expected, abs=2e-5)
        powers = [reading_at(ts)["power_w"] for n in range(12) if (ts := start + n * STEP) <= LAST]
        assert hour["avg_power_w"] == round(sum(powers) / len(powers))
        assert hour["max_power_w"] == max(powers)
        assert type(hour["max_power_w"]) is int
    midnight = datetime(2026, 3, 29, tzinfo=BRUSSELS)
    total = sum(hour["energy_import_kwh"] for hour in hours)
    assert total == pytest.approx(rise(midnight, LAST), abs=5e-6), "nothing between two is lost"
    answer = get(lived_in, f"/p1/v1/daily-energy?device_id={NAME}", P1_TOKEN).json
    assert answer == {
        "device_id": NAME,
        "date": "2026-03-29",
        "import_today_kwh": round(total, 3),
        "export_today_kwh": round(sum(hour["energy_export_kwh"] for hour in hours), 3),
        "sample_count": (LAST - midnight) // STEP + 1,
    }


@pytest.mark.usefixtures("today")
def test_a_week_begins_on_monday_and_a_month_is_by_day(lived_in):
    week, month = frame(lived_in, "week"), frame(lived_in, "month")
    assert [day["bucket"][:10] for day in week] == [f"2026-03-{n}" for n in range(23, 30)]
    assert week == month[-7:]
    days = [n for n in range(1, 30) if n != 11]  # of that day there is no reading
    assert [day["bucket"][:10] for day in month] == [f"2026-03-{n:02}" for n in days]
    for day in month:
        start = datetime.fromisoformat(day["bucket"])
        end = (start.astimezone(BRUSSELS) + timedelta(days=1)).replace(hour=0)
        if start.day not in (10, 12):  # in the outage a share
            assert day["energy_import_kwh"] == pytest.approx(rise(start, end), abs=2e-5), day


@pytest.mark.usefixtures("today")
def test_a_year_and_all_have_whole_months_whatever_is_missing(lived_in):
    february, march = frame(lived_in, "year")
    assert frame(lived_in, "all") == [february, march]
    assert february["bucket"] == "2026-02-01 00:00:00+01:00"
    assert march["bucket"] == "2026-03-01 00:00:00+01:00"
    begin = datetime(2026, 3, 1, tzinfo=BRUSSELS)
    assert february["energy_import_kwh"] == pytest.approx(rise(SINCE, begin), abs=2e-5)
    assert march["energy_import_kwh"] == pytest.approx(rise(begin, LAST), abs=2e-5)


@pytest.mark.parametrize("name", ["hour", "", "DAY", "day,week", "quarter", "decade"])
def test_an_unknown_frame_is_400(lived_in, name):
    assert_error(get(lived_in, f"/p1/v1/series?frame={name}", P1_TOKEN), 400)
    assert_error(get(lived_in, "/p1/v1/series", P1_TOKEN), 400)


@pytest.mark.parametrize("name", ["day", "week", "month", "year", "all"])
def test_a_house_without_a_meter_has_no_buckets(lived_in, name):
    answer = get(lived_in, f"/p1/v1/series?frame={name}", OTHER_TOKEN)
    assert (answer.status_code, answer.json["series"]) == (200, [])
    assert_error(get(lived_in, "/p1/v1/daily-energy", OTHER_TOKEN), 404)


@pytest.mark.usefixtures("today")
def test_a_meter_without_counters_is_shown_by_its_powers(databases):
    client = p1_app(databases.migrated("Europe/Brussels")).test_client()
    at = NOW - timedelta(minutes=30)
    bare = {"energy_import_kwh": None, "energy_export_kwh": None}
    taken(client, *(told(at + n * timedelta(seconds=10), **bare) for n in range(100)))
    (hour,) = frame(client, "day")
    assert hour["energy_import_kwh"] == pytest.approx(0.45 * (99 * 10 + 60) / 3600)
    assert hour["energy_export_kwh"] == 0


def test_a_client_that_has_the_answer_already_gets_304(lived_in):
    answer = get(lived_in, "/p1/v1/series?frame=all", P1_TOKEN)
    headers = {"If-None-Match": answer.headers["ETag"]}
    assert get(lived_in, "/p1/v1/series?frame=all", P1_TOKEN, **headers).status_code == 304


def test_what_the_meter_says_drops_the_answer_that_the_cache_has_of_the_house(
    database_url, redis_server
):
    app = p1_app(database_url, REDIS_URL=redis_server.url, CACHE_TTL_S="60")
    client, cache = app.test_client(), app.extensions["cache"]
    assert send(client, a_sample()).json["inserted"] == 1
    assert wait_until(lambda: get(client, "/v1/realtime") and cache.newest(DEVICE), 10)
    taken(client, told())
    assert cache.newest(DEVICE) is None
