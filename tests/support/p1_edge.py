"""What an edge of other make (P1-Edge-VPS) sends, and an app that takes it."""

import json
from datetime import UTC, datetime

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server import sandbox
from tests.support.batches import SETTINGS, app_on
from tests.support.samples import DEVICE, a_ts

P1_TOKEN = "meter-token"
P1_SETTINGS = {"DEVICE_TOKENS": f"{SETTINGS['DEVICE_TOKENS']},{P1_TOKEN}:{DEVICE}/p1"}
NAME = "p1-main"  # as that edge calls itself


def p1_app(database_url: str, **settings: str) -> Flask:
    return app_on(database_url, **P1_SETTINGS, **settings)


def told(ts: datetime | str | None = None, **changes: object) -> dict:
    """A reading as that edge sends it: six fields, its time as ``isoformat`` writes it."""
    if isinstance(ts, datetime):
        ts = ts.astimezone(UTC).isoformat()
    return {
        "device_id": NAME,
        "ts": ts or a_ts(),
        "power_w": 450,
        "import_power_w": 450,
        "energy_import_kwh": 1234.5,
        "energy_export_kwh": 100.2,
    } | changes


def send_p1(
    client: FlaskClient, body: object, token: str = P1_TOKEN, path: str = "/p1/v1/ingest"
) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, data=data, headers={"Authorization": f"Bearer {token}"})


def taken(client: FlaskClient, *samples: object) -> tuple[int, int, list[int], list[int]]:
    """Send readings that have to be answered by 200; return the four parts of the answer."""
    answer = send_p1(client, {"samples": list(samples)})
    assert answer.status_code == 200, answer.text
    names = ("inserted", "duplicates", "conflicts", "parked")
    assert list(answer.json) == list(names)
    found = tuple(answer.json[name] for name in names)
    assert found[0] + found[1] + len(found[2]) + len(found[3]) == len(samples)
    return found


def emptied(database_url: str) -> str:
    """Leave nothing of a meter in a database; return its URL."""
    tables = (
        "p1_samples, p1_5min, p1_local_daily, p1_month_peaks, sungrow_parked, sungrow_forgotten"
    )
    sandbox.execute(database_url, f"TRUNCATE {tables}")
    return database_url
