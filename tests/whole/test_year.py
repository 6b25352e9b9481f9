"""Some weeks of a simulated house, with all that goes wrong: both changes of the clock are in them.

``python -m tests.year`` runs the whole year and prints its figures.
"""

from datetime import date

import pytest

from tests.support.readings import connected, new_device
from tests.year import simulate

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def database(database_url):
    with connected(database_url) as connection:
        yield connection


@pytest.mark.parametrize(("first", "seed"), [("2026-03-22", 8), ("2026-10-19", 8)])
def test_the_days_of_a_house_are_right_whatever_goes_wrong(database, first, seed):
    report = simulate(database, new_device(), date.fromisoformat(first), 14, seed)
    assert report.is_right(), report
    assert report.span_days
    assert report.whole_days
