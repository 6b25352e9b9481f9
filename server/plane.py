"""How the modules of a string are mounted: as the owner said, or as it was fitted. Pure."""

from typing import NamedTuple


class Plane(NamedTuple):
    """How the modules of a string are mounted.

    Attributes:
        tilt_deg: 0 is flat, 90 upright.
        azimuth_deg: from north, clockwise, below 360.
        kwp: peak power; None: not set.
        name: what the page calls it; None: by its number.
    """

    tilt_deg: float
    azimuth_deg: float
    kwp: float | None = None
    name: str | None = None
