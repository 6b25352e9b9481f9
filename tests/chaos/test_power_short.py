"""Twenty power cuts, and twenty of a weakened product, which the harness has to notice."""

import re
import subprocess
import sys

import pytest

from tests.chaos.crash_points import ROOT


def cuts(*arguments: str) -> dict[str, int]:
    """Cut the power 20 times; return the sums."""
    line = [sys.executable, "-m", "tests.chaos.power_cuts", "--rounds", "20", *arguments]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    if done.stdout.startswith("skipped: "):
        pytest.skip(done.stdout.strip())
    sums = re.findall(r"(\w+) (\d+)", done.stdout)
    assert sums, done.stderr
    return {key: int(number) for key, number in sums}


def test_a_power_cut_takes_no_acknowledged_reading():
    sums = cuts()
    assert sums["rounds"] == 20
    assert sums["acknowledged"] > 200
    assert sums["lost"] == 0


def test_the_harness_notices_a_spool_that_does_not_wait_for_the_disk():
    assert cuts("--mutant", "NORMAL")["lost"] > 0
