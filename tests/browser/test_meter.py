"""Houses without a grid meter, and those that got one: what nobody measured is not shown."""

import re
from datetime import UTC, timedelta

import pytest

from tests.browser import house
from tests.browser.browser import PHONE
from tests.browser.conftest import DEVICE, ONE, SETTINGS, Site, local
from tests.browser.test_history import read_at
from tests.browser.test_shape import violations_in_light_and_dark
from tests.browser.views import ROW_ENDS
from tests.support.quick import short
from tests.support.readings import connected, reading, store

STEP = timedelta(minutes=5)
FIGURES_OF_A_METER = (
    "load_kwh",
    "import_kwh",
    "export_kwh",
    "self_sufficiency",
    "self_consumption",
)
WITHOUT = {"load_power_w": None, "export_power_w": None}
GRIDS = {
    "meter": {"load_power_w": 250.0, "export_power_w": 350.0},
    "none": WITHOUT,
    # What older edges send: noughts of a WiNet-S, and the inverter's own power as the house's.
    "noughts": {"load_power_w": 600.0, "export_power_w": 0.0},
}
NO_METER = "There is no grid meter here"
HELP = "A Sungrow meter on the inverter would, and so would the P1 meter of the house."


def home_of(databases, https_server, has_meter: bool | None, spans: dict[str, str]) -> Site:
    """A house of 1 kW of sun, 400 W of which charge the battery, day and night.

    Args:
        spans: for each, from when until when there were readings, and what of the grid they tell.
    """
    url = databases.migrated("Europe/Berlin")
    house.describe(url, DEVICE, has_meter=has_meter)
    batch = []
    for span, kind in spans.items():
        begin, end = (local(text).astimezone(UTC) for text in span.split(" - "))
        grid = GRIDS[kind]
        batch += [
            reading(
                begin + n * STEP, pv_power_w=1000.0, battery_power_w=400.0, interval_s=300.0, **grid
            )
            for n in range((end - begin) // STEP)
        ]
    with connected(url) as connection:
        store(connection, DEVICE, batch)
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


@pytest.fixture(scope="module")
def meterless(databases, https_server) -> Site:
    return home_of(databases, https_server, False, {"2026-06-10 - 2026-06-12": "none"})


@pytest.fixture(scope="module")
def of_old(databases, https_server) -> Site:
    """A house without a meter, and with an edge that takes the dongle's noughts for readings."""
    return home_of(databases, https_server, False, {"2026-06-10 - 2026-06-12": "noughts"})


@pytest.fixture(scope="module")
def since_noon(databases, https_server) -> Site:
    """The meter came on 12 June at noon."""
    spans = {"2026-06-10 - 2026-06-12 12:00": "none", "2026-06-12 12:00 - 2026-06-15": "meter"}
    return home_of(databases, https_server, True, spans)


@pytest.fixture(scope="module")
def unread(databases, https_server) -> Site:
    """A house with a meter that said nothing for a day, and the next one from 6 to 12."""
    spans = {
        "2026-06-10 - 2026-06-11": "meter",
        "2026-06-11 - 2026-06-12": "none",
        "2026-06-12 - 2026-06-12 06:00": "meter",
        "2026-06-12 06:00 - 2026-06-12 12:00": "none",
        "2026-06-12 12:00 - 2026-06-13": "meter",
    }
    return home_of(databases, https_server, True, spans)


def tile(page, name: str) -> str:
    return page.text(f".tile:has([data-figure={name}])").replace("\u00a0", " ")


def legend(page) -> list[str]:
    return [entry.text for entry in page.all(".legend li") if entry.text]


def drawn(page, colour: str) -> int:
    """Return how many shapes of this colour have any height."""
    return page.run(
        "return [...document.querySelectorAll(`main svg.chart .fill-${arguments[0]}`)].filter("
        "(n) => n.getBBox().height > 0.5 && n.getBBox().width > 0.5).length",
        colour,
    )


def assert_without(page) -> None:
    """Nothing of a meter is shown: no figure, no dash and no nought."""
    for name in FIGURES_OF_A_METER:
        assert tile(page, name) == ""
    assert not {"Import", "Export", "House", "From grid", "From solar"} & set(legend(page))
    for colour in ("import", "export", "house-area"):
        assert drawn(page, colour) == 0, colour
    assert not page.all("main .load-line")
    heads = {head.text for head in page.all("thead th")}
    assert not {"Use", "Import", "Export", "… to house", "Own power %", "Used yourself %"} & heads


@pytest.mark.parametrize("house_of", ["meterless", "of_old"])
@pytest.mark.parametrize(
    ("query", "solar", "charged"),
    short(
        [
            ("view=day&date=2026-06-10", "24.0 kWh", "9.60 kWh"),
            ("view=month&date=2026-06-10", "48.0 kWh", "19.2 kWh"),
            ("view=all", "48.0 kWh", "19.2 kWh"),
            ("view=year&date=2026-06-10", "48.0 kWh", "19.2 kWh"),
        ],
        every=2,
    ),
)
def test_every_view_of_a_house_without_a_meter_shows_all_that_is_known_and_no_more(
    request, page, house_of, query, solar, charged
):
    page.log_in(f"{request.getfixturevalue(house_of).url}/?{query}", ONE)
    page.wait_text("main", NO_METER)
    page.wait(lambda: solar in tile(page, "pv_kwh"), f"no {solar}")
    assert HELP in page.text("main")
    assert charged in tile(page, "battery_charge_kwh")
    assert "0.00 kWh" in tile(page, "battery_discharge_kwh"), "that is measured"
    page.wait(lambda: drawn(page, "solar"), "no sun is drawn")
    assert drawn(page, "charge")
    if "day" in query:
        page.click("details.card summary")
    page.wait(lambda: page.all("tfoot td"), "no table")
    assert_without(page)
    heads = [head.text for head in page.all("thead th")][1:]
    assert heads == ["Solar", "Battery in", "Battery out", "Covered %"]
    for row in page.all("tbody tr"):
        assert "\N{EN DASH}" not in row.text
    assert page.console() == []


@pytest.mark.parametrize(
    ("house_of", "grid"),
    [("meterless", WITHOUT), ("of_old", {"load_power_w": 1710.0, "export_power_w": 0.0})],
)
def test_now_of_a_house_without_a_meter(request, page, house_of, grid):
    own = request.getfixturevalue(house_of)
    own.send(**grid, pv_power_w=3210.0, battery_power_w=1500.0, battery_soc_pct=55.0)
    page.log_in(own.url + "/", ONE)
    page.wait_text(".flow", "3.21 kW")
    flow = page.text(".flow").splitlines()
    assert flow.count("3.21 kW") == 1, "that is the sun's, and not the house's"
    assert "1.50 kW" in flow
    assert "55 %" in flow
    assert not {"House", "Grid", "no meter"} & set(flow), "nothing of what only a meter knows"
    assert not {"0 W", "1.71 kW"} & set(flow)
    assert not {"idle", "exporting", "importing"} & set(flow)
    assert page.run("return document.querySelectorAll('.flow .line:not(.off)').length") == 0
    assert page.run("return document.querySelectorAll('.flow .arc:not(.off)').length") == 0
    assert page.text(".flow-note") == ""
    label = page.run("return document.querySelector('.flow').getAttribute('aria-label')")
    assert "House" not in label
    page.wait_text("main", NO_METER)
    page.wait(lambda: tile(page, "pv_kwh"), "no tiles")
    page.wait(lambda: page.all("main svg.chart .area"), "no curve")
    assert_without(page)
    assert "55 %" in tile(page, "soc")
    page.resize(PHONE)
    assert len({end for _, end in page.run(ROW_ENDS)}) == 1, "a hole beside the tiles"
    spoken = page.run(
        "return document.querySelector('main svg.chart').getAttribute('aria-valuetext')"
    )
    assert "Solar" in spoken
    assert not re.search("(?i)house|import|export", spoken)


def test_the_list_of_a_phone_says_how_much_sun_there_was_as_nobody_knows_what_the_house_used(
    page, meterless
):
    page.resize(PHONE)
    unread = """
        const really = window.fetch;
        window.fetch = async (url, ...more) => {
            const answer = await really(url, ...more);
            if (!/series.*frame=month/.test(url)) return answer;
            const found = await answer.json();
            for (const row of found.series.slice(0, 1)) {
                Object.assign(row, { sample_count: 0, coverage: 0, estimated: true });
            }
            return new Response(JSON.stringify(found), answer);
        };
    """
    with page.prepared(unread):
        page.log_in(meterless.url + "/?view=month&date=2026-06-10", ONE)
        page.wait(lambda: page.all(".period-list a"), "no list")
        assert page.text(".list-head").split("\n") == ["Solar", "kWh"]
        told = [line.text.replace("\u00a0", " ") for line in page.all(".line-kwh")]
        days = page.all("tbody tr td:nth-child(2)")
        figures = [day.text.replace("\u00a0", " ") for day in days if "24" in day.text]
        assert told == figures[::-1]
        assert told == ["24.0", "≥ 24.0"], "of a day without a reading the counters tell"
        assert len(page.all(".period-list .fill-solar")) == 2


def test_the_system_view_says_what_a_house_without_a_meter_lacks(page, meterless):
    page.log_in(meterless.url + "/?view=system", ONE)
    page.wait_text("main", NO_METER)
    assert HELP in page.text("main")
    assert "use, import and export are not measured" in page.text("#device + dl")


def test_the_system_view_of_a_house_with_one_says_nothing_of_it(page, since_noon):
    page.log_in(since_noon.url + "/?view=system", ONE)
    page.wait_text("#device + dl", "yes")
    assert "no grid meter" not in page.text("main").lower()


@pytest.fixture(
    scope="module", params=[(False, NO_METER), (None, "No grid meter has been seen here")]
)
def unseen(request, databases, https_server) -> tuple[Site, str]:
    """A house whose edge says that there is no meter, or nothing; and what the page says."""
    has_meter, words = request.param
    spans = {"2026-06-10 - 2026-06-10 02:00": "none"}
    return home_of(databases, https_server, has_meter, spans), words


@pytest.mark.parametrize("view", ["now", "day&date=2026-06-10", "month&date=2026-06-10", "all"])
def test_no_meter_is_told_from_one_that_nobody_has_seen(page, unseen, view):
    own, words = unseen
    own.send(**WITHOUT)
    page.log_in(f"{own.url}/?view={view}", ONE)
    page.wait_text("main", words)
    page.wait(lambda: tile(page, "pv_kwh"), "no tiles")
    assert_without(page)


def test_a_meter_that_was_not_read_just_now_is_told_from_none(page, since_noon):
    since_noon.send(**WITHOUT, pv_power_w=3210.0)
    page.log_in(since_noon.url + "/", ONE)
    page.wait_text(".flow", "3.21 kW")
    flow = page.text(".flow").splitlines()
    assert flow.count("not read") == 2
    assert "no meter" not in flow
    page.wait_text(".flow-note", "not read just now")
    since_noon.send(pv_power_w=3000.0, load_power_w=600.0, export_power_w=900.0)
    page.wait_text(".flow", "3.00 kW")
    assert "not read" not in page.text(".flow")
    assert "600 W" in page.text(".flow")


@pytest.mark.parametrize(
    ("missing", "shown", "word"),
    [
        ("load_power_w", "1.07 kW", "exporting"),
        ("export_power_w", "640 W", "not read"),
    ],
)
def test_one_value_of_the_meter_may_be_missing_alone(page, since_noon, missing, shown, word):
    since_noon.send(**{"pv_power_w": 3333.0, missing: None})
    page.log_in(since_noon.url + "/", ONE)
    page.wait_text(".flow", "3.33 kW")
    flow = page.text(".flow").splitlines()
    assert shown in flow
    assert word in flow
    assert flow.count("not read") == 1
    assert page.run("return document.querySelectorAll('.flow .line:not(.off)').length") == 0
    page.wait_text(".flow-note", "not read just now")


def test_the_day_on_which_a_meter_came_shows_what_is_known_of_either_half(page, since_noon):
    page.log_in(f"{since_noon.url}/?view=day&date=2026-06-12", ONE)
    page.wait_text("main", "The grid meter was read for 50 % of the time")
    assert "24.0 kWh" in tile(page, "pv_kwh")
    assert "≥" not in tile(page, "pv_kwh")
    assert "≥ 3.00 kWh" in tile(page, "load_kwh")
    assert "50 % of the time measured" in tile(page, "load_kwh")
    assert "≥ 4.20 kWh" in tile(page, "export_kwh")
    assert "Import" in legend(page)
    chart = "document.querySelector('main svg.chart')"
    page.wait(lambda: page.all("main svg.chart .load-line"), "no house")
    left, middle, right = page.run(
        f"const c = {chart}; const w = c.clientWidth; return [36, 36 + (w - 82) / 2, w - 46]"
    )
    line, foot = page.run(
        f"const box = (n) => [n.getBBox().x, n.getBBox().x + n.getBBox().width];"
        f"return [box({chart}.querySelector('.load-line')), box({chart}.querySelector('.hatched'))]"
    )
    assert line == pytest.approx([middle, right], abs=1), "before noon there is no house, nor 0 W"
    assert foot == pytest.approx([left, middle], abs=1)
    for colour, spans in (("solar", [left, right]), ("export", [middle, right])):
        box = page.run(
            f"const b = {chart}.querySelector('.fill-{colour}').getBBox();"
            "return [b.x, b.x + b.width]"
        )
        assert box == pytest.approx(spans, abs=1), colour
    before, after = read_at(page, 6 * 12, 288), read_at(page, 18 * 12, 288)
    assert "meter not read" in before
    assert "Solar 1.00 kW" in before
    assert "House \N{EN DASH}" in before
    assert "0 W" not in before.replace("Battery out 0 W", "").replace("400 W", "")
    assert "meter not read" not in after
    assert "House 250 W" in after


def test_a_month_in_which_a_meter_came_marks_the_bars_before_it(page, since_noon):
    page.log_in(f"{since_noon.url}/?view=month&date=2026-06-10", ONE)
    page.wait_text("main", "The grid has been measured since Fri 12 Jun")
    page.wait(lambda: page.all("tbody tr"), "no table")
    assert {"From solar", "All solar"} <= set(legend(page))
    assert page.run("return document.querySelectorAll('main svg.chart .pale').length") == 4
    rows = {row.text.split("\n")[0][:10]: row for row in page.all("tbody tr")}

    def cell(day: str, name: str) -> str:
        found = rows[day].find_elements("css selector", f"[data-figure={name}]")
        return found[0].find_element("xpath", "..").text.replace("\u00a0", " ")

    assert [cell("Wed 10 Jun", name) for name in ("pv_kwh", "load_kwh", "import_kwh")] == [
        "24.0", "\N{EN DASH}", "\N{EN DASH}",
    ]  # fmt: skip
    assert [cell("Fri 12 Jun", name) for name in ("pv_kwh", "load_kwh")] == ["24.0", "≥ 3.00"]
    assert [cell("Sat 13 Jun", name) for name in ("pv_kwh", "load_kwh")] == ["24.0", "6.00"]
    assert "≥ 15.0 kWh" in tile(page, "load_kwh")
    assert "no grid meter" in read_at(page, 9, 30)
    assert "no grid meter" not in read_at(page, 12, 30)
    assert "From solar" in page.text(".legend")
    feet = page.run(
        "return [...document.querySelectorAll('main svg.chart .hatched')].map((n) => n.getBBox())"
        ".filter((box) => box.height > 0 && box.height < 10).map((box) => [box.x, box.height])"
    )
    assert len(feet) == 2, "the two days before"


def test_a_year_and_all_time_add_up_to_what_was_measured(page, since_noon):
    for query in ("view=year&date=2026-06-10", "view=all"):
        page.log_in(f"{since_noon.url}/?{query}", ONE) if not page.all("#views a") else page.open(
            f"{since_noon.url}/?{query}"
        )
        page.wait(lambda: "≥ 15.0 kWh" in tile(page, "load_kwh"), "not the sum")
        assert "The grid meter was read for" in page.text("main")


def test_a_day_without_a_word_from_the_meter_is_not_called_meterless(page, unread):
    page.log_in(f"{unread.url}/?view=day&date=2026-06-11", ONE)
    page.wait_text("main", "The grid meter was not read in this time")
    page.wait(lambda: "24.0 kWh" in tile(page, "pv_kwh"), "no sun")
    assert "no grid meter" not in page.text("main").lower()
    assert "\N{EN DASH}" in tile(page, "load_kwh")
    assert "0.00" not in tile(page, "load_kwh")
    assert drawn(page, "export") == 0


def test_a_pause_of_the_meter_leaves_a_pause_in_the_curve(page, unread):
    page.log_in(f"{unread.url}/?view=day&date=2026-06-12", ONE)
    page.wait_text("main", "The grid meter was read for 75 % of the time")
    page.wait(lambda: page.all("main svg.chart .load-line"), "no house")
    lines = page.run(
        "return [...document.querySelectorAll('main svg.chart .load-line')].map((n) =>"
        " [n.getBBox().x, n.getBBox().x + n.getBBox().width])"
    )
    assert len(lines) == 2
    assert lines[1][0] - lines[0][1] > 100, "a bridge where nothing was measured"
    assert len(page.all("main svg.chart .soc-line")) == 1
    assert "meter not read" in read_at(page, 8 * 12, 288)


def test_a_device_that_never_sent_anything_is_not_called_meterless(page, databases, https_server):
    url = databases.migrated()
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    page.log_in(own.url + "/", ONE)
    page.wait_text("#freshness", "no reading yet")
    for view in ("now", "day", "month", "all"):
        page.open(f"{own.url}/?view={view}")
        page.wait_text("main", "reading")
        assert "grid meter" not in page.text("main")


def test_a_house_with_a_meter_says_nothing_of_it(home, site):
    for view in ("now", "day&date=2026-10-26", "month&date=2026-10-01"):
        home.open(f"{site.url}/?view={view}")
        home.wait_text("main .tiles", "kWh")
        home.wait(lambda: home.all("main svg.chart .fill-solar"), "nothing is drawn")
        assert "grid meter" not in home.text("main")
        assert tile(home, "load_kwh")


def test_the_period_before_may_have_had_no_meter(page, databases, https_server):
    spans = {"2026-05-01 - 2026-05-02": "none", "2026-06-01 - 2026-06-02": "meter"}
    own = home_of(databases, https_server, True, spans)
    page.log_in(f"{own.url}/?view=month&date=2026-06-01", ONE)
    page.wait(lambda: "6.00 kWh" in tile(page, "load_kwh"), "no use")
    assert "May: ≥ 24.0 kWh" in tile(page, "pv_kwh"), "of one of its days"
    assert "May: not measured" in tile(page, "load_kwh")
    assert drawn_beside(page) == 0, "the sun of all is not beside the use of it"
    page.open(f"{own.url}/?view=month&date=2026-05-01")
    page.wait_text("main", "The grid meter was not read in this time")


@pytest.mark.parametrize(
    "house_of", ["meterless", pytest.param("since_noon", marks=pytest.mark.long)]
)
@pytest.mark.parametrize(
    "view",
    short(["now", "day&date=2026-06-12", "month&date=2026-06-10", "all", "system"], every=2),
)
def test_these_views_fit_a_phone_and_are_for_everybody(request, page, house_of, view):
    own = request.getfixturevalue(house_of)
    page.resize(PHONE)
    page.log_in(f"{own.url}/?view={view}", ONE)
    page.wait_fresh()
    page.wait(lambda: "Loading" not in page.text("main"), "it never ends to load")
    page.open_all()
    assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]
    assert violations_in_light_and_dark(page) == []


def drawn_beside(page) -> int:
    return page.run(
        "return [...document.querySelectorAll('main svg.chart .before')].filter("
        "(n) => n.getBBox().height > 0.5).length"
    )
