"""The houses of ``grid_houses`` with a grid meter that tells the truth about their grid."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from edge_lib.shared.timestamps import parse_ts
from tests.support.grid_houses import NO_METER

LATER = timedelta(seconds=3)  # than the sample of the same moment


def with_ac(samples: Iterable[dict]) -> Iterator[dict]:
    """Return the samples with what the inverter delivers: its losses are nothing."""
    for sample in samples:
        yield sample | {"inverter_power_w": sample["load_power_w"] + sample["export_power_w"]}


def meterless(samples: Iterable[dict]) -> Iterator[dict]:
    """Return what the inverter alone can tell of the same."""
    for sample in with_ac(samples):
        yield sample | NO_METER


def contradicted(samples: Iterable[dict]) -> Iterator[dict]:
    """Return what an inverter tells whose meter is clamped on the wrong way round."""
    for sample in with_ac(samples):
        load = sample["inverter_power_w"] + sample["export_power_w"]
        grid = {"export_power_w": -sample["export_power_w"], "load_power_w": load}
        yield sample | grid


def p1_readings(samples: Iterable[dict]) -> Iterator[dict]:
    """Return a reading beside each sample: powers of that moment, counters of all before it."""
    imported, exported = 16_306.0, 2_100.0
    for sample in samples:
        export_w = sample["export_power_w"]
        imported += max(0.0, -export_w) * sample["interval_s"] / 3_600_000
        exported += max(0.0, export_w) * sample["interval_s"] / 3_600_000
        yield {
            "device_id": sample["device_id"],
            "ts": parse_ts(sample["ts"]) + LATER,
            "power_w": -export_w,
            "import_power_w": max(0.0, -export_w),
            "energy_import_kwh": imported,
            "energy_export_kwh": exported,
        }
