"""That an inverter has shown a grid meter: kept in the spool, with the inverter's serial number.

Until a meter has shown itself its values are null, so this must outlive a restart. Both functions
run inside their caller's lock, the writing one inside its transaction.
"""

import sqlite3

from edge_lib.spool import meta

_KEY = "meter_of"


def serial(db: sqlite3.Connection) -> str | None:
    """Return the serial number of the inverter whose meter was seen; None: no meter was seen.

    "" is an inverter whose number could not be read.
    """
    found = meta.get(db, _KEY)
    return found if isinstance(found, str) else None


def note(db: sqlite3.Connection, of_serial: str | None) -> None:
    """Write down whose meter was seen; None: forget it."""
    if of_serial is None:
        meta.remove(db, _KEY)
    else:
        meta.put(db, _KEY, of_serial)
