"""What travels in a batch beside its readings: facts, parked ones, gaps, counts, months' peaks.

It goes again until a 200 has acknowledged just that. The readings go without it rather than not.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from edge_lib.best_effort import BestEffort
from edge_lib.clock import Clock
from edge_lib.poll_counts import PollCounts
from edge_lib.spool.kinds import KINDS, SAMPLES, Kind
from edge_lib.spool.reports import Slot
from edge_lib.spool.spool import Spool
from edge_lib.upload.batch import Batch
from edge_lib.upload.condition import Condition
from edge_lib.upload.meter_lane import P1Lane

MAX_PARKED = 100  # parked ones reported with one batch: they may be longer than samples

Facts = dict[str, Any]
T = TypeVar("T")


class Beside:
    """What of it the server does not know yet.

    Attributes:
        facts: of the device; those set last are sent until the server has acknowledged them.
        poll_counts: count what was polled, by its kind.
    """

    def __init__(
        self, spool: Spool, clock: Clock, p1: P1Lane, best_effort: BestEffort, condition: Condition
    ):
        self._spool, self._clock, self._p1 = spool, clock, p1
        self._condition = condition
        self._best_effort = best_effort
        self._facts_known: Facts | None = None  # the same object as below: acknowledged
        self.facts: Facts | None = None
        self.poll_counts: dict[Kind, PollCounts] = {}

    def added_to(self, batch: Batch, size: int) -> Batch:
        """Return the batch with what is to go along; ``size``: what a batch may hold."""
        # A batch of one goes alone: nothing else can then be what is too large about it.
        room = 0 if size == 1 and batch.total() else min(size, MAX_PARKED)
        facts = None if self.facts is self._facts_known else self.facts
        parked = self._of_kinds("parked", self._spool.unreported_parked, room)
        gaps = self._of_kinds("gaps", self._spool.unreported_gaps, room)
        slots = self._of_kinds("reports", self._due_slots, room)
        peaks = self._p1.new_peaks() if batch.p1_rows else None
        if not any((parked, facts, gaps, slots, peaks)):
            return batch
        now: dict[Kind, dict[str, Any]] = {}
        for kind in dict.fromkeys(slot.kind for slot in slots):
            about = functools.partial(self._about_the_edge, kind)
            now[kind] = self._best_effort.run("figures", about, {})
        return batch._replace(
            parked=parked, facts=facts, gaps=gaps, slots=slots, now=now, peaks=peaks, packed=b""
        )

    def acknowledged(self, batch: Batch) -> None:
        """Note that the server has what travelled beside the readings, and just that."""
        if batch.facts is not None:
            self._facts_known = batch.facts
        for kind in KINDS:
            parked, gaps = (_ids(part, kind) for part in (batch.parked, batch.gaps))
            if parked:
                self._note("parked", self._spool.parked_reported, parked, kind)
            if gaps:
                self._note("gaps", self._spool.gaps_reported, gaps, kind)
            slots = [slot for slot in batch.slots if slot.kind is kind]
            if slots:
                self._note("reports", self.poll_counts[kind].acknowledged, slots)

    def _of_kinds(self, part: str, read: Callable[[int, Kind], list[T]], room: int) -> list[T]:
        found: list[T] = []
        for kind in KINDS if self._p1.taken and self._p1.is_used() else (SAMPLES,):
            left = room - len(found)
            if left > 0:
                found += self._best_effort.run(part, functools.partial(read, left, kind), [])
        return found

    def _due_slots(self, most: int, kind: Kind) -> list[Slot]:
        counts = self.poll_counts.get(kind)
        return counts.due(most) if counts else []

    def _about_the_edge(self, kind: Kind) -> dict[str, Any]:
        counts = self._spool.counts(kind)
        own: dict[str, Any] = {}
        if kind is SAMPLES:
            own = self._best_effort.run("condition", self._condition.figures, own)
        return {
            **own,
            "waiting": counts.depth + counts.provisional,
            "oldest_unsent_ts": counts.oldest_unsent_ts,
            "parked": counts.parked,
            "clock": "synchronised" if self._clock.synchronised() else "unknown",
        }

    def _note(self, part: str, note: Callable[..., None], *args: object) -> None:
        self._best_effort.run(part, functools.partial(note, *args), None)


def _ids(part: Sequence[Mapping[str, Any]], kind: Kind) -> list[int]:
    """Return the ids of those entries that are of a kind; of samples it is not told."""
    return [entry["id"] for entry in part if entry.get("kind", SAMPLES.name) == kind.name]
