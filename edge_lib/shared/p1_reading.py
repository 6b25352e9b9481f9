"""The contract of a P1 reading: what a grid meter's P1 port told at one moment.

The first six fields have the names of the sibling project P1-Edge-VPS, whose readings are taken as
they are. A key that the meter does not tell is absent or null, never 0.
"""

import re
from typing import Any

from edge_lib.shared.fields import Field, Kind
from edge_lib.shared.sample import SEQ, TEXTS, TS_SRC

# One reading of the grid meter: a flat dict with the names below, as JSON has it.
P1Reading = dict[str, Any]


def _phase(number: int) -> tuple[Field, Field, Field]:
    phase = f"phase L{number}"
    return (
        Field(f"power_l{number}_w", "W", -400_000, 400_000, f"{phase}; positive = importing"),
        Field(f"voltage_l{number}_v", "V", 0, 1500, f"voltage of {phase}"),
        Field(f"current_l{number}_a", "A", -1000, 1000, f"current of {phase}"),
    )


FIELDS = (
    Field("power_w", "W", -400_000, 400_000, "net of the phases; positive = importing", True),
    Field("import_power_w", "W", 0, 400_000, "what of power_w is imported; else 0"),
    Field("energy_import_kwh", "kWh", 0, 1e8, "imported, lifetime, all tariffs"),
    Field("energy_export_kwh", "kWh", 0, 1e8, "exported, lifetime, all tariffs"),
    Field("import_t1_kwh", "kWh", 0, 1e8, "register 1.8.1: NL the low tariff, BE the day's"),
    Field("import_t2_kwh", "kWh", 0, 1e8, "register 1.8.2: NL the normal tariff, BE the night's"),
    Field("export_t1_kwh", "kWh", 0, 1e8, "register 2.8.1, as import_t1_kwh"),
    Field("export_t2_kwh", "kWh", 0, 1e8, "register 2.8.2, as import_t2_kwh"),
    Field("tariff", "code", 0, 9, "the tariff that counts now: 1 or 2", integer=True),
    *_phase(1),
    *_phase(2),
    *_phase(3),
    Field("demand_w", "W", 0, 400_000, "mean import of the running quarter hour, register 1.4.0"),
    Field("month_peak_w", "W", 0, 400_000, "highest quarter of this month, register 1.6.0"),
    Field("gas_m3", "m³", 0, 1e8, "gas, lifetime"),
    Field("water_m3", "m³", 0, 1e8, "water, lifetime"),
    SEQ,
    TS_SRC,
)
_METER_ID = re.compile(r"[ -~]{1,64}", re.ASCII)
P1 = Kind(
    "a P1 reading",
    FIELDS,
    texts={"meter_id": (_METER_ID, "the meter's own number"), "boot": TEXTS["boot"]},
    times={
        "meter_ts": "the meter's own clock, which may be years off",
        "month_peak_ts": "end of the quarter hour of month_peak_w",
        "gas_ts": "when the gas meter was read",
        "water_ts": "when the water meter was read",
    },
)
