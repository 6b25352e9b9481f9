"""The battery: the night of a house of ten years, and what asking for its result costs.

    python -m tests.bench battery

The house has lived two years in the simulator; five times that, one after the other, are its ten
years of rollups, and its last day is of readings, one in 5 s. Goals of the night are a time and
memory; who asks is compared with a bare SQL that fetches the row.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg2

from edge_lib.simulator.battery import Hidden
from server import sandbox
from server.battery.rows import FiveMinutes
from tests.bench.nights import NIGHT, answered, night
from tests.bench.paired import TOLD, Line
from tests.bench.servers import started
from tests.support.battery_life import Life, live
from tests.support.battery_rollups import copy, sum_days

HOUSE, BARE, ZONE = "ten-years", "no-battery", "Europe/Berlin"
_FETCH = "SELECT computed_at, result, whatif FROM sungrow_battery_results WHERE device_id = %s"
_DAY = (
    "INSERT INTO sungrow_samples (device_id, ts, pv_power_w, battery_power_w, battery_soc_pct,"
    " battery_temp_c, battery_voltage_v, battery_soh_pct, load_power_w, export_power_w, interval_s,"
    " running_state, bms_max_charge_a, bms_max_discharge_a)"
    " SELECT %(house)s, ts, 500, CASE WHEN %(battery)s THEN 200 * sin(n / 1000.0) END,"
    " CASE WHEN %(battery)s THEN 50 + 40 * sin(n / 3000.0) END, 21.5, 190 + n %% 10, 99, 450, 0, 5,"
    " 0, 25, 25 FROM generate_series(0, 17279) AS n,"
    " LATERAL (SELECT %(first)s + n * interval '5 seconds' AS ts) AS at"
)


def lines(quick: bool) -> Iterator[Line]:
    """Let two nights pass over the house, and ask for what they found out."""
    years, times, rounds = (0.1, 2, 3) if quick else (2.0, 5, 30)
    with started() as servers:
        url = servers.database(SITE_TIMEZONE=ZONE)
        end = _fill(url, years, times)
        yield from night(servers, url, HOUSE, "battery", "battery, the first night", TOLD)
        _add_a_day(url, end)
        yield from night(servers, url, HOUSE, "battery", "battery, a usual night", NIGHT)
        yield from night(servers, url, BARE, "battery", "battery, a house without a battery", TOLD)
        for path, query in (("/v1/battery", {}), ("/v1/battery/whatif", {"capacity": "13"})):
            yield answered(url, HOUSE, path, (path, query), (_FETCH, (HOUSE,)), rounds)


def _fill(url: str, years: float, times: int) -> datetime:
    """Load the house; return the midnight at which its days end."""
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    span = timedelta(days=round(years * 365.25))
    hidden = Hidden(fade_pct_year=2.5)
    rows = live(Life(hidden, years=span.days / 365.25, born=until - span)).rows
    rises = (rows[-1].last_charge_kwh or 0, rows[-1].last_discharge_kwh or 0)
    with closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            for number in range(times):
                ago_s = (times - 1 - number) * int(span.total_seconds())
                for first in range(0, len(rows), 10_000):
                    part = rows[first : first + 10_000]
                    kwh = (number * rises[0], number * rises[1])
                    copy(cursor, HOUSE, [_moved(row, -ago_s, kwh) for row in part])
            sum_days(cursor, HOUSE, ZONE)
            add = "INSERT INTO sungrow_battery_settings (device_id, capacity_kwh) VALUES (%s, 9.6)"
            cursor.execute(add, (HOUSE,))
            cursor.execute(_DAY, {"house": BARE, "battery": False, "first": until})
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")
    return until


def _moved(row: FiveMinutes, by_s: int, kwh: tuple[float, float]) -> FiveMinutes:
    return row._replace(
        bucket_s=row.bucket_s + by_s,
        first_s=row.first_s + by_s,
        last_s=row.last_s + by_s,
        first_charge_kwh=row.first_charge_kwh + kwh[0],
        last_charge_kwh=row.last_charge_kwh + kwh[0],
        first_discharge_kwh=row.first_discharge_kwh + kwh[1],
        last_discharge_kwh=row.last_discharge_kwh + kwh[1],
    )


def _add_a_day(url: str, first: datetime) -> None:
    """Let the house live a day longer, through the triggers."""
    sandbox.execute(url, _DAY, {"house": HOUSE, "battery": True, "first": first})
