"""How many alerts are open, for the header of ``/v1/realtime``; asked of the database seldom."""

import math
import time

from server.database.pool import Database

# Where nobody uses alerts, one small question a minute and worker is all that they cost.
FRESH_S, UNUSED_S = 10.0, 60.0


class OpenAlerts:
    """The counts of devices, as of some seconds ago; shared by the threads of a worker."""

    def __init__(self, db: Database):
        self._db = db
        self._known: dict[str, tuple[float, int | None]] = {}

    def of(self, device_id: str) -> int | None:
        """Return how many are open, of the device and of the whole server, notes aside.

        Returns:
            None where alerts are not used.

        Raises:
            DatabaseAway: it had to be asked.
        """
        asked_s, count = self._known.get(device_id, (-math.inf, None))
        now_s = time.monotonic()
        if now_s >= asked_s + (UNUSED_S if count is None else FRESH_S):
            rows = self._db.rows("alerts-count", {"device_id": device_id})
            count = rows[0]["open"] if rows else None
            self._known[device_id] = (now_s, count)
        return count
