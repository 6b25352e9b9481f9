"""What comes beside the samples of a batch, in the database: rows for the queries of ``sql/``."""

from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from server.database.deletions import Forgotten
from server.database.pool import Row, query

# Of what reports, gaps and parked readings tell: the inverter, which is meant where they do not
# say, or the grid meter.
KINDS = ("sample", "p1")
_OF_READINGS = ("gaps", "parked")


class Parts(NamedTuple):
    """The parts of one batch: by name, the rows for ``sql/queries/NAME-store.sql``."""

    rows: dict[str, list[Row]]

    def has_any(self) -> bool:
        """Return whether there is any."""
        return any(self.rows.values())

    def moments(self) -> list[datetime]:
        """Return the times of what could give away a forgotten reading: gaps and parked ones."""
        times = [_times(row) for name in _OF_READINGS for row in self.rows[name]]
        return [moment for pair in times for moment in pair]

    def without(self, gone: Forgotten) -> "Parts":
        """Return the parts without the gaps and parked readings of forgotten ranges."""
        kept = {
            name: [row for row in self.rows[name] if not _is_gone(row, gone)]
            for name in _OF_READINGS
        }
        return Parts(self.rows | kept)

    def store(self, cursor: Cursor, device_id: str) -> None:
        """Store every row in the transaction of ``cursor``; a repeat replaces."""
        for name, rows in self.rows.items():
            for row in rows:
                cursor.execute(query(f"{name}-store"), {**row, "device_id": device_id})


def _times(row: Row) -> list[datetime]:
    return [row[key] for key in ("ts", "from_ts", "to_ts") if row.get(key)]


def _is_gone(row: Row, gone: Forgotten) -> bool:
    times = _times(row)
    return bool(times) and gone.has(*times)
