"""The roof: the nights of a house of five years with two strings, and what asking for it costs.

    python -m tests.bench roof

Its five years are rollups made by the sun's position, with clear, broken and dull days and a tree;
its last day is of readings, one in 5 s. Goals of the night are a time and memory; who asks is
compared with a bare SQL that fetches the rows.
"""

import io
import math
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from edge_lib.shared import sun
from server import sandbox
from tests.bench.nights import NIGHT, answered, night
from tests.bench.paired import TOLD, Line
from tests.bench.servers import started
from tests.support.battery_rollups import sum_days

HOUSE, BARE, ZONE = "five-years", "no-place", "Europe/Amsterdam"
LATITUDE, LONGITUDE = 52.1, 5.2
PLANES = {1: (35.0, 120.0, 3.0), 2: (35.0, 240.0, 3.0)}  # tilt, azimuth, kWp
_SLOT_S, _DAY_S = 300, 86_400
_RESULT = "SELECT computed_at, result FROM sungrow_roof_results WHERE device_id = %s"
_BINS = (
    "SELECT azimuth_deg, elevation_deg, n, days, performance, contrast, state, last_seen"
    " FROM sungrow_shade_bins WHERE device_id = %s AND string = 1 AND period = 'all'"
)
_FINE = (
    "INSERT INTO sungrow_5min (device_id, bucket, sample_count, covered_s, first_ts, last_ts,"
    " pv_power_w_sum, pv_power_w_min, pv_power_w_max, battery_power_w_count, battery_power_w_sum,"
    " battery_soc_pct_count, battery_soc_pct_sum, pv_integral_kwh, battery_charge_integral_kwh,"
    " battery_discharge_integral_kwh, flow_count, export_power_w_sum)"
    " SELECT device_id, bucket, 1, 300, bucket, bucket + interval '295 s', sum(p_sum), sum(p_sum),"
    " sum(p_sum), 0, 0, 0, 0, sum(integral_kwh), 0, 0, 0, sum(p_sum) - 400"
    " FROM sungrow_strings_5min WHERE device_id = %s GROUP BY 1, 2 ORDER BY 1, 2"
)
_DAY = (
    "INSERT INTO sungrow_samples (device_id, ts, pv_power_w, mppt1_voltage_v, mppt1_current_a,"
    " mppt2_voltage_v, mppt2_current_a, inverter_power_w, inverter_temp_c, load_power_w,"
    " export_power_w, interval_s, running_state)"
    " SELECT %(house)s, ts, 4000 * light, 380, 5 * light, 400, 5 * light, 3900 * light, 35, 450,"
    " 3450 * light, 5, 0 FROM generate_series(0, 17279) AS n,"
    " LATERAL (SELECT %(first)s + n * interval '5 seconds' AS ts,"
    " greatest(0, sin((n - 4320) * pi() / 8640)) AS light) AS at"
)


def lines(quick: bool) -> Iterator[Line]:
    """Let two nights pass over the house, and ask for what they found out."""
    days, rounds = (40, 3) if quick else (5 * 365, 30)
    with started() as servers:
        url = servers.database(SITE_TIMEZONE=ZONE)
        end = _fill(url, days)
        yield from night(servers, url, HOUSE, "roof", "roof, the first night", TOLD)
        sandbox.execute(url, _DAY, {"house": HOUSE, "first": end})
        yield from night(servers, url, HOUSE, "roof", "roof, a usual night", NIGHT)
        yield from night(servers, url, BARE, "roof", "roof, a house without a place", TOLD)
        yesterday = (end - timedelta(days=1)).date()
        for path, query, bare in (
            ("/v1/roof", {}, _RESULT),
            ("/v1/shade", {"string": "1"}, _BINS),
            ("/v1/roof/day", {"date": str(yesterday)}, _RESULT),
        ):
            yield answered(url, HOUSE, path, (path, query), (bare, (HOUSE,)), rounds)


def _fill(url: str, days: int) -> datetime:
    """Load the house; return the midnight at which its days end."""
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            _copy(cursor, until - timedelta(days=days), days)
            cursor.execute(_FINE, (HOUSE,))
            sum_days(cursor, HOUSE, ZONE)
            add = "INSERT INTO sungrow_sites (device_id, latitude, longitude) VALUES (%s, %s, %s)"
            cursor.execute(add, (HOUSE, LATITUDE, LONGITUDE))
            for string, plane in PLANES.items():
                add = "INSERT INTO sungrow_site_strings VALUES (%s, %s, %s, %s, %s)"
                cursor.execute(add, (HOUSE, string, *plane))
            facts = "INSERT INTO sungrow_devices (device_id, nominal_power_w) VALUES (%s, 5000)"
            cursor.execute(facts, (HOUSE,))
            cursor.execute(_DAY, {"house": BARE, "first": until})
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")
    return until


def _copy(cursor: Cursor, begin: datetime, days: int) -> None:
    """Store what the strings gave, a month at a time."""
    dice, columns = random.Random(22), "device_id, bucket, string, u_sum, i_sum, p_sum, p_max"
    columns += ", integral_kwh, n, limited_n"
    for first in range(0, days, 30):
        text = io.StringIO()
        for day in range(first, min(first + 30, days)):
            _write_day(text, begin.timestamp() + day * _DAY_S, dice)
        text.seek(0)
        cursor.copy_expert(f"COPY sungrow_strings_5min ({columns}) FROM STDIN", text)


def _write_day(text: io.StringIO, begin_s: float, dice: random.Random) -> None:
    kind = dice.choices(("clear", "broken", "dull"), (20, 40, 40))[0]
    dull = dice.uniform(0.12, 0.37)
    for slot in range(_DAY_S // _SLOT_S):
        at_s = begin_s + slot * _SLOT_S
        where = sun.position(at_s + _SLOT_S / 2, LATITUDE, LONGITUDE)
        if where.elevation_deg <= 0:
            continue
        beam = {"clear": 1.0, "broken": dice.choice((0.0, 1.0)), "dull": 0.0}[kind]
        sky = dull if kind == "dull" else 0.12 + 0.1 * (beam == 0)
        for string, (tilt, azimuth, kwp) in PLANES.items():
            watts = min(1000 * kwp * _light(where, tilt, azimuth, beam, sky), 2550)
            stamp = datetime.fromtimestamp(at_s, UTC).isoformat()
            amps = math.floor(watts / 38) / 10
            values = (380, amps, watts, watts, watts / 12_000, 1, int(watts >= 2550))
            text.write("\t".join(map(str, (HOUSE, stamp, string, *values))) + "\n")


def _light(where: sun.Sun, tilt: float, azimuth: float, beam: float, sky: float) -> float:
    """Return what falls on a plane, in kW/m2; a tree takes the beam in the morning."""
    up, down = math.radians(where.elevation_deg), math.radians(tilt)
    aside = math.radians(where.azimuth_deg - azimuth)
    cosine = math.sin(up) * math.cos(down) + math.cos(up) * math.sin(down) * math.cos(aside)
    is_shaded = 95 <= where.azimuth_deg < 130 and where.elevation_deg < 25
    clear = 0.7 ** ((1 / max(math.sin(up), 0.05)) ** 0.678)
    return 1.3 * clear * max(0.0, cosine) * beam * (not is_shaded) + sky * math.sin(up)
