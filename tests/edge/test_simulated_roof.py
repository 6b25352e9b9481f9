"""The simulated roof: its truth is what it is asked for, and registers say what it gives."""

import hashlib
import json
import math
import statistics
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from edge_lib.clock import Clock
from edge_lib.dongle.decode import decode
from edge_lib.shared.sun import Sun, position
from edge_lib.simulator import roofs
from edge_lib.simulator.fake_dongle import HouseholdSource
from edge_lib.simulator.household import Household
from edge_lib.simulator.roof import HORIZONS, Obstacle, Plane, Roof
from edge_lib.simulator.sky import DAY_S, ChainSky, Hour, TypicalYear, clear, turbidity
from edge_lib.simulator.tracker import Offer, held_back, offer, shown

SOUTH = Plane(3.2, 35, 180)
CLEAR = ChainSky(1, 1.0, 0.0)
JUNE_21_S = datetime(2025, 6, 21, tzinfo=UTC).timestamp()


def june(hour: float) -> datetime:
    return datetime(2025, 6, 21, tzinfo=UTC) + timedelta(hours=hour)


def roof(*planes, **more) -> Roof:
    return Roof(planes or (SOUTH,), **{"sky": CLEAR, "clean_s": JUNE_21_S} | more)


def test_a_house_without_a_roof_is_the_same_to_the_byte():
    """The words of 400 polls over a change of the clock, as before there were roofs."""
    house = Household(datetime(2026, 3, 28, tzinfo=ZoneInfo("Europe/Berlin")), seed=3)
    seen, at = hashlib.sha256(), house.at.astimezone(UTC)
    for _ in range(400):
        at += timedelta(minutes=11, seconds=7)
        house.advance(at)
        seen.update(json.dumps(sorted(house.words().items())).encode())
    assert seen.hexdigest() == "3f9956786c3505e9f41676d5dcf59397686c74ecc373f48434bb0b958c623a28"


@pytest.mark.parametrize(
    ("azimuth", "hour"),
    [(90, 7.75), (180, 11.65), (270, 15.6)],
)
def test_a_string_gives_most_when_the_sun_stands_before_it(azimuth, hour):
    one = roof(Plane(3.2, 60, azimuth))
    best = max(range(288), key=lambda n: one.look(JUNE_21_S + 300 * n).strings[0].offer.power_w)
    assert best / 12 == pytest.approx(hour, abs=0.75)


def test_on_the_southern_half_the_sun_is_in_the_north():
    one = roof(Plane(3, 35, 0), Plane(3, 35, 180), latitude=-34.0, longitude=0.0)
    north, south = one.look(JUNE_21_S + 12 * 3600).strings
    assert north.offer.power_w > 3 * south.offer.power_w > 0


@pytest.mark.parametrize("name", ["tree", "ridge"])
def test_what_stands_before_the_sun_takes_the_beam_alone(name):
    one = roof(Plane(3.2, 30, 110), obstacles=HORIZONS[name])
    hidden, free = Sun(100.0, 12.0), Sun(100.0, 30.0)
    behind, before = (one.look_at(at, JUNE_21_S).strings[0] for at in (hidden, free))
    assert behind.hidden == 1
    assert before.hidden == 0
    assert before.offer.power_w == before.unshaded_w
    assert 0.02 < behind.offer.power_w / behind.unshaded_w < 0.4


def test_a_chimney_costs_the_modules_it_shades_and_their_voltage():
    one = roof(obstacles=HORIZONS["chimney"])
    look = one.look_at(Sun(170.0, 30.0), JUNE_21_S).strings[0]
    free = one.look_at(Sun(150.0, 30.0), JUNE_21_S).strings[0]
    assert look.offer.power_w / look.unshaded_w == pytest.approx(0.7, abs=0.04)
    assert look.offer.voltage_v < 0.75 * free.offer.voltage_v


def test_a_tree_of_a_day_is_not_there_before_and_leaves_fall():
    at = Sun(110.0, 12.0)
    new = Obstacle(((95.0, 25.0), (130.0, 25.0)), since_s=JUNE_21_S)
    assert new.hides(at, JUNE_21_S - 1) == 0
    assert new.hides(at, JUNE_21_S) == 1
    bare = Obstacle(((95.0, 25.0), (130.0, 25.0)), bare=0.7)
    assert bare.hides(at, JUNE_21_S) == 1
    assert bare.hides(at, JUNE_21_S + 200 * DAY_S) == pytest.approx(0.3)


def test_dirt_gathers_until_it_rains():
    rain_s = JUNE_21_S + 40 * DAY_S
    dirty = roof(SOUTH._replace(dirt_per_day=0.001), rains_s=(rain_s,))
    clean = roof()

    def left(days: float) -> float:
        at = JUNE_21_S + days * DAY_S + 43_200
        is_now, was = (one.look(at).strings[0].offer.power_w for one in (dirty, clean))
        return is_now / was

    assert left(0) == pytest.approx(1, abs=0.002)
    assert left(39) == pytest.approx(0.961, abs=0.006)
    assert left(40) == pytest.approx(1, abs=0.002)


def test_dead_and_unplugged_strings_say_how_they_are():
    noon_s = JUNE_21_S + 43_200
    blown = SOUTH._replace(dead=((noon_s, math.inf),))
    one = roof(SOUTH, blown, SOUTH._replace(unplugged=True))
    before = one.look(noon_s - 300).strings
    sound, dead, nothing = one.look(noon_s).strings
    assert before[1].offer.power_w > 1000
    assert dead.offer.current_a == 0
    assert dead.offer.voltage_v > 1.15 * sound.offer.voltage_v
    assert nothing.offer == Offer(0, 0, 0)


def test_less_than_offered_is_taken_at_a_higher_voltage():
    best = offer(3.2, 900, 90, 0.0, 20)
    half = held_back(best, 0.5)
    assert half.power_w == pytest.approx(best.power_w / 2)
    assert half.voltage_v * half.current_a == pytest.approx(half.power_w)
    assert 1.1 < half.voltage_v / best.voltage_v < 1.2
    assert held_back(best, 1.0) == best


def test_the_last_digit_of_the_current_is_cut_off():
    assert shown(Offer(3000, 300.04, 9.999)) == (300.0, 9.9)
    assert shown(Offer(3000, 300.06, 10.0)) == (300.1, 10.0)


def test_skies_differ_by_their_kind():
    def shone(sky) -> float:
        seen = [sky.light(JUNE_21_S + 300 * n, 0.8) for n in range(288 * 20)]
        return sum(one.beam > 300 for one in seen) / len(seen)

    assert shone(ChainSky(1, 1.0, 0.0)) == 1
    assert shone(ChainSky(1, 0.0, 0.0)) == 0
    assert 0.3 < shone(ChainSky(1, 0.0, 1.0)) < 0.6


def test_haze_may_stay_for_days_and_is_then_as_strong():
    def scatter(values: list[float]) -> float:
        return statistics.fmean((one - statistics.fmean(values)) ** 2 for one in values)

    for stays_days, alike in ((1, 0.0), (7, 6 / 7)):
        days = [
            turbidity(1, JUNE_21_S + 365.2425 * DAY_S * n, stays_days=stays_days)
            for n in range(400)
        ]
        next_days = [
            turbidity(1, JUNE_21_S + (365.2425 * n + 1) * DAY_S, stays_days=stays_days)
            for n in range(400)
        ]
        steps = [after - before for before, after in zip(days, next_days, strict=True)]
        assert scatter(days) == pytest.approx(0.9**2 / 12, rel=0.2)
        assert scatter(steps) == pytest.approx(2 * (1 - alike) * scatter(days), rel=0.2)


def test_a_typical_year_has_the_beam_of_its_hours():
    at_s = datetime(2024, 2, 29, 12, 30, tzinfo=UTC).timestamp()
    sunny, dull, half = Hour(2000.0, 80.0), Hour(0.0, 60.0), Hour(300.0, 120.0)
    for hour, shares in ((sunny, {1.1}), (dull, {0.0}), (half, {0.95, 0.02})):
        sky = TypicalYear({(2, 28, 13): hour}, 1, 1, (36.0, 5.0))
        lights = [sky.light(at_s - 1800 + 300 * n, 0.5) for n in range(12)]
        seen = {round(one.beam / clear(at_s, 0.5, 3.2).beam, 1) for one in lights}
        assert seen <= {round(share, 1) for share in shares} | {1.0, 1.1, 1.2}
        assert {one.diffuse for one in lights} == {hour.diffuse}
    noon = Hour(500.0, 100.0)
    sky = TypicalYear(dict.fromkeys([(6, 20, h) for h in range(24)], noon), 0, 1, (36.0, 0.0))
    sky.light(JUNE_21_S - 43_200, 0.9)
    by_noon, by_dusk = sky._clear_beam, sky._clear_beam_of(int(JUNE_21_S // 3600) - 5)
    assert by_noon > 3 * by_dusk > 0  # of that hour the sun is down for the most part
    nothing = TypicalYear({}, 1, 1, (36.0, 5.0)).light(at_s, 0.5)
    assert nothing.beam == 0


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_dongle_serves_as_many_strings_as_the_roof_has(count):
    one = roof(*[Plane(1.6 + n, 35, 150 + 10 * n) for n in range(count)], nominal_w=10_000)
    house = Household(june(0), roof=one)
    house.advance(june(11))
    words = {address + 1: word for address, word in house.words().items()}
    values = decode(words).values
    served = [n for n in range(1, 5) if values.get(f"mppt{n}_voltage_v")]
    assert served == list(range(1, 1 + count))
    assert values["pv_power_w"] == house.truth.pv_power_w
    product = sum(values[f"mppt{n}_voltage_v"] * values[f"mppt{n}_current_a"] for n in served)
    assert 0.95 < product / values["pv_power_w"] <= 1
    look = one.look(june(11).timestamp())
    assert house.truth.pv_power_w == sum(round(s.offer.power_w) for s in look.strings)


@pytest.mark.parametrize("limit_w", [0, 1500, None])
def test_a_house_feeds_in_no_more_than_its_limit(limit_w):
    house = Household(june(0), step_s=300, roof=roof(Plane(8, 35, 180), export_limit_w=limit_w))
    most, held = 0.0, 0
    for n in range(288):
        house.advance(june((n + 1) / 12))
        now = house.truth
        most = max(most, now.export_power_w)
        held += now.pv_power_w < sum(house._flows.strings)
        assert now.inverter_power_w == now.load_power_w + now.export_power_w
        assert now.pv_power_w - now.battery_power_w == now.inverter_power_w + now.loss_w
        assert now.inverter_power_w <= 4000
    assert held > 20
    assert most <= 4000 if limit_w is None else most <= limit_w + 8
    assert most >= (3000 if limit_w is None else limit_w - 10)


def test_the_sun_over_a_roof_is_the_shared_one():
    assert roof().look(JUNE_21_S + 40_000).sun == position(JUNE_21_S + 40_000, 52.0, 5.0)


@pytest.mark.parametrize(
    ("name", "served"), [("one", [1]), ("two", [1, 2]), ("four", [1, 2, 3, 4])]
)
def test_a_fake_dongle_can_have_each_roof(name, served):
    assert name in roofs.NAMES
    source = HouseholdSource(Clock(), date(2025, 6, 21), tz=UTC, roof=name)
    source.household.advance(june(10))
    words = {address + 1: word for address, word in source.household.words().items()}
    values = decode(words).values
    assert [n for n in range(1, 5) if values.get(f"mppt{n}_current_a")] == served
