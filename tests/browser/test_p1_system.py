"""What the System view says of a grid (P1) meter: how whole, how right, and who disagrees."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.browser import house
from tests.browser.browser import PHONE
from tests.browser.conftest import DEVICE, ONE, SETTINGS, Site
from tests.browser.p1_house import live_with_meter
from tests.browser.test_shape import violations
from tests.support.p1 import store_p1
from tests.support.readings import connected


@pytest.fixture(scope="module", params=[True, False], ids=["own meter", "none"])
def home_with_p1(request, databases, https_server) -> Site:
    """Nine days until midnight, and a reading of now."""
    url = databases.migrated(house.ZONE)
    house.describe(url, DEVICE, has_meter=request.param)
    until = house.midnight(datetime.now(UTC), house.ZONE)
    samples = house.samples(house.Life(until - timedelta(days=9), until))
    live_with_meter(url, DEVICE, samples, has_own=request.param)
    with connected(url) as connection:
        store_p1(connection, DEVICE, [{"ts": datetime.now(UTC), "power_w": 300.0}])
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


def covered_today_pct(home) -> float:
    return home.ask("/v1/completeness", kind="p1")["days"][0]["covered"] * 100


def test_it_has_the_meters_completeness_and_clock_and_what_the_referee_says(page, home_with_p1):
    before = covered_today_pct(home_with_p1)
    page.log_in(home_with_p1.url + "/?view=system", ONE)
    page.wait(lambda: page.all(".sentences li"), "the referee says nothing", 40)
    page.wait(lambda: "Loading" not in page.text("main"), "it never ends to load")
    facts = page.text("#p1 + dl")
    assert "ago" in facts
    assert "Covered today" in facts
    assert "Its clock\nright" in facts
    # It grows while the newest reading counts, and shrinks with the day.
    shown = float(re.search(r"Covered today\n([0-9.]+)", facts)[1])
    least, most = sorted([before, covered_today_pct(home_with_p1)])
    assert least - 0.1 <= shown <= most + 0.1
    said = [one["text"] for one in home_with_p1.ask("/v1/referee")["text"]]
    assert said
    assert [item.text for item in page.all(".sentences li")] == said
    assert "no grid meter here" not in page.text("main").lower()
    assert page.console() == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "it does not tell"), (0.4, "right"), (-9.9, "right"), (3600.0, "60\u00a0min ahead"),
     (-86400.0 * 300, "300.0\u00a0days behind")],
)  # fmt: skip
def test_the_meters_clock_is_right_or_off_by_so_much(called, seconds, words):
    assert called("p1_system", "clockWords", [[seconds]]) == [words]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_is_for_everybody(page, home_with_p1, scheme):
    page.resize(PHONE)
    page.colours(scheme)
    page.log_in(home_with_p1.url + "/?view=system", ONE)
    page.wait(lambda: page.all(".sentences li"), "the referee says nothing", 40)
    page.wait(lambda: "Loading" not in page.text("main"), "it never ends to load")
    assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]
    assert violations(page) == []
