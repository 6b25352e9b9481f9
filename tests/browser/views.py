"""The views of the page by their addresses, and the way from one to another within one page."""

from tests.browser.browser import Browser
from tests.browser.conftest import GAP_DAY

VIEWS = {
    "now": "/",
    "day": f"/?view=day&date={GAP_DAY}",
    "week": f"/?view=week&date={GAP_DAY}",
    "month": "/?view=month&date=2026-10-01",
    "year": "/?view=year&date=2026-10-01",
    "all": "/?view=all",
    "range": f"/?from={GAP_DAY}&to=2026-10-26",
    "battery": "/?view=battery",
    "roof": f"/?view=roof&date={GAP_DAY}",
    "system": "/?view=system",
}
# The right end of each row of tiles.
ROW_ENDS = """
    const rows = {};
    for (const tile of document.querySelectorAll('.tiles:not(.rings) > .tile:not([hidden])')) {
        const { top, right } = tile.getBoundingClientRect();
        rows[Math.round(top)] = Math.max(rows[Math.round(top)] ?? 0, Math.round(right));
    }
    return Object.entries(rows);
"""
FOLLOW = """
    document.querySelector('main').firstElementChild.dataset.left = '';
    const link = document.body.appendChild(document.createElement('a'));
    link.href = arguments[0];
    link.click();
    link.remove();
"""


def loaded(page: Browser) -> None:
    """Wait until every part of the view is known, or failed."""
    page.wait(lambda: page.all("main h1"), "nothing")
    under_way = "return document.querySelectorAll('main [data-state=loading]').length"
    page.wait(lambda: page.run(under_way) == 0, "it never ends to load")


def go(page: Browser, address: str) -> None:
    """Go to another view by a link of the page, and wait until it is loaded."""
    page.run(FOLLOW, address)
    page.wait(lambda: not page.all("main > [data-left]"), f"{address} does not open")
    loaded(page)
