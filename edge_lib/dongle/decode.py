"""Decodes register words into values. Pure: no I/O, no clock, no log; the poll thread calls it.

``words`` is everywhere ``{register number of the document: 16-bit word}``, as one poll read them;
what the unit refused is not in it. A register that is absent, says "no value", or says what cannot
be, becomes None, and never another register's guess. Imports ``registers``, ``battery_sign``,
``faults``.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from edge_lib.dongle import battery_sign, faults
from edge_lib.dongle.battery_sign import Readings
from edge_lib.dongle.registers import (
    BY_NAME,
    MODELS,
    REGISTERS,
    UNKNOWN_MODEL_MPPT_COUNT,
    Model,
    Register,
)
from edge_lib.shared.sample import FIELDS

Words = dict[int, int]


class Decoded(NamedTuple):
    """One poll, decoded.

    ``values`` are the fields of a sample that come from the inverter: each has its key, None where
    unknown. ``problems`` say why this is not a sample: a field that may not be null is missing or
    impossible; empty, it is a sample. ``doubts`` are the fields made None because they were out of
    their range. Both name the register and its words.
    """

    values: dict[str, float | int | str | None]
    problems: tuple[str, ...]
    doubts: tuple[str, ...]


_NO_VALUE = {"U16": 0xFFFF, "S16": 0x7FFF, "U32": 0xFFFF_FFFF, "S32": 0x7FFF_FFFF}
# Where 0 can only be a WiNet-S that has nothing to say. Source: registers (measured, SH8.0RT-V112).
_NEVER_ZERO = {"device_type_code", "nominal_power", "grid_frequency_coarse", "battery_soh"}
# The bounds of these grow with the inverter. 15 kW is the size that the table's are made for.
_GROWING_UNITS = {"W", "A", "kWh"}
_TABLE_NOMINAL_W = 15_000
_NOMINAL_RANGE_W = (BY_NAME["nominal_power"].low or 0, BY_NAME["nominal_power"].high or 0)
_BATTERY_POWERS = ("battery_power", "battery_power_legacy")
_BATTERY_CURRENTS = ("battery_current", "battery_current_legacy")
_SIGNED = (*_BATTERY_POWERS, *_BATTERY_CURRENTS)
_FOR_RULES = {"device_type_code", *_SIGNED}
_USED = tuple(r for r in REGISTERS if r.field or r.name in _FOR_RULES)
_IDENTITY_END = 5002  # serial number, type code, size, output type; the firmware comes before them
_FIELDS = {field.name: field for field in FIELDS}
_NOT_NULL = {field.name for field in FIELDS if field.required and not field.nullable}
# What shows that there is a battery, a meter.
_BATTERY_SIGNS = ("battery_capacity_precise", "battery_capacity", "battery_soc", *_SIGNED)
_METER_SIGNS = ("meter_power", "export_power", "total_import_energy", "total_export_energy")
# What only a meter can know. Without one a WiNet-S says 0, and for the load what the inverter
# delivers. Source: KR (an SH10RS), an SH4.0RS owner's log.
_OF_THE_METER = frozenset({*_METER_SIGNS, "load_power", "daily_direct_consumption"})
_LINE_TO_LINE = 2  # output type, 5002; Source: P16
_MOST_LINE_V = 800.0
_MOST_BATTERY_A = 500.0  # a low-voltage pack delivers 25 kW at 51 V
_OUTPUT_TYPE = BY_NAME["output_type"]
_BMS_LIMITS = ("bms_max_charging_current", "bms_max_discharging_current")
_OF_THE_BATTERY = frozenset({*_BMS_LIMITS, *(name for name in BY_NAME if "battery" in name)})
# Fields that take the value of one of two registers.
_FIELD_OF = dict.fromkeys(_BATTERY_POWERS, "battery_power_w")


def decode(words: Words, *, meter_seen: bool = False) -> Decoded:
    """Return the fields of a sample, and what was wrong with them; never raises.

    Args:
        words: of one poll.
        meter_seen: an earlier poll of this inverter has shown that it has a grid meter; else these
            words alone decide, and without a meter all is None that only a meter can know.
    """
    has_meter = meter_seen or bool(_has_meter(words))
    readings: Readings = dict.fromkeys(BY_NAME)
    problems: list[str] = []
    doubts: list[str] = []
    for register in _expected(words, has_meter=has_meter):
        readings[register.name] = _plausible(words, register)
        if readings[register.name] is not None:
            continue
        if register.field in _NOT_NULL:
            problems.append(_complaint(words, register))
        elif _reading(words, register) is not None:
            doubts.append(_complaint(words, register))
    values = _values(readings) | {"faults": faults.text(words)}
    return Decoded(values, tuple(problems), tuple(doubts))


def value(words: Words, register: Register) -> float | int | str | None:
    """Return what one register says in its unit; None: a word is missing, or it says "no value".

    Source: P16; every dump agrees that the low word comes first.
    """
    return text(words, register) if register.kind == "UTF8" else number(words, register)


def text(words: Words, register: Register) -> str | None:
    """Return what a register says that holds a text; None: as ``value``, or an empty one."""
    raw = _raw(words, register)
    if raw is None:
        return None
    content = b"".join(word.to_bytes(2, "big") for word in raw).partition(b"\0")[0]
    found = content.decode("ascii", "replace").strip()
    return found if content.isascii() and found.isprintable() and found else None


def number(words: Words, register: Register) -> float | int | None:
    """Return what a register says that holds a number; None: as ``value``."""
    raw = _raw(words, register)
    if raw is None:
        return None
    bits = 16 * register.words
    found = sum(word << 16 * at for at, word in enumerate(raw))
    if register.kind.startswith("S") and found >> (bits - 1):
        found -= 1 << bits
    if found == _NO_VALUE[register.kind]:
        return None
    if register.scale >= 1:
        return found * int(register.scale)
    return round(found * register.scale, 3)  # 543 tenths are 54.3, not 54.300000000000004


def _raw(words: Words, register: Register) -> list[int] | None:
    numbers = range(register.number, register.number + register.words)
    return [words[at] for at in numbers] if all(at in words for at in numbers) else None


def _plausible(words: Words, register: Register) -> float | int | None:
    """Return what one register says in its unit; None: nothing, or what cannot be."""
    found = _reading(words, register)
    low, high = _bounds(register, words)
    return found if found is not None and low <= found <= high else None


def is_silent(words: Words) -> bool:
    """Return whether nothing was measured: all is 0 but what says which inverter it is.

    So answers a dongle whose inverter is off; one that runs has a temperature and a grid voltage.
    """
    measured = [word for number, word in words.items() if number > _IDENTITY_END]
    return bool(measured) and not any(measured)


def facts(words: Words) -> dict[str, Any]:
    """Return what the inverter is: the contract's facts of a device; None: the words do not say.

    ``words`` may be those of a poll, with or without the firmware's block.
    """
    code, model = _reading(words, BY_NAME["device_type_code"]), _model(words)
    return {
        "serial": text(words, BY_NAME["serial_number"]),
        "device_type_code": code,
        "model": model.name if model else None,
        "nominal_power_w": _nominal_power_w(words),
        "firmware": text(words, BY_NAME["firmware_version_1"]),
        "has_meter": _has_meter(words),
        "has_battery": _has_battery(words),
        "battery_capacity_kwh": _battery_capacity_kwh(words),
    }


def _has_meter(words: Words) -> bool | None:
    """Return whether there is a grid meter, as far as these words show; None: none of it was read.

    Without a meter a WiNet-S serves 0 for all that only a meter can know, and a LAN port "no
    value"; the load does not show one: it is then the inverter's own power. Source: KR (an
    SH10RS, reported), an SH4.0RS owner's log; P16, note 1.
    """
    signs = [BY_NAME[name] for name in _METER_SIGNS]
    if not any(sign.number in words for sign in signs):
        return None
    return any(_plausible(words, sign) for sign in signs)


def _battery_capacity_kwh(words: Words) -> float | None:
    """Return the pack's nominal capacity; a 0 is that of a pack that does not report it."""
    names = ("battery_capacity_precise", "battery_capacity")
    return next((kwh for name in names if (kwh := number(words, BY_NAME[name]))), None)


def _reading(words: Words, register: Register) -> float | int | None:
    found = number(words, register)
    if found == 0 and register.name in _NEVER_ZERO:
        return None
    return _in_other_scale(register, found)


def _in_other_scale(register: Register, found: float | int | None) -> float | int | None:
    """Return the value in its unit where some firmware counts in steps of another size.

    The two scales of each do not overlap: no grid has 450 Hz, and no battery in use 10 % of health.
    Source: MK (frequency tenfold with the WiNet-S's P012), TC (whole percent on an SH10RS).
    """
    if found is not None and register.name == "grid_frequency_coarse" and found > 400:
        return round(found / 10, 3)
    if found is not None and register.name == "battery_soh" and found <= 10:
        return round(found * 10, 3)
    return found


def _nominal_power_w(words: Words) -> float | int | None:
    low, high = _NOMINAL_RANGE_W
    found = _reading(words, BY_NAME["nominal_power"])
    return found if found is not None and low <= found <= high else None


def _bounds(register: Register, words: Words) -> tuple[float, float]:
    """Return what a register may plausibly say, in its unit."""
    low = float("-inf") if register.low is None else register.low
    high = float("inf") if register.high is None else register.high
    if register.unit in _GROWING_UNITS:
        widening = max(1.0, (_nominal_power_w(words) or 0) / _TABLE_NOMINAL_W)
        low, high = low * widening, high * widening
    elif register.name == "phase_a_voltage" and value(words, _OUTPUT_TYPE) == _LINE_TO_LINE:
        high = _MOST_LINE_V
    if register.name in _SIGNED:
        is_power = register.name in _BATTERY_POWERS
        high = _most_battery_w(words) if is_power else _MOST_BATTERY_A
        low = -high
    # However big the inverter: what a sample may not hold is not a value.
    field = _FIELDS.get(_FIELD_OF.get(register.name, register.field or ""))
    return (max(low, field.low), min(high, field.high)) if field else (low, high)


def _most_battery_w(words: Words) -> float:
    """Return what the battery can deliver or take: by the inverter's size, or more by its BMS.

    Twice the nominal power: an SH25T discharges with 28 kW, an SH4.0RS with 6.6. Without a size
    anything that a sample may hold. Source: P16 and data sheets (TC's model table).
    """
    nominal_w = _nominal_power_w(words)
    if nominal_w is None:
        return _FIELDS["battery_power_w"].high
    volts = number(words, BY_NAME["battery_voltage"]) or 0
    amperes = max(number(words, BY_NAME[name]) or 0 for name in _BMS_LIMITS)
    return max(_TABLE_NOMINAL_W, 2.0 * nominal_w, 1.2 * volts * amperes)


def _complaint(words: Words, register: Register) -> str:
    raw = [words.get(register.number + at) for at in range(register.words)]
    shown = " ".join("----" if word is None else f"0x{word:04X}" for word in raw)
    found, (low, high) = _reading(words, register), _bounds(register, words)
    if None in raw:
        why = "not read"
    elif found is None:
        why = "no value"
    else:
        why = f"{found:.10g} {register.unit} is outside {low:.10g} to {high:.10g}"
    return f"{register.field or register.name}: register {register.number} = {shown}: {why}"


def _expected(words: Words, *, has_meter: bool) -> Iterator[Register]:
    """Yield what a sample needs and this unit has; the rest may say anything."""
    mppt_count = _mppt_count(words)
    has_battery = _has_battery(words)
    for register in _USED:
        is_absent_mppt = register.name.startswith("mppt") and int(register.name[4]) > mppt_count
        is_absent = is_absent_mppt or (not has_meter and register.name in _OF_THE_METER)
        if not is_absent and (has_battery or register.name not in _OF_THE_BATTERY):
            yield register


def _mppt_count(words: Words) -> int:
    """Return how many string inputs there are; an unknown model has a third if that says anything.

    Every model that is known has at least two, and block A holds three.
    """
    if model := _model(words):
        return model.mppt_count
    third = (BY_NAME["mppt3_voltage"], BY_NAME["mppt3_current"])
    return 3 if any(value(words, register) for register in third) else UNKNOWN_MODEL_MPPT_COUNT


def _model(words: Words) -> Model | None:
    code = words.get(BY_NAME["device_type_code"].number)
    return None if code is None else MODELS.get(code)


def _has_battery(words: Words) -> bool | None:
    """Return whether there is a battery; None: no word of one was read.

    There is none where its voltage is 0, or where capacity, charge, power and current are all 0 or
    absent. A capacity of 0 alone proves nothing (MK: an SH10RT with a pack of another maker).
    """
    voltage = BY_NAME["battery_voltage"]
    signs = [BY_NAME[name] for name in _BATTERY_SIGNS]
    if value(words, voltage) == 0:
        return False
    if any(_is_sign(words, register) for register in signs):
        return True
    return False if any(register.number in words for register in (voltage, *signs)) else None


def _is_sign(words: Words, register: Register) -> bool:
    # The document calls the two legacy registers U16: on a direct port 0xFFFF is their "no value".
    is_unset = register.name.endswith("_legacy") and words.get(register.number) == 0xFFFF
    return bool(value(words, register)) and not is_unset


def _values(readings: Readings) -> dict[str, float | int | str | None]:
    values = {register.field: readings[register.name] for register in REGISTERS if register.field}
    power_w, source = battery_sign.power_and_source(readings)
    current_a = battery_sign.current(readings, power_w)
    return values | {
        "battery_power_w": power_w,
        "battery_current_a": current_a,
        "battery_power_source": source,
    }
