"""The bookkeeping of a damaged spool: which rows of its pages are which, and what goes over.

A page does not say which table its rows belong to. With schema 2 the checksum shows it, for it
covers the table's name; of schema 1 only what can be nothing else is believed.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from edge_lib.spool import boots, gaps, meta, reports, upgrade
from edge_lib.spool.boots import BOOTS
from edge_lib.spool.gaps import GAPS, Gap
from edge_lib.spool.meta import META
from edge_lib.spool.reports import REPORTS, Slot


class SalvagedBooks:
    """What was found of boots, gaps, reports and notes."""

    def __init__(self) -> None:
        self._seqs: dict[str, int] = {}
        self._gaps: dict[int, tuple[Gap, str]] = {}
        self._slots: dict[tuple[str, int], Slot] = {}
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
        boots.cover_more(db, self._seqs)
        for gap, cause in self._gaps.values():
            if not gaps.is_there(db, gap, cause):
                gaps.note(db, gap, cause)
        for slot in self._slots.values():
            reports.write(db, slot)
        for key, value in self._notes.items():
            if meta.get(db, key) is None:
                meta.put(db, key, value)

    def _boot(self, _: int, boot: Any, last_seq: Any, crc: Any) -> None:
        if BOOTS.is_sound((boot, last_seq), crc):
            self._seqs[boot] = max(last_seq, self._seqs.get(boot, 0))

    def _boot_1(self, _: int, boot: Any, last_seq: Any) -> None:
        # Rows of meta and of sqlite_sequence look alike, but for their names.
        if upgrade.is_boot(boot, last_seq):
            self._seqs[boot] = max(last_seq, self._seqs.get(boot, 0))

    def _note(self, _: int, key: Any, value: Any, crc: Any) -> None:
        if META.is_sound((key, value), crc) and meta.is_portable(key):
            self._notes[key] = value

    def _report(self, _: int, boot: Any, slot_us: Any, *rest: Any) -> None:
        content, acknowledged, crc = rest
        slot = reports.read(boot, slot_us, content)
        if slot and acknowledged != crc and REPORTS.is_sound((boot, slot_us, content), crc):
            self._slots[boot, slot_us] = slot

    def _report_1(self, _: int, boot: Any, slot_us: Any, *rest: Any) -> None:
        content, acknowledged = rest
        slot = reports.read(boot, slot_us, content)
        if slot and acknowledged == 0:
            self._slots[boot, slot_us] = slot

    def _gap(self, rowid: int, _: None, *rest: Any) -> None:
        *values, acknowledged, crc = rest
        if acknowledged != crc and GAPS.is_sound(values, crc):
            self._keep_gap(rowid, *values)

    def _gap_1(self, rowid: int, _: None, *rest: Any) -> None:
        *values, acknowledged = rest
        if acknowledged == 0 and GAPS.fits(*values):
            self._keep_gap(rowid, *values)

    def _keep_gap(self, rowid: int, from_us: int, to_us: int, cause: str, count: int) -> None:
        self._gaps[rowid] = (Gap(from_us, to_us, count), cause)
