"""One day of a roof: what a clear sky would give, what is usual, where the inverter held back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from edge_lib.shared import sun
from server.plane import Plane
from server.roof import limited
from server.roof.cells import quantile
from server.roof.model import Facing
from server.roof.rows import SLOT_S, Digest, FiveMinutes, Settings

_QUANTILE = 0.85
_AROUND = 1  # slots before and after: the sun's times move by minutes within the days
_LEAST_VALUES = 5
_SLOTS = 86_400 // SLOT_S


class Point(NamedTuple):
    """Five minutes of one string."""

    bucket_s: int
    string: int
    clear_sky_w: float | None  # None where no orientation is known
    usual_w: float | None  # what the days before gave at this time, when they gave much
    limited: str | None  # one of CAUSES, as far as the moment alone shows it


def of_day(
    result: Mapping[str, Any],
    settings: Settings,
    day_rows: Sequence[FiveMinutes],
    begin_s: float,
    end_s: float,
    recent: Sequence[Digest],
) -> list[Point]:
    """Return the curves of a day, by time and string, while the sun is up.

    Args:
        result: the stored answer of the analysis: planes and strengths.
        settings: the place, and what tells where the inverter holds back.
        day_rows: of the day, as far as it is measured.
        begin_s: its midnight, in seconds since 1970.
        end_s: the next one.
        recent: the digests of some 14 days before.
    """
    if settings.latitude is None or settings.longitude is None:
        return []
    causes = {row.bucket_s: limited.cause_of(row, settings) for row in day_rows}
    strings = [(told["string"], *_model(told)) for told in result.get("strings", [])]
    usual = {string: _usual(recent, string) for string, _, _ in strings}
    points = []
    for bucket_s in range(int(begin_s), int(end_s), SLOT_S):
        at = sun.position(bucket_s + SLOT_S / 2, settings.latitude, settings.longitude)
        if at.elevation_deg <= 0:
            continue
        number = datetime.fromtimestamp(bucket_s, UTC).timetuple().tm_yday
        for string, facing, scale in strings:
            clear = None if facing is None else scale * _w(facing, at, number)
            often = usual[string].get(bucket_s // SLOT_S % _SLOTS)
            points.append(Point(bucket_s, string, clear, often, causes.get(bucket_s)))
    return points


def _w(facing: Facing, at: sun.Sun, number: int) -> float:
    return facing.w_per_kwp(round(at.azimuth_deg * 10), round(at.elevation_deg * 10), number)


def _model(told: Mapping[str, Any]) -> tuple[Facing | None, float]:
    """Return a string's plane, and by how much to multiply what a kWp of it would give."""
    plane = told.get("plane") or {}
    scale = plane.get("clear_sky_scale")
    if scale is None or plane.get("azimuth_deg") is None:
        return None, 0.0
    return Facing(Plane(plane["tilt_deg"], plane["azimuth_deg"])), scale


def _usual(recent: Sequence[Digest], string: int) -> dict[int, float]:
    """Return a high quantile of what these days gave, by the slot of the (UTC) day."""
    values: dict[int, list[int]] = {}
    for digest in recent:
        powers = digest.powers.get(string)
        for slot, power in zip(digest.slots, powers or (), strict=False):
            if power >= 0:
                for near in range(-_AROUND, _AROUND + 1):
                    values.setdefault((slot + near) % _SLOTS, []).append(power)
    return {
        slot: quantile(own, _QUANTILE) for slot, own in values.items() if len(own) >= _LEAST_VALUES
    }
