"""The referee against known truth: how far are its figures off after a day, over many houses?

    nice .venv/bin/python -m tests.referee [--seeds 20] [--days 1] [--p1-s 1]

Each seed is another house whose inverter's meter has another gain, offset, lag and sign. All is in
memory; a day of a house takes two to three seconds, most of it to simulate it.
"""

import argparse
import random
import sys
import time
from typing import NamedTuple

from server.referee.judge import judge
from tests.support.two_meters import RATE, Meter, TwoMeters

MOST_LAG_S, MOST_GAIN, MOST_OFFSET_W = 0.5, 0.002, 3.0
PHASES = {
    (1.0, 1.0, 1.0): ("seen", "seen", "seen"),
    (1.0, 0.0, 0.0): ("seen", "unseen", "unseen"),
    (1.0, -1.0, 1.0): ("seen", "reversed", "seen"),
}


class Errors(NamedTuple):
    """How far the figures of one house are off; None: not enough happened."""

    lag_s: float | None
    gain_import: float | None
    offset_import_w: float | None
    gain_export: float | None
    offset_export_w: float | None
    is_sign_right: bool
    are_phases_right: bool
    cpu_s: float  # a day

    def is_right(self) -> bool:
        """Say whether all is as exact as it must be."""
        most = (MOST_LAG_S, MOST_GAIN, MOST_OFFSET_W, MOST_GAIN, MOST_OFFSET_W)
        known = zip(self[:5], most, strict=True)
        return (
            all(error is None or abs(error) <= limit for error, limit in known)
            and self.lag_s is not None
            and self.is_sign_right
            and self.are_phases_right
        )


def a_meter(seed: int, p1_s: float = 1.0) -> Meter:
    """Return a meter that is wrong in its own way."""
    chance = random.Random(1000 + seed)
    return Meter(
        gain=chance.uniform(0.95, 1.05),
        offset_w=chance.uniform(-20, 20),
        lag_s=chance.randrange(-20 * RATE, 20 * RATE) / RATE,
        sign=chance.choice((1, 1, -1)),
        p1_s=p1_s,
    )


def errors(meter: Meter, seed: int, days: int = 1) -> Errors:
    """Let a house live, judge it, and compare with the truth."""
    house = TwoMeters(meter, seed, days=days)
    begun = time.process_time()
    found = judge(house, 0.0)
    cpu_s = (time.process_time() - begun) / days
    sees_all = meter.sees == (1.0, 1.0, 1.0)

    def off(name: str, truth: float) -> float | None:
        value = found.figures[name].value
        return None if value is None else value - truth

    return Errors(
        off("lag", meter.lag_s),
        off("gain_import", meter.gain) if sees_all else None,
        off("offset_import", meter.offset_w) if sees_all else None,
        off("gain_export", meter.gain) if sees_all else None,
        off("offset_export", -meter.offset_w) if sees_all else None,
        not sees_all or found.figures["sign"].value == meter.sign,
        found.phases == PHASES[meter.sees],
        cpu_s,
    )


def main(argv: list[str]) -> int:
    """Print the errors of each house; 0: all are small enough."""
    parser = argparse.ArgumentParser(prog="python -m tests.referee", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--p1-s", type=float, default=1.0)
    asked = parser.parse_args(argv)
    names = ("lag s", "gain im", "W im", "gain ex", "W ex", "sign", "phases", "CPU s")
    print("seed", *(f"{name:>8}" for name in names))
    wrong = 0
    for seed in range(1, asked.seeds + 1):
        kinds = [a_meter(seed, asked.p1_s)]
        for sees in list(PHASES)[1:] if seed % 4 == 0 else ():
            kinds.append(Meter(lag_s=5.0, sees=sees, p1_s=asked.p1_s))
        for meter in kinds:
            found = errors(meter, seed, asked.days)
            wrong += not found.is_right()
            cells = [
                f"{one:8.4f}" if isinstance(one, float) else f"{'right' if one else '-':>8}"
                for one in found
            ]
            print(f"{seed:4}", *cells, "" if found.is_right() else "WRONG", flush=True)
    print("right" if not wrong else f"{wrong} WRONG")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
