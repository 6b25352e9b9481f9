"""What a night costs with five years of two strings: printed, and held to the limits."""

import time
import tracemalloc
from datetime import date

import pytest

from server.plane import Plane
from server.roof import analyse, digest
from tests.support import roofs


@pytest.mark.long
def test_five_years_of_two_strings_cost_little():
    roof = roofs.Roof({1: roofs.SOUTH, 2: Plane(30, 250, 2.5)}, {1: roofs.TREE})
    stored = [digest.to_json(one) for one in roofs.digests(roof, date(2021, 1, 1), 5 * 365)]
    begun = time.process_time()
    found = analyse.result("home-1", map(digest.from_json, stored), roof.settings(), 1.7e9)
    took_s = time.process_time() - begun
    tracemalloc.start()
    analyse.result("home-1", map(digest.from_json, stored), roof.settings(), 1.7e9)
    peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    size_mb = sum(map(len, stored)) / 1e6
    print(f"{took_s:.1f} s CPU, {peak_mb:.0f} MB beside {size_mb:.0f} MB of digests")
    assert took_s < 5
    assert peak_mb < 100
    assert found.result["reason"] is None
