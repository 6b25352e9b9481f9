"""The kinds of reading that the spool keeps, each in tables of its own with the same guarantees.

The statements are written for the samples of the inverter; ``Kind.sql`` turns one into that of
another kind's tables. A page of the file does not say whose it is, so what another kind keeps is
sealed with its name.
"""

import re
import sqlite3

from edge_lib.shared.sample import FIELDS

_TABLES = re.compile(r"\b(samples|queue|queued|delivered|parked|boots|reports|gaps)(?=_|\b)")


class Kind:
    """A kind of reading.

    Attributes:
        name: as the server has it.
        prefix: of its tables, and of what ``meta`` keeps of it.
        seal: what its rows' checksums cover before the columns.
        required: its fields that stay although they are null.
        fastest_us: no reading of it follows another faster, on the average of a boot.
    """

    def __init__(self, name: str, prefix: str, required: frozenset[str], fastest_us: int):
        self.name, self.prefix = name, prefix
        self.seal = (name,) if prefix else ()
        self.required, self.fastest_us = required, fastest_us
        self._statements: dict[str, str] = {}

    def sql(self, text: str) -> str:
        """Return a statement on the samples' tables as one on those of this kind."""
        if not self.prefix:
            return text
        if text not in self._statements:
            self._statements[text] = _TABLES.sub(rf"{self.prefix}\1", text)
        return self._statements[text]


# POLL_INTERVAL_S; and P1_INTERVAL_S, of which one in 900 may bring a second reading.
SAMPLES = Kind("sample", "", frozenset(f.name for f in FIELDS if f.required), 5_000_000)
# Its contract is not imported: most houses have no grid meter of their own.
P1 = Kind("p1", "p1_", frozenset({"power_w"}), 900_000)
KINDS = (SAMPLES, P1)


def present(db: sqlite3.Connection) -> tuple[Kind, ...]:
    """Return the kinds of which a spool of any schema holds something: samples always count."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'p1_samples'").fetchall():
        return (SAMPLES,)
    held = (
        "SELECT EXISTS (SELECT 1 FROM p1_samples) OR EXISTS (SELECT 1 FROM p1_parked)"
        " OR EXISTS (SELECT 1 FROM p1_boots) OR EXISTS (SELECT 1 FROM p1_reports)"
        " OR EXISTS (SELECT 1 FROM p1_gaps)"
    )
    return KINDS if db.execute(held).fetchall()[0][0] else (SAMPLES,)
