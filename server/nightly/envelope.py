"""What the panels bring on a clear day, by the house's own history (``sungrow_envelope``).

For each day of the year and five minutes of it, both UTC, the 95th percentile of the means of the
same five minutes within ten days of that day, in all years; where fewer than ten of those days have
readings for nine tenths of the five minutes, none.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function
from psycopg2.extras import execute_values

from server.database.connection import one_row
from server.database.pool import query
from server.nightly.days import Day

DAYS_OF_YEAR, SLOTS = 366, 288
WITHIN_DAYS, LEAST_DAYS = 10, 10
SHARE = 0.95
_AT_ONCE = 30  # days of the year: with those around them some ten thousand five minutes a year
_DAY = timedelta(days=1)
_REPLACED = "DELETE FROM sungrow_envelope WHERE device_id = %s AND day_of_year = ANY (%s)"
_INSERT = "INSERT INTO sungrow_envelope (device_id, day_of_year, slot, pv_w, n_days) VALUES %s"
# By day of the year and slot.
Means = dict[int, dict[int, list[float]]]


def run(cursor: Cursor, device_id: str, days: list[Day]) -> str:
    """Compute the days of the year again in whose reach one of these days is."""
    touched = {utc.timetuple().tm_yday for one in days for utc in one.utc_dates()}
    wanted = sorted({near for day in touched for near in around(day)})
    years = _years(cursor, device_id)
    remaining = iter(wanted)
    while part := list(islice(remaining, _AT_ONCE)):
        means = _means(cursor, device_id, years, {near for day in part for near in around(day)})
        cursor.execute(_REPLACED, (device_id, part))
        rows = ((device_id, *row) for day in part for row in of_day(means, day))
        execute_values(cursor, _INSERT, rows, page_size=1000)
    return f"{len(wanted)} days of the year"


def around(day: int) -> list[int]:
    """Return the days of the year within reach of one, the circle closed."""
    reach = range(day - WITHIN_DAYS, day + WITHIN_DAYS + 1)
    return [(other - 1) % DAYS_OF_YEAR + 1 for other in reach]


def of_day(means: Means, day: int) -> Iterator[tuple[int, int, float | None, int]]:
    """Return the rows of one day of the year: day, slot, power, and from how many days."""
    known = [means[near] for near in around(day) if near in means]
    for slot in range(SLOTS):
        values = sorted(value for slots in known if slot in slots for value in slots[slot])
        if values:
            yield day, slot, _percentile(values), len(values)


def _percentile(values: list[float]) -> float | None:
    """Return the 95th percentile of rising values, between the two nearest of them."""
    if len(values) < LEAST_DAYS:
        return None
    place = SHARE * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def _years(cursor: Cursor, device_id: str) -> range:
    cursor.execute(
        "SELECT min(bucket), max(bucket) FROM sungrow_5min WHERE device_id = %s", (device_id,)
    )
    first, last = one_row(cursor)
    return range(first.year, last.year + 1) if first else range(0)


def _means(cursor: Cursor, device_id: str, years: Iterable[int], days: set[int]) -> Means:
    spans = list(_spans(years, days))
    asked = {"starts": [first for first, _ in spans], "ends": [end for _, end in spans]}
    cursor.execute(query("nightly-means"), {"device_id": device_id, **asked})
    means: Means = defaultdict(lambda: defaultdict(list))
    while rows := cursor.fetchmany(10_000):
        for day, slot, mean_w in rows:
            means[day][slot].append(mean_w)
    return means


def _spans(years: Iterable[int], days: set[int]) -> Iterator[tuple[datetime, datetime]]:
    """Return when these days of the year were, UTC, in ranges as long as can be."""
    begun: date | None = None
    for year in years:
        new_year = date(year, 1, 1)
        for number in range(DAYS_OF_YEAR + 1):
            day = new_year + number * _DAY
            is_in = day.year == year and number + 1 in days
            if is_in and begun is None:
                begun = day
            elif begun is not None and not is_in:
                yield _midnight(begun), _midnight(day)
                begun = None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
