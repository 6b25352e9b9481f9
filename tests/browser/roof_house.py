"""What a night may have found out of a roof, stored as the nightly job stores it."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from math import cos, pi, sin
from random import Random
from typing import Any, NamedTuple

from psycopg2.extras import Json, execute_values

from edge_lib.shared.command_names import server_command
from edge_lib.shared.sun import position
from tests.support.readings import connected, reading, rows, store

PLACE = (51.2, 4.4)
WIDE, HIGH, LEAST = 5.0, 2.5, 3.0
PERIODS = ("all", "last60", "last60_before")
CAUSES = (
    "clipping", "export_limit", "full_battery", "derating", "dispatch", "voltage", "outage"
)  # fmt: skip
NO_REASON = {"reason": None, "reason_text": None, "reason_values": {}}
Sky = Callable[[float, float], float]  # of azimuth and elevation


def why(code: str, text: str = "in English", **values: float) -> dict[str, Any]:
    """Return how an answer says that something is not known."""
    return {"reason": code, "reason_text": text, "reason_values": values}


def clear(_azimuth: float, _elevation: float) -> float:
    return 0.97


def tree(azimuth: float, elevation: float) -> float:
    """Return what is left behind a tree in the east and a house in the south-west."""
    if 95 <= azimuth < 130 and elevation < 25:
        return 0.3 if elevation < 17.5 else 0.62
    if 230 <= azimuth < 250 and elevation < 15:
        return 0.18
    return 0.94 + 0.04 * sin(azimuth + elevation)


class Bin(NamedTuple):
    """A row of sungrow_shade_bins, without device and string."""

    period: str
    azimuth_deg: float
    elevation_deg: float
    n: int
    days: int
    performance: float | None
    contrast: float | None
    state: str
    last_seen: date


def bins(period: str, now: datetime, days: int, gives: Sky) -> Iterator[Bin]:
    """Return what a string gave with the sun in each bin, in the days before ``now``."""
    for (azimuth, elevation), moments in _seen(now, days).items():
        n, on = 2 * len(moments), len({ts.date() for ts in moments})
        value = gives(azimuth, elevation)
        state = "shaded" if value < 0.75 else "partly" if value < 0.9 else "clear"
        if n < 12:
            yield Bin(period, azimuth, elevation, n, on, None, None, "too_few", moments[0].date())
        else:
            contrast = 0.4 if state == "shaded" else None
            yield Bin(period, azimuth, elevation, n, on, value, contrast, state, moments[0].date())


@cache
def _seen(now: datetime, days: int) -> dict[tuple[float, float], list[datetime]]:
    """Return when the sun was in each bin."""
    seen: dict[tuple[float, float], list[datetime]] = {}
    for back in range(0, days, 1 if days < 90 else 3):
        begin = (now - timedelta(days=back)).replace(hour=0, minute=0)
        for step in range(0, 1440, 15):
            ts = begin + timedelta(minutes=step)
            sun = position(ts.timestamp(), *PLACE)
            if sun.elevation_deg > LEAST and ts < now:
                key = sun.azimuth_deg // WIDE * WIDE, sun.elevation_deg // HIGH * HIGH
                seen.setdefault(key, []).append(ts)
    return seen


def a_string(string: int, count: int, **changes: Any) -> dict[str, Any]:
    """Return what is known of one string of ``count``."""
    usual = 1 / count
    lone = {"value": None, "usual": None, "low": None, "high": None, "since": None}
    share = {"value": usual, "usual": usual, "low": usual - 0.02, "high": usual + 0.02}
    return {
        "string": string,
        "name": None,
        "plane": {"tilt_deg": 35, "azimuth_deg": 170, "kwp": 2.6, "source": "set",
                  "clear_sky_scale": 2.55},
        "suggestion": {"tilt_deg": 33, "azimuth_deg": 172, "days": 212},
        "warnings": [],
        "share": lone | why("one_string") if count < 2 else share | {"since": None} | NO_REASON,
        "shade_loss": {"kwh": 0.0, "kind": "exact", "from": None, "to": None} | NO_REASON,
        "soiling": {"pct": None, "since": None} | why("no_rain"),
        "trend": {"pct_year": None, "low": None, "high": None, "years": None}
        | why("too_short", months=13, needed=24),
        "dead": None,
        "map": {"days": 365, "days_missing": 0, "seen_bins": 640, "shaded_bins": 0,
                "partly_bins": 0, "unsettled": False, "words": []},
        **changes,
    }  # fmt: skip


SHADED = {
    "days": 365, "days_missing": 0, "seen_bins": 640, "shaded_bins": 44, "partly_bins": 6,
    "unsettled": False,
    "words": [
        {"azimuth_from_deg": 95, "azimuth_to_deg": 130, "elevation_to_deg": 25, "kind": "shade"},
        {"azimuth_from_deg": 230, "azimuth_to_deg": 250, "elevation_to_deg": 15, "kind": "new"},
    ],
}  # fmt: skip


def a_result(now: datetime, strings: list[dict], **changes: Any) -> dict[str, Any]:
    """Return the answer of /v1/roof for these strings, after a year."""
    return {
        "place": {"latitude": PLACE[0], "longitude": PLACE[1]},
        "export_limit_w": None,
        **NO_REASON,
        "days": 365,
        "days_missing": 0,
        "warnings": [],
        "strings": strings,
        "share_by_day": [],
        "losses_by_month": list(losses(now, [one["string"] for one in strings])),
        "events": [],
        **changes,
    }


def losses(now: datetime, strings: list[int]) -> Iterator[dict[str, Any]]:
    """Return two years of losses; what shade took of the first months is not known."""
    for back in range(24):
        at = now.year * 12 + now.month - 1 - back
        summer = max(0.0, cos((at % 12 - 5.5) / 6 * pi))
        for string in strings:
            kwh = dict.fromkeys((f"{cause}_kwh" for cause in CAUSES), 0.0)
            kwh |= {"clipping_kwh": 9 * summer, "outage_kwh": None, "voltage_kwh": None}
            shade = None if back > 20 else 2.0 + 3 * summer if string == 1 else 0.0
            yield {"month": f"{at // 12}-{at % 12 + 1:02}", "string": string, "shade_kwh": shade,
                   "shade_kind": "at_least" if len(strings) < 2 else "exact"} | kwh  # fmt: skip


def shares(now: datetime, count: int, drop: float, days: int = 365) -> Iterator[dict[str, Any]]:
    """Return the share of each string, day by day; the first one falls for good by ``drop``."""
    chance = Random(4)
    for back in range(days, 0, -1):
        day = (now - timedelta(days=back)).date().isoformat()
        for string in range(1, count + 1):
            off = -drop if string == 1 and back < 46 else drop / 2 if back < 46 else 0.0
            ratio = 1 + off + chance.uniform(-0.015, 0.015)
            share = {"share": ratio / count, "expected": 1 / count}
            yield {"day": day, "string": string, **share, "ratio7": ratio}


def two_strings(now: datetime) -> tuple[dict, dict[int, Sky]]:
    """Return two strings after a year: one with a tree before it, which lately gives less."""
    since = (now - timedelta(days=45)).date().isoformat()
    less = {"value": 0.45, "usual": 0.5, "low": 0.48, "high": 0.52, "since": since} | NO_REASON
    loss = {"kwh": 61.4, "kind": "exact", "from": None, "to": None} | NO_REASON
    trend = {"pct_year": -3.1, "low": -4.0, "high": -2.2, "years": 3} | NO_REASON
    fades = {"id": "fades", "values": {"pct_year": -3.1}, "text": "in English"}
    warned = {"id": "azimuth_contradicts", "values": {"fitted_deg": 172}, "text": "in English"}
    east = a_string(1, 2, name="East", share=less, shade_loss=loss, map=SHADED, trend=trend)
    east["warnings"] = [fades]
    other = a_string(2, 2, name="Garage", warnings=[warned])
    other["plane"] = {"tilt_deg": 35, "azimuth_deg": 250, "kwp": None, "source": "set"}
    events = [
        {"id": "share_step", "string": 1, "from": since, "to": None, "value": -0.1, "values": {}},
        {"id": "new_shade", "string": 1, "from": since, "to": None, "value": 3,
         "values": {"bins": 3}},
    ]  # fmt: skip
    events = [{**one, "text": "in English"} for one in events]
    found = a_result(now, [east, other], events=events, share_by_day=list(shares(now, 2, 0.1)))
    return found, {1: tree, 2: clear}


def one_string(now: datetime) -> tuple[dict, dict[int, Sky]]:
    """Return one string after a year, with a tree before it."""
    loss = {"kwh": 41.2, "kind": "at_least", "from": None, "to": None} | NO_REASON
    return a_result(now, [a_string(1, 1, shade_loss=loss, map=SHADED)]), {1: tree}


def four_strings(now: datetime) -> tuple[dict, dict[int, Sky]]:
    """Return four strings after a year, one of them dead since yesterday."""
    strings = [a_string(n, 4) for n in (1, 2, 3, 4)]
    strings[0] |= {"map": SHADED, "name": "House, east side above the kitchen"}
    strings[3]["dead"] = {"since": (now - timedelta(days=1)).date().isoformat()}
    found = a_result(now, strings, share_by_day=list(shares(now, 4, 0.0)))
    return found, {1: tree, 2: clear, 3: clear, 4: clear}


def a_week(now: datetime) -> tuple[dict, dict[int, Sky]]:
    """Return two strings after a week: nothing is settled, and no orientation is set."""
    few = why("too_few_days", days=6, missing=24)
    early = {"days": 6, "days_missing": 24, "seen_bins": 9, "shaded_bins": 0, "partly_bins": 0}
    strings = [
        a_string(n, 2, map=early | {"unsettled": True, "words": []}, suggestion=None)
        for n in (1, 2)
    ]
    for one in strings:
        one["share"] |= {"value": None} | few
        one["shade_loss"] |= {"kwh": None} | few
        one["plane"] = dict.fromkeys(("tilt_deg", "azimuth_deg", "kwp", "source"))
    lacking = {"days": 6, "days_missing": 24, "losses_by_month": []} | few
    return a_result(now, strings, **lacking), {1: clear, 2: clear}


def no_place(now: datetime) -> tuple[dict, dict[int, Sky]]:
    """Return two strings of a roof of which nobody set where it is."""
    strings = [a_string(n, 2, map=None, suggestion=None) for n in (1, 2)]
    for one in strings:
        one["plane"] = dict.fromkeys(("tilt_deg", "azimuth_deg", "kwp", "source"))
        one["share"] |= {"value": None} | why("no_place")
        one["shade_loss"] |= {"kwh": None} | why("no_place")
    lacking = why("no_place", server_command("site") + " set DEVICE --latitude")
    found = a_result(now, strings, place=None, losses_by_month=[], days=0, **lacking)
    return found, {}


def of_the_map(now: datetime, found: dict, skies: dict[int, Sky]) -> dict[int, list[Bin]]:
    """Return the bins of each string: of all days, of the last 60, and of those a year ago."""
    days = found["days"]
    before = now - timedelta(days=365)
    return {
        string: [
            *bins("all", now, days, gives),
            *bins("last60", now, min(days, 60), gives),
            *(bins("last60_before", before, 60, clear) if days > 60 else ()),
        ]
        for string, gives in skies.items()
    }


def forget_roof(url: str, device_id: str) -> None:
    """Leave the roof as it is before the first night."""
    with connected(url) as connection:
        for table in ("sungrow_roof_results", "sungrow_shade_bins", "sungrow_sites"):
            rows(connection, f"DELETE FROM {table} WHERE device_id = %s", device_id)  # noqa: S608


def store_roof(url: str, device_id: str, found: dict, skies: dict[int, Sky]) -> None:
    """Store a result in place of the one before, and its bins."""
    now = datetime.now(UTC)
    forget_roof(url, device_id)
    with connected(url) as connection:
        add = "INSERT INTO sungrow_roof_results VALUES (%s, %s, %s)"
        rows(connection, add, device_id, now, Json(found))
        if place := found["place"]:
            set_place = (
                "INSERT INTO sungrow_sites (device_id, latitude, longitude) VALUES (%s, %s, %s)"
            )
            rows(connection, set_place, device_id, place["latitude"], place["longitude"])
        found_bins = of_the_map(now, found, skies).items()
        with connection, connection.cursor() as cursor:
            insert = (
                "INSERT INTO sungrow_shade_bins (device_id, string, period, azimuth_deg,"
                " elevation_deg, n, days, performance, contrast, state, last_seen) VALUES %s"
            )
            values = [(device_id, string, *one) for string, of in found_bins for one in of]
            execute_values(cursor, insert, values)


FACES_DEG = (110, 250, 180, 180)
STEP = timedelta(minutes=5)


def live_with_strings(
    url: str, device_id: str, begin: datetime, until: datetime, count: int, hole: timedelta = STEP
) -> None:
    """Store readings of ``count`` strings, and none for as long as ``hole`` at the first noon.

    ``begin`` is a local midnight; the sun is highest twelve hours later, whatever the zone.
    """
    batch, grown_kwh = [], 100.0
    noon = begin + timedelta(hours=12)
    for n in range(int((until - begin) / STEP)):
        one = a_reading(begin, begin + n * STEP, count, grown_kwh)
        grown_kwh += one["pv_power_w"] / 12_000
        if not noon <= one["ts"] < noon + hole:
            batch.append(one | {"seq": n + 1})
    with connected(url) as connection:
        store(connection, device_id, batch)


def read_now(url: str, device_id: str, begin: datetime, count: int) -> None:
    """Store a reading of this moment."""
    with connected(url) as connection:
        store(connection, device_id, [a_reading(begin, datetime.now(UTC), count, 100.0)])


def a_reading(begin: datetime, ts: datetime, count: int, grown_kwh: float) -> dict[str, Any]:
    """Return what such a house reads; of four strings the last gives nothing from noon on."""
    at = (ts - begin).total_seconds() + begin.timestamp() // 86400 * 86400
    sun = position(at, PLACE[0], 0.0)
    watts = [max(0.0, _gives(sun, face)) for face in FACES_DEG[:count]]
    if count == 4 and ts > begin + timedelta(hours=12):
        watts[3] = 0.0
    strings = {f"mppt{i}_voltage_v": 240.0 + 10 * i for i in range(1, count + 1)}
    strings |= {
        f"mppt{i}_current_a": round(w / (240.0 + 10 * i), 1) for i, w in enumerate(watts, 1)
    }
    facts = {
        "interval_s": 300.0,
        "pv_total_kwh": grown_kwh,
        "running_state": 64 if sum(watts) else 0x1400,
        "grid_voltage_v": 231.0 + 3 * sin(at / 12_000),
        "grid_frequency_hz": 50.0,
        "inverter_temp_c": 31.0,
    }
    return reading(ts, pv_power_w=sum(watts), pv_daily_kwh=None, **strings, **facts)


def _gives(sun: Any, face_deg: float) -> float:
    if sun.elevation_deg <= 0:
        return 0.0
    high = sin(sun.elevation_deg / 180 * pi)
    return 2600 * high**0.5 * (0.4 + 0.6 * cos((sun.azimuth_deg - face_deg) / 180 * pi))
