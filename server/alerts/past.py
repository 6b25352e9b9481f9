"""The evidence of past minutes, one after the other, each as it was known then.

What is stored has the time at which it arrived, so an outage of the line can be told from a house
that was silent. What the edge reported of itself is not kept minute by minute: rules that need it
cannot speak of the past.
"""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.alerts.evidence import Evidence, House, Sunset, slot_of
from server.alerts.gather import (
    asks_for_nights,
    asks_for_strings,
    asks_for_the_day,
    minute_of,
    rows,
    silent_nights,
    sunset,
    usual_strings,
)
from server.alerts.hours import KEPT, MINUTE, Hours, Minute, Quarters

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_BEFORE = timedelta(hours=26)  # a day of quarter hours, and where they begin


class _Piece(NamedTuple):
    """Something that arrived: readings of a minute, or the newest ``ts`` of the grid meter."""

    known_at: datetime
    number: int
    device_id: str
    minute: Minute | None
    p1_ts: datetime | None


class Past:
    """The past of some houses, from one moment to another.

    Args:
        cursor: to ask the database with, as long as it goes on.
        houses: which.
        first: the first moment, a whole minute.
        end: before it the last moment is.
        by_ts: take each reading as if it had arrived at once; else as it arrived.
    """

    def __init__(
        self,
        cursor: Cursor,
        houses: Sequence[House],
        first: datetime,
        end: datetime,
        by_ts: bool = False,
    ):
        self._cursor, self._first, self._end, self._by_ts = cursor, first, end, by_ts
        self._houses = {house.device_id: _Lived(cursor, house, first) for house in houses}
        self._coming: list[_Piece] = []
        self._numbers = itertools.count()
        self._loaded = first - _BEFORE

    def minutes(self) -> Iterator[tuple[datetime, list[Evidence]]]:
        """Return each moment with the evidence of all houses."""
        moment = self._first
        while moment < self._end:
            self._load(moment)
            while self._coming and self._coming[0].known_at <= moment:
                piece = heapq.heappop(self._coming)
                self._houses[piece.device_id].add(piece)
            yield moment, [lived.at(moment) for lived in self._houses.values()]
            moment += MINUTE

    def _load(self, moment: datetime) -> None:
        while self._loaded <= moment:
            span = {"device_ids": list(self._houses), "first": self._loaded}
            self._loaded += _DAY
            span |= {"end": self._loaded, "known": max(self._end, self._loaded)}
            if self._by_ts:
                span["known"] = datetime.max.replace(tzinfo=self._end.tzinfo)
            for row in rows(self._cursor, "alerts-minutes", {**span, "by_arrival": True}):
                device_id, minute = minute_of(row)
                self._push(device_id, minute.last_ts, minute.received_at, minute, None)
            for row in rows(self._cursor, "alerts-p1-minutes", span):
                self._push(row["device_id"], row["ts"], row["received_at"], None, row["ts"])

    def _push(
        self,
        device_id: str,
        ts: datetime,
        received_at: datetime,
        minute: Minute | None,
        p1_ts: datetime | None,
    ) -> None:
        arrived = ts if self._by_ts else received_at
        if minute and self._by_ts:
            minute = minute._replace(received_at=ts)
        piece = _Piece(arrived, next(self._numbers), device_id, minute, p1_ts)
        heapq.heappush(self._coming, piece)


class _Lived:
    """One house, as far as it has been lived through again."""

    def __init__(self, cursor: Cursor, house: House, first: datetime):
        self._cursor, self._house = cursor, house
        asked = {"device_id": house.device_id, "at": first - _BEFORE}
        (before,) = rows(cursor, "alerts-before", asked)
        self._newest: datetime | None = before["ts"]
        self._received: datetime | None = before["received_at"]
        self._p1_newest: datetime | None = before["p1_ts"]
        self._hours, self._quarters = Hours(), Quarters()
        self._boots: dict[str, datetime] = {}
        self._soh: list[tuple[datetime, float]] = []
        self._soh_known_since = first - _BEFORE
        self._asked: dict[str, tuple[Any, Any]] = {}

    def add(self, piece: _Piece) -> None:
        """Take account of what arrived."""
        if piece.p1_ts:
            self._p1_newest = max(self._p1_newest or piece.p1_ts, piece.p1_ts)
        if (minute := piece.minute) is None:
            return
        self._hours.add(minute)
        self._quarters.add(minute)
        if self._newest is None or minute.last_ts > self._newest:
            self._newest, self._received = minute.last_ts, minute.received_at
        slot = minute.start.replace(minute=minute.start.minute // 15 * 15)
        for boot in minute.boots:
            self._boots[boot] = max(slot, self._boots.get(boot, slot))
        if minute.soh is not None and (not self._soh or self._soh[-1][1] != minute.soh):
            self._soh.append((minute.last_ts, minute.soh))

    def at(self, moment: datetime) -> Evidence:
        """Return the evidence of a moment."""
        self._hours.forget_before(moment - KEPT)
        self._boots = {boot: at for boot, at in self._boots.items() if at > moment - _DAY}
        seen = Evidence(
            now=moment,
            house=self._house,
            newest=self._newest,
            newest_received=self._received,
            hours=self._hours,
            quarters=self._quarters.since(moment - _DAY),
            p1_newest=self._p1_newest,
            soh_week_ago=self._soh_at(moment - _WEEK),
            boots=len(self._boots),
            knows_reports=False,
        )
        if asks_for_nights(seen):
            seen.silent_nights = self._once(
                "nights", moment.date(), lambda: silent_nights(self._cursor, seen)
            )
        if asks_for_the_day(seen):
            seen.sunset = self._sunset(seen)
        if asks_for_strings(seen):
            seen.usual_w = self._once(
                "strings", slot_of(moment), lambda: usual_strings(self._cursor, seen)
            )
        return seen

    def _sunset(self, seen: Evidence) -> Sunset | None:
        day = seen.now.astimezone(self._house.zone).date()
        found: Sunset | None = self._once("day", day, lambda: sunset(self._cursor, seen))
        return found

    def _soh_at(self, moment: datetime) -> float | None:
        if self._house.has_battery is False:
            return None
        if moment >= self._soh_known_since and self._soh and self._soh[0][0] <= moment:
            while len(self._soh) > 1 and self._soh[1][0] <= moment:
                del self._soh[0]
            return self._soh[0][1]
        asked = {"device_id": self._house.device_id, "at": moment}
        hour = moment.replace(minute=0)
        found: float | None = self._once(
            "soh", hour, lambda: rows(self._cursor, "alerts-before", asked)[0]["soh"]
        )
        return found

    def _once(self, what: str, key: Any, ask: Any) -> Any:
        """Return the answer to a question that is asked once a day or an hour."""
        last, answer = self._asked.get(what, (None, None))
        if last != key:
            answer = ask()
            self._asked[what] = key, answer
        return answer
