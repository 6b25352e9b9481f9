"""``GET /v1/referee``: the inverter's meter held against the utility's (P1), in figures and text.

Days are read one after the other, seven of them twice, and none is kept: a day of 5 s samples and
1 s P1 rows costs the worker and the database 0.15 s of CPU each, and 55 MB. One such request at a
time in each worker, and nobody waits for it, so that its other threads go on.
"""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, request

from server.api import buckets, query_args
from server.api.errors import Refused
from server.api.responses import json_answer
from server.database.pool import RETRY_AFTER_S, Database, Row
from server.p1 import history, peaks
from server.p1 import months as peaks_of_months
from server.referee import sentences
from server.referee.judge import judge
from server.referee.sentences import Sentence
from server.referee.stored import Span, Stored, house

blueprint = Blueprint("referee", __name__)
DAYS, MOST_DAYS = 7, 31
_AN_HOUR = timedelta(hours=1)  # more or less in so many local days, where their clock changes
_QUARTER = buckets.WIDTHS["15m"]
_turn = threading.BoundedSemaphore(1)


@blueprint.get("/v1/referee")
def referee() -> Response:
    """Return what the days from ``from`` on and before ``to`` show; by default the last 7 whole.

    Raises:
        Refused: 401, 403; 422 no such range, or more than 31 days; 503 another one is computed.
        DatabaseAway: 503.
    """
    device_id = query_args.readable_device("from", "to")
    database = current_app.extensions["db"]
    known = house(database, device_id)
    zone = query_args.stored_zone(known.timezone, device_id)
    first, end = _range(zone)
    if not _turn.acquire(blocking=False):
        detail = "another comparison is being computed; try again"
        raise Refused(503, detail, {"Retry-After": str(RETRY_AFTER_S)})
    try:
        spans = list(_spans(first, min(end, datetime.now(UTC)), zone))
        verdict = judge(Stored(database, device_id, spans), known.lag_s)
        capacity = _capacity(database, device_id, first, end)
    finally:
        _turn.release()
    said = sentences.sentences(verdict, device_id, known.lag_s)
    said += [one for month in capacity for one in _of_a_peak(**month)]
    return json_answer(
        device_id=device_id,
        timezone=known.timezone,
        **{"from": _local(first, zone), "to": _local(end, zone)},
        stored_lag_s=known.lag_s,
        figures={name: one.written() for name, one in verdict.figures.items()},
        phases=dict(zip(("l1", "l2", "l3"), verdict.phases, strict=True)),
        days=[{**day._asdict(), "date": day.date.isoformat()} for day in verdict.days],
        capacity=capacity,
        text=[one._asdict() for one in said],
    )


def _range(zone: ZoneInfo) -> tuple[datetime, datetime]:
    today = datetime.now(zone).date()
    end = _moment("to", zone) or buckets.midnight(today, zone)
    last = (end - timedelta(microseconds=1)).astimezone(zone).date()
    first = _moment("from", zone) or buckets.midnight(last - timedelta(days=DAYS - 1), zone)
    if not timedelta(0) < end - first <= timedelta(days=MOST_DAYS) + _AN_HOUR:
        raise query_args.wrong("to", f"after from, by at most {MOST_DAYS} days", "range")
    return first, end


def _moment(name: str, zone: ZoneInfo) -> datetime | None:
    if name not in request.args:
        return None
    return _QUARTER.floor(query_args.local_moment(name, zone), zone)


def _spans(first: datetime, end: datetime, zone: ZoneInfo) -> Iterator[Span]:
    """Return the local days between, cut at both ends, in whole quarter hours."""
    end = _QUARTER.floor(end, zone)
    while first < end:
        day = first.astimezone(zone).date()
        after = min(buckets.WIDTHS["1d"].after(buckets.midnight(day, zone), zone), end)
        yield Span(day, first, after)
        first = after


def _capacity(database: Database, device_id: str, first: datetime, end: datetime) -> list[Row]:
    """Return the peaks of the months of a range, as far as anything is known of them."""
    meter, now = history.meter(database, device_id), history.now()
    if meter.first_ts is None:
        return []
    last = min(end - timedelta(microseconds=1), now).astimezone(meter.zone).date()
    months = [first.astimezone(meter.zone).date().replace(day=1)]
    while (following := buckets.next_month(months[-1])) <= last:
        months.append(following)
    found = peaks_of_months.judged(database, meter, months, now)
    return [one for one in found if one["peak"] or one["meter"]]


def _of_a_peak(month: str, peak: Row | None, meter: Row | None) -> Iterator[Sentence]:
    name = f"{date.fromisoformat(f'{month}-01'):%B %Y}"
    if meter is None or meter["agreement"] is None:
        return
    ours_w, meter_w = peak and peak["avg_power_w"], meter["peak_w"]
    values = {"month": month, "agreement": meter["agreement"]}
    values |= {"ours_w": ours_w, "meter_w": meter_w}
    s_own = f"he meter's own peak of {name}, {meter_w / 1000:.2f} kW,"
    if meter["agreement"] == "agrees":
        text = f"Our highest quarter hour agrees with t{s_own} within {peaks.AGREES_W:.0f} W."
    elif meter["agreement"] == "not_measured":
        text = f"T{s_own} is of a quarter hour that was not read."
    else:
        text = (
            f"Our highest quarter hour is {(ours_w or 0) / 1000:.2f} kW, beside t{s_own} which "
            "counts: the meter was not read close enough to the ends of that quarter hour."
        )
    yield Sentence("capacity", values, text)


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat()
