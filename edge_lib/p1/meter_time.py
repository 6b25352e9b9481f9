"""The times that a meter tells, with the offset that they lack. Pure; the simulator's, too.

A meter of the Netherlands, Belgium or Luxembourg shows Central European time: its ``S`` (summer)
is +02:00 and its ``W`` (winter) +01:00, which also tells the two 02:30 of the doubled hour apart.
Where neither is told (DSMR 2 and 3, HomeWizard), the rule of the European Union says which it is:
summer from the last Sunday of March to the last of October, 01:00 UTC.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

_WINTER, _SUMMER = timezone(timedelta(hours=1)), timezone(timedelta(hours=2))
_TOLD = {"S": _SUMMER, "W": _WINTER}
_DIGITS = re.compile(r"(\d{12})([SW]?)", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
_FIRST_YEAR_OF_NOTHING = 70  # two digits: a meter that knows no time sends 1970


def meter_time(text: str, near: datetime) -> datetime | None:
    """Return the time of ``YYMMDDhhmmssX``, aware; None where it is not one.

    Args:
        text: ``X`` is S, W or missing.
        near: aware; of two times that a text without S and W may mean, the nearer one is meant.
    """
    found = _DIGITS.fullmatch(text)
    if not found or int(text[:2]) >= _FIRST_YEAR_OF_NOTHING:
        return None
    try:
        local = datetime.strptime(f"20{found[1]}", "%Y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        return None
    return local.replace(tzinfo=_TOLD[found[2]]) if found[2] else _in_central_europe(local, near)


def iso_time(text: str, near: datetime) -> datetime | None:
    """Return the time of ``2026-11-23T12:00:05``, as ``meter_time``."""
    if not _ISO.fullmatch(text):
        return None
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _in_central_europe(local, near) if local.year > 1970 else None


def central_europe(at: datetime) -> datetime:
    """Return the same moment with the offset that a meter shows it with."""
    return at.astimezone(_SUMMER if _is_summer(at) else _WINTER)


def _in_central_europe(local: datetime, near: datetime) -> datetime:
    candidates = [local.replace(tzinfo=zone) for zone in (_SUMMER, _WINTER)]
    valid = [at for at in candidates if _is_summer(at) == (at.tzinfo is _SUMMER)]
    # An hour that is left out in spring: the meter has not noticed yet.
    return min(valid or candidates[1:], key=lambda at: abs(at - near))


def _is_summer(at: datetime) -> bool:
    return _last_sunday(at.year, 3) <= at < _last_sunday(at.year, 10)


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=last.isoweekday() % 7)
