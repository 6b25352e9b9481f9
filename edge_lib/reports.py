"""The edge's own counts, by the quarter hour: what was polled, what failed and why.

The server sets them beside what it stores, and so knows a gap's cause and whether anything is
missing. Kept in memory while a quarter hour runs, since the spool itself tells how many readings it
got; written down when it is over, and at each failure, of which nothing else would tell after a
crash. Sent until the server acknowledges them, the running one once a minute.
"""

import json
import sqlite3
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from edge_lib.clock import Clock
from edge_lib.sample import format_ts
from edge_lib.store import Store

SLOT_US = 15 * 60 * 1_000_000
MINUTE_US = 60 * 1_000_000
DAY_US = 96 * SLOT_US
RUNNING_EVERY_S = 60.0
KEPT = 1000  # acknowledged ones, for ``edge.py status``: ten days
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Slot(NamedTuple):
    """The counts of one quarter hour of one boot."""

    boot: str
    slot_us: int
    polled: int
    failed: dict[str, int]

    def content(self) -> dict:
        """Give it as the contract has it."""
        slot = format_ts(_EPOCH + timedelta(microseconds=self.slot_us))
        return {"boot": self.boot, "slot": slot, "polled": self.polled, "failed": self.failed}


class Reports:
    """Counts polls (thread ``poll``) and gives what is to be sent (thread ``upload``)."""

    def __init__(self, store: Store, clock: Clock):
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._slot: Slot | None = None
        self._over: dict[tuple[str, int], Slot] = {}  # the other ones of its day
        self._unplaced: Counter[tuple[int, str]] = Counter()  # (minute since the boot, reason)
        self._sent_s = float("-inf")

    def polled(self, failure: str | None = None) -> None:
        """Count one poll, and the reason where it gave no words.

        While the clock may be wrong nobody knows in which quarter hour: the readings have their
        place in the spool, and failures wait for ``place``, as long as the program runs.
        """
        if not self._clock.synchronised():
            if failure:
                with self._lock:
                    self._unplaced[self._clock.boottime_us() // MINUTE_US, failure] += 1
            return
        with self._lock:
            slot = self._current()
            failed = slot.failed
            if failure:
                failed = {**failed, failure: failed.get(failure, 0) + 1}
            self._slot = slot._replace(polled=slot.polled + 1, failed=failed)
            if failure:
                self._write(self._slot)

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
        """Give what the server does not know: what is over, and now and then the running one.

        Oldest first, and the running one only when none is left out: so the server may take what it
        has no count of for a time without polls.
        """
        with self._lock:
            running = self._slot
            kept = self._store.look(lambda db: _unacknowledged(db, most), [])
        due = [slot for slot in kept if running is None or slot[:2] != running[:2]]
        is_time = self._clock.monotonic_s() - self._sent_s >= RUNNING_EVERY_S
        if running and is_time and len(kept) < most:
            due.append(running)
        return due

    def acknowledged(self, slots: list[Slot]) -> None:
        """Note that the server has these."""
        with self._lock:
            running = self._slot
            if running and any(slot[:2] == running[:2] for slot in slots):
                self._sent_s = self._clock.monotonic_s()
            over = [s[:2] for s in slots if running is None or s[:2] != running[:2]]
            if over:
                self._store.apply(lambda db: _acknowledge(db, over), None)

    def day_so_far(self) -> dict:
        """Give the counts of the day UTC so far, for ``edge.py status``."""
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

    def _current(self) -> Slot:
        boot = self._clock.boot()
        slot_us = (self._clock.now() - _EPOCH) // timedelta(microseconds=1) // SLOT_US * SLOT_US
        if self._slot and self._slot[:2] == (boot, slot_us):
            return self._slot
        if self._slot:
            self._write(self._slot)
        self._over = self._of_day(slot_us // DAY_US)
        return self._store.look(lambda db: _begun(db, boot, slot_us), Slot(boot, slot_us, 0, {}))

    def _of_day(self, day: int) -> dict[tuple[str, int], Slot]:
        """Give what is known of that day, also what a failing disk has not taken."""
        slots = self._store.look(lambda db: _since(db, day * DAY_US), [])
        slots += [*self._over.values(), *([self._slot] if self._slot else [])]
        return {slot[:2]: slot for slot in slots if slot.slot_us // DAY_US == day}

    def _add(self, boot: str, slot_us: int, failed: Counter[str]) -> None:
        running = self._slot
        slot = running
        if running is None or running[:2] != (boot, slot_us):
            slot = self._store.look(
                lambda db: _begun(db, boot, slot_us), Slot(boot, slot_us, 0, {})
            )
        polled = slot.polled + failed.total()
        slot = slot._replace(polled=polled, failed=dict(failed + Counter(slot.failed)))
        if running and slot[:2] == running[:2]:
            self._slot = slot
        elif running and slot_us // DAY_US == running.slot_us // DAY_US:
            self._over = self._over | {slot[:2]: slot}
        self._write(slot)

    def _write(self, slot: Slot) -> None:
        self._store.apply(lambda db: _write(db, slot), None)


def _write(db: sqlite3.Connection, slot: Slot) -> None:
    content = json.dumps({"polled": slot.polled, "failed": slot.failed})
    db.execute(
        "INSERT INTO reports (boot, slot_us, content) VALUES (?, ?, ?) ON CONFLICT (boot, slot_us)"
        " DO UPDATE SET content = excluded.content, acknowledged = 0",
        (slot.boot, slot.slot_us, content),
    )


def _begun(db: sqlite3.Connection, boot: str, slot_us: int) -> Slot:
    """Give what an earlier start of the program counted in this quarter hour.

    Its readings are in the spool; failures stand in what it wrote down.
    """
    sql = "SELECT content FROM reports WHERE boot = ? AND slot_us = ?"
    written = db.execute(sql, (boot, slot_us)).fetchall()
    before = json.loads(written[0][0]) if written else {"polled": 0, "failed": {}}
    span = (boot, slot_us, slot_us + SLOT_US)
    count = "SELECT count(*) FROM {} WHERE boot = ? AND ts_us >= ? AND ts_us < ?"
    readings = sum(
        db.execute(count.format(table), span).fetchall()[0][0] for table in ("samples", "parked")
    )
    polled = max(before["polled"], readings + sum(before["failed"].values()))
    return Slot(boot, slot_us, polled, before["failed"])


def _unacknowledged(db: sqlite3.Connection, most: int) -> list[Slot]:
    sql = (
        "SELECT boot, slot_us, content FROM reports WHERE acknowledged = 0 ORDER BY slot_us LIMIT ?"
    )
    return _slots(db.execute(sql, (most,)).fetchall())


def _since(db: sqlite3.Connection, first_us: int) -> list[Slot]:
    sql = "SELECT boot, slot_us, content FROM reports WHERE slot_us >= ?"
    return _slots(db.execute(sql, (first_us,)).fetchall())


def _slots(rows: list[tuple]) -> list[Slot]:
    found = [(boot, slot_us, json.loads(text)) for boot, slot_us, text in rows]
    return [Slot(boot, us, content["polled"], content["failed"]) for boot, us, content in found]


def _acknowledge(db: sqlite3.Connection, keys: list[tuple[str, int]]) -> None:
    db.executemany("UPDATE reports SET acknowledged = 1 WHERE boot = ? AND slot_us = ?", keys)
    db.execute(
        "DELETE FROM reports WHERE acknowledged = 1 AND slot_us < (SELECT min(slot_us) FROM"
        " (SELECT slot_us FROM reports ORDER BY slot_us DESC LIMIT ?))",
        (KEPT,),
    )
