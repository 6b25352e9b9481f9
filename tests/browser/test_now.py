"""What the house does now: live, stale, and with the server gone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.browser.conftest import ONE, SETTINGS, Site


def words(page) -> str:
    return page.text(".flow")


def test_live_values_change_as_the_readings_do(home, site):
    home.open(site.url + "/")
    home.wait(lambda: "3.21 kW" in words(home), "the first reading is not shown")
    assert "charging" in words(home)
    assert "exporting" in words(home)
    site.send(
        pv_power_w=0, battery_power_w=-812, load_power_w=1860, export_power_w=-1048,
        battery_soc_pct=41,
    )  # fmt: skip
    home.wait(lambda: "1.86 kW" in words(home), "the second reading is not shown")
    for part in ("0 W", "812 W", "discharging", "41 %", "1.05 kW", "importing"):
        assert part in words(home)
    assert "41 %" in home.text("[data-figure=soc]")


def test_arrows_are_where_power_flows_and_wider_where_it_is_more(home, site):
    home.open(site.url + "/")
    site.send(
        pv_power_w=3500, battery_power_w=2000, load_power_w=500, export_power_w=1000
    )  # fmt: skip
    home.look_again()
    home.wait(lambda: "3.50 kW" in words(home), "the reading is not shown")
    lines = home.run(
        "return [...document.querySelectorAll('.flow .line')].map((line) => ["
        "line.dataset.w, parseFloat(line.getAttribute('stroke-width')),"
        "line.classList.contains('off')])"
    )
    to_grid, to_house, to_battery = lines[:3]
    assert [line[0] for line in lines] == ["1000", "500", "2000", "0", "0", "0", "0"]
    assert to_battery[1] > to_grid[1] > to_house[1]
    assert [line[2] for line in lines] == [False] * 3 + [True] * 4


def test_a_direction_that_is_not_known_draws_no_arrow_and_says_so(home, site):
    home.open(site.url + "/")
    site.send(battery_power_w=None, pv_power_w=1234)
    home.look_again()
    home.wait(lambda: "1.23 kW" in words(home), "the reading is not shown")
    home.wait_text(".flow-note", "cannot be told")
    assert home.run("return document.querySelectorAll('.flow .line:not(.off)').length") == 0


def test_a_house_without_a_battery_shows_none(home, site):
    home.open(site.url + "/")
    site.send(battery_power_w=None, battery_soc_pct=None, pv_power_w=1777, export_power_w=1137)
    home.look_again()
    home.wait(lambda: "1.78 kW" in words(home), "the reading is not shown")
    assert "none" in words(home)
    assert home.text(".flow-note") == ""


@pytest.mark.parametrize(
    ("pv", "battery", "load", "export", "shown", "lines"),
    [
        # From the house to the grid, to the battery, and to both; with the sun's own beside it.
        (0, 0, -1200, 1200, "\N{MINUS SIGN}1.20 kW", {"grid-house": -1200}),
        (0, 700, -700, 0, "\N{MINUS SIGN}700 W", {"battery-house": -700}),
        (0, 400, -1000, 600, "\N{MINUS SIGN}1.00 kW", {"grid-house": -600, "battery-house": -400}),
        (2000, 0, -500, 2500, "\N{MINUS SIGN}500 W", {"solar-grid": 2000, "grid-house": -500}),
        (0, -800, -300, 1100, "\N{MINUS SIGN}300 W", {"battery-grid": 800, "grid-house": -300}),
        (0, 0, -5, 5, "\N{MINUS SIGN}5 W", {"grid-house": -5}),
    ],
)
def test_a_house_that_feeds_in_is_drawn_and_written_as_that(
    home, site, pv, battery, load, export, shown, lines
):
    home.open(site.url + "/")
    site.send(pv_power_w=pv, battery_power_w=battery, load_power_w=load, export_power_w=export)
    home.look_again()
    home.wait(lambda: shown in words(home).splitlines(), f"{shown} is not shown")
    assert "feeding in" in words(home)
    home.wait_text(".flow-note", "another generator")
    names = ["solar-grid", "solar-house", "solar-battery", "grid-house", "grid-battery",
             "battery-grid", "battery-house"]  # fmt: skip
    drawn = home.run(
        "return [...document.querySelectorAll('.flow .line')].map((n) => Number(n.dataset.w))"
    )
    assert {name: w for name, w in zip(names, drawn, strict=True) if w} == lines
    label = home.run("return document.querySelector('.flow').getAttribute('aria-label')")
    assert f"House feeding in {shown}" in label.replace("\u00a0", " ")


MIDDLES = """
    return [...document.querySelectorAll('.flow g[transform^=translate]')].map((texts) => {
        const box = texts.getBoundingClientRect();
        const circle = texts.parentNode.querySelector('circle').getBoundingClientRect();
        return box.top + box.height / 2 - circle.top - circle.height / 2;
    });
"""


def test_words_stand_in_the_middle_of_their_circles(home, site):
    home.open(site.url + "/")
    site.send()
    home.look_again()
    home.wait(lambda: "640 W" in words(home), "the reading is not shown")
    assert home.run(MIDDLES) == pytest.approx([0] * 4, abs=6)


@pytest.mark.parametrize("load", [0, 4, -4])
def test_next_to_nothing_is_no_feeding_in(home, site, load):
    home.open(site.url + "/")
    site.send(pv_power_w=1999, battery_power_w=0, load_power_w=load, export_power_w=1999 - load)
    home.look_again()
    home.wait(lambda: "2.00 kW" in words(home), "the reading is not shown")
    assert "feeding in" not in words(home)
    assert home.text(".flow-note") == ""


def test_fresh_readings_are_green_and_old_ones_say_where_they_wait(
    page, site, databases, https_server
):
    url = databases.migrated("Europe/Berlin")
    own = Site(https_server(DATABASE_URL=url, CACHE_TTL_S="1", **SETTINGS), url)
    own.send(ts=datetime.now(UTC) - timedelta(seconds=100))
    page.log_in(own.url + "/", ONE)
    page.wait_text("#freshness", "waiting for readings")
    assert page.run("return document.querySelector('#freshness').dataset.colour") == "amber"
    assert "not live" in page.text(".as-of")
    own.report()
    page.open(own.url + "/")
    page.wait_text("#freshness", "Wi-Fi stick")
    own.report(waiting=40)
    page.open(own.url + "/")
    page.wait_text("#freshness", "waiting for the box at home to catch up")
    own.send()
    page.wait(
        lambda: page.run("return document.querySelector('#freshness').dataset.colour") == "green",
        "not green again",
    )
    assert page.all(".as-of:not([hidden])") == []


def test_a_reading_long_past_is_red(page, databases, https_server):
    url = databases.migrated("Europe/Berlin")
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    own.send(ts=datetime.now(UTC) - timedelta(days=3))
    page.log_in(own.url + "/", ONE)
    page.wait_text("#freshness", "days ago")
    then = (datetime.now(UTC) - timedelta(days=3)).astimezone(ZoneInfo("Europe/Berlin"))
    for told in (".as-of", ".verdict"):
        assert f"{then.day} {then:%b}"[:6] in page.text(told), "a time alone is one of today"
    assert page.run("return document.querySelector('#freshness').dataset.colour") == "red"


def test_a_server_that_stops_is_told_and_its_return_too(home, site):
    home.open(site.url + "/")
    home.wait(lambda: "3.21 kW" in words(home), "the reading is not shown")
    site.server.stop()
    try:
        home.wait_text("#away", "The server cannot be reached. What is shown here is as of")
        assert "last reading" in home.text("#freshness")
        assert "3.21 kW" in words(home)
    finally:
        site.server.start()
    site.send(pv_power_w=2222)
    home.look_again()
    home.wait(lambda: "2.22 kW" in words(home), "it does not recover")
    assert home.text("#away") == ""
    home.console()  # that it could not connect, stands there


def test_a_page_opened_while_the_server_is_away_starts_when_it_is_back(home, site):
    home.command("Network.enable")
    home.command("Network.setBlockedURLs", urls=["*/v1/*"])
    home.open(site.url + "/")
    home.wait_text("main", "Trying again")
    home.command("Network.setBlockedURLs", urls=[])
    home.wait(lambda: home.all(".flow"), "it does not start")


def test_today_goes_on_with_the_next_day_at_midnight(home, site):
    home.open(site.url + "/")
    home.wait_text("#today", "Today")
    before = home.text("#today")
    home.run(
        "const real = window.fetch; window.fetch = async (...a) => {"
        " const answer = await real(...a), headers = new Headers(answer.headers);"
        " headers.set('Date', new Date(Date.now() + 864e5).toUTCString());"
        " return new Response(answer.body, { status: answer.status, headers }); }"
    )
    home.wait(
        lambda: home.text("#today") not in ("", before), "still the day before", 30
    )  # fmt: skip
