"""Three weeks of a house whose grid is measured, never, from one noon on, or in part."""

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from edge_lib.shared.timestamps import format_ts
from tests.support.energies import CHARGE, COUNTERS, DISCHARGE, EXPORT, IMPORT

ZONE = ZoneInfo("Europe/Berlin")
FIRST, DAYS = date(2026, 3, 16), 21  # the clock changes on the 29th
STEP = timedelta(minutes=5)
START = datetime(2026, 3, 16, tzinfo=ZONE).astimezone(UTC)
NOON = datetime(2026, 3, 26, 12, 2, tzinfo=ZONE).astimezone(UTC)  # when a meter is put in
# What rests on a meter is null without one.
NO_METER = dict.fromkeys(
    (
        *("load_power_w", "export_power_w", "grid_power_w", "daily_direct_consumption_kwh"),
        *(IMPORT, EXPORT),
    )
)
NO_BATTERY = dict.fromkeys(
    ("battery_power_w", "battery_soc_pct", "battery_temp_c", CHARGE, DISCHARGE)
)


def metered(device_id: str) -> Iterator[dict]:
    """Return a sample each five minutes: panels, a battery and a meter, counters in 0.1 kWh."""
    totals = dict(zip(COUNTERS, (18_000.0, 4000.0, 9000.0, 4600.0, 4300.0), strict=True))
    stored_kwh, end = 5.0, datetime(2026, 4, 6, tzinfo=ZONE).astimezone(UTC)
    for number in range((end - START) // STEP):
        at = START + number * STEP + timedelta(seconds=30)
        day, hour = divmod((at - START).total_seconds() / 3600, 24)
        sky = (0.3, 0.9, 0.6)[int(day) % 3]
        pv = round(6000 * sky * max(0, math.sin(math.pi * (hour - 6) / 12)))
        load = 350 + 900 * (17 <= hour < 21) + 60 * (number % 7)
        spare, room = pv - load, (9 - stored_kwh) if pv > load else (stored_kwh - 1)
        battery = int(math.copysign(min(2500, abs(spare), max(0, room * 12_000)), spare))
        export = spare - battery
        stored_kwh += battery / 12_000
        powers = (pv, max(-export, 0), max(export, 0), max(battery, 0), max(-battery, 0))
        rises = dict(zip(COUNTERS, powers, strict=True))
        totals = {name: kwh + rises[name] / 12_000 for name, kwh in totals.items()}
        yield {
            "device_id": device_id,
            "ts": format_ts(at),
            "interval_s": STEP.total_seconds(),
            "pv_power_w": pv,
            "pv_daily_kwh": None,
            "battery_power_w": battery,
            "battery_soc_pct": round(stored_kwh * 10, 1),
            "battery_temp_c": 21.5,
            "load_power_w": load,
            "export_power_w": export,
            "grid_power_w": -export,
            "daily_direct_consumption_kwh": 3.2,
            **{name: math.floor(kwh * 10) / 10 for name, kwh in totals.items()},
        }


def after_noon(sample: dict) -> bool:
    """Return whether it was taken once the meter was there."""
    return sample["ts"] >= format_ts(NOON)
