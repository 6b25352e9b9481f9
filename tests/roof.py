"""Does the roof's analysis find a hidden truth? Its acceptance, fourteen points, line by line.

    nice .venv/bin/python -m tests.roof [--seeds 30] [--processes 2] [--only 2,4]

Roofs live in memory; nothing of it needs a database: what does is named by its test. Prints a line
for each claim with its figures, and exits with 1 if one does not hold.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from tests.support import roof_map_claims, roof_mutants, roof_time_claims

Line = tuple[bool, str]
Claim = Callable[[int, Callable[..., Iterable[Any]]], Iterator[Line]]

POINTS: dict[int, Claim] = {
    1: roof_time_claims.sun,
    2: roof_map_claims.maps,
    3: roof_map_claims.nothing,
    4: roof_map_claims.losses,
    5: roof_map_claims.curtailment,
    6: roof_map_claims.clipping,
    7: roof_time_claims.new_tree,
    8: roof_time_claims.dirt,
    9: roof_time_claims.dead,
    10: roof_time_claims.fits,
    11: roof_map_claims.steps,
    12: roof_map_claims.models,
    13: roof_time_claims.costs,
    14: roof_mutants.mutants,
}


def _numbers(text: str) -> list[int]:
    numbers = [int(part) for part in text.split(",")]
    if not set(numbers) <= set(POINTS):
        raise argparse.ArgumentTypeError(f"points are {min(POINTS)} to {max(POINTS)}")
    return numbers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", type=_numbers, default=list(POINTS), metavar="2,4")
    asked = parser.parse_args()
    failed, began_s = 0, time.monotonic()
    with ProcessPoolExecutor(asked.processes) as pool:
        for number in asked.only:
            claim = POINTS[number]
            print(claim.__doc__, flush=True)
            for holds, text in claim(asked.seeds, pool.map):
                failed += not holds
                print(f"  {'pass' if holds else 'MISS'} {text}", flush=True)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"{failed} missed; {time.monotonic() - began_s:.0f} s, {peak_mb:.0f} MB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
