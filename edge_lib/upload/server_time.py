"""The server's time, for a machine that no time server reaches: the ``Date`` of its answers.

Only answers over verified TLS count. A ``Date`` is cut to the second and takes some time on its
way: good enough to place readings to a second, not to set a clock.
"""

from datetime import datetime

from edge_lib.clock import Clock
from edge_lib.shared.timestamps import to_us

# So long after the boot a time server may still be found, whose time is better.
PATIENCE_S = 900.0
HALF_A_SECOND_US = 500_000
# Beyond what cutting and travelling do to it, so the boot's clock has drifted, or the server's was
# set; below that the first one stays, which keeps the spacing of the readings as it was.
DISAGREEMENT_US = 1_000_000


class ServerTime:
    """When this boot began, by the server's answers. For the thread ``upload``."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._began_us: int | None = None

    def received(self, date: datetime) -> None:
        """Note the ``Date`` of an answer that has just come."""
        began_us = to_us(date) + HALF_A_SECOND_US - self._clock.boottime_us()
        if self._began_us is None or abs(began_us - self._began_us) > DISAGREEMENT_US:
            self._began_us = began_us

    def began_us(self) -> int | None:
        """Return the wall time of the boot's start; None: not known, or better may come."""
        patient = self._clock.boottime_us() < PATIENCE_S * 1e6
        return None if patient else self._began_us
