"""TimescaleDB: what is asked every day looks at few weeks of a house, however many there are."""

from datetime import date, timedelta

import pytest

from server.database.pool import query
from tests.support.commands import only_on
from tests.support.readings import connected, reading, rows, store, utc
from tests.support.samples import DEVICE

pytestmark = pytest.mark.server

WEEKS = 60
NEWEST = utc("2026-05-05 12:00")
DAY = {"first": NEWEST - timedelta(days=1), "end": NEWEST}
ASKED = {
    "completeness-days": {"first": date(2026, 5, 4), "last": date(2026, 5, 5)},
    "devices-condition": {"device_ids": [DEVICE]},
    "devices-facts": {"device_ids": [DEVICE]},
    "gaps-list": DAY,
    "sample-newest": {"latest": NEWEST + timedelta(seconds=60)},
    "samples-by-key": {"ts": [NEWEST], "first": NEWEST, "last": NEWEST},
    "samples-hours": DAY,
}
LOCKED = (
    "SELECT count(*) AS n FROM pg_locks JOIN pg_inherits ON inhrelid = relation"
    " WHERE pid = pg_backend_pid() AND inhparent = 'sungrow_samples'::regclass"
)


@pytest.fixture(scope="module")
def database(database_url):
    """A house with a reading a week, and in the last week a hole, for which samples are read."""
    with connected(database_url) as connection:
        only_on(connection, "apache", "community")
        moments = [NEWEST - n * timedelta(weeks=1) for n in range(WEEKS)]
        moments += [NEWEST - timedelta(hours=1, seconds=offset_s) for offset_s in (10, 200)]
        store(connection, DEVICE, [reading(ts) for ts in moments])
        assert len(rows(connection, "SELECT show_chunks('sungrow_samples')")) >= WEEKS
        yield connection


def parameters(name: str) -> dict:
    return {"device_id": DEVICE, "kind": "sample", "timezone": "UTC", **ASKED[name]}


@pytest.mark.parametrize("name", ASKED)
def test_few_chunks_are_even_planned(database, name):
    with database, database.cursor() as cursor:
        cursor.execute(query(name), parameters(name))
        assert cursor.fetchall()
        cursor.execute(LOCKED)
        assert cursor.fetchone()["n"] <= 2


def test_a_newest_sample_that_was_deleted_by_hand_is_looked_for_in_all(database):
    with database, database.cursor() as cursor:
        cursor.execute("DELETE FROM sungrow_samples WHERE ts > %s", (NEWEST - timedelta(days=1),))
        cursor.execute(query("sample-newest"), parameters("sample-newest"))
        assert cursor.fetchone()["ts"] == NEWEST - timedelta(weeks=1)
        database.rollback()
