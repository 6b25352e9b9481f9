"""The view of what one pays by peak for, of houses with a grid (P1) meter."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser import house
from tests.browser.browser import DESKTOP, PHONE
from tests.browser.conftest import DEVICE, ONE, SETTINGS, ZONE, Site, local
from tests.browser.p1_house import keep_peaks, readings
from tests.browser.test_shape import violations
from tests.support.p1 import store_p1
from tests.support.readings import connected

STEP = timedelta(minutes=5)
BASE_W = 300.0
PEAKS = {local("2026-06-18 18:30"): 4200.0, local("2026-06-11 07:00"): 3900.0}
NOT_READ = local("2026-06-20"), local("2026-06-21")
MONTH = "view=capacity&date=2026-06-01"


def meter(begin: datetime, end: datetime, step: timedelta = STEP) -> list[dict]:
    """Return readings of a meter that draws ``BASE_W``, and in some quarter hours more."""
    samples = []
    for n in range(1, (end - begin) // step + 1):
        ts = begin + n * step
        slot = ts - step
        slot = slot.replace(minute=slot.minute // 15 * 15, second=0)
        watts = PEAKS.get(slot, BASE_W)
        export = {"export_power_w": -watts, "interval_s": step.total_seconds()}
        samples.append({"ts": ts.astimezone(UTC), **export})
    return list(readings(samples, has_volumes=False))


def home_of(databases, https_server, told: list[dict], peaks=()) -> Site:
    url = databases.migrated(house.ZONE)
    with connected(url) as connection:
        store_p1(connection, DEVICE, told)
    keep_peaks(url, DEVICE, peaks)
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


@pytest.fixture(scope="module")
def peaks(databases, https_server) -> Site:
    """A June, one day of which was not read, and what the meter keeps of the months before."""
    told = meter(local("2026-06-01"), local("2026-07-01"))
    kept = [r for r in told if not NOT_READ[0] < r["ts"] < NOT_READ[1]]
    ends = [local(f"2025-{month:02}-01") for month in range(8, 13)]
    ends += [local(f"2026-{month:02}-01") for month in range(1, 7)]
    past = [
        (end, end - timedelta(days=9), 2000.0 if n == 4 else 3000.0) for n, end in enumerate(ends)
    ]
    return home_of(databases, https_server, kept, past)


@pytest.fixture(scope="module")
def one_reading(databases, https_server) -> Site:
    told = [{"ts": datetime.now(UTC) - timedelta(hours=1), "power_w": 300.0}]
    return home_of(databases, https_server, told)


def view(page, site: Site, query: str) -> None:
    page.log_in(f"{site.url}/?{query}", ONE)
    page.wait(lambda: page.all(".tile [data-figure=mean]"), "no figures")


def tile(page, name: str) -> str:
    return page.text(f".tile:has([data-figure={name}])").replace("\u00a0", " ")


def test_a_month_has_its_peak_its_moment_and_what_the_year_makes_of_it(page, peaks):
    view(page, peaks, MONTH)
    assert page.text("h1") == "June 2026"
    assert page.text("#views [aria-current]") == "Money"
    peak = tile(page, "peak")
    assert "4.20 kW" in peak
    assert "18 Jun, 18:30" in peak
    assert "18:45" in peak
    assert "4.20 kW" in tile(page, "meter")
    assert "as measured here" in tile(page, "meter")
    assert "4.20 kW" in tile(page, "billed")
    mean = tile(page, "mean")
    assert "3.06 kW" in mean, "of 4.2, ten times 3.0, and 2.0 that counts as 2.5"
    assert "each at least 2.50 kW, the floor of Flanders" in mean
    assert page.console() == []


def test_the_days_and_hours_that_made_the_peak_are_told(page, peaks):
    view(page, peaks, MONTH)
    first, second = (row.text for row in page.all("tbody tr")[:2])
    assert first.split() == ["Thu,", "18", "Jun,", "18:30", "18:45", "4.20", "kW"]
    assert second.startswith("Thu, 11 Jun, 07:00")
    assert len(page.all("tbody tr")) == 10
    days, hours, year = page.all("main svg.chart")

    def spoken(chart, *keys: str) -> str:
        chart.send_keys(*keys)
        return chart.get_attribute("aria-valuetext").replace("\u00a0", " ")

    assert "Thu 18 Jun, 18:30" in spoken(days, Keys.ESCAPE)
    assert "the highest" in days.get_attribute("aria-valuetext")
    assert "4.20 kW" in days.text
    assert "Mon 1 Jun" in spoken(days, Keys.HOME)
    assert "300 W" in spoken(days)
    unread = [spoken(days, Keys.ARROW_RIGHT) for _ in range(19)][-1]
    assert unread.startswith("Sat 20 Jun: not measured")
    assert "18:00 \N{EN DASH} 19:00" in spoken(hours, Keys.ESCAPE)
    assert "07:00 \N{EN DASH} 08:00" in spoken(hours, Keys.HOME, *[Keys.ARROW_RIGHT] * 7)
    assert "3.90 kW" in spoken(hours)
    november = spoken(year, Keys.HOME, *[Keys.ARROW_RIGHT] * 4)
    assert "November 2025, by the meter, counted as 2.50 kW" in november
    assert "Mean 3.06 kW" in november
    for line in (".load-line", ".soc-line"):
        assert len(page.all(f"main svg.chart {line}")) == 1
    bars = page.run(
        "return [...document.querySelectorAll('main svg.chart')].map((chart) =>"
        " chart.querySelectorAll('.fill-import').length)"
    )
    assert bars == [29, 24, 12]
    assert page.run("return document.querySelectorAll('main svg.chart .hatched').length") >= 1


def test_the_cards_of_a_month_leave_no_hole(page, peaks):
    view(page, peaks, MONTH)
    page.wait_text("main", "you pay by peaks")
    page.wait(lambda: page.all(".peaks:not([hidden])"), "no cards")
    table, days, hours = page.run(
        "return [...document.querySelectorAll('.peaks > *')].map((n) => n.getBoundingClientRect())"
        ".map((box) => [box.left, box.top, box.bottom])"
    )
    assert days[0] == hours[0] > table[0]
    assert (days[1], hours[2]) == pytest.approx((table[1], table[2]), abs=20)


def test_a_day_and_a_month_are_opened_from_their_bars_and_back_leads_back(page, peaks):
    view(page, peaks, MONTH)
    year = page.all("main svg.chart")[2]
    year.send_keys(Keys.HOME, Keys.ENTER)
    page.wait_text("h1", "July 2025")
    page.wait_text("main", "No quarter hour of this month was measured")
    assert "3.00 kW" in tile(page, "meter")
    page.driver.back()
    page.wait_text("h1", "June 2026")
    page.wait(lambda: len(page.all("main svg.chart")) == 3, "no charts")
    page.wait(lambda: page.all("main svg.chart .fill-import"), "no bars")
    page.all("main svg.chart")[0].send_keys(Keys.HOME, Keys.ENTER)
    page.wait_text("h1", "1 June 2026")


@pytest.mark.parametrize("query", ["view=capacity", "view=capacity&date=2020-02-02"])
def test_a_month_without_a_whole_quarter_hour_has_no_figure(page, one_reading, query):
    view(page, one_reading, query)
    page.wait_text("main", "No quarter hour of this month was measured from its start to its end")
    for name in ("peak", "meter", "billed", "mean"):
        assert page.text(f"[data-figure={name}]") == "\N{EN DASH}", name
    assert "0 W" not in page.text("main")
    assert not page.all("main .live:not([hidden])")
    assert page.console() == []


def test_what_may_still_be_drawn_is_told_while_readings_arrive(page, databases, https_server):
    own = home_of(databases, https_server, [])
    now = datetime.now(UTC).replace(microsecond=0)
    end = now - timedelta(seconds=now.second % 5)
    with connected(own.database_url) as connection:  # once the server runs: that may take a while
        told = meter(end - timedelta(minutes=50), end, timedelta(seconds=5))
        store_p1(connection, DEVICE, told)
    view(page, own, "view=capacity")
    page.wait_text(".live", "You may draw")
    line = page.text(".live .big").replace("\u00a0", " ")
    kilowatts, until = re.fullmatch(r"You may draw ([\d.]+) kW until (\d\d:\d\d)", line).groups()
    live = own.ask("/v1/p1/capacity")["live"]
    assert float(kilowatts) == pytest.approx(live["may_draw_w"] / 1000, rel=0.1)
    quarter = datetime.fromisoformat(live["until"]).astimezone(ZONE)
    assert until == f"{quarter:%H:%M}"
    assert "then no higher than 2.50 kW" in page.text(".live").replace("\u00a0", " ")
    page.open(f"{own.url}/?view=capacity&date={(end - timedelta(days=40)).date()}")
    page.wait(lambda: page.all(".tile [data-figure=mean]"), "no figures")
    assert not page.all("main .live:not([hidden])"), "another month does not run"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "You may draw 2.40 kW until 18:15"),
        ({"may_draw_w": 0, "projected_w": 5100}, "This quarter hour is a new peak"),
        ({"may_draw_w": 11_000}, "You may draw 11.00 kW until 18:15"),
    ],
)
def test_the_live_line_says_until_when_and_what_happens_else(called, changes, words):
    live = {
        "ts": "2026-06-18T18:03:20+02:00",
        "until": "2026-06-18T18:15:00+02:00",
        "may_draw_w": 2400,
        "limit_w": 4200,
        "power_w": 1100,
        "projected_w": 1300,
    }
    (found,) = called("capacity_figures", "liveWords", [[{**live, **changes}, house.ZONE]])
    assert found["line"].replace("\u00a0", " ").startswith(words)
    assert "18:03:20" in found["more"]
    beyond = "in any case" if changes.get("may_draw_w") == 0 else "no higher than"
    assert beyond in found["more"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("house_of", "query"), [("peaks", MONTH), ("one_reading", "view=capacity")]
)
def test_it_fits_a_phone_and_is_for_everybody(request, page, house_of, query, scheme):
    page.colours(scheme)
    for size in (PHONE, DESKTOP):
        page.resize(size)
        own = request.getfixturevalue(house_of)
        if not page.all("#views a"):
            view(page, own, query)
        page.wait(lambda: "Loading" not in page.text("main"), "it never ends to load")
        page.open_all()
        assert page.run("return document.documentElement.scrollWidth") <= size[0]
        assert violations(page) == []
