"""What the page computes by itself agrees with what server and database compute."""

import random
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support.readings import flows

ZONES = (
    "Europe/Berlin",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/St_Johns",
)


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


STEMS = ("pv", "load", "import", "export", "battery_charge", "battery_discharge")
HOUSE = ("solar_to_house_kwh", "battery_to_house_kwh", "grid_to_house_kwh")
POWERS = ("pv_power_w", "battery_power_w", "load_power_w", "export_power_w")


def bucket(samples: list[tuple], hours: float, **more: object) -> dict:
    """Return what the server says of samples: pv, battery, load, export, and whether it knows."""
    split = [flows(*watts) for *watts, is_told in samples if is_told]
    kwh = hours / 1000 / max(len(samples), 1)
    integrals = {
        "pv": sum(pv for pv, *_ in samples) * kwh,
        "load": sum(load for _, _, load, *_ in samples) * kwh,
        "import": sum(max(-out, 0) for *_, out, _ in samples) * kwh,
        "export": sum(max(out, 0) for *_, out, _ in samples) * kwh,
        "battery_charge": sum(max(battery, 0) for _, battery, *_ in samples) * kwh,
        "battery_discharge": sum(max(-battery, 0) for _, battery, *_ in samples) * kwh,
    }
    row = {f"{stem}_integral_kwh": value if samples else None for stem, value in integrals.items()}
    row |= {f"{stem}_counter_kwh": None for stem in STEMS}
    row |= {f"{name[:-1]}kwh": sum(one[name] for one in split) * kwh for name in flows(0, 0, 0, 0)}
    row |= {"coverage": 1.0, "grid_coverage": 1.0, "estimated": False, **more}
    for stem in STEMS:
        counter, integral = row[f"{stem}_counter_kwh"], row[f"{stem}_integral_kwh"]
        row[f"{stem}_kwh"] = integral if counter is None else counter
    return row


def a_history(chance: random.Random) -> list[dict]:
    """Return some buckets: with and without sun, battery, counters, losses, disagreeing meters."""
    rows = []
    losses = chance.choice([0, 15, 120, -40])
    for _ in range(chance.randint(1, 12)):
        samples = []
        for _ in range(chance.randint(1, 30)):
            pv = chance.choice([0, 0, chance.uniform(0, 6000)])
            battery = chance.choice([0, chance.uniform(-4000, 4000)])
            load = chance.choice([chance.uniform(0, 800), chance.uniform(-900, 7000)])
            export = pv - battery - load - chance.uniform(0, 2) * losses
            samples.append((pv, battery, load, export, chance.random() < 0.9))
        if chance.random() < 0.5:
            samples = [(*watts, True) for *watts, _ in samples]
        row = bucket(samples, chance.choice([1, 24]))
        if chance.random() < 0.5:
            more = chance.choice([0, 0.05, 3])
            counters = {
                f"{stem}_counter_kwh": max(row[f"{stem}_kwh"] + chance.uniform(-0.05, more), 0)
                for stem in STEMS
            }
            row = bucket(samples, 1, **counters) | {"coverage": chance.choice([1.0, 0.5])}
        rows.append(row)
    return rows


def test_import_and_use_are_the_sums_of_their_parts_and_charging_never_flatters(called):
    chance = random.Random(11)
    histories = [a_history(chance) for _ in range(400)]
    sums = called("energy", "total", [[rows] for rows in histories])
    charged = 0
    for rows, found in zip(histories, sums, strict=True):
        parts = ("grid_to_house", "grid_to_battery", "grid_to_inverter", "untraced_import")
        assert sum(found[f"{part}_kwh"] or 0 for part in parts) == pytest.approx(
            sum(row["import_kwh"] for row in rows), abs=1e-9
        )
        used = sum(found[name] for name in HOUSE) + found["untraced_load_kwh"] - found["fed_in_kwh"]
        assert used == pytest.approx(sum(row["load_kwh"] for row in rows), abs=1e-9)
        assert (found["grid_to_inverter_kwh"] or 0) >= 0
        first, second = found["self_sufficiency"], found["with_charging"]
        assert (second is not None) == (found["grid_to_battery_kwh"] > 0.05 and first is not None)
        if second is not None:
            charged += 1
            assert 0 <= second <= first <= 1
    assert charged > 100


def test_the_inverter_had_what_of_the_import_reached_neither_house_nor_battery(called):
    night = [(0, 0, 500, -520, True)] * 4
    sunny = [(4000, 1000, 600, 2300, True)] * 4 + [(0, -540, 500, -20, True)] * 4
    charging = [(0, 2000, 500, -2600, True)] * 4
    unknown = [(0, 0, 500, -520, True)] * 2 + [(0, 0, 500, -2600, False)] * 2
    rows = [bucket(samples, 1) for samples in (night, sunny, charging, unknown)]
    of_night, of_sun, of_charge, of_unknown = called("energy", "total", [[[row]] for row in rows])
    assert of_night["grid_to_inverter_kwh"] == pytest.approx(0.02)
    assert of_night["self_sufficiency"] == 0
    assert of_sun["import_kwh"] == pytest.approx(0.01)
    assert of_sun["grid_to_house_kwh"] == 0
    assert of_sun["grid_to_inverter_kwh"] == pytest.approx(0.01)
    assert of_sun["with_charging"] is None
    assert of_charge["grid_to_inverter_kwh"] == pytest.approx(0.1)
    assert (of_charge["self_sufficiency"], of_charge["with_charging"]) == (0, 0)
    assert of_unknown["grid_to_inverter_kwh"] is None, "what of it charged the battery?"
    assert of_unknown["untraced_import_kwh"] == pytest.approx(1.31)


@pytest.mark.parametrize("asked", [{"frame": "all"}, {"frame": "month", "date": "2026-10-01"},
                                   {"frame": "day", "date": "2026-10-25"}])  # fmt: skip
def test_the_shares_of_a_bucket_are_those_of_the_api(called, site, asked):
    series = site.ask("/v1/series", **asked)["series"]
    found = called("energy", "total", [[[row]] for row in series])
    assert sum(row["self_sufficiency"] is not None for row in series) > 1
    for row, one in zip(series, found, strict=True):
        for name in ("self_sufficiency", "self_consumption"):
            assert one[name] == pytest.approx(row[name], abs=1e-12), row["bucket"]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({}, ""),
        ({"coverage": 0.979, "grid_coverage": 0.979}, "pv load import export charge discharge"),
        ({"coverage": 0.025, "grid_coverage": 0.025}, "pv load import export charge discharge"),
        ({"coverage": 0.985, "grid_coverage": 0.985}, ""),
        ({"coverage": 0.025, "grid_coverage": 0.025, "counters": STEMS}, ""),
        ({"coverage": 0.5, "grid_coverage": 0.5, "counters": ("pv",)},
         "load import export charge discharge"),
        ({"coverage": 1.0, "grid_coverage": 0.4}, "load import export"),
        ({"coverage": 1.0, "grid_coverage": 0.4, "counters": STEMS}, "load import export"),
        ({"coverage": 0.5, "grid_coverage": 0.3, "counters": STEMS}, "load import export"),
        ({"coverage": 1.0, "grid_coverage": 0.0, "load_kwh": None, "import_kwh": None,
          "export_kwh": None}, ""),
        ({"coverage": None, "grid_coverage": None}, ""),
    ],
)  # fmt: skip
def test_a_figure_of_a_part_of_the_time_without_a_counter_is_called_one(called, changes, parts):
    row = bucket([(1000, 200, 500, 300, True)], 1)
    for stem in changes.get("counters", ()):
        row[f"{stem}_counter_kwh"] = row[f"{stem}_kwh"] = 9.9
    (found,) = called("energy", "total", [[[{**row, **changes}]]])
    assert [name.replace("battery_", "").replace("_kwh", "") for name in found["parts"]] == (
        parts.split()
    )


def test_a_sum_that_lacks_something_of_one_bucket_is_a_part(called):
    row = bucket([(1000, 200, 500, 300, True)], 1)
    without = {**row, "load_kwh": None, "import_kwh": None, "export_kwh": None}
    whole, lacking, missing, none = called(
        "energy",
        "total",
        [[[row, row]], [[row, without]], [[row, row], True], [[without, without]]],
    )
    assert whole["parts"] == []
    assert lacking["parts"] == ["load_kwh", "import_kwh", "export_kwh"]
    assert len(missing["parts"]) == 6
    assert (none["parts"], none["load_kwh"]) == ([], None)


def test_clocks_of_all_zones_show_what_the_servers_show(called):
    begin = datetime(2023, 1, 1, tzinfo=UTC)  # a year of which browser and system know the same
    moments = [begin + timedelta(hours=7.25 * n) for n in range(1200)]
    for zone in ZONES:
        local = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
        asked = [[moment.timestamp() * 1000, zone] for moment in moments]
        assert called("zone", "dateOf", asked) == [t.date().isoformat() for t in local]
        assert called("zone", "minuteOf", asked) == [t.hour * 60 + t.minute for t in local]


def changes(zone: str, year: int = 2023) -> list[datetime]:
    """Return the quarter hours of that year at which clocks of a zone are set."""
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
    page.language(language)
    page.driver.refresh()
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
        page.language("en-GB")


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
        ("duration", 75 * 60, "75 min"),
    ],
)
def test_numbers_are_written_as_people_read_them(called, function, value, said):
    (text,) = called("words", function, [[value]])
    assert text.replace("\u00a0", " ").replace("\N{EN DASH}", "-") == said


def test_a_cause_that_the_page_does_not_know_is_shown_by_its_own_name(called):
    found = called("gap_list", "cause", [["a_new_cause"], ["edge_down"]])
    assert found == ["a new cause", "the box at home was not running"]


def test_rows_that_say_nothing_do_not_tell_that_a_house_has_no_battery(called):
    """Else the battery of a house that was never read is there for a moment, and goes."""
    empty = [
        {"bucket": "2026-10-24T00:00:00Z", "avg_pv_power_w": None},
        {"day": "2026-10-24", "sample_count": 0, "coverage": 0, "pv_kwh": None},
    ]
    cases = [
        *[[{"has_battery": told}, [empty[0], {"pv_power_w": 1}]] for told in (True, False)],
        [{"has_battery": None}, []],
        [{"has_battery": None}, [None, *empty]],
        [{"has_battery": None}, [*empty, {"pv_power_w": 0, "battery_soc_pct": None}]],
        [{"has_battery": None}, [*empty, {"pv_power_w": 0, "battery_soc_pct": 40}]],
    ]
    assert called("battery", "hasBattery", cases) == [True, False, True, True, False, True]


def test_buckets_without_readings_are_one_span_where_they_follow_each_other(called):
    step = 300_000
    begin = datetime(2026, 10, 24, tzinfo=UTC)
    buckets = [
        {"bucket": (begin + timedelta(minutes=5 * n)).isoformat(), "avg_pv_power_w": watts}
        for n, watts in enumerate([1, None, None, None, 0, None, 2])
    ]
    (spans,) = called("day_curve", "emptySpans", [[buckets, step]])
    first = begin.timestamp() * 1000
    found = [((span["start"] - first) / step, (span["end"] - first) / step) for span in spans]
    assert found == [(1, 4), (5, 6)]


def test_what_is_below_zero_has_a_minus(called):
    assert called("words", "energyDigits", [[-3.124], [-0.001]]) == ["\N{MINUS SIGN}3.12", "0.00"]
