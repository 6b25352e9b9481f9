"""A year of a sound roof, judged by ``string_dead``: no false alarm; and a dead string is told.

In steps of five minutes, with the simulator's planes, horizons, clouds and trackers.
"""

from collections import defaultdict, deque
from datetime import UTC, datetime, timedelta

import pytest

from edge_lib.simulator.roof import HORIZONS, Plane
from server.alerts.evidence import Evidence, House, slot_of
from server.alerts.hours import Hours, Minute, Numbers
from server.alerts.rules.strings import OF_HOUSE
from server.roof.rows import FiveMinutes
from tests.server.test_alert_rules import minute
from tests.support.roof_life import SLOT_S, Life, live

pytestmark = pytest.mark.slow  # simulated years

SOUTH, EAST, WEST = Plane(3.0, 35, 180), Plane(3.0, 35, 90), Plane(2.0, 35, 270)
FLAT, WALL = Plane(1.2, 10, 120), Plane(3.0, 90, 200)
DEAD = OF_HOUSE[0]
FOR = timedelta(seconds=DEAD.for_s)
_DAYS, _LEAST_DAYS, _QUANTILE = 14, 5, 0.9  # as alerts-strings.sql


class Judge:
    """Judges a house five minutes after five minutes, as the alerter would."""

    def __init__(self) -> None:
        self._days: dict[int, deque[Numbers]] = defaultdict(lambda: deque(maxlen=_DAYS))
        self._usual: dict[datetime, Numbers] = {}
        self._hours = Hours()
        self.told: list[tuple[datetime, str]] = []

    def see(self, row: FiveMinutes) -> None:
        at = datetime.fromtimestamp(row.bucket_s, UTC)
        own = {one.string: one for one in row.strings}
        watts = tuple(own[k].power_w if k in own else None for k in (1, 2, 3, 4))
        volts = tuple(own[k].voltage_v if k in own else None for k in (1, 2, 3, 4))
        days = self._days[row.bucket_s // SLOT_S % 288]
        self._usual[at] = tuple(_usual([day[k] for day in days]) for k in range(4))
        days.append(watts)
        self._hours.add(_minute(at, watts, volts, row))
        self._hours.forget_before(at - timedelta(hours=1))
        self._usual = {slot: w for slot, w in self._usual.items() if slot > at - 2 * FOR}
        seen = Evidence(at + timedelta(minutes=5), House("home"), hours=self._hours)
        seen.usual_w = self._usual
        for one in DEAD.check(seen, frozenset()) or ():
            if one.since and at + timedelta(minutes=5) - one.since >= FOR:
                self.told.append((at, one.key))


def _usual(values: list[float | None]) -> float | None:
    known = sorted(value for value in values if value is not None)
    if len(known) < _LEAST_DAYS:
        return None
    place = _QUANTILE * (len(known) - 1)
    low = int(place)
    return known[low] + (known[min(low + 1, len(known) - 1)] - known[low]) * (place - low)


def _minute(at: datetime, watts: Numbers, volts: Numbers, row: FiveMinutes) -> Minute:
    grid_w = None if row.export_w is None else abs(row.export_w)
    more = {"soc_min": row.soc_pct, "soc_max": row.soc_pct, "grid_w_max": grid_w}
    end = at + timedelta(minutes=4, seconds=55)
    return minute(slot_of(at), last_ts=end, string_w=watts, string_v=volts, **more)


def judged(life: Life) -> list[tuple[datetime, str]]:
    judge = Judge()
    for row in live(life).rows:
        judge.see(row)
    return judge.told


def long(*values: object) -> object:
    return pytest.param(*values, marks=pytest.mark.long)


@pytest.mark.parametrize(
    ("planes", "horizon", "clouds", "days"),
    [
        ((EAST, WEST), "tree", "mixed", 40),
        long((EAST, WEST), "tree", "mixed", 365),
        long((EAST, WEST), "none", "broken", 365),
        long((SOUTH, FLAT), "ridge", "mixed", 365),
        long((SOUTH, WALL), "chimney", "clear", 365),
        long((EAST, SOUTH, WEST, FLAT), "ridge", "greensboro", 365),
        long((EAST, WEST), "ridge", "sand_point", 365),
        long((EAST, WALL), "tree", "overcast", 365),
    ],
)
def test_a_sound_roof_is_never_told_of(planes, horizon, clouds, days):
    assert judged(Life(planes, HORIZONS[horizon], clouds, days=days)) == []


@pytest.mark.parametrize("day", [20, long(25), long(30), long(35)])
def test_a_string_that_dies_at_noon_is_told_the_same_day(day):
    died = Life((EAST,)).born + timedelta(days=day, hours=12)
    broken = EAST._replace(dead=((died.timestamp(), died.timestamp() + 86_400),))
    told = judged(Life((broken, WEST), HORIZONS["tree"], "mixed", days=day + 1))
    assert {key for _, key in told} == {"1"}
    # Five minutes are judged at their end, and the first of them is dead to its whole.
    assert timedelta(minutes=25) <= told[0][0] - died <= timedelta(minutes=35)
