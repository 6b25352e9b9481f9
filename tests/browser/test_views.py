"""The views of energy: on a phone, at first sight, in words, by week and range, and close up."""

from datetime import UTC, datetime, timedelta

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser import house
from tests.browser.browser import PHONE
from tests.browser.conftest import AUTUMN, DEVICE, GAP_DAY, ONE, SETTINGS, SPRING, Site, local
from tests.browser.test_history import all_tiles, figures_of, read_at, shown, tiles
from tests.support.quick import short
from tests.support.readings import connected, reading, rows, store

SMALL = (360, 740)
VIEWS = {
    "now": "/",
    "day": f"/?view=day&date={GAP_DAY}",
    "week": f"/?view=week&date={GAP_DAY}",
    "month": "/?view=month&date=2026-10-01",
    "year": "/?view=year&date=2026-10-01",
    "range": f"/?from={GAP_DAY}&to=2026-10-26",
    "all": "/?view=all",
    "battery": "/?view=battery",
    "roof": f"/?view=roof&date={GAP_DAY}",
}
SHIFT = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
        for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifted += one.value;
    }).observe({ type: 'layout-shift', buffered: true });
"""
TARGETS = """
    const box = (node) => node.getBoundingClientRect();
    const wanted = 'a[href], button, input, select, summary, [role=slider]';
    return [...document.querySelectorAll(wanted)].filter((node) => {
        const { width, height } = box(node);
        const isText = node.closest('p, dd, .skip, .facts') && node.tagName === 'A';
        const isShown = width > 1 && height > 1 && getComputedStyle(node).visibility !== 'hidden';
        return isShown && !isText && (width < 43.5 || height < 43.5);
    }).map((node) => `${node.outerHTML.slice(0, 90)} ${box(node).width}x${box(node).height}`);
"""


def loaded(page) -> None:
    page.wait(lambda: page.all("main h1"), "nothing")
    states = "return document.querySelectorAll('[data-state=loading]').length"
    page.wait(lambda: page.run(states) == 0, "it never ends to load")


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_of_a_phone_stands_still_and_is_for_fingers(home, site, view):
    home.resize(SMALL)
    site.send()  # else the line at the top grows, to say whom it waits for
    with home.prepared(SHIFT):
        home.command("Network.clearBrowserCache")
        home.open(site.url + VIEWS[view])
        loaded(home)
        home.wait(lambda: home.run("return (window.n = (window.n ?? 0) + 1) > 12"), "")
        assert home.run("return window.shifted") < 0.05
        assert home.run("return document.documentElement.scrollWidth") <= SMALL[0]
        assert home.run(TARGETS) == []
        if view in ("now", "day"):
            top = "return document.querySelector('svg.chart').getBoundingClientRect().top"
            assert home.run(top) < SMALL[1] - 40
            sizes = home.run(
                "const m = document.querySelector('.flow')?.getScreenCTM()?.a ?? 1;"
                "return [...document.querySelectorAll('.flow text')].map("
                "(n) => parseFloat(getComputedStyle(n).fontSize) * m)"
            )
            assert all(size >= 12 for size in sizes)
        assert home.console() == []


@pytest.mark.parametrize(("width", "height"), short([(768, 1024), (1440, 900)], every=2))
@pytest.mark.parametrize("view", ["now", "month", "all"])
def test_each_view_of_a_wide_screen_stands_still(home, site, view, width, height):
    home.resize((width, height))
    site.send()
    with home.prepared(SHIFT):
        home.open(site.url + VIEWS[view])
        loaded(home)
        assert home.run("return window.shifted") < 0.05


def test_no_readings_is_said_after_an_answer_alone(home, site):
    log = (
        "window.titles = []; const seen = new MutationObserver(() => { const n ="
        " document.querySelector('.chart-title'); if (n) window.titles.push(n.textContent); });"
        "seen.observe(document, { childList: true, subtree: true, characterData: true });"
    )
    with home.prepared(log):
        home.command("Network.enable")
        home.command("Network.setBlockedURLs", urls=["*/v1/series*"])
        try:
            home.open(f"{site.url}/?view=day&date={GAP_DAY}")
            home.wait_text(".chart-title", "Not known just now")
            home.wait_text(".notice", "trying again")
        finally:
            home.command("Network.setBlockedURLs", urls=[])
        assert not [title for title in home.run("return window.titles") if "No readings" in title]
        home.console()
        home.open(f"{site.url}/?view=day&date=2026-01-01")
        home.wait_text(".chart-title", "No readings on this day")
        assert home.run("return window.titles")[0] != "No readings on this day"


def test_a_date_can_be_typed(home, site):
    home.open(f"{site.url}/?view=day&date={AUTUMN}")
    home.wait_text("h1", "25 October")
    field = home.all("input[type=date]")[0]
    home.run(
        "const push = history.pushState.bind(history); window.pushed = 0;"
        "history.pushState = (...all) => { window.pushed++; push(...all); }"
    )
    field.send_keys("10", "26")
    assert "25 October" in home.text("h1"), "on its way to another date"
    assert home.run("return document.activeElement.type") == "date"
    field.send_keys(Keys.ENTER)
    home.wait_text("h1", "26 October")
    assert home.run("return window.pushed") == 1
    field = home.all("input[type=date]")[0]
    field.send_keys(Keys.ARROW_DOWN)
    assert "26 October" in home.text("h1")
    home.run("document.activeElement.blur()")
    home.wait(lambda: "26 October" not in home.text("h1"), "left without being heard")


def test_what_one_points_at_stays_when_the_curve_is_loaded_again(home, site):
    home.open(site.url + "/")
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    chart = home.all("main svg.chart")[0]
    chart.send_keys(Keys.HOME)
    said = chart.get_attribute("aria-valuetext")
    home.requests()
    home.run("const now = performance.now.bind(performance); performance.now = () => now() + 61e3")
    home.wait(lambda: any("bucket=5m" in r["url"] for r in home.requests()), "not asked again", 40)
    home.wait(lambda: home.run("return (window.n = (window.n ?? 0) + 1) > 4"), "")
    assert chart.get_attribute("aria-valuenow") == "0"
    assert chart.get_attribute("aria-valuetext") == said


@pytest.fixture(scope="module")
def outage(databases, https_server) -> Site:
    """Today's readings of every minute, which stopped four minutes ago."""
    url = databases.migrated(house.zone_where_it_is(14, datetime.now(UTC)))
    house.describe(url, DEVICE)
    last = datetime.now(UTC) - timedelta(minutes=4)
    batch = [reading(last - timedelta(minutes=n), interval_s=60.0) for n in range(300)]
    with connected(url) as connection:
        store(connection, DEVICE, batch)
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


def test_an_outage_that_runs_is_hatched_at_once_and_nothing_is_right_of_now(page, outage):
    page.log_in(outage.url + "/", ONE)
    page.wait_text(".as-of", "not live")
    page.wait(lambda: page.all("main svg.chart .area"), "no curve")
    page.wait(lambda: page.all("main svg.chart .hatched"), "nothing is hatched")
    now, hatched, areas = page.run(
        "const c = document.querySelector('main svg.chart');"
        "const box = (n) => { const b = n.getBBox(); return [b.x, b.x + b.width]; };"
        "return [Number(c.querySelector('line.now').getAttribute('x1')),"
        " [...c.querySelectorAll('.hatched')].map(box), [...c.querySelectorAll('.area')].map(box)]"
    )
    assert max(end for _, end in hatched) == pytest.approx(now, abs=1.5)
    assert max(end for _, end in areas) < now
    assert page.text(".verdict").startswith("At ")


def test_a_house_without_a_battery_has_nothing_of_one(page, databases, https_server):
    url = databases.migrated("Europe/Berlin")
    house.describe(url, DEVICE)
    noon = local("2026-06-10 12:00").astimezone(UTC)
    none = {"battery_power_w": None, "battery_soc_pct": None}
    with connected(url) as connection:
        rows(connection, "UPDATE sungrow_devices SET has_battery = false")
        batch = [reading(noon + n * house.STEP, **none, interval_s=300.0) for n in range(12)]
        store(connection, DEVICE, [*batch, reading(datetime.now(UTC), **none)])
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    page.log_in(own.url + "/", ONE)
    for query in ("", "?view=day&date=2026-06-10", "?view=month&date=2026-06-10"):
        page.open(f"{own.url}/{query}")
        loaded(page)
        page.wait(lambda: page.all("main svg.chart text"), "no chart")
        words = f"{page.text('main')} {page.text('#views')}".replace("Battery in, out", "")
        assert "attery" not in words, query
        assert "charge" not in all_tiles(page)
        assert "100 %" not in [n.text for n in page.all("main svg.chart text")]


def test_behind_each_figure_is_how_it_was_made_with_its_own_numbers(home, site):
    home.open(f"{site.url}/?view=day&date={AUTUMN}")
    loaded(home)
    (day,) = site.ask("/v1/series", **{"from": AUTUMN, "to": "2026-10-26", "bucket": "1d"})[
        "series"
    ]
    assert "1 \N{MINUS SIGN}" not in home.text("main"), "no formula is open"
    home.click(".tile:has([data-figure=self_sufficiency]) .info")
    own = sum(day[f"{source}_to_house_kwh"] for source in ("solar", "battery", "grid"))
    share = 1 - day["grid_to_house_kwh"] / own
    home.wait_text("dialog", f"= {min(round(share * 100), 100)} %")
    home.click("dialog button")
    home.wait(lambda: not home.all("dialog"), "it stays open")
    home.click(".tile:has([data-figure=pv_kwh]) .info")
    home.wait_text("dialog", f"By the counters: {shown(day['pv_counter_kwh'])}")


def test_on_a_phone_the_days_of_a_month_are_lines_that_open(home, site):
    home.resize(SMALL)
    home.open(site.url + VIEWS["month"])
    loaded(home)
    home.wait(lambda: home.all(".period-list a"), "no list")
    heights = [line.size["height"] for line in home.all(".period-list a")]
    days = site.ask("/v1/series", frame="month", date="2026-10-01")["series"]
    assert len(heights) == len(days)
    assert min(heights) >= 44
    assert not home.run("return document.querySelector('main svg.chart').getClientRects().length")
    left = "return document.querySelector('tbody th').getBoundingClientRect().left"
    before = home.run(left)
    home.run("document.querySelector('.scroller').scrollLeft = 200")
    assert home.run(left) == pytest.approx(before, abs=16), "the day's name is gone"
    home.run("document.querySelector('.period-list a').click()")
    home.wait_text("h1", "26 October")


SUNNY = {"pv_power_w": 4000, "load_power_w": 150, "export_power_w": 3850}


@pytest.mark.parametrize(
    ("reading", "row", "has_battery", "words"),
    [
        (
            {**SUNNY, "battery_power_w": 0, "battery_soc_pct": 100},
            {"self_sufficiency": 1},
            True,
            ["You export 3.85 kW.", "Battery full.", "All power today was your own."],
        ),
        ({**SUNNY, "export_power_w": -300}, None, False, ["You draw 300 W from the grid."]),
        ({**SUNNY, "export_power_w": 3}, None, False, ["Nothing flows to or from the grid."]),
        ({**SUNNY, "export_power_w": None}, None, False, ["The sun brings 4.00 kW."]),
        (
            {**SUNNY, "battery_power_w": 900, "battery_soc_pct": 50},
            {"self_sufficiency": 0.62},
            True,
            ["You export 3.85 kW.", "The battery is charging at 900 W.",
             "62 % of today\N{RIGHT SINGLE QUOTATION MARK}s power was your own."],
        ),
        (
            {**SUNNY, "battery_power_w": -900, "battery_soc_pct": 50},
            {"self_sufficiency": 0.001},
            True,
            ["You export 3.85 kW.", "The battery is giving 900 W.",
             "Today\N{RIGHT SINGLE QUOTATION MARK}s power came from the grid."],
        ),
        (
            {**SUNNY, "battery_power_w": None, "battery_soc_pct": 50},
            {"self_sufficiency": None},
            True,
            ["You export 3.85 kW."],
        ),
    ],
)  # fmt: skip
def test_the_verdict(called, reading, row, has_battery, words):
    (said,) = called("verdict", "verdict", [[reading, row, has_battery]])
    assert [sentence.replace("\u00a0", " ") for sentence in said] == words


@pytest.mark.parametrize(
    ("text", "hours"),
    [("10:00-11:00", 1), ("00:00-24:00", 24), ("23:30-24:00", 0.5), ("11:00-10:00", None),
     ("10:00-10:00", None), ("10:00", None), ("25:00-26:00", None), ("", None), (None, None)],
)  # fmt: skip
def test_a_span_of_an_address(called, text, hours):
    (span,) = called("zoom", "spanOf", [[text, "2026-06-10", "Europe/Berlin"]])
    if hours is None:
        assert span is None
        return
    assert span["end"] - span["start"] == hours * 3600e3
    ends = [span["start"], span["end"], "Europe/Berlin"]
    assert called("zoom", "spanText", [ends]) == [text]


def drag(page, first: float, last: float) -> None:
    page.run(
        "const c = document.querySelector('main svg.chart'), b = c.getBoundingClientRect();"
        "const at = (type, part) => c.dispatchEvent(new PointerEvent(type, {bubbles: true,"
        " pointerType: 'mouse', pointerId: 1, button: 0, clientY: b.top + 99,"
        " clientX: b.left + 36 + (b.width - 82) * part}));"
        "at('pointerdown', arguments[0]); at('pointermove', arguments[1]);"
        "at('pointerup', arguments[1])",
        first,
        last,
    )


def test_a_span_is_dragged_out_and_shown_by_the_minute_and_by_the_reading(home, site):
    home.open(f"{site.url}/?view=day&date={SPRING}")
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    home.requests()
    drag(home, 11 / 23, 13 / 23)  # that day lacks an hour
    home.wait(lambda: "zoom=" in home.run("return location.search"), "no closer look")
    assert "zoom=12%3A00-14%3A" in home.run("return location.search")
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    home.wait_text(".chart-title", "12:00")
    asked = [r["url"] for r in home.requests() if "/v1/series" in r["url"]]
    assert any("bucket=1m" in url for url in asked)
    home.open(f"{site.url}/?view=day&date={SPRING}&zoom=12%3A00-12%3A30")
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    assert any("bucket=raw" in r["url"] for r in home.requests())
    raw = site.ask(
        "/v1/series",
        **{"from": "2026-03-29T10:00:00Z", "to": "2026-03-29T10:30:00Z", "bucket": "raw"},
    )["series"]
    assert len(raw) == 6
    assert f"{raw[0]['pv_power_w'] / 1000:.2f} kW" in read_at(home, 0, 360)
    home.click("[data-keep=curve-whole]")
    home.wait(lambda: "zoom" not in home.run("return location.search"), "not back")
    assert home.console() == []


@pytest.mark.parametrize(
    ("query", "first", "end", "name"),
    [
        (f"view=week&date={GAP_DAY}", "2026-10-19", "2026-10-26", "19"),
        (f"from={GAP_DAY}&to=2026-10-26", GAP_DAY, "2026-10-27", "24"),
        (f"from={AUTUMN}&to={AUTUMN}", AUTUMN, "2026-10-26", "25 October"),
        ("from=2026-03-01&to=2026-10-31", "2026-03-01", "2026-11-01", "October"),
    ],
)
def test_a_week_and_any_range_add_up(home, site, query, first, end, name):
    series = site.ask("/v1/series", **{"from": first, "to": end, "bucket": "1d"})["series"]
    home.open(f"{site.url}/?{query}")
    loaded(home)
    assert name in home.text("h1")
    assert tiles(home) == figures_of(series)


@pytest.mark.parametrize(
    ("span", "first"),
    [("P7D", "2026-11-22"), ("P30D", "2026-10-30"), ("P12M", "2025-11-29"), ("no", "2026-11-22")],
)
def test_a_span_that_ends_today(page, site, called, span, first):
    call = (
        "const [path, query, done] = arguments; import(path).then((m) =>"
        " done(m.rangeOf(new URLSearchParams(query), '2026-11-28')))"
    )
    called("zoom", "finenessOf", [[0]])  # opens the page
    folder = page.run("return document.querySelector('link[rel=modulepreload]').href")
    path = folder.rpartition("/")[0] + "/period_kinds.js"
    found = page.driver.execute_async_script(call, path, f"span={span}")
    assert (found["from"], found["end"]) == (first, "2026-11-29")


def test_a_month_is_compared_with_what_one_chooses(home, site):
    home.open(site.url + VIEWS["month"])
    loaded(home)
    assert "in grey" in home.text(".chart-title")
    assert not home.all("a[data-keep=compare-year]"), "the house is not that old"
    assert "last year" in home.text(".ways s")
    home.click("[data-keep=compare-none]")
    home.wait(lambda: "compare=none" in home.run("return location.search"), "not chosen")
    loaded(home)
    assert "in grey" not in home.text(".chart-title")
    home.open(f"{site.url}/?view=week&date={AUTUMN}&compare=none")
    loaded(home)
    assert home.all("[data-keep=compare-none][aria-current]")
    assert not home.all("main svg.chart .before")


@pytest.mark.parametrize(
    ("query", "ways"),
    [
        (f"day&date={AUTUMN}", "the day before, last year, nothing"),
        (f"week&date={AUTUMN}", "the week before, last year, nothing"),
        ("month&date=2026-10-01", "the month before, last year, nothing"),
        ("year&date=2026-10-01&compare=year", "the year before, nothing"),
    ],
)
def test_what_one_can_compare_with_is_named_by_its_span(home, site, query, ways):
    home.resize(PHONE)
    home.open(f"{site.url}/?view={query}")
    home.wait_text(".ways", "Compare with")
    assert ", ".join(link.text for link in home.all(".ways :is(a, s)")) == ways
    assert len(home.all(".ways [aria-current]")) == 1
    assert len({link.location["y"] for link in home.all(".ways :is(a, s)")}) == 1


def swipe(page, first: int, last: int) -> None:
    page.run(
        "const on = document.querySelector('.period'), touch = (x) => new Touch({identifier: 1,"
        " target: on, clientX: x, clientY: 90});"
        "const send = (type, x) => on.dispatchEvent(new TouchEvent(type, {bubbles: true,"
        " touches: type === 'touchend' ? [] : [touch(x)], changedTouches: [touch(x)]}));"
        "send('touchstart', arguments[0]); send('touchmove', (arguments[0] + arguments[1]) / 2);"
        "send('touchmove', arguments[1]); send('touchend', arguments[1])",
        first,
        last,
    )


def test_a_finger_swipes_to_the_neighbours_but_not_from_the_edge(home, site):
    home.resize(SMALL)
    home.open(f"{site.url}/?view=day&date={AUTUMN}")
    loaded(home)
    swipe(home, 100, 240)
    home.wait_text("h1", "24 October")
    loaded(home)
    swipe(home, 240, 90)
    home.wait_text("h1", "25 October")
    loaded(home)
    swipe(home, 10, 200)
    swipe(home, 100, 130)
    assert "25 October" in home.text("h1")


def test_battery_and_roof_show_what_is_stored(page, databases, https_server):
    url = databases.migrated("Europe/Berlin")
    house.describe(url, DEVICE)
    now = datetime.now(UTC)
    strings = {f"mppt{n}_{unit}": 100.0 * n for n in (1, 2, 3, 4) for unit in ("voltage_v",)}
    strings |= {f"mppt{n}_current_a": 2.0 for n in (1, 2, 3, 4)}
    facts = {"battery_voltage_v": 210.0, "battery_soh_pct": 97.0, "running_state": 64}
    batch = [
        reading(now - 5 * n * timedelta(minutes=1), interval_s=300.0, **strings, **facts)
        for n in range(12)
    ]
    with connected(url) as connection:
        store(connection, DEVICE, batch)
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    page.log_in(own.url + "/?view=battery", ONE)
    page.wait_text("[data-figure=soh]", "97 %")
    loaded(page)
    page.all("[aria-labelledby=battery_volts] svg.chart")[0].send_keys(Keys.END)
    assert "210 V" in page.text("[aria-labelledby=battery_volts] .readout").replace("\u00a0", " ")
    assert "50 %" in page.text("[data-figure=least]").replace("\u00a0", " ")
    page.open(own.url + "/?view=roof")
    loaded(page)
    page.wait_text(".facts", "running")
    assert "String 4" in page.text(".facts")
    page.wait(lambda: len(page.all("main svg.chart .line-string-4")) > 0, "no fourth string")
    texts = [page.text(f"[data-figure=string-{n}]") for n in (1, 4)]
    first, last = (float(text.split()[0]) for text in texts)
    assert last == pytest.approx(4 * first, rel=0.2)
    assert page.console() == []


def test_a_day_is_measured_by_a_clear_one_of_the_house_itself(page, databases, https_server):
    url = databases.migrated("Europe/Berlin")
    house.describe(url, DEVICE)
    begin = local("2026-06-10").astimezone(UTC)
    sun = {"pv_power_w": 600.0, "load_power_w": 600.0, "interval_s": 300.0}
    batch = [reading(begin + n * house.STEP, **sun) for n in range(288)]
    with connected(url) as connection:
        store(connection, DEVICE, batch)
        rows(
            connection,
            "INSERT INTO sungrow_envelope (device_id, day_of_year, slot, pv_w, n_days)"
            " SELECT %s, day, slot, 1000, 20 FROM generate_series(160, 161) day,"
            " generate_series(0, 287) slot",
            DEVICE,
        )
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    page.log_in(f"{own.url}/?view=day&date=2026-06-10", ONE)
    page.wait_text(".measure", "60 % of the 24.0 kWh that a clear day at this time of year brings")
    assert page.all("main svg.chart .clear-line")
    assert "Clear day" in page.text(".legend")
    page.open(f"{own.url}/?view=day&date=2026-08-10")
    loaded(page)
    assert page.text(".measure") == ""
    assert not page.all("main svg.chart .clear-line")


@pytest.mark.parametrize(
    ("now", "then", "words"),
    [
        (10.0, 8.0, "25 % more"),
        (20.0, 8.0, "150 % more"),
        (40.0, 8.0, "5 times as much"),
        (8.0, 8.0, "as much as then"),
        (8.03, 8.0, "as much as then"),
        (6.0, 8.0, "25 % less"),
        (0.0, 8.0, "100 % less"),
        (8.0, 0.04, ""),
        (-1.0, 8.0, ""),
        (None, 8.0, ""),
        (8.0, None, ""),
    ],
)
def test_how_much_more_than_then(called, now, then, words):
    (said,) = called("tiles", "trendWords", [[now, then]])
    assert said.replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    ("now", "then", "is_now_part", "is_then_part", "words"),
    [
        (10.0, 8.0, True, False, "at least 25 % more"),
        (10.0, 8.0, False, True, "at most 25 % more"),
        (6.0, 8.0, True, False, "at most 25 % less"),
        (6.0, 8.0, False, True, "at least 25 % less"),
        (40.0, 8.0, False, True, "at most 5 times as much"),
        (8.0, 8.0, False, True, ""),
        (10.0, 8.0, True, True, ""),
    ],
)
def test_against_what_is_that_much_or_more_a_difference_is_a_bound(
    called, now, then, is_now_part, is_then_part, words
):
    (said,) = called("tiles", "trendWords", [[now, then, is_now_part, is_then_part]])
    assert said.replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    ("socs", "least", "is_full", "minutes"),
    [
        ((50, 55, 60), 5, True, 120),
        ((60, 55, 50), 5, False, 135),
        ((60, 55, 50), 50, None, None),
        ((50, 50, 50), 5, None, None),
        ((50, 50.2, 50.4), 5, None, None),
        ((99, 100, 100), 5, None, None),
        ((None, None, 50), 5, None, None),
    ],
)
def test_when_a_battery_is_full_or_empty_at_this_rate(called, socs, least, is_full, minutes):
    minute = 60_000
    now = 1_800_000_000_000
    points = [
        {"at": now - (30 - 15 * n) * minute - 150_000, "soc": soc} for n, soc in enumerate(socs)
    ]
    (found,) = called("battery_view", "outlook", [[points, socs[-1], least, now]])
    if is_full is None:
        assert found is None
    else:
        assert found["isFull"] is is_full
        assert (found["ms"] - now) / minute == pytest.approx(minutes, abs=1)


def test_a_chart_fills_the_screen_and_goes_back(home, site):
    home.resize(SMALL)
    home.open(site.url + VIEWS["day"])
    loaded(home)
    before = home.run("return document.querySelector('.curve-card svg.chart').clientHeight")
    home.click(".curve-card .full-size")
    home.wait(lambda: home.all("dialog.full[open] svg.chart .area"), "not on all of the screen")
    home.wait(
        lambda: home.run("return document.querySelector('.full svg.chart').clientHeight") > 450,
        "as small as before",
    )
    assert home.run("return document.documentElement.scrollWidth") <= SMALL[0]
    assert home.run(TARGETS) == []
    home.all(".full svg.chart")[0].send_keys(Keys.HOME)
    home.wait(lambda: home.text(".full .readout"), "nothing is read out")
    home.click(".full .close")
    home.wait(lambda: not home.all("dialog"), "it stays")
    assert "full-size" in home.run("return document.activeElement.className")
    after = home.run("return document.querySelector('.curve-card svg.chart').clientHeight")
    assert after == before
    assert home.console() == []
