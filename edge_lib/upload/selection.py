"""Which of the waiting readings go into the next batch, by what became of the last ones.

Those that the server calls too early are left out for a while; a long queue goes from both ends in
turn; and when too much is refused, only what the hold began with is tried again.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime

from edge_lib.clock import Clock
from edge_lib.repeat_log import RepeatLog
from edge_lib.shared.fields import FUTURE_SLACK
from edge_lib.shared.timestamps import parse_ts
from edge_lib.spool.kinds import SAMPLES, Kind
from edge_lib.spool.queue import Spooled
from edge_lib.spool.spool import Spool
from edge_lib.upload.receipt import Verdicts

MAX_EARLY = 1000  # rows left out that a step reads at most to find others behind them
EARLY_S = 60.0  # a row left out is offered again after that, or later
log = logging.getLogger("sungrow.edge.choice")


class BatchSelection:
    """The state of the selection between batches, of one kind of reading."""

    def __init__(self, spool: Spool, clock: Clock, kind: Kind = SAMPLES):
        self._spool, self._clock, self._kind = spool, clock, kind
        self._log, self._verdicts = RepeatLog(log, clock), Verdicts()
        self._early: dict[int, float] = {}  # id -> monotonic seconds at which to offer it again
        self._newest_turn = False  # that of the last full batch
        # What a hold began with, and nothing else, is tried again: another batch might be clean by
        # chance and end the hold, again and again.
        self._held: list[Spooled] = []
        self._held_bad = 0  # so many of them were refused when the hold began

    @property
    def holding(self) -> bool:
        """Whether so much was refused lately that nothing may be parked."""
        return self._verdicts.holding

    def rows(self, size: int) -> list[Spooled]:
        """Return the next ``size`` readings, or as many as may go.

        Raises:
            SpoolError: the spool cannot be read.
        """
        now_s = self._clock.monotonic_s()
        self._early = {row: due_s for row, due_s in self._early.items() if due_s > now_s}
        held = self._due(self._held) if self.holding else []
        if held:
            return held[:size]
        most = size + min(len(self._early), MAX_EARLY)
        # Every second full batch is of the newest, so that a backlog does not hide the present. The
        # turn changes with each attempt, delivered or not: what blocks one end of the queue does
        # not block the other.
        if not self._newest_turn:
            newest = self._spool.newest(most, self._kind)
            rows = self._due(newest)[-size:]
            self._newest_turn = len(rows) == size
            if self._newest_turn or (rows and len(newest) < most):
                return rows  # they, or all that waits
        self._newest_turn = False
        oldest = self._spool.oldest(most, self._kind)
        rows = self._due(oldest)[:size]
        return rows or (self._due(self._spool.newest(size, self._kind)) if oldest else [])

    def rows_after(self, rows: Sequence[Spooled]) -> list[Spooled]:
        """Return as many as these, for the attempt that follows theirs; none where it must wait.

        Raises:
            SpoolError: the spool cannot be read.
        """
        newest_turn, given = self._newest_turn, {row.id for row in rows}
        following = self.rows(len(rows))
        if len(following) == len(rows) and given.isdisjoint(row.id for row in following):
            return following
        self._newest_turn = newest_turn
        return []

    def stored(self, rows: Sequence[Spooled], conflicts: Collection[int]) -> None:
        """Count a proven 200; ``conflicts`` are the places of those that it does not store."""
        if conflicts:
            self._verdicts.add(len(rows) - len(conflicts), len(conflicts))
        elif rows:
            self._verdicts.clean(len(rows))
        if self.holding:
            self._held, self._held_bad = [rows[i] for i in conflicts], 0

    def refused(self, rows: Sequence[Spooled], count: int) -> None:
        """Count a 422 that refuses ``count`` of them; it may begin a hold, or go on with one."""
        held = self.holding
        if held and len(rows) == len(self._held) and count < self._held_bad:
            self._verdicts.mended(len(rows), count)
        else:
            self._verdicts.add(0, count)
        if self.holding and not held:
            self._held, self._held_bad = list(rows), count

    def leave_out(self, rows: Sequence[Spooled], server_now: datetime) -> None:
        """Offer these again when the server's clock has come near; not before a minute is over."""
        for row in rows:
            ahead = parse_ts(row.sample["ts"]) - FUTURE_SLACK - server_now
            wait_s = max(EARLY_S, ahead.total_seconds())
            self._early[row.id] = self._clock.monotonic_s() + wait_s
        if rows:
            self._log.failed(
                "readings left out: the server says that they lie in the future",
                "ts_in_future",
                level=logging.ERROR,
                samples=len(self._early),
                hint="compare the clocks of both machines",
            )

    def _due(self, rows: list[Spooled]) -> list[Spooled]:
        return [row for row in rows if row.id not in self._early]
