"""Local days and hours, found by looking at the clock: ``server.api.buckets`` is not used."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

YEAR = 2025
ZONES = (
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Adelaide",
    "America/St_Johns",
    "Australia/Lord_Howe",  # summer time is half an hour
    "America/Havana",  # the clock changes at midnight: one is missing, one comes twice
    "UTC",
)


def midnight(day: date, local: ZoneInfo) -> datetime:
    """Find the first moment of a local day, by its quarter hours."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    while moment.astimezone(local).date() < day:
        moment += timedelta(minutes=15)
    return moment


def notable_days(local: ZoneInfo) -> list[date]:
    """Return the days that have not 24 hours, or one of July where there are none."""
    days = [date(YEAR, 1, 2) + timedelta(days=n) for n in range(360)]
    odd = [d for d in days if length(d, local) != timedelta(days=1)]
    return odd or [date(YEAR, 7, 10)]


def length(day: date, local: ZoneInfo) -> timedelta:
    return midnight(day + timedelta(days=1), local) - midnight(day, local)


def clock_hour(ts: datetime, local: ZoneInfo) -> tuple:
    there = ts.astimezone(local)
    return there.date(), there.hour, there.utcoffset()


def next_month(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)
