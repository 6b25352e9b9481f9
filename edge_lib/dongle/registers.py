"""The Sungrow input registers that this project knows, as data. Imports nothing of the project.

**Numbers.** Every number here is the one that Sungrow's document prints. On the wire a register
has the number before it: ``wire_address`` is the only place that subtracts the 1. Registers are
read with function 04; the holding table uses the same numbers for other things and is never
touched.

**Words.** A register is 16 bits. A 32-bit value is two words, the *low* word first, two's
complement where signed. A string holds two bytes a word, high byte first, padded with NUL. "No
value" is 0xFFFF, 0x7FFF, 0xFFFFFFFF or 0x7FFFFFFF of the *decoded* value (the high word of a small
negative S32 is 0xFFFF too), or an empty string; a WiNet-S answers 0 instead, so 0 proves nothing
either way.

**Units.** ``scale`` leads to the contract's unit. ``low`` and ``high`` are what one inverter of up
to 15 kW can plausibly say, in that unit; ``decode`` widens them for bigger models. None: every
value may be true, or the inverter is not what limits it: a meter sees the whole house and all that
feeds in beside the inverter, a battery has a limit of its own (``decode``). ``field`` names the
field of a sample that takes the value as it is, sign and all.

**Sources.** P16: Sungrow's hybrid inverter protocol V1.1.16. MK: mkaiser's Home Assistant map. FP:
the raw reads beside it. SG: SunGather. EV: evcc. DB: danbitzer's survey of an SH15T behind a
WiNet-S2. LIB: dumps in sungrowlib. TC: TCzerny's map. KR: KRoperUK's integration.

**To add a field**: name it in ``sample.FIELDS``; write its register below, or, where the line is
there, only its ``field``; see that a block of ``BLOCKS`` and one of its pieces cover it, and that
``decode`` knows its unit where its bounds grow with the inverter (``_GROWING_UNITS``). A value that
needs a rule of its own (a sign, a choice of two registers) gets a function in ``decode`` instead.
All that a new field needs is in CONTRIBUTING.md.
"""

from typing import Any, NamedTuple


class Register(NamedTuple):
    """One value of the input table; ``number`` is that of its first word."""

    number: int
    name: str
    kind: str  # U16 S16 U32 S32 UTF8
    words: int
    scale: float
    unit: str
    low: float | None
    high: float | None
    source: str
    field: str | None = None


# The sources that most lines share.
_ALL = "P16 MK SG DB FP"
_ALL_EV = "P16 MK SG EV DB FP"


def _r(
    number: int,
    kind: str,
    name: str,
    scale: float = 1.0,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    source: str = _ALL,
    field: str | None = None,
) -> Register:
    words = {"U16": 1, "S16": 1, "U32": 2, "S32": 2}[kind]
    return Register(number, name, kind, words, scale, unit, low, high, source, field)


def _text(number: int, words: int, name: str, source: str) -> Register:
    return Register(number, name, "UTF8", words, 1.0, "", None, None, source)


def _daily(
    number: int, name: str, high: float, source: str = _ALL, field: str | None = None
) -> Register:
    return _r(number, "U16", name, 0.1, "kWh", 0, high, source, field)


def _total(number: int, name: str, source: str = _ALL, field: str | None = None) -> Register:
    return _r(number, "U32", name, 0.1, "kWh", 0, 1e6, source, field)


def _mppt(number: int, index: int, source: str) -> tuple[Register, Register]:
    # 1100 V: a string of a three-phase model may pass the 700 V that would do for an SH-RS.
    v, a = f"mppt{index}_voltage", f"mppt{index}_current"
    return (
        _r(number, "U16", v, 0.1, "V", 0, 1100, source, f"{v}_v"),
        _r(number + 1, "U16", a, 0.1, "A", 0, 60, source, f"{a}_a"),
    )


def _per_phase(number: int, step: int, kind: str, name: str, *rest: Any) -> tuple[Register, ...]:
    names = [name.format(phase) for phase in "abc"]
    return tuple(_r(number + step * at, kind, named, *rest) for at, named in enumerate(names))


def _fault_words(number: int, *names: str) -> tuple[Register, ...]:
    source = "P16 SG DB FP"
    return tuple(
        _r(number + 2 * at, "U32", name, 1.0, "bits", source=source)
        for at, name in enumerate(names)
    )


# Bits, by number. No dump has one that is set, so what a WiNet-S makes of it is unproved.
FAULT_WORDS: tuple[Register, ...] = (
    *_fault_words(13050, "inverter_alarm", "grid_side_fault", "system_fault_1", "system_fault_2"),
    *_fault_words(13058, "dc_side_fault", "permanent_fault", "bdc_side_fault"),
    *_fault_words(13064, "bdc_side_permanent_fault", "battery_fault", "battery_alarm", "bms_alarm"),
    *_fault_words(13072, "bms_protection", "bms_fault_1", "bms_fault_2", "bms_alarm_2"),
)
REGISTERS: tuple[Register, ...] = (
    # Who the inverter is. firmware_version_1 is in no document; it moves with updates, and an SH-RS
    # answers it. A byte of the protocol version is two decimal digits.
    _text(2582, 15, "firmware_version_1", "MK FP LIB"),
    _r(4952, "U32", "protocol_version", source="P16 MK DB FP"),
    _text(4954, 15, "arm_software_version", "P16 MK DB FP"),
    _text(4969, 15, "dsp_software_version", "P16 MK DB FP"),
    # Block A. The output energies include the battery's: they are not the roof's yield. An SH-CX
    # counts them in whole kWh (P16).
    _text(4990, 10, "serial_number", "P16 MK SG DB"),
    _r(5000, "U16", "device_type_code"),
    _r(5001, "U16", "nominal_power", 100.0, "W", 100, 150_000, _ALL_EV),
    _r(5002, "U16", "output_type", 1.0, "code", 0, 2, "P16 SG DB FP"),
    _daily(5003, "daily_output_energy", 500),
    _total(5004, "total_output_energy", "P16 MK DB FP"),
    _r(5008, "S16", "inside_temperature", 0.1, "°C", -40, 120, _ALL, "inverter_temp_c"),
    *_mppt(5011, 1, _ALL),
    *_mppt(5013, 2, _ALL),
    *_mppt(5015, 3, "P16 MK DB FP"),
    _r(5017, "U32", "total_dc_power", 1.0, "W", 0, 30_000, _ALL_EV, "pv_power_w"),
    # Between the phases where the output type (5002) is 2, else to neutral (P16).
    _r(5019, "U16", "phase_a_voltage", 0.1, "V", 0, 300, _ALL, "grid_voltage_v"),
    _r(5020, "U16", "phase_b_voltage", 0.1, "V", 0, 300),
    _r(5021, "U16", "phase_c_voltage", 0.1, "V", 0, 300),
    _r(5033, "S32", "reactive_power", 1.0, "var", -20_000, 20_000),
    _r(5035, "S16", "power_factor", 0.001, "", -1, 1),
    # P012 of the WiNet-S serves hundredths (MK): ``decode`` distinguishes the two scales.
    _r(5036, "U16", "grid_frequency_coarse", 0.1, "Hz", 45, 65, "P16 SG FP", "grid_frequency_hz"),
    *_mppt(5115, 4, "P16 MK TC"),
    # Block B. Positive = discharging, the other way round than a sample's: see decode's chain.
    _r(5214, "S32", "battery_power", 1.0, "W", None, None, "P16 MK KR DB LIB"),
    _r(5242, "U16", "grid_frequency", 0.01, "Hz", 45, 65, "P16 MK KR DB LIB"),
    # Block C: the meter (positive = importing) and the battery's side. 5631 has the sign of 5214;
    # 5639 is 0 with the packs of some other makers.
    _r(5601, "S32", "meter_power", 1.0, "W", None, None, _ALL, "grid_power_w"),
    *_per_phase(5603, 2, "S32", "meter_phase_{}_power", 1.0, "W", None, None, _ALL_EV),
    _r(5622, "U16", "feed_in_limit_min", 10.0, "W", 0, 100_000),
    _r(5623, "U16", "feed_in_limit_max", 10.0, "W", 0, 150_000),
    _r(5628, "U16", "bdc_rated_power", 100.0, "W", 0, 150_000),
    _r(5631, "S16", "battery_current", 0.1, "A", None, None, "P16 MK DB FP LIB"),
    # 0 while the battery is full, or empty.
    _r(5635, "U16", "bms_max_charging_current", 1.0, "A", 0, 1000, _ALL, "bms_max_charge_a"),
    _r(5636, "U16", "bms_max_discharging_current", 1.0, "A", 0, 1000, _ALL, "bms_max_discharge_a"),
    _r(5639, "U16", "battery_capacity_precise", 0.01, "kWh", 0, 655, "P16 MK EV DB FP"),
    *_per_phase(5720, 1, "S16", "backup_phase_{}_current", 0.1, "A", -100, 100, "P16 FP LIB"),
    # In 10 W on an SH-CX (P16).
    *_per_phase(5723, 1, "S16", "backup_phase_{}_power", 1.0, "W", -30_000, 30_000),
    _r(5726, "S32", "total_backup_power", 1.0, "W", -30_000, 30_000, "P16 MK DB FP"),
    *_per_phase(5731, 1, "U16", "backup_phase_{}_voltage", 0.1, "V", 0, 300, "P16 DB FP LIB"),
    _r(5734, "U16", "backup_frequency", 0.01, "Hz", 0, 65, "P16 DB FP LIB"),
    # Block D: one answer, so its values belong to one moment. State 0 means running.
    _r(13000, "U16", "running_state", 1.0, "code", field="running_state"),
    _r(13001, "U16", "power_flow_status", 1.0, "bits", source=_ALL_EV, field="power_flow_status"),
    _daily(13002, "daily_pv_generation", 300, _ALL, "pv_daily_kwh"),
    _total(13003, "total_pv_generation", _ALL_EV, "pv_total_kwh"),
    _daily(13005, "daily_export_from_pv", 300),
    _total(13006, "total_export_from_pv"),
    _r(13008, "S32", "load_power", 1.0, "W", None, None, _ALL, "load_power_w"),
    _r(13010, "S32", "export_power", 1.0, "W", None, None, _ALL_EV, "export_power_w"),
    _daily(13012, "daily_battery_charge_from_pv", 300),
    _total(13013, "total_battery_charge_from_pv"),
    _daily(13017, "daily_direct_consumption", 300, _ALL, "daily_direct_consumption_kwh"),
    _total(13018, "total_direct_consumption"),
    _r(13020, "U16", "battery_voltage", 0.1, "V", 0, 1000, _ALL, "battery_voltage_v"),
    # U16 says the document, and S16 on SH-RS; newer SH-RT firmware signs one or both of these too.
    _r(13021, "S16", "battery_current_legacy", 0.1, "A", None, None, _ALL_EV),
    _r(13022, "S16", "battery_power_legacy", 1.0, "W", None, None, "P16 MK SG EV DB FP LIB"),
    # Next to each other, and mixed up before: 13023 charges and discharges, 13024 ages. Both count
    # 0.1 % behind a WiNet-S; 13024 whole percent on the RS485 of an SH10RS (TC): see ``decode``.
    _r(13023, "U16", "battery_soc", 0.1, "%", 0, 100, _ALL_EV, "battery_soc_pct"),
    _r(13024, "U16", "battery_soh", 0.1, "%", 0, 100, _ALL, "battery_soh_pct"),
    _r(13025, "S16", "battery_temperature", 0.1, "°C", -40, 80, _ALL, "battery_temp_c"),
    _daily(13026, "daily_battery_discharge", 300, _ALL, "battery_daily_discharge_kwh"),
    _total(13027, "total_battery_discharge", _ALL_EV, "battery_total_discharge_kwh"),
    _r(13029, "U16", "self_consumption_today", 0.1, "%", 0, 100, "P16 SG DB FP"),
    *_per_phase(13031, 1, "S16", "phase_{}_current", 0.1, "A", -100, 100),
    _r(13034, "S32", "total_active_power", 1.0, "W", -30_000, 30_000, _ALL, "inverter_power_w"),
    # 13036 and 13045, today's import and export, do not move behind a WiNet-S on SH-RS and SH-T.
    _daily(13036, "daily_import_energy", 500),
    _total(13037, "total_import_energy", _ALL_EV, "total_import_kwh"),
    _r(13039, "U16", "battery_capacity", 0.1, "kWh", 0, 600, "P16 SG DB FP"),
    _daily(13040, "daily_battery_charge", 300, _ALL, "battery_daily_charge_kwh"),
    _total(13041, "total_battery_charge", _ALL, "battery_total_charge_kwh"),
    _r(13043, "U16", "drm_state", 1.0, "code", 1, 9, "P16 SG FP"),
    _daily(13045, "daily_export_energy", 500),
    _total(13046, "total_export_energy", _ALL, "total_export_kwh"),
    *FAULT_WORDS,
)
BY_NAME: dict[str, Register] = {register.name: register for register in REGISTERS}
# What feeds no field of a sample by itself, but the rules of ``decode`` or the device's facts.
_FOR_RULES_AND_FACTS = (
    *("firmware_version_1", "serial_number", "device_type_code", "nominal_power", "output_type"),
    *("battery_power", "battery_current", "battery_power_legacy", "battery_current_legacy"),
    *("battery_capacity_precise", "battery_capacity"),
)
USED = tuple(r for r in REGISTERS if r.field or r.name in _FOR_RULES_AND_FACTS)


class Block(NamedTuple):
    """One request: ``count`` words from ``number`` on, which must be a documented register.

    A WiNet-S refuses a read that starts in a hole of the document, and answers 0 for the holes
    inside one. ``pieces`` are (number, count) without holes that together hold all that a sample
    and the facts need of the block: for a unit that refuses the whole. ``shorter`` words, if not 0,
    are asked for before it falls apart: the words behind them are worth no request of their own.
    Source: DB (measured).
    """

    name: str
    number: int
    count: int  # type: ignore[assignment]  # over tuple's own method, which nobody calls
    pieces: tuple[tuple[int, int], ...]
    shorter: int = 0


def _block(name: str, number: int, count: int, *pieces: tuple[int, int], shorter: int = 0) -> Block:
    return Block(name, number, count, pieces or ((number, count),), shorter)


# Of a poll, in reading order: B, C and D follow each other closely, so that they nearly agree.
BLOCKS: tuple[Block, ...] = (
    _block("A", 4990, 47, (4990, 16), (5008, 1), (5011, 11), (5033, 4)),
    _block("B", 5214, 2),
    # Its pieces leave out what feeds no field: fewer requests for a unit that refuses the whole.
    _block("C", 5601, 39, (5601, 2), (5631, 1), (5635, 2), (5639, 1)),
    # With the fault words, from 13050 on, where the unit serves so much at once.
    _block("D", 13000, 80, (13000, 15), (13017, 13), (13031, 13), (13045, 3), shorter=48),
)
FOUR_STRINGS: Block = _block("four_strings", 5115, 2)  # a fifth request, where mppt_count >= 4
FIRMWARE: Block = _block("firmware", 2582, 15)  # alone and once
# Not here: the firmware strings from 13250 on, where some firmware goes silent and hangs up (MK).
DUMP_BLOCKS: tuple[Block, ...] = (
    FIRMWARE,
    _block("versions", 4952, 32),
    BLOCKS[0],
    FOUR_STRINGS,
    BLOCKS[1],
    _block("frequency", 5242, 1),
    BLOCKS[2],
    _block("backup", 5720, 15, (5720, 8), (5731, 4)),
    _block("D", 13000, 48, *BLOCKS[3].pieces),
    _block("faults", 13050, 30),
)


class Model(NamedTuple):
    """A type of inverter and how many string inputs (MPPT) it has."""

    name: str
    mppt_count: int


# Series, string inputs, values of register 5000 with their models. Source: P16; for the SH-K MK and
# SG, which have no count (two is the least). Of an SH-CX's ten, the first four are read.
_SERIES = (
    # SH4.6RS: in P16's V1.0.20, gone from V1.0.23 on; SG and ioBroker know it.
    ("SH-RS", 2, "0D17 SH3.0RS, 0D0D SH3.6RS, 0D18 SH4.0RS, 0D0E SH4.6RS"),
    ("SH-RS", 2, "0D0F SH5.0RS, 0D10 SH6.0RS"),
    ("SH-RS", 4, "0D1A SH8.0RS, 0D1B SH10RS"),
    ("SH-RT", 2, "0E00 SH5.0RT, 0E01 SH6.0RT, 0E02 SH8.0RT, 0E03 SH10RT"),
    ("SH-RT", 2, "0E08 SH5.0RT-V122, 0E09 SH6.0RT-V122, 0E0A SH8.0RT-V122, 0E0B SH10RT-V122"),
    ("SH-RT", 2, "0E0C SH5.0RT-V112, 0E0D SH6.0RT-V112, 0E0E SH8.0RT-V112, 0E0F SH10RT-V112"),
    ("SH-RT", 2, "0E10 SH5.0RT-20, 0E11 SH6.0RT-20, 0E12 SH8.0RT-20, 0E13 SH10RT-20"),
    ("SH-T", 2, "0E20 SH5T, 0E21 SH6T, 0E22 SH8T, 0E23 SH10T, 0E24 SH12T"),
    ("SH-T", 3, "0E25 SH15T, 0E26 SH20T, 0E28 SH25T"),
    ("SH-RL", 2, "0D41 SH3RL, 0D42 SH3.6RL, 0D43 SH4RL, 0D2B SH5RL, 0D2C SH6RL"),
    ("SH-RL", 3, "0D2D SH8RL, 0D2E SH10RL"),
    ("MG-RL", 2, "0D27 MG5RL, 0D28 MG6RL"),
    ("MG-RL", 3, "0D31 MG7.5RL, 0D29 MG8RL, 0D2A MG10RL, 0D2F MG12RL"),
    ("SH-CX", 10, "0E51 SH50CX, 0E52 SH80CX, 0E39 SH100CX, 0E3A SH110CX, 0E3D SH125CX"),
    ("SH-K", 2, "0D03 SH5K-V13, 0D06 SH3K6, 0D07 SH4K6"),
    ("SH-K", 2, "0D09 SH5K-20, 0D0A SH3K6-30, 0D0B SH4K6-30, 0D0C SH5K-30"),
)
_TYPES = tuple(
    (series, int(code, 16), Model(name, mppt_count))
    for series, mppt_count, types in _SERIES
    for code, name in (pair.split() for pair in types.split(", "))
)
MODELS: dict[int, Model] = {code: model for _, code, model in _TYPES}
UNKNOWN_MODEL_MPPT_COUNT = 2  # every known model has at least two
RS_CODES: frozenset[int] = frozenset(code for series, code, _ in _TYPES if series == "SH-RS")


def is_rs(code: int | None) -> bool:
    """Return whether this is a type code of the single-phase SH-RS series."""
    return code in RS_CODES


def wire_address(number: int) -> int:
    """Return the address in a Modbus request for the document's register number."""
    return number - 1
