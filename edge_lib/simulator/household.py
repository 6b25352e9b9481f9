"""A synthetic house with an SH4.0RS: panels, battery, people, meter. For tests and the demo.

Owns the physics behind the simulator. Pure: reads no clock, no file and no global randomness, so
one seed and one start make one life. All powers are whole watts, as in the registers, and at
every moment exactly

    active = load + export        pv + discharge - charge = active + losses,  losses >= 0

What flows at a moment flows until the next step, so the counters are the exact integral of what a
reader sees. ``profiles`` makes sun and people, ``register_image`` the words.
"""

import math
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

from edge_lib.simulator.battery import Battery, PlainBattery
from edge_lib.simulator.profiles import Day, chance, house_load_w, midnight, string_powers_w
from edge_lib.simulator.register_image import NOMINAL_W, Meters, Truth, words
from edge_lib.simulator.roof import Roof
from edge_lib.simulator.tracker import Offer, held_back

STEP_S = 60.0
_INVERTING = 0.97
_OWN_USE_W = 15  # the inverter's electronics, day and night

# Two and a half years of such a house, in kWh.
_BEFORE = Meters(18214.63, 9043.27, 4022.91, 4680.18, 4391.52, 2410.74, 9051.36, 17268.44, 10627.82)


class Flows(NamedTuple):
    """The powers of one moment, in whole watts; all but ``active`` are never negative."""

    strings: tuple[int, ...]  # what the sun offers; ``pv`` is what is taken
    pv: int
    charge: int
    discharge: int
    active: int
    load: int


class Household:
    """One house. ``advance`` moves it through time, ``words`` shows it as the dongle does.

    Args:
        start: aware; the house's first moment.
        seed: another seed, another weather and other habits.
        tz: the inverter's local zone, where daily counters reset; None = that of ``start``.
        battery: another one than a plain one.
        step_s: the longest step; it divides an hour.
        roof: another one than the two strings of ``profiles``.

    Attributes:
        has_meter: whether the inverter has a grid meter; may be changed at any time.
    """

    has_meter = True

    def __init__(
        self,
        start: datetime,
        seed: int = 1,
        tz: tzinfo | None = None,
        battery: Battery | None = None,
        step_s: float = STEP_S,
        roof: Roof | None = None,
    ) -> None:
        zone = tz or start.tzinfo
        if zone is None or start.utcoffset() is None:
            raise ValueError("the start of a household needs a time zone")
        self.seed, self.tz = seed, zone
        self._at_s = start.timestamp()
        self.battery: Battery = battery or PlainBattery(seed)
        self._step_s = step_s
        self.roof = roof
        self._offers: tuple[Offer, ...] = ()
        self._total_ws = Meters._make(kwh * 3.6e6 for kwh in _BEFORE)
        self._begin_day(start.astimezone(zone).date())
        self._flows = self._flow()

    @property
    def at(self) -> datetime:
        """The moment up to which the house has lived, in its own zone."""
        return datetime.fromtimestamp(self._at_s, UTC).astimezone(self.tz)

    @property
    def truth(self) -> Truth:
        """What flows at this moment and has flowed until now, before any rounding."""
        flows = self._flows
        offered = sum(flows.strings)
        taken = flows.pv / offered if offered else 0
        daily_ws = (now - then for now, then in zip(self._total_ws, self._dawn_ws, strict=True))
        return Truth(
            at=self.at,
            pv_power_w=flows.pv,
            battery_power_w=flows.charge - flows.discharge,
            battery_soc_pct=self.battery.soc_pct,
            load_power_w=flows.load,
            export_power_w=flows.active - flows.load,
            inverter_power_w=flows.active,
            loss_w=flows.pv + flows.discharge - flows.charge - flows.active,
            string_powers_w=tuple(watts * taken for watts in flows.strings),
            # Of a roof's inverter nobody has seen that it reports the limits of its power so.
            derating=flows.pv < offered and self.roof is None,
            may_charge=self.battery.most_charge_w(self._step_s) > 0,
            may_discharge=self.battery.most_discharge_w(self._step_s) > 0,
            ambient_c=self._day.ambient_c,
            total_kwh=Meters._make(ws / 3.6e6 for ws in self._total_ws),
            daily_kwh=Meters._make(ws / 3.6e6 for ws in daily_ws),
            inputs=self.inputs,
            nominal_w=self._nominal_w,
        )

    @property
    def inputs(self) -> tuple[Offer, ...] | None:
        """What each string input takes at this moment; None without a roof."""
        if self.roof is None:
            return None
        offered = sum(self._flows.strings)
        taken = self._flows.pv / offered if offered else 1.0
        return tuple(held_back(offer, taken) for offer in self._offers)

    @property
    def _nominal_w(self) -> int:
        return self.roof.nominal_w if self.roof else NOMINAL_W

    def words(self) -> dict[int, int]:
        """Return the whole input map as ``{wire address: word}``, each register of our table."""
        return words(self.truth, self.seed, has_meter=self.has_meter)

    def advance(self, to: datetime) -> None:
        """Live until ``to`` (aware), ``step_s`` a step; an earlier moment changes nothing."""
        to_s = to.timestamp()
        while self._at_s < to_s:
            # Steps end at whole minutes, so that none reaches across a midnight.
            self._step(min(to_s, (self._at_s // self._step_s + 1) * self._step_s))

    def _step(self, to_s: float) -> None:
        flows, seconds = self._flows, to_s - self._at_s
        counted = zip(self._total_ws, _metered(flows), strict=True)
        self._total_ws = Meters._make(ws + watts * seconds for ws, watts in counted)
        self.battery.live(flows.charge, flows.discharge, seconds)
        self._at_s = to_s
        if to_s >= self._tomorrow_s:
            self._begin_day(self.at.date())
        self._flows = self._flow()

    def _begin_day(self, today: date) -> None:
        self._day = Day.plan(self.seed, today, self.tz)
        self._tomorrow_s = midnight(today + timedelta(days=1), self.tz).timestamp()
        self._dawn_ws = self._total_ws

    def _flow(self) -> Flows:
        """Decide where the power goes now: the house first, then the battery, then the grid."""
        load = house_load_w(self._day, self._at_s)
        strings = self._strings()
        sun, nominal_w = sum(strings), self._nominal_w
        # No regulator holds the meter at exactly 0 W.
        wobble = round(16 * chance(self.seed, 2, int(self._at_s // 5))) - 8
        wanted = max(0, min(load + wobble, nominal_w))
        need = math.ceil(wanted / _INVERTING) + _OWN_USE_W
        if sun < need:
            discharge = min(need - sun, self.battery.most_discharge_w(self._step_s))
            dc = sun + discharge - _OWN_USE_W
            active = min(wanted, int(dc * _INVERTING)) if dc > 0 else dc
            return Flows(strings, sun, 0, discharge, active, load)
        charge = min(sun - need, self.battery.most_charge_w(self._step_s))
        most = nominal_w
        if self.roof and self.roof.export_limit_w is not None:
            most = min(nominal_w, max(wanted, load + self.roof.export_limit_w))
        active = min(most, wanted + int((sun - need - charge) * _INVERTING))
        # Beyond the AC limit the inverter takes less from the panels than they offer.
        pv = min(sun, charge + math.ceil(active / _INVERTING) + _OWN_USE_W)
        return Flows(strings, pv if active == most else sun, charge, 0, active, load)

    def _strings(self) -> tuple[int, ...]:
        if self.roof is None:
            return string_powers_w(self._day, self._at_s)
        self._offers = tuple(one.offer for one in self.roof.look(self._at_s).strings)
        return tuple(round(offer.power_w) for offer in self._offers)


def _metered(flows: Flows) -> Meters:
    """Return the power that each counter counts, in W."""
    export = flows.active - flows.load
    return Meters(
        pv=flows.pv,
        export_from_pv=max(0, min(export, flows.pv)),
        direct=max(0, min(flows.load, flows.active, flows.pv - flows.charge)),
        charge=flows.charge,
        discharge=flows.discharge,
        imported=max(0, -export),
        exported=max(0, export),
        output=max(0, flows.active),
        load=flows.load,
    )
