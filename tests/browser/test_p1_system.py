"""What the System view says of a grid (P1) meter: how whole, how right, and who disagrees."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.browser import house
from tests.browser.browser import PHONE
from tests.browser.conftest import DEVICE, ONE, SETTINGS, Site
from tests.browser.p1_house import live_with_meter
from tests.browser.test_shape import violations
from tests.support.p1 import store_p1
from tests.support.readings import connected


@pytest.fixture(scope="module", params=[True, False], ids=["own meter", "none"])
def home_with_p1(request, databases, https_server) -> Site:
    """Nine days until midnight, and a reading of now."""
    url = databases.migrated(house.ZONE)
    house.describe(url, DEVICE, has_meter=request.param)
    until = house.midnight(datetime.now(UTC), house.ZONE)
    samples = house.samples(house.Life(until - timedelta(days=9), until))
    live_with_meter(url, DEVICE, samples, has_own=request.param)
    with connected(url) as connection:
        store_p1(connection, DEVICE, [{"ts": datetime.now(UTC), "power_w": 300.0}])
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


def covered_today_pct(home) -> float:
    return home.ask("/v1/completeness", kind="p1")["days"][0]["covered"] * 100


def test_it_has_the_meters_completeness_and_clock_and_what_the_referee_says(page, home_with_p1):
    before = covered_today_pct(home_with_p1)
    page.log_in(home_with_p1.url + "/?view=system", ONE)
    page.wait(lambda: page.all(".sentences li"), "the referee says nothing", 40)
    page.wait(lambda: "Loading" not in page.text("main"), "it never ends to load")
    facts = page.text("#p1 + dl")
    assert "ago" in facts
    assert "Covered today" in facts
    assert "Its clock\nright" in facts
    # It grows while the newest reading counts, and shrinks with the day.
    shown = float(re.search(r"Covered today\n([0-9.]+)", facts)[1])
    least, most = sorted([before, covered_today_pct(home_with_p1)])
    assert least - 0.1 <= shown <= most + 0.1
    said = [one["text"] for one in home_with_p1.ask("/v1/referee")["text"]]
    assert said
    shown = [plain(item.text) for item in page.all(".sentences li")]
    assert shown == [one.replace(", and at any power", ". Besides, at any power") for one in said]
    assert "no grid meter here" not in page.text("main").lower()
    assert page.console() == []


def plain(text: str) -> str:
    """Return it with the signs that a keyboard has."""
    return text.replace("\u00a0", " ").replace("\u2019", "'")


SAID = [
    ("cannot_compare", {"reason": "x", "why": "no_p1"}, "utility's meter in this time"),
    ("cannot_compare", {"reason": "x"}, None),  # a server of before
    ("reversed", {}, "the wrong way round"),
    ("one_phase", {"phase": 2}, "phase 2 only"),
    ("phase_elsewhere", {"phase": 3}, "phase 3 seems"),
    ("gain_import", {"percent": 2.31, "within": 0.4, "offset_w": 0.2}, "2.3 % more import than"),
    ("gain_export", {"percent": -2.0, "within": 0.4, "offset_w": 12.3}, "2.0 % less export"),
    ("gain_export", {"percent": -2.0, "within": 0.4, "offset_w": 12.3}, "12 W more."),
    ("gain_import", {"percent": 0.1, "within": 0.4, "offset_w": -12.3}, "12 W less."),
    ("gain_import", {"reason": "not enough happened"}, "Not enough happened to compare import."),
    ("gain_import_robust", {"percent": -1.25}, "import is \N{MINUS SIGN}1."),
    ("lag", {"seconds": -1.2, "within": 0.0}, "1.2 s earlier than the utility's meter, ± 0.1 s"),
    ("lag", {"reason": "x", "why": "too_far"}, "differ by more than 30 s"),
    ("lag_stored", {"stored_s": 2.0, "command": "run me"}, "run: run me"),
    ("total_export", {"kwh": -0.2, "p1_kwh": 10.0}, "rose by 9.8 kWh, the utility's by 10.0"),
    ("unexplained", {"kwh": 0.123}, "0.12 kWh"),
    ("netting", {"kwh": 3.21, "netted": True}, "nets the three phases"),
    ("netting", {"kwh": 3.21, "netted": False}, "each phase for itself"),
    ("negative_loads", {"before_percent": 9.0, "after_percent": 0.2}, "after the shift 0.2 %."),
    ("negative_loads", {"before_percent": 9.0, "after_percent": 4.0}, "Another generator"),
    ("clock", {"seconds": -3600.0, "hour_off": True}, "behind. Its summer time"),
    ("missing_p1", {"quarters": 5, "of": 672}, "5 of 672"),
    ("capacity", {"month": "2026-05", "agreement": "boundary_missed", "ours_w": 2100.0,
     "meter_w": 2300.0}, "2.10 kW, beside the meter's own peak of May 2026, 2.30 kW"),
    ("capacity", {"month": "2026-05", "agreement": "new", "ours_w": 1.0, "meter_w": 2.0}, None),
    ("new", {}, None),
    ("toString", {}, None),
]  # fmt: skip


READY = """
    const [lang, done] = arguments;
    const { href } = document.querySelector('link[rel=modulepreload]');
    import(href.replace(/[^/]*$/, `words.referee.${lang}.js`)).then(() => done());
"""


def test_each_sentence_of_the_referee_has_its_words(page, called):
    page.driver.execute_async_script(READY, "en")
    asked = [[{"id": name, "values": values}] for name, values, _ in SAID]
    for (name, values, words), found in zip(
        SAID, called("referee_words", "refereeWords", asked), strict=True
    ):
        if words is None:
            assert found is None, (name, values)
        else:
            assert words in plain(found or ""), (name, values)


def test_the_referee_speaks_the_language_of_the_page(page, site, called):
    page.language("de-DE")
    try:
        page.open(site.url + "/")
        page.driver.execute_async_script(READY, "de")
        values = {"percent": 2.31, "within": 0.4, "offset_w": 0}
        asked = [[{"id": "gain_import", "values": values}]]
        (found,) = called("referee_words", "refereeWords", asked)
    finally:
        page.language("en-GB")
    assert "2,3\u00a0% mehr Bezug" in found


TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, "none failed"),
        (
            {"timeout": 3, "unreachable": 1500},
            f"1,500 {TIMES} no connection, 3 {TIMES} no answer in time",
        ),
        ({"exception_5": 2, "exception_6": 3}, f"5 {TIMES} inverter busy"),
        ({"exception_2": 1}, f"1 {TIMES} refused by the inverter (2)"),
        ({"of_tomorrow": 1}, f"1 {TIMES} of tomorrow"),
    ],
)
def test_why_polls_failed_is_said_in_words(called, counts, words):
    (found,) = called("system_view", "reasons", [[counts]])
    assert found.replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "it does not tell"), (0.4, "right"), (-9.9, "right"), (3600.0, "60\u00a0min ahead"),
     (-86400.0 * 300, "300.0\u00a0days behind")],
)  # fmt: skip
def test_the_meters_clock_is_right_or_off_by_so_much(called, seconds, words):
    assert called("p1_system", "clockWords", [[seconds]]) == [words]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_is_for_everybody(page, home_with_p1, scheme):
    page.resize(PHONE)
    page.colours(scheme)
    page.log_in(home_with_p1.url + "/?view=system", ONE)
    page.wait(lambda: page.all(".sentences li"), "the referee says nothing", 40)
    page.wait(lambda: "Loading" not in page.text("main"), "it never ends to load")
    assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]
    assert violations(page) == []
