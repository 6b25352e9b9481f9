"""The fields of a reading of one kind, and the check of what calls itself one.

Needs the standard library alone and reads no clock: the caller passes the time.
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from edge_lib.shared.timestamps import parse_ts

Reading = dict[str, Any]  # flat, as JSON has it
KEY = ("device_id", "ts")
EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
FUTURE_SLACK = timedelta(hours=1)
MAX_PLACES = 5
MAX_EXTRA = 32
_MOST_SHAPES = 64
_MOST_NAMES = 128  # in a shape that is kept

_DEVICE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_EXTRA_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


class Field(NamedTuple):
    """One numeric field of a reading; ``low`` and ``high`` are inclusive, in ``unit``."""

    name: str
    unit: str
    low: float
    high: float
    about: str
    required: bool = False
    nullable: bool = True
    integer: bool = False


class Place(NamedTuple):
    """One thing that is wrong with a reading: the field, a message, and a name for programs."""

    field: str
    msg: str
    type: str


class ReadingError(ValueError):
    """This reading must never be stored as it is; ``places`` says why, five at the most."""

    def __init__(self, places: list[Place]):
        self.places = places[:MAX_PLACES]
        super().__init__("; ".join(f"{p.field}: {p.msg}" for p in self.places))


class _Shape(NamedTuple):
    """What follows from the names alone that a reading has; most readings of a batch share them."""

    missing: list[str]
    numbers: list[tuple[str, float, float, bool]]  # name, low, high, integer
    texts: list[tuple[str, re.Pattern[str]]]
    unknown: list[str]


class Kind:
    """A kind of reading: its fields, in the order of the contract."""

    def __init__(
        self,
        name: str,
        fields: Iterable[Field],
        texts: Mapping[str, tuple[re.Pattern[str], str]],
        times: Mapping[str, str] | None = None,
    ):
        """State the fields.

        Args:
            name: with its article, for messages.
            fields: the numbers.
            texts: by name, what a text must look like and what it is.
            times: by name, what a time is; besides ``ts``, which every reading has.
        """
        fields = tuple(fields)
        self.name = name
        self.texts = texts
        self.times = times or {}
        self.names = (*KEY, *(field.name for field in fields), *texts, *self.times)
        self.whole = tuple(field.name for field in fields if field.integer)
        self._known = frozenset(self.names)
        self._required = (*KEY, *(field.name for field in fields if field.required))
        self._required_set = frozenset(self._required)
        self._not_null = frozenset(f.name for f in fields if f.required and not f.nullable)
        self._ranges = {field.name: (field.low, field.high, field.integer) for field in fields}
        self._kept_shape = lru_cache(_MOST_SHAPES)(self._shape_of)

    def check(self, reading: object, now: datetime) -> datetime:
        """Check one reading as JSON has it; return its time in UTC.

        Args:
            reading: what should be a flat dict of the names above; unknown names are allowed as the
                contract allows them (``extra``).
            now: the present, aware; ``ts`` may lie at most an hour behind it in the future.

        Raises:
            ReadingError: it breaks the contract; says where.
        """
        if type(reading) is not dict:
            raise ReadingError([Place("", f"{self.name} is a JSON object", "object_type")])
        shape = self._shape(reading)
        places = [Place(name, "is missing", "missing") for name in shape.missing]
        self._check_numbers(reading, shape, places)
        _check_texts(reading, shape, places)
        ts = _check_ts(reading, now, places)
        if self.times:
            self._check_times(reading, places)
        if shape.unknown:
            places += _check_extra(self.unknown(reading))
        if places:
            raise ReadingError(places)
        return ts

    def in_order(self, reading: Reading) -> Reading:
        """Return the reading with its known fields in the contract's order, and without others."""
        return {name: reading[name] for name in self.names if name in reading}

    def unknown(self, reading: Reading) -> Reading:
        """Return the fields of a reading that this version does not know."""
        if reading.keys() <= self._known:  # as nearly always
            return {}
        return {name: value for name, value in reading.items() if name not in self._known}

    def _shape(self, reading: Reading) -> _Shape:
        names = tuple(reading)
        # No request may fill the memory with names.
        return self._kept_shape(names) if len(names) <= _MOST_NAMES else self._shape_of(names)

    def _shape_of(self, names: tuple[str, ...]) -> _Shape:
        return _Shape(
            [name for name in self._required if name not in names],
            [(name, *self._ranges[name]) for name in names if name in self._ranges],
            [(name, pattern) for name, (pattern, _) in self.texts.items() if name in names],
            [name for name in names if name not in self._known],
        )

    def _check_numbers(self, reading: Reading, shape: _Shape, places: list[Place]) -> None:
        for name, low, high, integer in shape.numbers:
            value = reading[name]
            kind = type(value)
            if kind is int or (kind is float and (not integer or value.is_integer())):
                if not low <= value <= high:
                    msg = f"{value!r:.24} is outside {low:.17g} to {high:.17g}"
                    places.append(Place(name, msg, "out_of_range"))
            elif value is not None:
                msg = "must be a whole number" if integer else "must be a number"
                places.append(Place(name, msg, "number_type"))
            elif name in self._not_null:
                places.append(Place(name, "may not be null", "null"))

    def _check_times(self, reading: Reading, places: list[Place]) -> None:
        for name in self.times:
            if (value := reading.get(name)) is not None:
                try:
                    parse_ts(value)
                except ValueError as error:
                    places.append(Place(name, str(error), "datetime"))


def _check_texts(reading: Reading, shape: _Shape, places: list[Place]) -> None:
    for name, pattern in shape.texts:
        value = reading[name]
        if value is not None and (type(value) is not str or pattern.fullmatch(value) is None):
            places.append(Place(name, f"must match {pattern.pattern}", "string_pattern"))
    if "device_id" in reading and not is_device_id(reading["device_id"]):
        places.append(Place("device_id", "must be 1 to 64 of A-Za-z0-9._-", "string_pattern"))


def is_device_id(value: object) -> bool:
    """Return whether this may name a device: 1 to 64 of ``A-Za-z0-9._-``."""
    return type(value) is str and _DEVICE_ID.fullmatch(value) is not None


def _check_ts(reading: Reading, now: datetime, places: list[Place]) -> datetime:
    if "ts" not in reading:
        return now
    try:
        ts = parse_ts(reading["ts"])
    except ValueError as error:
        places.append(Place("ts", str(error), "datetime"))
        return now
    if ts < EARLIEST:
        places.append(Place("ts", "is before 2010-01-01", "ts_too_old"))
    if ts > now + FUTURE_SLACK:
        places.append(Place("ts", "is more than an hour in the future", "ts_in_future"))
    return ts


def _check_extra(fields: Reading) -> list[Place]:
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
