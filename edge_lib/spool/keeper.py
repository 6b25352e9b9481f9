"""Keeps readings whatever the disk does: in the spool, or in memory until the spool takes them.

Three troubles, each with an answer of its own:

- full: the ballast goes, delivered samples go before their time, and what is queued drains first;
- failing (an I/O error, read-only): the spool is closed and opened anew, once or twice a poll; what
  can be read is uploaded meanwhile, and receipts are remembered;
- damaged, and proven so: the file is moved aside, never deleted, and polls go on into a new one in
  the same step.
"""

import logging
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

from edge_lib.best_effort import Alone
from edge_lib.clock import Clock
from edge_lib.repeat_log import RepeatLog
from edge_lib.spool import file, retention
from edge_lib.spool.database import Spool
from edge_lib.spool.errors import SpoolBusy, SpoolDamaged, SpoolError, SpoolFailing, SpoolFull
from edge_lib.spool.memory_buffer import Ring
from edge_lib.spool.opener import STRIKES, Opener
from edge_lib.spool.reserve import ROOM_BYTES, Ballast
from edge_lib.spool.rows import Reading, Row

T = TypeVar("T")
OK, FULL, FAILING = "ok", "full", "failing"
RETRY_S = 5.0  # between two attempts to mend things, beside those of the polls
CHUNK = 500  # readings of one commit on their way back from memory
MIN_ROOM_BYTES = 64 << 10  # free pages that are worth an attempt
EXPIRE_AT_ONCE = 500  # the log of that must fit into the ballast

log = logging.getLogger("sungrow.edge.store")


class Keeper:
    """The spool, opened or not, and the readings that wait for it.

    Attributes:
        state: ok, full or failing.
        highest_id: of the rows given out; a new file's ids begin above it.
    """

    def __init__(self, path: Path, keep_days: float, clock: Clock):
        """Open the spool; a disk that fails does not keep it from starting.

        Raises:
            SpoolBusy: another process has it.
            SpoolError: the settings or the owner of the files are wrong.
        """
        self.ballast, self.ring = Ballast(path), Ring()
        self.state, self.highest_id = OK, 0
        self.lock = threading.RLock()
        self.opener = Opener(path, keep_days, clock, self.ballast)
        self._path, self._clock, self._repeat = path, clock, RepeatLog(log, clock)
        self._alone = Alone(log, clock)
        self._spool: Spool | None = None
        self._files: tuple = ()
        self._retry_s = clock.monotonic_s()
        self._proven: set[int] = set()  # receipts that are not written down
        self._full_is_over = True
        try:
            self._begin()
        except (SpoolError, SpoolBusy):
            self.opener.close()
            raise

    def keep(self, reading: Reading) -> Row | None:
        """Store a reading, or keep it in memory; return the row of a sample that was stored."""
        with self.lock:
            if self.ring.add(reading):
                log.error("memory is full: every second reading in it was given up")
            # Again after a failure: on the file opened anew, or on another one.
            rows = self._work_off()
            rows = self._work_off() if rows is None else rows
            return rows[-1] if rows else None

    def ask(self, work: Callable[[Spool], T], otherwise: T) -> T:
        """Return what some work on the spool gives; ``otherwise`` if it cannot be done now."""
        with self.lock:
            if self._is_to_mend() and self._clock.monotonic_s() >= self._retry_s:
                self._work_off()
            if self._spool is None:
                return otherwise
            try:
                return work(self._spool)
            except SpoolError as error:
                self._trouble(error)
                return otherwise

    def ask_in_turns(self, work: Callable[[Spool], T], otherwise: T) -> T:
        """As ``ask``, for work that lets the other thread have its turns in between."""
        spool = self.ask(lambda spool: spool, None)
        if spool is None:
            return otherwise
        try:
            return work(spool)
        except SpoolError as error:
            with self.lock:
                if spool is self._spool:
                    self._trouble(error)
            return otherwise

    def delivered(self, ids: Collection[int]) -> None:
        """Take the server's proof, and remember it until it is written down."""
        with self.lock:
            self._proven.update(ids)
            self.ask(self._hand_over_proofs, None)

    def close(self) -> None:
        """Write what can be written and let go of the file."""
        with self.lock:
            if len(self.ring) and self._work_off() is None:
                log.critical("readings in memory are lost", extra={"count": len(self.ring)})
            self._shut(write=self.state != FAILING)
            self.opener.close()

    def _hand_over_proofs(self, spool: Spool) -> None:
        spool.delivered(self._proven)
        self._proven.clear()

    def _begin(self) -> None:
        for _ in range(STRIKES + 1):
            try:
                self._take(self.opener.open(0))
            except (SpoolFull, SpoolDamaged, SpoolFailing) as error:
                self._trouble(error)
                self._shut()
                if isinstance(error, SpoolFailing) and self.state == FAILING:
                    break
            else:
                self.ballast.make()
                return
        self._spool = self.opener.open_read_only()

    def _is_to_mend(self) -> bool:
        return self.state != OK or self._spool is None or len(self.ring) > 0

    def _work_off(self) -> list[Row] | None:
        """Write what is in memory into the spool; None if that did not go."""
        self._retry_s = self._clock.monotonic_s() + RETRY_S
        # What no SpoolError foresees leaves the readings in memory, and the polls going.
        return self._alone.run("spool", self._write_all, None)

    def _write_all(self) -> list[Row] | None:
        rows: list[Row] = []
        try:
            if not self._is_open() or (self.state == FULL and not self._has_room()):
                return None
            while len(self.ring):
                chunk = self.ring.first(CHUNK)
                rows = self._spool.put_all(chunk, self.ring.gap)
                self.ring.drop(len(chunk))
        except SpoolError as error:
            self._trouble(error)
            return None
        self._well()
        return rows

    def _is_open(self) -> bool:
        """Open the spool anew unless it is; tell whether it can be written."""
        if self._spool and not self._spool.read_only:
            if self._is_in_place():
                return True
            raise SpoolFailing("the spool's files were deleted or exchanged under it")
        self._shut()
        try:
            self._take(self.opener.open(self.highest_id))
        except SpoolBusy as error:
            self._trouble(SpoolFailing(str(error)))
        except SpoolError as error:
            self._trouble(error)
        else:
            return True
        self._shut()
        self._spool = self.opener.open_read_only()
        if self._spool:
            self._spool.delivered(self._proven)
        return False

    def _take(self, spool: Spool) -> None:
        self._spool = spool
        # Below the first id of a new file: they name nothing there.
        self._hand_over_proofs(spool)
        self._files = file.parts(self._path)

    def _is_in_place(self) -> bool:
        return file.parts(self._path) == self._files

    def _has_room(self) -> bool:
        """Make room in a full spool; tell whether there is enough for new readings."""
        spool, disk_free = self._spool, self.ballast.free_bytes()
        spool.thrifty = True
        spool.flush()
        use = spool.look(file.usage)
        self._full_is_over = disk_free >= ROOM_BYTES and (
            use.free_bytes + use.left_bytes >= file.LIMIT_BYTES // 100
        )
        if self._full_is_over:
            return True
        if use.free_bytes < MIN_ROOM_BYTES:
            spool.apply(lambda db: retention.expire_early(db, EXPIRE_AT_ONCE))
            use = spool.look(file.usage)
        # What the ballast freed is for the receipts, as long as something waits to be sent.
        drained = disk_free >= ROOM_BYTES or not spool.counts().depth
        return use.free_bytes >= MIN_ROOM_BYTES or (use.left_bytes >= MIN_ROOM_BYTES and drained)

    def _trouble(self, error: SpoolError) -> None:
        """Act on a failure. All but a full spool is closed: nothing on it can be trusted."""
        if isinstance(error, SpoolFull) and self._cannot_be_full():
            error = SpoolDamaged(f"{error}, which it is not")
        full = isinstance(error, SpoolFull)
        self.state = FULL if full or self.ballast.free_bytes() < MIN_ROOM_BYTES else FAILING
        if self.state == FULL:
            self.ballast.free()
        self._repeat.failed(
            f"spool {self.state}", type(error).__name__, logging.ERROR, detail=str(error)
        )
        self._full_is_over = False
        if not full:
            self.opener.blame(error)
            self._shut()
        elif self._spool:
            self._spool.thrifty = True

    def _cannot_be_full(self) -> bool:
        """Return whether disk and limit leave room: then a damaged page number says otherwise."""
        try:
            left_bytes = self._spool.look(file.usage).left_bytes if self._spool else 0
        except SpoolError:
            return False
        has_room = self.ballast.free_bytes() >= ROOM_BYTES
        within_limit = left_bytes >= file.LIMIT_BYTES // 100
        return has_room and within_limit and self.ballast.disk_works()

    def _well(self) -> None:
        self.opener.forgive()
        if self.state == FULL and not self._full_is_over:
            return
        self._spool.thrifty = False
        self.ballast.make()
        if self.state != OK:
            self.state = OK
            self._repeat.recovered("spool works again")

    def _shut(self, *, write: bool = False) -> None:
        spool, self._spool = self._spool, None
        if spool is None:
            return
        try:
            spool.close(write=write)
        except SpoolError as error:
            log.warning("spool closed, not all receipts written", extra={"reason": str(error)})
        self._proven |= spool.unwritten()
