"""Three weeks of houses with a grid meter, without one, and with one from a noon on: every answer.

What nobody measures is null in each of them, never 0; what the inverter measures itself is the same
as in the house that has a meter, and that one shows what it showed before any of it could be null.
"""

import csv
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest

from server import create_app
from server.rebuild import main as rebuild
from tests.support import documents
from tests.support.commands import assert_same, rollups, runner
from tests.support.direct import refresh
from tests.support.grid_houses import (
    DAYS,
    FIRST,
    NO_BATTERY,
    NO_METER,
    NOON,
    ZONE,
    after_noon,
    metered,
)
from tests.support.history import COLUMNS, ENERGIES, FLOWS
from tests.support.readings import connected, rows

pytestmark = pytest.mark.server

HOUSES = {
    "metered": lambda s: s,
    "meterless": lambda s: s | NO_METER,
    "from-noon": lambda s: s if after_noon(s) else s | NO_METER,
    "slave": lambda s: s | NO_BATTERY | NO_METER,
    # What they are compared with, beside the first.
    "slave-metered": lambda s: s | NO_BATTERY,
    "noon-part": lambda s: s if after_noon(s) else None,
}
METRICS_TOKEN = "metrics-token-of-thirty-two-letters"
RANGE = "from=2026-03-15&to=2026-04-07&bucket="
SERIES = ("frame=day&date=2026-03-26", "frame=month&date=2026-03-01", "frame=year&date=2026-01-01")
SERIES += ("frame=all", *(f"{RANGE}{width}" for width in ("5m", "15m", "1h", "1d", "1mo")))
VIEWS = ("sungrow_hourly", "sungrow_daily", "sungrow_monthly", "sungrow_energy")
TABLES = ("sungrow_5min", "sungrow_local_daily")
ANSWERS = (*SERIES, *(f"{query}&format=csv" for query in SERIES), *VIEWS, *TABLES)

# The fields of all these answers, by what they rest on.
INTEGRALS = [f"{name}_integral_kwh" for name in ("load", "import", "export")] + list(FLOWS)
BY_COUNTERS = ["import_kwh", "export_kwh", "import_counter_kwh", "export_counter_kwh"]
AVERAGES = ["avg_load_power_w", "avg_export_power_w"]
SPREADS = ["load_power_w_sum", "load_power_w_min", "load_power_w_max"]
SPREADS += ["export_power_w_sum", "export_power_w_min", "export_power_w_max"]
SHARES = ["self_sufficiency", "self_consumption"]
LOAD, LOAD_COUNTER = ["load_kwh"], ["load_counter_kwh"]
GRID = [*INTEGRALS, *BY_COUNTERS, *AVERAGES, *SPREADS, *SHARES, *LOAD, *LOAD_COUNTER]
ALONE = ("grid_coverage", "grid_source", "estimated", "bucket")
OWN = [name for name in COLUMNS if name not in (*GRID, *ALONE)]
OWN += ["sample_count", "covered_s", "first_ts", "last_ts", "pv_power_w_sum", "battery_power_w_sum"]
OWN += ["pv_power_w_min", "pv_power_w_max", "battery_power_w_count", "battery_soc_pct_sum"]

# What each of them shows, by house; of the one that gets a meter, by whether a bucket ends before
# that noon, holds it or begins after it. same: as in the house with a meter; begun: that, once the
# counters were read twice. part: what was measured from the meter on; digits: as counters tell it.
TABLE = """
fields          meterless   slave   before  holds   after
OWN             same        same    same    same    same
INTEGRALS       null        null    null    part    same
AVERAGES        null        null    null    part    same
SPREADS         null        null    null    part    same
SHARES          null        null    null    part    same
BY_COUNTERS     null        null    null    digits  begun
LOAD            null        null    null    digits  same
LOAD_COUNTER    null        null    null    any     begun
grid_coverage   0           0       0       part    same
grid_source     null        null    null    part    same
estimated       true        true    true    any     same
"""


@pytest.fixture(scope="module")
def url(databases) -> str:
    return databases.migrated(str(ZONE))


@pytest.fixture(scope="module")
def client(url):
    tokens = ",".join(f"token-{name}:{name}" for name in HOUSES)
    settings = {"DATABASE_URL": url, "DEVICE_TOKENS": tokens, "METRICS_TOKEN": METRICS_TOKEN}
    client = create_app(settings).test_client()
    for name, changed in HOUSES.items():
        samples = [sample for s in metered(name) if (sample := changed(s))]
        for first in range(0, len(samples), 1000):
            body = {"samples": samples[first : first + 1000]}
            if not first:
                body["device"] = {"serial": name, "has_meter": "metered" in name}
            answer = client.post("/v1/ingest", json=body, headers=bearer(name))
            assert answer.json["inserted"] == len(body["samples"]), answer.text
    with connected(url) as connection:
        refresh(connection)
    return client


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-{name}"}


def get(client, name: str, path: str):
    answer = client.get(path, headers=bearer(name))
    assert answer.status_code == 200, answer.text
    return answer


@pytest.fixture(scope="module")
def ask(client, url):
    """Return the rows of an answer about a house, by their starts."""
    with connected(url) as connection:

        @cache
        def answer(what: str, name: str) -> dict[datetime, dict]:
            if what in VIEWS + TABLES:
                statement = f"SELECT * FROM {what} WHERE device_id = %s"  # noqa: S608 - our own names
                found = rows(connection, statement, name)
            elif what.endswith("csv"):
                lines = csv.DictReader(io.StringIO(get(client, name, f"/v1/series?{what}").text))
                found = [{key: of_csv(text) for key, text in row.items()} for row in lines]
            else:
                found = get(client, name, f"/v1/series?{what}").json["series"]
            return {moment(row.get("bucket", row.get("day"))): row for row in found}

        yield answer


def of_csv(text: str) -> object:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def moment(bucket: object) -> datetime:
    """Return when a bucket begins."""
    if isinstance(bucket, datetime):
        return bucket.astimezone(UTC)
    if isinstance(bucket, date):
        return datetime(bucket.year, bucket.month, bucket.day, tzinfo=ZONE).astimezone(UTC)
    return datetime.fromisoformat(bucket).astimezone(UTC)


def cells() -> dict[str, dict[str, str]]:
    """Return the table by columns: what the fields of a group show."""
    (_, *columns), *lines = (line.split() for line in TABLE.strip().splitlines())
    shown = {fields: dict(zip(columns, words, strict=True)) for fields, *words in lines}
    return {column: {fields: shown[fields][column] for fields in shown} for column in columns}


def length(what: str, start: datetime) -> timedelta:
    """Return how long a bucket of an answer lasts, by the next one's start."""
    widths = {"5m": 5, "5min": 5, "15m": 15, "1h": 60, "hourly": 60, "frame=day": 60}
    for name, minutes in widths.items():
        if re.search(rf"{name}\b", what):
            return timedelta(minutes=minutes)
    if re.search(r"1mo|month?ly|year|all", what) and "daily" not in what:
        return timedelta(days=31)
    return timedelta(days=1)


def column_of(what: str, start: datetime) -> str:
    end = start + length(what, start)
    return "before" if end <= NOON else "after" if start >= NOON else "holds"


def check(word: str, found: object, whole: object, part: object) -> bool:
    if word == "same":  # but for the order in which the database added
        return found == (pytest.approx(whole, rel=1e-12) if type(whole) is float else whole)
    if word == "part":
        is_number = type(part) in (int, float)
        return found == (pytest.approx(part, rel=1e-9, abs=1e-9) if is_number else part)
    if word == "begun":
        return found == whole or (found is None and part is None)
    if word == "digits":
        return found == (part if part is None else pytest.approx(part, abs=0.35))
    return {"null": found is None, "0": found == 0, "true": found is True, "any": True}[word]


@pytest.mark.parametrize("column", cells())
@pytest.mark.parametrize("what", ANSWERS)
def test_each_answer_shows_what_was_measured(ask, what, column):
    house = column if column in HOUSES else "from-noon"
    found, part = ask(what, house), ask(what, "noon-part")
    twin = ask(what, "slave-metered" if house == "slave" else "metered")
    assert found.keys() == twin.keys()
    checked = 0
    for start, row in found.items():
        if house != "from-noon" or column == column_of(what, start):
            for fields, word in cells()[column].items():
                for name in row.keys() & set(globals().get(fields, [fields])):
                    # Where nobody polled a range has a bucket too, which is the same for all.
                    word_here = "same" if row.get("sample_count") == 0 else word
                    other = part.get(start, {}).get(name)
                    wrong = (start, name, row[name], twin[start][name], other)
                    assert check(word_here, row[name], twin[start][name], other), wrong
                    checked += 1
    assert checked or column in ("before", "after")


def test_the_newest_reading_shows_null(client):
    houses = ("metered", "meterless", "slave")
    found = {name: get(client, name, "/v1/realtime").json for name in houses}
    assert found["metered"].keys() == found["meterless"].keys() == found["slave"].keys()
    for name, null in (("meterless", NO_METER), ("slave", NO_METER | NO_BATTERY)):
        differing = {f for f, value in found[name].items() if value != found["metered"][f]}
        assert differing - {"device_id", "age_s"} == {*null, "grid_source"}
        assert {found[name][field] for field in (*null, "grid_source")} == {None}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/completeness?from=2026-03-16&to=2026-04-05",
        "/v1/gaps?from=2026-03-16&to=2026-04-05",
        "/v1/hours?from=2026-03-26T00:00:00Z&to=2026-03-27T00:00:00Z",
        "/v1/status",
    ],
)
def test_what_tells_of_readings_asks_for_no_meter(client, path):
    answers = []
    for name in ("metered", "meterless", "from-noon", "slave"):
        found = get(client, name, path).json
        answers.append({key: found[key] for key in found.keys() - {"device_id", "now"}})
    assert answers == [answers[0]] * len(answers)


def test_the_fact_is_told(client):
    told = {
        name: get(client, name, "/v1/devices").json["devices"][0]["has_meter"]
        for name in ("metered", "meterless")
    }
    assert told == {"metered": True, "meterless": False}


def test_the_metrics_hold_the_same_lines_for_all(client):
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    text = client.get("/metrics", headers=headers).text
    lines = {
        name: sorted(line.partition("{")[0] for line in text.splitlines() if f'"{name}"' in line)
        for name in ("metered", "meterless", "from-noon", "slave")
    }
    assert list(lines.values()) == [lines["metered"]] * 4
    assert lines["metered"]
    assert "NaN" not in text
    assert "None" not in text


# The day on which the meter came


def test_the_house_of_that_day_is_no_balance_of_a_whole_day_and_a_half(ask):
    day = ask("sungrow_energy", "from-noon")[moment(NOON.astimezone(ZONE).date())]
    assert day["load_counter_kwh"] is None
    assert day["load_kwh"] == day["load_integral_kwh"]
    assert day["pv_kwh"] == pytest.approx(41.3)
    assert day["estimated"]


def test_every_bucket_less_than_nine_tenths_of_which_have_the_grid_is_estimated(ask):
    for what in SERIES:
        for row in ask(what, "from-noon").values():
            if row["grid_coverage"] < 0.9 * row["coverage"]:
                assert row["estimated"]


# The house that has a meter: day, then pv, load, import, export, charge and discharge, as they were
# before any of it could be null.
BEFORE = """
03-16 13.7000 16.2900 0.0000 0.5000 7.5000 10.5900
03-17 41.3000 16.3000 2.3000 26.8000 8.0000 7.5000
03-18 27.5000 16.3100 1.9000 13.3000 8.0000 8.2100
03-19 13.7000 16.3900 2.4000 0.0000 8.0000 8.2900
03-20 41.3000 16.3000 2.3000 26.8000 8.0000 7.5000
03-21 27.5000 16.3100 2.0000 13.4000 8.0000 8.2100
03-22 13.7000 16.2900 2.3000 0.0000 8.0000 8.2900
03-23 41.3000 16.4000 2.4000 26.8000 8.0000 7.5000
03-24 27.5000 16.3100 1.9000 13.3000 8.0000 8.2100
03-25 13.7000 16.2900 2.3000 0.0000 8.0000 8.2900
03-26 41.3000 16.4000 2.4000 26.8000 8.0000 7.5000
03-27 27.5000 16.2100 1.9000 13.4000 8.0000 8.2100
03-28 13.7000 16.3000 2.3000 0.0000 8.0000 8.3000
03-29 41.3000 15.8000 2.4000 26.8000 8.0000 6.9000
03-30 27.5000 16.2900 1.9000 13.4000 8.0000 8.2900
03-31 13.7000 16.3000 2.3000 0.0000 8.0000 8.3000
04-01 41.3000 16.4000 2.4000 26.8000 8.0000 7.5000
04-02 27.5000 16.3100 1.9000 13.3000 8.0000 8.2100
04-03 13.7000 16.3000 2.3000 0.0000 8.0000 8.3000
04-04 41.3000 16.3900 2.4000 26.8000 8.0000 7.4900
04-05 27.5000 16.2100 1.9000 13.4000 8.0000 8.2100
"""


def test_the_house_that_has_a_meter_shows_what_it_showed(ask):
    days = ask("sungrow_energy", "metered")
    assert len(days) == DAYS
    for number, line in enumerate(BEFORE.strip().splitlines()):
        _, *figures = line.split()
        day = days[moment(FIRST + timedelta(days=number))]
        assert [day[f"{name}_kwh"] for name in ENERGIES] == pytest.approx(
            list(map(float, figures)), abs=1e-4
        )
        assert not day["estimated"]


# A house whose edge sent zeros for years


def test_the_documents_example_takes_the_zeros_of_a_house_without_a_meter_away(
    databases, monkeypatch, capsys, tmp_path
):
    block = documents.block("sql", "-- a house without a grid meter")
    url = databases.migrated(str(ZONE))
    zeros = dict.fromkeys(NO_METER, 0.0)
    client = create_app({"DATABASE_URL": url, "DEVICE_TOKENS": "t:home-1,u:home-2"}).test_client()
    for name, token, null in (("home-1", "t", zeros), ("home-2", "u", NO_METER)):
        samples = [s | null for s in metered(name)][:1000]
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.post("/v1/ingest", json={"samples": samples}, headers=headers)
        assert answer.json["inserted"] == 1000
    with connected(url) as connection:
        assert rollups(connection, "home-1") != rollups(connection, "home-2")
        rows(connection, block)
        run = runner(rebuild, monkeypatch, capsys, tmp_path)
        shown = re.findall(
            r"python -m server.rebuild (--device home-1 --from .*)\n", documents.everything()
        )
        (command,) = shown
        status, _, err = run(*command.split(), DATABASE_URL=url)
        assert (status, err) == (0, [])
        assert_same(rollups(connection, "home-1"), rollups(connection, "home-2"))
