"""What all stored days together say: anchors, windows, efficiency, capacity. Pure functions."""

from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

from server.battery import anchors as anchors_of
from server.battery import capacity, efficiency, epochs, windows
from server.battery.capacity import Capacity
from server.battery.efficiency import Efficiency
from server.battery.rows import Anchor, Digest, Settings, Window

YEAR_S = 365 * 86_400


class Model(NamedTuple):
    """What was measured; ``None`` where it could not be."""

    digests: Sequence[Digest]
    anchors: list[Anchor]
    windows: list[Window]  # of all epochs, with their capacities
    borders_s: list[float]  # where the epochs after the first begin
    efficiencies: dict[int, Efficiency]  # by epoch, of all its windows
    efficiency: Efficiency | None  # of the last 365 days, in the present epoch
    now_s: float
    zone: ZoneInfo

    @property
    def epoch(self) -> int:
        """The number of the present one."""
        return len(self.borders_s)

    @property
    def epoch_from_s(self) -> float | None:
        """When it began: the border, or the first reading; None: there is no reading."""
        if self.borders_s:
            return self.borders_s[-1]
        return next((one.first_s for one in self.digests if one.first_s is not None), None)

    def recent(self) -> list[Digest]:
        """Return the local days of the last 365."""
        since = datetime.fromtimestamp(self.now_s - YEAR_S, self.zone).date()
        return [one for one in self.digests if one.day > since]

    def of_kind(self, kind: str, from_s: float = 0.0, to_s: float = 1e12) -> list[Window]:
        """Return the windows of the present epoch that have a capacity and end in that time."""
        return [
            one
            for one in self.windows
            if (one.kind, one.epoch) == (kind, self.epoch)
            and one.capacity_kwh is not None
            and from_s <= one.to_s < to_s
        ]

    def found(self) -> Efficiency | None:
        """Return efficiency and standby of the last 365 days, else of all that is known."""
        return self.efficiency or self.efficiencies.get(self.epoch)

    def median_of(self, rows: Sequence[Window]) -> Capacity | None:
        """Return the capacity by these windows of the present epoch."""
        found = self.efficiencies.get(self.epoch)
        return capacity.median_of(rows, found) if found else None


def own_kwh(model: Model, settings: Settings) -> float | None:
    """Return what the battery holds now, in tenths: as measured, else the nominal capacity."""
    recent = model.median_of(model.of_kind("full_empty", model.now_s - YEAR_S))
    kwh = recent.value if recent else settings.capacity_kwh
    return round(kwh, 1) if kwh else None


def usable_kwh(model: Model) -> float | None:
    """Return what the house gets to use of it: from full to where discharging ended.

    The median of the last 365 days in the present epoch; None of fewer than six.
    """
    found = model.found()
    since = max(model.now_s - YEAR_S, model.borders_s[-1] if model.borders_s else 0.0)
    ways = windows.to_stops(model.anchors, since)
    if found is None or len(ways) < capacity.LEAST_EVENTS:
        return None
    fallen = [capacity.of_window(one, found).capacity_kwh or 0.0 for one in ways]
    return median(fallen)


def measure(digests: Sequence[Digest], settings: Settings, now_s: float) -> Model:
    """Return what these days, rising, say."""
    found = anchors_of.merged(anchor for one in digests for anchor in one.anchors)
    borders = sorted({*settings.replaced_s, *epochs.of_counters(digests)})
    borders = _near_ones_joined(borders)
    made, by_epoch = _measured(found, borders, settings)
    # A battery that was extended shows in its capacities alone.
    steps = [step for step in _steps(made, len(borders)) if step is not None]
    if steps:
        borders = _near_ones_joined(sorted([*borders, *steps]))
        made, by_epoch = _measured(found, borders, settings)
    recent = [one for one in made if one.epoch == len(borders) and one.to_s >= now_s - YEAR_S]
    return Model(
        digests=digests,
        anchors=found,
        windows=made,
        borders_s=borders,
        efficiencies=by_epoch,
        efficiency=efficiency.fit(recent),
        now_s=now_s,
        zone=ZoneInfo(settings.timezone),
    )


def _near_ones_joined(borders: Sequence[float]) -> list[float]:
    """Return the borders without those within two days of the one before: one event."""
    kept: list[float] = []
    for border in borders:
        if not kept or border - kept[-1] > 2 * 86_400:
            kept.append(border)
    return kept


def _measured(
    found: Sequence[Anchor], borders: Sequence[float], settings: Settings
) -> tuple[list[Window], dict[int, Efficiency]]:
    """Return the windows with their capacities, and the efficiency of each epoch.

    An epoch too short for one of its own takes that of all: the same cells and converter, mostly.
    """
    made = windows.between(found, borders, settings.capacity_kwh)
    of_all = efficiency.fit(made)
    by_epoch = {}
    for epoch in range(len(borders) + 1):
        own = efficiency.fit([one for one in made if one.epoch == epoch])
        if own or of_all:
            by_epoch[epoch] = own or of_all
    kept = {epoch: one for epoch, one in by_epoch.items() if one is not None}
    with_kwh = [
        capacity.of_window(one, kept[one.epoch]) if one.epoch in kept else one for one in made
    ]
    return [one for one in with_kwh if _is_sound(one)], kept


def _is_sound(window: Window) -> bool:
    """Return whether a window's capacity is one: more than nothing."""
    return window.capacity_kwh is None or window.capacity_kwh > 0


def _steps(made: Sequence[Window], last_epoch: int) -> list[float | None]:
    steps = []
    for epoch in range(last_epoch + 1):
        own = [one for one in made if one.epoch == epoch and one.kind == "full_empty"]
        steps.append(capacity.step_s([one for one in own if one.capacity_kwh is not None]))
    return steps
