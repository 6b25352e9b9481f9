"""``GET /v1/states``: from when to when the inverter said the same of itself."""

from datetime import timedelta

import pytest

from edge_lib.shared.timestamps import format_ts
from tests.support.batches import OTHER_TOKEN, TOKEN, app_on, assert_error, get
from tests.support.readings import connected, reading, store, utc
from tests.support.samples import DEVICE

pytestmark = pytest.mark.server

RUNNING, STANDBY, FAULT = 0x0000, 0x1400, 0x5500
NOON = utc("2026-05-05 12:00")
SPOKEN = (
    # minutes after noon, its state, its interval in s
    (0, STANDBY, 60),
    (1, STANDBY, 60),
    (2, RUNNING, 60),
    (4, RUNNING, 60),  # one poll of three failed: not late yet
    (6, FAULT, 60),
    (6.5, RUNNING, 5),
    (7, RUNNING, 5),  # half a minute later, though polled each 5 s
    (20, RUNNING, 60),  # after a gap
    (21, None, 60),  # not read
    (22, RUNNING, 60),
)


@pytest.fixture(scope="module")
def client(database_url):
    with connected(database_url) as connection:
        store(
            connection,
            DEVICE,
            [
                reading(NOON + timedelta(minutes=m), running_state=state, interval_s=float(s))
                for m, state, s in SPOKEN
            ],
        )
    return app_on(database_url).test_client()


def states(client, first: float, end: float) -> list[tuple]:
    begin, stop = (format_ts(NOON + timedelta(minutes=m)) for m in (first, end))
    answer = get(client, f"/v1/states?device_id={DEVICE}&from={begin}&to={stop}")
    assert answer.status_code == 200, answer.text
    assert answer.json.keys() == {"device_id", "timezone", "states"}
    return [(one["state"], one["start"], one["end"]) for one in answer.json["states"]]


def span(state: int, first: float, end: float) -> tuple:
    moments = (NOON + timedelta(minutes=m) for m in (first, end))
    return (state, *map(format_ts, moments))


def test_each_state_lasts_until_the_next_reading_and_no_longer_than_it_is_heard(client):
    assert states(client, -60, 60) == [
        span(STANDBY, 0, 2),
        span(RUNNING, 2, 6),
        span(FAULT, 6, 6.5),
        span(RUNNING, 6.5, 7 + 5 / 60),
        span(RUNNING, 20, 21),
        span(RUNNING, 22, 23),
    ]


def test_a_range_cuts_what_is_beyond(client):
    assert states(client, 1, 4.5) == [span(STANDBY, 1, 2), span(RUNNING, 2, 4.5)]
    assert states(client, 30, 60) == []


@pytest.mark.parametrize(
    "query",
    ["", "from=2026-05-05", "from=2026-05-05&to=2026-05-05", "from=2026-05-05&to=2026-05-14",
     "from=x&to=y", "from=2026-05-06&to=2026-05-05"],
)  # fmt: skip
def test_a_range_that_is_none_is_refused(client, query):
    assert_error(get(client, f"/v1/states?device_id={DEVICE}&{query}"), 422)


def test_only_who_may_see_the_device_sees_its_states(client):
    path = f"/v1/states?device_id={DEVICE}&from=2026-05-05&to=2026-05-06"
    assert_error(get(client, path, "nobody"), 401)
    assert_error(get(client, path, OTHER_TOKEN), 403)
    assert get(client, path, TOKEN).json["states"]
