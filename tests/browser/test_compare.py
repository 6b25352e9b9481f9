"""A running month or year beside the one before: as much of it, and no more, and it says so."""

import calendar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.browser.conftest import DEVICE, ONE, SETTINGS, Site
from tests.browser.test_history import figures_of
from tests.support.readings import connected, reading, store

pytestmark = pytest.mark.long

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
# The page goes by the server's clock, which it knows by this header.
CLOCK = """
    const real = window.fetch, begun = performance.now();
    window.fetch = async (...asked) => {
        const answer = await real(...asked), headers = new Headers(answer.headers);
        if (answer.status === 204) return answer;
        const now = NOW + performance.now() - begun;
        headers.set('Date', new Date(now).toUTCString());
        return new Response(answer.body, { status: answer.status, headers });
    };
"""


def at(page, now: datetime):
    """Let it be this time on the page."""
    return page.prepared(CLOCK.replace("NOW", str(now.timestamp() * 1000)))


def home_of(databases, https_server, first: datetime, last: datetime, holes=()) -> Site:
    """A house of 1 kW of sun, day and night, all of it used: hours are kWh."""
    url = databases.migrated("Europe/Berlin")
    steps = range((last - first) // HOUR)
    batch = [
        reading(ts, pv_power_w=1000.0, battery_power_w=0.0, load_power_w=1000.0, interval_s=3600.0)
        for ts in (first.astimezone(UTC) + n * HOUR for n in steps)
        if not any(begin <= ts < end for begin, end in holes)
    ]
    with connected(url) as connection:
        store(connection, DEVICE, batch)
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


@pytest.fixture(scope="module")
def two_years(databases, https_server) -> Site:
    """From 2024, which had a 29 February, to March 2026."""
    first, last = datetime(2023, 12, 20, tzinfo=BERLIN), datetime(2026, 4, 1, tzinfo=BERLIN)
    return home_of(databases, https_server, first, last)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def shown(page, name: str = "pv_kwh") -> str:
    note = page.text(f".tile:has([data-figure={name}]) .note")
    return note.replace("\u00a0", " ")


def hours(first: str, until: str) -> str:
    """Write the readings between two local times, one an hour, as kWh."""
    kwh = -((local(first).astimezone(UTC) - local(until).astimezone(UTC)) // HOUR)
    return f"{kwh:,.{2 if kwh < 9.995 else 1 if kwh < 99.95 else 0}f} kWh"


@pytest.mark.parametrize(
    ("now", "view", "first", "until", "named"),
    [
        ("2025-06-21 14:30", "month", "2025-05-01", "2025-05-21 14:30", "until 21 May, 14:30"),
        ("2025-06-21 14:32", "month", "2025-05-01", "2025-05-21 14:30", "until 21 May, 14:30"),
        ("2025-06-01 00:10", "month", "2025-05-01", "2025-05-01 00:10", "until 1 May, 00:10"),
        ("2025-06-01 13:00", "month", "2025-05-01", "2025-05-01 13:00", "until 1 May, 13:00"),
        ("2025-06-02 00:03", "month", "2025-05-01", "2025-05-02", "until 2 May, 00:00"),
        ("2025-06-30 23:59", "month", "2025-05-01", "2025-05-30 23:55", "until 30 May, 23:55"),
        # 31 days beside 30, 29 and 28
        ("2025-05-31 09:00", "month", "2025-04-01", "2025-05-01", "all of Apr"),
        ("2024-03-30 09:00", "month", "2024-02-01", "2024-03-01", "all of Feb"),
        ("2024-03-29 09:00", "month", "2024-02-01", "2024-02-29 09:00", "until 29 Feb, 09:00"),
        ("2025-03-29 09:00", "month", "2025-02-01", "2025-03-01", "all of Feb"),
        ("2025-03-28 09:00", "month", "2025-02-01", "2025-02-28 09:00", "until 28 Feb, 09:00"),
        # A day of 23 hours and the hour that it lacks, one of 25 and the hour that it has twice
        ("2025-04-30 12:00", "month", "2025-03-01", "2025-03-30 12:00", "until 30 Mar, 12:00"),
        ("2025-04-30 02:30", "month", "2025-03-01", "2025-03-30 03:30", "until 30 Mar, 03:30"),
        ("2025-11-26 12:00", "month", "2025-10-01", "2025-10-26 12:00", "until 26 Oct, 12:00"),
        ("2025-11-26 02:30", "month", "2025-10-01", "2025-10-26 02:30",
         "until 26 Oct, 02:30 UTC+2"),
        ("2025-10-26 02:30", "month", "2025-09-01", "2025-09-26 02:30", "until 26 Sept, 02:30"),
        ("2026-01-02 08:00", "month", "2025-12-01", "2025-12-02 08:00", "until 2 Dec, 08:00"),
        # Years
        ("2025-06-21 14:30", "year", "2024-01-01", "2024-06-21 14:30", "until 21 Jun 2024, 14:30"),
        ("2025-03-01 14:30", "year", "2024-01-01", "2024-03-01 14:30", "until 1 Mar 2024, 14:30"),
        ("2024-12-31 14:30", "year", "2023-12-20", "2023-12-31 14:30",
         "20 Dec until 31 Dec 2023, 14:30"),
        ("2026-01-01 00:20", "year", "2025-01-01", "2025-01-01 00:20", "until 1 Jan 2025, 00:20"),
        # The month in which the house began
        ("2024-01-25 10:00", "month", "2023-12-20", "2023-12-25 10:00",
         "20 Dec until 25 Dec, 10:00"),
        ("2024-01-20 10:00", "month", "2023-12-20", "2023-12-20 10:00",
         "20 Dec until 20 Dec, 10:00"),
    ],
)  # fmt: skip
def test_a_running_period_is_compared_with_as_much_of_the_one_before(
    page, two_years, now, view, first, until, named
):
    with at(page, local(now)):
        page.log_in(f"{two_years.url}/?view={view}", ONE)
        page.wait(lambda: shown(page), "nothing is compared")
        assert shown(page).endswith(f"{named}: {hours(first, until)}")
        assert "≥" not in shown(page)
        title = page.text(".chart-title").replace("\u00a0", " ")
        if named.startswith("all of"):
            assert re_month(first) in title
        else:
            assert named.rpartition("until ")[2] in title
        assert "in grey: " in title


def re_month(day: str) -> str:
    return f"all of {date.fromisoformat(day):%B %Y}"


def test_a_leap_day_is_compared_with_the_february_before(page, databases, https_server):
    first, last = local("2023-02-01"), local("2024-02-29 14:00")
    own = home_of(databases, https_server, first, last)
    with at(page, local("2024-02-29 14:00")):
        page.log_in(own.url + "/?view=year", ONE)
        page.wait(lambda: shown(page), "nothing is compared")
        # All of January and February: there was no 29 February.
        assert shown(page).endswith(f"1 Feb until 1 Mar 2023, 00:00: {28 * 24} kWh")


@pytest.mark.parametrize(
    ("view", "query", "named", "first", "until"),
    [
        ("month", "date=2025-05-01", "Apr", "2025-04-01", "2025-05-01"),
        ("month", "date=2025-03-01", "Feb", "2025-02-01", "2025-03-01"),
        ("month", "date=2024-01-01", "Dec since 20 Dec", "2023-12-20", "2024-01-01"),
        ("year", "date=2025-01-01", "2024", "2024-01-01", "2025-01-01"),
        ("year", "date=2024-01-01", "2023 since 20 Dec", "2023-12-20", "2024-01-01"),
    ],
)
def test_a_whole_period_is_compared_with_a_whole_one(
    page, two_years, view, query, named, first, until
):
    with at(page, local("2026-03-31 12:00")):
        page.log_in(f"{two_years.url}/?view={view}&{query}", ONE)
        page.wait(lambda: shown(page), "nothing is compared")
        assert shown(page) == f"{named}: {hours(first, until)}"


@pytest.mark.parametrize(
    ("now", "query"),
    [
        ("2023-12-28 12:00", "view=month"),
        ("2023-12-28 12:00", "view=year"),
        ("2024-01-19 12:00", "view=month"),  # the house began on 20 December
        ("2024-12-19 12:00", "view=year"),
        ("2025-06-21 12:00", "view=all"),
    ],
)
def test_where_there_was_no_such_part_nothing_is_compared(page, two_years, now, query):
    with at(page, local(now)):
        page.log_in(f"{two_years.url}/?{query}", ONE)
        page.wait_text(".chart-title", "in total")
        assert ":" not in shown(page)
        if "all" in query:
            assert shown(page) == "", "all time begins with the first reading"
        assert "in grey" not in page.text(".chart-title")
        assert page.all("main svg.chart .before") == []


def test_the_bars_beside_end_where_the_comparison_does(page, two_years):
    with at(page, local("2025-06-21 12:00")):
        page.log_in(f"{two_years.url}/?view=month", ONE)
        page.wait_text(".chart-title", "until 21 May, 12:00")
        heights = page.run(
            "return [...document.querySelectorAll('main svg.chart .before')].map("
            "(n) => n.getBBox().height).filter((h) => h > 0)"
        )
        assert len(heights) == 21
        assert heights[20] == pytest.approx(heights[0] / 2, rel=0.01)


@pytest.mark.parametrize(
    ("hole", "kwh"),
    [
        (("2025-05-10", "2025-05-12"), "≥ 444 kWh"),
        (("2025-05-21 05:00", "2025-05-21 07:00"), "≥ 490 kWh"),
        (("2025-05-22", "2025-05-24"), "492 kWh"),  # after it
    ],
)
@pytest.mark.parametrize(
    ("now", "view", "until"),
    [
        ("2025-06-21 12:00", "month", "21 May, 12:00"),
        ("2026-05-21 12:00", "year", "21 May 2025, 12:00"),
    ],
)
def test_what_is_compared_says_that_a_part_of_it_is_missing(
    page, databases, https_server, hole, kwh, now, view, until
):
    first, last = local("2025-05-01"), local("2025-07-01")
    hole = tuple(local(text).astimezone(UTC) for text in hole)
    own = home_of(databases, https_server, first, last, [hole])
    with at(page, local(now)):
        page.log_in(f"{own.url}/?view={view}", ONE)
        page.wait(lambda: shown(page), "nothing is compared")
        assert shown(page).endswith(f"until {until}: {kwh}")


ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "Asia/Kathmandu")


def same_time(now: datetime, months: int) -> tuple[date, int]:
    """Return the same date and minute so many months ago, or the end of a month without it."""
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    first = date(year, month + 1, 1)
    length = calendar.monthrange(year, month + 1)[1]
    if now.day > length:
        return first + timedelta(days=length), 0
    return first.replace(day=now.day), now.hour * 60 + now.minute


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("months", [1, 12])
def test_the_same_time_of_the_period_before(called, zone, months):
    begin = datetime(2023, 11, 1, tzinfo=UTC)
    moments = [begin + timedelta(hours=5.25 * n) for n in range(2500)]
    asked = [[moment.timestamp() * 1000, zone, months] for moment in moments]
    for moment, found in zip(moments, called("compare", "sameTime", asked), strict=True):
        day, minute = same_time(moment.astimezone(ZoneInfo(zone)), months)
        assert (found["date"], found["minute"]) == (day.isoformat(), minute)


@pytest.mark.parametrize(
    "zone", [*ZONES, "Europe/London", "America/Santiago", "Pacific/Kiritimati"]
)
def test_a_time_of_the_clock_is_found_whatever_clocks_do(called, zone):
    local_zone = ZoneInfo(zone)
    first = date(2023, 1, 1)
    asked = [
        (first + timedelta(days=n), minute) for n in range(365) for minute in (0, 30, 135, 1439)
    ]
    found = called("zone", "momentOf", [[day.isoformat(), minute, zone] for day, minute in asked])
    for (day, minute), ms in zip(asked, found, strict=True):
        # Of two the first; where clocks leave it out, Python counts on with the offset before, too.
        wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=local_zone)
        assert datetime.fromtimestamp(ms / 1000, UTC) == wall.astimezone(UTC)


def test_a_sum_of_the_view_is_the_sum_of_the_api(page, two_years):
    with at(page, local("2025-06-21 14:30")):
        page.log_in(f"{two_years.url}/?view=month", ONE)
        page.wait(lambda: shown(page), "nothing is compared")
        asked = {"from": "2025-05-01", "to": "2025-05-21T12:30:00Z", "bucket": "5m"}
        series = two_years.ask("/v1/series", **asked)["series"]
        for name in figures_of(series):
            assert f"{figures_of(series)[name]} kWh" in shown(page, name).replace("≈", "")
