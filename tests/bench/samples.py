"""Samples that fill every column which an SH4.0RS can fill."""

import random
from datetime import UTC, datetime, timedelta

from edge_lib.shared.sample import FIELDS
from edge_lib.shared.timestamps import format_ts

BACKLOG = [f.name for f in FIELDS if f.required]  # with device_id and ts the nine of the backlog
START = datetime(2026, 6, 1, tzinfo=UTC)
POLL_S = 5
BOOT = "0123456789abcdef" * 2
_RANGES = {"W": (0, 4000), "code": (0, 3), "bits": (0, 255), "": (0, 10**6)}


def full_sample(number: int, dice: random.Random, device_id: str) -> dict:
    """Return the sample of that poll since ``START``: battery, meter, two strings of four."""
    ts = START + timedelta(seconds=POLL_S * number)
    sample = {"device_id": device_id, "ts": format_ts(ts)}
    for field in FIELDS:
        if field.name.startswith(("mppt3", "mppt4")):
            sample[field.name] = None
        elif field.integer or field.unit == "W":
            sample[field.name] = dice.randint(*_RANGES[field.unit])
        else:
            sample[field.name] = round(dice.uniform(max(field.low, 1), min(field.high, 100)), 1)
    poll = {"boot": BOOT, "seq": number, "battery_power_source": "signed"}
    return {**sample, **poll, "interval_s": POLL_S}


def nine_fields(sample: dict) -> dict:
    """Return the nine fields of it without which the server takes none."""
    return {name: sample[name] for name in ("device_id", "ts", *BACKLOG)}


def batches(count: int, size: int, device_id: str, first: int = 0) -> list[list[dict]]:
    """Return that many batches, one poll after the other."""
    dice = random.Random(first)
    numbers = range(first, first + count * size)
    samples = [full_sample(number, dice, device_id) for number in numbers]
    return [samples[i : i + size] for i in range(0, len(samples), size)]
