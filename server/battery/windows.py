"""From one physical anchor to the next: energy that went in and out between. Pure functions."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from server.battery.rows import Anchor, Window

LONGEST_S = 10 * 86_400
# What a battery draws while it is empty is not known: it may have been switched off.
_LONGEST_EMPTY_S, _LONGEST_EMPTY_UP_S = 2 * 3600, 6 * 3600
_FASTEST, _MOST_KW = 1.5, 60.0  # of the nominal capacity per hour; where that is not known


def between(
    anchors: Sequence[Anchor], borders_s: Sequence[float], capacity_kwh: float | None
) -> list[Window]:
    """Return the windows of these anchors, rising by their ends; none crosses a border.

    Args:
        anchors: merged, rising.
        borders_s: where an epoch begins: another inverter, another battery, other counters.
        capacity_kwh: the nominal one, for C-rates.
    """
    physical = [anchor for anchor in anchors if anchor.kind != "reserve"]
    found = [
        _window("full_empty" if left.kind == "full" else "empty_full", left, right, capacity_kwh)
        for left, right in pairwise(physical)
        if left.kind != right.kind
    ]
    fulls = [n for n, anchor in enumerate(physical) if anchor.kind == "full"]
    found += [
        _window("full_full", physical[one], physical[other], capacity_kwh)
        for one, other in pairwise(fulls)
        if all(_stood_s(anchor) <= _LONGEST_EMPTY_S for anchor in physical[one + 1 : other])
    ]
    borders = sorted(borders_s)
    kept = [_of_epoch(window, borders) for window in found if window is not None]
    return sorted((one for one in kept if one is not None), key=lambda one: (one.to_s, one.kind))


def to_stops(anchors: Sequence[Anchor], from_s: float) -> list[Window]:
    """Return the ways from the last full to each place where discharging ended, empty or not."""
    found, full = [], None
    for anchor in anchors:
        if anchor.kind == "full":
            full = anchor if anchor.left_s >= from_s else None
        elif full is not None:
            found.append(_window("full_empty", full, anchor, None))
    return [one for one in found if one is not None]


def _stood_s(anchor: Anchor) -> float:
    return anchor.left_s - anchor.reached_s


def _window(kind: str, left: Anchor, right: Anchor, capacity_kwh: float | None) -> Window | None:
    """Return the window; None where it is too long, or the counters do not tell."""
    # Standby goes on below empty, so that what was missing counts from reaching it.
    is_up = kind == "empty_full"
    if is_up and _stood_s(left) > _LONGEST_EMPTY_UP_S:
        return None
    from_s = left.reached_s if is_up else left.left_s
    charge = _rise(
        left.reached_charge_kwh if is_up else left.left_charge_kwh, right.reached_charge_kwh
    )
    discharge = _rise(
        left.reached_discharge_kwh if is_up else left.left_discharge_kwh,
        right.reached_discharge_kwh,
    )
    length_s = right.reached_s - from_s
    if charge is None or discharge is None or not 0 < length_s <= LONGEST_S:
        return None
    most_kwh = length_s / 3600 * (_FASTEST * capacity_kwh if capacity_kwh else _MOST_KW) + 0.3
    if max(charge, discharge) > most_kwh:
        return None  # a counter jumped
    moved = charge if is_up else discharge
    rate = moved / (length_s / 3600) / capacity_kwh if capacity_kwh else None
    temps = [temp for temp in (left.temp_c, right.temp_c) if temp is not None]
    temp = sum(temps) / len(temps) if temps else None
    return Window(kind, from_s, right.reached_s, charge, discharge, temp, rate, 0)


def _rise(before: float | None, after: float | None) -> float | None:
    if before is None or after is None or after < before:
        return None
    return after - before


def _of_epoch(window: Window, borders: Sequence[float]) -> Window | None:
    """Return the window with the number of its epoch; None if it reaches into the next."""
    epoch = bisect_right(borders, window.from_s)
    return window._replace(epoch=epoch) if epoch == bisect_right(borders, window.to_s) else None
