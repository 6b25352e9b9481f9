"""What the nightly job ``roof`` reads: settings, and the five minutes of some days."""

from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.database.connection import one_row
from server.database.pool import query
from server.nightly.days import Day
from server.roof import stored
from server.roof.rows import FiveMinutes, Settings


class Known(NamedTuple):
    """What is known of a roof before its days are read."""

    settings: Settings
    now_s: float
    has_strings: bool  # by any reading
    has_result: bool

    @property
    def has_place(self) -> bool:
        """Return whether its owner said where it is."""
        return self.settings.latitude is not None and self.settings.longitude is not None


def known(cursor: Cursor, device_id: str) -> Known:
    """Return what is set and known."""
    cursor.execute(query("nightly-roof-settings"), {"device_id": device_id})
    *facts, strings, now_s, has_strings, has_result = one_row(cursor)
    return Known(stored.settings(facts, strings), now_s, has_strings, has_result)


def five_minutes(cursor: Cursor, device_id: str, days: list[Day]) -> list[FiveMinutes]:
    """Return the five minutes of some days in a row; those of which no string was read are none."""
    asked = {"device_id": device_id, "first": days[0].first, "end": days[-1].end}
    cursor.execute(query("nightly-roof-fine"), asked)
    return stored.five_minutes(cursor.fetchall())
