"""What the page knows and how old that is: after sleep, in an upgrade, with parts failing."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.browser.conftest import ONE, SETTINGS, Site
from tests.browser.views import FOLLOW, VIEWS, go

HIDE = (
    "Object.defineProperty(document, 'hidden', { value: %s, configurable: true });"
    "document.dispatchEvent(new Event('visibilitychange'));"
)
COLOUR = "return document.querySelector('#freshness').dataset.colour"
# A network that takes for ever, and counts what was given up.
STUCK = (
    "window.asked = []; window.fetch = (url, options) => new Promise((_, no) => {"
    " window.asked.push([url, false]); const mine = window.asked[window.asked.length - 1];"
    " options.signal.addEventListener('abort', () => { mine[1] = true;"
    " no(new DOMException('', 'AbortError')); }); });"
)
LATER = "const now = Date.now; Date.now = () => now() + %d * 1000;"


@pytest.mark.parametrize("most_s", [75, 8 * 3600])
def test_who_comes_back_sees_at_once_how_old_all_is(home, site, most_s):
    """Before anything was asked, and although a request of before the sleep never ends."""
    local = datetime.now(ZoneInfo(SETTINGS["SITE_TIMEZONE"]))
    # Tomorrow the page opens another day, of which it knows nothing.
    seconds = min(most_s, 86_400 - 60 - (local.hour * 3600 + local.minute * 60))
    home.open(site.url + "/")
    home.wait_text("#freshness", "last reading")
    assert home.run(COLOUR) == "green"
    home.run(STUCK)
    home.wait(lambda: home.run("return window.asked.length"), "nothing is asked", 15)
    home.run(HIDE % "true")
    home.run(LATER % seconds)
    shown = home.run(
        HIDE % "false" + "return [document.querySelector('#freshness').dataset.colour,"
        " document.querySelector('.as-of').hidden,"
        " document.querySelector('.flow-box').classList.contains('stale'), document.title]"
    )
    assert shown[0] in ("amber", "red")
    assert shown[1:3] == [False, True]
    assert "kW" not in shown[3]
    asked = home.run("return window.asked")
    assert asked[0][1], "the request of before the sleep is still under way"
    assert [url for url, is_given_up in asked if "realtime" in url and not is_given_up]


def test_that_there_is_no_reading_is_not_said_before_it_is_known(home, site):
    held = (
        "const real = fetch; window.fetch = (url, ...more) =>"
        " url.startsWith('/v1/realtime') ? new Promise(() => 0) : real(url, ...more);"
    )
    with home.prepared(held):
        home.open(site.url + "/")
        home.wait_text(".gap-list", "gap")
        assert home.run("return document.querySelector('#freshness').textContent") == ""


def test_the_age_is_counted_without_any_answer(home, site):
    home.open(site.url + "/")
    home.wait_text("#freshness", "last reading")
    home.run(STUCK)
    home.run(LATER % 40)
    home.wait(lambda: home.run(COLOUR) == "amber", "it stays green")
    assert home.all(".as-of:not([hidden])")


def test_a_page_left_open_over_an_upgrade_loads_again_at_the_next_view(home, site):
    home.open(site.url + "/")
    home.wait_text("#freshness", "last reading")
    home.run(
        "window.before = true; const real = window.fetch; window.fetch = async (...a) => {"
        " const answer = await real(...a), headers = new Headers(answer.headers);"
        " headers.set('X-Page-Version', 'another');"
        " return new Response(answer.body, { status: answer.status, headers }); }"
    )
    site.send(pv_power_w=2468)
    home.wait_text(".flow", "2.47 kW")
    assert home.run("return window.before"), "nobody is disturbed meanwhile"
    home.click("[data-keep=tab-history]")
    home.wait(lambda: home.run("return !window.before && location.search"), "not loaded again")
    home.wait_text("h1", "20")
    assert home.run("return location.search") == "?view=day"
    home.run("sessionStorage.clear()")


def test_a_page_that_nobody_looks_at_does_so_by_itself(home, site):
    with home.prepared(
        "const later = setTimeout; window.setTimeout = (f, ms) => later(f, ms / 60);"
    ):
        home.open(site.url + "/")
        home.wait_text("#freshness", "last reading")
        home.run(
            "window.before = true; const real = window.fetch; window.fetch = async (...a) => {"
            " const answer = await real(...a), headers = new Headers(answer.headers);"
            " headers.set('X-Page-Version', 'yet another');"
            " return new Response(answer.body, { status: answer.status, headers }); }"
        )
        site.send(pv_power_w=1357)
        home.wait_text(".flow", "1.36 kW")
        home.run(HIDE % "true")
        home.wait(lambda: not home.run("return window.before"), "not loaded again")
        home.run("sessionStorage.clear()")


def test_a_module_that_cannot_be_had_loads_the_page_again_once(home, site):
    home.open(site.url + "/")
    home.wait_text("#freshness", "last reading")
    home.run("window.before = true")
    home.command("Network.enable")
    home.command("Network.setBlockedURLs", urls=["*/capacity_view.js", "*/system_view.js"])
    try:
        home.click("[data-keep=view-system]")
        home.wait(lambda: not home.run("return window.before"), "not loaded again")
        home.wait_text("[role=alert]", "This view could not be loaded")
        home.run("window.before = true")
    finally:
        home.command("Network.setBlockedURLs", urls=[])
    home.click("[role=alert] button")
    home.wait_text("main", "SH4.0RS")
    home.run("sessionStorage.clear()")
    home.console()


def test_back_leads_to_the_place_where_one_was(home, site):
    home.resize((360, 740))
    home.open(f"{site.url}/?view=month&date=2026-10-01")
    home.wait(lambda: home.all("tbody a"), "no table")
    home.run("document.querySelectorAll('tbody a')[1].scrollIntoView({ block: 'center' })")
    place = home.run("return scrollY")
    assert place > 300
    home.run("document.querySelectorAll('tbody a')[1].click()")
    home.wait_text("h1", "Oct")
    assert home.run("return scrollY") < place
    home.driver.back()
    home.wait(lambda: abs(home.run("return scrollY") - place) < 3, "not where it was")


def test_of_many_gaps_ten_are_listed_and_the_others_at_a_tap(home, called):
    home.wait(lambda: home.all("main h1"), "a view that comes later would take the list away")
    home.driver.execute_async_script(
        "const [done] = arguments; const folder = document.querySelector('script[type=module]').src"
        ".replace(/[^/]*$/, ''); import(folder + 'gap_list.js').then(({ GapList }) => {"
        " const gaps = Array.from({ length: 440 }, (_, n) =>"
        " ({ start: n * 180e3, end: n * 180e3 + 60e3, cause: 'edge_down' }));"
        " const list = new GapList(); list.show(gaps, 'UTC', '1970-01-01');"
        " document.querySelector('main').replaceChildren(list.element);"
        " done(); })"
    )
    assert len(home.all(".gaps li")) == 10
    assert home.text("main button") == "Show 430 more"
    home.click("main button")
    assert len(home.all(".gaps li")) == 440
    assert not home.all("main button")
    assert home.run("return document.activeElement.textContent").startswith("00:30")


def test_log_out_asks(home, site):
    home.open(site.url + "/")
    home.click("#logout")
    home.wait_text("dialog", "Log out of this browser?")
    home.click("dialog button")
    home.wait(lambda: not home.all("dialog"), "the question stays")
    assert home.all("#views a")


def test_each_part_looks_as_it_is(home, site):
    home.command("Network.enable")
    home.command("Network.setBlockedURLs", urls=["*/v1/status*"])
    try:
        home.open(f"{site.url}/?view=system")
        home.wait(lambda: home.all("#edge + [data-state=failed]"), "it does not look failed")
        home.wait(lambda: home.all("#server + [data-state=known]"), "it does not look known")
        assert "Everything is well" not in home.text("main")
    finally:
        home.command("Network.setBlockedURLs", urls=[])
    home.wait(lambda: home.all("#edge + [data-state=known]"), "it never comes", 30)
    home.console()


# Each place that is seen and says this.
SAID = """
    const said = [...document.querySelectorAll('body *:not(.unseen)')].filter((n) =>
        n.checkVisibility() && [...n.childNodes].some((c) => c.nodeType === 3 &&
        arguments[0].some((words) => c.data.includes(words))));
    return said.map((n) => n.textContent);
"""
AWAY = ["cannot be reached", "as of", "not live"]


def test_that_the_server_is_away_is_said_once_in_every_view(home, site):
    """Of what was asked for before, and of what is opened meanwhile."""
    site.report()
    home.open(site.url + "/?view=system")
    home.wait(lambda: home.all(".well[data-well]"), "it does not say how all is")
    home.command("Network.enable")
    for name, address in VIEWS.items():
        go(home, address)
        home.command("Network.setBlockedURLs", urls=["*/v1/*", "*/health"])
        home.look_again()
        home.wait(lambda: home.run(SAID, AWAY), "nothing is said")
        (said,) = home.run(SAID, AWAY)
        assert said.startswith("The server cannot be reached. What is shown here is as of"), name
        assert home.all(".notice:not([hidden]) .lacking") == [] or not home.text(".notice"), name
        if name == "system":
            assert home.text(".well").startswith("At "), "as if it were known now"
            assert "old" not in home.text(".well"), "nothing is late that nobody could send"
        home.command("Network.setBlockedURLs", urls=[])
        home.look_again()
        home.wait(lambda: not home.run(SAID, AWAY), "it is not taken back")
    home.command("Network.setBlockedURLs", urls=["*/v1/*", "*/health"])
    try:
        home.run(FOLLOW, VIEWS["month"])
        home.wait_text(".notice", "What has a dashed frame is not known here yet.")
        assert len(home.run(SAID, AWAY)) == 1
        assert "Loading" not in home.text("main"), "as if an answer were under way"
    finally:
        home.command("Network.setBlockedURLs", urls=[])
        home.console()


REPORT = {"received_at": "2099-01-01T00:00:00Z", "clock": "synchronised", "waiting": 0}
STATUS = {"report": {**REPORT, "oldest_unsent_ts": None}, "parked": 0, "newest_parked": []}
LONG_AGO = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("changes", "device", "said"),
    [
        ({}, {"first_ts": LONG_AGO}, []),
        ({}, {"first_ts": None}, ["has not sent a reading yet"]),
        ({"report": None}, {"first_ts": LONG_AGO}, ["has not reported on itself"]),
        ({"report": {**REPORT, "received_at": LONG_AGO}}, {"first_ts": LONG_AGO}, ["power and is"]),
        ({"report": {**REPORT, "clock": "unknown"}}, {"first_ts": LONG_AGO}, ["reaches the"]),
        ({"report": {**REPORT, "waiting": 7, "oldest_unsent_ts": LONG_AGO}},
         {"first_ts": LONG_AGO}, ["7 readings wait at home"]),
        ({"report": {**REPORT, "waiting": 7, "oldest_unsent_ts": "2099-01-01T00:00:00Z"}},
         {"first_ts": LONG_AGO}, []),
        ({"parked": 2, "newest_parked": [{"received_at": "2099-01-01T00:00:00Z"}] * 2},
         {"first_ts": LONG_AGO}, ["2 readings were set aside"]),
        ({"parked": 2, "newest_parked": [{"received_at": LONG_AGO}] * 2},
         {"first_ts": LONG_AGO}, []),
    ],
)  # fmt: skip
def test_what_is_not_well_is_said_with_what_to_do(called, changes, device, said):
    (found,) = called("well", "ofStatus", [[{**STATUS, **changes}, device]])
    sentences = [sentence for sentence in found if sentence]
    assert len(sentences) == len(said)
    for sentence, words in zip(sentences, said, strict=True):
        assert words in sentence


def test_all_is_well_where_it_is(page, databases, https_server):
    url = databases.migrated("Europe/Berlin")
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    own.send()
    own.report()
    page.log_in(own.url + "/?view=system", ONE)
    page.wait_text(".well", "Everything is well")
    own.report(clock="unknown")
    page.open(own.url + "/?view=system")
    page.wait_text(".well", "One thing needs a look")
    assert "does not know the time" in page.text(".well li")
    assert page.console() == []
