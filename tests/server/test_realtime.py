"""The newest sample of a device, and its age."""

from datetime import UTC, datetime, timedelta

import pytest

from edge_lib.shared.sample import NAMES
from edge_lib.shared.timestamps import format_ts
from tests.support.batches import app_on, assert_error, full_sample, get, rows, send
from tests.support.samples import DEVICE, a_sample

pytestmark = pytest.mark.server


@pytest.fixture
def client(databases):
    """The API on a database of its own: what is the newest must be this test's."""
    return app_on(databases.migrated()).test_client()


def ago(seconds: float) -> str:
    return format_ts(datetime.now(UTC) - timedelta(seconds=seconds))


def test_before_the_first_sample_it_is_404(client):
    assert_error(get(client, "/v1/realtime"), 404)


def test_it_gives_every_field_of_the_newest_and_its_age(client):
    newest = full_sample(ts=ago(30), new_field="x")
    send(client, a_sample(ts=ago(60)), newest, a_sample(ts=ago(90)))
    answer = get(client, "/v1/realtime")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    sample = answer.json
    assert 30 <= sample.pop("age_s") < 90
    assert list(sample) == [*NAMES, "extra", "grid_source"]
    assert sample.pop("extra") == {"new_field": "x"}
    assert sample.pop("grid_source") == "inverter"
    assert sample == {name: newest[name] for name in NAMES}


def test_what_was_not_sent_is_null(client):
    send(client, a_sample(ts=ago(1), battery_power_w=None))
    sample = get(client, "/v1/realtime").json
    assert sample["battery_power_w"] is None
    assert sample["mppt4_voltage_v"] is None
    assert sample["extra"] is None
    assert sample["interval_s"] == 5


def test_a_time_is_written_in_utc_with_microseconds(client):
    send(client, a_sample(ts="2026-01-02T03:04:05+05:45"))
    assert get(client, "/v1/realtime").json["ts"] == "2026-01-01T21:19:05.000000Z"


def test_a_late_row_does_not_become_the_newest(client):
    send(client, a_sample(ts=ago(10), pv_power_w=10))
    send(client, a_sample(ts=ago(1000), pv_power_w=1000))
    assert get(client, "/v1/realtime").json["pv_power_w"] == 10


def test_a_sample_from_the_future_does_not_stand_in_the_way(client):
    send(client, a_sample(ts=ago(-600), pv_power_w=600), a_sample(ts=ago(-90), pv_power_w=90))
    assert_error(get(client, "/v1/realtime"), 404)
    send(client, a_sample(ts=ago(5), pv_power_w=5))
    assert get(client, "/v1/realtime").json["pv_power_w"] == 5


def test_a_clock_that_is_a_little_ahead_is_forgiven(client):
    send(client, a_sample(ts=ago(5), pv_power_w=5), a_sample(ts=ago(-40), pv_power_w=40))
    sample = get(client, "/v1/realtime").json
    assert sample["pv_power_w"] == 40
    assert -41 < sample["age_s"] < 0


def test_the_age_is_of_each_answer(client):
    send(client, a_sample(ts=ago(5)))
    first, second = (get(client, "/v1/realtime").json["age_s"] for _ in range(2))
    assert 5 <= first <= second


def test_the_newest_is_found_by_the_key_alone(client, databases):
    url = client.application.extensions["settings"].database_url
    send(client, *(a_sample(ts=ago(number)) for number in range(500)))
    rows(url, "analyze sungrow_samples; select 1")
    plan = rows(
        url,
        "explain select * from sungrow_samples where device_id = 'house' and ts <= now() "
        "order by ts desc limit 1",
    )
    assert "Index Scan" in str(plan)


def test_a_house_with_a_grid_meter_alone_has_no_sample_and_is_told_where_its_meter_is(client):
    device = DEVICE
    answer = get(client, f"/v1/realtime?device_id={device}")
    assert "p1" not in answer.json["detail"]
    reading = {"device_id": device, "ts": datetime.now(UTC).isoformat(), "power_w": 640}
    assert send(client, p1_samples=[reading]).status_code == 200
    answer = get(client, f"/v1/realtime?device_id={device}")
    assert_error(answer, 404)
    assert answer.json["detail"].endswith("is at /p1/v1/realtime")
    assert get(client, f"/p1/v1/realtime?device_id={device}").json["power_w"] == 640
