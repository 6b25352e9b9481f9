"""A simulated year of a battery, measured: as near to its hidden truth as is claimed."""

import itertools
import math
from datetime import UTC, date, datetime, timedelta

import pytest

from edge_lib.simulator.battery import Hidden
from server.battery import analyse, digest, epochs, health, measure, tables, year
from server.battery.result import FIGURES, INSIGHTS, REASONS, WARRANTY
from server.battery.rows import Anchor, Exposure, Settings
from tests.support.battery_checks import digests, judged, measured, settings_of, years_off
from tests.support.battery_life import Life, live
from tests.support.battery_short import (
    DAY_S,
    MUTANTS,
    failures,
    gaps_off_pct,
    mutant,
    with_another_inverter,
)

pytestmark = pytest.mark.slow
LIFE = Life(Hidden(fade_pct_year=2.5), seed=1, years=1.2)  # has a 29 February


@pytest.fixture(scope="module")
def lived():
    return live(LIFE)


@pytest.fixture(scope="module")
def days(lived):
    return digests(lived.rows, settings_of(LIFE))


@pytest.fixture(scope="module")
def one(lived, days):
    return judged(lived.rows, settings_of(LIFE), days)


def test_what_was_measured_is_true(lived, one):
    assert failures(LIFE, lived, one) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_formula_is_found_out(lived, days, name):
    with mutant(name):
        assert failures(LIFE, lived, judged([], settings_of(LIFE), days))


def test_a_bms_that_believes_itself_as_good_as_new_is_found_out(one, lived):
    truth = 100 - 100 * lived.truth_kwh[-1][1] / lived.truth_kwh[0][1]
    assert one.value("soh_reported_pct") == 100
    assert one.value("soh_optimistic_points") == pytest.approx(truth, abs=1.5)
    assert one.value("soh_verdict") == "optimistic"


def test_gaps_do_not_move_the_capacity(lived):
    assert all(abs(off) < 1 for off in gaps_off_pct(LIFE, lived).values())


def test_another_inverter_begins_another_epoch_without_a_step(lived, one):
    at_s = LIFE.born.timestamp() + 300 * DAY_S
    rows = with_another_inverter(lived.rows, at_s)
    # Nobody has to tell: counters that fall say so.
    other = judged(rows, settings_of(LIFE))
    assert other.model.epoch == 1
    years = years_off(lived, other)
    assert years
    assert all(abs(found["off_pct"]) < 3 for found in years)
    for name in ("charged_kwh", "discharged_kwh_year"):
        assert other.value(name) == pytest.approx(one.value(name), abs=1)


@pytest.mark.parametrize("zone", ["Europe/Brussels", "Asia/Kathmandu"])
def test_months_add_up_in_every_zone(lived, zone):
    rows = lived.rows[250 * 288 :]  # with the end of summer time, and a 29 February
    settings = settings_of(LIFE, timezone=zone)
    months = tables.efficiency_by_month(measured(rows, settings), settings)
    first, last = rows[0], rows[-1]
    charged = last.last_charge_kwh - first.first_charge_kwh
    assert sum(month["charge_kwh"] for month in months) == pytest.approx(charged, abs=0.1)
    assert "2024-02" in {month["month"] for month in months}


def test_two_months_give_no_number(lived):
    found = judged(lived.rows[: 60 * 288], settings_of(LIFE))
    for name in ("round_trip_pct", "standby_w", "capacity_kwh", "fade_pct_year"):
        assert found.value(name) is None
        assert found.figure(name)["reason"] in REASONS
        assert found.figure(name)["reason_text"]


def test_a_reserve_gives_a_reason_and_no_number():
    life = Life(Hidden(min_soc_pct=20.0), seed=2, years=0.3)
    found = judged(live(life).rows, settings_of(life, min_soc_pct=None))
    figure = found.figure("capacity_kwh")
    assert (figure["value"], figure["reason"]) == (None, "reserve")
    assert "the reserve keeps it at 20 %" in figure["reason_text"]
    assert figure["reason_values"] == {"soc_pct": 20}
    assert {year["value"] for year in found.result["capacity_by_year"]} == {None}


@pytest.mark.parametrize("stripped", ["counters", "grid", "everything", "rows"])
def test_without_counters_a_meter_or_readings_there_are_reasons(lived, stripped):
    rows = [strip(row, stripped) for row in lived.rows[150 * 288 : 200 * 288]]
    found = judged([] if stripped == "rows" else rows, settings_of(LIFE))
    figure = found.figure("capacity_kwh")
    wanted = {"counters": "no_counters", "grid": "no_grid_meter"}.get(stripped, "no_battery")
    assert (figure["value"], figure["reason"]) == (None, wanted)
    if stripped == "counters":
        assert found.result["depth"]["cycles"] > 5
    told = found.result["figures"].values()
    assert all((one["value"] is None) == (one["reason"] is not None) for one in told)


def strip(row, what):
    if what == "counters":
        return row._replace(
            first_s=None,
            first_charge_kwh=None,
            first_discharge_kwh=None,
            last_s=None,
            last_charge_kwh=None,
            last_discharge_kwh=None,
        )
    if what == "grid":
        return row._replace(
            load_kwh=None,
            import_kwh=None,
            export_kwh=None,
            solar_to_battery_kwh=None,
            grid_to_battery_kwh=None,
            battery_to_house_kwh=None,
            battery_to_grid_kwh=None,
        )
    empty = dict.fromkeys(
        ("soc_mean_pct", "soc_min_pct", "soc_max_pct", "battery_mean_w", "soh_pct")
    )
    return strip(strip(row, "counters"), "grid")._replace(**empty)


def test_the_result_has_every_name_and_each_number_or_a_reason(one):
    result = one.result
    assert list(result["figures"]) == list(FIGURES)
    assert [insight["id"] for insight in result["insights"]] == list(INSIGHTS)
    assert list(result["warranty"]["figures"]) == list(WARRANTY)
    shown = [*result["figures"].values(), *result["warranty"]["figures"].values()]
    for figure in shown:
        assert (figure["value"] is None) == (figure["reason"] is not None)
        if figure["reason"]:
            assert figure["reason"] in REASONS
    assert result["insights"][0]["kwh"] > 0


def test_each_reason_can_be_told_and_says_what_fills_it():
    blanks = {"soc_pct": 10, "n": 3, "needed": 6, "months": 2}
    assert all("{" not in text.format(**blanks) for text in REASONS.values())


def test_a_day_can_be_stored_and_read_again(days):
    for made in days[100:110]:
        assert digest.from_json(digest.to_json(made)) == made
        assert len(digest.to_json(made)) < 2000


def cycled(capacities_kwh, first=date(2025, 3, 1), eta=0.975, standby_w=12.0):
    """Return days on each of which a battery is emptied from full, and filled: so many kWh each."""
    begin_s = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()
    made, charge, discharge = [], 1000.0, 900.0
    empty = digest.of_day(first, [], 0, DAY_S, Settings())
    for n, kwh in enumerate(capacities_kwh):
        day_s, standby_kwh = begin_s + n * DAY_S, standby_w * 0.024 / 2
        given = (kwh * (1 - 0.3 * (n % 2)) - standby_kwh) * eta  # every other day not to the end
        full = anchor("full", day_s, day_s + 60, charge, discharge)
        discharge += given
        low = anchor("empty", day_s + DAY_S / 2, day_s + DAY_S / 2 + 60, charge, discharge)
        anchors = (full,) if n % 2 else (full, low)
        charge += given / eta / eta + 2 * standby_kwh / eta
        ends = {"last_s": day_s + DAY_S - 5, "last_charge_kwh": charge}
        made.append(
            empty._replace(
                day=first + timedelta(days=n),
                anchors=anchors,
                first_s=day_s,
                first_charge_kwh=full.left_charge_kwh,
                first_discharge_kwh=full.left_discharge_kwh,
                last_discharge_kwh=discharge,
                **ends,
                max_soc_pct=100.0,
                covered_s=DAY_S,
                solar_to_battery_kwh=1.0,
            )
        )
    return made


def anchor(kind, reached_s, left_s, charge, discharge):
    counters = (charge, discharge, charge, discharge)
    return Anchor(kind, reached_s, left_s, "soc_zero", 5.0, 0.0, *counters)


def test_more_modules_show_as_a_step_and_no_fit_crosses_it():
    made = cycled([6.4] * 200 + [9.6] * 200)
    model = measure.measure(made, Settings(9.6), made[-1].last_s)
    (border,) = model.borders_s
    assert border == pytest.approx(made[200].first_s, abs=3 * DAY_S)
    down = [way for way in model.windows if way.kind == "full_empty"]
    assert len(down) >= 198
    for way in down:
        assert way.capacity_kwh == pytest.approx((6.4, 9.6)[way.epoch], rel=0.001)
    result = judged_model(model, Settings(9.6))
    values = {(year["year"], year["epoch"]): year["value"] for year in result["capacity_by_year"]}
    assert values == {(2025, 0): 6.4, (2025, 1): 9.6, (2026, 1): 9.6}
    assert result["figures"]["fade_pct_year"]["reason"] == "too_short"


def judged_model(model, settings):
    found = year.Year(model, settings)
    found.end()
    return analyse.result("home-1", model, found, [], settings)


@pytest.mark.parametrize(("odd", "epochs"), [([9.6], 0), ([9.6, 9.6, 9.6], 0), ([7.0] * 100, 0)])
def test_one_odd_window_makes_no_new_battery(odd, epochs):
    made = cycled([6.4] * 150 + odd + [6.4] * 50)
    assert measure.measure(made, Settings(9.6), made[-1].last_s).epoch == epochs


@pytest.mark.parametrize("last", [600, 800])  # ends in autumn, ends in spring
@pytest.mark.parametrize("cold_pct", [0, 5])
def test_a_cold_battery_is_not_an_old_one(last, cold_pct):
    def warmth(n):
        return math.cos(math.tau * (n - 140) / 365.25)  # 1 at midsummer

    kwh = [9.6 * (1 - 0.025 * n / 365.25) * (1 + cold_pct / 200 * warmth(n)) for n in range(last)]
    made = cycled(kwh)
    made = [
        one._replace(anchors=tuple(a._replace(temp_c=15 + 10 * warmth(n)) for a in one.anchors))
        for n, one in enumerate(made)
    ]
    model = measure.measure(made, Settings(9.6), made[-1].last_s)
    fade = health.fade_of(model, Settings(9.6))
    assert fade.pct_year == pytest.approx(2.5, abs=0.15)


def test_exactly_known_energy_gives_exactly_the_truth():
    made = cycled([9.6 * (1 - 0.025 * n / 365.25) for n in range(800)])
    settings = Settings(9.6, installed=date(2025, 3, 1), warranty_years=10)
    figures = judged_model(measure.measure(made, settings, made[-1].last_s), settings)["figures"]
    assert figures["round_trip_pct"]["value"] == pytest.approx(100 * 0.975**2, abs=0.02)
    assert figures["standby_w"]["value"] == pytest.approx(12, abs=0.2)
    assert figures["fade_pct_year"]["value"] == pytest.approx(2.5, abs=0.01)
    assert figures["forecast_line_pct"]["value"] == pytest.approx(75, abs=0.5)


def test_counters_that_fall_or_jump_begin_an_epoch():
    def day(n, first, last):
        made = digest.of_day(date(2026, 1, n), [], 0, DAY_S, Settings())
        return made._replace(
            first_s=n * DAY_S,
            first_charge_kwh=first,
            first_discharge_kwh=first,
            last_s=(n + 1) * DAY_S - 5,
            last_charge_kwh=last,
            last_discharge_kwh=last,
        )

    sound = [day(1, 100, 108), day(2, 108, 115), day(5, 140, 150)]
    assert epochs.of_counters(sound) == []
    for other in (day(6, 0.1, 5), day(6, 6553.6, 6560)):
        assert len(epochs.of_counters([*sound, other])) == 1
    kwh = epochs.days_kwh(sound, [])
    assert [kwh[f"2026-01-0{n}"][0] for n in (1, 2, 5)] == [8, 7, 35]
    # Counters that were wrong for a reading, or for a day, and went on where they had been.
    for wrong in (day(3, 115, 6668.6), day(3, 6668.6, 6669), day(3, 0.1, 0.2), day(3, 3, 120)):
        glitch = [*sound[:2], wrong, sound[2]]
        assert epochs.of_counters(glitch) == []
        days = epochs.days_kwh(glitch, [])
        assert sum(one[0] for one in days.values()) == 50


def test_hours_by_band_become_months_a_map_and_rates():
    rows = [
        Exposure("2026-07", 10, 4, 1, 1, 7200),  # >= 95 %, 35 to 45 degrees, charging
        Exposure("2026-07", 0, 3, 0, 0, 3600),
        Exposure("2026-08", 5, 0, 3, 1, 1800),  # below 5 degrees, charging at > 0.5 C
        Exposure("2026-08", 5, None, None, -1, 900),
    ]
    found = analyse.exposure.of_hours(rows)
    july, august = found["months"]
    assert (july["hours_full"], july["hours_low"], july["hours_hot"]) == (2, 1, 2)
    assert august["hours_cold_charging"] == 0.5
    assert found["heat_hours"][10][4] == 2
    assert [rate["hours_charging"] for rate in found["rates"]] == [0, 2, 0, 0.5]
    assert analyse.exposure.of_hours(rows[3:])["reason"] == "no_temperature"
    assert analyse.exposure.of_hours([])["reason"] == "no_data"


def test_a_forecast_waits_for_two_years_and_is_a_range(one):
    settings, short = settings_of(LIFE), one
    assert short.figure("forecast_line_pct")["reason"] == "too_short"
    # The same year once more makes a longer one.
    model = short.model
    span_s = 366 * DAY_S
    later = [
        way._replace(from_s=way.from_s + n * span_s, to_s=way.to_s + n * span_s)
        for n, way in itertools.product(range(3), model.windows)
    ]
    longer = model._replace(
        windows=sorted(later, key=lambda way: way.to_s), now_s=model.now_s + 2 * span_s
    )
    found = health.of_health(longer, settings)
    for name in ("forecast_line_pct", "forecast_root_pct"):
        assert found[name].low < found[name].value < found[name].high


def test_an_empty_history_is_measured_too():
    model = measure.measure([], Settings(), 1e9)
    found = year.Year(model, Settings())
    found.end()
    result = analyse.result("home-1", model, found, [], Settings())
    assert {figure["value"] for figure in result["figures"].values()} == {None}
    assert result["whatif"]["capacities"] == []
    assert result["whatif"]["reason"] == "no_data"
