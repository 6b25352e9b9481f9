"""What the page asks for again, and what it does not: a question that is wrong stays wrong."""

import re

import pytest

from tests.browser.views import VIEWS, go
from tests.support.parameters import unknown

FAST = """
    const [every, now] = [setInterval, performance.now.bind(performance)], begun = now();
    window.setInterval = (f, ms) => every(f, ms / 30);
    performance.now = () => begun + (now() - begun) * 30;
"""
ANSWERED = """
    window.asked = 0;
    window.really = window.fetch;
    window.fetch = (url, ...more) => {
        if (!url.startsWith('PATH')) return window.really(url, ...more);
        window.asked++;
        return Promise.resolve(new Response('{"detail": "STATUS it is"}', { status: STATUS }));
    };
"""
LONG_MS = 60_000  # of the page's clock: twelve ticks, four tries


def answered(page, path: str, status: int):
    """Let questions of this path be answered so, and the page's clock run fast."""
    return page.prepared(FAST + ANSWERED.replace("PATH", path).replace("STATUS", str(status)))


def asked_in_a_long_time(page) -> int:
    page.run("window.asked = 0; window.since = performance.now()")
    page.wait(
        lambda: page.run("return performance.now() - window.since > arguments[0]", LONG_MS),
        "the clock stands still",
    )
    return page.run("return window.asked")


@pytest.mark.parametrize(
    "query",
    [
        "view=day&date=2001-01-01",
        "view=day&date=9999-12-31",
        "view=month&date=2001-01-01",
        "view=year&date=1999-01-01",
    ],
)
def test_a_date_that_the_server_refuses_is_told_and_not_asked_for_again(home, site, query):
    with home.prepared(FAST):
        home.open(f"{site.url}/?{query}")
        home.wait_text(".notice", "a date like 2026-03-29, from 2009-12-31 on")
        home.requests()
        asked_in_a_long_time(home)
        assert "again" not in home.text(".notice")
        asked = [r["url"] for r in home.requests() if "/v1/" in r["url"]]
        assert len(asked) > 3
        assert not [url for url in asked if re.search(r"/v1/(series|gaps)", url)]
    home.console()  # that it was refused, stands there


def test_what_the_page_links_to_is_known_to_the_server(home, site):
    links = "return [...document.querySelectorAll('a[href*=\"/v1/\"]')].map((link) => link.href)"
    found = set()
    home.open(f"{site.url}/")
    for address in VIEWS.values():
        go(home, address)
        found |= set(home.run(links))
    assert len(found) > 4, "the CSV of each view"
    assert not [link for link in found if unknown(link)]
    asked = home.requests()
    assert len({one["url"].partition("?")[0] for one in asked if "/v1/" in one["url"]}) > 8


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422])
def test_what_is_refused_is_told_and_not_asked_for_again(home, site, status):
    with answered(home, "/v1/series", status):
        home.open(f"{site.url}/?view=month&date=2026-10-01")
        home.wait_text(".notice", f"The server says: {status} it is.")
        assert asked_in_a_long_time(home) == 0
        assert "again" not in home.text(".notice")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_may_pass_is_asked_for_again(home, site, status):
    with answered(home, "/v1/series", status):
        home.open(f"{site.url}/?view=month&date=2026-10-01")
        home.wait_text(".notice", "trying again")
        assert asked_in_a_long_time(home) > 1


def test_one_refusal_does_not_hold_up_what_may_pass(home, site):
    with answered(home, "/v1/gaps", 422):
        home.command("Network.enable")
        home.command("Network.setBlockedURLs", urls=["*bucket=1d*"])
        try:
            home.open(f"{site.url}/?view=day&date=2026-10-24")
            home.wait_text(".notice", "trying again")
        finally:
            home.command("Network.setBlockedURLs", urls=[])
        home.wait_text(".tiles", "kWh")
        home.wait_text(".notice", "The server says: 422 it is.")
        assert "again" not in home.text(".notice")
    home.console()


def test_a_newest_reading_that_is_refused_is_asked_for_once_more_elsewhere(home, site):
    with answered(home, "/v1/realtime", 403):
        home.open(site.url + "/")
        home.wait_text("#freshness", "The server says: 403 it is")
        assert asked_in_a_long_time(home) == 0
        assert "again" not in home.text("#freshness")
        home.click("[data-keep=tab-history]")
        home.wait(lambda: home.run("return window.asked") == 1, "it is not asked once more")
        home.run("window.fetch = window.really")
        home.click("[data-keep=view-now]")
        home.wait_text("#freshness", "last reading")


def test_that_there_is_no_reading_any_more_is_no_refusal(home, site):
    with answered(home, "/v1/realtime", 404):
        home.open(site.url + "/")
        home.wait_text("#freshness", "no reading yet")
        assert asked_in_a_long_time(home) > 1
        home.run("window.fetch = window.really")
        home.wait_text("#freshness", "last reading")


def test_a_list_of_devices_that_is_refused_ends_it(home, site):
    with answered(home, "/v1/devices", 400):
        home.open(site.url + "/")
        home.wait_text("main", "Nothing can be shown: 400 it is.")
        assert asked_in_a_long_time(home) == 0
