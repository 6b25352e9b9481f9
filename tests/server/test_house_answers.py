"""Three weeks of houses with a grid meter: every answer is that of a house whose meter is true.

The inverter has no meter of its own, or one that contradicts; the readings of the grid meter came
first, last or mixed.
"""

import csv
import io
import random
from datetime import date, timedelta

import pytest

from edge_lib.shared.timestamps import parse_ts
from server import create_app
from tests.support.grid_houses import DAYS, FIRST, NOON, ZONE, metered
from tests.support.history import FLOWS
from tests.support.p1 import store_p1
from tests.support.p1_houses import contradicted, meterless, p1_readings, with_ac
from tests.support.readings import connected, rows, store

RANGE = "from=2026-03-15&to=2026-04-07&bucket="
SERIES = ("frame=day&date=2026-03-26", "frame=month&date=2026-03-01", "frame=year&date=2026-01-01")
SERIES += ("frame=all", *(f"{RANGE}{width}" for width in ("1h", "1d", "1mo")))
# Around the night on which the clock changes.
SERIES += tuple(f"from=2026-03-28&to=2026-03-30&bucket={width}" for width in ("5m", "15m"))
SERIES += ("from=2026-03-28T12:00:00Z&to=2026-03-29T12:00:00Z&bucket=1m",)
SAME = (
    *("avg_load_power_w", "avg_export_power_w", "load_integral_kwh", "import_integral_kwh"),
    *("export_integral_kwh", *FLOWS, "self_sufficiency", "self_consumption", "grid_coverage"),
    *("avg_pv_power_w", "pv_kwh", "battery_charge_kwh", "coverage", "sample_count"),
)
NO_P1 = "alone"
HOUSES = {
    "true": with_ac,  # its own meter is true: what the others are compared with
    NO_P1: meterless,
    "p1-last": meterless,
    "p1-first": meterless,
    "mixed": meterless,
    "against": contradicted,
}


def acts(name: str) -> list[tuple]:
    """Return what is stored of a house, batch by batch."""
    samples = [{**s, "ts": parse_ts(s["ts"])} for s in HOUSES[name](metered(name))]
    readings = [] if name in ("true", NO_P1) else list(p1_readings(metered(name)))
    dice = random.Random(name)
    if name == "mixed":
        dice.shuffle(samples)
        dice.shuffle(readings)
    batches = [
        [(act, of[first : first + 500]) for first in range(0, len(of), 500)]
        for act, of in ((store, samples), (store_p1, readings))
    ]
    if name == "p1-first":
        batches.reverse()
    flat = batches[0] + batches[1]
    if name in ("mixed", "against"):
        dice.shuffle(flat)
    return flat


@pytest.fixture(scope="module")
def url(databases) -> str:
    url = databases.migrated(str(ZONE))
    with connected(url) as connection:
        for name in HOUSES:
            for act, batch in acts(name):
                act(connection, name, batch)
    return url


@pytest.fixture(scope="module")
def client(url):
    tokens = ",".join(f"token-{name}:{name}" for name in HOUSES)
    return create_app({"DATABASE_URL": url, "DEVICE_TOKENS": tokens}).test_client()


def get(client, name: str, path: str):
    answer = client.get(path, headers={"Authorization": f"Bearer token-{name}"})
    assert answer.status_code == 200, answer.text
    return answer


def series(client, name: str, query: str) -> dict[str, dict]:
    answer = get(client, name, f"/v1/series?{query}").json
    return {row["bucket"]: row for row in answer["series"]}


BY_P1 = [name for name in HOUSES if name not in ("true", NO_P1)]


@pytest.mark.parametrize("query", SERIES)
@pytest.mark.parametrize("name", BY_P1)
def test_what_rests_on_the_grid_is_that_of_a_house_whose_meter_is_true(client, name, query):
    truth, found = series(client, "true", query), series(client, name, query)
    assert found.keys() == truth.keys()
    for bucket, right in truth.items():
        for field in SAME:
            expected, got = right[field], found[bucket][field]
            if expected is None:
                assert got is None, (bucket, field)
            else:
                assert got == pytest.approx(expected, rel=1e-9, abs=1e-9), (bucket, field)


@pytest.mark.parametrize("name", BY_P1)
def test_the_energies_of_each_day_are_true_within_a_hundredth(client, name):
    truth = series(client, "true", f"{RANGE}1d")
    found = series(client, name, f"{RANGE}1d")
    inside = 0
    for bucket, right in truth.items():
        if not right["sample_count"]:
            continue
        row = found[bucket]
        for field, of in (("load", "load"), ("import", "import"), ("export", "export")):
            true_kwh = right[f"{of}_integral_kwh"]
            assert row[f"{field}_kwh"] == pytest.approx(true_kwh, rel=0.01, abs=0.05), bucket
        if row["import_p1_kwh"] is not None:
            inside += 1
            assert row["import_kwh"] == row["import_p1_kwh"]
            assert not row["estimated"], bucket
    assert inside == DAYS - 2  # the first day and the last are not bracketed


@pytest.mark.parametrize("query", SERIES)
def test_without_a_grid_meter_all_of_it_is_null(client, query):
    for row in series(client, NO_P1, query).values():
        nulls = ("avg_load_power_w", "import_kwh", "export_kwh", "load_kwh", "grid_source", *FLOWS)
        assert {row[name] for name in nulls} == {None}
        assert "import_p1_kwh" not in row


@pytest.mark.parametrize("query", SERIES)
def test_whose_word_it_is_is_said(client, query):
    for name, source in (("p1-last", "p1"), ("true", "inverter"), ("against", "p1")):
        rows_of = series(client, name, query).values()
        sources = {row["grid_source"] for row in rows_of if row["sample_count"]}
        assert sources == {source}, name


@pytest.mark.parametrize("name", ["p1-last", "true"])
def test_csv_says_the_same(client, name):
    query = f"{RANGE}1d"
    lines = csv.DictReader(io.StringIO(get(client, name, f"/v1/series?{query}&format=csv").text))
    for line, row in zip(lines, series(client, name, query).values(), strict=True):
        assert list(line) == list(row)
        for field, text in line.items():
            value = row[field]
            if isinstance(value, float):
                assert float(text) == pytest.approx(value, rel=1e-5, abs=1e-5)


def test_the_view_of_days_is_the_answers(client, url):
    with connected(url) as connection:
        view = rows(
            connection,
            "SELECT * FROM sungrow_house_daily_energy WHERE device_id = 'p1-last' ORDER BY day",
        )
    days = list(series(client, "p1-last", f"{RANGE}1d").values())
    by_day = {row["bucket"][:10]: row for row in days if row["sample_count"]}
    assert [str(row["day"]) for row in view] == list(by_day)
    for row in view:
        for name in ("load_kwh", "import_kwh", "export_kwh", "pv_kwh", "import_p1_kwh"):
            assert row[name] == pytest.approx(by_day[str(row["day"])][name]), name


def test_the_newest_sample_is_the_houses(client):
    (*_, last) = with_ac(metered("true"))
    realtime = get(client, "p1-last", "/v1/realtime").json
    assert realtime["ts"] == last["ts"]
    assert realtime["load_power_w"] == pytest.approx(last["load_power_w"])
    assert realtime["export_power_w"] == pytest.approx(last["export_power_w"])
    assert (realtime["grid_source"], realtime["inverter_load_power_w"]) == ("p1", None)
    assert parse_ts(realtime["p1_ts"]) == parse_ts(last["ts"]) + timedelta(seconds=3)
    against = get(client, "against", "/v1/realtime").json
    assert against["inverter_export_power_w"] == pytest.approx(-last["export_power_w"])
    alone = get(client, NO_P1, "/v1/realtime").json
    assert (alone["load_power_w"], alone["grid_source"]) == (None, None)
    assert "p1_ts" not in alone
    assert get(client, "true", "/v1/realtime").json["grid_source"] == "inverter"


# A meter that comes, and one that stops


def test_a_meter_that_speaks_from_a_noon_on_is_half_of_that_day(databases):
    url = databases.migrated(str(ZONE))
    samples = [{**s, "ts": parse_ts(s["ts"])} for s in with_ac(metered("home"))]
    readings = [one for one in p1_readings(metered("home")) if one["ts"] > NOON]
    with connected(url) as connection:
        for first in range(0, len(samples), 500):
            store(connection, "home", samples[first : first + 500])
        store_p1(connection, "home", readings)
    client = create_app({"DATABASE_URL": url, "DEVICE_TOKENS": "token-home:home"}).test_client()
    sources = {
        bucket[:10]: row["grid_source"]
        for bucket, row in series(client, "home", f"{RANGE}1d").items()
        if row["sample_count"]
    }
    noon = NOON.astimezone(ZONE).date()
    expected = {}
    for n in range(DAYS):
        day: date = FIRST + timedelta(days=n)
        expected[str(day)] = "inverter" if day < noon else "mixed" if day == noon else "p1"
    assert sources == expected
    hours = series(client, "home", f"frame=day&date={noon}")
    assert [row["grid_source"] for row in hours.values()] == ["inverter"] * 12 + ["mixed"] + [
        "p1"
    ] * 11
