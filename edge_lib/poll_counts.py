"""The edge's own counts, by the quarter hour: what was polled, what failed and why.

The server sets them beside what it stores, and so knows a gap's cause and whether anything is
missing. Kept in memory while a quarter hour runs, since the spool itself knows how many readings it
got; written down when it is over, and at each failure, of which nothing else would remain after a
crash. Sent until the server acknowledges them, the running one once a minute.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from edge_lib.clock import Clock
from edge_lib.shared.timestamps import to_us
from edge_lib.spool.kinds import SAMPLES, Kind
from edge_lib.spool.reports import SLOT_US, Slot
from edge_lib.spool.spool import Spool

MINUTE_US = 60 * 1_000_000
DAY_US = 96 * SLOT_US
RUNNING_EVERY_S = 60.0
KEPT = 1000  # acknowledged ones, for ``edge.py status``: ten days


class PollCounts:
    """Counts polls (thread ``poll``) and returns what must be sent (thread ``upload``).

    Of one kind of reading; those of the grid meter are counted by its own thread.
    """

    def __init__(self, spool: Spool, clock: Clock, kind: Kind = SAMPLES):
        self._spool, self._clock, self._kind = spool, clock, kind
        self._lock = threading.Lock()
        self._slot: Slot | None = None
        self._over: dict[tuple[str, int], Slot] = {}  # the other ones of its day
        self._unwritten: dict[tuple[str, int], Slot] = {}  # the disk has not taken these yet
        self._unplaced: Counter[tuple[int, str]] = Counter()  # (minute since the boot, reason)
        self._sent_s = float("-inf")

    def polled(self, failure: str | None = None, ts: datetime | None = None, seq: int = 0) -> None:
        """Count one poll, and the reason where it failed.

        While the clock may be wrong the quarter hour is not known: the readings have their
        place in the spool, and failures wait for ``place``, as long as the program runs.

        Args:
            failure: why there is no reading.
            ts: when it was taken; None: now.
            seq: the number of the reading, which is stored: a quarter hour begins with those that
                the spool holds, and this one is not to be counted twice.
        """
        if not self._clock.synchronised():
            if failure:
                with self._lock:
                    self._unplaced[self._clock.boottime_us() // MINUTE_US, failure] += 1
            return
        with self._lock:
            self._slot = slot = self._current(ts or self._clock.now(), seq)
            if failure:
                failed = {**slot.failed, failure: slot.failed.get(failure, 0) + 1}
                self._slot = slot._replace(polled=slot.polled + 1, failed=failed)
                self._write(self._slot)
            elif not seq or seq > slot.last_seq:
                self._slot = slot._replace(polled=slot.polled + 1, last_seq=seq)

    def place(self, began_us: int) -> None:
        """Count the failures from before the time was known; the boot began then, as is known now.

        Their readings have their times by now.
        """
        boot = self._clock.boot()
        with self._lock:
            waiting, self._unplaced = self._unplaced, Counter()
            for (minute, failure), count in sorted(waiting.items()):
                slot_us = (began_us + minute * MINUTE_US) // SLOT_US * SLOT_US
                self._add(boot, slot_us, Counter({failure: count}))

    def due(self, most: int) -> list[Slot]:
        """Return what the server does not know: what is over, and now and then the running one.

        Oldest first, and the running one only when none is left out: so the server may take what it
        has no count of for a time without polls.
        """
        with self._lock:
            running = self._slot
            for slot in list(self._unwritten.values()):
                self._write(slot)
            kept = self._spool.unreported_slots(most, self._kind)
        due = [slot for slot in kept if running is None or slot[:2] != running[:2]]
        is_time = self._clock.monotonic_s() - self._sent_s >= RUNNING_EVERY_S
        if running and is_time and len(kept) < most:
            due.append(running)
        return due

    def acknowledged(self, slots: Sequence[Slot]) -> None:
        """Note that the server has these counts, and no others of the same quarter hours."""
        with self._lock:
            running = self._slot
            if running and any(slot[:2] == running[:2] for slot in slots):
                self._sent_s = self._clock.monotonic_s()
            over = [s for s in slots if running is None or s[:2] != running[:2]]
            if over:
                self._spool.slots_reported(over, KEPT, self._kind)

    def day_so_far(self) -> dict[str, Any]:
        """Return the counts of the day UTC so far, for ``edge.py status``."""
        with self._lock:
            running, over = self._slot, self._over
        if running is None:
            return {"polled_today": 0, "failed_today": {}}
        slots = (over | {running[:2]: running}).values()
        failed: Counter[str] = Counter()
        for slot in slots:
            failed.update(slot.failed)
        return {"polled_today": sum(slot.polled for slot in slots), "failed_today": dict(failed)}

    def close(self) -> None:
        """Write down the running quarter hour: the program ends."""
        with self._lock:
            if self._slot:
                self._write(self._slot)

    def _current(self, now: datetime, seq: int) -> Slot:
        """Return the quarter hour of a poll, with what was counted in it before that poll."""
        boot = self._clock.boot()
        slot_us = to_us(now) // SLOT_US * SLOT_US
        if self._slot and self._slot[:2] == (boot, slot_us):
            return self._slot
        if self._slot:
            self._write(self._slot)
        self._over = self._of_day(slot_us // DAY_US)
        return self._spool.begin_slot(boot, slot_us, seq, self._kind)

    def _of_day(self, day: int) -> dict[tuple[str, int], Slot]:
        """Return what is known of that day, also what a failing disk has not taken."""
        slots = self._spool.slots_since(day * DAY_US, self._kind)
        slots += [*self._over.values(), *([self._slot] if self._slot else [])]
        return {slot[:2]: slot for slot in slots if slot.slot_us // DAY_US == day}

    def _add(self, boot: str, slot_us: int, failed: Counter[str]) -> None:
        running = self._slot
        if running is None or running[:2] != (boot, slot_us):
            slot = self._spool.begin_slot(boot, slot_us, kind=self._kind)
        else:
            slot = running
        polled = slot.polled + failed.total()
        slot = slot._replace(polled=polled, failed=dict(failed + Counter(slot.failed)))
        if running and slot[:2] == running[:2]:
            self._slot = slot
        elif running and slot_us // DAY_US == running.slot_us // DAY_US:
            self._over = self._over | {slot[:2]: slot}
        self._write(slot)

    def _write(self, slot: Slot) -> None:
        if self._spool.write_slot(slot):
            self._unwritten.pop(slot[:2], None)
        else:
            self._unwritten[slot[:2]] = slot
