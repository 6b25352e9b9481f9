"""A server with a history to ask for: who asks, what a bucket holds, and houses of one's own."""

import itertools
from collections.abc import Callable
from datetime import timedelta

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server import create_app
from tests.support.local_time import ZONES

SITE = "Europe/Berlin"
DEVICE, EMPTY = "test-house", "empty-house"
TOKENS = {"device": "device-token", "read": "read-token", "other": "other-token"}
STEP = timedelta(minutes=10)
POWERS = ("pv_power_w", "load_power_w", "export_power_w")
ENERGIES = ("pv", "load", "import", "export", "battery_charge", "battery_discharge")
FLOWS = (
    "solar_to_house_kwh",
    "solar_to_battery_kwh",
    "solar_to_grid_kwh",
    "battery_to_house_kwh",
    "battery_to_grid_kwh",
    "grid_to_house_kwh",
    "grid_to_battery_kwh",
    "loss_kwh",
)
# By hand and not from the code, in the order of JSON and CSV.
COLUMNS = (
    "bucket",
    "avg_pv_power_w",
    "max_pv_power_w",
    "avg_battery_power_w",
    "avg_battery_soc_pct",
    "avg_load_power_w",
    "avg_export_power_w",
    "sample_count",
    "min_pv_power_w",
    "min_battery_soc_pct",
    "max_battery_soc_pct",
    "pv_kwh",
    "load_kwh",
    "import_kwh",
    "export_kwh",
    "battery_charge_kwh",
    "battery_discharge_kwh",
    "pv_counter_kwh",
    "load_counter_kwh",
    "import_counter_kwh",
    "export_counter_kwh",
    "battery_charge_counter_kwh",
    "battery_discharge_counter_kwh",
    "pv_integral_kwh",
    "load_integral_kwh",
    "import_integral_kwh",
    "export_integral_kwh",
    "battery_charge_integral_kwh",
    "battery_discharge_integral_kwh",
    "grid_source",
    *FLOWS,
    "coverage",
    "grid_coverage",
    "self_sufficiency",
    "self_consumption",
    "estimated",
)
_HOUSES = [f"home-{n}" for n in range(100)]
_unused = iter(_HOUSES)


def new_device() -> str:
    """Return a device that no other test has, and that the read token may read."""
    return next(_unused)


def zone_name(zone: str) -> str:
    """Return the device that lives in a zone."""
    return f"in-{zone.replace('/', '-')}"


def history_client(database_url: str) -> FlaskClient:
    devices = itertools.chain((DEVICE, EMPTY), _HOUSES, map(zone_name, ZONES))
    env = {
        "DATABASE_URL": database_url,
        "DEVICE_TOKENS": f"{TOKENS['device']}:{DEVICE},{TOKENS['other']}:elsewhere",
        "READ_TOKENS": ",".join(f"{TOKENS['read']}:{name}" for name in devices),
    }
    return create_app(env).test_client()


def bearer(who: str = "read") -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[who]}"}


def asker(database_url: str, path: str = "/v1/series") -> Callable[..., dict]:
    """Return a function that asks for something, checks the status and gives the answer's JSON."""
    client = history_client(database_url)

    def ask(query: dict, status: int = 200, who: str | None = "read") -> dict:
        response = client.get(path, query_string=query, headers=bearer(who) if who else {})
        assert_json(response, status)
        return response.json

    return ask


def assert_json(response: TestResponse, status: int) -> None:
    assert response.status_code == status, response.text
    assert response.is_json


def starts(answer: dict) -> list[str]:
    return [bucket["bucket"] for bucket in answer["series"]]
