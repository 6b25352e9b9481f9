"""``GET /v1/faults``."""

from datetime import UTC, datetime, timedelta

import pytest

from edge_lib.shared.timestamps import format_ts
from tests.support.batches import DEVICE, OTHER, READ_TOKEN, a_sample, app_on, get, verdict

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


@pytest.fixture
def client(databases):
    return app_on(databases.migrated()).test_client()


def send(client, second, count, faults, **more):
    times = (START + timedelta(seconds=second + 5 * number) for number in range(count))
    verdict(client, *(a_sample(ts=format_ts(ts), faults=faults, **more) for ts in times))


def test_before_a_word_was_ever_set_the_dongle_cannot_tell(client):
    answer = get(client, "/v1/faults").json
    assert (answer["device_id"], answer["can_tell"], answer["faults"]) == (DEVICE, False, [])
    send(client, 0, 3, "")
    send(client, 15, 3, None, running_state=0x5500)
    answer = get(client, "/v1/faults").json
    assert answer["can_tell"] is False
    assert answer["faults"] == [
        {
            "word": 13000,
            "bit": None,
            "value": 0x5500,
            "code": None,
            "text": "Stopped by a fault that the dongle does not name; see the app",
            "advice": "See the fault words; starts again by itself when the fault is gone",
            "severity": "fault",
            "from_ts": format_ts(START + timedelta(seconds=15)),
            "to_ts": None,
            "last_ts": format_ts(START + timedelta(seconds=25)),
            "polls": 3,
        }
    ]
    send(client, 30, 1, "13050=1")
    assert get(client, "/v1/faults").json["can_tell"] is True


def test_a_fault_has_its_code_its_text_what_to_do_and_its_times(client):
    send(client, 0, 12, "13066=4000")
    send(client, 60, 125, "")
    (fault,) = get(client, "/v1/faults").json["faults"]
    assert fault == {
        "word": 13066,
        "bit": 14,
        "value": None,
        "code": 714,
        "text": "No communication between inverter and BMS",
        "advice": "Check the CAN cable and plugs between battery and inverter, battery switched "
        "on, firmware versions that fit; the battery does not work meanwhile",
        "severity": "fault",
        "from_ts": format_ts(START),
        "to_ts": format_ts(START + timedelta(seconds=55)),
        "last_ts": format_ts(START + timedelta(seconds=55)),
        "polls": 12,
    }


def test_the_newest_comes_first_and_only_what_touches_the_range(client):
    send(client, 0, 3, "13066=4000")
    send(client, 15, 125, "")
    send(client, 640, 3, "13052=100 13050=1")
    found = get(client, "/v1/faults").json["faults"]
    assert [(f["word"], f["code"]) for f in found] == [(13050, 70), (13052, 10), (13066, 714)]

    def asked(first, end):
        times = (format_ts(START + timedelta(seconds=at)) for at in (first, end))
        return get(client, "/v1/faults?from={}&to={}".format(*times)).json

    assert {f["code"] for f in asked(0, 600)["faults"]} == {714}
    assert {f["code"] for f in asked(10, 11)["faults"]} == {714}
    assert asked(11, 600)["faults"] == []
    assert {f["code"] for f in asked(-100, 0)["faults"]} == set()
    assert {f["code"] for f in asked(11, 5000)["faults"]} == {10, 70}
    answer = asked(11, 600)
    assert answer["from"] == format_ts(START + timedelta(seconds=11))
    assert answer["can_tell"] is True


def test_thirty_days_are_the_usual(client):
    answer = get(client, "/v1/faults").json
    first, end = (datetime.fromisoformat(answer[name]) for name in ("from", "to"))
    assert end - first == timedelta(days=30)
    assert timedelta(0) <= datetime.now(UTC) - end < timedelta(minutes=1)
    only_from = get(client, "/v1/faults?from=2026-01-01").json
    assert only_from["from"] == "2026-01-01T00:00:00.000000Z"
    only_to = get(client, "/v1/faults?to=2026-01-31").json
    assert (only_to["from"], only_to["to"]) == (
        "2026-01-01T00:00:00.000000Z",
        "2026-01-31T00:00:00.000000Z",
    )


@pytest.mark.parametrize(
    "query",
    ["from=x", "to=x", "from=", "from=2026-02-01&to=2026-02-01", "from=2026-02-02&to=2026-02-01",
     "from=9999-01-01", "to=1999-01-01", "from=2026-13-01", "to=2026-01-01T00:00:00"],
)  # fmt: skip
def test_another_range_is_refused(client, query):
    answer = get(client, f"/v1/faults?{query}")
    assert answer.status_code == 422
    assert answer.json["detail"][0]["loc"][0] == "query"


def test_one_sees_ones_own(client):
    send(client, 0, 3, "13066=4000")
    assert get(client, "/v1/faults", "nobody").status_code == 401
    assert get(client, f"/v1/faults?device_id={OTHER}").status_code == 403
    assert get(client, f"/v1/faults?device_id={OTHER}", READ_TOKEN).json["faults"] == []
    assert len(get(client, f"/v1/faults?device_id={DEVICE}", READ_TOKEN).json["faults"]) == 1
