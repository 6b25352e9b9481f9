"""A house whose energy is known to the last digit, for tests of the counters."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.support.readings import new_device, reading, rows, store

ZONE = "Europe/Berlin"
COUNTERS = (
    "pv_total_kwh",
    "total_import_kwh",
    "total_export_kwh",
    "battery_total_charge_kwh",
    "battery_total_discharge_kwh",
)
PV, IMPORT, EXPORT, CHARGE, DISCHARGE = COUNTERS
BEFORE_KWH = dict(zip(COUNTERS, (18000.0, 4000.0, 9000.0, 4600.0, 4300.0), strict=True))
# By turns of four hours UTC, so that midnight in Berlin lies within one: 12 h of each every day.
SUN = {
    "pv_power_w": 2000.0,
    "battery_power_w": 600.0,
    "load_power_w": 1000.0,
    "export_power_w": 300.0,
}
DARK = {
    "pv_power_w": 0.0,
    "battery_power_w": -600.0,
    "load_power_w": 800.0,
    "export_power_w": -300.0,
}
RATE_KW = {PV: (2.0, 0.0), IMPORT: (0.0, 0.3), EXPORT: (0.3, 0.0), CHARGE: (0.6, 0.0)}
RATE_KW[DISCHARGE] = (0.0, 0.6)
START = datetime(2026, 6, 1, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
# What such a house shows for a whole day.
DAY_KWH = {
    "pv": 24.0,
    "import": 3.6,
    "export": 3.6,
    "battery_charge": 7.2,
    "battery_discharge": 7.2,
}
DAY_KWH["load"] = 21.6


class Opinion(NamedTuple):
    """What the counters say of a day or of five minutes, in kWh."""

    pv: float | None
    import_: float | None
    export: float | None
    charge: float | None
    discharge: float | None
    load: float | None
    estimated: bool


def total_kwh(name: str, at: datetime) -> float:
    """Return what a counter has counted at a moment, without any rounding."""
    turns, rest = divmod((at - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds(), 4 * 3600)
    sun, dark = RATE_KW[name]
    whole = sun * ((turns + 1) // 2) + dark * (turns // 2)
    return BEFORE_KWH[name] + whole * 4 + (dark if turns % 2 else sun) * rest / 3600


def sample(at: datetime, interval_s: float) -> dict:
    """Return the reading of a moment, all counters included."""
    powers = DARK if at.hour // 4 % 2 else SUN
    counters = {name: total_kwh(name, at) for name in COUNTERS}
    return reading(at, interval_s=interval_s, **{**powers, **counters})


def lived(first: datetime, until: datetime, interval_s: float = 150.0) -> list[dict]:
    """Return the readings of a time, of which none is at a full minute: midnight is between two."""
    samples, at = [], first + timedelta(seconds=interval_s / 2)
    while at < until:
        samples.append(sample(at, interval_s))
        at += timedelta(seconds=interval_s)
    return samples


def days(count: int, first: datetime = START) -> list[dict]:
    """Return the readings of so many local days, from June 1st on unless told."""
    local = first.astimezone(ZoneInfo(ZONE))
    return lived(first, (local + timedelta(days=count)).astimezone(UTC))


def stored(database, samples: list[dict], device_id: str | None = None) -> str:
    """Store readings of a new device, in Berlin; return its name."""
    device_id = device_id or new_device()
    rows(
        database,
        "INSERT INTO sungrow_devices (device_id, timezone) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        device_id,
        ZONE,
    )
    store(database, device_id, samples)
    return device_id


def shifted(samples: list[dict], name: str, by: Callable[[int, float], float | None]) -> list[dict]:
    """Return the readings with another counter: ``by`` gets the index and the value of each."""
    return [{**s, name: by(index, s[name])} for index, s in enumerate(samples)]


def daily(database, device_id: str, first: date, until: date) -> dict[date, Opinion]:
    """Ask for the energy of days."""
    statement = "SELECT * FROM sungrow_daily_energy(%s, %s, %s)"
    found = rows(database, statement, device_id, first, until)
    return {day: Opinion(*rest) for day, *rest, _ in (row.values() for row in found)}


def short(database, device_id: str, first: datetime, until: datetime) -> dict[datetime, Opinion]:
    """Ask for the energy of rows of five minutes."""
    statement = "SELECT * FROM sungrow_short_energy(%s, %s, %s)"
    found = rows(database, statement, device_id, first, until)
    return {bucket: Opinion(*rest) for bucket, *rest in (row.values() for row in found)}
