"""Batteries of a synthetic house: a plain one, and one that ages by a known truth. Pure.

The second keeps what it holds apart from what its battery management (BMS) believes: that counts
energy over the capacity it believes in, without the standby, and learns the truth only where the
battery is full or empty. So an estimator can be judged by what it should have found.
"""

import math
from itertools import pairwise
from typing import NamedTuple, Protocol

from edge_lib.simulator.profiles import chance
from edge_lib.simulator.register_image import BATTERY_W, CAPACITY_WH

SOC_FLOOR_PCT = 5.0
YEAR_S = 365.25 * 86_400
_CELLS = 0.97  # energy that the cells keep on each way, in and out
_SMALLEST_W = 20  # the battery converter does not start for less
_FULL, _EMPTY = 0.9995, 0.004  # shares of the capacity at which the BMS knows
_TOP_UP = 0.999  # a full battery is topped up from here
_DEEPEST = -0.03  # share below empty that standby may still take
_LEARNS_WITHIN_S = 2 * 86_400
_TAPER_PCT = 4.0  # the last points of charging, over which the power falls


class Battery(Protocol):
    """What a household needs of one; ``live`` moves it by what flowed so many seconds."""

    @property
    def soc_pct(self) -> float:
        """The state of charge as it is shown."""

    def most_charge_w(self, step_s: float) -> int:
        """Return the power that it takes for so long, in whole watts."""

    def most_discharge_w(self, step_s: float) -> int:
        """Return the power that it gives for so long, in whole watts."""

    def live(self, charge_w: float, discharge_w: float, seconds: float) -> None:
        """Let these powers flow so long."""


class PlainBattery:
    """Always as good as new; its state of charge is true."""

    def __init__(self, seed: int) -> None:
        self._stored_wh = CAPACITY_WH * (0.3 + 0.3 * chance(seed, 1, 0))

    @property
    def soc_pct(self) -> float:
        """The share that is stored."""
        return self._stored_wh * 100 / CAPACITY_WH

    # Both slopes are so gentle that a whole step cannot overshoot the end.

    def most_charge_w(self, step_s: float) -> int:  # noqa: ARG002  any step
        """Return what the cells take, in whole watts."""
        most = min(BATTERY_W, int((100 - self.soc_pct) * 600))
        return most if most >= _SMALLEST_W else 0

    def most_discharge_w(self, step_s: float) -> int:  # noqa: ARG002  any step
        """Return what the cells give, in whole watts."""
        most = min(BATTERY_W, int((self.soc_pct - SOC_FLOOR_PCT) * 1500))
        return most if most >= _SMALLEST_W else 0

    def live(self, charge_w: float, discharge_w: float, seconds: float) -> None:
        """Store, or give."""
        self._stored_wh += (charge_w * _CELLS - discharge_w / _CELLS) * seconds / 3600


class Hidden(NamedTuple):
    """The truth about a battery that ages, which no register tells."""

    capacity_kwh: float = 9.6  # when new
    fade_pct_year: float = 0.0  # of that
    curve: tuple[tuple[float, float], ...] = ()  # instead: (years, share left), rising
    eta: float = 0.975  # what is kept each way
    standby_w: float = 12.0  # that the pack draws from itself
    is_learning: bool = False  # whether the BMS moves its capacity towards what it counts
    gain: float = 1.004  # of the BMS's counting
    soc_step_pct: float = 0.1  # how the state of charge is shown
    min_soc_pct: float = 5.0
    cold_pct: float = 0.0  # less usable at midwinter, when it is made, than at midsummer
    jumps_a_year: float = 0.0  # recalibrations out of nothing
    charge_w: int = 4000
    discharge_w: int = 6600
    extended_years: float | None = None  # when it gets more modules
    extended_kwh: float = 0.0  # so many more


class AgeingBattery:
    """Loses capacity by the ``Hidden`` truth; ``soc_pct`` is what its BMS believes."""

    def __init__(self, hidden: Hidden, seed: int = 1) -> None:
        self.hidden, self._seed = hidden, seed
        self._age_s = 0.0
        self._added_wh = 0.0
        self._believed_wh = hidden.capacity_kwh * 1000
        self._stored_wh = 0.5 * self._believed_wh
        self._soc_pct = 50.0
        self._since_full_wh: float | None = None  # what the BMS counted since the last full
        self._full_at_s = 0.0

    @property
    def capacity_kwh(self) -> float:
        """What it can hold now."""
        years, new_kwh = self._age_s / YEAR_S, self.hidden.capacity_kwh
        if self.hidden.curve:
            left = _between(self.hidden.curve, years)
        else:
            left = 1 - self.hidden.fade_pct_year / 100 * years
        cold = self.hidden.cold_pct / 200 * (1 + math.cos(math.tau * years))
        return (new_kwh + self._added_wh / 1000) * left * (1 - cold)

    @property
    def soc_pct(self) -> float:
        """What the BMS shows, in steps."""
        step = self.hidden.soc_step_pct
        return min(100.0, round(self._soc_pct / step) * step)

    @property
    def soh_pct(self) -> float:
        """What the BMS says of its health."""
        new_wh = self.hidden.capacity_kwh * 1000 + self._added_wh
        return min(100.0, 100 * self._believed_wh / new_wh)

    def most_charge_w(self, step_s: float) -> int:
        """Return what it takes for so long, less near the end."""
        full_wh = self.capacity_kwh * 1000
        if self._soc_pct >= 100 and self._stored_wh > _TOP_UP * full_wh:
            return 0
        room_w = (full_wh - self._stored_wh) / self.hidden.eta * 3600 / step_s
        taper = max(0.1, min(1.0, (100 - self._soc_pct) / _TAPER_PCT))
        most = int(min(self.hidden.charge_w * taper, room_w + self.hidden.standby_w))
        return most if most >= _SMALLEST_W else 0

    def most_discharge_w(self, step_s: float) -> int:
        """Return what it gives for so long: down to its least state of charge, as it believes."""
        if self._soc_pct <= self.hidden.min_soc_pct:
            return 0
        left_w = self._stored_wh * self.hidden.eta * 3600 / step_s
        most = int(min(self.hidden.discharge_w, left_w))
        return most if most >= _SMALLEST_W else 0

    def live(self, charge_w: float, discharge_w: float, seconds: float) -> None:
        """Store or give, lose the standby, grow older; and let the BMS count."""
        hidden, hours = self.hidden, seconds / 3600
        moved_wh = (charge_w * hidden.eta - discharge_w / hidden.eta) * hours
        full_wh = self.capacity_kwh * 1000
        stored_wh = self._stored_wh + moved_wh - hidden.standby_w * hours
        self._stored_wh = min(max(_DEEPEST * full_wh, stored_wh), full_wh)
        self._grow_older(seconds)
        self._believe(hidden.gain * moved_wh, self._stored_wh / full_wh)

    def _grow_older(self, seconds: float) -> None:
        before, self._age_s = self._age_s, self._age_s + seconds
        at, slot = self.hidden.extended_years, int(self._age_s // 3600)
        if at is not None and before < at * YEAR_S <= self._age_s:
            # The new modules come half full; the BMS gets to know of them.
            self._added_wh = self.hidden.extended_kwh * 1000
            self._stored_wh += self._added_wh / 2
            self._believed_wh += self._added_wh
            self._since_full_wh = None
        if int(before // 3600) != slot and self.hidden.jumps_a_year:
            often = self.hidden.jumps_a_year * 3600 / YEAR_S
            if chance(self._seed, 70, slot) < often:
                self._soc_pct += 30 * (chance(self._seed, 71, slot) - 0.5)

    def _believe(self, counted_wh: float, share: float) -> None:
        self._soc_pct += 100 * counted_wh / self._believed_wh
        if self._since_full_wh is not None:
            self._since_full_wh -= counted_wh
        if share >= _FULL:
            self._soc_pct, self._since_full_wh, self._full_at_s = 100.0, 0.0, self._age_s
        elif share <= _EMPTY:
            self._learn()
            self._soc_pct = 0.0
        elif self._soc_pct < 100 or share < _TOP_UP - 0.001:
            self._soc_pct = min(99.0, max(1.0, self._soc_pct))

    def _learn(self) -> None:
        # Only from a full that is near: what the standby took since was not counted.
        is_near = self._age_s - self._full_at_s <= _LEARNS_WITHIN_S
        if self.hidden.is_learning and self._since_full_wh and is_near:
            self._believed_wh += 0.3 * (self._since_full_wh - self._believed_wh)
        self._since_full_wh = None


def _between(curve: tuple[tuple[float, float], ...], x: float) -> float:
    """Return the value at x, on straight lines between the points."""
    for (left, low), (right, high) in pairwise(curve):
        if x <= right:
            return low + (high - low) * max(0.0, x - left) / (right - left)
    return curve[-1][1]
