"""The contract of a sample: every field with its unit, its range and its sign.

A sample is one poll of the inverter, decoded: a flat dict with the names below. The edge checks
what it stores with ``check``, the server what it is sent; no other place states a unit or a range.
Needs the standard library alone and reads no clock: the caller passes the time.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, NamedTuple

# One poll, decoded: a flat dict with the names below, as JSON has it.
Sample = dict[str, Any]


class TsSource(IntEnum):
    """What a sample's time rests on: its field ``ts_src``."""

    SYNCHRONISED = 0  # the clock counted as right when it was taken
    CORRECTED = 1  # the boot's own clock became right later
    PROVISIONAL = 2  # nothing vouches for it yet: never sent
    ESTIMATED = 3  # the boot's clock never became right


class Field(NamedTuple):
    """One numeric field of a sample; ``low`` and ``high`` are inclusive, in ``unit``."""

    name: str
    unit: str
    low: float
    high: float
    about: str
    required: bool = False
    nullable: bool = True
    integer: bool = False


def _mppt(number: int) -> tuple[Field, Field]:
    return (
        Field(f"mppt{number}_voltage_v", "V", 0, 1500, f"voltage of string input {number}"),
        Field(f"mppt{number}_current_a", "A", -1000, 1000, f"current of string input {number}"),
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
    Field("interval_s", "s", 1, 3600, "time that this sample covers"),
    Field("seq", "", 0, 2**53, "counts the polls of a boot", integer=True),
    Field(
        "ts_src",
        "code",
        0,
        3,
        "0 clock synchronised, 1 corrected within the boot, 2 never sent, 3 estimated",
        integer=True,
    ),
)
# Text fields: (what it must look like, what it is).
TEXTS = {
    "battery_power_source": (
        re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII),
        "which rule gave the battery's sign",
    ),
    "boot": (re.compile(r"[0-9A-Fa-f]{1,32}", re.ASCII), "one value a boot of the edge"),
}
KEY = ("device_id", "ts")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
NAMES = (*KEY, *(field.name for field in FIELDS), *TEXTS)
DEFAULT_INTERVAL_S = 5.0
EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
FUTURE_SLACK = timedelta(hours=1)
MAX_PLACES = 5
MAX_EXTRA = 32

_DEVICE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_EXTRA_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"
    r"([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_KNOWN = frozenset(NAMES)
_REQUIRED = (*KEY, *(field.name for field in FIELDS if field.required))
_NOT_NULL = frozenset(field.name for field in FIELDS if field.required and not field.nullable)
_RANGES = {f.name: (f.low, f.high, f.integer) for f in FIELDS}


class Place(NamedTuple):
    """One thing that is wrong with a sample: the field, a message, and a name for programs."""

    field: str
    msg: str
    type: str


class SampleError(ValueError):
    """This sample must never be stored as it is; ``places`` says why, five at the most."""

    def __init__(self, places: list[Place]):
        self.places = places[:MAX_PLACES]
        super().__init__("; ".join(f"{p.field}: {p.msg}" for p in self.places))


def is_device_id(value: object) -> bool:
    """Return whether this may name a device: 1 to 64 of ``A-Za-z0-9._-``."""
    return type(value) is str and _DEVICE_ID.fullmatch(value) is not None


def parse_ts(text: object) -> datetime:
    """Return the time of an RFC 3339 text in UTC, to the microsecond.

    Raises:
        ValueError: anything but RFC 3339: not a text, without an offset, a leap second.
    """
    if type(text) is not str or _RFC3339.fullmatch(text) is None:
        raise ValueError("not RFC 3339 with an offset, like 2026-11-23T12:00:05.123456Z")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the calendar") from error


def format_ts(ts: datetime) -> str:
    """Write a time as the contract does: UTC, microseconds, ``Z``."""
    return ts.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def to_us(ts: datetime) -> int:
    """Return a time as microseconds since 1970."""
    return (ts - _EPOCH) // _US


def from_us(us: int) -> datetime:
    """Return the time of microseconds since 1970."""
    return _EPOCH + us * _US


def check(sample: object, now: datetime) -> datetime:
    """Check one sample as JSON has it; return its time in UTC.

    Args:
        sample: what should be a flat dict of the names above; unknown names are allowed as the
            contract allows them (``extra``).
        now: the present, aware; ``ts`` may lie at most an hour behind it in the future.

    Raises:
        SampleError: it breaks the contract; says where.
    """
    if type(sample) is not dict:
        raise SampleError([Place("", "a sample is a JSON object", "object_type")])
    places = [Place(name, "is missing", "missing") for name in _REQUIRED if name not in sample]
    places += _check_numbers(sample)
    places += _check_texts(sample)
    ts = _check_ts(sample, now, places)
    if not sample.keys() <= _KNOWN:
        places += _check_extra(extra(sample))
    if places:
        raise SampleError(places)
    return ts


def in_order(sample: Sample) -> Sample:
    """Return the sample with its known fields in the contract's order, and without others."""
    return {name: sample[name] for name in NAMES if name in sample}


def extra(sample: Sample) -> Sample:
    """Return the fields of a sample that this version does not know."""
    if sample.keys() <= _KNOWN:  # as nearly always
        return {}
    return {name: value for name, value in sample.items() if name not in _KNOWN}


def _check_numbers(sample: Sample) -> list[Place]:
    places = []
    for name, value in sample.items():
        if value is None:
            if name in _NOT_NULL:
                places.append(Place(name, "may not be null", "null"))
            continue
        if (known := _RANGES.get(name)) is None:
            continue
        low, high, integer = known
        kind = type(value)
        if kind is not int and (kind is not float or (integer and not value.is_integer())):
            msg = "must be a whole number" if integer else "must be a number"
            places.append(Place(name, msg, "number_type"))
        elif not low <= value <= high:
            msg = f"{value!r:.24} is outside {low:.17g} to {high:.17g}"
            places.append(Place(name, msg, "out_of_range"))
    return places


def _check_texts(sample: Sample) -> list[Place]:
    places = []
    for name, (pattern, _) in TEXTS.items():
        value = sample.get(name)
        if value is not None and (type(value) is not str or pattern.fullmatch(value) is None):
            places.append(Place(name, f"must match {pattern.pattern}", "string_pattern"))
    if "device_id" in sample and not is_device_id(sample["device_id"]):
        places.append(Place("device_id", "must be 1 to 64 of A-Za-z0-9._-", "string_pattern"))
    return places


def _check_ts(sample: Sample, now: datetime, places: list[Place]) -> datetime:
    if "ts" not in sample:
        return now
    try:
        ts = parse_ts(sample["ts"])
    except ValueError as error:
        places.append(Place("ts", str(error), "datetime"))
        return now
    if ts < EARLIEST:
        places.append(Place("ts", "is before 2010-01-01", "ts_too_old"))
    if ts > now + FUTURE_SLACK:
        places.append(Place("ts", "is more than an hour in the future", "ts_in_future"))
    return ts


def _check_extra(fields: Sample) -> list[Place]:
    places = []
    if len(fields) > MAX_EXTRA:
        places.append(Place("", f"more than {MAX_EXTRA} unknown fields", "too_many_fields"))
    for name, value in fields.items():
        if _EXTRA_KEY.fullmatch(name) is None:
            places.append(
                Place(_printable(name), "unknown field, and not a field name", "field_name")
            )
        elif not _is_extra_value(value):
            msg = "an unknown field may be a number, null or a text of at most 64 characters"
            places.append(Place(name, msg, "extra_value"))
    return places


def _is_extra_value(value: object) -> bool:
    if type(value) is str:
        # What PostgreSQL's jsonb cannot hold: NUL, and halves of surrogate pairs.
        return len(value) <= 64 and "\0" not in value and _is_unicode(value)
    return value is None or type(value) is int or (type(value) is float and math.isfinite(value))


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _printable(name: str) -> str:
    return name[:64].encode("ascii", "backslashreplace").decode()
