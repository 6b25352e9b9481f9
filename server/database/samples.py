"""A batch in the database: its readings, stored once each, and its parts, all or nothing."""

from edge_lib.shared.sample import SAMPLE
from server.database import deletions, p1_samples, rollups
from server.database.parts import Parts
from server.database.pool import Database, Row
from server.database.readings import ReadingTable, Verdict

# A sample is one value, not forty, and a batch is one text with a line for each: the database reads
# a row as text in a third of the time, and one text sooner than 500. Only as the rows of a
# subquery are they all read by one and the same call; and each is taken apart once.
_INSERT = """
    INSERT INTO sungrow_samples
    SELECT * FROM unnest(ARRAY(
        SELECT sample::sungrow_samples
          FROM (VALUES %s) AS batch (lines), string_to_table(lines, E'\\n') AS sample
    ))
    ON CONFLICT (device_id, ts) DO NOTHING
"""
_CAME_LATER = ("bms_max_charge_a", "bms_max_discharge_a", "faults")
TABLE = ReadingTable(SAMPLE, _INSERT, by_key="samples-by-key", came_later=_CAME_LATER)
_NOTHING = Verdict(0, 0, [])


def store(
    db: Database, device_id: str, samples: list[Row], parts: Parts, p1: list[Row] | None = None
) -> tuple[Verdict, Verdict]:
    """Store samples, readings of the grid meter and parts in one transaction.

    A batch of nothing but samples, as nearly all are, is one message to the database.

    Args:
        db: where.
        device_id: whose.
        samples: checked, with ``ts`` as a time and an ``interval_s``.
        parts: what came beside them.
        p1: checked, with every time as one.

    Returns:
        What became of the samples, and of the readings of the grid meter.
    """
    if samples and not p1 and not parts.has_any():
        with db.statements() as cursor:
            alone = TABLE.store_alone(cursor, device_id, samples)
        if alone:
            return alone, _NOTHING
    p1 = p1 or []
    moments = [row["ts"] for row in (*samples, *p1)]
    with db.transaction() as cursor:
        if p1:
            rollups.lock(cursor, device_id)
        # In a statement of its own: the next ones see what was forgotten while this one waited.
        gone = deletions.shared(cursor, device_id, [*moments, *parts.moments()])
        parts.without(gone).store(cursor, device_id)
        verdict = TABLE.store(cursor, device_id, samples, gone)
        return verdict, p1_samples.TABLE.store(cursor, device_id, p1, gone) if p1 else _NOTHING
