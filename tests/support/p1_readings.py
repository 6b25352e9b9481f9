"""Readings of a grid meter for tests of the database."""

from collections.abc import Iterable

import psycopg2

from server.database import rollups
from server.p1.samples import TABLE


def store_p1(connection, device_id: str, readings: Iterable[dict]) -> int:
    """Store a batch as ingest does, in one transaction; return how many were new."""
    batch = {r["ts"]: r for r in sorted(readings, key=lambda r: r["ts"])}
    with connection, connection.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
        rollups.lock(cursor, device_id)
        return TABLE.insert(cursor, [{**one, "device_id": device_id} for one in batch.values()])
