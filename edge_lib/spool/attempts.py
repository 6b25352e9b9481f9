"""Attempts on the spool's database: one that fails is mended and made again, or waited out.

While the disk works, ``put`` is one attempt and one commit. A reading whose attempt fails waits in
memory, and those after it behind it. Three kinds of trouble, each with an answer of its own:

- full: the reserve is freed, delivered samples go before their time, and what is queued drains
  first;
- failing (an I/O error, read-only): the database is closed and opened again, once or twice a poll;
  what can be read is uploaded meanwhile, and receipts are remembered;
- damaged, and proven so: the file is moved aside, never deleted, and polls go on into a new one in
  the same step.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from edge_lib.best_effort import BestEffort
from edge_lib.clock import Clock
from edge_lib.repeat_log import RepeatLog
from edge_lib.spool import file, retention
from edge_lib.spool.database import Database
from edge_lib.spool.errors import SpoolBusy, SpoolDamaged, SpoolError, SpoolFailing, SpoolFull
from edge_lib.spool.kinds import KINDS, SAMPLES, Kind
from edge_lib.spool.memory_buffer import MemoryBuffer
from edge_lib.spool.opener import STRIKES, Opener
from edge_lib.spool.readings import Reading
from edge_lib.spool.reserve import ROOM_BYTES, Reserve
from edge_lib.spool.rows import Row

T = TypeVar("T")
OK, FULL, FAILING = "ok", "full", "failing"
RETRY_S = 5.0  # between two attempts to mend things, beside those of the polls
CHUNK = 500  # readings of one commit on their way back from memory
MIN_ROOM_BYTES = 64 << 10  # free pages that are worth an attempt
EXPIRE_AT_ONCE = 500  # the log of that must fit into the reserve

log = logging.getLogger("sungrow.edge.store")


class Attempts:
    """The database, opened or not, and the readings that wait for it. Use it from any thread.

    Attributes:
        state: ok, full or failing.
        highest_id: of the rows handed out; a new file's ids begin above it.
        buffer: the readings in memory.
        reserve: the room that is kept for a full disk.
        opener: what is known of the file.
    """

    def __init__(self, path: Path, keep_days: float, clock: Clock):
        """Open the database; a disk that fails does not keep the polls from starting.

        Raises:
            SpoolBusy: another process has it.
            SpoolError: the settings or the owner of the files are wrong.
        """
        self.reserve, self.buffer = Reserve(path), MemoryBuffer()
        self.state, self.highest_id = OK, 0
        self.opener = Opener(path, keep_days, clock, self.reserve)
        self._lock = threading.RLock()
        self._path, self._keep_days, self._clock = path, keep_days, clock
        self._repeat, self._best_effort = RepeatLog(log, clock), BestEffort(log, clock)
        self._database: Database | None = None
        self._files: file.Files = ()
        self._retry_s = clock.monotonic_s()
        # Receipts that are not written down.
        self._proven: dict[Kind, set[int]] = {kind: set() for kind in KINDS}
        self._full_is_over = True
        try:
            self._begin()
        except (SpoolError, SpoolBusy):
            self.opener.close()
            raise

    def put(self, reading: Reading) -> Row | None:
        """Store a reading, or keep it in memory; return the row of one that was stored."""
        with self._lock:
            # Nothing overtakes what waits in memory already.
            waited = len(self.buffer) > 0
            rows = None if waited else self._attempt(lambda database: database.put([reading]))
            if rows is None:
                rows = self._put_by_memory(reading, waited)
            return rows[-1] if rows else None

    def run(self, work: Callable[[Database], T], otherwise: T) -> T:
        """Return what some work on the database returns; ``otherwise`` if it cannot be done now."""
        with self._lock:
            if self._is_to_mend() and self._clock.monotonic_s() >= self._retry_s:
                self._empty_memory()
            if self._database is None:
                return otherwise
            try:
                return work(self._database)
            except SpoolError as error:
                self._trouble(error)
                return otherwise

    def run_in_turns(self, work: Callable[[Database], T], otherwise: T) -> T:
        """As ``run``, for work that lets the other thread have its turns in between."""
        database = self.run(lambda database: database, None)
        if database is None:
            return otherwise
        try:
            return work(database)
        except SpoolError as error:
            with self._lock:
                if database is self._database:
                    self._trouble(error)
            return otherwise

    def delivered(self, ids: Collection[int], kind: Kind = SAMPLES) -> None:
        """Accept the server's proof, and remember it until it is written down."""
        with self._lock:
            self._proven[kind].update(ids)
            self.run(self._hand_over_proofs, None)

    def close(self) -> None:
        """Write what can be written and let go of the file."""
        with self._lock:
            if len(self.buffer) and self._empty_memory() is None:
                log.critical("readings in memory are lost", extra={"count": len(self.buffer)})
            self._shut(write=self.state != FAILING)
            self.opener.close()

    def _hand_over_proofs(self, database: Database) -> None:
        for kind, ids in self._proven.items():
            if ids:
                database.delivered(ids, kind)
                ids.clear()

    def _begin(self) -> None:
        for _ in range(STRIKES + 1):
            try:
                self._use(self.opener.open(0))
            except (SpoolFull, SpoolDamaged, SpoolFailing) as error:
                self._trouble(error)
                self._shut()
                if isinstance(error, SpoolFailing) and self.state == FAILING:
                    break
            else:
                self.reserve.make()
                return
        self._database = self.opener.open_read_only()

    def _is_to_mend(self) -> bool:
        return self.state != OK or self._database is None or len(self.buffer) > 0

    def _attempt(self, write: Callable[[Database], list[Row]]) -> list[Row] | None:
        """Write; return the samples' rows, or None if that did not go."""
        # What no SpoolError foresees leaves the readings to memory, and the polls going.
        return self._best_effort.run("spool", lambda: self._written(write), None)

    def _written(self, write: Callable[[Database], list[Row]]) -> list[Row] | None:
        try:
            database = self._writable()
            if database is None or (self.state == FULL and not self._has_room(database)):
                return None
            rows = write(database)
        except SpoolError as error:
            self._trouble(error)
            return None
        self._well(database)
        return rows

    def _put_by_memory(self, reading: Reading, waited: bool) -> list[Row] | None:
        if self.buffer.add(reading):
            log.error("memory is full: every second reading in it was given up")
        rows = self._empty_memory()
        # Again after a failure: on the file opened again, or on another one.
        return self._empty_memory() if rows is None and waited else rows

    def _empty_memory(self) -> list[Row] | None:
        """Mend the database and write what is in memory into it; None if that did not go."""
        self._retry_s = self._clock.monotonic_s() + RETRY_S
        return self._attempt(self._put_buffer)

    def _put_buffer(self, database: Database) -> list[Row]:
        rows: list[Row] = []
        while len(self.buffer):
            chunk = self.buffer.first(CHUNK)
            rows = database.put(chunk, self.buffer.gaps)
            self.buffer.drop(len(chunk))
        return rows

    def _writable(self) -> Database | None:
        """Return the database, opened again unless it is open; None if it cannot be written."""
        if self._database and not self._database.read_only:
            if file.parts(self._path) == self._files:
                return self._database
            raise SpoolFailing("the spool's files were deleted or exchanged under it")
        self._shut()
        try:
            return self._use(self.opener.open(self.highest_id))
        except SpoolBusy as error:
            self._trouble(SpoolFailing(str(error)))
        except SpoolError as error:
            self._trouble(error)
        self._shut()
        self._database = self.opener.open_read_only()
        if self._database:
            self._database.remember(self._proven)
        return None

    def _use(self, database: Database) -> Database:
        self._database = database
        # Below the first id of a new file: they name nothing there.
        self._hand_over_proofs(database)
        self._files = file.parts(self._path)
        return database

    def _has_room(self, database: Database) -> bool:
        """Make room in a full database; return whether there is enough for new readings."""
        disk_free = self.reserve.free_bytes()
        database.thrifty = True
        database.flush()
        use = database.read(file.usage)
        self._full_is_over = disk_free >= ROOM_BYTES and (
            use.free_bytes + use.left_bytes >= file.LIMIT_BYTES // 100
        )
        if self._full_is_over:
            return True
        if use.free_bytes < MIN_ROOM_BYTES:
            database.write(lambda db: _expire_early(db, database.kinds))
            use = database.read(file.usage)
        # What the reserve freed is for the receipts, as long as something waits to be sent.
        waits = any(database.counts(kind).depth for kind in database.kinds)
        drained = disk_free >= ROOM_BYTES or not waits
        return use.free_bytes >= MIN_ROOM_BYTES or (use.left_bytes >= MIN_ROOM_BYTES and drained)

    def _trouble(self, error: SpoolError) -> None:
        """Act on a failure. Unless it is only full, the database is closed: not to be trusted."""
        if isinstance(error, SpoolFull) and self._cannot_be_full():
            error = SpoolDamaged(f"{error}, which it is not")
        full = isinstance(error, SpoolFull)
        self.state = FULL if full or self.reserve.free_bytes() < MIN_ROOM_BYTES else FAILING
        if self.state == FULL:
            self.reserve.free()
        self._repeat.failed(
            f"spool {self.state}", type(error).__name__, logging.ERROR, detail=str(error)
        )
        self._full_is_over = False
        if not full:
            self.opener.blame(error)
            self._shut()
        elif self._database:
            self._database.thrifty = True

    def _cannot_be_full(self) -> bool:
        """Return whether disk and limit leave room: then a damaged page number says otherwise."""
        try:
            left_bytes = self._database.read(file.usage).left_bytes if self._database else 0
        except SpoolError:
            return False
        has_room = self.reserve.free_bytes() >= ROOM_BYTES
        within_limit = left_bytes >= file.LIMIT_BYTES // 100
        return has_room and within_limit and self.reserve.disk_works()

    def _well(self, database: Database) -> None:
        self.opener.forgive()
        if self.state == FULL and not self._full_is_over:
            return
        database.thrifty = False
        self.reserve.make()
        if self.state != OK:
            self.state = OK
            self._repeat.recovered("spool works again")

    def _shut(self, *, write: bool = False) -> None:
        database, self._database = self._database, None
        if database is None:
            return
        try:
            database.close(write=write)
        except SpoolError as error:
            log.warning("spool closed, not all receipts written", extra={"reason": str(error)})
        for kind, ids in database.unwritten().items():
            self._proven[kind] |= ids


def _expire_early(db: sqlite3.Connection, kinds: Sequence[Kind]) -> None:
    """Delete the oldest delivered readings, those of the inverter last."""
    for kind in reversed(kinds):
        if retention.expire_early(db, EXPIRE_AT_ONCE, kind):
            break


class Strict(Attempts):
    """One attempt, and an error is raised to the caller: for commands.

    Nothing is mended or moved aside, and nothing waits in memory.
    """

    def put(self, reading: Reading) -> Row | None:
        """Store a reading, or raise SpoolError."""
        rows: list[Row] = self.run(lambda database: database.put([reading]), [])
        return rows[-1] if rows else None

    def close(self) -> None:
        """Commit the receipts and let go, or raise SpoolError."""
        if self._database:
            self._database.close()

    def _begin(self) -> None:
        self._database = Database(self._path, self._keep_days)

    def _trouble(self, error: SpoolError) -> None:
        raise error
