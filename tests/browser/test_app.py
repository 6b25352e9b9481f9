"""The page as an app: it opens without a network, and forgets all when someone logs out."""

import json
import re
from datetime import UTC, datetime

import pytest
import requests

from server.auth import pairings
from tests.browser.browser import DESKTOP, MISSING, PHONE, browser
from tests.browser.conftest import DEVICE, ONE, SECOND, SETTINGS
from tests.browser.test_shape import violations

KEPT = (
    "const done = arguments[arguments.length - 1];"
    "caches.keys().then((names) => Promise.all(names.map((name) => caches.open(name).then((c) =>"
    " c.keys()).then((all) => all.map((r) => new URL(r.url).pathname)))))"
    ".then((found) => done(found.flat()))"
)


@pytest.fixture(scope="module")
def keeping(tmp_path_factory):
    """A browser with service workers."""
    if MISSING:
        pytest.skip(MISSING)
    with browser(tmp_path_factory.mktemp("keeping")) as opened:
        yield opened


def kept(page) -> set[str]:
    return set(page.driver.execute_async_script(KEPT))


def test_it_opens_without_a_network_as_of_its_last_visit_and_recovers(keeping, site):
    page = keeping
    site.send()
    page.log_in(site.url + "/", ONE)
    page.wait_text(".flow", "3.21 kW")
    page.open(site.url + "/?view=system")
    page.wait_text("#server + dl", "this page opens")
    page.open(site.url + "/?view=month&date=2026-10-01")
    page.wait_text("main", "Sat 24 Oct")
    page.wait(lambda: "/v1/series" in kept(page), "its answers are not kept")
    page.wait(lambda: "/" in kept(page), "the frame is not kept")
    for name in ("day_chart.js", "words.battery.en.js", "battery.css"):
        page.wait(lambda: any(path.endswith(name) for path in kept(page)), name)  # noqa: B023
    assert not [path for path in kept(page) if re.search(r"words\.(de|fr|nl)", path)]
    page.console()
    site.server.stop()
    try:
        page.open(site.url + "/")
        page.wait_text(".flow", "3.21 kW")
        page.wait_text("#away", "The server cannot be reached. What is shown here is as of")
        assert page.run("return document.querySelector('#freshness').dataset.colour") == "red"
        assert page.run("return document.body.classList.contains('is-kept')")
        assert page.run("return document.title").startswith("Now")
        page.open(site.url + "/?view=month&date=2026-10-01")
        page.wait_text("main", "Sat 24 Oct")
        assert violations(page) == []
        page.open(site.url + "/?view=year&date=2026-10-01")  # never seen: and that is said
        page.wait_text("#away", "The server cannot be reached")
        page.wait_text(".notice", "What has a dashed frame is not known here yet.")
        full = "return [...document.querySelectorAll('.rings .arc')].map((n) => getComputedStyle(n)"
        lengths = page.run(f"{full}.strokeDasharray).map(parseFloat)")
        assert lengths == [0, 0], "a ring of what is not known is drawn"
        page.open(site.url + "/?view=battery")  # neither: but its words are kept
        page.wait_text(".battery-verdict", "Not loaded")
        page.open(site.url + "/")
        page.wait_text("#away", "as of")
    finally:
        site.server.start()
    site.send(pv_power_w=2222)
    page.wait_text(".flow", "2.22 kW", 40)
    page.wait(lambda: not page.text("#away"), "it still says that it is of the past")


def test_what_is_not_known_without_a_network_is_not_called_missing_and_its_frame_crosses_nothing(
    keeping, site
):
    page = keeping
    site.send()
    page.log_in(site.url + "/?view=system", ONE)
    page.wait_text("#server + dl", "this page opens")
    page.open(site.url + "/?view=system")  # the first visit had no worker
    page.wait(lambda: {"/v1/devices", "/health"} <= kept(page), "its answers are not kept")
    site.server.stop()
    try:
        page.open(site.url + "/?view=system")
        page.wait_text("#server + dl", "this page opens")
        page.open(site.url + "/")
        page.wait(lambda: page.all(".strip-box"), "no view")
        page.run("document.querySelector('.strip-box').scrollIntoView()")
        page.wait_text(".strip-box", "Not known just now")
        page.resize(PHONE)
        page.open(site.url + "/?view=year&date=2026-10-01")
        page.wait_text(".notice", "What has a dashed frame is not known here yet.")
        framed = (
            "return ['.chart-box:has(+ .on-phone)', '.chart-box + .on-phone'].map((one) =>"
            " getComputedStyle(document.querySelector(`main ${one}`)).outlineStyle)"
        )
        assert page.run(framed) == ["none", "dashed"]
    finally:
        page.resize(DESKTOP)
        site.server.start()
    page.console()


def test_logging_out_empties_what_was_kept(keeping, site):
    page = keeping
    page.open(site.url + "/")
    page.wait(lambda: page.all("#token, #logout:not([hidden])"), "nothing")
    if page.all("#token"):
        page.log_in(site.url + "/", ONE)
    page.wait(lambda: "/v1/realtime" in kept(page), "nothing is kept")
    page.click("#logout")
    page.click("#log-out-yes")
    page.wait(lambda: page.all("#token"), "no login")
    page.wait(lambda: kept(page) == set(), "something is kept")


def test_a_session_that_is_over_empties_it_too(keeping, https_server, house_url, tmp_path):
    page, tokens = keeping, tmp_path / "tokens"
    tokens.write_text(f"one:{DEVICE}")
    tokens.chmod(0o600)
    settings = {**SETTINGS, "READ_TOKENS": "", "READ_TOKENS_FILE": str(tokens)}
    server = https_server(DATABASE_URL=house_url, **settings)
    page.log_in(server.url + "/", "one")
    page.wait(lambda: "/v1/realtime" in kept(page), "nothing is kept")
    tokens.write_text(f"other:{DEVICE}")
    page.wait(lambda: page.all("#token"), "still logged in")
    page.wait(lambda: kept(page) == set(), "something is kept")


def test_where_there_is_no_worker_system_says_why_and_all_else_works(home, site):
    home.open(site.url + "/?view=system")
    home.wait_text("#server + dl", "not in this browser")
    home.wait_text("main", "SH4.0RS")


def test_the_manifest_and_its_icons(site):
    def get(path: str) -> requests.Response:
        return requests.get(site.url + path, verify=site.server.certificate.ca, timeout=10)

    frame = get("/").text
    folder = re.search(r"/static/\w+/", frame)[0]
    manifest = json.loads(get(folder + "page.en.webmanifest").text)
    assert f'rel="manifest" href="{folder}page.en.webmanifest"' in frame
    german = json.loads(get(folder + "page.de.webmanifest").text)
    assert [one["name"] for one in german["shortcuts"]] == ["Verlauf", "System"]
    assert german.keys() == manifest.keys()
    assert (german["id"], german["lang"]) == ("/", "de")
    assert (manifest["id"], manifest["scope"]) == ("/", "/")
    assert {icon.get("purpose") for icon in manifest["icons"]} == {None, "maskable"}
    for icon in manifest["icons"]:
        answer = get(folder + icon["src"])
        assert answer.headers["Content-Type"] == icon["type"]
        if icon["type"] == "image/png":
            assert f"{png_width(answer.content)}x{png_width(answer.content)}" == icon["sizes"]
    for path in ("/favicon.ico", "/apple-touch-icon.png", "/apple-touch-icon-precomposed.png"):
        assert png_width(get(path).content) == 180
    assert f'href="{folder}icon-180.png"' in frame
    colours = re.findall(r'theme-color" content="(#\w+)"', frame)
    style = get(folder + "page.css").text
    assert colours == re.findall(r"--ground: (#\w+);", style)[:2]


def png_width(content: bytes) -> int:
    assert content.startswith(b"\x89PNG")
    return int.from_bytes(content[16:20], "big")


def test_a_link_that_was_used_says_so_and_leaves_no_code_in_the_address(page, site):
    page.open(site.url + "/#pair=some-code")
    page.wait_text("[role=alert]", "This link was used already")
    assert page.run("return location.hash") == ""
    page.console()  # that it was refused, stands there


def test_on_a_wall_there_is_the_view_alone_and_the_screen_stays_on(home, site):
    with home.prepared(
        "window.awake = 0; Object.defineProperty(navigator, 'wakeLock',"
        " { value: { request: async () => { window.awake++; } } });"
    ):
        home.open(site.url + "/?kiosk")
        home.wait_text(".flow", "kW")
        home.wait(lambda: home.run("return window.awake") == 1, "the screen goes off")
        shown = "return ['.top', '#views', '#segments', 'footer'].filter((name) =>"
        assert home.run(f"{shown} document.querySelector(name).offsetHeight > 0)") == []
        assert violations(home) == []


def test_the_title_has_the_power_of_now_and_other_views_have_their_names(home, site):
    home.open(site.url + "/")
    home.wait(lambda: home.run("return document.title") == "3.21\u00a0kW · Solar", "no power")
    home.click("[data-keep=tab-history]")
    home.wait(lambda: "· Solar" not in home.run("return document.title"), "still the power")


def test_an_unknown_house_is_said_and_the_last_choice_opens(page, site):
    site.send()
    page.log_in(site.url + "/", "read-both")
    page.open(site.url + "/?device=nobody")
    page.wait_text("main", "“nobody”, which this login does not show")
    assert page.all("#token") == []
    assert not page.all(".flow")
    page.click("main li:last-child a")
    page.wait_text("#freshness", "last reading")
    page.open(site.url + "/")
    page.wait(lambda: page.all("#chooser option:checked"), "nothing to choose from")
    assert page.text("#chooser option:checked") == DEVICE
    page.run(
        "const s = document.querySelector('#chooser select'); s.value = arguments[0];"
        " s.dispatchEvent(new Event('change'))",
        SECOND,
    )
    page.wait_text("#freshness", "no reading yet")
    page.open(site.url + "/")
    page.wait_text("#freshness", "no reading yet")
    page.run("localStorage.clear()")


def test_a_link_logs_a_phone_in_once(page, https_server, house_url, tmp_path):
    path = tmp_path / "pairings"
    server = https_server(DATABASE_URL=house_url, PAIRINGS_PATH=str(path), **SETTINGS)
    code = "a-code-of-the-tests"
    pairings.add(path, code, pairings.digest(ONE), datetime.now(UTC))
    page.open(f"{server.url}/?view=month&date=2026-10-01#pair={code}")
    page.wait_text("h1", "October 2026")
    assert page.run("return location.href").endswith("/?view=month&date=2026-10-01")
    assert not [request for request in page.requests() if code in request["url"].partition("#")[0]]
    page.command("Network.clearBrowserCookies")
    page.open("about:blank")
    page.open(f"{server.url}/#pair={code}")
    page.wait_text("[role=alert]", "This link was used already")
    page.console()  # that it was refused, stands there
