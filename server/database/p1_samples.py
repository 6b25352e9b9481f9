"""The table of the grid meter's readings."""

from edge_lib.shared.p1_reading import P1
from edge_lib.shared.timestamps import parse_ts
from server.database.pool import Row
from server.database.readings import ReadingTable

# As for the samples: all rows are one text, each is read by one call, and taken apart once.
_INSERT = """
    INSERT INTO p1_samples
    SELECT * FROM unnest(ARRAY(
        SELECT reading::p1_samples
          FROM (VALUES %s) AS batch (lines), string_to_table(lines, E'\\n') AS reading
    ))
    ON CONFLICT (device_id, ts) DO NOTHING
"""
TABLE = ReadingTable(P1, _INSERT, by_key="p1-by-key")


def with_times(reading: Row) -> Row:
    """Return a checked reading whose further times are times; its ``ts`` is one already."""
    told = {name: parse_ts(reading[name]) for name in P1.times if reading.get(name) is not None}
    return reading | told
