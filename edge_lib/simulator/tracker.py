"""What a string input shows of its panels: volts and amperes at the point of most power. Pure.

A string is modules in series, each with three bypass diodes. Where some of them are shaded, the
tracker takes the better of two points: the full current through the others and the diodes of the
shaded ones, at less voltage; or the current of the shaded ones through all.
"""

import math
from typing import NamedTuple

_MODULE_W, _MODULE_V = 400, 34.0  # at 25 degrees
_DIODES_V = 1.5  # lost over the three of a module
_VOLTS_PER_K, _WATTS_PER_K = -0.0030, -0.0038
_OPEN = 0.2  # the open voltage is so much above that of most power
_WIRING = 0.92
_KEEPS_W = 4.0  # of a kWp: with less a string does not start
_REST_V = 100.0


class Offer(NamedTuple):
    """What a string can give at a moment, or gives; nothing of it is rounded."""

    power_w: float
    voltage_v: float
    current_a: float


NOTHING = Offer(0.0, 0.0, 0.0)
RESTING = Offer(0.0, _REST_V, 0.0)


def offer(kwp: float, lit: float, dim: float, shaded: float, ambient_c: float) -> Offer:
    """Return the point of most power.

    Args:
        kwp: peak power of the string.
        lit: light on a module in the sun, W/m2 as cells see it.
        dim: light on one in the shade.
        shaded: share of the modules in the shade, 0 to 1.
        ambient_c: of the air.
    """
    modules = max(1, round(kwp * 1000 / _MODULE_W))
    bright, volts = _module(kwp * 1000, lit, ambient_c, modules)
    if shaded <= 0:
        best = Offer(bright, volts, bright / volts)
    else:
        dark, lower = _module(kwp * 1000, dim, ambient_c, modules)
        all_dim = Offer(dark, lower, dark / lower)
        # Lit ones beside them work right of their own point of most power: a little more voltage.
        all_dim = _times(all_dim, 1 + 0.12 * (1 - shaded) * (1 - dim / max(lit, 1.0)))
        current = bright / volts
        left_v = (1 - shaded) * volts - shaded * modules * _DIODES_V
        passed = Offer(max(0.0, left_v) * current, max(0.0, left_v), current)
        best = max(all_dim, passed)
    return best if best.power_w >= _KEEPS_W * kwp else RESTING


def held_back(best: Offer, share: float) -> Offer:
    """Return the point at which only so much of the power is taken: right of the best one."""
    if share >= 1 or best.power_w <= 0:
        return best
    power_w = best.power_w * max(0.0, share)
    voltage_v = best.voltage_v * (1 + _OPEN * math.sqrt(1 - max(0.0, share)))
    return Offer(power_w, voltage_v, power_w / voltage_v)


def shown(taken: Offer) -> tuple[float, float]:
    """Return volts and amperes as registers have them: the current's last digit is cut off.

    Source: in two dumps the sum of volts times amperes is 1 to 4.5 % below the DC power.
    """
    return round(taken.voltage_v, 1), math.floor(taken.current_a * 10 + 1e-9) / 10


def _module(peak_w: float, light: float, ambient_c: float, modules: int) -> tuple[float, float]:
    """Return the power of all modules in such light, and their voltage."""
    if light <= 0:
        return 0.0, _MODULE_V * modules
    warm_k = ambient_c + 0.03 * light - 25
    weak = math.log(light / 1000)
    power_w = peak_w * light / 1000 * (1 + _WATTS_PER_K * warm_k) * (1 + 0.02 * weak) * _WIRING
    volts = modules * _MODULE_V * (1 + _VOLTS_PER_K * warm_k) * (1 + 0.02 * weak)
    return max(0.0, power_w), max(1.0, volts)


def _times(point: Offer, factor: float) -> Offer:
    return Offer(point.power_w * factor, point.voltage_v * factor, point.current_a)
