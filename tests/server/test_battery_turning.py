"""Turning points and cycles, by the standard's own example and by another program."""

import random
from itertools import pairwise

import pytest
import rainflow as foreign

from server.battery.turning import by_depth, equivalent, rainflow, turning_points


def counted(values):
    found = {}
    for depth, count in rainflow(turning_points(values)):
        found[round(depth, 9)] = found.get(round(depth, 9), 0) + count
    return found


def test_the_example_of_the_standard():
    assert counted([-2, 1, -3, 5, -1, 3, -4, 4, -2]) == {3: 0.5, 4: 1.5, 6: 0.5, 8: 1.0, 9: 0.5}


@pytest.mark.parametrize("seed", range(50))
def test_the_same_cycles_as_another_program_finds(seed):
    dice = random.Random(seed)
    values = [dice.choice((dice.uniform(0, 100), dice.randrange(0, 101, 10))) for _ in range(300)]
    theirs = {}
    for depth, count in foreign.count_cycles(values):
        theirs[round(depth, 9)] = theirs.get(round(depth, 9), 0) + count
    assert counted(values) == pytest.approx(theirs)


@pytest.mark.parametrize("seed", range(3))
def test_cycles_add_up_to_all_that_moved(seed):
    dice, soc, values = random.Random(seed), 50.0, []
    for _ in range(20_000):
        soc = min(100.0, max(0.0, soc + dice.uniform(-5, 5)))
        values.append(soc)
    moved = sum(abs(b - a) for a, b in pairwise(values))
    cycles = equivalent(rainflow(turning_points(values)))
    assert cycles == pytest.approx(moved / 200, rel=0.005)


@pytest.mark.parametrize(
    ("values", "points"),
    [
        ([], []),
        ([50], [50]),
        ([50, 51, 50, 49], [50]),  # nothing of more than two points
        ([50, 60, 59, 70, 68.5, 80], [50, 80]),
        ([50, 60, 57, 70], [50, 60, 57, 70]),
        ([50, 40, 45, 44, 47, 20], [50, 40, 47, 20]),
        ([0, 0, 0, 100, 100, 0], [0, 100, 0]),
    ],
)
def test_turning_points_with_a_hysteresis_of_two(values, points):
    assert turning_points(values, 2.0) == points


def test_depths_are_counted_in_bands_of_ten_points():
    cycles = [(0.5, 1.0), (9.9, 0.5), (10.0, 1.0), (99.9, 0.5), (100.0, 1.0), (107.0, 1.0)]
    assert by_depth(cycles) == [1.5, 1.0, *[0.0] * 7, 2.5]
