"""``GET /v1/hours``: count and sum of the times of each hour, for an edge to compare."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.batches import OTHER, OTHER_TOKEN, READ_TOKEN, TOKEN, app_on, assert_error, get
from tests.support.readings import connected, reading, store, utc
from tests.support.samples import DEVICE

pytestmark = pytest.mark.server

NOON = utc("2026-05-05 12:00")


@pytest.fixture(scope="module")
def stored(database_url):
    """Readings over three days, by the hour; in some hours none."""
    moments = [
        NOON - timedelta(days=2),
        NOON - timedelta(microseconds=1),
        NOON,
        NOON + timedelta(seconds=5, microseconds=123_456),
        NOON + timedelta(minutes=59, seconds=59, microseconds=999_999),
        NOON + timedelta(hours=3, minutes=30),
        *(NOON + timedelta(days=1, seconds=5 * n, microseconds=n) for n in range(1440)),
    ]
    with connected(database_url) as connection:
        store(connection, DEVICE, map(reading, moments))
        store(connection, OTHER, [reading(NOON), reading(NOON + timedelta(minutes=1))])
    return moments


@pytest.fixture
def client(database_url, stored):
    return app_on(database_url).test_client()


def text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hours(client, first: datetime, end: datetime, token: str = TOKEN, device: str = DEVICE) -> list:
    path = f"/v1/hours?device_id={device}&from={text(first)}&to={text(end)}"
    answer = get(client, path, token)
    assert answer.status_code == 200, answer.text
    assert answer.json.keys() == {"device_id", "hours"}
    assert answer.json["device_id"] == device
    return answer.json["hours"]


def direct(moments: list[datetime], first: datetime, end: datetime) -> list[dict]:
    """Return what the answer has to be, computed here."""
    found: dict[datetime, list[int]] = {}
    for moment in sorted(moments):
        hour = moment.replace(minute=0, second=0, microsecond=0)
        if first <= moment < end:
            us = (moment - hour) // timedelta(microseconds=1)
            found.setdefault(hour, []).append(us)
    return [{"hour": text(h), "count": len(us), "sum_us": sum(us)} for h, us in found.items()]


@pytest.mark.parametrize("token", [TOKEN, READ_TOKEN])
def test_each_hour_with_samples_has_its_count_and_the_exact_sum_of_its_times(client, stored, token):
    first, end = NOON - timedelta(days=3), NOON + timedelta(days=2)
    found = hours(client, first, end, token)
    assert found == direct(stored, first, end)
    assert len(found) == 6
    assert all(type(hour["sum_us"]) is int for hour in found)


def test_the_range_begins_with_its_first_hour_and_ends_before_its_last(client, stored):
    end = NOON + timedelta(hours=1)
    assert hours(client, NOON, end) == direct(stored, NOON, end)
    assert hours(client, NOON, NOON) == []
    assert hours(client, NOON + timedelta(hours=1), NOON + timedelta(hours=3)) == []


def test_both_ends_are_moved_down_to_full_hours(client, stored):
    late = timedelta(minutes=30)
    whole = hours(client, NOON, NOON + timedelta(hours=1))
    assert hours(client, NOON + late, NOON + timedelta(hours=1) + late) == whole


def test_a_moment_more_or_less_changes_the_sum(client, database_url):
    before = hours(client, NOON - timedelta(days=9), NOON - timedelta(days=8))
    assert before == []
    with connected(database_url) as connection:
        for microseconds in (1, 2):
            ts = NOON - timedelta(days=9) + timedelta(microseconds=microseconds)
            store(connection, DEVICE, [reading(ts)])
    (found,) = hours(client, NOON - timedelta(days=9), NOON - timedelta(days=8))
    assert (found["count"], found["sum_us"]) == (2, 3)


def test_another_device_has_its_own_hours(client):
    (found,) = hours(client, NOON, NOON + timedelta(hours=1), OTHER_TOKEN, OTHER)
    assert (found["count"], found["sum_us"]) == (2, 60_000_000)


def test_sixty_days_at_most(client):
    assert hours(client, NOON - timedelta(days=60), NOON)
    path = f"/v1/hours?from={text(NOON - timedelta(days=60, hours=1))}&to={text(NOON)}"
    assert_error(get(client, path), 422)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "from"),
        ("from=2026-05-05T12:00:00Z", "to"),
        ("from=2026-05-05&to=2026-05-06T00:00:00Z", "from"),
        ("from=2026-05-05T12:00:00Z&to=2026-05-06T00:00:00", "to"),
        ("from=2026-05-05T12:00:00Z&to=2026-05-05T11:00:00Z", "to"),
    ],
)
def test_a_wrong_range_is_named(client, query, name):
    answer = get(client, f"/v1/hours?{query}")
    assert_error(answer, 422)
    assert answer.json["detail"][0]["loc"] == ["query", name]


def test_only_who_may_read_the_device_may_ask(client):
    query = f"from={text(NOON)}&to={text(NOON)}"
    assert_error(client.get(f"/v1/hours?{query}"), 401)
    assert_error(get(client, f"/v1/hours?{query}&device_id={OTHER}"), 403)
    assert_error(get(client, f"/v1/hours?{query}", READ_TOKEN), 422)
