"""Houses with a grid (P1) meter: each view says whose word the grid is, and shows what it tells."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.browser import house
from tests.browser.browser import PHONE
from tests.browser.conftest import DEVICE, ONE, SETTINGS, Site, local
from tests.browser.p1_house import live_with_meter, readings
from tests.browser.test_history import all_tiles, read_at
from tests.browser.test_meter import legend, tile
from tests.browser.test_shape import violations_in_light_and_dark
from tests.support.p1 import store_p1
from tests.support.quick import short
from tests.support.readings import connected

BEGINS, CAME, ENDS = local("2026-06-10"), local("2026-06-12 12:00"), local("2026-06-15")
AT_THE_METER = ("load_kwh", "import_kwh", "export_kwh")
OWN_METER = "inverter\u2019s own meter"
BY_P1, BY_BOTH = "Grid: P1 meter", f"for a part of the time the {OWN_METER}"
NO_METER = re.compile("no grid meter|not known", re.IGNORECASE)
OF_P1 = re.compile("capacity|peak_|p1|referee")


def home_of(databases, https_server, *, has_meter: bool = True, **how: object) -> Site:
    url = databases.migrated(house.ZONE)
    house.describe(url, DEVICE, has_meter=has_meter)
    samples = house.samples(house.Life(BEGINS, ENDS))
    live_with_meter(url, DEVICE, samples, has_own=has_meter, **how)
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


@pytest.fixture(scope="module")
def p1_only(databases, https_server) -> Site:
    """The inverter has no meter of its own."""
    return home_of(databases, https_server, has_meter=False)


@pytest.fixture(scope="module")
def both(databases, https_server) -> Site:
    return home_of(databases, https_server, has_volumes=False)


@pytest.fixture(scope="module")
def since_noon(databases, https_server) -> Site:
    """Both, the P1 meter since noon of 12 June."""
    return home_of(databases, https_server, since=CAME)


@pytest.fixture(scope="module")
def without_inverter(databases, https_server) -> Site:
    """Nothing but a P1 meter."""
    url = databases.migrated(house.ZONE)
    samples = house.samples(house.Life(BEGINS, ENDS))
    with connected(url) as connection:
        store_p1(connection, DEVICE, readings(samples))
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


def view(page, site: Site, query: str) -> None:
    page.log_in(f"{site.url}/?{query}", ONE)
    page.wait(lambda: page.all("main .tiles") and tile(page, "pv_kwh"), "no tiles")
    page.wait(lambda: "kWh" in all_tiles(page), "no figures")


def tell(own: Site, power_w: float, **counters: float) -> str:
    """Let the meter say something now; return when."""
    now = datetime.now(UTC)
    with connected(own.database_url) as connection:
        store_p1(connection, DEVICE, [{"ts": now, "power_w": power_w, **counters}])
    return now.astimezone(BEGINS.tzinfo).strftime("%H:%M:%S")


QUERIES = ("view=day&date=2026-06-11", "view=month&date=2026-06-01", "view=year&date=2026-06-01")
QUERIES += ("view=all",)


@pytest.mark.parametrize("house_of", ["p1_only", "both"])
@pytest.mark.parametrize("query", short(QUERIES, every=2))
def test_every_view_has_the_whole_house_and_says_whose_word_the_grid_is(
    request, page, house_of, query
):
    own = request.getfixturevalue(house_of)
    view(page, own, query)
    page.wait(lambda: page.text(".source") == BY_P1, "it does not name the P1 meter")
    page.wait(lambda: "kWh" in tile(page, "import_kwh"), "no import")
    assert not NO_METER.search(page.text("main"))
    for name in ("load_kwh", "export_kwh"):
        assert re.search(r"\d kWh", tile(page, name)), name
    assert "%" in tile(page, "self_sufficiency")
    assert ("≥" in all_tiles(page)) == ("day" not in query), "June has more days"
    assert {"Import", "Export"} & set(legend(page))
    if "day" in query:
        page.click("details.card summary")
    page.wait(lambda: page.all("tfoot td"), "no table")
    heads = [head.text for head in page.all("thead th")]
    assert "Use" in heads
    assert "Grid by" not in heads, "it is one and the same in all rows"
    assert page.console() == []


def test_gas_and_water_have_tiles_and_columns_of_their_own(page, p1_only):
    view(page, p1_only, "view=day&date=2026-06-11")
    page.wait(lambda: "Gas" in all_tiles(page), "no gas")
    assert "1.15 m³" in tile(page, "gas_m3")
    assert "0.58 m³" in tile(page, "water_m3")
    page.click("details.card summary")
    page.wait(lambda: page.all("tfoot td"), "no table")
    assert {"Gas m³", "Water m³"} <= {head.text for head in page.all("thead th")}
    assert page.text("tfoot [data-figure=gas_m3]") == "1.15"
    for query, gas in ((QUERIES[1], "5.76"), (QUERIES[2], "5.76"), (QUERIES[3], "5.76")):
        page.open(f"{p1_only.url}/?{query}")
        page.wait(lambda: "m³" in tile(page, "gas_m3"), "no gas")
        page.wait(lambda: page.all("tfoot td"), "no table")
        assert gas in tile(page, "gas_m3"), query
        assert page.text("tfoot [data-figure=gas_m3]") == gas


@pytest.mark.parametrize("query", QUERIES)
def test_a_meter_that_reads_no_gas_has_no_place_for_it(page, both, query):
    view(page, both, query)
    if "day" in query:
        page.click("details.card summary")
    page.wait(lambda: page.all("tfoot td"), "no table")
    assert "m³" not in page.text("main")
    assert not page.all("[data-figure=gas_m3], [data-figure=water_m3]")


def test_a_day_on_which_the_p1_meter_came_says_that_both_speak(page, since_noon):
    view(page, since_noon, "view=day&date=2026-06-12")
    page.wait_text(".source", BY_BOTH)
    assert "≥" not in "".join(tile(page, name) for name in AT_THE_METER), "the inverter counted"
    assert "50 % of the time measured" in tile(page, "self_sufficiency")
    before, after = read_at(page, 6 * 12, 288), read_at(page, 18 * 12, 288)
    assert "grid by: inverter" in before
    assert "grid by" not in after
    page.click("details.card summary")
    page.wait(lambda: page.all("tfoot td"), "no table")
    assert [row.text.split()[-2:] for row in page.all("tbody tr")][:1] != []
    assert "Grid by" in [head.text for head in page.all("thead th")]
    hours = [row.text for row in page.all("tbody tr")]
    assert "inverter" in hours[0]
    assert "P1 meter" in hours[-1]


def test_a_month_in_which_the_p1_meter_came_says_so_row_by_row(page, since_noon):
    view(page, since_noon, "view=month&date=2026-06-01")
    page.wait_text(".source", BY_BOTH)
    page.wait(lambda: page.all("tbody tr"), "no table")
    days = [row.text for row in page.all("tbody tr:not(.empty)")]
    assert ["inverter" in day for day in days] == [True, True, False, False, False]
    assert "both" in days[2]
    assert "P1 meter" in days[3]
    assert "grid by: inverter" in read_at(page, 9, 30)
    assert "≥" in tile(page, "gas_m3"), "of a part of the month"
    page.open(f"{since_noon.url}/?view=day&date=2026-06-11")
    page.wait_text(".source", f"Grid: the {OWN_METER}")


def test_now_is_by_the_p1_meter_and_names_it(page, p1_only):
    at = tell(p1_only, -1500.0)
    without = {"load_power_w": None, "export_power_w": None}
    p1_only.send(**without, pv_power_w=3210.0, battery_power_w=1000.0, inverter_power_w=2210.0)
    page.log_in(p1_only.url + "/", ONE)
    page.wait_text(".flow", "3.21 kW")
    flow = page.text(".flow").splitlines()
    assert "1.50 kW" in flow
    assert "exporting" in flow
    assert "710 W" in flow
    assert page.run("return document.querySelectorAll('.flow .line:not(.off)').length") > 0
    assert page.text(".now .source") == f"{BY_P1}, read {at}"
    assert "no grid meter" not in page.text("main").lower()
    assert page.console() == []


def test_now_has_the_inverters_own_meter_beside_it(page, both):
    at = tell(both, 800.0)
    both.send(inverter_power_w=2210.0, load_power_w=900.0, export_power_w=1310.0)
    page.log_in(both.url + "/", ONE)
    page.wait_text(".flow", "importing")
    flow = page.text(".flow").splitlines()
    assert {"800 W", "3.01 kW"} <= set(flow)
    words = page.text(".now .source").replace("\u00a0", " ")
    assert words == f"{BY_P1}, read {at}. The {OWN_METER}: exporting 1.31 kW."


def test_a_silent_p1_meter_leaves_the_grid_to_the_inverters(page, databases, https_server):
    own = home_of(databases, https_server)
    own.send(load_power_w=640.0)
    page.log_in(own.url + "/", ONE)
    page.wait_text(".flow", "640 W")
    page.wait_text(".now .source", f"the {OWN_METER}, as the P1 meter was not read")


def test_a_silent_inverter_leaves_the_grid_of_now_to_the_p1_meter(page, both):
    both.send(ts=datetime.now(UTC) - timedelta(minutes=15), load_power_w=640.0)
    at = tell(both, -1200.0)
    page.log_in(both.url + "/", ONE)
    # The newest reading may be of the test before, and late only after a while.
    page.wait_text(".now .source", f"read {at}: exporting 1.20", 60)
    assert "not live" in page.text(".as-of")


def test_without_one_it_is_not_read_rather_than_not_there(page, databases, https_server):
    own = home_of(databases, https_server, has_meter=False)
    # Older edges send noughts of a WiNet-S, and the inverter's own power as the house's.
    page.log_in(own.url + "/?view=system", ONE)
    for solar_w, load_w, export_w in ((3210.0, None, None), (3220.0, 2210.0, 0.0)):
        own.send(pv_power_w=solar_w, load_power_w=load_w, export_power_w=export_w)
        page.open(own.url + "/")
        page.wait_text(".flow", f"{solar_w / 1000:.2f} kW")
        flow = page.text(".flow").splitlines()
        assert flow.count("not read") == 2
        assert "no meter" not in flow
        assert page.text(".now .source") == ""


def test_a_day_that_the_p1_meter_read_for_a_part_is_told_by_its_counters(
    page, databases, https_server
):
    url = databases.migrated(house.ZONE)
    house.describe(url, DEVICE, has_meter=False)
    samples = list(house.samples(house.Life(BEGINS, ENDS)))
    live_with_meter(url, DEVICE, samples, has_own=False, since=ENDS)
    pause = local("2026-06-11 09:00"), local("2026-06-11 15:00")
    told = [r for r in readings(samples) if not pause[0] < r["ts"] < pause[1]]
    with connected(url) as connection:
        store_p1(connection, DEVICE, told)
    own = Site(https_server(DATABASE_URL=url, **SETTINGS), url)
    view(page, own, "view=day&date=2026-06-11")
    page.wait_text(".source", BY_P1)
    assert "≥" not in "".join(tile(page, name) for name in AT_THE_METER)
    assert "of the time measured" in tile(page, "self_sufficiency")
    page.wait(lambda: page.all("main svg.chart .load-line"), "no house")
    assert "meter not read" in read_at(page, 12 * 12, 288)


def test_a_house_without_an_inverter_shows_what_its_p1_meter_tells(page, without_inverter):
    counters = {"energy_import_kwh": 20_000.0, "energy_export_kwh": 3_000.0}
    midnight = datetime.now(BEGINS.tzinfo).replace(hour=0, minute=0, second=0, microsecond=0)
    first = {"ts": midnight, "power_w": 1.0, **counters}
    with connected(without_inverter.database_url) as connection:
        store_p1(connection, DEVICE, [first])
    at = tell(without_inverter, 2650.0, **counters | {"energy_import_kwh": 20_001.5})
    page.log_in(without_inverter.url + "/", ONE)
    page.wait_text("#freshness", "no reading of the inverter yet")
    page.wait_text(".now .source", "importing")
    words = page.text(".now .source").replace("\u00a0", " ")
    assert words == f"{BY_P1}, read {at}: importing 2.65 kW"
    page.wait(lambda: "1.50 kWh" in tile(page, "import_kwh"), "no import of today")
    assert "0.00 kWh" in tile(page, "export_kwh")
    at = tell(without_inverter, -400.0)
    page.wait_text(".now .source", f"read {at}: exporting 400")
    for query in QUERIES:
        page.open(f"{without_inverter.url}/?{query}")
        page.wait(lambda: "kWh" in tile(page, "import_kwh"), "no import")
        page.wait(lambda: "m³" in tile(page, "gas_m3"), "no gas")
        assert page.text(".source") == BY_P1
        assert "\N{EN DASH}" in tile(page, "pv_kwh")
        assert "no grid meter" not in page.text("main").lower()
        assert "time measured" not in all_tiles(page)
    assert page.console() == []


def test_a_house_without_a_p1_meter_neither_loads_nor_asks_anything_of_one(home, site):
    home.requests()
    for query in ("view=now", "view=day&date=2026-10-26", "view=month&date=2026-10-01"):
        home.open(f"{site.url}/?{query}")
        home.wait_text("main .tiles", "kWh")
        assert not home.all(".source")
    for query in ("view=year&date=2026-10-01", "view=all", "view=system", "view=capacity"):
        home.open(f"{site.url}/?{query}")
        home.wait_text("#freshness", "of today")
        home.wait(lambda: "Loading" not in home.text("main"), "it never ends to load")
        assert "P1" not in home.text("main")
    names = [link.text for link in home.all("#views a")]
    assert names == ["Now", "History", "Battery", "Roof", "System"]
    assert home.text("h1") == "Now", "there is no such view here"
    asked = [r["url"].removeprefix(site.url) for r in home.requests()]
    assert len(asked) > 30
    assert [url for url in asked if OF_P1.search(url) and "view=capacity" not in url] == []


@pytest.mark.parametrize(
    "house_of",
    [
        "since_noon",
        *(pytest.param(one, marks=pytest.mark.long) for one in ("p1_only", "without_inverter")),
    ],
)
@pytest.mark.parametrize("query", short(["view=now", *QUERIES], every=2))
def test_these_views_fit_a_phone_and_are_for_everybody(request, page, house_of, query):
    own = request.getfixturevalue(house_of)
    page.resize(PHONE)
    page.log_in(f"{own.url}/?{query}", ONE)
    page.wait_fresh("of today" if house_of != "without_inverter" else "no reading")
    page.wait(lambda: "Loading" not in page.text("main"), "it never ends to load")
    page.open_all()
    assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]
    assert violations_in_light_and_dark(page) == []
