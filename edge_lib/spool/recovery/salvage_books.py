"""The bookkeeping of a damaged spool: which rows of its pages are which, and what goes over.

A page does not say which table its rows belong to. Since schema 2 the checksum shows it, for it
covers the table's name; of schema 1 only what can be nothing else is believed.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from edge_lib.spool import boots, gaps, meta, reports, upgrade
from edge_lib.spool.boots import BOOTS
from edge_lib.spool.gaps import GAPS, Gap
from edge_lib.spool.kinds import KINDS, SAMPLES, Kind
from edge_lib.spool.meta import META
from edge_lib.spool.reports import REPORTS, Slot


class SalvagedBooks:
    """What was found of boots, gaps, reports and notes."""

    def __init__(self) -> None:
        self._seqs: dict[Kind, dict[str, int]] = {kind: {} for kind in KINDS}
        self._gaps: dict[tuple[Kind, int], tuple[Gap, str]] = {}
        self._slots: dict[tuple[Kind, str, int], Slot] = {}
        self._notes: dict[str, int | str] = {}
        self._readers: dict[int, tuple[Callable[..., None], ...]] = {
            2: (self._boot_1,),
            3: (self._boot, self._note),
            4: (self._report_1,),
            5: (self._report,),
            6: (self._gap_1,),
            7: (self._gap,),
        }

    def take(self, rowid: int, values: tuple[Any, ...]) -> None:
        """Keep a row of whatever table, if it is one of these."""
        for reader in self._readers.get(len(values), ()):
            reader(rowid, *values)

    def write(self, db: sqlite3.Connection) -> None:
        """Write into another spool what it lacks."""
        for kind, seqs in self._seqs.items():
            boots.cover_more(db, seqs, kind)
        for (kind, _), (gap, cause) in self._gaps.items():
            if not gaps.is_there(db, gap, cause, kind):
                gaps.note(db, gap, cause, kind)
        for slot in self._slots.values():
            reports.write(db, slot)
        for key, value in self._notes.items():
            if meta.get(db, key) is None:
                meta.put(db, key, value)

    def _boot(self, _: int, boot: Any, last_seq: Any, crc: Any) -> None:
        for kind in KINDS:
            if BOOTS[kind].is_sound((boot, last_seq), crc):
                self._keep_boot(kind, boot, last_seq)

    def _boot_1(self, _: int, boot: Any, last_seq: Any) -> None:
        # Rows of meta and of sqlite_sequence look alike, but for their names.
        if upgrade.is_boot(boot, last_seq):
            self._keep_boot(SAMPLES, boot, last_seq)

    def _keep_boot(self, kind: Kind, boot: str, last_seq: int) -> None:
        self._seqs[kind][boot] = max(last_seq, self._seqs[kind].get(boot, 0))

    def _note(self, _: int, key: Any, value: Any, crc: Any) -> None:
        if META.is_sound((key, value), crc) and meta.is_portable(key):
            self._notes[key] = value

    def _report(self, _: int, boot: Any, slot_us: Any, *rest: Any) -> None:
        content, acknowledged, crc = rest
        for kind in KINDS:
            slot = reports.read(boot, slot_us, content, kind)
            is_sound = REPORTS[kind].is_sound((boot, slot_us, content), crc)
            if slot and acknowledged != crc and is_sound:
                self._slots[kind, boot, slot_us] = slot

    def _report_1(self, _: int, boot: Any, slot_us: Any, *rest: Any) -> None:
        content, acknowledged = rest
        slot = reports.read(boot, slot_us, content)
        if slot and acknowledged == 0:
            self._slots[SAMPLES, boot, slot_us] = slot

    def _gap(self, rowid: int, _: None, *rest: Any) -> None:
        *values, acknowledged, crc = rest
        for kind in KINDS:
            if acknowledged != crc and GAPS[kind].is_sound(values, crc):
                self._keep_gap(kind, rowid, *values)

    def _gap_1(self, rowid: int, _: None, *rest: Any) -> None:
        *values, acknowledged = rest
        if acknowledged == 0 and GAPS[SAMPLES].fits(*values):
            self._keep_gap(SAMPLES, rowid, *values)

    def _keep_gap(
        self, kind: Kind, rowid: int, from_us: int, to_us: int, cause: str, count: int
    ) -> None:
        self._gaps[kind, rowid] = (Gap(from_us, to_us, count), cause)
