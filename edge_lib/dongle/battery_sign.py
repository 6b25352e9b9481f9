"""Which way the battery's power flows: a chain of rules, since firmwares disagree about the sign.

``readings`` is everywhere ``{register name: number or None}``, in the device's own signs. Pure; for
``decode``.
"""

from collections.abc import Callable
from typing import Any

from edge_lib.dongle.registers import is_rs

Readings = dict[str, Any]

_CHARGING_BIT, _DISCHARGING_BIT = 0b010, 0b100
_BALANCE_FROM_W = 50


def power_and_source(readings: Readings) -> tuple[float | None, str | None]:
    """Return the battery's power, positive = charging, and the name of the rule that decided."""
    for source, register, rule in _CHAIN:
        power: float | None = readings[register]
        direction = None if power is None else rule(readings)
        if power is not None and direction is not None:
            return direction * abs(power), source
    return None, None


def current(readings: Readings, power_w: float | None) -> float | None:
    """Return the battery's current, positive = charging: 5631 is signed, 13021 need not be."""
    signed: float | None = readings["battery_current"]
    legacy: float | None = readings["battery_current_legacy"]
    if signed:
        return -signed
    if not legacy:
        return legacy
    direction = _sign(power_w or 0) or (1 if legacy < 0 else 0)
    return direction * abs(legacy) if direction else None


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


# The rules of the battery's sign. Each returns 1 for charging, -1 for discharging, 0 for idle, and
# None where it cannot decide. The device's own sign, where it has one, is the other way round.


def _signed(readings: Readings) -> int | None:
    """Trust 5214, unless it is 0 while 13022 says otherwise.

    A WiNet-S answers 0 for what it does not have, so 0 counts only when 13022 agrees. Source: P16
    recommends it; LIB (-4985 W charging, 332 W discharging), DB (928 W discharging); owners' logs
    of an SH4.0RS and an SH10RS through a WiNet-S. One SH-RT refuses it on its own port (MK).
    """
    power = readings["battery_power"]
    return None if power == 0 and readings["battery_power_legacy"] != 0 else -_sign(power)


def _zero(readings: Readings) -> int | None:
    """Call it idle where 13022 is 0: that needs no sign. Source: inferred."""
    return 0 if readings["battery_power_legacy"] == 0 else None


def _legacy_signed(readings: Readings) -> int | None:
    """Take a negative 13022 for charging; a positive one may be an absolute value.

    Source: MK and EV (SH10RT-20 95.03, SHxRT-V112 of 11/2024: signed); LIB (SH8.0RT-20 95.10: 4985
    while charging); an SH5.0RS changed from signed to absolute with its firmware (MK).
    """
    return 1 if readings["battery_power_legacy"] < 0 else None


def _by_current(readings: Readings) -> int | None:
    """Take the sign of a current: of 5631; else of 13021 where that is negative or on an SH-RS.

    Source: P16 for 5631; LIB (13021 is -14.5 A while charging); EV (+29.4 A while charging on an
    older SH-RT, so there a positive one says nothing); an SH4.0RS through a WiNet-S signs 13021. It
    is not known that all SH-RS do: a positive one does not outweigh the balance.
    """
    if readings["battery_current"]:
        return -_sign(readings["battery_current"])
    legacy = readings["battery_current_legacy"]
    if legacy and legacy < 0:
        return 1
    if legacy and is_rs(readings["device_type_code"]) and _by_balance(readings) != 1:
        return -1
    return None


def _by_flow_bits(readings: Readings) -> int | None:
    """Take bit 1 (charging) or bit 2 (discharging) of 13001; neither or both say nothing.

    Source: P16; EV (0x2B while charging). On several firmwares from 11/2024 to 02/2025 they stay 0.
    """
    bits = readings["power_flow_status"] or 0
    charging, discharging = bool(bits & _CHARGING_BIT), bool(bits & _DISCHARGING_BIT)
    return charging - discharging if charging != discharging else None


def _by_balance(readings: Readings) -> int | None:
    """Compare roof and AC side: what is missing, the battery delivers; what is left over, it takes.

    It must meet the magnitude within what is lost and mismeasured, and in one direction only. The
    losses grow with all that goes through the inverter. Source: inferred; the dumps meet it within
    110 W discharging 332 W, within 300 W charging 4985 W, and within 168 W of losses at 4574 W of
    sun.
    """
    ac_w, pv_w = readings["total_active_power"], readings["total_dc_power"]
    magnitude_w = abs(readings["battery_power_legacy"])
    if ac_w is None or pv_w is None or magnitude_w <= _BALANCE_FROM_W:
        return None
    tolerance_w = 0.2 * magnitude_w + 0.08 * max(pv_w, abs(ac_w)) + 100
    given_w = ac_w - pv_w
    discharging = abs(given_w - magnitude_w) <= tolerance_w
    charging = abs(given_w + magnitude_w) <= tolerance_w
    return charging - discharging if charging != discharging else None


# In this order: the value of battery_power_source, the register of the magnitude, the rule.
# Source of the order: registers 5214 before 13022 and 5631 before 13021 by P16, the rest inferred.
_CHAIN: tuple[tuple[str, str, Callable[[Readings], int | None]], ...] = (
    ("signed", "battery_power", _signed),
    ("zero", "battery_power_legacy", _zero),
    ("legacy_signed", "battery_power_legacy", _legacy_signed),
    ("current", "battery_power_legacy", _by_current),
    ("flow_bits", "battery_power_legacy", _by_flow_bits),
    ("balance", "battery_power_legacy", _by_balance),
)
