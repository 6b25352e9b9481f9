"""The parts of the referee by themselves, and all of it on days that no house makes."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.referee import energy, figures, fit, pairs
from server.referee.energy import Energy
from server.referee.judge import judge
from server.referee.pairs import Point
from server.referee.rows import QUARTER_S, Counters, Day, Mark, Series, Telegrams
from server.referee.sentences import sentences
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
