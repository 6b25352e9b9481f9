"""The rollups of a house, joined again after a change of the lag."""

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.database import rollups

MOST_LAG_S = 300.0


def change_lag(cursor: Cursor, device_id: str, lag_s: float) -> None:
    """Store how much later the inverter reports the grid than the meter, and join all again."""
    rollups.lock(cursor, device_id)
    cursor.execute(
        "INSERT INTO sungrow_devices (device_id, p1_lag_s) VALUES (%s, %s)"
        " ON CONFLICT (device_id) DO UPDATE SET p1_lag_s = excluded.p1_lag_s",
        (device_id, lag_s),
    )
    values = (device_id, *rollups.FOREVER)
    cursor.execute("SELECT sungrow_house_make_span(%s, %s, %s, '{}')", values)
