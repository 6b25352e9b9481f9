"""The contract of a sample: every field with its unit, its range and its sign.

A sample is one poll of the inverter, decoded: a flat dict with the names below. The edge checks
what it stores with ``SAMPLE.check``, the server what it is sent; no other place states a unit or a
range.
"""

import re
from enum import IntEnum
from typing import Any

from edge_lib.shared.fields import Field, Kind

# One poll, decoded: a flat dict with the names below, as JSON has it.
Sample = dict[str, Any]


class TsSource(IntEnum):
    """What a sample's time rests on: its field ``ts_src``."""

    SYNCHRONISED = 0  # the clock counted as right when it was taken
    CORRECTED = 1  # the boot's own clock became right later
    PROVISIONAL = 2  # nothing vouches for it yet: never sent
    ESTIMATED = 3  # the boot's clock never became right


def _mppt(number: int) -> tuple[Field, Field]:
    return (
        Field(f"mppt{number}_voltage_v", "V", 0, 1500, f"voltage of string input {number}"),
        Field(f"mppt{number}_current_a", "A", -1000, 1000, f"current of string input {number}"),
    )


SEQ = Field("seq", "", 0, 2**53, "counts the polls of a boot", integer=True)
TS_SRC = Field(
    "ts_src",
    "code",
    0,
    3,
    "0 clock synchronised, 1 corrected within the boot, 2 never sent, 3 estimated",
    integer=True,
)

# First the seven whose keys are in every sample, null or not.
FIELDS = (
    Field("pv_power_w", "W", 0, 200_000, "DC power of all strings", True, nullable=False),
    Field("pv_daily_kwh", "kWh", 0, 10_000, "PV yield since the inverter's midnight", True),
    Field(
        "battery_power_w",
        "W",
        -200_000,
        200_000,
        "positive = charging; null: no battery, or direction undecidable",
        True,
    ),
    Field("battery_soc_pct", "%", 0, 100, "state of charge; null: no battery", True),
    Field("battery_temp_c", "°C", -60, 150, "battery temperature", True),
    Field(
        "load_power_w",
        "W",
        -400_000,
        400_000,
        "house consumption; negative: another generator behind the same meter; null: no grid meter",
        True,
    ),
    Field(
        "export_power_w",
        "W",
        -400_000,
        400_000,
        "positive = exporting; null: no grid meter",
        True,
    ),
    Field("pv_total_kwh", "kWh", 0, 1e8, "PV yield, lifetime"),
    *_mppt(1),
    *_mppt(2),
    *_mppt(3),
    *_mppt(4),
    Field("battery_voltage_v", "V", 0, 1500, "battery voltage"),
    Field("battery_current_a", "A", -1000, 1000, "positive = charging"),
    Field("battery_soh_pct", "%", 0, 100, "state of health"),
    Field("battery_daily_charge_kwh", "kWh", 0, 10_000, "charged since the inverter's midnight"),
    Field("battery_daily_discharge_kwh", "kWh", 0, 10_000, "discharged since midnight"),
    Field("battery_total_charge_kwh", "kWh", 0, 1e8, "charged, lifetime"),
    Field("battery_total_discharge_kwh", "kWh", 0, 1e8, "discharged, lifetime"),
    Field("daily_direct_consumption_kwh", "kWh", 0, 10_000, "PV used at once, since midnight"),
    Field("total_import_kwh", "kWh", 0, 1e8, "imported from the grid, lifetime"),
    Field("total_export_kwh", "kWh", 0, 1e8, "exported to the grid, lifetime"),
    Field("grid_power_w", "W", -400_000, 400_000, "the meter; positive = importing"),
    Field("inverter_power_w", "W", -400_000, 400_000, "AC side; positive = delivering"),
    Field("inverter_temp_c", "°C", -60, 150, "inside the inverter"),
    Field("grid_frequency_hz", "Hz", 0, 100, "grid frequency"),
    Field("grid_voltage_v", "V", 0, 1500, "grid voltage, phase A"),
    Field("running_state", "code", 0, 65_535, "raw code of register 13000", integer=True),
    Field("power_flow_status", "bits", 0, 65_535, "raw bits of register 13001", integer=True),
    Field(
        "bms_max_charge_a",
        "A",
        0,
        1000,
        "most that the BMS lets the battery be charged with; 0: it forbids it, or does not tell",
    ),
    Field(
        "bms_max_discharge_a",
        "A",
        0,
        1000,
        "most that the BMS lets the battery be discharged with; 0: it forbids it, or does not tell",
    ),
    Field("interval_s", "s", 1, 3600, "time that this sample covers"),
    SEQ,
    TS_SRC,
)
# A word and its value; "?": it has none. After the last of them " +", where more did not fit.
_FAULT_WORD = r"[0-9]{5}=(?:[1-9A-F][0-9A-F]{0,7}|\?)"
# Text fields: (what it must look like, what it is).
TEXTS = {
    "battery_power_source": (
        re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII),
        "which rule gave the battery's sign",
    ),
    "boot": (re.compile(r"[0-9A-Fa-f]{1,32}", re.ASCII), "one value a boot of the edge"),
    "faults": (
        re.compile(rf"(?!.{{65}})(?:{_FAULT_WORD}(?: {_FAULT_WORD})*(?: \+)?)?", re.ASCII),
        "fault words that are not 0, by document number, in hex; empty: all read and 0;"
        " null: not read",
    ),
}
DEFAULT_INTERVAL_S = 5.0
SAMPLE = Kind("a sample", FIELDS, TEXTS)
NAMES = SAMPLE.names
