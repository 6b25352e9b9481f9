"""Shows a synthetic house as the register words that an SH4.0RS serves through a WiNet-S. Pure."""

import math
from datetime import datetime
from typing import NamedTuple

from edge_lib.dongle.registers import BY_NAME, REGISTERS, Register, wire_address
from edge_lib.simulator.profiles import chance
from edge_lib.simulator.tracker import Offer, shown

NOMINAL_W = 4000
BATTERY_W = 6600  # both limits. Source: TC's model table, from the data sheet
CAPACITY_WH = 9600

RUNNING, DERATING, STANDBY = 0x0000, 0x8100, 0x1400  # Source: P16, Appendix 2

_ADDRESSES = tuple(
    wire_address(register.number) + n for register in REGISTERS for n in range(register.words)
)
_IDENTITY: dict[str, float | str] = {
    "firmware_version_1": "SUNSTONE-H_01011.01.38",
    "protocol_version": 0x01001100,
    "arm_software_version": "ARM_SUNSTONE-H_V11_V01_A",
    "dsp_software_version": "MDSP_SUNSTONE-H_V11_V01_A",
    "serial_number": "A0000000042",  # invented
    "device_type_code": 0x0D18,
    "nominal_power": NOMINAL_W,
    "power_factor": 1.0,
    "feed_in_limit_max": NOMINAL_W,
    "bdc_rated_power": BATTERY_W,
    "battery_capacity": CAPACITY_WH / 1000,
    "battery_capacity_precise": CAPACITY_WH / 1000,
    "battery_soh": 98.0,
}


class Meters(NamedTuple):
    """What is counted: powers in W, their integrals in Ws, or energies in kWh."""

    pv: float
    export_from_pv: float
    direct: float
    charge: float
    discharge: float
    imported: float
    exported: float
    output: float
    load: float


class Truth(NamedTuple):
    """A house at one moment, unrounded; names, units and signs as in the contract.

    So ``battery_power_w`` is positive while charging and ``export_power_w`` while exporting.
    """

    at: datetime
    pv_power_w: float
    battery_power_w: float
    battery_soc_pct: float
    load_power_w: float
    export_power_w: float
    inverter_power_w: float
    loss_w: float
    string_powers_w: tuple[float, ...]
    derating: bool
    may_charge: bool
    may_discharge: bool
    ambient_c: float
    total_kwh: Meters
    daily_kwh: Meters
    inputs: tuple[Offer, ...] | None = None  # of a roof; None: from ``string_powers_w``
    nominal_w: int = NOMINAL_W


def encode(register: Register, value: float | str) -> list[int]:
    """Return the words of a value: text NUL padded, numbers scaled, low word first.

    Raises:
        ValueError: the value does not fit into the register.
    """
    if register.kind == "UTF8":
        raw = str(value).encode("ascii").ljust(2 * register.words, b"\0")
        if len(raw) > 2 * register.words:
            raise ValueError(f"{value!r} is too long for {register.name}")
        return [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]
    bits = 16 * register.words
    number = round(float(value) / register.scale)
    low = -(1 << (bits - 1)) if register.kind.startswith("S") else 0
    if not low <= number < low + (1 << bits):
        raise ValueError(f"{value!r} does not fit into {register.name}")
    return [(number >> 16 * n) & 0xFFFF for n in range(register.words)]


def words(house: Truth, seed: int, *, has_meter: bool = True) -> dict[int, int]:
    """Return every register of the table as ``{wire address: word}``; 0: an SH4.0RS lacks it."""
    values = (
        _IDENTITY
        | _of_the_roof(house)
        | _counted(house)
        | _measured(house, seed)
        | _battery(house, seed)
    )
    if not has_meter:
        values |= _without_meter(house)
    image = dict.fromkeys(_ADDRESSES, 0)
    for name, value in values.items():
        register = BY_NAME[name]
        image |= enumerate(encode(register, value), wire_address(register.number))
    return image


def _of_the_roof(house: Truth) -> dict[str, float | str]:
    """Return the model that has so many string inputs: an SH10RS has four."""
    if house.inputs is None:
        return {}
    about: dict[str, float | str] = {"nominal_power": house.nominal_w}
    return about | ({"device_type_code": 0x0D1B} if len(house.inputs) > 2 else {})


def _counted(house: Truth) -> dict[str, float]:
    """Return the counters. Those of daily import and export stay 0, as an SH-RS's do.

    Source: MK, KR, TC: an SH6.0RS and an SH10RS through a WiNet-S.
    """
    # A counter shows what is full: it never shows more than has flowed.
    total = Meters._make(math.floor(kwh * 10) / 10 for kwh in house.total_kwh)
    daily = Meters._make(math.floor(kwh * 10) / 10 for kwh in house.daily_kwh)
    exported = house.daily_kwh.export_from_pv / house.daily_kwh.pv if house.daily_kwh.pv else 1
    return {
        "daily_output_energy": daily.output,
        "total_output_energy": total.output,
        "daily_pv_generation": daily.pv,
        "total_pv_generation": total.pv,
        "daily_export_from_pv": daily.export_from_pv,
        "total_export_from_pv": total.export_from_pv,
        "daily_battery_charge_from_pv": daily.charge,
        "total_battery_charge_from_pv": total.charge,
        "daily_battery_charge": daily.charge,
        "total_battery_charge": total.charge,
        "daily_battery_discharge": daily.discharge,
        "total_battery_discharge": total.discharge,
        "daily_direct_consumption": daily.direct,
        "total_direct_consumption": total.direct,
        "total_import_energy": total.imported,
        "total_export_energy": total.exported,
        "self_consumption_today": 100 * (1 - exported),
    }


def _measured(house: Truth, seed: int) -> dict[str, float]:
    """Return the panels and the AC side: a single phase, a meter."""
    volts, hertz = 232 + 4 * _noise(house, seed, 1), 50 + 0.06 * _noise(house, seed, 2)
    heat_c = abs(house.inverter_power_w) / 180 + _noise(house, seed, 3)
    return _strings(house, seed) | {
        "inside_temperature": house.ambient_c + 14 + heat_c,
        "total_dc_power": house.pv_power_w,
        "phase_a_voltage": volts,
        "phase_a_current": abs(house.inverter_power_w) / volts,
        "reactive_power": round(12 * _noise(house, seed, 4)),
        "grid_frequency_coarse": hertz,
        "grid_frequency": hertz,
        "backup_phase_a_voltage": volts,
        "backup_frequency": hertz,
        "meter_power": -house.export_power_w,
        "load_power": house.load_power_w,
        "export_power": house.export_power_w,
        "total_active_power": house.inverter_power_w,
        "running_state": _running_state(house),
        "power_flow_status": _flow_bits(house),
    }


def _without_meter(house: Truth) -> dict[str, float]:
    """Return what a WiNet-S serves for a meter that is not there: 0, and as load its own power.

    Source: KR (an SH10RS, reported); an owner's raw reads of an SH4.0RS through a WiNet-S.
    """
    of_the_meter = ("meter_power", "export_power", "total_import_energy", "total_export_energy")
    return dict.fromkeys(of_the_meter, 0) | {"load_power": house.inverter_power_w}


def _strings(house: Truth, seed: int) -> dict[str, float]:
    """Return volts and amperes of both strings; nothing at night, as an SH-RT serves it."""
    values: dict[str, float] = {}
    if house.inputs is not None:
        for number, taken in enumerate(house.inputs, 1):
            volts, amperes = shown(taken)
            values |= {f"mppt{number}_voltage": volts, f"mppt{number}_current": amperes}
        return values
    if not house.pv_power_w:
        return {}
    for number, watts in enumerate(house.string_powers_w, 1):
        volts = 340 - watts / 250 + 4 * _noise(house, seed, 4 + number)
        values |= {f"mppt{number}_voltage": volts, f"mppt{number}_current": watts / volts}
    return values


def _battery(house: Truth, seed: int) -> dict[str, float]:
    """Return the battery: 5214 and both currents signed (positive = discharging), 13022 absolute.

    Source: an owner's raw reads of an SH4.0RS through a WiNet-S.
    """
    watts = -house.battery_power_w
    volts = 188 + 0.18 * house.battery_soc_pct - watts / 1000
    warmth_c = house.ambient_c / 3 + abs(watts) / 700 + 0.4 * _noise(house, seed, 7)
    return {
        "battery_power": watts,
        "battery_power_legacy": abs(watts),
        "battery_voltage": volts,
        "battery_current": watts / volts,
        "battery_current_legacy": watts / volts,
        "battery_soc": house.battery_soc_pct,
        "battery_temperature": 16 + warmth_c,
        "bms_max_charging_current": 35 if house.may_charge else 0,
        "bms_max_discharging_current": 35 if house.may_discharge else 0,
    }


def _running_state(house: Truth) -> int:
    if house.derating:
        return DERATING
    return RUNNING if house.inverter_power_w > 0 or house.pv_power_w else STANDBY


def _flow_bits(house: Truth) -> int:
    """Return the bits of 13001. Source: ``power_flow_status`` in ``registers``."""
    flags = (
        (0, house.pv_power_w > 0),
        (1, house.battery_power_w > 0),
        (2, house.battery_power_w < 0),
        (3, house.load_power_w > 0),
        (4, house.export_power_w > 0),
        (5, house.export_power_w < 0),
        (7, house.load_power_w < 0),
    )
    return sum(1 << bit for bit, on in flags if on)


def _noise(house: Truth, seed: int, lane: int) -> float:
    """Return -0.5 to 0.5, another each second and lane."""
    return chance(seed, 40 + lane, int(house.at.timestamp())) - 0.5
