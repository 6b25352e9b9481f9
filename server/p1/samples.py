"""Readings of the grid meter in the database (stand-in until branch p1sql has its own)."""

from edge_lib.shared.p1_reading import P1
from server.database.readings import ReadingTable

_INSERT = """
    INSERT INTO p1_samples
    SELECT * FROM unnest(ARRAY(
        SELECT reading::p1_samples FROM (VALUES %s) AS batch (reading)
    ))
    ON CONFLICT (device_id, ts) DO NOTHING
"""
TABLE = ReadingTable(P1, _INSERT, by_key="p1-by-key")
