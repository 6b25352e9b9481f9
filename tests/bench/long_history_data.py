"""Two houses of ten years for ``long_history.py``: rollups by COPY, numbers and reports by SQL.

``fine`` is the old house of ``decade_data``. The year of ``coarse`` goes in through the product's
own triggers, every fourth reading of that house's last year but those near midnight, and is copied
into the years before.
"""

from contextlib import closing
from datetime import date, timedelta

import psycopg2

from server import sandbox
from tests.bench import decade_data
from tests.bench.decade_data import MIDNIGHT, OLD, YOUNG, ZONE, Size, copy_in, moved

FINE, COARSE = OLD, "coarse"
_POWERS = "pv_power_w, battery_power_w, battery_soc_pct, load_power_w, export_power_w"
_COUNTERS = (
    "pv_total_kwh, total_import_kwh, total_export_kwh, battery_total_charge_kwh,"
    " battery_total_discharge_kwh"
)
_COARSE = (
    f"INSERT INTO sungrow_samples (device_id, ts, {_POWERS}, {_COUNTERS}, interval_s)"  # noqa: S608
    f" SELECT %(coarse)s, ts, {_POWERS}, {_COUNTERS}, 1200 FROM sungrow_samples"
    "  WHERE device_id = %(young)s AND extract(epoch FROM ts)::bigint %% 1200 = 0"
    "    AND extract(hour FROM ts AT TIME ZONE %(zone)s) NOT IN (23, 0)"
)
# Numbers count the steps since 1970, and each year has a boot. The first of a local day are lost;
# of the coarse house those around midnight.
_SEQS = (
    "INSERT INTO sungrow_seqs (device_id, slot, boot, seqs, received_at)"
    " SELECT %(house)s, slot, extract(year FROM slot)::text, int8multirange(int8range("
    "        at + CASE WHEN (slot AT TIME ZONE %(zone)s)::time = '00:00'"
    "                  THEN %(lost)s ELSE 0 END, at + %(polls)s)), slot"
    "   FROM generate_series(%(first)s, %(end)s - interval '1 second',"
    "                        make_interval(secs => %(every_s)s)) AS slot,"
    " LATERAL (SELECT extract(epoch FROM slot)::bigint / %(step_s)s AS at) AS counted"
    "  WHERE %(house)s <> %(coarse)s"
    "     OR extract(hour FROM slot AT TIME ZONE %(zone)s) NOT IN (23, 0)"
)
_REPORTS = (
    "INSERT INTO sungrow_reports (device_id, slot, boot, polled, failed, waiting, received_at)"
    " SELECT device_id, slot, boot, 180, CASE WHEN extract(epoch FROM slot)::bigint % 7200 = 0"
    "        THEN '{\"timeout\": 2}' ELSE '{}' END::jsonb, 0, received_at FROM sungrow_seqs"
)
_NEXT_DAY = (
    f"INSERT INTO sungrow_samples (device_id, ts, {_POWERS}, interval_s)"  # noqa: S608
    f" SELECT %(fine)s, ts + interval '1 day', {_POWERS}, interval_s FROM sungrow_samples"
    "  WHERE device_id = %(young)s AND ts > (SELECT max(ts) FROM sungrow_samples"
    "        WHERE device_id = %(young)s) - interval '1 day'"
)


def fill(url: str, size: Size) -> date:
    """Load both houses; return their last local day."""
    decade_data.fill(url, size)
    first = MIDNIGHT - timedelta(days=(size.years - 1) * size.year_days)
    end = MIDNIGHT + timedelta(days=size.year_days)
    asked = {"coarse": COARSE, "young": YOUNG, "zone": ZONE, "first": first, "end": end}
    with closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            cursor.execute(_COARSE, asked)
            for table in ("sungrow_local_daily", "sungrow_5min"):
                before = range(1, size.years)
                for rows in [moved(cursor, table, years, size, COARSE) for years in before]:
                    copy_in(cursor, table, [COARSE], rows)
            fine = {"house": FINE, "step_s": 5, "every_s": 900, "polls": 180, "lost": 100}
            coarse = {"house": COARSE, "step_s": 1800, "every_s": 1800, "polls": 1, "lost": 0}
            for house in (fine, coarse):
                cursor.execute(_SEQS, asked | house)
            cursor.execute(_REPORTS)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")
    return MIDNIGHT.date() + timedelta(days=size.year_days)


def add_a_day(url: str) -> None:
    """Let the fine house live a day longer, through the triggers."""
    sandbox.execute(url, _NEXT_DAY, {"fine": FINE, "young": YOUNG})
