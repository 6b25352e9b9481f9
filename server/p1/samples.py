"""Stores what an edge of other make sends: it repeats a batch until it is taken, and parks nothing.

So whatever cannot be stored is parked here: what the contract refuses, and what conflicts with a
reading that is there already.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812  a type, not a function

from edge_lib.shared.p1_reading import P1
from edge_lib.shared.timestamps import format_ts
from server.database import deletions, rollups
from server.database.p1_samples import TABLE
from server.database.pool import Database, Row, query
from server.database.readings import Verdict

_LONGEST_REASON = 2000
_CONFLICT = "conflict: another reading has its time"


class Refused(NamedTuple):
    """What was sent as a reading and can be none."""

    content: object  # as it was sent
    reason: str
    ts: datetime | None = None  # where it tells one


def store(
    db: Database, device_id: str, readings: list[Row], refused: Sequence[Refused] = ()
) -> Verdict:
    """Store readings and park the others in one transaction; conflicts are parked, too.

    Args:
        db: where.
        device_id: whose.
        readings: checked, with every time as one.
        refused: what was sent beside them.
    """
    told = [one.ts for one in refused if one.ts is not None]
    with db.transaction() as cursor:
        rollups.lock(cursor, device_id)
        gone = deletions.shared(cursor, device_id, [*(row["ts"] for row in readings), *told])
        for one in refused:
            if one.ts is None or not gone.has(one.ts):
                _park(cursor, device_id, one)
        verdict = TABLE.store(cursor, device_id, readings, gone)
        for index in verdict.conflicts:
            reading = readings[index]
            _park(cursor, device_id, Refused(reading, _CONFLICT, reading["ts"]))
    return verdict


def _park(cursor: Cursor, device_id: str, refused: Refused) -> None:
    content = json.dumps(refused.content, default=format_ts)
    boot, seq = _number(refused.content, content)
    row = {"device_id": device_id, "kind": "p1", "boot": boot, "seq": seq, "ts": refused.ts}
    row |= {"reason": _text(refused.reason), "content": content}
    cursor.execute(query("parked-store"), row)


def _text(reason: str) -> str:
    """Return it without what PostgreSQL's text cannot hold; it may repeat what was sent."""
    plain = reason.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return plain[:_LONGEST_REASON]


def _number(reading: object, content: str) -> tuple[str, int]:
    """Return boot and seq; of a reading without these, what tells its content from any other's."""
    if isinstance(reading, dict):
        boot, seq = reading.get("boot"), reading.get("seq")
        pattern, _ = P1.texts["boot"]
        if type(boot) is str and pattern.fullmatch(boot) and type(seq) is int and 0 <= seq < 2**63:
            return boot, seq
    return hashlib.sha256(content.encode()).hexdigest()[:32], 0
