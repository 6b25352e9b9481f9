"""What the data say against the settings. They contradict; they replace nothing.

The sun's times against the place, the curve against the orientation, the power against the size.
"""

from edge_lib.shared import sun
from server.plane import Plane
from server.roof.cells import quantile
from server.roof.columns import Columns
from server.roof.fit import Fitted
from server.roof.rows import SLOT_S, Settings
from server.roof.texts import Warning_, warning

_LEAST_DAYS = 6
_NIGHT_DEG = -2.5  # no power comes with the sun so low
_DAYS = 60
_MINUTES_OFF = 20.0
_AZIMUTH_OFF_DEG = 25.0
_MUCH_BETTER = 2.0  # times less rest
_TOO_MUCH, _TOO_LITTLE = 1.35, 0.4  # of the peak power that was set


def of_place(columns: Columns, settings: Settings) -> list[Warning_]:
    """Return what contradicts latitude or longitude: power in what would be the night."""
    if settings.latitude is None or settings.longitude is None:
        return []
    latitude, longitude = settings.latitude, settings.longitude
    ends = [
        (first, last + SLOT_S)
        for first, last in zip(columns.first_s[-_DAYS:], columns.last_s[-_DAYS:], strict=True)
        if first is not None and last is not None and last - first > 4 * 3600
    ]
    if len(ends) < _LEAST_DAYS:
        return []
    lowest = [
        min(sun.position(at, latitude, longitude).elevation_deg for at in pair) for pair in ends
    ]
    if quantile(lowest, 0.4) > _NIGHT_DEG:
        return []
    minutes = quantile([_off_noon_min(first, last, longitude) for first, last in ends], 0.5)
    if abs(minutes) >= _MINUTES_OFF:
        # Noon comes 4 minutes later for each degree further west.
        seems = (longitude - minutes / 4 + 180) % 360 - 180
        values = {"minutes": round(minutes), "set_deg": longitude, "seems_deg": round(seems)}
        return [warning("longitude_contradicts", values)]
    values = {"set_deg": latitude, "lowest_deg": round(quantile(lowest, 0.4))}
    return [warning("latitude_contradicts", values)]


def _off_noon_min(first: float, last: float, longitude: float) -> float:
    """Return by how much the middle of the power is later than the sun's noon, in minutes."""
    middle_min = (first + last) / 2 / 60 % 1440
    noon_min = 720 - 4 * longitude
    return (middle_min - noon_min + 720) % 1440 - 720


def of_plane(
    plane: Plane, scale: float | None, fitted: Fitted | None, rest: float | None
) -> list[Warning_]:
    """Return what contradicts a string's settings.

    Args:
        plane: as it was set.
        scale: the peak power that its power would need, in kWp.
        fitted: what the data say.
        rest: what the plane as it was set leaves unexplained, as ``Fitted.rest``.
    """
    found = []
    if fitted is not None and rest is not None:
        off = (fitted.azimuth_deg - plane.azimuth_deg + 180) % 360 - 180
        flat = plane.tilt_deg < 8 or fitted.tilt_deg < 8
        if abs(off) > _AZIMUTH_OFF_DEG and not flat and rest > _MUCH_BETTER * fitted.rest:
            values = {"set_deg": plane.azimuth_deg, "seems_deg": fitted.azimuth_deg}
            found.append(warning("azimuth_contradicts", values))
    if not found and plane.kwp and scale and not _TOO_LITTLE < scale / plane.kwp < _TOO_MUCH:
        values = {"set_kwp": plane.kwp, "seems_kwp": round(scale, 1)}
        found.append(warning("power_contradicts", values))
    return found
