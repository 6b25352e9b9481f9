"""New shade: told within weeks, beside the same days a year ago; never for leaves or a fault."""

import functools
from datetime import date, timedelta

import pytest

from server.roof import analyse, changes, fit, lately
from server.roof.evidence import Pass
from server.roof.rows import Plane
from server.roof.shade import Judged
from tests.support import roofs

pytestmark = pytest.mark.slow  # two springs of a simulated roof

FIRST, MAY_1 = date(2024, 4, 10), date(2025, 5, 1)
TREE = (roofs.Obstacle(90, 125, 40),)


@pytest.fixture(autouse=True)
def unfitted(monkeypatch):
    monkeypatch.setattr(fit, "of_columns", lambda *_: None)


@functools.cache
def springs(since=(None, MAY_1), factor=1.0, strings=1, seed=1):
    """Return two springs; the tree's leaves are there since a day of each."""
    begins = dict(zip((2024, 2025), since, strict=True))

    def horizon(day, string):
        begin = begins[day.year]
        return TREE if string == 1 and begin and day >= begin else ()

    def weak(day, string):
        return factor if string == 1 and day >= MAY_1 else 1.0

    planes = {1: roofs.SOUTH, 2: Plane(30, 200, 2.5)}
    roof = roofs.Roof(
        {k: planes[k] for k in range(1, 1 + strings)}, horizon_of=horizon, factor=weak, seed=seed
    )
    return roof, [*roofs.digests(roof, FIRST, 70), *roofs.digests(roof, FIRST.replace(2025), 70)]


def events(until, **about):
    roof, days = springs(**about)
    one = analyse.result("home-1", [d for d in days if d.day < until], roof.settings(), 1.7e9)
    return [event for event in one.result["events"] if event["id"] == "new_shade"]


def test_a_new_tree_is_told_within_weeks_and_since_when():
    assert events(MAY_1 + timedelta(days=3)) == []
    (event,) = events(MAY_1 + timedelta(days=40))
    assert event["string"] == 1
    assert abs((date.fromisoformat(event["from"]) - MAY_1).days) <= 6
    assert event["value"] < -0.15
    assert event["values"]["azimuth_from_deg"] >= 85
    assert event["values"]["azimuth_to_deg"] <= 130


@pytest.mark.parametrize("since", [(None, None), (MAY_1.replace(2024, 5, 12), MAY_1)])
def test_neither_no_tree_nor_leaves_that_come_earlier_than_a_year_ago_are_new(since):
    for days in (25, 40):
        assert events(MAY_1 + timedelta(days=days), since=since) == []


def test_a_string_that_lost_a_part_of_its_modules_is_in_no_new_shade():
    told = events(MAY_1 + timedelta(days=40), since=(None, None), factor=0.6, strings=2)
    assert told == []


def test_a_tail_begins_after_the_last_sun():
    def passing(day, sunny=False):
        return Pass(day, 7, 10 * day, 10 * day + 3, sunny)

    early, dark = [passing(n) for n in range(3)], [passing(n) for n in range(5, 9)]
    sun = [passing(3, sunny=True), passing(4, sunny=True)]
    assert lately._tails([*early, *sun, *dark]) == {7: dark}
    assert lately._tails([*early, *sun, *dark[:2]]) == {}
    assert lately._tails([sun[0], *dark]) == {7: dark}
    # A bright cloud among dark passes ends nothing.
    assert lately._tails([*early, sun[0], *dark]) == {7: [*early, sun[0], *dark]}


def judged(performance, state="shaded"):
    return {number: Judged(40, 10, performance, None, state, 0) for number in (800, 801, 840, 841)}


@pytest.mark.parametrize(
    ("before", "whole", "in_part", "count"),
    [
        (judged(0.3), judged(0.7), set(), 1),  # bare boughs let three quarters through
        (judged(0.3), judged(0.4), set(), 0),  # a wall
        (judged(0.9, "clear"), judged(0.9), set(), 0),  # not there a year ago
        (judged(0.3), judged(0.7), {800, 841}, 0),  # of which only a corner may have been seen
        ({}, judged(0.7), set(), 0),
    ],
)
def test_leaves_are_shade_of_both_years_that_is_less_at_another_time(before, whole, in_part, count):
    found = changes.seasonal(judged(0.3), before, whole, in_part)
    assert len(found) == count
    assert all(one.fall == pytest.approx(0.4) for one in found)
