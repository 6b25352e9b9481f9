"""``GET /v1/series?format=csv``: the same as JSON, line by line, sent while it is being read."""

import csv
import gzip
import http.client
import io
import ssl
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from flask import Flask

from server import sandbox
from server.api import series
from server.api.responses import csv_answer
from tests.support.batches import assert_error, migrated
from tests.support.history import COLUMNS, DEVICE, EMPTY, bearer, history_client, new_device
from tests.support.readings import connected, reading, rows, store, utc

RANGE = "/v1/series?device_id=test-house&from=2025-06-01&to=2025-06-11&bucket=1d"
LONG = "/v1/series?device_id=test-house&from=2020-06-01&to=2020-07-01&bucket=5m"
NOON = utc("2025-06-01 10:00")


@pytest.fixture(scope="module")
def client(url):
    with connected(url) as connection:
        batch = [reading(NOON + timedelta(hours=7 * n), pv_power_w=n / 3) for n in range(20)]
        store(connection, DEVICE, [*batch, reading(utc("2025-06-09 10:00"), battery_power_w=None)])
    return history_client(url)


def get(client, path: str, **options):
    return client.get(path, headers=bearer(), **options)


def parsed(text: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def as_text(value: object) -> str:
    """Write a value of JSON as CSV has to."""
    if value is None:
        return ""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    "path",
    [
        RANGE,
        RANGE.replace("1d", "1h"),
        "/v1/series?device_id=test-house&frame=day&date=2025-06-01",
        "/v1/series?device_id=test-house&frame=month&date=2025-06-01",
        "/v1/series?device_id=test-house&frame=all",
    ],
)
def test_it_holds_what_json_holds(client, path):
    expected = get(client, path).json["series"]
    answer = get(client, f"{path}&format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    lines = answer.text.split("\r\n")
    assert lines[0] == ",".join(COLUMNS)
    assert lines[-1] == ""
    found = parsed(answer.text)
    assert found == [{name: as_text(value) for name, value in b.items()} for b in expected]
    assert len(found) >= (1 if "all" in path else 2)
    assert all(row["pv_counter_kwh"] == "" for row in found)


def test_without_a_row_there_is_the_header(client):
    answer = get(client, f"/v1/series?device_id={EMPTY}&frame=all&format=csv")
    assert answer.text == ",".join(COLUMNS) + "\r\n"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("frame=all", "test-house-all.csv"),
        ("frame=year&date=2025-06-09", "test-house-year-2025-01-01.csv"),
        ("frame=day&date=2025-06-09", "test-house-day-2025-06-09.csv"),
        ("from=2025-06-09&to=2025-07-01&bucket=15m", "test-house-15m-2025-06-09.csv"),
    ],
)
def test_it_has_a_name_to_be_saved_under(client, query, name):
    answer = get(client, f"/v1/series?device_id=test-house&{query}&format=csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_it_travels_compressed_where_that_is_taken(client):
    plain = get(client, f"{RANGE}&format=csv")
    headers = {**bearer(), "Accept-Encoding": "gzip"}
    packed = client.get(f"{RANGE}&format=csv", headers=headers)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    for answer in (plain, packed):
        assert "ETag" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Accept-Encoding" in answer.headers["Vary"]


def test_json_is_the_other_format(client):
    assert get(client, f"{RANGE}&format=json").data == get(client, RANGE).data


@pytest.mark.parametrize("name", ["xml", "CSV", "", "csv\0"])
def test_there_is_no_third_format(client, name):
    answer = get(client, f"{RANGE}&format={name}".replace("\0", "%00"))
    assert answer.status_code == 422
    assert answer.json["detail"][0]["loc"] == ["query", "format"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("frame=decade", 422),
        ("from=2020-01-01&to=2025-01-01&bucket=5m", 422),
        ("frame=all&device_id=elsewhere", 403),
    ],
)
def test_what_is_wrong_is_said_in_json(client, query, status):
    device = "" if status == 403 else f"&device_id={DEVICE}"
    assert_error(get(client, f"/v1/series?{query}{device}&format=csv"), status)


@pytest.fixture(scope="module")
def my_postgres(tmp_path_factory):
    """A server that this module may stop."""
    with sandbox.Postgres(tmp_path_factory.mktemp("mine"), fast=True) as server:
        yield server


@pytest.mark.server
def test_a_slow_reader_holds_no_transaction_open(my_postgres):
    url = migrated(my_postgres)
    answer = get(history_client(url), f"{LONG}&format=csv", buffered=False)
    pieces = answer.iter_encoded()
    assert next(pieces).count(b"\r\n") == 501
    statement = (
        "SELECT state FROM pg_stat_activity WHERE backend_type = 'client backend'"
        " AND pid <> pg_backend_pid()"
    )
    with connected(url) as connection:
        assert {row["state"] for row in rows(connection, statement)} <= {"idle"}
    assert sum(piece.count(b"\r\n") for piece in pieces) == 30 * 288 - 500


def fill(url: str) -> None:
    """Make a month of full five minutes out of one."""
    with connected(url) as connection:
        store(connection, DEVICE, [reading(utc("2020-06-01 00:00"), pv_power_w=1000 / 3)])
        columns = "SELECT attname FROM pg_attribute WHERE attrelid = 'sungrow_5min'::regclass"
        names = [
            r["attname"] for r in rows(connection, f"{columns} AND attnum > 2 ORDER BY attnum")
        ]
        rows(
            connection,
            f"INSERT INTO sungrow_5min (device_id, bucket, {', '.join(names)})"  # noqa: S608
            f" SELECT device_id, bucket + n * interval '5 minutes', {', '.join(names)}"
            "  FROM sungrow_5min, generate_series(1, 9999) AS n",
        )


def test_an_answer_that_breaks_off_does_not_look_whole(https_server, my_postgres):
    url = migrated(my_postgres, "other")
    fill(url)
    token = bearer()["Authorization"].removeprefix("Bearer ")
    server = https_server(DATABASE_URL=url, READ_TOKENS=f"{token}:{DEVICE}")
    address = urlsplit(server.url)
    context = ssl.create_default_context(cafile=server.certificate.ca)
    connection = http.client.HTTPSConnection(address.hostname, address.port, context=context)
    path = "/v1/series?from=2020-06-01&to=2020-07-05T17:20:00Z&bucket=5m&format=csv"
    connection.request("GET", path, headers=bearer())
    answer = connection.getresponse()
    assert (answer.status, answer.read(7)) == (200, b"bucket,")
    my_postgres.stop()  # far more is left than fits into the buffers in between
    with pytest.raises(http.client.IncompleteRead):
        answer.read()
    connection.close()


@pytest.mark.parametrize("packed", [{}, {"Accept-Encoding": "gzip"}])
def test_a_proxy_is_told_the_length(client, packed):
    # Debian's Caddy ends a body without a length as if it were whole, however it ended.
    path, through = f"{LONG}&format=csv", {"X-Forwarded-For": "203.0.113.9"}
    direct = client.get(path, headers={**bearer(), **packed})
    proxied = client.get(path, headers={**bearer(), **packed, **through})
    assert "Content-Length" not in direct.headers
    assert int(proxied.headers["Content-Length"]) == len(proxied.data)
    assert proxied.data == direct.data


@pytest.mark.server
def test_what_fails_midway_is_a_503_to_a_proxy(tmp_path, monkeypatch):
    rows_of, asked = series._rows, []

    with sandbox.Postgres(tmp_path, fast=True) as mine:
        client = history_client(migrated(mine))

        def stopping(*arguments: object) -> dict:
            asked.append(arguments)
            if len(asked) == 3:
                mine.stop()
            return rows_of(*arguments)

        monkeypatch.setattr(series, "_rows", stopping)
        headers = {**bearer(), "X-Forwarded-For": "203.0.113.9"}
        assert_error(client.get(f"{LONG}&format=csv", headers=headers), 503)
    assert len(asked) == 3


def test_a_database_that_is_away_from_the_start_is_a_503():
    client = history_client("postgresql://127.0.0.1:1/none")
    answer = get(client, f"{LONG}&format=csv")
    assert_error(answer, 503)


def test_only_the_columns_asked_for_are_given_in_that_order(client):
    asked = f"{RANGE}&columns=pv_kwh,bucket,pv_kwh,coverage"
    whole = get(client, RANGE).json["series"]
    chosen = get(client, asked).json["series"]
    names = ["pv_kwh", "bucket", "coverage"]
    assert [list(bucket) for bucket in chosen] == [names] * len(whole)
    assert chosen == [{name: bucket[name] for name in names} for bucket in whole]
    text = get(client, f"{asked}&format=csv").text
    assert text.splitlines()[0] == ",".join(names)
    assert len(text.splitlines()) == len(whole) + 1


@pytest.mark.parametrize("columns", ["", "pv_kwh,", "covered_s", "pv_kwh;bucket", "%00", "*"])
def test_a_column_that_there_is_not_is_refused(client, columns):
    assert_error(get(client, f"{RANGE}&columns={columns}"), 422)


@pytest.mark.parametrize(
    ("first", "last", "cell"),
    [
        (5678.9, 5690.8, "11.9"),
        (18214.6, 18214.7, "0.1"),
        (99_999.8, 100_011.7, "11.9"),
        (4000.0, 4011.9, "11.9"),
        (26_214.97, 26_226.96, "11.99"),
    ],
)
def test_an_energy_of_counters_has_as_many_digits_as_they(client, url, first, last, cell):
    device_id = new_device()
    watts = (last - first) / 2 * 1000  # the powers agree
    batch = [
        reading(utc(f"2025-06-01 {at}"), pv_power_w=watts, interval_s=3600.0, pv_total_kwh=kwh)
        for at, kwh in (("10:00", first), ("11:00", last))
    ]
    with connected(url) as connection:
        store(connection, device_id, batch)
    path = f"/v1/series?device_id={device_id}&frame=month&date=2025-06-01"
    (bucket,) = get(client, path).json["series"]
    assert bucket["pv_kwh"] == last - first, "JSON is as it was computed"
    assert repr(bucket["pv_kwh"]) != cell
    (row,) = parsed(get(client, f"{path}&format=csv").text)
    assert (row["pv_kwh"], row["pv_counter_kwh"]) == (cell, cell)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (11.900000000001455, "11.9"),
        (11.899999999999636, "11.9"),
        (0.09999999999854481, "0.1"),
        (-0.30000000000000004, "-0.3"),
        (-1.7763568394002505e-15, "0.0"),
        (None, ""),
        # Of these nothing is noise.
        (1 / 3, "0.3333333333333333"),
        (0.1234567, "0.1234567"),
        (11.900001, "11.900001"),
        (4.62962962962963e-07, "4.62962962962963e-07"),
        (4.16666666e-06, "4.16666666e-06"),
    ],
)
def test_of_an_energy_noise_alone_is_left_out(value, cell):
    with Flask(__name__).test_request_context():
        answer = csv_answer(
            ("pv_kwh", "avg_pv_power_w"), [[{"pv_kwh": value, "avg_pv_power_w": value}]], "x.csv"
        )
        energy, power = answer.get_data(as_text=True).splitlines()[1].split(",")
    assert energy == cell
    assert power == ("" if value is None else str(value)), "an average is never rounded"
