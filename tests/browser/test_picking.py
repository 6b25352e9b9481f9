"""Going to another day, week, month or year: typed, or from a list; and a day beside another."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.browser import DESKTOP, PHONE
from tests.browser.conftest import AUTUMN, GAP_DAY, ONE
from tests.browser.test_compare import at, local, two_years  # noqa: F401  a fixture
from tests.browser.test_shape import violations
from tests.browser.test_views import SMALL, TARGETS, loaded

TODAY = "2026-11-28"
SAYS = "return document.querySelector(arguments[0]).validationMessage"


@pytest.mark.parametrize(
    ("text", "kind", "date"),
    [
        ("2025", "year", "2025-10-31"),
        ("25", "year", "2025-10-31"),
        ("October 2025", "month", "2025-10-31"),
        ("oct 25", "day", "2026-10-25"),
        ("sept", "month", "2026-09-30"),
        ("02/2024", "month", "2024-02-29"),
        ("2024-02", "month", "2024-02-29"),
        ("2", "month", "2026-02-28"),
        ("13", "month", None),
        ("2024", "month", "2024-10-31"),
        ("5/10/2025", "day", "2025-10-05"),
        ("5.10.2025", "day", "2025-10-05"),
        ("2025-10-05", "day", "2025-10-05"),
        ("20251005", "day", "2025-10-05"),
        ("05102025", "day", "2025-10-05"),
        ("Fri, 27 November 2026", "day", "2026-11-27"),
        ("31 April", "day", None),
        ("29/2/2023", "day", None),
        ("7", "day", "2026-10-07"),
        ("yesterday", "day", "2026-11-27"),
        ("Today", "month", TODAY),
        ("Week 1, 2026", "week", "2025-12-29"),
        ("53 2026", "week", "2026-12-28"),
        ("53 2025", "week", None),
        ("w44", "week", "2026-10-26"),
        ("2026-W44", "week", "2026-10-26"),
        ("44", "week", "2026-10-26"),
        ("0", "week", None),
        ("3 November", "week", "2026-11-03"),
        ("ma", "month", None),
        ("soon", "month", None),
        ("1 2 3 4", "day", None),
        ("", "month", None),
        ("  ", "day", None),
    ],
)
def test_what_is_typed_is_understood_or_not(called, text, kind, date):
    (found,) = called("typed", "typedDate", [[text, kind, "2026-10-31", TODAY]])
    assert found == date


@pytest.mark.parametrize(
    ("view", "typed", "says"),
    [
        ("month", "3/2026", "date=2026-03-01"),
        ("month", "March 2026", "date=2026-03-01"),
        ("week", "13", "date=2026-03-23"),
        ("week", "29 March 2026", "date=2026-03-23"),
    ],
)
def test_a_period_is_typed(home, site, view, typed, says):
    home.open(f"{site.url}/?view={view}&date={GAP_DAY}")
    field = home.wait(lambda: home.all("[data-keep=typed]"), "no field")[0]
    before = field.get_attribute("value")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("soon", Keys.ENTER)
    home.wait(lambda: before in home.run(SAYS, "[data-keep=typed]"), "it does not say how")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("2019", Keys.ENTER)
    home.wait(lambda: "28 March 2026" in home.run(SAYS, "[data-keep=typed]"), "what there is")
    assert "2026-10" in home.run("return location.search"), "stays until it is understood"
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(typed, Keys.ENTER)
    home.wait(lambda: says in home.run("return location.search"), "not gone to")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_day_is_picked_from_a_grid_that_shows_its_sun(home, site, scheme):
    home.colours(scheme)
    home.resize(SMALL)
    home.open(f"{site.url}/?view=day&date={AUTUMN}")
    home.click(".pick")
    home.wait(lambda: home.all(".picker-days .sun"), "no sun")
    assert home.run("return document.activeElement.dataset.date") == AUTUMN
    named = home.all(f"[data-date='{GAP_DAY}']")[0].get_attribute("aria-label")
    assert "24 October 2026" in named
    assert "kWh" in named
    assert home.run("return document.documentElement.scrollWidth") <= SMALL[0]
    assert home.run(TARGETS) == []
    assert violations(home) == []
    home.run("document.activeElement.dispatchEvent(new KeyboardEvent('keydown',"
             "{key: 'ArrowUp', bubbles: true}))")  # fmt: skip
    assert home.run("return document.activeElement.dataset.date") == "2026-10-18"
    home.click(".picker-months button:nth-of-type(3)")
    home.wait(lambda: home.all("[data-date='2026-03-29'] .sun"), "not March")
    assert not home.all("[data-date='2026-03-27']")[0].is_enabled(), "before the first reading"
    home.click("[data-date='2026-03-29']")
    home.wait(lambda: "date=2026-03-29" in home.run("return location.search"), "not gone to")
    assert not home.all("dialog")


@pytest.mark.parametrize(
    ("view", "button", "says"),
    [
        ("week", ".picker-weeks button:nth-of-type(1)", "date=2026-09-28"),
        ("month", ".picker-months button:nth-of-type(3)", "date=2026-03-01"),
        ("year", ".picker-years button:nth-of-type(1)", "date=2026-01-01"),
    ],
)
def test_a_longer_period_is_picked_from_buttons(home, site, view, button, says):
    home.open(f"{site.url}/?view={view}&date={GAP_DAY}")
    home.click(".pick")
    home.wait(lambda: home.all("dialog[open] [aria-current]"), "nothing is marked")
    home.click(button)
    home.wait(lambda: says in home.run("return location.search"), "not gone to")


def test_a_calendar_opens_in_the_middle_and_on_a_phone_where_the_thumb_is(home, site):
    left = (
        "const box = document.querySelector('dialog[open]').getBoundingClientRect();"
        "return [box.top, innerHeight - box.bottom]"
    )
    for size in (DESKTOP, PHONE):
        home.resize(size)
        home.open(site.url + "/?view=month&date=2026-10-01")
        home.wait(lambda: home.all(".pick"), "no button")
        home.click(".pick")
        home.wait(lambda: home.all("dialog[open]"), "no calendar")
        above, below = home.run(left)
        assert (abs(above - below) < 2) == (size == DESKTOP)
        assert 0 <= below < (20 if size == PHONE else above + 2)


def day_of(page) -> dict[str, str]:
    def of(name: str, part: str) -> str:
        return page.text(f".tile:has([data-figure={name}]) .{part}").replace("\u00a0", " ")

    return {part: of("load_kwh", part) for part in ("trend", "note")}


@pytest.mark.parametrize(
    ("now", "query", "note", "trend"),
    [
        ("2025-06-21 14:30", "", "until 20 Jun, 14:30: 15.0 kWh", "60 % more"),
        ("2025-06-21 14:30", "date=2025-06-20", "Thu 19 Jun: 24.0 kWh", "as much as then"),
        ("2025-06-21 14:30", "compare=year", "until 21 Jun 2024, 14:30: 15.0 kWh", "60 %"),
        ("2025-06-21 14:30", "compare=none", "", ""),
        ("2024-02-29 14:30", "compare=year", "", ""),
        ("2025-04-01 10:00", "date=2025-03-31", "Sun 30 Mar: 23.0 kWh", "4 % more"),
        ("2024-06-21 12:30", "date=2023-12-21", "Wed 20 Dec: 24.0 kWh", "as much"),
        ("2024-06-21 12:30", "date=2023-12-20", "", ""),
    ],
)
def test_a_day_is_compared_with_as_much_of_another(page, two_years, now, query, note, trend):  # noqa: F811
    # What there is goes on beyond the moment: the day itself is a whole one.
    with at(page, local(now)):
        page.log_in(f"{two_years.url}/?view=day&{query}", ONE)
        loaded(page)
        page.wait(lambda: day_of(page)["note"].endswith(note), f"it never says {note!r}")
        assert bool(day_of(page)["note"]) == bool(note)
        assert day_of(page)["trend"].startswith(trend)
        assert bool(day_of(page)["trend"]) == bool(trend)


def test_no_difference_is_told_to_a_period_that_the_house_lived_but_a_part_of(page, two_years):  # noqa: F811
    with at(page, local("2026-03-31 12:00")):
        page.log_in(f"{two_years.url}/?view=month&date=2024-01-01", ONE)
        loaded(page)
        assert "Dec since 20 Dec" in day_of(page)["note"]
        assert day_of(page)["trend"] == ""


@pytest.mark.parametrize(
    ("query", "best", "worst"),
    [
        ("from=2024-01-15&to=2024-06-15", "May 2024", "February 2024"),
        ("view=year&date=2024-01-01", "October 2024", "February 2024"),
        ("from=2023-12-20&to=2024-05-31", "January 2024", "February 2024"),
    ],
)
def test_only_whole_months_are_best_or_worst(page, two_years, query, best, worst):  # noqa: F811
    with at(page, local("2026-03-31 12:00")):
        page.log_in(f"{two_years.url}/?{query}", ONE)
        loaded(page)
        said = page.wait(lambda: page.text(".best"), "nothing is best")
        assert f"Most sun: {best}" in said
        assert f"Least: {worst}" in said
