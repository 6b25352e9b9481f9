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


def changes(zone: str, year: int = 2023) -> list[datetime]:
    """Give the quarter hours of that year at which clocks of a zone are set."""
    local, begin = ZoneInfo(zone), datetime(year, 1, 1, tzinfo=UTC)
    quarters = [begin + timedelta(minutes=15 * n) for n in range(365 * 96)]
    offsets = [moment.astimezone(local).utcoffset() for moment in quarters]
    return [
        at for at, was, now in zip(quarters[1:], offsets, offsets[1:], strict=False) if was != now
    ]


@pytest.mark.parametrize(
    "zone",
    [
        "Europe/Berlin",
        "Europe/Helsinki",
        "America/Havana",  # midnight comes twice
        "America/Santiago",  # the hour before midnight comes twice
        "America/St_Johns",
        "Australia/Lord_Howe",  # half an hour
        "Pacific/Chatham",
        "Antarctica/Troll",  # two hours
        "Asia/Kathmandu",  # never
    ],
)
def test_a_time_that_clocks_show_twice_is_told_apart_and_no_other(called, zone):
    local = ZoneInfo(zone)
    moments = [
        change + timedelta(minutes=15 * n) for change in changes(zone) for n in range(-100, 100)
    ] or [datetime(2023, 6, 1, tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(96)]
    texts = called("words", "dayAndTime", [[m.timestamp() * 1000, zone] for m in moments])
    assert len(set(texts)) == len(set(moments))
    for moment, text in zip(moments, texts, strict=True):
        shown = moment.astimezone(local)
        # Before and after the change the same clock reads two moments.
        is_twice = any(
            shown.replace(fold=fold).astimezone(UTC).astimezone(local).replace(fold=0)
            == shown.replace(fold=0)
            and shown.replace(fold=fold).astimezone(UTC) != moment
            for fold in (0, 1)
        )
        assert ("UTC" in text) == is_twice, text
        if is_twice:
            hours = shown.utcoffset() / timedelta(hours=1)
            sign = "+" if hours >= 0 else "\N{MINUS SIGN}"
            minutes = round(abs(hours) % 1 * 60)
            named = f"UTC{sign}{int(abs(hours))}" + (f":{minutes:02}" if minutes else "")
            assert text.endswith(f" {named}")


@pytest.mark.parametrize(
    ("start", "minutes", "said"),
    [
        ("2023-03-26T00:55Z", 5, "01:55 UTC+1 - 03:00 UTC+2"),
        ("2023-10-29T00:55Z", 5, "02:55 UTC+2 - 02:00 UTC+1"),
        ("2023-10-29T00:50Z", 5, "02:50 UTC+2 - 02:55 UTC+2"),
        ("2023-10-29T01:50Z", 15, "02:50 UTC+1 - 03:05"),
        ("2023-10-28T22:00Z", 300, "00:00 UTC+2 - 04:00 UTC+1"),
        ("2023-10-30T22:00Z", 60, "23:00 - 00:00"),
    ],
)
def test_a_span_in_which_clocks_are_set_says_so(called, start, minutes, said):
    begin = datetime.fromisoformat(start.replace("Z", ":00+00:00")).timestamp() * 1000
    asked = [[begin, begin + minutes * 60_000, "Europe/Berlin"]]
    (text,) = called("words", "hours", asked)
    assert text.replace("\N{EN DASH}", "-") == said


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
