"""The referee against known truth: an inverter's meter that is wrong on purpose."""

from datetime import date

import pytest

from server.referee import figures
from server.referee.judge import ENOUGH_DAYS, judge
from server.referee.rows import Day, Series, Telegrams
from server.referee.sentences import sentences
from server.referee.verdict import Verdict
from tests.referee import MOST_GAIN, MOST_LAG_S, MOST_OFFSET_W, PHASES, a_meter, errors
from tests.support.two_meters import Days, Meter, TwoMeters

pytestmark = pytest.mark.slow  # each case lets a house live for a day
YEAR_S = 365 * 86_400.0


def text(verdict: Verdict, stored_lag_s: float = 0.0) -> dict[str, str]:
    return {one.id: one.text for one in sentences(verdict, "home-1", stored_lag_s)}


def value(verdict: Verdict, name: str) -> float:
    found = verdict.figures[name]
    assert found.reason is None, (name, found)
    return found.value


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_a_day_shows_lag_gain_offset_and_sign(seed):
    found = errors(a_meter(seed), seed)
    assert abs(found.lag_s) <= MOST_LAG_S
    assert max(abs(found.gain_import), abs(found.gain_export)) <= MOST_GAIN
    assert max(abs(found.offset_import_w), abs(found.offset_export_w)) <= MOST_OFFSET_W
    assert found.is_sign_right
    assert found.are_phases_right


@pytest.mark.parametrize("lag_s", [7.25, 29.0])
def test_p1_rows_of_five_seconds_show_the_lag_within_a_second(lag_s):
    assert abs(errors(Meter(lag_s=lag_s, p1_s=5.0), seed=4).lag_s) <= 1.0


def test_a_lag_beyond_thirty_seconds_is_not_named():
    found = judge(TwoMeters(Meter(lag_s=55.0), seed=4), 0.0)
    assert found.figures["lag"].value is None
    assert found.figures["lag"].reason in (figures.TOO_FAR, figures.NOT_ENOUGH)


def test_a_dongle_whose_values_are_of_any_age_costs_little():
    meter = Meter(gain=1.02, offset_w=-7.0, lag_s=4.0, jitter_s=4.0)
    verdict = judge(TwoMeters(meter, seed=4), 0.0)
    assert value(verdict, "lag") == pytest.approx(6.0, abs=1.0)  # the middle of 4 to 8
    assert value(verdict, "gain_import") == pytest.approx(1.02, abs=MOST_GAIN)
    assert value(verdict, "offset_import") == pytest.approx(-7.0, abs=MOST_OFFSET_W)


@pytest.mark.parametrize("sees", list(PHASES)[1:])
@pytest.mark.parametrize("seed", [4, 8])  # the second one's lag shows itself on one phase only
def test_a_phase_that_is_not_seen_or_turned_is_named(sees, seed):
    verdict = judge(TwoMeters(Meter(lag_s=5.0, sees=sees), seed), 0.0)
    assert verdict.phases == PHASES[sees]
    assert abs(value(verdict, "lag") - 5.0) <= MOST_LAG_S
    said = text(verdict)
    if sees.count(0.0) == 2:
        assert said["one_phase"] == "It measures phase 1 only."
    else:
        assert said["phase_reversed"] == "Its clamp on phase 2 is the wrong way round."
    assert "gain_import" not in said  # a line through that would mean nothing


def test_a_clamp_beside_the_voltage_of_another_phase_is_named():
    verdict = judge(TwoMeters(Meter(sees=(1.0, 1.0, -0.5)), seed=4), 0.0)
    assert verdict.phases == ("seen", "seen", "elsewhere")
    assert "phase_elsewhere" in text(verdict)


def test_a_reversed_meter_is_named_and_its_figures_are_those_of_the_turned_one():
    meter = Meter(gain=0.979, offset_w=4.0, lag_s=-3.0, sign=-1)
    verdict = judge(TwoMeters(meter, seed=4), 0.0)
    assert value(verdict, "sign") == -1
    assert value(verdict, "correlation") < -0.9
    assert value(verdict, "gain_import") == pytest.approx(0.979, abs=MOST_GAIN)
    assert "the wrong way round" in text(verdict)["reversed"]
    for side in ("import", "export"):  # so the one side's import is held against the other's
        p1_kwh = value(verdict, f"total_{side}_p1")
        assert value(verdict, f"total_{side}") == pytest.approx(-0.021 * p1_kwh, abs=0.3)


def test_the_sentences_say_what_is_read_and_how_to_use_the_lag():
    verdict = judge(TwoMeters(Meter(gain=0.979, offset_w=4.0, lag_s=7.25), seed=4), 0.0)
    said = text(verdict)
    assert said["gain_import"].startswith(
        "Your inverter's meter reads 2.1 % less import than the utility's meter, ± 0.1"
    )
    assert said["gain_import"].endswith(" and at any power 4 W more.")
    assert said["lag"].startswith("Your inverter shows a change 7.")
    assert " later than the utility's meter" in said["lag"]
    assert "p1 lag home-1 7." in said["lag_stored"]
    assert "lag_stored" not in text(verdict, value(verdict, "lag"))
    assert "reversed" not in said


def test_a_meter_that_is_right_is_called_right():
    said = text(judge(TwoMeters(Meter(), seed=4), 0.0))
    assert said["gain_import"].startswith("Your inverter's meter reads import as the utility's")


def test_after_the_shift_no_load_is_negative_and_before_it_some_are():
    verdict = judge(TwoMeters(Meter(lag_s=10.0), seed=4), 0.0)
    assert value(verdict, "negative_loads_before") > 0.002
    assert value(verdict, "negative_loads_after") < value(verdict, "negative_loads_before") / 4


def test_quarter_hours_without_one_side_are_counted_and_the_rest_is_right():
    meter = Meter(gain=1.03, lag_s=6.0, silent_h=((9.0, 10.5),), p1_silent_h=((13.0, 14.25),))
    verdict = judge(TwoMeters(meter, seed=4), 0.0)
    # The shift moves 6 s of samples over the edges of the gap.
    assert value(verdict, "missing_inverter") in (5, 6)
    assert value(verdict, "missing_p1") == 5
    assert value(verdict, "gain_import") == pytest.approx(1.03, abs=MOST_GAIN)
    assert abs(value(verdict, "lag") - 6.0) <= MOST_LAG_S
    (day,) = verdict.days
    assert day.quarters == 96
    assert 80 <= day.quarters_compared <= 96 - 11
    assert "missing_p1" in text(verdict)


@pytest.mark.parametrize("reset_h", [None, 18.0])
def test_counters_agree_but_for_their_steps_also_where_one_begins_again(reset_h):
    verdict = judge(TwoMeters(Meter(reset_h=reset_h, noise_w=0.0), seed=4), 0.0)
    for side in ("import", "export"):
        found = verdict.figures[f"total_{side}"]
        assert found.low <= 0 <= found.high
        assert found.high - found.low <= 0.2 * (1 if reset_h is None else 2) + 1e-9
    assert value(verdict, "total_import_p1") > 5


@pytest.mark.parametrize(
    ("off_s", "said"),
    [
        (0.0, None),
        (3.0, None),
        (-YEAR_S, "365.0 days behind"),
        (YEAR_S, "365.0 days ahead"),
        (3600.0, "1.0 hours ahead: its summer time"),
        (-3601.5, "1.0 hours behind: its summer time"),
        (90.0, "1.5 minutes ahead."),
    ],
)
def test_the_meters_own_clock_is_judged_and_nothing_depends_on_it(off_s, said):
    verdict = judge(TwoMeters(Meter(clock_off_s=off_s), seed=4, hours=3.0), 0.0)
    assert value(verdict, "clock") == pytest.approx(off_s, abs=0.01)
    assert verdict.days[0].clock_s == pytest.approx(off_s, abs=0.01)
    assert verdict.figures["clock"].n >= 13
    found = text(verdict).get("clock")
    assert (found is None) if said is None else said in found


@pytest.mark.parametrize(("day", "quarters"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_the_nights_on_which_the_clock_changes_are_days_like_others(day, quarters):
    meter = Meter(gain=0.97, lag_s=4.5)
    verdict = judge(TwoMeters(meter, seed=5, zone="Europe/Berlin", first=day), 0.0)
    assert [one.quarters for one in verdict.days] == [quarters]
    assert value(verdict, "missing_p1") == value(verdict, "missing_inverter") == 0
    assert abs(value(verdict, "lag") - 4.5) <= MOST_LAG_S
    assert value(verdict, "gain_import") == pytest.approx(0.97, abs=MOST_GAIN)


def test_a_week_shows_a_drift_and_draws_its_intervals_from_days():
    verdict = judge(TwoMeters(Meter(drift_a_day=0.001), seed=6, days=7), 0.0)
    found = verdict.figures["drift_import"]
    assert found.value == pytest.approx(0.03, abs=0.002)
    assert found.low < found.value < found.high
    assert found.n == len(verdict.days) == 7


def test_a_quiet_house_says_that_not_enough_happened():
    verdict = judge(TwoMeters(Meter(), seed=1, hours=6.0, quiet=True), 0.0)
    for name in ("lag", "sign", "correlation", "gain_import", "gain_export", "drift_import"):
        assert verdict.figures[name].reason == figures.NOT_ENOUGH, name
        assert verdict.figures[name].value is None
    assert "Not enough happened" in text(verdict)["gain_import"]


@pytest.mark.parametrize("shown", [None, 0])
def test_an_inverter_without_a_meter_or_with_nothing_but_zeros_has_none(shown):
    house = TwoMeters(Meter(), seed=4, hours=8.0)
    house.samples = [one._replace(meter_w=shown) for one in house.samples]
    verdict = judge(house, 0.0)
    for name in ("lag", "gain_import", "gain_export", "unexplained", "total_import", "phase_l1"):
        assert verdict.figures[name].reason == figures.NO_METER, name
    assert value(verdict, "clock") == 0  # what the utility's meter says of itself is here
    assert "no grid meter" in text(verdict)["cannot_compare"]


def test_the_day_before_a_meter_was_installed_does_not_count():
    house = TwoMeters(Meter(gain=0.98, lag_s=2.0), seed=4, days=2)
    installed = house.bounds[0][1]
    house.samples = [
        one if one.ts >= installed else one._replace(meter_w=0) for one in house.samples
    ]
    verdict = judge(house, 0.0)
    assert value(verdict, "gain_import") == pytest.approx(0.98, abs=MOST_GAIN)
    assert "gain_import_robust" not in verdict.figures
    assert [day.quarters_compared for day in verdict.days] == [0, 96]


@pytest.mark.parametrize(
    ("samples", "rows", "reason"),
    [
        (False, True, figures.NO_INVERTER),
        (True, False, figures.NO_P1),
        (False, False, figures.NO_P1),
    ],
)
def test_one_side_alone_cannot_be_compared(samples, rows, reason):
    house = TwoMeters(Meter(), seed=4, hours=2.0)
    house.samples = house.samples if samples else []
    house.rows = house.rows if rows else []
    verdict = judge(house, 0.0)
    assert verdict.figures["lag"].reason == reason
    assert "cannot_compare" in text(verdict)


def test_a_meter_that_does_not_report_phases_is_compared_all_the_same():
    house = TwoMeters(Meter(gain=0.98), seed=4)
    days = [day._replace(p1=day.p1._replace(phases=())) for day in house.days(0.0)]
    verdict = judge(Days(*days), 0.0)
    assert verdict.phases == (None, None, None)
    assert verdict.figures["phase_l1"].reason == figures.NO_PHASES
    assert value(verdict, "gain_import") == pytest.approx(0.98, abs=MOST_GAIN)
    assert "gain_import" in text(verdict)


def test_chance_is_the_same_each_time():
    house = TwoMeters(Meter(lag_s=3.0), seed=4, hours=6.0)
    assert judge(house, 0.0) == judge(house, 0.0)


def test_a_positive_lag_means_that_the_inverter_shows_it_later():
    # A kettle each five minutes or so; the inverter shows it two polls later.
    p1_ts = [float(n) for n in range(36_000)]
    p1 = Telegrams(p1_ts, [2000.0 * (t % 307.3 < 120) for t in p1_ts], ())
    polls = [t + 0.5 for t in p1_ts[60:-60:5]]
    meter = Series(polls, [2000.0 * ((t - 10.0) % 307.3 < 120) for t in polls])
    day = Day(date(2026, 1, 1), 0.0, 36_000.0, meter, Series([], []), frozenset([1]), p1, ())
    assert value(judge(Days(day), 0.0), "lag") == pytest.approx(10.0, abs=0.5)


def test_of_many_days_the_lag_is_found_by_some_and_the_days_behind_them_are_not_read():
    house = TwoMeters(Meter(gain=0.98, lag_s=4.0), seed=4)
    (day,) = house.days(0.0)
    read = []

    class Many:
        def powers(self):
            for _ in range(31):
                read.append(day)
                yield day

        def days(self, shift_s):
            return house.days(shift_s)

    verdict = judge(Many(), 0.0)
    assert len(read) == ENOUGH_DAYS
    assert abs(value(verdict, "lag") - 4.0) <= MOST_LAG_S


def test_days_on_which_nothing_happens_do_not_end_the_search_for_the_lag():
    quiet = [Day(date(2026, 5, n), 0.0, 0.0, Series([], []), Series([], []), frozenset(),
                 Telegrams([0.0], [500.0], ()), ()) for n in range(1, 20)]  # fmt: skip
    busy = list(TwoMeters(Meter(lag_s=4.0), seed=4).days(0.0))
    assert abs(value(judge(Days(*quiet, *busy), 0.0), "lag") - 4.0) <= MOST_LAG_S
