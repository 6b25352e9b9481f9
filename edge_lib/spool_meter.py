"""That an inverter has shown a grid meter: kept in the spool, with the inverter's serial number.

Until a meter has shown itself its values are null, so this must outlive a restart. Both functions
run inside their caller's lock, the writing one inside its transaction.
"""

import sqlite3

_KEY = "meter_of"


def serial(db: sqlite3.Connection) -> str | None:
    """Return the serial number of the inverter whose meter was seen; None: no meter was seen.

    "" stands for an inverter whose number could not be read. What is not a text is damage, and no
    sign of a meter.
    """
    found = db.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchall()
    return found[0][0] if found and isinstance(found[0][0], str) else None


def note(db: sqlite3.Connection, of_serial: str | None) -> None:
    """Write down whose meter was seen; None: forget it."""
    db.execute("DELETE FROM meta WHERE key = ?", (_KEY,))
    if of_serial is not None:
        db.execute("INSERT INTO meta VALUES (?, ?)", (_KEY, of_serial))
