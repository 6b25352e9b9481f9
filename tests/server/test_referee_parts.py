"""The parts of the referee by themselves, and all of it on days that no house makes."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.referee import energy, figures, fit, pairs
from server.referee.energy import Energy
from server.referee.judge import ENOUGH_DAYS, judge
from server.referee.pairs import Point
from server.referee.rows import QUARTER_S, Counters, Day, Mark, Series, Telegrams
from server.referee.sentences import sentences
from server.referee.stored import _spread
from tests.support.two_meters import Days


@pytest.mark.parametrize(
    ("ts", "row"),
    [(10.0, 1), (14.9, 1), (15.0, 1), (15.1, 2), (5.0, 0), (-15.0, 0), (-15.1, None), (35.1, None)],
)
def test_the_nearest_row_is_taken_the_earlier_on_a_tie_and_none_that_is_far(ts, row):
    assert pairs.nearest([0.0, 10.0, 20.0], ts) == row
    assert pairs.nearest([], ts) is None


def points(gain: float, offset_w: float, odd: int = 0) -> list[Point]:
    found = [Point(900.0 * n, 180, 25.0 * n, gain * 25.0 * n + offset_w) for n in range(60)]
    return found[: 60 - odd] + [p._replace(meter_w=p.meter_w + 1500) for p in found[60 - odd :]]


def test_a_line_is_found_exactly_and_the_robust_one_only_named_where_it_differs():
    blocks = [points(0.98, 7.0)[n::6] for n in range(6)]
    found = fit.fit(blocks)
    assert found.gain.value == pytest.approx(0.98, abs=1e-4)
    assert found.offset.value == pytest.approx(7.0, abs=1e-3)
    assert found.robust is None
    odd = fit.fit([points(0.98, 7.0, odd=6)[n::6] for n in range(6)])
    assert abs(odd.gain.value - 0.98) > 0.05
    assert odd.robust[0].value == pytest.approx(0.98, abs=1e-3)
    assert odd.robust[1].value == pytest.approx(7.0, abs=0.5)


@pytest.mark.parametrize("spread_w", [0.0, 4.0])
def test_points_at_one_power_are_not_enough_for_a_line(spread_w):
    found = fit.fit([[Point(900.0 * n, 100, 50 + spread_w * n, 50.0) for n in range(40)]])
    assert found.line is None
    assert found.gain.reason == figures.NOT_ENOUGH


def marks(*kwh: float | None) -> list[Mark]:
    """Return a mark each quarter hour: the utility's import counter, the inverter's the same."""
    made = []
    for n, total in enumerate(kwh):
        ts = n * float(QUARTER_S)
        before = None if total is None else Counters(ts - 2, total - 0.01, 0.0)
        after = None if total is None else Counters(ts + 2, total + 0.01, 0.0)
        made.append(Mark(ts, before, after, Counters(ts - 1, 100.0 + n, 0.0)))
    return made


def test_a_quarter_hour_lies_between_the_counters_at_its_ends():
    first, last = marks(5.0, 5.5)
    assert energy.between(first, last) == Energy(pytest.approx(0.5), 0.0)
    assert energy.between(last, first) is None  # it fell
    assert energy.between(*marks(5.0, None)) is None
    assert energy.between(*marks(5.0, 205.0)) is None  # it jumped


def test_what_both_counted_leaves_out_where_one_fell_and_goes_on_over_a_missing_one():
    counted = energy.counted(marks(5.0, 5.5, None, 6.5, 2.0, 2.5))
    assert counted.p1.imported == pytest.approx(2.0)
    assert counted.inverter.imported == pytest.approx(4.0)
    assert (counted.quarters, counted.seams) == (4, 2)
    assert energy.counted(marks(None, None)) is None


def netting_of(
    apart: float, phases: tuple[list[float], ...] | None = None, *, p1_s: float = 1.0
) -> dict[str, figures.Figure]:
    """Return what is found of a meter that counts so much of what it would by phases.

    One phase exports half the time what another imports, in ten quarter hours.
    """
    count = int(10 * QUARTER_S / p1_s)
    ts = [n * p1_s for n in range(count + 60)]
    swing = [1000.0 if n * p1_s % 600 < 300 else 0.0 for n in range(len(ts))]
    phases = phases or ([200.0] * len(ts), swing, [-w for w in swing])
    of_quarter = 0.05 + apart * 0.125  # kWh: 200 W, and 1000 W half the time
    told = [Counters(QUARTER_S * n, 4000.0 + of_quarter * n, 100.0) for n in range(11)]
    ends = [Mark(one.ts, one, one, None) for one in told]
    p1 = Telegrams(ts, [sum(three) for three in zip(*phases, strict=True)], phases)
    nothing = Series([], [])
    one = Day(
        date(2026, 1, 1), 0.0, 10.0 * QUARTER_S, nothing, nothing, frozenset(), p1, tuple(ends)
    )
    verdict = judge(Days(one), 0.0)
    said = {one.id: one.text for one in sentences(verdict, "home-1", 0.0)}
    told_so = "counts each phase" if apart > 0.5 else "nets the three phases"
    if verdict.figures["netting"].value is not None:
        assert told_so in said["netting"]
    else:
        assert "netting" not in said
    return {name: verdict.figures[name] for name in ("netting", "phases_apart")}


@pytest.mark.parametrize("p1_s", [1.0, 5.0, 10.0])
@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_whether_the_utilitys_meter_nets_its_phases_is_told_without_an_inverter(apart, p1_s):
    found = netting_of(apart, p1_s=p1_s)
    assert found["netting"].value == pytest.approx(apart, abs=0.05)
    assert found["phases_apart"].value == pytest.approx(1.25, rel=0.05)
    assert found["phases_apart"].n == found["netting"].n >= 9


def test_phases_that_all_import_tell_nothing_of_netting():
    count = 10 * QUARTER_S + 60
    found = netting_of(0.0, ([200.0] * count, [100.0] * count, [300.0] * count))
    assert found["netting"].reason == figures.NOT_ENOUGH
    assert found["phases_apart"].value == 0.0


def test_a_meter_of_one_phase_has_no_netting():
    p1, nothing = Telegrams([0.0, 1.0], [5.0, 5.0], ()), Series([], [])
    day = Day(date(2026, 1, 1), 0.0, 900.0, nothing, nothing, frozenset(), p1, ())
    verdict = judge(Days(day), 0.0)
    assert verdict.figures["netting"].reason == figures.NO_PHASES


@pytest.mark.parametrize("count", [0, 1, 2, 7, 31])
def test_the_first_days_that_are_read_for_the_lag_are_spread_over_all(count):
    order = _spread(count)
    assert sorted(order) == list(range(count))
    if count == 31:
        widest = max(b - a for a, b in pairwise([-1, *sorted(order[:ENOUGH_DAYS]), 31]))
        assert widest <= 4


WATTS = st.floats(-400_000, 400_000) | st.sampled_from([0.0, 200.0, -200.0, 2000.0])
GAPS = st.sampled_from([0.000001, 1.0, 1.0, 1.0, 5.0, 5.0, 10.0, 61.0, 4000.0])


@st.composite
def days(draw) -> Day:
    def series() -> tuple[list[float], list[float]]:
        gaps = draw(st.lists(GAPS, max_size=150))
        repeat = draw(st.sampled_from([1, 8]))
        ts = [sum((gaps * repeat)[: n + 1]) for n in range(len(gaps) * repeat)]
        watts = draw(st.lists(WATTS, min_size=1, max_size=6))
        return ts, [watts[n * n % len(watts)] for n in range(len(ts))]

    (meter, ac, p1) = (series() for _ in range(3))
    phases = tuple([w / (k + 1) for w in p1[1]] for k in range(3)) if draw(st.booleans()) else ()
    kwh = draw(st.lists(st.none() | st.floats(0, 1e8), max_size=6))
    seen = frozenset(int(t // QUARTER_S) for t in (*meter[0], *ac[0]))
    ends = 0.0, QUARTER_S * draw(st.integers(0, 8))
    made = tuple(marks(*kwh))
    return Day(
        date(2026, 1, 1), *ends, Series(*meter), Series(*ac), seen, Telegrams(*p1, phases), made
    )


@given(st.lists(days(), max_size=6), st.floats(-300, 300))
def test_whatever_the_rows_every_figure_has_a_value_or_a_reason(made, stored_lag_s):
    verdict = judge(Days(*made), stored_lag_s)
    for name, found in verdict.figures.items():
        assert (found.value is None) == (found.reason is not None), name
        if found.value is not None:
            assert found.low <= found.value <= found.high, name
    assert sentences(verdict, "home-1", stored_lag_s) or made
