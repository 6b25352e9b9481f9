"""A HomeWizard P1 dongle: its local API, version 1 (plain) and version 2 (a token, a certificate).

What the meter does not tell is absent from its answers; its times are the meter's, without zone.
"""

import json
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from http.client import responses
from typing import Any

from edge_lib.clock import Clock
from edge_lib.p1.errors import P1Error
from edge_lib.p1.http import Answer, LocalHttp
from edge_lib.p1.meter_time import iso_time, meter_time
from edge_lib.p1.obis import meter_id
from edge_lib.p1.reading import Counts, Reading
from edge_lib.p1.telegram import Told
from edge_lib.p1_config import HOMEWIZARD, P1Config
from edge_lib.shared.p1_reading import FIELDS

_V2 = {"X-Api-Version": "2"}
_PAIR_NAME = "local/sungrow-edge"
_NOT_YET = 403  # user:creation-not-enabled: nobody has pressed the button
_LONGEST_TOKEN = 256
_RANGES = {field.name: (field.low, field.high) for field in FIELDS}
_TARIFFS = ("t1", "t2", "t3", "t4")
_VOLUMES = {"gas_meter": ("gas_m3", "gas_ts"), "water_meter": ("water_m3", "water_ts")}

# Our name and theirs.
_PHASES_V1 = {
    ours: f"active_{theirs}"
    for n in (1, 2, 3)
    for ours, theirs in (
        (f"power_l{n}_w", f"power_l{n}_w"),
        (f"voltage_l{n}_v", f"voltage_l{n}_v"),
        (f"current_l{n}_a", f"current_l{n}_a"),
    )
}
_V1_NUMBERS = {
    "power_w": "active_power_w",
    "energy_import_kwh": "total_power_import_kwh",
    "energy_export_kwh": "total_power_export_kwh",
    "import_t1_kwh": "total_power_import_t1_kwh",
    "import_t2_kwh": "total_power_import_t2_kwh",
    "export_t1_kwh": "total_power_export_t1_kwh",
    "export_t2_kwh": "total_power_export_t2_kwh",
    "demand_w": "active_power_average_w",
    "month_peak_w": "montly_power_peak_w",  # so they spell it
    "tariff": "active_tariff",
    **_PHASES_V1,
}
_V2_NUMBERS = {
    "power_w": "power_w",
    "energy_import_kwh": "energy_import_kwh",
    "energy_export_kwh": "energy_export_kwh",
    "import_t1_kwh": "energy_import_t1_kwh",
    "import_t2_kwh": "energy_import_t2_kwh",
    "export_t1_kwh": "energy_export_t1_kwh",
    "export_t2_kwh": "energy_export_t2_kwh",
    "demand_w": "average_power_15m_w",
    "month_peak_w": "monthly_power_peak_w",
    "tariff": "tariff",
    **{ours: theirs.removeprefix("active_") for ours, theirs in _PHASES_V1.items()},
}


class HomeWizard:
    """One dongle."""

    def __init__(
        self, config: P1Config, clock: Clock, wait: Callable[[float], bool], counts: Counts
    ) -> None:
        self._is_v1 = config.source.kind == HOMEWIZARD
        self._token, self._clock, self._wait, self._counts = config.token, clock, wait, counts
        self._http = _http(config, clock, wait)

    def read(self, _until_s: float) -> list[Reading]:
        """Return one reading."""
        try:
            reading = self._reading()
        except P1Error as error:
            self._counts.bad += error.reason != "stopped"
            raise
        self._counts.good += 1
        return [reading]

    def pair(self) -> str | None:
        """Return a new token; None while nobody has pressed the dongle's button.

        Raises:
            P1Error: it does not answer, or answers something else.
        """
        body = json.dumps({"name": _PAIR_NAME}).encode()
        headers = {"Content-Type": "application/json", **_V2}
        answer = self._http.request("POST", "/api/user", headers, body)
        if answer.status == _NOT_YET:
            return None
        token = _object(answer).get("token")
        if type(token) is not str or not 0 < len(token) <= _LONGEST_TOKEN:
            raise P1Error("mismatch", "the answer holds no token")
        return token

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _reading(self) -> Reading:
        if self._is_v1:
            answer = self._http.request("GET", "/api/v1/data", {})
        else:
            headers = {"Authorization": f"Bearer {self._token}", **_V2}
            answer = self._http.request("GET", "/api/measurement", headers)
        at, boottime_us = self._clock.now(), self._clock.boottime_us()
        told = of_v1(_object(answer), at) if self._is_v1 else of_v2(_object(answer), at)
        if not told.is_reading:
            raise P1Error("mismatch", "the answer has neither power nor energy")
        return Reading.of(told, at, boottime_us)


def of_v1(answer: Mapping[str, Any], now: datetime) -> Told:
    """Return what an answer of ``/api/v1/data`` says; its times are ``YYMMDDhhmmss``."""
    return _Answer(answer, lambda time: meter_time(str(time).zfill(12), now)).told(
        _V1_NUMBERS, "total_power_{}_{}_kwh", "montly_power_peak_timestamp"
    )


def of_v2(answer: Mapping[str, Any], now: datetime) -> Told:
    """Return what an answer of ``/api/measurement`` says; its times are ISO 8601 without zone."""
    return _Answer(answer, lambda time: iso_time(str(time), now)).told(
        _V2_NUMBERS, "energy_{}_{}_kwh", "monthly_power_peak_timestamp"
    )


def _http(config: P1Config, clock: Clock, wait: Callable[[float], bool]) -> LocalHttp:
    source = config.source
    if source.kind == HOMEWIZARD:
        return LocalHttp(source.host, source.port, clock, wait)
    # Their certificate has no other name than its common one, and the host's is not it.
    context = ssl.create_default_context(cafile=config.ca_file)
    context.hostname_checks_common_name = True
    name = f"appliance/p1dongle/{source.serial}"
    return LocalHttp(source.host, source.port, clock, wait, context, name)


def _object(answer: Answer) -> dict[str, Any]:
    if answer.status in (401, 403):
        reason = "unauthorised" if answer.status == 401 else "not_enabled"
        raise P1Error(reason, f"status {answer.status}")
    if answer.status != 200:
        called = f"status {answer.status} {responses.get(answer.status, '')}".rstrip()
        raise P1Error(f"http_{answer.status}", called)
    try:
        content = json.loads(answer.body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise P1Error("mismatch", "the answer is not JSON") from error
    if type(content) is not dict:
        raise P1Error("mismatch", "the answer is not a JSON object")
    return content


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


class _Answer:
    """One answer, of either version."""

    def __init__(self, answer: Mapping[str, Any], time: Callable[[object], datetime | None]):
        self._answer, self._time = answer, time
        self._values: dict[str, Any] = {"power_w": None}
        self._doubts: list[str] = []

    def told(self, names: Mapping[str, str], tariffs: str, peak_ts: str) -> Told:
        """Return everything.

        Args:
            names: theirs by ours, of numbers.
            tariffs: the pattern of their names of a tariff's energy.
            peak_ts: their name of the time of the month's peak.
        """
        for ours, theirs in names.items():
            self._put(ours, self._answer.get(theirs), theirs)
        for ours, direction in (("energy_import_kwh", "import"), ("energy_export_kwh", "export")):
            if ours not in self._values:
                self._sum(ours, [tariffs.format(direction, tariff) for tariff in _TARIFFS])
        if (power := self._values["power_w"]) is not None:
            self._values["import_power_w"] = max(power, 0.0)
        if "tariff" in self._values:
            self._values["tariff"] = int(self._values["tariff"])
        clock = self._at("meter_ts", "timestamp")
        if "month_peak_w" in self._values:
            self._at("month_peak_ts", peak_ts)
        if name := meter_id(str(self._answer.get("unique_id") or "")):
            self._values["meter_id"] = name
        self._external()
        return Told(self._values, (), tuple(self._doubts[:20]), clock)

    def _put(self, ours: str, value: object, theirs: str) -> None:
        if value is None:
            return
        low, high = _RANGES[ours]
        if isinstance(value, int | float) and type(value) is not bool and low <= value <= high:
            self._values[ours] = float(value)
        else:
            self._doubts.append(f"{theirs}: {value!r:.40} cannot be")

    def _sum(self, ours: str, theirs: list[str]) -> None:
        """Put the sum of the tariffs; nothing where one of them cannot be read."""
        told = [self._answer[name] for name in theirs if self._answer.get(name) is not None]
        if told and all(type(value) in (int, float) for value in told):
            self._put(ours, round(sum(told), 6), ours)

    def _at(self, ours: str, theirs: str) -> datetime | None:
        if (given := self._answer.get(theirs)) is None:
            return None
        at = self._time(given)
        if at is None:
            self._doubts.append(f"{theirs}: {given!r:.40} is not a time")
        else:
            self._values[ours] = at.isoformat()
        return at

    def _external(self) -> None:
        """Find gas and water: among the meters on the bus, and where older firmware has gas."""
        listed = self._answer.get("external")
        meters = [one for one in listed if type(one) is dict] if type(listed) is list else []
        if not any(meter.get("type") == "gas_meter" for meter in meters):
            gas = {"type": "gas_meter", "unit": "m3", "value": self._answer.get("total_gas_m3")}
            meters.append({**gas, "timestamp": self._answer.get("gas_timestamp")})
        for meter in meters:
            names = _VOLUMES.get(str(meter.get("type")))
            if not names or names[0] in self._values or meter.get("value") is None:
                continue
            at = self._time(meter.get("timestamp"))
            if at is None or meter.get("unit") != "m3":
                self._doubts.append(f"{meter['type']}: no reading: {meter!s:.80}")
                continue
            self._put(names[0], meter["value"], str(meter["type"]))
            if names[0] in self._values:
                self._values[names[1]] = at.isoformat()
