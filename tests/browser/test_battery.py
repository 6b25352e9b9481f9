"""The Battery view: after three years, three months, before the first night, and without one."""

import itertools
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from selenium.webdriver.common.keys import Keys

from server.battery.result import INSIGHTS, REASONS
from server.page import FOLDER, LANGUAGES
from tests.browser import house
from tests.browser.battery_house import (
    KNOWN,
    store_battery,
    three_months,
    three_years,
    whatif,
    windows,
)
from tests.browser.browser import DESKTOP, PHONE
from tests.browser.conftest import DEVICE, ONE, SETTINGS, Site
from tests.browser.rooms import (
    TAGS,
    WIDE,
    assert_fits,
    assert_fits_narrow_and_large,
    assert_for_everybody,
    assert_steady,
    refused,
    tile,
)
from tests.browser.views import loaded
from tests.support.readings import connected, rows

VERDICT = ".battery-verdict"
ADDRESS = "/?view=battery"
SHEET = "/?view=battery&sheet=warranty"
CARDS = "return [...document.querySelectorAll('.health > .card')].filter((n) => !n.hidden).map(\
 (n) => n.classList[1].replace('-card', ''))"
NONE = "\N{EN DASH}"


# Of a module of the page, with its own words.
CAPACITY_OF = """
    const [result, answer, about, done] = arguments;
    const { href } = document.querySelector('link[rel=modulepreload]');
    import(href.replace(/[^/]*$/, 'battery_data.js')).then(
        ({ capacityOf }) => done(capacityOf(result, answer, about)));
"""


@pytest.fixture(scope="module")
def pack(databases, https_server) -> Site:
    """A house with a battery, and a day of readings."""
    now = datetime.now(UTC)
    zone = house.zone_where_it_is(14, now)
    url = databases.migrated(zone)
    house.live(url, DEVICE, house.Life(house.midnight(now, zone), now, zone=zone))
    house.describe(url, DEVICE)
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    own.send(battery_soh_pct=100.0)
    return own


@pytest.fixture
def shown(page, pack):
    """Return ``shown(situation, address)``: opens it and gives the page."""
    now = datetime.now(UTC)

    def show(situation: str, address: str = ADDRESS):
        if situation == "three years":
            store_battery(pack.database_url, DEVICE, three_years(now), windows(now), whatif())
        elif situation == "three months":
            store_battery(pack.database_url, DEVICE, three_months(now))
        else:
            with connected(pack.database_url) as connection:
                rows(connection, "DELETE FROM sungrow_battery_results")
        page.log_in(pack.url + address, ONE)
        page.wait(lambda: page.all(".battery-view, .battery-sheet, .view.now"), "no view")
        loaded(page)
        return page

    yield show
    page.language("en-GB")


def words_of(language: str) -> dict[str, str]:
    text = (FOLDER / f"words.battery.{language}.js").read_text(encoding="utf-8")
    return dict(re.findall(r"^  (\w+):\s+'([^']+)',$", text, re.MULTILINE))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_reason_and_each_insight_has_its_words(language):
    told = words_of(language)
    for code, text in REASONS.items():
        words = told[f"battery_short_{code}"]
        assert set(re.findall(r"\{\w+\}", words)) == set(re.findall(r"\{\w+\}", text)), code
        assert "{" not in told.get(f"battery_todo_{code}", "")
    for insight in INSIGHTS:
        for part in ("insight", "insight_name", "formula"):
            assert told[f"battery_{part}_{insight}"], insight


def test_after_three_years_it_says_what_the_battery_holds_and_that_it_flatters_itself(shown):
    page = shown("three years")
    said = page.text(VERDICT).replace("\u00a0", " ")
    assert said.startswith("Your battery can still hold 9.1 of 9.6 kWh.")
    assert "It reports 100 % of health: 4 points too much." in said
    assert tile(page, "capacity")[1:] == [
        "9.08 kWh", "± 0.18", "measured 31 times", "95.8 % of the first year"
    ]  # fmt: skip
    assert tile(page, "soh")[1:] == [
        "100 %", "as the battery says", "too optimistic by 4 points"
    ]  # fmt: skip
    assert tile(page, "efficiency")[1:] == ["95.4 %", "± 0.6", "with converter 88.2 %"]
    assert tile(page, "standby")[1:3] == ["13 W", "± 3"]
    assert tile(page, "cycles")[1:] == ["612", "204 in the last year"]
    assert page.run(CARDS) == [
        "capacity", "insights", "whatif", "efficiency", "depth", "heat", "rates", "jumps",
        "warranty",
    ]  # fmt: skip
    kwh = [node.text for node in page.all(".insight-kwh")]
    assert kwh[:4] == ["812 kWh", "640 kWh", "402 kWh", "310 kWh"]
    assert kwh[-1] == "22 days"
    reserve = page.text("[data-insight=reserve]").replace("\u00a0", " ")
    assert "Hours: 2,100. In that time the grid was down for 0.5 h." in reserve
    assert "with nothing to gain: discharging limit, charging from the grid" in page.text(
        ".insights-card"
    )
    assert "+11.2" in page.text(".jumps-card")
    assert not re.search("NaN|undefined|Infinity|battery_", page.text("main"))
    assert page.console() == []


def test_dots_differ_by_shape_and_what_is_pointed_at_is_read_out(shown):
    page = shown("three years")
    chart = ".capacity-card svg.chart"
    shapes = page.run(
        "return [...document.querySelectorAll(arguments[0])].map((n) => n.getAttribute('d'))",
        f"{chart} path[transform]",
    )
    assert len(shapes) == 94
    assert len(set(shapes)) == 3, "cold, mild and warm are one and the same without colours"
    drawn = page.run(
        "return ['.fill-soc', '.year-middle', '.line-house', '.line-clear'].map((name) =>"
        " document.querySelectorAll(`${arguments[0]} ${name}`).length)",
        chart,
    )
    assert drawn == [3, 3, 1, 1], "band of each year, what it says of itself, warranty"
    node = page.all(chart)[0]
    node.send_keys(Keys.END)
    read = page.wait(lambda: page.text(".capacity-card .readout"), "nothing is read out")
    assert "kWh" in read
    assert "warranty\n6.72 kWh" in read.replace("\u00a0", " ")
    assert str(datetime.now(UTC).year) in node.get_attribute("aria-valuetext")
    for name in ("whatif", "efficiency", "depth", "heat"):
        other = page.all(f".{name}-card svg.chart")[0]
        other.send_keys(Keys.ARROW_RIGHT)
        assert page.text(f".{name}-card .readout"), name
    page.all(".whatif-card svg.chart")[0].send_keys(Keys.HOME)
    assert "0.00 kWh" in page.text(".whatif-card .readout").replace("\u00a0", " ")


def test_behind_each_figure_is_how_it_is_made_by_the_keyboard_too(shown):
    page = shown("three years")
    for button, words in (
        (".tile .info", ("full to empty", "8.90 to 9.26", "measured 31 times")),
        ("[data-insight=larger_battery] .info", ("smaller of two", "812.4 kWh · 214 days")),
    ):
        page.all(button)[0].send_keys(Keys.ENTER)
        page.wait(lambda: page.all("dialog[open]"), "nothing opens")
        said = page.text("dialog[open]").replace("\u00a0", " ")
        for one in words:
            assert one in said
        page.all("dialog button")[0].send_keys(Keys.ESCAPE)
        page.wait(lambda: not page.all("dialog"), "it stays")
        assert "info" in page.run("return document.activeElement.className")


TOO_LOW = {
    "en": ("cannot be measured yet: the reserve keeps it at 20 % or more.", "ne full discharge"),
    "nl": ("nog niet te meten: de reserve houdt haar op 20 % of meer.", "volledige ontlading"),
    "de": ("noch nicht messen: die Reserve hält sie bei 20 % oder mehr.", "volle Entladung"),
    "fr": ("être mesuré : la réserve la garde à 20 % ou plus.", "décharge complète"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_cannot_be_measured_is_said_with_its_reason_and_what_to_do(page, shown, language):
    page.language(TAGS[language])
    page.resize(PHONE)
    page.requests()
    shown("three months")
    why, todo = TOO_LOW[language]
    assert why in page.text(VERDICT).replace("\u00a0", " ")
    assert tile(page, "capacity")[1] == NONE
    assert "kWh" not in " ".join(tile(page, "capacity")), "a number of what nobody measured"
    assert "20 %" in tile(page, "capacity")[2]
    assert {"capacity", "whatif"} & set(page.run(CARDS)) == set(), "no chart of nothing"
    assert todo in page.text(".unmeasured-card")
    assert "41" in page.text(".unmeasured-card"), "how many times from full to full"
    assert page.run(WIDE) <= PHONE[0]
    assert not re.search("NaN|undefined|battery_|null", page.text("main"))
    asked = {request["url"].rpartition("/")[2] for request in page.requests()}
    texts = {name for name in asked if name.startswith("words.battery")}
    assert texts == {f"words.battery.{language}.js"}


def test_before_the_first_night_there_is_a_sentence_and_nothing_empty(shown):
    page = shown("none")
    assert "worked out for the first time tonight" in page.text(VERDICT)
    assert page.run(CARDS) == []
    assert tile(page, "capacity")[1:] == [NONE, "from tomorrow on"]
    assert tile(page, "soc")[1] == "55 %", "what is known is there"
    page.open(page.driver.current_url + "&sheet=warranty")
    page.wait_text(".sheet-body", "tonight")
    assert page.console() == []


def test_of_a_house_without_a_battery_nothing_is_loaded(page, shown, pack):
    with connected(pack.database_url) as connection:
        rows(connection, "UPDATE sungrow_devices SET has_battery = false")
    try:
        page.requests()
        shown("none")
        assert page.all("#views [data-keep=view-battery]") == []
        asked = [request["url"] for request in page.requests()]
        assert not [url for url in asked if "/v1/battery" in url or "/battery_" in url]
        assert not [url for url in asked if "words.battery" in url or "battery.css" in url]
    finally:
        with connected(pack.database_url) as connection:
            rows(connection, "UPDATE sungrow_devices SET has_battery = true")


def test_the_first_view_loads_nothing_of_it(page, pack):
    page.requests()
    page.log_in(pack.url + "/", ONE)
    loaded(page)
    asked = [request["url"].rpartition("/")[2] for request in page.requests()]
    assert [name for name in asked if name.startswith(("battery_", "words.battery"))] == []
    assert "battery.css" not in asked


def test_what_the_house_does_not_have_is_absent(page, shown, pack):
    now = datetime.now(UTC)
    result = three_years(now)
    without = {"reason": "no_temperature", "reason_text": "", "heat_hours": [], "months": []}
    result["exposure"] |= without
    for one in result["insights"]:
        one |= {"kwh": None, "value": None, "reason": "no_grid_meter", "reason_text": ""}
    shown("none")
    result["figures"]["soh_reported_pct"] |= {"value": None, "reason": "no_soh"}
    store_battery(pack.database_url, DEVICE, result, windows(now))
    page.open(pack.url + ADDRESS)
    loaded(page)
    assert not page.all("[data-figure=soh]")[0].is_displayed()
    cards = page.run(CARDS)
    assert "capacity" in cards
    assert {"heat", "insights", "whatif", "unmeasured"} & set(cards) == set()


def test_the_warranty_sheet_has_what_a_claim_needs_and_prints_without_controls(shown):
    page = shown("three years", SHEET)
    page.wait_text("h1", "warranty sheet")
    said = page.text(".sheet-body").replace("\u00a0", " ").replace(NONE, "to")
    for words in ("1 May 2024", "until 1 May 2034", "70 % (6.72 kWh)", "28.0 MWh", "8.90 to 9.26",
                  "Hotter than allowed 12 h", "2.50 % a year", "2.35 to 2.65"):  # fmt: skip
        assert words in said, words
    tables = page.all(".sheet-body table")
    assert len(tables[2].find_elements("css selector", "tbody tr")) == 94
    csv = page.run("return document.querySelector('a[download]').href")
    found = page.driver.execute_async_script(
        "const [url, done] = arguments; fetch(url).then((r) => r.text()).then(done)", csv
    )
    assert len(found.splitlines()) == 95
    page.command("Emulation.setEmulatedMedia", media="print")
    try:
        shown_there = page.run(
            "return ['.freshness', '#views', '.no-print', 'button', 'footer'].filter((name) =>"
            " [...document.querySelectorAll(name)].some((n) => n.offsetHeight > 0))"
        )
        assert shown_there == []
        overflow = "return getComputedStyle(document.querySelector('.scroller')).overflowX"
        assert page.run(overflow) == "visible"
    finally:
        page.command("Emulation.setEmulatedMedia", media="")


def test_an_answer_that_does_not_come_is_told_and_what_is_known_stays(page, shown):
    with page.prepared(refused("/v1/battery?")):
        shown("three years")
        page.wait(lambda: page.all(f"{VERDICT}[data-state=failed]"), "not called failed")
        assert page.text(VERDICT) == "Not loaded"
        assert "away" in page.text(".notice")
        assert tile(page, "soc")[1] == "55 %"


def test_a_chart_that_could_not_be_loaded_is_not_called_loading(page, shown):
    with page.prepared(refused("/v1/series?")):
        shown("three years")
        charts = ".battery-view > .pair:not(.health)"
        titles = (
            f"return [...document.querySelectorAll('{charts} .chart-title')].map("
            "(n) => n.innerText)"
        )
        page.wait(lambda: set(page.run(titles)) == {"Not known just now"}, "it says something else")
        assert len(page.all(f"{charts} [data-state=failed]")) == 6


def test_of_two_days_when_it_was_full_it_says_the_later(page, shown, pack):
    now = datetime.now(UTC)
    result = three_years(now)
    shown("none")
    store_battery(pack.database_url, DEVICE, result, windows(now))
    page.open(pack.url + ADDRESS)
    loaded(page)
    zone = ZoneInfo(house.zone_where_it_is(14, now))
    certain = (now - timedelta(days=KNOWN["days_since_full"][0])).astimezone(zone)
    assert tile(page, "full")[1:] == [f"{certain:%a} {certain.day} {certain:%b}"]
    titles = [node.text for node in page.all(".battery-view > .pair .chart-title")]
    assert "Today" not in titles, "that is in the heading"


def test_the_months_below_measurements_are_as_far_apart(page, shown):
    page.resize(DESKTOP)
    shown("three years")
    ticks = page.run(
        "return [...document.querySelectorAll('.capacity-card svg .tick.middle')].map((n) =>"
        " [n.textContent, Number(n.getAttribute('x'))])"
    )
    places = [x for _, x in ticks]
    gaps = [after - before for before, after in itertools.pairwise(places)]
    assert len(ticks) > 4
    assert max(gaps) - min(gaps) < 0.1 * max(gaps), ticks


@pytest.mark.parametrize(
    ("situation", "tag", "size"),
    [("three years", "en-GB", DESKTOP), ("three months", "de-DE", (360, 740))],
)
def test_nothing_jumps_while_it_loads_and_fingers_hit_all(page, shown, situation, tag, size):
    page.language(tag)
    page.resize(size)
    shown(situation)
    assert_fits(page, size[0])
    answers = assert_steady(page)
    assert any("/v1/battery/events" in one for one in answers) or situation != "three years"


@pytest.mark.parametrize("address", [ADDRESS, SHEET])
def test_a_narrow_screen_and_large_letters_lose_nothing(page, shown, address):
    page.language("de-DE")
    assert_fits_narrow_and_large(page, lambda: shown("three years", address))


@pytest.mark.parametrize(
    ("situation", "address"), [("three years", ADDRESS), ("three months", SHEET)]
)
def test_a_checker_finds_nothing_light_and_dark(shown, situation, address):
    assert_for_everybody(shown(situation, address))


def test_two_batteries_of_one_year_are_two_bands_and_no_limit_is_no_line(shown):
    page = shown("none")
    year = 2025
    ms = [datetime(year, month, 1, tzinfo=UTC) for month in (1, 3, 6, 10)]
    events = {
        "windows": [
            {"from": (at - timedelta(days=1)).isoformat(), "to": at.isoformat(),
             "kind": "full_empty", "capacity_kwh": 9.0, "epoch": n // 2}
            for n, at in enumerate(ms)
        ]
    }  # fmt: skip
    bands = [
        {"year": year, "epoch": epoch, "value": value, "low": value - 1, "high": value + 1}
        for epoch, value in ((0, 9.0), (1, 18.0))
    ]
    result = {"figures": {}, "capacity_by_year": bands, "soh_by_month": [], "warranty": None}
    found = page.driver.execute_async_script(
        CAPACITY_OF, result, events, {"zone": "UTC", "until": 0}
    )
    spans = [(one["from"], one["to"]) for one in found["years"]]
    moments = [at.timestamp() * 1000 for at in ms]
    assert spans == [(moments[0], moments[1]), (moments[2], moments[3])]
    assert found["warranty"] is None
