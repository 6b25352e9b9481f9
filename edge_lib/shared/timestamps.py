"""Times as the contract writes them: RFC 3339 in UTC to the microsecond, and as microseconds."""

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"
    r"([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


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
