"""On every screen, in every colour, for everybody; and nothing but this server is ever asked."""

import os
import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from edge_lib.shared.timestamps import format_ts, parse_ts
from tests.browser import house
from tests.browser.browser import DESKTOP, PHONE
from tests.browser.conftest import AUTUMN, DEVICE, GAP_DAY, ONE, SETTINGS, Site
from tests.support.p1 import store_p1
from tests.support.readings import connected

VIEWS = {
    "now": "/",
    "day": f"/?view=day&date={GAP_DAY}",
    "long day": f"/?view=day&date={AUTUMN}",
    "empty day": "/?view=day&date=2026-01-01",
    "month": "/?view=month&date=2026-10-01",
    "year": "/?view=year&date=2026-10-01",
    "all": "/?view=all",
    "system": "/?view=system",
}
FIRST_VIEW_BYTES = {"no P1 meter": 78_000, "a P1 meter": 80_000}


def open_view(page, site, name: str) -> None:
    page.open(site.url + VIEWS[name])
    page.wait_fresh()
    page.wait(lambda: "Loading" not in page.text("main"), "it never ends to load")


@pytest.mark.parametrize("name", VIEWS)
def test_nothing_is_wider_than_a_phone(home, site, name):
    home.resize(PHONE)
    open_view(home, site, name)
    home.open_all()
    width = home.run("return document.documentElement.scrollWidth")
    assert width <= PHONE[0]
    beyond = home.run(
        "return [...document.querySelectorAll('body *')]"
        ".filter((n) => !n.closest('.scroller, .legend'))"  # these scroll by themselves
        ".filter((n) => n.getBoundingClientRect().right > innerWidth + 1)"
        ".map((n) => n.outerHTML.slice(0, 90))"
    )
    assert beyond == []


def test_the_login_fits_a_phone(page, site):
    page.resize(PHONE)
    page.open(site.url + "/")
    page.wait(lambda: page.all("#token"), "no login")
    assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]


def test_colours_follow_the_system(home, site):
    seen = {}
    for scheme in ("light", "dark"):
        home.colours(scheme)
        open_view(home, site, "now")
        seen[scheme] = home.run(
            "const of = (n) => getComputedStyle(n).backgroundColor.match(/\\d+/g).map(Number);"
            "return [of(document.documentElement), of(document.querySelector('.card'))]"
        )
    assert all(min(colour[:3]) > 200 for colour in seen["light"])
    assert all(max(colour[:3]) < 60 for colour in seen["dark"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_checker_of_accessibility_finds_nothing_at_the_login(page, site, scheme):
    page.colours(scheme)
    page.open(site.url + "/")
    page.wait(lambda: page.all("#token"), "no login")
    assert violations(page) == []


def violations(page) -> list[str]:
    """Return what the checker finds on the page as it is."""
    return _checked(page, "{}")


def violations_in_light_and_dark(page) -> list[str]:
    """Return what it finds in both; of what is dark, only colours are another matter."""
    page.colours("light")
    found = _checked(page, "{}")
    page.colours("dark")
    return found + _checked(page, "{ runOnly: { type: 'tag', values: ['cat.color'] } }")


def _checked(page, options: str) -> list[str]:
    page.run(f"if (!window.axe) {{{axe()}}}")
    return page.driver.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        f"axe.run(document, {options}).then((r) => done(r.violations.map((v) =>"
        " `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')}`)))"
    )


def axe() -> str:
    """Return the checker; AXE_CORE may name another version's file."""
    if path := os.environ.get("AXE_CORE"):
        return Path(path).read_text()
    package = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text()


def test_all_views_are_reached_by_the_keyboard_alone(home, site):
    open_view(home, site, "now")
    body = home.all("body")[0]
    outlines = {}
    for _ in range(9):
        body.send_keys(Keys.TAB)
        name, outline = home.run(
            "const n = document.activeElement;"
            "return [n.textContent.trim(), getComputedStyle(n).outlineStyle]"
        )
        outlines[name] = outline
    assert next(iter(outlines)) == "Skip to the content"
    for view in ("Now", "History", "System", "Log out"):
        assert outlines[view] != "none"


def test_no_view_says_anything_to_the_console_or_breaks_the_policy(home, site):
    home.command(
        "Page.addScriptToEvaluateOnNewDocument",
        source="addEventListener('securitypolicyviolation', (e) => (window.broken ??= []).push("
        "`${e.violatedDirective} ${e.blockedURI}`))",
    )
    home.console()
    for name in VIEWS:
        open_view(home, site, name)
        assert home.run("return window.broken ?? []") == [], name
    assert home.console() == []


def test_no_other_host_is_ever_asked(home, site):
    home.requests()
    for name in VIEWS:
        open_view(home, site, name)
    asked = {request["url"] for request in home.requests()}
    assert len(asked) > 20
    strangers = {url for url in asked if not url.startswith((site.url + "/", "chrome:", "data:"))}
    assert strangers == set()


@pytest.mark.parametrize("of_house", FIRST_VIEW_BYTES)
def test_the_first_view_is_small_with_a_whole_day_of_odd_numbers(
    page, databases, https_server, of_house
):
    now = datetime.now(UTC)
    zone = house.zone_where_it_is(23, now)
    url = databases.migrated(zone)
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    chance = random.Random(3)
    begins = house.midnight(now, zone)
    steps = (now - begins) // house.STEP
    names = ("pv_power_w", "battery_power_w", "load_power_w", "export_power_w")
    samples = [
        {
            "device_id": DEVICE,
            "ts": format_ts(begins + n * house.STEP),
            "interval_s": 300,
            "pv_daily_kwh": None,
            "battery_temp_c": None,
            "battery_soc_pct": chance.uniform(0, 100),
            **{name: chance.uniform(100, 5000) for name in names},
        }
        for n in range(steps)
    ]
    assert len(samples) > 270
    if of_house == "a P1 meter":
        told = [
            {"ts": parse_ts(s["ts"]), "power_w": chance.uniform(-5000, 5000), "gas_m3": 0.01 * n}
            for n, s in enumerate(samples)
        ]
        samples = [{**s, "inverter_power_w": chance.uniform(100, 5000)} for s in samples]
        with connected(url) as connection:
            store_p1(connection, DEVICE, told)
    own.post({"samples": samples})
    page.log_in(own.url + "/", ONE)
    page.wait_text("#freshness", "of today")
    page.command("Network.clearBrowserCache")
    page.requests()
    page.open(own.url + "/")
    page.wait_text("#freshness", "of today")
    page.wait(lambda: page.all("main svg.chart .area"), "no curve")
    answers = [r for r in page.requests() if r["url"].startswith(own.url)]
    # What is gzip'd; headers besides, which HTTP/2 has in some bytes each, and this server in 300.
    entries = page.run(
        "return ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type))"
        ".map(({ name, encodedBodySize }) => [encodedBodySize, name])"
    )
    total = sum(size for size, _ in entries)
    assert len(answers) > 15
    with_headers = sum(request.get("bytes", 0) for request in answers)
    print(
        f"first view with {of_house}: {total}, {with_headers} with headers, {len(answers)} answers"
    )
    sizes = "\n".join(f"{size} {name}" for size, name in entries)
    assert total < FIRST_VIEW_BYTES[of_house], sizes
    assert ("grid_source.js" in sizes) == (of_house == "a P1 meter")


def test_numbers_and_dates_are_in_the_browsers_language(home, site):
    home.language("de-DE")
    try:
        home.open(site.url + VIEWS["month"])
        home.wait(lambda: home.all("tbody tr"), "no table")
        assert home.text("h1") == "Oktober 2026"
        assert re.search(r"\d,\d\d", home.text("tbody"))
    finally:
        home.language("en-GB")


@pytest.mark.parametrize("language", ["th-TH", "fa-IR", "ar-SA", "ja-JP-u-ca-japanese"])
def test_years_are_those_of_the_addresses_whatever_the_language(home, site, language):
    home.language(language)
    try:
        for name in ("month", "year", "all"):
            open_view(home, site, name)
            home.wait(lambda: home.all("tbody tr"), "no table")
            shown = home.text("main")
            assert "2026" in (home.text("h1") if name != "all" else home.text("tbody"))
            assert not re.search(r"1404|1405|1447|1448|2569", shown)
            assert all(c.isascii() for c in shown if c.isdigit())
    finally:
        home.language("en-GB")


def test_whoever_wants_no_motion_gets_none(home, site):
    preference = {"name": "prefers-reduced-motion", "value": "reduce"}
    home.command("Emulation.setEmulatedMedia", features=[preference])
    open_view(home, site, "now")
    line = "document.querySelector('.flow .line')"
    assert home.run(f"return getComputedStyle({line}).transitionDuration") == "0s"
    home.resize(DESKTOP)
