"""Shows a simulated meter as a telegram (e-MUCS), and as both of HomeWizard's APIs do. Pure."""

import math
from datetime import datetime, timedelta
from typing import Any

from edge_lib.p1.crc import crc16
from edge_lib.simulator.grid_meter import MeterView, Peak

SERIAL = "5c2faf0a1b2c"  # of the dongle; invented
_METER = "1SIM0000000042"
_GAS, _WATER = "7SIM0000000001", "8SIM0000000002"


def telegram(view: MeterView, clock_off_s: float = 0.0) -> bytes:
    """Return the telegram of a Fluvius meter; its clock may be off."""

    def time(at: datetime) -> str:
        letter = "S" if at.utcoffset() == timedelta(hours=2) else "W"
        return f"({at + timedelta(seconds=clock_off_s):%y%m%d%H%M%S}{letter})"

    lines = [
        "0-0:96.1.4(50217)",
        f"0-0:96.1.1({_hex(_METER)})",
        f"0-0:1.0.0{time(view.at)}",
        *(f"1-0:1.8.{t}({_kwh(wh):010.3f}*kWh)" for t, wh in view.imported_wh.items()),
        *(f"1-0:2.8.{t}({_kwh(wh):010.3f}*kWh)" for t, wh in view.exported_wh.items()),
        f"0-0:96.14.0({view.tariff:04})",
        f"1-0:1.4.0({view.demand_w / 1000:06.3f}*kW)",
        *([f"1-0:1.6.0{_peak(view.peak, time)}"] if view.peak else []),
        f"0-0:98.1.0({len(view.peaks)})(1-0:1.6.0)(1-0:1.6.0)"
        + "".join(f"{time(peak.month)}{_peak(peak, time)}" for peak in view.peaks),
        *_powers(1, view.net_w),
        *(line for n, watts in enumerate(view.phases_w, 1) for line in _powers(20 * n + 1, watts)),
        *(f"1-0:{20 * n + 12}.7.0({volts:05.1f}*V)" for n, volts in enumerate(view.volts, 1)),
        *(f"1-0:{20 * n + 11}.7.0({a:06.2f}*A)" for n, a in enumerate(_amperes(view), 1)),
        "0-0:96.3.10(1)",
        "0-0:17.0.0(999.9*kW)",
        "1-0:31.4.0(999*A)",
        "0-0:96.13.0()",
        "0-1:24.1.0(003)",
        f"0-1:96.1.1({_hex(_GAS)})",
        "0-1:24.4.0(1)",
        f"0-1:24.2.3{time(view.bus_at)}({_floor(view.gas_m3):09.3f}*m3)",
        "0-2:24.1.0(007)",
        f"0-2:96.1.1({_hex(_WATER)})",
        f"0-2:24.2.1{time(view.bus_at)}({_floor(view.water_m3):09.3f}*m3)",
        "!",
    ]
    body = "\r\n".join(["/SIM5\\253769484_A", "", *lines]).encode()
    return body + b"%04X\r\n" % crc16(body)


def data_v1(view: MeterView) -> dict[str, Any]:
    """Return the answer of ``/api/v1/data``."""

    def time(at: datetime) -> int:
        return int(f"{at:%y%m%d%H%M%S}")

    answer = {
        "wifi_ssid": "simulated",
        "wifi_strength": 84,
        "smr_version": 50,
        "meter_model": "SIM 253769484_A",
        "unique_id": _hex(_METER),
        "active_tariff": view.tariff,
        **_energies(view, "total_power_{}{}_kwh"),
        "active_power_w": view.net_w,
        **{f"active_power_l{n}_w": watts for n, watts in enumerate(view.phases_w, 1)},
        **{f"active_voltage_l{n}_v": round(v, 1) for n, v in enumerate(view.volts, 1)},
        **{f"active_current_l{n}_a": a for n, a in enumerate(_amperes(view), 1)},
        "active_power_average_w": round(view.demand_w),
        "external": _external(view, time),
    }
    if view.peak:
        answer["montly_power_peak_w"] = round(view.peak.watts)
        answer["montly_power_peak_timestamp"] = time(view.peak.at)
    return answer


def measurement_v2(view: MeterView) -> dict[str, Any]:
    """Return the answer of ``/api/measurement``."""

    def time(at: datetime) -> str:
        return f"{at:%Y-%m-%dT%H:%M:%S}"

    answer = {
        "protocol_version": 50,
        "meter_model": "SIM 253769484_A",
        "unique_id": _hex(_METER),
        "timestamp": time(view.at),
        "tariff": view.tariff,
        **_energies(view, "energy_{}{}_kwh"),
        "power_w": view.net_w,
        **{f"power_l{n}_w": watts for n, watts in enumerate(view.phases_w, 1)},
        **{f"voltage_l{n}_v": round(v, 1) for n, v in enumerate(view.volts, 1)},
        **{f"current_l{n}_a": a for n, a in enumerate(_amperes(view), 1)},
        "average_power_15m_w": round(view.demand_w),
        "external": _external(view, time),
    }
    if view.peak:
        answer["monthly_power_peak_w"] = round(view.peak.watts)
        answer["monthly_power_peak_timestamp"] = time(view.peak.at)
    return answer


def _energies(view: MeterView, pattern: str) -> dict[str, float]:
    energies = {}
    for direction, by_tariff in (("import", view.imported_wh), ("export", view.exported_wh)):
        shown = {tariff: _kwh(wh) for tariff, wh in by_tariff.items()}
        energies[pattern.format(direction, "")] = round(sum(shown.values()), 3)
        energies |= {pattern.format(direction, f"_t{t}"): kwh for t, kwh in shown.items()}
    return energies


def _external(view: MeterView, time: Any) -> list[dict[str, Any]]:
    found = (("gas_meter", _GAS, view.gas_m3), ("water_meter", _WATER, view.water_m3))
    return [
        {
            "unique_id": _hex(name),
            "type": kind,
            "timestamp": time(view.bus_at),
            "value": _floor(volume),
            "unit": "m3",
        }
        for kind, name, volume in found
    ]


def _powers(register: int, watts: int) -> list[str]:
    imported, exported = max(watts, 0) / 1000, max(-watts, 0) / 1000
    return [
        f"1-0:{register}.7.0({imported:06.3f}*kW)",
        f"1-0:{register + 1}.7.0({exported:06.3f}*kW)",
    ]


def _amperes(view: MeterView) -> list[float]:
    return [round(abs(w) / v, 2) for w, v in zip(view.phases_w, view.volts, strict=True)]


def _peak(peak: Peak, time: Any) -> str:
    return f"{time(peak.at)}({peak.watts / 1000:06.3f}*kW)"


def _kwh(wh: float) -> float:
    """Return an energy as a counter shows it: never more than has flowed."""
    return math.floor(wh) / 1000


def _floor(volume: float) -> float:
    return math.floor(volume * 1000) / 1000


def _hex(text: str) -> str:
    return text.encode().hex().upper()
