"""The utility's meter of a synthetic house: what a Belgian one counts, from the house's own flows.

Its net power is the house's at the same moment, its counters the exact integral of that. Gas and
water are invented; so are the months' peaks before the house began.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

from edge_lib.p1.meter_time import central_europe
from edge_lib.simulator.household import Household
from edge_lib.simulator.profiles import chance
from edge_lib.simulator.roof import Roof

QUARTER_S, BUS_S = 900, 300  # the tariff's quarter hour; how often gas and water are read
_DAY, _NIGHT = 1, 2  # the numbers that Belgium gives its tariffs
_SHARES = (0.25, 0.15)  # of the house's load, on L2 and L3; the rest and the inverter are on L1
_GAS_BEFORE_M3, _WATER_BEFORE_M3 = 4321.4, 611.2
_MONTHS_BEFORE = 12
_KEPT_MONTHS = 13


class Peak(NamedTuple):
    """The highest quarter hour of a month, by its end; ``month`` is when the month ended."""

    month: datetime
    at: datetime
    watts: float


class MeterView(NamedTuple):
    """What the meter shows at one moment. Energies in Wh, of which it shows whole ones."""

    at: datetime
    net_w: int
    phases_w: tuple[int, int, int]
    volts: tuple[float, float, float]
    tariff: int
    imported_wh: dict[int, float]  # by tariff
    exported_wh: dict[int, float]
    demand_w: float
    peak: Peak | None
    peaks: tuple[Peak, ...]
    bus_at: datetime
    gas_m3: float
    water_m3: float


class MeteredHousehold(Household):
    """A house with a P1 meter between it and the grid."""

    def __init__(
        self,
        start: datetime,
        seed: int = 1,
        tz: tzinfo | None = None,
        roof: Roof | None = None,
    ) -> None:
        super().__init__(start, seed, tz, roof=roof)
        # Of what was counted before, two fifths by night.
        total = self._total_ws
        self._imported_ws = {_DAY: 0.6 * total.imported, _NIGHT: 0.4 * total.imported}
        self._exported_ws = {_DAY: 0.6 * total.exported, _NIGHT: 0.4 * total.exported}
        self._quarter_began_ws = total.imported
        self._quarter_is_whole = self._at_s % QUARTER_S == 0
        self._gas_m3, self._water_m3 = _GAS_BEFORE_M3, _WATER_BEFORE_M3
        self._read_bus()
        self._peak: Peak | None = None
        self._peaks = _invented(central_europe(self.at), seed)

    def grid_meter(self) -> MeterView:
        """Return what the meter shows now."""
        flows = self._flows
        net = flows.load - flows.active
        second, third = (round(share * flows.load) for share in _SHARES)
        volts = [234 + 5 * chance(self.seed, 60 + n, int(self._at_s)) for n in range(3)]
        used_ws = self._total_ws.imported - self._quarter_began_ws
        return MeterView(
            at=central_europe(self.at),
            net_w=net,
            phases_w=(net - second - third, second, third),
            volts=(volts[0], volts[1], volts[2]),
            tariff=_tariff(self._at_s),
            imported_wh={tariff: ws / 3600 for tariff, ws in self._imported_ws.items()},
            exported_wh={tariff: ws / 3600 for tariff, ws in self._exported_ws.items()},
            demand_w=used_ws / QUARTER_S,
            peak=self._peak,
            peaks=self._peaks,
            bus_at=self._bus_at,
            gas_m3=self._bus_gas_m3,
            water_m3=self._bus_water_m3,
        )

    def _step(self, to_s: float) -> None:
        # A step ends at each whole minute at the latest: no quarter and no tariff ends within one.
        tariff, before, began_s = _tariff(self._at_s), self._total_ws, self._at_s
        warm_c = self._day.ambient_c
        super()._step(to_s)
        self._imported_ws[tariff] += self._total_ws.imported - before.imported
        self._exported_ws[tariff] += self._total_ws.exported - before.exported
        hours = (to_s - began_s) / 3600
        self._gas_m3 += hours * (0.02 + 0.035 * max(0.0, 16 - warm_c))
        self._water_m3 += hours * 0.03 * chance(self.seed, 63, int(began_s // 3600))
        if to_s % BUS_S == 0:
            self._read_bus()
        if to_s % QUARTER_S == 0:
            self._end_quarter()

    def _read_bus(self) -> None:
        at = datetime.fromtimestamp(self._at_s // BUS_S * BUS_S, UTC)
        self._bus_at = central_europe(at)
        self._bus_gas_m3, self._bus_water_m3 = self._gas_m3, self._water_m3

    def _end_quarter(self) -> None:
        now_ws, at = self._total_ws.imported, central_europe(self.at)
        watts = (now_ws - self._quarter_began_ws) / QUARTER_S
        if self._quarter_is_whole and (self._peak is None or watts > self._peak.watts):
            self._peak = Peak(_next_month(at - timedelta(seconds=1)), at, watts)
        self._quarter_began_ws, self._quarter_is_whole = now_ws, True
        if self._peak and at >= self._peak.month:
            self._peaks = (*self._peaks, self._peak)[-_KEPT_MONTHS:]
            self._peak = None


def _tariff(at_s: float) -> int:
    """Return the tariff that counts: the day's from 7 to 22 h, on weekdays."""
    at = central_europe(datetime.fromtimestamp(at_s, UTC))
    return _DAY if 7 <= at.hour < 22 and at.weekday() < 5 else _NIGHT


def _next_month(at: datetime) -> datetime:
    """Return when the month of this moment ends."""
    return _first_of(at.year * 12 + at.month)


def _first_of(month: int) -> datetime:
    """Return when the month begins of which so many have passed since the year 0."""
    first = date(month // 12, month % 12 + 1, 1)
    # No change of the clocks is on a first: so the offset at noon, the day before, is right.
    noon = datetime(first.year, first.month, first.day, 12, tzinfo=UTC) - timedelta(days=1)
    offset = central_europe(noon).utcoffset() or timedelta(0)
    return central_europe(noon + timedelta(hours=12) - offset)


def _invented(at: datetime, seed: int) -> tuple[Peak, ...]:
    """Return peaks of the months before this moment."""
    this = at.year * 12 + at.month - 1
    peaks = []
    for month in range(this - _MONTHS_BEFORE, this):
        days = 1 + int(26 * chance(seed, 64, month))
        when = _first_of(month) + timedelta(
            days=days, minutes=15 * int(70 + 16 * chance(seed, 65, month))
        )
        watts = 2400 + 2600 * chance(seed, 66, month)
        peaks.append(Peak(_first_of(month + 1), central_europe(when), float(int(watts))))
    return tuple(peaks)
