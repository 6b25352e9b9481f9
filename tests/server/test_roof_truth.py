"""The roof's analysis beside simulated roofs whose truth is known; the long form is tests.roof."""

from datetime import UTC, datetime

import pytest

from edge_lib.simulator.roof import Plane
from tests.support import roof_map_claims
from tests.support.roof_checks import claims_of, found, settings_of
from tests.support.roof_life import Life, live
from tests.support.roof_map_claims import EAST
from tests.support.roof_mutants import MUTANTS, Short, mutant
from tests.support.roof_time_claims import fitted_of_serf, spa, sun_off_deg

pytestmark = pytest.mark.slow  # lives of simulated roofs


@pytest.fixture(scope="module")
def short():
    return Short()


def test_the_sun_is_where_nrels_algorithm_says():
    rows = spa()
    assert len(rows) == 200
    assert max(map(sun_off_deg, rows)) <= 0.02


def test_shade_is_found_and_none_where_an_inverter_held_back(short):
    assert list(short.failures()) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_formula_is_found_out(short, name):
    with mutant(name):
        assert next(short.failures(), None)


@pytest.mark.parametrize("clouds", ["mixed", "overcast"])
def test_no_shade_is_claimed_for_a_roof_without(clouds):
    lived = live(Life((EAST,), (), clouds, 7, 45))
    assert claims_of(found(lived)) == []


JUNE = datetime(2024, 6, 1, tzinfo=UTC)
HELD = {
    "by the day's own clear moments": {"export_limit_w": 2500},
    # At noon so little is taken that it could be cloud: other days say, with the sun as high.
    "much of it": {"export_limit_w": 2000, "in_house": True, "nominal_w": 5000, "born": JUNE},
}


@pytest.mark.parametrize("how", HELD)
def test_what_was_held_back_is_told(how):
    lived = live(Life((Plane(5.0, 35, 180),), (), "greensboro", 1, 45, **HELD[how]))
    true_kwh = sum(sum(true.offered_w) - sum(true.taken_w) for true in lived.truth) / 12_000
    told_kwh = sum(limit.lost_w for limit in found(lived).limits) / 12_000
    assert told_kwh == pytest.approx(true_kwh, rel=0.1)


@pytest.mark.long
def test_after_a_year_of_clouds_a_tree_is_told():
    task = roof_map_claims.Task("south", "tree", "sand_point", 365, 1)
    _, right, _ = roof_map_claims._scores(task)
    assert right.recall > 0.9
    assert right.false == 0


def test_a_clear_week_is_too_short_for_any_claim(short):
    week = short.tree._replace(
        rows=[row for row in short.tree.rows if row.bucket_s < short.tree.rows[0].bucket_s + 604800]
    )
    one = found(week, settings_of(week.life))
    assert claims_of(one) == []
    assert one.result["strings"][0]["map"]["days_missing"] > 0


def test_the_azimuth_of_a_real_roof_is_found():
    assert fitted_of_serf()[1] == pytest.approx(158, abs=6)
