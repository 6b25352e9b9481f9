"""Which hop is broken, found by evidence, and what the recovery proves: pure, and by the database."""

from datetime import timedelta

import pytest

from tests.support.alerts import MINUTE, Site, span
from tests.support.readings import connected, utc

NOON = utc("2026-05-05 10:00")
pytestmark = pytest.mark.server


@pytest.fixture
def site(databases):
    with connected(databases.migrated("Europe/Amsterdam")) as database:
        yield Site(database)


def test_a_silent_house_is_told_once_with_its_hop_and_once_when_it_is_back(site):
    begin = NOON - timedelta(minutes=30)
    site.arrive("home", span(begin, NOON))
    site.run_through(NOON - timedelta(minutes=2), NOON + timedelta(minutes=20))
    assert site.messages() == [
        ("opened", "home: no data for 10 min - the box at home or its line is silent")
    ]
    back = NOON + timedelta(minutes=20)
    site.arrive("home", span(NOON, back), at=back)
    site.arrive("home", span(back, back + timedelta(minutes=10)))
    site.run_through(back + MINUTE, back + timedelta(minutes=10))
    (_, resolved) = site.outbox()
    print(resolved["body"]["title"])
    print(resolved["body"]["text"])
    assert resolved["event"] == "resolved"
    assert "The line was down, the box at home was not." in resolved["body"]["text"]
