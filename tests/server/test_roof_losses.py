"""What shade costs: beside a twin also where the map is silent; alone never more than the beam."""

from array import array
from datetime import date, timedelta

import pytest

from server.roof import cells, held, losses
from server.roof.cells import Cell, Usual
from server.roof.columns import HELD, Columns
from server.roof.shade import Judged, Seen

SHADED, BESIDE, LOW, FAR, BRIGHT = (
    cells.bin_of(*at) for at in ((1000, 100), (1050, 100), (1000, 75), (2500, 100), (1800, 300))
)
DAYS, CLEAR_W = 40, 500.0


def roof(path, powers, ratios):
    """Return days on which the sun passes these bins, a row each, and the strings."""
    rows = len(path) * DAYS
    numbers = array("h", path * DAYS)
    columns = Columns(
        [date(2025, 4, 1) + timedelta(days=n) for n in range(DAYS)],
        [len(path) * n for n in range(DAYS + 1)],
        [], [], array("H", [n // len(path) for n in range(rows)]), array("i", range(rows)),
        array("h"), array("h"), array("b", bytes(rows)),
        {k: array("i", own * DAYS) for k, own in powers.items()}, {}, {}, [], [], set(),
        [300.0] * DAYS, set(),
    )  # fmt: skip
    clear_w = array("f", [CLEAR_W]) * rows
    usual = Usual(1.0, [1.0] * cells.ROW_BINS)
    strings = [
        Seen(k, clear_w, array("f", own * DAYS), {number: Cell() for number in path}, usual)
        for k, own in ratios.items()
    ]
    return columns, numbers, strings


PATH = [LOW, SHADED, BESIDE, FAR, BRIGHT]
OWN, TWIN = [20, 100, 300, 300, 900], [100, 500, 500, 500, 1000]


@pytest.mark.parametrize(
    ("own", "watts"),
    [
        # The map knows one bin; what lies beside it and is darker than the twin's belongs to it.
        # FAR is darker, too, and no neighbour: that may be anything.
        ([-1, 0.2, 0.6, 0.6, 1], 60 + 300 + 100),
        ([-1, 0.2, HELD, 0.6, 1], 60 + 300),
        # Nothing came while there was light: deep shade where shade is, else a fault, or snow.
        ([-1, -1, 0.6, 0.6, 1], 60 + 300 + 100),
        ([-1, 0.2, -1, 0.6, 1], 60 + 300),
    ],
)
def test_a_twin_tells_of_shade_beside_what_the_map_knows(own, watts):
    columns, numbers, strings = roof(PATH, {1: OWN, 2: TWIN}, {1: own, 2: [-1, 1, 1, 1, 1]})
    lost = losses.beside(columns, numbers, *strings, {SHADED}, 0)
    # Outside of the shade the string gives 0.8 of what its twin gives.
    assert sum(lost.watts) == pytest.approx(DAYS * watts)
    assert lost.kwh_since(columns, DAYS - 1) == pytest.approx(watts * (300 / 3.6e6))


@pytest.mark.parametrize(("first", "watts"), [(LOW, 72), (BRIGHT, 0)])
def test_a_twin_tells_of_shade_down_to_the_horizon(first, watts):
    columns, numbers, strings = roof(
        [first, SHADED, FAR, BRIGHT], {1: [20, 100, 300, 900], 2: [100, 500, 500, 1000]},
        {1: [-1, 0.2, 0.6, 1], 2: [-1, 1, 1, 1]},
    )  # fmt: skip
    before = losses.beside(columns, numbers, *strings, {SHADED, LOW}, 0)
    # Below the lowest rows the one gave 10 Wh a day, and the other 20; 0.8 of that in the sun.
    own_kwh = {1: 1320 * 300 / 3.6e6 + 0.01, 2: 2100 * 300 / 3.6e6 + 0.02}
    columns.energy_kwh.update({k: [kwh] * DAYS for k, kwh in own_kwh.items()})
    lost = losses.beside(columns, numbers, *strings, {SHADED, LOW}, 0)
    assert sum(lost.watts) - sum(before.watts) == pytest.approx(DAYS * watts)
    assert lost.rows == sorted(lost.rows)


def test_without_any_bin_in_the_sun_a_twin_says_nothing():
    columns, numbers, (own, twin) = roof([SHADED], {1: [1], 2: [2]}, {1: [0.5], 2: [1.0]})
    assert losses.beside(columns, numbers, own, twin, {SHADED}, 0) is None


def judged(shaded=0.3):
    made = {number: Judged(200, 40, 1.0, None, "clear", 0) for number in (FAR, BRIGHT)}
    return {**made, SHADED: Judged(200, 40, shaded, None, "shaded", 0)}


@pytest.mark.parametrize(("around", "sun"), [(1.0, 1.0), (0.2, 0.0)])
def test_alone_the_beam_counts_where_the_sun_is_out_around(around, sun):
    path = [SHADED] + [BRIGHT, FAR] * 4
    ratios = [0.3 * around] + [around] * 8
    columns, numbers, (own,) = roof(path, {1: [100] * 9}, {1: ratios})
    lost = losses.alone(columns, numbers, own, judged(), 0)
    assert sum(lost.watts) == pytest.approx(DAYS * sun * 0.9 * 0.7 * CLEAR_W)
    assert losses.alone(columns, numbers, own, judged(), DAYS).watts == []


def test_alone_a_bin_as_bright_as_usual_lost_nothing():
    path = [SHADED] + [BRIGHT, FAR] * 4
    columns, numbers, (own,) = roof(path, {1: [100] * 9}, {1: [1.0] * 9})
    assert sum(losses.alone(columns, numbers, own, judged(1.1), 0).watts) == 0
    assert losses.alone(columns, numbers, own, {}, 0) == losses.Lost([], [])


def test_alone_each_moment_counts_by_what_came():
    path = [SHADED, SHADED] + [BRIGHT, FAR] * 4
    ratios = [0.3, 1.2] + [1.0] * 8  # an obstacle's edge crosses the bin
    columns, numbers, (own,) = roof(path, {1: [100] * 10}, {1: ratios})
    lost = losses.alone(columns, numbers, own, judged(0.6), 0)
    assert sum(lost.watts) == pytest.approx(DAYS * 0.9 * 0.7 * CLEAR_W)
    assert min(lost.watts) == 0


@pytest.mark.parametrize(("clear", "could"), [(0, 0.6), (1, 0.6), (2, 0.9)])
def test_alone_shade_does_not_hide_what_comes_from_its_height(clear, could):
    path = [SHADED] + [BRIGHT, FAR] * 4
    columns, numbers, (own,) = roof(path, {1: [100] * 9}, {1: [0.3] + [1.0] * 8})
    height = SHADED % cells.ROW_BINS
    of_row = [0.6 if row == height else 1.0 for row in range(cells.ROW_BINS)]
    own = own._replace(usual=Usual(1.0, of_row))
    beside = [cells.bin_of(azimuth, 100) for azimuth in (2000, 2100)][:clear]
    known = judged(0.5) | {n: Judged(200, 40, 1.5, None, "clear", 0) for n in beside}
    known[FAR] = known[FAR]._replace(state="partly")
    lost = losses.alone(columns, numbers, own, known, 0)
    assert sum(lost.watts) == pytest.approx(DAYS * 0.9 * (could - 0.3) * CLEAR_W)


@pytest.mark.parametrize("region", [{SHADED}, set()])
def test_deep_shade_is_no_dead_string(region):
    path = [BRIGHT, FAR, *[SHADED] * 8]
    columns, numbers, (own, other) = roof(
        path, {1: [500] * 2 + [0] * 8, 2: [500] * 10}, {1: [1.0] * 2 + [-1] * 8, 2: [1.0] * 10}
    )
    lost = losses.dead_rows(columns, numbers, own, [other], region, 0)
    since = losses.dead_since(columns, numbers, own, [other], region)
    assert bool(lost.rows) == (since is not None) == (not region)


@pytest.mark.parametrize(("rows", "expected"), [(3, 1.0), (6, 0.805)])
def test_what_comes_at_other_times_is_learned_from_each_row_once(rows, expected):
    """A day with few rows is of no kind: it belongs to all days alone, and not to them twice."""
    columns, _, strings = roof(
        [BRIGHT] * (rows + 1), {1: [0] * (rows + 1)}, {1: [HELD] + [0.8] * rows}
    )
    columns = columns._replace(
        days=columns.days[:1], starts=[0, rows + 1], elevations=array("h", [200] + [300] * rows)
    )
    (seen,) = strings
    seen = seen._replace(ratios=seen.ratios[: rows + 1], clear_w=seen.clear_w[: rows + 1])
    sky = held.Sky(columns, seen, [0])
    assert sky.ratio(0, round(0.1 * CLEAR_W)) == pytest.approx(expected)
