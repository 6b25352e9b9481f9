"""A house with a past, for the page to show: months of readings, and holes with their causes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from psycopg2.extras import Json

from edge_lib.dongle.decode import decode
from edge_lib.simulator.household import Household
from tests.support.readings import connected, rows, store

ZONE = "Europe/Berlin"
COUNTERS = (
    "pv_total_kwh",
    "total_import_kwh",
    "total_export_kwh",
    "battery_total_charge_kwh",
    "battery_total_discharge_kwh",
)
STEP = timedelta(minutes=5)
OFTEN = timedelta(seconds=10)
QUARTER = timedelta(minutes=15)
POLLS = 180  # of a quarter hour
REPORT = (
    "INSERT INTO sungrow_reports (device_id, boot, slot, polled, failed, waiting, parked, clock,"
    " received_at) VALUES (%s, %s, %s, %s, %s, 0, 0, 'synchronised', %s)"
    " ON CONFLICT DO NOTHING"
)


class Hole(NamedTuple):
    """A time without readings; ``failed`` is why, as the edge reports; None: it is silent."""

    start: datetime
    end: datetime
    failed: str | None = None

    def covers(self, ts: datetime) -> bool:
        return self.start <= ts < self.end


class Life(NamedTuple):
    """A stretch of a house's life, and how its edge polled.

    ``grown_kwh``: its counters before. ``metered``: when its grid meter came; None: always there.
    ``often``: since when it polls as often as an edge does; None: never.
    """

    start: datetime
    until: datetime
    step: timedelta = STEP
    holes: tuple[Hole, ...] = ()
    zone: str = ZONE
    grown_kwh: float = 0.0
    boot: str = "b007"
    metered: datetime | None = None
    often: datetime | None = None


def live(url: str, device_id: str, life: Life) -> int:
    """Store the readings of a house, and the reports of its edge; return the number of readings."""
    found = [s for s in samples(life) if not any(hole.covers(s["ts"]) for hole in life.holes)]
    for number, sample in enumerate(found, 1):
        sample["seq"] = number
    with connected(url) as connection:
        for begin in range(0, len(found), 5000):
            store(connection, device_id, found[begin : begin + 5000])
        with connection, connection.cursor() as cursor:
            cursor.executemany(REPORT, list(reports(device_id, life)))
    return len(found)


def samples(life: Life) -> Iterator[dict]:
    """Return what the edge would have read."""
    # In UTC: a step added to a local time would leave out the hour that clocks show twice.
    house, at = Household(life.start, tz=ZoneInfo(life.zone)), life.start.astimezone(UTC)
    step = life.step
    while at + step <= life.until:
        house.advance(at)
        house.has_meter = life.metered is None or at >= life.metered
        # The document's numbers are the wire addresses plus one.
        values = decode({address + 1: word for address, word in house.words().items()}).values
        for name in COUNTERS:
            if values[name] is not None:
                values[name] += life.grown_kwh
        beside = {"interval_s": step.total_seconds(), "boot": life.boot, "ts_src": 0}
        yield {"ts": at, **values, **beside}
        at += step
        step = OFTEN if life.often and at >= life.often else step


def reports(device_id: str, life: Life) -> Iterator[tuple]:
    """Return what the edge would have reported of each quarter hour in which it ran."""
    slot = life.start.astimezone(UTC)
    slot = slot.replace(minute=slot.minute // 15 * 15, second=0, microsecond=0)
    while slot < life.until:
        failed = {hole.failed: POLLS for hole in life.holes if hole.covers(slot)}
        if None not in failed:
            heard = min(slot + QUARTER, life.until)
            yield device_id, life.boot, slot, POLLS, Json(failed), heard
        slot += QUARTER


def zone_where_it_is(hour: int, now: datetime) -> str:
    """Return a zone whose clocks show this hour."""
    ahead = (hour - now.astimezone(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def midnight(now: datetime, zone: str) -> datetime:
    """Return the start of the local day."""
    return now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)


def describe(url: str, device_id: str, *, has_meter: bool | None = True) -> None:
    """Store the facts of the device."""
    with connected(url) as connection:
        rows(
            connection,
            "INSERT INTO sungrow_devices (device_id, serial, device_type_code, model,"
            " nominal_power_w, firmware, has_meter, has_battery, edge_version)"
            " VALUES (%s, 'A2290412345', 3343, 'SH4.0RS', 4000, 'SAPPHIRE-H_01011.01.36',"
            " %s, true, '0.1.0')",
            device_id,
            has_meter,
        )
