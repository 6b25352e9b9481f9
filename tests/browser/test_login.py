"""Login and logout, as the owner does them."""

import requests

from tests.browser.conftest import BOTH, DEVICE, KEY, ONE, SECOND, SETTINGS, Site

VIEWS = "#views a"


def enter(page, token: str) -> None:
    field = page.wait(lambda: page.all("#token"), "no login")[0]
    field.clear()
    field.send_keys(token)
    page.click("form button")


def test_a_read_token_is_entered_once_and_the_browser_stays_logged_in(page, site):
    page.open(site.url + "/")
    enter(page, ONE)
    page.wait(lambda: page.all(VIEWS), "not logged in")
    page.open(site.url + "/?view=month")
    page.wait_text("h1", "20")
    assert not page.all("#token")


def test_the_token_is_in_no_address_and_no_storage_of_the_browser(page, site):
    page.log_in(site.url + "/", ONE)
    assert ONE not in page.run("return location.href")
    kept = page.run(
        "return JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage),"
        " document.cookie])"
    )
    assert kept == '[[],[],""]'
    assert not [request for request in page.requests() if ONE in request["url"]]


def test_a_wrong_token_is_told_and_another_can_be_tried(page, site):
    page.open(site.url + "/")
    enter(page, "nobody")
    page.wait_text("[role=alert]", "does not know this token")
    enter(page, ONE)
    page.wait(lambda: page.all(VIEWS), "not logged in")


def test_a_devices_token_is_refused_with_the_reason(page, site):
    page.open(site.url + "/")
    enter(page, "device-token")
    page.wait_text("[role=alert]", "device")


def test_logout_leads_to_the_login_and_nothing_can_be_read_any_more(page, site):
    page.log_in(site.url + "/", ONE)
    page.click("#logout")
    page.click("#log-out-yes")
    page.wait(lambda: page.all("#token"), "no login")
    page.open(site.url + "/?view=system")
    page.wait(lambda: page.all("#token"), "no login")
    assert page.text("#views") == ""


def test_a_link_from_elsewhere_leads_to_its_view_for_who_is_logged_in(page, site):
    page.log_in(site.url + "/", ONE)
    # Such a request carries no strict cookie, so the frame itself cannot know of the session.
    page.open("about:blank")
    page.run("location.href = arguments[0]", site.url + "/?view=day&date=2026-03-29")
    page.wait_text("h1", "29 March 2026")


def test_a_session_whose_token_was_revoked_leads_to_the_login(
    page, https_server, house_url, tmp_path
):
    tokens = tmp_path / "tokens"
    tokens.write_text(f"one:{DEVICE},other:{DEVICE}")
    tokens.chmod(0o600)
    server = https_server(
        DATABASE_URL=house_url, SECRET_KEY=KEY, READ_TOKENS="", READ_TOKENS_FILE=str(tokens)
    )
    page.log_in(server.url + "/", "one")
    page.wait_text("#freshness", "reading")
    tokens.write_text(f"other:{DEVICE}")
    page.wait(lambda: page.all("#token"), "still logged in")


def test_a_token_of_several_devices_offers_to_choose(page, site):
    page.log_in(site.url + "/?view=day&date=2026-03-29", BOTH)
    page.wait(lambda: page.all("#chooser option"), "nothing to choose")
    assert [option.text for option in page.all("#chooser option")] == [SECOND, DEVICE]
    page.run(
        "const s = document.querySelector('#chooser select'); s.value = arguments[0];"
        " s.dispatchEvent(new Event('change'))",
        DEVICE,
    )
    page.wait(
        lambda: f"device={DEVICE}" in page.run("return location.search"), "not in the address"
    )
    assert "date=2026-03-29" in page.run("return location.search")
    page.wait_text("[data-figure=pv_kwh]", "kWh")


def test_a_device_that_never_sent_anything_has_words_in_every_view(page, site):
    page.log_in(f"{site.url}/?device={SECOND}", BOTH)
    page.wait_text("#freshness", "no reading yet")
    for view in ("day", "month", "year", "all", "system"):
        page.open(f"{site.url}/?view={view}&device={SECOND}")
        page.wait_text("main", "reading")
    assert page.console() == []


def test_the_first_reading_of_a_device_appears_by_itself(page, databases, https_server):
    own = Site(https_server(DATABASE_URL=databases.migrated(), **SETTINGS), "")
    page.log_in(own.url + "/", ONE)
    page.wait_text("#freshness", "no reading yet")
    own.send(pv_power_w=4321)
    page.wait_text(".flow", "4.32 kW")


def test_the_frame_holds_no_data(site):
    frame = requests.get(site.url + "/", verify=site.server.certificate.ca, timeout=10)
    assert frame.status_code == 200
    assert SECOND not in frame.text
    assert "READ_TOKENS" not in frame.text
