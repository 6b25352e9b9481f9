"""A batch in the database: its samples, stored once each, and its parts, all or nothing.

All samples go in by one statement. Those whose key is taken are compared with what stands there:
the same values make a duplicate, other values a conflict, of which nothing is stored. A sample of a
time that ``server.forget`` deleted counts as a duplicate.
"""

from datetime import datetime
from typing import NamedTuple

from edge_lib.shared.sample import SAMPLE
from server.database import deletions
from server.database.parts import Parts
from server.database.pool import Database, Row
from server.database.readings import ReadingTable

# A sample is one value, not forty: the database reads a row as text in a third of the time. Only as
# the rows of a subquery are they all read by one and the same call; and each is taken apart once.
_INSERT = """
    INSERT INTO sungrow_samples
    SELECT * FROM unnest(ARRAY(
        SELECT sample::sungrow_samples FROM (VALUES %s) AS batch (sample)
    ))
    ON CONFLICT (device_id, ts) DO NOTHING
"""
TABLE = ReadingTable(SAMPLE, _INSERT, by_key="samples-by-key")


class Verdict(NamedTuple):
    """What became of a batch: two counts, and the indexes of the samples in conflict."""

    inserted: int
    duplicates: int
    conflicts: list[int]


def store(db: Database, device_id: str, samples: list[Row], parts: Parts) -> Verdict:
    """Store samples and parts in one transaction.

    Args:
        db: where.
        device_id: whose.
        samples: checked, with ``ts`` as a time and an ``interval_s``.
        parts: what came beside them.
    """
    first = _first_by_time(samples)
    with db.transaction() as cursor:
        # In a statement of its own: the next ones see what was forgotten while this one waited.
        gone = deletions.shared(cursor, device_id, [*first, *parts.moments()])
        parts.without(gone).store(cursor, device_id)
        wanted = gone.others(first)
        inserted = TABLE.insert(cursor, wanted.values())
        if inserted == len(samples):
            return Verdict(inserted, 0, [])
        if inserted == len(wanted):
            standing = {ts: TABLE.values(sample) for ts, sample in wanted.items()}
        else:
            standing = TABLE.standing(cursor, device_id, list(wanted))
    conflicts = [index for index, one in enumerate(samples) if TABLE.differs(one, standing)]
    return Verdict(inserted, len(samples) - inserted - len(conflicts), conflicts)


def _first_by_time(samples: list[Row]) -> dict[datetime, Row]:
    """Return the first sample of each key, by rising time.

    The order is for the database: two writers that lock the same rows in one order cannot deadlock.
    """
    first: dict[datetime, Row] = {}
    for sample in samples:
        first.setdefault(sample["ts"], sample)
    return dict(sorted(first.items()))
