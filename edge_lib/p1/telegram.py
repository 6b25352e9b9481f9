"""Makes values of a telegram: one parser for DSMR 2.2 to 5 and e-MUCS (Fluvius). Pure.

A line that is malformed costs that line. Tariffs keep the meter's own numbers: ``import_t1_kwh`` is
register 1.8.1, which is the low (night) tariff in the Netherlands and the day's in Belgium.
"""

import re
from datetime import datetime
from typing import Any, NamedTuple

from edge_lib.p1.framing import Frame
from edge_lib.p1.meter_time import meter_time
from edge_lib.p1.obis import BARE_NUMBER, DSMR3_VOLUME, OBIS, lines_of, meter_id, number
from edge_lib.shared.p1_reading import FIELDS

_UNITS = {field.name: field.unit for field in FIELDS}
_RANGES = {field.name: (field.low, field.high) for field in FIELDS}
_MOST_PEAKS, _MOST_DOUBTS = 120, 20
_LENGTH = re.compile(r"\d{0,3}", re.ASCII)  # of the history of peaks

# Registers of the meter itself that hold one number.
_NUMBERS = {
    "1.8.0": "energy_import_kwh",
    "2.8.0": "energy_export_kwh",
    "1.8.1": "import_t1_kwh",
    "1.8.2": "import_t2_kwh",
    "2.8.1": "export_t1_kwh",
    "2.8.2": "export_t2_kwh",
    "32.7.0": "voltage_l1_v",
    "52.7.0": "voltage_l2_v",
    "72.7.0": "voltage_l3_v",
    "31.7.0": "current_l1_a",
    "51.7.0": "current_l2_a",
    "71.7.0": "current_l3_a",
    "1.4.0": "demand_w",
}
# Import and export of a power.
_NET = {
    "power_w": ("1.7.0", "2.7.0"),
    "power_l1_w": ("21.7.0", "22.7.0"),
    "power_l2_w": ("41.7.0", "42.7.0"),
    "power_l3_w": ("61.7.0", "62.7.0"),
}
# The total, and the registers of tariffs that it is the sum of.
_TOTALS = {
    "energy_import_kwh": ("1.8.1", "1.8.2", "1.8.3", "1.8.4"),
    "energy_export_kwh": ("2.8.1", "2.8.2", "2.8.3", "2.8.4"),
}
_ELECTRICITY, _ABSTRACT = "1-0", "0-0"
_CHANNEL = re.compile(r"0-([1-9]\d{0,2})", re.ASCII)
# Of M-Bus: a meter's type by its number.
_GAS, _WATER = 3, 7
_VOLUMES = {_GAS: ("gas_m3", "gas_ts"), _WATER: ("water_m3", "water_ts")}
_STALE_S = 86_400.0


class MonthPeak(NamedTuple):
    """The peak of a month that has ended (register 98.1.0); ``_asdict()`` is its JSON object.

    Both times are RFC 3339 with the offset of the meter's clock; ``month`` is the month's end.
    """

    month: str
    peak_ts: str
    peak_w: float


class Told(NamedTuple):
    """What a telegram, or a HomeWizard's answer, says.

    Attributes:
        values: by the names of ``shared/p1_reading``, each in its range; ``power_w`` is always
            there, what is not told is absent.
        peaks: of the months that have ended, as listed.
        doubts: what was left out since it cannot be read or cannot be true.
        clock: the meter's own time, where it tells it.
    """

    values: dict[str, Any]
    peaks: tuple[MonthPeak, ...]
    doubts: tuple[str, ...]
    clock: datetime | None

    @property
    def is_reading(self) -> bool:
        """Whether there is anything of electricity in it."""
        known = ("power_w", "energy_import_kwh", "energy_export_kwh")
        return any(self.values.get(name) is not None for name in known)


def has_version_4(frame: Frame) -> bool:
    """Return whether the telegram is of a version that ends each with a CRC: 4, 5, e-MUCS."""
    return b"1-3:0.2.8(" in frame.body or b"0-0:96.1.4(" in frame.body


def parse(frame: Frame, now: datetime) -> Told:
    """Return what the telegram says; whether its CRC agrees is the caller's to look at.

    Args:
        frame: as it came.
        now: aware; decides between two times where the meter tells neither summer nor winter.
    """
    return _Parser(frame, now).told()


class _Parser:
    """One telegram."""

    def __init__(self, frame: Frame, now: datetime) -> None:
        self._now = now
        self._groups = lines_of(frame.body)
        self._doubts: list[str] = []
        self._values: dict[str, Any] = {}

    def told(self) -> Told:
        """Return everything."""
        for register, name in _NUMBERS.items():
            self._put(name, self._number(_ELECTRICITY, register, _UNITS[name]))
        for name, registers in _TOTALS.items():
            if name not in self._values:
                self._put(name, self._sum(registers))
        for name, (imported, exported) in _NET.items():
            self._put(name, self._net(imported, exported))
        self._values.setdefault("power_w", None)
        if (power := self._values["power_w"]) is not None:
            self._values["import_power_w"] = max(power, 0.0)
        clock = self._clock()
        self._identity()
        self._month_peak()
        self._volumes()
        peaks = self._peaks()
        return Told(self._values, peaks, tuple(self._doubts[:_MOST_DOUBTS]), clock)

    def _put(self, name: str, value: float | None) -> None:
        if value is None:
            return
        low, high = _RANGES[name]
        if low <= value <= high:
            self._values[name] = value
        else:
            self._doubts.append(f"{name}: {value:g} is outside {low:g} to {high:g}")

    def _doubt(self, medium: str, register: str, groups: list[str]) -> None:
        text = "".join(f"({group})" for group in groups)
        self._doubts.append(f"{medium}:{register}{text:.60}: cannot be read")

    def _number(self, medium: str, register: str, unit: str) -> float | None:
        groups = self._groups.get((medium, register))
        if groups is None:
            return None
        value = number(groups[-1], unit) if groups else None
        if value is None:
            self._doubt(medium, register, groups)
        return value

    def _sum(self, registers: tuple[str, ...]) -> float | None:
        """Return the sum of the tariffs that are told; None where one of them cannot be read."""
        told = [one for one in registers if (_ELECTRICITY, one) in self._groups]
        values = [number((self._groups[_ELECTRICITY, one] or [""])[-1], "kWh") for one in told]
        known = [value for value in values if value is not None]
        return round(sum(known), 6) if known and len(known) == len(told) else None

    def _net(self, imported: str, exported: str) -> float | None:
        """Return import less export, of which one is always 0: a meter nets at each moment.

        So the one that is not 0 is enough. A meter that has no register of export only imports.
        """
        taken = self._number(_ELECTRICITY, imported, "W")
        given = self._number(_ELECTRICITY, exported, "W")
        if taken is not None and given is not None:
            return round(taken - given, 3)
        if taken is not None and (taken or (_ELECTRICITY, exported) not in self._groups):
            return taken
        return -given if given else None

    def _clock(self) -> datetime | None:
        groups = self._groups.get((_ABSTRACT, "1.0.0"))
        if groups is None:
            return None
        clock = self._time(groups[0]) if groups else None
        if clock is None:
            self._doubt(_ABSTRACT, "1.0.0", groups)
        else:
            self._values["meter_ts"] = clock.isoformat()
        return clock

    def _time(self, text: str) -> datetime | None:
        return meter_time(text, self._now)

    def _identity(self) -> None:
        for register in ("96.1.1", "42.0.0"):
            groups = self._groups.get((_ABSTRACT, register))
            if groups and (name := meter_id(groups[0])):
                self._values["meter_id"] = name
                break
        tariff = self._groups.get((_ABSTRACT, "96.14.0"))
        if tariff is not None:
            if len(tariff) == 1 and re.fullmatch(r"0{0,7}\d", tariff[0], re.ASCII):
                self._values["tariff"] = int(tariff[0])
            else:
                self._doubt(_ABSTRACT, "96.14.0", tariff)

    def _month_peak(self) -> None:
        groups = self._groups.get((_ELECTRICITY, "1.6.0"))
        if groups is None:
            return
        at = self._time(groups[0]) if len(groups) == 2 else None
        value = number(groups[1], "W") if at else None
        if at is None or value is None:
            self._doubt(_ELECTRICITY, "1.6.0", groups)
            return
        self._put("month_peak_w", value)
        if "month_peak_w" in self._values:
            self._values["month_peak_ts"] = at.isoformat()

    def _peaks(self) -> tuple[MonthPeak, ...]:
        """Return the history: its length, the registers that it lists, then three for a month.

        What is none of that lies between two months that can be read.
        """
        media = (_ABSTRACT, _ELECTRICITY)
        groups = next((g for m in media if (g := self._groups.get((m, "98.1.0")))), [])
        rest = [group for group in groups if not OBIS.fullmatch(group)]
        rest = rest[bool(rest) and _LENGTH.fullmatch(rest[0]) is not None :][: 3 * _MOST_PEAKS]
        peaks, at, unread = [], 0, 0
        while at < len(rest):
            if peak := self._peak(rest[at : at + 3]):
                peaks.append(peak)
                at, unread = at + 3, 0
                continue
            if rest[at] and not unread:  # the first of a run stands for all of it
                self._doubt(_ABSTRACT, "98.1.0", rest[at : at + 3])
            at, unread = at + 1, unread + bool(rest[at])
        return tuple(peaks)

    def _peak(self, groups: list[str]) -> MonthPeak | None:
        if len(groups) < 3:
            return None
        month, at, watts = self._time(groups[0]), self._time(groups[1]), number(groups[2], "W")
        if month is None or at is None or watts is None or watts > _RANGES["month_peak_w"][1]:
            return None
        return MonthPeak(month.isoformat(), at.isoformat(), watts)

    def _volumes(self) -> None:
        """Find gas and water: the meter of the lowest channel, unless it fell silent a day ago."""
        found: dict[int, list[tuple[float, datetime]]] = {}
        channels = {int(c[1]) for medium, _ in self._groups if (c := _CHANNEL.fullmatch(medium))}
        for channel in sorted(channels):
            medium = f"0-{channel}"
            kind = self._kind(medium)
            if kind in _VOLUMES and (volume := self._volume(medium)):
                found.setdefault(kind, []).append(volume)
        for kind, volumes in found.items():
            newest = max(at for _, at in volumes)
            value, at = next(v for v in volumes if (newest - v[1]).total_seconds() <= _STALE_S)
            name, time_name = _VOLUMES[kind]
            self._put(name, value)
            if name in self._values:
                self._values[time_name] = at.isoformat()

    def _kind(self, medium: str) -> int | None:
        groups = self._groups.get((medium, "24.1.0"))
        if groups and re.fullmatch(r"\d{1,3}", groups[0], re.ASCII):
            return int(groups[0])
        return _GAS if (medium, "24.2.3") in self._groups else None

    def _volume(self, medium: str) -> tuple[float, datetime] | None:
        for register in ("24.2.1", "24.2.3", DSMR3_VOLUME):
            groups = self._groups.get((medium, register))
            if groups is None:
                continue
            at = self._time(groups[0]) if groups else None
            if register == DSMR3_VOLUME:
                value = _volume_of_dsmr3(groups)
            else:
                value = number(groups[1], "m³") if len(groups) == 2 else None
            if at is not None and value is not None:
                return value, at
            self._doubt(medium, register, groups)
        return None


def _volume_of_dsmr3(groups: list[str]) -> float | None:
    """Return the value behind ``(time)(status)(period)(number)(register)(unit)``."""
    if len(groups) != 7 or groups[5] != "m3" or not BARE_NUMBER.fullmatch(groups[6]):
        return None
    return float(groups[6])
