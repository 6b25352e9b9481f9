"""The state of the database and of the devices, for ``metrics`` and ``doctor``."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from edge_lib.shared.fields import EARLIEST
from server.database.connection import one_row
from server.database.edition import edition as edition_of
from server.database.pool import Database, Row, query

_STEP, _AHEAD = timedelta(days=3, hours=7), timedelta(days=730)


class Edition(NamedTuple):
    """Which database this is; ``timescaledb`` is None without the extension."""

    name: str
    postgresql: str
    timescaledb: str | None

    def labels(self) -> dict[str, str]:
        """Return it as texts, empty for what is missing."""
        return {
            "edition": self.name,
            "postgresql": self.postgresql,
            "timescaledb": self.timescaledb or "",
        }


def edition(db: Database) -> Edition:
    """Return the edition.

    Raises:
        DatabaseAway: the database does not answer.
    """
    with db.transaction() as cursor:
        name = edition_of(cursor)
        cursor.execute(query("database-versions"))
        return Edition(name, *one_row(cursor))


def jobs(db: Database, edition: Edition) -> list[Row] | None:
    """Return TimescaleDB's jobs: ``name``, ``is_failing``, ``is_behind``, ``error``.

    Returns:
        None on editions that have none.

    Raises:
        DatabaseAway: the database does not answer.
    """
    if edition.name != "community":
        return None
    return db.rows("timescaledb-jobs", {})


def devices(db: Database, device_ids: Sequence[str]) -> list[Row]:
    """Return a row for each of these devices, even if it has never sent anything.

    Raises:
        DatabaseAway: the database does not answer.
    """
    return db.rows("devices-condition", {"device_ids": list(device_ids)})


def meters(db: Database, device_ids: Sequence[str]) -> list[Row]:
    """Return a row for each of these devices whose grid meter anything is known of.

    Its ``newest_ts`` is null where nothing that it sent could be stored.

    Raises:
        DatabaseAway: the database does not answer.
    """
    return db.rows("p1-condition", {"device_ids": list(device_ids)})


def nightly(db: Database, device_ids: Sequence[str], jobs: Sequence[str]) -> list[Row]:
    """Return when each job of the night last succeeded for each device with a history.

    Raises:
        DatabaseAway: the database does not answer.
    """
    return db.rows("nightly-runs", {"device_ids": list(device_ids), "jobs": list(jobs)})


def zone_disagreement(db: Database, name: str) -> datetime | None:
    """Return a moment at which PostgreSQL has another offset than Python; None if they agree.

    The name is a usable one, but the two may know its rules as of different years.

    Raises:
        DatabaseAway: the database does not answer.
        DatabaseRefuses: it has no such zone.
    """
    end = datetime.now(UTC) + _AHEAD
    moments = [EARLIEST + n * _STEP for n in range((end - EARLIEST) // _STEP)]
    zone = ZoneInfo(name)
    for row in db.rows("zone-offsets", {"zone": name, "moments": moments}):
        moment: datetime = row["moment"]
        if timedelta(seconds=row["offset_s"]) != moment.astimezone(zone).utcoffset():
            return moment
    return None
