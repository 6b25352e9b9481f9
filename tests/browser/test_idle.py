"""A page that is left open: what it asks for, what a hidden one asks for, and what it keeps.

Its clock is a made one (``page_clock``): its own timers run as ever, hours of them within seconds.
"""

from datetime import UTC, datetime, timedelta

import pytest

from tests.browser import house
from tests.browser.browser import MISSING, browser
from tests.browser.conftest import DEVICE, ONE, SETTINGS, Site
from tests.browser.p1_house import readings
from tests.browser.page_clock import answer, asked, go_on, most_within, pairs, stopped
from tests.support.p1 import store_p1
from tests.support.readings import connected, reading, store

MOST_A_MINUTE = 13
TICK_S = 5
LONG_S = 700  # what is asked for every ten minutes is among it
# Without a compiler and what it learns, the heap holds what the page keeps, and little else.
STEADY = ["js-flags=--jitless --no-flush-bytecode"]
# The first half hour fills what is kept of the last minutes.
HEAP_MINUTES = 120
NOISE_BYTES = 21_000 + 480 * (HEAP_MINUTES - 30)  # 40 bytes for each tick
HIDE = (
    "Object.defineProperty(document, 'hidden', { value: %s, configurable: true });"
    "document.dispatchEvent(new Event('visibilitychange'));"
)
VIEWS = {
    "now": "",
    "today": "view=day",
    "a day long past": "view=day&date=2026-01-01",
    "month": "view=month",
    "all": "view=all",
    "battery": "view=battery",
    "roof": "view=roof",
    "system": "view=system",
}
OF_P1 = {name: VIEWS[name] for name in ("now", "system")} | {"capacity": "view=capacity"}
# Each answer another reading, of a second ago.
NEWEST = """(now) => JSON.stringify({
    ...window.newest, age_s: 1, ts: new Date(now - 1000).toISOString(),
    pv_power_w: 2000 + (now / 1000) % 997, load_power_w: 300 + (now / 1000) % 89 })"""


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    if MISSING:
        pytest.skip(MISSING)
    with browser(tmp_path_factory.mktemp("steady"), STEADY) as opened:
        none = "Object.defineProperty(Navigator.prototype, 'serviceWorker', { value: undefined })"
        opened.command("Page.addScriptToEvaluateOnNewDocument", source=none)
        yield opened


def home_of(databases, https_server, *, has_p1: bool) -> Site:
    """A house where it is ten in the morning, so that no midnight comes within hours."""
    now = datetime.now(UTC)
    url = databases.migrated(house.zone_where_it_is(10, now))
    house.describe(url, DEVICE)
    quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    batch = [
        reading(quarter - n * house.STEP, interval_s=300.0, export_power_w=-300.0)
        for n in reversed(range(90))
    ]
    with connected(url) as connection:
        store(connection, DEVICE, batch)
        if has_p1:
            store_p1(connection, DEVICE, list(readings(batch, has_volumes=False)))
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    own.send(now - timedelta(seconds=1))
    return own


@pytest.fixture(scope="module")
def plain(databases, https_server) -> Site:
    return home_of(databases, https_server, has_p1=False)


@pytest.fixture(scope="module")
def of_p1(databases, https_server) -> Site:
    return home_of(databases, https_server, has_p1=True)


def left_open(page, site: Site, query: str) -> None:
    """Open a view, with readings that come as fast as they are asked for, and let it load."""
    page.open(f"{site.url}/?{query}")
    page.wait(lambda: page.all("main h1"), "nothing")
    page.run("window.newest = arguments[0]", site.ask("/v1/realtime"))
    answer(page, "/v1/realtime", NEWEST)
    go_on(page, 60)


def _often(name: str) -> list[pytest.MarkDecorator]:
    return [] if name in ("now", "system") else [pytest.mark.long]


@pytest.mark.parametrize(
    ("house_of", "query"),
    [
        pytest.param(house_of, query, id=f"{name} of {house_of}", marks=_often(name))
        for house_of, views in (("plain", VIEWS), ("of_p1", OF_P1))
        for name, query in views.items()
    ],
)
def test_an_idle_page_asks_once_in_five_seconds_and_a_hidden_one_never(
    request, page, house_of, query
):
    site = request.getfixturevalue(house_of)
    page.log_in(site.url + "/", ONE)
    with stopped(page):
        left_open(page, site, query)
        begun = asked(page)[-1][0]
        go_on(page, LONG_S)
        found = [(at, url) for at, url in asked(page) if at > begun]
        times = [at for at, _ in found]
        assert most_within(times, 60) <= MOST_A_MINUTE
        assert len(times) > LONG_S / TICK_S * 0.9, "it stands still"
        # What a view needs two answers for, it asks for in one go.
        assert min(pairs(sorted(set(times)))) >= TICK_S
        newest = [at for at, url in found if url.startswith("/v1/realtime")]
        assert min(pairs(newest)) >= TICK_S
        assert max(pairs(newest)) <= 2 * TICK_S, "a reading is late that nobody asked for"
        page.run(HIDE % "true" + "window.asked = []")
        go_on(page, 3600)
        assert asked(page) == []
        page.run(HIDE % "false")
        at_once = {url.partition("?")[0] for _, url in asked(page)}
        assert "/v1/realtime" in at_once
        assert at_once <= {"/v1/realtime", "/p1/v1/realtime"}
        go_on(page, 180)
        times = [at for at, _ in asked(page)]
        assert most_within([at for at in times if at > min(times) + TICK_S], 60) <= MOST_A_MINUTE


def test_a_page_opened_in_the_background_asks_for_its_view_and_no_more(page, plain):
    page.log_in(plain.url + "/", ONE)
    hidden = "Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
    with page.prepared(hidden), stopped(page):
        left_open(page, plain, "")
        assert asked(page)
        page.run("window.asked = []")
        go_on(page, LONG_S)
        assert asked(page) == []
        page.run(HIDE % "false")
        go_on(page, 60)
        assert len(asked(page)) > 60 / TICK_S * 0.8


def heap(page) -> dict[str, float]:
    """Return the bytes that scripts hold, and how many nodes and listeners there are."""
    page.run("window.asked = []; performance.clearResourceTimings()")
    for _ in range(3):
        page.command("HeapProfiler.collectGarbage")
    found = {m["name"]: m["value"] for m in page.command("Performance.getMetrics")["metrics"]}
    return {name: found[name] for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners")}


@pytest.mark.long
def test_hours_leave_the_heap_as_it_was(page, plain):
    page.command("HeapProfiler.enable")
    page.command("Performance.enable")
    page.log_in(plain.url + "/", ONE)
    with stopped(page):
        left_open(page, plain, "")
        go_on(page, 29 * 60)
        first = heap(page)
        later_s = (HEAP_MINUTES - 30) * 60
        go_on(page, later_s)
        assert page.run("return window.asked.length") > later_s / TICK_S * 0.9
        last = heap(page)
    print(first, last)
    assert last["JSHeapUsedSize"] - first["JSHeapUsedSize"] < NOISE_BYTES
    # Something may be said meanwhile that was not before.
    assert last["Nodes"] <= first["Nodes"] + 100
    assert last["JSEventListeners"] <= first["JSEventListeners"] + 5
