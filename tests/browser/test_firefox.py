"""The core views in Debian's Firefox ESR: login, Now, Day, Month, All, System; and the keys."""

import re

import pytest

pytest.importorskip("websocket", reason="websocket-client, which selenium needs, is not installed")

from edge_lib.shared.timestamps import parse_ts
from tests.browser.conftest import AUTUMN, DEVICE, GAP_DAY, ONE, ZONE
from tests.browser.firefox import MISSING, firefox
from tests.browser.test_history import KWH, figures_of, plain, shown, watts

pytestmark = pytest.mark.long

PHONE, DESKTOP = (360, 740), (1280, 900)
TILES = (
    "return Object.fromEntries([...document.querySelectorAll('.tiles [data-figure]')].map((n) =>"
    " [n.dataset.figure, n.textContent]))"
)
LEFT = "return document.querySelectorAll('main [data-state=loading]').length"


@pytest.fixture(scope="module")
def fox(tmp_path_factory):
    if MISSING:
        pytest.skip(MISSING)
    with firefox(tmp_path_factory.mktemp("firefox")) as opened:
        yield opened


@pytest.fixture
def page(fox, site):
    """Firefox, logged in, for a house that sent a reading just now."""
    site.send()
    fox.resize(DESKTOP)
    fox.open(site.url + "/")
    fox.wait(lambda: fox.count("#token, #views a"), "no login")
    if fox.count("#token"):
        fox.run("document.querySelector('#token').focus()")
        fox.keys(*ONE, "\ue007")
        fox.wait(lambda: fox.count("#views a"), "not logged in")
    fox.console.clear()
    return fox


def view(page, site, query: str) -> None:
    page.open(f"{site.url}/?{query}")
    page.wait(lambda: page.count("main h1"), "nothing")
    page.wait(lambda: page.run(LEFT) == 0, "it never ends to load")


def tiles(page) -> dict[str, str]:
    found = page.run(TILES)
    return {name: plain(found[name]) for name in KWH}


def test_a_wrong_token_is_told_and_the_right_one_logs_in(fox, site):
    fox.resize(PHONE)
    fox.open(site.url + "/")
    fox.wait(lambda: fox.count("#token"), "no login")
    assert fox.run("return document.documentElement.scrollWidth") <= PHONE[0]
    fox.run("document.querySelector('#token').focus()")
    fox.keys(*"nobody", "\ue007")
    fox.wait_text("[role=alert]", "does not know this token")
    fox.run("document.querySelector('#token').value = ''")
    fox.run("document.querySelector('#token').focus()")
    fox.keys(*ONE, "\ue007")
    fox.wait(lambda: fox.count("#views a"), "not logged in")
    fox.open(site.url + "/?view=month")
    fox.wait_text("h1", "20")
    assert not fox.count("#token")


def test_now_is_live(page, site):
    page.wait_text(".flow", "3.21 kW")
    line = page.wait_text("#freshness", "last reading")
    newest = parse_ts(site.ask("/v1/realtime")["ts"]).astimezone(ZONE)
    assert f"{newest:%H:%M:%S}" in line
    assert page.run("return document.querySelector('#freshness').dataset.colour") == "green"
    site.send(pv_power_w=0, battery_power_w=-812, load_power_w=1860, export_power_w=-1048)
    page.run("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_text(".flow", "1.86 kW")
    assert "discharging" in page.text(".flow")
    assert "importing" in page.text(".flow")
    assert page.count(".flow .line:not(.off)")
    page.wait(lambda: page.count("main svg.chart .area"), "no curve")
    page.wait_text(".strip-box .chart-title", "reading")
    assert page.console == []


def test_a_day_is_drawn_and_read_by_the_keyboard(page, site):
    after = {GAP_DAY: AUTUMN, AUTUMN: "2026-10-26"}
    for day, hours in ((GAP_DAY, 24), (AUTUMN, 25)):
        asked = {"from": day, "to": after[day]}
        (bucket,) = site.ask("/v1/series", **asked, bucket="1d")["series"]
        view(page, site, f"view=day&date={day}")
        page.wait(lambda: page.count("main svg.chart .area"), "no curve")
        expected = {name: shown(bucket[name]) for name in KWH}
        page.wait(lambda: tiles(page) == expected, f"not {expected}")  # noqa: B023
        series = site.ask("/v1/series", **asked, bucket="5m")["series"]
        page.run("document.querySelector('main svg.chart').focus()")
        page.keys("\ue011", *["\ue014"] * 30)  # Home, and arrows to the right
        said, last = page.run(
            "const c = document.querySelector('main svg.chart');"
            "return [c.getAttribute('aria-valuetext'), c.getAttribute('aria-valuemax')]"
        )
        assert int(last) + 1 == hours * 12
        assert f"House {watts(series[30]['avg_load_power_w'])}" in said.replace("\u00a0", " ")
        page.keys("\ue00c")  # Escape
        page.wait_text(".chart-title", "Solar peak")
    view(page, site, f"view=day&date={GAP_DAY}")
    page.wait_text(".gap-list", "Wi-Fi stick did not answer")
    assert page.count("main svg.chart .hatched") == 1
    assert page.console == []


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("view=month&date=2026-10-01", {"frame": "month", "date": "2026-10-01"}),
        ("view=all", {"frame": "all"}),
    ],
)
def test_months_and_all_time_add_up(page, site, query, asked):
    series = site.ask("/v1/series", **asked)["series"]
    view(page, site, query)
    page.wait(lambda: page.count("tfoot td"), "no table")
    page.wait(lambda: tiles(page) == figures_of(series), f"not {figures_of(series)}")
    assert page.count("main svg.chart .fill-solar")
    page.click("main tbody a")
    page.wait(lambda: page.run(LEFT) == 0, "it never ends to load")
    page.run("history.back()")
    page.wait(lambda: query.split("&")[0] in page.run("return location.search"), "no way back")
    assert page.console == []


def test_system_tells_of_edge_device_and_every_day(page, site):
    site.report(waiting=12)
    view(page, site, "view=system")
    page.wait_text("main", "SH4.0RS")
    page.wait_text("main", "12 readings")
    page.wait_text(".chart-title", "The last 53 weeks")
    assert page.count("svg.chart .day") > 200
    assert page.console == []


def test_on_a_phone_nothing_is_wider_and_the_curve_is_in_sight(page, site):
    page.resize(PHONE)
    for query in ("", f"view=day&date={GAP_DAY}", "view=month&date=2026-10-01", "view=all"):
        view(page, site, query)
        assert page.run("return document.documentElement.scrollWidth") <= PHONE[0], query
        if "month" not in query and "all" not in query:
            top = "return document.querySelector('main svg.chart').getBoundingClientRect().top"
            assert page.run(top) < PHONE[1]
    page.click("#more")
    assert "System" in page.text("#sheet")
    assert page.console == []


def test_logging_out_leads_to_the_login(page, site):
    page.click("#logout")
    page.click("#log-out-yes")
    page.wait(lambda: page.count("#token"), "no login")
    assert re.search("token|Token", page.text("main"))
    assert DEVICE not in page.text("main")
