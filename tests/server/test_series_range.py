"""``GET /v1/series?from=&to=&bucket=``: what is asked for, what is refused, where it ends."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.api.series_query import MOST_BUCKETS
from tests.support.history import DEVICE, SITE, STEP, new_device, starts
from tests.support.readings import reading, store, utc

pytestmark = pytest.mark.server

DAY = {"from": "2025-06-01", "to": "2025-06-02", "bucket": "1h"}


def test_the_answer_says_what_it_is_about(ask):
    answer = ask({"device_id": DEVICE, **DAY})
    series = answer.pop("series")
    assert answer == {
        "device_id": DEVICE,
        "bucket": "1h",
        "from": "2025-06-01T00:00:00+02:00",
        "to": "2025-06-02T00:00:00+02:00",
        "timezone": SITE,
    }
    assert len(series) == 24


def test_a_date_is_its_local_midnight(ask):
    at_midnight = {"from": "2025-05-31T22:00:00Z", "to": "2025-06-02T00:00:00+02:00"}
    for width in ("5m", "15m", "1h", "1d"):
        asked = {"device_id": DEVICE, "bucket": width}
        assert ask({**asked, **at_midnight}) == ask({**DAY, **asked})


def test_a_range_may_begin_before_the_first_sample_and_end_after_the_last(ask, database):
    device_id = new_device()
    store(database, device_id, [reading(utc("2025-06-01 10:00"))])
    asked = {"device_id": device_id, "from": "2010-01-01", "to": "2025-06-04", "bucket": "1mo"}
    found = ask(asked)["series"]
    assert len(found) == 185
    assert [b["bucket"] for b in found if b["sample_count"]] == []
    found = ask({**asked, "from": "2025-05-30", "bucket": "1d"})["series"]
    assert [b["sample_count"] for b in found] == [0, 0, 1, 0, 0]


def test_a_range_ends_now(ask, database):
    device_id, now = new_device(), datetime.now(UTC)
    store(database, device_id, [reading(now)])
    for width, step in (("5m", 5), ("15m", 15), ("1h", 60)):
        first, end = now - timedelta(hours=6), now + timedelta(hours=6)
        asked = {"from": first.isoformat(), "to": end.isoformat(), "bucket": width}
        answer = ask({"device_id": device_id, **asked})
        found = [datetime.fromisoformat(start) for start in starts(answer)]
        assert found[0] <= first
        assert found[-1] <= datetime.now(UTC) < found[-1] + 2 * timedelta(minutes=step)
        assert sum(b["sample_count"] for b in answer["series"]) == 1
        assert datetime.fromisoformat(answer["to"]) > now + timedelta(hours=4)


def test_a_sample_from_the_near_future_is_not_hidden(ask, database):
    device_id, soon = new_device(), datetime.now(UTC) + timedelta(minutes=59)
    store(database, device_id, [reading(soon)])
    asked = {"from": soon.isoformat(), "to": (soon + STEP).isoformat(), "bucket": "5m"}
    (bucket,) = ask({"device_id": device_id, **asked})["series"]
    assert (bucket["sample_count"], bucket["coverage"]) == (1, None)


def test_a_running_bucket_is_measured_by_its_elapsed_part(ask, database):
    device_id, ts = new_device(), datetime.now(UTC)
    store(database, device_id, [reading(ts, interval_s=7.0)])
    asked = {"from": "2025-01-01", "to": (ts + timedelta(days=40)).isoformat(), "bucket": "1mo"}
    running = ask({"device_id": device_id, **asked})["series"][-1]
    begun = datetime.fromisoformat(running["bucket"])
    assert running["coverage"] == pytest.approx(7 / (ts - begun).total_seconds(), rel=0.01)


@pytest.mark.parametrize("bucket", ["5m", "15m", "1h", "1d", "1mo"])
def test_a_range_without_length_is_empty(ask, bucket):
    for to in ("2025-06-01", "2025-05-31T22:04:59Z"):
        asked = {"from": "2025-06-01", "to": to, "bucket": bucket}
        assert ask({"device_id": DEVICE, **asked})["series"] == []


def times(bucket: str, count: int) -> dict:
    """Return a range of so many buckets."""
    length = {"5m": 5, "15m": 15, "1h": 60}[bucket] * timedelta(minutes=count)
    first = utc("2012-05-05 00:00")
    return {"bucket": bucket, "from": first.isoformat(), "to": (first + length).isoformat()}


@pytest.mark.parametrize("bucket", ["5m", "15m", "1h"])
def test_ten_thousand_buckets_and_no_more(ask, bucket):
    assert MOST_BUCKETS == 10_000
    answer = ask({"device_id": DEVICE, **times(bucket, 10_000)})
    assert len(answer["series"]) == 10_000
    assert len(set(starts(answer))) == 10_000
    (place,) = ask({"device_id": DEVICE, **times(bucket, 10_001)}, 422)["detail"]
    assert (place["loc"], "10000" in place["msg"]) == (["query", "to"], True)


def test_more_days_than_ten_thousand_are_too_many(ask):
    first = date(2010, 1, 1)
    for count, status in ((10_000, 200), (10_001, 422)):
        to = (first + timedelta(days=count)).isoformat()
        asked = {"from": first.isoformat(), "to": to, "bucket": "1d"}
        ask({"device_id": DEVICE, **asked}, status)


def test_too_many_are_refused_before_anything_is_read(ask, database):
    # A lock that no reader of the rollups gets past: an answer means that nobody tried.
    with database, database.cursor() as cursor:
        cursor.execute("LOCK TABLE sungrow_5min IN ACCESS EXCLUSIVE MODE")
        ask({"device_id": DEVICE, **times("5m", 5_000_000 // 5)}, 422)
        ask({"device_id": DEVICE, "from": "2009-12-31", "to": "8999-12-31", "bucket": "5m"}, 422)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({**DAY, "frame": "day"}, "frame"),
        ({**DAY, "date": "2025-06-01"}, "date"),
        ({"from": "2025-06-01"}, "to"),
        ({"from": "2025-06-01", "bucket": "1d"}, "to"),
        ({"from": "2025-06-01", "to": "2025-06-02"}, "bucket"),
        ({"to": "2025-06-01", "bucket": "1d"}, "frame"),
        ({"frame": "day", "to": "2025-06-01"}, "to"),
        ({"frame": "day", "bucket": "1h"}, "bucket"),
        ({"frame": "all", "bucket": "1mo"}, "bucket"),
        ({"frame": "day", "fields": "mppt"}, "fields"),
        ({"frame": "day", "bucket": "raw"}, "bucket"),
        ({"from": "2025-06-01", "bucket": "raw"}, "to"),
        ({**DAY, "bucket": "raw", "fields": "mppt"}, "fields"),
        *(({**DAY, "bucket": width, "fields": "grid"}, "fields") for width in ("15m", "1h", "1d")),
        *(
            ({**DAY, "bucket": "5m", "fields": text}, "fields")
            for text in ("", "mppt,", "MPPT", "mppt;grid", "mppt\0", "*")
        ),
        ({**DAY, "bucket": "5m", "columns": "avg_mppt1_power_w"}, "columns"),
        ({**DAY, "bucket": "raw", "columns": "avg_pv_power_w"}, "columns"),
        *(({**DAY, "bucket": text}, "bucket") for text in ("", "2m", "1H", "60", "day", "1h\0")),
        ({**DAY, "to": "2025-05-31"}, "to"),
        ({**DAY, "to": "2025-05-31T21:59:59.999999Z"}, "to"),
        *(
            ({**DAY, name: text}, name)
            for name in ("from", "to")
            for text in (
                "",
                "today",
                "2025-02-29",
                "20250601",
                "2025-06-01T00:00:00",
                "2025-06-01T00:00:00 02:00",  # a + that was not written as %2B
                "2025-06-01 00:00:00Z\0",
                "0001-01-01",
                "0001-01-01T00:00:00Z",
                "2009-12-30",
                "2009-12-30T23:59:59Z",
                "9000-01-01",
                "9000-01-01T00:00:00Z",
                "9999-12-31T23:59:59-23:59",
                "9" * 5000,
            )
        ),
    ],
)
def test_what_is_no_range_is_unprocessable(ask, query, field):
    places = ask({"device_id": DEVICE, **query}, 422)["detail"]
    assert [place["loc"] for place in places] == [["query", field]]
    assert all(place.keys() == {"loc", "msg", "type"} for place in places)


@pytest.mark.parametrize("zone_free", ["2009-12-31", "8999-12-31", "8999-12-31T23:59:59.999999Z"])
def test_every_width_answers_at_the_ends_of_the_calendar(ask, zone_free):
    for bucket in ("5m", "15m", "1h", "1d", "1mo"):
        asked = {"from": zone_free, "to": zone_free, "bucket": bucket}
        assert ask({"device_id": DEVICE, **asked})["series"] == []


def test_a_wrong_time_says_how_to_write_it(ask):
    (place,) = ask({"device_id": DEVICE, **DAY, "from": "June"}, 422)["detail"]
    assert "2026-03-29T00:00:00Z" in place["msg"]
    assert "%2B" in place["msg"]


def test_another_zone_has_other_days(ask, database):
    device_id = new_device()
    with database, database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, 'Asia/Kathmandu')",
            (device_id,),
        )
    found = starts(ask({"device_id": device_id, **DAY, "bucket": "1d"}))
    local = datetime(2025, 6, 1, tzinfo=ZoneInfo("Asia/Kathmandu"))
    assert found == [local.isoformat()]
