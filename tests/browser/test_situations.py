"""What is not as usual: clocks, zones, days with many gaps, several houses, many years."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser import house
from tests.browser.conftest import AUTUMN, DEVICE, ONE, SETTINGS, SPRING, ZONE, Site
from tests.browser.page_clock import go_on, stopped
from tests.browser.test_history import figures_of, tiles
from tests.browser.views import VIEWS, go, loaded
from tests.support.readings import connected, reading, rows, store

pytestmark = pytest.mark.long

SMALL = (360, 740)
# A browser whose clock is so many ms ahead of the truth.
AHEAD = """
    const Right = Date;
    globalThis.Date = class extends Right {
        constructor(...given) { if (given.length) super(...given); else super(Right.now() + MS); }
        static now() { return Right.now() + MS; }
    };
"""


@pytest.mark.parametrize("hours", [-150 * 24, 150 * 24, -13, 13, -0.05])
def test_a_browser_whose_clock_is_wrong_shows_the_times_that_are_right(page, site, hours):
    sent = datetime.now(UTC)
    site.send()
    with page.prepared(AHEAD.replace("MS", str(hours * 3600e3))):
        page.log_in(site.url + "/", ONE)
        page.wait(lambda: page.all("main svg.chart .area"), "no curve")
        said = page.wait_text("#freshness", "last reading")
        here = sent.astimezone(ZONE)
        assert f"{here:%H:%M:%S}" in said or f"{here + timedelta(seconds=1):%H:%M:%S}" in said
        assert page.run("return document.querySelector('#freshness').dataset.colour") == "green"
        assert page.all(".as-of:not([hidden])") == []
        assert f"{here.day} {here:%B}" in page.text("#today")
        midnight = house.midnight(sent, house.ZONE)
        tomorrow = (midnight + timedelta(hours=36)).replace(hour=0)
        share = (sent - midnight) / (tomorrow.astimezone(UTC) - midnight.astimezone(UTC))
        line, width = page.run(
            "const c = document.querySelector('main svg.chart'), n = c.querySelector('line.now');"
            "return [Number(n.getAttribute('x1')), c.clientWidth]"
        )
        assert line == pytest.approx(36 + share * (width - 82), abs=3)
        ends = page.run(
            "return [...document.querySelectorAll('main svg.chart .area')].map((n) =>"
            " n.getBBox().x + n.getBBox().width)"
        )
        assert line - 5 < max(ends) <= line + 0.5, "what is to come is drawn, or what was is not"
        go(page, "/?view=month")
        assert f"{here:%B %Y}" in page.text("h1")


@pytest.mark.parametrize(
    ("now_s", "gaps", "until_s"),
    [(400, [], 400), (700, [], 600), (400, [(350, 400)], 350), (301, [], 301)],
)
def test_the_last_step_of_a_curve_ends_now_at_the_latest(called, now_s, gaps, until_s):
    points = [{"at": 0}, {"at": 300_000}]
    lost = [{"start": begin * 1000, "end": end * 1000} for begin, end in gaps]
    ((run,),) = called("day_points", "runsOf", [[points, lost, 300_000, now_s * 1000]])
    assert [point["until"] for point in run] == [300_000, until_s * 1000]


def shown_in(page) -> dict[str, str]:
    """Return all that the views of the past say of times and days."""
    found = {}
    for name in ("long day", "short day", "week", "month", "roof"):
        days = {"long day": AUTUMN, "short day": SPRING}
        go(page, f"/?view=day&date={days[name]}" if name in days else VIEWS[name])
        if name in days:
            page.wait(lambda: page.open_all() or len(page.all("tbody tr")) > 20, "no hours")
        text = page.run("return document.querySelector('main').textContent")
        found[name] = re.sub("as of [0-9:]+", "", text)
    return found


def test_a_browser_elsewhere_shows_the_times_of_the_house_and_says_so(home, site):
    try:
        home.command("Emulation.setTimezoneOverride", timezoneId=house.ZONE)
        home.open(site.url + "/")
        right = shown_in(home)
        assert house.ZONE not in home.text("#formulas")
        for zone in ("America/Los_Angeles", "Pacific/Kiritimati", "Asia/Kolkata"):
            home.command("Emulation.setTimezoneOverride", timezoneId=zone)
            site.send()
            home.open(site.url + "/")
            now = datetime.now(UTC).astimezone(ZONE)
            assert f"{now:%H:}" in home.wait_text("#freshness", "last reading")
            assert f"{now.day} {now:%B}" in home.text("#today")
            assert shown_in(home) == right
            assert house.ZONE in home.text("#formulas")
    finally:
        home.command("Emulation.setTimezoneOverride", timezoneId="")


@pytest.mark.parametrize(
    ("day", "first", "end"),
    [(SPRING, "2026-03-23", "2026-03-30"), (AUTUMN, "2026-10-19", "2026-10-26")],
)
def test_a_week_in_which_clocks_are_set_has_seven_days_that_add_up(home, site, day, first, end):
    series = site.ask("/v1/series", **{"from": first, "to": end, "bucket": "1d"})["series"]
    home.open(f"{site.url}/?view=week&date={day}")
    loaded(home)
    assert tiles(home) == figures_of(series)
    assert home.all("main svg.chart")[0].get_attribute("aria-valuemax") == "6"
    row = f'tbody tr:has(a[href*="{day}"])'
    (own,) = [bucket for bucket in series if bucket["bucket"].startswith(day)]
    assert home.text(f"{row} [data-figure=pv_kwh]") == figures_of([own])["pv_kwh"]
    assert "100" in home.text(row), "a day of 23 or 25 hours can be whole"


@pytest.fixture(scope="module")
def torn(databases, https_server) -> Site:
    """A day of which few readings came: hundreds of gaps, and an hour or two until midnight."""
    now = datetime.now(UTC)
    zone = house.zone_where_it_is(22, now)
    url = databases.migrated(zone)
    house.describe(url, DEVICE)
    begin = house.midnight(now, zone).astimezone(UTC)
    step = timedelta(seconds=170)
    steps = (now - begin) // step
    with connected(url) as connection:
        store(
            connection,
            DEVICE,
            [reading(begin + n * step, pv_power_w=1000.0 + n) for n in range(steps)],
        )
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


@pytest.mark.long
def test_a_day_of_440_gaps_stays_short_and_a_list_that_was_opened_stays_open(page, torn):
    page.resize(SMALL)
    with stopped(page):
        page.log_in(torn.url + "/", ONE)
        page.wait(lambda: page.all("main svg.chart .hatched"), "nothing is hatched")
        go_on(page, 1)
        rest = int(re.search(r"\d+", page.wait_text(".gap-list button", "more"))[0])
        assert rest >= 440 - 10
        assert page.run("return document.documentElement.scrollHeight") < 4000
        assert page.run("return document.querySelectorAll('main .hatched').length") >= 440
        assert "≥" in page.text(".tile:has([data-figure=pv_kwh])")
        page.run("document.querySelector('.gap-list button').click()")
        where = (
            "return [document.querySelectorAll('.gaps li').length,"
            " document.activeElement.textContent]"
        )
        opened = page.run(where)
        assert opened[0] == rest + 10
        go_on(page, 60)
        assert page.run(where) == opened, "another answer has closed it"
        go_on(page, 600)
        assert page.run("return document.querySelectorAll('.gaps li').length") >= rest + 10


THREE = {"attic": "Mum & dad", "barn": None, DEVICE: "<b>Home</b>"}


@pytest.fixture(scope="module")
def three(databases, https_server) -> Site:
    """Three houses, two of them with names, one of which has never sent anything."""
    url = databases.migrated(house.ZONE)
    now = datetime.now(UTC)
    with connected(url) as connection:
        for watts, (device, name) in enumerate(THREE.items(), 1):
            rows(
                connection,
                "INSERT INTO sungrow_devices (device_id, name) VALUES (%s, %s)",
                device,
                name,
            )
            if name:
                store(connection, device, [reading(now, pv_power_w=1111.0 * watts)])
    tokens = ",".join(f"all:{device}" for device in THREE)
    server = https_server(DATABASE_URL=url, **{**SETTINGS, "READ_TOKENS": tokens})
    return Site(server, url)


def choose(page, device: str) -> None:
    page.run(
        "const s = document.querySelector('#chooser select'); s.value = arguments[0];"
        " s.dispatchEvent(new Event('change'))",
        device,
    )


def test_of_three_houses_one_is_chosen_by_name_and_remembered(page, three):
    page.log_in(three.url + "/", "all")
    try:
        page.wait_text(".flow", "1.11 kW")
        assert [option.text for option in page.all("#chooser option")] == [
            "Mum & dad", "barn", "<b>Home</b>",
        ]  # fmt: skip
        choose(page, DEVICE)
        page.wait_text(".flow", "3.33 kW")
        assert page.text("#chooser option:checked") == "<b>Home</b>"
        assert "1.11" not in page.text("body")
        go(page, f"/?view=system&device={DEVICE}")
        assert "<b>Home</b>" in page.text("main")
        assert DEVICE in page.text("main")
        page.open(three.url + "/")
        page.wait_text(".flow", "3.33 kW")
        choose(page, "barn")
        page.wait_text("#freshness", "no reading yet")
        assert "of today" not in page.text("#freshness"), "a share of nothing"
        assert "has not sent a reading yet. Install" in page.text(".verdict")
        assert "3.33" not in page.text("body")
        assert "kW" not in page.run("return document.title")
        for name, address in VIEWS.items():
            go(page, f"{address}{'&' if '?' in address else '?'}device=barn")
            assert not re.search("NaN|undefined|Infinity|Invalid", page.text("main")), name
            drawn = ".curve-card .hatched, main svg.chart .area, main svg.chart .curve"
            shown = f"return [...document.querySelectorAll('{drawn}')].map((n) => n.outerHTML)"
            assert page.wait(lambda: page.run(shown) == [], page.run(shown))  # noqa: B023
            if name == "battery":
                assert "has not sent a reading yet. Install" in page.text(".verdict")
                assert page.text("[data-figure=full]") == "\N{EN DASH}"
                assert "tomorrow" not in page.text("main"), "that is up to its owner"
        empty = page.text("main")
        assert empty.count("No reading has arrived yet") == 4, "nothing is called whole"
        assert page.all(".ways a") == []
        page.driver.back()
        page.wait_text("#chooser option:checked", "barn")
    finally:
        page.run("localStorage.clear()")
    assert page.console() == []


def test_arrow_keys_in_the_chooser_go_on_from_house_to_house(page, three):
    focus = "return document.activeElement.closest('#chooser') !== null"
    page.resize(SMALL)
    page.log_in(three.url + "/", "all")
    try:
        page.wait_text(".flow", "1.11 kW")
        over, wide = page.run(
            "const at = (s) => document.querySelector(s).getBoundingClientRect();"
            "return [at('.brand').right - at('#chooser select').left, at('#chooser select').width]"
        )
        assert over <= 0, "it covers the sign of the page"
        assert wide > 150
        page.run("document.querySelector('#chooser select').focus()")
        for device in ("barn", DEVICE):
            page.driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
            page.wait(lambda: f"device={device}" in page.run("return location.search"), device)  # noqa: B023
            loaded(page)
            assert page.run(focus), "the focus has left the chooser"
        page.wait_text(".flow", "3.33 kW")
    finally:
        page.run("localStorage.clear()")


@pytest.fixture(scope="module")
def decade(databases, https_server) -> Site:
    """Ten years of a house, three hours a reading; the sun brings 8 kWh a day, and in June 10."""
    url = databases.migrated(house.ZONE)
    house.describe(url, DEVICE)
    with connected(url) as connection:
        rows(
            connection,
            "INSERT INTO sungrow_samples (device_id, ts, interval_s, pv_power_w, battery_power_w,"
            " battery_soc_pct, load_power_w, export_power_w) SELECT %s, ts, 10800, w, 0, 50, w, 0"
            " FROM (SELECT ts, CASE extract(month FROM ts AT TIME ZONE %s) WHEN 6 THEN 1250.0 / 3"
            " ELSE 1000.0 / 3 END AS w FROM generate_series(timestamptz '2016-10-01 00:00+02',"
            " timestamptz '2026-10-26 20:00+01', interval '3 hours') ts) made",
            *(DEVICE, house.ZONE),
        )
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


def test_ten_years_are_years_to_choose_from_and_days_to_go_to(page, decade):
    series = decade.ask("/v1/series", frame="all")["series"]
    page.log_in(f"{decade.url}/?view=month&date=2026-10-01", ONE)
    loaded(page)
    begun = page.run("return performance.now()")
    go(page, "/?view=all")
    page.wait(lambda: page.all("tfoot td"), "no table")
    print("all of ten years:", round(page.run("return performance.now()") - begun), "ms")
    assert tiles(page) == figures_of(series)
    assert len(page.all("tbody tr")) == 11, "a bar is a year"
    page.click("details.card summary")
    records = page.wait_text("main dl.facts", "June")
    assert "10.0 kWh" in records
    assert "300 kWh" in records
    page.click('tbody a[href*="2020"]')
    page.wait_text("h1", "2020")
    loaded(page)
    assert len(page.all("tbody tr")) == 12
    go(page, "/?view=day&date=2016-10-02")
    assert "8.00" in tiles(page)["pv_kwh"]
    assert page.all("[data-keep=before]")
    go(page, "/?view=month&date=2016-10-01")
    assert not page.all("[data-keep=before]"), "before that there was nothing"
    go(page, "/?view=system")
    page.wait_text(".chart-title", "The last 53 weeks")
    assert page.console() == []


def test_a_string_that_was_not_read_for_hours_is_not_drawn_as_one_without_sun(
    page, databases, https_server
):
    url = databases.migrated(house.ZONE)
    house.describe(url, DEVICE)
    begin = datetime(2026, 6, 10, tzinfo=ZONE).astimezone(UTC)
    batch = []
    for n in range(288):
        is_read = not 10 * 12 <= n < 14 * 12
        strings = {"mppt1_voltage_v": 100.0, "mppt1_current_a": 2.0}
        strings |= {"mppt2_voltage_v": 300.0, "mppt2_current_a": 1.0} if is_read else {}
        strings["pv_power_w"] = 500.0 if is_read else 200.0
        batch.append(reading(begin + n * house.STEP, interval_s=300.0, **strings))
    with connected(url) as connection:
        store(connection, DEVICE, batch)
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    page.log_in(f"{own.url}/?view=roof&date=2026-06-10", ONE)
    loaded(page)
    page.wait(lambda: page.all("main svg.chart .line-string-1"), "nothing is drawn")
    boxes, width = page.run(
        "const box = (n) => { const b = n.getBBox(); return [b.x, b.x + b.width]; };"
        "const c = document.querySelector('main svg.chart');"
        "return [[1, 2].map((n) => [...c.querySelectorAll(`.curve.line-string-${n}`)].map(box)),"
        " c.clientWidth]"
    )
    left, right = (44 + hour / 24 * (width - 54) for hour in (10, 14))
    assert len(boxes[0]) == 1
    (_, before), (after, _) = boxes[1]
    assert (before, after) == pytest.approx((left, right), abs=1)
    assert "6.00 kWh" in page.text("[data-figure=string-2]").replace("\u00a0", " ")
    page.all("main svg.chart")[0].send_keys(Keys.HOME + Keys.PAGE_UP * 6)
    said = page.all("main svg.chart")[0].get_attribute("aria-valuetext").replace("\u00a0", " ")
    assert "String 1 200 W" in said
    assert "String 2 \N{EN DASH}" in said
