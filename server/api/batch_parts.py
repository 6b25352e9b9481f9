"""What a batch may carry beside its samples: facts, reports, gaps, parked readings, peaks.

A malformed entry never refuses the request: it is left out, logged and named in the answer. So each
reader here gives a row, or raises ``Malformed`` with the key that is wrong.
"""

import json
import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from psycopg2.extras import Json

from edge_lib.shared.timestamps import parse_ts
from server.api.errors import Place, place
from server.api.strict_json import Object
from server.database.parts import KINDS, Parts

log = logging.getLogger("sungrow.server.batch_parts")
_BATCH_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_BOOT = re.compile(r"[0-9A-Fa-f]{1,32}", re.ASCII)
_CAUSE = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_MAX_TEXT = 1024
_MAX_COUNT = 2**31 - 1
# Of a report: what the edge says of itself.
_SPOOL_STATES = ("ok", "failing", "full")
_FIGURES = (
    *("spool_used_pct", "disk_free_mb", "ring_count", "thinned", "unsalvaged", "uptime_s"),
    *("restarts_24h", "cert_days", "throttled", "ip_failures"),
)
_ERRORS = ("last_poll_error", "last_upload_error")
_LONGEST_ERROR = 200
_MOST_FIGURE = 1e15


class Malformed(ValueError):
    """An entry is left out because of this key."""

    def __init__(self, key: str, msg: str):
        super().__init__(f"{key}: {msg}")
        self.place = (key, msg)


class Read(NamedTuple):
    """What a batch carries beside its samples, and the places of it that were left out."""

    batch_id: str | None
    parts: Parts
    ignored: list[Place]


def read(body: Object) -> Read:
    """Read the optional parts of a batch."""
    ignored: list[Place] = []
    rows = {}
    if body.get("device") is not None:
        rows["device"] = _entries({"device": [body["device"]]}, "device", _device, ignored)
    for name, reader in (("reports", _report), ("gaps", _gap), ("parked", _parked)):
        rows[name] = _entries(body, name, reader, ignored)
    if body.get("p1_peaks") is not None:
        rows["p1_peaks"] = _entries(body, "p1_peaks", _peak, ignored)
    if body.get("batch_id") is not None and batch_id(body) is None:
        ignored.append(_place("batch_id", msg="1 to 64 of A-Za-z0-9-"))
    for entry in ignored:
        log.warning("part left out", extra={"loc": entry["loc"], "reason": entry["msg"]})
    return Read(batch_id(body), Parts(rows), ignored)


def batch_id(body: Object) -> str | None:
    """Return the batch's own name, to be echoed; None where there is none or it is malformed."""
    name = body.get("batch_id")
    return name if _matches(_BATCH_ID, name) else None


def _entries(
    body: Object, name: str, reader: Callable[[Object], Object], ignored: list[Place]
) -> list[Object]:
    entries = body.get(name)
    if entries is None:
        return []
    if type(entries) is not list:
        ignored.append(_place(name, msg="is a list"))
        return []
    rows = []
    for index, entry in enumerate(entries):
        try:
            if type(entry) is not dict:
                raise Malformed("", "is a JSON object")
            rows.append(reader(entry))
        except Malformed as error:
            key, msg = error.place
            loc = [name] if name == "device" else [name, index]
            ignored.append(_place(*loc, *filter(None, [key]), msg=msg))
    return rows


def _place(*loc: str | int, msg: str) -> Place:
    return place("body", *loc, msg=msg, type="ignored")


def _device(entry: Object) -> Object:
    return {
        "serial": _text(entry, "serial"),
        "since_ts": _time(entry, "since_ts"),
        "device_type_code": _count(entry, "device_type_code"),
        "model": _text(entry, "model"),
        "nominal_power_w": _number(entry, "nominal_power_w", 1e9, "watts"),
        "firmware": _text(entry, "firmware"),
        "has_meter": _truth(entry, "has_meter"),
        "has_battery": _truth(entry, "has_battery"),
        "battery_capacity_kwh": _number(entry, "battery_capacity_kwh", 1e6, "kWh"),
        "edge_version": _text(entry, "edge_version"),
    }


def _report(entry: Object) -> Object:
    failed = entry.get("failed", {})
    if type(failed) is not dict or not all(_is_count(count) for count in failed.values()):
        raise Malformed("failed", "an object: reason to count")
    if not all(_is_storable(reason) for reason in failed):
        raise Malformed("failed", "a reason is a short text")
    return {
        "kind": _kind(entry),
        "boot": _required(entry, "boot", _boot),
        "slot": _required(entry, "slot", _time),
        "polled": _required(entry, "polled", _count),
        "failed": Json(failed),
        "waiting": _count(entry, "waiting"),
        "oldest_unsent_ts": _time(entry, "oldest_unsent_ts"),
        "parked": _count(entry, "parked"),
        "clock": _text(entry, "clock"),
        **_condition(entry),
    }


def _condition(entry: Object) -> Object:
    """Return what the edge says of itself; null what it does not say."""
    state = entry.get("spool_state")
    if state not in (None, *_SPOOL_STATES):
        raise Malformed("spool_state", f"one of {', '.join(_SPOOL_STATES)}")
    return {
        "spool_state": state,
        **{name: _figure(entry, name) for name in _FIGURES},
        **{name: _text(entry, name, _LONGEST_ERROR) for name in _ERRORS},
        "upgrading": _truth(entry, "upgrading"),
    }


def _gap(entry: Object) -> Object:
    if not _matches(_CAUSE, entry.get("cause")):
        raise Malformed("cause", "a short word: a-z, 0-9 and _")
    return {
        "kind": _kind(entry),
        "from_ts": _required(entry, "from_ts", _time),
        "to_ts": _required(entry, "to_ts", _time),
        "cause": entry["cause"],
        "count": _count(entry, "count"),
    }


def _parked(entry: Object) -> Object:
    seq = entry.get("seq")
    if type(seq) is not int or not 0 <= seq <= 2**53:
        raise Malformed("seq", "a whole number from 0")
    return {
        "kind": _kind(entry),
        "boot": _required(entry, "boot", _boot),
        "seq": seq,
        "ts": _time(entry, "ts"),
        "reason": _required(entry, "reason", _text),
        # As text, escapes and all: json takes what jsonb refuses, and nothing of it may be lost.
        "content": json.dumps(entry.get("content")),
    }


def _peak(entry: Object) -> Object:
    return {
        "month": _required(entry, "month", _time),
        "peak_ts": _time(entry, "peak_ts"),
        "peak_w": _required(entry, "peak_w", _watts),
    }


def _watts(entry: Object, key: str) -> float | None:
    return _number(entry, key, 400_000, "watts")


def _kind(entry: Object) -> str:
    told = entry.get("kind")
    for kind in KINDS:
        if told == kind or (told is None and kind == KINDS[0]):
            return kind
    raise Malformed("kind", " or ".join(KINDS))


def _required(entry: Object, key: str, reader: Callable[[Object, str], object]) -> object:
    value = reader(entry, key)
    if value is None:
        raise Malformed(key, "is missing")
    return value


def _text(entry: Object, key: str, most: int = _MAX_TEXT) -> str | None:
    value = entry.get(key)
    if value is not None and not _is_storable(value, most):
        raise Malformed(key, f"a text of at most {most} characters")
    return value


def _boot(entry: Object, key: str) -> str | None:
    value = entry.get(key)
    if value is not None and not _matches(_BOOT, value):
        raise Malformed(key, "1 to 32 hex digits")
    return value


def _time(entry: Object, key: str) -> datetime | None:
    if entry.get(key) is None:
        return None
    try:
        return parse_ts(entry[key])
    except ValueError as error:
        raise Malformed(key, str(error)) from error


def _count(entry: Object, key: str) -> int | None:
    value = entry.get(key)
    if value is not None and not _is_count(value):
        raise Malformed(key, "a whole number from 0")
    return value


def _number(entry: Object, key: str, most: float, unit: str) -> float | None:
    value = entry.get(key)
    if value is not None and (type(value) not in (int, float) or not 0 <= value <= most):
        raise Malformed(key, unit)
    return value


def _figure(entry: Object, key: str) -> float | None:
    """Return a number of either sign: a certificate may have ended days ago."""
    value = entry.get(key)
    if value is not None and (type(value) not in (int, float) or abs(value) > _MOST_FIGURE):
        raise Malformed(key, "a number")
    return value


def _truth(entry: Object, key: str) -> bool | None:
    value = entry.get(key)
    if value is not None and type(value) is not bool:
        raise Malformed(key, "true or false")
    return value


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return type(value) is str and pattern.fullmatch(value) is not None


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MAX_COUNT


def _is_storable(value: object, most: int = _MAX_TEXT) -> bool:
    # PostgreSQL's text holds neither NUL nor halves of surrogate pairs.
    if type(value) is not str or len(value) > most or "\0" in value:
        return False
    return not any("\ud800" <= char <= "\udfff" for char in value)
