"""Buckets by themselves: they tile time in every zone, also where a day is missing."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.api.buckets import WIDTHS, between

FIRST, LAST = datetime(2012, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC)
moments = st.timedeltas(timedelta(0), LAST - FIRST).map(lambda passed: FIRST + passed)
zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(moments, zones, st.sampled_from(list(WIDTHS.values())), st.integers(0, 40))
def test_they_follow_each_other_without_a_hole(moment, zone, width, count):
    first = width.floor(moment, zone)
    end = first
    for _ in range(count):
        end = width.after(end, zone)
    found = list(between(width, moment, end, zone))
    assert len(found) == count
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(one.start < one.end for one in found)
    if found:
        assert found[0].start <= moment < found[0].end
        assert found[-1].end == end


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(moments, zones, st.sampled_from(list(WIDTHS.values())))
def test_every_moment_of_a_bucket_has_the_same_floor(moment, zone, width):
    start = width.floor(moment, zone)
    end = width.after(start, zone)
    assert start <= moment < end
    last = end - timedelta(microseconds=1)
    assert {width.floor(ts, zone) for ts in (start, moment, last)} == {start}
    assert width.floor(end, zone) == end


def shown(width: str, first: str, end: str, zone: str) -> list[str]:
    local = ZoneInfo(zone)
    limits = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, end))
    found = between(WIDTHS[width], *limits, local)
    return [bucket.start.astimezone(local).strftime("%d %H:%M") for bucket in found]


def test_a_day_that_samoa_left_out_is_no_bucket():
    days = shown("1d", "2011-12-28 12:00", "2012-01-01 12:00", "Pacific/Apia")
    assert [day[:2] for day in days] == ["28", "29", "31", "01"]


@pytest.mark.parametrize(
    ("zone", "first", "hours"),
    [
        ("Asia/Kathmandu", "2025-06-01 00:15", "01 06:00, 01 07:00, 01 08:00"),
        ("Australia/Lord_Howe", "2025-04-05 14:00", "06 01:00, 06 01:30, 06 02:00"),
        ("Australia/Lord_Howe", "2025-04-05 15:10", "06 01:30, 06 02:00"),
        ("Australia/Lord_Howe", "2025-10-04 14:30", "05 01:00, 05 02:30, 05 03:00"),
        ("Asia/Pyongyang", "2018-05-04 13:30", "04 22:00, 04 23:00, 05 00:00, 05 01:00"),
        ("Africa/Casablanca", "2025-02-23 00:00", "23 01:00, 23 02:00, 23 02:00, 23 03:00"),
    ],
)
def test_hours_are_what_the_clock_shows(zone, first, hours):
    until = datetime.fromisoformat(first) + timedelta(hours=5)
    found = ", ".join(shown("1h", first, until.isoformat(), zone))
    assert found.startswith(hours)
