"""What is looked at alike in the views that are loaded where they are shown: Battery and Roof."""

from tests.browser.browser import Browser
from tests.browser.held import each_of, held
from tests.browser.test_eyes import SHIFTS, SMALL
from tests.browser.test_shape import axe
from tests.browser.test_steady import CHECK

TAGS = {"en": "en-GB", "nl": "nl-NL", "de": "de-DE", "fr": "fr-FR"}
MOST_SHIFT = 0.05
WIDE = "return document.documentElement.scrollWidth"
LOADING = "return document.querySelectorAll('main [data-state=loading]').length"
TILE = "return document.querySelector(arguments[0]).closest('.tile').innerText"
LARGE = "document.documentElement.style.fontSize = '32px'"


def refused(address: str) -> str:
    """Return a script by which what begins like this is answered with a 503."""
    return f"""
        const really = window.fetch;
        window.fetch = async (url, ...more) => String(url).startsWith('{address}')
            ? new Response('{{"detail": "away"}}', {{ status: 503 }}) : really(url, ...more);
    """


def plain(text: str) -> str:
    """Return a text with ordinary blanks."""
    return text.replace("\u00a0", " ")


def tile(page: Browser, figure: str) -> list[str]:
    """Return the lines of a tile: its name, its figure, and what is below."""
    return plain(page.run(TILE, f"[data-figure={figure}]")).split("\n")


def assert_fits(page: Browser, width: int) -> None:
    """Nothing is wider than the screen, and fingers hit all."""
    assert page.run(SMALL) == []
    assert page.run(WIDE) <= width


def assert_fits_narrow_and_large(page: Browser, show) -> None:
    """Nothing is lost on 280 pixels, nor in letters of twice the size on 360."""
    page.resize((280, 653))
    show()
    assert page.run(WIDE) == 280
    page.resize((360, 740))
    page.run(LARGE)
    assert page.run(WIDE) == 360


def assert_steady(page: Browser) -> list[str]:
    """Nothing jumps while the open view loads again; return the answers that it had."""
    address, answers = page.driver.current_url, []

    def let_all_through() -> bool:
        answers.extend(each_of(page))
        return bool(answers) and page.run(LOADING) == 0

    with held(page, SHIFTS):
        page.command("Network.clearBrowserCache")
        page.open(address)
        page.wait(lambda: page.all("main h1"), "nothing")
        page.wait(let_all_through, "it never ends to load")
        shifts = page.run("return window.shifts")
    assert sum(shift[0] for shift in shifts) < MOST_SHIFT, shifts
    return answers


def assert_for_everybody(page: Browser) -> None:
    """A checker finds nothing, light and dark."""
    page.run(axe())
    for scheme in ("light", "dark"):
        page.colours(scheme)
        assert page.driver.execute_async_script(CHECK, scheme == "dark") == []
