"""States that physics fixes: full and empty, as five-minute rows show them. Pure functions.

Not the state of charge is believed but what the battery did: it took nothing more although the sun
gave more than the house could use, or gave nothing more although the house had to import.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from server.battery.jumps import explained_points
from server.battery.rows import REST_W, Anchor, FiveMinutes, Settings

FULL_PCT = 99.95
_TAPERED = 0.02  # of the nominal capacity, per hour: so slowly a full battery is topped up
_TAPERED_W = 150.0  # without a nominal capacity
_EXPORT_KWH, _IMPORT_KWH = 0.3 / 12, 0.1 / 12  # in five minutes: 300 W and 100 W
_LEAST_ROWS = 2  # ten minutes
_NEAR_S = 900
_BEFORE_S = 1800
_EMPTY_PCT, _ALLOWED_EMPTY_PCT = 0.95, 1.0
_EMPTY_CELL_V = 3.0
_FELL_POINTS, _FELL_DOUBT = 1.0, 0.35
_ABOVE_POINTS = 1.0


_Of = Callable[[FiveMinutes], bool]


class _Run(NamedTuple):
    """Rows in which the battery stayed at one end; indices into all rows, both included."""

    first: int
    last: int
    certain: int  # rows in which the house wanted otherwise
    first_certain: int


def find(rows: Sequence[FiveMinutes], settings: Settings) -> list[Anchor]:
    """Return the anchors of these rows, rising by time."""
    found = [_full(rows, run, settings) for run in _runs(rows, _is_full(settings), _wants_in)]
    for run in _runs(rows, _is_stopped, _wants_out):
        found += _stopped(rows, run, settings)
    return sorted(found, key=lambda anchor: anchor.reached_s)


def merged(anchors: Iterable[Anchor]) -> list[Anchor]:
    """Join what two days saw of one anchor; physical evidence of either is taken.

    Args:
        anchors: of many days, in any order.
    """
    joined: list[Anchor] = []
    for anchor in sorted(anchors, key=lambda one: (one.reached_s, -one.left_s)):
        last = joined[-1] if joined else None
        if last and _are_one(last, anchor):
            joined[-1] = _join(last, anchor)
        else:
            joined.append(anchor)
    return joined


def _are_one(one: Anchor, other: Anchor) -> bool:
    """Return whether two days saw the same; what was a reserve and then got empty is two."""
    if one.kind == other.kind:
        return other.reached_s <= one.left_s + _NEAR_S
    return "full" not in (one.kind, other.kind) and other.reached_s < one.left_s


def _join(first: Anchor, second: Anchor) -> Anchor:
    best = second if first.kind == "reserve" and second.kind != "reserve" else first
    last = max(first, second, key=lambda one: one.left_s)
    return best._replace(
        reached_s=first.reached_s,
        reached_charge_kwh=first.reached_charge_kwh,
        reached_discharge_kwh=first.reached_discharge_kwh,
        left_s=last.left_s,
        left_charge_kwh=last.left_charge_kwh,
        left_discharge_kwh=last.left_discharge_kwh,
    )


def _is_full(settings: Settings) -> _Of:
    most_w = _TAPERED * settings.capacity_kwh * 1000 if settings.capacity_kwh else _TAPERED_W

    def is_full(row: FiveMinutes) -> bool:
        if row.soc_max_pct is None or row.battery_mean_w is None:
            return False
        return row.soc_max_pct >= FULL_PCT and -REST_W <= row.battery_mean_w <= most_w

    return is_full


def _wants_in(row: FiveMinutes) -> bool:
    return row.may_charge is False or (row.export_kwh is not None and row.export_kwh > _EXPORT_KWH)


def _is_stopped(row: FiveMinutes) -> bool:
    return row.battery_mean_w is not None and abs(row.battery_mean_w) < REST_W


def _wants_out(row: FiveMinutes) -> bool:
    return row.import_kwh is not None and row.import_kwh > _IMPORT_KWH


def _runs(rows: Sequence[FiveMinutes], is_in: _Of, is_certain: _Of) -> list[_Run]:
    """Return the runs of near rows that are in, with at least two that are certain."""
    runs: list[_Run] = []
    run: _Run | None = None
    for n, row in enumerate(rows):
        is_near = n and row.bucket_s - rows[n - 1].bucket_s <= _NEAR_S
        if not is_in(row):
            run = None
            continue
        certain = int(is_certain(row))
        if run is None or not is_near:
            run = _Run(n, n, certain, n)
            runs.append(run)
        else:
            first = run.first_certain if run.certain else n
            run = runs[-1] = _Run(run.first, n, run.certain + certain, first)
    return [run for run in runs if run.certain >= _LEAST_ROWS]


def _full(rows: Sequence[FiveMinutes], run: _Run, settings: Settings) -> Anchor:
    # Charging had ended when the sun gave more than was taken, not when 100 was first shown.
    blocked = any(row.may_charge is False for row in rows[run.first : run.last + 1])
    evidence = "soc_100_blocked" if blocked else "soc_100_tapered"
    return _anchor(rows, (run.first_certain, run.last), "full", evidence, settings)


def _stopped(rows: Sequence[FiveMinutes], run: _Run, settings: Settings) -> list[Anchor]:
    """Return what this was: empty, a reserve, or one that the standby emptied in the end."""
    evidence, at = _evidence(rows, run, settings)
    found = []
    if at > run.first:
        found.append(_anchor(rows, (run.first, at - 1), "reserve", "reserve", settings))
    kind = "reserve" if evidence == "reserve" else "empty"
    return [*found, _anchor(rows, (at, run.last), kind, evidence, settings)]


def _evidence(rows: Sequence[FiveMinutes], run: _Run, settings: Settings) -> tuple[str, int]:
    """Return by what the battery is known to be empty, and from which row on."""
    # Many a BMS holds what it believes at 1 or more until it sees that the battery is empty.
    least = settings.min_soc_pct
    limit = _ALLOWED_EMPTY_PCT if least is not None and least <= 1 else _EMPTY_PCT
    for n in range(run.first, run.last + 1):
        row = rows[n]
        if row.soc_min_pct is not None and row.soc_min_pct <= limit:
            return "soc_zero", n
        if row.may_discharge is False:
            return "discharge_blocked", n
        if row.cell_v is not None and row.cell_v <= _EMPTY_CELL_V:
            return "cell_voltage", n
    # At or below the least that is allowed it would have ended anyway, whatever had made it fall.
    lowest = rows[min(run.first + 1, run.last)].soc_min_pct
    is_allowed = least is not None and lowest is not None and lowest > least + _ABOVE_POINTS
    return ("soc_fell" if is_allowed and _fell(rows, run, settings) else "reserve"), run.first


def _fell(rows: Sequence[FiveMinutes], run: _Run, settings: Settings) -> bool:
    """Return whether the state of charge fell by a point more than energy explains."""
    expected, explained = _expected(rows, run.first, settings)
    at_end = rows[min(run.first + 1, run.last)].soc_min_pct
    if expected is None or at_end is None:
        return False
    near = rows[max(0, run.first - 6) : run.last + 1]
    coarse = all(row.soc_min_pct is not None and row.soc_min_pct % 1 == 0 for row in near)
    return expected - at_end >= _FELL_POINTS + coarse + _FELL_DOUBT * abs(explained)


def _expected(
    rows: Sequence[FiveMinutes], first: int, settings: Settings
) -> tuple[float | None, float]:
    """Return what the state of charge should be by energy since half an hour before, and that."""
    start = first
    while start and rows[first].bucket_s - rows[start - 1].bucket_s <= _BEFORE_S:
        start -= 1
    soc = rows[start].soc_mean_pct
    if start == first or soc is None or not settings.capacity_kwh:
        return None, 0.0
    points = [explained_points(row, settings.capacity_kwh) for row in rows[start:first]]
    explained = sum(points) - points[0] / 2
    return soc + explained, explained


def _anchor(
    rows: Sequence[FiveMinutes],
    ends: tuple[int, int],
    kind: str,
    evidence: str,
    settings: Settings,
) -> Anchor:
    first, last = ends
    expected, _ = _expected(rows, first, settings)
    start, end = rows[first], rows[last]
    reached, left = _counters_before(rows, first), _counters_after(rows, last)
    return Anchor(
        kind=kind,
        reached_s=start.bucket_s,
        left_s=end.bucket_s + 300,
        evidence=evidence,
        soc_before_pct=None if expected is None else round(expected, 1),
        soc_after_pct=start.soc_max_pct if kind == "full" else end.soc_min_pct,
        reached_charge_kwh=reached[0],
        reached_discharge_kwh=reached[1],
        left_charge_kwh=left[0],
        left_discharge_kwh=left[1],
        temp_c=start.temp_c,
    )


def _counters_before(rows: Sequence[FiveMinutes], n: int) -> tuple[float | None, float | None]:
    """Return the counters at the start of a row, else at the end of one shortly before it."""
    row = rows[n]
    if row.first_charge_kwh is not None:
        return row.first_charge_kwh, row.first_discharge_kwh
    for before in reversed(rows[:n]):
        if row.bucket_s - before.bucket_s > _NEAR_S:
            break
        if before.last_charge_kwh is not None:
            return before.last_charge_kwh, before.last_discharge_kwh
    return None, None


def _counters_after(rows: Sequence[FiveMinutes], n: int) -> tuple[float | None, float | None]:
    row = rows[n]
    if row.last_charge_kwh is not None:
        return row.last_charge_kwh, row.last_discharge_kwh
    return _counters_before(rows, n)
