"""The one builder of samples, as the edge sends them and the server takes them.

Rows for the database's own functions are in ``readings``, whole lives of houses in ``energies``,
``tests/browser/house.py`` and ``tests/year.py``, random values for every column in
``tests/bench/samples.py``.
"""

import itertools
from datetime import UTC, datetime, timedelta

from edge_lib.shared.timestamps import format_ts
from tests.support.clocks import BOOT, START

DEVICE = "house"
POLL_S = 5
_minutes = itertools.count()


def a_ts() -> str:
    """A time of the past that no test has used yet."""
    return format_ts(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=next(_minutes)))


def a_sample(seq: int | None = None, /, *, after_s: float | None = None, **changes: object) -> dict:
    """A sample with the required fields, at a time of its own, and what is to be different.

    With a number it is that poll of the boot, at its time since ``START`` unless ``after_s`` says
    another, by a clock that was right.
    """
    values = {
        "device_id": DEVICE,
        "ts": changes.get("ts"),
        "pv_power_w": 5000,
        "pv_daily_kwh": 54.3,
        "battery_power_w": -1200.5,
        "battery_soc_pct": 71.2,
        "battery_temp_c": 21.5,
        "load_power_w": 400,
        "export_power_w": 4600,
    }
    if seq is not None:
        after = timedelta(seconds=seq * POLL_S if after_s is None else after_s)
        values |= {"ts": format_ts(START + after), "boot": BOOT, "seq": seq, "ts_src": 0}
    values["ts"] = values["ts"] or a_ts()
    return values | changes
