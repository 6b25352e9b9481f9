"""What the database says of itself and of the devices, for ``metrics`` and ``doctor``."""

from collections.abc import Sequence
from typing import NamedTuple

from server.db import Database, query
from server.edition import edition as edition_of


class Edition(NamedTuple):
    """Which database this is; ``timescaledb`` is None where the extension is not there."""

    name: str
    postgresql: str
    timescaledb: str | None

    def labels(self) -> dict[str, str]:
        """Give it as texts, empty where there is none."""
        return {
            "edition": self.name,
            "postgresql": self.postgresql,
            "timescaledb": self.timescaledb or "",
        }


def edition(db: Database) -> Edition:
    """Ask for the edition.

    Raises:
        DatabaseAway: it does not answer.
    """
    with db.transaction() as cursor:
        name = edition_of(cursor)
        cursor.execute(query("database-versions"))
        return Edition(name, *cursor.fetchone())


def jobs(db: Database, edition: Edition) -> list[dict] | None:
    """Give TimescaleDB's jobs: ``name``, ``is_failing``, ``is_behind``, ``error``.

    Returns:
        None on editions that have none.

    Raises:
        DatabaseAway: it does not answer.
    """
    if edition.name != "community":
        return None
    return db.rows("timescaledb-jobs", {})


def devices(db: Database, device_ids: Sequence[str]) -> list[dict]:
    """Give a row for each of these devices, whether it ever sent anything or not.

    Raises:
        DatabaseAway: it does not answer.
    """
    return db.rows("devices-condition", {"device_ids": list(device_ids)})
