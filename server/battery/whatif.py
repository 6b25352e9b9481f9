"""Which capacity would have saved what: the house's own five minutes, played again. Pure.

The model is the battery's own: what is kept each way, its standby, the largest powers seen. All on
the DC side; what the converter loses is in the surplus already, as the house had it.
"""

from collections.abc import Sequence
from typing import NamedTuple

CAPACITIES_KWH = (0.0, 5.0, 8.0, 10.0, 13.0, 16.0, 20.0, 26.0)


class Limits(NamedTuple):
    """What a battery does at most."""

    charge_w: float
    discharge_w: float
    eta: float  # kept each way
    standby_w: float


class Replay:
    """One battery in the house, moved by what that had too much or too little."""

    __slots__ = (
        *("_deepest_kwh", "_eta", "_in_kw", "_most_kwh"),
        *("_out_kw", "_standby_kw", "_stored_kwh"),
    )

    def __init__(self, usable_kwh: float, reserve_kwh: float, limits: Limits) -> None:
        self._most_kwh, self._eta = usable_kwh, limits.eta
        self._deepest_kwh = -reserve_kwh  # which the standby draws on, and the house does not
        # A pack that is not there takes, gives and draws nothing.
        self._in_kw = limits.charge_w / 1000 if usable_kwh else 0.0
        self._out_kw = limits.discharge_w / 1000 if usable_kwh else 0.0
        self._standby_kw = limits.standby_w / 1000 if usable_kwh else 0.0
        self._stored_kwh = 0.5 * usable_kwh

    def play(self, surplus_kwh: Sequence[tuple[float, float]]) -> tuple[float, float]:
        """Return (imported, exported) over steps of (surplus, hours); the state stays."""
        stored, most, eta = self._stored_kwh, self._most_kwh, self._eta
        deepest = self._deepest_kwh
        taken = given = 0.0
        for surplus, hours in surplus_kwh:
            stored -= self._standby_kw * hours
            if surplus > 0:
                room = (most - stored) / eta
                moved = min(surplus, self._in_kw * hours, room)
                if moved > 0:
                    stored += moved * eta
                    given += surplus - moved
                else:
                    given += surplus
            else:
                moved = min(-surplus, self._out_kw * hours, stored * eta)
                if moved > 0:
                    stored -= moved / eta
                    taken -= surplus + moved
                else:
                    taken -= surplus
            if stored < deepest:
                stored = deepest
        self._stored_kwh = stored
        return taken, given
