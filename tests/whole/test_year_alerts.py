"""Some weeks of a house in which much goes wrong: no message is false, and none is missing.

``python -m tests.year_alerts`` lives through the whole year and prints its messages, and
``python -m tests.year_reports`` does so with what edge and server say of themselves.
"""

from datetime import date

import pytest

from tests import year_reports
from tests.support.readings import connected
from tests.year_alerts import simulate

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.mark.parametrize(("first", "seed"), [("2026-03-24", 3), ("2026-10-22", 4)])
def test_each_message_is_justified_and_none_is_missing(databases, first, seed):
    with connected(databases.migrated("Europe/Berlin")) as database:
        verdict = simulate(database, "house", date.fromisoformat(first), 8, seed)
    assert verdict.false == []
    assert verdict.missing == []
    assert verdict.rows


@pytest.mark.parametrize("seed", [2])
def test_what_edge_and_server_say_of_themselves_is_told_rightly_too(seed):
    site, found = year_reports.live(10, seed)
    verdict = year_reports.compare(site, found, 0)
    assert verdict.false == []
    assert verdict.missing == []
    assert verdict.rows
