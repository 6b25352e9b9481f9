"""What the page computes by itself agrees with what server and database compute."""

import random
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.readings import flows

ZONES = (
    "Europe/Berlin",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/St_Johns",
)


@pytest.fixture
def called(page, site):
    """Give ``called(module, function, arguments of each call)``: what a module's function gives."""
    frame = requests.get(site.url + "/", verify=site.server.certificate.ca, timeout=10).text
    folder = re.search(r"/static/\w+/", frame)[0]
    page.open(site.url + "/")

    def call(module: str, function: str, arguments: list[list]) -> list:
        return page.driver.execute_async_script(
            "const [path, name, all, done] = arguments;"
            "import(path).then((module) => done(all.map((one) => module[name](...one))))",
            f"{folder}{module}.js",
            function,
            arguments,
        )

    return call


def test_power_is_split_into_the_same_flows_as_in_the_database(called):
    chance = random.Random(5)
    watts = [
        [chance.choice([0, chance.uniform(low, 6000)]) for low in (0, -6000, -200, -6000)]
        for _ in range(300)
    ]
    names = ("pv_power_w", "battery_power_w", "load_power_w", "export_power_w")
    readings = [[{**dict(zip(names, row, strict=True)), "battery_soc_pct": 50}] for row in watts]
    for given, row in zip(called("flows", "flows", readings), watts, strict=True):
        expected = flows(*row)
        for name, value in given.items():
            assert value == pytest.approx(expected[f"{name}_w"], abs=1e-6), (row, name)


def test_no_battery_counts_as_none_and_an_unknown_direction_has_no_flows(called):
    reading = {"pv_power_w": 900, "load_power_w": 400, "export_power_w": 500}
    none = {**reading, "battery_power_w": None, "battery_soc_pct": None}
    unknown = {**reading, "battery_power_w": None, "battery_soc_pct": 40}
    split, nothing = called("flows", "flows", [[none], [unknown]])
    assert (split["solar_to_house"], split["solar_to_grid"]) == (400, 500)
    assert nothing is None


def test_clocks_of_all_zones_show_what_the_servers_show(called):
    begin = datetime(2023, 1, 1, tzinfo=UTC)  # a year of which browser and system know the same
    moments = [begin + timedelta(hours=7.25 * n) for n in range(1200)]
    for zone in ZONES:
        local = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
        asked = [[moment.timestamp() * 1000, zone] for moment in moments]
        assert called("zone", "dateOf", asked) == [t.date().isoformat() for t in local]
        assert called("zone", "minuteOf", asked) == [t.hour * 60 + t.minute for t in local]


LANGUAGES = (
    "th-TH",
    "fa-IR",
    "ar-SA",
    "ar-EG",
    "ja-JP-u-ca-japanese",
    "en-u-ca-buddhist-nu-thai",
    "hi-IN-u-nu-deva",
    "he-IL-u-ca-hebrew",
    "ne-NP",
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_years_and_digits_are_those_of_the_addresses_in_every_language(page, called, language):
    page.command("Emulation.setLocaleOverride", locale=language)
    try:
        noon = datetime(2026, 3, 15, 12, tzinfo=UTC).timestamp() * 1000
        (day,) = called("words", "longDay", [[noon, "UTC"]])
        (year,) = called("words", "when", [[noon, "UTC", {"year": "numeric"}]])
        (time,) = called("words", "dayAndTime", [[noon, "UTC"]])
        (energy,) = called("words", "energy", [[12.3]])
        assert re.findall(r"\d{4}", year) == ["2026"]
        assert {"2026", "15"} <= set(re.findall(r"[0-9]+", day))
        assert {"2026", "15"} <= set(re.findall(r"[0-9]+", time))
        assert re.search(r"12[.,]3", energy)
        for text in (day, year, time, energy):
            assert all(c.isascii() for c in text if c.isdigit()), text
    finally:
        page.command("Emulation.setLocaleOverride", locale="en-GB")


@pytest.mark.parametrize(
    ("function", "value", "said"),
    [
        ("power", 0, "0 W"),
        ("power", -812.4, "812 W"),
        ("power", 999.4, "999 W"),
        ("power", 999.6, "1.00 kW"),
        ("power", 12345, "12.35 kW"),
        ("power", None, "-"),
        ("energy", 0, "0.00 kWh"),
        ("energy", -0.001, "0.00 kWh"),
        ("energy", 9.996, "10.0 kWh"),
        ("energy", 99.96, "100 kWh"),
        ("energy", 12345.6, "12,346 kWh"),
        ("energy", None, "-"),
        ("share", 1, "100 %"),
        ("share", 0.9999, "99 %"),
        ("share", 0, "0 %"),
        ("share", None, "-"),
        ("cause", "a_new_cause", "a new cause"),
        ("duration", 75 * 60, "75 min"),
    ],
)
def test_numbers_are_written_as_people_read_them(called, function, value, said):
    (text,) = called("words", function, [[value]])
    assert text.replace("\u00a0", " ").replace("\N{EN DASH}", "-") == said
