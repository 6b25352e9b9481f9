"""The job ``battery``: what the battery can still hold, and what it is worth (``server/battery``).

Of each local day that changed, the five minutes become a digest (``sungrow_battery_days``) and
hours (``sungrow_battery_hourly``). The result is made of all digests, the hours by month, and the
five minutes of the last year, which are read as a stream. A house without a battery is one look.
"""

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function
from psycopg2.extras import execute_values

from server.battery import analyse, digest, measure, rows
from server.battery.rows import FiveMinutes
from server.battery.year import Year
from server.nightly import battery_rows, battery_store
from server.nightly.battery_rows import Known, Span
from server.nightly.days import Day, pieces

_AT_ONCE = 7  # days: some 2,000 five minutes
_YEAR_S = 365 * 86_400
_DIGESTS = "SELECT digest FROM sungrow_battery_days WHERE device_id = %s ORDER BY day"
_GONE = "DELETE FROM sungrow_battery_days WHERE device_id = %s AND day = ANY (%s)"
_PUT = (
    "INSERT INTO sungrow_battery_days (device_id, day, digest) VALUES %s"
    " ON CONFLICT (device_id, day) DO UPDATE SET digest = excluded.digest"
)


def run(cursor: Cursor, device_id: str, days: list[Day]) -> str:
    """Take account of some days, and make the result again."""
    about = battery_rows.known(cursor, device_id)
    if not about.has_battery:
        if about.has_result:
            battery_store.remove(cursor, device_id)
            return "no battery any more"
        return "no battery"
    found = battery_rows.spans(cursor, device_id, [one.day for one in days])
    about = _digest(cursor, device_id, about, found)
    model = measure.measure(_digests(cursor, device_id), about.settings, about.now_s)
    replay = Year(model, about.settings)
    for row in battery_rows.year(cursor, device_id, about.now_s - _YEAR_S, about.now_s):
        replay.feed(row)
    replay.end()
    exposures = battery_rows.exposures(cursor, device_id, about.settings.timezone)
    result = analyse.result(device_id, model, replay, exposures, about.settings)
    battery_store.write(cursor, device_id, about, model, result)
    return f"{len(model.windows)} windows between {len(model.anchors)} anchors"


def _digest(cursor: Cursor, device_id: str, about: Known, found: list[Span]) -> Known:
    """Make the digests of these days again; return what is known now."""
    made, gone = [], [one.day for one in found if not one.is_there]
    for part in pieces(found, _AT_ONCE):
        fine = battery_rows.make_hours(cursor, device_id, about, part[0], part[-1])
        for one in part:
            own = [row for row in fine if one.begin_s - rows.MARGIN_S <= row.bucket_s < one.end_s]
            about = _seen(about, own)
            if one.is_there:
                day = digest.of_day(one.day, own, one.begin_s, one.end_s, about.settings)
                made.append((device_id, one.day, digest.to_json(day)))
    cursor.execute(_GONE, (device_id, gone))
    execute_values(cursor, _PUT, made, page_size=1000)
    return about


def _seen(about: Known, fine: list[FiveMinutes]) -> Known:
    return about._replace(
        may_charge_seen=about.may_charge_seen or any(row.may_charge for row in fine),
        may_discharge_seen=about.may_discharge_seen or any(row.may_discharge for row in fine),
    )


def _digests(cursor: Cursor, device_id: str) -> list[rows.Digest]:
    cursor.execute(_DIGESTS, (device_id,))
    return [digest.from_json(text) for (text,) in cursor.fetchall()]
