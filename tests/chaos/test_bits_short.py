"""A sample of ``bit_flips``."""

import logging

import pytest

from tests.chaos.bit_flips import PLACES, flips


@pytest.fixture(autouse=True)
def _quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("place", PLACES)
def test_a_flipped_bit_costs_one_reading_at_most_and_never_turns_into_another(place):
    tally = flips(place, 200, 40)
    assert tally.sums["altered_unnoticed"] == 0
    assert tally.sums["harmless"] < 40
    assert tally.sums["missing_unnoticed"] == 0
    assert tally.sums["counts_unnoticed"] == 0
    assert tally.sums["numbers_used_again"] == 0
    assert tally.sums["not_started"] == tally.sums["held_up"] == 0
    assert tally.sums["raised"] == tally.sums["stuck"] == 0
    assert tally.wrong == 0
    assert tally.share >= 0.999
    if place != "wal":  # the last commits of a WAL may be gone but for the hole in the numbers
        assert tally.sums["missing_unexplained"] == 0
