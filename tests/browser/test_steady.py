"""Every view: nothing jumps whatever comes when, all can be hit, and a checker finds nothing.

The views are gone through within one page wherever a cold start is not what is looked at.
"""

import pytest

from tests.browser.browser import DESKTOP
from tests.browser.conftest import AUTUMN, ONE
from tests.browser.held import each_of, held
from tests.browser.test_eyes import SHIFTS, SMALL, SMALL_PHONE
from tests.browser.test_shape import axe
from tests.browser.views import VIEWS, go, loaded

MOST_SHIFT = 0.05
MOST_TOP_PX = 740
MORE_DAYS = {
    "long day": f"/?view=day&date={AUTUMN}",
    "empty day": "/?view=day&date=2026-01-01",
    "unknown house": "/?device=nobody",
}
LANGUAGES = {"en-GB": "Now", "de-DE": "Jetzt", "nl-NL": "Nu", "fr-FR": "Maintenant"}


@pytest.mark.parametrize(
    ("size", "is_last"), [(SMALL_PHONE, False), (DESKTOP, True)], ids=["phone", "desktop"]
)
def test_nothing_jumps_whichever_answer_comes_first(page, site, size, is_last):
    """From nothing in the cache, each answer is painted before the next one comes."""
    site.send()
    page.resize(size)
    page.log_in(site.url + "/", ONE)
    jumps, tops = {}, {}
    with held(page, SHIFTS):
        for name, address in VIEWS.items():
            site.send()
            page.command("Network.clearBrowserCache")
            page.open(site.url + address)
            page.wait(lambda: page.all("main h1"), "nothing")
            answers = list(each_of(page, last=is_last))
            loaded(page)
            shifts = page.run("return window.shifts")
            if sum(shift[0] for shift in shifts) >= MOST_SHIFT:
                jumps[name] = shifts
            assert answers, name
            if name in ("now", "day"):
                tops[name] = page.run(
                    "return document.querySelector('svg.chart').getBoundingClientRect().top"
                )
    assert jumps == {}
    assert max(tops.values()) < MOST_TOP_PX


def test_the_login_does_not_jump_either(page, site):
    page.resize(SMALL_PHONE)
    with held(page, SHIFTS):
        page.command("Network.clearBrowserCache")
        page.open(site.url + "/")
        page.wait(lambda: page.all("#token"), "no login")
        assert sum(shift[0] for shift in page.run("return window.shifts")) < MOST_SHIFT
        assert page.run(SMALL) == []


def test_every_control_of_every_view_can_be_hit_by_a_finger(home, site):
    home.resize(SMALL_PHONE)
    home.open(site.url + "/")
    small = {}
    for name, address in VIEWS.items():
        go(home, address)
        home.open_all()
        home.wait(lambda: not home.all("main [data-state=loading]"), "it never ends to load", 60)
        if found := home.run(SMALL):
            small[name] = found
    for control in (".tile .info", "#more"):
        go(home, VIEWS["day"])
        home.run("document.querySelector(arguments[0]).click()", control)
        home.wait(lambda: home.all("dialog button, #sheet:not([hidden]) button"), "nothing opens")
        if found := home.run(SMALL):
            small[control] = found
    assert small == {}


# Of what is dark, only colours are another matter.
CHECK = """
    const [isDark, done] = arguments;
    const colours = { runOnly: { type: 'tag', values: ['cat.color'] } };
    axe.run(document, isDark ? colours : {}).then((r) => done(r.violations.map((v) =>
        `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')}`)));
"""


@pytest.mark.parametrize(
    "language",
    [pytest.param(one, marks=[] if one == "en-GB" else pytest.mark.long) for one in LANGUAGES],
)
def test_a_checker_finds_nothing_in_any_view_and_language_light_and_dark(home, site, language):
    """A word has the same colours in each language."""
    home.language(language)
    found = {}
    try:
        home.open(site.url + "/")
        home.wait_text("#views", LANGUAGES[language])
        home.run(axe())
        for name, address in (VIEWS | (MORE_DAYS if language == "en-GB" else {})).items():
            go(home, address)
            home.open_all()
            loaded(home)
            for scheme in ("light", "dark") if language == "en-GB" else ("light",):
                home.colours(scheme)
                if violations := home.driver.execute_async_script(CHECK, scheme == "dark"):
                    found[name, scheme] = violations
    finally:
        home.language("en-GB")
    assert found == {}
