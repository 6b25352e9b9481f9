"""The shade map: found where it is, never where there is none, whatever the clouds."""

import functools
from datetime import date
from unittest import mock

import pytest

from edge_lib.shared import sun
from edge_lib.simulator.roof import HORIZONS
from server.plane import Plane
from server.roof import (
    analyse,
    cells,
    columns,
    digest,
    evidence,
    fit,
    limited,
    model,
    shade,
    sharing,
    whole,
)
from server.roof.cells import Cell
from server.roof.rows import FiveMinutes, StringRow
from tests.support import roof_checks, roof_life, roof_map_claims, roofs

SPRING = date(2025, 3, 1)


@pytest.fixture
def fits():
    """Ask for it where the orientation is to be fitted: it costs most of an analysis."""


@pytest.fixture(autouse=True)
def unfitted(monkeypatch, request):
    if "fits" not in request.fixturenames:
        monkeypatch.setattr(fit, "of_columns", lambda *_: None)


@functools.cache
def lived(count, clear=0.2, broken=0.4, seed=1, tree=True, step_a=0.1, **more):
    roof = roofs.Roof(
        {1: roofs.SOUTH},
        {1: roofs.TREE} if tree else {},
        clear,
        broken,
        seed=seed,
        step_a=step_a,
        **more,
    )
    return roof, roofs.digests(roof, SPRING, count)


def found(count, settings=None, **about):
    roof, days = lived(count, **about)
    return analyse.result("home-1", days, settings or roof.settings(), 1.7e9)


def states(one, period="all"):
    return {(b.azimuth_deg, b.elevation_deg): b.state for b in one.bins if b.period == period}


def behind_the_tree(one):
    """Return the bins that were seen often enough and lie all behind it."""
    return [
        b
        for b in one.bins
        if b.period == "all" and b.n >= 12 and 95 <= b.azimuth_deg < 130 and b.elevation_deg < 25
    ]


def beside_the_tree(one):
    for b in one.bins:
        in_east = 90 <= b.azimuth_deg <= 130 and b.elevation_deg <= 25
        in_west = 225 <= b.azimuth_deg <= 250 and b.elevation_deg <= 15
        if not in_east and not in_west:
            yield b


def test_a_tree_is_found_and_nothing_else():
    one = found(75)
    behind = behind_the_tree(one)
    assert len(behind) > 20
    assert sum(b.state == "shaded" for b in behind) >= 0.9 * len(behind)
    assert not [b for b in beside_the_tree(one) if b.state == "shaded"]
    words = [w for w in one.result["strings"][0]["map"]["words"] if w["kind"] == "shade"]
    assert {(w["azimuth_from_deg"], w["azimuth_to_deg"]) for w in words} >= {(95.0, 130.0)}


def test_an_obstacle_takes_the_beam_alone():
    contrasts = [b.contrast for b in behind_the_tree(found(75)) if b.contrast is not None]
    assert contrasts
    assert max(contrasts) < 0.85


@pytest.mark.long
def test_settings_that_are_a_little_wrong_change_little():
    roof, _ = lived(75)
    one = found(75, roof.settings(strings={1: Plane(30.0, 190.0, 2.5)}))
    behind = behind_the_tree(one)
    assert sum(b.state == "shaded" for b in behind) >= 0.8 * len(behind)
    assert sum(b.state == "shaded" for b in beside_the_tree(one)) <= 0.02 * len(one.bins)


def bin_at(row):
    return roof_checks.bin_of(sun.position(row.bucket_s + 150, 52.0, 5.0))


def with_few_rows(at, most):
    """Return the map of the tree's days with so many rows left in one bin, one on each day."""
    roof, _ = lived(75)
    kept, days = 0, []
    for day, rows, begin, end in roofs.days(roof, SPRING, 75):
        there = [row for row in rows if bin_at(row) == at]
        own = there[: kept < most]
        kept += len(own)
        left = [row for row in rows if row not in there or row in own]
        days.append(digest.of_day(day, left, begin, end, roof.settings()))
    one = analyse.result("home-1", days, roof.settings(), 1.7e9)
    (bin_,) = [b for b in one.bins if b.period == "all" and (b.azimuth_deg, b.elevation_deg) == at]
    return bin_


def test_among_shaded_bins_few_rows_are_enough_and_elsewhere_they_are_not():
    behind, beside = (110.0, 15.0), (110.0, 27.5)
    assert with_few_rows(behind, 5).n == 5
    assert with_few_rows(behind, 5).state == "shaded"
    assert with_few_rows(behind, 3).state == "too_few"
    assert with_few_rows(beside, 5).state == "too_few"


@pytest.mark.parametrize(
    ("count", "clear", "broken"),
    [(7, 1.0, 0.0), (29, 1.0, 0.0), (35, 0.0, 0.0), (35, 0.05, 0.05)],
)
def test_too_little_sun_is_no_shade_even_behind_a_tree(count, clear, broken):
    one = found(count, clear=clear, broken=broken)
    assert "shaded" not in states(one).values()
    string = one.result["strings"][0]
    assert string["map"]["days_missing"] == one.result["days_missing"] > 0
    assert string["map"]["unsettled"]
    assert string["map"]["words"] == []
    assert string["shade_loss"]["kwh"] is None
    assert one.result["reason"] == "too_few_days"


@pytest.mark.parametrize(("clear", "broken"), [(0.2, 0.4), (0.0, 1.0), (0.1, 0.1)])
def test_a_roof_without_shade_has_none(clear, broken):
    one = found(40, clear=clear, broken=broken, tree=False)
    assert not [b for b in one.bins if b.state == "shaded"]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(30))
def test_a_roof_without_shade_has_none_whatever_the_clouds(seed):
    for clear, broken in (
        (1, 0),
        (0.5, 0.3),
        (0.2, 0.4),
        (0.1, 0.2),
        (0.05, 0.1),
        (0, 0.5),
        (0, 1),
    ):
        one = found(150, clear=clear, broken=broken, seed=seed, tree=False)
        assert not [b for b in one.bins if b.state == "shaded"], (clear, broken)
        lived.cache_clear()


HELD = {"export_limit_w": 1000.0, "clear": 0.6, "tree": False}


def test_where_the_inverter_held_back_there_is_no_shade():
    one = found(60, **HELD)
    assert not [b for b in one.bins if b.state in ("shaded", "partly")]
    assert {limit.cause for limit in one.limits} == {"export_limit"}


@pytest.mark.long
def test_a_limit_that_nobody_set_is_seen_by_the_voltage():
    roof, _ = lived(60, **HELD)
    told = roof.settings(export_limit_w=None)
    days = roofs.digests(roof, SPRING, 60, told)
    one = analyse.result("home-1", days, told, 1.7e9)
    assert not [b for b in one.bins if b.state == "shaded"]
    held = {limit.bucket_s for limit in one.limits}
    known = {limit.bucket_s for limit in found(60, **HELD).limits}
    assert {limit.cause for limit in one.limits} == {"voltage"}
    assert len(held & known) > 0.95 * len(known)


@pytest.mark.long
def test_the_step_of_the_current_changes_nothing():
    coarse, fine = found(75), found(75, step_a=0.01)
    assert states(coarse) == states(fine)


def two(cut, amps, watts=None):
    """Return five minutes of two strings whose currents lost ``cut`` A each, of 400 and 200 V."""
    volts = (400.0, 200.0)
    told = [v * (a - cut) for v, a in zip(volts, amps, strict=True)]
    whole = watts or sum(v * a for v, a in zip(volts, amps, strict=True))
    return FiveMinutes(
        0,
        tuple(
            StringRow(k + 1, whole * told[k] / sum(told), volts[k], amps[k] - cut, 30, 0)
            for k in (0, 1)
        ),
    )


AMPS = [(4.0 + n, 0.4 + 0.1 * n) for n in range(6)]


@pytest.mark.parametrize("cut", [0.0, 0.03, 0.05])
@pytest.mark.parametrize("more", [1.0, 1.02])
def test_what_is_cut_off_of_the_currents_is_shared_out_by_volts(cut, more):
    rows = [two(cut, amps, more * (400 * amps[0] + 200 * amps[1])) for amps in AMPS]
    for row, amps in zip(sharing.fairly_shared(rows), AMPS, strict=True):
        first, second = (own.power_w for own in row.strings)
        assert first + second == pytest.approx(more * (400 * amps[0] + 200 * amps[1]))
        # A power that is measured 2 % higher at any current belongs to both by their parts.
        assert second == pytest.approx(more * 200 * amps[1], rel=0.005)


def test_a_string_that_gives_nothing_is_given_nothing():
    rows = [two(0.05, amps) for amps in AMPS]
    for string in (rows[0].strings[1]._replace(power_w=0.0, current_a=0.0), None):
        others = (rows[0].strings[0], *([string] if string else []))
        (row,) = sharing.fairly_shared([rows[0]._replace(strings=others)])
        assert row.strings == others
    assert sharing.fairly_shared([]) == []


def under_one_sky(amps, apart_s=300):
    """Return the second string's power of rows in order, and as it was; steps of 0.1 A."""
    rows = []
    for place, pair in enumerate(amps):
        told = [int(one * 10 + 1e-9) / 10 for one in pair]
        row = two(0.0, told, 400 * pair[0] + 200 * pair[1])
        rows.append(row._replace(bucket_s=place * apart_s))
    shared = [row.strings[1].power_w for row in sharing.fairly_shared(rows)]
    return shared, [200 * pair[1] for pair in amps]


STEADY = [(6.0 + 0.037 * n, 2.0 + 0.013 * n) for n in range(60)]


def off(amps, **about):
    shared, true = under_one_sky(amps, **about)
    errors = [abs(one / other - 1) for one, other in zip(shared, true, strict=True)]
    return sum(errors) / len(errors)


def test_what_is_cut_off_is_shared_out_as_in_the_rows_around_under_the_same_sky():
    alone = off(STEADY, apart_s=900)  # too far apart to be one sky
    assert alone > 0.006
    assert off(STEADY) < 0.6 * alone
    clouds = [(a / (1 + n % 2), b / (1 + n % 2)) for n, (a, b) in enumerate(STEADY)]
    assert off(clouds) == pytest.approx(off(clouds, apart_s=900))


def test_no_string_is_given_more_than_the_digit_that_was_cut_off():
    jump = [(6.0 + 0.037 * n, 2.0 if n < 30 else 0.5) for n in range(60)]  # shade on the second
    for shared, (_, amps) in zip(under_one_sky(jump)[0], jump, strict=True):
        told = int(amps * 10 + 1e-9) / 10
        assert 200 * told - 1 < shared < 200 * (told + 0.1) * 1.01 + 1


def weathers():
    """Return a roof's passes, and what is learned of some of them: how often each is dark."""
    roof, days = lived(40)
    known = whole.of(columns.gather(days), roof.settings())
    (seen,) = known.seen()
    passes = list(evidence.passes(known.columns, known.numbers, seen.ratios, seen.usual, range(40)))

    def learned(some):
        weather = evidence.Weather(known.columns, known.skies[1], [])
        weather.learn(some)
        return [weather.dark(one) for one in passes]

    return passes, learned


def test_a_pass_more_or_less_changes_no_others_part_in_what_clouds_do():
    passes, learned = weathers()
    every = learned(passes)
    assert learned(passes[::-1]) == every
    assert learned(passes[1:]) == pytest.approx(every, abs=0.02)


def test_a_row_more_in_the_dusk_does_not_change_what_a_string_can_give():
    days = lived(40)[1]
    held = bytearray(sum(len(day.slots) for day in days))

    def scale(some):
        gathered = columns.gather(some)
        return columns.ratios_of(gathered, 1, roofs.SOUTH, held[: len(gathered.slots)]).scale

    rows = ("slots", "azimuths", "elevations", "causes")
    shorter = [
        day._replace(
            **{name: getattr(day, name)[1:] for name in rows},
            powers={1: day.powers[1][1:]},
            voltages={1: day.voltages[1][1:]},
        )
        for day in days
    ]
    assert scale(shorter) == scale(days)


def test_a_quantile_of_weights_is_that_of_rows():
    values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.0]
    usual = cells.quantile(values, 0.9)
    assert cells.weighed_quantile(values, [], 0.9) == usual
    even = cells.weighed_quantile(values[2:], [(value, 1.0) for value in values[:2]], 0.9)
    assert even == pytest.approx(usual)
    alone = cells.weighed_quantile([], [(value, 1.0) for value in values], 0.9)
    assert alone == pytest.approx(usual)
    for value in (-99.0, 99.0):
        faint = cells.weighed_quantile(values, [(value, 1e-6)], 0.9)
        assert faint == pytest.approx(usual, abs=1e-3)


def grazed(state_level, proven=False):
    cell = Cell()
    cell.values.extend([1.0] * 20)
    cell.days = 5
    return shade.judged(cell, state_level, 0.85, None, proven)


def test_what_is_taken_off_where_the_sun_but_grazes_is_no_shade():
    assert grazed(0.8).state == "clear"
    assert grazed(0.8).told == pytest.approx(0.8 / 0.85)
    assert grazed(0.7).state == "partly"
    assert grazed(0.7, proven=True)[2:5] == (0.7, None, "shaded")


def _from_south(self, plane):
    init(self, plane._replace(azimuth_deg=(plane.azimuth_deg + 180) % 360))


def _mean(values, part):
    own = list(values)
    return sum(own) / len(own)


def _half_off(azimuth, elevation):
    return bin_of((azimuth + 25) % 3600, elevation + 12)


init, bin_of = model.Facing.__init__, cells.bin_of
MUTANTS = {
    "azimuth from the south": lambda: mock.patch.object(model.Facing, "__init__", _from_south),
    "mean instead of quantile": lambda: mock.patch.object(cells, "quantile", _mean),
    "bin off by half": lambda: mock.patch.object(cells, "bin_of", _half_off),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_formula_is_found_out(name):
    lived(75)
    with MUTANTS[name]():
        one = found(75)
    hit = sum(b.state == "shaded" for b in behind_the_tree(one))
    recall = hit / max(1, len(behind_the_tree(one)))
    false = sum(b.state in ("shaded", "partly") for b in beside_the_tree(one))
    assert recall < 0.85 or false > 0.02 * len(one.bins)


def test_limited_samples_that_are_kept_are_found_out():
    roof, _ = lived(60, **HELD)
    with mock.patch.object(limited, "cause_of", return_value=None):
        days = roofs.digests(roof, SPRING, 60)
    days = [day._replace(voltages={1: [400] * len(day.slots)}) for day in days]
    one = analyse.result("home-1", days, roof.settings(), 1.7e9)
    assert [b for b in one.bins if b.elevation_deg > 30 and b.performance < 0.9]


def test_hours_that_did_not_arrive_hide_no_shade():
    """A bin that is all but probable holds two parts of a tree together."""
    life = roof_life.Life(
        (roof_map_claims.SOUTH,),
        HORIZONS["tree"],
        days=120,
        silent=lambda at_s: at_s // 3600 % 7 < 2,
    )
    lived_ = roof_life.live(life)
    seen = roof_map_claims.score(lived_, roof_checks.found(lived_), 1)
    assert seen.hit == seen.shaded == 8
    assert seen.false == 0
