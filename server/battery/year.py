"""Goes through the last 365 days of five minutes once: insights, and other capacities. Pure."""

from typing import Any, NamedTuple

from server.battery.insights import HUNTING_KWH, Tally
from server.battery.measure import YEAR_S, Model, own_kwh, usable_kwh
from server.battery.rows import FiveMinutes, Settings
from server.battery.whatif import CAPACITIES_KWH, Limits, Replay

_STEPS = 288  # that are played at once: a day, for speed
_LEAST_DAYS = 28
_SAME_KWH = 0.005
_BELOW_EMPTY = 0.03  # share of the capacity that the standby may take of an empty battery


class Limit(NamedTuple):
    """What the battery did at most in the last 365 days, in W; None: nothing was measured."""

    charge_w: float | None
    discharge_w: float | None


def limits(model: Model) -> Limit:
    """Return the largest powers seen."""
    recent = model.recent()
    charge = [one.max_charge_w for one in recent if one.max_charge_w is not None]
    discharge = [one.max_discharge_w for one in recent if one.max_discharge_w is not None]
    return Limit(max(charge, default=None), max(discharge, default=None))


def reserve_pct(model: Model, settings: Settings) -> float | None:
    """Return where discharging ended in the last 365 days without being empty; None: nowhere."""
    if settings.min_soc_pct:
        return settings.min_soc_pct
    ends = sorted(
        anchor.soc_after_pct
        for anchor in model.anchors
        if anchor.kind == "reserve"
        and anchor.reached_s >= model.now_s - YEAR_S
        and anchor.soc_after_pct is not None
    )
    return ends[len(ends) // 2] if len(ends) >= 3 else None


class Year:
    """Feed it the rows of the last 365 days, rising; then ``end``, ``tally`` and ``whatif``."""

    def __init__(self, model: Model, settings: Settings) -> None:
        seen, reserve = limits(model), reserve_pct(model, settings)
        self.tally = Tally(model.zone, seen.charge_w, seen.discharge_w, reserve)
        own = self.own_kwh = own_kwh(model, settings)
        self.limits, self.reserve_pct = seen, reserve
        self.from_s: float | None = None
        self.to_s: float | None = None
        self.import_kwh = self.export_kwh = 0.0
        self._taken_kwh = self._given_kwh = self._hours = 0.0
        self._steps: list[tuple[float, float]] = []
        self._replays: dict[float, list[Any]] = {}
        found = model.found()
        if found and seen.charge_w and seen.discharge_w:
            most = Limits(seen.charge_w, seen.discharge_w, found.eta, max(0.0, found.standby_w))
            usable = self._usable_share(model, reserve)
            for kwh in sorted({*CAPACITIES_KWH, *([own] if own else [])}):
                below_kwh = kwh * (1 - usable + _BELOW_EMPTY)
                self._replays[kwh] = [Replay(kwh * usable, below_kwh, most), 0.0, 0.0]

    def _usable_share(self, model: Model, reserve: float | None) -> float:
        """Return the share of the capacity that the house gets: measured, else as it is set."""
        measured = usable_kwh(model)
        if measured is not None and self.own_kwh:
            return min(1.0, max(0.0, measured / self.own_kwh))
        return 1 - (reserve or 0.0) / 100

    def feed(self, row: FiveMinutes) -> None:
        """Take account of five minutes."""
        self.tally.feed(row)
        if self.from_s is None:
            self.from_s = row.bucket_s
        self.to_s = row.bucket_s + 300
        if row.import_kwh is None or row.export_kwh is None:
            return
        self.import_kwh += row.import_kwh
        self.export_kwh += row.export_kwh
        self._note_unavoidable(row.import_kwh, row.export_kwh)
        # What the house had too much or too little before the battery did anything, with what the
        # converter lost.
        surplus = row.export_kwh - row.import_kwh + row.charge_kwh - row.discharge_kwh
        self._hours += row.covered_s / 3600
        self._steps.append((surplus, row.covered_s / 3600))
        if len(self._steps) >= _STEPS:
            self._play()

    def _note_unavoidable(self, imported: float, exported: float) -> None:
        """Count what no battery saves: to and fro within five minutes, and about zero."""
        both = min(imported, exported)
        is_hunting = imported + exported < HUNTING_KWH
        self._taken_kwh += imported if is_hunting else both
        self._given_kwh += exported if is_hunting else both

    def end(self) -> None:
        """Play what is left."""
        self.tally.end()
        self._play()

    @property
    def days(self) -> float:
        """Of how many days the grid was measured."""
        return self._hours / 24

    def whatif(self) -> list[dict[str, Any]]:
        """Return for each capacity what would have been imported and exported; [] if not known."""
        if not self._replays or self.days < _LEAST_DAYS:
            return []
        none_kwh = self._replays[0.0][1]
        answers = []
        for kwh, (_, imported, exported) in self._replays.items():
            taken, given = (self._taken_kwh, self._given_kwh) if kwh else (0.0, 0.0)
            answers.append(
                {
                    "capacity_kwh": kwh,
                    "import_kwh": round(imported + taken, 3),
                    "export_kwh": round(exported + given, 3),
                    "saved_kwh": round(none_kwh - imported - taken, 3),
                    "is_own": self.own_kwh is not None and abs(kwh - self.own_kwh) < _SAME_KWH,
                }
            )
        return answers

    def _play(self) -> None:
        for one in self._replays.values():
            imported, exported = one[0].play(self._steps)
            one[1] += imported
            one[2] += exported
        self._steps = []
