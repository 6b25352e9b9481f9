"""Searches the spool once a day for what damage left where nothing else meets it.

A reading whose place in ``queue`` or ``delivered`` was damaged waits nowhere: it is queued, and the
server knows whether it has it. Bookkeeping that no query happens to touch is read once, so that
it is set aside and logged. Runs in the thread ``upload``, a chunk a step.
"""

import functools
import json
import logging
import sqlite3
from collections.abc import Callable, Sequence

from edge_lib.clock import Clock
from edge_lib.shared.sample import TsSource
from edge_lib.spool.boots import BOOTS
from edge_lib.spool.database import Write
from edge_lib.spool.errors import SpoolDamaged
from edge_lib.spool.gaps import GAPS
from edge_lib.spool.kinds import SAMPLES, Kind
from edge_lib.spool.meta import META
from edge_lib.spool.recovery import soundness
from edge_lib.spool.reports import REPORTS
from edge_lib.spool.rows import MOST_ID, NUMBERED, next_id

EVERY_S = 86_400.0
CHUNK = 2000  # readings of one step: some milliseconds
_MOST_HOUR = 10_000_000  # since 1970

log = logging.getLogger("sungrow.edge.spool")


class Mender:
    """Where it is in the spool, and when it begins again."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._due_s = clock.monotonic_s()
        self._left: list[Kind] = []  # to be searched in this round; the first is being
        self._after_us: object = -MOST_ID

    def step(self, write: Write, kinds: Callable[[], Sequence[Kind]] = lambda: (SAMPLES,)) -> None:
        """Search one chunk, if it is time.

        Args:
            write: into the spool.
            kinds: returns those that the spool holds.
        """
        now_s = self._clock.monotonic_s()
        if now_s < self._due_s:
            return
        if not self._left:
            self._left, self._after_us = list(kinds()), -MOST_ID
            for kind in self._left:
                write(functools.partial(_books, kind=kind))
            write(_strange_counters)
        kind = self._left[0]
        last = write(lambda db: _chunk(db, self._after_us, kind))
        if last is None:
            return
        (self._after_us,) = last
        if self._after_us is None:
            self._left, self._after_us = self._left[1:], -MOST_ID
        if not self._left:
            self._due_s = now_s + EVERY_S


def _books(db: sqlite3.Connection, kind: Kind) -> None:
    """Read all bookkeeping, which sets aside what is damaged."""
    for table in (BOOTS[kind], REPORTS[kind], GAPS[kind], META):
        soundness.rows(db, table)
    for row in db.execute(kind.sql(_STRANGE_HOURS), (_MOST_HOUR,)).fetchall():
        soundness.keep(db, kind.sql("delivered"), row)
        db.execute(kind.sql("DELETE FROM delivered WHERE id = ?"), row[:1])
        # When it was delivered is not known now; the server knows whether it was.
        again = "INSERT OR IGNORE INTO queue (id) SELECT id FROM samples WHERE id = ?"
        db.execute(kind.sql(again), row[:1])


def _strange_counters(db: sqlite3.Connection) -> None:
    """Set aside counters of ids that cannot be."""
    names = (json.dumps(list(NUMBERED)),)
    for rowid, *row in db.execute(_STRANGE_COUNTERS, (MOST_ID, *names)).fetchall():
        soundness.keep(db, "sqlite_sequence", row)
        db.execute("DELETE FROM sqlite_sequence WHERE rowid = ?", (rowid,))
        if row[0] in NUMBERED:
            last_id = next_id(db, *NUMBERED[row[0]]) - 1
            db.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (row[0], last_id))


def _chunk(db: sqlite3.Connection, after_us: object, kind: Kind) -> tuple[object]:
    """Queue those of the next readings that wait nowhere; return the last one's time, or None.

    Raises:
        SpoolDamaged: the index knows a reading that the table does not.
    """
    found = db.execute(kind.sql(_NEXT), (after_us, CHUNK)).fetchall()
    for row_id in (row_id for row_id, _, waits in found if not waits):
        sql = kind.sql("SELECT ts_src FROM samples WHERE id = ?")
        own = db.execute(sql, (row_id,)).fetchall()
        if not own:
            raise SpoolDamaged("a reading that the index knows is not found by its id")
        if own[0][0] != TsSource.PROVISIONAL:
            db.execute(kind.sql("INSERT INTO queue (id) VALUES (?)"), (row_id,))
            soundness.keep(db, kind.sql("queue"), (row_id,))
    return (found[-1][1] if len(found) == CHUNK else None,)


_STRANGE_HOURS = (
    "SELECT id, hour FROM delivered WHERE typeof(hour) <> 'integer' OR hour NOT BETWEEN 0 AND ?"
)
_STRANGE_COUNTERS = (
    "SELECT rowid, name, seq FROM sqlite_sequence WHERE typeof(seq) <> 'integer'"
    " OR seq NOT BETWEEN 0 AND ? OR name NOT IN (SELECT value FROM json_each(?))"
)
# By the index of times alone, which is a fiftieth of the table.
_NEXT = """
    SELECT id, ts_us, id IN (SELECT id FROM queue) OR id IN (SELECT id FROM delivered)
    FROM samples WHERE ts_us > ? ORDER BY ts_us LIMIT ?
"""
