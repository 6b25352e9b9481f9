"""What the last 365 days of five minutes tell: each with its energy, and nothing guessed. Pure.

Nothing here knows why; it adds up what was measured while something was so.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from server.battery.rows import REST_W, FiveMinutes

_EXPORT_KWH = 0.1 / 12  # in five minutes: 100 W
_AT_LIMIT = 0.95
_LOW_PCT = 20.0
_NOON_H = 13
HUNTING_KWH = 0.05 / 12
_REST_H, _REST_POINTS, _STEP_POINTS = 12.0, 2.0, 1.05


class Sum:
    """Energy, and hours or days, of one insight."""

    __slots__ = ("hours", "kwh")

    def __init__(self) -> None:
        self.kwh = self.hours = 0.0

    def add(self, kwh: float, covered_s: float) -> None:
        """Add five minutes."""
        self.kwh += kwh
        self.hours += covered_s / 3600


class Tally:
    """Adds up rows of five minutes, rising.

    Args:
        zone: of the house.
        charge_w: the largest power of charging seen; None: not known. So with ``discharge_w``.
        reserve_pct: where discharging ends without being empty; None: nowhere.
    """

    def __init__(
        self,
        zone: ZoneInfo,
        charge_w: float | None,
        discharge_w: float | None,
        reserve_pct: float | None,
    ) -> None:
        self._zone, self._reserve_pct = zone, reserve_pct
        self._charge_w = _AT_LIMIT * charge_w if charge_w else None
        self._discharge_w = _AT_LIMIT * discharge_w if discharge_w else None
        self.sums = {
            name: Sum()
            for name in (
                *("charge_limit", "discharge_limit", "reserve", "grid_charging"),
                *("battery_to_grid", "full_early", "zero_hunting", "larger_battery"),
            )
        }
        self.discharge_kwh = 0.0
        self.low_days = self.days = self.larger_days = 0
        self.rests: list[tuple[float, float]] = []  # (hours, points that the state of charge fell)
        self.has_grid = self.has_flows = False
        self._day: date | None = None
        self._day_max_pct: float | None = None
        self._export_day: date | None = None
        self._exported = self._imported = 0.0
        self._rest: tuple[float, float] | None = None
        self._rested: tuple[float, float] = (0.0, 0.0)
        self._steepest = 0.0

    def feed(self, row: FiveMinutes) -> None:
        """Take account of five minutes."""
        local = datetime.fromtimestamp(row.bucket_s, self._zone)
        self._note_day(local.date(), row.soc_max_pct)
        self._note_rest(row)
        self.discharge_kwh += row.discharge_kwh
        if row.grid_to_battery_kwh is not None:
            self.has_flows = True
            self._note_flows(row)
        if row.import_kwh is not None and row.export_kwh is not None:
            self.has_grid = True
            self._note_grid(row, row.import_kwh, row.export_kwh, local)

    def end(self) -> None:
        """Close what is open."""
        self._close_day()
        self._close_night()

    def _note_day(self, day: date, soc_max_pct: float | None) -> None:
        if day != self._day:
            self._close_day()
            self._day = day
        if soc_max_pct is not None:
            self._day_max_pct = max(soc_max_pct, self._day_max_pct or 0.0)

    def _close_day(self) -> None:
        if self._day is not None and self._day_max_pct is not None:
            self.days += 1
            self.low_days += self._day_max_pct < _LOW_PCT
        self._day_max_pct = None

    def _note_flows(self, row: FiveMinutes) -> None:
        from_grid = row.grid_to_battery_kwh or 0.0
        hours_s = row.covered_s if from_grid > _EXPORT_KWH else 0.0
        self.sums["grid_charging"].add(from_grid, hours_s)
        self.sums["battery_to_grid"].add(row.battery_to_grid_kwh or 0.0, 0.0)

    def _note_grid(
        self, row: FiveMinutes, imported: float, exported: float, local: datetime
    ) -> None:
        sums, soc, power = self.sums, row.soc_mean_pct, row.battery_mean_w
        self._note_night(local.date(), imported, exported)
        if imported + exported < HUNTING_KWH:
            sums["zero_hunting"].add(imported, row.covered_s)
        if soc is None or power is None:
            return
        if self._charge_w and power >= self._charge_w and soc < 100:
            sums["charge_limit"].add(exported, row.covered_s)
        at_reserve = self._reserve_pct is not None and soc <= self._reserve_pct + 1
        if self._discharge_w and -power >= self._discharge_w and not at_reserve:
            sums["discharge_limit"].add(imported, row.covered_s)
        if at_reserve and abs(power) < REST_W:
            sums["reserve"].add(imported, row.covered_s)
        if soc >= 100 and local.hour < _NOON_H:
            sums["full_early"].add(exported, row.covered_s)

    def _note_night(self, day: date, imported: float, exported: float) -> None:
        if exported > _EXPORT_KWH:
            if day != self._export_day:
                self._close_night()
                self._export_day = day
            self._imported = 0.0
        if self._export_day is not None:
            self._exported += exported
            self._imported += imported

    def _close_night(self) -> None:
        moved = min(self._exported, self._imported)
        if moved > 0:
            self.sums["larger_battery"].add(moved, 0.0)
            self.larger_days += 1
        self._exported = self._imported = 0.0

    def _note_rest(self, row: FiveMinutes) -> None:
        is_resting = (
            row.battery_max_w is not None
            and row.battery_min_w is not None
            and max(row.battery_max_w, -row.battery_min_w) < REST_W
            and row.soc_mean_pct is not None
        )
        near = self._rest is not None and row.bucket_s - self._rested[0] <= 900
        if is_resting and (near or self._rest is None):
            soc = row.soc_mean_pct or 0.0
            if self._rest is None:
                self._rest, self._steepest = (row.bucket_s, soc), 0.0
            else:
                self._steepest = max(self._steepest, abs(self._rested[1] - soc))
            self._rested = (row.bucket_s, soc)
            return
        if self._rest is not None:
            hours = (self._rested[0] - self._rest[0]) / 3600
            fell = self._rest[1] - self._rested[1]
            # A recalibration falls at once; what the pack draws takes hours.
            is_slow = self._steepest <= _STEP_POINTS
            if hours >= _REST_H and fell >= _REST_POINTS and is_slow:
                self.rests.append((hours, fell))
        self._rest = None
