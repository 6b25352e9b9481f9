"""What else is known of a roof: losses, shares, dirt, dead strings, contradictions, a curve."""

import functools
import random
import re
from datetime import UTC, date, datetime, timedelta

import pytest

from server.plane import Plane
from server.roof import analyse, curve, digest, figures, fit, share, yields
from server.roof.rows import CAUSES, Settings
from server.roof.texts import REASONS, why
from tests.support import roofs

pytestmark = pytest.mark.slow  # months of a simulated roof

FRONT, SAME, WEST = Plane(35, 180, 2.5, "front"), Plane(35, 180, 3.0), Plane(30, 250, 2.5)
SPRING = date(2025, 3, 1)


@pytest.fixture
def fits():
    """Ask for it where the orientation is to be fitted: it costs most of an analysis."""


@pytest.fixture(autouse=True)
def unfitted(monkeypatch, request):
    if "fits" not in request.fixturenames:
        monkeypatch.setattr(fit, "of_columns", lambda *_: None)


def result(roof, count, settings=None, first=SPRING):
    told = settings or roof.settings()
    return analyse.result("home-1", roofs.digests(roof, first, count, told), told, 1.7e9)


@functools.cache
def two():
    """Two equal strings, a tree before the first one."""
    roof = roofs.Roof({1: FRONT, 2: SAME}, {1: roofs.TREE})
    return roof, result(roof, 75)


def true_loss_kwh(roof, count):
    roof = roof._replace(planes={1: FRONT})  # the clouds are the same
    open_sky = roof._replace(horizons={})
    kwh = [
        sum(day.energy_kwh[1] for day in roofs.digests(one, SPRING, count))
        for one in (open_sky, roof)
    ]
    return kwh[0] - kwh[1]


def test_beside_an_equal_string_the_loss_is_exact():
    roof, one = two()
    loss = one.result["strings"][0]["shade_loss"]
    assert loss["kind"] == "exact", loss
    assert loss["kwh"] == pytest.approx(true_loss_kwh(roof, 75), rel=0.1)
    assert one.result["strings"][1]["shade_loss"]["kwh"] == 0
    months = [one for one in one.result["losses_by_month"] if one["string"] == 1]
    assert sum(month["shade_kwh"] for month in months) == pytest.approx(loss["kwh"], abs=0.2)


LIMITED = ("derating", "dispatch", "export_limit", "full_battery")


@pytest.mark.parametrize(
    ("changed", "known"),
    [
        ({}, {"derating", "dispatch", "export_limit", "full_battery"}),
        ({"has_state": False}, {"export_limit", "full_battery"}),
        ({"has_export": False}, {"derating", "dispatch"}),
        ({"has_state": False, "has_export": False}, set()),
    ],
)
def test_what_nobody_read_is_not_told_as_0(changed, known):
    roof = roofs.Roof({1: FRONT})
    told = roof.settings()._replace(export_limit_w=50_000.0, nominal_w=50_000.0)
    read = {"has_state": True, "has_export": True} | changed
    days = [one._replace(**read) for one in roofs.digests(roof, SPRING, 32, told)]
    for month in analyse.result("home-1", days, told, 1.7e9).result["losses_by_month"]:
        kwh = {cause: month[f"{cause}_kwh"] for cause in LIMITED}
        assert kwh == {cause: 0.0 if cause in known else None for cause in LIMITED}


def test_a_state_dispatch_that_is_always_there_holds_nothing_back():
    roof = roofs.Roof({1: FRONT}, {1: roofs.TREE})
    told = roof.settings()
    days = roofs.digests(roof, SPRING, 45, told)
    code = 1 + CAUSES.index("dispatch")
    always = [one._replace(causes=[code] * len(one.causes)) for one in days]
    usual, odd = (analyse.result("home-1", one, told, 1.7e9) for one in (days, always))
    assert odd.bins == usual.bins
    assert {one["dispatch_kwh"] for one in odd.result["losses_by_month"]} == {None}
    # A day of it is a command.
    once = [*always[:3], *days[3:]]
    some = analyse.result("home-1", once, told, 1.7e9)
    assert {one.cause for one in some.limits} >= {"dispatch"}


@pytest.mark.long
def test_alone_the_loss_is_at_least_what_is_told():
    roof = roofs.Roof({1: FRONT}, {1: roofs.TREE})
    loss = result(roof, 75).result["strings"][0]["shade_loss"]
    assert loss["kind"] == "at_least"
    assert 0.4 < loss["kwh"] / true_loss_kwh(roof, 75) <= 1.0


def test_losses_are_the_same_if_readings_are_further_apart():
    roof = roofs.Roof({1: Plane(35, 180, 5.0), 2: WEST}, nominal_w=2500.0, clear=0.6)
    died = SPRING + timedelta(days=30)
    roof = roof._replace(factor=lambda day, k: 0.0 if k == 2 and day >= died else 1.0)
    told = roof.settings()
    lost = []
    for every in (1, 2):
        days = [
            digest.of_day(
                day,
                [row._replace(covered_s=300.0 * every) for row in rows[::every]],
                begin,
                end,
                told,
            )
            for day, rows, begin, end in roofs.days(roof, SPRING, 34)
        ]
        months = analyse.result("home-1", days, told, 1.7e9).result["losses_by_month"]
        lost.append(
            [sum(month[name] or 0.0 for month in months) for name in ("clipping_kwh", "outage_kwh")]
        )
    assert min(lost[0]) > 2
    assert lost[1] == pytest.approx(lost[0], rel=0.1)


@pytest.mark.parametrize(("minutes", "reason"), [(20, None), (30, "far"), (60, "far")])
def test_readings_too_far_apart_are_named_and_no_number_of_days(minutes, reason):
    roof = roofs.Roof({1: FRONT, 2: WEST})
    days = [one._replace(row_s=60.0 * minutes) for one in roofs.digests(roof, SPRING, 12)]
    found = analyse.result("home-1", days, roof.settings(), 1.7e9)
    one = found.result
    if reason is None:
        assert (one["reason"], one["days_missing"] > 0) == ("too_few_days", True)
        return
    assert (one["reason"], one["days_missing"]) == ("too_far_apart", None)
    assert f"{minutes} minutes apart" in one["reason_text"]
    assert [string["share"]["reason"] for string in one["strings"]] == ["too_far_apart"] * 2
    assert found.bins == found.limits == []
    # The newest days count: once they are near enough, it goes on.
    near = roofs.digests(roof, SPRING + timedelta(days=12), 31)
    assert analyse.result("home-1", [*days, *near], roof.settings(), 1.7e9).result["reason"] is None


def test_strings_that_gave_nothing_were_read_all_the_same():
    roof = roofs.Roof({1: FRONT, 2: WEST}, factor=lambda *_: 0.0)
    one = result(roof, 40).result
    assert (one["reason"], one["strings"]) == ("no_power", [])
    assert "read" not in one["reason_text"]


@pytest.mark.parametrize("reason", REASONS)
def test_no_reason_counts_one_days(reason):
    ones = dict.fromkeys(("days", "missing", "months", "needed", "minutes", "most"), 1)
    text = why(reason, **ones)["reason_text"]
    assert not re.search(r"(?<![-\w])1 (days|months|more)", text), text


def test_one_string_has_no_share_and_no_outage():
    one = result(roofs.Roof({1: FRONT}), 32).result
    assert one["strings"][0]["share"]["value"] is None
    assert one["strings"][0]["share"]["reason"] == "one_string"
    assert one["share_by_day"] == []
    assert {month["outage_kwh"] for month in one["losses_by_month"]} == {None}


def test_shares_are_as_usual_while_nothing_happens():
    _, one = two()
    for string in one.result["strings"]:
        told = string["share"]
        assert told["value"] == pytest.approx(told["usual"], rel=0.02)
        assert told["low"] <= told["usual"] <= told["high"]
        assert string["dead"] is None
    assert not [one for one in one.result["events"] if one["id"].startswith("share")]
    assert all(0.97 < day["ratio7"] < 1.03 for day in one.result["share_by_day"])


@pytest.mark.long
def test_a_string_that_falls_behind_at_once_is_told():
    since = SPRING + timedelta(days=50)
    roof = roofs.Roof(
        {1: FRONT, 2: WEST}, factor=lambda day, k: 0.88 if k == 1 and day >= since else 1.0
    )
    told = [e for e in result(roof, 75).result["events"] if e["id"].startswith("share")]
    assert [(one["id"], one["string"], one["to"]) for one in told] == [("share_step", 1, None)]
    assert abs((date.fromisoformat(told[0]["from"]) - since).days) <= 4
    assert told[0]["value"] == pytest.approx(-0.12, abs=0.03)


def test_a_drift_is_no_step():
    days = [share.Day(n, 0.5, 0.5, -0.002 * max(0, n - 40)) for n in range(90)]
    assert [one.kind for one in share.changes(days, 0.0)] == ["drift"]
    days = [share.Day(n, 0.5, 0.5, -0.1 if n >= 40 else 0.0) for n in range(90)]
    found = share.changes(days, 0.0)
    assert [(one.kind, one.first, one.last) for one in found] == [("step", 40, None)]


def test_a_share_that_turns_with_the_season_is_no_event_nor_are_days_seen_by_a_corner():
    """As a house was seen whose planes are not quite what was set."""
    corner = {48: -0.08, 92: -0.13, 106: -0.09, 109: -0.12, 114: -0.21}
    logs = [corner.get(n, -0.057 * min(1.0, max(0, n - 60) / 40)) for n in range(120)]
    for sign in (1, -1):
        days = [share.Day(n, 0.5, 0.5, sign * log) for n, log in enumerate(logs) if n % 2 == 0]
        assert share.changes(days, 0.0) == []
        points = [(one.day, one.log) for one in days]
        assert yields.dirt(points, yields.noise_of(points), 119) is None


def test_what_rises_less_than_it_fell_is_no_cleaning():
    points = [(n, -0.001 * n if n != 80 and n != 81 else -0.14) for n in range(110)]
    assert yields.dirt(points, 0.0, 109) is None


def test_dirt_is_told_between_two_rains():
    rain = SPRING + timedelta(days=35)

    def dirty(day, k):
        since = (day - rain).days if day >= rain else (day - SPRING).days
        return 1 - 0.001 * since if k == 1 else 1.0

    roof = roofs.Roof({1: FRONT, 2: SAME}, factor=dirty)
    first, second = result(roof, 75).result["strings"]
    assert first["soiling"]["pct"] == pytest.approx(4.0, abs=1)
    assert abs((date.fromisoformat(first["soiling"]["since"]) - rain).days) <= 3
    assert second["soiling"]["pct"] is None


def test_without_a_rain_dirt_is_not_told():
    points = [(n, -0.001 * n) for n in range(60)]
    assert yields.dirt(points, 0.0, 59) is None
    up = [(n, 0.05 if n > 30 else 0.0) for n in range(60)]
    assert yields.dirt(up, 0.0, 59) is None  # a step up with no way down before is no cleaning


def test_a_trend_needs_two_years():
    columns = type("Days", (), {"days": [SPRING + timedelta(days=n) for n in range(1100)]})
    points = [(n, -0.00002 * n) for n in range(0, 1100, 3)]
    told = yields.trend(columns, points)
    assert told.value == pytest.approx(-0.0073, abs=0.0002)
    assert told.low <= told.value <= told.high
    columns.days = columns.days[:700]
    assert yields.trend(columns, points[:200]) is None


@pytest.mark.parametrize("dirty", [True, False])
def test_dirt_that_all_strings_have_alike_is_told_by_the_trend(dirty):
    """Ten weeks between two rains in the second year; haze hides each of them."""
    columns = type("Days", (), {"days": [SPRING + timedelta(days=n) for n in range(740)]})
    chance = random.Random(1)
    haze = [chance.gauss(0, 0.025) for _ in range(740)]
    points = [(n, haze[n] - 0.001 * (n % 70) * (dirty and n >= 370)) for n in range(0, 740, 2)]
    told = yields.trend(columns, points)
    assert 100 * told.value == pytest.approx(-3.4 if dirty else 0.0, abs=1)
    assert told.low <= (-0.034 if dirty else 0.0) <= told.high


@pytest.mark.parametrize(
    ("pct_year", "high", "warned"),
    [
        (-3.2, -2.1, True),
        (-3.2, -0.9, False),
        (-0.7, -0.4, False),
        (2.0, 3.0, False),
        (None,) * 2 + (False,),
    ],
)
def test_a_string_that_fades_faster_than_modules_age_is_a_warning(pct_year, high, warned):
    told = figures.fading({"pct_year": pct_year, "high": high})
    assert [one["id"] for one in told] == ["fades"] * warned
    assert all(f"{pct_year} % a year" in one["text"] for one in told)


def test_a_dead_string_is_dead_since_its_first_dead_minutes():
    died = SPRING + timedelta(days=31)
    roof = roofs.Roof(
        {1: FRONT, 2: WEST}, factor=lambda day, k: 0.0 if k == 1 and day >= died else 1.0
    )
    days = roofs.digests(roof, SPRING, 35)
    one = analyse.result("home-1", days, roof.settings(), 1.7e9).result
    first, second = one["strings"]
    assert first["dead"]["since"].startswith(died.isoformat())
    assert second["dead"] is None
    assert one["events"][-1]["id"] == "dead"
    outage = sum(m["outage_kwh"] for m in one["losses_by_month"] if m["string"] == 1)
    assert outage > 3
    before = analyse.result("home-1", days[:31], roof.settings(), 1.7e9).result
    assert not [string for string in before["strings"] if string["dead"]]


def test_a_string_that_was_never_plugged_in_is_absent():
    roof = roofs.Roof({1: FRONT, 2: WEST}, factor=lambda _, k: float(k == 1))
    one = result(roof, 8).result
    assert [string["string"] for string in one["strings"]] == [1]
    assert one["events"] == []


@pytest.mark.long
def test_a_limit_costs_what_it_took():
    free = roofs.Roof({1: Plane(35, 180, 5.0)}, clear=0.6)
    held = free._replace(nominal_w=2500.0)
    kwh = [sum(day.energy_kwh[1] for day in roofs.digests(one, SPRING, 60)) for one in (free, held)]
    months = result(held, 60).result["losses_by_month"]
    assert sum(month["clipping_kwh"] for month in months) == pytest.approx(kwh[0] - kwh[1], rel=0.1)
    assert {month["export_limit_kwh"] for month in months} == {None}


@pytest.mark.parametrize(
    ("latitude", "longitude", "warning"),
    [(52.0, -25.0, "longitude_contradicts"), (-52.0, 5.0, "latitude_contradicts")],
)
def test_the_sun_of_the_data_contradicts_a_wrong_place(latitude, longitude, warning):
    roof = roofs.Roof({1: FRONT}, clear=1.0)
    told = roof.settings(latitude=latitude, longitude=longitude)
    one = result(roof, 8, told, date(2025, 6, 1)).result
    assert [one["id"] for one in one["warnings"]] == [warning]
    assert one["reason"] == "place_contradicts"
    if longitude < 0:
        assert one["warnings"][0]["values"]["seems_deg"] == pytest.approx(5, abs=3)


def test_a_right_place_is_not_contradicted():
    assert two()[1].result["warnings"] == []


def test_an_orientation_far_off_is_contradicted_and_no_shade_is_told(fits):
    roof = roofs.Roof({1: WEST}, {1: roofs.TREE})
    one = result(roof, 75, roof.settings(strings={1: WEST._replace(azimuth_deg=90)}))
    string = one.result["strings"][0]
    assert [warning["id"] for warning in string["warnings"]] == ["azimuth_contradicts"]
    assert not [b for b in one.bins if b.state == "shaded"]
    assert string["map"]["reason"] == "azimuth_contradicts"


def test_an_orientation_that_was_not_set_is_fitted(fits):
    roof = roofs.Roof({1: Plane(30, 215, 2.5)}, clear=0.4)
    days = roofs.digests(roof, SPRING, 75)
    fitted = fit.of_days(days, 1)
    assert fitted.azimuth_deg == pytest.approx(215, abs=6)
    assert fit.of_days(days, 2) is None
    told = roof.settings(strings={})
    string = analyse.result("home-1", days, told, 1.7e9).result["strings"][0]
    assert string["plane"]["source"] == "fitted"
    short = analyse.result("home-1", days[:20], told, 1.7e9).result
    assert short["reason"] == "no_orientation"
    assert short["strings"][0]["plane"]["source"] is None


@pytest.mark.parametrize(
    ("settings", "reason"), [(Settings(), "no_place"), (Settings("UTC", 52.0, 5.0), "no_strings")]
)
def test_without_a_place_or_strings_the_answer_says_so(settings, reason):
    one = analyse.result("home-1", [], settings, 1.7e9)
    assert one.result["reason"] == reason
    assert one.result["reason_text"]
    assert one.bins == one.limits == []


def test_without_a_place_the_strings_are_still_named():
    roof = roofs.Roof({1: FRONT, 2: WEST})
    told = Settings(strings={1: FRONT})
    one = result(roof, 3, told).result
    assert [(s["string"], s["name"]) for s in one["strings"]] == [(1, "front"), (2, None)]
    assert one["strings"][0]["shade_loss"]["reason"] == "no_place"


def test_a_days_curve_has_the_clear_sky_and_what_is_usual():
    roof = roofs.Roof({1: FRONT, 2: WEST}, clear=1.0)
    days = roofs.digests(roof, SPRING, 20)
    told = analyse.result("home-1", days, roof.settings(), 1.7e9).result
    day, rows, begin, end = list(roofs.days(roof, SPRING, 21))[-1]
    points = curve.of_day(told, roof.settings(), rows, begin, end, days[-14:])
    assert {point.string for point in points} == {1, 2}
    assert all(begin <= point.bucket_s < end for point in points)
    noon = datetime(day.year, day.month, day.day, 11, 40, tzinfo=UTC).timestamp()
    point = next(one for one in points if one.bucket_s == noon and one.string == 1)
    measured = next(row for row in rows if row.bucket_s == noon).strings[0].power_w
    assert point.clear_sky_w == pytest.approx(measured, rel=0.1)
    assert point.usual_w == pytest.approx(measured, rel=0.1)
    assert point.limited is None
    assert curve.of_day(told, Settings(), rows, begin, end, []) == []
