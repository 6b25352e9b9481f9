"""A sample of ``crash_points``: the long form tries every call of the story."""

import pytest

from tests.chaos.crash_points import ERRORS, KILLS, enumerate_points
from tests.chaos.crash_shim import NoCompiler

EVERY = 577  # of about 3,090 calls: a prime, so that the sample meets every kind


@pytest.fixture(scope="module")
def tallies():
    try:
        found = enumerate_points([*KILLS, *ERRORS, "EIO+"], EVERY, say=lambda _: None)
    except NoCompiler as error:
        pytest.skip(str(error))
    return {tally.mode: tally for tally in found}


@pytest.mark.parametrize("mode", [*KILLS, *ERRORS, "EIO+"])
def test_a_call_that_goes_wrong_loses_and_doubles_nothing(tallies, mode):
    assert tallies[mode].points >= 5
    assert tallies[mode].hit >= tallies[mode].points - 1
    assert tallies[mode].broken == []


def test_the_harness_notices_an_acknowledgement_that_comes_before_the_commit(monkeypatch):
    monkeypatch.setenv("CRASH_MUTANT", "EARLY")
    [tally] = enumerate_points(["KILL"], 9, first=400, last=560, say=lambda _: None)
    assert tally.broken


@pytest.mark.parametrize("mode", [*ERRORS, "EIO+"])
def test_an_error_ends_no_thread(tallies, mode):
    assert tallies[mode].dead == []
