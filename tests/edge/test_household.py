"""The synthetic house: its physics holds at every poll, and its registers say what really flows."""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_lib.dongle.decode import decode, facts, value
from edge_lib.dongle.registers import BY_NAME, REGISTERS, wire_address
from edge_lib.simulator.household import Household
from edge_lib.simulator.register_image import encode
from tests.support.quick import quick

pytestmark = pytest.mark.slow  # simulated years

BERLIN = ZoneInfo("Europe/Berlin")
DAILY = [r.name for r in REGISTERS if r.name.startswith("daily_")]
STUCK = ["daily_import_energy", "daily_export_energy"]
TOTALS = {
    "total_pv_generation": "pv",
    "total_export_from_pv": "export_from_pv",
    "total_direct_consumption": "direct",
    "total_battery_charge": "charge",
    "total_battery_charge_from_pv": "charge",
    "total_battery_discharge": "discharge",
    "total_import_energy": "imported",
    "total_export_energy": "exported",
    "total_output_energy": "output",
}


def berlin(*when):
    return datetime(*when, tzinfo=BERLIN)


def polls(house, until, steps_s):
    """Polls the house after each of the steps, again and again, and gives what is true then."""
    at = house.at.astimezone(UTC)
    while True:
        for step_s in steps_s:
            at += timedelta(seconds=step_s)
            if at > until:
                return
            house.advance(at)
            yield house.truth


def registers(house, *names):
    """The values of these registers, decoded from the words."""
    words = {address + 1: word for address, word in house.words().items()}
    values = [value(words, BY_NAME[name]) for name in names]
    return values[0] if len(values) == 1 else values


def assert_physics(now):
    assert now.inverter_power_w == now.load_power_w + now.export_power_w
    assert now.pv_power_w - now.battery_power_w == now.inverter_power_w + now.loss_w
    assert 0 <= now.loss_w <= 16 + 0.04 * max(0, now.inverter_power_w)
    assert 5 <= now.battery_soc_pct <= 100
    assert -6600 <= now.battery_power_w <= 6600
    assert -15 <= now.inverter_power_w <= 4000
    assert 0 <= now.pv_power_w <= 8000
    assert now.load_power_w > 0
    assert all(
        type(watts) is int
        for watts in (now.pv_power_w, now.battery_power_w, now.load_power_w, now.export_power_w)
    )


@pytest.mark.parametrize("month", quick(range(1, 13), every=4))
def test_the_balance_holds_at_every_poll_in_every_month_and_no_counter_falls(month):
    start = berlin(2026, month, 3 + month, 17, 11, 30)
    house = Household(start, seed=month)
    last = house.truth
    for now in polls(house, start + timedelta(days=1.5), (5, 60, 23.7, 41)):
        assert_physics(now)
        assert all(a <= b for a, b in zip(last.total_kwh, now.total_kwh, strict=True))
        if now.at.date() == last.at.date():
            assert all(a <= b for a, b in zip(last.daily_kwh, now.daily_kwh, strict=True))
        last = now


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    start=st.datetimes(datetime(2015, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    seed=st.integers(0, 2**63),
    steps_s=st.lists(st.floats(0, 7200), max_size=12),
)
def test_the_balance_holds_for_any_start_seed_and_rhythm(start, zone, seed, steps_s):
    house = Household(start.replace(tzinfo=UTC), seed, ZoneInfo(zone))
    at = start.replace(tzinfo=UTC)
    assert_physics(house.truth)
    for step_s in steps_s:
        at += timedelta(seconds=step_s)
        house.advance(at)
        assert_physics(house.truth)
        assert abs(house.at - at) < timedelta(microseconds=2)
        words = {address + 1: word for address, word in house.words().items()}
        assert decode(words).problems == decode(words).doubts == ()


@pytest.mark.parametrize("start", [berlin(2026, 6, 20), berlin(2026, 1, 9)])
def test_the_counters_are_the_integrals_of_the_powers(start):
    house = Household(start)
    before, words_before = house.truth, dict(zip(TOTALS, registers(house, *TOTALS), strict=True))
    power, sums, seconds = before, dict.fromkeys(("pv", "in", "out", "ch", "dis", "load"), 0.0), 15
    for now in polls(house, start + timedelta(days=2), (seconds,)):
        for key, watts in (
            ("pv", power.pv_power_w),
            ("in", -power.export_power_w),
            ("out", power.export_power_w),
            ("ch", power.battery_power_w),
            ("dis", -power.battery_power_w),
            ("load", power.load_power_w),
        ):
            sums[key] += max(0, watts) * seconds / 3.6e6
        power = now
    grown = [b - a for a, b in zip(before.total_kwh, house.truth.total_kwh, strict=True)]
    grown = before.total_kwh._make(grown)
    expected = (grown.pv, grown.imported, grown.exported, grown.charge, grown.discharge, grown.load)
    assert list(sums.values()) == pytest.approx(expected, abs=1e-6)
    for name, meter in TOTALS.items():
        counted = registers(house, name) - words_before[name]
        assert counted == pytest.approx(getattr(grown, meter), abs=0.1 + 1e-9), name


def test_the_battery_gives_back_less_than_it_got_and_its_charge_tells_the_difference():
    start = berlin(2026, 4, 1)
    house = Household(start)
    before = house.truth
    house.advance(start + timedelta(days=12))
    after = house.truth
    charged = after.total_kwh.charge - before.total_kwh.charge
    discharged = after.total_kwh.discharge - before.total_kwh.discharge
    stored = (after.battery_soc_pct - before.battery_soc_pct) * 9.6 / 100
    assert charged > 30
    assert stored == pytest.approx(charged * 0.97 - discharged / 0.97, abs=1e-6)
    assert discharged < charged - stored


def test_all_energy_that_comes_in_goes_somewhere():
    start = berlin(2026, 3, 5)
    house = Household(start)
    before = house.truth.total_kwh
    house.advance(start + timedelta(days=10))
    grown = [b - a for a, b in zip(before, house.truth.total_kwh, strict=True)]
    used = before._make(grown)
    came = used.pv + used.discharge + used.imported
    went = used.charge + used.exported + used.load
    assert 0 < came - went < 0.1 * came
    assert used.load == pytest.approx(used.output - used.exported + used.imported, abs=0.5)


@pytest.mark.parametrize(
    ("day", "hours"),
    [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 21), 24), ((2026, 12, 31), 24)],
)
def test_daily_counters_start_anew_exactly_at_local_midnight(day, hours):
    begins = berlin(*day).astimezone(UTC)
    house = Household(begins - timedelta(hours=30), tz=BERLIN)
    house.advance(begins - timedelta(seconds=1))
    assert house.truth.daily_kwh.load > 3
    assert house.truth.daily_kwh.load > house.truth.daily_kwh.direct > 0
    house.advance(begins)
    assert set(house.truth.daily_kwh) == {0.0}
    assert set(registers(house, *DAILY)) == {0.0}
    total = house.truth.total_kwh
    ends = begins + timedelta(hours=hours)
    house.advance(ends - timedelta(seconds=1))
    lived = [b - a for a, b in zip(total, house.truth.total_kwh, strict=True)]
    assert list(house.truth.daily_kwh) == pytest.approx(lived, abs=1e-6)
    house.advance(ends)
    assert house.at.hour == house.at.minute == house.at.second == 0
    assert set(house.truth.daily_kwh) == {0.0}
    assert house.truth.total_kwh.load > total.load


def test_a_leap_over_midnight_resets_as_well():
    start = berlin(2026, 5, 4, 12)
    slow, fast = Household(start), Household(start)
    for _ in polls(slow, start + timedelta(days=1), (60,)):
        pass
    fast.advance(start + timedelta(days=1))
    assert fast.truth == slow.truth
    assert fast.truth.daily_kwh.pv < fast.truth.total_kwh.pv - Household(start).truth.total_kwh.pv


def test_no_step_reaches_across_a_midnight():
    start = datetime(2026, 5, 4, 22, 0, 17, 250_000, tzinfo=BERLIN)
    leaping, stopping = Household(start), Household(start)
    leaping.advance(berlin(2026, 5, 5, 0, 10))
    stopping.advance(berlin(2026, 5, 5))
    at_midnight = stopping.truth.total_kwh
    stopping.advance(berlin(2026, 5, 5, 0, 10))
    assert leaping.truth == stopping.truth
    today_kwh = leaping.truth.total_kwh.load - at_midnight.load
    assert leaping.truth.daily_kwh.load == pytest.approx(today_kwh, abs=1e-9)


def test_summer_yields_far_more_than_winter_and_nights_nothing():
    def yield_kwh(month):
        house = Household(berlin(2026, month, 10))
        for now in polls(house, berlin(2026, month, 24), (1800,)):
            if now.at.hour in (23, 0, 1, 2):
                assert now.pv_power_w == 0
                names = [f"mppt{n}_{what}" for n in (1, 2) for what in ("voltage", "current")]
                assert registers(house, *names) == [0, 0, 0, 0]
            if now.at.hour == 12:
                assert now.pv_power_w > 100
        return now.total_kwh.pv - Household(berlin(2026, month, 10)).truth.total_kwh.pv

    winter, spring, summer = yield_kwh(12), yield_kwh(3), yield_kwh(6)
    assert 1.5 * winter < spring
    assert 1.2 * spring < summer
    assert 3 * winter < summer
    assert 25 < summer / 14 < 50


def test_the_days_differ_in_weather_and_the_hours_in_load():
    house = Household(berlin(2026, 6, 1))
    yields, loads = [], {3: [], 20: []}
    for now in polls(house, berlin(2026, 7, 1), (600,)):
        if now.at.hour in loads:
            loads[now.at.hour].append(now.load_power_w)
        if (now.at.hour, now.at.minute) == (23, 50):
            yields.append(now.daily_kwh.pv)
    assert len(yields) == 30
    assert max(yields) > 2 * min(yields)
    assert sum(loads[20]) > 1.5 * sum(loads[3])


def test_in_the_depth_of_winter_the_battery_runs_empty_and_the_grid_feeds_the_house():
    house = Household(berlin(2026, 12, 1))
    states = set()
    for now in polls(house, berlin(2026, 12, 15), (600,)):
        if now.battery_power_w == 0 and now.pv_power_w == 0:
            assert now.battery_soc_pct < 5.2
            assert now.export_power_w < 0
            states.add(registers(house, "running_state"))
    assert states == {0x1400}


def test_on_a_bright_noon_the_full_inverter_takes_less_than_the_sun_offers():
    house = Household(berlin(2026, 6, 3))
    house.advance(berlin(2026, 6, 3, 13))
    assert house.truth.inverter_power_w == 4000
    assert house.truth.derating
    assert registers(house, "running_state", "bms_max_charging_current") == [0x8100, 0]


def test_one_seed_and_start_give_one_life():
    start = berlin(2026, 2, 11)
    lives = [Household(start, seed) for seed in (7, 7, 8)]
    for house in lives:
        house.advance(start + timedelta(hours=37.3))
    same, again, other = lives
    assert same.truth == again.truth
    assert same.words() == again.words()
    assert same.truth.total_kwh != other.truth.total_kwh


def test_an_earlier_moment_changes_nothing():
    house = Household(berlin(2026, 2, 11, 12))
    before = house.truth
    house.advance(berlin(2026, 2, 11, 11))
    assert house.truth == before


def test_the_registers_decode_to_what_is_true():
    house = Household(berlin(2026, 5, 9))
    signs = set()
    for now in polls(house, berlin(2026, 5, 12), (613,)):
        words = {address + 1: word for address, word in house.words().items()}
        decoded = decode(words)
        assert decoded.problems == decoded.doubts == ()
        for field in (
            "pv_power_w",
            "battery_power_w",
            "load_power_w",
            "export_power_w",
            "inverter_power_w",
        ):
            assert decoded.values[field] == getattr(now, field)
        assert decoded.values["grid_power_w"] == -now.export_power_w
        assert decoded.values["battery_soc_pct"] == pytest.approx(now.battery_soc_pct, abs=0.051)
        assert decoded.values["pv_daily_kwh"] == math.floor(now.daily_kwh.pv * 10) / 10
        assert decoded.values["battery_power_source"] == "signed"
        assert decoded.values["battery_current_a"] == pytest.approx(
            now.battery_power_w / decoded.values["battery_voltage_v"], abs=0.06
        )
        sum_of_strings = sum(
            decoded.values[f"mppt{n}_voltage_v"] * decoded.values[f"mppt{n}_current_a"]
            for n in (1, 2)
        )
        assert sum_of_strings == pytest.approx(now.pv_power_w, abs=40)
        signs.add((now.battery_power_w > 0) - (now.battery_power_w < 0))
    assert signs >= {1, -1}


def test_the_flow_bits_the_legacy_power_and_the_meter_agree_with_the_signs():
    house = Household(berlin(2026, 5, 9))
    seen = set()
    for now in polls(house, berlin(2026, 5, 11), (307,)):
        bits, legacy, signed = registers(
            house, "power_flow_status", "battery_power_legacy", "battery_power"
        )
        assert bool(bits & 1) == (now.pv_power_w > 0)
        assert bool(bits & 2) == (now.battery_power_w > 0)
        assert bool(bits & 4) == (now.battery_power_w < 0)
        assert bool(bits & 16) == (now.export_power_w > 0)
        assert bool(bits & 32) == (now.export_power_w < 0)
        assert signed == -now.battery_power_w
        assert legacy == abs(signed)
        assert registers(house, "battery_current", "battery_current_legacy")[0] * signed >= 0
        seen.add(bits)
    assert len(seen) >= 5


def test_it_is_an_sh40rs_with_meter_and_battery_whose_daily_grid_counters_stand_still():
    house = Household(berlin(2026, 1, 9))
    house.advance(berlin(2026, 1, 9, 20))
    words = {address + 1: word for address, word in house.words().items()}
    assert facts(words) == {
        "serial": "A0000000042",
        "device_type_code": 0x0D18,
        "model": "SH4.0RS",
        "nominal_power_w": 4000,
        "firmware": "SUNSTONE-H_01011.01.38",
        "has_meter": True,
        "has_battery": True,
        "battery_capacity_kwh": 9.6,
    }
    assert house.truth.daily_kwh.imported > 0.2
    assert registers(house, *STUCK) == [0, 0]
    assert registers(house, "battery_soh", "battery_capacity") == [98, 9.6]
    assert registers(house, "total_pv_generation") > 10_000


def test_without_a_meter_it_serves_zeros_and_for_the_load_what_the_inverter_gives():
    house = Household(berlin(2026, 6, 9))
    house.advance(berlin(2026, 6, 9, 13))
    house.has_meter = False
    words = {address + 1: word for address, word in house.words().items()}
    assert facts(words)["has_meter"] is False
    assert registers(house, "meter_power", "export_power", "total_import_energy") == [0, 0, 0]
    assert registers(house, "load_power") == registers(house, "total_active_power")
    assert registers(house, "load_power") == house.truth.inverter_power_w != 0


def test_every_word_of_the_table_is_served():
    words = Household(berlin(2026, 1, 9)).words()
    for register in REGISTERS:
        for n in range(register.words):
            assert 0 <= words[wire_address(register.number) + n] <= 0xFFFF


@pytest.mark.parametrize(
    ("name", "number", "words", "why"),
    [
        ("total_pv_generation", 6553.7, [1, 1], "32 bits, the low word first"),
        ("battery_power", -2, [0xFFFE, 0xFFFF], "two's complement"),
        ("inside_temperature", -0.1, [0xFFFF], "signed 16 bits"),
        ("nominal_power", 4000, [40], "a count of 100 W"),
        ("serial_number", "A1B", [0x4131, 0x4200, *[0] * 8], "high byte first, NUL padded"),
    ],
)
def test_a_value_becomes_words(name, number, words, why):
    assert encode(BY_NAME[name], number) == words, why


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("battery_soc", -0.1),
        ("battery_soc", 6553.6),
        ("battery_power", 2**31),
        ("battery_power_legacy", -32769),
        ("serial_number", 21 * "A"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name, number):
    with pytest.raises(ValueError, match=name):
        encode(BY_NAME[name], number)


def test_a_start_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        Household(datetime(2026, 1, 1))  # noqa: DTZ001
