"""What sungrow_strings_5min has to hold, in plain Python from the raw samples."""

import math
from collections import defaultdict
from datetime import datetime, timedelta

import pytest

STRINGS = (1, 2, 3, 4)
LIMITED_STATES = (0x8100, 0x8200, 0x0080)
FIVE_MINUTES = timedelta(minutes=5)
Rows = dict[tuple[datetime, int], dict[str, object]]


def powers(sample: dict) -> dict[int, float]:
    """Return what each string of which voltage and current were read gave, W."""
    own = {}
    for string in STRINGS:
        u, i = (sample.get(f"mppt{string}_{what}") for what in ("voltage_v", "current_a"))
        if u is not None and i is not None:
            own[string] = max(u, 0) * max(i, 0)
    whole = math.fsum(own.values())
    return {s: sample["pv_power_w"] * one / whole if whole else 0.0 for s, one in own.items()}


def is_limited(sample: dict, nominal_w: float | None) -> bool:
    ac_w = sample.get("inverter_power_w")
    clips = bool(nominal_w) and ac_w is not None and ac_w >= 0.985 * nominal_w
    return clips or sample.get("running_state") in LIMITED_STATES


def rollup(samples: list[dict], nominal_w: float | None = None) -> Rows:
    """Return the rows, by bucket and string; sums to 1e-9 of what went into them."""
    parts = defaultdict(list)
    for sample in samples:
        for string, power in powers(sample).items():
            bucket = (
                sample["ts"]
                - (sample["ts"] - datetime.min.replace(tzinfo=sample["ts"].tzinfo)) % FIVE_MINUTES
            )
            parts[bucket, string].append((sample, power))
    return {
        (bucket, string): {
            "u_sum": _sum(sample[f"mppt{string}_voltage_v"] for sample, _ in of),
            "i_sum": _sum(sample[f"mppt{string}_current_a"] for sample, _ in of),
            "p_sum": _sum(power for _, power in of),
            "p_max": pytest.approx(max(power for _, power in of)),
            "integral_kwh": _sum(power * sample["interval_s"] / 3.6e6 for sample, power in of),
            "n": len(of),
            "limited_n": sum(is_limited(sample, nominal_w) for sample, _ in of),
        }
        for (bucket, string), of in parts.items()
    }


def _sum(values) -> object:
    return pytest.approx(math.fsum(values), rel=1e-9, abs=1e-12)
