"""The grid meter's readings on their way into the batches: which go, and when none may.

They travel beside the samples, and must never hold those up: where the server does not take them,
or refuses too many, they stay behind and are tried again by themselves. Here whether or not
``P1_SOURCE`` is set: what is left of a meter is delivered all the same.
"""

import logging
from collections.abc import Mapping, Sequence

from edge_lib.clock import Clock
from edge_lib.repeat_log import RepeatLog
from edge_lib.spool.kinds import P1
from edge_lib.spool.queue import Spooled
from edge_lib.spool.spool import Spool
from edge_lib.upload.receipt import Proof
from edge_lib.upload.selection import BatchSelection

NOT_TAKEN_S = 3600.0  # until an older server is asked again
FIRST_HELD_S = 1.0

Peaks = Sequence[Mapping[str, object]]

log = logging.getLogger("sungrow.edge.p1")


class P1Lane:
    """The state of it between two batches.

    Attributes:
        selection: which of them go.
        taken: whether the server has ever told what became of some; while it has not, it might
            take a report of theirs for one of the samples'.
        error: why they stay behind; None: they do not.
        peaks: the months' peaks that the meter lists, to be sent until they are acknowledged.
        counts: the server's verdicts since the start.
    """

    def __init__(self, spool: Spool, clock: Clock, max_backoff_s: float):
        self._spool, self._clock, self._max_backoff_s = spool, clock, max_backoff_s
        self._repeat = RepeatLog(log, clock)
        self._due_s, self._holds, self._turn = clock.monotonic_s(), 0, False
        self._peaks_known: Peaks | None = None
        self.selection = BatchSelection(spool, clock, P1)
        self.taken = False
        self.error: str | None = None
        self.peaks: Peaks | None = None
        self.counts = {"p1_inserted_count": 0, "p1_duplicate_count": 0, "p1_conflict_count": 0}

    def is_used(self) -> bool:
        """Return whether the spool holds any; in most houses it never does."""
        return P1 in self._spool.kinds()

    def figures(self) -> dict[str, object]:
        """Return what the health file says of it; {} where there are none."""
        return {**self.counts, "last_p1_upload_error": self.error} if self.is_used() else {}

    def rows(self, room: int) -> list[Spooled]:
        """Return what goes next, ``room`` at most; none while they have to stay behind."""
        if not (room and self.is_used()) or self._clock.monotonic_s() < self._due_s:
            return []
        return self.selection.rows(room)

    def room(self, size: int) -> int:
        """Return how many of a batch may be theirs: half, and of one each second one."""
        if size > 1:
            return size // 2
        self._turn = not self._turn
        return int(self._turn)

    def new_peaks(self) -> Peaks | None:
        """Return the peaks that the server does not know."""
        return None if self.peaks is self._peaks_known else self.peaks

    def proven(self, proven: Proof, peaks: Peaks | None) -> None:
        """Count what a 200 says of them, and of the peaks that went along."""
        self.taken = True
        if peaks is not None:
            self._peaks_known = peaks
        numbers = (proven.inserted, proven.duplicates, len(proven.conflicts))
        for name, number in zip(self.counts, numbers, strict=True):
            self.counts[name] += number

    def succeeded(self) -> None:
        """Note that they go again."""
        self._holds, self.error = 0, None
        self._repeat.recovered("the grid meter's readings are delivered again")

    def not_taken(self) -> None:
        """Keep them for a server that takes them: this one said nothing of them."""
        self.taken = False
        self._stay_behind("too_old", "the server does not take P1 readings yet: upgrade it")
        self._due_s = self._clock.monotonic_s() + NOT_TAKEN_S

    def held(self) -> None:
        """Hold them, and try what the hold began with again, less and less often."""
        self._stay_behind("held", "too many P1 readings refused: all are held, none is parked")
        wait_s = min(FIRST_HELD_S * 2 ** min(self._holds, 20), self._max_backoff_s)
        self._holds += 1
        self._due_s = self._clock.monotonic_s() + wait_s

    def _stay_behind(self, reason: str, text: str) -> None:
        self.error = f"{reason}: {text}"
        self._repeat.failed("P1 readings are kept", reason, logging.ERROR, detail=text)
