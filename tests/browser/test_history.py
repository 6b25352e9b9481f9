"""Days, months, years: the page shows what the API says, and what is missing looks missing."""

from datetime import UTC, date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import AUTUMN, DEVICE, GAP_DAY, ONE, SETTINGS, SPRING, ZONE, Site, local
from tests.support.readings import connected, reading, store

DASH = "\N{EN DASH}"
KWH = (
    "pv_kwh",
    "load_kwh",
    "import_kwh",
    "export_kwh",
    "battery_charge_kwh",
    "battery_discharge_kwh",
)


def shown(kwh: float | None) -> str:
    """Write an energy as the page does in British English."""
    if kwh is None:
        return DASH
    places = 2 if abs(kwh) < 9.995 else 1 if abs(kwh) < 99.95 else 0
    # Browsers round what they would print, so that 0.045 is 0.05.
    rounded = Decimal(repr(kwh)).quantize(Decimal(10) ** -places, ROUND_HALF_UP)
    return f"{rounded:,f}"


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("≈", "").replace("kWh", "").strip()


def total(series: list[dict], name: str) -> float | None:
    values = [bucket[name] for bucket in series if bucket[name] is not None]
    return sum(values) if values else None


def figures_of(series: list[dict]) -> dict[str, str]:
    return {name: shown(total(series, name)) for name in KWH}


def open_view(page, site, query: str) -> None:
    page.open(f"{site.url}/?{query}")
    page.wait_text("main .tiles", "kWh")


def tiles(page) -> dict[str, str]:
    return {name: plain(page.text(f".tiles [data-figure={name}]")) for name in KWH}


def all_tiles(page) -> str:
    return " ".join(node.text for node in page.all("main .tiles"))


def table_sums(page) -> dict[str, str]:
    page.wait(lambda: page.all("tfoot td"), "no table")
    return {name: plain(page.text(f"tfoot [data-figure={name}]")) for name in KWH}


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("view=month&date=2026-10-01", {"frame": "month", "date": "2026-10-01"}),
        ("view=month&date=2026-03-31", {"frame": "month", "date": "2026-03-31"}),
        ("view=year&date=2026-07-01", {"frame": "year", "date": "2026-07-01"}),
        ("view=all", {"frame": "all"}),
    ],
)
def test_figures_and_table_add_up_to_what_the_api_says(home, site, query, asked):
    series = site.ask("/v1/series", **asked)["series"]
    assert series
    expected = {name: shown(total(series, name)) for name in KWH}
    open_view(home, site, query)
    home.wait(lambda: tiles(home) == expected, f"the tiles are {tiles(home)}, not {expected}")
    assert table_sums(home) == expected


@pytest.mark.parametrize("day", [SPRING, AUTUMN, GAP_DAY])
def test_the_figures_of_a_day_are_those_of_its_bucket_and_its_hours_add_up(home, site, day):
    after = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    (bucket,) = site.ask("/v1/series", **{"from": day, "to": after, "bucket": "1d"})["series"]
    expected = {name: shown(bucket[name]) for name in KWH}
    open_view(home, site, f"view=day&date={day}")
    home.wait(lambda: tiles(home) == expected, f"the tiles are {tiles(home)}, not {expected}")
    hours = site.ask("/v1/series", frame="day", date=day)["series"]
    home.click("details.card summary")
    assert table_sums(home) == {name: shown(total(hours, name)) for name in KWH}
    assert len(home.all("tbody tr")) == len(hours)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), ("2026-03-30", 24)])
def test_a_day_is_drawn_as_long_as_it_was(home, site, day, hours):
    open_view(home, site, f"view=day&date={day}")
    chart = "main svg.chart"
    home.wait(lambda: home.all(f"{chart} .area"), "no curve")
    steps = int(home.all(chart)[0].get_attribute("aria-valuemax")) + 1
    assert steps == hours * 12


def test_the_hour_that_comes_twice_is_told_apart_in_table_and_chart(home, site):
    open_view(home, site, f"view=day&date={AUTUMN}")
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    home.wait_text("main", "25.0 h long")
    home.click("details.card summary")
    home.wait(lambda: home.all("tbody tr"), "no table")
    heads = [head.text for head in home.all("tbody th")]
    assert len(set(heads)) == 25
    assert [head for head in heads if head.startswith("02")] == ["02:00 UTC+2", "02:00 UTC+1"]
    first, second = (read_at(home, slot, 25 * 12) for slot in (2 * 12 + 6, 3 * 12 + 6))
    assert first.startswith(f"02:30 UTC+2 {DASH} 02:35 UTC+2")
    assert second.startswith(f"02:30 UTC+1 {DASH} 02:35 UTC+1")


def test_the_hour_that_is_left_out_is_said(home, site):
    open_view(home, site, f"view=day&date={SPRING}")
    home.wait_text("main", "23.0 h long")
    assert read_at(home, 23, 23 * 12).startswith(f"01:55 UTC+1 {DASH} 03:00 UTC+2")


def read_at(page, slot: int, slots: int) -> str:
    """Go to a place of the chart by the keyboard; return what a screen reader hears there."""
    chart = page.all("main svg.chart")[0]

    def is_there() -> bool:  # not where an answer draws it anew meanwhile
        chart.send_keys(Keys.HOME)
        chart.send_keys(Keys.ARROW_RIGHT * slot)
        return int(chart.get_attribute("aria-valuenow")) == slot

    page.wait(is_there, f"the place {slot} is never reached")
    assert int(chart.get_attribute("aria-valuemax")) == slots - 1
    return chart.get_attribute("aria-valuetext").replace("\u00a0", " ")


def watts(value: float) -> str:
    return f"{abs(value):,.0f} W" if abs(value) < 999.5 else f"{abs(value) / 1000:.2f} kW"


def test_the_keyboard_reads_the_exact_values_of_the_api(home, site):
    series = site.ask("/v1/series", **{"from": SPRING, "to": "2026-03-30", "bucket": "5m"})[
        "series"
    ]
    open_view(home, site, f"view=day&date={SPRING}")
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    for slot in (0, 30, 140):
        said = read_at(home, slot, len(series))
        assert f"Solar {watts(series[slot]['avg_pv_power_w'])}" in said
        assert f"House {watts(series[slot]['avg_load_power_w'])}" in said
    assert "03:00" in read_at(home, 24, len(series)), "the hour from 2 to 3 was left out that night"


def test_pointer_and_finger_read_them_too(home, site):
    open_view(home, site, f"view=day&date={SPRING}")
    home.wait(lambda: home.all("main svg.chart .area"), "no curve")
    before = home.text(".chart-title")
    for kind in ("mouse", "touch"):
        home.run(
            "const c = document.querySelector('main svg.chart'), b = c.getBoundingClientRect();"
            "c.dispatchEvent(new PointerEvent('pointermove', {bubbles: true, pointerType:"
            " arguments[0], clientX: b.left + b.width / 2, clientY: b.top + 50}))",
            kind,
        )
        assert home.text(".chart-title") != before
        home.run(
            "document.querySelector('main svg.chart').dispatchEvent("
            "new PointerEvent('pointerleave', {pointerType: 'mouse'}))"
        )
        assert home.text(".chart-title") == before


HATCHED_AND_AREAS = """
    const box = (node) => { const b = node.getBBox(); return [b.x, b.x + b.width]; };
    const chart = document.querySelector('main svg.chart');
    return ['hatched', 'area'].map((type) =>
        [...chart.querySelectorAll(`.${type}`)].map(box));
"""


def test_a_gap_is_hatched_with_its_cause_and_never_drawn_as_zero(home, site):
    (gap,) = site.ask("/v1/gaps", **{"from": GAP_DAY, "to": "2026-10-25"})["gaps"]
    assert gap["cause"] == "dongle_silent"
    open_view(home, site, f"view=day&date={GAP_DAY}")
    home.wait_text(".gap-list", "Wi-Fi stick did not answer")
    assert f"10:00 {DASH} 12:30" in home.text(".gap-list")
    said = read_at(home, 11 * 12, 288)
    assert "no readings" in said
    assert "Wi-Fi stick did not answer" in said
    ((left, right),), areas = home.run(HATCHED_AND_AREAS)
    assert right - left > 50
    for begins, ends in areas:
        assert ends <= left + 1 or begins >= right - 1, "an area lies in the gap"


def test_where_gaps_cannot_be_asked_for_empty_times_are_hatched_and_it_tries_again(home, site):
    home.command("Network.enable")
    home.command("Network.setBlockedURLs", urls=["*/v1/gaps*"])
    try:
        open_view(home, site, f"view=day&date={GAP_DAY}")
        home.wait_text(".notice", "trying again")
        home.wait(lambda: home.all("main svg.chart .hatched"), "nothing is hatched")
        hatched, areas = home.run(HATCHED_AND_AREAS)
        left, right = min(box[0] for box in hatched), max(box[1] for box in hatched)
        assert all(ends <= left + 1 or begins >= right - 1 for begins, ends in areas)
        assert "cause not loaded" in read_at(home, 11 * 12, 288)
    finally:
        home.command("Network.setBlockedURLs", urls=[])
    home.wait_text(".gap-list", "Wi-Fi stick did not answer", 40)
    assert home.text(".notice") == ""


def test_a_month_marks_what_is_not_covered_and_what_was_estimated(home, site):
    open_view(home, site, "view=month&date=2026-10-01")
    row = f'tbody tr:has(a[href*="{GAP_DAY}"])'
    home.wait(lambda: home.all(row), "no row of the day with the gap")
    (bucket,) = site.ask("/v1/series", **{"from": GAP_DAY, "to": AUTUMN, "bucket": "1d"})["series"]
    assert 0.8 < bucket["coverage"] < 0.95
    assert f"{bucket['coverage'] * 100:.1f}" in home.text(row)
    assert home.all("main svg.chart .hatched")


IMPORT = (
    "grid_to_house_kwh",
    "grid_to_battery_kwh",
    "grid_to_inverter_kwh",
    "untraced_import_kwh",
)


def number(text: str) -> float:
    plain = text.replace(",", "").replace("\N{MINUS SIGN}", "-")
    return 0.0 if text == DASH else float(plain)


@pytest.mark.parametrize(
    "query",
    ["view=month&date=2026-10-01", "view=year&date=2026-10-01", f"view=day&date={AUTUMN}"],
)
def test_the_import_is_the_sum_of_what_became_of_it(home, site, query):
    open_view(home, site, query)
    if "day" in query:
        home.click("details.card summary")
    home.wait(lambda: home.all("tfoot td"), "no table")
    heads = [head.text for head in home.all("thead th")]
    assert "… to house" in heads
    assert "… to inverter" in heads
    assert "… to battery" not in heads, "nothing was charged from the grid"
    rows = home.run(
        "return [...document.querySelectorAll('tbody tr:not(.empty), tfoot tr')].map((row) =>"
        " Object.fromEntries([...row.querySelectorAll('[data-figure]')].map((n) =>"
        " [n.dataset.figure, n.textContent])))"
    )
    assert len(rows) > 2
    for row in rows:
        parts = [number(row[name]) for name in IMPORT if name in row]
        assert len(parts) >= 2
        whole = number(row["import_kwh"])
        unit = 0.01 if whole < 10 else 0.1 if whole < 100 else 1
        assert sum(parts) == pytest.approx(whole, abs=unit * (1 + len(parts)) / 2)


def test_the_tile_of_the_import_tells_it_apart(home, site):
    (bucket,) = site.ask("/v1/series", **{"from": AUTUMN, "to": "2026-10-26", "bucket": "1d"})[
        "series"
    ]
    inverter = bucket["import_integral_kwh"] - bucket["grid_to_house_kwh"]
    assert inverter > 0.005
    open_view(home, site, f"view=day&date={AUTUMN}")
    rest = bucket["import_kwh"] - bucket["import_integral_kwh"]
    assert bucket["grid_to_house_kwh"] < 0.005
    note = f"inverter {shown(inverter)} + not traced {shown(rest)}"
    home.wait_text(".tile:has([data-figure=import_kwh]) .note", note)
    assert "grid charging" not in home.text(".tiles")


def test_an_import_that_fed_the_inverter_alone_is_said_to(page, databases, https_server):
    """A battery carries the house, and 20 W come from the grid: nothing of it is the house's."""
    url = databases.migrated("Europe/Berlin")
    begin = local("2026-06-10").astimezone(UTC)
    powers = {"pv_power_w": 0.0, "battery_power_w": -540.0, "load_power_w": 500.0}
    batch = [
        reading(begin + timedelta(minutes=5 * n), **powers, export_power_w=-20.0, interval_s=300.0)
        for n in range(288)
    ]
    with connected(url) as connection:
        store(connection, DEVICE, batch)
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    page.log_in(f"{own.url}/?view=month&date=2026-06-10", ONE)
    page.wait(lambda: "0.48 kWh" in tile_of(page, "import_kwh"), "no import")
    assert "inverter 0.48" in tile_of(page, "import_kwh")
    assert "100 %" in tile_of(page, "self_sufficiency")
    assert "grid charging" not in page.text(".tiles")


def tile_of(page, name: str) -> str:
    return page.text(f".tile:has([data-figure={name}])").replace("\u00a0", " ")


def test_a_day_hardly_covered_is_marked_in_tile_bar_and_table(page, databases, https_server):
    """Half an hour of a day, and no counter that tells of the rest; the days before are whole."""
    url = databases.migrated("Europe/Berlin")
    thin, whole = local("2026-05-20 06:00"), local("2026-05-18")
    with connected(url) as connection:
        store(
            connection,
            DEVICE,
            [
                reading(begin.astimezone(UTC) + timedelta(minutes=5 * n), interval_s=300.0)
                for begin, steps in ((whole, 2 * 288), (thin, 6))
                for n in range(steps)
            ],
        )
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    page.log_in(f"{own.url}/?view=day&date=2026-05-20", ONE)
    page.wait_text(".tile:has([data-figure=load_kwh]) .note", "2.1 % of the time measured")
    for name in KWH:
        assert page.text(f".tile:has([data-figure={name}]) .mark").strip() == "≥"
    page.open(f"{own.url}/?view=day&date=2026-05-19")
    page.wait(lambda: "12.0" in all_tiles(page), "no figures")
    assert "≥" not in all_tiles(page)
    page.open(f"{own.url}/?view=month&date=2026-05-20")
    page.wait_text("tbody", "Wed 20 May")
    lines = {row.text.split("\n")[0][:10]: row.text for row in page.all("tbody tr")}
    assert lines["Wed 20 May"].count("≥") == 6 + 1, "and what of the import the house had"
    assert "≥" not in lines["Tue 19 May"]
    assert page.text("tfoot").count("≥") == 6 + 1, "a sum with such a day, and days without any"
    assert page.text(".tile:has([data-figure=pv_kwh]) .mark").strip() == "≥"
    heights = page.run(
        "return [...document.querySelectorAll('main svg.chart .hatched')].map("
        "(n) => [n.getBBox().x, n.getBBox().height])"
    )
    columns = [x for x, height in heights if height > 200]
    assert len(columns) == 1 + 11, "the thin day and the eleven after it"
    assert "≥" in read_at(page, 19, 31)
    assert "≥" not in read_at(page, 18, 31)


@pytest.fixture(scope="module")
def balcony(databases, https_server) -> Site:
    """A house with panels of its own behind the meter: from 10 to 14 it feeds 800 W in."""
    url = databases.migrated("Europe/Berlin")
    begin = local("2026-06-10").astimezone(UTC)
    batch = []
    for n in range(2 * 288):
        ts = begin + timedelta(minutes=5 * n)
        load = -800.0 if 10 <= ts.astimezone(ZONE).hour < 14 else 300.0
        powers = {"pv_power_w": 0.0, "battery_power_w": 0.0, "load_power_w": load}
        batch.append(reading(ts, **powers, export_power_w=-load, interval_s=300.0))
    with connected(url) as connection:
        store(connection, DEVICE, batch)
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


def test_a_house_that_fed_in_is_drawn_below_zero_in_its_day(page, balcony):
    page.log_in(f"{balcony.url}/?view=day&date=2026-06-10", ONE)
    page.wait_text("main", "another generator")
    page.wait(lambda: "2.80 kWh" in all_tiles(page), "no use")  # 20 h x 300 W - 4 h x 800 W
    assert "less 3.20 kWh fed in" in page.text(".tile:has([data-figure=load_kwh]) .note")
    assert "House \N{MINUS SIGN}800 W" in read_at(page, 12 * 12, 288)
    assert "House 300 W" in read_at(page, 8 * 12, 288)
    zero, line = page.run(
        "const c = document.querySelector('main svg.chart');"
        "const box = c.querySelector('.load-line').getBBox();"
        "return [Number(c.querySelector('.zero').getAttribute('y1')), box.y + box.height]"
    )
    assert line > zero + 10
    heights = page.run(
        "return [...document.querySelectorAll('main svg.chart .fill-house-area')].map((n) => {"
        " const b = n.getBBox(); return [b.y, b.y + b.height]; })"
    )
    above, below = sorted(heights)
    assert above[1] == pytest.approx(zero, abs=1), "what it feeds in is a source"
    assert below[0] == pytest.approx(zero, abs=1)


def test_a_month_shows_what_the_house_fed_in(page, balcony):
    page.log_in(f"{balcony.url}/?view=month&date=2026-06-10", ONE)
    page.wait_text(".legend", "House feeds in")
    assert "3.20 kWh" in read_at(page, 9, 30)
    assert page.text("tbody tr:has(a) [data-figure=load_kwh]") == "2.80"
    assert page.all("main svg.chart .fill-house-area")
    assert "another generator" in page.text("main")


def test_where_no_house_fed_in_none_is_spoken_of(home, site):
    open_view(home, site, "view=month&date=2026-10-01")
    home.wait_text(".chart-title", "in total")
    assert "House feeds in" not in home.text(".legend")
    assert "another generator" not in home.text("main")


def test_the_period_before_stands_beside(home, site):
    home.open(site.url + "/?view=year&date=2027-01-01")
    home.wait_text("h1", "2027")
    home.open(site.url + "/?view=month&date=2026-10-01")
    home.wait_text(".chart-title", "in grey: September 2026")
    home.wait_text(".tiles .note", "Sept")


def test_a_bar_leads_to_its_day_and_back_leads_back(home, site):
    open_view(home, site, "view=year&date=2026-01-01")
    home.click('tbody a[href*="2026-10-01"]')
    home.wait_text("h1", "October 2026")
    home.click(f'tbody a[href*="{GAP_DAY}"]')
    home.wait_text("h1", "24 October 2026")
    assert "view=day" in home.run("return location.search")
    home.driver.back()
    home.wait_text("h1", "October 2026")
    home.wait(lambda: home.all("tbody tr"), "no table after Back")
    home.driver.back()
    home.wait(lambda: home.text("h1") == "2026", "not back at the year")
    home.driver.forward()
    home.wait_text("h1", "October 2026")


def test_a_click_on_a_bar_opens_it_and_a_finger_only_reads_it(home, site):
    point = (
        "const c = document.querySelector('main svg.chart'), b = c.getBoundingClientRect(),"
        " at = {bubbles: true, pointerType: arguments[0], clientY: b.top + 99, clientX: b.left + 42"
        " + (b.width - 50) * 23.5 / 31};"
        "for (const type of ['pointerdown', 'click']) c.dispatchEvent(new PointerEvent(type, at))"
    )
    open_view(home, site, "view=month&date=2026-10-01")
    home.wait(lambda: home.all("tbody tr"), "no table")
    home.run(point, "touch")
    home.wait_text(".chart-title", "24 Oct")
    assert "view=month" in home.run("return location.search")
    home.run(point, "mouse")
    home.wait_text("h1", "24 October 2026")


def test_arrows_and_the_date_field_move_through_time(home, site):
    open_view(home, site, f"view=day&date={AUTUMN}")
    home.click("[data-keep=before]")
    home.wait_text("h1", "24 October 2026")
    assert f"date={GAP_DAY}" in home.run("return location.search")
    assert home.run("return document.activeElement.dataset.keep") == "before"
    home.click("[data-keep=after]")
    home.wait_text("h1", "25 October 2026")
    home.run(
        "const i = document.querySelector('input[type=date]'); i.value = '2026-03-29';"
        "i.dispatchEvent(new Event('change'))"
    )
    home.wait_text("h1", "29 March 2026")
    home.click("[data-keep=now]")
    home.wait(lambda: not home.all("[data-keep=now]"), "not at today")


def test_the_csv_link_gives_the_same_rows(home, site):
    open_view(home, site, "view=month&date=2026-10-01")
    link = home.wait(lambda: home.all("a[download]"), "no link")[0].get_attribute("href")
    text = home.run("return fetch(arguments[0]).then((answer) => answer.text())", link)
    header, *rows = text.splitlines()
    assert header.startswith("bucket,")
    series = site.ask("/v1/series", frame="month", date="2026-10-01")["series"]
    assert [row.split(",")[0] for row in rows] == [bucket["bucket"] for bucket in series]
    assert f"device_id={DEVICE}" in link


def test_the_system_view_tells_of_edge_device_server_and_every_day(home, site):
    site.report(waiting=12, clock="unknown", failed={"timeout": 3})
    home.open(site.url + "/?view=system")
    home.wait_text("main", "SH4.0RS")
    for words in (
        "12 readings",
        "readings may be held back",
        "3 \N{MULTIPLICATION SIGN} no answer in time",
        "Europe/Berlin",
        "0.1.0",
    ):
        home.wait_text("main", words)
    home.wait_text(".chart-title", "The last 53 weeks")
    home.wait_text("main", "No reading is lost")
    assert len(home.all("svg.chart .day")) > 200


def test_parked_readings_are_listed_with_their_reasons(home, site):
    site.post(
        {"samples": [], "parked": [{"boot": "b009", "seq": 1, "reason": "odd", "content": {}}]}
    )
    home.open(site.url + "/?view=system")
    home.wait_text("#parked + div", "odd")
