"""Who has only keys: reaches all, sees where the focus is, is never caught, and is put back."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.browser import DESKTOP
from tests.browser.conftest import AUTUMN, GAP_DAY
from tests.browser.test_eyes import SMALL_PHONE
from tests.browser.views import VIEWS, go, loaded
from tests.support.quick import short

# What Tab has to stop at: of buttons that arrows lead through, one has the index 0.
STOPS = """
    const all = 'a[href], button, input, select, summary, [tabindex]';
    window.stops = [...document.querySelectorAll(all)].filter((n) => n.tabIndex >= 0 &&
        !n.disabled && !n.closest('.skip') && n.checkVisibility());
    return window.stops.length;
"""
# Where the focus is: its place among them, what cannot be seen of it, and a name for the failure.
HERE = """
    const n = document.activeElement;
    if (n === document.body) return null;
    const { left, right, top, bottom } = n.getBoundingClientRect();
    const { outlineStyle, outlineWidth } = getComputedStyle(n);
    const [x, y] = [(left + right) / 2, (Math.max(top, 1) + Math.min(bottom, innerHeight - 1)) / 2];
    const over = document.elementFromPoint(Math.min(Math.max(x, 1), innerWidth - 1), y);
    const problems = [];
    if (outlineStyle === 'none' || parseFloat(outlineWidth) < 2) problems.push('no outline');
    if (bottom <= 0 || top >= innerHeight) problems.push('off the screen');
    else if (!n.contains(over) && !over?.contains(n)) problems.push('covered');
    return [window.stops.indexOf(n), problems, n.outerHTML.slice(0, 100), y];
"""
WHERE = "const n = document.activeElement; return n.id || n.dataset.keep || n.className"


def tab(page, *, back: bool = False) -> None:
    key = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9, "modifiers": 8 if back else 0}
    page.command("Input.dispatchKeyEvent", type="rawKeyDown", **key)
    page.command("Input.dispatchKeyEvent", type="keyUp", **key)


def press(page, *keys: str) -> None:
    page.driver.switch_to.active_element.send_keys(*keys)


def walk(page) -> tuple[list[int], list]:
    """Press Tab from the top of the page to its end; return the stops and what is wrong there."""
    page.run("document.activeElement.blur(); scrollTo(0, 0)")
    count, reached, wrong = page.run(STOPS), [], []
    for _ in range(count + 12):  # day, month and year of a date are one field
        tab(page)
        here = page.run(HERE)
        if here is None:
            break
        at, problems, name, _ = here
        if at >= 0 and reached[-1:] != [at]:
            reached.append(at)
        if problems:
            wrong.append((name, problems))
    return reached, wrong


SIZES = [SMALL_PHONE, DESKTOP]


@pytest.mark.parametrize(
    ("name", "size"), short([(name, size) for name in VIEWS for size in SIZES], every=3)
)
def test_tab_stops_at_every_control_in_turn_and_each_stop_is_seen(home, site, name, size):
    home.resize(size)
    home.open(site.url + VIEWS[name])
    loaded(home)
    home.run("document.documentElement.style.scrollBehavior = 'auto'")
    reached, wrong = walk(home)
    count = home.run(STOPS)
    assert wrong == []
    assert reached == list(range(count)), "something is left out, or out of its turn"


def test_the_login_is_filled_in_by_keys(page, site):
    page.open(site.url + "/")
    page.wait(lambda: page.all("#token"), "no login")
    assert page.run(WHERE) == "token", "the one field has the focus"
    assert walk(page)[1] == []


def test_more_closes_when_the_focus_leaves_it_and_log_out_gives_it_back(home, site):
    home.resize(SMALL_PHONE)
    home.open(site.url + "/")
    loaded(home)
    is_hidden = "return document.querySelector('#sheet').hidden"
    home.run("document.querySelector('#more').focus()")
    press(home, Keys.ENTER)
    count = home.run("return document.querySelectorAll('#sheet a, #sheet button').length")
    for _ in range(count):
        assert home.run("return document.activeElement.closest('#sheet') !== null")
        tab(home)
    assert home.run(is_hidden), "it stays over what has the focus"
    home.run("document.querySelector('#more').focus()")
    press(home, Keys.ENTER)
    home.run("document.querySelector('#sheet button').focus()")
    press(home, Keys.ENTER)
    home.wait(lambda: home.all("dialog[open]"), "it does not ask")
    press(home, Keys.ESCAPE)
    home.wait(lambda: not home.all("dialog"), "the question stays")
    assert home.run(WHERE) == "more"


@pytest.mark.parametrize(
    ("view", "opener", "inside"),
    [
        (f"/?view=day&date={AUTUMN}", "[data-keep=pick]", ".picker-days"),
        (f"/?view=day&date={AUTUMN}", ".curve-card .full-size", "svg.chart"),
        ("/", ".rings .info", "button"),
        ("/", "#logout", "button"),
    ],
)
def test_escape_closes_what_a_key_opened_and_gives_the_focus_back(home, site, view, opener, inside):
    home.open(site.url + view)
    loaded(home)
    home.run("document.querySelector(arguments[0]).focus()", opener)
    before = home.run(WHERE)
    press(home, Keys.ENTER)
    home.wait(lambda: home.all(f"dialog[open] {inside}"), "nothing opens")
    for _ in range(3):
        tab(home)
    caught = "return document.activeElement === document.body || !!document.activeElement.closest"
    assert home.run(f"{caught}('dialog')"), "what is behind it has the focus"
    home.run("document.querySelector(arguments[0]).closest('dialog')", f"dialog {inside}")
    home.run("document.querySelector('dialog button, dialog svg.chart').focus()")
    press(home, Keys.ESCAPE)
    home.wait(lambda: not home.all("dialog"), "it stays open")
    assert home.run(WHERE) == before


def test_escape_lets_go_of_a_place_in_a_chart_and_then_closes_it(home, site):
    home.open(f"{site.url}/?view=day&date={AUTUMN}")
    loaded(home)
    home.click(".curve-card .full-size")
    home.wait(lambda: home.all("dialog.full[open] svg.chart .area"), "not on all of the screen")
    press(home, Keys.HOME)
    home.wait(lambda: home.text(".full .readout"), "nothing is read out")
    press(home, Keys.ESCAPE)
    assert home.all("dialog.full")
    assert home.text(".full .readout") == ""
    press(home, Keys.ESCAPE)
    home.wait(lambda: not home.all("dialog"), "the keys of the chart keep it open")


def test_arrows_lead_through_the_days_and_page_keys_through_the_months(home, site):
    home.open(f"{site.url}/?view=day&date={AUTUMN}")
    loaded(home)
    home.click(".pick")
    home.wait(lambda: home.all(".picker-days"), "no days")
    date = "return document.activeElement.dataset.date"
    assert home.run(date) == AUTUMN
    press(home, Keys.ARROW_LEFT)
    assert home.run(date) == GAP_DAY
    press(home, Keys.PAGE_UP)
    assert home.run(date).startswith("2026-09")
    press(home, Keys.PAGE_DOWN)
    assert home.run(date).startswith("2026-10")
    press(home, Keys.HOME)
    assert home.run(date) == "2026-10-01"
    press(home, Keys.ENTER)
    home.wait(lambda: "date=2026-10-01" in home.run("return location.search"), "not gone to")
    go(home, VIEWS["now"])
