"""The grid (P1) meter of a house with a past: what it read at each of the inverter's samples."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.browser.house import ZONE
from tests.support.p1 import store_p1
from tests.support.p1_houses import meterless, with_ac
from tests.support.readings import connected, rows, store

QUARTER = timedelta(minutes=15)
BATCH = 5000
GAS_M3, WATER_M3 = 0.004, 0.002  # of five minutes


def readings(
    samples: Iterable[dict], zone: str = ZONE, *, has_volumes: bool = True
) -> Iterator[dict]:
    """Return a reading at the moment of each sample, with the peaks that a Belgian meter keeps.

    Args:
        samples: five minutes from each to the next, from the start of a quarter hour on.
        has_volumes: whether gas and water are read, too.
    """
    imported, exported, gas, water = 16_306.0, 2_100.0, 4_321.0, 812.0
    begun, peak_w, peak_ts, month = imported, 0.0, None, None
    for sample in samples:
        ts, export_w = sample["ts"], sample["export_power_w"]
        imported += max(-export_w, 0) * sample["interval_s"] / 3.6e6
        exported += max(export_w, 0) * sample["interval_s"] / 3.6e6
        gas, water = gas + GAS_M3, water + WATER_M3
        local = (ts - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
        if month != local.month:
            month, peak_w, peak_ts = local.month, 0.0, None
        if ts.minute % 15 == 0:
            if (imported - begun) * 4000 > peak_w:
                peak_w, peak_ts = (imported - begun) * 4000, ts
            begun = imported
        volumes = {"gas_m3": gas, "gas_ts": ts, "water_m3": water, "water_ts": ts}
        yield {
            "ts": ts,
            "power_w": -export_w,
            "import_power_w": max(-export_w, 0),
            "energy_import_kwh": imported,
            "energy_export_kwh": exported,
            "meter_ts": ts,
            "month_peak_w": peak_w if peak_ts else None,
            "month_peak_ts": peak_ts,
            "meter_id": "1SAG1100012345",
            **(volumes if has_volumes else {}),
        }


def live_with_meter(
    url: str,
    device_id: str,
    samples: Iterable[dict],
    *,
    zone: str = ZONE,
    since: datetime | None = None,
    has_own: bool = True,
    has_volumes: bool = True,
) -> None:
    """Store what the house's inverter and its P1 meter say.

    Args:
        since: when the P1 meter came; None: it was always there.
        has_own: whether the inverter has a meter of its own.
    """
    whole = list(with_ac(samples))
    kept = whole if has_own else list(meterless(whole))
    of_meter = list(readings(whole, zone, has_volumes=has_volumes))
    told = [r for r in of_meter if since is None or r["ts"] >= since]
    with connected(url) as connection:
        for begin in range(0, len(kept), BATCH):
            store(connection, device_id, kept[begin : begin + BATCH])
        for begin in range(0, len(told), BATCH):
            store_p1(connection, device_id, told[begin : begin + BATCH])


def keep_peaks(url: str, device_id: str, peaks: Iterable[tuple[datetime, datetime, float]]) -> None:
    """Store what the meter keeps of past months: (end of the month, peak_ts, peak_w)."""
    with connected(url) as connection:
        for end, peak_ts, peak_w in peaks:
            rows(
                connection,
                "INSERT INTO p1_month_peaks (device_id, month, peak_ts, peak_w)"
                " VALUES (%s, %s, %s, %s)",
                *(device_id, end, peak_ts, peak_w),
            )
