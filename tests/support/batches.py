"""What the tests of the server share: the contract by hand, samples, and the app on a database."""

import contextlib
import json
import logging
import sys

import psycopg2
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from edge_lib.shared import jsonlog
from server import create_app, sandbox
from tests.support.samples import DEVICE, a_sample

# The contract by hand and not from the code, so that a slip there shows: field -> unit, low, high.
REQUIRED = {
    "pv_power_w": ("W", 0, 200_000),
    "pv_daily_kwh": ("kWh", 0, 10_000),
    "battery_power_w": ("W", -200_000, 200_000),
    "battery_soc_pct": ("%", 0, 100),
    "battery_temp_c": ("°C", -60, 150),
    "load_power_w": ("W", -400_000, 400_000),
    "export_power_w": ("W", -400_000, 400_000),
}
NOT_NULL = ("pv_power_w",)
OPTIONAL = {
    "pv_total_kwh": ("kWh", 0, 100_000_000),
    "mppt1_voltage_v": ("V", 0, 1500),
    "mppt1_current_a": ("A", -1000, 1000),
    "mppt2_voltage_v": ("V", 0, 1500),
    "mppt2_current_a": ("A", -1000, 1000),
    "mppt3_voltage_v": ("V", 0, 1500),
    "mppt3_current_a": ("A", -1000, 1000),
    "mppt4_voltage_v": ("V", 0, 1500),
    "mppt4_current_a": ("A", -1000, 1000),
    "battery_voltage_v": ("V", 0, 1500),
    "battery_current_a": ("A", -1000, 1000),
    "battery_soh_pct": ("%", 0, 100),
    "battery_daily_charge_kwh": ("kWh", 0, 10_000),
    "battery_daily_discharge_kwh": ("kWh", 0, 10_000),
    "battery_total_charge_kwh": ("kWh", 0, 100_000_000),
    "battery_total_discharge_kwh": ("kWh", 0, 100_000_000),
    "daily_direct_consumption_kwh": ("kWh", 0, 10_000),
    "total_import_kwh": ("kWh", 0, 100_000_000),
    "total_export_kwh": ("kWh", 0, 100_000_000),
    "grid_power_w": ("W", -400_000, 400_000),
    "inverter_power_w": ("W", -400_000, 400_000),
    "inverter_temp_c": ("°C", -60, 150),
    "grid_frequency_hz": ("Hz", 0, 100),
    "grid_voltage_v": ("V", 0, 1500),
    "running_state": ("code", 0, 65_535),
    "power_flow_status": ("bits", 0, 65_535),
    "bms_max_charge_a": ("A", 0, 1000),
    "bms_max_discharge_a": ("A", 0, 1000),
    "interval_s": ("s", 1, 3600),
    "seq": ("", 0, 2**53),
    "ts_src": ("code", 0, 3),
}
WHOLE = ("running_state", "power_flow_status", "seq", "ts_src")
TEXTS = ("battery_power_source", "boot", "faults")
NUMBERS = REQUIRED | OPTIONAL

OTHER = "garage"
TOKEN, OTHER_TOKEN, READ_TOKEN = "house-token", "garage-token", "read-both"
SETTINGS = {
    "DEVICE_TOKENS": f"{TOKEN}:{DEVICE},{OTHER_TOKEN}:{OTHER}",
    "READ_TOKENS": f"{READ_TOKEN}:{DEVICE},{READ_TOKEN}:{OTHER}",
}


def app_on(database_url: str, **settings: str) -> Flask:
    return create_app({"DATABASE_URL": database_url, **SETTINGS, **settings})


def migrated(server: sandbox.Postgres, name: str = "mine", site_timezone: str = "UTC") -> str:
    """Make a database on a server of the test's own; return its URL."""
    url = server.create_database(name)
    migrate = [sys.executable, "-m", "server.migrate"]
    env = sandbox.environment(DATABASE_URL=url, SITE_TIMEZONE=site_timezone)
    sandbox.run(migrate, env, cwd=sandbox.ROOT)
    return url


def full_sample(**changes: object) -> dict:
    """A sample with every field of the contract, each with another value."""
    whole = {"running_state": 64, "power_flow_status": 11, "seq": 17, "ts_src": 1}
    numbers = {name: 40 + index / 7 for index, name in enumerate(OPTIONAL)}
    texts = {
        "battery_power_source": "signed",
        "boot": "0123456789abcdef" * 2,
        "faults": "13066=4000",
    }
    return a_sample(**(numbers | whole | texts | changes))


def post(client: FlaskClient, body: object, token: str = TOKEN, **headers: str) -> TestResponse:
    """Send a body to be ingested: bytes as they are, anything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    all_headers = {"Authorization": f"Bearer {token}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return client.post("/v1/ingest", data=data, headers=all_headers)


def send(client: FlaskClient, *samples: object, **parts: object) -> TestResponse:
    return post(client, {"samples": list(samples), **parts})


def verdict(client: FlaskClient, *samples: object, **parts: object) -> tuple[int, int, list[int]]:
    """Send samples that must be taken; give inserted, duplicates and conflicts."""
    answer = send(client, *samples, **parts)
    assert answer.status_code == 200, answer.text
    return tuple(answer.json[name] for name in ("inserted", "duplicates", "conflicts"))


def get(client: FlaskClient, path: str, token: str = TOKEN, **headers: str) -> TestResponse:
    return client.get(path, headers={"Authorization": f"Bearer {token}", **headers})


def rows(url: str, statement: str, *values: object) -> list[tuple]:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def assert_error(answer: TestResponse, status: int) -> None:
    """Check status and shape of an error: JSON, a sentence, or for 422 a list of places."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    detail = json.loads(answer.text)["detail"]
    if status != 422:
        assert type(detail) is str
        assert detail
        return
    assert detail
    for place in detail:
        assert place.keys() == {"loc", "msg", "type"}
        assert all(type(step) in (str, int) for step in place["loc"])
        assert place["loc"][0] in ("body", "query")


class LogLines(logging.Handler):
    """Everything that is logged while the block runs, as the lines that a real server writes."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.setFormatter(jsonlog.JsonFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def __enter__(self) -> "LogLines":
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)

    def fields(self) -> list[dict]:
        return [json.loads(line) for line in self.lines]
