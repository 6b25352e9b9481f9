"""What one points at, chooses or has under the keys: by keyboard, mouse and two fingers."""

from datetime import UTC, date, datetime, timedelta

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser import house
from tests.browser.conftest import AUTUMN, DEVICE, GAP_DAY, ONE, SETTINGS, SPRING, Site, local
from tests.browser.held import each_of, held
from tests.browser.page_clock import go_on, stopped
from tests.browser.test_history import watts
from tests.browser.test_views import drag
from tests.browser.views import go, loaded
from tests.support.readings import connected, reading, store

CHART = "document.querySelector('main svg.chart')"
POINTED = (
    f"const c = {CHART}; return [c.getAttribute('aria-valuenow'), document.activeElement === c,"
    " c.parentNode.querySelector('.readout').hidden]"
)


def pointed(page) -> list:
    return page.run(POINTED)


@pytest.mark.parametrize(
    "query",
    [f"view=day&date={AUTUMN}", f"view=day&date={GAP_DAY}&zoom=09:00-09:40",
     "view=month&date=2026-10-01", "view=all", "view=system"],
)  # fmt: skip
def test_keys_that_come_while_answers_do_are_kept(home, site, query):
    with held(home):
        home.open(f"{site.url}/?{query}")
        home.wait(lambda: home.all("main svg.chart"), "no chart")
        chart = home.all("main svg.chart")[0]
        known = False
        for url in each_of(home):
            slots = int(chart.get_attribute("aria-valuemax"))
            if known:
                assert pointed(home)[:2] == ["1", True], url
            elif slots > 1:
                known = True
            chart.send_keys(Keys.HOME + Keys.ARROW_RIGHT)
        assert known
        assert pointed(home)[:2] == ["1", True]


# Roof, of which this house has no chart, is in test_roof.py.
LONG = [pytest.param(f"?view={name}", marks=pytest.mark.long) for name in ("day", "all")]


@pytest.mark.parametrize("view", ["", "?view=month", "?view=system", "?view=battery", *LONG])
def test_a_view_that_is_asked_for_again_keeps_place_and_focus(page, site, view):
    site.send()
    page.log_in(site.url + "/", ONE)
    with stopped(page):
        page.open(site.url + "/" + view)
        loaded(page)
        go_on(page, 5)
        page.all("main svg.chart")[0].send_keys(Keys.HOME)
        before = pointed(page)
        assert before[:2] == ["0", True]
        page.run("window.asked = []")
        go_on(page, 1000)
        again = page.run("return window.asked.map(([, url]) => url.split('?')[0])")
        assert {"/v1/series", "/v1/completeness"} & set(again), "nothing was asked for again"
        assert pointed(page) == before
        links = page.run(
            "const l = [...document.querySelectorAll('main tbody a, main .period-list a')].find("
            "(one) => one.checkVisibility()); l?.focus(); document.querySelector("
            "'main .scroller')?.scrollTo(30, 0); return l ? l.href : null"
        )
        if view in ("?view=month", "?view=all"):
            assert links
            go_on(page, 1000)
            assert page.run("return document.activeElement.href") == links


def test_the_keys_of_a_chart(home, site):
    series = site.ask("/v1/series", **{"from": SPRING, "to": "2026-03-30", "bucket": "5m"})[
        "series"
    ]
    home.open(f"{site.url}/?view=day&date={SPRING}")
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    loaded(home)
    chart = home.all("main svg.chart")[0]
    last = len(series) - 1
    page_step = round(last / 12)
    for keys, slot in (
        (Keys.HOME, 0),
        (Keys.ARROW_LEFT, 0),
        (Keys.ARROW_RIGHT * 3, 3),
        (Keys.ARROW_UP, 4),
        (Keys.ARROW_DOWN * 2, 2),
        (Keys.PAGE_UP, 2 + page_step),
        (Keys.PAGE_DOWN, 2),
        (Keys.END, last),
        (Keys.ARROW_RIGHT, last),
        (Keys.PAGE_DOWN * 6, last - 6 * page_step),
    ):
        chart.send_keys(keys)
        assert pointed(home) == [str(slot), True, False], keys
        own = series[slot]["avg_pv_power_w"]
        said = chart.get_attribute("aria-valuetext").replace("\u00a0", " ")
        assert f"Solar {watts(own)}" in said
        assert watts(own) in home.text(".readout").replace("\u00a0", " ")
    top = home.run("return scrollY")
    chart.send_keys(Keys.ESCAPE)
    assert pointed(home) == [str(last), True, True]
    assert "Solar peak" in home.text(".chart-title")
    assert home.run("return scrollY") == top, "the keys of a chart scroll nothing"
    chart.send_keys(Keys.HOME)
    home.run("document.activeElement.blur()")
    assert pointed(home)[2], "what nobody points at any more is still read out"


def test_plus_and_minus_look_closer_and_back(home, site):
    home.open(f"{site.url}/?view=day&date={AUTUMN}")
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    loaded(home)
    home.all("main svg.chart")[0].send_keys(Keys.HOME + Keys.ARROW_RIGHT * 100 + "+")
    home.wait(lambda: "zoom=" in home.run("return location.search"), "no closer look")
    loaded(home)
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    assert pointed(home)[1], "who came by the keyboard is still there"
    home.all("main svg.chart")[0].send_keys("-")
    home.wait(lambda: "zoom=" not in home.run("return location.search"), "not back")
    loaded(home)
    home.driver.back()
    home.wait(lambda: "zoom=" in home.run("return location.search"), "Back leads elsewhere")


def test_enter_opens_a_bar_and_escape_closes_more_and_a_dialog(home, site):
    home.resize((360, 740))
    home.open(site.url + "/?view=month&date=2026-10-01")
    loaded(home)
    home.click("#more")
    assert home.run("return document.querySelector('#sheet').hidden") is False
    home.all("#sheet a")[0].send_keys(Keys.ESCAPE)
    assert home.run(
        "return [document.querySelector('#sheet').hidden, document.activeElement.id]"
    ) == [True, "more"]
    home.resize((1280, 900))
    home.click(".tile:has([data-figure=pv_kwh]) .info")
    home.wait(lambda: home.all("dialog"), "no formula")
    home.run("return document.activeElement")
    home.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    home.wait(lambda: not home.all("dialog"), "it stays open")
    home.wait(lambda: home.all("main svg.chart .fill-solar"), "no bars")
    chart = home.all("main svg.chart")[0]
    chart.send_keys(Keys.HOME + Keys.ARROW_RIGHT * 23 + Keys.ENTER)
    home.wait_text("h1", "24 October 2026")


def pinch(page, first: tuple[float, float], last: tuple[float, float]) -> None:
    """Move two fingers on the chart, from two places of its width to two others."""
    page.run(
        f"const c = {CHART}, b = c.getBoundingClientRect();"
        "const at = (type, id, part) => c.dispatchEvent(new PointerEvent(type, {bubbles: true,"
        " pointerType: 'touch', pointerId: id, clientY: b.top + 99,"
        " clientX: b.left + 36 + (b.width - 82) * part}));"
        "const [first, last] = arguments;"
        "for (const id of [0, 1]) at('pointerdown', id + 1, first[id]);"
        "for (const id of [0, 1]) at('pointermove', id + 1, last[id]);"
        "for (const id of [0, 1]) at('pointerup', id + 1, last[id]);",
        first,
        last,
    )


def zoom_of(page) -> list[float]:
    """Return the hours at which the span of the address begins and ends."""
    text = page.run("return new URLSearchParams(location.search).get('zoom')")
    return [int(clock[:2]) + int(clock[3:]) / 60 for clock in text.split("-")]


@pytest.mark.parametrize("fingers", [(0, 1), (1, 0)])
def test_two_fingers_spread_look_closer_and_together_look_back(home, site, fingers):
    home.open(f"{site.url}/?view=day&date=2026-03-30")
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    first, last = [0.45, 0.55], [0.2, 0.8]
    pinch(home, *[[places[n] for n in fingers] for places in (first, last)])
    home.wait(lambda: "zoom=" in home.run("return location.search"), "no closer look")
    begin, end = zoom_of(home)
    # What lay between the fingers, a tenth of the day, is now as wide as they are apart: 0.6.
    assert end - begin == pytest.approx(24 / 6, abs=0.5)
    assert begin + (end - begin) / 2 == pytest.approx(12, abs=0.5)
    loaded(home)
    pinch(home, [0.2, 0.8], [0.45, 0.55])
    home.wait(lambda: "zoom=" not in home.run("return location.search"), "not back")


def test_what_is_no_pinch_and_no_drag_looks_no_closer(home, site):
    home.open(f"{site.url}/?view=day&date=2026-03-30")
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    pinch(home, [0.4, 0.6], [0.395, 0.605])
    drag(home, 0.5, 0.505)
    go(home, "/?view=month&date=2026-10-01")
    home.wait(lambda: home.all("main svg.chart .fill-solar"), "no bars")
    drag(home, 0.2, 0.9)  # a month has no closer look
    assert "zoom" not in home.run("return location.search")


@pytest.mark.parametrize(("first", "last"), [(8, 10), (10, 8), (23.5, 26), (-2, 1)])
def test_a_dragged_span_is_that_of_the_clock_whichever_way(home, site, first, last):
    home.open(f"{site.url}/?view=day&date=2026-03-30")
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    drag(home, first / 24, last / 24)
    home.wait(lambda: "zoom=" in home.run("return location.search"), "no closer look")
    begin, end = sorted((max(first, 0), min(last, 24)) if first < last else (last, first))
    assert zoom_of(home) == pytest.approx([begin, end], abs=0.17)


@pytest.fixture(scope="module")
def lively(databases, https_server) -> Site:
    """A house with readings of the last twenty minutes, one in ten seconds; two minutes lack."""
    now = datetime.now(UTC)
    url = databases.migrated(house.zone_where_it_is(12, now))
    house.describe(url, DEVICE)
    with connected(url) as connection:
        ages = [age for age in range(10, 1200, 10) if not 300 <= age < 420]
        batch = [
            reading(now - timedelta(seconds=age), pv_power_w=1000.0 + age, interval_s=10.0)
            for age in ages
        ]
        store(connection, DEVICE, batch)
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


def test_the_last_fifteen_minutes_begin_with_what_is_stored_and_go_on_with_what_comes(page, lively):
    begun = datetime.now(UTC)
    page.log_in(lively.url + "/", ONE)
    page.wait_text(".strip-box .chart-title", "readings")
    number = int(page.text(".strip-box .chart-title").split()[0])
    assert 90 - 12 - 3 <= number <= 90 - 12 + 1
    assert page.run("return document.querySelectorAll('.strip-box .hatched').length") == 1
    chart = page.all(".strip-box svg.chart")[0]
    lively.send(pv_power_w=7777.0)
    page.look_again()
    page.wait_text(".flow", "7.78 kW")
    newest = []
    for key in (Keys.END, *[Keys.ARROW_LEFT] * 4):
        chart.send_keys(key)
        newest.append(chart.get_attribute("aria-valuetext").replace("\u00a0", " "))
    assert any("Solar 7.78 kW" in said for said in newest), newest
    chart.send_keys(Keys.HOME)
    zone = house.zone_where_it_is(12, begun)
    clock = chart.get_attribute("aria-valuetext")[:8]
    first = datetime.now(UTC) - timedelta(minutes=15)
    shown = datetime.strptime(clock, "%H:%M:%S").replace(tzinfo=UTC)
    local_first = house.midnight(begun, zone).tzinfo
    wanted = first.astimezone(local_first).replace(year=1900, month=1, day=1, tzinfo=UTC)
    assert abs(shown - wanted) < timedelta(seconds=30)
    assert page.console() == []


@pytest.fixture(scope="module")
def years(databases, https_server) -> Site:
    """Thirteen months; one day had the most sun, one week, one month; three days were all own."""
    url = databases.migrated(house.ZONE)
    first = local("2025-05-01")
    batch = []
    for day in range(400):
        today = date(2025, 5, 1) + timedelta(days=day)
        watts = 500.0
        if today == date(2025, 6, 18):
            watts = 2000.0
        if date(2025, 8, 4) <= today <= date(2025, 8, 10):  # a week from Monday on
            watts = 800.0
        if today.month == 10:
            watts = 600.0
        if today == date(2025, 11, 11):
            watts = 10.0
        own = date(2025, 12, 5) <= today <= date(2025, 12, 7)
        drawn = 0.0 if own else watts + 100.0
        powers = {"pv_power_w": watts, "battery_power_w": 0.0}
        powers |= {"load_power_w": watts + drawn - (0 if own else watts), "export_power_w": -drawn}
        if own:
            powers |= {"load_power_w": watts, "export_power_w": 0.0}
        begin = (first + timedelta(days=day)).replace(tzinfo=first.tzinfo).astimezone(UTC)
        stop = (first + timedelta(days=day + 1)).replace(tzinfo=first.tzinfo).astimezone(UTC)
        while begin < stop:
            batch.append(reading(begin, interval_s=3600.0, **powers))
            begin += timedelta(hours=1)
    with connected(url) as connection:
        store(connection, DEVICE, batch)
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


def test_the_records_of_all_time_and_where_they_lead(page, years):
    page.log_in(years.url + "/?view=all", ONE)
    loaded(page)
    page.click("details.card summary")
    page.wait(lambda: page.all("main dl.facts dd"), "no records")
    facts = {
        fact.find_element("css selector", "dt").text: fact.find_element(
            "css selector", "dd"
        ).text.replace("\u00a0", " ")
        for fact in page.all("main dl.facts > div")
    }
    print(facts)
    said = list(facts.values())
    assert said[0] == "Wed, 18 June 2025, 48.0 kWh"
    assert said[1] == "Tue, 11 November 2025, 0.24 kWh"
    assert said[2].endswith("134 kWh")
    assert said[3].startswith("October 2025")
    assert "3 days" in said[4]
    page.click("main dl.facts a")
    page.wait_text("h1", "18 June 2025")
    assert page.console() == []


def test_the_best_and_the_weakest_of_a_month(page, years):
    page.log_in(years.url + "/?view=month&date=2025-11-01", ONE)
    loaded(page)
    said = page.wait_text(".best", "kWh").replace("\u00a0", " ")
    assert "Tue 11 Nov" in said
    assert "0.24 kWh" in said
    assert "12.0 kWh" in said
