"""The server's time, for a machine that no time server reaches: what the ``Date`` of answers says.

Only answers over verified TLS count. A ``Date`` is cut to the second and takes some time on its
way: good enough to place readings to a second, not to set a clock.
"""

from datetime import UTC, datetime, timedelta

from edge_lib.clock import Clock

# So long after the boot a time server may still be found, whose time is better.
PATIENCE_S = 900.0
HALF_A_SECOND_US = 500_000
# Beyond what cutting and travelling do to it, so the boot's clock has drifted, or the server's was
# set; below that the first one stays, which keeps the spacing of the readings as it was.
DISAGREEMENT_US = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ServerTime:
    """When this boot began, as the server's answers tell. For the thread ``upload``."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._began_us: int | None = None

    def hear(self, date: datetime) -> None:
        """Take the ``Date`` of an answer that has just come."""
        date_us = (date - _EPOCH) // timedelta(microseconds=1)
        began_us = date_us + HALF_A_SECOND_US - self._clock.boottime_us()
        if self._began_us is None or abs(began_us - self._began_us) > DISAGREEMENT_US:
            self._began_us = began_us

    def began_us(self) -> int | None:
        """Return the wall time of the boot's start; None: not known, or better may come."""
        patient = self._clock.boottime_us() < PATIENCE_S * 1e6
        return None if patient else self._began_us
