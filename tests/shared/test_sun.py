"""The sun's position by what can be told without a formula: noon, solstices, equinox, the poles."""

import itertools
import math
from datetime import UTC, datetime, timedelta

import pytest

from edge_lib.shared import sun

TILT = 23.436  # degrees; the earth's axis in 2026
SUMMER = datetime(2026, 6, 21, 8, 24, tzinfo=UTC)  # solstices and equinox, by the almanac
WINTER = datetime(2026, 12, 21, 20, 50, tzinfo=UTC)
SPRING = datetime(2026, 3, 20, 14, 46, tzinfo=UTC)


def at(moment: datetime, latitude: float, longitude: float) -> sun.Sun:
    return sun.position(moment.timestamp(), latitude, longitude)


def of_a_day(moment: datetime, latitude: float, longitude: float, minutes: int = 1):
    start = moment - timedelta(hours=12)
    moments = [start + timedelta(minutes=n) for n in range(0, 24 * 60, minutes)]
    return [(m, at(m, latitude, longitude)) for m in moments]


def highest(moment: datetime, latitude: float, longitude: float):
    return max(of_a_day(moment, latitude, longitude), key=lambda found: found[1].elevation_deg)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(52.4, 4.9), (65.0, -18.0), (30.0, 170.0), (-34.0, 151.2), (-54.8, -68.3), (40.0, -179.9)],
)
@pytest.mark.parametrize(("season", "declination"), [(SUMMER, TILT), (WINTER, -TILT), (SPRING, 0)])
def test_at_noon_it_stands_over_the_meridian_as_high_as_the_season_says(
    season, declination, latitude, longitude
):
    moment, found = highest(season, latitude, longitude)
    expected = 90 - abs(latitude - declination)
    seen = found.elevation_deg
    air = 1 / math.tan(math.radians(seen + 7.31 / (seen + 4.4))) / 60  # Bennett's, of 1982
    assert seen == pytest.approx(expected + air, abs=0.03 if declination else 0.25)
    towards = 180 if latitude > declination else 0
    # It turns by up to a degree a minute where it stands high.
    assert abs((found.azimuth_deg - towards + 180) % 360 - 180) < 1
    # Noon is when the clock's longitude says, but for the equation of time (17 minutes at most).
    clock = (moment.hour + moment.minute / 60 + longitude / 15) % 24
    assert abs(clock - 12) * 60 < 17


@pytest.mark.parametrize(
    ("day", "early_min"),
    [
        ((2026, 11, 3), 16.4),  # its greatest and least of the year, and two where it is nothing
        ((2026, 2, 11), -14.2),
        ((2026, 4, 15), 0),
        ((2026, 9, 1), 0),
    ],
)
def test_noon_is_early_or_late_by_the_equation_of_time(day, early_min):
    noon = datetime(*day, 12, tzinfo=UTC) - timedelta(minutes=early_min)
    before, after = (at(noon + timedelta(seconds=s), 52, 0).azimuth_deg for s in (-30, 30))
    assert before < 180 < after


@pytest.mark.parametrize("latitude", [-60, -35, -1, 0, 20, 52, 66])
def test_at_an_equinox_it_rises_in_the_east_and_sets_in_the_west_everywhere(latitude):
    rises = next(f for _, f in of_a_day(SPRING, latitude, 10) if f.elevation_deg > 0.48)
    sets = [f for _, f in of_a_day(SPRING, latitude, 10) if f.elevation_deg > 0.48][-1]
    # The declination changes by 0.4 degrees a day; refraction lifts it along its path.
    assert rises.azimuth_deg == pytest.approx(90, abs=1.2)
    assert sets.azimuth_deg == pytest.approx(270, abs=1.2)


def test_in_the_south_it_goes_over_the_north_and_against_the_clock():
    up = [f.azimuth_deg for _, f in of_a_day(WINTER, -34, 151.2, 10) if f.elevation_deg > 1]
    turned = [(then - one + 180) % 360 - 180 for one, then in itertools.pairwise(up)]
    day, night = [t for t in turned if abs(t) < 60], [t for t in turned if abs(t) >= 60]
    assert all(step < 0 for step in day)
    assert len(night) <= 1  # from one evening to the next morning
    assert any(a < 10 or a > 350 for a in up)


@pytest.mark.parametrize(("latitude", "towards"), [(90, 1), (-90, -1)])
@pytest.mark.parametrize(("season", "height"), [(SUMMER, TILT), (WINTER, -TILT)])
def test_at_a_pole_it_turns_at_one_height_by_fifteen_degrees_an_hour(
    season, height, latitude, towards
):
    found = [at(season + timedelta(hours=h), latitude, 0) for h in range(24)]
    expected = height * towards
    for one in found:
        lifted = 0.038 * (1 if expected > 0 else 0.35)
        assert one.elevation_deg == pytest.approx(expected + lifted, abs=0.03)
    for one, then in itertools.pairwise(found):
        turned = (then.azimuth_deg - one.azimuth_deg) % 360
        assert turned == pytest.approx(15 if towards > 0 else 345, abs=0.01)


def test_beyond_the_polar_circle_the_day_may_have_no_end_or_no_beginning():
    assert min(f.elevation_deg for _, f in of_a_day(SUMMER, 70, 25, 10)) > 3
    assert max(f.elevation_deg for _, f in of_a_day(WINTER, 70, 25, 10)) < -3
    assert min(f.elevation_deg for _, f in of_a_day(WINTER, -77.8, 166.7, 10)) > 10


def test_over_the_tropic_it_stands_in_the_zenith():
    moment, found = highest(SUMMER, TILT, 10)
    assert found.elevation_deg > 89.8
    assert 0 <= at(moment, TILT, 10).azimuth_deg < 360


def test_places_a_whole_turn_apart_are_one():
    for longitude in (-179.5, -4.4, 0.0, 4.4, 179.5):
        here, there = at(SPRING, 51.2, longitude), at(SPRING, 51.2, longitude + 360)
        assert here == pytest.approx(there, abs=1e-9)


def test_an_hour_and_fifteen_degrees_of_longitude_are_the_same_but_for_the_season():
    here = at(SUMMER, 51.2, 0)
    there = at(SUMMER + timedelta(hours=6), 51.2, -90)
    assert here == pytest.approx(there, abs=0.02)


@pytest.mark.parametrize("seam", [-0.575, 5.0, 85.0])
def test_the_air_lifts_it_without_a_step(seam):
    below, above = sun._lift(seam - 1e-9), sun._lift(seam + 1e-9)
    assert below == pytest.approx(above, abs=0.003)
    assert below >= 0


def test_the_air_lifts_it_most_at_the_horizon_and_never_pushes_it_down():
    assert sun._lift(0) == pytest.approx(0.482, abs=0.001)
    assert sun._lift(10) == pytest.approx(0.089, abs=0.002)  # 5.3 minutes of arc
    assert sun._lift(45) == pytest.approx(1 / 60, abs=0.001)
    assert sun._lift(-3) == pytest.approx(20.772 / math.tan(math.radians(3)) / 3600)
    assert all(sun._lift(tenth / 10) >= 0 for tenth in range(-900, 901))


def test_an_azimuth_is_from_nothing_to_below_a_whole_turn():
    assert sun._turn(-1e-20) == 0
    assert (sun._turn(-90), sun._turn(180), sun._turn(0)) == (270, 180, 0)
    for hour, longitude in itertools.product(range(0, 8760, 37), (-180, 0, 180)):
        found = at(SPRING + timedelta(hours=hour), 0, longitude)
        assert 0 <= found.azimuth_deg < 360
        assert -90 <= found.elevation_deg <= 90
