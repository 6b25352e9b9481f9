"""The Roof view: two strings, four and one after a year, after a week, without a place, and new."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from selenium.webdriver.common.keys import Keys

from server.page import LANGUAGES
from tests.browser import house, roof_house
from tests.browser.browser import DESKTOP, PHONE
from tests.browser.conftest import SETTINGS, Site
from tests.browser.page_clock import go_on, stopped
from tests.browser.rooms import (
    TAGS,
    WIDE,
    assert_fits,
    assert_fits_narrow_and_large,
    assert_for_everybody,
    assert_steady,
    plain,
    refused,
)
from tests.browser.rooms import tile as tile_of
from tests.browser.test_eyes import SMALL_PHONE
from tests.browser.views import loaded

HOUSES = {1: "one-string", 2: "two-strings", 4: "four-strings"}
NEW = "never-seen"
READER = "read-roofs"
MAKERS = {
    "a tree": (roof_house.two_strings, 2),
    "four": (roof_house.four_strings, 4),
    "one": (roof_house.one_string, 1),
    "a week": (roof_house.a_week, 2),
    "no place": (roof_house.no_place, 2),
    "none": (None, 2),
}
VERDICT = ".roof-verdict"
CARDS = "return [...document.querySelectorAll('.rest .card, .warnings')].filter((n) =>\
 n.offsetHeight).map((n) => n.getAttribute('aria-labelledby') ?? 'warnings')"
CELLS = "return [...document.querySelectorAll('.map')].map((map) =>\
 [...map.querySelectorAll('.cells, .chart > .hatched')].map((n) =>\
 [n.getAttribute('class').split(' ').pop(), n.getAttribute('d').split('M').length - 1]))"


@pytest.fixture(scope="module")
def zone() -> str:
    """The zone of all houses: it is early afternoon there."""
    return house.zone_where_it_is(14, datetime.now(UTC))


@pytest.fixture(scope="module")
def roofs(databases, https_server, zone) -> Site:
    """Houses with one, two and four strings, of which readings come later, and one without."""
    url = databases.migrated(zone)
    for name in (*HOUSES.values(), NEW):
        house.describe(url, name)
    readers = ",".join(f"{READER}:{name}" for name in (*HOUSES.values(), NEW))
    own = SETTINGS | {"READ_TOKENS": readers, "SITE_TIMEZONE": zone}
    return Site(https_server(DATABASE_URL=url, **own), url)


@pytest.fixture(scope="module")
def stored(roofs) -> dict[int, str]:
    """The situation that is stored of each house, by its number of strings."""
    return {}


@pytest.fixture
def shown(page, roofs, stored, zone):
    """Return ``shown(situation, rest of the address)``: opens it and gives the page."""

    def show(situation: str, more: str = ""):
        make, count = MAKERS[situation]
        if count not in stored:
            now = datetime.now(UTC)
            begin = house.midnight(now, zone) - timedelta(days=1)
            own = roofs.database_url, HOUSES[count]
            roof_house.live_with_strings(*own, begin, now, count, timedelta(hours=3))
        if stored.get(count) != situation:
            found = make(datetime.now(UTC)) if make else None
            if found:
                roof_house.store_roof(roofs.database_url, HOUSES[count], *found)
            else:
                roof_house.forget_roof(roofs.database_url, HOUSES[count])
            stored[count] = situation
        page.log_in(f"{roofs.url}/?view=roof&device={HOUSES[count]}{more}", READER)
        page.wait(lambda: page.all(".roof-view"), "no view")
        loaded(page)
        return page

    yield show
    page.language("en-GB")


def tile(page, string: int) -> list[str]:
    """Return the lines of a string's tile."""
    return tile_of(page, f"string-{string}")


def yesterday(zone: str) -> str:
    today = house.midnight(datetime.now(UTC), zone)
    return (today - timedelta(hours=12)).date().isoformat()


def test_after_a_year_it_says_what_is_wrong_and_draws_the_sky_of_each_string(shown):
    page = shown("a tree")
    said = plain(page.text(VERDICT))
    assert said.startswith("East gives 10 % less than usual. East is in shade when the sun is in")
    assert said.endswith("in the south-east or south-west.")
    assert re.search(r"^gives 10 % less than usual since \d+ \w+$", tile(page, 1)[-1])
    assert tile(page, 2)[0] == "Garage"
    assert tile(page, 2)[-1] == "gives its usual share"
    assert any(re.match(r"\d.* per kWp", line) for line in tile(page, 1))
    assert page.run(CARDS) == [
        "warnings", "roof-maps", "strings_of_day", "roof-share", "roof-figures", "roof-losses",
        "roof-events", "roof-settings", "states_of_day", "inverter_now", "mains_volts",
    ]  # fmt: skip
    east, garage = (dict(kinds) for kinds in page.run(CELLS))
    assert east["fill-level-1"] > 20, "the tree, and the house behind"
    assert set(garage) == {"fill-level-4", "fill-few", "hatched"}
    assert page.run("return document.querySelectorAll('.map .sun-path').length") == 6
    page.click(".string-name")
    assert page.all(".curve-box .chart .line-clear"), "the server gives a clear sky"
    assert page.run("return document.querySelectorAll('.map .sun-hour').length") > 16
    words = plain(page.text(".map-words"))
    assert "Shade: something in the south-east (95° to 130°), up to 25° high" in words
    assert "New shade in the south-west" in words
    settings = plain(page.text(".settings-card"))
    assert "212 days of data suggest: tilt 33°, facing 172°" in settings
    assert "--string 1:35,170,2.6,East" in settings
    assert "--string 2:35,250,KWP,Garage" in settings
    assert "its curve does not fit the direction that is set" in page.text(".warnings")
    assert "East: it loses more each year than ageing explains" in page.text(".warnings")
    figures = plain(page.text(".figures-card"))
    assert figures.count("no cleaning has been seen") == 1, "once for both"
    assert "Change per year (Garage): months of data so far: 13; needed: 24." in figures
    assert "3.1 % (-4.0 % to -2.2 %)" in figures.replace("\N{MINUS SIGN}", "-")
    assert not re.search("NaN|undefined|Infinity|roof_", page.text("main"))
    assert page.console() == []


def test_a_cell_is_read_out_by_the_keyboard_and_in_a_table(shown):
    page = shown("a tree")
    chart = page.all(".map[data-string='1'] svg.chart")[0]
    chart.send_keys(Keys.HOME)
    value = chart.get_attribute("aria-valuetext")
    chart.send_keys(Keys.ARROW_UP)
    chart.send_keys(Keys.ARROW_RIGHT)
    said = plain(chart.get_attribute("aria-valuetext"))
    assert said != value
    assert re.search(r"\w+ \(\d+.\d+°\), [\d.]+\W[\d.]+° high", said)
    summary = page.all(".map[data-string='1'] summary")[0]
    summary.click()
    rows = page.wait(lambda: page.all(".map[data-string='1'] tbody tr"), "no table")
    assert len(rows) > 400
    table = plain(page.text(".map[data-string='1'] tbody"))
    assert re.search(r"9\d % [\d,]+ \d+ \w+, \d+ \w+ \d{4}", table)
    assert "too few readings" in table
    csv = page.run("return document.querySelector('.map-table a[download]').href")
    found = page.driver.execute_async_script(
        "const [url, done] = arguments; fetch(url).then((r) => r.text()).then(done)", csv
    )
    assert len(found.splitlines()) == len(rows) + 1


def test_what_is_asked_for_again_leaves_the_cell_that_is_read_out(page, shown):
    state = (
        "const c = document.querySelector('.map[data-string=\\'1\\'] svg.chart');"
        " return [document.activeElement === c, c.getAttribute('aria-valuetext')]"
    )
    with stopped(page):
        shown("a tree")
        go_on(page, 5)
        page.all(".map[data-string='1'] svg.chart")[0].send_keys(Keys.HOME + Keys.ARROW_RIGHT)
        before = page.run(state)
        assert before[0]
        page.run("window.asked = []")
        go_on(page, 3700)
        again = page.run("return window.asked.map(([, url]) => url.split('?')[0])")
        assert {"/v1/roof", "/v1/strings"} <= set(again)
        assert page.run(state) == before


def test_what_changed_in_a_year_is_shown_only_where_both_are_known(shown):
    page = shown("a tree")
    page.click("[data-map=change]")
    page.wait(lambda: "a year ago" in page.text(".map .chart-title"), "no difference")
    east, garage = (dict(kinds) for kinds in page.run(CELLS))
    assert east["fill-change-0"] > 5
    assert set(garage) == {"fill-change-2"}
    assert "map=change" in page.driver.current_url
    chart = page.all(".map svg.chart")[0]
    chart.send_keys(Keys.HOME)
    assert "now" in plain(chart.get_attribute("aria-valuetext"))
    page.open(page.driver.current_url)
    loaded(page)
    assert page.text("[data-map][aria-pressed=true]") == "Compared with a year ago"


def test_a_string_alone_has_its_usual_and_a_clear_sky_beside_it(shown, zone):
    expected = """
        const really = window.fetch;
        window.fetch = async (url, ...more) => {
            if (!String(url).startsWith('/v1/roof/day')) return really(url, ...more);
            const from = Date.parse(new URL(url, location).searchParams.get('date'));
            const series = Array.from({ length: 864 }, (_, n) => ({
                bucket: new Date(from + (n - 288) * 300e3).toISOString(), string: 1,
                clear_sky_w: 900, usual_w: 700, limited: n < 500 ? 'clipping' : null }));
            return new Response(JSON.stringify({ series }), { status: 200 });
        };
    """
    page = shown("a tree")
    with page.prepared(expected):
        page = shown("a tree", f"&date={yesterday(zone)}")
        lines = (
            "return ['.line-string-1', '.line-string-2', '.line-house', '.line-clear'].map((n) =>\
 document.querySelectorAll(`.curve-box .chart ${n}`).length > 0)"
        )
        assert page.run(lines) == [True, True, False, False]
        page.click(".string-name")
        assert page.run(lines) == [True, False, True, True]
        chart = page.all(".curve-box svg.chart")[0]
        chart.send_keys(Keys.HOME)
        said = plain(chart.get_attribute("aria-valuetext"))
        assert "usual 700 W" in said
        assert "clear sky 900 W" in said
        assert "string=1" in page.driver.current_url
        page.click(".string-name[aria-pressed=true]")
        assert page.run(lines) == [True, True, False, False]


def test_a_day_with_a_gap_says_at_least_and_its_states_have_hours_and_the_gap(shown, zone):
    page = shown("a tree", f"&date={yesterday(zone)}")
    assert tile(page, 1)[1].startswith("≥ ")
    assert "of what was measured" in " ".join(tile(page, 1))
    assert re.search(r"the strings add up to .* kWh, the counter to", plain(page.text(".rest")))
    ticks = page.run(
        "return [...document.querySelectorAll('.state-line text')].map((n) => n.textContent)"
    )
    assert len(ticks) == 5
    assert page.all(".state-line .state-hole")
    assert "inverter_now" not in page.run(CARDS), "what is now has no place on another day"
    assert "always within the permitted 207 V to 253 V" in plain(
        page.text("[aria-labelledby=mains_volts]")
    )
    assert not page.all("[aria-labelledby=mains_volts] svg.chart")[0].is_displayed()


COMMAND = "python -m server.site set two-strings --latitude 51.2 --longitude 4.4"


def test_tables_fit_a_phone_and_each_state_has_a_sign_that_is_seen(page, shown):
    page.resize(SMALL_PHONE)
    page.colours("dark")
    shown("a tree")
    wide = (
        "return [...document.querySelectorAll('.found .scroller')].filter((n) =>"
        " n.checkVisibility() && n.scrollWidth > n.clientWidth)"
        ".map((n) => n.getAttribute('aria-label'))"
    )
    assert page.run(wide) == []
    stroke = "return getComputedStyle(document.querySelector('.states .fill-none')).stroke"
    assert page.run(stroke) == "rgb(127, 140, 146)"


LONG = pytest.mark.long


@pytest.mark.parametrize(
    "language", [pytest.param(one, marks=LONG if one != "en" else ()) for one in LANGUAGES]
)
def test_without_a_place_it_says_what_to_type_and_shows_what_it_can(page, shown, language):
    page.language(TAGS[language])
    page.resize(SMALL_PHONE)
    page.requests()
    shown("no place")
    assert page.run("return document.body.textContent").count("--latitude") == 1
    assert COMMAND in page.text(".warnings")
    assert "kWh" in tile(page, 1)[1]
    assert page.all(".curve-box .line-string-2")
    cards = page.run(CARDS)
    assert {"roof-maps", "roof-share", "roof-losses", "roof-figures"} & set(cards) == set()
    assert page.run(WIDE) <= SMALL_PHONE[0]
    assert not re.search("NaN|undefined|roof_|null", page.text("main"))
    asked = {request["url"].rpartition("/")[2] for request in page.requests()}
    texts = {name for name in asked if name.startswith("words.roof")}
    assert texts == {f"words.roof.{language}.js"}
    assert page.console() == []


def test_before_the_first_night_and_before_the_first_reading(page, shown, roofs):
    page = shown("none")
    assert "kWh" in tile(page, 2)[1]
    assert "roof-maps" not in page.run(CARDS)
    page.open(f"{roofs.url}/?view=roof&device={NEW}")
    loaded(page)
    assert "has not sent a reading yet" in page.text(VERDICT)
    assert page.run(CARDS) == []
    assert not page.all("main svg.chart:not([hidden])") or page.run(
        "return [...document.querySelectorAll('main svg.chart')].every((n) => !n.clientWidth)"
    )
    assert page.console() == []


@LONG
def test_an_answer_that_does_not_come_is_told_and_what_is_known_stays(page, shown):
    with page.prepared(refused("/v1/roof?")):
        shown("a tree")
        page.wait(lambda: page.all(f"{VERDICT}[data-state=failed]"), "not called failed")
        assert page.text(VERDICT) == "Not loaded"
        assert "away" in page.text(".notice")
        assert "kWh" in tile(page, 1)[1]
        assert page.all(".curve-box .line-string-1")


@pytest.mark.parametrize(
    ("situation", "tag", "size"),
    [
        pytest.param("a week", "en-GB", DESKTOP, marks=LONG),
        ("a tree", "de-DE", SMALL_PHONE),
    ],
)
def test_nothing_jumps_while_it_loads_and_fingers_hit_all(
    page, shown, roofs, zone, situation, tag, size
):
    page.language(tag)
    page.resize(size)
    shown(situation)
    page.open_all()
    assert_fits(page, size[0])
    midnight = house.midnight(datetime.now(UTC), zone)
    roof_house.read_now(roofs.database_url, HOUSES[2], midnight, 2)
    assert any("/v1/shade" in one for one in assert_steady(page))


def test_a_checker_finds_nothing_light_and_dark(shown):
    assert_for_everybody(shown("a tree"))


@LONG
def test_the_first_view_loads_nothing_of_it(page, roofs):
    page.requests()
    page.log_in(roofs.url + "/", READER)
    loaded(page)
    asked = [request["url"].rpartition("/")[2] for request in page.requests()]
    assert [name for name in asked if name.startswith(("roof_", "words.roof", "roof."))] == []


@LONG
@pytest.mark.parametrize("situation", MAKERS)
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_each_roof_fits_each_screen_and_says_nothing_odd(page, shown, situation, size):
    page.resize(size)
    page.language("de-DE")
    shown(situation)
    assert_fits(page, size[0])
    assert not re.search("NaN|undefined|Infinity|roof_", page.text("main"))
    assert page.console() == []


@LONG
def test_a_narrow_screen_and_large_letters_lose_nothing(page, shown):
    page.language("de-DE")
    assert_fits_narrow_and_large(page, lambda: shown("four"))


@LONG
def test_it_prints_without_controls(shown):
    page = shown("a tree")
    page.command("Emulation.setEmulatedMedia", media="print")
    try:
        hidden = page.run(
            "return ['.top > :not(.brand)', '#views', '.map-choice', 'button', '.typed'].filter("
            "(name) => [...document.querySelectorAll(name)].some((n) => n.offsetHeight > 0))"
        )
        assert hidden == []
        assert page.all(".map .sun-path")[0].is_displayed()
    finally:
        page.command("Emulation.setEmulatedMedia", media="")
