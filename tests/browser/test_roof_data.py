"""What the Roof view makes of answers: where the sun stands, cells, sums and losses."""

import random
import re
from datetime import UTC, datetime, timedelta

import pytest

from edge_lib.shared.sun import position
from server.api.roof import _REASONS
from server.page import FOLDER, LANGUAGES
from server.roof.texts import EVENTS, REASONS
from tests.browser.conftest import SETTINGS, Site

PLACE = {"latitude": 52.0, "longitude": 5.0}
BUCKET = datetime(2026, 6, 10, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def site(databases, https_server) -> Site:
    """A server whose modules are asked, without a house."""
    url = databases.migrated("Europe/Berlin")
    return Site(https_server(DATABASE_URL=url, **SETTINGS), url)


def test_the_sun_stands_where_the_server_has_it(called):
    chance = random.Random(8)
    first = datetime(1990, 1, 1, tzinfo=UTC).timestamp()
    asked = [
        (first + chance.uniform(0, 70 * 365.25 * 86400), chance.uniform(-90, 90), lon)
        for lon in range(-180, 180, 2)
    ]
    asked += [(first, 0.0, 0.0), (first + 1e9, 89.9, 0.0), (first + 1e9, -89.9, 179.0)]
    found = called("roof_sun", "sunAt", [[at * 1000, lat, lon] for at, lat, lon in asked])
    for (at, latitude, longitude), sun in zip(asked, found, strict=True):
        true = position(at, latitude, longitude)
        assert sun["elevation"] == pytest.approx(true.elevation_deg, abs=1e-6)
        off = (sun["azimuth"] - true.azimuth_deg + 180) % 360 - 180
        assert off == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("latitude", "azimuth", "x"),
    [(52, 180, 0), (52, 90, -90), (52, 300, 120), (-34, 0, 0), (-34, 90, 90), (-34, 350, -10),
     (0, 180, 0)],
)  # fmt: skip
def test_the_middle_is_where_the_sun_is_at_noon(called, latitude, azimuth, x):
    assert called("roof_sun", "across", [[azimuth, latitude]]) == [x]


def test_paths_and_hours_are_those_of_the_longest_and_the_shortest_day(called):
    (paths,) = called("roof_sun", "pathsOf", [[2026, PLACE]])
    tops = [max(elevation for _, elevation in path["sky"]) for path in paths]
    assert tops == pytest.approx([61.4, 38, 14.6], abs=0.4)
    (hours,) = called("roof_sun", "hoursOf", [[2026, PLACE, 60]])
    noon = next(one for one in hours if one["hour"] == 13)
    assert max(elevation for _, elevation in noon["sky"]) == pytest.approx(61, abs=0.7)
    assert {one["hour"] for one in hours} >= set(range(5, 20))
    (south,) = called("roof_sun", "pathsOf", [[2026, {"latitude": -34, "longitude": 151}]])
    assert max(e for _, e in south[2]["sky"]) > max(e for _, e in south[0]["sky"])


def a_bin(azimuth: float, elevation: float, performance: float | None, **more: object) -> dict:
    known = {"azimuth_deg": azimuth, "elevation_deg": elevation, "performance": performance}
    state = "clear" if performance and performance >= 0.9 else "shaded"
    seen = {"n": 40, "days": 9, "contrast": None, "last_seen": "2026-06-10"}
    return known | seen | {"state": state} | more


def test_a_cell_is_coloured_by_what_the_string_gives_and_never_seen_is_not_nought(called):
    edges = [0.0, 0.249, 0.25, 0.499, 0.5, 0.749, 0.75, 0.899, 0.9, 1.04]
    kinds = called("roof_cells", "levelOf", [[value] for value in edges])
    assert kinds == [f"level-{n}" for n in (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)]
    few = a_bin(185, 20, None, state="too_few", n=3)
    answer = {"bins": [a_bin(180, 20, 0.62), few]}
    (cells,) = called("roof_cells", "cellsOf", [[answer, PLACE, 2026]])
    by_place = {(one["azimuth"], one["elevation"]): one for one in cells}
    assert by_place[180, 20]["kind"] == "level-2"
    assert by_place[185, 20]["kind"] == "few"
    others = [one for one in cells if one["kind"] == "never"]
    assert len(others) == len(cells) - 2
    assert 700 < len(cells) < 820, "what the sun crosses in a year at 52 degrees"
    assert not any("performance" in one for one in others)
    # Row by row from below, from the morning on.
    places = [(one["elevation"], one["x"]) for one in cells]
    assert places == sorted(places)
    assert max(one["elevation"] for one in cells) == 60


def test_a_difference_is_there_only_where_both_years_are_known(called):
    now = [a_bin(180, 20, 0.5), a_bin(185, 20, 0.95), a_bin(190, 20, 0.9), a_bin(195, 20, 0.9)]
    then = [a_bin(180, 20, 0.95), a_bin(185, 20, 0.94), a_bin(195, 20, None, state="too_few")]
    (cells,) = called("roof_cells", "changesOf", [[{"bins": now}, {"bins": then}, PLACE]])
    assert [(one["azimuth"], one["kind"]) for one in cells] == [
        (180, "change-0"),
        (185, "change-2"),
    ]
    steps = called("roof_cells", "changeOf", [[-0.16], [-0.1], [0.0], [0.1], [0.2]])
    assert steps == [f"change-{n}" for n in range(5)]


def test_arrows_lead_through_the_sky(called):
    answer = {"bins": []}
    (cells,) = called("roof_cells", "cellsOf", [[answer, PLACE, 2026]])
    start = next(
        n for n, one in enumerate(cells) if (one["azimuth"], one["elevation"]) == (180, 30)
    )
    keys = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "End")
    found = called("roof_cells", "beside", [[cells, start, key] for key in keys])
    places = [(cells[n]["azimuth"], cells[n]["elevation"]) for n in found[:4]]
    assert places == [(175, 30), (185, 30), (180, 32.5), (180, 27.5)]
    assert found[4] is None, "others are those of every chart"


def a_loss(month: str, string: int, **kwh: float | None) -> dict:
    causes = ("clipping", "export_limit", "full_battery", "derating", "dispatch", "voltage")
    none = {f"{cause}_kwh": 0.0 for cause in (*causes, "outage")}
    return {"month": month, "string": string, "shade_kwh": 0.0, "shade_kind": "exact"} | none | kwh


def test_a_loss_that_nobody_knows_is_none_and_one_that_a_string_lacks_is_a_part(called):
    rows = [
        a_loss("2026-05", 1, shade_kwh=4.0), a_loss("2026-05", 2, shade_kwh=None),
        a_loss("2026-06", 1, shade_kwh=None), a_loss("2026-06", 2, shade_kwh=None),
        a_loss("2026-07", 1, shade_kwh=3.0, shade_kind="at_least"), a_loss("2026-07", 2),
        a_loss("2026-08", 1, clipping_kwh=1.5), a_loss("2026-08", 2, clipping_kwh=2.5),
    ]  # fmt: skip
    (months,) = called("roof_lists", "lossesOf", [[rows]])
    shade = [
        (one["month"], one["cells"]["shade"]["kwh"], one["cells"]["shade"]["isLeast"])
        for one in months
    ]
    assert shade == [
        ("2026-08", 0, False), ("2026-07", 3, True), ("2026-06", None, False), ("2026-05", 4, True)
    ]  # fmt: skip
    assert months[0]["cells"]["clipping"] == {"kwh": 4, "isLeast": False}


def a_string(string: int, watts: list[float | None]) -> dict:
    series = [
        {"bucket": (BUCKET + n * timedelta(minutes=5)).isoformat(), "avg_power_w": value,
         "kwh": None if value is None else value / 12_000, "sample_count": 60}
        for n, value in enumerate(watts)
    ]  # fmt: skip
    return {"string": string, "name": None, "series": series}


def test_a_day_of_strings_has_what_was_measured_and_when_half_of_it_had_come(called):
    watts = [0.0] * 12 + [1200.0] * 24 + [2400.0] * 12 + [0.0] * 24
    other: list[float | None] = [None if 20 <= n < 30 else value for n, value in enumerate(watts)]
    at = (BUCKET + timedelta(hours=2)).isoformat()
    expected = [
        {"bucket": at, "string": 1, "clear_sky_w": 900, "usual_w": None, "limited": "voltage"}
    ]
    answers = {"strings": [a_string(1, watts), a_string(2, other), a_string(3, [None] * 72)],
               "grid": [], "expected": expected}  # fmt: skip
    (day,) = called("roof_day", "dayOf", [[answers]])
    assert [one["string"] for one in day["strings"]] == [1, 2], "the third was never read"
    assert day["strings"][0]["kwh"] == pytest.approx(4.8)
    assert day["strings"][1]["kwh"] == pytest.approx(3.8)
    half = datetime.fromtimestamp(day["strings"][0]["half"] / 1000, UTC)
    assert half == BUCKET + timedelta(minutes=5 * 36)
    point = day["points"][24]
    assert (point["string_1"], point["string_2"], point["clear_1"]) == (1200, None, 900)
    assert (point["usual_1"], point["limited_1"], point["limited_2"]) == (None, "voltage", None)
    assert day["litMs"] == 36 * 300_000
    (early,) = called("roof_day", "dayOf", [[answers | {"strings": [a_string(1, watts[:40])]}]])
    assert early["strings"][0]["half"] is None, "the sun may still shine"


@pytest.mark.parametrize(
    ("volts", "found"),
    [
        ([230, 234], {"least": 230, "most": 234, "isWithin": True}),
        ([206, 231], {"least": 206, "most": 231, "isWithin": False}),
        ([230, 254], {"least": 230, "most": 254, "isWithin": False}),
        ([119, 121], {"least": 119, "most": 121, "isWithin": None}),
        ([None, None], None),
    ],
)
def test_the_mains_are_judged_by_what_is_allowed_to_230_v_alone(called, volts, found):
    points = [{"at": 0, "mains": value} for value in volts]
    assert called("roof_day", "mainsOf", [[points]]) == [found]


def test_a_string_has_its_part_of_what_the_inverter_measures(called):
    reading = {"pv_power_w": 1050, "mppt1_voltage_v": 300, "mppt1_current_a": 2,
               "mppt2_voltage_v": 200, "mppt2_current_a": 2}  # fmt: skip
    dark = {**reading, "pv_power_w": 0, "mppt1_current_a": 0, "mppt2_current_a": 0}
    unknown = {**reading, "pv_power_w": None}
    asked = [[reading, 1], [reading, 2], [dark, 1], [unknown, 1]]
    assert called("roof_tiles", "wattsOf", asked) == [630, 420, 0, 600]


def words_of(language: str) -> dict[str, str]:
    text = (FOLDER / f"words.roof.{language}.js").read_text(encoding="utf-8")
    return dict(re.findall(r"^  (\w+):\s+'([^']+)',$", text, re.MULTILINE))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_reason_and_each_event_has_its_words(language):
    told = words_of(language)
    assert [code for code in _REASONS if f"roof_why_{code}" not in told] == []
    for code, text in REASONS.items():
        words = told[f"roof_why_{code}"]
        assert set(re.findall(r"\{\w+\}", words)) == set(re.findall(r"\{\w+\}", text)), code
        assert "{" not in told.get(f"roof_todo_{code}", "")
        # Of one day, too: no number is before what it counts, but minutes, which are many.
        assert not re.search(r"\{(?!minutes|most)\w+\}\s\w", words), code
    for event in EVENTS:
        more = ("_less", "_more") if event.startswith("share_") else ("",)
        assert all(told[f"roof_event_{event}{part}"] for part in more)
